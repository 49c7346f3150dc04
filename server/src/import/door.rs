//! The log behind an import, or what stands for it: a dry run decides on the same states and appends nothing.

use std::collections::HashMap;
use std::sync::Arc;

use anju_engine::clock::{Clock, SystemClock};
use anju_engine::event::{Actor, EventId, Position, Source, shanghai_day};
use anju_engine::log::{AppendError, CreateOptions, MemoryLog, Origin};
use anju_engine::{LogOptions, Replay};
use anju_workflows::definition::{BUILTIN_PROGRAMMES, Definition, parse_builtin};
use anju_workflows::handler::{HandleError, Handler, Request, event_id};
use anju_workflows::project::event::ProjectId;
use anju_workflows::project::{Command, ProjectEvent, ProjectState};
use jiff::civil::Date;

use super::item::{Fate, Intent};
use crate::app::{App, Failure, Mode};
use crate::cli::Opener;

/// How many records are read at once when the whole log is looked through.
const READ: usize = 4096;

/// A definition with its digest, which costs something to make.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub definition: Arc<Definition>,
    pub digest: Arc<str>,
}

impl Known {
    fn new(definition: Arc<Definition>) -> Self {
        let digest = definition.digest().into();
        Self { definition, digest }
    }
}

/// The log behind an import.
pub(super) struct Door {
    /// Through which commands enter.
    pub handler: Arc<Handler>,
    /// The store; absent in a dry run for a store that is not there.
    app: Option<App>,
    /// Definitions that this build brings, as far as they were asked for.
    builtin: HashMap<String, Known>,
}

/// Why a row's command was not carried out.
pub(super) enum Trouble {
    /// The row is bad; the next one may be good.
    Row(HandleError),
    /// The store failed; the next row would fail too.
    Store(Failure),
}

impl From<HandleError> for Trouble {
    fn from(error: HandleError) -> Self {
        match error {
            HandleError::Command(_)
            | HandleError::UnknownProgramme(_)
            | HandleError::Word(_)
            | HandleError::Contended(_)
            | HandleError::Append(AppendError::Invalid(_)) => Self::Row(error),
            other => Self::Store(other.into()),
        }
    }
}

impl Door {
    /// Opens the store; a dry run makes none.
    pub(super) async fn open(opener: &Opener, dry_run: bool) -> Result<Self, Failure> {
        let app = if dry_run {
            opener.open_if_any().await?
        } else {
            Some(opener.open(Mode::OrCreate).await?)
        };
        if let Some(app) = app {
            return Ok(Self {
                handler: app.handler.clone(),
                app: Some(app),
                builtin: HashMap::new(),
            });
        }
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let create = CreateOptions::new(Origin::real("anju.local/dry-run"));
        let log = MemoryLog::create(create, LogOptions::default(), clock.clone()).await?;
        Ok(Self {
            handler: Arc::new(Handler::new(Arc::new(log), clock)),
            app: None,
            builtin: HashMap::new(),
        })
    }

    /// The name that no other log has.
    pub(super) async fn origin(&self) -> Result<String, Failure> {
        Ok(self.handler.log().head().await?.origin.name)
    }

    /// The last position of the log.
    pub(super) async fn position(&self) -> Result<u64, Failure> {
        Ok(self.handler.log().head().await?.size)
    }

    /// The day on which the import happens.
    pub(super) async fn today(&self) -> Result<Date, Failure> {
        Ok(shanghai_day(self.handler.now().await?))
    }

    /// A project as the log has it.
    pub(super) async fn load(
        &self,
        project: &ProjectId,
    ) -> Result<Option<Arc<ProjectState>>, Failure> {
        Ok(self.handler.load(project).await?)
    }

    /// The definition that a project is bound to.
    pub(super) async fn bound(&self, state: &ProjectState) -> Result<Known, Failure> {
        let bound = &state.registered;
        let library = self.handler.library();
        Ok(Known {
            definition: library
                .definition(&bound.programme, &bound.definition)
                .await?,
            digest: bound.definition.as_str().into(),
        })
    }

