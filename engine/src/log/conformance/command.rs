//! A command repeated is a command done once.

use super::*;
use crate::event::Position;

fn repeated(first: &Appended) -> Appended {
    Appended {
        repeated: true,
        ..first.clone()
    }
}

/// However often it is sent, it is done once, and every answer is the first.
pub async fn a_repeat_has_the_first_outcome(backend: &dyn Backend) {
    let clock = clock();
    let log = backend
        .create(real(), LogOptions::default(), Arc::clone(&clock) as _)
        .await
        .unwrap();
    let first = log.append(several(1, "a", 3)).await.unwrap();
    assert!(!first.repeated);
    log.append(single(2, "a", Expected::Any)).await.unwrap();
    clock.set("2021-03-12T00:00:00Z".parse().unwrap());
    for _ in 0..3 {
        assert_eq!(
            log.append(several(1, "a", 3)).await.unwrap(),
            repeated(&first)
        );
    }
    assert_eq!(size(&*log).await, 5);
}

/// The first one is not committed yet when the second is decided.
pub async fn a_repeat_in_the_same_batch_has_the_first_outcome(backend: &dyn Backend) {
    let (log, hold) = held(backend, LogOptions::default()).await;
    let a = enqueue(&*log, several(1, "a", 2)).await.ok().unwrap();
    let b = enqueue(&*log, single(2, "b", Expected::Any))
        .await
        .ok()
        .unwrap();
    let again = enqueue(&*log, several(1, "a", 2)).await.ok().unwrap();
    hold.send_replace(false);
    let (a, b, again) = tokio::join!(a, b, again);
    let a = a.unwrap();
    assert_eq!(b.unwrap().first, Position(4));
    assert_eq!(again.unwrap(), repeated(&a));
    assert_eq!(size(&*log).await, 4);
}

/// A backend may plan a batch without asking which of its commands are known: whatever it finds out as it writes, a repeat is a
/// repeat, a refused request that is known is one too, and what is fresh beside them lands once.
pub async fn a_repeat_beside_fresh_and_refused_appends_has_the_first_outcome(
    backend: &dyn Backend,
) {
    let (log, hold) = held(backend, LogOptions::default()).await;
    hold.send_replace(false);
    let first = log.append(single(1, "a", Expected::NoStream)).await;
    let second = log.append(several(2, "a", 2)).await;
    let (first, second) = (first.unwrap(), second.unwrap());
    // A batch in which the known command would be written again; one in which it would be refused; and both.
    let batches = [
        vec![
            several(2, "a", 2),
            single(11, "b", Expected::Any),
            single(12, "a", Expected::Any),
        ],
        vec![
            single(1, "a", Expected::NoStream),
            single(13, "b", at(0)),
            single(14, "a", Expected::NoStream),
        ],
        vec![
            single(15, "c", Expected::NoStream),
            single(1, "a", Expected::NoStream),
            several(2, "a", 2),
            single(16, "c", at(0)),
        ],
    ];
    for batch in batches {
        let before = size(&*log).await;
        // A writer that waits for work already takes the first of them by itself, which must make no difference.
        hold.send_replace(true);
        let appends = batch.iter().map(|request| log.append(request.clone()));
        let mut appends = futures::future::join_all(appends);
        let at_once = futures::poll!(&mut appends);
        hold.send_replace(false);
        let answers = match at_once {
            std::task::Poll::Ready(answers) => answers,
            std::task::Poll::Pending => appends.await,
        };
        let mut landed = 0;
        for (request, answer) in batch.iter().zip(answers) {
            match request.command_id.0.as_u128() {
                1 => assert_eq!(answer.unwrap(), repeated(&first)),
                2 => assert_eq!(answer.unwrap(), repeated(&second)),
                14 => assert!(matches!(answer, Err(AppendError::Conflict { .. }))),
                _ => {
                    let answer = answer.unwrap();
                    landed += 1;
                    assert_eq!(answer.first, Position(before + landed));
                    assert!(!answer.repeated);
                }
            }
        }
        assert_eq!(size(&*log).await, before + landed);
    }
    assert_eq!(log.verify(&|_, _| {}).await.unwrap().size, 9);
}

/// The caller is gone before its answer comes, and asks again: alone, beside others, and with several streams at once.
pub async fn a_repeat_after_a_lost_reply_has_the_first_outcome(backend: &dyn Backend) {
    let (log, hold) = held(backend, LogOptions::default()).await;
    let parts = || {
        vec![
            part("a", Expected::NoStream, vec![event(10), event(11)]),
            part("b", Expected::NoStream, vec![event(12)]),
        ]
    };
    let lost = enqueue(&*log, request(1, parts())).await.ok().unwrap();
    drop(lost);
    let other = enqueue(&*log, single(2, "c", Expected::Any)).await;
    hold.send_replace(false);
    other.ok().unwrap().await.unwrap();
    let known = log.find_command(CommandId(id(1))).await.unwrap();
    let again = log.append(request(1, parts())).await.unwrap();
    // Whether the first one landed is the log's to say; that it is there once now is not.
    assert_eq!(again.repeated, known.is_some());
    let once_more = log.append(request(1, parts())).await.unwrap();
    assert_eq!(once_more, repeated(&again));
    assert_eq!(size(&*log).await, 5);
    let ids: Vec<_> = all(&*log).await.into_iter().map(|e| e.id.0).collect();
    for n in 10..=12 {
        assert_eq!(ids.iter().filter(|found| **found == id(n)).count(), 1);
    }
    log.verify(&|_, _| {}).await.unwrap();
}

