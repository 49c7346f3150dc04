//! Events of older schema versions are lifted when they are read; what is recorded stays as it is.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what cannot go on has failed; the lints know only functions marked as tests"
)]

mod common;

use std::borrow::Cow;

use anju_engine::upcast::{UpcastError, Upcasters};
use anju_engine::{Data, EventLog, Expected, Position};
use common::{command, new_log};
use serde_json::{Value, json};

/// A type that has had three schema versions: households as one number; then asked and answered; then with a unit.
fn steps() -> Upcasters {
    Upcasters::new()
        .with("fact_recorded", |data| {
            let households = data.remove("households").ok_or("no households")?;
            data.insert("asked".to_owned(), households.clone());
            data.insert("answered".to_owned(), households);
            Ok(())
        })
        .with("fact_recorded", |data| {
            for key in ["asked", "answered"] {
                let count = data.remove(key).ok_or_else(|| format!("no {key}"))?;
                let count = count
                    .as_u64()
                    .ok_or_else(|| format!("{key} is {count}, no count"))?;
                data.insert(format!("{key}_households"), count.into());
            }
            Ok(())
        })
}

fn data(value: Value) -> Data {
    match value {
        Value::Object(data) => data,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn every_version_is_read_as_the_newest_and_none_is_rewritten() {
    let directory = tempfile::tempdir().unwrap();
    let log = new_log(&directory.path().join("log.db")).await;
    let versions = [
        (1, json!({"households": 237})),
        (2, json!({"asked": 319, "answered": 290})),
        (
            3,
            json!({"asked_households": 319, "answered_households": 300}),
        ),
        (4, json!({"what": "nobody knows yet"})),
        (1, json!({"household": 237})),
        (2, json!({"asked": "many", "answered": 0})),
    ];
    for (n, (schema, value)) in (1..).zip(versions) {
        let mut request = command(n, "s-1", Expected::Any, 1);
        let event = &mut request.appends[0].events[0];
        event.schema = schema;
        event.data = data(value);
        log.append(request).await.unwrap();
    }
    let before = log.read_records(Position(1), usize::MAX).await.unwrap();
    let events = log.read(Position(2), usize::MAX).await.unwrap();

    let steps = steps();
    assert_eq!(steps.newest(&events[0].kind), 3);
    let lifted = |n: usize| steps.lift(&events[n]).map(Cow::into_owned);
    let newest = |asked: u64, answered: u64| {
        data(json!({"asked_households": asked, "answered_households": answered}))
    };
    assert_eq!(lifted(0), Ok(newest(237, 237)));
    assert_eq!(lifted(1), Ok(newest(319, 290)));
    assert_eq!(lifted(2), Ok(newest(319, 300)));
    // The newest is not even copied.
    assert!(matches!(steps.lift(&events[2]), Ok(Cow::Borrowed(_))));

    let unknown = |schema| Err(UpcastError::Unknown { schema, newest: 3 });
    assert_eq!(lifted(3), unknown(4));
    // No log takes a version 0; a file may say so all the same.
    let mut zeroth = events[0].clone();
    zeroth.schema = 0;
    assert_eq!(steps.lift(&zeroth).map(Cow::into_owned), unknown(0));
    let refused = |schema, detail: &str| {
        Err(UpcastError::Refused {
            schema,
            detail: detail.to_owned(),
        })
    };
    assert_eq!(lifted(4), refused(1, "no households"));
    assert_eq!(lifted(5), refused(2, "asked is \"many\", no count"));

    // Reading changed nothing, and the versions stand in the records.
    let after = log.read_records(Position(1), usize::MAX).await.unwrap();
    assert_eq!(before, after);
    let stored: Vec<_> = events.iter().map(|event| event.schema).collect();
    assert_eq!(stored, [1, 2, 3, 4, 1, 2]);
    log.verify(&|_, _| {}).await.unwrap();
    log.close().await;
}

#[tokio::test]
async fn a_type_without_steps_has_one_version() {
    let directory = tempfile::tempdir().unwrap();
    let log = new_log(&directory.path().join("log.db")).await;
    let event = &log.read(Position(1), 1).await.unwrap()[0];
    let none = Upcasters::new();
    assert_eq!(none.newest(&event.kind), 1);
    assert_eq!(none.lift(event).unwrap().as_ref(), &event.data);
    log.close().await;
}
