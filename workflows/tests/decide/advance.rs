use anju_workflows::project::Command;
use anju_workflows::project::decide::CommandError;
use anju_workflows::requirement::Evidence;
use serde_json::json;

use super::scene::{SANYUAN, Scene, advance, judgements, record, register, unmet};

#[test]
fn a_refusal_names_every_unmet_requirement_with_required_and_actual() {
    let mut scene = Scene::handan_in("resident_consultation");
    scene.fact(
        "2021-01-18",
        "consultation_result",
        json!({"asked_households": 237}),
    );
    let decision = scene.when("2021-01-19", &advance()).unwrap();
    assert_eq!(unmet(&decision), ["consulted_80"]);
    assert_eq!(
        scene.words("2021-01-19", "consulted_80"),
        ("≥80%".to_owned(), "237/319(74.2%)".to_owned())
    );
}

#[test]
fn a_share_that_only_rounds_to_the_threshold_does_not_reach_it() {
    let mut scene = Scene::handan_in("resident_consultation");
    // 80 % of 319 are 255.2.
    scene.fact(
        "2021-01-18",
        "consultation_result",
        json!({"asked_households": 255}),
    );
    assert_eq!(
        unmet(&scene.when("2021-01-19", &advance()).unwrap()),
        ["consulted_80"]
    );
    scene.fact(
        "2021-01-18",
        "consultation_result",
        json!({"asked_households": 256}),
    );
    assert_eq!(scene.when("2021-01-19", &advance()).unwrap().refusal, None);
}

#[test]
fn a_share_without_its_base_is_unmet_and_says_what_is_missing() {
    let mut scene = Scene::new(&super::scene::HANDAN);
    scene.given("2021-01-04", &Command::Register(register("congtai", None)));
    scene.fact("2021-01-05", "survey_completed", json!({}));
    scene.given("2021-01-06", &advance());
    scene.fact(
        "2021-01-10",
        "consultation_result",
        json!({"asked_households": 300}),
    );
    let (_, actual) = scene.words("2021-01-11", "consulted_80");
    assert_eq!(actual, "未登记总户数");
}

#[test]
fn a_survey_supersedes_the_registered_households() {
    let mut scene = Scene::handan();
    scene.fact("2021-01-05", "survey_completed", json!({"households": 400}));
    scene.given("2021-01-06", &advance());
    scene.fact(
        "2021-01-10",
        "consultation_result",
        json!({"asked_households": 300}),
    );
    let (_, actual) = scene.words("2021-01-11", "consulted_80");
    assert_eq!(actual, "300/400(75.0%)");
}

#[test]
fn a_fact_that_happened_after_the_transition_does_not_count_for_it() {
    let mut scene = Scene::handan_in("resident_consultation");
    scene.fact(
        "2021-01-18",
        "consultation_result",
        json!({"asked_households": 300}),
    );
    let backdated = scene
        .when_known("2021-01-20", "2021-01-17", &advance())
        .unwrap();
    assert_eq!(unmet(&backdated), ["consulted_80"]);
}

#[test]
fn publicity_ends_with_its_last_day_and_the_day_of_posting_does_not_count() {
    let mut scene = Scene::handan_in("approval");
    scene.fact(
        "2021-01-14",
        "publicity_posted",
        json!({"subject": "renovation_plan"}),
    );
    assert!(!scene.judged("2021-01-19", "plan_publicised_5_days").met);
    assert!(scene.judged("2021-01-20", "plan_publicised_5_days").met);
}

#[test]
fn a_publicity_taken_down_early_does_not_count() {
    let mut scene = Scene::handan_in("approval");
    scene.fact(
        "2021-01-14",
        "publicity_posted",
        json!({"subject": "renovation_plan"}),
    );
    scene.fact(
        "2021-01-17",
        "publicity_removed",
        json!({"subject": "renovation_plan"}),
    );
    assert!(!scene.judged("2021-01-25", "plan_publicised_5_days").met);
    scene.fact(
        "2021-01-18",
        "publicity_posted",
        json!({"subject": "renovation_plan"}),
    );
    assert!(scene.judged("2021-01-25", "plan_publicised_5_days").met);
}

#[test]
fn procedures_may_come_in_any_order() {
    let mut scene = Scene::handan_in("tender");
    for (on, fact) in [
        ("2021-02-02", "safety_supervision_filing"),
        ("2021-02-03", "construction_permit"),
        ("2021-02-04", "contract_signed"),
        ("2021-02-05", "quality_supervision_filing"),
        ("2021-02-06", "fiscal_review"),
        ("2021-02-07", "project_approval"),
    ] {
        scene.fact(on, fact, json!({}));
    }
    assert_eq!(scene.when("2021-02-08", &advance()).unwrap().refusal, None);
}

#[test]
fn works_that_started_without_a_permit_are_recorded_and_the_claim_is_refused() {
    let mut scene = Scene::handan_in("tender");
    scene.fact("2021-02-10", "works_started", json!({}));
    let decision = scene.when("2021-02-11", &advance()).unwrap();
    assert!(unmet(&decision).contains(&"permit_obtained".to_owned()));
    assert!(
        scene
            .state()
            .facts
            .values()
            .any(|fact| fact.fact == "works_started")
    );
}

