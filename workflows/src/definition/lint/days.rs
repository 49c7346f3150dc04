//! Deadlines and windows: one due day each, known, in order, after the document that sets them.

use std::collections::BTreeSet;

use jiff::civil::Date;

use super::super::assumed::YEARS;
use super::super::problem::Problem;
use super::super::{Applies, Bound, DayRule, Deadline, Due};
use super::{At, Lint};
use crate::calendar::Calendar;

/// The year that stands for an unbound one where two masked days are compared with each other.
const ANY_YEAR: i16 = 2001;

impl Lint<'_> {
    fn year(&self) -> Option<i16> {
        self.definition.year.as_ref().and_then(|year| year.value)
    }

    pub(super) fn days(&mut self) {
        let definition = self.definition;
        let calendar = Calendar::builtin();
        for (stage_id, stage) in &definition.stages {
            let stage_at = At::root().to("stages").to(stage_id);
            for (id, deadline) in &stage.deadlines {
                let at = stage_at.to("deadlines").to(id);
                self.applies(&at, &deadline.applies, Some(&stage.applies));
                self.deadline(&at, stage_id, deadline);
                if let Some(on) = &deadline.due.on {
                    let at = at.to("due").to("on");
                    let last = self.due_day(&at, on, deadline.bound);
                    if let Some(last) = last.filter(|_| !on.is_month())
                        && calendar.is_working_day(last) == Some(false)
                    {
                        self.warn(
                            &at,
                            "rest_day",
                            format!("期限 {last} 是休息日"),
                            format!("due on {last}, a day of rest"),
                        );
                    }
                }
            }
            for (id, requirement) in &stage.exit {
                if let Some(not_before) = &requirement.not_before {
                    let at = stage_at.to("exit").to(id).to("not_before").to("day");
                    self.known(&at, &not_before.day);
                }
            }
        }
        for (id, target) in &definition.targets {
            if let Some(due) = &target.due {
                let at = At::root().to("targets").to(id).to("due");
                self.due_day(&at, due, target.bound);
            }
        }
        self.assumed_years(&calendar);
        self.stages_in_order_of_days();
    }

    /// Years that are counted although no notice has fixed them: each once, with a basis, and only while there is none.
    fn assumed_years(&mut self, calendar: &Calendar) {
        let definition = self.definition;
        let mut seen = BTreeSet::new();
        for (id, assumed) in &definition.assume_calendar {
            let at = At::root().to("assume_calendar").to(id);
            let year = assumed.year;
            if !YEARS.contains(&year) {
                self.error(
                    &at.to("year"),
                    "bad_year",
                    format!("{year} 不是 1949 到 9998 之间的年份"),
                    format!("{year} is not a year from 1949 to 9998"),
                );
            } else if !seen.insert(year) {
                self.error(
                    &at.to("year"),
                    "year_assumed_twice",
                    format!("{year} 年已被假定一次"),
                    format!("{year} is assumed twice"),
                );
            } else if calendar.fixes(year) {
                self.warn(
                    &at.to("year"),
                    "assumed_in_vain",
                    format!("{year} 年已有通知，假定不起作用"),
                    format!("a notice has fixed {year}: the assumption is of no effect"),
                );
            }
        }
    }

    fn deadline(&mut self, at: &At, stage_id: &str, deadline: &Deadline) {
        let due = &deadline.due;
        self.due(&at.to("due"), stage_id, due);
        if let Some(met_by) = &deadline.met_by {
            self.fact_match(&at.to("met_by"), met_by);
        }
        let Some(from) = &deadline.from else { return };
        self.known(&at.to("from"), from);
        let Some(on) = &due.on else { return };
        self.days_in_order(&at.to("from"), from, on, deadline.bound);
    }

    /// The first day of a window is not after its last.
    pub(super) fn days_in_order(&mut self, at: &At, from: &DayRule, on: &DayRule, bound: Bound) {
        // Two masked days can be compared in any year; a masked and a fixed one only in a known one.
        let year = self
            .year()
            .or_else(|| (from.needs_year() == on.needs_year()).then_some(ANY_YEAR));
        if let (Some(first), Some(last)) = (from.first_day(year), on.last_day(year))
            && first > bound.last_day(last)
        {
            self.error(
                at,
                "window_order",
                format!("起始日 {from} 晚于期限 {on}"),
                format!("the window begins on {from}, after it ends on {on}"),
            );
        }
    }

    /// A day, days after something, or a planned day: exactly one.
    pub(super) fn due(&mut self, due_at: &At, stage_id: &str, due: &Due) {
        let given = [
            due.on.as_ref().map(|_| "on"),
            due.after.as_ref().map(|_| "after"),
            due.plan.as_ref().map(|_| "plan"),
        ];
        let given: Vec<&str> = given.into_iter().flatten().collect();
        if given.len() != 1 {
            let problem = Problem::error(
                "due",
                self.on_key(due_at),
                "on、after、plan 要写且只写一个",
                "give one of `on`, `after` and `plan`",
            )
            .hinting(
                "继承来的用 null 删去",
                "remove an inherited one with `null`",
            );
            self.tell(due_at, problem);
        }
        if let Some(after) = &due.after {
            let at = due_at.to("after");
            if after.entered.is_some() == after.fact.is_some() {
                let problem = Problem::error(
                    "after",
                    self.on_key(&at),
                    "entered、fact 要写且只写一个",
                    "give one of `entered` and `fact`",
                );
                self.tell(&at, problem);
            }
            if let Some(entered) = &after.entered {
                let at = at.to("entered");
                if self.stage_named(&at, entered) {
                    let stages = &self.definition.stages;
                    if stages[entered].order > stages[stage_id].order {
                        self.error(
                            &at,
                            "entered_later",
                            format!("进入“{entered}”在“{stage_id}”之后，无从起算"),
                            format!("`{entered}` is entered after `{stage_id}` is left: nothing to count from"),
                        );
                    }
                }
            }
            if let Some(fact) = &after.fact {
                self.fact_match(&at.to("fact"), fact);
            }
            self.first_day_of_none(
                &at.to("count_first_day"),
                after.count_first_day,
                Some(after.days),
            );
        }
    }

    /// Whether a day is known; tells if it is not.
    pub(super) fn known(&mut self, at: &At, rule: &DayRule) -> Option<Date> {
        let last = rule.last_day(self.year());
        if last.is_none() {
            let problem = Problem::warning(
                "year_unknown",
                self.on_value(at),
                format!("计划年度未定，{rule} 不可知，不起算期限"),
                format!(
                    "the programme's year is not bound: {rule} is unknown and starts no deadline"
                ),
            )
            .hinting("绑定 year.value", "bind `year.value`");
            self.tell(at, problem);
        }
        last
    }

    /// The last permitted day, if it is known; tells if it was over before the document was issued.
    fn due_day(&mut self, at: &At, rule: &DayRule, bound: Bound) -> Option<Date> {
        let last = bound.last_day(self.known(at, rule)?);
        let issued = self
            .definition
            .source
            .as_ref()
            .and_then(|source| source.issued);
        if let Some(issued) = issued.filter(|issued| last < *issued) {
            self.warn(
                at,
                "before_issue",
                format!("期限 {last} 早于文件的发文日 {issued}"),
                format!("due on {last}, before the document was issued on {issued}"),
            );
        }
        Some(last)
    }

    /// A later stage that must be left before an earlier one, for the same projects.
    fn stages_in_order_of_days(&mut self) {
        let definition = self.definition;
        let year = self.year();
        let mut fixed: Vec<Fixed<'_>> = Vec::new();
        for (stage_id, stage) in &definition.stages {
            for (id, deadline) in &stage.deadlines {
                // What a fact meets says nothing of when the stage is left.
                let Some(on) = deadline.due.on.filter(|_| deadline.met_by.is_none()) else {
                    continue;
                };
                if let Some(due) = on.last_day(year.or(Some(ANY_YEAR))) {
                    fixed.push(Fixed {
                        order: stage.order,
                        stage: stage_id,
                        id,
                        on,
                        last: deadline.bound.last_day(due),
                        applies: [&stage.applies, &deadline.applies],
                    });
                }
            }
        }
        for later in &fixed {
            let latest = fixed
                .iter()
                .filter(|earlier| {
                    earlier.order < later.order
                        && earlier.applies == later.applies
                        && earlier.last > later.last
                        // While the year is not bound, only days of the same kind can be compared.
                        && (year.is_some() || earlier.on.needs_year() == later.on.needs_year())
                })
                .max_by_key(|earlier| (earlier.last, earlier.id));
            let Some(earlier) = latest else { continue };
            let at = At::root()
                .to("stages")
                .to(later.stage)
                .to("deadlines")
                .to(later.id)
                .to("due")
                .to("on");
            let (on, stage, id, limit) = (later.on, earlier.stage, earlier.id, earlier.on);
            self.warn(
                &at,
                "deadline_order",
                format!("期限 {on} 早于前一阶段“{stage}”的期限“{id}”（{limit}）"),
                format!("due on {on}, before `{id}` of the earlier stage `{stage}` ({limit})"),
            );
        }
    }
}

/// A deadline on a day, met by leaving its stage.
struct Fixed<'a> {
    order: u32,
    stage: &'a str,
    id: &'a str,
    on: DayRule,
    last: Date,
    applies: [&'a Applies; 2],
}
