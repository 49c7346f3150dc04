//! One history, walked twice at once: as it was, and by the other rules.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use anju_engine::event::{EventId, OccurredAt, RecordedEvent, shanghai_day};
use jiff::civil::Date;

use super::difference::{
    Divergence, DueDifference, Outcome, RuleDifference, StepDifference, Verdict,
};
use super::translate::translate;
use super::{Alternative, Calendars};
use crate::calendar::Calendar;
use crate::definition::Definition;
use crate::project::deadline::{OpenDeadline, all_open};
use crate::project::escalation::{DueStep, due_steps};
use crate::project::event::{
    EscalationRaised, ProjectEvent, ProjectId, Transition, UnreadableEvent,
};
use crate::project::migrated::Renamed;
use crate::project::state::{Envelope, ProjectState, Status};
use crate::requirement::{Judgement, View, judge_exit, judge_lot};

/// A deadline's id, and the lot that answers for it.
type DeadlineOf = (String, Option<String>);

/// The last permitted day as it was, and as it would be.
type BothDays = (Option<Date>, Option<Date>);

/// Definitions by digest: those that the history was bound to.
pub type Definitions = HashMap<String, Arc<Definition>>;

/// What the histories rest on.
#[derive(Clone, Copy)]
pub struct Basis<'a> {
    /// The definitions that the history was bound to.
    pub definitions: &'a Definitions,
    /// The calendars of the log.
    pub calendars: &'a Calendars,
    /// The last day that the log knows: on it, what is due and not taken is looked at once more.
    pub last_day: Date,
}

/// Replays one history by the other rules; `None` if its events register no project, or its definition is not there.
pub fn replay(
    project: &ProjectId,
    events: &[RecordedEvent],
    basis: Basis<'_>,
    alternative: &Alternative,
) -> Result<Option<Outcome>, UnreadableEvent> {
    let mut read = Vec::with_capacity(events.len());
    for event in events {
        read.push(ProjectEvent::read(event)?);
    }
    let Some(ProjectEvent::ProjectRegistered(registered)) = read.first() else {
        return Ok(None);
    };
    let Some(bound) = basis.definitions.get(&registered.definition) else {
        return Ok(None);
    };
    let outcome = Outcome {
        project: project.clone(),
        programme: registered.programme.clone(),
        definition: registered.definition.clone(),
        events: events.len() as u64,
        decisions: 0,
        first: None,
        first_refused: None,
        would_refuse: 0,
        would_accept: 0,
        due: Vec::new(),
        steps: Vec::new(),
        running: true,
    };
    // Renamings that come after an event, by the number of the event.
    let mut later: Vec<(usize, Renamed)> = Vec::new();
    if alternative.definition.is_some() {
        for (index, event) in read.iter().enumerate() {
            if let ProjectEvent::DefinitionMigrated(migrated) = event {
                later.push((index, migrated.renamed.clone()));
            }
        }
        if !alternative.renamed.is_empty() {
            later.push((usize::MAX, alternative.renamed.clone()));
        }
    }
    let mut walk = Walk {
        basis,
        alternative,
        id: project,
        bound: bound.clone(),
        was: None,
        would: None,
        deadlines_differ: deadlines_differ(bound, alternative),
        outcome,
    };
    for (index, (event, recorded)) in read.into_iter().zip(events).enumerate() {
        let renamed: Vec<&Renamed> = later
            .iter()
            .filter(|(migration, _)| *migration > index)
            .map(|(_, renamed)| renamed)
            .collect();
        walk.step(event, recorded, &renamed);
    }
    Ok(Some(walk.end(events)))
}

struct Walk<'a> {
    basis: Basis<'a>,
    alternative: &'a Alternative,
    id: &'a ProjectId,
    /// The definition the history is bound to at this point.
    bound: Arc<Definition>,
    /// The state as it was; kept only where due days may differ.
    was: Option<ProjectState>,
    /// The state by the other rules.
    would: Option<ProjectState>,
    deadlines_differ: bool,
    outcome: Outcome,
}

