//! Projects whose events were recorded in older schema versions have the history they have.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what cannot go on has failed; the lints know only functions marked as tests"
)]

use std::sync::Arc;

use anju_engine::upcast::Upcasters;
use anju_engine::{
    Actor, AppendRequest, CommandId, CreateOptions, Data, EventId, EventLog, EventType, Expected,
    LogOptions, MemoryLog, NewEvent, Origin, Position, RecordedEvent, Revision, SimulatedClock,
    Source, StreamAppend,
};
use anju_workflows::handler::Handler;
use anju_workflows::project::ProjectState;
use anju_workflows::project::event::{ProjectEvent, ProjectId};
use anju_workflows::project::state::Envelope;
use anju_workflows::publish::{Publications, PublishedError};
use serde_json::{Value, json};
use uuid::Uuid;

fn data(value: Value) -> Data {
    match value {
        Value::Object(data) => data,
        other => panic!("{other}"),
    }
}

/// A past that never was: facts named their type `kind`, and later kept their values beside it instead of in `fields`.
fn made_up() -> Upcasters {
    Upcasters::new()
        .with("fact_recorded", |data| {
            let fact = data.remove("kind").ok_or("no kind")?;
            data.insert("fact".to_owned(), fact);
            Ok(())
        })
        .with("fact_recorded", |data| {
            let mut fields = std::mem::take(data);
            let fact = fields.remove("fact").ok_or("no fact")?;
            data.insert("fact".to_owned(), fact);
            data.insert("fields".to_owned(), Value::Object(fields));
            Ok(())
        })
}

struct Past {
    log: Arc<MemoryLog>,
    project: ProjectId,
    next: u128,
}

impl Past {
    async fn new() -> Self {
        let start = "2021-03-11T01:30:00Z".parse().unwrap();
        let clock = Arc::new(SimulatedClock::new(start));
        let create = CreateOptions::new(Origin::real("schema-tests"));
        let log = MemoryLog::create(create, LogOptions::default(), clock).await;
        Self {
            log: Arc::new(log.unwrap()),
            project: ProjectId::new("p1").unwrap(),
            next: 1,
        }
    }

    async fn add(&mut self, stream: &str, kind: &str, schema: u32, value: Value) {
        let id = Uuid::from_u128(self.next);
        self.next += 1;
        let event = NewEvent {
            id: EventId(id),
            kind: EventType::new(kind).unwrap(),
            schema,
            occurred_at: "2021-03-10".parse().unwrap(),
            actor: Actor {
                person: None,
                role: "clerk".to_owned(),
                unit: None,
                area: None,
            },
            source: Source::Screen,
            causation: None,
            correlation: None,
            data: data(value),
        };
        let request = AppendRequest {
            command_id: CommandId(id),
            request_digest: [0; 32],
            unchanged: Vec::new(),
            appends: vec![StreamAppend {
                stream: anju_engine::StreamId::new(stream).unwrap(),
                expected: Expected::Any,
                events: vec![event],
            }],
        };
        self.log.append(request).await.unwrap();
    }

    async fn registered(&mut self) {
        let registered = json!({
            "programme": "handan-2021", "definition": "0".repeat(64), "name": "长江花园", "stage": "survey",
        });
        self.add("project-p1", "project_registered", 1, registered)
            .await;
    }

    async fn events(&self) -> Vec<RecordedEvent> {
        let stream = self.project.stream().unwrap();
        let read = self.log.read_stream(&stream, Revision(0), usize::MAX).await;
        read.unwrap()
    }
}

#[tokio::test]
async fn a_project_is_folded_from_events_of_three_versions_as_if_all_were_of_the_newest() {
    let mut past = Past::new().await;
    past.registered().await;
    let kind = "fact_recorded";
    let of = [
        (
            1,
            json!({"kind": "consultation_result", "asked_households": 237}),
        ),
        (
            2,
            json!({"fact": "consultation_result", "asked_households": 300}),
        ),
        (
            3,
            json!({"fact": "consultation_result", "fields": {"asked_households": 319}}),
        ),
    ];
    for (schema, value) in of {
        past.add("project-p1", kind, schema, value).await;
    }
    let steps = made_up();
    let mut state = None;
    for recorded in past.events().await {
        let event = ProjectEvent::read_with(&steps, &recorded).unwrap();
        let envelope = Envelope::from(&recorded);
        state = ProjectState::evolve(state, &past.project, &event, &envelope);
    }
    let state = state.unwrap();
    let asked: Vec<_> = state
        .facts
        .values()
        .map(|fact| fact.fields["asked_households"].as_u64().unwrap())
        .collect();
    assert_eq!(asked, [237, 300, 319]);
    past.log.verify(&|_, _| {}).await.unwrap();
}

/// This build knows version 1 of everything; what a newer one has written is never read as if it were that.
#[tokio::test]
async fn an_event_of_a_newer_schema_version_is_refused_by_name() {
    let mut past = Past::new().await;
    past.registered().await;
    let fact = json!({"fact": "consultation_result", "fields": {"asked_households": 319}});
    past.add("project-p1", "fact_recorded", 2, fact).await;
    let newer = &past.events().await[1];
    let error = ProjectEvent::read(newer).unwrap_err().to_string();
    assert_eq!(
        error,
        "event fact_recorded: schema version 2 is not known, this build knows 1 to 1 \
         (was it written by a newer build?)"
    );
    // And so through the one door: the project cannot be loaded, rather than half of it.
    let log: Arc<dyn EventLog> = past.log.clone();
    let clock = SimulatedClock::new("2021-03-12T01:30:00Z".parse().unwrap());
    let handler = Handler::new(log, Arc::new(clock));
    let loaded = handler.load(&past.project).await;
    assert!(
        loaded
            .as_ref()
            .is_err_and(|error| error.to_string().contains("schema version 2")),
        "{:?}",
        loaded.err()
    );
}

#[tokio::test]
async fn a_publication_of_a_newer_schema_version_is_the_newest_and_cannot_be_read() {
    let mut past = Past::new().await;
    let published = json!({"digest": "ab".repeat(32), "language": 2, "parts": 1});
    past.add("definition-x", "definition_published", 2, published)
        .await;
    let events = past.log.read(Position(2), 10).await.unwrap();
    let publications = Publications::fold(&events);
    let digest = publications.newest().unwrap();
    assert_eq!(digest, "ab".repeat(32));
    let refused = publications.definition(digest);
    assert!(
        matches!(&refused, Err(PublishedError::Unreadable { detail, .. }) if detail.contains("version 2")),
        "{refused:?}"
    );
}
