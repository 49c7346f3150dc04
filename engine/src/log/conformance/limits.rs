//! What is too large, too many or not expressible.

use super::*;
use crate::event::{MAX_INTEGER, MAX_RECORD_BYTES, Position};
use crate::log::{InvalidAppend, MAX_EVENTS, ReadError};
use crate::subscription::Subscription;

/// A request whose record has exactly `bytes` bytes at position 2.
fn sized(n: u128, bytes: usize) -> AppendRequest {
    let with = |text: String| {
        let mut event = event(n);
        event.data.insert("text".to_owned(), json!(text));
        event
    };
    let empty = crate::record::Draft::new(&stream("a"), CommandId(id(n)), &with(String::new()))
        .unwrap()
        .len_at(Position(2), Revision(0));
    let event = with("x".repeat(bytes - empty));
    request(n, vec![part("a", Expected::Any, vec![event])])
}

/// The limit is the canonical record's, to the byte.
pub async fn a_record_of_the_greatest_size_is_taken_and_none_above(backend: &dyn Backend) {
    let log = open(backend).await;
    for over in [1, 1_000_000] {
        let answer = log.append(sized(1, MAX_RECORD_BYTES + over)).await;
        assert!(matches!(
            answer,
            Err(AppendError::Invalid(InvalidAppend::TooLarge { bytes, limit }))
                if bytes == MAX_RECORD_BYTES + over && limit == MAX_RECORD_BYTES
        ));
    }
    assert_eq!(size(&*log).await, 1);
    log.append(sized(1, MAX_RECORD_BYTES)).await.unwrap();
    let records = log.read_records(Position(2), 1).await.unwrap();
    assert_eq!(records[0].len(), MAX_RECORD_BYTES);
    assert_eq!(all(&*log).await.len(), 2);
    log.verify(&|_, _| {}).await.unwrap();
}

/// The greatest numbers there are, and those around the greatest that a database keeps, are beyond the end of the log:
/// nothing wraps round to a place that is there.
pub async fn positions_and_revisions_at_their_bounds_are_never_misread(backend: &dyn Backend) {
    let log = open(backend).await;
    log.append(several(1, "a", 4)).await.unwrap();
    const SIGNED: u64 = i64::MAX as u64;
    for n in [6, SIGNED - 1, SIGNED, SIGNED + 1, u64::MAX - 1, u64::MAX] {
        for limit in [1, 300, usize::MAX] {
            let events = log.read(Position(n), limit).await.unwrap();
            assert_eq!(events.len(), 0, "{n} {limit}");
            let records = log.read_records(Position(n), limit).await.unwrap();
            assert_eq!(records.len(), 0, "{n} {limit}");
            let of = log.read_stream(&stream("a"), Revision(n), limit).await;
            assert_eq!(of.unwrap().len(), 0, "{n} {limit}");
        }
        let root = log.root_at(n).await;
        assert!(
            matches!(root, Err(ReadError::Beyond { asked, size: 5 }) if asked == n),
            "{n}: {root:?}"
        );
        let refused = log.append(single(9, "a", at(n))).await;
        assert!(
            matches!(
                refused,
                Err(AppendError::Conflict { actual: Some(Revision(3)), expected, .. }) if expected == at(n)
            ),
            "{n}: {refused:?}"
        );
        let nowhere = log.append(single(9, "new", at(n))).await;
        assert!(
            matches!(nowhere, Err(AppendError::Conflict { actual: None, .. })),
            "{n}: {nowhere:?}"
        );
        let mut subscription = Subscription::new(Arc::clone(&log), Position(n));
        assert!(subscription.ready().await.unwrap().is_empty(), "{n}");
    }
    // Position 0 is before the first.
    assert_eq!(log.read(Position(0), 1).await.unwrap()[0].position.0, 1);
    assert_eq!(size(&*log).await, 5);
    log.verify(&|_, _| {}).await.unwrap();
}

/// The first and the last day that can be said, and the greatest schema version, come back as they were.
pub async fn days_and_schema_versions_at_their_bounds_are_kept(backend: &dyn Backend) {
    let log = open(backend).await;
    let days = [
        "1900-01-01",
        "2199-12-31",
        "2021-03-11T00:00:00+08:00",
        "2021-03-11T23:59:59.999999999-12:00",
    ];
    for (n, (day, schema)) in (1..).zip(days.into_iter().zip([1, 2, u32::MAX - 1, u32::MAX])) {
        let mut request = single(n, "a", Expected::Any);
        let event = &mut request.appends[0].events[0];
        event.occurred_at = day.parse().unwrap();
        event.schema = schema;
        log.append(request).await.unwrap();
    }
    let found: Vec<_> = all(&*log).await.into_iter().skip(1).collect();
    let said: Vec<_> = found.iter().map(|e| e.occurred_at.as_str()).collect();
    assert_eq!(said, days);
    let versions: Vec<_> = found.iter().map(|e| e.schema).collect();
    assert_eq!(versions, [1, 2, u32::MAX - 1, u32::MAX]);
    log.verify(&|_, _| {}).await.unwrap();
}

