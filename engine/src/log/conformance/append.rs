//! What an append does.

use super::*;
use crate::event::Position;
use crate::log::InvalidAppend;

/// Every field of the envelope survives.
pub async fn what_was_appended_is_read_back_as_it_was(backend: &dyn Backend) {
    let log = open(backend).await;
    let mut full = event(11);
    full.schema = 3;
    full.occurred_at = "2021-03-10T23:59:59+08:00".parse().unwrap();
    full.causation = Some(EventId(id(5)));
    full.correlation = Some(id(6));
    full.data.insert(
        "text".to_owned(),
        json!("\"引号\"\\\n\t\u{1}\u{7f}\u{2028}😀"),
    );
    full.data
        .insert("nested".to_owned(), json!({"b": [1, -2], "a": {"c": true}}));
    let mut bare = event(12);
    bare.data = Data::new();
    bare.actor = Actor {
        person: None,
        role: "rule".to_owned(),
        unit: None,
        area: None,
    };
    bare.source = Source::Rule;
    let sent = [full, bare];
    let appended = log
        .append(request(
            11,
            vec![part("project-1", Expected::NoStream, sent.to_vec())],
        ))
        .await
        .unwrap();
    assert_eq!((appended.first, appended.last), (Position(2), Position(3)));
    assert!(!appended.repeated);
    let read = log.read(appended.first, 10).await.unwrap();
    assert_eq!(read.len(), 2);
    for (i, (sent, read)) in sent.into_iter().zip(read).enumerate() {
        let expected = RecordedEvent {
            position: Position(2 + i as u64),
            stream: stream("project-1"),
            revision: Revision(i as u64),
            id: sent.id,
            kind: sent.kind,
            schema: sent.schema,
            occurred_at: sent.occurred_at,
            recorded_at: appended.recorded_at,
            actor: sent.actor,
            source: sent.source,
            command_id: CommandId(id(11)),
            causation: sent.causation,
            correlation: sent.correlation,
            data: sent.data,
        };
        assert_eq!(read, expected);
    }
}

/// No stream at all, or a stream without events, is no append.
pub async fn an_append_without_events_is_refused(backend: &dyn Backend) {
    let log = open(backend).await;
    let empty = |result| matches!(result, Err(AppendError::Invalid(InvalidAppend::Empty)));
    assert!(empty(log.append(request(1, vec![])).await));
    let hollow = part("b", Expected::Any, vec![]);
    let good = part("a", Expected::Any, vec![event(2)]);
    assert!(empty(log.append(request(2, vec![good, hollow])).await));
    assert_eq!(size(&*log).await, 1);
}

/// A request that names a stream or an event id twice is a bug of its maker.
pub async fn a_stream_or_an_event_twice_in_one_append_is_refused(backend: &dyn Backend) {
    let log = open(backend).await;
    let twice = vec![
        part("a", Expected::Any, vec![event(1)]),
        part("a", Expected::Any, vec![event(2)]),
    ];
    assert!(matches!(
        log.append(request(1, twice)).await,
        Err(AppendError::Invalid(InvalidAppend::StreamTwice(name))) if name == stream("a")
    ));
    let twice = vec![
        part("a", Expected::Any, vec![event(1)]),
        part("b", Expected::Any, vec![event(1)]),
    ];
    assert!(matches!(
        log.append(request(1, twice)).await,
        Err(AppendError::Invalid(InvalidAppend::EventTwice(EventId(twice)))) if twice == id(1)
    ));
    assert_eq!(size(&*log).await, 1);
}

/// `Any`, `NoStream` and `Exactly` hold when they say and at no other time.
pub async fn expectations_hold_exactly(backend: &dyn Backend) {
    let log = open(backend).await;
    let refused = async |n, expected, actual| {
        let answer = log.append(single(n, "a", expected)).await;
        match answer {
            Err(AppendError::Conflict {
                stream: name,
                expected: e,
                actual: a,
            }) => assert_eq!((name, e, a), (stream("a"), expected, actual)),
            other => panic!("{other:?}"),
        }
    };
    refused(1, at(0), None).await;
    log.append(single(2, "a", Expected::NoStream))
        .await
        .unwrap();
    refused(3, Expected::NoStream, Some(Revision(0))).await;
    refused(4, at(1), Some(Revision(0))).await;
    log.append(single(5, "a", at(0))).await.unwrap();
    refused(6, at(0), Some(Revision(1))).await;
    log.append(single(7, "a", Expected::Any)).await.unwrap();
    log.append(single(8, "b", Expected::Any)).await.unwrap();
    assert_eq!(
        log.stream_revision(&stream("a")).await.unwrap(),
        Some(Revision(2))
    );
    assert_eq!(
        log.stream_revision(&stream("b")).await.unwrap(),
        Some(Revision(0))
    );
    assert_eq!(log.stream_revision(&stream("c")).await.unwrap(), None);
}

