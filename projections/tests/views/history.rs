//! One project by both times.

use anju_projections::ViewError;
use anju_projections::timeline::{DecisionOutcome, Replay, ReplayQuery, replay};
use anju_workflows::project::event::ProjectId;
use anju_workflows::project::{Command, Status};
use jiff::civil::{Date, date};
use serde_json::json;

use crate::harness::{World, compound, length, register};

async fn shown(
    world: &World,
    project: &ProjectId,
    as_of: Option<Date>,
    as_known: Option<Date>,
) -> Replay {
    let query = ReplayQuery {
        as_of,
        as_known,
        ..ReplayQuery::default()
    };
    replay(&world.handler, project, &query).await.unwrap()
}

#[tokio::test]
async fn what_happened_by_a_day_and_what_was_known_on_it_differ() {
    let world = World::new().await;
    let project = world.register("P1", register("congtai", vec![])).await;
    world.on_day(date(2021, 3, 10));
    world
        .record(
            &project,
            "survey_completed",
            json!({"households": 90}),
            Some(date(2021, 1, 8)),
        )
        .await;

    let happened = shown(&world, &project, Some(date(2021, 1, 31)), None).await;
    assert_eq!(
        (happened.facts.len(), happened.as_known),
        (1, date(2021, 3, 10))
    );
    let known = shown(
        &world,
        &project,
        Some(date(2021, 1, 31)),
        Some(date(2021, 1, 31)),
    )
    .await;
    assert_eq!(known.facts.len(), 0, "nobody had told the log yet");
    let before = shown(&world, &project, Some(date(2021, 1, 7)), None).await;
    assert_eq!(before.facts.len(), 0);
    // The day itself belongs, on both sides.
    assert_eq!(
        shown(&world, &project, Some(date(2021, 1, 8)), None)
            .await
            .facts
            .len(),
        1
    );
    let that_day = shown(&world, &project, None, Some(date(2021, 3, 10))).await;
    assert_eq!(
        (that_day.facts.len(), that_day.as_of),
        (1, date(2021, 3, 10))
    );
    let day_before = shown(&world, &project, None, Some(date(2021, 3, 9))).await;
    assert_eq!(
        (day_before.facts.len(), day_before.as_of),
        (0, date(2021, 3, 9))
    );
}

#[tokio::test]
async fn a_known_correction_changes_the_past_of_the_fact_it_names() {
    let world = World::new().await;
    let project = world.register("P1", register("congtai", vec![])).await;
    let fact = world
        .record(
            &project,
            "survey_completed",
            json!({"households": 90}),
            None,
        )
        .await;
    world.on_day(date(2021, 2, 1));
    world
        .correct(
            &project,
            fact,
            json!({"households": 95}),
            Some(date(2021, 1, 2)),
        )
        .await;
    world.on_day(date(2021, 2, 5));
    world.void(&project, fact).await;

    let recorded = shown(&world, &project, None, Some(date(2021, 1, 31))).await;
    assert_eq!(recorded.facts[0].fields["households"], 90);
    // The registration is of 4 January; the fact is now of the 2nd.
    let corrected = shown(
        &world,
        &project,
        Some(date(2021, 1, 4)),
        Some(date(2021, 2, 1)),
    )
    .await;
    let fact_shown = &corrected.facts[0];
    assert_eq!(
        (fact_shown.at.as_str(), &fact_shown.fields["households"]),
        ("2021-01-02", &json!(95))
    );
    let correction = &fact_shown.corrected_by[0];
    assert_eq!(
        (
            &correction.before["households"],
            correction.happened.as_deref()
        ),
        (&json!(90), Some("2021-01-02"))
    );
    assert!(!fact_shown.voided);
    let voided = shown(&world, &project, Some(date(2021, 1, 4)), None).await;
    assert!(voided.facts[0].voided && voided.facts[0].voided_by.is_some());
    assert_eq!(voided.facts[0].event, fact);
}