/// ±(2^53 − 1) come back exactly; one more is refused.
pub async fn integers_at_the_bounds_are_kept_and_none_beyond_is_taken(backend: &dyn Backend) {
    let log = open(backend).await;
    let with = |n, value| {
        let mut request = single(n, "a", Expected::Any);
        let data = &mut request.appends[0].events[0].data;
        data.insert("fen".to_owned(), value);
        request
    };
    for (n, value) in (1..).zip([MAX_INTEGER, -MAX_INTEGER, 0, -1]) {
        log.append(with(n, json!(value))).await.unwrap();
    }
    let values: Vec<_> = all(&*log)
        .await
        .into_iter()
        .skip(1)
        .map(|e| e.data["fen"].as_i64().unwrap())
        .collect();
    assert_eq!(values, [MAX_INTEGER, -MAX_INTEGER, 0, -1]);
    for value in [
        json!(MAX_INTEGER + 1),
        json!(-MAX_INTEGER - 1),
        json!(u64::MAX),
    ] {
        let answer = log.append(with(9, value)).await;
        assert!(matches!(
            answer,
            Err(AppendError::Invalid(InvalidAppend::Value { path, .. })) if path == "data.fen"
        ));
    }
}

/// Floats, nulls and keys that do not sort alike everywhere.
pub async fn what_no_record_may_hold_is_refused_with_its_path(backend: &dyn Backend) {
    let log = open(backend).await;
    for (data, at) in [
        (json!({"area": 1.5}), "data.area"),
        (json!({"area": 2.0}), "data.area"),
        (json!({"a": {"b": [1, null]}}), "data.a.b.1"),
        (json!({"面积": 1}), "data.面积"),
        (json!({"a": {"": 1}}), "data.a."),
        (json!({"Area": 1}), "data.Area"),
    ] {
        let mut request = single(1, "a", Expected::Any);
        request.appends[0].events[0].data = data.as_object().unwrap().clone();
        match log.append(request).await {
            Err(AppendError::Invalid(InvalidAppend::Value { path, .. })) => assert_eq!(path, at),
            other => panic!("{other:?}"),
        }
    }
    let mut request = single(1, "a", Expected::Any);
    request.appends[0].events[0].schema = 0;
    assert!(matches!(
        log.append(request).await,
        Err(AppendError::Invalid(InvalidAppend::Value { path, .. })) if path == "schema"
    ));
    assert_eq!(size(&*log).await, 1);
}

/// In events and in bytes.
pub async fn more_than_one_append_may_hold_is_refused(backend: &dyn Backend) {
    let log = open(backend).await;
    let answer = log.append(several(1, "a", MAX_EVENTS as u128 + 1)).await;
    assert!(matches!(
        answer,
        Err(AppendError::Invalid(InvalidAppend::TooMany { count, limit }))
            if count == MAX_EVENTS + 1 && limit == MAX_EVENTS
    ));
    let mut large = several(2, "a", 300);
    for event in &mut large.appends[0].events {
        event
            .data
            .insert("text".to_owned(), json!("x".repeat(60_000)));
    }
    assert!(matches!(
        log.append(large).await,
        Err(AppendError::Invalid(InvalidAppend::TooManyBytes { .. }))
    ));
    assert_eq!(size(&*log).await, 1);
    let all_it_may = log
        .append(several(3, "a", MAX_EVENTS as u128))
        .await
        .unwrap();
    assert_eq!(
        all_it_may.last.0 - all_it_may.first.0 + 1,
        MAX_EVENTS as u64
    );
    log.verify(&|_, _| {}).await.unwrap();
}

async fn fill(log: &dyn EventLog, hold: watch::Sender<bool>, fits: u128) {
    let mut waiting = Vec::new();
    for n in 1..=fits {
        waiting.push(
            enqueue(log, single(n, "a", Expected::Any))
                .await
                .ok()
                .unwrap(),
        );
    }
    for n in 1..=3 {
        match enqueue(log, single(fits + n, "a", Expected::Any)).await {
            Err(Err(error @ AppendError::Overloaded { retry_after })) => {
                assert!(error.is_retryable());
                assert!(!retry_after.is_zero());
            }
            Err(other) => panic!("{other:?}"),
            Ok(_) => panic!("append {n} beyond the limit was let in"),
        }
    }
    hold.send_replace(false);
    for answer in futures::future::join_all(waiting).await {
        answer.unwrap();
    }
    // Sent again, the one turned away is taken.
    log.append(single(fits + 1, "a", Expected::Any))
        .await
        .unwrap();
    assert_eq!(u128::from(size(log).await), fits + 2);
}

/// By number of appends.
pub async fn a_full_queue_pushes_back_at_once(backend: &dyn Backend) {
    let options = LogOptions {
        queue_appends: 5,
        ..LogOptions::default()
    };
    let (log, hold) = held(backend, options).await;
    fill(&*log, hold, 5).await;
}

/// By bytes: a single append larger than the allowance still finds its way when nothing else waits.
pub async fn a_queue_full_of_bytes_pushes_back_at_once(backend: &dyn Backend) {
    let options = LogOptions {
        queue_bytes: 1,
        ..LogOptions::default()
    };
    let (log, hold) = held(backend, options).await;
    fill(&*log, hold, 1).await;
}
