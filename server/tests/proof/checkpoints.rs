//! Checkpoints on demand and at an interval, and what `verify` says of them.

use std::sync::Arc;

use anju_engine::checkpoint::{CheckpointFolder, Ed25519Signer};
use anju_engine::clock::{Clock as _, SimulatedClock};
use anju_engine::log::EventLog;
use anju_engine::{CreateOptions, LogOptions, Origin, SqliteLog};
use anju_server::app::{App, Store};
use anju_server::proof::{Keeper, checkpoint_if_due};
use anju_workflows::definition::Lang;
use jiff::SignedDuration;

use crate::desk::Desk;

#[test]
fn a_log_that_has_only_grown_is_verified_against_a_checkpoint_given_away() {
    let desk = Desk::new();
    desk.project();
    desk.key();
    let signed = desk.ok(&["checkpoint", "--key", "k", "-o", "given.txt", "--json"]);
    assert_eq!(
        signed["checkpoint"].as_str().unwrap(),
        desk.read("given.txt")
    );
    assert_eq!(signed["repeated"], false);
    let kept = signed["path"].as_str().unwrap();
    assert_eq!(desk.read(kept), desk.read("given.txt"));
    assert!(kept.ends_with(&format!("anju.checkpoints/{}.txt", signed["size"])));
    // Without a copy, the note itself is the answer.
    assert_eq!(
        desk.run(&["checkpoint", "--key", "k"]).out,
        desk.read("given.txt")
    );
    assert_eq!(
        desk.ok(&["checkpoint", "--key", "k", "--json"])["repeated"],
        true
    );

    desk.fact(300, "2021-01-22");
    let plain = desk.ok(&["verify", "--json"]);
    let keys = |value: &serde_json::Value| {
        let mut keys: Vec<_> = value.as_object().unwrap().keys().cloned().collect();
        keys.sort();
        keys
    };
    assert_eq!(
        keys(&plain),
        ["checked_records", "ok", "position", "root", "size"]
    );

    let line = [
        "verify",
        "--against",
        "given.txt",
        "--key",
        "k.pub",
        "--json",
    ];
    let since = desk.ok(&line);
    assert_eq!(since["against"]["size"], signed["size"]);
    assert_eq!(since["against"]["root"], signed["root"]);
    assert_eq!(since["against"]["signature"], "verified");
    assert_eq!(since["size"], plain["size"]);
    assert!(since["size"].as_u64() > since["against"]["size"].as_u64());
    // The key may be written out; without one the history is compared, and the answer says what was not.
    let written = desk.read("k.pub");
    desk.ok(&[
        "verify",
        "--against",
        "given.txt",
        "--key",
        written.trim(),
        "--json",
    ]);
    let unchecked = desk.ok(&["verify", "--against", "given.txt", "--json"]);
    assert_eq!(unchecked["against"]["signature"], "unchecked");
    let told = desk.run(&["verify", "--against", "given.txt"]);
    assert!(
        told.out
            .contains("who signed the checkpoint was not checked"),
        "{told:?}"
    );
    let told = desk.run(&[
        "--lang",
        "zh",
        "verify",
        "--against",
        "given.txt",
        "--key",
        "k.pub",
    ]);
    assert!(told.out.contains("只增不改"), "{told:?}");
}

