//! Which facts would meet a requirement, with which values: all that the player knows of a programme is its
//! definition.

use std::collections::BTreeMap;

use anju_engine::event::Data;
use anju_workflows::calendar::Calendar;
use anju_workflows::definition::{
    Definition, FactMatch, FactType, Field, FieldKind, Fraction, LOT_SUBJECT, Reference,
    Requirement, Share,
};
use anju_workflows::project::ProjectState;
use anju_workflows::publish::hex;
use anju_workflows::requirement::period_end;
use jiff::civil::Date;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::dice::Dice;

/// The figures of a project that its population knows before anybody records them.
#[derive(Clone, Debug)]
pub struct Truth {
    pub households: i64,
    pub buildings: i64,
    pub area_m2: i64,
    pub compounds: i64,
}

impl Truth {
    /// A counter by its name.
    pub(super) fn counter(&self, name: &str) -> Option<i64> {
        match name {
            "households" => Some(self.households),
            "buildings" => Some(self.buildings),
            "area_m2" => Some(self.area_m2),
            "compounds" => Some(self.compounds),
            _ => None,
        }
    }
}

/// A fact to be recorded.
#[derive(Clone, Debug)]
pub struct PlannedFact {
    pub fact: String,
    pub fields: Data,
    /// When it happens, in days from the first possible day.
    pub day: Date,
    /// A publicity must be over before the project goes on.
    pub runs_until: Option<Date>,
}

/// How well a requirement will be met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// As asked.
    Enough,
    /// Not quite.
    TooLittle,
}

/// Draws values and plans facts for one project.
pub struct Planner<'a> {
    pub definition: &'a Definition,
    pub calendar: &'a Calendar,
    pub truth: &'a Truth,
    /// The project, once it is registered.
    pub state: Option<&'a ProjectState>,
    pub project: &'a str,
    pub dice: &'a mut Dice,
}

