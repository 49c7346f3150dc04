//! One project's people: a clerk who enters what happens, sometimes late, sometimes wrong, sometimes under the
//! threshold, and residents who answer or do not. They know the project's definition, and nothing else.

mod parts;

use std::collections::BTreeMap;
use std::sync::Arc;

use anju_engine::event::{Data, EventId, OccurredAt};
use anju_workflows::calendar::Calendar;
use anju_workflows::definition::{Definition, FactMatch, Reference, Requirement};
use anju_workflows::project::command::Register;
use anju_workflows::project::deadline::open_deadlines;
use anju_workflows::project::event::ProjectId;
use anju_workflows::project::state::COMPLETED;
use anju_workflows::project::{Command, ProjectState, Status};
use anju_workflows::requirement::{Evidence, Judgement};
use jiff::civil::Date;
use serde_json::Value;

use super::cast::Role;
use super::dice::Dice;
use super::facts::{Effort, PlannedFact, Planner, Truth, days_between, earlier, later};
use super::kinds::Remedy;

/// How often a clerk tries the same gate before giving up.
const PATIENCE: u32 = 6;

/// Something a clerk will do on a day.
#[derive(Clone, Debug)]
pub struct Job {
    /// What.
    pub command: Command,
    /// For which day; `None` = the day it is done.
    pub occurred_on: Option<Date>,
    /// The unit that does it; `None` = the one that leads the stage.
    pub unit: Option<String>,
}

/// One project's people.
pub struct Agent {
    pub id: ProjectId,
    pub definition: Arc<Definition>,
    pub definition_digest: Arc<str>,
    pub state: Option<ProjectState>,
    /// What they will do, by day and order.
    agenda: BTreeMap<(Date, u32), Job>,
    sequence: u32,
    /// How many commands they have sent: part of each command's id.
    pub sent: u64,
    role: Role,
    truth: Truth,
    dice: Dice,
    tries: u32,
    /// The stage after which nothing happens any more, if this project is one of those.
    abandoned_in: Option<String>,
    reworked: bool,
    /// The figures of its lots, by id.
    lots: BTreeMap<String, Truth>,
    /// How often each lot was refused.
    lot_tries: BTreeMap<String, u32>,
    /// The day from which the project itself can go on, once its lots have passed.
    project_ready: Option<Date>,
}

impl Agent {
    /// The people of a role, who register their project on a day.
    pub fn new(
        role: Role,
        id: ProjectId,
        definition: Arc<Definition>,
        definition_digest: Arc<str>,
        seed: u64,
        registers_on: Date,
    ) -> Self {
        let mut dice = Dice::new(seed, id.as_str());
        let near = |dice: &mut Dice, mean: i64| dice.between(mean * 6 / 10, mean * 14 / 10).max(1);
        let households = match role.mean.households {
            Some(mean) => near(&mut dice, mean),
            None => {
                let (low, high) = bounds(&definition, "households", (36, 640));
                dice.between(low, high)
            }
        };
        let truth = Truth {
            households,
            buildings: role
                .mean
                .buildings
                .map_or_else(|| (households / 30).max(1), |mean| near(&mut dice, mean)),
            area_m2: role
                .mean
                .area_m2
                .map_or_else(|| households * 78, |mean| near(&mut dice, mean)),
            compounds: 1,
        };
        let stages: Vec<String> = definition.stages.keys().cloned().collect();
        let abandoned_in = dice
            .in_hundred(14)
            .then(|| dice.one_of(&stages).cloned())
            .flatten();
        let mut agent = Self {
            id,
            definition,
            definition_digest,
            state: None,
            agenda: BTreeMap::new(),
            sequence: 0,
            sent: 0,
            role,
            truth,
            dice,
            tries: 0,
            abandoned_in,
            reworked: false,
            lots: BTreeMap::new(),
            lot_tries: BTreeMap::new(),
            project_ready: None,
        };
        agent.plan_registration(registers_on);
        agent
    }

