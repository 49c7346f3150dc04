//! Views that are built anew: each project folded whole, and written once.

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anju_engine::event::{Position, RecordedEvent};
use anju_engine::log::EventLog;
use anju_projections::escalations::EscalationQuery;
use anju_projections::{ViewError, Views, ViewsOptions};
use anju_workflows::calendar::Calendar;
use anju_workflows::definition::parse;
use anju_workflows::handler::Handler;
use anju_workflows::project::Command;
use anju_workflows::project::command::{LotCommand, OrderCommand};
use anju_workflows::project::event::ProjectId;
use anju_workflows::project::lot::LotDeclared;
use jiff::civil::{Date, date};
use serde_json::json;

use crate::harness::{World, compound, content, facts_of, id, register, tamper};

const PARCELS: &str = include_str!("../../../tests/plans/parcels-2024.yaml");

/// As little room as there is: a drawer of few projects, few records at once, and anew from the first record on.
fn cramped(projects_together: usize, bytes_together: usize) -> ViewsOptions {
    ViewsOptions {
        anew_from: 1,
        projects_together,
        bytes_together,
    }
}

async fn opened(path: &Path, handler: &Arc<Handler>, options: ViewsOptions) -> Views {
    Views::open_with(path, handler.clone(), options)
        .await
        .unwrap()
}

/// A year of everything that views are made of, kept batch by batch: calendars published in the middle, corrections,
/// voids, withdrawals, lots, orders, steps of the ladder acknowledged and withdrawn.
async fn everything(world: &World) -> Views {
    let views = world.views().await;
    world
        .publish(&parse(PARCELS, "parcels-2024.yaml", &|_| None).unwrap())
        .await;
    let late = world
        .register("late", register("congtai", vec![compound("late", Some(9))]))
        .await;
    let parcels = id("parcels");
    let (mut week, mut brought) = (0, String::new());
    world
        .play(&views, async |today| {
            week += 1;
            late_week(world, &late, &mut brought, today).await;
            parcels_week(world, &parcels, week).await;
            if week == 9 {
                let older = Calendar::builtin().version_as_known(date(2020, 6, 1));
                publish(world, &older).await;
            }
            if week == 30 {
                publish(world, &Calendar::builtin()).await;
            }
            corrections_week(world, week).await;
            acknowledge(world, &views, week).await;
        })
        .await;
    views.catch_up().await.unwrap();
    let rows = content(&world.path("views.db")).await;
    for (table, what) in [
        ("escalation:", ""),
        ("refusal:", ""),
        ("programme:", "parcels"),
        ("deadline:", "lot/"),
        ("deadline:", "order/"),
        ("project:", "withdrawn"),
    ] {
        let found = |row: &&String| row.starts_with(table) && row.contains(what);
        assert!(rows.iter().any(|row| found(&row)), "{table} {what}");
    }
    let mut states = Vec::new();
    for row in views.projects(&Default::default()).await.unwrap().projects {
        states.push(world.state(&row.project).await);
    }
    let facts = || states.iter().flat_map(|state| state.facts.values());
    let steps = || states.iter().flat_map(|state| &state.steps);
    assert!(facts().any(|fact| fact.voided));
    assert!(facts().any(|fact| fact.corrections > 0));
    assert!(steps().any(|step| step.acknowledged));
    assert!(steps().any(|step| step.withdrawn));
    views
}

async fn publish(world: &World, calendar: &Calendar) {
    world
        .handler
        .publish_calendar(calendar, &world.request(None, "system"))
        .await
        .unwrap();
}

/// A project that was in time and is only said to have been when it has been urged.
async fn late_week(world: &World, late: &ProjectId, brought: &mut String, today: Date) {
    if world.state(late).await.stage != "construction" {
        world.advance(late).await;
    }
    let state = world.state(late).await;
    if state.stage != "construction" {
        if state.stage != *brought {
            world.satisfy(late, &state.stage, None).await;
            brought.clone_from(&state.stage);
        }
    } else if !state.steps.is_empty() && today > date(2021, 10, 25) {
        let finished = Some(date(2021, 9, 20));
        if !state
            .facts
            .values()
            .any(|fact| fact.fact == "works_finished")
        {
            world
                .record(late, "works_finished", json!({}), finished)
                .await;
        }
    }
}

