//! Yearly batches, carry-over, and the opening balance of a project adopted in mid-course.

use anju_workflows::definition::{Definition, Milestone, parse};
use anju_workflows::project::Command;
use anju_workflows::project::command::{BatchCommand, Register};
use anju_workflows::project::deadline::open_deadlines;
use anju_workflows::project::decide::{BatchError, CommandError};
use anju_workflows::requirement::Evidence;
use serde_json::json;

use super::scene::{Scene, advance, day, record, register, unmet};

fn carry(to: i16) -> Command {
    Command::Batch(BatchCommand::CarryOver {
        to,
        basis: "区政府〔2021〕12号".to_owned(),
        documents: Vec::new(),
        note: None,
    })
}

fn opening(sums: serde_json::Value, milestones: &[(Milestone, &str)]) -> Command {
    Command::Batch(BatchCommand::OpeningBalance {
        sums: serde_json::from_value(sums).unwrap(),
        milestones: milestones
            .iter()
            .map(|(milestone, on)| (*milestone, day(on)))
            .collect(),
        documents: Vec::new(),
        note: None,
    })
}

fn plan() -> Definition {
    parse(
        "extends: standard\nid: town-2021\nname: {zh: 某镇, en: Town}\nyear: {value: 2021}\n\
         stages:\n  construction:\n    deadlines:\n      started_by:\n        name: {zh: 开工, en: Start}\n        \
         due: {on: Y-06-30}\n        met_by: {any_of: [works_started]}\n    exit:\n      paid:\n        \
         name: {zh: 拨付, en: Paid}\n        sum: {of: subsidy_paid.amount_fen, at_least: 1000}\n",
        "town.yaml",
        &|_| None,
    )
    .unwrap()
    .definition
}

/// A project adopted in construction on 4 January 2022.
fn adopted(definition: &Definition) -> Scene {
    let mut scene = Scene::new(definition);
    let command = Command::Register(Register {
        area: None,
        adopt: Some("construction".to_owned()),
        ..register("", Some(100))
    });
    scene.given("2022-01-04", &command);
    scene
}

#[test]
fn a_project_belongs_to_its_programmes_year_until_it_is_carried_over() {
    let mut scene = Scene::handan();
    assert_eq!(scene.state().batch(&scene.definition), Some(2021));
    scene.given("2021-12-31", &carry(2022));
    scene.given("2022-12-31", &carry(2024));
    assert_eq!(scene.state().batch(&scene.definition), Some(2024));
    let years: Vec<i16> = scene
        .state()
        .batches(&scene.definition)
        .iter()
        .map(|batch| batch.year)
        .collect();
    assert_eq!(years, [2021, 2022, 2024]);
}

#[test]
fn each_day_is_credited_to_one_batch() {
    let mut scene = Scene::handan();
    scene.given("2021-12-31", &carry(2022));
    let batches = scene.state().batches(&scene.definition);
    for (on, years) in [
        ("2020-12-01", vec![2021]),
        ("2021-12-31", vec![2021]),
        ("2022-01-01", vec![2022]),
        ("2023-05-01", vec![2022]),
    ] {
        let credited: Vec<i16> = batches
            .iter()
            .filter(|batch| batch.credits(day(on)))
            .map(|batch| batch.year)
            .collect();
        assert_eq!(credited, years, "{on}");
    }
}

#[test]
fn a_project_is_carried_over_to_a_later_year_by_a_paper_while_it_runs() {
    let mut scene = Scene::handan();
    let error = |error| CommandError::Batch(error);
    assert_eq!(
        scene.when("2021-12-31", &carry(2021)),
        Err(error(BatchError::NotLater {
            from: 2021,
            to: 2021,
        }))
    );
    assert_eq!(
        scene.when("2021-12-31", &carry(9999)),
        Err(error(BatchError::BadYear { year: 9999 }))
    );
    let nameless = Command::Batch(BatchCommand::CarryOver {
        to: 2022,
        basis: " ".to_owned(),
        documents: Vec::new(),
        note: None,
    });
    assert!(matches!(
        scene.when("2021-12-31", &nameless),
        Err(CommandError::Fields { .. })
    ));
    scene.given("2021-06-01", &Command::Withdraw { note: None });
    assert!(matches!(
        scene.when("2021-12-31", &carry(2022)),
        Err(CommandError::NotActive { .. })
    ));
}

