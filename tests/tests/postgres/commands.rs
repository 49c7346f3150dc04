//! Every command that works on a file works on a database, to the same bytes.

use std::process::Command;

use anju_tests::cli::{Desk, anju};
use anju_tests::tour::tour;
use serde_json::Value;

use crate::desk::Office;

const PLAN: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/plans/linjiang-lifts-2023.yaml"
);

/// The tour of the README, as its reader runs it, with nothing changed but where the log is.
#[test]
fn the_tour_of_the_readme_runs_on_postgres() {
    let office = Office::set_up();
    let readme = concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md");
    let commands = tour(&std::fs::read_to_string(readme).unwrap());
    assert!(commands.len() >= 12, "the tour has {}", commands.len());
    let binary = anju();
    let path = format!(
        "{}:{}",
        binary.parent().unwrap().display(),
        std::env::var("PATH").unwrap_or_default()
    );
    for (command, code) in commands {
        let output = Command::new("bash")
            .args(["-c", &command])
            .current_dir(office.desk.folder())
            .env("PATH", &path)
            .env("ANJU_STORE", &office.store)
            .env("ANJU_STATE", office.desk.path("state"))
            .output()
            .unwrap();
        assert_eq!(
            output.status.code(),
            Some(code),
            "{command}\n{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }
    // Nothing fell back on a file.
    let names: Vec<_> = std::fs::read_dir(office.desk.folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(
        !names.iter().any(|name| name.starts_with("anju.")),
        "{names:?}"
    );
}

fn root(verified: &Value) -> (u64, &str) {
    assert_eq!(verified["ok"], true);
    (
        verified["size"].as_u64().unwrap(),
        verified["root"].as_str().unwrap(),
    )
}

#[test]
fn the_same_seed_makes_the_same_log_on_postgres_as_in_a_file() {
    let office = Office::new();
    office.ok(&["demo", "--no-serve", "--seed", "7", PLAN]);
    let desk = Desk::new();
    let file = ["--store", "sqlite:d.db"];
    let demo = ["demo", "--no-serve", "--seed", "7", PLAN];
    desk.ok(&[&demo[..], &file].concat());
    let in_file = desk.json(&["verify", "--store", "sqlite:d.db"]);
    let in_database = office.json(&["verify"]);
    assert_eq!(root(&in_database), root(&in_file));
    assert!(root(&in_file).0 > 300);
    // The lines are the same, byte for byte, and so are the answers of the read models.
    assert_eq!(
        office.ok(&["export", "events"]),
        desk.ok(&["export", "events", "--store", "sqlite:d.db"])
    );
    for question in ["stalled", "progress"] {
        assert_eq!(
            office.json(&[question]),
            desk.json(&[question, "--store", "sqlite:d.db"])
        );
    }
    // Rebuilt, they say the same; played again, every command is a repeat.
    let answers = || [office.json(&["stalled"]), office.json(&["progress"])];
    let before = answers();
    office.ok(&["rebuild"]);
    assert_eq!(answers(), before);
    office.ok(&["demo", "--no-serve", "--seed", "7", PLAN]);
    assert_eq!(root(&office.json(&["verify"])), root(&in_file));
    let other = office.run(&["demo", "--no-serve", "--seed", "8", PLAN]);
    assert_eq!(other.code, 2, "{}", other.err);
}

/// What the tour leaves out: the whole life of a fact, of a project and of a deadline, and the proofs.
#[test]
fn every_other_command_works_on_postgres() {
    let office = Office::set_up();
    let a = "2021-01-04";
    for id in ["p1", "p2"] {
        office.ok(&[
            "register",
            id,
            "--programme",
            "handan-2021",
            "--name",
            "某小区",
            "--area",
            "congtai",
            "--households",
            "319",
            "--at",
            a,
        ]);
    }
    office.ok(&[
        "record",
        "p1",
        "survey_completed",
        "buildings=12",
        "--at",
        "2021-01-05",
        "--note",
        "雨天",
    ]);
    office.ok(&["advance", "p1", "--at", "2021-01-06"]);
    let fact = office.event(&[
        "record",
        "p1",
        "consultation_result",
        "asked_households=227",
        "--at",
        "2021-01-18",
    ]);
    office.ok(&[
        "correct",
        "p1",
        &fact,
        "asked_households=268",
        "--reason",
        "录入有误",
    ]);
    office.ok(&["advance", "p1", "--at", "2021-01-20"]);
    let wrong = office.event(&["record", "p1", "works_started", "--at", "2021-01-21"]);
    office.ok(&["void", "p1", &wrong, "--reason", "记错项目"]);
    office.ok(&[
        "return",
        "p1",
        "resident_consultation",
        "--reason",
        "方案有异议",
        "--at",
        "2021-01-22",
    ]);
    office.ok(&["suspend", "p2", "--cause", "court", "--note", "诉讼中"]);
    office.ok(&["resume", "p2"]);
    office.ok(&[
        "extend",
        "p2",
        "consultation_by_plan",
        "2030-01-01",
        "--reason",
        "雨季",
    ]);
    // The notes are in the database, in a schema of their own, and can be erased by the application itself.
    let notes = office
        .sql("SELECT string_agg(text, ' ' ORDER BY text COLLATE \"C\") FROM anju_log_beside.note");
    for text in [
        "雨天",
        "录入有误",
        "记错项目",
        "方案有异议",
        "诉讼中",
        "雨季",
    ] {
        assert!(notes.contains(text), "{notes}");
    }
    let erased = office.sql("SET ROLE anju_app; DELETE FROM anju_log_beside.note; SELECT count(*) FROM anju_log_beside.note");
    assert_eq!(erased, "0");

    std::fs::write(office.desk.path("at-once.yaml"), crate::servers::AT_ONCE).unwrap();
    office.ok(&["programme", "publish", "at-once.yaml"]);
    assert!(
        office
            .ok(&["programme", "show", "at-once"])
            .contains("试行计划")
    );
    office.ok(&[
        "register",
        "p3",
        "--programme",
        "at-once",
        "--name",
        "某小区",
        "--area",
        "congtai",
    ]);
    let watched = office.json(&["watch", "--once", "--spool", "notices"]);
    let step = watched["raised"][0]["event"].as_str().unwrap();
    office.ok(&["ack", "p3", step, "--note", "已收到"]);
    office.ok(&["withdraw", "p3", "--reason", "拆迁"]);
    let replay = office.json(&["replay", "p3"]);
    assert_eq!(replay["escalations"].as_array().unwrap().len(), 1);

    let public = office.ok(&["key", "new", "--out", "k"]);
    assert!(public.starts_with("anju.local/"), "{public}");
    office.ok(&["checkpoint", "--key", "k", "-o", "given.txt"]);
    office.ok(&[
        "record",
        "p2",
        "survey_completed",
        "buildings=1",
        "--at",
        "2021-02-01",
    ]);
    let verified = office.json(&["verify", "--against", "given.txt", "--key", "k.pub"]);
    assert!(verified["size"].as_u64() > verified["against"]["size"].as_u64());
    office.ok(&["bundle", "p1", "-o", "kept.json"]);
    office.ok(&["bundle", "p1", "-o", "p1.json", "--key", "k"]);
    let mut offline = office
        .desk
        .command(&["verify-bundle", "p1.json", "--key", "k.pub"]);
    assert!(offline.output().unwrap().status.success());
    office.ok(&["export", "tiles", "-o", "tiles", "--key", "k"]);
    assert!(office.desk.path("tiles/checkpoint").exists());
    office.ok(&["rebuild"]);
    // The checkpoints are kept on this machine, out of the database's reach.
    let kept: Vec<_> = std::fs::read_dir(office.desk.path("state"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(
        kept.iter().any(|name| name.ends_with(".checkpoints")),
        "{kept:?}"
    );
    assert!(
        kept.iter().any(|name| name.ends_with(".views.db")),
        "{kept:?}"
    );

    // Somebody who may alter the log alters it: the checkpoint kept elsewhere and the log itself give him away.
    office.sql("UPDATE anju_log.record SET record = replace(record, '268', '298') WHERE record LIKE '%\"asked_households\":268%'");
    let told = office.ends(
        1,
        &[
            "verify",
            "--against",
            "given.txt",
            "--key",
            "k.pub",
            "--json",
        ],
    );
    let told: Value = serde_json::from_str(&told.out).unwrap();
    assert_eq!(told["ok"], false);
    assert_eq!(told["reason"], "altered", "{told}");
    // No full tile vouches for a single record of so short a log: it is bad from its first record on, as a whole.
    assert!(told["size"].is_null() && verified["size"].as_u64() < Some(256));
    assert_eq!(told["position"], 1, "{told}");
}

/// Where a full tile holds its hash, an altered record is named by itself; of the newest, that fill none, the first is.
#[test]
fn an_altered_record_is_named_exactly_where_a_full_tile_holds_its_hash() {
    let office = Office::new();
    office.ok(&["demo", "--no-serve", "--seed", "7", PLAN]);
    let size = root(&office.json(&["verify"])).0;
    assert!(size > 256 && size % 256 > 1, "{size}");
    let unsealed = size / 256 * 256 + 1;
    for (altered, named) in [(2, 2), (200, 200), (256, 256), (size, unsealed)] {
        // Another year in a field that no index has: canonical as before, but not what was hashed.
        let alter = |from: &str, to: &str| {
            let done = office.sql(&format!(
                "UPDATE anju_log.record SET record = replace(record, '\"occurred_at\":\"{from}', '\"occurred_at\":\"{to}') \
                 WHERE position = {altered} AND record LIKE '%\"occurred_at\":\"{from}%' RETURNING position"
            ));
            assert_eq!(done, altered.to_string());
        };
        alter("202", "201");
        let told = office.ends(1, &["verify", "--json"]);
        let told: Value = serde_json::from_str(&told.out).unwrap();
        assert_eq!(told["ok"], false);
        assert_eq!(told["position"], named, "{told}");
        alter("201", "202");
        assert_eq!(root(&office.json(&["verify"])).0, size);
    }
}
