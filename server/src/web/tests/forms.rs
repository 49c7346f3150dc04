//! What the forms record, and how they come back when they are refused.

use std::collections::BTreeMap;

use anju_engine::event::Source;
use anju_engine::log::EventLog;
use anju_workflows::definition::parse;
use anju_workflows::project::Command;
use anju_workflows::project::command::{LotCommand, Register};
use anju_workflows::project::event::ProjectId;
use anju_workflows::project::lot::LotDeclared;
use sqlx::{Connection, SqliteConnection};

use crate::app::{actor, sources};

use super::harness::{Answer, Server, options};

const RECORD: &str = "action=\"/project/hd-1/record";
const ADVANCE: &str = "action=\"/project/hd-1/advance";
const ORDER: &str = "action=\"/project/p1/order";
const LOT: &str = "action=\"/project/p1/advance";

/// A plan whose projects have lots and orders.
const PARCELS: &str = include_str!("../../../../tests/plans/parcels-2024.yaml");

async fn with_project() -> Server {
    let server = Server::start().await;
    server.register("hd-1", "永丰小区").await;
    server
}

/// A project of two lots that waits for its residents' opinion.
async fn with_lots() -> Server {
    let server = Server::start().await;
    server.now("2024-05-10T01:00:00Z");
    let parsed = parse(PARCELS, "parcels-2024.yaml", &|_| None).unwrap();
    let own = server.app.request(
        actor("clerk", None, None, None).unwrap(),
        Source::Rule,
        None,
        None,
    );
    server
        .app
        .handler
        .publish_definition(&parsed.definition, &sources(&parsed), &own)
        .await
        .unwrap();
    let lot = |lot: &str, name: &str, households: u64| {
        Command::Lot(LotCommand::Declare(LotDeclared {
            lot: lot.to_owned(),
            name: name.to_owned(),
            households: Some(households),
            buildings: None,
            area_m2: None,
        }))
    };
    let register = Command::Register(Register {
        name: "东片一期".to_owned(),
        area: Some("dong".to_owned()),
        track: None,
        category: None,
        compounds: Vec::new(),
        plan: BTreeMap::new(),
        adopt: None,
        counted: false,
        batch: None,
    });
    let survey = Command::Record {
        fact: "survey_completed".to_owned(),
        fields: serde_json::Map::new(),
        documents: Vec::new(),
        note: None,
    };
    let plan = Some("parcels-2024");
    server.execute("p1", plan, register, "2024-01-10").await;
    server.execute("p1", None, survey, "2024-01-12").await;
    let on = Command::Advance { to: None };
    server.execute("p1", None, on, "2024-01-15").await;
    for lot in [lot("A", "一标段", 120), lot("B", "二标段", 80)] {
        server.execute("p1", None, lot, "2024-01-16").await;
    }
    server
}

/// The id minted for the form that records a fact.
async fn minted(server: &Server, path: &str) -> String {
    server.get(path).await.hidden(RECORD, "form")
}

async fn follow(server: &Server, answer: &Answer) -> Answer {
    assert_eq!(answer.status, 303, "{}", answer.body);
    let to = answer
        .header("location")
        .split('#')
        .next()
        .unwrap()
        .to_owned();
    server.get(&to).await
}

#[tokio::test]
async fn a_fact_recorded_by_its_form_stands_in_the_log_and_in_the_timeline() {
    let server = with_project().await;
    let form = minted(&server, "/project/hd-1?fact=survey_completed").await;
    let before = server.size().await;
    let answer = server
        .post(
            "/project/hd-1/record",
            &[
                ("form", &form),
                ("fact", "survey_completed"),
                ("f.households", "1,319 户"),
                ("f.area_m2", "2.56万"),
                ("f.build_year", ""),
                ("occurred", "2021-03-11"),
                ("note", "社区王主任口头告知"),
            ],
        )
        .await;
    let page = follow(&server, &answer).await;
    assert_eq!(server.size().await, before + 1);
    page.shows("✓ 已登记");
    page.shows(&format!("<a href=\"#p{}\">", before + 1));
    page.shows("<dt>户数</dt><dd>1,319 户</dd>");
    page.shows("<dt>建筑面积</dt><dd>25,600 ㎡</dd>");
    page.shows("备注：社区王主任口头告知");
    let event = &server
        .app
        .log
        .read(anju_engine::event::Position(before + 1), 1)
        .await
        .unwrap()[0];
    assert_eq!(event.data["fields"]["households"], 1319);
    assert_eq!(event.data["fields"]["area_m2"], "25600");
    assert_eq!(event.occurred_at.as_str(), "2021-03-11");
    assert_eq!(event.actor.role, "clerk");
    assert_eq!(event.source, Source::Screen);
    // The log holds the note's digest, not its text.
    assert!(
        !serde_json::to_string(&event.data)
            .unwrap()
            .contains("王主任")
    );
    // Nobody can make the page confirm what is not this project's.
    server.get("/project/hd-1?done=1").await.hides("✓ 已登记");
}

