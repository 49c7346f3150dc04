//! Keys, notes and checkpoints: what is signed is read by others, and what was changed is believed by nobody.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that panics has failed"
)]

mod common;

use anju_engine::checkpoint::{
    Checkpoint, CheckpointFolder, CompareError, Ed25519Signer, FolderError, KeyError, NoteError,
    SignedCheckpoint, SignedNote, Signer, TakeError, VerifierKey, compare, take,
};
use anju_engine::merkle::leaf_hash;
use anju_engine::{
    CreateOptions, EventLog, Expected, LogOptions, MemoryLog, Origin, ReadError, SqliteLog,
};
use common::{clock, command};
use signed_note::{StandardSigner, StandardVerifier, VerifierList};

/// Two lines and the key that signed them. Source: the documentation of the Go package sumdb/note.
const SAYING: &str = "If you think cryptography is the answer to your problem,\n\
    then you don't know what your problem is.\n\n\
    — PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
const PETER: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const PETER_PRIVATE: &str =
    "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";

fn signer(name: &str, seed: u8) -> Ed25519Signer {
    Ed25519Signer::from_seed(name, &[seed; 32]).unwrap()
}

async fn signed(origin: &str, size: u64, by: &Ed25519Signer) -> SignedCheckpoint {
    let checkpoint = Checkpoint::new(origin, size, leaf_hash(b"any")).unwrap();
    SignedCheckpoint::sign(checkpoint, &[by]).await.unwrap()
}

#[tokio::test]
async fn the_example_of_the_go_documentation_is_read_and_made() {
    let note: SignedNote = SAYING.parse().unwrap();
    let peter: VerifierKey = PETER.parse().unwrap();
    assert_eq!(note.verify(&peter), Ok(()));
    assert_eq!(
        (peter.to_string(), note.to_string()),
        (PETER.into(), SAYING.into())
    );

    let signer: Ed25519Signer = PETER_PRIVATE.parse().unwrap();
    assert_eq!(signer.to_secret_text(), PETER_PRIVATE);
    let again = SignedNote::sign(note.text().to_owned(), &[&signer])
        .await
        .unwrap();
    assert_eq!(again, note);
}

#[tokio::test]
async fn another_implementation_reads_our_checkpoints_and_we_read_its_notes() {
    let ours = signer("anju.local/one", 7);
    let checkpoint = signed("anju.local/one", 20_852_163, &ours).await;

    // Theirs reads ours.
    let verifier = StandardVerifier::new(&ours.verifier().to_string()).unwrap();
    let known = VerifierList::new(vec![Box::new(verifier)]);
    let note = signed_note::Note::from_bytes(checkpoint.to_string().as_bytes()).unwrap();
    let (verified, unknown) = note.verify(&known).unwrap();
    assert_eq!((verified.len(), unknown.len()), (1, 0));
    assert_eq!(verified[0].id(), ours.id());
    let theirs = tlog_tiles::Checkpoint::from_bytes(note.text()).unwrap();
    assert_eq!(theirs.origin(), "anju.local/one");
    assert_eq!(theirs.size(), 20_852_163);
    assert_eq!(theirs.hash().0, leaf_hash(b"any"));
    assert_eq!(theirs.extension(), "");

    // Ours reads theirs, made with the key file that we wrote.
    let signer = StandardSigner::new(&ours.to_secret_text()).unwrap();
    let mut note = signed_note::Note::new(note.text(), &[]).unwrap();
    note.add_sigs(&[&signer]).unwrap();
    let text = String::from_utf8(note.to_bytes()).unwrap();
    let read: SignedCheckpoint = text.parse().unwrap();
    assert_eq!(read.verify(ours.verifier()), Ok(checkpoint.checkpoint()));
    assert_eq!(read, checkpoint);
}

#[tokio::test]
async fn a_checkpoint_with_any_bit_changed_is_not_believed() {
    let key = signer("anju.local/one", 7);
    let text = signed("anju.local/one", 4_711, &key).await.to_string();
    for at in 0..text.len() {
        for bit in 0..8 {
            let mut bytes = text.clone().into_bytes();
            bytes[at] ^= 1 << bit;
            let Ok(changed) = String::from_utf8(bytes) else {
                continue;
            };
            let read = changed.parse::<SignedCheckpoint>();
            let believed = read.and_then(|read| read.verify(key.verifier()).cloned());
            assert!(believed.is_err(), "byte {at}, bit {bit}: {changed}");
        }
        let (before, after) = (&text[..at.min(floor(&text, at))], &text[floor(&text, at)..]);
        let mut shorter = after.chars();
        shorter.next();
        let shorter = format!("{before}{}", shorter.as_str());
        let read = shorter.parse::<SignedCheckpoint>();
        assert!(
            read.and_then(|read| read.verify(key.verifier()).cloned())
                .is_err(),
            "{shorter}"
        );
    }
}