/// A project of parcels: one leaves, one is declared again and again, an order is left open.
async fn parcels_week(world: &World, parcels: &ProjectId, week: u32) {
    let declare = |lot: &str| {
        Command::Lot(LotCommand::Declare(LotDeclared {
            lot: lot.to_owned(),
            name: format!("{lot}标段"),
            households: Some(40),
            buildings: None,
            area_m2: None,
        }))
    };
    let command = match week {
        2 => Command::Register(register_in_parcels()),
        4 => declare("l1"),
        5 => declare("l2"),
        8 => Command::Lot(LotCommand::Withdraw {
            lot: "l2".to_owned(),
            note: None,
        }),
        10 | 20 => Command::Order(OrderCommand::Dispatch {
            to: "丛台区住建局".to_owned(),
            about: "quality".to_owned(),
            due: Some(date(2021, 6, 1)),
            lot: None,
            note: None,
        }),
        _ => return,
    };
    world
        .handler
        .execute(
            parcels,
            Some("parcels-2024"),
            &command,
            &world.request(None, "clerk"),
        )
        .await
        .unwrap();
}

fn register_in_parcels() -> anju_workflows::project::command::Register {
    let mut register = register("congtai", vec![compound("p", Some(80))]);
    (register.area, register.track) = (None, None);
    register
}

/// Facts of the played projects are corrected and voided, now and then.
async fn corrections_week(world: &World, week: u32) {
    let project = id(&format!("handan-2021-P{:02}", week % 12));
    let state = world.state(&project).await;
    let fact = state
        .standing_facts()
        .find(|(_, fact)| fact.fact == "survey_completed")
        .map(|(_, fact)| fact.event);
    let Some(event) = fact else { return };
    let command = if week.is_multiple_of(5) {
        Command::Void { event, note: None }
    } else {
        Command::Correct {
            event,
            fields: [("households".to_owned(), json!(90 + week))]
                .into_iter()
                .collect(),
            cleared: Vec::new(),
            happened: None,
            note: None,
        }
    };
    // Whoever has left is not corrected any more.
    let _ = world.try_run(&project, command, None).await;
}

/// Every third week somebody answers for the newest step.
async fn acknowledge(world: &World, views: &Views, week: u32) {
    if !week.is_multiple_of(3) {
        return;
    }
    let open = EscalationQuery {
        open: true,
        ..EscalationQuery::default()
    };
    views.catch_up().await.unwrap();
    if let Some(step) = views.escalations(&open).await.unwrap().steps.first() {
        let command = Command::Acknowledge {
            event: step.event,
            note: None,
        };
        let _ = world.try_run(&step.project, command, None).await;
    }
}

#[tokio::test]
async fn views_built_anew_equal_views_kept_batch_by_batch_however_little_room_there_is() {
    let world = World::new().await;
    let _kept = everything(&world).await;
    let kept = content(&world.path("views.db")).await;
    let size = world.handler.log().head().await.unwrap().size;
    for (projects, bytes) in [(1, 1), (5, 3_000), (7, 1 << 20), (2_048, 96 << 20)] {
        let path = world.path(&format!("anew-{projects}.db"));
        let views = opened(&path, &world.handler, cramped(projects, bytes)).await;
        assert_eq!(views.catch_up().await.unwrap(), Position(size));
        assert_eq!(content(&path).await, kept, "{projects} projects, {bytes} B");
        // Nothing is left beside it.
        let prefix = format!("anew-{projects}.db.");
        for entry in std::fs::read_dir(world.folder.path()).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            assert!(!name.starts_with(&prefix), "{name}");
        }
        assert_eq!(views.rebuilding(), None);
    }
}

#[tokio::test]
async fn in_whatever_order_the_streams_came_views_built_anew_equal_those_made_batch_by_batch() {
    let world = World::new().await;
    drop(everything(&world).await);
    let log = world.handler.log();
    let events = log.read(Position(1), usize::MAX).await.unwrap();
    let mut streams: BTreeMap<_, VecDeque<RecordedEvent>> = BTreeMap::new();
    for event in events {
        // The first record is the log's own.
        if event.position.0 > 1 {
            let stream = streams.entry(event.stream.clone()).or_default();
            stream.push_back(event);
        }
    }
    assert!(streams.len() > 15, "{}", streams.len());
    for seed in 0..12 {
        let shuffled = World::shuffled(streams.clone(), seed).await;
        let (batches, anew) = (shuffled.path("batches.db"), shuffled.path("anew.db"));
        let options = ViewsOptions {
            anew_from: u64::MAX,
            ..ViewsOptions::default()
        };
        let by_batches = opened(&batches, &shuffled.handler, options).await;
        let reached = by_batches.catch_up().await.unwrap();
        let options = cramped(1 + seed as usize, 1 << (2 * seed));
        let built = opened(&anew, &shuffled.handler, options).await;
        assert_eq!(built.catch_up().await.unwrap(), reached);
        assert_eq!(content(&anew).await, content(&batches).await, "seed {seed}");
    }
}

