//! What leaves the house.

use std::collections::BTreeMap;
use std::path::Path;

use anju_engine::event::Position;
use anju_projections::Views;
use anju_projections::notices::{Notice, NoticeKind, spool, spool_new, spooled_position};
use jiff::civil::{Date, date};
use serde_json::json;

use crate::harness::{World, compound, register};

async fn notices(views: &Views) -> Vec<Notice> {
    views.catch_up().await.unwrap();
    views.notices(Position(0), 1_000).await.unwrap()
}

/// Every file of a folder, with its text.
/// The files of a folder with their content; halves that a killed process left beside them do not count.
fn files(folder: &Path) -> BTreeMap<String, String> {
    std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            (name, std::fs::read_to_string(entry.path()).unwrap())
        })
        .filter(|(name, _)| !name.ends_with(".part"))
        .collect()
}

async fn urged(world: &World, day: Date) -> Notice {
    let views = world.views().await;
    let project = world
        .register("P1", register("congtai", vec![compound("滏东", Some(100))]))
        .await;
    world.on_day(day);
    world.escalate(&project, day).await;
    notices(&views).await.remove(0)
}

#[tokio::test]
async fn an_urging_notice_says_who_what_since_when_and_by_which_words() {
    let world = World::new().await;
    let notice = urged(&world, date(2021, 1, 27)).await;
    assert_eq!(
        (
            notice.form.as_str(),
            notice.step_name.as_str(),
            notice.draft
        ),
        ("催办通知", "催办", false)
    );
    assert_eq!(notice.id, format!("P1.{}", notice.event));
    assert_eq!(
        notice.text_zh,
        "催办通知\n\
         编号:handan-2021/P1/consultation_by_plan-1-0-2\n\
         \n\
         主送:相关县(市、区)政府(管委会)、街道主要负责人\n\
         \n\
         \u{20}   事由:丛台区“congtai改造”项目(P1,涉及小区:滏东小区)现处于摸底调查阶段,\
         按邯郸市2021年城镇老旧小区改造应于2021年1月20日前(含当日)完成“方案阶段内征求意见”;\
         截至2021年1月27日尚未完成,已逾期7天(其中工作日5天)。\n\
         \u{20}   依据:《全市城镇老旧小区改造工作实施方案》:“(一)制定改造提升方案阶段(2021年1月20日前)”\n\
         \u{20}   要求:请立即查明滞后原因,明确整改措施、责任人和完成时限,\
         尽快完成“方案阶段内征求意见”,并在系统中登记办理事实。\n\
         \u{20}   办复期限:请于2021年2月1日前(含当日)书面答复办理情况。\n\
         \n\
         邯郸市人民政府\n\
         2021年1月27日\n"
    );
}

#[tokio::test]
async fn a_step_that_a_human_signs_is_marked_as_a_draft() {
    let world = World::new().await;
    let notice = urged(&world, date(2021, 3, 1)).await;
    assert!(notice.draft);
    assert_eq!(notice.step_name, "约谈");
    assert!(
        notice.text_zh.starts_with("【拟稿,须经签发】\n约谈通知\n"),
        "{}",
        notice.text_zh
    );
}

#[tokio::test]
async fn a_reminder_before_the_due_day_speaks_of_no_delay() {
    let world = World::new().await;
    let notice = urged(&world, date(2021, 1, 13)).await;
    assert_eq!(
        (notice.step_name.as_str(), notice.overdue_days),
        ("预提醒", 0)
    );
    assert!(
        notice.text_zh.contains("期限临近,尚未完成"),
        "{}",
        notice.text_zh
    );
    assert!(!notice.text_zh.contains("逾期"));
}