    fn plan_registration(&mut self, day: Date) {
        let role = &self.role;
        let register = Register {
            name: role.name.clone(),
            area: role.area.clone(),
            track: role.track.clone(),
            category: role.category.clone(),
            compounds: vec![role.compound()],
            plan: role.plan.clone(),
            adopt: role.adopt.clone(),
            counted: role.counted,
            batch: None,
        };
        self.schedule(day, Command::Register(register), None);
    }

    fn schedule(&mut self, day: Date, command: Command, occurred_on: Option<Date>) {
        let job = Job {
            command,
            occurred_on,
            unit: None,
        };
        self.put(day, job);
    }

    /// Something that a certain unit does.
    fn schedule_by(&mut self, day: Date, command: Command, unit: Option<String>) {
        let job = Job {
            command,
            occurred_on: None,
            unit,
        };
        self.put(day, job);
    }

    fn put(&mut self, day: Date, job: Job) {
        self.sequence += 1;
        self.agenda.insert((day, self.sequence), job);
    }

    /// The next thing to do on or before a day.
    pub fn next_job(&mut self, today: Date) -> Option<Job> {
        let first = self.agenda.first_entry()?;
        (first.key().0 <= today).then(|| first.remove())
    }

    /// The programme the project registers in.
    #[must_use]
    pub fn programme(&self) -> &str {
        &self.definition.id
    }

    /// A requirement of the stage the project is in, by its id.
    fn requirement(&self, rule: &str) -> Option<Requirement> {
        let stage = &self.state.as_ref()?.stage;
        self.definition.stages.get(stage)?.exit.get(rule).cloned()
    }

    /// What follows from a command that was carried out: the state is the one after it.
    pub fn carried_out(
        &mut self,
        calendar: &Calendar,
        today: Date,
        job: &Job,
        event: EventId,
        refusal: Option<&[Judgement]>,
    ) {
        match (&job.command, refusal) {
            (Command::Register(_), _) => self.begin(calendar, today),
            (Command::Advance { .. }, Some(judgements)) => {
                let unmet: Vec<Judgement> = judgements
                    .iter()
                    .filter(|judgement| !judgement.met && !judgement.warn)
                    .cloned()
                    .collect();
                self.plan_remedies(calendar, today, &unmet);
            }
            (Command::Advance { .. }, None) => {
                self.tries = 0;
                self.maybe_undermine(today);
                self.plan_stage(calendar, today);
            }
            (Command::Return { .. }, _) => self.plan_stage(calendar, today),
            (Command::Record { fact, fields, .. }, _) => {
                self.maybe_mistaken(today, fact, fields, event)
            }
            (Command::Suspend { .. }, _) => {
                let back = later(today, self.dice.between(15, 45));
                self.agenda_after_stop(back);
                self.schedule(back, Command::Resume { note: None }, None);
            }
            (Command::Lot(_) | Command::Order(_), _) => {
                self.part_carried_out(calendar, today, &job.command, event, refusal);
            }
            _ => {}
        }
    }

    /// Where there are lots they come first, and the stage follows from them.
    fn begin(&mut self, calendar: &Calendar, today: Date) {
        if !self.plan_lots(today) {
            self.plan_stage(calendar, today);
        }
    }

    /// While the clock stands nothing is done: everything planned moves behind the stop.
    fn agenda_after_stop(&mut self, back: Date) {
        let moved = std::mem::take(&mut self.agenda);
        for ((day, _), mut job) in moved {
            let day = day.max(later(back, 1));
            if job.occurred_on.is_some() {
                job.occurred_on = None;
            }
            self.sequence += 1;
            self.agenda.insert((day, self.sequence), job);
        }
    }

    /// A step of the ladder arrived: most people acknowledge it.
    pub fn escalated(&mut self, today: Date, event: EventId) {
        if self.dice.in_hundred(70) {
            let day = later(today, self.dice.between(1, 5));
            self.schedule(day, Command::Acknowledge { event, note: None }, None);
        }
        // Being pressed helps: some of the abandoned take their work up again.
        if self.abandoned_in.is_some() && self.dice.in_hundred(6) {
            self.abandoned_in = None;
            let day = later(today, self.dice.between(2, 8));
            self.schedule(day, Command::Advance { to: None }, None);
        }
    }

