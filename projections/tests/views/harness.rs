//! A small world: one log, one clock, the handler, and a programme to play.

use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anju_engine::clock::SimulatedClock;
use anju_engine::event::{
    Actor, CommandId, EventId, NewEvent, OccurredAt, RecordedEvent, Revision, SHANGHAI, Source,
    StreamId,
};
use anju_engine::log::{
    AppendRequest, CreateOptions, EventLog, Expected, LogOptions, MemoryLog, Origin, SqliteLog,
    StreamAppend,
};
use anju_projections::Views;
use anju_workflows::definition::{Parsed, parse, parse_builtin};
use anju_workflows::handler::{HandleError, Handler, Outcome, Request};
use anju_workflows::project::command::Register;
use anju_workflows::project::escalation::due_step;
use anju_workflows::project::event::{Compound, ProjectId};
use anju_workflows::project::{Command, ProjectState, Status};
use jiff::civil::{Date, date};
use serde_json::{Value, json};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Row};
use tempfile::TempDir;
use uuid::Uuid;

pub(crate) const HANDAN: &str = "handan-2021";

pub(crate) struct World {
    pub(crate) handler: Arc<Handler>,
    pub(crate) folder: TempDir,
    clock: Arc<SimulatedClock>,
    commands: AtomicU64,
}

pub(crate) fn id(project: &str) -> ProjectId {
    ProjectId::new(project).unwrap()
}

pub(crate) fn compound(id: &str, households: Option<u64>) -> Compound {
    Compound {
        id: id.to_owned(),
        name: format!("{id}小区"),
        aliases: vec![format!("老{id}")],
        households,
        buildings: households.map(|households| households / 20),
        area_m2: households.map(|households| format!("{}.05", households * 80)),
    }
}

pub(crate) fn register(area: &str, compounds: Vec<Compound>) -> Register {
    Register {
        name: format!("{area}改造"),
        area: Some(area.to_owned()),
        track: Some("old-compounds".to_owned()),
        category: None,
        compounds,
        plan: Default::default(),
        adopt: None,
        counted: false,
        batch: None,
    }
}

impl World {
    /// A world on a log in memory, on 4 January 2021, with Handan's programme published.
    pub(crate) async fn new() -> Self {
        Self::of("anju.test/1").await
    }

    /// The same, with a log of another name.
    pub(crate) async fn of(name: &str) -> Self {
        let clock = Arc::new(SimulatedClock::new(morning(date(2021, 1, 4))));
        let create = CreateOptions::new(Origin::real(name));
        let log = MemoryLog::create(create, LogOptions::default(), clock.clone())
            .await
            .unwrap();
        Self::on(Arc::new(log), clock).await
    }

    /// The same on SQLite.
    pub(crate) async fn on_sqlite(path: &Path) -> Self {
        let clock = Arc::new(SimulatedClock::new(morning(date(2021, 1, 4))));
        let create = CreateOptions::new(Origin::real("anju.test/1"));
        let log = SqliteLog::create(path, create, LogOptions::default(), clock.clone())
            .await
            .unwrap();
        Self::on(Arc::new(log), clock).await
    }

    /// A log in memory with the events of these streams, which take turns as `seed` will have it; nobody decides anew.
    pub(crate) async fn shuffled(
        mut streams: BTreeMap<StreamId, VecDeque<RecordedEvent>>,
        mut seed: u64,
    ) -> Self {
        let clock = Arc::new(SimulatedClock::new(morning(date(2022, 3, 1))));
        let create = CreateOptions::new(Origin::real("anju.test/shuffled"));
        let log = MemoryLog::create(create, LogOptions::default(), clock.clone())
            .await
            .unwrap();
        while !streams.is_empty() {
            // Knuth's MMIX: its upper bits are mixed well enough.
            seed = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let which = (seed >> 33) as usize % streams.len();
            let stream = streams.keys().nth(which).unwrap().clone();
            let queue = streams.get_mut(&stream).unwrap();
            let event = queue.pop_front().unwrap();
            if queue.is_empty() {
                streams.remove(&stream);
            }
            append_again(&log, event).await;
        }
        Self {
            handler: Arc::new(Handler::new(Arc::new(log), clock.clone())),
            folder: TempDir::new().unwrap(),
            clock,
            commands: AtomicU64::new(0),
        }
    }

