//! What a handler decides from memory, and what it makes sure of as it appends. Two openings of one real file stand for
//! two processes.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what cannot go on has failed; the lints know only functions marked as tests"
)]

mod watched;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anju_engine::event::OccurredAt;
use anju_engine::log::Unchanged;
use anju_engine::{
    Actor, AppendRequest, CommandId, CreateOptions, Data, EventId, EventLog, EventType, Expected,
    LogOptions, NewEvent, Origin, Position, Revision, SimulatedClock, Source, SqliteLog,
    StreamAppend, StreamId,
};
use anju_workflows::calendar::Calendar;
use anju_workflows::definition::parse_builtin;
use anju_workflows::handler::{HandleError, Handler, Migration, Outcome, Request};
use anju_workflows::migration::Mapping;
use anju_workflows::project::deadline::all_open;
use anju_workflows::project::event::ProjectId;
use anju_workflows::project::migrated::DeadlineChoice;
use anju_workflows::project::{Command, ProjectState};
use anju_workflows::publish::{
    CALENDAR_STREAM, definition_stream, publish_calendar, publish_definition,
};
use serde_json::{Value, json};
use uuid::Uuid;
use watched::Watched;

const PROGRAMME: &str = "handan-2021";

struct Scene {
    _folder: tempfile::TempDir,
    log: Arc<Watched>,
    handler: Handler,
    clock: Arc<SimulatedClock>,
    next: AtomicU64,
}

fn actor() -> Actor {
    Actor {
        person: None,
        role: "clerk".to_owned(),
        unit: None,
        area: Some("congtai".to_owned()),
    }
}

/// Events that come by no handler, at the end of a stream.
fn raw(id: u128, stream: &StreamId, parts: Vec<(EventType, Data)>) -> AppendRequest {
    let events = parts
        .into_iter()
        .zip(0_u128..)
        .map(|((kind, data), n)| NewEvent {
            id: EventId(Uuid::from_u128(id + n)),
            kind,
            schema: 1,
            occurred_at: "2021-03-01".parse().unwrap(),
            actor: actor(),
            source: Source::Rule,
            causation: None,
            correlation: None,
            data,
        });
    AppendRequest {
        command_id: CommandId(Uuid::from_u128(id)),
        request_digest: [9; 32],
        unchanged: Vec::new(),
        appends: vec![StreamAppend {
            stream: stream.clone(),
            expected: Expected::Any,
            events: events.collect(),
        }],
    }
}

/// A calendar that says the same as that of this build and is another one.
fn calendar(id: u128) -> Calendar {
    let mut definition = Calendar::builtin().definition().clone();
    definition.title.push_str(&format!(" {id}"));
    Calendar::from_definition(definition).unwrap()
}

/// Its publication elsewhere.
fn new_calendar(id: u128) -> AppendRequest {
    let stream = StreamId::new(CALENDAR_STREAM).unwrap();
    raw(id, &stream, publish_calendar(&calendar(id)).unwrap())
}

/// A fact of a project, recorded elsewhere.
fn fact_elsewhere(id: u128, project: &ProjectId) -> AppendRequest {
    let data = json!({"fact": "consultation_result", "fields": {"asked_households": 300}});
    let Value::Object(data) = data else {
        panic!("{data}");
    };
    let kind = EventType::new("fact_recorded").unwrap();
    raw(id, &project.stream().unwrap(), vec![(kind, data)])
}

fn fact() -> Command {
    serde_json::from_value(json!({
        "command": "record", "fact": "consultation_result", "fields": {"asked_households": 319},
    }))
    .unwrap()
}

fn project() -> ProjectId {
    ProjectId::new("p1").unwrap()
}

