//! Exports, and that asking for proof makes no store.

use anju_engine::checkpoint::{SignedCheckpoint, VerifierKey};

use crate::desk::Desk;

#[test]
fn the_log_is_exported_as_lines_and_as_tiles() {
    let desk = Desk::new();
    desk.project();
    desk.key();
    let told = desk.run(&["export", "tiles", "-o", "tiles"]);
    assert_eq!(told.code, 2, "{told:?}");
    let done = desk.ok(&["export", "tiles", "-o", "tiles", "--key", "k", "--json"]);
    let checkpoint: SignedCheckpoint = desk.read("tiles/checkpoint").parse().unwrap();
    let key: VerifierKey = desk.read("k.pub").parse().unwrap();
    assert_eq!(
        checkpoint.verify(&key).unwrap().size(),
        done["size"].as_u64().unwrap()
    );
    let verified = desk.ok(&["verify", "--json"]);
    assert_eq!(
        (&done["root"], &done["size"]),
        (&verified["root"], &verified["size"])
    );
    // The exported checkpoint is one like any other.
    desk.ok(&[
        "verify",
        "--against",
        "tiles/checkpoint",
        "--key",
        "k.pub",
        "--json",
    ]);

    let lines = desk.run(&["export", "events"]);
    assert_eq!(
        lines.out.lines().count() as u64,
        done["size"].as_u64().unwrap()
    );
    let file = desk.ok(&["export", "events", "-o", "events.ndjson", "--json"]);
    assert_eq!(desk.read("events.ndjson"), lines.out);
    assert_eq!(
        (&file["root"], &file["size"]),
        (&verified["root"], &verified["size"])
    );
    assert_eq!(file["bytes"].as_u64().unwrap(), lines.out.len() as u64);

    // It grows in its folder; another log's export is left alone.
    desk.fact(290, "2021-01-22");
    let grown = desk.ok(&["export", "tiles", "-o", "tiles", "--key", "k", "--json"]);
    assert!(grown["size"].as_u64() > done["size"].as_u64());
    let other = Desk::new();
    other.project();
    other.key();
    other.ok(&["checkpoint", "--key", "k", "--json"]);
    let there = desk.path("tiles");
    let refused = other.refused(&["export", "tiles", "-o", there.to_str().unwrap()]);
    assert_eq!(refused, "other_log");
    std::fs::create_dir(other.path("mine")).unwrap();
    std::fs::write(other.path("mine/checkpoint"), "my saved game\n").unwrap();
    let told = other.run(&["export", "tiles", "-o", "mine"]);
    assert_eq!(told.code, 2, "{told:?}");
    assert_eq!(other.read("mine/checkpoint"), "my saved game\n");
}

#[test]
fn no_store_is_made_by_asking_for_proof() {
    let desk = Desk::new();
    desk.ok(&["key", "new", "--out", "k", "--json"]);
    for args in [
        vec!["verify"],
        vec!["checkpoint", "--key", "k"],
        vec!["bundle", "p1", "-o", "b", "--key", "k"],
        vec!["export", "tiles", "-o", "t", "--key", "k"],
        vec!["export", "events"],
    ] {
        let told = desk.run(&args);
        assert_eq!(told.code, 2, "{args:?}: {told:?}");
    }
    assert!(!desk.path("anju.db").exists());
}