    /// The newest definition of a programme: the log's, or else the one that this build brings.
    pub(super) async fn newest(&mut self, programme: &str) -> Result<Option<Known>, Failure> {
        match self.handler.library().newest_definition(programme).await {
            Ok((definition, digest)) => {
                let digest = digest.into();
                return Ok(Some(Known { definition, digest }));
            }
            // A word that cannot be a programme's id names none.
            Err(HandleError::UnknownProgramme(_) | HandleError::Word(_)) => {}
            Err(error) => return Err(error.into()),
        }
        if let Some(known) = self.builtin.get(programme) {
            return Ok(Some(known.clone()));
        }
        if !BUILTIN_PROGRAMMES.contains(&programme) {
            return Ok(None);
        }
        let parsed = parse_builtin(programme).map_err(Failure::Definition)?;
        let known = Known::new(Arc::new(parsed.definition));
        self.builtin.insert(programme.to_owned(), known.clone());
        Ok(Some(known))
    }

    /// Publishes what this build brings of a programme that the log does not have.
    pub(super) async fn publish(&self, programme: &str) -> Result<(), Failure> {
        if let Some(app) = &self.app {
            app.programme(programme).await?;
        }
        Ok(())
    }

    /// Looks through the registrations of the whole log.
    pub(super) async fn registrations(
        &self,
        mut each: impl FnMut(ProjectId, anju_workflows::project::event::ProjectRegistered),
    ) -> Result<(), Failure> {
        let mut replay = Replay::new(Arc::clone(self.handler.log()), Position(1), READ);
        loop {
            let events = replay.next().await?;
            if events.is_empty() {
                return Ok(());
            }
            for event in &events {
                if event.kind.as_str() == "project_registered"
                    && let Some(project) = ProjectId::of_stream(&event.stream)
                    && let ProjectEvent::ProjectRegistered(registered) =
                        ProjectEvent::read(event).map_err(HandleError::from)?
                {
                    each(project, registered);
                }
            }
        }
    }

    /// Carries a row's command out.
    pub(super) async fn carry_out(&self, intent: &Intent, actor: &Actor) -> Result<Fate, Trouble> {
        let mut command = intent.command.clone();
        if let Command::Record { note, .. } = &mut command
            && let Some(text) = &intent.note
        {
            // The note's digest is salted anew each time: ask before a note is kept that no record would name.
            if let Some(fate) = self.known(intent).await? {
                return Ok(fate);
            }
            let app = self
                .app
                .as_ref()
                .ok_or_else(|| Trouble::Store(no_store()))?;
            *note = app.note(Some(text)).await.map_err(Trouble::Store)?;
        }
        let request = request(intent, actor);
        match self
            .handler
            .execute(
                &intent.project,
                intent.programme.as_deref(),
                &command,
                &request,
            )
            .await
        {
            Ok(outcome) if outcome.repeated => self.already(intent).await,
            Ok(outcome) => Ok(Fate::Recorded {
                event: event_id(intent.id, 0).to_string(),
                position: outcome
                    .events
                    .first()
                    .map_or(outcome.position.0, |event| event.position.0),
            }),
            // The same row, recorded with another note.
            Err(HandleError::Append(AppendError::CommandReused { .. })) => {
                self.already(intent).await
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The fate of a row that the log knows already.
    pub(super) async fn known(&self, intent: &Intent) -> Result<Option<Fate>, Trouble> {
        let known = self
            .handler
            .log()
            .find_command(intent.id)
            .await
            .map_err(|error| Trouble::Store(error.into()))?;
        match known {
            None => Ok(None),
            Some(_) => self.already(intent).await.map(Some),
        }
    }

    async fn already(&self, intent: &Intent) -> Result<Fate, Trouble> {
        let event: EventId = event_id(intent.id, 0);
        let state = self.handler.load(&intent.project).await?;
        let void = state
            .as_ref()
            .and_then(|state| state.fact_by_event(event))
            .is_some_and(|(_, fact)| fact.voided);
        Ok(Fate::Already {
            event: event.to_string(),
            void,
        })
    }
}

fn no_store() -> Failure {
    Failure::Store {
        zh: "没有数据库".to_owned(),
        en: "there is no store".to_owned(),
    }
}

pub(super) fn request(intent: &Intent, actor: &Actor) -> Request {
    Request {
        command_id: intent.id,
        actor: actor.clone(),
        source: Source::Excel,
        occurred_at: intent.occurred_at.clone(),
    }
}
