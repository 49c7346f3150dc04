//! Bundles: made of a store, verified without one.

use std::sync::Arc;

use anju_engine::bundle;
use anju_engine::checkpoint::CheckpointFolder;
use anju_engine::event::{Position, StreamId};
use anju_engine::{LogOptions, SqliteLog};

use crate::desk::Desk;

#[test]
fn a_bundle_is_verified_with_nothing_but_the_file_and_the_public_key() {
    let desk = Desk::new();
    desk.project();
    desk.key();
    let made = desk.ok(&["bundle", "p1", "-o", "p1.json", "--key", "k", "--json"]);
    assert_eq!(made["complete"], "stated");
    let replay = desk.ok(&["replay", "p1", "--json"]);

    let away = Desk::new();
    std::fs::copy(desk.path("p1.json"), away.path("p1.json")).unwrap();
    let key = desk.read("k.pub");
    let proved = away.ok(&["verify-bundle", "p1.json", "--key", key.trim(), "--json"]);
    assert_eq!(proved["ok"], true);
    for field in ["origin", "size", "root", "events", "complete"] {
        assert_eq!(proved[field], made[field], "{field}");
    }
    assert_eq!(proved["simulated"], false);
    assert_eq!(proved["checked_records"], made["records"]);
    for field in ["stage", "status", "name", "since"] {
        assert_eq!(proved[field], replay[field], "{field}");
    }
    assert_eq!(proved["definition"]["digest"], replay["definition"]);
    assert_eq!(proved["calendars"][0]["published"], true);
    assert_eq!(proved["refusals"], 1);
    let timeline = proved["timeline"].as_array().unwrap();
    assert_eq!(timeline.len() as u64, proved["events"].as_u64().unwrap());
    assert_eq!(timeline[0]["type"], "project_registered");
    let left: Vec<_> = std::fs::read_dir(away.path(".")).unwrap().collect();
    assert_eq!(left.len(), 1, "verifying leaves nothing behind: {left:?}");

    let told = away.run(&[
        "--lang",
        "zh",
        "verify-bundle",
        "p1.json",
        "--key",
        key.trim(),
    ]);
    for words in [
        "证据包有效",
        "登记 长江花园",
        "未通过",
        "237/319",
        "只有这些事件",
    ] {
        assert!(told.out.contains(words), "{words}: {told:?}");
    }
    let told = away.run(&["verify-bundle", "p1.json", "--key", key.trim()]);
    for words in [
        "the bundle holds",
        "registered 长江花园",
        "refused",
        "had no other event",
    ] {
        assert!(told.out.contains(words), "{words}: {told:?}");
    }
}

#[test]
fn without_the_private_key_a_bundle_is_of_the_newest_checkpoint_and_says_what_it_lacks() {
    let desk = Desk::new();
    desk.project();
    desk.key();
    let line = ["bundle", "p1", "-o", "p1.json"];
    let told = desk.run(&line);
    assert_eq!(told.code, 2, "{told:?}");
    assert!(told.err.contains("there is no checkpoint yet"), "{told:?}");
    let signed = desk.ok(&["checkpoint", "--key", "k", "--json"]);
    desk.fact(300, "2021-01-22");
    desk.ok(&[
        "register",
        "p2",
        "--programme",
        "handan-2021",
        "--name",
        "乙",
        "--area",
        "congtai",
        "--households",
        "9",
        "--at",
        "2021-02-01",
        "--json",
    ]);
    let made = desk.ok(&[&line[..], &["--json"]].concat());
    assert_eq!(made["size"], signed["size"]);
    let proved = desk.ok(&["verify-bundle", "p1.json", "--key", "k.pub", "--json"]);
    assert_eq!(proved["complete"], "not_stated");
    let told = desk.run(&["verify-bundle", "p1.json", "--key", "k.pub"]);
    assert!(told.out.contains("may have been left out"), "{told:?}");

    let later = desk.run(&["bundle", "p2", "-o", "p2.json"]);
    assert_eq!(later.code, 2, "{later:?}");
    assert!(later.err.contains("--key"), "{later:?}");
    let nobody = desk.run(&["bundle", "p9", "-o", "p9.json", "--key", "k"]);
    assert_eq!(nobody.code, 1, "{nobody:?}");
    assert!(!desk.path("p2.json").exists() && !desk.path("p9.json").exists());
}

