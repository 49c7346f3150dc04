//! Lots and orders in the hands of the demo's people: all they know of them is the definition.

use anju_engine::event::EventId;
use anju_workflows::calendar::Calendar;
use anju_workflows::definition::{Definition, EVERY_LOT, LOT_FIELD, Requirement};
use anju_workflows::project::command::{LotCommand, OrderCommand};
use anju_workflows::project::deadline::open_of_lot;
use anju_workflows::project::lot::{LotDeclared, When};
use anju_workflows::project::{Command, ProjectState};
use anju_workflows::requirement::{Evidence, Judgement};
use jiff::civil::Date;
use serde_json::Value;

use super::{Agent, Effort, PATIENCE, PlannedFact, Truth, days_between, later, working};

/// However late.
const ALWAYS: When = When {
    day: Date::MAX,
    before: None,
};

impl Agent {
    /// The lots of a project that has just been registered, where its programme has lots: at most four, which share out
    /// what the project has. `false`: it has none, and goes on as one piece.
    pub(super) fn plan_lots(&mut self, today: Date) -> bool {
        let Some(lots) = &self.definition.lots else {
            return false;
        };
        if !lots.required && self.dice.in_hundred(40) {
            return false;
        }
        let word = lots.name.zh.clone();
        let count = self.dice.between(2, 4).min(self.truth.households.max(1));
        for index in 0..count {
            let share = |whole: i64| whole * (index + 1) / count - whole * index / count;
            let truth = Truth {
                households: share(self.truth.households),
                buildings: share(self.truth.buildings).max(1),
                area_m2: share(self.truth.area_m2).max(1),
                compounds: 1,
            };
            let id = format!("{}", char::from(b'A' + u8::try_from(index).unwrap_or(0)));
            let declared = LotDeclared {
                name: format!("{id}{word}"),
                lot: id.clone(),
                households: u64::try_from(truth.households).ok(),
                buildings: None,
                area_m2: Some(truth.area_m2.to_string()),
            };
            self.lots.insert(id, truth);
            self.schedule(today, Command::Lot(LotCommand::Declare(declared)), None);
        }
        true
    }

    /// Whether the project has the lots that it was to have.
    pub(super) fn has_its_lots(&self) -> bool {
        self.state
            .as_ref()
            .is_some_and(|state| state.lots.len() >= self.lots.len())
    }

    /// The lots that have a gate to pass in the stage the project stands in.
    fn waiting_lots(&self) -> Vec<String> {
        let Some(state) = &self.state else {
            return Vec::new();
        };
        state
            .standing_lots(ALWAYS)
            .filter(|(id, _)| state.owed_by(&self.definition, id, ALWAYS).is_some())
            .map(|(id, _)| id.clone())
            .collect()
    }

    /// Plans what each waiting lot needs to pass; returns whether there is any.
    pub(super) fn plan_lot_gates(
        &mut self,
        calendar: &Calendar,
        requirements: &[&Requirement],
        today: Date,
        until: Date,
    ) -> bool {
        let waiting = self.waiting_lots();
        for lot in &waiting {
            let until = self.lot_target_day(calendar, lot, today, until);
            let definition = self.definition.clone();
            let mut plan = self.as_lot(lot, |agent, state| {
                let mut plan: Vec<PlannedFact> = Vec::new();
                agent.plan_milestones(calendar, &mut plan, state, today, until);
                for requirement in requirements {
                    let effort = agent.effort(requirement);
                    agent
                        .planner(calendar)
                        .meet(&mut plan, requirement, effort, today, until);
                }
                agent.plan_order(calendar, &mut plan, requirements, state, today);
                plan
            });
            self.name_lot(&definition, lot, &mut plan);
            self.record_facts(calendar, plan, today, until, pass(lot));
        }
        !waiting.is_empty()
    }

    /// The day by which the people of a lot mean to have it done.
    fn lot_target_day(&mut self, calendar: &Calendar, lot: &str, today: Date, until: Date) -> Date {
        let due = self.state.as_ref().and_then(|state| {
            open_of_lot(&self.definition, calendar, state, lot)
                .into_iter()
                .find(|open| open.stage == state.stage)
                .map(|open| open.due)
        });
        match due {
            Some(due) if due > later(today, 3) => {
                let due = due.min(later(today, 200));
                let span = days_between(today, due);
                if self.dice.in_hundred(20) {
                    later(due, self.dice.between(2, 40))
                } else {
                    later(today, self.dice.between(span * 5 / 10, span - 1).max(1))
                }
            }
            _ => later(until, self.dice.between(0, 10)),
        }
    }