#[tokio::test]
async fn every_type_of_field_has_an_input_that_its_definition_reads() {
    let server = with_project().await;
    let publicity = server
        .get("/project/hd-1?fact=publicity_posted&f.subject=renovation_plan")
        .await;
    publicity.shows("<option value=\"renovation_plan\" selected>改造方案</option>");
    publicity.shows("必填");
    let money = server.get("/project/hd-1?fact=resident_contribution").await;
    money.shows("可写 1234.56、12万元、1.5亿元");
    let form = money.hidden(RECORD, "form");
    let answer = server
        .post(
            "/project/hd-1/record",
            &[
                ("form", &form),
                ("fact", "resident_contribution"),
                ("f.amount_fen", "12.5万元"),
                ("f.form", "maintenance_fund"),
            ],
        )
        .await;
    let page = follow(&server, &answer).await;
    page.shows("<dt>金额</dt><dd>12.5 万元</dd>");
    page.shows("<dt>方式</dt><dd>维修资金</dd>");
    // No day was given: it happened today.
    page.shows("<time>2021-03-20</time>");
}

#[tokio::test]
async fn a_refused_form_comes_back_with_every_problem_and_what_was_typed() {
    let server = with_project().await;
    let form = minted(&server, "/project/hd-1?fact=publicity_posted").await;
    let before = server.size().await;
    let page = server
        .post(
            "/project/hd-1/record",
            &[
                ("form", &form),
                ("fact", "publicity_posted"),
                ("f.subject", ""),
                ("f.round", "第二轮"),
                ("occurred", "昨天"),
                ("note", "贴在单元门口"),
            ],
        )
        .await;
    assert_eq!(page.status, 422);
    assert_eq!(server.size().await, before);
    page.shows("字段“公示内容”必须填写");
    page.shows("字段“轮次”的值“第二轮”不对：应为不小于1的整数");
    page.shows("“昨天”不是日期，应如 2021-03-11");
    page.shows("value=\"第二轮\"");
    page.shows("value=\"昨天\"");
    page.shows("贴在单元门口</textarea>");
    // Each problem is tied to its input.
    page.shows("aria-describedby=\"f-round-error\"");
    page.shows("<a href=\"#f-round\">");
    let future = server
        .post(
            "/project/hd-1/record",
            &[
                ("form", &form),
                ("fact", "works_started"),
                ("occurred", "2021-03-21"),
            ],
        )
        .await;
    assert_eq!(future.status, 422);
    future.shows("日期2021-03-21晚于今天（2021-03-20），尚未发生的事不能登记");
    let personal = server
        .post(
            "/project/hd-1/record",
            &[
                ("form", &form),
                ("fact", "application_filed"),
                ("f.paper", "联系 13812345678"),
            ],
        )
        .await;
    assert_eq!(personal.status, 422);
    personal.shows("含电话或证件号码，不得写入记录");
    let undeclared = server
        .post(
            "/project/hd-1/record",
            &[
                ("form", &form),
                ("fact", "works_started"),
                ("f.invented", "1"),
            ],
        )
        .await;
    assert_eq!(undeclared.status, 422);
    undeclared.shows("invented");
    let unknown = server
        .post(
            "/project/hd-1/record",
            &[("form", &form), ("fact", "no_such_fact")],
        )
        .await;
    assert_eq!(unknown.status, 422);
    assert_eq!(server.size().await, before);
}

