//! When the log learned things.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::*;

fn instant(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// A clock set back does not make the log forget the order.
pub async fn recorded_at_never_decreases_when_the_clock_goes_back(backend: &dyn Backend) {
    let clock = clock();
    let log = backend
        .create(real(), LogOptions::default(), Arc::clone(&clock) as _)
        .await
        .unwrap();
    let mut expected = vec![morning()];
    let mut latest = morning();
    for (n, text) in [
        "2021-03-11T02:00:00Z",
        "2021-03-11T01:00:00Z",
        "2020-01-01T00:00:00Z",
        "2021-03-11T02:00:00.000001Z",
        "2021-03-12T00:00:00Z",
        "2021-03-11T23:59:59.999999Z",
    ]
    .into_iter()
    .enumerate()
    {
        clock.set(instant(text));
        latest = latest.max(instant(text));
        let appended = log
            .append(single(1 + n as u128, "a", Expected::Any))
            .await
            .unwrap();
        assert_eq!(appended.recorded_at, latest);
        expected.push(latest);
    }
    let recorded: Vec<_> = all(&*log)
        .await
        .into_iter()
        .map(|e| e.recorded_at)
        .collect();
    assert_eq!(recorded, expected);
    assert_eq!(log.head().await.unwrap().last_recorded_at, Some(latest));
}

/// What is answered, stored and read is the same microsecond.
pub async fn recorded_at_is_cut_to_microseconds(backend: &dyn Backend) {
    let clock = clock();
    let log = backend
        .create(real(), LogOptions::default(), Arc::clone(&clock) as _)
        .await
        .unwrap();
    clock.set(instant("2021-03-11T02:00:00.123456789Z"));
    let appended = log.append(single(1, "a", Expected::Any)).await.unwrap();
    let cut = instant("2021-03-11T02:00:00.123456Z");
    assert_eq!(appended.recorded_at, cut);
    assert_eq!(all(&*log).await[1].recorded_at, cut);
    let records = log.read_records(appended.first, 1).await.unwrap();
    assert!(records[0].contains(r#""recorded_at":"2021-03-11T02:00:00.123456Z""#));
}

/// The first append after opening, more than `max_idle` after the last record, waits for an operator.
pub async fn a_clock_far_ahead_of_the_last_record_must_be_confirmed(backend: &dyn Backend) {
    let clock = clock();
    let log = backend
        .create(real(), LogOptions::default(), Arc::clone(&clock) as _)
        .await
        .unwrap();
    clock.set(instant("2021-04-11T01:30:00Z"));
    let first = log.append(single(1, "a", Expected::Any)).await.unwrap();

    backend.close().await;
    let late = instant("2021-05-12T01:30:01Z");
    clock.set(late);
    let options = LogOptions::default();
    let Some(log) = backend.reopen(options, Arc::clone(&clock) as _).await else {
        return;
    };
    for n in 2..4 {
        assert!(matches!(
            log.append(single(n, "a", Expected::Any)).await,
            Err(AppendError::ClockJumped { last, now }) if last == first.recorded_at && now == late
        ));
    }
    // What was done before needs no clock.
    assert!(
        log.append(single(1, "a", Expected::Any))
            .await
            .unwrap()
            .repeated
    );
    // Mended: the same process goes on.
    clock.set(instant("2021-04-12T01:30:00Z"));
    log.append(single(2, "a", Expected::Any)).await.unwrap();
    // Proved by its own record: from now on months may pass in silence.
    clock.set(instant("2021-08-12T01:30:00Z"));
    log.append(single(3, "a", Expected::Any)).await.unwrap();

    backend.close().await;
    clock.set(instant("2022-08-12T01:30:00Z"));
    let options = LogOptions {
        confirm_clock: true,
        ..LogOptions::default()
    };
    let log = backend
        .reopen(options, Arc::clone(&clock) as _)
        .await
        .unwrap();
    log.append(single(4, "a", Expected::Any)).await.unwrap();
}

/// A wall clock with a monotonic one beside it.
struct TwoClocks {
    wall: SimulatedClock,
    seconds: AtomicU64,
}

impl Clock for TwoClocks {
    fn now(&self) -> Timestamp {
        self.wall.now()
    }

    fn monotonic(&self) -> Option<Duration> {
        Some(Duration::from_secs(self.seconds.load(Ordering::SeqCst)))
    }
}

/// Somebody sets the clock forward by more than a day while the log is open.
pub async fn a_clock_that_runs_away_while_the_log_is_open_is_refused(backend: &dyn Backend) {
    let clock = Arc::new(TwoClocks {
        wall: SimulatedClock::new(morning()),
        seconds: AtomicU64::new(5),
    });
    let log = backend
        .create(real(), LogOptions::default(), Arc::clone(&clock) as _)
        .await
        .unwrap();
    let hour = 3_600;
    let set = |wall_hours: i64, monotonic_hours: u64| {
        clock
            .wall
            .set(morning() + jiff::SignedDuration::from_hours(wall_hours));
        clock
            .seconds
            .store(5 + monotonic_hours * hour, Ordering::SeqCst);
    };
    set(40, 40);
    log.append(single(1, "a", Expected::Any)).await.unwrap();
    set(64, 40);
    log.append(single(2, "a", Expected::Any)).await.unwrap();
    set(65, 40);
    let refused = log.append(single(3, "a", Expected::Any)).await;
    assert!(matches!(refused, Err(AppendError::ClockJumped { .. })));
    // Set right again, or a day of real time later, it goes on.
    set(41, 41);
    log.append(single(3, "a", Expected::Any)).await.unwrap();
    assert_eq!(size(&*log).await, 4);
}

/// Years pass between two records of a simulation, and its clock may stand still.
pub async fn a_simulated_log_follows_its_clock_anywhere(backend: &dyn Backend) {
    let clock = clock();
    let create = CreateOptions::new(Origin::simulated("simulation", 1));
    let log = backend
        .create(create, LogOptions::default(), Arc::clone(&clock) as _)
        .await
        .unwrap();
    for (n, text) in [
        "2021-03-11T01:30:00Z",
        "2023-01-01T00:00:00Z",
        "2022-01-01T00:00:00Z",
        "2060-01-01T00:00:00Z",
    ]
    .into_iter()
    .enumerate()
    {
        clock.set(instant(text));
        let mut request = single(1 + n as u128, "a", Expected::Any);
        request.appends[0].events[0].source = Source::Simulation;
        log.append(request).await.unwrap();
    }
    let years: Vec<_> = all(&*log)
        .await
        .into_iter()
        .map(|e| crate::event::shanghai_day(e.recorded_at).year())
        .collect();
    assert_eq!(years, [2021, 2021, 2023, 2023, 2060]);
}
