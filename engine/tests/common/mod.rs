//! What the tests of this crate share.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what cannot go on has failed; the lints know only functions marked as tests"
)]
// Each test binary uses its own part of it.
#![allow(dead_code, reason = "shared by several test binaries")]

use std::path::Path;
use std::sync::Arc;

use anju_engine::event::PersonRef;
use anju_engine::{
    Actor, AppendRequest, CommandId, CreateOptions, Data, EventId, EventType, Expected, LogOptions,
    NewEvent, Origin, SimulatedClock, Source, SqliteLog, StreamAppend, StreamId,
};
use serde_json::json;
use uuid::Uuid;

/// 2021-03-11 09:30 in Shanghai.
pub(crate) fn clock() -> Arc<SimulatedClock> {
    let start = "2021-03-11T01:30:00Z".parse().unwrap();
    Arc::new(SimulatedClock::new(start))
}

pub(crate) fn stream(name: &str) -> StreamId {
    StreamId::new(name).unwrap()
}

pub(crate) fn event(id: u128) -> NewEvent {
    let mut data = Data::new();
    data.insert("households".to_owned(), json!(id % 1_000));
    data.insert("note".to_owned(), json!("第三次入户"));
    NewEvent {
        id: EventId(Uuid::from_u128(id)),
        kind: EventType::new("fact_recorded").unwrap(),
        schema: 1,
        occurred_at: "2021-03-10".parse().unwrap(),
        actor: Actor {
            person: Some(PersonRef(Uuid::from_u128(7))),
            role: "clerk".to_owned(),
            unit: Some("平原街道办".to_owned()),
            area: Some("A02".to_owned()),
        },
        source: Source::Screen,
        causation: None,
        correlation: None,
        data,
    }
}

/// Command `n` with `events` events for one stream.
pub(crate) fn command(n: u128, name: &str, expected: Expected, events: u128) -> AppendRequest {
    AppendRequest {
        command_id: CommandId(Uuid::from_u128(n << 16)),
        request_digest: [u8::try_from(n % 251).unwrap(); 32],
        unchanged: Vec::new(),
        appends: vec![StreamAppend {
            stream: stream(name),
            expected,
            events: (0..events).map(|i| event((n << 16) + i)).collect(),
        }],
    }
}

pub(crate) fn create() -> CreateOptions {
    CreateOptions::new(Origin::real("engine-tests"))
}

pub(crate) async fn new_log(path: &Path) -> SqliteLog {
    let created = SqliteLog::create(path, create(), LogOptions::default(), clock());
    created.await.unwrap()
}

pub(crate) async fn open_log(path: &Path) -> SqliteLog {
    let opened = SqliteLog::open(path, LogOptions::default(), clock());
    opened.await.unwrap()
}

/// A generator of test choices: the same seed, the same choices, on every machine.
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// SplitMix64.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `n`.
    pub(crate) fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }
}
