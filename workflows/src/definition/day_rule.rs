//! Days as a plan writes them: a day, a whole month, or either of the programme's year.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use jiff::civil::Date;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// A day of a plan. Written `2021-01-20`, `2022-06`, `Y-11-30`, `Y-11`, `Y+1-03`, `Y-1-10-01`: `Y` is the programme's
/// year, a single digit after its sign the years to add or take off; months and days have two digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DayRule {
    year: RuleYear,
    month: i8,
    day: Option<i8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum RuleYear {
    Fixed(i16),
    /// Years after the programme's own.
    Programme(i16),
}

/// Why a text is no day rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DayRuleError {
    /// None of the forms.
    #[error(
        "expected a day such as 2021-01-20, a month such as 2022-06, or one of the programme's year: Y-11-30, Y-11, Y+1-03"
    )]
    Syntax,
    /// The calendar has no such day or month.
    #[error("there is no such day in the calendar")]
    NoSuchDay,
    /// `Y-02-29` exists in some years only.
    #[error("29 February exists in some years only; write Y-02 for the end of February")]
    LeapDay,
}

impl DayRule {
    /// A fixed day.
    #[must_use]
    pub fn day(date: Date) -> Self {
        Self {
            year: RuleYear::Fixed(date.year()),
            month: date.month(),
            day: Some(date.day()),
        }
    }

    /// The last day it names, in the programme's year `year`: the day itself, or the last of the month. `None` if it
    /// needs a year and none is given.
    #[must_use]
    pub fn last_day(&self, year: Option<i16>) -> Option<Date> {
        let first = self.first_day(year)?;
        Some(if self.day.is_some() {
            first
        } else {
            first.last_of_month()
        })
    }

    /// The first day it names: the day itself, or the first of the month. `None` if it needs a year and none is given.
    #[must_use]
    pub fn first_day(&self, year: Option<i16>) -> Option<Date> {
        let year = match self.year {
            RuleYear::Fixed(year) => year,
            RuleYear::Programme(offset) => year?.checked_add(offset)?,
        };
        Date::new(year, self.month, self.day.unwrap_or(1)).ok()
    }

    /// Whether it names a whole month.
    #[must_use]
    pub fn is_month(&self) -> bool {
        self.day.is_none()
    }

    /// Whether it is unknown without the programme's year.
    #[must_use]
    pub fn needs_year(&self) -> bool {
        matches!(self.year, RuleYear::Programme(_))
    }
}

/// Two digits as a month or day.
fn two_digits(text: &str) -> Result<i8, DayRuleError> {
    if text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        text.parse().map_err(|_| DayRuleError::Syntax)
    } else {
        Err(DayRuleError::Syntax)
    }
}

impl FromStr for DayRule {
    type Err = DayRuleError;

    fn from_str(text: &str) -> Result<Self, DayRuleError> {
        let (year, rest) = if let Some(rest) = text.strip_prefix('Y') {
            let bytes = rest.as_bytes();
            match bytes {
                // One digit is an offset; a month always has two.
                [sign @ (b'+' | b'-'), digit @ b'1'..=b'9', b'-', ..] => {
                    let years = i16::from(digit - b'0');
                    let offset = if *sign == b'-' { -years } else { years };
                    (RuleYear::Programme(offset), rest.get(3..))
                }
                [b'-', ..] => (RuleYear::Programme(0), rest.get(1..)),
                _ => return Err(DayRuleError::Syntax),
            }
        } else {
            let (year, rest) = text.split_once('-').ok_or(DayRuleError::Syntax)?;
            if year.len() != 4 || !year.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(DayRuleError::Syntax);
            }
            let year = year.parse().map_err(|_| DayRuleError::Syntax)?;
            (RuleYear::Fixed(year), Some(rest))
        };
        let rest = rest.ok_or(DayRuleError::Syntax)?;
        let (month, day) = match rest.split_once('-') {
            Some((month, day)) => (two_digits(month)?, Some(two_digits(day)?)),
            None => (two_digits(rest)?, None),
        };
        let rule = Self { year, month, day };
        if rule.needs_year() && (month, day) == (2, Some(29)) {
            return Err(DayRuleError::LeapDay);
        }
        // Any year that is not a leap year stands for all years.
        rule.first_day(Some(2001)).ok_or(DayRuleError::NoSuchDay)?;
        Ok(rule)
    }
}

