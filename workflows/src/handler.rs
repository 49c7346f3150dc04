//! The one door through which commands enter: load, decide, append, and again if somebody was faster.

mod identity;
mod library;
mod migrate;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use anju_engine::clock::Clock;
use anju_engine::event::{
    Actor, CommandId, Data, EventType, NewEvent, OccurredAt, Position, RecordedEvent, Revision,
    Source, StreamId, WordError,
};
use anju_engine::log::{AppendError, AppendRequest, EventLog, Expected, ReadError, StreamAppend};
use jiff::Timestamp;

use crate::calendar::Calendar;
use crate::definition::Definition;
use crate::project::decide::{CommandError, Context, Decision, MigrationRefused, decide};
use crate::project::event::{ProjectEvent, ProjectId, Transition, UnreadableEvent};
use crate::project::{Command, ProjectState};
use crate::publish::{OverriddenRehearsal, PublishedError, publish_calendar, publish_definition};
use crate::upcast::upcasters;

pub use identity::{event_id, new_command_id, request_digest};
pub use library::Library;
pub use migrate::{Migration, migration_command_id};

/// How many times a command is decided again because its project moved meanwhile.
const RETRIES: usize = 8;

/// How many projects' states are kept; beyond it the cache starts anew.
const CACHED_STATES: usize = 4096;

/// Who asks, how, and for which day.
#[derive(Clone, Debug)]
pub struct Request {
    /// The same id is the same command, done once.
    pub command_id: CommandId,
    /// Who asks.
    pub actor: Actor,
    /// By which way. In a simulated log every way but [`Source::Rule`] is recorded as a simulation.
    pub source: Source,
    /// When it happened; `None` = today.
    pub occurred_at: Option<OccurredAt>,
}

/// What a command has done.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The position of its last event.
    pub position: Position,
    /// Its events, as recorded.
    pub events: Vec<RecordedEvent>,
    /// Whether this was only a repeat.
    pub repeated: bool,
    /// The refused transition, if it was refused.
    pub refusal: Option<Transition>,
}

