//! Projects with histories, through the one door: load, decide, append; and the read models over them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anju_engine::SqliteLog;
use anju_engine::clock::SystemClock;
use anju_engine::event::{CommandId, EventId, NewEvent, OccurredAt, Position, Source};
use anju_engine::log::{AppendRequest, EventLog, Expected, StreamAppend};
use anju_projections::Views;
use anju_projections::stalls::StallQuery;
use anju_workflows::calendar::Calendar;
use anju_workflows::definition::parse_builtin;
use anju_workflows::handler::{HandleError, Handler, Request, event_id};
use anju_workflows::project::Command;
use anju_workflows::project::command::Register;
use anju_workflows::project::event::{Compound, FactRecorded, ProjectEvent, ProjectId};
use jiff::civil::Date;
use uuid::Uuid;

use super::facts::{clerk, consultation};
use super::measure::{Sample, now};
use super::{clients, log};
use crate::app::{Failure, sources};

/// The programme the projects are in: fixed days, so that some are late and others are not.
pub(super) const PROGRAMME: &str = "handan-2021";

/// The stages the projects are adopted in, in turn.
const STAGES: [&str; 6] = [
    "survey",
    "resident_consultation",
    "approval",
    "tender",
    "construction",
    "joint_acceptance",
];

/// The day on which everything is said to have happened.
pub(super) const HAPPENED: Date = Date::constant(2021, 3, 1);

/// The day for which is asked what is late: half of the programme's days have passed.
pub(super) const ASKED: Date = Date::constant(2021, 4, 15);

/// How many due projects are asked for, as the watch does.
const DUE: usize = 256;

/// How many times a question is asked in one run.
const QUESTIONS: usize = 20;

/// How many clients send commands at once.
pub(super) const CLIENTS: usize = 8;

/// How many events each project's stream begins with.
pub(super) const HISTORY: usize = 50;

/// A log of projects.
pub(super) struct Projects {
    folder: PathBuf,
    log: Arc<SqliteLog>,
    ids: Vec<ProjectId>,
    /// How often the read models were made.
    made: usize,
}

/// A request with an id of its own.
pub(super) fn request(source: Source) -> Request {
    Request {
        command_id: CommandId(Uuid::now_v7()),
        actor: clerk(),
        source,
        occurred_at: Some(OccurredAt::on(HAPPENED)),
    }
}

/// The next fact of a project: a command that every programme takes.
fn record(n: u64) -> Command {
    let (fields, documents) = consultation(n);
    Command::Record {
        fact: "consultation_result".to_owned(),
        fields,
        documents,
        note: None,
    }
}

impl Projects {
    /// So many projects of a real programme, with [`HISTORY`] events each.
    pub(super) async fn create(folder: &Path, count: usize) -> Result<Self, Failure> {
        let log = Arc::new(log::create(&folder.join("projects.db")).await?);
        let ids = (0..count).map(|n| ProjectId::new(format!("bench-{n:05}")));
        let projects = Self {
            folder: folder.to_owned(),
            log,
            ids: ids.collect::<Result<_, _>>().map_err(HandleError::from)?,
            made: 0,
        };
        let handler = projects.handler();
        let parsed = parse_builtin(PROGRAMME).map_err(Failure::Definition)?;
        let own = || request(Source::Rule);
        handler
            .publish_calendar(&Calendar::builtin(), &own())
            .await?;
        handler
            .publish_definition(&parsed.definition, &sources(&parsed), &own())
            .await?;
        let jobs = projects.ids.iter().cloned().enumerate().collect();
        clients::run(256, jobs, move |(n, project): (usize, ProjectId)| {
            let handler = Arc::clone(&handler);
            async move { begin(&handler, &project, n).await }
        })
        .await?;
        Ok(projects)
    }

    fn handler(&self) -> Arc<Handler> {
        let log: Arc<dyn EventLog> = self.log.clone();
        Arc::new(Handler::new(log, Arc::new(SystemClock)))
    }

    /// One command to each project by [`CLIENTS`] clients. `warm`: the handler knows the projects' states, as a
    /// server does that has met them; otherwise it loads and folds each history.
    pub(super) async fn commands(&self, warm: bool) -> Result<Sample, Failure> {
        let handler = self.handler();
        // The definition and the calendar are known either way.
        handler.library().newest_definition(PROGRAMME).await?;
        handler.library().calendar().await?;
        if warm {
            for project in &self.ids {
                handler.load(project).await?;
            }
        }
        let jobs = self.ids.iter().cloned().zip(0..).collect();
        clients::run(CLIENTS, jobs, move |(project, n): (ProjectId, u64)| {
            let handler = Arc::clone(&handler);
            async move {
                let request = request(Source::Screen);
                handler
                    .execute(&project, None, &record(n), &request)
                    .await?;
                Ok(())
            }
        })
        .await
    }