/// Also by another process, which knows of the command only from the store.
pub async fn a_repeat_after_reopening_has_the_first_outcome(backend: &dyn Backend) {
    let log = open(backend).await;
    let first = log.append(several(1, "a", 3)).await.unwrap();
    backend.close().await;
    if let Some(log) = backend.reopen(LogOptions::default(), clock()).await {
        assert_eq!(
            log.append(several(1, "a", 3)).await.unwrap(),
            repeated(&first)
        );
        assert_eq!(size(&*log).await, 4);
    }
}

/// The caller whose answer was lost sends the same again, and by then its own events stand in the stream.
pub async fn a_repeat_is_answered_though_its_expectation_no_longer_holds(backend: &dyn Backend) {
    let log = open(backend).await;
    let first = log
        .append(single(1, "a", Expected::NoStream))
        .await
        .unwrap();
    let again = log
        .append(single(1, "a", Expected::NoStream))
        .await
        .unwrap();
    assert_eq!(again, repeated(&first));
}

/// The same id with another digest is another command in disguise.
pub async fn the_same_id_with_another_request_is_refused(backend: &dyn Backend) {
    let reused = |answer| match answer {
        Err(AppendError::CommandReused { command_id }) => assert_eq!(command_id.0, id(1)),
        other => panic!("{other:?}"),
    };
    let mut other = single(1, "b", Expected::Any);
    other.request_digest = [99; 32];

    let (log, hold) = held(backend, LogOptions::default()).await;
    let a = enqueue(&*log, single(1, "a", Expected::Any))
        .await
        .ok()
        .unwrap();
    let b = enqueue(&*log, other.clone()).await.ok().unwrap();
    hold.send_replace(false);
    let (a, b) = tokio::join!(a, b);
    a.unwrap();
    reused(b);
    reused(log.append(other).await);
    assert_eq!(size(&*log).await, 2);
}

/// The digest says what was asked, not what came of it: a caller who decides again, on what the log holds by then, may come
/// to other events. The command has been done, so none of them is taken, in whatever number and for whatever stream.
pub async fn a_repeat_with_other_events_has_the_first_outcome_and_adds_none(backend: &dyn Backend) {
    let (log, hold) = held(backend, LogOptions::default()).await;
    let other_events = || {
        vec![
            request(1, vec![part("a", at(9), vec![event(20)])]),
            request(1, vec![part("b", Expected::NoStream, vec![event(21)])]),
            several(1, "a", 7),
            request(
                1,
                vec![
                    part("b", Expected::Any, vec![event(22)]),
                    part("c", Expected::Any, vec![event(23), event(24)]),
                ],
            ),
        ]
    };
    // In the batch of the first one.
    let first = enqueue(&*log, several(1, "a", 2)).await.ok().unwrap();
    let mut repeats = Vec::new();
    for other in other_events() {
        repeats.push(enqueue(&*log, other).await.ok().unwrap());
    }
    hold.send_replace(false);
    let first = first.await.unwrap();
    assert!(!first.repeated);
    for repeat in repeats {
        assert_eq!(repeat.await.unwrap(), repeated(&first));
    }
    // Later, alone and beside an append that lands.
    for (n, other) in (2..).zip(other_events()) {
        let (repeat, landed) =
            tokio::join!(log.append(other), log.append(single(n, "d", Expected::Any)));
        assert_eq!(repeat.unwrap(), repeated(&first));
        assert!(!landed.unwrap().repeated);
    }
    let before = all(&*log).await;
    for other in other_events() {
        assert_eq!(log.append(other).await.unwrap(), repeated(&first));
    }
    // What is no append at all is none under a known id either.
    assert!(matches!(
        log.append(request(1, Vec::new())).await,
        Err(AppendError::Invalid(_))
    ));
    assert_eq!(all(&*log).await, before);
    assert_eq!(before.len(), 1 + 2 + other_events().len());
    assert_eq!(log.stream_revision(&stream("b")).await.unwrap(), None);
    log.verify(&|_, _| {}).await.unwrap();
    // After a restart.
    drop(log);
    backend.close().await;
    if let Some(log) = backend.reopen(LogOptions::default(), clock()).await {
        for other in other_events() {
            assert_eq!(log.append(other).await.unwrap(), repeated(&first));
        }
        assert_eq!(all(&*log).await, before);
    }
}

/// A refusal is not an outcome: the command has not been done.
pub async fn a_refused_command_may_be_sent_again(backend: &dyn Backend) {
    let log = open(backend).await;
    assert!(log.append(single(1, "a", at(0))).await.is_err());
    assert_eq!(log.find_command(CommandId(id(1))).await.unwrap(), None);
    log.append(single(2, "a", Expected::NoStream))
        .await
        .unwrap();
    let appended = log.append(single(1, "a", at(0))).await.unwrap();
    assert!(!appended.repeated);
    assert_eq!(appended.first, Position(3));
}

/// With the digest they came with and where their events are.
pub async fn commands_are_found_by_their_ids(backend: &dyn Backend) {
    let log = open(backend).await;
    log.append(single(1, "a", Expected::Any)).await.unwrap();
    let sent = several(2, "b", 4);
    log.append(sent.clone()).await.unwrap();
    let found = log.find_command(CommandId(id(2))).await.unwrap().unwrap();
    assert_eq!(found.request_digest, sent.request_digest);
    assert_eq!((found.first, found.last), (Position(3), Position(6)));
    assert_eq!(log.find_command(CommandId(id(3))).await.unwrap(), None);
}