#[tokio::test]
async fn views_built_anew_from_sqlite_go_on_batch_by_batch_from_where_they_stand() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::on_sqlite(&folder.path().join("log.db")).await;
    let kept = everything(&world).await;
    let path = world.path("anew.db");
    let anew = opened(&path, &world.handler, cramped(3, 4_000)).await;
    anew.catch_up().await.unwrap();
    assert_eq!(content(&path).await, content(&world.path("views.db")).await);

    // What comes then is folded into the states that were written, calendars included.
    world.on_day(date(2022, 4, 1));
    publish(
        &world,
        &Calendar::builtin().version_as_known(date(2021, 1, 1)),
    )
    .await;
    for n in 0..12 {
        let project = id(&format!("handan-2021-P{n:02}"));
        let stage = world.state(&project).await.stage.clone();
        if stage != "completed" {
            for (fact, fields) in facts_of(&stage) {
                let fields = fields.as_object().unwrap().clone();
                let command = Command::Record {
                    fact: fact.to_owned(),
                    fields,
                    documents: Vec::new(),
                    note: None,
                };
                let _ = world.try_run(&project, command, None).await;
            }
        }
    }
    let end = kept.catch_up().await.unwrap();
    assert_eq!(anew.catch_up().await.unwrap(), end);
    assert_eq!(content(&path).await, content(&world.path("views.db")).await);
}

#[tokio::test]
async fn views_that_have_seen_most_of_the_log_are_not_built_anew() {
    let world = World::new().await;
    let views = everything(&world).await;
    drop(views);
    // A row that no batch makes: whoever builds anew loses it.
    let path = world.path("views.db");
    tamper(
        &path,
        "INSERT INTO refusal VALUES (1, 'kept', 'by batches', 1)",
    )
    .await;
    world
        .register("one-more", register("congtai", vec![compound("m", None)]))
        .await;
    let views = opened(&path, &world.handler, cramped(3, 4_000)).await;
    views.catch_up().await.unwrap();
    let rows = content(&path).await;
    assert!(rows.iter().any(|row| row.contains("by batches")));
    assert!(rows.iter().any(|row| row.contains("one-more")));
    views.rebuild().await.unwrap();
    let rows = content(&path).await;
    assert!(!rows.iter().any(|row| row.contains("by batches")));
}

#[tokio::test]
async fn a_rebuild_that_is_dropped_at_any_moment_leaves_the_old_views_and_the_next_one_succeeds() {
    let world = World::new().await;
    drop(everything(&world).await);
    let path = world.path("views.db");
    tamper(&path, "INSERT INTO refusal VALUES (1, 'old', 'row', 1)").await;
    let views = opened(&path, &world.handler, cramped(2, 2_000)).await;
    let old = content(&path).await;
    let (mut polls, mut given_up) = (1, 0);
    // Given up after so many turns of the runtime: each time a little further on, until it gets through.
    loop {
        let mut rebuild = Box::pin(views.rebuild());
        let mut rebuilt = None;
        for _ in 0..polls {
            if let std::task::Poll::Ready(done) = futures_poll(&mut rebuild).await {
                rebuilt = Some(done);
                break;
            }
        }
        drop(rebuild);
        if let Some(done) = rebuilt {
            done.unwrap();
            break;
        }
        let now = content(&path).await;
        // It may have been given up after the switch: then all of it is new.
        assert!(now == old || !now.iter().any(|row| row.contains("'row'")));
        assert_eq!(views.rebuilding(), None);
        assert!(views.position().await.unwrap().0 > 1);
        given_up += 1;
        polls += 1 + polls / 12;
    }
    assert!(given_up > 10, "{given_up}");
    let fresh = world.path("fresh.db");
    let other = opened(&fresh, &world.handler, ViewsOptions::default()).await;
    other.catch_up().await.unwrap();
    assert_eq!(content(&path).await, content(&fresh).await);
}

/// Polls once, and lets everything else of the runtime run in between.
async fn futures_poll<F: Future + Unpin>(future: &mut F) -> std::task::Poll<F::Output> {
    let polled = std::future::poll_fn(|context| {
        std::task::Poll::Ready(std::pin::Pin::new(&mut *future).poll(context))
    })
    .await;
    // The threads of SQLite need their time as well.
    let _ = tokio::task::spawn_blocking(std::thread::yield_now).await;
    polled
}

#[tokio::test]
async fn what_a_killed_process_left_of_a_rebuild_is_removed() {
    let world = World::new().await;
    let path = world.path("views.db");
    let scratch = world.path("views.db.rebuild");
    std::fs::write(&scratch, "half a database").unwrap();
    std::fs::write(world.path("views.db.rebuild.turn"), "").unwrap();
    let views = opened(&path, &world.handler, cramped(1, 1)).await;
    assert!(!scratch.exists());
    std::fs::write(&scratch, "half a database").unwrap();
    assert!(views.rebuild().await.unwrap() > Position(0));
    assert!(!scratch.exists());
    assert!(!world.path("views.db.rebuild.turn").exists());
}