    /// Does something as if the lot were the project: with its figures and its state.
    fn as_lot<T: Default>(
        &mut self,
        lot: &str,
        act: impl FnOnce(&mut Self, &ProjectState) -> T,
    ) -> T {
        let Some(alone) = self.state.as_ref().and_then(|state| state.of_lot(lot)) else {
            return T::default();
        };
        let whole = self.truth.clone();
        if let Some(truth) = self.lots.get(lot) {
            self.truth = truth.clone();
        }
        let done = act(self, &alone);
        self.truth = whole;
        done
    }

    /// Every planned fact that can name a lot names this one.
    fn name_lot(&self, definition: &Definition, lot: &str, plan: &mut [PlannedFact]) {
        for fact in plan {
            let can = definition
                .facts
                .get(&fact.fact)
                .is_some_and(|kind| kind.fields.contains_key(LOT_FIELD));
            if can {
                fact.fields.insert(LOT_FIELD.to_owned(), Value::from(lot));
            }
        }
    }

    /// After something was done with a lot or an order.
    pub(super) fn part_carried_out(
        &mut self,
        calendar: &Calendar,
        today: Date,
        command: &Command,
        event: EventId,
        refusal: Option<&[Judgement]>,
    ) {
        match (command, refusal) {
            (Command::Lot(LotCommand::Declare(_)), _) if self.has_its_lots() => {
                self.plan_stage(calendar, today);
            }
            (Command::Lot(LotCommand::Advance { lot }), Some(judgements)) => {
                self.remedy_lot(calendar, today, lot, judgements);
            }
            (Command::Lot(LotCommand::Advance { .. }), None) if self.waiting_lots().is_empty() => {
                // The project goes when what it needs itself is there, and the last lot has passed.
                let ready = self.project_ready.take().unwrap_or(today).max(today);
                self.schedule(
                    working(calendar, ready),
                    Command::Advance { to: None },
                    None,
                );
            }
            (Command::Order(OrderCommand::Dispatch { .. }), _) => {
                self.follow_order(calendar, today, event);
            }
            _ => {}
        }
    }

    /// What a lot lacked is made good, then it asks again.
    fn remedy_lot(
        &mut self,
        calendar: &Calendar,
        today: Date,
        lot: &str,
        judgements: &[Judgement],
    ) {
        let tries = self.lot_tries.entry(lot.to_owned()).or_default();
        *tries += 1;
        if *tries > PATIENCE * 2 {
            return;
        }
        let until = later(today, self.dice.between(3, 14));
        let unmet: Vec<Judgement> = judgements
            .iter()
            .filter(|judgement| !judgement.met && !judgement.warn)
            .cloned()
            .collect();
        let definition = self.definition.clone();
        let mut closed = today;
        let mut plan = self.as_lot(lot, |agent, _| {
            let mut plan: Vec<PlannedFact> = Vec::new();
            for judgement in &unmet {
                closed = closed.max(agent.remedy(calendar, &mut plan, judgement, today, until));
            }
            plan
        });
        self.name_lot(&definition, lot, &mut plan);
        self.record_facts(
            calendar,
            plan,
            today,
            until.max(later(closed, 1)),
            pass(lot),
        );
    }

    /// What meets one requirement of the stage after a refusal; the day by which open orders will be closed.
    pub(super) fn remedy(
        &mut self,
        calendar: &Calendar,
        plan: &mut Vec<PlannedFact>,
        judgement: &Judgement,
        today: Date,
        until: Date,
    ) -> Date {
        if let Evidence::Orders { open, .. } = &judgement.evidence {
            let mut last = today;
            for order in open {
                let day = working(calendar, later(today, self.dice.between(1, 6)));
                self.close_order(*order, day);
                last = last.max(day);
            }
            return last;
        }
        let Some(requirement) = self.requirement(&judgement.rule) else {
            return today;
        };
        if let (Some(settled), Evidence::Settled { open, .. }) =
            (&requirement.settled, &judgement.evidence)
        {
            for matter in open {
                self.planner(calendar).close(
                    plan,
                    &settled.closed,
                    &settled.key,
                    matter,
                    today,
                    until,
                );
            }
            return today;
        }
        self.planner(calendar)
            .meet(plan, &requirement, Effort::Enough, today, until);
        today
    }