#[tokio::test]
async fn a_fact_that_was_corrected_to_a_later_day_is_left_out_before_it() {
    let world = World::new().await;
    world.on_day(date(2021, 2, 10));
    let mut early = register("congtai", vec![]);
    early.name = "早登记".to_owned();
    let project = crate::harness::id("P1");
    world
        .run(&project, Command::Register(early), Some(date(2021, 1, 1)))
        .await;
    let fact = world
        .record(
            &project,
            "works_started",
            json!({}),
            Some(date(2021, 1, 10)),
        )
        .await;
    world
        .correct(&project, fact, json!({}), Some(date(2021, 2, 1)))
        .await;
    assert_eq!(
        shown(&world, &project, Some(date(2021, 1, 31)), None)
            .await
            .facts
            .len(),
        0
    );
    assert_eq!(
        shown(&world, &project, Some(date(2021, 2, 1)), None)
            .await
            .facts
            .len(),
        1
    );
}

#[tokio::test]
async fn past_decisions_are_shown_as_they_were_made_with_their_figures() {
    let world = World::new().await;
    let views = world.views().await;
    let project = world
        .register("P1", register("congtai", vec![compound("a", Some(319))]))
        .await;
    world
        .record(&project, "survey_completed", json!({}), None)
        .await;
    world.advance(&project).await;
    let asked = world
        .record(
            &project,
            "consultation_result",
            json!({"asked_households": 237}),
            None,
        )
        .await;
    world.on_day(date(2021, 1, 11));
    assert!(world.advance(&project).await.refusal.is_some());
    world
        .correct(&project, asked, json!({"asked_households": 256}), None)
        .await;
    world.on_day(date(2021, 1, 12));
    world.advance(&project).await;
    world.on_day(date(2021, 1, 20));
    world
        .correct(&project, asked, json!({"asked_households": 237}), None)
        .await;

    let history = views
        .replay(&project, &ReplayQuery::default())
        .await
        .unwrap();
    let outcomes: Vec<_> = history
        .decisions
        .iter()
        .map(|d| (d.from.as_str(), d.outcome))
        .collect();
    assert_eq!(
        outcomes,
        [
            ("survey", DecisionOutcome::Accepted),
            ("resident_consultation", DecisionOutcome::Refused),
            ("resident_consultation", DecisionOutcome::Accepted),
        ]
    );
    let refused = &history.decisions[1].requirements[0];
    assert_eq!(
        (refused.rule.as_str(), refused.met),
        ("consulted_80", false)
    );
    assert_eq!(refused.actual["text"], "237/319(74.2%)");
    assert_eq!(
        (&refused.actual["num"], &refused.actual["den"]),
        (&json!(237), &json!(319))
    );
    assert_eq!(refused.required["text"], "≥80%");
    assert!(
        refused
            .source
            .contains("各县(市、区)要征求本小区80%以上居民改造意见")
    );
    assert_eq!(refused.cites, [history.facts[1].position.0]);
    let accepted = &history.decisions[2];
    assert_eq!(
        accepted.requirements[0].actual["text"], "256/319(80.2%)",
        "as it was made"
    );
    assert_eq!(
        (accepted.basis_lost.as_slice(), history.stage.as_str()),
        (&["consulted_80".to_owned()][..], "design")
    );
    assert_eq!(history.facts[1].fields["asked_households"], 237);
    // Before the correction was known, the basis stood.
    let before = shown(&world, &project, None, Some(date(2021, 1, 19))).await;
    assert_eq!(before.decisions[2].basis_lost, Vec::<String>::new());
    assert_eq!(before.facts[1].fields["asked_households"], 256);
}