#[tokio::test]
async fn of_two_processes_that_find_much_missing_one_builds_and_the_other_waits_for_it() {
    let world = World::new().await;
    drop(everything(&world).await);
    let kept = content(&world.path("views.db")).await;
    let path = world.path("shared.db");
    let one = opened(&path, &world.handler, cramped(2, 2_000)).await;
    let other = opened(&path, &world.handler, cramped(3, 3_000)).await;
    let (first, second, third) = tokio::join!(one.catch_up(), other.catch_up(), other.rebuild());
    let size = world.handler.log().head().await.unwrap().size;
    assert_eq!(first.unwrap(), Position(size));
    assert_eq!(second.unwrap(), Position(size));
    assert_eq!(third.unwrap(), Position(size));
    assert_eq!(content(&path).await, kept);
}

#[tokio::test]
async fn while_views_are_built_anew_questions_are_answered_from_where_they_stood() {
    let world = World::new().await;
    drop(everything(&world).await);
    let path = world.path("empty.db");
    let views = opened(&path, &world.handler, cramped(2, 2_000)).await;
    // Far behind: whoever must answer at once is not made to wait, and builds nothing.
    let at = views.freshen(Duration::from_secs(60)).await.unwrap();
    assert_eq!(at, Position(0));
    let mut seen = BTreeMap::new();
    {
        let mut building = Box::pin(views.catch_up());
        while futures_poll(&mut building).await.is_pending() {
            let answer = views.freshen(Duration::from_secs(3_600));
            let at = tokio::time::timeout(Duration::from_secs(20), answer).await;
            let at = at.expect("answered at once").unwrap();
            let told = views.rebuilding();
            if let Some(told) = told {
                assert!(told.read <= told.until && told.written <= told.projects);
                // The scratch is no answer.
                assert!(
                    at == Position(0) || told.written == told.projects,
                    "{told:?}"
                );
            }
            *seen.entry((at, told.is_some())).or_insert(0u32) += 1;
        }
    }
    assert!(seen.contains_key(&(Position(0), true)), "{seen:?}");
    assert_eq!(views.rebuilding(), None);
    let size = world.handler.log().head().await.unwrap().size;
    assert_eq!(views.position().await.unwrap(), Position(size));
    // Near the end it brings them up.
    world
        .register("one-more", register("congtai", vec![compound("m", None)]))
        .await;
    let at = views.freshen(Duration::from_secs(60)).await.unwrap();
    assert_eq!(at, Position(size + 1));
}

#[tokio::test]
async fn what_cannot_be_folded_stops_a_rebuild_and_batches_come_as_far_as_they_can() {
    let world = World::new().await;
    let good = world
        .register("good", register("congtai", vec![compound("g", Some(8))]))
        .await;
    let readable = world.handler.log().head().await.unwrap().size;
    unreadable(&world, &good).await;
    let path = world.path("views.db");
    let options = ViewsOptions {
        anew_from: 1,
        ..ViewsOptions::default()
    };
    let views = opened(&path, &world.handler, options).await;
    for _ in 0..2 {
        let stopped = views.catch_up().await.unwrap_err();
        assert!(
            matches!(stopped, ViewError::Unreadable { position, .. } if position.0 == readable + 1),
            "{stopped}"
        );
    }
    assert!(matches!(
        views.rebuild().await,
        Err(ViewError::Unreadable { .. })
    ));
    assert!(!world.path("views.db.rebuild").exists());
}

/// An event of a type that this build does not know, in a project's stream.
async fn unreadable(world: &World, project: &ProjectId) {
    use anju_engine::event::{CommandId, EventId, EventType, NewEvent, OccurredAt};
    use anju_engine::log::{AppendRequest, Expected, StreamAppend};
    let request = world.request(None, "clerk");
    let event = NewEvent {
        id: EventId(request.command_id.0),
        kind: EventType::new("project_moved_to_the_moon").unwrap(),
        schema: 1,
        occurred_at: OccurredAt::on(date(2021, 1, 5)),
        actor: request.actor,
        source: request.source,
        causation: None,
        correlation: None,
        data: Default::default(),
    };
    let append = AppendRequest {
        command_id: CommandId(request.command_id.0),
        request_digest: [1; 32],
        unchanged: Vec::new(),
        appends: vec![StreamAppend {
            stream: project.stream().unwrap(),
            expected: Expected::Any,
            events: vec![event],
        }],
    };
    let log: &Arc<dyn EventLog> = world.handler.log();
    log.append(append).await.unwrap();
}
