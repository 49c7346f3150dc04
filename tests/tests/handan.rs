//! Handan and Sanyuan from the command line, as a clerk and an auditor use it.

use anju_tests::cli::Desk;
use serde_json::Value;

/// A Handan project that stands in consultation, with 319 households.
fn handan() -> Desk {
    let desk = Desk::new();
    desk.ok(&["programme", "publish", "handan-2021"]);
    desk.ok(&[
        "register",
        "p1",
        "--programme",
        "handan-2021",
        "--name",
        "某小区",
        "--area",
        "丛台区",
        "--households",
        "319",
        "--at",
        "2021-01-04",
    ]);
    desk.ok(&["record", "p1", "survey_completed", "--at", "2021-01-05"]);
    desk.ok(&["advance", "p1", "--at", "2021-01-06"]);
    desk
}

fn requirement<'a>(answer: &'a Value, rule: &str) -> &'a Value {
    answer["requirements"]
        .as_array()
        .unwrap()
        .iter()
        .find(|requirement| requirement["rule"] == rule)
        .unwrap_or_else(|| panic!("no requirement {rule} in {answer:#}"))
}

#[test]
fn a_refusal_says_what_is_missing_in_both_languages_and_exits_with_1() {
    let desk = handan();
    desk.ok(&[
        "record",
        "p1",
        "consultation_result",
        "asked_households=237",
        "--at",
        "2021-01-18",
    ]);
    let zh = desk.run(&["advance", "p1", "--at", "2021-01-19"]);
    assert_eq!(zh.code, 1);
    assert!(
        zh.out.contains("实际 237/319(74.2%),要求 ≥80%"),
        "{}",
        zh.out
    );
    assert!(
        zh.out
            .contains("各县(市、区)要征求本小区80%以上居民改造意见"),
        "{}",
        zh.out
    );
    let en = desk.run(&["--lang", "en", "advance", "p1", "--at", "2021-01-19"]);
    assert!(
        en.out.contains("actual 237/319(74.2%), required ≥80%"),
        "{}",
        en.out
    );
}

#[test]
fn a_refusal_in_json_gives_the_share_as_figures_and_text() {
    let desk = handan();
    desk.ok(&[
        "record",
        "p1",
        "consultation_result",
        "asked_households=237",
        "--at",
        "2021-01-18",
    ]);
    let refused = desk.refused(&["advance", "p1", "--at", "2021-01-19"]);
    let consulted = requirement(&refused, "consulted_80");
    assert_eq!(consulted["met"], false);
    assert_eq!(consulted["actual"]["num"], 237);
    assert_eq!(consulted["actual"]["den"], 319);
    assert_eq!(consulted["required"]["text"], "≥80%");
    assert!(refused["position"].is_u64());
}

#[test]
fn a_met_requirement_lets_the_project_on() {
    let desk = handan();
    desk.ok(&[
        "record",
        "p1",
        "征求意见结果",
        "征求户数=256",
        "--at",
        "2021-01-18",
    ]);
    let done = desk.json(&["advance", "p1", "--at", "2021-01-19"]);
    assert_eq!(done["stage"], "design");
    assert_eq!(done["outcome"], "done");
}

#[test]
fn the_same_command_id_is_carried_out_once() {
    let desk = handan();
    let id = "0190f1f0-0000-7000-8000-000000000001";
    let record = [
        "record",
        "p1",
        "consultation_result",
        "asked_households=300",
        "--at",
        "2021-01-18",
        "--command-id",
        id,
    ];
    let first = desk.json(&record);
    let second = desk.json(&record);
    assert_eq!(first["position"], second["position"]);
    assert_eq!(second["repeated"], true);
    let other = desk.run(&[
        "record",
        "p1",
        "consultation_result",
        "asked_households=301",
        "--at",
        "2021-01-18",
        "--command-id",
        id,
    ]);
    assert_eq!(other.code, 1, "{}", other.err);
}