    /// Plans everything of the stage that the project has just entered.
    fn plan_stage(&mut self, calendar: &Calendar, today: Date) {
        let Some(state) = self.state.clone() else {
            return;
        };
        if state.status != Status::Active || state.stage == COMPLETED {
            return;
        }
        if self.abandoned_in.as_deref() == Some(state.stage.as_str()) {
            return;
        }
        let until = self.target_day(calendar, &state, today);
        let definition = self.definition.clone();
        let placement = state.placement();
        let Some(stage) = definition.stages.get(&state.stage) else {
            return;
        };
        let mut requirements: Vec<&Requirement> = stage
            .exit
            .values()
            .filter(|requirement| definition.applies(&requirement.applies, &placement))
            .collect();
        // Who takes part is known before who agrees: a share of the whole comes before a share of a share.
        requirements.sort_by_key(|requirement| {
            requirement
                .share
                .as_ref()
                .is_some_and(|share| share.over.subject != "project")
        });
        let mut plan: Vec<PlannedFact> = Vec::new();
        let each = |requirement: &&Requirement| {
            !state.lots.is_empty() && definition.is_per_lot(stage, requirement)
        };
        let (per_lot, requirements): (Vec<&Requirement>, Vec<&Requirement>) =
            requirements.into_iter().partition(each);
        let by_lot = !per_lot.is_empty();
        if !by_lot {
            self.plan_milestones(calendar, &mut plan, &state, today, until);
        }
        for requirement in &requirements {
            let effort = self.effort(requirement);
            self.planner(calendar)
                .meet(&mut plan, requirement, effort, today, until);
        }
        self.plan_order(calendar, &mut plan, &requirements, &state, today);
        if by_lot && self.plan_lot_gates(calendar, &per_lot, today, until) {
            // The project asks when the last of its lots has passed.
            self.project_ready = Some(self.enter_facts(calendar, plan, today, until));
        } else {
            self.record_all(calendar, plan, today, until);
        }
        self.maybe_order(today, until);
        self.maybe_stop_or_return(calendar, stage, today, until);
    }

    fn planner<'a>(&'a mut self, calendar: &'a Calendar) -> Planner<'a> {
        Planner {
            definition: &self.definition,
            calendar,
            truth: &self.truth,
            state: self.state.as_ref(),
            project: self.id.as_str(),
            dice: &mut self.dice,
        }
    }

    /// How well a requirement is met at the first try: shares fall short now and then, papers are forgotten.
    fn effort(&mut self, requirement: &Requirement) -> Effort {
        let slip = if requirement.share.is_some() {
            22
        } else if requirement.signers.is_some() || requirement.publicity.is_some() {
            9
        } else {
            4
        };
        if self.dice.in_hundred(slip) {
            Effort::TooLittle
        } else {
            Effort::Enough
        }
    }

    /// The day by which the clerk means to have the stage done: mostly in time, sometimes not.
    fn target_day(&mut self, calendar: &Calendar, state: &ProjectState, today: Date) -> Date {
        let due = open_deadlines(&self.definition, calendar, state)
            .into_iter()
            .find(|open| open.stage == state.stage)
            .map(|open| open.due);
        let far = today
            .checked_add(jiff::Span::new().days(200))
            .unwrap_or(today);
        match due {
            Some(due) if due > later(today, 3) => {
                let due = due.min(far);
                let span = days_between(today, due);
                if self.dice.in_hundred(20) {
                    later(due, self.dice.between(2, 50))
                } else {
                    later(today, self.dice.between(span * 5 / 10, span - 1).max(1))
                }
            }
            Some(_) => later(today, self.dice.between(4, 30)),
            None => later(today, self.dice.between(8, 45)),
        }
    }

