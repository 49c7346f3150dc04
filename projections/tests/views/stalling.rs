//! Which projects are past their day.

use std::collections::BTreeMap;

use anju_projections::Views;
use anju_projections::escalations::EscalationQuery;
use anju_projections::stalls::{Lamp, StallQuery, Stalled};
use anju_workflows::calendar::Calendar;
use anju_workflows::project::Command;
use jiff::civil::{Date, date};

use crate::harness::{HANDAN, World, register, weeks_after};

async fn stalled(views: &Views, day: Date) -> Stalled {
    views.catch_up().await.unwrap();
    let query = StallQuery {
        as_of: Some(day),
        ..StallQuery::default()
    };
    views.stalled(&query).await.unwrap()
}

fn ids(answer: &Stalled) -> Vec<&str> {
    answer
        .stalled
        .iter()
        .map(|stall| stall.project.as_str())
        .collect()
}

#[tokio::test]
async fn a_project_is_stalled_from_the_day_after_its_due_day() {
    let world = World::new().await;
    let views = world.views().await;
    world.register("P1", register("congtai", vec![])).await;
    assert_eq!(
        ids(&stalled(&views, date(2021, 1, 20)).await),
        Vec::<&str>::new()
    );
    let answer = stalled(&views, date(2021, 1, 21)).await;
    let stall = &answer.stalled[0];
    assert_eq!(
        (stall.due, stall.overdue_days, stall.overdue_working_days),
        (date(2021, 1, 20), 1, Some(1))
    );
    assert_eq!(stall.rule, "consultation_by_plan");
    assert_eq!(
        (stall.rule_name.as_str(), stall.rule_stage.as_str()),
        ("方案阶段内征求意见", "resident_consultation")
    );
    assert_eq!(
        stall.rule_source,
        "(一)制定改造提升方案阶段(2021年1月20日前)"
    );
    assert_eq!(
        (stall.stage.as_str(), stall.stage_name.as_str()),
        ("survey", "摸底调查")
    );
    assert_eq!(
        (stall.since, stall.area_name.as_deref()),
        (date(2021, 1, 4), Some("丛台区"))
    );
    assert_eq!(stall.responsible, ["相关县(市、区)政府(管委会)"]);
    assert_eq!(
        (stall.lamp, stall.late_at_adoption),
        (Some(Lamp::Yellow), false)
    );
    assert_eq!(stall.other_overdue, ["plan_fixed"]);
}

#[tokio::test]
async fn lamps_count_working_days_and_the_most_overdue_stand_first() {
    let world = World::new().await;
    let views = world.views().await;
    world.register("P2", register("congtai", vec![])).await;
    world.register("P1", register("congtai", vec![])).await;
    let later = world.register("P0", register("congtai", vec![])).await;
    let day = world.bring_to(&later, "approval", date(2021, 1, 4)).await;
    assert_eq!(day, date(2021, 1, 25));
    // 20 January was a Wednesday: ten working days later it is 3 February.
    let answer = stalled(&views, date(2021, 2, 2)).await;
    assert_eq!(ids(&answer), ["P1", "P2", "P0"]);
    let lamps: Vec<_> = answer.stalled.iter().map(|stall| stall.lamp).collect();
    assert_eq!(lamps, [Some(Lamp::Yellow); 3]);
    let answer = stalled(&views, date(2021, 2, 3)).await;
    assert_eq!(answer.stalled[0].lamp, Some(Lamp::Red));
    // A weekend after the due day is overdue, but by no working day.
    let sunday = stalled(&views, date(2021, 1, 31)).await;
    assert_eq!(ids(&sunday), ["P1", "P2"]);
}

#[tokio::test]
async fn days_that_the_calendar_does_not_know_are_null_and_so_is_a_lamp_that_counts_them() {
    let world = World::new().await;
    let views = world.views().await;
    world.register("P1", register("congtai", vec![])).await;
    let answer = stalled(&views, date(2031, 5, 6)).await;
    let stall = &answer.stalled[0];
    assert_eq!((stall.overdue_working_days, stall.lamp), (None, None));
    assert_eq!(stall.overdue_days, 3758);
    let json = serde_json::to_value(stall).unwrap();
    assert!(json["overdue_working_days"].is_null() && json["lamp"].is_null());
}

#[tokio::test]
async fn a_suspended_project_is_counted_apart_and_not_stalled_and_its_days_move() {
    let world = World::new().await;
    let views = world.views().await;
    let project = world.register("P1", register("congtai", vec![])).await;
    world.on_day(date(2021, 1, 15));
    let cause = "winter".to_owned();
    world
        .run(&project, Command::Suspend { cause, note: None }, None)
        .await;
    let answer = stalled(&views, date(2021, 3, 1)).await;
    assert_eq!((ids(&answer).len(), answer.suspended), (0, 1));
    assert_eq!(views.due_steps(date(2021, 3, 1), 10).await.unwrap(), []);
    world.on_day(date(2021, 3, 1));
    world
        .run(&project, Command::Resume { note: None }, None)
        .await;
    // 45 days later than 20 January.
    assert_eq!(ids(&stalled(&views, date(2021, 3, 6)).await).len(), 0);
    let answer = stalled(&views, date(2021, 3, 7)).await;
    assert_eq!(
        (answer.stalled[0].due, answer.suspended),
        (date(2021, 3, 6), 0)
    );
}

