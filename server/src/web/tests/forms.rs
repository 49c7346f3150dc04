//! What the forms record, and how they come back when they are refused.

use anju_engine::event::Source;
use anju_engine::log::EventLog;
use anju_workflows::project::event::ProjectId;
use sqlx::{Connection, SqliteConnection};

use super::harness::{Answer, Server, options};

const RECORD: &str = "action=\"/project/hd-1/record";
const ADVANCE: &str = "action=\"/project/hd-1/advance";

async fn with_project() -> Server {
    let server = Server::start().await;
    server.register("hd-1", "永丰小区").await;
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
