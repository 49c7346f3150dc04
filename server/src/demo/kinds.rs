//! Facts that meet the kinds of requirement that ask for more than one thing.

use std::collections::BTreeMap;

use anju_workflows::definition::{
    Conditions, Due, Expression, FactMatch, FieldKind, Inspection, Judged, Reference, Requirement,
    Vote, VoteBase,
};
use anju_workflows::requirement::cel::{Input, Program, Value as Cel};
use anju_workflows::requirement::{Evidence, ItemIs, ProcedureIs, Stands, period_end};
use jiff::civil::Date;
use serde_json::Value;

use super::facts::{Effort, PlannedFact, Planner, days_between, later};

/// What a refusal says about how it can be made good.
pub enum Remedy {
    /// The facts that were missing are planned.
    Planned,
    /// Nothing done now helps: the window is over.
    TooLate,
    /// As if nothing had been done: meet it from the beginning.
    Again,
    /// What was recorded counts no more: it is done anew.
    Anew(FactMatch),
    /// A figure was too high: the latest such fact is corrected by so much.
    Reduce { of: Reference, by: i64 },
}

impl Planner<'_> {
    /// The days between which the facts of a requirement have to happen: all of them, or those of its window.
    pub fn inside(
        &mut self,
        plan: &mut Vec<PlannedFact>,
        requirement: &Requirement,
        from: Date,
        until: Date,
    ) -> (Date, Date) {
        let Some(window) = &requirement.window else {
            return (from, until);
        };
        let first = window
            .from
            .as_ref()
            .and_then(|due| self.day_of(plan, due, from, true));
        let last = window
            .to
            .as_ref()
            .and_then(|due| self.day_of(plan, due, from, false))
            .map(|day| window.bound.last_day(day));
        let from = first.map_or(from, |first| first.max(from));
        let until = last.map_or(until.max(from), |last| last.min(until.max(from)).max(from));
        (from, until)
    }

    /// The last day of a window that is judged at its end: nothing can be asked for before it is over.
    pub fn judged_after(
        &mut self,
        plan: &mut Vec<PlannedFact>,
        requirement: &Requirement,
        from: Date,
    ) -> Option<Date> {
        let window = requirement.window.as_ref()?;
        if window.judged == Judged::WhenReached {
            return None;
        }
        self.day_of(plan, window.to.as_ref()?, from, false)
            .map(|day| window.bound.last_day(day))
    }

    /// The day of a bound, as far as it can be known: what it counts from is planned if it has not happened.
    fn day_of(
        &mut self,
        plan: &mut Vec<PlannedFact>,
        due: &Due,
        from: Date,
        first: bool,
    ) -> Option<Date> {
        let year = self.definition.year.as_ref().and_then(|year| year.value);
        if let Some(on) = &due.on {
            return if first {
                on.first_day(year)
            } else {
                on.last_day(year)
            };
        }
        if let Some(day) = due.plan {
            return self.state?.planned(day);
        }
        let after = due.after.as_ref()?;
        let start = match (&after.entered, &after.fact) {
            (Some(stage), _) => self.state?.visits.get(stage).map(|(_, day)| *day)?,
            (None, Some(what)) => {
                let happened = self.state.and_then(|state| {
                    state
                        .standing_facts()
                        .filter(|(_, fact)| {
                            what.any_of.contains(&fact.fact)
                                && anju_workflows::requirement::matches_fields(
                                    &what.with,
                                    &fact.fields,
                                )
                        })
                        .map(|(_, fact)| fact.occurred_at.day())
                        .max()
                });
                match happened {
                    Some(day) => day,
                    None => {
                        let index = self.fact(plan, what, false, from, from)?;
                        plan.get(index)?.day
                    }
                }
            }
            (None, None) => return None,
        };
        period_end(
            self.calendar,
            start,
            after.days,
            after.kind,
            after.count_first_day,
        )
    }

    /// A vote: everybody entitled is known, most take part, enough agree; too little falls short on one base only.
    pub(super) fn vote(
        &mut self,
        plan: &mut Vec<PlannedFact>,
        vote: &Vote,
        effort: Effort,
        from: Date,
        until: Date,
    ) {
        let what = FactMatch {
            any_of: vec![vote.of.clone()],
            with: vote.with.clone(),
        };
        let mut figures: Vec<(String, Value)> = Vec::new();
        let bases = vote.bases.len();
        for (index, base) in vote.bases.values().enumerate() {
            let effort = if index + 1 == bases {
                effort
            } else {
                Effort::Enough
            };
            let all = self.electorate(plan, base, &vote.of, from);
            // Who may vote stands in the result itself.
            if let Some(own) = base
                .electorate
                .as_ref()
                .filter(|own| own.subject == vote.of)
            {
                figures.push((own.field.clone(), self.value_like(own, all)));
            }
            let reference = |field: &String| Reference {
                subject: vote.of.clone(),
                field: field.clone(),
            };
            let voted = match vote.quorum {
                _ if base.voted.is_none() => all,
                Some(quorum) => self.share_of(all, quorum.threshold().0, Effort::Enough),
                None => (all * self.dice.between(70, 98) / 100).max(1),
            };
            if let Some(field) = &base.voted {
                figures.push((field.clone(), self.value_like(&reference(field), voted)));
            }
            let of = if vote.of_electorate || base.voted.is_none() {
                all
            } else {
                voted
            };
            let agreed = self
                .share_of(of, vote.consent.threshold().0, effort)
                .min(voted.max(1));
            let field = &base.agreed;
            figures.push((field.clone(), self.value_like(&reference(field), agreed)));
        }
        if let Some(planned) = self
            .fact(plan, &what, true, from, until)
            .and_then(|index| plan.get_mut(index))
        {
            planned.fields.extend(figures);
        }
    }

    /// How many may vote: a counter of the project, or a roll, which is planned if there is none.
    fn electorate(
        &mut self,
        plan: &mut Vec<PlannedFact>,
        base: &VoteBase,
        vote: &str,
        from: Date,
    ) -> i64 {
        let Some(electorate) = &base.electorate else {
            return self.truth.households;
        };
        if electorate.subject == "project" {
            return self.truth.counter(&electorate.field).unwrap_or(100);
        }
        let all = match self.field(electorate).map(|field| field.kind) {
            Some(FieldKind::Area) => self.truth.area_m2,
            _ => self.truth.households,
        };
        if electorate.subject == vote {
            return all.max(self.dice.between(18, 60));
        }
        let known = self.state.and_then(|state| {
            state
                .standing_facts()
                .filter(|(_, fact)| {
                    fact.fact == electorate.subject
                        && anju_workflows::requirement::matches_fields(
                            &base.electorate_where,
                            &fact.fields,
                        )
                })
                .filter_map(|(_, fact)| number(fact.fields.get(&electorate.field)?))
                .last()
        });
        if let Some(known) = known {
            return known;
        }
        let roll = FactMatch {
            any_of: vec![electorate.subject.clone()],
            with: base.electorate_where.clone(),
        };
        let value = self.value_like(electorate, all);
        if let Some(planned) = self
            .fact(plan, &roll, false, from, from)
            .and_then(|index| plan.get_mut(index))
        {
            planned.fields.insert(electorate.field.clone(), value);
        }
        all
    }

    /// Procedures: each on a day of its own; too little is to forget one.
    pub(super) fn procedures(
        &mut self,
        plan: &mut Vec<PlannedFact>,
        requirement: &Requirement,
        effort: Effort,
        from: Date,
        until: Date,
    ) {
        let placement = self
            .state
            .map(|state| state.placement())
            .unwrap_or_default();
        let wanted: Vec<_> = requirement
            .procedures
            .values()
            .filter(|procedure| self.definition.applies(&procedure.applies, &placement))
            .collect();
        let forgotten = match effort {
            Effort::TooLittle => self.dice.between(0, wanted.len() as i64 - 1),
            Effort::Enough => -1,
        };
        for (index, procedure) in wanted.into_iter().enumerate() {
            if i64::try_from(index) == Ok(forgotten) {
                continue;
            }
            let waived = procedure
                .waived
                .as_ref()
                .and_then(|waiver| waiver.by.as_ref())
                .filter(|_| self.dice.in_hundred(15));
            let what = waived.unwrap_or(&procedure.done);
            self.fact(plan, what, false, from, until);
        }
    }

    /// Conditions: now and then an approval has some, and each is discharged; too little leaves one open.
    pub(super) fn conditions(
        &mut self,
        plan: &mut Vec<PlannedFact>,
        conditions: &Conditions,
        effort: Effort,
        from: Date,
        until: Date,
    ) {
        if effort == Effort::Enough && !self.dice.in_hundred(35) {
            return;
        }
        for _ in 0..self.dice.between(1, 2) {
            let name = Value::from(format!("{}-{}", conditions.key, self.dice.between(1, 999)));
            let mut with = BTreeMap::from([(conditions.key.clone(), name)]);
            let discharged = FactMatch {
                any_of: vec![conditions.discharged.clone()],
                with: with.clone(),
            };
            if let Some(field) = &conditions.before_field {
                with.insert(field.clone(), Value::from(conditions.before.clone()));
            }
            let set = FactMatch {
                any_of: vec![conditions.set.clone()],
                with,
            };
            let day = self
                .fact(plan, &set, true, from, until)
                .map(|index| plan[index].day);
            if effort == Effort::Enough
                && let Some(day) = day
            {
                self.fact(plan, &discharged, true, day, until.max(day));
            }
        }
    }

    /// An inspection: every item is looked at, some fail, are rectified and pass; too little leaves one failed.
    pub(super) fn inspection(
        &mut self,
        plan: &mut Vec<PlannedFact>,
        inspection: &Inspection,
        effort: Effort,
        from: Date,
        until: Date,
    ) {
        let mut items = inspection.items.clone();
        if items.is_empty() {
            items = self.some_items(inspection);
        }
        let left = match effort {
            Effort::TooLittle => self.dice.between(0, items.len() as i64 - 1),
            Effort::Enough => -1,
        };
        for (index, item) in items.iter().enumerate() {
            let fails_for_good = i64::try_from(index) == Ok(left);
            let middle = later(from, days_between(from, until) / 2).max(from);
            if !fails_for_good && !self.dice.in_hundred(18) {
                self.inspect(plan, inspection, item, true, from, until);
                continue;
            }
            let failed = self.inspect(plan, inspection, item, false, from, middle);
            if let Some(day) = failed.filter(|_| !fails_for_good) {
                self.rectify(plan, inspection, item, day, until.max(day));
            }
        }
    }

    /// An item that failed is rectified, and passes again.
    fn rectify(
        &mut self,
        plan: &mut Vec<PlannedFact>,
        inspection: &Inspection,
        item: &str,
        from: Date,
        until: Date,
    ) {
        let mut day = from;
        if let Some(rectified) = &inspection.rectified {
            let what = FactMatch {
                any_of: vec![rectified.clone()],
                with: BTreeMap::from([(inspection.item.clone(), Value::from(item))]),
            };
            if let Some(index) = self.fact(plan, &what, true, from, until.max(from)) {
                day = plan[index].day;
            }
        }
        // On the next day: what happens on one day has no order until it is recorded.
        let day = later(day, 1);
        self.inspect(plan, inspection, item, true, day, day.max(until));
    }

    fn inspect(
        &mut self,
        plan: &mut Vec<PlannedFact>,
        inspection: &Inspection,
        item: &str,
        passes: bool,
        from: Date,
        until: Date,
    ) -> Option<Date> {
        let result = if passes {
            inspection.passed.first().cloned()
        } else {
            self.definition
                .facts
                .get(&inspection.of)?
                .fields
                .get(&inspection.result)?
                .values
                .keys()
                .find(|code| !inspection.passed.contains(code))
                .cloned()
        }?;
        let mut with = inspection.with.clone();
        with.insert(inspection.item.clone(), Value::from(item));
        with.insert(inspection.result.clone(), Value::from(result));
        let what = FactMatch {
            any_of: vec![inspection.of.clone()],
            with,
        };
        self.fact(plan, &what, true, from, until)
            .map(|index| plan[index].day)
    }

    fn some_items(&mut self, inspection: &Inspection) -> Vec<String> {
        let field = self
            .definition
            .facts
            .get(&inspection.of)
            .and_then(|fact| fact.fields.get(&inspection.item));
        let codes: Vec<String> = field
            .map(|field| field.values.keys().cloned().collect())
            .unwrap_or_default();
        if !codes.is_empty() {
            return codes;
        }
        (1..=self.dice.between(2, 4))
            .map(|number| format!("{}-{number}", inspection.item))
            .collect()
    }

    /// What an expression asks of facts: values under which it was seen to hold.
    pub(super) fn expression(
        &mut self,
        plan: &mut Vec<PlannedFact>,
        expression: &Expression,
        effort: Effort,
        from: Date,
        until: Date,
    ) {
        let Ok(program) = Program::read(&expression.cel, self.definition) else {
            return;
        };
        let sampled = program.sample(self.definition);
        let wanted = match effort {
            Effort::Enough => sampled.holds,
            Effort::TooLittle => sampled.fails,
        };
        for (input, value) in wanted.into_iter().flatten() {
            match &input {
                Input::Latest(fact, field) => {
                    let recorded = self.recorded(fact, field, &value);
                    self.expressed(plan, fact, Some((field, recorded)), false, from, until);
                }
                Input::All(fact, field) => {
                    let Cel::List(items) = value else { continue };
                    for item in items.iter().take(8) {
                        let recorded = self.recorded(fact, field, item);
                        self.expressed(plan, fact, Some((field, recorded)), true, from, until);
                    }
                }
                Input::Count(fact) => {
                    let Cel::Int(many) = value else { continue };
                    for _ in 0..many.clamp(0, 8) {
                        self.expressed(plan, fact, None, true, from, until);
                    }
                }
                Input::Day(fact) => self.expressed(plan, fact, None, false, from, until),
                Input::On | Input::Counter(_) | Input::Word(_) => {}
            }
        }
    }

    fn expressed(
        &mut self,
        plan: &mut Vec<PlannedFact>,
        fact: &str,
        field: Option<(&String, Value)>,
        another: bool,
        from: Date,
        until: Date,
    ) {
        let what = FactMatch {
            any_of: vec![fact.to_owned()],
            with: BTreeMap::new(),
        };
        if let Some(planned) = self
            .fact(plan, &what, another, from, until)
            .and_then(|index| plan.get_mut(index))
            && let Some((field, value)) = field
        {
            planned.fields.insert(field.clone(), value);
        }
    }

    /// A value of an expression as a fact holds it: areas and lengths are whole millionths there.
    fn recorded(&self, fact: &str, field: &str, value: &Cel) -> Value {
        let kind = self
            .definition
            .facts
            .get(fact)
            .and_then(|fact| fact.fields.get(field))
            .map(|field| field.kind);
        match (value, kind) {
            (Cel::Int(number), Some(FieldKind::Area | FieldKind::Length)) => {
                Value::from((number / 1_000_000).to_string())
            }
            (Cel::Int(number), _) => Value::from(*number),
            (Cel::Bool(value), _) => Value::from(*value),
            (Cel::Text(text), _) => Value::from(text.clone()),
            (Cel::List(items), _) => {
                let mut items: Vec<Value> = items
                    .iter()
                    .map(|item| self.recorded(fact, field, item))
                    .collect();
                items.sort_by_key(ToString::to_string);
                items.dedup();
                Value::from(items)
            }
        }
    }

    /// Plans what a refusal named as missing, and only that.
    pub fn make_good(
        &mut self,
        plan: &mut Vec<PlannedFact>,
        requirement: &Requirement,
        evidence: &Evidence,
        from: Date,
        until: Date,
    ) -> Remedy {
        match evidence {
            Evidence::Window(window) => {
                if window.stands == Stands::Over {
                    return Remedy::TooLate;
                }
                let (from, until) = self.inside(plan, requirement, from, until);
                match self.make_good(plan, requirement, &window.figures, from, until) {
                    Remedy::Again => {
                        self.meet(plan, requirement, Effort::Enough, from, until);
                        Remedy::Planned
                    }
                    remedy => remedy,
                }
            }
            // Added up, what is there already counts: only the rest is missing.
            Evidence::Share {
                of: Some(of),
                over: Some(over),
                missing: None,
                upper: false,
                ..
            } => {
                let Some(share) = &requirement.share else {
                    return Remedy::Again;
                };
                let (Ok(of), Ok(over)) = (of.parse::<i64>(), over.parse::<i64>()) else {
                    return Remedy::Again;
                };
                if share.tally != anju_workflows::definition::Tally::Sum {
                    return Remedy::Again;
                }
                let threshold = share
                    .at_least
                    .or(share.more_than)
                    .unwrap_or(anju_workflows::definition::Fraction::WHOLE);
                let more = (self.share_of(over, threshold, Effort::Enough) - of).max(1);
                let what = FactMatch {
                    any_of: vec![share.of.subject.clone()],
                    with: share.with.clone(),
                };
                let value = self.value_like(&share.of, more);
                if let Some(planned) = self
                    .fact(plan, &what, true, from, until)
                    .and_then(|index| plan.get_mut(index))
                {
                    planned.fields.insert(share.of.field.clone(), value);
                }
                Remedy::Planned
            }
            Evidence::Share {
                of: Some(of),
                over: Some(over),
                missing: None,
                upper: true,
                ..
            } => {
                let Some(share) = &requirement.share else {
                    return Remedy::Again;
                };
                let (Ok(of), Ok(over)) = (of.parse::<i64>(), over.parse::<i64>()) else {
                    return Remedy::Again;
                };
                let bound = share
                    .at_most
                    .or(share.less_than)
                    .unwrap_or(anju_workflows::definition::Fraction::WHOLE);
                let kept = self.share_of(over, bound, Effort::TooLittle);
                Remedy::Reduce {
                    of: share.of.clone(),
                    by: (of - kept).max(1),
                }
            }
            Evidence::Sum {
                actual,
                needed,
                limit,
                ..
            } => {
                let Some(sum) = &requirement.sum else {
                    return Remedy::Again;
                };
                let amount = |text: &str| text.parse::<i64>().unwrap_or_default();
                let actual = amount(actual);
                let needed = needed.as_deref().map_or(0, amount);
                match limit.as_deref().map(amount) {
                    Some(limit) if actual > limit => Remedy::Reduce {
                        of: sum.of.clone(),
                        by: actual - limit,
                    },
                    Some(_) if actual < needed => {
                        let what = FactMatch {
                            any_of: vec![sum.of.subject.clone()],
                            with: sum.with.clone(),
                        };
                        let value = self.value_like(&sum.of, needed - actual);
                        if let Some(planned) = self
                            .fact(plan, &what, true, from, until)
                            .and_then(|index| plan.get_mut(index))
                        {
                            planned.fields.insert(sum.of.field.clone(), value);
                        }
                        Remedy::Planned
                    }
                    _ => Remedy::Again,
                }
            }
            // Ballots that are added up cannot be outvoted by more of them: the vote is held anew.
            Evidence::Vote(figures) => match &requirement.vote {
                Some(vote)
                    if vote.tally == anju_workflows::definition::Tally::Sum
                        && figures.bases.iter().any(|base| base.agreed.is_some()) =>
                {
                    Remedy::Anew(FactMatch {
                        any_of: vec![vote.of.clone()],
                        with: vote.with.clone(),
                    })
                }
                _ => Remedy::Again,
            },
            Evidence::Procedures { procedures } => {
                for state in procedures {
                    if state.state == ProcedureIs::Missing
                        && let Some(procedure) = requirement.procedures.get(&state.id)
                    {
                        self.fact(plan, &procedure.done, false, from, until);
                    }
                }
                Remedy::Planned
            }
            Evidence::Conditions(state) => {
                let Some(conditions) = &requirement.conditions else {
                    return Remedy::Again;
                };
                for open in &state.open {
                    self.close(
                        plan,
                        &conditions.discharged,
                        &conditions.key,
                        open,
                        from,
                        until,
                    );
                }
                if state.none_recorded {
                    let name = Value::from(format!("{}-1", conditions.key));
                    let mut with = BTreeMap::from([(conditions.key.clone(), name)]);
                    if let Some(field) = &conditions.before_field {
                        with.insert(field.clone(), Value::from(conditions.before.clone()));
                    }
                    let set = FactMatch {
                        any_of: vec![conditions.set.clone()],
                        with,
                    };
                    self.fact(plan, &set, true, from, from);
                    let key = format!("{}-1", conditions.key);
                    self.close(
                        plan,
                        &conditions.discharged,
                        &conditions.key,
                        &key,
                        from,
                        until,
                    );
                }
                Remedy::Planned
            }
            Evidence::Inspection(stands) => {
                let Some(inspection) = &requirement.inspection else {
                    return Remedy::Again;
                };
                for item in &stands.items {
                    match item.state {
                        ItemIs::Passed => {}
                        ItemIs::NotInspected | ItemIs::Rectified => {
                            self.inspect(plan, inspection, &item.item, true, from, until);
                        }
                        ItemIs::Failed | ItemIs::Unrectified => {
                            self.rectify(plan, inspection, &item.item, from, until);
                        }
                    }
                }
                if stands.total == 0 {
                    Remedy::Again
                } else {
                    Remedy::Planned
                }
            }
            _ => Remedy::Again,
        }
    }
}

fn number(value: &Value) -> Option<i64> {
    match value {
        Value::String(text) => text.parse().ok(),
        other => other.as_i64(),
    }
}
