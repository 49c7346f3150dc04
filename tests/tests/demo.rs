//! The demo: the same seed makes the same log; a killed demo goes on; any plan plays.

use std::process::Stdio;

use anju_tests::changes::Changes;
use anju_tests::cli::{Desk, answer};
use serde_json::Value;
use sqlx::Connection;

const PLAN: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/plans/linjiang-lifts-2023.yaml"
);

fn root(desk: &Desk, store: &str) -> (u64, String) {
    let verified = desk.json(&["verify", "--store", store]);
    assert_eq!(verified["ok"], true);
    assert_eq!(verified["size"], verified["checked_records"]);
    (
        verified["size"].as_u64().unwrap(),
        verified["root"].as_str().unwrap().to_owned(),
    )
}

#[test]
fn the_nine_programmes_play_with_every_listed_and_counted_project() {
    let desk = Desk::new();
    let out = desk.json(&["demo", "--no-serve", "--store", "sqlite:d.db"]);
    let programmes = out["programmes"].as_array().unwrap();
    assert_eq!(programmes.len(), 9);
    let of = |id: &str, key: &str| {
        programmes.iter().find(|p| p["id"] == id).unwrap()[key]
            .as_u64()
            .unwrap()
    };
    let named: u64 = programmes
        .iter()
        .map(|p| p["named"].as_u64().unwrap())
        .sum();
    assert_eq!(named, 142);
    assert_eq!(of("handan-2021", "counted"), 465);
    assert_eq!(of("anqing-city-174", "counted"), 68 + 106);
    assert_eq!(of("anhui-province-1411", "projects"), 0);
    assert_eq!(of("anhui-province-871", "projects"), 0);
    assert!(out["stalled"].as_u64().unwrap() > 0);
    let steps = out["escalations"].as_array().unwrap();
    assert_eq!(steps.len(), 7, "every step of the ladder was taken");
    let progress = desk.json(&["progress", "--store", "sqlite:d.db"]);
    for programme in progress["programmes"].as_array().unwrap() {
        let by_stage: u64 = programme["by_stage"]
            .as_object()
            .unwrap()
            .values()
            .map(|n| n.as_u64().unwrap())
            .sum();
        assert_eq!(by_stage, programme["projects"].as_u64().unwrap());
    }
    // Played again on the same store, everything is a repeat: the same root.
    let (size, before) = root(&desk, "sqlite:d.db");
    desk.ok(&["demo", "--no-serve", "--store", "sqlite:d.db"]);
    assert_eq!(root(&desk, "sqlite:d.db"), (size, before));
}

#[test]
fn the_same_seed_makes_the_same_log_and_another_seed_another() {
    let desk = Desk::new();
    for (store, seed) in [
        ("sqlite:a.db", "7"),
        ("sqlite:b.db", "7"),
        ("sqlite:c.db", "8"),
    ] {
        desk.ok(&["demo", "--no-serve", "--seed", seed, "--store", store, PLAN]);
    }
    assert_eq!(root(&desk, "sqlite:a.db"), root(&desk, "sqlite:b.db"));
    assert_ne!(root(&desk, "sqlite:a.db"), root(&desk, "sqlite:c.db"));
}

#[test]
fn a_plan_that_no_programmer_has_seen_plays_through_all_its_stages() {
    let desk = Desk::new();
    let out = desk.json(&["demo", "--no-serve", "--store", "sqlite:d.db", PLAN]);
    let programme = &out["programmes"][0];
    assert_eq!(programme["id"], "linjiang-lifts-2023");
    assert!(
        programme["by_stage"]["completed"].as_u64().unwrap() > 0,
        "{programme:#}"
    );
    let refused: Vec<&str> = programme["refusals"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|refusal| refusal["rule"].as_str())
        .collect();
    assert!(
        refused
            .iter()
            .any(|rule| rule.starts_with("quorum") || rule.starts_with("agreed")),
        "{refused:?}"
    );
}