impl Scene {
    /// A log with a programme, a calendar and a registered project, which the handler has met.
    async fn new(simulated: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("anju.db");
        let clock = Arc::new(SimulatedClock::new("2021-03-11T01:30:00Z".parse().unwrap()));
        let origin = if simulated {
            Origin::simulated("handler-tests", 7)
        } else {
            Origin::real("handler-tests")
        };
        let create = CreateOptions::new(origin);
        let log = SqliteLog::create(&path, create, LogOptions::default(), clock.clone());
        let log = log.await.unwrap();
        let other = SqliteLog::open(&path, LogOptions::default(), clock.clone());
        let log = Arc::new(Watched::new(log, other.await.unwrap()));
        let handler = Handler::new(Arc::clone(&log) as Arc<dyn EventLog>, clock.clone());
        let scene = Self {
            _folder: folder,
            log,
            handler,
            clock,
            next: AtomicU64::new(1),
        };
        let (definition, sources) = programme(1);
        let request = scene.request(Source::Rule);
        scene
            .handler
            .publish_calendar(&Calendar::builtin(), &request)
            .await
            .unwrap();
        let request = scene.request(Source::Rule);
        scene
            .handler
            .publish_definition(&definition, &sources, &request)
            .await
            .unwrap();
        scene.register("p1").await.unwrap();
        scene.log.questions();
        scene.log.sent.lock().unwrap().clear();
        scene
    }

    fn request(&self, source: Source) -> Request {
        let id = self.next.fetch_add(1, Ordering::SeqCst);
        Request {
            command_id: CommandId(Uuid::from_u128(u128::from(id) << 64)),
            actor: actor(),
            source,
            occurred_at: Some("2021-03-01".parse::<OccurredAt>().unwrap()),
        }
    }

    async fn register(&self, id: &str) -> Result<Outcome, HandleError> {
        let command = json!({
            "command": "register", "name": "长江花园", "area": "congtai", "track": "old-compounds",
            "compounds": [{"id": id, "name": "长江花园", "households": 319, "buildings": 7, "area_m2": "24310.5"}],
        });
        let command: Command = serde_json::from_value(command).unwrap();
        let id = ProjectId::new(id).unwrap();
        let request = self.request(Source::Screen);
        self.handler
            .execute(&id, Some(PROGRAMME), &command, &request)
            .await
    }

    /// The project as it is.
    async fn state(&self) -> Arc<ProjectState> {
        self.handler.load(&project()).await.unwrap().unwrap()
    }

    async fn does(&self, command: &Command) -> Result<Outcome, HandleError> {
        let request = self.request(Source::Screen);
        self.handler
            .execute(&project(), None, command, &request)
            .await
    }

    /// For each append that was sent: the revision that the project, and that the calendars were to have, and whether it landed.
    fn sent(&self) -> Vec<(Expected, Option<Revision>, bool)> {
        let sent = self.log.sent.lock().unwrap();
        let calendars = |request: &AppendRequest| {
            let mut all = request.unchanged.iter();
            let calendars = all.find(|other| other.stream.as_str() == CALENDAR_STREAM);
            calendars.unwrap().revision
        };
        sent.iter()
            .map(|(request, landed)| (request.appends[0].expected, calendars(request), *landed))
            .collect()
    }
}

/// A version of the programme.
fn programme(
    version: u32,
) -> (
    anju_workflows::definition::Definition,
    BTreeMap<String, String>,
) {
    let mut definition = parse_builtin(PROGRAMME).unwrap().definition;
    definition.name.zh.push_str(&format!(" {version}"));
    let source = serde_json::to_string(&definition).unwrap();
    (definition, BTreeMap::from([("v.json".to_owned(), source)]))
}

fn at(revision: u64) -> Expected {
    Expected::Exactly(Revision(revision))
}

#[tokio::test]
async fn a_command_on_a_project_that_was_just_met_asks_the_log_nothing() {
    let scene = Scene::new(false).await;
    let first = scene.state().await.revision;
    scene.log.questions();
    for n in 1..=3 {
        let done = scene.does(&fact()).await.unwrap();
        assert_eq!(done.events[0].revision, Revision(first + n));
    }
    assert_eq!(scene.log.questions(), 0);
    let stored = scene.log.read(Position(1), usize::MAX).await.unwrap();
    let state = scene.state().await;
    assert_eq!(state.revision, stored.last().unwrap().revision.0);
    assert_eq!(state.facts.len(), 3);
}

