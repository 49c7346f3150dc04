//! Following the log.

use super::*;
use crate::event::Position;
use crate::subscription::Subscription;

fn positions(events: &[RecordedEvent]) -> Vec<u64> {
    events.iter().map(|e| e.position.0).collect()
}

/// A position is a position, wherever commands begin and end.
pub async fn a_subscriber_may_begin_in_the_middle_of_a_command(backend: &dyn Backend) {
    let log = open(backend).await;
    log.append(several(1, "a", 10)).await.unwrap();
    let mut subscription = Subscription::new(Arc::clone(&log), Position(6)).with_batch(4);
    assert_eq!(positions(&subscription.next().await.unwrap()), [6, 7, 8, 9]);
    assert_eq!(positions(&subscription.next().await.unwrap()), [10, 11]);
    assert_eq!(subscription.position(), Position(12));
    assert!(subscription.ready().await.unwrap().is_empty());
}

/// It waits for what comes, also for a position far ahead.
pub async fn a_subscriber_who_waits_is_woken(backend: &dyn Backend) {
    let log = open(backend).await;
    let follower = |from| {
        let mut subscription = Subscription::new(Arc::clone(&log), Position(from));
        tokio::spawn(async move { subscription.next().await.unwrap()[0].position.0 })
    };
    let (near, far) = (follower(2), follower(8));
    for n in 1..=10 {
        tokio::task::yield_now().await;
        log.append(single(n, "a", Expected::Any)).await.unwrap();
    }
    assert_eq!(near.await.unwrap(), 2);
    assert_eq!(far.await.unwrap(), 8);
}

/// It falls behind, holds nobody up, and catches up in order.
pub async fn a_slow_subscriber_misses_nothing(backend: &dyn Backend) {
    let log = open(backend).await;
    let writer = {
        let log = Arc::clone(&log);
        tokio::spawn(async move {
            for n in 1..=300 {
                log.append(several(n, "a", 1 + n % 5)).await.unwrap();
            }
            log.head().await.unwrap().size
        })
    };
    let mut subscription = Subscription::new(Arc::clone(&log), Position(1)).with_batch(7);
    let mut seen = positions(&subscription.next().await.unwrap());
    // Asleep until the writer has finished.
    let size = writer.await.unwrap();
    while (seen.len() as u64) < size {
        seen.extend(positions(&subscription.next().await.unwrap()));
    }
    assert_eq!(seen, (1..=size).collect::<Vec<_>>());
}

/// Whoever remembers a position needs nothing else: it goes on in another process, in the middle of a command too.
pub async fn a_subscriber_goes_on_where_it_was_after_reopening(backend: &dyn Backend) {
    let log = open(backend).await;
    for n in 1..=20 {
        log.append(several(n, "a", 7)).await.unwrap();
    }
    let mut subscription = Subscription::new(Arc::clone(&log), Position(1)).with_batch(10);
    let mut seen = positions(&subscription.next().await.unwrap());
    seen.extend(positions(&subscription.next().await.unwrap()));
    let next = subscription.position();
    drop((subscription, log));
    backend.close().await;
    let Some(log) = backend.reopen(LogOptions::default(), clock()).await else {
        return;
    };
    log.append(several(21, "b", 3)).await.unwrap();
    let size = size(&*log).await;
    let mut subscription = Subscription::new(Arc::clone(&log), next).with_batch(10);
    while (seen.len() as u64) < size {
        seen.extend(positions(&subscription.next().await.unwrap()));
    }
    assert_eq!(seen, (1..=size).collect::<Vec<_>>());
}

/// A wait that is given up, as in a `select!`, takes nothing with it.
pub async fn a_dropped_wait_loses_nothing(backend: &dyn Backend) {
    let log = open(backend).await;
    let mut subscription = Subscription::new(Arc::clone(&log), Position(1)).with_batch(2);
    let mut seen = Vec::new();
    for n in 1..=50_u128 {
        let mut waiting = Box::pin(subscription.next());
        if let std::task::Poll::Ready(events) = futures::poll!(&mut waiting) {
            seen.extend(positions(&events.unwrap()));
        }
        drop(waiting);
        log.append(several(n, "a", n % 2 + 1)).await.unwrap();
    }
    let size = size(&*log).await;
    while (seen.len() as u64) < size {
        seen.extend(positions(&subscription.next().await.unwrap()));
    }
    assert_eq!(seen, (1..=size).collect::<Vec<_>>());
}

/// Whoever has an answer finds the log at least as long as it says.
pub async fn growth_is_told_before_the_append_is_answered(backend: &dyn Backend) {
    let log = open(backend).await;
    let grown = log.grown();
    assert_eq!(*grown.borrow(), 1);
    for n in 1..=20 {
        let appended = log.append(several(n, "a", 2)).await.unwrap();
        assert!(*grown.borrow() >= appended.last.0);
    }
}
