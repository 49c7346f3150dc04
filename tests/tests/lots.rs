//! Lots from end to end: a project of three sections goes through its gates, section by section.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on should say so"
)]

use anju_tests::cli::Desk;
use serde_json::{Value, json};

const PLAN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/plans/parcels-2024.yaml");

fn words(line: &str) -> Vec<&str> {
    line.split_whitespace().collect()
}

/// A project of 300 households in three sections, asked for its residents' opinion.
fn consulting() -> Desk {
    let desk = Desk::new();
    desk.ok(&["programme", "publish", PLAN]);
    consulting_by(&desk, "parcels-2024");
    desk
}

fn consulting_by(desk: &Desk, programme: &str) {
    let register = format!(
        "register p1 --programme {programme} --name 东片一期 --area dong --households 300 --at 2024-01-10"
    );
    for line in [
        register.as_str(),
        "record p1 survey_completed --at 2024-01-12",
        "advance p1 --at 2024-01-15",
        "lot declare p1 A --name 一标段 --households 120 --at 2024-01-16",
        "lot declare p1 B --name 二标段 --households 100 --at 2024-01-16",
        "lot declare p1 C --name 三标段 --households 80 --at 2024-01-16",
    ] {
        desk.ok(&words(line));
    }
}

fn agreed(desk: &Desk, lot: &str, households: u32) {
    desk.ok(&words(&format!(
        "record p1 consultation_result agreed_households={households} lot={lot} --at 2024-02-01"
    )));
}

fn rule<'a>(answer: &'a Value, rule: &str) -> &'a Value {
    answer["requirements"]
        .as_array()
        .unwrap()
        .iter()
        .find(|found| found["rule"] == rule)
        .unwrap_or_else(|| panic!("{rule}: {answer:#}"))
}

#[test]
fn the_programme_of_the_example_is_sound_and_shows_what_each_section_answers_for() {
    let desk = Desk::new();
    desk.ok(&["programme", "lint", PLAN]);
    let zh = desk.ok(&["programme", "show", PLAN]);
    assert!(zh.contains("标段户数 ≥ 2/3（按标段）"), "{zh}");
    assert!(zh.contains("各标段完工（按标段）"), "{zh}");
    assert!(zh.contains("群众诉求"), "{zh}");
    let en = desk.ok(&["programme", "show", PLAN, "--lang", "en"]);
    assert!(
        en.contains("households of the section ≥ 2/3 (per section)"),
        "{en}"
    );
}

#[test]
fn a_section_that_falls_short_is_refused_with_its_own_figures_and_holds_the_project() {
    let desk = consulting();
    // 120 + 100 + 30 of 300 are five sixths: the pooled figure would pass.
    for (lot, households) in [("A", 120), ("B", 100), ("C", 30)] {
        agreed(&desk, lot, households);
    }
    for lot in ["A", "B"] {
        let passed = desk.json(&words(&format!("advance p1 --lot {lot} --at 2024-02-02")));
        assert_eq!(passed["outcome"], "done");
        assert_eq!(passed["stage"], "resident_consultation");
    }
    // By its name as well as by its id.
    let refused = desk.refused(&words("advance p1 --lot 三标段 --at 2024-02-02"));
    assert_eq!(
        rule(&refused, "agreed_two_thirds")["actual"],
        json!({"num": 30, "den": 80, "text": "30/80(37.5%)"})
    );
    let refused = desk.refused(&words("advance p1 --at 2024-02-03"));
    let every = rule(&refused, "every_lot");
    assert_eq!(every["actual"]["passed"], json!(["A", "B"]));
    assert_eq!(every["actual"]["waiting"][0]["lot"], "C");
    assert_eq!(
        every["actual"]["text"],
        "3个标段中1个未通过:C(三标段)[居民意见征集]"
    );
    let english = desk.run(&words("advance p1 --at 2024-02-03 --lang en"));
    assert_eq!(english.code, 1);
    assert!(
        english
            .out
            .contains("1 of 3 have not passed: C (三标段) [Resident consultation]"),
        "{}",
        english.out
    );
    agreed(&desk, "C", 60);
    let passed = desk.json(&words("advance p1 --lot C --at 2024-02-04"));
    assert_eq!(
        passed["lots"],
        json!({"passed": ["A", "B", "C"], "waiting": []})
    );
    let moved = desk.json(&words("advance p1 --at 2024-02-05"));
    assert_eq!(moved["stage"], "design");
    desk.ok(&["verify"]);
}

