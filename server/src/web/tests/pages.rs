//! What the pages show.

use anju_engine::event::{CommandId, EventId, EventType, NewEvent, OccurredAt, Revision, Source};
use anju_engine::log::{AppendRequest, EventLog, Expected, StreamAppend};
use anju_workflows::handler::new_command_id;
use anju_workflows::project::Command;
use anju_workflows::project::event::ProjectId;
use anju_workflows::project::fields::parse_day;
use serde_json::{Value, json};
use sqlx::{Connection, SqliteConnection};

use super::harness::Server;

#[tokio::test]
async fn the_first_page_counts_the_projects_of_each_programme() {
    let server = Server::start().await;
    server.register("hd-1", "永丰小区").await;
    server.register("hd-2", "和平小区").await;
    server
        .record("hd-1", "works_started", json!({}), "2021-03-15")
        .await;
    let page = server.get("/").await;
    assert_eq!(page.status, 200);
    page.shows("邯郸市2021年城镇老旧小区改造");
    page.shows("<dt>项目</dt><dd><a href=\"/projects?programme=handan-2021\">2</a>");
    page.shows("<dt>已开工</dt><dd>1<span class=\"sub\">50.0%</span>");
    page.shows("<a href=\"/stalled?programme=handan-2021\">2</a>");
    page.shows("丛台区");
    // What the page reflects: the log's last record.
    page.shows(&format!("<b id=\"position\">{}</b>", server.size().await));
}

/// Records the same fact many times over, past the desk, as an import does at speed.
async fn record_many(server: &Server, project: &str, count: u64) {
    let stream = ProjectId::new(project).unwrap().stream().unwrap();
    let data = json!({"documents": [], "fact": "works_started", "fields": {}});
    let Value::Object(data) = data else {
        panic!("an object");
    };
    let event = |command: CommandId, n: u64| NewEvent {
        id: EventId(uuid::Uuid::from_u128(command.0.as_u128() ^ u128::from(n))),
        kind: EventType::new("fact_recorded").unwrap(),
        schema: 1,
        occurred_at: OccurredAt::on(parse_day("2021-03-15").unwrap()),
        actor: crate::app::actor("clerk", None, None, None).unwrap(),
        source: Source::Screen,
        causation: None,
        correlation: None,
        data: data.clone(),
    };
    let mut last = 0;
    while last < count {
        let more = (count - last).min(500);
        let command_id = new_command_id(anju_engine::clock::Clock::now(&*server.clock));
        let append = StreamAppend {
            stream: stream.clone(),
            expected: Expected::Exactly(Revision(last)),
            events: (0..more).map(|n| event(command_id, n)).collect(),
        };
        let request = AppendRequest {
            command_id,
            request_digest: [1; 32],
            unchanged: Vec::new(),
            appends: vec![append],
        };
        server.app.log.append(request).await.unwrap();
        last += more;
    }
}

#[tokio::test]
async fn while_the_views_are_far_behind_a_page_says_so_and_how_far_it_goes() {
    let server = Server::start().await;
    server.register("hd-1", "永丰小区").await;
    let before = server.get("/").await;
    before.hides("数据更新中");
    let position = server.size().await;

    // Somebody else is writing the views.
    let views = server.folder.path().join("anju.views.db");
    let mut other = SqliteConnection::connect(views.to_str().unwrap())
        .await
        .unwrap();
    sqlx::raw_sql("BEGIN IMMEDIATE")
        .execute(&mut other)
        .await
        .unwrap();
    record_many(&server, "hd-1", 4_500).await;
    let size = server.size().await;
    // Each waits a moment for the views, all of them at once.
    let (first, stalled, projects) = tokio::join!(
        server.get("/"),
        server.get("/stalled?lang=en"),
        server.get("/projects"),
    );
    for page in [&first, &projects] {
        page.shows("数据更新中");
        page.shows(&format!(
            "日志已有 {size} 条记录，本页目前只反映前 {position} 条"
        ));
    }
    stalled.shows(&format!(
        "The log has {size} records; this page reflects the first {position}"
    ));
    stalled.shows("永丰小区");

    sqlx::raw_sql("ROLLBACK").execute(&mut other).await.unwrap();
    other.close().await.unwrap();
    server.app.views().await.unwrap();
    let after = server.get("/").await;
    after.hides("数据更新中");
    after.shows(&format!("<b id=\"position\">{size}</b>"));
}