/// Why a command was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum HandleError {
    /// It was not taken: nothing is appended.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// A project cannot go over to another version: nothing is appended.
    #[error(transparent)]
    Migration(#[from] MigrationRefused),
    /// The programme is not published in this log.
    #[error("programme {0:?} is not published in this log")]
    UnknownProgramme(String),
    /// The definition a project is bound to is not in this log.
    #[error("definition {digest} of programme {programme:?} is not in this log")]
    UnknownDefinition {
        /// The programme.
        programme: String,
        /// The digest.
        digest: String,
    },
    /// A bad id.
    #[error(transparent)]
    Word(#[from] WordError),
    /// The project moved each time the command was decided: try again.
    #[error("project {0} is being changed by others; try again")]
    Contended(String),
    /// The append did not happen.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// The log could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// An event of the log could not be read.
    #[error(transparent)]
    Unreadable(#[from] UnreadableEvent),
    /// Something published could not be read.
    #[error(transparent)]
    Published(#[from] PublishedError),
}

/// Carries out commands on one log.
pub struct Handler {
    log: Arc<dyn EventLog>,
    clock: Arc<dyn Clock>,
    library: Library,
    states: Mutex<HashMap<ProjectId, Arc<ProjectState>>>,
}

impl Handler {
    /// A handler of `log`, that takes now from `clock` — or, in a simulated log, from its last record.
    pub fn new(log: Arc<dyn EventLog>, clock: Arc<dyn Clock>) -> Self {
        Self {
            library: Library::new(log.clone()),
            log,
            clock,
            states: Mutex::new(HashMap::new()),
        }
    }

    /// The log.
    #[must_use]
    pub fn log(&self) -> &Arc<dyn EventLog> {
        &self.log
    }

    /// The definitions and calendars of the log.
    #[must_use]
    pub fn library(&self) -> &Library {
        &self.library
    }

    /// What the handler takes for now.
    pub async fn now(&self) -> Result<Timestamp, HandleError> {
        let head = self.log.head().await?;
        Ok(match head.last_recorded_at {
            Some(last) if head.origin.simulated => last,
            Some(last) => self.clock.now().max(last),
            None => self.clock.now(),
        })
    }

    /// Registers a project in the newest definition of a programme, or carries out a command on a registered one.
    pub async fn execute(
        &self,
        project: &ProjectId,
        programme: Option<&str>,
        command: &Command,
        request: &Request,
    ) -> Result<Outcome, HandleError> {
        let occurred = request.occurred_at.as_ref().map(OccurredAt::as_str);
        let digest = request_digest(project, programme, command, occurred);
        if let Some(known) = self.log.find_command(request.command_id).await? {
            if known.request_digest != digest {
                return Err(AppendError::CommandReused {
                    command_id: request.command_id,
                }
                .into());
            }
            return self.stored(known.first, known.last, true).await;
        }
        for _ in 0..RETRIES {
            let state = self.load(project).await?;
            let now = self.now().await?;
            let (definition, definition_digest) = match (&state, programme) {
                (Some(state), _) => {
                    let bound = &state.registered;
                    let digest = bound.definition.clone();
                    (
                        self.library.definition(&bound.programme, &digest).await?,
                        digest,
                    )
                }
                (None, Some(programme)) => self.library.newest_definition(programme).await?,
                (None, None) => {
                    return Err(CommandError::NotRegistered {
                        project: project.to_string(),
                    }
                    .into());
                }
            };
            let calendar = self.library.calendar().await?;
            let simulated = self.log.head().await?.origin.simulated;
            let decided = Decider {
                definition: &definition,
                definition_digest: &definition_digest,
                calendar: &calendar,
                now,
                simulated,
            }
            .decide(project, state.as_deref(), command, request, digest)?;
            match self.log.append(decided.request).await {
                Ok(appended) => {
                    let outcome = self
                        .stored(appended.first, appended.last, appended.repeated)
                        .await?;
                    self.remember(project, state, &outcome.events)?;
                    return Ok(outcome);
                }
                Err(AppendError::Conflict { .. }) => self.forget(project),
                Err(error) => {
                    self.forget(project);
                    return Err(error.into());
                }
            }
        }
        Err(HandleError::Contended(project.to_string()))
    }

    /// Publishes a definition with the files it was written in; a digest that is the newest already is not
    /// published again. Returns the position of the publication if there was one.
    pub async fn publish_definition(
        &self,
        definition: &Definition,
        sources: &std::collections::BTreeMap<String, String>,
        request: &Request,
    ) -> Result<Option<Position>, HandleError> {
        self.publish_version(definition, sources, None, request)
            .await
    }

    /// Publishes a definition, and records the rehearsal that was overridden for it.
    pub async fn publish_version(
        &self,
        definition: &Definition,
        sources: &std::collections::BTreeMap<String, String>,
        overridden: Option<&OverriddenRehearsal>,
        request: &Request,
    ) -> Result<Option<Position>, HandleError> {
        let stream = crate::publish::definition_stream(&definition.id)?;
        let digest = definition.digest();
        match self.library.newest_definition(&definition.id).await {
            Ok((_, newest)) if newest == digest => return Ok(None),
            Ok(_) | Err(HandleError::UnknownProgramme(_)) => {}
            Err(error) => return Err(error),
        }
        let position = self
            .append_plain(
                &stream,
                publish_definition(definition, sources, overridden)?,
                &digest,
                request,
            )
            .await?;
        self.library.forget();
        Ok(Some(position))
    }

    /// Publishes a calendar, unless it is the newest already.
    pub async fn publish_calendar(
        &self,
        calendar: &Calendar,
        request: &Request,
    ) -> Result<Option<Position>, HandleError> {
        if self.library.published_calendar().await?.as_deref() == Some(calendar.digest()) {
            return Ok(None);
        }
        let stream = StreamId::new(crate::publish::CALENDAR_STREAM)?;
        let position = self
            .append_plain(
                &stream,
                publish_calendar(calendar)?,
                calendar.digest(),
                request,
            )
            .await?;
        self.library.forget();
        Ok(Some(position))
    }

    async fn append_plain(
        &self,
        stream: &StreamId,
        events: Vec<(EventType, Data)>,
        what: &str,
        request: &Request,
    ) -> Result<Position, HandleError> {
        let head = self.log.head().await?;
        let now = self.now().await?;
        let occurred_at = request
            .occurred_at
            .clone()
            .unwrap_or_else(|| OccurredAt::on(anju_engine::event::shanghai_day(now)));
        let events = events
            .into_iter()
            .enumerate()
            .map(|(index, (kind, data))| NewEvent {
                id: event_id(request.command_id, index),
                schema: upcasters().newest(&kind),
                kind,
                occurred_at: occurred_at.clone(),
                actor: request.actor.clone(),
                source: source_in(head.origin.simulated, request.source),
                causation: None,
                correlation: None,
                data,
            })
            .collect();
        let appended = self
            .log
            .append(AppendRequest {
                command_id: request.command_id,
                request_digest: identity::digest_of(&["publish", stream.as_str(), what]),
                appends: vec![StreamAppend {
                    stream: stream.clone(),
                    expected: Expected::Any,
                    events,
                }],
            })
            .await?;
        Ok(appended.last)
    }

    /// The state of a project as the log has it now; `None` if it is not registered.
    pub async fn load(
        &self,
        project: &ProjectId,
    ) -> Result<Option<Arc<ProjectState>>, HandleError> {
        let cached = self.cached(project);
        let stream = project.stream()?;
        let from = cached.as_ref().map_or(0, |state| state.revision + 1);
        let mut state = cached.map(|state| (*state).clone());
        let mut next = Revision(from);
        let mut moved = false;
        loop {
            let events = self.log.read_stream(&stream, next, 512).await?;
            let Some(last) = events.last() else { break };
            next = Revision(last.revision.0 + 1);
            moved = true;
            for event in &events {
                state = ProjectState::evolve_recorded(state, project, event)?;
            }
            if events.len() < 512 {
                break;
            }
        }
        let Some(state) = state.map(Arc::new) else {
            return Ok(None);
        };
        if moved {
            self.cache(project, &state);
        }
        Ok(Some(state))
    }

    async fn stored(
        &self,
        first: Position,
        last: Position,
        repeated: bool,
    ) -> Result<Outcome, HandleError> {
        let count = usize::try_from(last.0 - first.0 + 1).unwrap_or(usize::MAX);
        let events = self.log.read(first, count).await?;
        let mut refusal = None;
        for event in &events {
            if matches!(event.kind.as_str(), "transition_refused" | "lot_refused")
                && let ProjectEvent::TransitionRefused(transition)
                | ProjectEvent::LotRefused(transition) = ProjectEvent::read(event)?
            {
                refusal = Some(transition);
            }
        }
        Ok(Outcome {
            position: last,
            events,
            repeated,
            refusal,
        })
    }

    fn remember(
        &self,
        project: &ProjectId,
        state: Option<Arc<ProjectState>>,
        events: &[RecordedEvent],
    ) -> Result<(), HandleError> {
        let mut folded = state.map(|state| (*state).clone());
        for event in events {
            folded = ProjectState::evolve_recorded(folded, project, event)?;
        }
        if let Some(state) = folded {
            self.cache(project, &Arc::new(state));
        }
        Ok(())
    }

    fn states(&self) -> std::sync::MutexGuard<'_, HashMap<ProjectId, Arc<ProjectState>>> {
        // The map is only a cache of what the log holds: a panicked holder cannot have left it wrong.
        self.states.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn cached(&self, project: &ProjectId) -> Option<Arc<ProjectState>> {
        self.states().get(project).cloned()
    }

    fn cache(&self, project: &ProjectId, state: &Arc<ProjectState>) {
        let mut states = self.states();
        if states.len() >= CACHED_STATES {
            states.clear();
        }
        let newer = states
            .get(project)
            .is_none_or(|cached| cached.revision < state.revision);
        if newer {
            states.insert(project.clone(), state.clone());
        }
    }

    fn forget(&self, project: &ProjectId) {
        self.states().remove(project);
    }
}

/// The source that is recorded: a simulated log holds nothing but simulated events and rules.
fn source_in(simulated: bool, source: Source) -> Source {
    if simulated && source != Source::Rule {
        Source::Simulation
    } else {
        source
    }
}

/// Everything a decision needs apart from the state and the command: for the handler, and for players that keep
/// their own states.
#[derive(Clone, Copy)]
pub struct Decider<'a> {
    /// The definition the project is bound to.
    pub definition: &'a Definition,
    /// Its digest.
    pub definition_digest: &'a str,
    /// The newest calendar.
    pub calendar: &'a Calendar,
    /// Now.
    pub now: Timestamp,
    /// Whether the log is simulated.
    pub simulated: bool,
}

/// A decision, ready to be appended.
#[derive(Debug)]
pub struct Decided {
    /// What to append.
    pub request: AppendRequest,
    /// What was decided.
    pub decision: Decision,
}

impl Decider<'_> {
    /// Decides, and renders the events. Pure: the ids come from the command id.
    pub fn decide(
        &self,
        project: &ProjectId,
        state: Option<&ProjectState>,
        command: &Command,
        request: &Request,
        request_digest: [u8; 32],
    ) -> Result<Decided, HandleError> {
        let today = OccurredAt::on(anju_engine::event::shanghai_day(self.now));
        let occurred_at = request.occurred_at.clone().unwrap_or(today);
        let context = Context {
            definition: self.definition,
            definition_digest: self.definition_digest,
            calendar: self.calendar,
            now: self.now,
            role: &request.actor.role,
            unit: request.actor.unit.as_deref(),
        };
        let decision = decide(context, project, state, command, &occurred_at)?;
        let append = Rendering {
            project,
            state,
            request,
            request_digest,
            simulated: self.simulated,
        }
        .append(&decision)?;
        Ok(Decided {
            request: append,
            decision,
        })
    }
}

/// What a decision needs to become an append.
struct Rendering<'a> {
    project: &'a ProjectId,
    state: Option<&'a ProjectState>,
    request: &'a Request,
    request_digest: [u8; 32],
    simulated: bool,
}

impl Rendering<'_> {
    fn append(&self, decision: &Decision) -> Result<AppendRequest, HandleError> {
        let request = self.request;
        let source = source_in(self.simulated, request.source);
        let mut events = Vec::with_capacity(decision.events.len());
        for (index, (event, occurred_at)) in decision.events.iter().enumerate() {
            let (kind, data) = event.clone().into_parts()?;
            events.push(NewEvent {
                id: event_id(request.command_id, index),
                schema: upcasters().newest(&kind),
                kind,
                occurred_at: occurred_at.clone(),
                actor: request.actor.clone(),
                source,
                causation: None,
                correlation: None,
                data,
            });
        }
        Ok(AppendRequest {
            command_id: request.command_id,
            request_digest: self.request_digest,
            appends: vec![StreamAppend {
                stream: self.project.stream()?,
                expected: self.state.map_or(Expected::NoStream, |state| {
                    Expected::Exactly(Revision(state.revision))
                }),
                events,
            }],
        })
    }
}
