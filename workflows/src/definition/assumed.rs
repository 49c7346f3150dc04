//! Years that no notice has fixed yet, and that a programme counts all the same.
//!
//! A year without a notice is unknown: a day that needs it has no answer. A programme may allow a dated assumption
//! instead. What was counted with it says so, in the record of the decision and wherever it is shown; the day the
//! notice is published, the assumption is of no effect any more.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use jiff::civil::Date;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Definition;
use crate::calendar::Calendar;

/// The years a calendar may have.
pub(super) const YEARS: RangeInclusive<i16> = 1949..=9998;

/// A year that is counted although no notice has fixed it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AssumedYear {
    /// The year.
    pub year: i16,
    /// As what it is counted.
    #[serde(rename = "as")]
    pub days: AssumedDays,
    /// The day on which this was assumed.
    pub assumed_on: Date,
    /// On what basis, in the words of whoever allows it.
    pub basis: String,
}

/// As what a year is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AssumedDays {
    /// Monday to Friday are worked; no festival, no make-up day.
    Weekdays,
}

impl Definition {
    /// The years that are counted by an assumption: allowed, and fixed by no notice of the calendar.
    #[must_use]
    pub fn assumed_years(&self, calendar: &Calendar) -> Vec<i16> {
        let years: BTreeSet<i16> = self
            .assume_calendar
            .values()
            .map(|assumed| assumed.year)
            .filter(|year| YEARS.contains(year) && !calendar.fixes(*year))
            .collect();
        years.into_iter().collect()
    }

    /// The calendar by which this definition counts: the one given, with the years it may assume.
    #[must_use]
    pub fn days_by(&self, calendar: &Calendar) -> Calendar {
        match self.assumed_years(calendar) {
            years if years.is_empty() => calendar.clone(),
            years => calendar.assuming(&years),
        }
    }

    /// The same definition that assumes nothing.
    #[must_use]
    pub fn without_assumptions(&self) -> Self {
        Self {
            assume_calendar: Default::default(),
            ..self.clone()
        }
    }
}