#[tokio::test]
async fn a_programme_alone_shows_everything_open_and_an_unknown_one_is_not_found() {
    let server = Server::start().await;
    server.register("hd-1", "永丰小区").await;
    let page = server.get("/?programme=handan-2021").await;
    assert_eq!(page.status, 200);
    page.shows("<details open><summary>分区域");
    page.shows("目标");
    let none = server.get("/?programme=nowhere").await;
    assert_eq!(none.status, 404);
    none.shows("没有编号为“nowhere”的改造计划。");
}

#[tokio::test]
async fn the_stalled_list_names_the_days_the_rule_its_source_and_whose_turn_it_is() {
    let server = Server::start().await;
    server.register("hd-1", "永丰小区").await;
    let page = server.get("/stalled").await;
    assert_eq!(page.status, 200);
    page.shows("<a href=\"/project/hd-1\">永丰小区</a>");
    page.shows("<span class=\"lamp lamp-red\">红</span>");
    // From 2021-01-20 to 2021-03-20.
    page.shows("<b>59</b> 天");
    page.shows("工作日 39");
    page.shows("“(一)制定改造提升方案阶段(2021年1月20日前)”");
    page.shows("相关县(市、区)政府(管委会)");
    let yellow = server.get("/stalled?lamp=yellow").await;
    yellow.shows("没有滞后的项目。");
    let earlier = server.get("/stalled?as_of=2021-01-20").await;
    earlier.shows("没有滞后的项目。");
    assert_eq!(server.get("/stalled?as_of=yesterday").await.status, 400);
    assert_eq!(server.get("/stalled?lamp=blue").await.status, 400);
    assert_eq!(server.get("/stalled?page=0").await.status, 400);
    assert_eq!(server.get("/stalled?programme=nowhere").await.status, 404);
}

#[tokio::test]
async fn a_project_is_found_by_name_alias_stage_and_page_by_page() {
    let server = Server::start().await;
    for index in 1..=101 {
        server
            .register(&format!("hd-{index:03}"), &format!("第{index}小区"))
            .await;
    }
    let first = server.get("/projects?programme=handan-2021").await;
    assert_eq!(first.body.matches("href=\"/project/").count(), 100);
    first.shows("href=\"/projects?programme=handan-2021&amp;after=hd-100\"");
    let second = server
        .get("/projects?programme=handan-2021&after=hd-100")
        .await;
    assert_eq!(second.body.matches("href=\"/project/").count(), 1);
    second.shows("/project/hd-101");
    second.hides("下一页");
    let found = server.get("/projects?q=%E7%AC%AC57%E5%B0%8F").await;
    assert_eq!(found.body.matches("href=\"/project/").count(), 1);
    found.shows("/project/hd-057");
    found.shows("value=\"第57小\"");
    let none = server.get("/projects?stage=construction").await;
    none.shows("没有符合条件的项目。");
    assert_eq!(server.get("/projects?status=odd").await.status, 400);
    assert_eq!(server.get("/projects?after=..%2Fodd").await.status, 400);
}