    async fn on(log: Arc<dyn EventLog>, clock: Arc<SimulatedClock>) -> Self {
        let world = Self {
            handler: Arc::new(Handler::new(log, clock.clone())),
            folder: TempDir::new().unwrap(),
            clock,
            commands: AtomicU64::new(0),
        };
        world.publish(&parse_builtin(HANDAN).unwrap()).await;
        world
    }

    pub(crate) async fn publish(&self, parsed: &Parsed) {
        let sources = parsed
            .sources
            .iter()
            .map(|source| (source.name.clone(), source.text.clone()))
            .collect();
        self.handler
            .publish_definition(&parsed.definition, &sources, &self.request(None, "system"))
            .await
            .unwrap();
    }

    /// Publishes a programme that extends the standard one.
    pub(crate) async fn publish_text(&self, text: &str) {
        self.publish(&parse(text, "test.yaml", &|_| None).unwrap())
            .await;
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) async fn views(&self) -> Views {
        Views::open(&self.path("views.db"), self.handler.clone())
            .await
            .unwrap()
    }

    /// Moves the clock to the morning of a day.
    pub(crate) fn on_day(&self, day: Date) {
        self.clock.set(morning(day));
    }

    pub(crate) fn request(&self, day: Option<Date>, role: &str) -> Request {
        let n = self.commands.fetch_add(1, Ordering::Relaxed);
        Request {
            command_id: CommandId(Uuid::from_u128(
                0x0190_0000_0000_7000_8000_0000_0000_0000 + u128::from(n),
            )),
            actor: Actor {
                person: None,
                role: role.to_owned(),
                unit: Some("丛台区住建局".to_owned()),
                area: None,
            },
            source: Source::Screen,
            occurred_at: day.map(OccurredAt::on),
        }
    }

    pub(crate) async fn try_run(
        &self,
        project: &ProjectId,
        command: Command,
        day: Option<Date>,
    ) -> Result<Outcome, HandleError> {
        let request = self.request(day, "clerk");
        self.handler
            .execute(project, Some(HANDAN), &command, &request)
            .await
    }

    pub(crate) async fn run(
        &self,
        project: &ProjectId,
        command: Command,
        day: Option<Date>,
    ) -> Outcome {
        self.try_run(project, command, day).await.unwrap()
    }

    pub(crate) async fn register(&self, project: &str, register: Register) -> ProjectId {
        let project = id(project);
        self.run(&project, Command::Register(register), None).await;
        project
    }

    /// Records a fact of a day; `None` = today. Returns its event.
    pub(crate) async fn record(
        &self,
        project: &ProjectId,
        fact: &str,
        fields: Value,
        day: Option<Date>,
    ) -> EventId {
        let Value::Object(fields) = fields else {
            panic!("fields are an object");
        };
        let command = Command::Record {
            fact: fact.to_owned(),
            fields,
            documents: Vec::new(),
            note: None,
        };
        self.run(project, command, day).await.events[0].id
    }

    pub(crate) async fn correct(
        &self,
        project: &ProjectId,
        event: EventId,
        fields: Value,
        happened: Option<Date>,
    ) -> Outcome {
        let Value::Object(fields) = fields else {
            panic!("fields are an object");
        };
        let command = Command::Correct {
            event,
            fields,
            cleared: Vec::new(),
            happened: happened.map(OccurredAt::on),
            note: None,
        };
        self.run(project, command, None).await
    }

    pub(crate) async fn void(&self, project: &ProjectId, event: EventId) -> Outcome {
        self.run(project, Command::Void { event, note: None }, None)
            .await
    }

    pub(crate) async fn advance(&self, project: &ProjectId) -> Outcome {
        self.run(project, Command::Advance { to: None }, None).await
    }

    pub(crate) async fn state(&self, project: &ProjectId) -> Arc<ProjectState> {
        self.handler.load(project).await.unwrap().unwrap()
    }

