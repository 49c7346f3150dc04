//! The days that are known, laid out so that every question is two look-ups.

use std::collections::BTreeMap;

use jiff::civil::Date;

use super::definition::{Notice, NoticeKind};

/// What the notices say about one named day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) working: bool,
    pub(super) statutory: bool,
    /// The position of the notice in the definition, and of the holiday in the notice.
    pub(super) notice: usize,
    pub(super) holiday: usize,
}

/// Every day named by a notice, decided by the notice that was published last.
pub(super) fn named_days(notices: &[Notice]) -> BTreeMap<Date, Named> {
    let mut order: Vec<_> = notices.iter().enumerate().collect();
    order.sort_by_key(|(_, notice)| notice.rank());
    let mut named = BTreeMap::new();
    for (notice, said) in order {
        for (holiday, said) in said.holidays.iter().enumerate() {
            for (working, spans) in [(false, &said.rest), (true, &said.work)] {
                for day in spans.iter().flat_map(|span| span.days()) {
                    let statutory = said.statutory.iter().any(|span| span.contains(day));
                    named.insert(
                        day,
                        Named {
                            working,
                            statutory,
                            notice,
                            holiday,
                        },
                    );
                }
            }
        }
    }
    named
}

/// All known days in runs without a gap, in order. Between two runs nothing is known.
#[derive(Debug)]
pub(super) struct KnownDays {
    runs: Vec<Run>,
}

/// Consecutive known days.
#[derive(Debug)]
struct Run {
    /// The day number of the first day.
    first: i64,
    /// `before[i]` working days lie before day `i` of the run; one entry more than there are days.
    before: Vec<usize>,
    /// The working days in order.
    working: Vec<Date>,
}

impl KnownDays {
    /// A day is known if a yearly notice fixed its year or any notice names it: so the last days of
    /// a December are known from the next year's notice even where their own year is not.
    pub(super) fn new(notices: &[Notice], named: &BTreeMap<Date, Named>) -> Self {
        let mut days: BTreeMap<Date, bool> = BTreeMap::new();
        for notice in notices
            .iter()
            .filter(|notice| notice.kind == NoticeKind::Yearly)
        {
            let start = Date::new(notice.year, 1, 1).ok();
            let year = std::iter::successors(start, |day| day.tomorrow().ok())
                .take_while(|day| day.year() == notice.year);
            days.extend(year.map(|day| (day, !is_weekend(day))));
        }
        days.extend(named.iter().map(|(day, said)| (*day, said.working)));

        let mut runs: Vec<Run> = Vec::new();
        for (day, working) in days {
            let number = day_number(day);
            let run = match runs.pop() {
                Some(run) if run.end() == number => run,
                other => {
                    runs.extend(other);
                    Run {
                        first: number,
                        before: vec![0],
                        working: Vec::new(),
                    }
                }
            };
            runs.push(run.followed_by(day, working));
        }
        Self { runs }
    }

    pub(super) fn is_working_day(&self, day: Date) -> Option<bool> {
        let (run, index) = self.find(day_number(day))?;
        Some(run.before[index + 1] > run.before[index])
    }

    /// The `n`th working day after `day`, `n` ≥ 1.
    pub(super) fn nth_after(&self, day: Date, n: usize) -> Option<Date> {
        let (run, index) = self.find(day_number(day) + 1)?;
        let wanted = run.before[index].checked_add(n)?.checked_sub(1)?;
        run.working.get(wanted).copied()
    }

    /// The `n`th working day before `day`, counted backwards, `n` ≥ 1.
    pub(super) fn nth_before(&self, day: Date, n: usize) -> Option<Date> {
        let (run, index) = self.find(day_number(day) - 1)?;
        let wanted = run.before[index + 1].checked_sub(n)?;
        run.working.get(wanted).copied()
    }

    /// Working days after `from` up to and including `to`, where `from` < `to`.
    pub(super) fn count(&self, from: Date, to: Date) -> Option<usize> {
        let (run, first) = self.find(day_number(from) + 1)?;
        let days = usize::try_from(day_number(to) - day_number(from)).ok()?;
        // A `to` beyond the run lies behind a gap or after the end.
        let until = run.before.get(first.checked_add(days)?)?;
        Some(until - run.before[first])
    }

    /// The first working day on or after `day`.
    pub(super) fn roll(&self, day: Date) -> Option<Date> {
        let (run, index) = self.find(day_number(day))?;
        run.working.get(run.before[index]).copied()
    }

    /// The last day before the first gap at or after `day`; `None` if `day` itself is unknown.
    pub(super) fn known_through(&self, day: Date) -> Option<Date> {
        let (run, _) = self.find(day_number(day))?;
        let days = i32::try_from(run.end() - 1 - day_number(day)).ok()?;
        plus_days(day, days)
    }

    /// The run that holds a day, and the place of the day in it.
    fn find(&self, number: i64) -> Option<(&Run, usize)> {
        let run = self.runs[..self.runs.partition_point(|run| run.first <= number)].last()?;
        let index = usize::try_from(number - run.first).ok()?;
        (index < run.before.len() - 1).then_some((run, index))
    }
}

impl Run {
    /// The day number after the last day.
    fn end(&self) -> i64 {
        self.first + self.before.len() as i64 - 1
    }

    fn followed_by(mut self, day: Date, working: bool) -> Self {
        if working {
            self.working.push(day);
        }
        self.before.push(self.working.len());
        self
    }
}

/// `n` days after `day` (before it if negative); `None` beyond the years jiff can write.
pub(super) fn plus_days(day: Date, n: i32) -> Option<Date> {
    let span = jiff::Span::new().try_days(n).ok()?;
    day.checked_add(span).ok()
}

/// 国务院关于职工工作时间的规定, article 7: Saturday and Sunday are the weekly rest days of
/// state organs and public institutions.
fn is_weekend(day: Date) -> bool {
    matches!(
        day.weekday(),
        jiff::civil::Weekday::Saturday | jiff::civil::Weekday::Sunday
    )
}

/// Consecutive days have consecutive numbers. Counts from the civil calendar's own fields, because
/// a difference of two jiff dates is a span and costs far more.
fn day_number(day: Date) -> i64 {
    let years = i64::from(day.year()) - 1;
    let leap_days = years.div_euclid(4) - years.div_euclid(100) + years.div_euclid(400);
    years * 365 + leap_days + i64::from(day.day_of_year())
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn consecutive_days_have_consecutive_numbers() {
        let mut day = date(-400, 12, 1);
        while day < date(2401, 2, 1) {
            let tomorrow = day.tomorrow().unwrap();
            assert_eq!(day_number(day) + 1, day_number(tomorrow), "{day}");
            day = tomorrow;
        }
    }
}
