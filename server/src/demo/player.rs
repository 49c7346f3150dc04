//! The player: day after day every project's people do what is due, in one order; then the rules look.
//!
//! Nothing but the seed, the definitions and the lists decides what is appended. Commands are decided in memory in
//! (day, project) order; a day's appends are handed to the log together and answered before the next day begins, so
//! that batches may fall as they like. Every command has an id of its own: what a killed demo had already appended is
//! answered as a repeat, and the rest follows.

use std::collections::BTreeMap;
use std::sync::Arc;

use anju_engine::SimulatedClock;
use anju_engine::event::{
    Actor, CommandId, Data, EventId, EventType, NewEvent, OccurredAt, Position, SHANGHAI, Source,
    StreamId,
};
use anju_engine::log::{AppendError, AppendRequest, Appended, EventLog, Expected, StreamAppend};
use anju_workflows::calendar::Calendar;
use anju_workflows::definition::Definition;
use anju_workflows::handler::{Decider, HandleError, Request, event_id, request_digest};
use anju_workflows::project::escalation::{due_steps, next_step_day};
use anju_workflows::project::event::ProjectId;
use anju_workflows::project::state::Envelope;
use anju_workflows::project::{Command, ProjectState};
use anju_workflows::publish::{
    CALENDAR_STREAM, definition_stream, publish_calendar, publish_definition,
};
use anju_workflows::upcast::upcasters;
use indicatif::ProgressBar;
use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::Value;
use sha2::{Digest, Sha256};
use uuid::Builder;

use super::agent::{Agent, Job};
use super::cast::Programme;
use super::dice::Dice;
use super::facts::{earlier, later};
use crate::app::{Failure, rule_actor};
use crate::watch::escalation_command_id;

/// How many appends of one day are handed over at once: well below the log's queue.
const HANDED_OVER: usize = 1_000;

/// Plays programmes on a simulated log.
pub struct Player {
    log: Arc<dyn EventLog>,
    clock: Arc<SimulatedClock>,
    calendar: Calendar,
    seed: u64,
    agents: Vec<Agent>,
    /// The day on which a project's ladder has to be looked at next.
    next_step: BTreeMap<usize, Date>,
    /// The position that the next event will have.
    next_position: u64,
    pending: Vec<Pending>,
    /// The day that was opened last.
    opened: Option<Date>,
}

struct Pending {
    request: AppendRequest,
    first: u64,
}

/// From the first day on which somebody acts to the last day that is played.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    pub first: Date,
    pub last: Date,
}

impl Player {
    /// A player of `programmes`, whose definitions and calendar it publishes first.
    pub async fn start(
        log: Arc<dyn EventLog>,
        clock: Arc<SimulatedClock>,
        programmes: Vec<Programme>,
        seed: u64,
    ) -> Result<(Self, Span), Failure> {
        let calendar = Calendar::builtin();
        let span = span(&programmes);
        let mut player = Self {
            log,
            clock,
            calendar,
            seed,
            agents: Vec::new(),
            next_step: BTreeMap::new(),
            // The log's own first record stands at 1.
            next_position: 2,
            pending: Vec::new(),
            opened: None,
        };
        player.open_day(earlier(span.first, 1))?;
        let calendar_events = publish_calendar(&player.calendar).map_err(HandleError::from)?;
        player.plain(CALENDAR_STREAM, calendar_events, earlier(span.first, 1))?;
        for programme in programmes {
            player.publish(programme, span)?;
        }
        player.agents.sort_by(|a, b| a.id.cmp(&b.id));
        player.hand_over().await?;
        Ok((player, span))
    }

    fn publish(&mut self, programme: Programme, span: Span) -> Result<(), Failure> {
        let events = publish_definition(&programme.definition, &programme.sources)
            .map_err(HandleError::from)?;
        let stream = definition_stream(&programme.definition.id).map_err(HandleError::from)?;
        self.plain(stream.as_str(), events, earlier(span.first, 1))?;
        let digest: Arc<str> = Arc::from(programme.definition.digest());
        let first = first_day(&programme.definition).unwrap_or(span.first);
        let definition = Arc::new(programme.definition);
        for role in programme.projects {
            let id = ProjectId::new(role.id.clone()).map_err(HandleError::from)?;
            let mut dice = Dice::new(self.seed, &format!("{id}/registration"));
            let registers_on = self
                .calendar
                .roll(later(first, dice.between(0, 9)))
                .unwrap_or(first);
            self.agents.push(Agent::new(
                role,
                id,
                definition.clone(),
                digest.clone(),
                self.seed,
                registers_on,
            ));
        }
        Ok(())
    }