#[tokio::test]
async fn a_step_that_later_facts_show_to_be_wrong_is_withdrawn_by_a_notice_of_its_own() {
    let world = World::new().await;
    let views = world.views().await;
    let project = world
        .register("P1", register("congtai", vec![compound("a", Some(100))]))
        .await;
    world
        .bring_to(&project, "construction", date(2021, 1, 4))
        .await;
    let today = date(2021, 10, 20);
    world.on_day(today);
    world.escalate(&project, today).await;
    world.on_day(date(2021, 10, 21));
    world
        .record(
            &project,
            "works_finished",
            json!({}),
            Some(date(2021, 9, 20)),
        )
        .await;

    let all = notices(&views).await;
    let kinds: Vec<_> = all.iter().map(|notice| notice.kind).collect();
    assert_eq!(kinds, [NoticeKind::Raised, NoticeKind::Withdrawn]);
    let (raised, withdrawn) = (&all[0], &all[1]);
    assert_eq!(raised.event, withdrawn.event);
    assert_ne!(raised.id, withdrawn.id);
    assert!(raised.position < withdrawn.position);
    assert_eq!(withdrawn.on, date(2021, 10, 21));
    assert!(
        withdrawn.text_zh.contains("关于撤回《"),
        "{}",
        withdrawn.text_zh
    );
    assert!(
        withdrawn.text_zh.contains("2021年10月20日就丛台区"),
        "{}",
        withdrawn.text_zh
    );
    // Asked after the first, only the second is new.
    assert_eq!(views.notices(raised.position, 10).await.unwrap(), all[1..]);
    assert_eq!(views.notices(withdrawn.position, 10).await.unwrap(), []);
    assert_eq!(views.notices(Position(0), 1).await.unwrap(), all[..1]);
}

#[tokio::test]
async fn spooling_again_leaves_the_same_files() {
    let world = World::new().await;
    let views = world.views().await;
    world.play(&views, async |_| {}).await;
    let all = notices(&views).await;
    assert!(all.len() > 20);
    let folder = world.path("out");
    spool(&folder, &all).await.unwrap();
    let once = files(&folder);
    assert_eq!(once.len(), all.len() * 2);
    spool(&folder, &all).await.unwrap();
    assert_eq!(files(&folder), once);
    let notice: Notice = serde_json::from_str(&once[&format!("{}.json", all[0].id)]).unwrap();
    assert_eq!(notice, all[0]);
    assert_eq!(once[&format!("{}.txt", all[0].id)], all[0].text_zh);
}

#[tokio::test]
async fn a_crash_between_the_files_and_the_mark_loses_no_notice() {
    let world = World::new().await;
    let views = world.views().await;
    world.play(&views, async |_| {}).await;
    let all = notices(&views).await;
    let folder = world.path("out");
    let reached = views.position().await.unwrap();

    let spooled = spool_new(&views, &folder).await.unwrap();
    assert_eq!((spooled.written, spooled.position), (all.len(), reached));
    let whole = files(&folder);

    // Killed before the mark, with some files written and one half-written beside its name.
    std::fs::remove_file(folder.join(".spooled")).unwrap();
    for notice in all.iter().skip(3) {
        std::fs::remove_file(folder.join(format!("{}.txt", notice.id))).unwrap();
    }
    std::fs::write(folder.join(format!(".{}.txt.part", all[3].id)), "half").unwrap();
    assert_eq!(spooled_position(&folder).await.unwrap(), Position(0));
    spool_new(&views, &folder).await.unwrap();
    assert_eq!(files(&folder), whole);

    // Nothing new: nothing written, not even what another program has taken away.
    let taken = folder.join(format!("{}.json", all[0].id));
    std::fs::remove_file(&taken).unwrap();
    assert_eq!(spool_new(&views, &folder).await.unwrap().written, 0);
    assert!(!taken.exists());
}

#[tokio::test]
async fn rebuilt_views_spool_the_same_notices() {
    let world = World::new().await;
    let views = world.views().await;
    world.play(&views, async |_| {}).await;
    let before = notices(&views).await;
    views.rebuild().await.unwrap();
    assert_eq!(notices(&views).await, before);
}
