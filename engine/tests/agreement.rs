//! Memory and SQLite hold the same log, byte for byte, whatever is done to them and however it falls into batches.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what cannot go on has failed; the lints know only functions marked as tests"
)]

mod common;

use std::sync::Arc;

use anju_engine::{
    AppendRequest, CommandId, EventLog, Expected, LogOptions, MemoryLog, Position, Revision,
    SqliteLog, StreamAppend, Unchanged,
};
use common::{clock, create, event, stream};
use jiff::SignedDuration;
use proptest::prelude::*;
use serde_json::json;
use uuid::Uuid;

/// One append of a history, small enough a description to shrink.
#[derive(Clone, Debug)]
struct Step {
    /// From few ids, so that commands repeat.
    command: u128,
    digest: u8,
    parts: Vec<(u8, Option<u64>, u8)>,
    /// Streams that must be unchanged.
    rests_on: Vec<(u8, Option<u64>)>,
    text: String,
    /// Whether the next step comes in the same batch.
    joined: bool,
    /// Microseconds by which the clock moves before the batch, also backwards.
    moved: i64,
}

fn step() -> impl Strategy<Value = Step> {
    let part = (0_u8..4, proptest::option::of(0_u64..6), 1_u8..5);
    (
        0_u128..40,
        prop_oneof![9 => Just(0_u8), 1 => Just(1)],
        proptest::collection::vec(part, 1..4),
        proptest::collection::vec((0_u8..5, proptest::option::of(0_u64..6)), 0..2),
        any::<String>(),
        any::<bool>(),
        -2_000_000_i64..10_000_000,
    )
        .prop_map(
            |(command, digest, parts, rests_on, text, joined, moved)| Step {
                command,
                digest,
                parts,
                rests_on,
                text,
                joined,
                moved,
            },
        )
}

impl Step {
    fn request(&self) -> AppendRequest {
        let base = (self.command << 32) + (u128::from(self.digest) << 24);
        let mut number = base;
        let appends = self
            .parts
            .iter()
            .map(|(name, expected, events)| StreamAppend {
                stream: stream(&format!("s-{name}")),
                expected: match expected {
                    None => Expected::Any,
                    Some(0) => Expected::NoStream,
                    Some(n) => Expected::Exactly(Revision(n - 1)),
                },
                events: (0..*events)
                    .map(|_| {
                        let mut event = event(number);
                        event.data.insert("text".to_owned(), json!(self.text));
                        number += 1;
                        event
                    })
                    .collect(),
            });
        let unchanged = self.rests_on.iter().map(|(name, revision)| Unchanged {
            stream: stream(&format!("s-{name}")),
            revision: revision.map(Revision),
        });
        AppendRequest {
            command_id: CommandId(Uuid::from_u128(base >> 24 << 24)),
            request_digest: [self.digest; 32],
            unchanged: unchanged.collect(),
            appends: appends.collect(),
        }
    }
}

/// Sends a batch at once: its appends are polled in order before any is answered.
async fn send(log: &dyn EventLog, batch: &[Step]) -> Vec<String> {
    let appends = batch.iter().map(|step| log.append(step.request()));
    let answers = futures::future::join_all(appends).await;
    answers
        .into_iter()
        .map(|answer| format!("{answer:?}"))
        .collect()
}

async fn play(steps: Vec<Step>, epoch_bits: Option<u32>) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log.db");
    let time = clock();
    let memory = MemoryLog::create(create(), LogOptions::default(), Arc::clone(&time) as _);
    let memory = memory.await.unwrap();
    let options = LogOptions {
        // Whole batches are split here and there.
        batch_appends: 5,
        epoch_bits,
        ..LogOptions::default()
    };
    let sqlite = SqliteLog::create(&path, create(), options, Arc::clone(&time) as _);
    let sqlite = sqlite.await.unwrap();

    for batch in steps.chunk_by(|step, _| step.joined) {
        let moved = SignedDuration::from_micros(batch[0].moved);
        time.set(anju_engine::Clock::now(&*time) + moved);
        let mut one_by_one = Vec::new();
        for step in batch {
            one_by_one.extend(send(&memory, std::slice::from_ref(step)).await);
        }
        assert_eq!(send(&sqlite, batch).await, one_by_one);
    }

    let logs: [&dyn EventLog; 2] = [&memory, &sqlite];
    let [a, b] = logs;
    let size = a.head().await.unwrap().size;
    assert_eq!(a.head().await.unwrap(), b.head().await.unwrap());
    let records = a.read_records(Position(1), usize::MAX).await.unwrap();
    assert_eq!(
        records,
        b.read_records(Position(1), usize::MAX).await.unwrap()
    );
    assert_eq!(records.len() as u64, size);
    for past in 0..=size {
        assert_eq!(
            a.root_at(past).await.unwrap(),
            b.root_at(past).await.unwrap()
        );
    }
    for name in 0..4 {
        let name = stream(&format!("s-{name}"));
        let of = |log: &'static str| format!("{log} of {name}");
        assert_eq!(
            a.read_stream(&name, Revision(0), usize::MAX).await.unwrap(),
            b.read_stream(&name, Revision(0), usize::MAX).await.unwrap(),
            "{}",
            of("events")
        );
        for (from, limit) in [(1, 1), (2, usize::MAX), (3, 4), (7, 2), (1_000, 9)] {
            assert_eq!(
                a.read_stream(&name, Revision(from), limit).await.unwrap(),
                b.read_stream(&name, Revision(from), limit).await.unwrap(),
                "{} from {from}",
                of("events")
            );
        }
        assert_eq!(
            a.stream_revision(&name).await.unwrap(),
            b.stream_revision(&name).await.unwrap(),
            "{}",
            of("revision")
        );
    }
    for step in &steps {
        let id = step.request().command_id;
        assert_eq!(
            a.find_command(id).await.unwrap(),
            b.find_command(id).await.unwrap()
        );
    }
    assert_eq!(
        a.verify(&|_, _| {}).await.unwrap(),
        b.verify(&|_, _| {}).await.unwrap()
    );
    sqlite.close().await;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn memory_and_sqlite_agree_on_every_history(
        steps in proptest::collection::vec(step(), 1..60),
        // From one epoch for all to one for each event.
        epoch_bits in proptest::option::of(0_u32..7),
    ) {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap()
            .block_on(play(steps, epoch_bits));
    }
}