impl Planner<'_> {
    /// Adds what meets `requirement` to `plan`, each fact on a day from `from` to `until`.
    pub fn meet(
        &mut self,
        plan: &mut Vec<PlannedFact>,
        requirement: &Requirement,
        effort: Effort,
        from: Date,
        until: Date,
    ) {
        let (from, until) = self.inside(plan, requirement, from, until);
        let already = plan.len();
        self.meet_kind(plan, requirement, effort, from, until);
        // Judged at the end of a window, it is asked for when that is over.
        if effort == Effort::Enough
            && let Some(ends) = self.judged_after(plan, requirement, from)
        {
            for planned in plan.iter_mut().skip(already) {
                planned.runs_until = planned.runs_until.max(Some(ends));
            }
        }
    }

    fn meet_kind(
        &mut self,
        plan: &mut Vec<PlannedFact>,
        requirement: &Requirement,
        effort: Effort,
        from: Date,
        until: Date,
    ) {
        if let Some(share) = &requirement.share {
            self.share(plan, share, effort, from, until);
        } else if let Some(vote) = &requirement.vote {
            self.vote(plan, vote, effort, from, until);
        } else if !requirement.procedures.is_empty() {
            self.procedures(plan, requirement, effort, from, until);
        } else if let Some(conditions) = &requirement.conditions {
            self.conditions(plan, conditions, effort, from, until);
        } else if let Some(inspection) = &requirement.inspection {
            self.inspection(plan, inspection, effort, from, until);
        } else if let Some(expression) = &requirement.expression {
            self.expression(plan, expression, effort, from, until);
        } else if let Some(count) = &requirement.fact {
            if effort == Effort::Enough {
                for index in 0..count.at_least {
                    let what = FactMatch {
                        any_of: count.any_of.clone(),
                        with: count.with.clone(),
                    };
                    self.fact(plan, &what, index > 0, from, until);
                }
            }
        } else if let Some(publicity) = &requirement.publicity {
            let days = publicity.days.unwrap_or(0);
            let early = earlier(until, i64::from(days) + 1).max(from);
            let channels: Vec<Option<&String>> = if publicity.channels.is_empty() {
                vec![None]
            } else {
                publicity.channels.iter().map(Some).collect()
            };
            for channel in channels {
                let mut what = publicity.posted.clone();
                if let (Some(channel), Some(field)) = (channel, &publicity.channel_field) {
                    what.with
                        .insert(field.clone(), Value::from(channel.as_str()));
                }
                let index = self.fact(plan, &what, true, from, early);
                // Too little is to go on before the period has ended.
                if effort == Effort::Enough
                    && let Some(planned) = index.and_then(|index| plan.get_mut(index))
                {
                    planned.runs_until = period_end(
                        self.calendar,
                        planned.day,
                        days,
                        publicity.kind,
                        publicity.count_first_day,
                    );
                }
            }
        } else if let Some(signers) = &requirement.signers {
            let what = FactMatch {
                any_of: vec![signers.of.subject.clone()],
                with: signers.with.clone(),
            };
            if let Some(index) = self.fact(plan, &what, false, from, until) {
                let mut codes = signers.all_of.clone();
                if effort == Effort::TooLittle && !codes.is_empty() {
                    let absent = self.dice.between(0, codes.len() as i64 - 1);
                    codes.remove(usize::try_from(absent).unwrap_or(0));
                }
                codes.sort();
                codes.dedup();
                plan[index]
                    .fields
                    .insert(signers.of.field.clone(), Value::from(codes));
            }
        } else if let Some(sum) = &requirement.sum {
            let base = match &sum.per {
                None => 1,
                Some(per) => self.truth.counter(&per.field).unwrap_or(1),
            };
            let needed = i64::try_from(sum.at_least)
                .unwrap_or(i64::MAX)
                .saturating_mul(base);
            let limit = sum.at_most.map(|limit| {
                i64::try_from(limit)
                    .unwrap_or(i64::MAX)
                    .saturating_mul(base)
            });
            let amount = match (effort, limit) {
                (Effort::Enough, Some(limit)) => self.dice.between(needed, limit.max(needed)),
                (Effort::TooLittle, Some(limit)) => limit.saturating_add(limit / 10 + 1),
                (Effort::Enough, None) => needed.saturating_add(self.dice.between(0, needed / 10)),
                (Effort::TooLittle, None) => needed * 7 / 10,
            };
            let what = FactMatch {
                any_of: vec![sum.of.subject.clone()],
                with: sum.with.clone(),
            };
            if let Some(index) = self.fact(plan, &what, true, from, until) {
                let value = self.value_like(&sum.of, amount);
                plan[index].fields.insert(sum.of.field.clone(), value);
            }
        } else if let Some(settled) = &requirement.settled {
            // Matters come up now and then; too little is to leave one open.
            if self.dice.in_hundred(12) || effort == Effort::TooLittle {
                let name = Value::from(format!("{}-{}", settled.key, self.dice.between(1, 999)));
                let with = BTreeMap::from([(settled.key.clone(), name)]);
                let opened = FactMatch {
                    any_of: vec![settled.opened.clone()],
                    with: with.clone(),
                };
                let found = self.fact(plan, &opened, true, from, until);
                if effort == Effort::Enough
                    && let Some(day) = found.map(|index| plan[index].day)
                {
                    let closed = FactMatch {
                        any_of: vec![settled.closed.clone()],
                        with,
                    };
                    self.fact(plan, &closed, true, day, until.max(day));
                }
            }
        }
    }

    /// What is missing after a refusal: matters that are still open are closed by their names.
    pub fn close(
        &mut self,
        plan: &mut Vec<PlannedFact>,
        fact: &str,
        key: &str,
        matter: &str,
        from: Date,
        until: Date,
    ) {
        let what = FactMatch {
            any_of: vec![fact.to_owned()],
            with: BTreeMap::from([(key.to_owned(), Value::from(matter))]),
        };
        self.fact(plan, &what, true, from, until);
    }

    fn share(
        &mut self,
        plan: &mut Vec<PlannedFact>,
        share: &Share,
        effort: Effort,
        from: Date,
        until: Date,
    ) {
        let what = FactMatch {
            any_of: vec![share.of.subject.clone()],
            with: share.with.clone(),
        };
        let Some(index) = self.fact(plan, &what, false, from, until) else {
            return;
        };
        let base = if share.over.subject == "project" || share.over.subject == LOT_SUBJECT {
            self.truth.counter(&share.over.field).unwrap_or(100)
        } else {
            self.base_of(plan, index, share, from, until)
        };
        let threshold = share
            .at_least
            .or(share.more_than)
            .or(share.at_most)
            .or(share.less_than)
            .unwrap_or(Fraction::WHOLE);
        // What stays under an upper bound falls short of it.
        let upper = share.at_most.is_some() || share.less_than.is_some();
        // A figure that another rule has set and that is under the bound is left as it is.
        let set = plan[index]
            .fields
            .get(&share.of.field)
            .and_then(Value::as_i64);
        if upper
            && effort == Effort::Enough
            && let (Some(set), Ok(base)) = (set, u128::try_from(base))
            && u128::try_from(set).is_ok_and(|set| !threshold.is_reached_by(set, base))
        {
            return;
        }
        let of = self.share_of(
            base,
            threshold,
            match effort {
                Effort::Enough if upper => Effort::TooLittle,
                Effort::TooLittle if upper => Effort::Enough,
                effort => effort,
            },
        );
        let value = self.value_like(&share.of, of);
        plan[index].fields.insert(share.of.field.clone(), value);
    }

    /// The denominator that another field of a fact gives: the one planned already, or most of what there is.
    fn base_of(
        &mut self,
        plan: &mut Vec<PlannedFact>,
        index: usize,
        share: &Share,
        from: Date,
        until: Date,
    ) -> i64 {
        let holder = if share.over.subject == share.of.subject {
            Some(index)
        } else {
            let other = FactMatch {
                any_of: vec![share.over.subject.clone()],
                with: share.with.clone(),
            };
            self.fact(plan, &other, false, from, until)
        };
        let planned = holder
            .and_then(|holder| plan.get(holder)?.fields.get(&share.over.field))
            .and_then(|value| match value {
                Value::String(text) => text.parse().ok(),
                other => other.as_i64(),
            });
        if let Some(planned) = planned {
            return planned;
        }
        let all = match self.field(&share.over).map(|field| field.kind) {
            Some(FieldKind::Area) => self.truth.area_m2,
            _ => self.truth.households,
        };
        let asked = (all * self.dice.between(60, 98) / 100).max(10);
        let value = self.value_like(&share.over, asked);
        if let Some(planned) = holder.and_then(|holder| plan.get_mut(holder)) {
            planned.fields.insert(share.over.field.clone(), value);
        }
        asked
    }

    /// A numerator that reaches a threshold, or does not.
    pub fn share_of(&mut self, base: i64, threshold: Fraction, effort: Effort) -> i64 {
        let (num, den) = (i128::from(threshold.num()), i128::from(threshold.den()));
        let line = i64::try_from((i128::from(base) * num + den - 1) / den).unwrap_or(base);
        match effort {
            Effort::Enough => self.dice.between((line + 1).min(base), base),
            Effort::TooLittle => self.dice.between(line * 7 / 10, line - 1).max(0),
        }
    }

    /// A number in the form of a field: an integer, or a decimal string.
    pub(super) fn value_like(&self, reference: &Reference, number: i64) -> Value {
        match self.field(reference).map(|field| field.kind) {
            Some(FieldKind::Area | FieldKind::Length) => Value::from(number.to_string()),
            _ => Value::from(number),
        }
    }

    pub(super) fn field(&self, reference: &Reference) -> Option<&Field> {
        self.definition
            .facts
            .get(&reference.subject)?
            .fields
            .get(&reference.field)
    }

    /// Plans a fact, or finds one of the plan that will do; its place in the plan.
    pub fn fact(
        &mut self,
        plan: &mut Vec<PlannedFact>,
        what: &FactMatch,
        another: bool,
        from: Date,
        until: Date,
    ) -> Option<usize> {
        let fact = what.any_of.first()?;
        let wanted: Data = what
            .with
            .iter()
            .map(|(key, value)| {
                let one = match value {
                    Value::Array(any) => any.first().cloned().unwrap_or_default(),
                    value => value.clone(),
                };
                (key.clone(), one)
            })
            .collect();
        let fits = |planned: &PlannedFact| {
            planned.fact == *fact
                && wanted
                    .iter()
                    .all(|(key, value)| planned.fields.get(key).is_none_or(|found| found == value))
        };
        if !another && let Some(index) = plan.iter().position(fits) {
            plan[index].fields.extend(wanted);
            return Some(index);
        }
        let kind = self.definition.facts.get(fact)?;
        let mut fields = self.values(fact, kind);
        fields.extend(wanted);
        let days = days_between(from, until).max(0);
        let day = later(from, self.dice.between(0, days));
        plan.push(PlannedFact {
            fact: fact.clone(),
            fields,
            day,
            runs_until: None,
        });
        Some(plan.len() - 1)
    }

    /// Values for the fields that are required, that supersede a counter, or that a careful clerk fills in.
    fn values(&mut self, fact: &str, kind: &FactType) -> Data {
        let mut fields = Data::new();
        for (key, field) in &kind.fields {
            let counter = self
                .definition
                .counters
                .iter()
                .find(|(_, reference)| reference.subject == fact && reference.field == *key)
                .and_then(|(counter, _)| self.truth.counter(counter));
            let fill = field.required
                || counter.is_some()
                || match field.kind {
                    FieldKind::Reference => self.dice.in_hundred(75),
                    FieldKind::Money | FieldKind::Code => self.dice.in_hundred(60),
                    _ => false,
                };
            if fill && let Some(value) = self.value(key, field, counter) {
                fields.insert(key.clone(), value);
            }
        }
        fields
    }

    fn value(&mut self, key: &str, field: &Field, counter: Option<i64>) -> Option<Value> {
        let (min, max) = (field.min.unwrap_or(0), field.max.unwrap_or(i64::MAX));
        Some(match field.kind {
            FieldKind::Count => Value::from(match counter {
                Some(counter) => counter,
                None => {
                    let low = min.max(1);
                    self.dice.between(low, max.min(low.saturating_add(120)))
                }
            }),
            FieldKind::Area => Value::from(
                counter
                    .unwrap_or_else(|| self.dice.between(300, 30_000))
                    .to_string(),
            ),
            FieldKind::Length => Value::from(self.dice.between(50, 5_000).to_string()),
            FieldKind::Money => {
                Value::from(self.truth.area_m2.max(100) * self.dice.between(180, 420) * 100)
            }
            FieldKind::Day | FieldKind::Lot => return None,
            FieldKind::Code | FieldKind::Codes => {
                let codes: Vec<&String> = field.values.keys().collect();
                let code = self.dice.one_of(&codes)?.to_string();
                if field.kind == FieldKind::Code {
                    Value::from(code)
                } else {
                    Value::from(vec![code])
                }
            }
            FieldKind::YesNo => Value::Bool(true),
            FieldKind::Reference => {
                Value::from(format!("{}〔模拟〕{}号", key, self.dice.between(1, 400)))
            }
            FieldKind::Document => {
                let text = format!(
                    "{}/{key}/{}",
                    self.project,
                    self.dice.between(0, i64::MAX - 1)
                );
                Value::from(hex(&Sha256::digest(text.as_bytes())))
            }
        })
    }
}

/// Natural days from one day to another.
pub fn days_between(from: Date, to: Date) -> i64 {
    anju_workflows::project::deadline::days_between(from, to)
}

/// So many days later.
pub fn later(day: Date, days: i64) -> Date {
    day.checked_add(jiff::Span::new().days(days)).unwrap_or(day)
}

/// So many days earlier.
pub fn earlier(day: Date, days: i64) -> Date {
    later(day, -days)
}