#[test]
fn an_opening_balance_counts_in_sums_and_meets_the_deadline_of_its_milestone() {
    let plan = plan();
    let mut scene = adopted(&plan);
    let late = open_deadlines(&scene.definition, &scene.calendar, scene.state());
    assert_eq!(late[0].id, "started_by");
    scene.given(
        "2022-01-05",
        &opening(
            json!({"subsidy_paid": {"amount_fen": 800}}),
            &[(Milestone::Started, "2021-05-20")],
        ),
    );
    assert_eq!(
        open_deadlines(&scene.definition, &scene.calendar, scene.state()),
        []
    );
    assert_eq!(scene.state().facts.len(), 0, "a balance is no fact");
    let judgement = scene.judged("2022-01-06", "paid");
    assert!(!judgement.met);
    assert!(
        matches!(&judgement.evidence, Evidence::Sum { actual, .. } if actual == "800"),
        "{judgement:?}"
    );
    assert_eq!(judgement.cites.len(), 1, "the balance is cited");
    scene.fact("2022-01-07", "subsidy_paid", json!({"amount_fen": 200}));
    assert!(scene.judged("2022-01-07", "paid").met);
    // Milestones are claims for counting: the gate still asks for the fact.
    assert!(
        unmet(&scene.when("2022-01-07", &advance()).unwrap()).contains(&"works_started".to_owned())
    );
}

#[test]
fn a_balance_that_replaces_a_higher_one_takes_the_basis_of_what_rested_on_it() {
    let plan = plan();
    let mut scene = adopted(&plan);
    scene.given(
        "2022-01-05",
        &opening(json!({"subsidy_paid": {"amount_fen": 1200}}), &[]),
    );
    scene.given("2022-01-06", &record("works_started", json!({})));
    scene.given("2022-01-07", &record("works_finished", json!({})));
    assert_eq!(scene.when("2022-01-08", &advance()).unwrap().refusal, None);
    scene.given("2022-01-08", &advance());
    scene.given(
        "2022-01-09",
        &opening(json!({"subsidy_paid": {"amount_fen": 1100}}), &[]),
    );
    assert_eq!(scene.state().basis_lost, []);
    scene.given(
        "2022-01-10",
        &opening(json!({"subsidy_paid": {"amount_fen": 900}}), &[]),
    );
    let lost: Vec<&str> = scene
        .state()
        .basis_lost
        .iter()
        .map(|lost| lost.rule.as_str())
        .collect();
    assert_eq!(lost, ["paid"]);
}

#[test]
fn only_an_adopted_project_has_an_opening_balance_and_it_says_something_known() {
    let plan = plan();
    let scene = Scene::handan();
    assert_eq!(
        scene.when(
            "2021-01-05",
            &opening(json!({}), &[(Milestone::Started, "2020-10-01")])
        ),
        Err(CommandError::Batch(BatchError::NotAdopted))
    );
    let scene = adopted(&plan);
    assert_eq!(
        scene.when("2022-01-05", &opening(json!({}), &[])),
        Err(CommandError::Batch(BatchError::Empty))
    );
    for reference in [
        "subsidy_paid.paid",
        "subsidy.amount_fen",
        "joint_review_result.result",
    ] {
        let (fact, key) = reference.split_once('.').unwrap();
        assert!(
            matches!(
                scene.when("2022-01-05", &opening(json!({fact: {key: 1}}), &[])),
                Err(CommandError::Unknown { value, .. }) if value == reference
            ),
            "{reference}"
        );
    }
    assert!(matches!(
        scene.when(
            "2022-01-05",
            &opening(json!({"subsidy_paid": {"amount_fen": -1}}), &[])
        ),
        Err(CommandError::Fields { .. })
    ));
    assert_eq!(
        scene.when(
            "2022-01-05",
            &opening(json!({}), &[(Milestone::Started, "2022-01-06")])
        ),
        Err(CommandError::Batch(BatchError::NotYet {
            day: day("2022-01-06"),
            balance: day("2022-01-05"),
        }))
    );
}