    /// Takes every step of the ladder that the views say is due today; returns how many.
    pub(crate) async fn watch(&self, views: &Views, today: Date) -> usize {
        views.catch_up().await.unwrap();
        let due = views.due_steps(today, 1_000).await.unwrap();
        for project in &due {
            self.escalate(project, today).await;
        }
        due.len()
    }

    pub(crate) async fn escalate(&self, project: &ProjectId, today: Date) -> EventId {
        let state = self.state(project).await;
        let bound = &state.registered;
        let library = self.handler.library();
        let definition = library
            .definition(&bound.programme, &bound.definition)
            .await
            .unwrap();
        let calendar = library.calendar().await.unwrap();
        let step = due_step(&definition, &calendar, &state, today).expect("a step is due");
        self.run(project, Command::Escalate { key: step.key }, None)
            .await
            .events[0]
            .id
    }

    /// Records what a stage of Handan's programme asks for, all on one day.
    pub(crate) async fn satisfy(&self, project: &ProjectId, stage: &str, day: Option<Date>) {
        for (fact, fields) in facts_of(stage) {
            self.record(project, fact, fields, day).await;
        }
    }

    /// Takes a project from its first stage to `stage`, a week for each step, beginning today.
    pub(crate) async fn bring_to(&self, project: &ProjectId, stage: &str, from: Date) -> Date {
        let mut day = from;
        while self.state(project).await.stage != stage {
            let current = self.state(project).await.stage.clone();
            self.satisfy(project, &current, None).await;
            day = weeks_after(day, 1);
            self.on_day(day);
            assert!(self.advance(project).await.refusal.is_none(), "{current}");
        }
        day
    }

    /// Plays a year of twelve projects of different speed, week by week; calls `each_week` when a week is over.
    pub(crate) async fn play(&self, views: &Views, mut each_week: impl AsyncFnMut(Date)) {
        let areas = ["congtai", "fuxing", "hanshan", "fengfeng"];
        let mut projects = Vec::new();
        for n in 0..12u64 {
            let mut register = register(
                areas[n as usize % areas.len()],
                vec![compound(&format!("c{n}"), (n % 3 != 0).then_some(100 + n))],
            );
            register.counted = n % 5 == 4;
            projects.push(
                self.register(&format!("handan-2021-P{n:02}"), register)
                    .await,
            );
        }
        for week in 0..60 {
            let today = weeks_after(date(2021, 1, 5), week);
            self.on_day(today);
            for (n, project) in projects.iter().enumerate() {
                self.one_week(project, n as i64, week, today).await;
            }
            self.watch(views, today).await;
            views.catch_up().await.unwrap();
            each_week(today).await;
        }
    }

    async fn one_week(&self, project: &ProjectId, n: i64, week: i64, today: Date) {
        if (week + n) % (n % 4 + 2) != 0 {
            return;
        }
        let state = self.state(project).await;
        match state.status {
            Status::Completed | Status::Withdrawn => return,
            Status::Suspended => {
                self.run(project, Command::Resume { note: None }, None)
                    .await;
                return;
            }
            Status::Active => {}
        }
        if n == 11 && week > 30 {
            self.run(project, Command::Withdraw { note: None }, None)
                .await;
        } else if (week + n) % 13 == 0 {
            let cause = "winter".to_owned();
            self.run(project, Command::Suspend { cause, note: None }, None)
                .await;
        } else if (week + n) % 3 == 0 {
            // Too early, more often than not: a refusal.
            self.advance(project).await;
        } else {
            let stage = state.stage.clone();
            self.satisfy(project, &stage, Some(today)).await;
        }
    }
}

/// Appends an event of another log, by a command of its own.
async fn append_again(log: &MemoryLog, event: RecordedEvent) {
    let append = AppendRequest {
        command_id: CommandId(event.id.0),
        request_digest: [0; 32],
        unchanged: Vec::new(),
        appends: vec![StreamAppend {
            stream: event.stream,
            expected: Expected::Any,
            events: vec![NewEvent {
                id: event.id,
                kind: event.kind,
                schema: event.schema,
                occurred_at: event.occurred_at,
                actor: event.actor,
                source: event.source,
                causation: event.causation,
                correlation: event.correlation,
                data: event.data,
            }],
        }],
    };
    log.append(append).await.unwrap();
}

