//! The facts a requirement may look at, and how it finds them.

use std::collections::BTreeMap;

use anju_engine::event::Data;
use jiff::civil::Date;
use serde_json::Value;

use super::Exact;
use crate::calendar::Calendar;
use crate::definition::{Definition, FactMatch, LOT_SUBJECT, Reference, Share, Tally};
use crate::project::state::{FactState, ProjectState};

/// What a requirement is judged on.
#[derive(Clone, Copy)]
pub struct View<'a> {
    /// The definition in force.
    pub definition: &'a Definition,
    /// The calendar in force.
    pub calendar: &'a Calendar,
    /// The project.
    pub state: &'a ProjectState,
    /// The day of the transition: facts of later days have not happened yet.
    pub day: Date,
    /// Only facts before this position, when an earlier decision is looked at again.
    pub before: Option<u64>,
}

/// A number with the positions it was made from.
pub(super) struct Found {
    pub(super) value: Exact,
    pub(super) cites: Vec<u64>,
}

impl<'a> View<'a> {
    /// The calendar by which days are counted: with the years that the definition may assume.
    #[must_use]
    pub fn days(self) -> Calendar {
        self.definition.days_by(self.calendar)
    }

    /// The facts that stand, in position order.
    pub fn facts(self) -> impl Iterator<Item = (u64, &'a FactState)> {
        self.state.standing_facts().filter(move |(position, fact)| {
            fact.occurred_at.day() <= self.day
                && self.before.is_none_or(|before| *position < before)
        })
    }

    /// The facts of some types with certain values, in position order.
    pub fn matching(
        self,
        types: &'a [String],
        with: &'a BTreeMap<String, Value>,
    ) -> impl Iterator<Item = (u64, &'a FactState)> {
        self.facts().filter(move |(_, fact)| {
            types.contains(&fact.fact) && matches_fields(with, &fact.fields)
        })
    }

    /// The first of them by the day it happened.
    pub fn earliest(self, what: &'a FactMatch) -> Option<(u64, &'a FactState)> {
        self.matching(&what.any_of, &what.with)
            .min_by_key(|(position, fact)| (fact.occurred_at.day(), *position))
    }

    /// The last of them by the day it happened; a later record wins a tie.
    pub fn latest(
        self,
        types: &'a [String],
        with: &'a BTreeMap<String, Value>,
    ) -> Option<(u64, &'a FactState)> {
        self.matching(types, with)
            .max_by_key(|(position, fact)| (fact.occurred_at.day(), *position))
    }

    /// A number: `fact.field` by its tally, or a counter of the project. Facts before `since` do not count; counters
    /// know no such day.
    pub(super) fn number(
        self,
        reference: &Reference,
        with: &BTreeMap<String, Value>,
        tally: Tally,
        since: Option<Date>,
    ) -> Option<Found> {
        // The state of a lot is that of a project: its counters are the lot's own.
        if reference.subject == "project" || reference.subject == LOT_SUBJECT {
            return self.counter(&reference.field);
        }
        let of_type = |position_and_fact: &(u64, &FactState)| {
            let fact = position_and_fact.1;
            fact.fact == reference.subject
                && matches_fields(with, &fact.fields)
                && fact.fields.contains_key(&reference.field)
                && since.is_none_or(|since| fact.occurred_at.day() >= since)
        };
        let value_of = |fact: &FactState| fact.fields.get(&reference.field).and_then(Exact::of);
        match tally {
            Tally::Latest => {
                let mut total = Exact::default();
                let mut cites = Vec::new();
                for (position, fact) in self.latest_figures(of_type) {
                    total = total.plus(value_of(fact)?);
                    cites.push(position);
                }
                (!cites.is_empty()).then_some(Found {
                    value: total,
                    cites,
                })
            }
            Tally::Sum => {
                let mut total = Exact::default();
                let mut cites = Vec::new();
                if with.is_empty()
                    && since.is_none()
                    && let Some((position, opening)) = self.opening(reference)
                {
                    total = total.plus(opening);
                    cites.push(position);
                }
                for (position, fact) in self.facts().filter(of_type) {
                    total = total.plus(value_of(fact)?);
                    cites.push(position);
                }
                (!cites.is_empty()).then_some(Found {
                    value: total,
                    cites,
                })
            }
        }
    }

    /// What the opening balance of an adopted project adds to a sum, with its position. It says nothing of other fields,
    /// so it counts only where none is asked.
    fn opening(self, reference: &Reference) -> Option<(u64, Exact)> {
        let opening = self.state.opening.as_ref()?;
        let seen =
            opening.day <= self.day && self.before.is_none_or(|before| opening.position < before);
        let value = opening
            .sums
            .get(&reference.subject)?
            .get(&reference.field)
            .filter(|_| seen)?;
        Some((opening.position, Exact::of(value)?))
    }