fn floor(text: &str, at: usize) -> usize {
    (0..=at)
        .rev()
        .find(|at| text.is_char_boundary(*at))
        .unwrap()
}

#[tokio::test]
async fn whose_signature_it_is_decides_what_is_wrong_with_it() {
    let (ours, other) = (signer("anju.local/one", 7), signer("anju.local/one", 8));
    let witness = signer("witness.example/w1", 9);
    let checkpoint = signed("anju.local/one", 5, &ours).await;

    // The same name with another key is another key.
    let unknown = checkpoint.verify(other.verifier());
    let Err(NoteError::UnknownKey { key, signed_by }) = unknown else {
        panic!("{unknown:?}");
    };
    assert_eq!(key, format!("anju.local/one+{:08x}", other.id()));
    assert_eq!(signed_by, [format!("anju.local/one+{:08x}", ours.id())]);

    // Signatures of others stand beside ours and are ignored.
    let both: [&dyn Signer; 2] = [&witness, &ours];
    let both = SignedCheckpoint::sign(checkpoint.checkpoint().clone(), &both)
        .await
        .unwrap();
    let both: SignedCheckpoint = both.to_string().parse().unwrap();
    assert!(both.verify(ours.verifier()).is_ok());
    assert!(both.verify(witness.verifier()).is_ok());
    assert!(matches!(
        both.verify(other.verifier()),
        Err(NoteError::UnknownKey { .. })
    ));

    // Our line under another size.
    let text = checkpoint.to_string().replacen("\n5\n", "\n6\n", 1);
    let moved: SignedCheckpoint = text.parse().unwrap();
    assert!(matches!(
        moved.verify(ours.verifier()),
        Err(NoteError::BadSignature { .. })
    ));

    // One good line does not heal a bad one of the same key.
    let good = checkpoint.to_string();
    let line = good.lines().last().unwrap();
    let forged = signed("anju.local/one", 6, &ours).await.to_string();
    let twice = format!("{good}{}\n", forged.lines().last().unwrap());
    assert_ne!(line, forged.lines().last().unwrap());
    let twice: SignedCheckpoint = twice.parse().unwrap();
    assert!(matches!(
        twice.verify(ours.verifier()),
        Err(NoteError::BadSignature { .. })
    ));
}

#[tokio::test]
async fn what_has_not_the_form_of_a_checkpoint_is_malformed() {
    let key = signer("anju.local/one", 7);
    let good = signed("anju.local/one", 10, &key).await.to_string();
    let line = good.lines().last().unwrap();
    let root = good.lines().nth(2).unwrap();
    let with = |text: &str| format!("{text}\n{line}\n");
    let bad = [
        ("", "nothing"),
        ("anju.local/one\n10\n", "no signature"),
        (&good[..good.len() - 1], "no line end"),
        (&good.replace('\n', "\r\n"), "Windows line ends"),
        (&good.replace("— ", "- "), "a hyphen"),
        (&good.replace("\n\n", "\n"), "no empty line"),
        (
            &good.replace("anju.local/one\n10", "anju.local/one\t\n10"),
            "a control character",
        ),
        (&format!("{good}\n"), "an empty line at the end"),
        (&with("anju.local/one\n10\n"), "no root"),
        (&with(&format!("\n10\n{root}\n")), "no origin"),
        (
            &with(&format!("anju.local/one\n010\n{root}\n")),
            "a leading zero",
        ),
        (&with(&format!("anju.local/one\n+10\n{root}\n")), "a sign"),
        (
            &with(&format!("anju.local/one\n-1\n{root}\n")),
            "below zero",
        ),
        (
            &with(&format!("anju.local/one\n18446744073709551616\n{root}\n")),
            "beyond 64 bits",
        ),
        (
            &with(&format!("anju.local/one\n10\n{}\n", &root[..40])),
            "a short root",
        ),
        (
            &with(&format!(
                "anju.local/one\n10\n{}\n",
                root.trim_end_matches('=')
            )),
            "no padding",
        ),
        (
            &with(&format!("anju.local/one\n10\n{root}\n\nmore\n")),
            "an empty extension line",
        ),
        (&good.replace(line, "— anju.local/one"), "no base64"),
        (
            &good.replace(line, "— anju.local/one AAAAAA=="),
            "a key id and nothing else",
        ),
        (
            &good.replace(line, "— anju+local/one AAAAAAAA"),
            "a plus in the name",
        ),
    ];
    for (text, why) in bad {
        let read = text.parse::<SignedCheckpoint>();
        assert!(
            matches!(read, Err(NoteError::Malformed { .. })),
            "{why}: {read:?}"
        );
    }
    let many = format!("{good}{}", format!("{line}\n").repeat(64));
    assert!(many.parse::<SignedCheckpoint>().is_err());
    let large = with(&format!("{}\n10\n{root}\n", "x".repeat(300_000)));
    assert!(large.parse::<SignedCheckpoint>().is_err());

    // Extension lines are allowed by the specification, and stay as they are.
    let more = Checkpoint::new("anju.local/one", 10, leaf_hash(b"any"))
        .unwrap()
        .to_string();
    let extended = SignedNote::sign(format!("{more}an extension\n"), &[&key])
        .await
        .unwrap();
    let extended: SignedCheckpoint = extended.to_string().parse().unwrap();
    assert_eq!(extended.checkpoint().extensions(), ["an extension"]);
    assert!(extended.verify(key.verifier()).is_ok());
    for origin in ["", "two\nlines", "bell\u{7}"] {
        assert!(Checkpoint::new(origin, 1, [0; 32]).is_err());
    }
}