#[tokio::test]
async fn what_another_process_has_done_to_the_project_is_seen_before_a_command_lands() {
    let scene = Scene::new(false).await;
    let first = scene.state().await.revision;
    scene
        .log
        .elsewhere(fact_elsewhere(1 << 32, &project()))
        .await;
    let done = scene.does(&fact()).await.unwrap();
    assert_eq!(done.events[0].revision, Revision(first + 2));
    let expected: Vec<_> = scene.sent().iter().map(|sent| (sent.0, sent.2)).collect();
    assert_eq!(expected, [(at(first), false), (at(first + 1), true)]);
    let state = scene.state().await;
    assert_eq!(state.facts.len(), 2);
}

#[tokio::test]
async fn no_command_lands_under_a_calendar_that_is_no_longer_the_newest() {
    let scene = Scene::new(false).await;
    // Judged by the calendar, and recorded with it, whatever comes of it.
    let advance = Command::Advance { to: None };
    let under = |done: &Outcome| done.events[0].data["calendar"].as_str().unwrap().to_owned();
    let first = scene.does(&advance).await.unwrap();
    assert_eq!(under(&first), Calendar::builtin().digest());
    let [(_, Some(Revision(known)), true)] = scene.sent()[..] else {
        panic!("{:?}", scene.sent());
    };
    // Published before the command is decided, from memory.
    scene.log.elsewhere(new_calendar(1 << 32)).await;
    let second = scene.does(&advance).await.unwrap();
    assert_eq!(under(&second), calendar(1 << 32).digest());
    let stream = StreamId::new(CALENDAR_STREAM).unwrap();
    let revision = scene.log.stream_revision(&stream).await.unwrap();
    assert!(revision > Some(Revision(known)));
    let sent: Vec<_> = scene.sent().iter().map(|sent| (sent.1, sent.2)).collect();
    assert_eq!(
        sent[1..],
        [(Some(Revision(known)), false), (revision, true)]
    );
    // Published after it was decided: from memory, and on what a new handler has looked at.
    let unmet = Handler::new(
        Arc::clone(&scene.log) as Arc<dyn EventLog>,
        scene.clock.clone(),
    );
    for (handler, id) in [(&scene.handler, 2 << 32), (&unmet, 3 << 32)] {
        let before = scene.sent().len();
        scene.log.overtake(move || new_calendar(id));
        let request = scene.request(Source::Screen);
        let id_of = project();
        let done = handler.execute(&id_of, None, &advance, &request);
        assert_eq!(under(&done.await.unwrap()), calendar(id).digest());
        let landed: Vec<_> = scene.sent()[before..].iter().map(|sent| sent.2).collect();
        assert_eq!(landed, [false, true]);
    }
}

#[tokio::test]
async fn no_command_is_decided_at_an_instant_before_what_is_remembered_of_its_project() {
    let scene = Scene::new(false).await;
    scene.does(&fact()).await.unwrap();
    let morning = anju_engine::Clock::now(&*scene.clock);
    // The other process's clock is a little ahead, past midnight, and this one has only shown the project since.
    scene.clock.set("2021-03-11T16:00:01Z".parse().unwrap());
    scene
        .log
        .elsewhere(fact_elsewhere(1 << 32, &project()))
        .await;
    scene.clock.set("2021-03-11T15:59:59Z".parse().unwrap());
    scene.handler.load(&project()).await.unwrap();
    let request = Request {
        occurred_at: None,
        ..scene.request(Source::Screen)
    };
    let done = scene
        .handler
        .execute(&project(), None, &fact(), &request)
        .await
        .unwrap();
    assert_eq!(done.events[0].occurred_at.as_str(), "2021-03-12");
    assert!(morning < done.events[0].recorded_at);
}