    /// The facts that prove started, finished and accepted are recorded in the stage in whose form they stand.
    fn plan_milestones(
        &mut self,
        calendar: &Calendar,
        plan: &mut Vec<PlannedFact>,
        state: &ProjectState,
        from: Date,
        until: Date,
    ) {
        let definition = self.definition.clone();
        let milestones = &definition.milestones;
        let span = days_between(from, until);
        let early = later(from, span / 5);
        let late = earlier(until, span / 5).max(early);
        for (what, from, until) in [
            (&milestones.started, from, early),
            (&milestones.finished, late, until),
            (&milestones.accepted, late, until),
        ] {
            let here = what.any_of.first().is_some_and(|fact| {
                definition
                    .facts
                    .get(fact)
                    .is_some_and(|kind| kind.stage.as_deref() == Some(state.stage.as_str()))
            });
            if here {
                self.planner(calendar).fact(plan, what, false, from, until);
            }
        }
    }

    /// What must come first is planned and comes first: a warning is heeded by most, an order that blocks by all.
    fn plan_order(
        &mut self,
        calendar: &Calendar,
        plan: &mut Vec<PlannedFact>,
        requirements: &[&Requirement],
        state: &ProjectState,
        from: Date,
    ) {
        for _ in 0..3 {
            for requirement in requirements {
                let Some(order) = &requirement.order else {
                    continue;
                };
                let Some(later_day) = first_day(plan, &order.later) else {
                    continue;
                };
                let known = state.standing_facts().any(|(_, fact)| {
                    order.earlier.any_of.contains(&fact.fact)
                        && anju_workflows::requirement::matches_fields(
                            &order.earlier.with,
                            &fact.fields,
                        )
                });
                if known {
                    continue;
                }
                match first_day(plan, &order.earlier) {
                    None => {
                        let heeded = !matches!(
                            requirement.severity,
                            anju_workflows::definition::Severity::Warn
                        ) || self.dice.in_hundred(82);
                        if heeded {
                            self.planner(calendar).fact(
                                plan,
                                &order.earlier,
                                false,
                                from,
                                later_day.max(from),
                            );
                        }
                    }
                    Some(earlier_day) if earlier_day > later_day => {
                        for fact in plan.iter_mut().filter(|fact| is(fact, &order.later)) {
                            fact.day = fact.day.max(earlier_day);
                        }
                    }
                    Some(_) => {}
                }
            }
        }
    }

    /// Puts planned facts on the agenda, and the transition behind them.
    fn record_all(&mut self, calendar: &Calendar, plan: Vec<PlannedFact>, from: Date, until: Date) {
        self.record_facts(calendar, plan, from, until, Command::Advance { to: None });
    }

    /// Puts planned facts on the agenda, and `then` behind them.
    fn record_facts(
        &mut self,
        calendar: &Calendar,
        plan: Vec<PlannedFact>,
        from: Date,
        until: Date,
        then: Command,
    ) {
        let ready = self.enter_facts(calendar, plan, from, until);
        self.schedule(working(calendar, ready), then, None);
    }

    /// Puts planned facts on the agenda; the day from which all are entered and over.
    fn enter_facts(
        &mut self,
        calendar: &Calendar,
        mut plan: Vec<PlannedFact>,
        from: Date,
        until: Date,
    ) -> Date {
        plan.sort_by(|a, b| (a.day, &a.fact).cmp(&(b.day, &b.fact)));
        let mut ready = until.max(from);
        for fact in plan {
            ready = ready.max(fact.day);
            if let Some(runs_until) = fact.runs_until {
                ready = ready.max(later(runs_until, 1));
            }
            // Entered late, as in life: what happened is dated when it happened.
            let lag = match self.dice.between(1, 100) {
                1..=70 => 0,
                71..=90 => self.dice.between(1, 4),
                _ => self.dice.between(5, 24),
            };
            let entered = working(calendar, later(fact.day, lag));
            ready = ready.max(entered);
            let command = Command::Record {
                fact: fact.fact,
                fields: fact.fields,
                documents: Vec::new(),
                note: None,
            };
            self.schedule(entered, command, Some(fact.day));
        }
        ready
    }

