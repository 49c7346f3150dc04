//! Going through the log with what comes next already on its way.

use super::*;
use crate::event::Position;
use crate::replay::Replay;

/// What is left of a replay; the last answer was an end.
async fn rest(replay: &mut Replay) -> Vec<u64> {
    let mut seen = Vec::new();
    loop {
        let events = replay.next().await.unwrap();
        if events.is_empty() {
            return seen;
        }
        seen.extend(events.iter().map(|event| event.position.0));
    }
}

/// Where a batch ends has no meaning, also at the end of the log and beyond.
pub async fn a_replay_is_the_log_in_order_whatever_its_batches(backend: &dyn Backend) {
    let log = open(backend).await;
    for n in 1..=12 {
        log.append(several(n, "a", 50)).await.unwrap();
    }
    for batch in [0, 1, 7, 256, 257, 300, 600, 601, 602, usize::MAX] {
        for from in [0, 1, 2, 300, 601, 602, u64::MAX] {
            if batch < 7 && from < 300 {
                continue;
            }
            let mut replay = Replay::new(Arc::clone(&log), Position(from), batch);
            let wanted: Vec<u64> = (from.max(1)..=601).collect();
            assert_eq!(rest(&mut replay).await, wanted, "{batch} from {from}");
            assert_eq!(
                replay.position(),
                Position(from.max(602)),
                "{batch} from {from}"
            );
        }
    }
}

/// What was fetched ahead has found an end, and then the log grew: the end is another.
pub async fn a_replay_ends_only_where_the_log_ends_when_asked(backend: &dyn Backend) {
    let log = open(backend).await;
    let mut replay = Replay::new(Arc::clone(&log), Position(1), 5);
    let mut seen = Vec::new();
    let mut size = 1;
    for n in 1..=60 {
        // Sooner or later what is ahead has come to its end, or is short, or comes too late.
        for _ in 0..n % 7 {
            tokio::task::yield_now().await;
            log.head().await.unwrap();
        }
        let count = 1 + n % 11;
        log.append(several(n, "a", count)).await.unwrap();
        size += u64::try_from(count).unwrap();
        while replay.position() <= Position(size) {
            let events = replay.next().await.unwrap();
            assert!(!events.is_empty(), "no end before {size}");
            seen.extend(events.iter().map(|event| event.position.0));
        }
    }
    assert!(replay.next().await.unwrap().is_empty());
    assert_eq!(seen, (1..=size).collect::<Vec<_>>());
}

/// It is given up while something is on its way.
pub async fn a_step_of_a_replay_that_is_dropped_loses_nothing(backend: &dyn Backend) {
    let log = open(backend).await;
    for n in 1..=40 {
        log.append(several(n, "a", 90)).await.unwrap();
    }
    let mut replay = Replay::new(Arc::clone(&log), Position(1), 300);
    let (mut seen, mut patience) = (Vec::new(), 0);
    while seen.len() < 3_601 {
        let mut step = Box::pin(replay.next());
        for _ in 0..patience {
            if let std::task::Poll::Ready(events) = futures::poll!(&mut step) {
                seen.extend(events.unwrap().iter().map(|event| event.position.0));
                patience = 0;
                break;
            }
            tokio::task::yield_now().await;
        }
        patience += 1;
    }
    assert_eq!(seen, (1..=3_601).collect::<Vec<_>>());
    assert!(replay.next().await.unwrap().is_empty());
}

/// Nothing is left out or comes twice while others append.
pub async fn a_replay_sees_no_gap_while_appends_race(backend: &dyn Backend) {
    let log = open(backend).await;
    let writer = {
        let log = Arc::clone(&log);
        tokio::spawn(async move {
            for n in 1..=200 {
                log.append(several(n, "a", 1 + n % 7)).await.unwrap();
            }
            log.head().await.unwrap().size
        })
    };
    let mut replay = Replay::new(Arc::clone(&log), Position(1), 3);
    let mut seen = Vec::new();
    while !writer.is_finished() {
        seen.extend(rest(&mut replay).await);
    }
    let size = writer.await.unwrap();
    seen.extend(rest(&mut replay).await);
    assert_eq!(seen, (1..=size).collect::<Vec<_>>());
}