impl TryFrom<String> for DayRule {
    type Error = DayRuleError;
    fn try_from(text: String) -> Result<Self, DayRuleError> {
        text.parse()
    }
}

impl JsonSchema for DayRule {
    fn schema_name() -> Cow<'static, str> {
        "DayRule".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A day of a plan: `2021-01-20`, a whole month `2022-06`, or either of the programme's year: \
                            `Y-11-30`, `Y-11`, `Y+1-03`, `Y-1-10-01` (one digit after the sign: years to add or take off).",
            "type": "string",
            "pattern": "^([0-9]{4}|Y([+-][1-9])?)-(0[1-9]|1[0-2])(-(0[1-9]|[12][0-9]|3[01]))?$",
            "examples": ["2021-01-20", "Y-11-30", "Y+1-03"],
        })
    }
}

impl From<DayRule> for String {
    fn from(rule: DayRule) -> Self {
        rule.to_string()
    }
}

impl fmt::Display for DayRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.year {
            RuleYear::Fixed(year) => write!(f, "{year:04}")?,
            RuleYear::Programme(0) => f.write_str("Y")?,
            RuleYear::Programme(offset) => write!(f, "Y{offset:+}")?,
        }
        write!(f, "-{:02}", self.month)?;
        match self.day {
            Some(day) => write!(f, "-{day:02}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn rule(text: &str) -> DayRule {
        text.parse().unwrap()
    }

    #[test]
    fn every_form_reads_back_as_written() {
        for text in [
            "2021-01-20",
            "2022-06",
            "Y-11-30",
            "Y-11",
            "Y+1-03",
            "Y-1-10-01",
            "Y-1-10",
            "0999-02",
        ] {
            assert_eq!(rule(text).to_string(), text);
        }
    }

    #[test]
    fn a_single_digit_is_an_offset_and_two_digits_are_a_month() {
        assert_eq!(
            rule("Y-1-10").last_day(Some(2021)),
            Some(date(2020, 10, 31))
        );
        assert_eq!(
            rule("Y-11-10").last_day(Some(2021)),
            Some(date(2021, 11, 10))
        );
        assert_eq!(
            rule("Y-1-10-01").first_day(Some(2021)),
            Some(date(2020, 10, 1))
        );
    }

    #[test]
    fn a_month_starts_on_its_first_and_ends_on_its_last_day() {
        let february = rule("Y+1-02");
        assert!(february.is_month() && february.needs_year());
        assert_eq!(february.first_day(Some(2023)), Some(date(2024, 2, 1)));
        assert_eq!(february.last_day(Some(2023)), Some(date(2024, 2, 29)));
        assert_eq!(rule("2022-06").last_day(None), Some(date(2022, 6, 30)));
    }

    #[test]
    fn without_the_programmes_year_a_masked_day_is_unknown() {
        assert_eq!(rule("Y-11-30").last_day(None), None);
        assert_eq!(rule("2021-11-30").last_day(None), Some(date(2021, 11, 30)));
        assert_eq!(rule("Y+9-01").last_day(Some(i16::MAX)), None);
    }

    #[test]
    fn texts_that_are_no_day_are_refused_by_reason() {
        for text in [
            "",
            "Y",
            "Y-",
            "Y11",
            "2021",
            "2021-1-1",
            "21-01-01",
            "Y-1",
            "Y+0-01",
            "Y+10-01",
            "2021-01-20T00",
            "年-01",
            "Y-é1",
            "Y+1é01",
        ] {
            assert_eq!(
                text.parse::<DayRule>(),
                Err(DayRuleError::Syntax),
                "{text:?}"
            );
        }
        for text in ["2021-02-30", "2021-13", "Y-00", "Y-04-31", "2021-02-29"] {
            assert_eq!(
                text.parse::<DayRule>(),
                Err(DayRuleError::NoSuchDay),
                "{text:?}"
            );
        }
        assert_eq!("Y-02-29".parse::<DayRule>(), Err(DayRuleError::LeapDay));
        assert_eq!(rule("2024-02-29").last_day(None), Some(date(2024, 2, 29)));
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,14}|Y[-+0-9]{0,10}|[0-9-]{4,10}") {
            if let Ok(rule) = text.parse::<DayRule>() {
                proptest::prop_assert_eq!(rule.to_string(), text);
            }
        }
    }
}