    /// After a refusal: what was missing is made good, then the gate is tried again.
    fn plan_remedies(&mut self, calendar: &Calendar, today: Date, unmet: &[Judgement]) {
        self.tries += 1;
        if self.tries > PATIENCE {
            return;
        }
        if self.remedy_parts(calendar, today, unmet) {
            return;
        }
        let until = later(today, self.dice.between(3, 14));
        let mut plan: Vec<PlannedFact> = Vec::new();
        let mut unmet: Vec<&Judgement> = unmet.iter().collect();
        unmet.sort_by_key(|judgement| {
            self.requirement(&judgement.rule)
                .and_then(|requirement| requirement.share)
                .is_some_and(|share| share.over.subject != "project")
        });
        for judgement in unmet {
            let Some(requirement) = self.requirement(&judgement.rule) else {
                continue;
            };
            if let (Some(settled), Evidence::Settled { open, .. }) =
                (&requirement.settled, &judgement.evidence)
            {
                for matter in open {
                    self.planner(calendar).close(
                        &mut plan,
                        &settled.closed,
                        &settled.key,
                        matter,
                        today,
                        until,
                    );
                }
                continue;
            }
            // A publicity that only has to run to its end is waited for, not posted again.
            if let Evidence::Publicity {
                posted: Some(_),
                until: Some(ends),
                missing,
                removed: None,
                open,
                ..
            } = &judgement.evidence
                && missing.is_empty()
                && open.is_empty()
            {
                let day = working(calendar, later(*ends, 1).max(later(today, 1)));
                self.schedule(day, Command::Advance { to: None }, None);
                return;
            }
            if let Some(order) = &requirement.order {
                self.make_good_order(calendar, today, &order.earlier, &order.later);
                continue;
            }
            if let Some(not_before) = &requirement.not_before {
                let year = self.definition.year.as_ref().and_then(|year| year.value);
                if let Some(day) = not_before.day.first_day(year) {
                    self.schedule(
                        day.max(later(today, 1)),
                        Command::Advance { to: None },
                        None,
                    );
                    return;
                }
            }
            let remedy = self.planner(calendar).make_good(
                &mut plan,
                &requirement,
                &judgement.evidence,
                today,
                until,
            );
            match remedy {
                Remedy::Planned => continue,
                Remedy::TooLate => {
                    self.give_up(today);
                    return;
                }
                Remedy::Anew(what) => {
                    self.void_all(today, &what);
                    self.planner(calendar).meet(
                        &mut plan,
                        &requirement,
                        Effort::Enough,
                        later(today, 1),
                        until,
                    );
                    continue;
                }
                Remedy::Reduce { of, by } => {
                    self.reduce(today, &of, by);
                    continue;
                }
                Remedy::Again => {}
            }
            let effort = if self.dice.in_hundred(12) {
                Effort::TooLittle
            } else {
                Effort::Enough
            };
            self.planner(calendar)
                .meet(&mut plan, &requirement, effort, today, until);
        }
        self.record_all(calendar, plan, today, until);
    }

    /// What was recorded counts no more: every standing fact of a kind is voided.
    fn void_all(&mut self, today: Date, what: &FactMatch) {
        let Some(state) = &self.state else { return };
        let events: Vec<EventId> = state
            .standing_facts()
            .filter(|(_, fact)| {
                what.any_of.contains(&fact.fact)
                    && anju_workflows::requirement::matches_fields(&what.with, &fact.fields)
            })
            .map(|(_, fact)| fact.event)
            .collect();
        for event in events {
            self.schedule(later(today, 1), Command::Void { event, note: None }, None);
        }
    }