#[tokio::test]
async fn the_state_of_any_day_is_the_fold_of_what_had_happened() {
    let world = World::new().await;
    let project = world
        .register("P1", register("congtai", vec![compound("a", Some(100))]))
        .await;
    world.bring_to(&project, "approval", date(2021, 1, 4)).await;
    world.on_day(date(2021, 1, 27));
    let cause = "funds".to_owned();
    world
        .run(&project, Command::Suspend { cause, note: None }, None)
        .await;

    let on = async |day: Date| {
        let history = shown(&world, &project, Some(day), None).await;
        (history.stage, history.since, history.status)
    };
    assert_eq!(
        on(date(2021, 1, 10)).await,
        ("survey".into(), date(2021, 1, 4), Status::Active)
    );
    assert_eq!(on(date(2021, 1, 11)).await.0, "resident_consultation");
    assert_eq!(
        on(date(2021, 1, 25)).await,
        ("approval".into(), date(2021, 1, 25), Status::Active)
    );
    assert_eq!(on(date(2021, 1, 27)).await.2, Status::Suspended);
    let now = shown(&world, &project, None, None).await;
    let state = world.state(&project).await;
    assert_eq!(
        (now.revision, now.stage.as_str()),
        (state.revision, state.stage.as_str())
    );
    assert_eq!(now.clock[0].cause.as_deref(), Some("funds"));
    assert_eq!(
        now.position.0,
        world.handler.log().head().await.unwrap().size
    );
    assert_eq!(
        now.facts.len() + now.decisions.len() + now.clock.len() + 1,
        length(&world, &project).await
    );
}

#[tokio::test]
async fn steps_and_open_deadlines_are_those_of_the_day() {
    let world = World::new().await;
    let project = world.register("P1", register("congtai", vec![])).await;
    world.on_day(date(2021, 1, 25));
    world.escalate(&project, date(2021, 1, 25)).await;
    let day_before = shown(&world, &project, Some(date(2021, 1, 24)), None).await;
    assert_eq!(day_before.escalations, []);
    let day = shown(&world, &project, Some(date(2021, 1, 25)), None).await;
    assert_eq!(
        (
            day.escalations[0].name.as_str(),
            &day.escalations[0].superseded
        ),
        ("提醒", &vec![0])
    );
    let first = &day.open_deadlines[0];
    assert_eq!(
        (
            first.rule.as_str(),
            first.overdue_days,
            first.overdue_working_days
        ),
        ("consultation_by_plan", 5, Some(3))
    );
    assert_eq!(day.open_deadlines.last().unwrap().overdue_days, 0);
}

#[tokio::test]
async fn values_are_shown_in_words_of_the_definition() {
    let world = World::new().await;
    let project = world.register("P1", register("congtai", vec![])).await;
    let fields = json!({"amount_fen": 123_450, "households": 3, "form": "maintenance_fund"});
    world
        .record(&project, "resident_contribution", fields, None)
        .await;
    world
        .record(
            &project,
            "acceptance_result",
            json!({"result": "failed", "signers": ["community", "street"]}),
            None,
        )
        .await;
    world
        .record(&project, "unheard_of", json!({"what": "x"}), None)
        .await;
    let history = shown(&world, &project, None, None).await;
    let words = |n: usize| -> Vec<(String, String)> {
        let labels = history.facts[n].labels.iter();
        labels
            .map(|label| (label.name.clone(), label.text.clone()))
            .collect()
    };
    let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    assert_eq!(
        words(0),
        [
            pair("金额", "1234.5元"),
            pair("方式", "维修资金"),
            pair("户数", "3户")
        ]
    );
    assert_eq!(
        words(1),
        [pair("结果", "不合格"), pair("参加并签字", "社区、街道(镇)")]
    );
    assert!(!history.facts[2].declared);
    assert_eq!(history.facts[2].kind, "unheard_of");
    assert_eq!(history.facts[0].unit.as_deref(), Some("丛台区住建局"));
}

#[tokio::test]
async fn a_project_that_is_unknown_or_not_registered_yet_is_named_as_such() {
    let world = World::new().await;
    let project = world.register("P1", register("congtai", vec![])).await;
    let ask = async |project: &ProjectId, as_of: Option<Date>, as_known: Option<Date>| {
        let query = ReplayQuery {
            as_of,
            as_known,
            ..ReplayQuery::default()
        };
        replay(&world.handler, project, &query).await.unwrap_err()
    };
    let nobody = ask(&crate::harness::id("P9"), None, None).await;
    assert!(matches!(nobody, ViewError::UnknownProject(_)), "{nobody}");
    for (as_of, as_known) in [
        (Some(date(2021, 1, 3)), None),
        (None, Some(date(2021, 1, 3))),
    ] {
        let early = ask(&project, as_of, as_known).await;
        assert!(matches!(early, ViewError::NotYet { .. }), "{early}");
    }
}
