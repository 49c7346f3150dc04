use anju_engine::event::{Data, EventId};
use anju_workflows::project::decide::CommandError;
use anju_workflows::project::{Command, ProjectEvent};
use serde_json::json;

use super::scene::{Scene, advance, unmet};

fn correct(event: EventId, fields: serde_json::Value) -> Command {
    Command::Correct {
        event,
        fields: fields.as_object().unwrap().clone(),
        cleared: Vec::new(),
        happened: None,
        note: None,
    }
}

#[test]
fn a_correction_changes_what_the_next_decision_sees() {
    let mut scene = Scene::handan_in("resident_consultation");
    let event = scene.fact(
        "2021-01-18",
        "consultation_result",
        json!({"asked_households": 300}),
    );
    scene.given(
        "2021-01-19",
        &correct(event, json!({"asked_households": 200})),
    );
    assert_eq!(
        unmet(&scene.when("2021-01-19", &advance()).unwrap()),
        ["consulted_80"]
    );
}

#[test]
fn a_correction_under_an_accepted_transition_leaves_the_stage_and_marks_the_basis_as_lost() {
    let mut scene = Scene::handan_in("resident_consultation");
    let event = scene.fact(
        "2021-01-18",
        "consultation_result",
        json!({"asked_households": 300}),
    );
    scene.given("2021-01-19", &advance());
    scene.given(
        "2021-02-01",
        &correct(event, json!({"asked_households": 200})),
    );
    assert_eq!(scene.state().stage, "design");
    assert_eq!(scene.state().basis_lost.len(), 1);
    assert_eq!(scene.state().basis_lost[0].rule, "consulted_80");
}

#[test]
fn a_correction_that_leaves_the_gate_open_loses_no_basis() {
    let mut scene = Scene::handan_in("resident_consultation");
    let event = scene.fact(
        "2021-01-18",
        "consultation_result",
        json!({"asked_households": 300}),
    );
    scene.given("2021-01-19", &advance());
    scene.given(
        "2021-02-01",
        &correct(event, json!({"asked_households": 290})),
    );
    assert!(scene.state().basis_lost.is_empty());
}

#[test]
fn a_void_fact_counts_for_nothing_and_loses_its_basis() {
    let mut scene = Scene::handan_in("resident_consultation");
    let event = scene.fact(
        "2021-01-18",
        "consultation_result",
        json!({"asked_households": 300}),
    );
    scene.given("2021-01-19", &advance());
    let void = Command::Void { event, note: None };
    let decision = scene.when("2021-02-01", &void).unwrap();
    assert!(
        matches!(&decision.events[0].0, ProjectEvent::FactVoided(v) if v.basis_lost.len() == 1)
    );
    scene.given("2021-02-01", &void);
    assert_eq!(
        scene.when("2021-02-02", &void).unwrap_err(),
        CommandError::AlreadyVoid { event }
    );
}

#[test]
fn a_day_is_corrected_like_any_value() {
    let mut scene = Scene::handan_in("resident_consultation");
    let event = scene.fact(
        "2021-01-18",
        "consultation_result",
        json!({"asked_households": 300}),
    );
    let command = Command::Correct {
        event,
        fields: Data::new(),
        cleared: Vec::new(),
        happened: Some("2021-01-25".parse().unwrap()),
        note: None,
    };
    scene.given("2021-01-26", &command);
    let backdated = scene
        .when_known("2021-01-26", "2021-01-20", &advance())
        .unwrap();
    assert_eq!(unmet(&backdated), ["consulted_80"]);
}

#[test]
fn a_correction_that_changes_nothing_is_refused() {
    let mut scene = Scene::handan_in("resident_consultation");
    let event = scene.fact(
        "2021-01-18",
        "consultation_result",
        json!({"asked_households": 300}),
    );
    assert_eq!(
        scene.when(
            "2021-01-19",
            &correct(event, json!({"asked_households": 300}))
        ),
        Err(CommandError::NothingToCorrect)
    );
}
