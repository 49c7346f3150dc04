//! The working-day calendar against the notices, two peers and the rules of counting.

#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests, outside the test functions"
)]

mod a_change_inside_the_year;
mod a_definition;
mod an_unknown_day;
mod counting;
mod the_data;

use anju_workflows::calendar::{
    Calendar, CalendarDefinition, CalendarError, DayKind, DaySpan, NoticeKind,
};
use jiff::civil::{Date, date};
use proptest::prelude::*;
use serde_json::{Value, json};

const FIRST: Date = date(2019, 1, 1);
const LAST: Date = date(2026, 12, 31);

fn cn() -> Calendar {
    Calendar::builtin()
}

fn days(first: Date, last: Date) -> impl Iterator<Item = Date> {
    std::iter::successors(Some(first), |day| day.tomorrow().ok())
        .take_while(move |day| *day <= last)
}

fn year(year: i16) -> impl Iterator<Item = Date> {
    days(date(year, 1, 1), date(year, 12, 31))
}

/// The built-in definition as JSON, for tests that break it.
fn definition() -> Value {
    serde_json::to_value(cn().definition()).unwrap()
}

fn refusal(value: Value) -> CalendarError {
    CalendarDefinition::from_value(value)
        .and_then(Calendar::from_definition)
        .unwrap_err()
}