#[test]
fn a_checkpoint_that_proves_nothing_is_refused_by_its_reason() {
    let (desk, other) = (Desk::new(), Desk::new());
    for desk in [&desk, &other] {
        desk.project();
        desk.key();
        desk.ok(&["checkpoint", "--key", "k", "-o", "given.txt", "--json"]);
    }
    std::fs::copy(other.path("given.txt"), desk.path("theirs.txt")).unwrap();
    std::fs::copy(other.path("k.pub"), desk.path("theirs.pub")).unwrap();
    let given = desk.read("given.txt");
    let (body, line) = given.split_once("\n\n").unwrap();
    let size = body.lines().nth(1).unwrap();
    let larger = given.replacen(&format!("\n{size}\n"), "\n99999\n", 1);
    std::fs::write(desk.path("larger.txt"), larger).unwrap();
    std::fs::write(desk.path("cut.txt"), &given[..given.len() - 9]).unwrap();
    std::fs::write(desk.path("spaced.txt"), format!("{body} \n\n{line}")).unwrap();

    for (against, key, reason) in [
        ("theirs.txt", Some("theirs.pub"), "other_log"),
        ("theirs.txt", None, "other_log"),
        ("theirs.txt", Some("k.pub"), "unknown_key"),
        ("given.txt", Some("theirs.pub"), "unknown_key"),
        ("larger.txt", Some("k.pub"), "bad_signature"),
        ("larger.txt", None, "rolled_back"),
        ("cut.txt", Some("k.pub"), "malformed"),
        ("spaced.txt", None, "malformed"),
        ("k.pub", None, "malformed"),
    ] {
        let mut args = vec!["verify", "--against", against];
        args.extend(key.map(|key| ["--key", key]).into_iter().flatten());
        assert_eq!(desk.refused(&args), reason, "{args:?}");
        // In words, in both languages.
        for (lang, words) in [("zh", "校验未通过:"), ("en", "not verified: ")] {
            let told = desk.run(&[&["--lang", lang], &args[..]].concat());
            assert_eq!((told.code, told.out.as_str()), (1, ""), "{told:?}");
            assert!(told.err.contains(words), "{told:?}");
        }
    }
    // Usage, which says nothing of the log.
    for args in [
        vec!["verify", "--key", "k.pub"],
        vec!["verify", "--against", "nowhere.txt"],
        vec!["verify", "--against", "given.txt", "--key", "nowhere"],
        vec!["verify", "--against", "given.txt", "--key", "k"],
        vec!["checkpoint", "--key", "k.pub"],
        vec!["checkpoint", "--key", "nowhere"],
        vec!["checkpoint", "--key", "k", "-o", "k"],
    ] {
        let told = desk.run(&args);
        assert_eq!(told.code, 2, "{args:?}: {told:?}");
    }
    assert!(desk.read("k").starts_with("PRIVATE"));
}

#[test]
fn an_older_copy_put_back_is_found_and_narrowed_down_and_never_signed_over() {
    let desk = Desk::new();
    desk.project();
    desk.key();
    desk.ok(&["checkpoint", "--key", "k", "--json"]);
    desk.keep("anju.db", "copy.db");
    desk.fact(250, "2021-01-22");
    let signed = desk.ok(&["checkpoint", "--key", "k", "-o", "given.txt", "--json"]);
    let size = signed["size"].as_u64().unwrap();

    desk.put_back("copy.db", "anju.db");
    desk.ok(&["verify", "--json"]);
    let line = ["verify", "--against", "given.txt", "--key", "k.pub"];
    let told = desk.json(&line, 1);
    assert_eq!(told["reason"], "rolled_back");
    assert_eq!(told["position"].as_u64().unwrap(), size);
    assert_eq!(desk.refused(&["checkpoint", "--key", "k"]), "rolled_back");

    // Other facts in the place of those that were cut off.
    for households in [260, 270, 280] {
        desk.fact(households, "2021-01-23");
    }
    desk.ok(&["verify", "--json"]);
    let told = desk.json(&line, 1);
    assert_eq!(told["reason"], "root_mismatch");
    // The checkpoint before still holds, so nothing before it was changed.
    assert_eq!(told["position"].as_u64().unwrap(), size, "{told}");
    assert_eq!(desk.refused(&["checkpoint", "--key", "k"]), "root_mismatch");
    assert_eq!(
        desk.refused(&["checkpoint", "--key", "k", "-o", "given.txt"]),
        "root_mismatch"
    );
    assert_eq!(
        desk.read("given.txt"),
        signed["checkpoint"].as_str().unwrap()
    );
    let newest = CheckpointFolder::at(desk.path("anju.checkpoints"))
        .newest()
        .unwrap()
        .unwrap();
    assert_eq!(newest.checkpoint().size(), size);
}