#[test]
fn refusals_about_sections_name_the_thing_in_both_languages() {
    let desk = consulting();
    let said = |line: &str| {
        let answer = desk.run(&words(line));
        assert_eq!(answer.code, 1, "{line}: {}{}", answer.out, answer.err);
        answer.err.trim().to_owned()
    };
    assert_eq!(
        said("advance p1 --lot Z --at 2024-02-02"),
        "没有标段“Z”,可用:A、B、C"
    );
    assert_eq!(
        said("record p1 works_started lot=Z --at 2024-02-02 --lang en"),
        "no lot \"Z\"; known: A, B, C"
    );
    assert_eq!(
        said("lot declare p1 A --at 2024-02-02 --lang en"),
        "the lot id \"A\" is taken (that of a withdrawn lot as well)"
    );
    assert_eq!(
        said("lot withdraw p1 Z --reason 调整 --at 2024-02-02"),
        "没有标段“Z”,可用:A、B、C"
    );
    let usage = desk.run(&words("advance p1 --lot A --to design"));
    assert_eq!(usage.code, 2);
    // A programme without lots.
    desk.ok(&words(
        "register h1 --programme handan-2021 --name 某小区 --area congtai --at 2021-01-05",
    ));
    assert_eq!(
        said("advance h1 --lot A"),
        "该改造计划的流程定义没有标段(lots)"
    );
}