#[tokio::test]
async fn a_form_sent_twice_is_recorded_once_and_changed_a_second_time() {
    let server = with_project().await;
    let form = minted(&server, "/project/hd-1").await;
    let before = server.size().await;
    let pairs = [
        ("form", form.as_str()),
        ("fact", "survey_completed"),
        ("f.households", "319"),
        ("note", "第一次入户"),
    ];
    // At the same moment, as an impatient double click does; then once more.
    let (one, two) = tokio::join!(
        server.post("/project/hd-1/record", &pairs),
        server.post("/project/hd-1/record", &pairs)
    );
    let again = server.post("/project/hd-1/record", &pairs).await;
    assert_eq!((one.status, two.status, again.status), (303, 303, 303));
    assert_eq!(server.size().await, before + 1);
    follow(&server, &again)
        .await
        .shows("同一表单此前已登记，没有重复登记。");
    // Gone back to, changed, and sent again, it is another fact.
    let changed = server
        .post(
            "/project/hd-1/record",
            &[
                ("form", &form),
                ("fact", "survey_completed"),
                ("f.households", "320"),
            ],
        )
        .await;
    assert_eq!(changed.status, 303);
    assert_eq!(server.size().await, before + 2);
}

#[tokio::test]
async fn a_transition_asked_for_too_early_is_refused_with_every_unmet_requirement() {
    let server = with_project().await;
    let form = server.get("/project/hd-1").await.hidden(ADVANCE, "form");
    let before = server.size().await;
    let answer = server
        .post(
            "/project/hd-1/advance",
            &[("form", &form), ("occurred", "2021-03-20")],
        )
        .await;
    let page = follow(&server, &answer).await;
    assert_eq!(server.size().await, before + 1);
    page.shows("✗ 未予通过");
    page.shows("摸底调查已完成");
    server
        .record(
            "hd-1",
            "survey_completed",
            serde_json::json!({"households": 319}),
            "2021-03-19",
        )
        .await;
    // The old form again: the answer given then, and nothing more in the log.
    let size = server.size().await;
    let stale = server
        .post(
            "/project/hd-1/advance",
            &[("form", &form), ("occurred", "2021-03-20")],
        )
        .await;
    assert!(stale.header("location").contains("again=1"));
    assert_eq!(server.size().await, size);
    let form = server.get("/project/hd-1").await.hidden(ADVANCE, "form");
    let answer = server
        .post(
            "/project/hd-1/advance",
            &[("form", &form), ("occurred", "2021-03-20")],
        )
        .await;
    let page = follow(&server, &answer).await;
    page.shows("✓ 已登记");
    page.shows("摸底调查 → <b>居民意见征集</b>");
    let state = server
        .app
        .handler
        .load(&ProjectId::new("hd-1").unwrap())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(state.stage, "resident_consultation");
}

#[tokio::test]
async fn a_transition_dated_wrongly_comes_back_with_the_reason() {
    let server = with_project().await;
    let form = server.get("/project/hd-1").await.hidden(ADVANCE, "form");
    let before = server.size().await;
    for (day, reason) in [
        ("2020-12-31", "早于上一次阶段变更"),
        ("2021-03-21", "晚于今天"),
        ("soon", "不是日期"),
    ] {
        let page = server
            .post(
                "/project/hd-1/advance",
                &[("form", &form), ("occurred", day)],
            )
            .await;
        assert_eq!(page.status, 422, "{day}");
        page.shows(reason);
        page.shows(&format!("value=\"{day}\""));
    }
    assert_eq!(server.size().await, before);
}

#[tokio::test]
async fn a_busy_store_says_so_keeps_what_was_typed_and_takes_the_same_form_later() {
    let quick = anju_engine::LogOptions {
        busy_timeout: std::time::Duration::from_millis(100),
        ..options()
    };
    let origin = anju_engine::log::Origin::real("anju.test/busy");
    let server = Server::start_on("127.0.0.1:0", origin, quick).await;
    server.register("hd-1", "永丰小区").await;
    let form = minted(&server, "/project/hd-1").await;
    let pairs = [
        ("form", form.as_str()),
        ("fact", "survey_completed"),
        ("f.households", "319"),
    ];
    let url = format!("sqlite:{}", server.folder.path().join("anju.db").display());
    let mut other = SqliteConnection::connect(&url).await.unwrap();
    sqlx::query("BEGIN IMMEDIATE")
        .execute(&mut other)
        .await
        .unwrap();
    let busy = server.post("/project/hd-1/record", &pairs).await;
    assert_eq!(busy.status, 503);
    assert_eq!(busy.header("retry-after"), "5");
    busy.shows("数据库正忙");
    busy.shows("value=\"319\"");
    sqlx::query("ROLLBACK").execute(&mut other).await.unwrap();
    let before = server.size().await;
    assert_eq!(
        server.post("/project/hd-1/record", &pairs).await.status,
        303
    );
    assert_eq!(server.size().await, before + 1);
}