#[test]
fn a_changed_record_is_named_by_its_position() {
    let desk = Desk::new();
    desk.project();
    desk.key();
    desk.ok(&["checkpoint", "--key", "k", "-o", "given.txt", "--json"]);
    let records = desk.run(&["export", "events"]).out;
    let changed = records
        .lines()
        .position(|line| line.contains("\"asked_households\":237"));
    let changed = changed.unwrap() as u64 + 1;
    desk.sql("UPDATE record SET record = replace(record, '237', '297') WHERE record LIKE '%\"asked_households\":237%'");
    let told = desk.json(&["verify", "--against", "given.txt", "--key", "k.pub"], 1);
    assert_eq!(told["ok"], false);
    assert_eq!(told["reason"], "altered");
    // Of the newest records, which fill no tile yet, none can be named alone: the first of them is.
    let position = told["position"].as_u64().unwrap();
    assert!((1..=changed).contains(&position), "{told}");
    assert!(!told["what"].as_str().unwrap().is_empty());
}

#[test]
fn a_file_that_cannot_be_read_as_a_log_is_refused_without_a_position() {
    let spoil: [fn(&Desk); 3] = [
        |desk| desk.sql("DROP TABLE head"),
        |desk| desk.sql("DELETE FROM head"),
        // The page that says which tables there are, behind the file's own header.
        |desk| {
            desk.keep("anju.db", "copy.db");
            let mut bytes = std::fs::read(desk.path("copy.db")).unwrap();
            bytes[100..4_096].fill(0xff);
            std::fs::write(desk.path("copy.db"), bytes).unwrap();
            desk.put_back("copy.db", "anju.db");
        },
    ];
    for (n, spoil) in spoil.into_iter().enumerate() {
        let desk = Desk::new();
        desk.project();
        spoil(&desk);
        let told = desk.json(&["verify"], 1);
        assert_eq!(told["ok"], false, "{n}: {told}");
        assert_eq!(told["reason"], "altered", "{n}: {told}");
        assert!(told["position"].is_null(), "{n}: {told}");
        let english = desk.run(&["verify", "--lang", "en"]);
        assert_eq!(english.code, 1, "{n}: {english:?}");
        assert!(
            english
                .err
                .contains("no record can be named as the first bad one"),
            "{n}: {english:?}"
        );
        assert!(!english.err.contains("position"), "{n}: {english:?}");
        let chinese = desk.run(&["verify", "--lang", "zh"]);
        assert_eq!(chinese.code, 1, "{n}: {chinese:?}");
        assert!(
            chinese.err.contains("不能指出从哪条记录起"),
            "{n}: {chinese:?}"
        );
        assert!(!chinese.err.contains("第0条"), "{n}: {chinese:?}");
    }
}

#[tokio::test]
async fn a_server_signs_at_its_interval_and_only_what_is_new() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("anju.db");
    let clock = Arc::new(SimulatedClock::new("2021-03-11T01:00:00Z".parse().unwrap()));
    let create = CreateOptions::new(Origin::real("anju.local/keeper"));
    let options = LogOptions::default();
    let log = SqliteLog::create(&path, create, options, clock.clone())
        .await
        .unwrap();
    let app = App::over(
        Store::at(path),
        Arc::new(log.into()),
        clock.clone(),
        Lang::En,
    );
    let publish = async |programme: &str| {
        app.programme(programme).await.unwrap();
        app.log.head().await.unwrap().size
    };
    let signer = Arc::new(Ed25519Signer::generate("anju.local/keeper").unwrap());
    let hour = SignedDuration::from_hours(1);
    let pass = |time: SignedDuration| clock.set(clock.now() + time);
    let mut keeper = Keeper::new(signer.clone(), hour);
    let due = async |keeper: &mut Keeper| {
        let taken = checkpoint_if_due(&app, keeper).await.unwrap();
        taken.map(|taken| taken.checkpoint.checkpoint().size())
    };

    // The first does not wait; an unchanged log is not signed again.
    assert_eq!(due(&mut keeper).await, Some(1));
    pass(hour * 3);
    assert_eq!(due(&mut keeper).await, None);
    let size = publish("handan-2021").await;
    assert_eq!(due(&mut keeper).await, Some(size));
    // Within the hour not again, then once.
    let size = publish("beilun-2019").await;
    pass(SignedDuration::from_mins(59));
    assert_eq!(due(&mut keeper).await, None);
    pass(SignedDuration::from_mins(1));
    assert_eq!(due(&mut keeper).await, Some(size));
    assert_eq!(due(&mut keeper).await, None);
    // A restart finds what was signed before.
    assert_eq!(due(&mut Keeper::new(signer, hour)).await, None);
    app.log.close().await;
}