pub(crate) fn facts_of(stage: &str) -> Vec<(&'static str, Value)> {
    match stage {
        "survey" => vec![(
            "survey_completed",
            json!({"households": 100, "buildings": 5, "area_m2": "8000.5"}),
        )],
        "resident_consultation" => vec![("consultation_result", json!({"asked_households": 85}))],
        "design" => vec![
            ("renovation_plan_drafted", json!({})),
            ("design_completed", json!({"estimate_fen": 123_456_700})),
        ],
        "approval" => vec![
            ("publicity_posted", json!({"subject": "renovation_plan"})),
            ("plan_filed", json!({})),
            ("joint_review_result", json!({"result": "passed"})),
        ],
        "tender" => vec![
            ("project_approval", json!({})),
            ("fiscal_review", json!({"amount_fen": 100_000_050})),
            ("contract_signed", json!({"amount_fen": 99_000_000})),
            ("construction_permit", json!({})),
            ("quality_supervision_filing", json!({})),
            ("safety_supervision_filing", json!({})),
        ],
        "construction" => vec![
            ("works_started", json!({})),
            ("works_finished", json!({})),
            (
                "satisfaction_survey",
                json!({"asked_households": 100, "satisfied_households": 90}),
            ),
        ],
        "joint_acceptance" => vec![(
            "acceptance_result",
            json!({"result": "passed", "signers": ["community", "contractor", "design_unit",
                "housing_department", "resident_representative", "street", "supervision_unit"]}),
        )],
        "long_term_management" => vec![(
            "management_mode_agreed",
            json!({"mode": "property_company"}),
        )],
        other => panic!("no facts for {other}"),
    }
}

pub(crate) fn weeks_after(day: Date, weeks: i64) -> Date {
    day.checked_add(jiff::Span::new().weeks(weeks)).unwrap()
}

fn morning(day: Date) -> jiff::Timestamp {
    SHANGHAI.to_timestamp(day.at(9, 30, 0, 0)).unwrap()
}

/// Every row of a file of views, as text. Cohorts are numbered as they come: each number is written as what it stands
/// for.
pub(crate) async fn content(path: &Path) -> Vec<String> {
    let mut connection = SqliteConnectOptions::new()
        .filename(path)
        .connect()
        .await
        .unwrap();
    let tables = sqlx::query("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
        .fetch_all(&mut connection)
        .await
        .unwrap();
    let mut content = Vec::new();
    for table in tables {
        let table: String = table.get(0);
        let columns = sqlx::query(AssertSqlSafe(format!("PRAGMA table_info({table})")))
            .fetch_all(&mut connection)
            .await
            .unwrap();
        if table == "cohort" {
            continue;
        }
        let columns: Vec<String> = columns
            .iter()
            .map(|column| match column.get::<&str, _>("name") {
                "cohort" => {
                    "(SELECT json_array(programme, definition, area, track, category) FROM cohort
                     WHERE no = cohort)"
                        .replace("no = cohort", &format!("cohort.no = {table}.cohort"))
                }
                column => format!("quote({column})"),
            })
            .collect();
        let sql = format!(
            "SELECT {} AS row FROM {table} ORDER BY 1",
            columns.join("||' '||")
        );
        for row in sqlx::query(AssertSqlSafe(sql))
            .fetch_all(&mut connection)
            .await
            .unwrap()
        {
            content.push(format!("{table}: {}", row.get::<String, _>("row")));
        }
    }
    connection.close().await.unwrap();
    content
}

/// Changes a file of views behind its back.
pub(crate) async fn tamper(path: &Path, sql: &'static str) {
    let mut connection = SqliteConnectOptions::new()
        .filename(path)
        .connect()
        .await
        .unwrap();
    sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

/// How many events a project's stream holds.
pub(crate) async fn length(world: &World, project: &ProjectId) -> usize {
    let stream: StreamId = project.stream().unwrap();
    world
        .handler
        .log()
        .read_stream(&stream, Revision(0), 10_000)
        .await
        .unwrap()
        .len()
}
