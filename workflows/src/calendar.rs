//! Natural, working and rolled days.
//!
//! Which days are worked is fixed in China year by year, by a notice of the General Office of the
//! State Council that moves weekends around festivals (调休), and now and then changed inside the
//! year. So a [`Calendar`] is a list of notices, known by its digest; a day that no notice has fixed
//! is *unknown* and an answer that would need it is `None`, never a guess.
//!
//! Counting follows articles 201 and 203 of the Civil Code (民法典): the day on which a period
//! starts is not counted, its last day belongs to it, and where a rule says so ([`DayKind::Rolled`])
//! a last day that is a rest day moves to the next working day.
//!
//! ```
//! use anju_workflows::calendar::{Calendar, DayKind};
//! use jiff::civil::date;
//!
//! let calendar = Calendar::builtin();
//! // The National Day break and two make-up days lie in between.
//! let due = calendar.add(date(2026, 9, 18), 20, DayKind::Working);
//! assert_eq!(due, Some(date(2026, 10, 22)));
//! // No notice has fixed 2030, so nobody can say where five working days end.
//! assert_eq!(calendar.add(date(2030, 3, 1), 5, DayKind::Working), None);
//! ```

mod days;
mod definition;
mod file;
mod yaml;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use jiff::civil::Date;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

pub use definition::{CalendarDefinition, CalendarError, DaySpan, Holiday, Notice, NoticeKind};

pub use file::CalendarFile;

use days::{KnownDays, Named};

/// How the days of a period are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DayKind {
    /// Every day counts: 自然日.
    Natural,
    /// Only working days count: 工作日.
    Working,
    /// Every day counts, and a last day that is a rest day moves to the next working day
    /// (民法典 article 203, taken to cover weekends and moved rest days as well as festivals).
    Rolled,
}

/// A set of notices, resolved to days. Cheap to clone; equal calendars have equal digests.
#[derive(Clone)]
pub struct Calendar {
    inner: Arc<Resolved>,
}

struct Resolved {
    definition: CalendarDefinition,
    digest: String,
    named: BTreeMap<Date, Named>,
    days: KnownDays,
    /// The same with years assumed, laid out once each.
    assumed: Mutex<BTreeMap<Vec<i16>, Calendar>>,
}

/// Why a day is worked or not, where a notice names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NamedDay<'a> {
    /// Whether it is a make-up working day (班) or a day off (休).
    pub working: bool,
    /// Whether it is the festival itself (法定节假日), not a weekend or a moved rest day beside it.
    pub statutory: bool,
    /// The festival, as the notice calls it.
    pub holiday: &'a str,
    /// The notice that decided the day.
    pub notice: &'a Notice,
}

impl Calendar {
    /// The calendar that comes with the program: mainland China, 2019 to 2026.
    pub fn builtin() -> Self {
        static BUILTIN: LazyLock<Calendar> = LazyLock::new(|| {
            let text = include_str!("../calendars/cn.yaml");
            let calendar = CalendarDefinition::from_yaml(text).and_then(Calendar::from_definition);
            // A test proves the file. Were it broken all the same, a calendar that knows no day
            // stops deadlines from being computed; one that guesses would compute wrong ones.
            calendar.unwrap_or_else(|error| {
                tracing::error!(%error, "the built-in calendar is broken, every day is unknown");
                Calendar::resolve(CalendarDefinition {
                    id: "cn".to_owned(),
                    title: String::new(),
                    notices: Vec::new(),
                })
            })
        });
        BUILTIN.clone()
    }

    /// Checks that the notices agree with each other and resolves them to days.
    pub fn from_definition(definition: CalendarDefinition) -> Result<Self, CalendarError> {
        definition.check()?;
        Ok(Self::resolve(definition))
    }

    fn resolve(definition: CalendarDefinition) -> Self {
        let named = days::named_days(&definition.notices);
        let days = KnownDays::new(&definition.notices, &named);
        let digest = definition.digest();
        Self {
            inner: Arc::new(Resolved {
                definition,
                digest,
                named,
                days,
                assumed: Mutex::default(),
            }),
        }
    }

    /// The notices it was made from, to publish or to keep as data.
    pub fn definition(&self) -> &CalendarDefinition {
        &self.inner.definition
    }

    /// Lower-case hex SHA-256 of the definition's JSON without blanks and with sorted keys.
    pub fn digest(&self) -> &str {
        &self.inner.digest
    }

    /// Whether `day` is worked; `None` if no notice has fixed it.
    pub fn is_working_day(&self, day: Date) -> Option<bool> {
        self.inner.days.is_working_day(day)
    }

