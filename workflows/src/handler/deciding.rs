//! Deciding on a command: on the log as it stands, or as it is remembered to stand.
//!
//! Either way the append asks whether what was decided on still holds: the project's own stream is where it was, and
//! so are the streams of the calendar and, for a registration, of the programme's versions. If not, nothing is recorded, and it
//! is decided again on what is there now. So a decision may be made from memory, and is never recorded on a state or
//! under a calendar that was no longer the newest.

use std::sync::Arc;

use anju_engine::event::{
    NewEvent, OccurredAt, Position, RecordedEvent, Revision, Source, StreamId,
};
use anju_engine::log::{AppendRequest, Expected, StreamAppend, Unchanged};
use jiff::Timestamp;

use super::{HandleError, Handler, Request, event_id};
use crate::calendar::Calendar;
use crate::definition::Definition;
use crate::project::Command;
use crate::project::decide::{CommandError, Context, Decision, decide};
use crate::project::event::ProjectId;
use crate::project::state::ProjectState;
use crate::publish::{CALENDAR_STREAM, definition_stream};
use crate::upcast::upcasters;

/// The state that was decided on, and what was decided.
type OnState = (Option<Arc<ProjectState>>, Decided);

/// The calendars, which must still end with this revision.
pub(super) fn calendars_at(revision: Option<Revision>) -> Result<Unchanged, HandleError> {
    Ok(Unchanged {
        stream: StreamId::new(CALENDAR_STREAM)?,
        revision,
    })
}

impl Handler {
    /// Decides on a command as the log is remembered to stand, without asking it. `None` if too little is remembered, or
    /// if the command would not be taken: nothing would be appended then that could ask, so it must be looked at.
    pub(super) fn foreseen(
        &self,
        project: &ProjectId,
        command: &Command,
        request: &Request,
        digest: [u8; 32],
    ) -> Option<OnState> {
        let seen = self.seen.real_log()?;
        let now = self.clock.now();
        if seen.last.is_some_and(|last| now < last) {
            // This clock is behind the one of whoever recorded that: how far the log is by now, only the log knows.
            return None;
        }
        let state = self.states().get(project)?;
        let bound = &state.registered.definition;
        let definition = self.library.kept_definition(bound)?;
        let calendar = self.library.kept_calendar(seen.calendar)?;
        let decider = Decider {
            definition: &definition,
            definition_digest: bound,
            calendar: &calendar,
            now,
            simulated: false,
        };
        let decided = decider.decide(project, Some(&state), command, request, digest);
        let mut decided = decided.ok()?;
        decided.request.unchanged = vec![calendars_at(Some(seen.calendar)).ok()?];
        Some((Some(state), decided))
    }

    /// Decides on a command as the log stands now.
    pub(super) async fn decided(
        &self,
        project: &ProjectId,
        programme: Option<&str>,
        command: &Command,
        request: &Request,
        digest: [u8; 32],
    ) -> Result<OnState, HandleError> {
        let mut unchanged = Vec::with_capacity(2);
        let calendars = StreamId::new(CALENDAR_STREAM)?;
        let (state, looked) = self.look(project, std::slice::from_ref(&calendars)).await?;
        let (definition, definition_digest) = match (&state, programme) {
            (Some(state), _) => {
                let bound = &state.registered;
                let digest = bound.definition.clone();
                (
                    self.library.definition(&bound.programme, &digest).await?,
                    digest,
                )
            }
            (None, Some(programme)) => {
                let (revision, definition, digest) = self.library.newest_at(programme).await?;
                unchanged.push(Unchanged {
                    stream: definition_stream(programme)?,
                    revision: Some(revision),
                });
                (definition, digest)
            }
            (None, None) => {
                return Err(CommandError::NotRegistered {
                    project: project.to_string(),
                }
                .into());
            }
        };
        let revision = looked.others.first().copied().flatten();
        let calendar = self.library.calendar_at(revision).await?;
        self.seen.looked(&looked.head, revision);
        unchanged.push(calendars_at(revision)?);
        let mut decided = Decider {
            definition: &definition,
            definition_digest: &definition_digest,
            calendar: &calendar,
            now: self.now_after(&looked.head),
            simulated: looked.head.origin.simulated,
        }
        .decide(project, state.as_deref(), command, request, digest)?;
        decided.request.unchanged = unchanged;
        Ok((state, decided))
    }
}

/// The source that is recorded: a simulated log holds nothing but simulated events and rules.
pub(super) fn source_in(simulated: bool, source: Source) -> Source {
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

/// A decision, ready to be appended. The request does not yet say which calendar must still be the newest: the handler, which
/// knows its revision, adds that.
#[derive(Debug)]
pub struct Decided {
    /// What to append.
    pub request: AppendRequest,
    /// What was decided.
    pub decision: Decision,
}

impl Decided {
    /// The events as the log will record them, but for position and instant, which only the log knows.
    pub(super) fn recorded_at_its_place(&self, state: Option<&ProjectState>) -> Vec<RecordedEvent> {
        let next = state.map_or(0, |state| state.revision + 1);
        let parts = self.request.appends.iter();
        let events = parts.flat_map(|part| part.events.iter().map(|event| (&part.stream, event)));
        events
            .zip(next..)
            .map(|((stream, event), revision)| RecordedEvent {
                position: Position(0),
                stream: stream.clone(),
                revision: Revision(revision),
                id: event.id,
                kind: event.kind.clone(),
                schema: event.schema,
                occurred_at: event.occurred_at.clone(),
                recorded_at: Timestamp::UNIX_EPOCH,
                actor: event.actor.clone(),
                source: event.source,
                command_id: self.request.command_id,
                causation: event.causation,
                correlation: event.correlation,
                data: event.data.clone(),
            })
            .collect()
    }
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
pub(super) struct Rendering<'a> {
    pub(super) project: &'a ProjectId,
    pub(super) state: Option<&'a ProjectState>,
    pub(super) request: &'a Request,
    pub(super) request_digest: [u8; 32],
    pub(super) simulated: bool,
}

impl Rendering<'_> {
    pub(super) fn append(&self, decision: &Decision) -> Result<AppendRequest, HandleError> {
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
            unchanged: Vec::new(),
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
