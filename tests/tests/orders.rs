//! Orders from end to end: dispatched, answered, closed by another unit, late with a ladder.

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

fn site() -> Desk {
    let desk = Desk::new();
    desk.ok(&["programme", "publish", PLAN]);
    site_by(&desk, "parcels-2024");
    desk
}

fn site_by(desk: &Desk, programme: &str) {
    let register = format!(
        "register p1 --programme {programme} --name 东片一期 --area dong --households 300 --at 2024-01-10"
    );
    for line in [
        register.as_str(),
        "record p1 survey_completed --at 2024-01-12",
        "advance p1 --at 2024-01-15",
        "lot declare p1 A --name 一标段 --households 300 --at 2024-01-16",
    ] {
        desk.ok(&words(line));
    }
}

#[test]
fn an_order_is_dispatched_answered_and_closed_by_another_unit() {
    let desk = site();
    let order = desk.json(&words(
        "order dispatch p1 --to 第一建筑公司 --about 工程质量 --lot 一标段 --note 外墙空鼓 --at 2024-05-06",
    ));
    assert_eq!(order["order"], 1);
    let replay = desk.json(&["replay", "p1"]);
    let shown = &replay["orders"][0];
    // Seven working days after Monday 6 May 2024; Saturday the 11th was a working day.
    assert_eq!(shown["due"], "2024-05-14");
    assert_eq!(shown["about"], "quality");
    assert_eq!(shown["about_name"], "工程质量");
    assert_eq!(shown["lot"], "A");
    desk.ok(&words(
        "order reply p1 1 --unit 第一建筑公司 --note 已返修 --at 2024-05-09",
    ));
    let own = desk.run(&words(
        "order close p1 1 --unit 第一建筑公司 --at 2024-05-10",
    ));
    assert_eq!(own.code, 1);
    assert_eq!(
        own.err.trim(),
        "派单 #1 的承办单位是“第一建筑公司”,不能由“第一建筑公司”自行销号,须由其他单位核实"
    );
    let own = desk.run(&words(
        "order close p1 1 --unit 第一建筑公司 --at 2024-05-10 --lang en",
    ));
    assert_eq!(
        own.err.trim(),
        "order #1 went to \"第一建筑公司\": \"第一建筑公司\" cannot close it itself, another unit has to"
    );
    let nobody = desk.run(&words("order close p1 1 --at 2024-05-10"));
    assert_eq!(nobody.err.trim(), "派单 #1 销号须用 --unit 写明销号单位");
    desk.ok(&words("order close p1 1 --unit 质量监督站 --at 2024-05-10"));
    let replay = desk.json(&["replay", "p1"]);
    let shown = &replay["orders"][0];
    assert_eq!(shown["closed_on"], "2024-05-10");
    let moves: Vec<&Value> = shown["moves"]
        .as_array()
        .unwrap()
        .iter()
        .map(|moved| &moved["type"])
        .collect();
    assert_eq!(
        moves,
        [
            &json!("order_dispatched"),
            &json!("order_replied"),
            &json!("order_closed")
        ]
    );
    // As it was the day before: open.
    let before = desk.json(&words("replay p1 --as-of 2024-05-09"));
    assert_eq!(before["orders"][0]["closed_on"], Value::Null);
    let text = desk.ok(&["replay", "p1"]);
    assert!(text.contains("派单 #1 → 第一建筑公司:工程质量"), "{text}");
    assert!(text.contains("派单 #1 销号  质量监督站"), "{text}");
    desk.ok(&["verify"]);
}

