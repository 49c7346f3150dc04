//! One pure decision per command: the definition, the calendar, the instant and the state go in, events come out.
//!
//! No clock, no randomness, no I/O: the same log gives the same decisions on every machine.

mod advance;
mod batch;
mod clock_stop;
mod correct;
mod error;
mod ladder;
mod lot;
mod migrate;
mod order;
mod record;
mod register;

use anju_engine::event::{EventId, OccurredAt, shanghai_day};
use jiff::Timestamp;
use jiff::civil::Date;

use super::command::Command;
use super::escalation::wrong_steps;
use super::event::{EscalationWithdrawn, ProjectEvent, ProjectId};
use super::state::{Envelope, ProjectState};
use crate::calendar::Calendar;
use crate::definition::Definition;
use crate::requirement::Judgement;

pub use batch::BatchError;
pub use error::CommandError;
pub use lot::LotError;
pub use migrate::{MigrationRefused, decide_migration};
pub use order::OrderError;

/// What a decision may look at besides the state.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The definition the project is bound to.
    pub definition: &'a Definition,
    /// Its digest.
    pub definition_digest: &'a str,
    /// The newest calendar in the log.
    pub calendar: &'a Calendar,
    /// The instant of the decision.
    pub now: Timestamp,
    /// The role that asks.
    pub role: &'a str,
    /// The unit that asks, if it is said.
    pub unit: Option<&'a str>,
}

impl Context<'_> {
    /// The day of the decision in Asia/Shanghai.
    #[must_use]
    pub fn today(&self) -> Date {
        shanghai_day(self.now)
    }

    /// The instant as it is recorded: UTC, six decimals.
    #[must_use]
    pub fn decided_at(&self) -> String {
        format!("{:.6}", self.now)
    }
}

/// What a command does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The events, with the day each is said to have happened.
    pub events: Vec<(ProjectEvent, OccurredAt)>,
    /// What a refused transition lacks: every requirement, met and unmet.
    pub refusal: Option<Refusal>,
}

/// A refused transition. It is recorded; the project stays where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The stage it stays in.
    pub from: String,
    /// The stage it asked for.
    pub to: String,
    /// Every requirement.
    pub judgements: Vec<Judgement>,
}

impl Decision {
    fn one(event: ProjectEvent, occurred_at: &OccurredAt) -> Self {
        Self {
            events: vec![(event, occurred_at.clone())],
            refusal: None,
        }
    }
}

/// Decides one command. An error appends nothing: the request was badly formed, or not for this project now.
pub fn decide(
    context: Context<'_>,
    id: &ProjectId,
    state: Option<&ProjectState>,
    command: &Command,
    occurred_at: &OccurredAt,
) -> Result<Decision, CommandError> {
    if occurred_at.day() > context.today() {
        return Err(CommandError::InTheFuture {
            day: occurred_at.day(),
            today: context.today(),
        });
    }
    if let Command::Register(register) = command {
        return register::decide(context, id, state, register, occurred_at);
    }
    let state = state.ok_or_else(|| CommandError::NotRegistered {
        project: id.to_string(),
    })?;
    let mut decision = match command {
        Command::Register(_) => {
            return Err(CommandError::AlreadyRegistered {
                project: id.to_string(),
            });
        }
        Command::Record {
            fact,
            fields,
            documents,
            note,
        } => {
            lot::known_to(context, state, fact, fields)?;
            record::decide(context, fact, fields, documents, note.as_ref(), occurred_at)
        }
        Command::Correct { .. } | Command::Void { .. } => {
            correct::decide(context, state, command, occurred_at)
        }
        Command::Advance { to } => advance::decide(context, state, to.as_deref(), occurred_at),
        Command::Return { to, note } => {
            advance::decide_return(context, state, to, note.as_ref(), occurred_at)
        }
        Command::Suspend { cause, note } => {
            clock_stop::suspend(state, cause, note.as_ref(), occurred_at)
        }
        Command::Resume { note } => clock_stop::resume(state, note.as_ref(), occurred_at),
        Command::Withdraw { note } => clock_stop::withdraw(state, note.as_ref(), occurred_at),
        Command::Extend {
            deadline,
            due,
            note,
        } => ladder::extend(context, state, deadline, *due, note.as_ref(), occurred_at),
        Command::Acknowledge { event, note } => {
            ladder::acknowledge(state, *event, note.as_ref(), occurred_at)
        }
        Command::Escalate { key } => ladder::escalate(context, state, key, occurred_at),
        Command::Lot(command) => lot::decide(context, state, command, occurred_at),
        Command::Order(command) => order::decide(context, state, command, occurred_at),
        Command::Batch(command) => batch::decide(context, state, command, occurred_at),
    }?;
    withdraw_wrong_steps(context, id, state, &mut decision);
    Ok(decision)
}

/// The years that a decision rests on although no notice has fixed them: those the definition assumes, if without them
/// it would have come out otherwise.
fn assumed_years<T: PartialEq>(
    context: Context<'_>,
    made: &T,
    again: impl FnOnce(&Definition) -> T,
) -> Vec<i16> {
    let years = context.definition.assumed_years(context.calendar);
    if years.is_empty() || *made == again(&context.definition.without_assumptions()) {
        return Vec::new();
    }
    years
}

/// A late fact may show that a step of the ladder was taken in error: the same append withdraws it.
fn withdraw_wrong_steps(
    context: Context<'_>,
    id: &ProjectId,
    state: &ProjectState,
    decision: &mut Decision,
) {
    let Some(after) = after(state, id, context.now, &decision.events) else {
        return;
    };
    let on = OccurredAt::on(context.today());
    let mut wrong: Vec<(ProjectEvent, OccurredAt)> =
        wrong_steps(context.definition, context.calendar, &after)
            .map(|step| {
                (
                    ProjectEvent::EscalationWithdrawn(EscalationWithdrawn {
                        key: step.key.clone(),
                        event: step.event,
                        decided_at: context.decided_at(),
                    }),
                    on.clone(),
                )
            })
            .collect();
    decision.events.append(&mut wrong);
}

/// The state after some events that are not recorded yet.
fn after(
    state: &ProjectState,
    id: &ProjectId,
    now: Timestamp,
    events: &[(ProjectEvent, OccurredAt)],
) -> Option<ProjectState> {
    let (mut position, mut revision) = (state.position, state.revision);
    let mut folded = Some(state.clone());
    for (event, occurred_at) in events {
        position += 1;
        revision += 1;
        let envelope = Envelope {
            position,
            revision,
            id: EventId(uuid::Uuid::nil()),
            occurred_at: occurred_at.clone(),
            recorded_at: now,
        };
        folded = ProjectState::evolve(folded, id, event, &envelope);
    }
    folded
}