#[test]
fn replay_shows_each_section_with_its_decisions_as_of_any_day() {
    let desk = consulting();
    agreed(&desk, "A", 100);
    desk.ok(&words("advance p1 --lot A --at 2024-02-02"));
    desk.refused(&words("advance p1 --lot B --at 2024-02-02"));
    let replay = desk.json(&["replay", "p1"]);
    let lots = replay["lots"].as_array().unwrap();
    assert_eq!(lots.len(), 3);
    assert_eq!(lots[0]["passed"][0]["stage"], "resident_consultation");
    assert_eq!(lots[0]["waiting"], Value::Null);
    assert_eq!(lots[1]["waiting"], "resident_consultation");
    assert_eq!(lots[1]["refusals"], 1);
    let decisions: Vec<(&Value, &Value)> = replay["decisions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|decision| (&decision["lot"], &decision["outcome"]))
        .collect();
    assert_eq!(
        decisions,
        [
            (&Value::Null, &json!("accepted")),
            (&json!("A"), &json!("accepted")),
            (&json!("B"), &json!("refused")),
        ]
    );
    assert_eq!(
        replay["lots_counters"],
        json!([{"counter": "households", "lots": "300", "stated_by": 3, "project": "300", "agrees": true}])
    );
    let before = desk.json(&words("replay p1 --as-of 2024-02-01"));
    assert_eq!(before["lots"][0]["passed"], json!([]));
    let text = desk.ok(&["replay", "p1"]);
    assert!(text.contains("[A 一标段] 居民意见征集  通过"), "{text}");
    assert!(text.contains("二标段"), "{text}");
    // A counter that no longer adds up is told.
    desk.ok(&words("lot correct p1 C --households 90 --reason 复核"));
    assert_eq!(
        desk.json(&["replay", "p1"])["lots_counters"][0]["agrees"],
        false
    );
    let text = desk.ok(&["replay", "p1"]);
    assert!(text.contains("households 不一致"), "{text}");
}

#[test]
fn a_correction_under_a_passage_is_told_and_the_section_passes_again() {
    let desk = consulting();
    let figure = desk.event(&words(
        "record p1 consultation_result agreed_households=100 lot=A --at 2024-02-01",
    ));
    desk.ok(&words("advance p1 --lot A --at 2024-02-02"));
    desk.ok(&words(&format!(
        "correct p1 {figure} agreed_households=70 --reason 重复计数"
    )));
    let replay = desk.json(&["replay", "p1"]);
    assert_eq!(replay["lots"][0]["passed"][0]["basis_lost"], true);
    assert_eq!(replay["lots"][0]["waiting"], "resident_consultation");
    let decision = &replay["decisions"][1];
    assert_eq!(decision["basis_lost"], json!(["agreed_two_thirds"]));
    agreed(&desk, "A", 81);
    desk.ok(&words("advance p1 --lot A --at 2024-02-06"));
    assert_eq!(
        desk.json(&["replay", "p1"])["lots"][0]["waiting"],
        Value::Null
    );
}

/// The example with a ladder of one step, due on the due day itself: what is late when it is adopted is due at once.
const AT_ONCE: &str = "extends: ./parcels-2024.yaml
id: at-once
name: {zh: 试行方案, en: Trial plan}
ladder:
  pre_reminder: null
  reminder: null
  urging: null
  interview: null
  bulletin: null
  listed: null
  supervision: {step: 1, days: 0, kind: natural, signed: false}
";

#[test]
fn late_sections_are_stalled_rows_with_a_ladder_and_notices_of_their_own() {
    let desk = Desk::new();
    std::fs::copy(PLAN, desk.path("parcels-2024.yaml")).unwrap();
    std::fs::write(desk.path("plan.yaml"), AT_ONCE).unwrap();
    desk.ok(&["programme", "publish", "plan.yaml"]);
    consulting_by(&desk, "at-once");
    agreed(&desk, "A", 100);
    desk.ok(&words("advance p1 --lot A --at 2024-02-02"));
    let stalled = desk.json(&words("stalled --as-of 2024-05-20"));
    let rows: Vec<(&Value, &Value, &Value)> = stalled["stalled"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (&row["lot"], &row["lot_name"], &row["rule"]))
        .collect();
    assert_eq!(
        rows,
        [
            (&json!("B"), &json!("二标段"), &json!("consulted")),
            (&json!("C"), &json!("三标段"), &json!("consulted")),
        ]
    );
    assert_eq!(stalled["stalled"][0]["overdue_days"], 20);
    assert_eq!(stalled["stalled"][0]["lamp"], "red");
    assert_eq!(stalled["stalled"][0]["responsible"], json!(["街道办事处"]));
    let watched = desk.json(&words("watch --once --spool notices"));
    let mut raised: Vec<(String, String)> = watched["raised"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| {
            (
                step["deadline"].as_str().unwrap().to_owned(),
                step["lot"].as_str().unwrap_or("").to_owned(),
            )
        })
        .collect();
    raised.sort();
    assert_eq!(
        raised,
        [
            ("accepted".to_owned(), String::new()),
            ("consulted".to_owned(), "B".to_owned()),
            ("consulted".to_owned(), "C".to_owned()),
            // The section that has been consulted answers for the next thing that is due of it.
            ("works_done".to_owned(), "A".to_owned()),
        ]
    );
    assert_eq!(watched["notices"], 4);
    let again = desk.json(&words("watch --once --spool notices"));
    assert_eq!(again["raised"], json!([]));
    let papers: Vec<String> = std::fs::read_dir(desk.path("notices"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "txt"))
        .map(|path| std::fs::read_to_string(path).unwrap())
        .collect();
    assert_eq!(
        papers
            .iter()
            .filter(|paper| paper.contains("各标段完成征求意见(二标段)"))
            .count(),
        1,
        "{papers:?}"
    );
    // The views are disposable with lots as without.
    let before = desk.json(&["stalled"]);
    desk.ok(&["rebuild"]);
    assert_eq!(desk.json(&["stalled"]), before);
}

#[test]
fn a_return_for_rework_of_one_section_leaves_the_others_passed() {
    let desk = consulting();
    for lot in ["A", "B", "C"] {
        agreed(&desk, lot, 80);
    }
    for line in [
        "advance p1 --lot A --at 2024-02-02",
        "advance p1 --lot B --at 2024-02-02",
        "advance p1 --lot C --at 2024-02-02",
        "advance p1 --at 2024-02-03",
        "return p1 resident_consultation --lot B --reason 方案重新征求意见 --at 2024-02-10",
    ] {
        desk.ok(&words(line));
    }
    let refused = desk.refused(&words("advance p1 --at 2024-02-11"));
    let waiting = &rule(&refused, "every_lot")["actual"]["waiting"];
    assert_eq!(waiting.as_array().unwrap().len(), 1, "{refused:#}");
    assert_eq!(waiting[0]["lot"], "B");
    desk.ok(&words("advance p1 --lot B --at 2024-02-12"));
    desk.ok(&words("advance p1 --at 2024-02-12"));
    let text = desk.ok(&["replay", "p1"]);
    assert!(text.contains("退回  [B]"), "{text}");
}

#[test]
fn facts_of_sections_come_in_by_a_table_with_a_column_for_the_section() {
    let desk = consulting();
    std::fs::write(
        desk.path("facts.csv"),
        "项目编号,事实类型,日期,同意户数,标段\n\
         p1,征求意见结果,2024-02-01,100,A\n\
         p1,征求意见结果,2024-02-01,90,B\n\
         p1,征求意见结果,2024-02-01,70,Z\n",
    )
    .unwrap();
    let answer = desk.run(&["import", "facts.csv", "--json"]);
    let report = format!("{}{}", answer.out, answer.err);
    assert!(report.contains('Z'), "{report}");
    let replay = desk.json(&["replay", "p1"]);
    let named: Vec<&Value> = replay["facts"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|fact| fact["type"] == "consultation_result")
        .map(|fact| &fact["fields"]["lot"])
        .collect();
    assert_eq!(named, [&json!("A"), &json!("B")], "{report}");
    desk.ok(&words("advance p1 --lot B --at 2024-02-02"));
}

#[test]
fn a_demo_of_the_example_plays_sections_and_orders_from_the_definition_alone() {
    let desk = Desk::new();
    desk.ok(&words(&format!(
        "demo --no-serve --seed 4 --store sqlite:d.db {PLAN}"
    )));
    desk.ok(&["verify", "--store", "sqlite:d.db"]);
    let exported = desk.ok(&[
        "export",
        "events",
        "--store",
        "sqlite:d.db",
        "-o",
        "all.jsonl",
    ]);
    let text = std::fs::read_to_string(desk.path("all.jsonl")).unwrap_or(exported);
    let count = |kind: &str| text.matches(&format!("\"type\":\"{kind}\"")).count();
    for kind in [
        "lot_declared",
        "lot_passed",
        "lot_refused",
        "order_dispatched",
        "order_replied",
        "order_closed",
    ] {
        assert!(count(kind) > 0, "{kind} did not happen");
    }
    let progress = desk.json(&["progress", "--store", "sqlite:d.db"]);
    let by_stage = &progress["programmes"][0]["by_stage"];
    let late: u64 = [
        "construction",
        "joint_acceptance",
        "long_term_management",
        "completed",
    ]
    .iter()
    .map(|stage| by_stage[stage].as_u64().unwrap())
    .sum();
    assert!(late > 0, "no project got to construction: {by_stage}");
}
