//! A year without a notice: unknown, unless the programme allows a dated assumption.

use anju_workflows::definition::{AssumedDays, AssumedYear, Definition};
use anju_workflows::project::ProjectEvent;
use anju_workflows::project::deadline::open_deadlines;
use serde_json::json;

use super::scene::{HANDAN, Scene, advance, day, register, unmet};
use anju_workflows::project::Command;

/// Handan's plan, whose publicity takes five working days and whose review is due ten working days after the approval
/// was entered; with an assumption for 2027 or without.
fn plan(assumes: bool) -> Definition {
    let mut definition = HANDAN.clone();
    let approval = definition.stages.get_mut("approval").unwrap();
    let publicity = approval.exit.get_mut("plan_publicised_5_days").unwrap();
    publicity.publicity.as_mut().unwrap().kind = anju_workflows::calendar::DayKind::Working;
    let review = approval.deadlines.get_mut("city_review").unwrap();
    review.due = serde_json::from_value(
        json!({"after": {"entered": "approval", "days": 10, "kind": "working"}}),
    )
    .unwrap();
    if assumes {
        definition.assume_calendar.insert(
            "y2027".to_owned(),
            AssumedYear {
                year: 2027,
                days: AssumedDays::Weekdays,
                assumed_on: day("2026-11-20"),
                basis: "通知公布前先按周一至周五计".to_owned(),
            },
        );
    }
    definition
}

/// A project adopted in the approval stage at the end of 2026, with a publicity posted on 30 December.
fn scene(assumes: bool) -> Scene {
    let mut scene = Scene::new(&plan(assumes));
    let mut entered = register("congtai", Some(319));
    entered.adopt = Some("approval".to_owned());
    scene.given("2026-12-28", &Command::Register(entered));
    scene.fact(
        "2026-12-30",
        "publicity_posted",
        json!({"subject": "renovation_plan"}),
    );
    scene
}

fn review(scene: &Scene) -> Option<(String, bool)> {
    open_deadlines(&scene.definition, &scene.calendar, scene.state())
        .into_iter()
        .find(|open| open.id == "city_review")
        .map(|open| (open.due.to_string(), open.assumed))
}

fn assumed_years(scene: &Scene, on: &str) -> Vec<i16> {
    match &scene.when(on, &advance()).unwrap().events[0].0 {
        ProjectEvent::TransitionRefused(asked) | ProjectEvent::TransitionAccepted(asked) => {
            asked.assumed_years.clone()
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn without_an_assumption_a_day_in_a_year_without_a_notice_is_unknown() {
    let scene = scene(false);
    assert_eq!(review(&scene), None);
    let decision = scene.when("2027-02-01", &advance()).unwrap();
    assert!(unmet(&decision).contains(&"plan_publicised_5_days".to_owned()));
    assert_eq!(assumed_years(&scene, "2027-02-01"), Vec::<i16>::new());
}

#[test]
fn what_was_counted_with_an_assumed_year_says_so() {
    let scene = scene(true);
    // 28 December to 11 January by Monday to Friday, the festival not known: ten working days.
    assert_eq!(review(&scene), Some(("2027-01-11".to_owned(), true)));
    let decision = scene.when("2027-02-01", &advance()).unwrap();
    assert!(!unmet(&decision).contains(&"plan_publicised_5_days".to_owned()));
    assert_eq!(assumed_years(&scene, "2027-02-01"), [2027]);
}

#[test]
fn what_needs_no_assumed_year_is_not_marked() {
    let mut scene = Scene::new(&plan(true));
    let mut entered = register("congtai", Some(319));
    entered.adopt = Some("approval".to_owned());
    scene.given("2026-03-02", &Command::Register(entered));
    let (_, assumed) = review(&scene).unwrap();
    assert!(!assumed);
    assert_eq!(assumed_years(&scene, "2026-04-01"), Vec::<i16>::new());
}

#[test]
fn the_notice_puts_an_end_to_the_assumption() {
    let mut scene = scene(true);
    let mut definition = scene.calendar.definition().clone();
    let mut notice = definition.notices.last().unwrap().clone();
    notice.year = 2027;
    notice.title = "测试用通知(2027年)".to_owned();
    notice.holidays =
        serde_json::from_value(json!([{"name": "元旦", "rest": ["2027-01-01"]}])).unwrap();
    definition.notices.push(notice);
    scene.calendar = anju_workflows::calendar::Calendar::from_definition(definition).unwrap();
    // New Year's Day is off now: one working day later, and certain.
    assert_eq!(review(&scene), Some(("2027-01-12".to_owned(), false)));
    assert_eq!(assumed_years(&scene, "2027-02-01"), Vec::<i16>::new());
}
