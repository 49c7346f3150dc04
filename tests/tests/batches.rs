//! Yearly batches, carry-over and opening balances from the command line.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on should say so"
)]

use anju_tests::cli::Desk;
use serde_json::{Value, json};

fn words(line: &str) -> Vec<&str> {
    line.split_whitespace().collect()
}

/// A plan that runs over two years, with a target for each batch.
const PLAN: &str = "extends: standard
id: town-2023
name: {zh: 某镇改造计划, en: Town plan}
year: {value: 2023}
areas:
  zhen: {name: {zh: 某镇, en: Town}}
targets:
  finished_2023:
    name: {zh: 2023年批次完工, en: Batch of 2023 finished}
    measure: projects
    reached: finished
    batch: 2023
    at_least: 100%
    source: 示例
  finished_2024:
    name: {zh: 2024年批次完工, en: Batch of 2024 finished}
    measure: projects
    reached: finished
    batch: 2024
    at_least: 100%
    source: 示例
";

fn town() -> Desk {
    let desk = Desk::new();
    std::fs::write(desk.path("plan.yaml"), PLAN).unwrap();
    desk.ok(&["programme", "lint", "plan.yaml"]);
    desk.ok(&["programme", "publish", "plan.yaml"]);
    for id in ["p1", "p2"] {
        desk.ok(&words(&format!(
            "register {id} --programme town-2023 --name 某小区 --area zhen --households 100 --at 2023-01-10"
        )));
    }
    desk.ok(&words(
        "register p3 --programme town-2023 --name 新小区 --area zhen --households 50 --batch 2024 --at 2024-01-10",
    ));
    desk
}

fn target<'a>(progress: &'a Value, id: &str) -> &'a Value {
    progress["programmes"][0]["targets"]
        .as_array()
        .unwrap()
        .iter()
        .find(|target| target["id"] == id)
        .unwrap()
}

#[test]
fn carrying_a_project_over_makes_no_year_look_better_and_credits_each_thing_once() {
    let desk = town();
    desk.ok(&words("record p1 works_started --at 2023-05-01"));
    desk.ok(&words("record p1 works_finished --at 2023-11-01"));
    desk.ok(&words("record p2 works_started --at 2023-06-01"));
    desk.ok(&words(
        "carry-over p2 2024 --basis 镇政〔2023〕8号 --at 2023-12-31",
    ));
    desk.ok(&words("record p2 works_finished --at 2024-03-01"));
    let progress = desk.json(&["progress"]);
    let first = target(&progress, "finished_2023");
    assert_eq!((&first["actual"], &first["of"]), (&json!("1"), &json!("2")));
    assert_eq!(first["met"], false);
    let second = target(&progress, "finished_2024");
    assert_eq!(
        (&second["actual"], &second["of"]),
        (&json!("1"), &json!("2"))
    );
    assert_eq!(
        progress["programmes"][0]["by_batch"],
        json!([
            {"year": 2023, "projects": 2, "carried_in": 0, "carried_out": 1, "started": 2, "finished": 1, "accepted": 0},
            {"year": 2024, "projects": 2, "carried_in": 1, "carried_out": 0, "started": 0, "finished": 1, "accepted": 0},
        ])
    );
    let replay = desk.json(&["replay", "p2"]);
    assert_eq!(replay["batches"][1]["basis"], "镇政〔2023〕8号");
    assert_eq!(replay["batches"][1]["since"], "2023-12-31");
    // As it was in summer: of the first batch.
    let before = desk.json(&words("replay p2 --as-of 2023-07-01"));
    assert!(before["batches"].is_null());
    let text = desk.ok(&["replay", "p2"]);
    assert!(
        text.contains("结转至 2024 年批次  镇政〔2023〕8号"),
        "{text}"
    );
    // Views are disposable.
    desk.ok(&["rebuild"]);
    assert_eq!(
        desk.json(&["progress"])["programmes"],
        progress["programmes"]
    );
}

#[test]
fn refusals_about_batches_are_in_both_languages() {
    let desk = town();
    let zh = desk.run(&words("carry-over p1 2023 --basis 某号 --at 2023-12-31"));
    assert_eq!(zh.code, 1);
    assert_eq!(
        zh.err.trim(),
        "项目属 2023 年批次,只能结转到更晚的年度,不能到 2023 年"
    );
    let en = desk.run(&words(
        "opening p1 --milestone started=2022-05-01 --lang en",
    ));
    assert_eq!(en.code, 1);
    assert_eq!(
        en.err.trim(),
        "only a project adopted in mid-course has an opening balance; register it with --adopt"
    );
    assert_eq!(
        desk.run(&words("opening p1 --milestone begun=2022-05-01"))
            .code,
        2
    );
}

#[test]
fn an_opening_balance_counts_in_the_sums_and_milestones_and_is_shown_apart() {
    let desk = town();
    desk.ok(&words(
        "register p9 --programme town-2023 --name 续建小区 --area zhen --households 80 --adopt construction --at 2023-02-01",
    ));
    desk.ok(&words(
        "opening p9 --sum subsidy_paid.amount_fen=120万元 --milestone started=2022-08-01 --note 上年台账 --at 2023-02-01",
    ));
    desk.ok(&words(
        "record p9 subsidy_paid amount_fen=30万元 --at 2023-03-01",
    ));
    let replay = desk.json(&["replay", "p9"]);
    assert_eq!(replay["facts"].as_array().unwrap().len(), 1);
    assert_eq!(
        replay["opening"]["milestones"],
        json!({"started": "2022-08-01"})
    );
    assert_eq!(replay["opening"]["sums"][0]["value"], json!(120_000_000));
    let progress = desk.json(&["progress"]);
    let programme = &progress["programmes"][0];
    assert_eq!(programme["started"], 1);
    let money = programme["money"]
        .as_array()
        .unwrap()
        .iter()
        .find(|money| money["fact"] == "subsidy_paid")
        .unwrap();
    assert_eq!(money["amount_fen"], "150000000");
    let text = desk.ok(&["replay", "p9"]);
    assert!(
        text.contains("[期初数] 补助资金拨付 · 金额 1200000元, 开工 2022-08-01"),
        "{text}"
    );
    let unknown = desk.run(&words(
        "opening p9 --sum subsidy_paid.amount=1 --at 2023-02-01 --lang en",
    ));
    assert_eq!(unknown.code, 1);
    assert!(
        unknown.err.contains("subsidy_paid.amount_fen"),
        "{}",
        unknown.err
    );
    desk.ok(&["verify"]);
}