#[tokio::test]
async fn completed_and_withdrawn_projects_are_never_stalled() {
    let world = World::new().await;
    let views = world.views().await;
    let done = world.register("P1", register("congtai", vec![])).await;
    let left = world.register("P2", register("congtai", vec![])).await;
    world.bring_to(&done, "completed", date(2021, 1, 4)).await;
    world
        .run(&left, Command::Withdraw { note: None }, None)
        .await;
    assert_eq!(
        ids(&stalled(&views, date(2022, 6, 1)).await),
        Vec::<&str>::new()
    );
    assert_eq!(views.due_steps(date(2022, 6, 1), 10).await.unwrap(), []);
}

#[tokio::test]
async fn stalls_are_asked_by_programme_and_by_an_area_with_those_below_it() {
    let world = World::new().await;
    let views = world.views().await;
    world.register("P1", register("congtai", vec![])).await;
    world.register("P2", register("fuxing", vec![])).await;
    views.catch_up().await.unwrap();
    for as_of in [date(2021, 3, 1), date(2021, 1, 1)] {
        let ask = async |programme: Option<&str>, area: Option<&str>| {
            let query = StallQuery {
                as_of: Some(as_of),
                programme: programme.map(str::to_owned),
                area: area.map(str::to_owned),
                ..StallQuery::default()
            };
            views.stalled(&query).await.unwrap().stalled.len()
        };
        let all = if as_of == date(2021, 3, 1) { 2 } else { 0 };
        assert_eq!(ask(None, None).await, all);
        assert_eq!(
            ask(Some(HANDAN), Some("handan")).await,
            all,
            "the city holds its districts"
        );
        assert_eq!(ask(None, Some("fuxing")).await, all / 2);
        assert_eq!(ask(Some("elsewhere"), None).await, 0);
    }
}

#[tokio::test]
async fn a_past_day_is_answered_as_it_was_answered_on_that_day() {
    let world = World::new().await;
    let views = world.views().await;
    let mut then: BTreeMap<Date, Stalled> = BTreeMap::new();
    world
        .play(&views, async |today| {
            let query = StallQuery {
                as_of: Some(today),
                ..StallQuery::default()
            };
            then.insert(today, views.stalled(&query).await.unwrap());
        })
        .await;
    let mut compared = 0;
    for (day, answer) in &then {
        let again = stalled(&views, *day).await;
        assert_eq!(again.stalled, answer.stalled, "{day}");
        assert_eq!(again.suspended, answer.suspended, "{day}");
        compared += answer.stalled.len();
    }
    assert!(compared > 100, "the play must stall: {compared}");
    assert!(then.values().any(|answer| answer.suspended > 0));
}

#[tokio::test]
async fn due_steps_come_from_the_index_longest_due_first_and_only_once_each() {
    let world = World::new().await;
    let views = world.views().await;
    let early = world.register("P1", register("congtai", vec![])).await;
    let late = world.register("P2", register("fuxing", vec![])).await;
    let day = world.bring_to(&late, "approval", date(2021, 1, 4)).await;
    assert_eq!(day, date(2021, 1, 25));
    views.catch_up().await.unwrap();
    // Five working days before the last permitted day.
    assert_eq!(views.due_steps(date(2021, 1, 12), 10).await.unwrap(), []);
    assert_eq!(
        views.due_steps(date(2021, 1, 13), 10).await.unwrap(),
        std::slice::from_ref(&early)
    );
    assert_eq!(
        views.due_steps(day, 10).await.unwrap(),
        [early.clone(), late.clone()]
    );
    assert_eq!(
        views.due_steps(day, 1).await.unwrap(),
        std::slice::from_ref(&early)
    );
    assert_eq!(world.watch(&views, day).await, 2);
    assert_eq!(world.watch(&views, day).await, 0, "taken once");

    // P1 skipped the advance reminder: the reminder stood for it.
    let ledger = views
        .escalations(&EscalationQuery::default())
        .await
        .unwrap();
    assert_eq!((ledger.total.raised, ledger.total.superseded), (2, 1));
    let steps: Vec<_> = ledger
        .by_step
        .iter()
        .map(|step| (step.name.as_str(), step.count.raised, step.count.superseded))
        .collect();
    assert_eq!(steps, [("预提醒", 1, 1), ("提醒", 1, 0)]);
    let areas: Vec<_> = ledger
        .by_area
        .iter()
        .map(|area| (area.name.as_deref(), area.count.raised))
        .collect();
    assert_eq!(areas, [(Some("丛台区"), 1), (Some("复兴区"), 1)]);
    let answer = stalled(&views, day).await;
    assert_eq!(
        (
            answer.stalled[0].highest_step,
            answer.stalled[0].highest_step_name.as_deref()
        ),
        (Some(1), Some("提醒"))
    );
}