#[test]
fn a_key_that_was_mistyped_or_mistaken_is_told_apart() {
    let key = |text: &str| text.parse::<VerifierKey>();
    let private = |text: &str| text.parse::<Ed25519Signer>();
    assert_eq!(key(&format!("  {PETER}\n")).unwrap().to_string(), PETER);
    assert_eq!(key(PETER_PRIVATE).unwrap_err(), KeyError::Private);
    assert_eq!(private(PETER).unwrap_err(), KeyError::Public);
    let id = |error| matches!(error, KeyError::Id { .. });
    assert!(id(key(&PETER.replace("Peter", "Paul")).unwrap_err()));
    assert!(id(key(&PETER.replace("c74f20a3", "c74f20a4")).unwrap_err()));
    assert!(id(
        private(&PETER_PRIVATE.replace("HKDFz", "HKDFA")).unwrap_err()
    ));
    let algorithm = key("n+00000000+Ag==").unwrap_err();
    assert_eq!(
        algorithm,
        KeyError::Algorithm {
            name: "n".into(),
            algorithm: 2
        }
    );
    for text in [
        "",
        "name",
        "name+c74f20a3",
        "+c74f20a3+ARpc",
        "a name+c74f20a3+ARpc",
        "name+C74F20A3+ARpc",
        "name+c74f20a+ARpc",
        "name+c74f20a3+AR",
        "name+c74f20a3+ARpc",
        "PRIVATE+KEY+name",
    ] {
        assert!(key(text).is_err(), "{text}");
        assert!(private(text).is_err(), "{text}");
    }
    for name in ["", "two words", "a+b", "a\u{3000}b", "a\nb"] {
        assert!(
            matches!(Ed25519Signer::generate(name), Err(KeyError::Name(_))),
            "{name:?}"
        );
    }
    let (one, two) = (
        Ed25519Signer::generate("n").unwrap(),
        Ed25519Signer::generate("n").unwrap(),
    );
    assert_ne!(one.verifier(), two.verifier());
}

#[test]
fn a_private_key_does_not_show() {
    let key = signer("n", 7);
    let secret = key.to_secret_text();
    let body = secret.rsplit('+').next().unwrap();
    let shown = format!("{key:?} {:?} {}", key.verifier(), key.verifier());
    assert!(!shown.contains(body), "{shown}");
    let error = format!(
        "{:?}",
        format!("{secret}x").parse::<Ed25519Signer>().unwrap_err()
    );
    assert!(!error.contains(body), "{error}");
}

async fn memory(origin: &str, commands: u128, salt: u128) -> MemoryLog {
    let create = CreateOptions::new(Origin::real(origin));
    let log = MemoryLog::create(create, LogOptions::default(), clock())
        .await
        .unwrap();
    for n in 1..=commands {
        log.append(command(n + salt, "s", Expected::Any, 3))
            .await
            .unwrap();
    }
    log
}

