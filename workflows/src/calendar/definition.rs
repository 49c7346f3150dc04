//! The calendar as data: notices, the holidays they name, and the checks a definition must pass.

use std::fmt;
use std::str::FromStr;

use jiff::civil::Date;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A calendar as it is published to the log: every notice, in any order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CalendarDefinition {
    /// A short ASCII name, `cn`.
    pub id: String,
    /// What people call it, in Chinese.
    pub title: String,
    /// The notices that fix the days. Without any, every day is unknown.
    pub notices: Vec<Notice>,
}

/// One notice of the authority that fixes the days.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notice {
    /// The year the notice is about, 1949 to 9998.
    #[serde(deserialize_with = "year")]
    pub year: i16,
    /// Whether it makes its year known or changes a known year.
    pub kind: NoticeKind,
    /// Its title, in Chinese.
    pub title: String,
    /// Its document number, where known: 国办发明电〔2018〕15号.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    /// The date it bears.
    #[serde(with = "iso_date")]
    pub signed: Date,
    /// The day from which the public could know it; decides which of two notices is the later one.
    #[serde(with = "iso_date")]
    pub published: Date,
    /// Where the authority publishes it, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// What it says, festival by festival.
    pub holidays: Vec<Holiday>,
}

/// What a notice does to its year. In this order they apply when published on one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeKind {
    /// Fixes the year: all its days become known.
    Yearly,
    /// Changes single days of a year that is known already.
    Amendment,
}

/// One festival in a notice: the days of rest and the days worked for them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Holiday {
    /// Its name in the notice: 春节, 国庆节、中秋节.
    pub name: String,
    /// Every day off that the notice names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rest: Vec<DaySpan>,
    /// The make-up working days, 调休上班.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub work: Vec<DaySpan>,
    /// Those of the days off that are the festival itself, 法定节假日.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub statutory: Vec<DaySpan>,
}

/// One day or an inclusive run of at most 31 days; as text `2026-01-04` or `2026-01-01..2026-01-03`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DaySpan {
    first: Date,
    last: Date,
}

/// Why something is no calendar. Nothing of it is taken over.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CalendarError {
    /// The text is not YAML.
    #[error("the calendar is not YAML: {0}")]
    Yaml(String),
    /// A field is missing, unknown or of another shape.
    #[error("the calendar does not have the right shape at `{path}`: {reason}")]
    Shape {
        /// Where, as a path of keys and indexes.
        path: String,
        /// What is wrong there.
        reason: String,
    },
    /// One notice says of one day that it is off and that it is worked.
    #[error("「{notice}」 names {day} both as a day off and as a working day")]
    RestedAndWorked {
        /// The title of the notice.
        notice: String,
        /// The day.
        day: Date,
    },
    /// A statutory day that its own holiday does not list as off.
    #[error("「{notice}」 marks {day} as statutory but not as off")]
    StatutoryNotRest {
        /// The title of the notice.
        notice: String,
        /// The day.
        day: Date,
    },
    /// A notice may name days of its year, of the December before and of the January after.
    #[error("「{notice}」 is about {year} and cannot name {day}")]
    DayOfAnotherYear {
        /// The title of the notice.
        notice: String,
        /// The year of the notice.
        year: i16,
        /// The day.
        day: Date,
    },
    /// Two yearly notices for one year; the second should be an amendment.
    #[error("two yearly notices fix {year}")]
    YearFixedTwice {
        /// The year.
        year: i16,
    },
    /// An amendment of a year that no yearly notice had fixed by then.
    #[error("「{notice}」 amends {year}, which no notice had fixed by {published}")]
    AmendsUnknownYear {
        /// The title of the amendment.
        notice: String,
        /// Its year.
        year: i16,
        /// When it was published.
        published: Date,
    },
}

impl CalendarDefinition {
    /// Reads a definition from JSON. This checks its shape only; [`super::Calendar::from_definition`]
    /// checks that its notices agree with each other.
    pub fn from_value(value: serde_json::Value) -> Result<Self, CalendarError> {
        serde_path_to_error::deserialize(value).map_err(|error| CalendarError::Shape {
            path: error.path().to_string(),
            reason: error.into_inner().to_string(),
        })
    }

    /// The same calendar with only the notices that were public by the end of `day`; `None` if that
    /// is all of them.
    pub(super) fn as_known(&self, day: Date) -> Option<Self> {
        let public = |notice: &&Notice| notice.published <= day;
        if self.notices.iter().all(|notice| public(&notice)) {
            return None;
        }
        Some(Self {
            id: self.id.clone(),
            title: self.title.clone(),
            notices: self.notices.iter().filter(public).cloned().collect(),
        })
    }