#[tokio::test]
async fn acknowledged_and_withdrawn_steps_are_shown_as_such() {
    let world = World::new().await;
    let views = world.views().await;
    let project = world.register("P1", register("congtai", vec![])).await;
    let today = date(2021, 1, 25);
    world.on_day(today);
    let event = world.escalate(&project, today).await;
    world
        .run(&project, Command::Acknowledge { event, note: None }, None)
        .await;
    views.catch_up().await.unwrap();
    let ledger = views
        .escalations(&EscalationQuery::default())
        .await
        .unwrap();
    assert_eq!(ledger.total.acknowledged, 1);
    let step = &ledger.steps[0];
    assert_eq!(
        (step.event, step.acknowledged_on, step.withdrawn_on),
        (event, Some(today), None)
    );
    assert_eq!(
        (step.overdue_days, step.overdue_working_days, step.draft),
        (5, Some(3), false)
    );
    let open = EscalationQuery {
        open: true,
        ..EscalationQuery::default()
    };
    assert_eq!(views.escalations(&open).await.unwrap().steps, []);

    // An extension starts the ladder anew: no step of the old run counts.
    let extend = Command::Extend {
        deadline: "consultation_by_plan".to_owned(),
        due: date(2021, 2, 26),
        note: None,
    };
    world.run(&project, extend, None).await;
    let answer = stalled(&views, weeks_after(today, 1)).await;
    assert_eq!(
        (
            answer.stalled[0].rule.as_str(),
            answer.stalled[0].highest_step
        ),
        ("plan_fixed", None)
    );
}

#[tokio::test]
async fn a_new_calendar_moves_the_days_of_projects_that_nobody_touches() {
    let world = World::new().await;
    let views = world.views().await;
    let project = world.register("P1", register("congtai", vec![])).await;
    views.catch_up().await.unwrap();
    assert_eq!(
        views.due_steps(date(2021, 1, 13), 10).await.unwrap(),
        std::slice::from_ref(&project)
    );
    // Without the notice for 2021 its working days are unknown, and with them every step's day.
    let older = Calendar::builtin().version_as_known(date(2020, 6, 1));
    world
        .handler
        .publish_calendar(&older, &world.request(None, "system"))
        .await
        .unwrap();
    views.catch_up().await.unwrap();
    assert_eq!(views.due_steps(date(2021, 12, 31), 10).await.unwrap(), []);
    let answer = stalled(&views, date(2021, 2, 10)).await;
    assert_eq!(answer.stalled[0].overdue_working_days, None);
    world
        .handler
        .publish_calendar(&Calendar::builtin(), &world.request(None, "system"))
        .await
        .unwrap();
    views.catch_up().await.unwrap();
    assert_eq!(
        views.due_steps(date(2021, 1, 13), 10).await.unwrap(),
        [project]
    );
}

#[tokio::test]
async fn pages_put_together_are_the_whole_list_and_counts_are_over_all_of_it() {
    let world = World::new().await;
    let views = world.views().await;
    for (n, area) in ["congtai", "fuxing", "congtai", "fuxing", "congtai"]
        .iter()
        .enumerate()
    {
        world.on_day(weeks_after(date(2021, 1, 4), (n / 2) as i64));
        world
            .register(&format!("P{n}"), register(area, vec![]))
            .await;
    }
    // By what the views hold, and from the histories.
    for as_of in [date(2021, 6, 1), date(2021, 1, 21)] {
        if as_of < date(2021, 6, 1) {
            world.register("P9", register("congtai", vec![])).await;
        }
        let whole = stalled(&views, as_of).await;
        let counted: u64 = whole.counts.iter().map(|count| count.stalled).sum();
        assert_eq!(
            (whole.total, counted),
            (whole.stalled.len() as u64, whole.total),
            "{as_of}"
        );
        for limit in 1..=3 {
            let mut pages = Vec::new();
            for skip in (0..whole.stalled.len()).step_by(limit) {
                let query = StallQuery {
                    as_of: Some(as_of),
                    skip,
                    limit: Some(limit),
                    ..StallQuery::default()
                };
                let page = views.stalled(&query).await.unwrap();
                assert_eq!(
                    (page.total, &page.counts),
                    (whole.total, &whole.counts),
                    "{as_of} {skip}"
                );
                pages.extend(page.stalled);
            }
            assert_eq!(pages, whole.stalled, "{as_of} {limit}");
        }
        for lamp in [Some(Lamp::Green), Some(Lamp::Yellow), Some(Lamp::Red), None] {
            let query = StallQuery {
                as_of: Some(as_of),
                lamp: Some(lamp),
                ..StallQuery::default()
            };
            let some = views.stalled(&query).await.unwrap();
            let expected: Vec<_> = whole
                .stalled
                .iter()
                .filter(|stall| stall.lamp == lamp)
                .cloned()
                .collect();
            assert_eq!(some.stalled, expected, "{as_of} {lamp:?}");
        }
    }
}
