//! The one door through which commands enter: decide, on what is remembered or looked up, append, and again if somebody was
//! faster.

mod deciding;
mod identity;
mod library;
mod migrate;
mod seen;
mod states;

use std::sync::{Arc, Mutex, PoisonError};

use anju_engine::clock::Clock;
use anju_engine::event::{
    Actor, CommandId, Data, EventType, NewEvent, OccurredAt, Position, RecordedEvent, Revision,
    Source, StreamId, WordError,
};
use anju_engine::log::{
    AppendError, AppendRequest, EventLog, Expected, Head, Looked, ReadError, StreamAppend,
};
use jiff::Timestamp;

use crate::calendar::Calendar;
use crate::definition::Definition;
use crate::project::decide::{CommandError, Decision, MigrationRefused};
use crate::project::event::{ProjectEvent, ProjectId, Transition, UnreadableEvent};
use crate::project::state::Envelope;
use crate::project::{Command, ProjectState};
use crate::publish::{
    CALENDAR_STREAM, OverriddenRehearsal, PublishedError, publish_calendar, publish_version,
};
use crate::upcast::upcasters;

pub use deciding::{Decided, Decider};
pub use identity::{event_id, new_command_id, request_digest};
pub use library::Library;
pub use migrate::{Migration, migration_command_id};
use seen::Seen;
use states::States;

/// How many times a command is decided on a look at the log, because each time its project or the calendar moved meanwhile.
const RETRIES: usize = 8;

/// How many projects' states are kept at least, if so many are used; twice as many at most.
const KEPT_STATES: usize = 4_096;

/// How many events of a project are read at a time.
const HISTORY: usize = 512;

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
    /// The project, the calendar or, for a registration, the programme's versions moved each time the command was decided: try
    /// again.
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
    states: Mutex<States>,
    seen: Seen,
}