#[tokio::test]
async fn a_lot_asks_to_pass_by_its_button_and_is_told_what_it_lacks() {
    let server = with_lots().await;
    let page = server.get("/project/p1").await;
    page.shows("一标段");
    page.shows("未登记同意户数");
    let form = page.hidden(LOT, "form");
    let pairs = [
        ("form", form.as_str()),
        ("lot", "A"),
        ("occurred", "2024-05-10"),
    ];
    let answer = server.post("/project/p1/advance", &pairs).await;
    let page = follow(&server, &answer).await;
    page.shows("✗ 未予通过");
    let agreed = serde_json::json!({"agreed_households": 100, "lot": "A"});
    server
        .record("p1", "consultation_result", agreed, "2024-05-09")
        .await;
    let form = server.get("/project/p1").await.hidden(LOT, "form");
    let pairs = [
        ("form", form.as_str()),
        ("lot", "A"),
        ("occurred", "2024-05-10"),
    ];
    let answer = server.post("/project/p1/advance", &pairs).await;
    let page = follow(&server, &answer).await;
    page.shows("✓ 居民意见征集 <time>2024-05-10</time>");
    let unknown = [
        ("form", form.as_str()),
        ("lot", "Z"),
        ("occurred", "2024-05-10"),
    ];
    let refused = server.post("/project/p1/advance", &unknown).await;
    assert_eq!(refused.status, 422);
    refused.shows("没有标段“Z”");
}

#[tokio::test]
async fn an_order_is_dispatched_answered_and_closed_by_its_forms() {
    let server = with_lots().await;
    let send = async |pairs: &[(&str, &str)]| {
        let form = server.get("/project/p1").await.hidden(ORDER, "form");
        let all = [&[("form", form.as_str())], pairs].concat();
        server.post("/project/p1/order", &all).await
    };
    let dispatched = send(&[
        ("action", "dispatch"),
        ("occurred", "2024-05-06"),
        ("to", "第一建筑公司"),
        ("about", "quality"),
        ("lot", "A"),
        ("due", ""),
        ("note", "外墙空鼓"),
    ])
    .await;
    let page = follow(&server, &dispatched).await;
    page.shows("#1 工程质量 → 第一建筑公司");
    page.shows("<time>2024-05-14</time>");
    let answered = send(&[
        ("action", "reply"),
        ("order", "1"),
        ("occurred", "2024-05-08"),
        ("note", "已返工"),
    ])
    .await;
    follow(&server, &answered).await.shows("已返工");
    // Whoever had to act cannot say that it is done.
    let own = send(&[
        ("action", "close"),
        ("order", "1"),
        ("occurred", "2024-05-09"),
        ("unit", "第一建筑公司"),
    ])
    .await;
    assert_eq!(own.status, 422);
    own.shows("须由其他单位核实");
    let closed = send(&[
        ("action", "close"),
        ("order", "1"),
        ("occurred", "2024-05-09"),
        ("unit", "街道办事处"),
    ])
    .await;
    follow(&server, &closed)
        .await
        .shows("已销号 <time>2024-05-09</time>");
}

#[tokio::test]
async fn a_refused_order_comes_back_open_with_everything_that_was_typed() {
    let server = with_lots().await;
    let before = server.size().await;
    let form = server.get("/project/p1").await.hidden(ORDER, "form");
    let refused = server
        .post(
            "/project/p1/order",
            &[
                ("form", &form),
                ("action", "dispatch"),
                ("occurred", "2024-05-07"),
                ("to", "城管局"),
                ("about", "residents"),
                ("lot", "B"),
                ("due", "next week"),
                ("note", "三楼渗水"),
            ],
        )
        .await;
    assert_eq!(refused.status, 422);
    refused.shows("不是日期");
    refused.shows("<details open><summary>新派单");
    refused.shows("name=\"occurred\" type=\"date\" value=\"2024-05-07\"");
    refused.shows("value=\"城管局\"");
    refused.shows("<option value=\"residents\" selected>");
    refused.shows("<option value=\"B\" selected>");
    refused.shows("name=\"due\" type=\"text\" value=\"next week\"");
    refused.shows("三楼渗水</textarea>");
    assert_eq!(server.size().await, before);
}