#[test]
fn a_correction_keeps_history_and_marks_a_lost_basis() {
    let desk = handan();
    let event = desk.event(&[
        "record",
        "p1",
        "consultation_result",
        "asked_households=300",
        "--at",
        "2021-01-18",
    ]);
    desk.ok(&["advance", "p1", "--at", "2021-01-19"]);
    desk.ok(&[
        "correct",
        "p1",
        &event,
        "asked_households=200",
        "--reason",
        "重复计数",
    ]);
    let replay = desk.json(&["replay", "p1"]);
    assert_eq!(replay["stage"], "design");
    let lost: Vec<&Value> = replay["decisions"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|decision| !decision["basis_lost"].as_array().unwrap().is_empty())
        .collect();
    assert_eq!(lost.len(), 1);
    assert_eq!(lost[0]["outcome"], "accepted");
}

#[test]
fn two_times_give_two_answers_and_both_can_be_asked() {
    let desk = handan();
    let event = desk.event(&[
        "record",
        "p1",
        "consultation_result",
        "asked_households=300",
        "--at",
        "2021-01-18",
    ]);
    let asked = |args: &[&str]| {
        let replay = desk.json(args);
        replay["facts"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|fact| fact["type"] == "consultation_result")
            .map(|fact| fact["fields"]["asked_households"].clone())
            .collect::<Vec<_>>()
    };
    // As of the day before it happened the fact is not there; as of the day itself it is.
    assert!(asked(&["replay", "p1", "--as-of", "2021-01-17"]).is_empty());
    assert_eq!(asked(&["replay", "p1", "--as-of", "2021-01-18"]), [300]);
    // A correction made today changes what is known now of that day.
    desk.ok(&[
        "correct",
        "p1",
        &event,
        "asked_households=200",
        "--reason",
        "重复计数",
    ]);
    assert_eq!(asked(&["replay", "p1", "--as-of", "2021-01-18"]), [200]);
    // In 2021 the log knew nothing of it: everything here was entered today.
    let unknown = desk.run(&["replay", "p1", "--as-known", "2021-02-01"]);
    assert_eq!(unknown.code, 1, "{}", unknown.err);
}

#[test]
fn sanyuan_rounds_of_consultation_alternate_with_design() {
    let desk = Desk::new();
    desk.ok(&[
        "register",
        "s1",
        "--programme",
        "sanyuan-2022",
        "--name",
        "某片区",
        "--track",
        "2022-implementation",
        "--households",
        "300",
        "--at",
        "2022-02-10",
    ]);
    let mut stage = String::new();
    // Whatever comes before consultation is passed with its facts.
    for _ in 0..3 {
        let answer = desk.run(&["advance", "s1", "--at", "2022-02-10", "--json"]);
        let answer: Value = serde_json::from_str(&answer.out).unwrap();
        stage = answer["stage"].as_str().unwrap().to_owned();
        if stage == "resident_consultation" {
            break;
        }
        desk.ok(&["record", "s1", "survey_completed", "--at", "2022-02-10"]);
    }
    assert_eq!(stage, "resident_consultation");
    desk.ok(&[
        "record",
        "s1",
        "consultation_result",
        "round=1",
        "responded_households=199",
        "--at",
        "2022-03-01",
    ]);
    let refused = desk.refused(&["advance", "s1", "--at", "2022-03-02"]);
    assert!(
        refused["requirements"]
            .to_string()
            .contains("199/300(66.3%)"),
        "{refused:#}"
    );
    desk.ok(&[
        "record",
        "s1",
        "consultation_result",
        "round=1",
        "responded_households=200",
        "--at",
        "2022-03-01",
    ]);
    // 2/3 is reached exactly. What is still missing, if anything, is not the share.
    let answer = desk.run(&["advance", "s1", "--at", "2022-03-02", "--json"]);
    let answer: Value = serde_json::from_str(&answer.out).unwrap();
    let unmet: Vec<&Value> = answer["requirements"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|requirement| requirement["met"] == false && requirement["warn"] == false)
        .collect();
    assert!(
        unmet
            .iter()
            .all(|requirement| requirement["actual"]["den"].is_null()),
        "{unmet:#?}"
    );
}
