//! Projects that go over to another version of their programme while the views look on.

use std::collections::BTreeSet;

use anju_projections::Views;
use anju_projections::projects::ProjectQuery;
use anju_projections::stalls::StallQuery;
use anju_projections::timeline::{Replay, ReplayQuery, replay};
use anju_workflows::definition::parse;
use anju_workflows::handler::{Migration, migration_command_id};
use anju_workflows::migration::Mapping;
use anju_workflows::project::deadline::open_deadlines;
use anju_workflows::project::event::ProjectId;
use anju_workflows::project::migrated::DeadlineChoice;
use anju_workflows::project::{Command, ProjectState, Status};
use jiff::civil::{Date, date};

use crate::harness::{HANDAN, World, content, id, register};

/// The next version: a later review, a stricter consultation.
const NEXT: &str = "extends: handan-2021
stages:
  resident_consultation:
    exit:
      consulted_80: {share: {at_least: 90%}}
  approval:
    deadlines:
      city_review: {due: {on: 2021-03-15}}
";

async fn publish_next(world: &World) -> Migration {
    let parsed = parse(NEXT, "next.yaml", &|_| None).unwrap();
    world.publish(&parsed).await;
    let (to, digest) = world
        .handler
        .library()
        .newest_definition(HANDAN)
        .await
        .unwrap();
    assert_eq!(digest, parsed.definition.digest());
    Migration {
        to,
        digest,
        mapping: Mapping::default(),
        note: None,
    }
}

/// Moves a project, with one choice for every deadline it has open.
async fn go_over(
    world: &World,
    state: &ProjectState,
    migration: &Migration,
    choice: DeadlineChoice,
) {
    let bound = &state.registered;
    let library = world.handler.library();
    let definition = library
        .definition(&bound.programme, &bound.definition)
        .await
        .unwrap();
    let calendar = library.calendar().await.unwrap();
    let mut migration = migration.clone();
    migration.mapping.choices = open_deadlines(&definition, &calendar, state)
        .into_iter()
        .map(|open| (open.id, choice))
        .collect();
    let mut request = world.request(None, "clerk");
    request.command_id = migration_command_id(request.command_id, &state.id);
    let outcome = world
        .handler
        .migrate(&state.id, &migration, &request)
        .await
        .unwrap();
    assert_eq!(outcome.events.len(), 1);
    // The same again is the same: nothing new.
    let again = world
        .handler
        .migrate(&state.id, &migration, &request)
        .await
        .unwrap();
    assert!(again.repeated);
    assert_eq!(again.position, outcome.position);
}

async fn all(views: &Views) -> Vec<ProjectId> {
    views.catch_up().await.unwrap();
    let list = views.projects(&ProjectQuery::default()).await.unwrap();
    list.projects.into_iter().map(|row| row.project).collect()
}

#[tokio::test]
async fn views_kept_over_a_migration_equal_views_rebuilt_after_it() {
    let world = World::new().await;
    let views = world.views().await;
    let mut moved = 0;
    world
        .play(&views, async |today| {
            if today == date(2021, 3, 2) {
                let migration = publish_next(&world).await;
                for (n, project) in all(&views).await.iter().enumerate() {
                    let state = world.state(project).await;
                    if matches!(state.status, Status::Completed | Status::Withdrawn) || n % 4 == 3 {
                        continue;
                    }
                    let choice = match n % 2 {
                        0 => DeadlineChoice::Keep,
                        _ => DeadlineChoice::Recompute,
                    };
                    go_over(&world, &state, &migration, choice).await;
                    moved += 1;
                }
                views.catch_up().await.unwrap();
            }
        })
        .await;
    assert!(moved >= 8, "{moved}");
    let kept = content(&world.path("views.db")).await;
    views.rebuild().await.unwrap();
    assert_eq!(content(&world.path("views.db")).await, kept);

    // No step of a ladder was taken twice, before and after the migration together.
    for project in all(&views).await {
        let state = world.state(&project).await;
        let keys: Vec<_> = state.steps.iter().map(|step| &step.key).collect();
        let once: BTreeSet<_> = keys.iter().collect();
        assert_eq!(once.len(), keys.len(), "{project}: {keys:?}");
    }
}

async fn as_of(world: &World, project: &ProjectId, day: Date) -> Replay {
    let query = ReplayQuery {
        as_of: Some(day),
        ..ReplayQuery::default()
    };
    replay(&world.handler, project, &query).await.unwrap()
}

#[tokio::test]
async fn until_the_day_of_the_migration_the_old_rules_are_shown_and_from_then_on_the_new() {
    let world = World::new().await;
    let views = world.views().await;
    let project = world.register("P1", register("congtai", vec![])).await;
    world.bring_to(&project, "approval", date(2021, 1, 5)).await;
    world.on_day(date(2021, 3, 1));
    let migration = publish_next(&world).await;
    // Published is not in force: the project is judged by its own version until it goes over.
    views.catch_up().await.unwrap();
    let stalled = views.stalled(&StallQuery::default()).await.unwrap();
    assert_eq!(stalled.stalled[0].rule, "city_review");
    let state = world.state(&project).await;
    let old = state.registered.definition.clone();
    assert_ne!(old, migration.digest);

    world.on_day(date(2021, 3, 2));
    go_over(&world, &state, &migration, DeadlineChoice::Recompute).await;
    views.catch_up().await.unwrap();
    let stalled = views.stalled(&StallQuery::default()).await.unwrap();
    assert!(stalled.stalled.is_empty(), "{:?}", stalled.stalled);
    let row = &views
        .projects(&ProjectQuery::default())
        .await
        .unwrap()
        .projects[0];
    assert_eq!(row.definition, migration.digest);
    assert_eq!(row.due, Some(date(2021, 3, 15)));

    let review = |replay: &Replay| {
        let open = replay.open_deadlines.iter();
        open.clone()
            .find(|open| open.rule == "city_review")
            .unwrap()
            .due
    };
    let before = as_of(&world, &project, date(2021, 3, 1)).await;
    assert_eq!(before.definition, old);
    assert_eq!(review(&before), date(2021, 1, 31));
    assert!(before.migrations.is_empty());
    let after = as_of(&world, &project, date(2021, 3, 2)).await;
    assert_eq!(after.definition, migration.digest);
    assert_eq!(review(&after), date(2021, 3, 15));
    assert_eq!(after.migrations[0].from, old);
    // What was decided under the old version is told in its words, and cites it.
    let consultation = after
        .decisions
        .iter()
        .find(|decision| decision.from == "resident_consultation")
        .unwrap();
    assert_eq!(consultation.definition, old);
    let rule = &consultation.requirements[0];
    assert_eq!(rule.rule, "consulted_80");
    assert!(
        rule.required["text"].as_str().unwrap().contains("80"),
        "{rule:?}"
    );
}

#[tokio::test]
async fn a_project_that_moved_on_is_decided_again_before_it_goes_over() {
    let world = World::new().await;
    let project = world.register("P1", register("congtai", vec![])).await;
    let migration = publish_next(&world).await;
    let stale = world.state(&project).await;
    world
        .run(&project, Command::Withdraw { note: None }, None)
        .await;
    let refused = world
        .handler
        .migrate(&stale.id, &migration, &world.request(None, "clerk"))
        .await
        .unwrap_err();
    assert!(refused.to_string().contains("withdrawn"), "{refused}");
    let revision = world.state(&id("P1")).await.revision;
    assert_eq!(revision, 1, "nothing was appended");
}