    /// The facts that give the latest figure: the latest that speaks for the whole project, or, where only lots have
    /// reported, the latest of each lot that stands. A figure that one of them has not reported is not known: one lot
    /// does not speak for the others.
    pub(super) fn latest_figures(
        self,
        wanted: impl Fn(&(u64, &FactState)) -> bool,
    ) -> Vec<(u64, &'a FactState)> {
        let mut whole: Option<(u64, &'a FactState)> = None;
        let mut lots: BTreeMap<&str, (u64, &'a FactState)> = BTreeMap::new();
        let later = |a: &(u64, &FactState), b: &(u64, &FactState)| {
            (a.1.occurred_at.day(), a.0) > (b.1.occurred_at.day(), b.0)
        };
        for found in self.facts().filter(|found| wanted(found)) {
            match self.state.lot_of(found.1) {
                None => {
                    if whole.as_ref().is_none_or(|known| later(&found, known)) {
                        whole = Some(found);
                    }
                }
                Some(lot) => {
                    let known = lots.entry(lot).or_insert(found);
                    if later(&found, known) {
                        *known = found;
                    }
                }
            }
        }
        if let Some(whole) = whole {
            return vec![whole];
        }
        let standing: Vec<&String> = self
            .state
            .standing_lots(self.when())
            .map(|(id, _)| id)
            .collect();
        if !standing.iter().all(|id| lots.contains_key(id.as_str())) {
            return Vec::new();
        }
        let mut figures: Vec<_> = standing
            .iter()
            .filter_map(|id| lots.get(id.as_str()).copied())
            .collect();
        figures.sort_by_key(|(position, _)| *position);
        figures
    }

    /// Both numbers of a share between two fields of one fact type, from the latest fact that has both: who agreed is
    /// compared with those who took part in the same vote, not in another.
    pub(super) fn both_of_one_fact(
        self,
        share: &Share,
        since: Option<Date>,
    ) -> Option<(Found, Found)> {
        let latest = share.tally == Tally::Latest
            && share.over_tally.is_none_or(|tally| tally == Tally::Latest);
        if share.of.subject != share.over.subject || !latest {
            return None;
        }
        let figures = self.latest_figures(|(_, fact)| {
            fact.fact == share.of.subject
                && matches_fields(&share.with, &fact.fields)
                && fact.fields.contains_key(&share.of.field)
                && fact.fields.contains_key(&share.over.field)
                && since.is_none_or(|since| fact.occurred_at.day() >= since)
        });
        if figures.is_empty() {
            return None;
        }
        let found = |field: &str| {
            let mut value = Exact::default();
            for (_, fact) in &figures {
                value = value.plus(fact.fields.get(field).and_then(Exact::of)?);
            }
            Some(Found {
                value,
                cites: figures.iter().map(|(position, _)| *position).collect(),
            })
        };
        Some((found(&share.of.field)?, found(&share.over.field)?))
    }

    /// A counter of the project, or of the lot whose state this is; `None` = not known.
    #[must_use]
    pub fn counted(self, counter: &str) -> Option<Exact> {
        self.counter(counter).map(|found| found.value)
    }

    /// A counter of the project: the latest fact that supersedes it, else the sum over its registered compounds,
    /// if each of them states it.
    fn counter(self, counter: &str) -> Option<Found> {
        if let Some(reference) = self.definition.counters.get(counter)
            && reference.subject != "project"
            && reference.subject != LOT_SUBJECT
            && let Some(found) = self.number(reference, &BTreeMap::new(), Tally::Latest, None)
        {
            return Some(found);
        }
        let compounds = self.state.compounds();
        if compounds.is_empty() {
            return None;
        }
        let mut total = Exact::default();
        for compound in compounds {
            let part = match counter {
                "households" => compound.households.and_then(whole),
                "buildings" => compound.buildings.and_then(whole),
                "area_m2" => compound.area_m2.as_deref().and_then(Exact::parse),
                "compounds" => Some(Exact::whole(1)),
                _ => None,
            }?;
            total = total.plus(part);
        }
        Some(Found {
            value: total,
            cites: Vec::new(),
        })
    }
}

fn whole(value: u64) -> Option<Exact> {
    i64::try_from(value).ok().map(Exact::whole)
}

/// Whether the fields of a fact have certain values. A list of values means any of them.
#[must_use]
pub fn matches_fields(with: &BTreeMap<String, Value>, fields: &Data) -> bool {
    with.iter().all(|(key, wanted)| {
        fields.get(key).is_some_and(|found| match wanted {
            Value::Array(any) => any.contains(found),
            wanted => wanted == found,
        })
    })
}