#[test]
fn a_bundle_that_was_changed_is_of_another_log_or_is_newer_is_refused_by_its_reason() {
    let (desk, other) = (Desk::new(), Desk::new());
    for desk in [&desk, &other] {
        desk.project();
        desk.key();
        desk.ok(&["bundle", "p1", "-o", "p1.json", "--key", "k", "--json"]);
    }
    std::fs::copy(other.path("k.pub"), desk.path("theirs.pub")).unwrap();
    let good = desk.read("p1.json");
    let mut tried = 0;
    let mut refused = |text: String, key: &str, more: &[&str], reason: &str| {
        tried += 1;
        let name = format!("bad-{tried}.json");
        std::fs::write(desk.path(&name), text).unwrap();
        let args = [&["verify-bundle", &name, "--key", key], more].concat();
        assert_eq!(desk.refused(&args), reason, "{name}");
    };
    refused(good.clone(), "theirs.pub", &[], "unknown_key");
    refused(
        good.clone(),
        "k.pub",
        &["--origin", "anju.local/else"],
        "other_log",
    );
    // With its name: three digits alone may stand in a hash or a signature as well.
    let fact = r#"asked_households\":237"#;
    assert!(good.contains(fact), "{good}");
    let other_fact = good.replacen(fact, r#"asked_households\":297"#, 1);
    refused(other_fact, "k.pub", &[], "not_in_log");
    refused(
        good.replacen("asked_households", "asked_household", 1),
        "k.pub",
        &[],
        "not_in_log",
    );
    refused(
        good.replacen("\"anju_bundle\": 1", "\"anju_bundle\": 2", 1),
        "k.pub",
        &[],
        "newer_format",
    );
    refused(
        good.replacen("  \"subject\"", " \"subject\"", 1),
        "k.pub",
        &[],
        "malformed",
    );
    refused(
        good.replacen("project-p1\",\n", "project-p2\",\n", 1),
        "k.pub",
        &[],
        "statement_of_another",
    );
    refused(good[..good.len() / 2].to_owned(), "k.pub", &[], "malformed");
    refused(desk.read("k.pub"), "k.pub", &[], "malformed");
    let size = good
        .lines()
        .find(|line| line.contains("\"checkpoint\""))
        .unwrap();
    let larger = size.replacen("\\n", "\\n1", 1);
    refused(
        good.replacen(size, &larger, 1),
        "k.pub",
        &[],
        "bad_signature",
    );
    // The origin as it is, asked for, is the log's.
    let origin = desk.ok(&["key", "new", "--out", "x", "--json"])["name"]
        .as_str()
        .unwrap()
        .to_owned();
    desk.ok(&[
        "verify-bundle",
        "p1.json",
        "--key",
        "k.pub",
        "--origin",
        &origin,
        "--json",
    ]);
    for args in [
        vec!["verify-bundle", "p1.json"],
        vec!["verify-bundle", "nowhere.json", "--key", "k.pub"],
        vec!["verify-bundle", "p1.json", "--key", "PRIVATE"],
    ] {
        assert_eq!(desk.run(&args).code, 2, "{args:?}");
    }
}

/// A bundle that the engine makes of a store, with the records at these positions beside the project's own.
fn made(desk: &Desk, others: &[u64], subject: &str) -> String {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let clock = Arc::new(anju_engine::SystemClock);
        let path = desk.path("anju.db");
        let log = SqliteLog::open(path, LogOptions::default(), clock)
            .await
            .unwrap();
        let newest = CheckpointFolder::at(desk.path("anju.checkpoints"))
            .newest()
            .unwrap()
            .unwrap();
        let others: Vec<Position> = others.iter().copied().map(Position).collect();
        let subject = StreamId::new(subject).unwrap();
        let made = bundle::make(&log, &subject, &others, newest, None)
            .await
            .unwrap();
        log.close().await;
        made.to_json()
    })
}

/// The positions of the records on a stream.
fn positions(desk: &Desk, stream: &str) -> Vec<u64> {
    let lines = desk.run(&["export", "events"]).out;
    let records = lines
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let on = records.filter(|record| record["stream"] == stream);
    on.map(|record| record["position"].as_u64().unwrap())
        .collect()
}

#[test]
fn a_bundle_brings_the_rules_its_events_cite_and_nothing_else() {
    let desk = Desk::new();
    desk.project();
    desk.key();
    desk.ok(&["checkpoint", "--key", "k", "--json"]);
    let (definition, calendar) = (
        positions(&desk, "definition-handan-2021"),
        positions(&desk, "calendar-cn"),
    );
    assert!(definition.len() > 1 && !calendar.is_empty());
    let both = [&definition[..], &calendar[..]].concat();
    let write = |name: &str, text: String| std::fs::write(desk.path(name), text).unwrap();

    write("whole.json", made(&desk, &both, "project-p1"));
    let made_by_us = desk.ok(&["bundle", "p1", "-o", "p1.json", "--json"]);
    assert_eq!(desk.read("whole.json"), desk.read("p1.json"));
    assert_eq!(made_by_us["complete"], "not_stated");
    desk.ok(&["verify-bundle", "whole.json", "--key", "k.pub", "--json"]);

    // A part of the definition left out changes its text; all of it leaves the rules unknown.
    write("part.json", made(&desk, &both[1..], "project-p1"));
    let reason = desk.refused(&["verify-bundle", "part.json", "--key", "k.pub"]);
    assert!(reason == "digest_mismatch", "{reason}");
    write("none.json", made(&desk, &calendar, "project-p1"));
    assert_eq!(
        desk.refused(&["verify-bundle", "none.json", "--key", "k.pub"]),
        "missing_basis"
    );
    // The calendar of this build is known without its publication, and the answer says so.
    write("without.json", made(&desk, &definition, "project-p1"));
    let proved = desk.ok(&["verify-bundle", "without.json", "--key", "k.pub", "--json"]);
    assert_eq!(proved["calendars"][0]["published"], false);

    // Another project's record does not ride along.
    desk.ok(&[
        "register",
        "p2",
        "--programme",
        "handan-2021",
        "--name",
        "乙",
        "--area",
        "congtai",
        "--households",
        "9",
        "--at",
        "2021-02-01",
        "--json",
    ]);
    desk.ok(&["checkpoint", "--key", "k", "--json"]);
    let stray = [&both[..], &positions(&desk, "project-p2")].concat();
    write("stray.json", made(&desk, &stray, "project-p1"));
    assert_eq!(
        desk.refused(&["verify-bundle", "stray.json", "--key", "k.pub"]),
        "bad_record"
    );
    write("calendar.json", made(&desk, &[], "calendar-cn"));
    assert_eq!(
        desk.refused(&["verify-bundle", "calendar.json", "--key", "k.pub"]),
        "no_project"
    );
}