    /// A figure was too high: the largest such figure is corrected.
    fn reduce(&mut self, today: Date, of: &Reference, by: i64) {
        let Some(state) = &self.state else { return };
        let largest = state
            .standing_facts()
            .filter(|(_, fact)| fact.fact == of.subject)
            .filter_map(|(_, fact)| Some((fact.fields.get(&of.field)?.as_i64()?, fact.event)))
            .max_by_key(|(number, _)| *number);
        let Some((number, event)) = largest else {
            return;
        };
        let corrected = (number - by).max(0);
        self.schedule(
            later(today, 1),
            Command::Correct {
                event,
                fields: Data::from_iter([(of.field.clone(), Value::from(corrected))]),
                cleared: Vec::new(),
                happened: None,
                note: None,
            },
            None,
        );
    }

    /// A window closed without what it asked for: the round is held again where the programme has a way back, else
    /// the project leaves it.
    fn give_up(&mut self, today: Date) {
        let Some(state) = &self.state else { return };
        let back: Vec<String> = self
            .definition
            .stages
            .get(&state.stage)
            .map(|stage| stage.returns.keys().cloned().collect())
            .unwrap_or_default();
        let command = match self.dice.one_of(&back) {
            Some(to) if !self.reworked => Command::Return {
                to: to.clone(),
                note: None,
            },
            _ => Command::Withdraw { note: None },
        };
        self.reworked = true;
        self.agenda.clear();
        let day = later(today, self.dice.between(3, 20));
        self.schedule(day, command, None);
    }

    /// An order of dates that is broken cannot be mended by doing more: the paper turns out to be older than entered.
    fn make_good_order(
        &mut self,
        calendar: &Calendar,
        today: Date,
        first: &FactMatch,
        second: &FactMatch,
    ) {
        let Some(state) = &self.state else { return };
        let day_of = |what: &FactMatch| {
            state
                .standing_facts()
                .filter(|(_, fact)| {
                    what.any_of.contains(&fact.fact)
                        && anju_workflows::requirement::matches_fields(&what.with, &fact.fields)
                })
                .min_by_key(|(_, fact)| fact.occurred_at.day())
                .map(|(_, fact)| (fact.event, fact.occurred_at.day()))
        };
        let (found, after) = (day_of(first), day_of(second));
        let Some((_, second_day)) = after else { return };
        match found {
            Some((event, _)) => self.schedule(
                later(today, 1),
                Command::Correct {
                    event,
                    fields: Data::new(),
                    cleared: Vec::new(),
                    happened: Some(OccurredAt::on(second_day)),
                    note: None,
                },
                None,
            ),
            None => {
                let mut plan = Vec::new();
                self.planner(calendar)
                    .fact(&mut plan, first, true, second_day, second_day);
                for fact in plan {
                    let command = Command::Record {
                        fact: fact.fact,
                        fields: fact.fields,
                        documents: Vec::new(),
                        note: None,
                    };
                    self.schedule(later(today, 1), command, Some(fact.day));
                }
            }
        }
    }

    /// A few facts are entered wrong and corrected, or entered twice and voided.
    fn maybe_mistaken(&mut self, today: Date, fact: &str, fields: &Data, event: EventId) {
        if self.dice.in_thousand(8) {
            let day = later(today, self.dice.between(1, 9));
            self.schedule(day, Command::Void { event, note: None }, None);
            let again = Command::Record {
                fact: fact.to_owned(),
                fields: fields.clone(),
                documents: Vec::new(),
                note: None,
            };
            self.schedule(day, again, Some(today));
            return;
        }
        if !self.dice.in_thousand(25) {
            return;
        }
        let counts: Vec<(String, i64)> = fields
            .iter()
            .filter_map(|(key, value)| Some((key.clone(), value.as_i64().filter(|n| *n > 20)?)))
            .collect();
        if let Some((key, value)) = self.dice.one_of(&counts).cloned() {
            let corrected = value - self.dice.between(1, (value / 12).max(1));
            let day = later(today, self.dice.between(2, 20));
            self.schedule(
                day,
                Command::Correct {
                    event,
                    fields: Data::from_iter([(key, Value::from(corrected))]),
                    cleared: Vec::new(),
                    happened: None,
                    note: None,
                },
                None,
            );
        }
    }

