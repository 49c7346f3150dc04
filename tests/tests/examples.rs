//! Each example file goes the whole way from the command line: linted, shown, published, and played.

use std::path::PathBuf;

use anju_tests::cli::Desk;

fn example(name: &str) -> String {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../docs/examples")
        .join(name)
        .display()
        .to_string()
}

/// Plays an example; gives how many of its projects are in each stage, and the rules that refused some.
fn played(name: &str) -> (serde_json::Value, Vec<String>) {
    let desk = Desk::new();
    let file = example(name);
    let linted = desk.json(&["programme", "lint", &file]);
    assert_eq!(linted["files"][0]["ok"], true, "{linted:#}");
    desk.ok(&["programme", "show", &file]);
    let published = desk.json(&["programme", "publish", &file, "--store", "sqlite:real.db"]);
    assert_eq!(published["published"][0]["new"], true);
    let out = desk.json(&["demo", "--no-serve", "--store", "sqlite:d.db", &file]);
    let programme = out["programmes"][0].clone();
    let refused = programme["refusals"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|refusal| refusal["rule"].as_str().map(str::to_owned))
        .collect();
    let verified = desk.json(&["verify", "--store", "sqlite:d.db"]);
    assert_eq!(verified["ok"], true);
    (programme, refused)
}

#[test]
fn lifts_play_to_their_end_and_their_rules_refuse_some() {
    let (programme, refused) = played("lifts.yaml");
    assert!(
        programme["by_stage"]["completed"].as_u64().unwrap() > 0,
        "{programme:#}"
    );
    for rule in ["owners_agree", "items_pass", "entrance_qualifies"] {
        assert!(
            refused.iter().any(|refused| refused == rule),
            "{rule}: {refused:?}"
        );
    }
}

#[test]
fn rural_houses_play_to_their_end_and_only_the_rebuilt_choose_a_site() {
    let (programme, refused) = played("rural-houses.yaml");
    assert_eq!(programme["projects"], 12);
    assert!(
        programme["by_stage"]["completed"].as_u64().unwrap() > 0,
        "{programme:#}"
    );
    assert!(!refused.is_empty());
}

#[test]
fn a_signing_in_two_rounds_plays_to_its_end_and_some_miss_the_first_threshold() {
    let (programme, refused) = played("two-round-signing.yaml");
    assert!(
        programme["by_stage"]["completed"].as_u64().unwrap() > 0,
        "{programme:#}"
    );
    assert!(
        refused.iter().any(|refused| refused == "willing_90"),
        "{refused:?}"
    );
}
