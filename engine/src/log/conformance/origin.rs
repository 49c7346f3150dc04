//! Whose log it is, and that no simulation is ever taken for the world.

use super::*;
use crate::event::{MAX_INTEGER, Position};
use crate::log::InvalidAppend;

async fn simulated(backend: &dyn Backend) -> Arc<dyn EventLog> {
    let create = CreateOptions::new(Origin::simulated("play", 42));
    let created = backend.create(create, LogOptions::default(), clock());
    created.await.unwrap()
}

/// `log_created` at position 1, on the stream `log`.
pub async fn the_first_record_says_whose_log_it_is(backend: &dyn Backend) {
    let log = simulated(backend).await;
    let head = log.head().await.unwrap();
    assert_eq!(head.size, 1);
    assert_eq!(head.origin, Origin::simulated("play", 42));
    assert_eq!(head.last_recorded_at, Some(morning()));
    let first = &all(&*log).await[0];
    assert_eq!(first.position, Position(1));
    assert_eq!(first.stream, stream("log"));
    assert_eq!(first.kind.as_str(), "log_created");
    assert_eq!(first.source, Source::Simulation);
    assert_eq!(first.command_id.0, first.id.0);
    let data = json!({"origin": "play", "simulated": true, "seed": 42});
    assert_eq!(Some(&first.data), data.as_object());
    assert!(log.find_command(first.command_id).await.unwrap().is_some());
    log.verify(&|_, _| {}).await.unwrap();
}

/// Not even as one of many.
pub async fn a_real_log_takes_no_simulated_event(backend: &dyn Backend) {
    let log = open(backend).await;
    let mut played = event(2);
    played.source = Source::Simulation;
    let parts = vec![part("a", Expected::Any, vec![event(1), played])];
    assert!(matches!(
        log.append(request(1, parts)).await,
        Err(AppendError::Invalid(InvalidAppend::Simulation {
            log: "real",
            event: "simulated"
        }))
    ));
    assert_eq!(size(&*log).await, 1);
}

/// What rules derive from simulated events is as simulated as they are.
pub async fn a_simulated_log_takes_only_simulated_events_and_rules(backend: &dyn Backend) {
    let log = simulated(backend).await;
    let from = |n, source| {
        let mut request = single(n, "a", Expected::Any);
        request.appends[0].events[0].source = source;
        request
    };
    for (n, source) in (1..).zip([Source::Simulation, Source::Rule]) {
        log.append(from(n, source)).await.unwrap();
    }
    for source in [
        Source::Screen,
        Source::Excel,
        Source::Phone,
        Source::Interface,
    ] {
        assert!(matches!(
            log.append(from(9, source)).await,
            Err(AppendError::Invalid(InvalidAppend::Simulation {
                log: "simulated",
                event: "real"
            }))
        ));
    }
    assert_eq!(size(&*log).await, 3);
}

/// Nothing is made then.
pub async fn an_origin_that_no_record_can_hold_is_refused(backend: &dyn Backend) {
    for origin in [
        Origin::real(""),
        Origin::real("x".repeat(70_000)),
        Origin::simulated("play", MAX_INTEGER.unsigned_abs() + 1),
    ] {
        let create = CreateOptions::new(origin);
        let refused = backend.create(create, LogOptions::default(), clock()).await;
        assert!(matches!(refused.err(), Some(OpenError::Origin(_))));
    }
    let greatest = Origin::simulated("play", MAX_INTEGER.unsigned_abs());
    let create = CreateOptions::new(greatest.clone());
    let log = backend
        .create(create, LogOptions::default(), clock())
        .await
        .unwrap();
    assert_eq!(log.head().await.unwrap().origin, greatest);
}