impl Walk<'_> {
    fn other(&self) -> Arc<Definition> {
        self.alternative
            .definition
            .clone()
            .unwrap_or_else(|| self.bound.clone())
    }

    fn calendar(&self, position: u64) -> &Calendar {
        self.alternative
            .calendar
            .as_ref()
            .unwrap_or_else(|| self.basis.calendars.before(position))
    }

    fn step(&mut self, event: ProjectEvent, recorded: &RecordedEvent, renamed: &[&Renamed]) {
        let envelope = Envelope::from(recorded);
        let other = self.other();
        if self.deadlines_differ {
            // What fell due on the days between the event before and this one.
            let eve = shanghai_day(recorded.recorded_at).yesterday();
            if let Ok(eve) = eve {
                self.besides(&other, envelope.position, eve);
            }
        }
        let mut translated = event.clone();
        if self.alternative.definition.is_some() {
            translate(&mut translated, renamed, &other);
        }
        match (&event, &translated) {
            (ProjectEvent::TransitionAccepted(was), ProjectEvent::TransitionAccepted(would))
                if !was.returned =>
            {
                self.decision(&other, (was, would), &envelope, Verdict::Accepted);
            }
            (ProjectEvent::LotPassed(was), ProjectEvent::LotPassed(would)) => {
                self.decision(&other, (was, would), &envelope, Verdict::Accepted);
            }
            (ProjectEvent::TransitionRefused(was), ProjectEvent::TransitionRefused(would))
            | (ProjectEvent::LotRefused(was), ProjectEvent::LotRefused(would)) => {
                self.decision(&other, (was, would), &envelope, Verdict::Refused);
            }
            _ => {}
        }
        if self.would_happen(&other, &translated, &envelope) {
            self.would = ProjectState::evolve(self.would.take(), self.id, &translated, &envelope);
        }
        if self.deadlines_differ {
            self.was = ProjectState::evolve(self.was.take(), self.id, &event, &envelope);
        }
        if let ProjectEvent::DefinitionMigrated(migrated) = &event
            && let Some(definition) = self.basis.definitions.get(&migrated.to)
        {
            self.bound = definition.clone();
            self.outcome.definition.clone_from(&migrated.to);
            let before = self.deadlines_differ;
            self.deadlines_differ = deadlines_differ(definition, self.alternative);
            if self.deadlines_differ && !before {
                self.was.clone_from(&self.would);
            }
        }
    }

    /// Whether an event would have happened by the other rules. Facts do; of the steps of the ladder, those that would
    /// be due, and what hangs on them.
    fn would_happen(
        &mut self,
        other: &Definition,
        event: &ProjectEvent,
        envelope: &Envelope,
    ) -> bool {
        let known = |step: &EventId| {
            self.would
                .as_ref()
                .is_some_and(|state| state.steps.iter().any(|taken| taken.event == *step))
        };
        match event {
            ProjectEvent::EscalationRaised(raised) if self.deadlines_differ => {
                self.escalation(other, raised, envelope)
            }
            ProjectEvent::EscalationWithdrawn(withdrawn) => known(&withdrawn.event),
            ProjectEvent::EscalationAcknowledged(acknowledged) => known(&acknowledged.event),
            // Another definition stands for the whole history; ids were put into its words before.
            ProjectEvent::DefinitionMigrated(_) => self.alternative.definition.is_none(),
            _ => true,
        }
    }

    /// A transition that was asked for, judged again on what stood then.
    fn decision(
        &mut self,
        other: &Definition,
        (was, would): (&Transition, &Transition),
        envelope: &Envelope,
        verdict: Verdict,
    ) {
        let Some(state) = &self.would else { return };
        self.outcome.decisions += 1;
        let day = envelope.occurred_at.day();
        let possible = match &would.lot {
            // A lot passes the gate of a stage, wherever that leads.
            Some(_) => other.stages.contains_key(&would.from),
            None => other
                .next_stages(&would.from, &state.placement())
                .contains(&would.to.as_str()),
        };
        let (judgements, again) = if possible {
            let view = View {
                definition: other,
                calendar: self.calendar(envelope.position),
                state,
                day,
                before: None,
            };
            let judgements = match &would.lot {
                Some(lot) => judge_lot(view, &would.from, lot),
                None => judge_exit(view, &would.from),
            };
            let refused = judgements.iter().any(stops);
            let verdict = match refused {
                true => Verdict::Refused,
                false => Verdict::Accepted,
            };
            (judgements, verdict)
        } else {
            (Vec::new(), Verdict::NoWay)
        };
        if again == verdict || (again == Verdict::NoWay && verdict == Verdict::Refused) {
            return;
        }
        match again {
            Verdict::Accepted => self.outcome.would_accept += 1,
            Verdict::Refused | Verdict::NoWay => self.outcome.would_refuse += 1,
        }
        let accepted = again == Verdict::Accepted;
        if self.outcome.first.is_some() && (accepted || self.outcome.first_refused.is_some()) {
            return;
        }
        let divergence = Divergence {
            position: envelope.position,
            day,
            lot: was.lot.clone(),
            from: was.from.clone(),
            to: was.to.clone(),
            becomes: would.from.clone(),
            was: verdict,
            would: again,
            rules: rules(&would.judgements, judgements, again),
            definition: was.definition.clone(),
        };
        if !accepted && self.outcome.first_refused.is_none() {
            self.outcome.first_refused = Some(divergence.clone());
        }
        self.outcome.first.get_or_insert(divergence);
    }

    /// A step that was taken: whether it would be, and for which day.
    fn escalation(
        &mut self,
        other: &Definition,
        raised: &EscalationRaised,
        envelope: &Envelope,
    ) -> bool {
        let Some(state) = &self.would else {
            return false;
        };
        let day = envelope.occurred_at.day();
        let due = due_steps(other, self.calendar(envelope.position), state, day);
        let key = &raised.key;
        // Taken already, by the days between.
        let taken = state.steps.iter().find(|step| step.key == *key);
        let would = match taken {
            Some(taken) => Some(taken.due),
            None => due.iter().find(|due| due.key == *key).map(|due| due.due),
        };
        let already = taken.is_some();
        if already {
            // It was counted as a step besides; it is the same step, taken another day.
            self.outcome
                .steps
                .retain(|step| step.position.is_some() || step.key != *key);
        }
        if would != Some(raised.due) {
            self.outcome.steps.push(StepDifference {
                position: Some(envelope.position),
                key: key.clone(),
                was: Some(raised.due),
                would,
                day,
            });
        }
        would.is_some() && !already
    }

    /// A step that would have been taken by the end of a day and was not, although the history was watched as it was:
    /// one that was due then, too, was left by whoever watched, and is no difference.
    fn besides(&mut self, other: &Definition, position: u64, day: Date) {
        let Some(state) = &self.would else { return };
        if state.status != Status::Active {
            return;
        }
        let due = due_steps(other, self.calendar(position), state, day);
        if due.is_empty() {
            return;
        }
        let left = self.was.as_ref().map_or_else(Vec::new, |was| {
            due_steps(&self.bound, self.basis.calendars.before(position), was, day)
        });
        for due in due {
            let known = left.iter().any(|left| {
                left.key.step >= due.key.step
                    && (&left.key.deadline, &left.key.lot, left.key.order)
                        == (&due.key.deadline, &due.key.lot, due.key.order)
            });
            if !known {
                self.take_besides(due, day);
            }
        }
    }

    fn take_besides(&mut self, due: DueStep, day: Date) {
        let Some(state) = &self.would else { return };
        self.outcome.steps.push(StepDifference {
            position: None,
            key: due.key.clone(),
            was: None,
            would: Some(due.due),
            day: due.step_due,
        });
        // Taken once is taken.
        let event = ProjectEvent::EscalationRaised(EscalationRaised {
            key: due.key,
            ladder: due.ladder,
            stage: state.stage.clone(),
            lot_name: None,
            about: None,
            due: due.due,
            step_due: due.step_due,
            to: Vec::new(),
            superseded: due.superseded,
            draft: false,
            reply_by: None,
            decided_at: String::new(),
            definition: String::new(),
            calendar: String::new(),
            assumed_years: Vec::new(),
        });
        let envelope = Envelope {
            position: state.position,
            revision: state.revision,
            id: EventId(uuid::Uuid::nil()),
            occurred_at: OccurredAt::on(day),
            recorded_at: jiff::Timestamp::UNIX_EPOCH,
        };
        self.would = ProjectState::evolve(self.would.take(), self.id, &event, &envelope);
    }

    fn end(mut self, events: &[RecordedEvent]) -> Outcome {
        let last = events.last().map_or(0, |event| event.position.0);
        if self.deadlines_differ {
            let other = self.other();
            self.besides(&other, last + 1, self.basis.last_day);
            self.due_days(&other);
        }
        if let Some(state) = &self.would {
            self.outcome.running = !matches!(state.status, Status::Completed | Status::Withdrawn);
        }
        self.outcome
    }

    /// The open deadlines, as the history ends.
    fn due_days(&mut self, other: &Definition) {
        let (Some(was), Some(would)) = (&self.was, &self.would) else {
            return;
        };
        let newest = self.basis.calendars.newest();
        let calendar = self.alternative.calendar.as_ref().unwrap_or(newest);
        let mut days: BTreeMap<DeadlineOf, BothDays> = BTreeMap::new();
        let own = |open: &OpenDeadline| open.order_number.is_none();
        for open in all_open(&self.bound, newest, was).into_iter().flatten() {
            if own(&open) {
                let id = self.alternative.renamed.deadline(&open.id).to_owned();
                days.entry((id, open.lot)).or_default().0 = Some(open.due);
            }
        }
        for open in all_open(other, calendar, would).into_iter().flatten() {
            if own(&open) {
                days.entry((open.id, open.lot)).or_default().1 = Some(open.due);
            }
        }
        self.outcome.due = days
            .into_iter()
            .filter(|(_, (was, would))| was != would)
            .map(|((deadline, lot), (was, would))| DueDifference {
                deadline,
                lot,
                was,
                would,
            })
            .collect();
    }
}

