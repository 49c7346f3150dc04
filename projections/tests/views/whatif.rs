//! Every stored history again, by other rules.

use std::sync::Arc;

use anju_projections::projects::ProjectQuery;
use anju_workflows::calendar::Calendar;
use anju_workflows::definition::{Definition, parse, parse_builtin};
use anju_workflows::project::event::ProjectId;
use anju_workflows::whatif::{Alternative, Outcome, Run, Totals, Verdict, run};
use jiff::civil::date;
use serde_json::json;

use crate::harness::{HANDAN, World, compound, register};

async fn played() -> (World, Vec<ProjectId>) {
    let world = World::new().await;
    let views = world.views().await;
    world.play(&views, async |_| {}).await;
    let list = views.projects(&ProjectQuery::default()).await.unwrap();
    let projects = list.projects.into_iter().map(|row| row.project).collect();
    (world, projects)
}

async fn over(
    world: &World,
    projects: &[ProjectId],
    alternative: Alternative,
) -> (Vec<Outcome>, Totals) {
    let before = world.handler.log().head().await.unwrap().size;
    let (mut outcomes, mut totals) = (Vec::new(), Totals::default());
    let asked = Run {
        handler: world.handler.clone(),
        alternative: Arc::new(alternative),
        projects: projects.to_vec(),
    };
    run(asked, |outcome| {
        totals.add(outcome);
        outcomes.push(outcome.clone());
    })
    .await
    .unwrap();
    let after = world.handler.log().head().await.unwrap().size;
    assert_eq!(before, after, "what if appends nothing");
    let told: Vec<&ProjectId> = outcomes.iter().map(|outcome| &outcome.project).collect();
    assert_eq!(told, projects.iter().collect::<Vec<_>>(), "in their order");
    (outcomes, totals)
}

fn definition(text: &str) -> Option<Arc<Definition>> {
    let parsed = parse(text, "other.yaml", &|_| None).unwrap();
    Some(Arc::new(parsed.definition))
}

#[tokio::test]
async fn by_the_rules_that_were_in_force_nothing_differs() {
    let (world, projects) = played().await;
    let same = parse_builtin(HANDAN).unwrap().definition;
    for alternative in [
        Alternative::default(),
        Alternative {
            definition: Some(Arc::new(same.clone())),
            ..Alternative::default()
        },
        // The same calendar, said explicitly: now every due day and every step is counted again.
        Alternative {
            calendar: Some(Calendar::builtin()),
            ..Alternative::default()
        },
        Alternative {
            definition: Some(Arc::new(same)),
            calendar: Some(Calendar::builtin()),
            ..Alternative::default()
        },
    ] {
        let (outcomes, totals) = over(&world, &projects, alternative).await;
        let differ: Vec<_> = outcomes
            .iter()
            .filter(|outcome| outcome.differs())
            .collect();
        assert!(differ.is_empty(), "{differ:#?}");
        assert_eq!(totals.projects, 12);
        assert!(totals.decisions > 30, "{totals:?}");
    }
}

#[tokio::test]
async fn a_stricter_requirement_is_told_with_both_results_at_the_first_decision_that_differs() {
    let world = World::new().await;
    let project = world
        .register("P1", register("congtai", vec![compound("c1", Some(100))]))
        .await;
    let survey = json!({"households": 100});
    world
        .record(&project, "survey_completed", survey, None)
        .await;
    world.advance(&project).await;
    world
        .record(
            &project,
            "consultation_result",
            json!({"asked_households": 79}),
            None,
        )
        .await;
    assert!(world.advance(&project).await.refusal.is_some());
    world.on_day(date(2021, 1, 6));
    world
        .record(
            &project,
            "consultation_result",
            json!({"asked_households": 85}),
            None,
        )
        .await;
    assert!(world.advance(&project).await.refusal.is_none());

    let at_least = |share: &str| Alternative {
        definition: definition(&format!(
            "extends: handan-2021\nstages:\n  resident_consultation:\n    exit:\n      consulted_80: {{share: {{at_least: {share}}}}}\n"
        )),
        ..Alternative::default()
    };
    let projects = [project];
    let (outcomes, totals) = over(&world, &projects, at_least("90%")).await;
    assert_eq!((totals.would_refuse, totals.would_accept), (1, 0));
    let first = outcomes[0].first.clone().unwrap();
    assert_eq!(
        (first.was, first.would),
        (Verdict::Accepted, Verdict::Refused)
    );
    assert_eq!(first.from, "resident_consultation");
    assert_eq!(first.day, date(2021, 1, 6));
    let rule = &first.rules[0];
    assert_eq!(rule.rule, "consulted_80");
    assert!(rule.was.as_ref().unwrap().met && !rule.would.as_ref().unwrap().met);

    // A laxer one: the refusal would have been none.
    let (outcomes, totals) = over(&world, &projects, at_least("75%")).await;
    assert_eq!((totals.would_refuse, totals.would_accept), (0, 1));
    let first = outcomes[0].first.clone().unwrap();
    assert_eq!(
        (first.was, first.would),
        (Verdict::Refused, Verdict::Accepted)
    );
    assert_eq!(first.day, date(2021, 1, 4));
    assert_eq!(first.rules.len(), 1);
    assert!(!first.rules[0].was.as_ref().unwrap().met);
}

#[tokio::test]
async fn a_later_deadline_takes_steps_away_and_an_earlier_one_brings_some() {
    let (world, projects) = played().await;
    let review = |day: &str| Alternative {
        definition: definition(&format!(
            "extends: handan-2021\nstages:\n  approval:\n    deadlines:\n      city_review: {{due: {{on: {day}}}}}\n"
        )),
        ..Alternative::default()
    };
    let (_, later) = over(&world, &projects, review("2021-06-30")).await;
    assert!(later.steps_not_taken > 0, "{later:?}");
    assert_eq!((later.would_refuse, later.would_accept), (0, 0));
    let (_, earlier) = over(&world, &projects, review("2021-01-21")).await;
    assert!(
        earlier.steps_taken_besides + earlier.steps_for_another_day > 0,
        "{earlier:?}"
    );
}

#[tokio::test]
async fn a_definition_without_a_stage_knows_no_way_through_it() {
    let (world, projects) = played().await;
    let alternative = Alternative {
        definition: definition("extends: handan-2021\nstages:\n  design: null\n"),
        ..Alternative::default()
    };
    let (outcomes, _) = over(&world, &projects, alternative).await;
    let first = outcomes.iter().find_map(|outcome| outcome.first.as_ref());
    let first = first.unwrap();
    assert_eq!(first.would, Verdict::NoWay);
    assert_eq!(first.to, "design");
}
