//! Numbers and days as Excel keeps them: binary fractions and counted days.

use calamine::ExcelDateTime;
use jiff::civil::{Date, Time};

use super::sheet::Flaw;

/// How many digits Excel itself keeps and shows.
const DIGITS: usize = 15;

/// Up to how many digits a sum of decimals is recognised behind the noise of binary fractions.
const CLEAN_DIGITS: usize = 12;

/// The exact decimal that a cell's number stands for.
///
/// A cell holds a binary fraction; what was typed is the shortest decimal that is nearest to it, and has at most 15
/// digits. A computed one may carry noise behind the 15th digit (`=0.1+0.2` is 0.30000000000000004): if rounding
/// to the 15 digits that Excel shows leaves a decimal of at most 12 digits, it is that decimal. Anything else (1/3, a
/// number of 18 digits) is not known exactly, and is refused with the digits the cell has.
pub(super) fn exact(value: f64) -> (String, Option<Flaw>) {
    if !value.is_finite() {
        return (value.to_string(), Some(Flaw::Digits));
    }
    if value == 0.0 {
        return ("0".to_owned(), None);
    }
    if digits(&format!("{value:e}")) <= DIGITS {
        return (value.to_string(), None);
    }
    let shown = format!("{value:.*e}", DIGITS - 1);
    match shown.parse::<f64>() {
        Ok(rounded) if digits(&format!("{rounded:e}")) <= CLEAN_DIGITS => {
            (rounded.to_string(), None)
        }
        _ => (value.to_string(), Some(Flaw::Digits)),
    }
}

/// How many digits a number in scientific notation has before its exponent.
fn digits(scientific: &str) -> usize {
    let mantissa = scientific.split('e').next().unwrap_or_default();
    mantissa.bytes().filter(u8::is_ascii_digit).count()
}

/// The day of a counted date, or its instant at UTC+8 if it has a time of day.
pub(super) fn moment(value: ExcelDateTime) -> (String, Option<Flaw>) {
    if value.is_duration() {
        return (value.as_f64().to_string(), Some(Flaw::Duration));
    }
    let bad = || (value.as_f64().to_string(), Some(Flaw::Date));
    // Day 0 of Excel is a time of day without a date.
    if !(1.0..=3_000_000.0).contains(&value.as_f64()) {
        return bad();
    }
    let (year, month, day, hour, minute, second, _) = value.to_ymd_hms_milli();
    let small = |n: u8| i8::try_from(n).unwrap_or(-1);
    let date = i16::try_from(year)
        .ok()
        .and_then(|year| Date::new(year, small(month), small(day)).ok())
        .filter(|date| (1900..=2199).contains(&date.year()));
    let time = Time::new(small(hour), small(minute), small(second), 0).ok();
    match (date, time) {
        (Some(date), Some(time)) => (moment_text(date, time), None),
        _ => bad(),
    }
}

/// A day, or a day with a time of day at UTC+8, as the log takes it.
pub(super) fn moment_text(date: Date, time: Time) -> String {
    if time == Time::midnight() {
        date.to_string()
    } else {
        format!("{date}T{time}+08:00")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use calamine::ExcelDateTimeType;

    #[test]
    fn a_number_is_the_decimal_that_was_typed() {
        for (value, text) in [
            (237.0, "237"),
            (90.4, "90.4"),
            (230.64, "230.64"),
            (0.000_001, "0.000001"),
            (123_456_789_012_345.0, "123456789012345"),
            (1e21, "1000000000000000000000"),
            (-3.5, "-3.5"),
            (-0.0, "0"),
        ] {
            assert_eq!(exact(value), (text.to_owned(), None), "{value}");
        }
    }

    #[test]
    fn the_noise_of_a_sum_is_taken_away() {
        assert_eq!(exact(0.1 + 0.2), ("0.3".to_owned(), None));
        assert_eq!(exact(90.40 + 124.97 + 15.27), ("230.64".to_owned(), None));
    }

    #[test]
    fn a_number_that_is_not_known_exactly_is_refused() {
        for value in [
            1.0 / 3.0,
            2.0_f64.sqrt(),
            110_105_194_912_310_021.0,
            f64::INFINITY,
            f64::NAN,
        ] {
            assert_eq!(exact(value).1, Some(Flaw::Digits), "{value}");
        }
    }

    #[test]
    fn a_counted_day_is_a_day_and_a_time_of_day_stays() {
        let at = |value: f64| {
            moment(ExcelDateTime::new(
                value,
                ExcelDateTimeType::DateTime,
                false,
            ))
        };
        assert_eq!(at(44_266.0), ("2021-03-11".to_owned(), None));
        assert_eq!(
            at(44_266.0 + 9.5 / 24.0),
            ("2021-03-11T09:30:00+08:00".to_owned(), None)
        );
        let in_1904 = ExcelDateTime::new(44_266.0 - 1_462.0, ExcelDateTimeType::DateTime, true);
        assert_eq!(moment(in_1904), ("2021-03-11".to_owned(), None));
    }

    #[test]
    fn a_time_without_a_day_or_a_day_that_never_was_is_refused() {
        let at = |value: f64| {
            moment(ExcelDateTime::new(
                value,
                ExcelDateTimeType::DateTime,
                false,
            ))
            .1
        };
        for value in [0.5, -3.0, 60.0, 2e9, f64::NAN] {
            assert_eq!(at(value), Some(Flaw::Date), "{value}");
        }
        let span = ExcelDateTime::new(1.5, ExcelDateTimeType::TimeDelta, false);
        assert_eq!(moment(span).1, Some(Flaw::Duration));
    }
}