async fn now(log: &dyn EventLog) -> Checkpoint {
    let head = log.head().await.unwrap();
    Checkpoint::new(head.origin.name, head.size, head.root).unwrap()
}

#[tokio::test]
async fn a_log_that_has_only_grown_agrees_with_every_earlier_checkpoint() {
    let log = memory("a", 0, 0).await;
    let mut kept = vec![now(&log).await];
    for n in 1..200 {
        log.append(command(n, "s", Expected::Any, 1 + n % 7))
            .await
            .unwrap();
        kept.push(now(&log).await);
        if n % 20 == 0 {
            for checkpoint in &kept {
                compare(&log, checkpoint).await.unwrap();
            }
        }
    }
}

#[tokio::test]
async fn another_log_a_shorter_one_and_another_history_are_told_apart() {
    let log = memory("a", 100, 0).await;
    let checkpoint = now(&log).await;
    assert_eq!(checkpoint.size(), 301);

    let other = memory("b", 100, 0).await;
    let error = compare(&other, &checkpoint).await.unwrap_err();
    assert!(
        matches!(error, CompareError::OtherLog { checkpoint, log } if checkpoint == "a" && log == "b")
    );

    let shorter = memory("a", 99, 0).await;
    let error = compare(&shorter, &checkpoint).await.unwrap_err();
    assert!(matches!(
        error,
        CompareError::Shorter {
            checkpoint: 301,
            log: 298
        }
    ));

    // Longer, and its first commands were others.
    let rewritten = memory("a", 120, 1_000).await;
    let error = compare(&rewritten, &checkpoint).await.unwrap_err();
    assert!(matches!(error, CompareError::Rewritten { size: 301, .. }));
}

#[tokio::test]
async fn a_copy_put_back_in_the_place_of_the_log_is_found() {
    let directory = tempfile::tempdir().unwrap();
    let (path, copy) = (
        directory.path().join("log.db"),
        directory.path().join("copy.db"),
    );
    let open = async || {
        SqliteLog::open(&path, LogOptions::default(), clock())
            .await
            .unwrap()
    };
    let log = common::new_log(&path).await;
    log.append(command(1, "s", Expected::Any, 300))
        .await
        .unwrap();
    log.close().await;
    std::fs::copy(&path, &copy).unwrap();

    let log = open().await;
    log.append(command(2, "s", Expected::Any, 10))
        .await
        .unwrap();
    let checkpoint = now(&log).await;
    compare(&log, &checkpoint).await.unwrap();
    log.close().await;
    for suffix in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{suffix}", path.display()));
    }
    std::fs::copy(&copy, &path).unwrap();

    let log = open().await;
    log.verify(&|_, _| {}).await.unwrap();
    let error = compare(&log, &checkpoint).await.unwrap_err();
    assert!(matches!(
        error,
        CompareError::Shorter {
            checkpoint: 311,
            log: 301
        }
    ));
    // Grown again past the old size, it still is another history.
    log.append(command(3, "s", Expected::Any, 20))
        .await
        .unwrap();
    log.verify(&|_, _| {}).await.unwrap();
    let error = compare(&log, &checkpoint).await.unwrap_err();
    assert!(matches!(error, CompareError::Rewritten { size: 311, .. }));
    log.close().await;
}

#[tokio::test]
async fn checkpoints_are_kept_beside_the_log_and_never_rewritten() {
    let directory = tempfile::tempdir().unwrap();
    let folder = CheckpointFolder::at(directory.path().join("log.checkpoints"));
    let (key, next) = (signer("a", 1), signer("a", 2));
    let log = memory("a", 3, 0).await;
    assert_eq!(folder.newest().unwrap(), None);
    assert!(folder.all().unwrap().is_empty());

    let first = take(&log, &folder, &[&key]).await.unwrap();
    assert!(!first.repeated);
    assert_eq!(first.path, folder.path().join("10.txt"));
    let text = std::fs::read_to_string(&first.path).unwrap();
    assert_eq!(text, first.checkpoint.to_string());
    assert!(first.checkpoint.verify(key.verifier()).is_ok());
    assert!(
        std::fs::metadata(&first.path)
            .unwrap()
            .permissions()
            .readonly()
    );

    // Nothing was appended: the same again. With a new key it stands beside.
    let again = take(&log, &folder, &[&key]).await.unwrap();
    assert!(again.repeated && again.path == first.path);
    let changed = take(&log, &folder, &[&next]).await.unwrap();
    assert!(!changed.repeated);
    assert_eq!(
        changed.path,
        folder.path().join(format!("10.{:08x}.txt", next.id()))
    );
    assert!(take(&log, &folder, &[&next]).await.unwrap().repeated);

    for n in 10..20 {
        log.append(command(n, "s", Expected::Any, 9)).await.unwrap();
    }
    let second = take(&log, &folder, &[&next]).await.unwrap();
    assert_eq!(second.path, folder.path().join("100.txt"));
    assert_eq!(folder.newest().unwrap(), Some(second.checkpoint));
    let sizes: Vec<u64> = folder
        .all()
        .unwrap()
        .iter()
        .map(|(_, c)| c.checkpoint().size())
        .collect();
    assert_eq!(sizes, [10, 10, 100]);
    assert_eq!(std::fs::read_to_string(&first.path).unwrap(), text);
    let left: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    assert_eq!(left.len(), 3, "{left:?}");
}

