//! A bundle is believed as it was made, and in no other way.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that panics has failed"
)]

mod common;

use anju_engine::bundle::{Bundle, BundleError, Statement, make};
use anju_engine::checkpoint::{
    Checkpoint, CompareError, Ed25519Signer, NoteError, SignedCheckpoint, Signer,
};
use anju_engine::merkle::{ProofError, inclusion_proof};
use anju_engine::tiles::LogTree;
use anju_engine::{
    CreateOptions, EventLog, Expected, LogOptions, MemoryLog, Origin, Position, Revision,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use common::{Chance, clock, command, stream};
use serde::{Deserialize, Serialize};

const ORIGIN: &str = "bundle.example/log";

fn key() -> Ed25519Signer {
    Ed25519Signer::from_seed(ORIGIN, &[5; 32]).unwrap()
}

/// Commands of one to four events over seven streams.
async fn log(origin: &str, commands: u128) -> MemoryLog {
    let create = CreateOptions::new(Origin::real(origin));
    let log = MemoryLog::create(create, LogOptions::default(), clock())
        .await
        .unwrap();
    for n in 1..=commands {
        log.append(command(
            n,
            &format!("s-{}", n % 7),
            Expected::Any,
            1 + n % 4,
        ))
        .await
        .unwrap();
    }
    log
}

async fn signed(log: &dyn EventLog, size: u64) -> SignedCheckpoint {
    let origin = log.head().await.unwrap().origin.name;
    let checkpoint = Checkpoint::new(origin, size, log.root_at(size).await.unwrap()).unwrap();
    SignedCheckpoint::sign(checkpoint, &[&key()]).await.unwrap()
}

async fn bundle(log: &dyn EventLog, stated: bool) -> Bundle {
    let size = log.head().await.unwrap().size;
    let key = key();
    let signer = stated.then_some(&key as &dyn Signer);
    let others = [Position(17), Position(40)];
    make(
        log,
        &stream("s-3"),
        &others,
        signed(log, size).await,
        signer,
    )
    .await
    .unwrap()
}

fn verify(text: &str) -> Result<anju_engine::bundle::VerifiedBundle, BundleError> {
    Bundle::parse(text)?.verify(key().verifier(), None)
}

/// A bundle's file, to change it in ways that keep its form.
#[derive(Clone, Serialize, Deserialize)]
struct File {
    anju_bundle: u64,
    subject: String,
    checkpoint: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    statement: Option<String>,
    records: Vec<Proved>,
}

#[derive(Clone, Serialize, Deserialize)]
struct Proved {
    record: String,
    proof: Vec<String>,
}

impl File {
    fn of(bundle: &Bundle) -> Self {
        serde_json::from_str(&bundle.to_json()).unwrap()
    }

    fn text(&self) -> String {
        format!("{}\n", serde_json::to_string_pretty(self).unwrap())
    }

    /// The places in the bundle of the subject's events.
    fn own(&self) -> Vec<usize> {
        let named = format!(r#""stream":"{}""#, self.subject);
        (0..self.records.len())
            .filter(|i| self.records[*i].record.contains(&named))
            .collect()
    }

    fn changed(&self, change: impl FnOnce(&mut Self)) -> BundleError {
        let mut file = self.clone();
        change(&mut file);
        verify(&file.text()).unwrap_err()
    }
}

#[tokio::test]
async fn a_bundle_gives_back_the_whole_stream_with_nothing_but_the_key() {
    let log = log(ORIGIN, 120).await;
    let bundle = bundle(&log, true).await;
    let text = bundle.to_json();
    assert_eq!(Bundle::parse(&text).unwrap(), bundle);
    let verified = verify(&text).unwrap();
    let events = log
        .read_stream(&stream("s-3"), Revision(0), usize::MAX)
        .await
        .unwrap();
    assert_eq!(verified.events, events);
    assert_eq!(verified.first, log.read(Position(1), 1).await.unwrap()[0]);
    assert_eq!(verified.origin, Origin::real(ORIGIN));
    let others: Vec<u64> = verified
        .others
        .iter()
        .map(|event| event.position.0)
        .collect();
    assert_eq!(others, [17, 40]);
    assert_eq!(verified.statement.unwrap().events, events.len() as u64);
    assert_eq!(verified.checkpoint.size(), log.head().await.unwrap().size);
}

#[tokio::test]
async fn a_bundle_stays_believed_when_the_log_grows_and_speaks_of_its_checkpoint() {
    let log = log(ORIGIN, 60).await;
    let past = signed(&log, 101).await;
    let key = key();
    let made = make(&log, &stream("s-3"), &[], past, Some(&key))
        .await
        .unwrap();
    let verified = verify(&made.to_json()).unwrap();
    let events = log
        .read_stream(&stream("s-3"), Revision(0), usize::MAX)
        .await
        .unwrap();
    let before: Vec<_> = events
        .iter()
        .filter(|event| event.position.0 <= 101)
        .cloned()
        .collect();
    assert!(before.len() < events.len());
    assert_eq!(verified.events, before);
    assert_eq!(verified.statement.unwrap().events, before.len() as u64);
}

#[tokio::test]
async fn the_logs_own_stream_can_be_bundled() {
    let log = log(ORIGIN, 9).await;
    let first = log.read(Position(1), 1).await.unwrap();
    let size = log.head().await.unwrap().size;
    let made = make(&log, &first[0].stream, &[], signed(&log, size).await, None)
        .await
        .unwrap();
    assert_eq!(verify(&made.to_json()).unwrap().events, first);
}

#[tokio::test]
async fn every_proof_is_checked_by_another_implementation_too() {
    let log = log(ORIGIN, 120).await;
    let bundle = bundle(&log, true).await;
    let checkpoint = bundle.checkpoint().checkpoint();
    let root = tlog_tiles::Hash(*checkpoint.root());
    let file = File::of(&bundle);
    assert!(file.records.len() > 40);
    for proved in &file.records {
        let event = anju_engine::record::decode(&proved.record).unwrap();
        let proof: Vec<_> = proved
            .proof
            .iter()
            .map(|hash| tlog_tiles::Hash::parse_hash(hash).unwrap())
            .collect();
        let leaf = tlog_tiles::record_hash(proved.record.as_bytes());
        let index = event.position.0 - 1;
        tlog_tiles::check_record(&proof, checkpoint.size(), root, index, leaf).unwrap();
    }
}

#[tokio::test]
async fn no_seeded_change_of_its_bytes_is_believed() {
    let log = log(ORIGIN, 40).await;
    for stated in [true, false] {
        let text = bundle(&log, stated).await.to_json();
        let good = text.as_bytes();
        let mut chance = Chance::new(20_260_726 + u64::from(stated));
        let below = |chance: &mut Chance| usize::try_from(chance.below(good.len() as u64)).unwrap();
        let mut tried = 0;
        for trial in 0..4_000_u64 {
            let (at, other) = (below(&mut chance), below(&mut chance));
            let byte = u8::try_from(chance.below(256)).unwrap();
            let mut bytes = good.to_vec();
            match trial % 7 {
                0 => bytes[at] ^= 1 << (byte % 8),
                1 => bytes[at] = byte,
                2 => drop(bytes.remove(at)),
                3 => bytes.insert(at, byte),
                4 => bytes.swap(at, other),
                5 => bytes.truncate(at),
                _ => {
                    let end = (at + 1 + usize::from(byte)).min(good.len());
                    let piece = good[at..end].to_vec();
                    bytes.splice(other..other, piece);
                }
            }
            if bytes == good {
                continue;
            }
            // What is no text never gets as far as a bundle.
            let Ok(changed) = String::from_utf8(bytes) else {
                continue;
            };
            tried += 1;
            assert!(verify(&changed).is_err(), "trial {trial} at {at}: believed");
        }
        assert!(tried > 3_000, "{tried}");
        assert!(verify(&text).is_ok());
    }
}

#[tokio::test]
async fn whatever_is_left_out_added_or_moved_is_named() {
    let log = log(ORIGIN, 120).await;
    let stated = File::of(&bundle(&log, true).await);
    let own = stated.own();

    // Between two events.
    let error = stated.changed(|file| drop(file.records.remove(own[3])));
    assert!(
        matches!(
            &error,
            BundleError::Gap {
                expected: Revision(3),
                found: Revision(4),
                ..
            }
        ),
        "{error}"
    );
    // The first.
    let error = stated.changed(|file| drop(file.records.remove(own[0])));
    assert!(matches!(
        error,
        BundleError::Gap {
            expected: Revision(0),
            ..
        }
    ));
    // The last: only the statement can tell.
    let last = *own.last().unwrap();
    let error = stated.changed(|file| drop(file.records.remove(last)));
    let all = own.len() as u64;
    assert!(
        matches!(error, BundleError::Incomplete { stated, found, .. } if stated == all && found == all - 1)
    );
    // Every event.
    let error = stated.changed(|file| file.records.retain(|r| !r.record.contains("\"s-3\"")));
    assert!(matches!(error, BundleError::Incomplete { found: 0, .. }));
    // The first record of the log.
    let error = stated.changed(|file| drop(file.records.remove(0)));
    assert!(matches!(error, BundleError::Record { index: 1, .. }));
    let error = stated.changed(|file| file.records.clear());
    assert!(matches!(error, BundleError::Record { index: 1, .. }));
    // Twice, or in another order.
    let error = stated.changed(|file| file.records.insert(4, file.records[4].clone()));
    assert!(matches!(error, BundleError::Record { index: 6, .. }));
    let error = stated.changed(|file| file.records.swap(5, 6));
    assert!(matches!(error, BundleError::Record { .. }));
    // Another subject.
    let error = stated.changed(|file| file.subject = "s-4".to_owned());
    assert!(matches!(error, BundleError::StatementOfAnother { .. }));
    // A proof of another record, a longer and a shorter one.
    let error = stated.changed(|file| file.records[5].proof = file.records[6].proof.clone());
    assert!(matches!(
        error,
        BundleError::NotInLog {
            source: ProofError::Root,
            ..
        }
    ));
    let error = stated.changed(|file| drop(file.records[5].proof.pop()));
    assert!(matches!(
        error,
        BundleError::NotInLog {
            source: ProofError::Length,
            ..
        }
    ));
    let error = stated.changed(|file| {
        let more = file.records[5].proof[0].clone();
        file.records[5].proof.push(more);
    });
    assert!(matches!(
        error,
        BundleError::NotInLog {
            source: ProofError::Length,
            ..
        }
    ));
    let error = stated.changed(|file| file.records[5].proof = vec![STANDARD.encode([0; 32]); 65]);
    assert!(matches!(error, BundleError::Record { index: 6, .. }));
    // Another figure in a record, which stays canonical.
    let error = stated.changed(|file| {
        let record = &mut file.records[own[2]].record;
        let changed = record.replacen("\"households\":", "\"households\":1", 1);
        assert_ne!(&changed, record);
        *record = changed;
    });
    assert!(matches!(
        error,
        BundleError::NotInLog {
            source: ProofError::Root,
            ..
        }
    ));
    // A record in other bytes of the same meaning.
    let error = stated.changed(|file| {
        let record = &mut file.records[own[2]].record;
        *record = record.replacen(",\"data\"", ", \"data\"", 1);
    });
    assert!(matches!(error, BundleError::Record { .. }));
}

#[tokio::test]
async fn without_a_statement_a_bundle_that_lost_its_end_cannot_be_told_and_says_so() {
    let log = log(ORIGIN, 120).await;
    let mut file = File::of(&bundle(&log, true).await);
    let last = *file.own().last().unwrap();
    file.records.remove(last);
    file.statement = None;
    let verified = verify(&file.text()).unwrap();
    assert_eq!(verified.statement, None);
    let all = log.stream_revision(&stream("s-3")).await.unwrap().unwrap();
    assert_eq!(verified.events.last().unwrap().revision.0 + 1, all.0);
}

#[tokio::test]
async fn a_statement_is_about_one_stream_at_one_checkpoint_under_one_key() {
    let log = log(ORIGIN, 60).await;
    let file = File::of(&bundle(&log, true).await);
    let size = log.head().await.unwrap().size;
    let key = key();
    let of = async |name: &str, at: u64, by: &Ed25519Signer| {
        let made = make(&log, &stream(name), &[], signed(&log, at).await, Some(by)).await;
        File::of(&made.unwrap()).statement.unwrap()
    };
    let statement = of("s-3", size, &key).await;
    assert_eq!(Some(&statement), file.statement.as_ref());
    let text = statement.split("\n\n").next().unwrap().to_owned() + "\n";
    let read: Statement = text.parse().unwrap();
    assert_eq!(
        (read.stream.as_str(), read.to_string()),
        ("s-3", text.clone())
    );

    for (name, at) in [("s-4", size), ("s-3", size - 9)] {
        let other = of(name, at, &key).await;
        let error = file.changed(|file| file.statement = Some(other));
        assert!(
            matches!(error, BundleError::StatementOfAnother { .. }),
            "{error}"
        );
    }
    let stranger = Ed25519Signer::from_seed(ORIGIN, &[6; 32]).unwrap();
    let other = of("s-3", size, &stranger).await;
    let error = file.changed(|file| file.statement = Some(other));
    let unknown = |error| {
        matches!(
            error,
            BundleError::Note {
                which: "statement",
                source: NoteError::UnknownKey { .. }
            }
        )
    };
    assert!(unknown(error));

    // A checkpoint is no statement and a statement no checkpoint, although one key signs both.
    let error = file.changed(|file| file.statement = Some(file.checkpoint.clone()));
    assert!(matches!(
        error,
        BundleError::Note {
            which: "statement",
            source: NoteError::Malformed { .. }
        }
    ));
    let error = file.changed(|file| file.checkpoint = file.statement.clone().unwrap());
    assert!(matches!(
        error,
        BundleError::Note {
            which: "checkpoint",
            source: NoteError::Malformed { .. }
        }
    ));
    for (from, to) in [
        ("v1", "v2"),
        ("s-3", "s 3"),
        ("\ns-3\n", "\ns-3\n0"),
        ("\ns-3\n", "\n"),
    ] {
        let bad = text.replacen(from, to, 1);
        assert!(bad.parse::<Statement>().is_err(), "{bad}");
    }
}

#[tokio::test]
async fn another_log_an_unknown_key_and_a_newer_format_are_told_apart() {
    let ours = log(ORIGIN, 60).await;
    let file = File::of(&bundle(&ours, true).await);
    let text = file.text();

    let stranger = Ed25519Signer::from_seed(ORIGIN, &[6; 32]).unwrap();
    let error = Bundle::parse(&text)
        .unwrap()
        .verify(stranger.verifier(), None)
        .unwrap_err();
    assert!(matches!(
        error,
        BundleError::Note {
            which: "checkpoint",
            source: NoteError::UnknownKey { .. }
        }
    ));

    // Asked for another log; and with the checkpoint of another log under the same key.
    let asked = Bundle::parse(&text)
        .unwrap()
        .verify(key().verifier(), Some("else"))
        .unwrap_err();
    assert!(
        matches!(asked, BundleError::OtherLog { expected, found } if expected == "else" && found == ORIGIN)
    );
    let other = log("bundle.example/other", 60).await;
    let size = other.head().await.unwrap().size;
    let theirs = signed(&other, size).await.to_string();
    let error = file.changed(|file| {
        file.checkpoint = theirs;
        file.statement = None;
    });
    assert!(
        matches!(error, BundleError::NotInLog { position: 1, .. }),
        "{error}"
    );
    // Whoever holds the key can put a log's records under another name: its first record still says whose they are.
    let renamed = Checkpoint::new("else", size, other.root_at(size).await.unwrap()).unwrap();
    let renamed = SignedCheckpoint::sign(renamed, &[&key()])
        .await
        .unwrap()
        .to_string();
    let mut file = File::of(&bundle(&other, false).await);
    file.checkpoint = renamed;
    let error = verify(&file.text()).unwrap_err();
    assert!(matches!(error, BundleError::OtherLog { expected, .. } if expected == "else"));

    let file = File::of(&bundle(&ours, true).await);
    let error = file.changed(|file| file.anju_bundle = 2);
    assert!(matches!(error, BundleError::Newer { format: 2 }));
    let newer = text.replacen(
        "\"anju_bundle\": 1,",
        "\"anju_bundle\": 3,\n  \"witnesses\": [],",
        1,
    );
    assert!(matches!(
        verify(&newer),
        Err(BundleError::Newer { format: 3 })
    ));
    let unknown = text.replacen(
        "\"anju_bundle\": 1,",
        "\"anju_bundle\": 1,\n  \"witnesses\": [],",
        1,
    );
    assert!(matches!(
        verify(&unknown),
        Err(BundleError::Malformed { .. })
    ));
    for other in [
        "",
        "{}",
        "[]",
        "null",
        "PRIVATE+KEY+x",
        &text.replace("\n  ", "\n\t"),
        &format!("{text}\n"),
    ] {
        assert!(
            matches!(verify(other), Err(BundleError::Malformed { .. })),
            "{other:.40}"
        );
    }
}

#[tokio::test]
async fn a_record_of_a_newer_build_is_not_taken_for_a_forged_one() {
    let log = log(ORIGIN, 60).await;
    let file = File::of(&bundle(&log, true).await);
    let error = file.changed(|file| {
        let record = &mut file.records[3].record;
        *record = record.replacen("\"position\"", "\"place\":1,\"position\"", 1);
    });
    assert!(matches!(error, BundleError::NewerRecord { .. }), "{error}");
}

#[tokio::test]
async fn a_bundle_is_only_made_of_what_the_checkpoint_proves() {
    let (ours, other) = (log(ORIGIN, 60).await, log("bundle.example/other", 60).await);
    let size = ours.head().await.unwrap().size;
    let made = async |name: &str, others: &[Position], checkpoint: SignedCheckpoint| {
        make(&ours, &stream(name), others, checkpoint, None)
            .await
            .unwrap_err()
    };
    let error = made("nobody", &[], signed(&ours, size).await).await;
    assert!(matches!(error, BundleError::NoSuchStream { .. }), "{error}");
    let error = made("s-3", &[], signed(&ours, 2).await).await;
    assert!(
        matches!(error, BundleError::NoSuchStream { size: 2, .. }),
        "{error}"
    );
    let error = made("s-3", &[], signed(&other, size).await).await;
    assert!(matches!(
        error,
        BundleError::Checkpoint(CompareError::OtherLog { .. })
    ));
    for position in [0, size, size + 1] {
        let error = made("s-3", &[Position(position)], signed(&ours, size - 1).await).await;
        assert!(
            matches!(error, BundleError::NotInLog { position: p, .. } if p == position),
            "{error}"
        );
    }
}

#[tokio::test]
async fn proofs_follow_any_size_the_log_has_had() {
    let log = log(ORIGIN, 250).await;
    let size = log.head().await.unwrap().size;
    let mut chance = Chance::new(1);
    for _ in 0..200 {
        let at = 1 + chance.below(size);
        let index = chance.below(at);
        let proof = inclusion_proof(&LogTree(&log), index, at).await.unwrap();
        let record = &log.read_records(Position(index + 1), 1).await.unwrap()[0];
        let root = tlog_tiles::Hash(log.root_at(at).await.unwrap());
        let theirs: Vec<_> = proof.into_iter().map(tlog_tiles::Hash).collect();
        let leaf = tlog_tiles::record_hash(record.as_bytes());
        tlog_tiles::check_record(&theirs, at, root, index, leaf).unwrap();
    }
}
