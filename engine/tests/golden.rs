//! The bytes of records are frozen: these were written once and never change.
//!
//! `golden/records.jsonl` has one record a line, `golden/root.txt` the RFC 6962 root over them. Anybody can check
//! both with another JSON library and another SHA-256.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what cannot go on has failed; the lints know only functions marked as tests"
)]

mod common;

use anju_engine::event::{MAX_INTEGER, PersonRef};
use anju_engine::merkle::{leaf_hash, root_of};
use anju_engine::record::{DecodeError, Draft, InstantText, decode, decode_strict, encode};
use anju_engine::{
    Actor, CommandId, Data, EventId, EventType, NewEvent, Position, RecordedEvent, Revision,
    Source, StreamId,
};
use serde_json::{Value, json};
use uuid::Uuid;

const RECORDS: &str = include_str!("golden/records.jsonl");
const ROOT: &str = include_str!("golden/root.txt");

fn uuid(n: u128) -> Uuid {
    Uuid::from_u128(0x0190_f1f0_0000_7000_8000_0000_0000_0000 + n)
}

fn data(fields: Value) -> Data {
    match fields {
        Value::Object(fields) => fields,
        other => panic!("{other}"),
    }
}

/// The events of the golden file, in order.
fn events() -> Vec<RecordedEvent> {
    let mut events = Vec::new();
    let mut add = |stream: &str, revision, recorded_at: &str, command: u128, event: NewEvent| {
        events.push(RecordedEvent {
            position: Position(events.len() as u64 + 1),
            stream: StreamId::new(stream).unwrap(),
            revision: Revision(revision),
            id: event.id,
            kind: event.kind,
            schema: event.schema,
            occurred_at: event.occurred_at,
            recorded_at: recorded_at.parse().unwrap(),
            actor: event.actor,
            source: event.source,
            command_id: CommandId(uuid(command)),
            causation: event.causation,
            correlation: event.correlation,
            data: event.data,
        });
    };
    let new = |id: u128, kind: &str, occurred_at: &str, source, fields| NewEvent {
        id: EventId(uuid(id)),
        kind: EventType::new(kind).unwrap(),
        schema: 1,
        occurred_at: occurred_at.parse().unwrap(),
        actor: Actor {
            person: Some(PersonRef(uuid(0xfff))),
            role: "clerk".to_owned(),
            unit: Some("平原街道办".to_owned()),
            area: Some("A02".to_owned()),
        },
        source,
        causation: None,
        correlation: None,
        data: data(fields),
    };
    let bare = |role: &str| Actor {
        person: None,
        role: role.to_owned(),
        unit: None,
        area: None,
    };

    let mut first = new(
        1,
        "log_created",
        "2021-03-11T01:30:00.000000Z",
        Source::Interface,
        json!({"origin": "anju.local/golden", "simulated": false}),
    );
    first.actor = bare("system");
    add("log", 0, "2021-03-11T01:30:00Z", 1, first);

    add(
        "project-handan-2021-A02-001",
        0,
        "2021-03-11T01:30:00.000001Z",
        2,
        new(
            2,
            "fact_recorded",
            "2021-03-10",
            Source::Phone,
            json!({"fact": "door_to_door", "round": 3, "households": 1286, "agreed": 1204, "area_m2": "86431.50"}),
        ),
    );
    // The second event of the same command: its command_id stands in the record.
    let mut caused = new(
        3,
        "transition_accepted",
        "2021-03-10T23:59:59+08:00",
        Source::Rule,
        json!({"from": "survey", "to": "resident_consultation"}),
    );
    caused.actor = bare("rule");
    caused.schema = 2;
    caused.causation = Some(EventId(uuid(2)));
    caused.correlation = Some(uuid(0xc0));
    add(
        "project-handan-2021-A02-001",
        1,
        "2021-03-11T01:30:00.000001Z",
        2,
        caused,
    );

    add(
        "compound-7",
        0,
        "2021-03-11T01:30:00.999999Z",
        4,
        new(
            4,
            "note_added",
            "2021-03-11",
            Source::Screen,
            json!({"text": "\"引号\" \\ / \u{8}\t\n\u{c}\r\u{0}\u{1f}\u{7f}\u{80}\u{2028}\u{2029}\u{feff}é e\u{301} 😀 居民同意率≥95%"}),
        ),
    );
    add(
        "compound-7",
        1,
        "2021-12-31T16:00:00Z",
        5,
        new(
            5,
            "bounds_kept",
            "1900-01-01",
            Source::Excel,
            json!({
                "greatest": MAX_INTEGER, "least": -MAX_INTEGER, "zero": 0, "minus": -1,
                "yes": true, "no": false, "empty": "", "none": {}, "list": [],
                "10": 1, "9": 2, "_": 3, "a_b": 4, "ab": 5, "a": 6,
                "deep": {"z": [1, [2, {"y": "x", "b": [{}]}]], "a": [[], [[]]]}
            }),
        ),
    );
    let mut empty = new(6, "empty_fact", "2199-12-31", Source::Interface, json!({}));
    empty.actor = bare("");
    add("a", 0, "9998-12-31T23:59:59.5Z", 6, empty);
    events
}