#[tokio::test]
async fn nothing_is_signed_that_contradicts_what_was_signed_before() {
    let directory = tempfile::tempdir().unwrap();
    let folder = CheckpointFolder::at(directory.path());
    let key = signer("a", 1);
    take(&memory("a", 5, 0).await, &folder, &[&key])
        .await
        .unwrap();
    let before = std::fs::read_dir(folder.path()).unwrap().count();

    let refused = async |log: MemoryLog| match take(&log, &folder, &[&key]).await {
        Err(TakeError::Contradicts { size: 16, source }) => source,
        other => panic!("{other:?}"),
    };
    assert!(matches!(
        refused(memory("a", 4, 0).await).await,
        CompareError::Shorter { .. }
    ));
    assert!(matches!(
        refused(memory("a", 9, 77).await).await,
        CompareError::Rewritten { .. }
    ));
    assert!(matches!(
        refused(memory("b", 9, 0).await).await,
        CompareError::OtherLog { .. }
    ));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), before);
    take(&memory("a", 6, 0).await, &folder, &[&key])
        .await
        .unwrap();
}

#[tokio::test]
async fn a_file_that_is_no_checkpoint_stops_signing_and_other_files_do_not() {
    let directory = tempfile::tempdir().unwrap();
    let folder = CheckpointFolder::at(directory.path());
    let log = memory("a", 1, 0).await;
    let key = signer("a", 1);
    std::fs::write(directory.path().join("README"), "kept").unwrap();
    std::fs::write(directory.path().join("notes.txt"), "kept").unwrap();
    take(&log, &folder, &[&key]).await.unwrap();
    std::fs::write(directory.path().join("99.txt"), "half a checkpo").unwrap();
    let error = take(&log, &folder, &[&key]).await.unwrap_err();
    assert!(
        matches!(error, TakeError::Folder(FolderError::Malformed { path, .. }) if path.ends_with("99.txt"))
    );
}

#[tokio::test]
async fn a_size_the_log_has_not_reached_has_no_root() {
    let log = memory("a", 1, 0).await;
    assert!(matches!(
        log.root_at(5).await,
        Err(ReadError::Beyond { asked: 5, size: 4 })
    ));
}

#[tokio::test]
async fn a_file_that_is_not_opened_any_more_still_tells_its_first_bad_position() {
    use sqlx::{ConnectOptions, Connection, Executor};
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log.db");
    let log = common::new_log(&path).await;
    log.append(command(1, "s", Expected::Any, 40))
        .await
        .unwrap();
    log.close().await;
    let whole = SqliteLog::verify_file(&path, &LogOptions::default(), &|_, _| {})
        .await
        .unwrap();
    assert_eq!((whole.size, whole.checked_records), (41, 41));

    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&path);
    let mut conn = options.connect().await.unwrap();
    let statement =
        "UPDATE record SET record = replace(record, '第三次', '第二次') WHERE position = 23";
    conn.execute(statement).await.unwrap();
    let statement = "UPDATE record SET record = record || ' ' WHERE position = 31";
    conn.execute(statement).await.unwrap();
    conn.close().await.unwrap();
    let refused = SqliteLog::open(&path, LogOptions::default(), clock()).await;
    assert!(matches!(
        refused,
        Err(anju_engine::OpenError::Corrupt { .. })
    ));
    let found = SqliteLog::verify_file(&path, &LogOptions::default(), &|_, _| {}).await;
    assert!(
        matches!(
            &found,
            Err(anju_engine::VerifyError::Altered { position: 31, .. })
        ),
        "{found:?}"
    );
}