    /// What a notice says about `day`; `None` for plain working days and weekends, and for unknown
    /// days.
    pub fn named(&self, day: Date) -> Option<NamedDay<'_>> {
        let named = self.inner.named.get(&day)?;
        let notice = self.inner.definition.notices.get(named.notice)?;
        let holiday = &notice.holidays.get(named.holiday)?.name;
        Some(NamedDay {
            working: named.working,
            statutory: named.statutory,
            holiday,
            notice,
        })
    }

    /// `n` days after `start`, before it if `n` is negative. `start` is not counted and the last day
    /// belongs; no days after `start` is `start` itself.
    ///
    /// A rolled day always moves forward, also when counted backwards. `None` if the answer needs a
    /// day that no notice has fixed or lies outside the years -9999 to 9999; so for
    /// [`DayKind::Natural`] only the latter.
    pub fn add(&self, start: Date, n: i32, kind: DayKind) -> Option<Date> {
        match kind {
            DayKind::Natural => days::plus_days(start, n),
            DayKind::Rolled => self.roll(days::plus_days(start, n)?),
            DayKind::Working => {
                let count = usize::try_from(n.unsigned_abs()).ok()?;
                match n {
                    0 => Some(start),
                    1.. => self.inner.days.nth_after(start, count),
                    _ => self.inner.days.nth_before(start, count),
                }
            }
        }
    }

    /// The working days after `from` up to and including `to`. Swapping the two changes the sign, so
    /// it is negative if `to` comes first. `None` if no notice has fixed one of the days between;
    /// zero for equal days, known or not.
    pub fn working_days_between(&self, from: Date, to: Date) -> Option<i64> {
        if from == to {
            return Some(0);
        }
        let count = self.inner.days.count(from.min(to), from.max(to))?;
        let count = i64::try_from(count).ok()?;
        Some(if from < to { count } else { -count })
    }

    /// The first working day on or after `day`; `None` if it or a rest day before it is unknown.
    pub fn roll(&self, day: Date) -> Option<Date> {
        self.inner.days.roll(day)
    }

    /// Whether a yearly notice has fixed a year.
    pub fn fixes(&self, year: i16) -> bool {
        self.definition()
            .notices
            .iter()
            .any(|notice| notice.year == year && notice.kind == NoticeKind::Yearly)
    }

    /// The same calendar, in which years that no notice has fixed are counted from Monday to Friday. It keeps its
    /// digest: whoever assumes says so beside it.
    #[must_use]
    pub fn assuming(&self, years: &[i16]) -> Self {
        let mut years: Vec<i16> = years.iter().copied().filter(|y| !self.fixes(*y)).collect();
        years.sort_unstable();
        years.dedup();
        // Only a cache of what is laid out from the notices and the years.
        let mut kept = self
            .inner
            .assumed
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = kept.get(&years) {
            return known.clone();
        }
        let mut notices = self.definition().notices.clone();
        notices.extend(years.iter().map(|year| Notice {
            year: *year,
            kind: NoticeKind::Yearly,
            title: String::new(),
            number: None,
            signed: Date::MIN,
            published: Date::MIN,
            address: None,
            holidays: Vec::new(),
        }));
        let named = days::named_days(&notices);
        let days = KnownDays::new(&notices, &named);
        let assumed = Self {
            inner: Arc::new(Resolved {
                definition: self.definition().clone(),
                digest: self.digest().to_owned(),
                named: self.inner.named.clone(),
                days,
                assumed: Mutex::default(),
            }),
        };
        kept.insert(years, assumed.clone());
        assumed
    }

    /// The last day up to which every day from `day` on is known; `None` if `day` itself is not.
    /// Says when the next notice is needed.
    pub fn known_through(&self, day: Date) -> Option<Date> {
        self.inner.days.known_through(day)
    }

    /// The calendar as the public knew it at the end of `day`: without the amendments and without the
    /// yearly notices that were published later. A due day computed with it is the due day that
    /// could be computed then.
    pub fn version_as_known(&self, day: Date) -> Self {
        // Dropping the latest notices of a checked definition leaves a valid one: an amendment is
        // never older than the notice it amends.
        self.definition()
            .as_known(day)
            .map_or_else(|| self.clone(), Self::resolve)
    }
}

impl fmt::Debug for Calendar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Calendar")
            .field("id", &self.definition().id)
            .field("digest", &self.digest())
            .finish()
    }
}

impl PartialEq for Calendar {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner) || self.definition() == other.definition()
    }
}

impl Eq for Calendar {}

impl CalendarDefinition {
    /// Reads a definition from the YAML of a calendar file; see [`CalendarDefinition::from_value`].
    pub fn from_yaml(text: &str) -> Result<Self, CalendarError> {
        Self::from_value(yaml::to_json(text)?)
    }

    fn digest(&self) -> String {
        // Text and dates cannot fail to serialise; an error would show as a digest of `null`.
        let value = serde_json::to_value(self).unwrap_or_default();
        let mut canonical = String::new();
        write_sorted(&value, &mut canonical);
        let hash = Sha256::digest(canonical);
        hash.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// JSON without blanks and with sorted keys. Does not rely on the order in which a
/// `serde_json::Map` keeps its keys: any crate in the build can switch that.
fn write_sorted(value: &Value, out: &mut String) {
    match value {
        Value::Object(map) => {
            let sorted: BTreeMap<_, _> = map.iter().collect();
            for (index, (key, value)) in sorted.into_iter().enumerate() {
                out.push(if index == 0 { '{' } else { ',' });
                out.push_str(&Value::from(key.as_str()).to_string());
                out.push(':');
                write_sorted(value, out);
            }
            out.push_str(if map.is_empty() { "{}" } else { "}" });
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                out.push(if index == 0 { '[' } else { ',' });
                write_sorted(item, out);
            }
            out.push_str(if items.is_empty() { "[]" } else { "]" });
        }
        scalar => out.push_str(&scalar.to_string()),
    }
}