#[test]
fn no_text_of_an_order_stands_in_the_log() {
    let desk = site();
    desk.ok(&words(
        "order dispatch p1 --to 第一建筑公司 --about safety --due 2024-06-01 --note 脚手架缺扣件 --at 2024-05-06",
    ));
    desk.ok(&words("order reply p1 1 --note 扣件已补齐 --at 2024-05-07"));
    desk.ok(&words("export events -o all.jsonl"));
    let log = std::fs::read_to_string(desk.path("all.jsonl")).unwrap();
    assert!(log.contains("order_dispatched"));
    assert!(!log.contains("脚手架") && !log.contains("扣件"), "{log}");
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
fn an_order_past_its_day_is_a_stalled_row_of_its_unit_with_its_own_ladder() {
    let desk = Desk::new();
    std::fs::copy(PLAN, desk.path("parcels-2024.yaml")).unwrap();
    std::fs::write(desk.path("plan.yaml"), AT_ONCE).unwrap();
    desk.ok(&["programme", "publish", "plan.yaml"]);
    site_by(&desk, "at-once");
    desk.ok(&words(
        "order dispatch p1 --to 第一建筑公司 --about quality --due 2024-04-10 --lot A --at 2024-04-01",
    ));
    desk.ok(&words(
        "order dispatch p1 --to 城管局 --about residents --due 2024-04-20 --at 2024-04-01",
    ));
    let stalled = desk.json(&words("stalled --as-of 2024-04-25"));
    let rows: Vec<(&Value, &Value, &Value, &Value)> = stalled["stalled"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            (
                &row["order"],
                &row["responsible"],
                &row["rule_name"],
                &row["lamp"],
            )
        })
        .collect();
    assert_eq!(
        rows,
        [
            (
                &json!(1),
                &json!(["第一建筑公司"]),
                &json!("派单 #1(工程质量)"),
                &json!("red")
            ),
            (
                &json!(2),
                &json!(["城管局"]),
                &json!("派单 #2(群众诉求)"),
                &json!("yellow")
            ),
        ]
    );
    let table = desk.ok(&words("stalled --as-of 2024-04-25"));
    assert!(table.contains("p1 #1"), "{table}");
    let watched = desk.json(&words("watch --once --spool notices"));
    let mut orders: Vec<u64> = watched["raised"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|step| step["order"].as_u64())
        .collect();
    orders.sort_unstable();
    assert_eq!(orders, [1, 2]);
    assert_eq!(
        desk.json(&words("watch --once --spool notices"))["raised"],
        json!([])
    );
    let papers: String = std::fs::read_dir(desk.path("notices"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "txt"))
        .map(|path| std::fs::read_to_string(path).unwrap())
        .collect();
    assert!(papers.contains("派单 #1(工程质量)"), "{papers}");
    assert!(papers.contains("order#1"), "{papers}");
    // Closed in time, as is learned later: the step is withdrawn by the same command.
    let closed = desk.json(&words("order close p1 1 --unit 质量监督站 --at 2024-04-09"));
    assert_eq!(closed["events"][1]["type"], "escalation_withdrawn");
    let stalled = desk.json(&words("stalled --as-of 2024-04-25"));
    assert_eq!(stalled["stalled"].as_array().unwrap().len(), 1);
}

#[test]
fn an_open_order_holds_the_gate_and_more_time_is_asked_for_in_time() {
    let desk = site();
    desk.ok(&words(
        "record p1 consultation_result agreed_households=250 lot=A --at 2024-02-01",
    ));
    desk.ok(&words(
        "order dispatch p1 --to 第一建筑公司 --about quality --due 2024-04-10 --at 2024-04-01",
    ));
    let late = desk.run(&words(
        "order extend p1 1 2024-05-01 --reason 材料未到 --at 2024-04-11",
    ));
    assert_eq!(late.code, 1);
    assert_eq!(
        late.err.trim(),
        "派单 #1 的期限是2024-04-10,延期须在到期前申请(2024-04-11已过期)"
    );
    desk.ok(&words(
        "order extend p1 1 2024-05-01 --reason 材料未到 --at 2024-04-10",
    ));
    assert_eq!(
        desk.json(&["replay", "p1"])["orders"][0]["due"],
        "2024-05-01"
    );
    desk.ok(&words("order close p1 1 --unit 质量监督站 --at 2024-04-20"));
    desk.ok(&words(
        "order reopen p1 1 --due 2024-06-01 --reason 复查不合格 --at 2024-05-02",
    ));
    let order = &desk.json(&["replay", "p1"])["orders"][0];
    assert_eq!(order["closed_on"], Value::Null);
    assert_eq!(order["due"], "2024-06-01");
    let unknown = desk.run(&words("order close p1 9 --unit 质量监督站 --lang en"));
    assert_eq!(
        unknown.err.trim(),
        "there is no order #9; the project's are numbered 1 to 1"
    );
    let unknown = desk.run(&words(
        "order dispatch p1 --to 城管局 --about qualty --due 2024-06-01 --at 2024-05-05 --lang en",
    ));
    assert!(
        unknown.err.contains("\"qualty\"") && unknown.err.contains("quality"),
        "{}",
        unknown.err
    );
}

#[test]
fn every_programme_dispatches_orders_with_a_day_and_a_code() {
    let desk = Desk::new();
    desk.ok(&words(
        "register h1 --programme handan-2021 --name 某小区 --area congtai --at 2021-01-05",
    ));
    let without = desk.run(&words(
        "order dispatch h1 --to 某街道 --about noise --at 2021-01-06",
    ));
    assert_eq!(without.code, 1);
    assert_eq!(
        without.err.trim(),
        "请用 --due 写明办结期限:流程定义没有规定派单的办理天数"
    );
    desk.ok(&words(
        "order dispatch h1 --to 某街道 --about noise --due 2021-01-10 --at 2021-01-06",
    ));
    let stalled = desk.json(&words("stalled --as-of 2021-01-12"));
    assert_eq!(stalled["stalled"][0]["order"], 1);
    // Another programme's facts do not know a lot.
    let bad = desk.run(&words("record h1 works_started lot=A --at 2021-01-06"));
    assert_eq!(bad.code, 1, "{}", bad.err);
}