#[tokio::test]
async fn a_project_shows_what_its_next_transition_demands_with_figures_and_source() {
    let server = Server::start().await;
    server.register("hd-1", "永丰小区").await;
    server
        .record(
            "hd-1",
            "survey_completed",
            json!({"households": 319}),
            "2021-01-06",
        )
        .await;
    let moved = server
        .execute("hd-1", None, Command::Advance { to: None }, "2021-01-07")
        .await;
    assert!(moved.refusal.is_none());
    server
        .record(
            "hd-1",
            "consultation_result",
            json!({"asked_households": 237}),
            "2021-01-10",
        )
        .await;
    let page = server.get("/project/hd-1").await;
    assert_eq!(page.status, 200);
    page.shows("征求80%以上居民意见");
    page.shows("实际 <b>237/319(74.2%)</b>");
    page.shows("要求 ≥80%");
    page.shows(
        "“各县(市、区)要征求本小区80%以上居民改造意见,根据居民改造意愿确定具体改造提升方案”",
    );
    page.shows("✗ 1 项条件未满足");
    page.shows("<dt>户数</dt><dd>319 户</dd>");
    // The form that is offered is of the fact that is missing, typed by the definition.
    page.shows("<input type=\"hidden\" name=\"fact\" value=\"consultation_result\">");
    page.shows("name=\"f.asked_households\" type=\"text\" inputmode=\"numeric\"");
    page.shows("name=\"f.asked_households\" type=\"text\" inputmode=\"numeric\" value=\"\"");
    // Recorded long after it happened.
    page.shows("登记晚于发生 69 天");
}

#[tokio::test]
async fn corrections_voids_refusals_and_steps_stand_in_the_timeline() {
    let server = Server::start().await;
    server.register("hd-1", "永丰小区").await;
    let fact = server
        .record(
            "hd-1",
            "survey_completed",
            json!({"households": 300}),
            "2021-01-06",
        )
        .await;
    let wrong = server
        .record("hd-1", "works_started", json!({}), "2021-03-01")
        .await;
    let correction = Command::Correct {
        event: fact.events[0].id,
        fields: serde_json::from_value(json!({"households": 319})).unwrap(),
        cleared: Vec::new(),
        happened: None,
        note: None,
    };
    server.execute("hd-1", None, correction, "2021-03-20").await;
    let void = Command::Void {
        event: wrong.events[0].id,
        note: server.app.note(Some("录错了项目")).await.unwrap(),
    };
    server.execute("hd-1", None, void, "2021-03-20").await;
    server
        .execute("hd-1", None, Command::Advance { to: None }, "2021-03-20")
        .await;
    let refused = server
        .execute("hd-1", None, Command::Advance { to: None }, "2021-03-20")
        .await;
    assert!(refused.refusal.is_some());
    let page = server.get("/project/hd-1").await;
    page.shows("<del>300 户</del> → <ins>319 户</ins>");
    page.shows("后已更正");
    page.shows("已作废");
    page.shows("作废：开工");
    page.shows("备注：录错了项目");
    page.shows("未予通过：居民意见征集 → <b>方案设计</b>");
    page.shows("实际 <b>未登记");
    let newest = page.body.find("未予通过：").unwrap();
    let oldest = page.body.find("纳入改造计划").unwrap();
    assert!(newest < oldest, "the newest stands first");
}

#[tokio::test]
async fn a_past_day_is_shown_as_it_was_known_and_says_so() {
    let server = Server::start().await;
    server.register("hd-1", "永丰小区").await;
    server.now("2021-04-10T01:00:00Z");
    server
        .record("hd-1", "works_started", json!({}), "2021-03-15")
        .await;
    let known = server
        .get("/project/hd-1?as_of=2021-03-20&as_known=2021-04-10")
        .await;
    assert_eq!(known.status, 200);
    known.shows("回放");
    known.shows("开工");
    known.shows("登记晚于发生 26 天");
    known.hides("action=\"/project/hd-1/record");
    let unknown = server.get("/project/hd-1?as_known=2021-03-21").await;
    unknown.hides("登记晚于发生 26 天");
    let before = server.get("/project/hd-1?as_known=2021-03-19").await;
    assert_eq!(before.status, 404);
    before.shows("尚未登记，或日志尚不知道它");
    assert_eq!(server.get("/project/hd-1?as_of=soon").await.status, 400);
}

