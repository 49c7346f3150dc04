//! The pages in a real browser: the real binary, a real store, headless Chromium. Things are found as a person finds
//! them, by label, name and column title; nothing sleeps, everything waits for what a person would see.

mod driver;

use anju_tests::cli::Desk;
use driver::{Browser, Pages, Screen};
use fantoccini::Locator;
use fantoccini::key::Key;

/// A Handan project in consultation, with 319 households, long past its day.
fn desk() -> Desk {
    let desk = Desk::new();
    desk.ok(&["programme", "publish", "handan-2021"]);
    desk.ok(&[
        "register",
        "p1",
        "--programme",
        "handan-2021",
        "--name",
        "永丰小区",
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

#[tokio::test]
async fn a_supervisor_finds_the_stalled_project_and_whose_turn_it_is() {
    let desk = desk();
    let pages = Pages::of(&desk);
    let browser = Browser::start(Screen::Desk).await;
    browser.open(&pages, "/").await;
    // The style sheet came through its own policy: the bar at the top has its colour.
    assert_eq!(
        browser.colour("header.top", "background-color").await,
        "rgba(23, 64, 109, 1)"
    );
    browser.shows("邯郸市2021年城镇老旧小区改造").await;
    browser.follow("滞后清单").await;
    browser.shows_heading("滞后清单 Stalled projects").await;
    assert_eq!(browser.cell("永丰小区", "灯").await, "红");
    assert!(
        browser
            .cell("永丰小区", "阶段")
            .await
            .starts_with("居民意见征集")
    );
    assert!(
        browser
            .cell("永丰小区", "期限与依据")
            .await
            .starts_with("2021-01-20 方案阶段内征求意见")
    );
    assert_eq!(browser.cell("永丰小区", "责任单位").await, "各县(市、区)");
    browser.follow("永丰小区").await;
    browser.shows_heading("永丰小区").await;
    browser.shows("征求80%以上居民意见").await;
    browser.follow("English").await;
    browser
        .shows("At least 80 % of the households consulted")
        .await;
    browser.follow("Stalled").await;
    // The language stays.
    browser.shows_heading("Stalled projects 滞后清单").await;
    browser.end().await;
}

#[tokio::test]
async fn a_clerk_records_a_fact_by_its_labels_and_sees_it_in_the_timeline() {
    let desk = desk();
    let pages = Pages::of(&desk);
    let browser = Browser::start(Screen::Desk).await;
    browser.open(&pages, "/project/p1").await;
    browser.choose("事实类型", "公示开始").await;
    browser.press("选择").await;
    browser.choose("公示内容", "改造方案").await;
    browser.choose("公示方式", "上墙").await;
    browser.fill("轮次", "1").await;
    browser.fill_day("发生日期", "2021-01-12").await;
    browser.fill("备注", "贴在三个单元门口").await;
    browser.press("登记").await;
    browser.shows("✓ 已登记").await;
    let entry = browser.entry("公示开始").await;
    assert!(entry.contains("2021-01-12"), "{entry}");
    assert!(
        entry.contains("改造方案") && entry.contains("上墙") && entry.contains("1 轮"),
        "{entry}"
    );
    assert!(entry.contains("贴在三个单元门口"), "{entry}");
    assert!(entry.contains("登记晚于发生"), "{entry}");
    // The log says the same to the command line.
    let replay = desk.json(&["replay", "p1"]);
    let fact = replay["facts"].as_array().unwrap().last().unwrap();
    assert_eq!(fact["type"], "publicity_posted");
    assert_eq!(fact["fields"]["subject"], "renovation_plan");
    assert_eq!(fact["actor_role"], "clerk");
    browser.end().await;
}

#[tokio::test]
async fn a_form_filled_in_wrongly_comes_back_with_what_was_typed_and_the_reason_beside_it() {
    let desk = desk();
    let pages = Pages::of(&desk);
    let browser = Browser::start(Screen::Desk).await;
    browser
        .open(&pages, "/project/p1?fact=consultation_result")
        .await;
    browser.fill("征求户数", "很多").await;
    browser.fill("同意户数", "200").await;
    browser.press("登记").await;
    browser.shows("未登记，请改正").await;
    assert_eq!(browser.value("征求户数").await, "很多");
    assert_eq!(browser.value("同意户数").await, "200");
    let described = browser.description("征求户数").await;
    assert!(described.contains("应为不小于0的整数"), "{described}");
    browser.fill("征求户数", "237").await;
    browser.press("登记").await;
    browser.shows("✓ 已登记").await;
    assert!(browser.entry("征求意见结果").await.contains("237 户"));
    browser.end().await;
}

#[tokio::test]
async fn a_transition_asked_for_too_early_is_refused_with_the_figures() {
    let desk = desk();
    desk.ok(&[
        "record",
        "p1",
        "consultation_result",
        "asked_households=237",
        "--at",
        "2021-01-18",
    ]);
    let pages = Pages::of(&desk);
    let browser = Browser::start(Screen::Desk).await;
    browser.open(&pages, "/project/p1").await;
    browser.press("申请进入下一阶段").await;
    browser.shows("✗ 未予通过").await;
    let done = browser.text("#done").await;
    assert!(
        done.contains("237/319(74.2%)") && done.contains("≥80%"),
        "{done}"
    );
    assert!(
        done.contains("各县(市、区)要征求本小区80%以上居民改造意见"),
        "{done}"
    );
    // Loaded again, the page asks for nothing: the refusal stands once.
    browser.reload().await;
    let refusals = browser.all(".entry.refused").await;
    assert_eq!(refusals, 1);
    browser.end().await;
}

#[tokio::test]
async fn everything_can_be_done_with_the_keyboard_alone_and_the_focus_is_seen() {
    let desk = desk();
    let pages = Pages::of(&desk);
    let browser = Browser::start(Screen::Desk).await;
    browser
        .open(&pages, "/project/p1?fact=consultation_result")
        .await;
    browser.keys(&Key::Tab.to_string()).await;
    assert_eq!(browser.focus().await, "跳到正文");
    browser.tab_to("f-asked_households").await;
    assert_ne!(browser.focus_outline().await, "none");
    browser.keys("300").await;
    browser.tab_to_button("登记").await;
    assert_ne!(browser.focus_outline().await, "none");
    browser.keys(&Key::Enter.to_string()).await;
    browser.shows("✓ 已登记").await;
    browser.tab_to_button("申请进入下一阶段").await;
    browser.keys(&Key::Enter.to_string()).await;
    browser.shows("居民意见征集 → 方案设计").await;
    browser.end().await;
}

#[tokio::test]
async fn no_page_scrolls_sideways_on_a_phone() {
    let desk = desk();
    desk.ok(&[
        "record",
        "p1",
        "consultation_result",
        "asked_households=237",
        "--at",
        "2021-01-18",
    ]);
    let refused = desk.run(&["advance", "p1", "--at", "2021-01-19"]);
    assert_eq!(refused.code, 1);
    let pages = Pages::of(&desk);
    let browser = Browser::start(Screen::Phone).await;
    for path in [
        "/",
        "/?programme=handan-2021",
        "/stalled",
        "/projects",
        "/project/p1",
        "/project/p1?fact=resident_contribution",
        "/project/p1?as_of=2021-01-10",
        "/nothing",
    ] {
        for lang in ["zh", "en"] {
            let join = if path.contains('?') { '&' } else { '?' };
            browser
                .open(&pages, &format!("{path}{join}lang={lang}"))
                .await;
            let (wide, screen) = browser.widths().await;
            assert_eq!(screen, 375, "{path} {lang}");
            assert!(wide <= screen, "{path} {lang}: {wide} px wide on {screen}");
        }
    }
    // Every value of a card is named by its column.
    browser.open(&pages, "/stalled?lang=zh").await;
    assert!(
        browser
            .find(Locator::Css("td[data-label='责任单位']"))
            .await
            .is_displayed()
            .await
            .unwrap()
    );
    browser.end().await;
}