    /// Rarely a figure that opened a gate turns out to have been far too high.
    fn maybe_undermine(&mut self, today: Date) {
        if !self.dice.in_thousand(9) {
            return;
        }
        let Some(state) = &self.state else { return };
        let Some(transition) = state.transitions.last() else {
            return;
        };
        let Some(stage) = self.definition.stages.get(&transition.from) else {
            return;
        };
        let target = stage.exit.iter().find_map(|(rule, requirement)| {
            let share = requirement.share.as_ref()?;
            let (_, cites) = transition.cites.iter().find(|(cited, _)| cited == rule)?;
            let (_, fact) = state.facts.iter().find(|(position, fact)| {
                cites.contains(position) && fact.fact == share.of.subject
            })?;
            let number = fact.fields.get(&share.of.field)?.as_i64()?;
            Some((fact.event, share.of.field.clone(), number / 2))
        });
        if let Some((event, key, value)) = target {
            let day = later(today, self.dice.between(10, 60));
            self.schedule(
                day,
                Command::Correct {
                    event,
                    fields: Data::from_iter([(key, Value::from(value))]),
                    cleared: Vec::new(),
                    happened: None,
                    note: None,
                },
                None,
            );
        }
    }

    /// Winter, floods, rework, withdrawal, an extension asked for in time.
    fn maybe_stop_or_return(
        &mut self,
        calendar: &Calendar,
        stage: &anju_workflows::definition::Stage,
        today: Date,
        until: Date,
    ) {
        let middle = later(today, days_between(today, until) / 2);
        if self.dice.in_thousand(18) {
            let causes = ["winter", "flood", "heat", "court"];
            if let Some(cause) = self.dice.one_of(&causes) {
                let command = Command::Suspend {
                    cause: (*cause).to_owned(),
                    note: None,
                };
                self.schedule(middle, command, None);
            }
        } else if !self.reworked && !stage.returns.is_empty() && self.dice.in_thousand(25) {
            self.reworked = true;
            let back: Vec<&String> = stage.returns.keys().collect();
            if let Some(to) = self.dice.one_of(&back) {
                let command = Command::Return {
                    to: (*to).clone(),
                    note: None,
                };
                self.agenda.clear();
                self.schedule(middle, command, None);
            }
        } else if self.dice.in_thousand(3) {
            self.schedule(middle, Command::Withdraw { note: None }, None);
        } else if self.dice.in_thousand(30)
            && let Some(state) = &self.state
            && let Some(open) = open_deadlines(&self.definition, calendar, state).first()
            && open.due > later(today, 8)
            && open.due < until
        {
            let command = Command::Extend {
                deadline: open.id.clone(),
                due: later(open.due, 30),
                note: None,
            };
            let day = earlier(open.due, 6);
            self.schedule(day, command, None);
        }
    }
}

/// How many of a counter there may be: what its field allows, within what is usual.
fn bounds(definition: &Definition, counter: &str, usual: (i64, i64)) -> (i64, i64) {
    let field = definition.counters.get(counter).and_then(|reference| {
        definition
            .facts
            .get(&reference.subject)?
            .fields
            .get(&reference.field)
    });
    let low = field.and_then(|field| field.min).unwrap_or(0);
    let high = field.and_then(|field| field.max).unwrap_or(i64::MAX);
    (usual.0.clamp(low, high), usual.1.clamp(low, high))
}

/// The first working day on or after a day; the day itself where the calendar does not know.
fn working(calendar: &Calendar, day: Date) -> Date {
    calendar.roll(day).unwrap_or(day)
}

fn is(fact: &PlannedFact, what: &FactMatch) -> bool {
    what.any_of.contains(&fact.fact)
        && anju_workflows::requirement::matches_fields(&what.with, &fact.fields)
}

fn first_day(plan: &[PlannedFact], what: &FactMatch) -> Option<Date> {
    plan.iter()
        .filter(|fact| is(fact, what))
        .map(|fact| fact.day)
        .min()
}