    /// Plays every day of the span. `progress` counts days.
    pub async fn play(&mut self, span: Span, progress: &ProgressBar) -> Result<(), Failure> {
        let mut today = span.first;
        while today <= span.last {
            self.play_day(today).await?;
            progress.set_message(format!("{today} · {}", self.next_position - 1));
            progress.inc(1);
            today = later(today, 1);
        }
        // The last day is opened whatever happens: it is the day on which the pages stand.
        if self.opened != Some(span.last) {
            self.open_day(span.last)?;
            self.hand_over().await?;
        }
        Ok(())
    }

    async fn play_day(&mut self, today: Date) -> Result<(), Failure> {
        let mut opened = false;
        for index in 0..self.agents.len() {
            while let Some(job) = self.agents[index].next_job(today) {
                if !opened {
                    self.open_day(today)?;
                    opened = true;
                }
                self.carry_out(index, &job, today)?;
            }
        }
        let due: Vec<usize> = self
            .next_step
            .iter()
            .filter(|(_, day)| **day <= today)
            .map(|(index, _)| *index)
            .collect();
        for index in due {
            if !opened {
                self.open_day(today)?;
                opened = true;
            }
            self.escalate(index, today)?;
        }
        if opened {
            self.hand_over().await?;
        }
        Ok(())
    }

    /// A clerk sends one command. What is badly formed or out of place is the clerk's mistake, and appends nothing.
    fn carry_out(&mut self, index: usize, job: &Job, today: Date) -> Result<(), Failure> {
        let agent = &mut self.agents[index];
        agent.sent += 1;
        let command_id = command_id(self.seed, agent.id.as_str(), agent.sent, today);
        let unit = job.unit.clone().or_else(|| {
            let state = agent.state.as_ref()?;
            agent
                .definition
                .responsible_units(&state.stage, &state.placement())
                .into_iter()
                .next()
        });
        let request = Request {
            command_id,
            actor: Actor {
                person: None,
                role: "clerk".to_owned(),
                unit,
                area: None,
            },
            source: Source::Simulation,
            occurred_at: job.occurred_on.map(OccurredAt::on),
        };
        self.send(index, &job.command, &request, today, Some(job))
            .map(|_| ())
    }

    /// The rules take the steps of the ladder that are due: of the project, of its lots, of its orders.
    fn escalate(&mut self, index: usize, today: Date) -> Result<(), Failure> {
        let agent = &self.agents[index];
        let Some(state) = &agent.state else {
            return Ok(());
        };
        let due = due_steps(&agent.definition, &self.calendar, state, today);
        if due.is_empty() {
            self.look_again(index);
        }
        for due in due {
            let request = Request {
                command_id: escalation_command_id(&self.agents[index].id, &due.key),
                actor: rule_actor(),
                source: Source::Rule,
                occurred_at: None,
            };
            let command = Command::Escalate { key: due.key };
            if let Some(event) = self.send(index, &command, &request, today, None)? {
                self.agents[index].escalated(today, event);
            }
        }
        Ok(())
    }

    /// Decides a command, folds its events, and keeps its append for the end of the day.
    fn send(
        &mut self,
        index: usize,
        command: &Command,
        request: &Request,
        today: Date,
        job: Option<&Job>,
    ) -> Result<Option<EventId>, Failure> {
        let now = instant(today);
        let agent = &mut self.agents[index];
        let programme =
            matches!(command, Command::Register(_)).then(|| agent.programme().to_owned());
        let occurred = request.occurred_at.as_ref().map(OccurredAt::as_str);
        let digest = request_digest(&agent.id, programme.as_deref(), command, occurred);
        let decider = Decider {
            definition: &agent.definition,
            definition_digest: &agent.definition_digest,
            calendar: &self.calendar,
            now,
            simulated: true,
        };
        let decided =
            match decider.decide(&agent.id, agent.state.as_ref(), command, request, digest) {
                Ok(decided) => decided,
                Err(HandleError::Command(error)) => {
                    tracing::debug!(project = %agent.id, %error, "a clerk's command was not taken");
                    return Ok(None);
                }
                Err(error) => return Err(error.into()),
            };
        let first = self.next_position;
        for (offset, (event, occurred_at)) in (0u64..).zip(&decided.decision.events) {
            let envelope = Envelope {
                position: first + offset,
                revision: agent.state.as_ref().map_or(0, |state| state.revision + 1),
                id: event_id(
                    request.command_id,
                    usize::try_from(offset).unwrap_or(usize::MAX),
                ),
                occurred_at: occurred_at.clone(),
                recorded_at: now,
            };
            agent.state = ProjectState::evolve(agent.state.take(), &agent.id, event, &envelope);
        }
        self.next_position += decided.decision.events.len() as u64;
        if let Some(job) = job {
            let judgements = decided
                .decision
                .refusal
                .as_ref()
                .map(|refusal| refusal.judgements.as_slice());
            agent.carried_out(
                &self.calendar,
                today,
                job,
                event_id(request.command_id, 0),
                judgements,
            );
        }
        self.pending.push(Pending {
            request: decided.request,
            first,
        });
        self.look_again(index);
        Ok(Some(event_id(request.command_id, 0)))
    }