#[tokio::test]
async fn the_language_is_asked_for_once_and_kept_in_a_cookie() {
    let server = Server::start().await;
    server.register("hd-1", "永丰小区").await;
    let chinese = server.get("/stalled").await;
    chinese.shows("<html lang=\"zh-CN\">");
    chinese.shows("滞后清单 <small lang=\"en\">Stalled projects</small>");
    assert_eq!(chinese.header("set-cookie"), "");
    let english = server.get("/stalled?programme=handan-2021&lang=en").await;
    english.shows("<html lang=\"en\">");
    english.shows("1</b> stalled; 1 projects in all");
    // The other language keeps the question.
    english.shows("href=\"/stalled?programme=handan-2021&amp;lang=zh\"");
    assert!(
        english
            .header("set-cookie")
            .starts_with("anju_lang=en; Path=/;")
    );
    let kept = server
        .ask(
            "GET",
            "/project/hd-1",
            &[("Cookie", "a=b; anju_lang=en")],
            "",
        )
        .await;
    kept.shows("Record a fact");
    let missing = server
        .ask("GET", "/project/none", &[("Cookie", "anju_lang=en")], "")
        .await;
    assert_eq!(missing.status, 404);
    missing.shows("There is no project &quot;none&quot;.");
}

#[tokio::test]
async fn what_is_not_there_is_not_found_in_the_readers_language() {
    let server = Server::start().await;
    for path in [
        "/project/none",
        "/project/%E4%B8%AD",
        "/project/..%2F..%2Fetc",
        "/project/%FF",
        "/nothing",
    ] {
        let page = server.get(path).await;
        assert_eq!(page.status, 404, "{path}");
        page.shows("返回首页");
    }
    let health = server.get("/healthz").await;
    assert_eq!(health.body, format!("ok {}\n", server.size().await));
}

#[tokio::test]
async fn a_simulated_log_is_called_so_on_every_page() {
    let origin = anju_engine::log::Origin::simulated("anju.test/simulated", 7);
    let server = Server::start_on("127.0.0.1:0", origin, super::harness::options()).await;
    server.register("hd-1", "永丰小区").await;
    for path in [
        "/",
        "/stalled",
        "/projects",
        "/project/hd-1",
        "/project/none",
    ] {
        server.get(path).await.shows("<strong>模拟数据</strong>");
    }
}

#[tokio::test]
async fn a_programme_shows_its_stages_as_a_picture_its_rules_in_both_languages_and_its_calendar() {
    let server = Server::start().await;
    let page = server.get("/programme/handan-2021").await;
    assert_eq!(page.status, 200);
    page.shows("<title id=\"machine-title\">邯郸市2021年城镇老旧小区改造：流程图</title>");
    page.shows("<title id=\"windows-title\">邯郸市2021年城镇老旧小区改造：时间安排</title>");
    // The same rule in both languages, whatever the language of the page, with the words it comes from.
    page.shows("<b>征求80%以上居民意见</b>");
    page.shows("≥ 80%");
    page.shows("<th scope=\"col\" lang=\"en\">Requirement</th>");
    page.shows(
        "“各县(市、区)要征求本小区80%以上居民改造意见,根据居民改造意愿确定具体改造提升方案”",
    );
    // The policy of the pages forbids styles in the page: pictures are drawn with attributes.
    page.hides("style=");
    page.hides("<style");
    let english = server.get("/programme/handan-2021?lang=en").await;
    english.shows("<b>征求80%以上居民意见</b>");
    english.shows("The stages");
    assert_eq!(server.get("/programme/nowhere").await.status, 404);
    assert_eq!(server.get("/programme/%2e%2e").await.status, 404);
    assert_eq!(
        server
            .get("/programme/handan-2021?version=000000")
            .await
            .status,
        400
    );
    let progress = server.get("/").await;
    progress.shows("href=\"/programme/handan-2021\"");
}