impl Handler {
    /// A handler of `log`, that takes now from `clock` — or, in a simulated log, from its last record.
    pub fn new(log: Arc<dyn EventLog>, clock: Arc<dyn Clock>) -> Self {
        Self {
            library: Library::new(log.clone()),
            log,
            clock,
            states: Mutex::new(States::new(KEPT_STATES)),
            seen: Seen::default(),
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
        Ok(self.now_after(&self.log.head().await?))
    }

    /// What the handler takes for now where the log stands at `head`.
    fn now_after(&self, head: &Head) -> Timestamp {
        match head.last_recorded_at {
            Some(last) if head.origin.simulated => last,
            Some(last) => self.clock.now().max(last),
            None => self.clock.now(),
        }
    }

    /// Registers a project in the newest definition of a programme, or carries out a command on a registered one. Decides on
    /// what is remembered where that suffices: the append finds out whether it still holds, and if not it is decided on a look.
    pub async fn execute(
        &self,
        project: &ProjectId,
        programme: Option<&str>,
        command: &Command,
        request: &Request,
    ) -> Result<Outcome, HandleError> {
        let occurred = request.occurred_at.as_ref().map(OccurredAt::as_str);
        let digest = request_digest(project, programme, command, occurred);
        let mut foreseen = self.foreseen(project, command, request, digest);
        let tries = RETRIES + usize::from(foreseen.is_some());
        for _ in 0..tries {
            let from_memory = foreseen.is_some();
            let decided = match foreseen.take() {
                Some(foreseen) => Ok(foreseen),
                None => {
                    self.decided(project, programme, command, request, digest)
                        .await
                }
            };
            let (state, decided) = match decided {
                Ok(decided) => decided,
                // A command that was done is answered as it was then, whatever would be decided on it now.
                Err(error) => return self.done_before(request.command_id, digest, error).await,
            };
            let events = decided.recorded_at_its_place(state.as_deref());
            match self.log.append(decided.request).await {
                Ok(appended) if appended.repeated => {
                    return self.stored(appended.first, appended.last, true).await;
                }
                Ok(appended) => {
                    let events = events
                        .into_iter()
                        .zip(appended.first.0..)
                        .map(|(event, position)| RecordedEvent {
                            position: Position(position),
                            recorded_at: appended.recorded_at,
                            ..event
                        })
                        .collect::<Vec<_>>();
                    self.remember(project, state, &decided.decision, &events);
                    return Ok(Outcome {
                        position: appended.last,
                        refusal: refusal(&decided.decision),
                        events,
                        repeated: false,
                    });
                }
                // Somebody was faster: what has come since is read, and it is decided again.
                Err(AppendError::Conflict { .. }) => {}
                // Only a look can say that the command cannot be taken.
                Err(AppendError::Invalid(_)) if from_memory => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(HandleError::Contended(project.to_string()))
    }

    /// The outcome of a command that was done before, or the error if it was not.
    async fn done_before(
        &self,
        command_id: CommandId,
        digest: [u8; 32],
        error: HandleError,
    ) -> Result<Outcome, HandleError> {
        match self.log.find_command(command_id).await? {
            None => Err(error),
            Some(known) if known.request_digest != digest => {
                Err(AppendError::CommandReused { command_id }.into())
            }
            Some(known) => self.stored(known.first, known.last, true).await,
        }
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
                publish_version(definition, sources, overridden)?,
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
        let stream = StreamId::new(CALENDAR_STREAM)?;
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
                source: deciding::source_in(head.origin.simulated, request.source),
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
                unchanged: Vec::new(),
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
        Ok(self.look(project, &[]).await?.0)
    }

    /// The state of a project as the log has it now, with the revisions of other streams and the head.
    async fn look(
        &self,
        project: &ProjectId,
        others: &[StreamId],
    ) -> Result<(Option<Arc<ProjectState>>, Looked), HandleError> {
        let cached = self.states().get(project);
        let stream = project.stream()?;
        let mut next = cached.as_ref().map_or(0, |state| state.revision + 1);
        let mut looked = self
            .log
            .look(&stream, Revision(next), HISTORY, others)
            .await?;
        if looked.events.is_empty() {
            return Ok((cached, looked));
        }
        let mut state = cached.map(Arc::unwrap_or_clone);
        loop {
            for event in &looked.events {
                next = event.revision.0 + 1;
                state = ProjectState::evolve_recorded(state, project, event)?;
            }
            if looked.events.len() < HISTORY {
                break;
            }
            looked = self
                .log
                .look(&stream, Revision(next), HISTORY, others)
                .await?;
        }
        // Before the state is kept: nothing is decided on it at an instant before its events.
        if let Some(last) = looked.head.last_recorded_at {
            self.seen.recorded(last);
        }
        let state = state.map(Arc::new);
        if let Some(state) = &state {
            self.states().put(project, Arc::clone(state));
        }
        Ok((state, looked))
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

    /// Folds what was just decided and recorded into the state, for the next command.
    fn remember(
        &self,
        project: &ProjectId,
        state: Option<Arc<ProjectState>>,
        decision: &Decision,
        events: &[RecordedEvent],
    ) {
        // Before the state is kept: nothing is decided on it at an instant before its events.
        if let Some(last) = events.last() {
            self.seen.recorded(last.recorded_at);
        }
        // Nobody else need hold it: then it is not even copied.
        self.states().remove(project);
        let mut folded = state.map(Arc::unwrap_or_clone);
        for ((event, _), recorded) in decision.events.iter().zip(events) {
            folded = ProjectState::evolve(folded, project, event, &Envelope::from(recorded));
        }
        if let Some(state) = folded {
            self.states().put(project, Arc::new(state));
        }
    }

    fn states(&self) -> std::sync::MutexGuard<'_, States> {
        // The map is only a cache of what the log holds: a panicked holder cannot have left it wrong.
        self.states.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The refused transition of a decision, if it refused one.
fn refusal(decision: &Decision) -> Option<Transition> {
    let mut events = decision.events.iter().rev();
    events.find_map(|(event, _)| match event {
        ProjectEvent::TransitionRefused(transition) | ProjectEvent::LotRefused(transition) => {
            Some(transition.clone())
        }
        _ => None,
    })
}