#[tokio::test]
async fn a_project_is_registered_in_the_version_that_is_the_newest_as_it_is_recorded() {
    let scene = Scene::new(false).await;
    let (definition, sources) = programme(2);
    let digest = definition.digest();
    scene.log.overtake(move || {
        let stream = definition_stream(PROGRAMME).unwrap();
        let parts = publish_definition(&definition, &sources).unwrap();
        raw(1 << 32, &stream, parts)
    });
    scene.register("p2").await.unwrap();
    let landed: Vec<_> = scene.sent().iter().map(|sent| sent.2).collect();
    assert_eq!(landed, [false, true]);
    let id = ProjectId::new("p2").unwrap();
    let state = scene.handler.load(&id).await.unwrap().unwrap();
    assert_eq!(state.registered.definition, digest);
}

#[tokio::test]
async fn no_migration_lands_under_a_calendar_that_is_no_longer_the_newest() {
    let scene = Scene::new(false).await;
    let (definition, sources) = programme(2);
    let request = scene.request(Source::Rule);
    scene
        .handler
        .publish_definition(&definition, &sources, &request)
        .await
        .unwrap();
    let state = scene.state().await;
    let open = all_open(&definition, &Calendar::builtin(), &state);
    let open = open.into_iter().flatten().map(|deadline| deadline.id);
    let migration = Migration {
        digest: definition.digest(),
        to: Arc::new(definition),
        mapping: Mapping {
            choices: open.map(|id| (id, DeadlineChoice::Keep)).collect(),
            ..Mapping::default()
        },
        note: None,
    };
    scene.log.sent.lock().unwrap().clear();
    scene.log.overtake(|| new_calendar(1 << 32));
    let request = scene.request(Source::Screen);
    let id = project();
    let moved = scene.handler.migrate(&id, &migration, &request);
    moved.await.unwrap();
    let landed: Vec<_> = scene.sent().iter().map(|sent| sent.2).collect();
    assert_eq!(landed, [false, true]);
}

#[tokio::test]
async fn what_memory_would_refuse_is_looked_at_first() {
    let scene = Scene::new(false).await;
    scene.does(&fact()).await.unwrap();
    scene
        .log
        .elsewhere(fact_elsewhere(1 << 32, &project()))
        .await;
    // A fact that this process has not heard of.
    let void = |id: u128| Command::Void {
        event: EventId(Uuid::from_u128(id)),
        note: Some("a".repeat(64)),
    };
    scene.does(&void(1 << 32)).await.unwrap();
    assert!(matches!(
        scene.does(&void(2 << 32)).await,
        Err(HandleError::Command(_))
    ));
}

#[tokio::test]
async fn in_a_simulated_log_every_command_looks_what_time_it_is() {
    let scene = Scene::new(true).await;
    for _ in 0..2 {
        let request = scene.request(Source::Simulation);
        let (id, fact) = (project(), fact());
        let done = scene.handler.execute(&id, None, &fact, &request);
        done.await.unwrap();
        assert_eq!(scene.log.questions(), 1);
    }
}

#[tokio::test]
async fn a_command_that_is_repeated_from_memory_has_its_first_outcome() {
    let scene = Scene::new(false).await;
    let request = scene.request(Source::Screen);
    let (id, fact) = (project(), fact());
    let execute = || scene.handler.execute(&id, None, &fact, &request);
    let first = execute().await.unwrap();
    scene.log.questions();
    let again = execute().await.unwrap();
    // Only what was recorded then was asked for.
    assert_eq!(scene.log.questions(), 1);
    assert!(again.repeated && !first.repeated);
    assert_eq!(
        (again.position, again.events),
        (first.position, first.events)
    );
}

#[tokio::test]
async fn an_append_names_what_the_decision_rests_on() {
    let scene = Scene::new(false).await;
    scene.does(&fact()).await.unwrap();
    scene.register("p2").await.unwrap();
    let sent = scene.log.sent.lock().unwrap();
    let named = |n: usize| -> Vec<_> {
        let unchanged = sent[n].0.unchanged.iter();
        let name = |other: &Unchanged| other.stream.as_str().to_owned();
        unchanged.map(name).collect()
    };
    assert_eq!(named(0), [CALENDAR_STREAM]);
    assert_eq!(named(1), ["definition-handan-2021", CALENDAR_STREAM]);
}