    /// One project after another loaded and folded.
    pub(super) async fn load(&self) -> Result<Sample, Failure> {
        let handler = self.handler();
        let jobs = self.ids.clone();
        clients::run(1, jobs, move |project: ProjectId| {
            let handler = Arc::clone(&handler);
            async move { Ok(handler.load(&project).await.map(|_| ())?) }
        })
        .await
    }

    /// The read models made anew from the log, and asked.
    pub(super) async fn views(&mut self) -> Result<ViewSamples, Failure> {
        self.made += 1;
        let path = self.folder.join(format!("projects-{}.views.db", self.made));
        let start = now();
        let views = Arc::new(Views::open(&path, self.handler()).await?);
        let Position(reached) = views.catch_up().await?;
        let projected = Sample::since(start, usize::try_from(reached).unwrap_or(usize::MAX));
        let asked = Arc::clone(&views);
        let stalled = clients::run(1, vec![(); QUESTIONS], move |()| {
            let views = Arc::clone(&asked);
            async move {
                let query = StallQuery {
                    as_of: Some(ASKED),
                    ..StallQuery::default()
                };
                Ok(views.stalled(&query).await.map(|_| ())?)
            }
        })
        .await?;
        let asked = Arc::clone(&views);
        let due = clients::run(1, vec![(); QUESTIONS], move |()| {
            let views = Arc::clone(&asked);
            async move { Ok(views.due_steps(ASKED, DUE).await.map(|_| ())?) }
        })
        .await?;
        let query = StallQuery {
            as_of: Some(ASKED),
            ..StallQuery::default()
        };
        let late = views.stalled(&query).await?.stalled.len();
        Ok(ViewSamples {
            projected,
            stalled,
            due,
            late,
        })
    }

    /// How many projects there are.
    pub(super) fn count(&self) -> usize {
        self.ids.len()
    }

    pub(super) async fn close(self) {
        self.log.close().await;
    }
}

/// What was measured of the read models.
pub(super) struct ViewSamples {
    pub(super) projected: Sample,
    pub(super) stalled: Sample,
    pub(super) due: Sample,
    /// How many projects were late.
    pub(super) late: usize,
}

/// The registration of the `n`th project.
pub(super) fn registration(n: usize) -> Command {
    let stage = STAGES[n % STAGES.len()];
    Command::Register(Register {
        name: format!("测试小区{n}"),
        area: Some("congtai".to_owned()),
        track: Some("old-compounds".to_owned()),
        category: None,
        compounds: vec![Compound {
            id: format!("compound-{n}"),
            name: format!("测试小区{n}"),
            aliases: Vec::new(),
            households: Some(319),
            buildings: Some(7),
            area_m2: Some("24310.5".to_owned()),
        }],
        plan: std::collections::BTreeMap::new(),
        adopt: (stage != "survey").then(|| stage.to_owned()),
        counted: false,
        batch: None,
    })
}

/// Registers the `n`th project, and appends the rest of its history at once.
async fn begin(handler: &Handler, project: &ProjectId, n: usize) -> Result<(), Failure> {
    let register = registration(n);
    let outcome = handler
        .execute(
            project,
            Some(PROGRAMME),
            &register,
            &request(Source::Screen),
        )
        .await?;
    let command_id = CommandId(Uuid::now_v7());
    let mut events = Vec::with_capacity(HISTORY);
    for index in 0..HISTORY - outcome.events.len() {
        let (fields, documents) = consultation(index as u64);
        let fact = ProjectEvent::FactRecorded(FactRecorded {
            fact: "consultation_result".to_owned(),
            fields,
            documents,
            note: None,
        });
        let (kind, data) = fact.into_parts().map_err(HandleError::from)?;
        events.push(NewEvent {
            id: if index == 0 {
                EventId(command_id.0)
            } else {
                event_id(command_id, index)
            },
            kind,
            schema: 1,
            occurred_at: OccurredAt::on(HAPPENED),
            actor: clerk(),
            source: Source::Screen,
            causation: None,
            correlation: None,
            data,
        });
    }
    let last = outcome.events.last().map(|event| event.revision);
    let append = AppendRequest {
        command_id,
        request_digest: [0; 32],
        unchanged: Vec::new(),
        appends: vec![StreamAppend {
            stream: project.stream().map_err(HandleError::from)?,
            expected: last.map_or(Expected::NoStream, Expected::Exactly),
            events,
        }],
    };
    handler
        .log()
        .append(append)
        .await
        .map_err(HandleError::from)?;
    Ok(())
}
