//! One gapless order.

use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::event::Position;

/// While writers race, with conflicts and repeats among them, a reader at the head never misses a position, and what
/// it has read once it reads again.
pub async fn readers_see_no_gap_while_appends_race(backend: &dyn Backend) {
    let log = open(backend).await;
    let over = Arc::new(AtomicBool::new(false));
    let reader = {
        let (log, over) = (Arc::clone(&log), Arc::clone(&over));
        tokio::spawn(async move {
            let mut seen = Vec::new();
            loop {
                let last_round = over.load(Ordering::SeqCst);
                let before = log.head().await.unwrap().size;
                let new = log
                    .read(Position(seen.len() as u64 + 1), usize::MAX)
                    .await
                    .unwrap();
                seen.extend(new.into_iter().map(|e| (e.position.0, e.id)));
                for (i, (position, _)) in seen.iter().enumerate() {
                    assert_eq!(*position, i as u64 + 1);
                }
                assert!(
                    seen.len() as u64 >= before,
                    "a record below the head was not there"
                );
                if last_round {
                    return seen;
                }
                tokio::task::yield_now().await;
            }
        })
    };
    let writers: Vec<_> = (0..8_u128)
        .map(|w| {
            let log = Arc::clone(&log);
            tokio::spawn(async move {
                for i in 0..40_u128 {
                    let n = 1_000 * (w + 1) + i;
                    let name = format!("s-{}", i % 5);
                    let _ = log.append(single(n + 500_000, &name, at(3))).await;
                    log.append(several(n, &name, 1 + i % 3)).await.unwrap();
                    assert!(
                        log.append(several(n, &name, 1 + i % 3))
                            .await
                            .unwrap()
                            .repeated
                    );
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    over.store(true, Ordering::SeqCst);
    let seen = reader.await.unwrap();
    let again: Vec<_> = all(&*log)
        .await
        .into_iter()
        .map(|e| (e.position.0, e.id))
        .collect();
    assert_eq!(seen, again);
    log.verify(&|_, _| {}).await.unwrap();
}

/// Whoever was polled first stands first in the log, however the answers are awaited.
pub async fn appends_are_taken_in_the_order_of_their_first_poll(backend: &dyn Backend) {
    let (log, hold) = held(backend, LogOptions::default()).await;
    let first_polled: Vec<u128> = (0..100).map(|i| 1 + (i * 37) % 100).collect();
    let mut waiting = Vec::new();
    for n in &first_polled {
        let name = format!("s-{}", n % 7);
        waiting.push(
            enqueue(&*log, single(*n, &name, Expected::Any))
                .await
                .ok()
                .unwrap(),
        );
    }
    waiting.reverse();
    hold.send_replace(false);
    for answer in futures::future::join_all(waiting).await {
        answer.unwrap();
    }
    let order: Vec<_> = all(&*log)
        .await
        .into_iter()
        .skip(1)
        .map(|e| e.id.0)
        .collect();
    let expected: Vec<_> = first_polled.into_iter().map(id).collect();
    assert_eq!(order, expected);
}

/// Whoever gives up waiting does not tear the append apart.
pub async fn a_dropped_append_is_whole_or_absent(backend: &dyn Backend) {
    let (log, hold) = held(backend, LogOptions::default()).await;
    for n in 1..=20_u128 {
        let parts = vec![
            part("a", Expected::Any, vec![event(10 * n), event(10 * n + 1)]),
            part("b", Expected::Any, vec![event(10 * n + 2)]),
        ];
        let waiting = enqueue(&*log, request(n, parts)).await.ok().unwrap();
        drop(waiting);
    }
    let last = enqueue(&*log, single(1_000, "c", Expected::Any))
        .await
        .ok()
        .unwrap();
    hold.send_replace(false);
    last.await.unwrap();
    let events = all(&*log).await;
    for n in 1..=20 {
        let command = CommandId(id(n));
        let of = events.iter().filter(|e| e.command_id == command).count();
        let found = log.find_command(command).await.unwrap();
        assert_eq!(of, if found.is_some() { 3 } else { 0 });
    }
    log.verify(&|_, _| {}).await.unwrap();
}

/// Small transactions, the same log.
pub async fn a_batch_limit_splits_batches_and_loses_nothing(backend: &dyn Backend) {
    let options = LogOptions {
        batch_appends: 3,
        // Less than two appends have, and less than one large one.
        batch_bytes: 600,
        ..LogOptions::default()
    };
    let (log, hold) = held(backend, options).await;
    let mut waiting = Vec::new();
    for n in 1..=50 {
        waiting.push(
            enqueue(&*log, several(n, "a", 1 + n % 4))
                .await
                .ok()
                .unwrap(),
        );
    }
    hold.send_replace(false);
    let mut next = 2;
    for (n, answer) in (1_u64..).zip(futures::future::join_all(waiting).await) {
        let answer = answer.unwrap();
        assert_eq!(answer.first, Position(next));
        next = answer.last.0 + 1;
        assert_eq!(answer.last.0 - answer.first.0, n % 4);
    }
    assert_eq!(size(&*log).await, next - 1);
}