#[test]
fn records_are_written_in_the_golden_bytes() {
    let lines: Vec<&str> = RECORDS.lines().collect();
    let events = events();
    assert_eq!(lines.len(), events.len());
    for (line, event) in lines.iter().zip(&events) {
        assert_eq!(&encode(event).unwrap(), line);
    }
}

#[test]
fn the_golden_bytes_are_read_back_as_the_events() {
    for (line, event) in RECORDS.lines().zip(events()) {
        assert_eq!(decode_strict(line), Ok(event));
    }
}

#[test]
fn a_draft_filled_in_is_the_encoded_record() {
    for event in events() {
        let new = NewEvent {
            id: event.id,
            kind: event.kind.clone(),
            schema: event.schema,
            occurred_at: event.occurred_at.clone(),
            actor: event.actor.clone(),
            source: event.source,
            causation: event.causation,
            correlation: event.correlation,
            data: event.data.clone(),
        };
        let draft = Draft::new(&event.stream, event.command_id, &new).unwrap();
        let mut record = String::new();
        let at = InstantText::new(event.recorded_at);
        draft.render(event.position, &at, event.revision, &mut record);
        assert_eq!(record, encode(&event).unwrap());
        assert_eq!(record.len(), draft.len_at(event.position, event.revision));
    }
}

#[test]
fn the_tree_over_the_golden_records_has_the_golden_root() {
    let leaves: Vec<_> = RECORDS
        .lines()
        .map(|line| leaf_hash(line.as_bytes()))
        .collect();
    let root: String = root_of(&leaves)
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect();
    assert_eq!(root, ROOT.trim());
}

#[test]
fn an_unknown_field_was_written_by_a_newer_build() {
    let line = RECORDS.lines().nth(1).unwrap();
    let newer = |text: String| match decode(&text) {
        Err(error @ DecodeError::Newer { .. }) => error.to_string(),
        other => panic!("{other:?}"),
    };
    let with = line.replacen(r#","type":"#, r#","tenant":{"a":1},"type":"#, 1);
    assert_eq!(
        newer(with),
        r#"written by a newer build: unknown field "tenant""#
    );
    let with = line.replacen(r#","role":"#, r#","rank":1,"role":"#, 1);
    assert_eq!(
        newer(with),
        r#"written by a newer build: unknown field "actor.rank""#
    );
    let with = line.replacen(r#""source":"phone""#, r#""source":"fax""#, 1);
    assert_eq!(
        newer(with),
        r#"written by a newer build: unknown source "fax""#
    );
}

#[test]
fn what_is_not_the_canonical_form_of_a_record_is_no_record() {
    let line = RECORDS.lines().nth(1).unwrap();
    for (from, to) in [
        // Another order, spaces, escapes, spellings of the same value.
        (
            r#""agreed":1204,"area_m2":"86431.50""#,
            r#""area_m2":"86431.50","agreed":1204"#,
        ),
        (r#""agreed":1204"#, r#""agreed": 1204"#),
        (r#""agreed":1204"#, r#""agreed":1204.0"#),
        (r#""agreed":1204"#, r#""agreed":12.04e2"#),
        (r#""agreed":1204"#, r#""agreed":null"#),
        (r#""agreed":1204"#, r#""agreed":1204,"agreed":1204"#),
        (r#""clerk""#, r#""\u0063lerk""#),
        ("平", "\\u5e73"),
        (r#""source""#, r#""schema":1,"source""#),
        (r#""position":2"#, r#""position":02"#),
        ("psn_0190f1f0", "psn_0190F1F0"),
        (r#"}"#, r#"} "#),
    ] {
        assert!(line.contains(from), "{from}");
        let other = line.replacen(from, to, 1);
        assert!(decode_strict(&other).is_err(), "{other}");
    }
    for missing in ["id", "type", "stream", "position", "recorded_at", "actor"] {
        let other = line.replacen(&format!("\"{missing}\":"), "\"data\":{},\"x\":", 1);
        assert!(decode(&other).is_err(), "{other}");
    }
    for other in [
        "",
        "null",
        "[]",
        "{}",
        &line[..line.len() - 1],
        &format!("{line}{line}"),
    ] {
        assert!(
            matches!(decode(other), Err(DecodeError::Malformed { .. })),
            "{other}"
        );
    }
}
