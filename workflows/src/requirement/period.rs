//! How the days of a period are counted.

use jiff::civil::Date;

use crate::calendar::{Calendar, DayKind};

/// The last day of a period of `days` days that begins with `start`.
///
/// By default the day of the event is not counted and the last day belongs to the period (民法典 201, 203). With
/// `count_first_day` the day of the event is the first of them: five days from the 1st end with the 5th. `None` where
/// no notice has fixed the days, or there is no such date.
#[must_use]
pub fn period_end(
    calendar: &Calendar,
    start: Date,
    days: u32,
    kind: DayKind,
    count_first_day: bool,
) -> Option<Date> {
    let days = i32::try_from(days).ok()?;
    let start = if count_first_day && days > 0 {
        start.yesterday().ok()?
    } else {
        start
    };
    calendar.add(start, days, kind)
}
