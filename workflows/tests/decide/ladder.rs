use anju_workflows::project::decide::CommandError;
use anju_workflows::project::escalation::{due_step, next_step_day};
use anju_workflows::project::event::StepKey;
use anju_workflows::project::{Command, ProjectEvent};
use serde_json::json;

use super::scene::{Scene, advance, day};

fn due(scene: &Scene, on: &str) -> Option<(u32, Vec<u32>)> {
    due_step(&scene.definition, &scene.calendar, scene.state(), day(on))
        .map(|step| (step.key.step, step.superseded))
}

fn take(scene: &mut Scene, on: &str) -> anju_engine::event::EventId {
    let key = due_step(&scene.definition, &scene.calendar, scene.state(), day(on))
        .unwrap()
        .key;
    scene.given(on, &Command::Escalate { key })
}

#[test]
fn each_step_falls_due_on_its_day_and_is_taken_once() {
    let mut scene = Scene::handan_in("approval");
    // Due on Sunday 31 January 2021: five working days before it is Monday the 25th.
    assert_eq!(due(&scene, "2021-01-24"), None);
    assert_eq!(due(&scene, "2021-01-25"), Some((0, vec![])));
    take(&mut scene, "2021-01-25");
    assert_eq!(due(&scene, "2021-01-31"), None);
    assert_eq!(due(&scene, "2021-02-01"), Some((1, vec![])));
    take(&mut scene, "2021-02-01");
    assert_eq!(due(&scene, "2021-02-01"), None);
}

#[test]
fn after_downtime_only_the_highest_due_step_is_taken_and_the_lower_are_recorded_as_superseded() {
    let mut scene = Scene::handan_in("approval");
    assert_eq!(due(&scene, "2021-02-25"), Some((3, vec![0, 1, 2])));
    take(&mut scene, "2021-02-25");
    let taken: Vec<(u32, bool)> = scene
        .state()
        .steps
        .iter()
        .map(|s| (s.key.step, s.superseded))
        .collect();
    assert_eq!(taken, [(0, true), (1, true), (2, true), (3, false)]);
    assert_eq!(due(&scene, "2021-02-25"), None);
}

#[test]
fn steps_are_counted_in_working_days_over_the_spring_festival() {
    let scene = Scene::handan_in("approval");
    // Ten working days after 31 January 2021: 7 February is a make-up day, 11 to 17 February are off.
    let steps: Vec<String> = ["2021-02-01", "2021-02-05", "2021-02-18"]
        .iter()
        .map(|on| format!("{:?}", due(&scene, on).map(|d| d.0)))
        .collect();
    assert_eq!(steps, ["Some(1)", "Some(2)", "Some(3)"]);
    assert_eq!(due(&scene, "2021-02-17").map(|d| d.0), Some(2));
}

#[test]
fn a_step_asked_for_twice_is_not_due_the_second_time() {
    let mut scene = Scene::handan_in("approval");
    let key = StepKey {
        deadline: "city_review".to_owned(),
        lot: None,
        order: None,
        visit: 1,
        run: 0,
        step: 1,
    };
    scene.given("2021-02-01", &Command::Escalate { key: key.clone() });
    assert_eq!(
        scene.when("2021-02-01", &Command::Escalate { key }),
        Err(CommandError::NotDue)
    );
}

#[test]
fn a_suspended_project_is_left_in_peace() {
    let mut scene = Scene::handan_in("approval");
    scene.given(
        "2021-01-28",
        &Command::Suspend {
            cause: "court".to_owned(),
            note: None,
        },
    );
    assert_eq!(due(&scene, "2021-03-30"), None);
    assert_eq!(
        next_step_day(&scene.definition, &scene.calendar, scene.state()),
        None
    );
}

#[test]
fn an_extension_starts_the_ladder_anew() {
    let mut scene = Scene::handan_in("approval");
    take(&mut scene, "2021-02-01");
    scene.given(
        "2021-02-02",
        &Command::Extend {
            deadline: "city_review".to_owned(),
            due: day("2021-02-26"),
            note: None,
        },
    );
    assert_eq!(due(&scene, "2021-02-02"), None);
    let step = due_step(
        &scene.definition,
        &scene.calendar,
        scene.state(),
        day("2021-03-01"),
    )
    .unwrap();
    assert_eq!((step.key.run, step.key.step), (1, 1));
}

#[test]
fn a_late_fact_that_shows_a_notice_was_wrong_withdraws_it() {
    let mut scene = Scene::handan_in("approval");
    let reminder = take(&mut scene, "2021-02-01");
    // On 3 February the clerk enters what happened in January.
    for (fact, on, fields) in [
        (
            "publicity_posted",
            "2021-01-14",
            json!({"subject": "renovation_plan"}),
        ),
        ("plan_filed", "2021-01-20", json!({})),
        (
            "joint_review_result",
            "2021-01-25",
            json!({"result": "passed"}),
        ),
    ] {
        scene.given_known("2021-02-03", on, &super::scene::record(fact, fields));
    }
    let decision = scene
        .when_known("2021-02-03", "2021-01-26", &advance())
        .unwrap();
    assert_eq!(decision.refusal, None);
    assert!(matches!(
        &decision.events[1].0,
        ProjectEvent::EscalationWithdrawn(withdrawn) if withdrawn.event == reminder
    ));
}

#[test]
fn a_notice_that_was_right_when_it_was_sent_stays() {
    let mut scene = Scene::handan_in("approval");
    take(&mut scene, "2021-02-01");
    for (fact, fields) in [
        ("publicity_posted", json!({"subject": "renovation_plan"})),
        ("plan_filed", json!({})),
        ("joint_review_result", json!({"result": "passed"})),
    ] {
        scene.fact("2021-02-02", fact, fields);
    }
    scene.given("2021-02-20", &advance());
    assert!(scene.state().steps.iter().all(|step| !step.withdrawn));
}

#[test]
fn a_step_is_acknowledged_once() {
    let mut scene = Scene::handan_in("approval");
    let event = take(&mut scene, "2021-02-01");
    let ack = Command::Acknowledge { event, note: None };
    scene.given("2021-02-02", &ack);
    assert_eq!(
        scene.when("2021-02-03", &ack),
        Err(CommandError::StepClosed { event })
    );
}