    fn look_again(&mut self, index: usize) {
        let agent = &self.agents[index];
        let day = agent
            .state
            .as_ref()
            .and_then(|state| next_step_day(&agent.definition, &self.calendar, state));
        match day {
            Some(day) => self.next_step.insert(index, day),
            None => self.next_step.remove(&index),
        };
    }

    /// The first event of a day: in a simulated log time passes only with a record.
    fn open_day(&mut self, day: Date) -> Result<(), Failure> {
        self.clock.set(instant(day));
        self.opened = Some(day);
        let kind = EventType::new("day_opened").map_err(HandleError::from)?;
        let data = Data::from_iter([("day".to_owned(), Value::from(day.to_string()))]);
        self.plain("log", vec![(kind, data)], day)
    }

    fn plain(
        &mut self,
        stream: &str,
        events: Vec<(EventType, Data)>,
        day: Date,
    ) -> Result<(), Failure> {
        let command_id = command_id(self.seed, stream, 0, day);
        let first = self.next_position;
        self.next_position += events.len() as u64;
        let events = events
            .into_iter()
            .enumerate()
            .map(|(index, (kind, data))| NewEvent {
                id: event_id(command_id, index),
                schema: upcasters().newest(&kind),
                kind,
                occurred_at: OccurredAt::on(day),
                actor: rule_actor(),
                source: Source::Simulation,
                causation: None,
                correlation: None,
                data,
            })
            .collect();
        let request = AppendRequest {
            command_id,
            request_digest: Sha256::digest(format!("{stream}/{day}")).into(),
            unchanged: Vec::new(),
            appends: vec![StreamAppend {
                stream: StreamId::new(stream).map_err(HandleError::from)?,
                expected: Expected::Any,
                events,
            }],
        };
        self.pending.push(Pending { request, first });
        Ok(())
    }

    /// Hands the day's appends to the log in their order and waits until all are durable.
    async fn hand_over(&mut self) -> Result<(), Failure> {
        let mut pending = std::mem::take(&mut self.pending).into_iter().peekable();
        while pending.peek().is_some() {
            let (expected, appends): (Vec<u64>, Vec<_>) = pending
                .by_ref()
                .take(HANDED_OVER)
                .map(|pending| (pending.first, self.log.append(pending.request)))
                .unzip();
            // join_all polls in order: that is the order in which the log takes them.
            let answers: Vec<Result<Appended, AppendError>> =
                futures::future::join_all(appends).await;
            for (expected, answer) in expected.into_iter().zip(answers) {
                let first = answer.map_err(HandleError::from)?.first;
                if first != Position(expected) {
                    return Err(Failure::Store {
                        zh: format!(
                            "演示日志中第{first}条应为第{expected}条:有别的程序写过这个库,请换一个 --store"
                        ),
                        en: format!(
                            "position {first} should be {expected}: another program has written to this demo; name another --store"
                        ),
                    });
                }
            }
        }
        Ok(())
    }
}

/// Nine in the morning in Shanghai.
fn instant(day: Date) -> Timestamp {
    SHANGHAI
        .to_timestamp(day.at(9, 0, 0, 0))
        .unwrap_or(Timestamp::MAX)
}

/// The id of a command: its day, and a hash of who sends it as the how-manieth.
fn command_id(seed: u64, sender: &str, number: u64, day: Date) -> CommandId {
    let hash = Sha256::digest(format!("{seed}/{sender}/{number}/{day}"));
    let mut ten = [0u8; 10];
    ten.copy_from_slice(&hash[..10]);
    let millis = u64::try_from(instant(day).as_millisecond()).unwrap_or(0);
    CommandId(Builder::from_unix_timestamp_millis(millis, &ten).into_uuid())
}

/// The first day a programme speaks of in its windows, or the second of January of its year.
fn first_day(definition: &Definition) -> Option<Date> {
    let year = definition.year.as_ref().and_then(|year| year.value);
    let january = year.and_then(|year| Date::new(year, 1, 2).ok());
    definition
        .stages
        .values()
        .flat_map(|stage| stage.deadlines.values())
        .filter_map(|deadline| deadline.from.as_ref()?.first_day(year))
        .chain(january)
        .min()
}

/// From the first programme's first day to the end of the last programme's year.
fn span(programmes: &[Programme]) -> Span {
    let years = || {
        programmes
            .iter()
            .filter_map(|programme| programme.definition.year.as_ref()?.value)
    };
    let fallback = Date::constant(super::cast::ASSUMED_YEAR, 1, 2);
    Span {
        first: programmes
            .iter()
            .filter_map(|programme| first_day(&programme.definition))
            .min()
            .unwrap_or(fallback),
        last: years()
            .max()
            .and_then(|year| Date::new(year, 12, 31).ok())
            .unwrap_or(Date::constant(super::cast::ASSUMED_YEAR, 12, 31)),
    }
}