/// Both have read revision 0, both write revision 1: one is told to read again.
pub async fn of_two_writers_of_one_revision_one_wins(backend: &dyn Backend) {
    let log = open(backend).await;
    log.append(single(1, "a", Expected::NoStream))
        .await
        .unwrap();
    for round in 0..20_u128 {
        let revision = u64::try_from(round).unwrap();
        let n = 10 + round * 2;
        let (left, right) = tokio::join!(
            log.append(single(n, "a", at(revision))),
            log.append(single(n + 1, "a", at(revision)))
        );
        let (won, lost) = if left.is_ok() {
            (left, right)
        } else {
            (right, left)
        };
        assert!(won.is_ok());
        assert!(matches!(
            lost,
            Err(AppendError::Conflict { actual: Some(actual), .. }) if actual == Revision(revision + 1)
        ));
    }
    assert_eq!(size(&*log).await, 22);
}

/// One stream that is not where it should be keeps all of them out.
pub async fn several_streams_land_whole_or_not_at_all(backend: &dyn Backend) {
    let log = open(backend).await;
    log.append(single(1, "b", Expected::NoStream))
        .await
        .unwrap();
    let parts = |expected| {
        vec![
            part("a", Expected::NoStream, vec![event(21), event(22)]),
            part("b", expected, vec![event(23)]),
            part("c", Expected::Any, vec![event(24)]),
        ]
    };
    let answer = log.append(request(2, parts(Expected::NoStream))).await;
    assert!(matches!(answer, Err(AppendError::Conflict { .. })));
    assert_eq!(size(&*log).await, 2);
    assert_eq!(log.stream_revision(&stream("a")).await.unwrap(), None);
    assert_eq!(log.stream_revision(&stream("c")).await.unwrap(), None);

    let appended = log.append(request(3, parts(at(0)))).await.unwrap();
    assert_eq!((appended.first, appended.last), (Position(3), Position(6)));
    let places: Vec<_> = log
        .read(Position(3), 10)
        .await
        .unwrap()
        .into_iter()
        .map(|e| (e.stream.as_str().to_owned(), e.revision.0))
        .collect();
    let expected = [("a", 0), ("a", 1), ("b", 1), ("c", 0)];
    assert_eq!(places, expected.map(|(s, r)| (s.to_owned(), r)));
}

/// In one batch, some are refused; the others land as if those had never been.
pub async fn a_conflict_does_not_fail_its_neighbours(backend: &dyn Backend) {
    let (log, hold) = held(backend, LogOptions::default()).await;
    let mut waiting = Vec::new();
    for n in 0..30_u128 {
        // Every third wants a stream that is not there.
        let expected = if n % 3 == 1 {
            at(9)
        } else {
            Expected::NoStream
        };
        let name = format!("s-{n}");
        waiting.push(
            enqueue(&*log, single(100 + n, &name, expected))
                .await
                .ok()
                .unwrap(),
        );
    }
    hold.send_replace(false);
    let answers = futures::future::join_all(waiting).await;
    let mut next = 2;
    for (n, answer) in answers.into_iter().enumerate() {
        if n % 3 == 1 {
            assert!(matches!(answer, Err(AppendError::Conflict { .. })));
        } else {
            assert_eq!(answer.unwrap().first, Position(next));
            next += 1;
        }
    }
    assert_eq!(size(&*log).await, 21);
    assert_eq!(log.verify(&|_, _| {}).await.unwrap().size, 21);
}

/// Positions and revisions have no holes where something was refused.
pub async fn a_refused_append_consumes_no_position(backend: &dyn Backend) {
    let log = open(backend).await;
    for n in 0..5_u128 {
        let landed = log
            .append(single(2 * n + 1, "a", Expected::Any))
            .await
            .unwrap();
        assert_eq!(landed.first, Position(2 + u64::try_from(n).unwrap()));
        let refused = log.append(single(2 * n + 2, "a", Expected::NoStream)).await;
        assert!(refused.is_err());
    }
    let revisions: Vec<_> = log
        .read_stream(&stream("a"), Revision(0), 10)
        .await
        .unwrap()
        .into_iter()
        .map(|e| (e.position.0, e.revision.0))
        .collect();
    assert_eq!(revisions, [(2, 0), (3, 1), (4, 2), (5, 3), (6, 4)]);
}