/// Whether a judgement stops a transition.
fn stops(judgement: &Judgement) -> bool {
    !judgement.met && !judgement.warn
}

/// The requirements that make the difference: those that would stop it, or those that did.
fn rules(was: &[Judgement], would: Vec<Judgement>, verdict: Verdict) -> Vec<RuleDifference> {
    let find = |list: &[Judgement], rule: &str| {
        list.iter()
            .find(|judgement| judgement.rule == rule)
            .cloned()
    };
    match verdict {
        Verdict::Refused => would
            .into_iter()
            .filter(stops)
            .map(|judgement| RuleDifference {
                was: find(was, &judgement.rule),
                rule: judgement.rule.clone(),
                would: Some(judgement),
            })
            .collect(),
        Verdict::Accepted => was
            .iter()
            .filter(|judgement| stops(judgement))
            .map(|judgement| RuleDifference {
                rule: judgement.rule.clone(),
                would: find(&would, &judgement.rule),
                was: Some(judgement.clone()),
            })
            .collect(),
        Verdict::NoWay => Vec::new(),
    }
}

/// Whether due days or steps may differ at all: where neither the calendar nor anything that makes a due day is
/// another, nothing needs to be counted.
fn deadlines_differ(bound: &Definition, alternative: &Alternative) -> bool {
    if alternative.calendar.is_some() || !alternative.renamed.is_empty() {
        return true;
    }
    let Some(other) = &alternative.definition else {
        return false;
    };
    bound.year.as_ref().and_then(|year| year.value)
        != other.year.as_ref().and_then(|year| year.value)
        || bound.ladder != other.ladder
        || bound.lots != other.lots
        || bound.areas != other.areas
        || bound.stages.len() != other.stages.len()
        || bound.stages.iter().any(|(id, stage)| {
            other.stages.get(id).is_none_or(|other| {
                (&stage.order, &stage.applies, &stage.deadlines)
                    != (&other.order, &other.applies, &other.deadlines)
            })
        })
        // A fact that meets a deadline counts only if its type is declared.
        || bound.facts.keys().ne(other.facts.keys())
}