    /// The project was refused because of its lots or its orders: those are seen to first. `true`: they were.
    pub(super) fn remedy_parts(
        &mut self,
        calendar: &Calendar,
        today: Date,
        unmet: &[Judgement],
    ) -> bool {
        let mut seen_to = false;
        for judgement in unmet {
            match &judgement.evidence {
                Evidence::Lots { waiting, .. } if judgement.rule == EVERY_LOT => {
                    seen_to = true;
                    for left in waiting {
                        let day = working(calendar, later(today, self.dice.between(1, 8)));
                        self.schedule(day, pass(&left.lot), None);
                    }
                }
                Evidence::Orders { open, .. } => {
                    seen_to = true;
                    let mut last = today;
                    for order in open {
                        let day = working(calendar, later(today, self.dice.between(1, 6)));
                        self.close_order(*order, day);
                        last = last.max(day);
                    }
                    if unmet.iter().all(|other| other.rule != EVERY_LOT) {
                        self.schedule(later(last, 1), Command::Advance { to: None }, None);
                    }
                }
                _ => {}
            }
        }
        seen_to
    }

    /// Now and then a problem comes up and is dispatched, where the programme has orders.
    pub(super) fn maybe_order(&mut self, today: Date, until: Date) {
        let definition = self.definition.clone();
        let Some(orders) = &definition.orders else {
            return;
        };
        if !self.dice.in_hundred(40) {
            return;
        }
        let about: Vec<&String> = orders.about.keys().collect();
        let Some(about) = self.dice.one_of(&about).map(|about| (*about).clone()) else {
            return;
        };
        let units = self.units();
        let Some(to) = self.dice.one_of(&units).cloned() else {
            return;
        };
        let lots: Vec<String> = self.lots.keys().cloned().collect();
        let lot = if self.dice.in_hundred(70) {
            self.dice.one_of(&lots).cloned()
        } else {
            None
        };
        let day = later(
            today,
            self.dice
                .between(1, days_between(today, until).clamp(1, 60)),
        );
        let due = orders
            .within
            .is_none()
            .then(|| later(day, self.dice.between(5, 20)));
        let command = Command::Order(OrderCommand::Dispatch {
            to,
            about,
            due,
            lot,
            note: None,
        });
        self.schedule(day, command, None);
    }

    /// The unit answers; another closes, mostly in time; a few orders are opened again.
    fn follow_order(&mut self, calendar: &Calendar, today: Date, event: EventId) {
        let Some((number, due)) = self.state.as_ref().and_then(|state| {
            state
                .orders
                .iter()
                .find(|(_, order)| order.event == event)
                .map(|(number, order)| (*number, order.due))
        }) else {
            return;
        };
        let span = days_between(today, due).max(1);
        let answered = later(today, self.dice.between(1, span));
        self.schedule_by(
            working(calendar, answered),
            Command::Order(OrderCommand::Reply {
                order: number,
                documents: Vec::new(),
                note: None,
            }),
            self.unit_of(number),
        );
        let closed = if self.dice.in_hundred(75) {
            later(
                answered,
                self.dice.between(0, days_between(answered, due).max(0)),
            )
        } else {
            later(due, self.dice.between(1, 25))
        };
        let closed = working(calendar, closed);
        self.close_order(number, closed);
        if self.dice.in_hundred(8) {
            let reopened = later(closed, self.dice.between(3, 15));
            self.schedule(
                reopened,
                Command::Order(OrderCommand::Reopen {
                    order: number,
                    due: Some(later(reopened, 10)),
                    note: None,
                }),
                None,
            );
            let again = later(reopened, self.dice.between(2, 14));
            self.close_order(number, again);
        }
    }

    fn close_order(&mut self, order: u32, day: Date) {
        let command = Command::Order(OrderCommand::Close {
            order,
            documents: Vec::new(),
            note: None,
        });
        let subject = self.unit_of(order).unwrap_or_default();
        let other = self
            .units()
            .into_iter()
            .find(|unit| *unit != subject)
            .unwrap_or_else(|| "督查单位".to_owned());
        self.schedule_by(day, command, Some(other));
    }

    fn unit_of(&self, order: u32) -> Option<String> {
        let order = self.state.as_ref()?.orders.get(&order)?;
        Some(order.to.clone())
    }

    /// The units that the definition names.
    fn units(&self) -> Vec<String> {
        let mut units: Vec<String> = self
            .definition
            .stages
            .values()
            .flat_map(|stage| stage.responsible.values())
            .map(|responsible| responsible.unit.clone())
            .collect();
        units.sort();
        units.dedup();
        if units.is_empty() {
            units.push("施工单位".to_owned());
        }
        units
    }
}

fn pass(lot: &str) -> Command {
    Command::Lot(LotCommand::Advance {
        lot: lot.to_owned(),
    })
}