    pub(super) fn check(&self) -> Result<(), CalendarError> {
        for (index, notice) in self.notices.iter().enumerate() {
            notice.check()?;
            let mut yearly =
                self.notices.iter().enumerate().filter(|(_, other)| {
                    other.year == notice.year && other.kind == NoticeKind::Yearly
                });
            match notice.kind {
                NoticeKind::Yearly => {
                    if yearly.any(|(other, _)| other != index) {
                        return Err(CalendarError::YearFixedTwice { year: notice.year });
                    }
                }
                // Equal days are in order: the yearly notice is applied first (see `rank`).
                NoticeKind::Amendment => {
                    if !yearly.any(|(_, other)| other.published <= notice.published) {
                        return Err(CalendarError::AmendsUnknownYear {
                            notice: notice.title.clone(),
                            year: notice.year,
                            published: notice.published,
                        });
                    }
                }
            }
        }
        Ok(())
    }
}

impl Notice {
    /// The order in which notices apply; the last one to name a day decides it.
    pub(super) fn rank(&self) -> (Date, NoticeKind) {
        (self.published, self.kind)
    }

    fn check(&self) -> Result<(), CalendarError> {
        let worked = || self.holidays.iter().flat_map(|holiday| &holiday.work);
        for holiday in &self.holidays {
            for day in holiday.rest.iter().flat_map(DaySpan::days) {
                if worked().any(|span| span.contains(day)) {
                    let notice = self.title.clone();
                    return Err(CalendarError::RestedAndWorked { notice, day });
                }
            }
            for day in holiday.statutory.iter().flat_map(DaySpan::days) {
                if !holiday.rest.iter().any(|span| span.contains(day)) {
                    let notice = self.title.clone();
                    return Err(CalendarError::StatutoryNotRest { notice, day });
                }
            }
            for day in holiday
                .rest
                .iter()
                .chain(&holiday.work)
                .flat_map(DaySpan::days)
            {
                let allowed = match i32::from(day.year()) - i32::from(self.year) {
                    -1 => day.month() == 12,
                    0 => true,
                    1 => day.month() == 1,
                    _ => false,
                };
                if !allowed {
                    return Err(CalendarError::DayOfAnotherYear {
                        notice: self.title.clone(),
                        year: self.year,
                        day,
                    });
                }
            }
        }
        Ok(())
    }
}

impl DaySpan {
    /// No festival takes a month; a longer span is a slip of the pen.
    const LONGEST: usize = 31;

    /// The days from `first` to `last`, both included. `None` if there are none, or more than 31.
    pub fn new(first: Date, last: Date) -> Option<Self> {
        let span = Self { first, last };
        (first <= last && span.days().nth(Self::LONGEST).is_none()).then_some(span)
    }

    /// The first day.
    pub fn first(&self) -> Date {
        self.first
    }

    /// The last day, which belongs to the span.
    pub fn last(&self) -> Date {
        self.last
    }

    /// Whether `day` is one of its days.
    pub fn contains(&self, day: Date) -> bool {
        (self.first..=self.last).contains(&day)
    }

    /// Its days in order.
    pub fn days(&self) -> impl Iterator<Item = Date> + use<> {
        let last = self.last;
        std::iter::successors(Some(self.first), |day| day.tomorrow().ok())
            .take_while(move |day| *day <= last)
    }
}

impl fmt::Display for DaySpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last {
            write!(f, "{}", self.first)
        } else {
            write!(f, "{}..{}", self.first, self.last)
        }
    }
}

impl FromStr for DaySpan {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (first, last) = text.split_once("..").unwrap_or((text, text));
        Self::new(iso_date::parse(first)?, iso_date::parse(last)?).ok_or_else(|| {
            let longest = Self::LONGEST;
            format!("`{text}` is not a span of 1 to {longest} days")
        })
    }
}

impl Serialize for DaySpan {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for DaySpan {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

fn year<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i16, D::Error> {
    let year = i16::deserialize(deserializer)?;
    if (1949..=9998).contains(&year) {
        Ok(year)
    } else {
        Err(serde::de::Error::custom(format!(
            "{year} is not a year from 1949 to 9998"
        )))
    }
}

/// Dates as `2026-01-04` and nothing else: jiff alone would also take a time after it, or no hyphens.
mod iso_date {
    use jiff::civil::Date;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn parse(text: &str) -> Result<Date, String> {
        match text.parse::<Date>() {
            Ok(date) if date.to_string() == text => Ok(date),
            _ => Err(format!("`{text}` is not a date like 2026-01-04")),
        }
    }

    pub(super) fn serialize<S: Serializer>(date: &Date, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(date)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Date, D::Error> {
        parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}