/// How many records a log has: 0 if there is none yet.
fn size(desk: &Desk, name: &str) -> u64 {
    let url = format!("sqlite:{}?mode=ro", desk.path(name).display());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let Ok(mut conn) = sqlx::SqliteConnection::connect(&url).await else {
            return 0;
        };
        let size = sqlx::query_scalar("SELECT size FROM head");
        let size: Option<i64> = size.fetch_optional(&mut conn).await.unwrap_or_default();
        let _ = conn.close().await;
        size.unwrap_or_default().unsigned_abs()
    })
}

#[test]
fn a_demo_killed_at_any_moment_goes_on_to_the_same_root() {
    let desk = Desk::new();
    desk.ok(&["demo", "--no-serve", "--store", "sqlite:whole.db", PLAN]);
    let whole = size(&desk, "whole.db");
    assert!(whole > 100, "{whole}");
    let changes = Changes::of(desk.folder());
    // Eleven kills: as soon as there is anything at all, and then each a tenth further into the run than the one
    // before, on what the one before has left.
    for round in 0..=10u64 {
        let until = whole * (2 * round).saturating_sub(1) / 20;
        let mut child = desk
            .command(&["demo", "--no-serve", "--store", "sqlite:killed.db", PLAN])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        changes.until("the demo has come so far", || {
            desk.path("killed.db").exists() && size(&desk, "killed.db") >= until
        });
        let _ = child.kill();
        child.wait().unwrap();
        if desk.path("killed.db").exists() {
            let checked = desk.run(&["verify", "--store", "sqlite:killed.db", "--json"]);
            if checked.code == 0 {
                let verified: Value = serde_json::from_str(&checked.out).unwrap();
                assert_eq!(verified["ok"], true);
            } else {
                // Killed before the first record was durable: there is no log yet, and the next run makes it.
                assert_eq!(checked.code, 2, "{}{}", checked.out, checked.err);
                assert!(checked.err.contains("没有日志"), "{}", checked.err);
                assert_eq!(round, 0, "what was seen once is there");
            }
        }
    }
    desk.ok(&["demo", "--no-serve", "--store", "sqlite:killed.db", PLAN]);
    assert_eq!(
        root(&desk, "sqlite:killed.db"),
        root(&desk, "sqlite:whole.db")
    );
}

#[test]
fn a_real_log_is_not_played_in_and_another_demo_is_left_alone() {
    let desk = Desk::new();
    desk.ok(&[
        "register",
        "p1",
        "--programme",
        "handan-2021",
        "--name",
        "某小区",
    ]);
    let real = desk.run(&["demo", "--no-serve", "--store", "sqlite:anju.db", PLAN]);
    assert_eq!(real.code, 2, "{}", real.err);
    desk.ok(&["demo", "--no-serve", "--store", "sqlite:d.db", PLAN]);
    let other = desk.run(&[
        "demo",
        "--no-serve",
        "--seed",
        "5",
        "--store",
        "sqlite:d.db",
        PLAN,
    ]);
    assert_eq!(other.code, 2, "{}", other.err);
}

#[test]
fn a_simulated_log_takes_what_is_entered_by_hand_as_simulated() {
    let desk = Desk::new();
    desk.ok(&["demo", "--no-serve", "--store", "sqlite:d.db", PLAN]);
    let stalled = desk.json(&["stalled", "--store", "sqlite:d.db"]);
    let project = stalled["stalled"][0]["project"]
        .as_str()
        .expect("somebody is late")
        .to_owned();
    desk.ok(&[
        "record",
        &project,
        "lift_installed",
        "lifts=1",
        "--store",
        "sqlite:d.db",
    ]);
    let replay = desk.json(&["replay", &project, "--store", "sqlite:d.db"]);
    let last = replay["facts"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(last["source"], "simulation");
    let answer = answer(
        &desk
            .command(&["verify", "--store", "sqlite:d.db"])
            .output()
            .unwrap(),
    );
    assert_eq!(answer.code, 0);
}