#[test]
fn an_unmet_warning_does_not_stop_a_transition_and_is_recorded_with_it() {
    let mut scene = Scene::handan_in("design");
    scene.fact("2021-01-12", "renovation_plan_drafted", json!({}));
    let decision = scene.when("2021-01-13", &advance()).unwrap();
    assert_eq!(decision.refusal, None);
    let warned: Vec<_> = judgements(&decision)
        .into_iter()
        .filter(|j| !j.met)
        .collect();
    assert_eq!(warned.len(), 1);
    assert!(warned[0].warn && warned[0].rule == "design_done");
}

#[test]
fn two_thirds_is_an_exact_fraction() {
    let mut scene = Scene::new(&SANYUAN);
    let mut project = register("sanyuan", Some(200));
    project.area = None;
    project.track = Some("2022-implementation".to_owned());
    scene.given("2022-02-11", &Command::Register(project));
    while scene.state().stage != "resident_consultation" {
        scene.fact("2022-02-12", "survey_completed", json!({}));
        scene.given("2022-02-12", &advance());
    }
    let share = |scene: &Scene| {
        judgements(&scene.when("2022-03-01", &advance()).unwrap())
            .into_iter()
            .find(|j| super::scene::is_share(&j.evidence))
            .unwrap()
    };
    scene.fact(
        "2022-03-01",
        "consultation_result",
        json!({"round": 1, "responded_households": 133}),
    );
    let judged = share(&scene);
    assert!(!judged.met);
    assert!(matches!(&judged.evidence, Evidence::Share { threshold, .. } if threshold == "2/3"));
    scene.fact(
        "2022-03-01",
        "consultation_result",
        json!({"round": 1, "responded_households": 134}),
    );
    assert!(share(&scene).met);
}

#[test]
fn a_transition_cannot_take_effect_before_the_previous_one() {
    let scene = Scene::handan_in("design");
    let error = scene
        .when_known("2021-02-01", "2021-01-10", &advance())
        .unwrap_err();
    assert!(matches!(error, CommandError::BeforePrevious { .. }));
}

#[test]
fn rework_goes_back_only_where_the_programme_says() {
    let scene = Scene::handan_in("approval");
    let back = |to: &str| Command::Return {
        to: to.to_owned(),
        note: None,
    };
    let error = scene.when("2021-02-01", &back("survey")).unwrap_err();
    assert!(
        matches!(&error, CommandError::NoSuchWay { possible, .. } if possible == &["design"]),
        "{error}"
    );
    assert!(scene.when("2021-02-01", &back("design")).is_ok());
}

#[test]
fn a_suspended_project_does_not_advance_until_it_is_resumed() {
    let mut scene = Scene::handan_in("construction");
    scene.given(
        "2021-04-10",
        &Command::Suspend {
            cause: "flood".to_owned(),
            note: None,
        },
    );
    assert_eq!(
        scene.when("2021-04-12", &advance()).unwrap_err(),
        CommandError::NotActive {
            status: "suspended"
        }
    );
    scene.given("2021-04-20", &Command::Resume { note: None });
    assert!(scene.when("2021-04-20", &advance()).is_ok());
}

#[test]
fn a_fact_of_an_undeclared_type_is_kept_and_counts_for_nothing() {
    let mut scene = Scene::handan_in("survey");
    scene.given(
        "2021-01-05",
        &record("lamp_posts_painted", json!({"number": 7})),
    );
    let fact = scene.state().facts.values().next().unwrap();
    assert!(!fact.declared);
    assert_eq!(scene.state().standing_facts().count(), 0);
}

#[test]
fn badly_formed_values_are_all_named_and_nothing_is_recorded() {
    let scene = Scene::handan();
    let error = scene
        .when(
            "2021-01-05",
            &record("survey_completed", json!({"households": -3, "floors": 6})),
        )
        .unwrap_err();
    let CommandError::Fields { problems } = &error else {
        panic!("{error}")
    };
    assert_eq!(problems.len(), 2, "{error}");
}

#[test]
fn a_share_between_two_fields_of_a_fact_is_taken_from_one_fact() {
    let mut scene = Scene::handan_in("construction");
    let survey = scene
        .definition
        .facts
        .get_mut("satisfaction_survey")
        .unwrap();
    for field in survey.fields.values_mut() {
        field.required = false;
    }
    scene.fact(
        "2021-08-01",
        "satisfaction_survey",
        json!({"asked_households": 100, "satisfied_households": 70}),
    );
    // A later, partial entry of the same type does not mix with the figures of the earlier one.
    scene.fact(
        "2021-08-02",
        "satisfaction_survey",
        json!({"asked_households": 80}),
    );
    let (_, actual) = scene.words("2021-08-03", "satisfied_80");
    assert_eq!(actual, "70/100(70.0%)");
}
