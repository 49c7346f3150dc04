//! Numbers of one project: its counters, and the sums over its standing facts.

use std::collections::BTreeMap;

use anju_workflows::definition::{Definition, FieldKind};
use anju_workflows::requirement::{Exact, View};

/// The sums over standing facts of every field that holds money, and of every field that a target sums, by
/// `fact.field`. A field that no fact states has none.
pub(crate) fn sums(view: View<'_>) -> BTreeMap<String, Exact> {
    let mut sums: BTreeMap<String, Exact> = BTreeMap::new();
    for (_, fact) in view.facts() {
        for (field, value) in &fact.fields {
            if is_summed(view.definition, &fact.fact, field)
                && let Some(value) = Exact::of(value)
            {
                let sum = sums.entry(format!("{}.{field}", fact.fact)).or_default();
                *sum = sum.plus(value);
            }
        }
    }
    if let Some(opening) = &view.state.opening {
        let values = opening.sums.iter().flat_map(|(fact, fields)| {
            fields
                .iter()
                .map(move |(field, value)| (fact, field, value))
        });
        for (fact, field, value) in values {
            if is_summed(view.definition, fact, field)
                && let Some(value) = Exact::of(value)
            {
                let sum = sums.entry(format!("{fact}.{field}")).or_default();
                *sum = sum.plus(value);
            }
        }
    }
    sums
}

fn is_summed(definition: &Definition, fact: &str, field: &str) -> bool {
    let is_money = definition
        .facts
        .get(fact)
        .and_then(|fact| fact.fields.get(field))
        .is_some_and(|field| field.kind == FieldKind::Money);
    is_money
        || definition
            .targets
            .values()
            .filter_map(|target| target.sum_of.as_ref())
            .any(|reference| reference.subject == fact && reference.field == field)
}

/// The whole part and the millionths beyond it, as SQLite's integers hold them.
pub(crate) fn parts(value: Exact) -> (i64, i64) {
    let millionths = value.millionths();
    (
        i64::try_from(millionths / 1_000_000).unwrap_or(i64::MAX),
        i64::try_from(millionths % 1_000_000).unwrap_or(0),
    )
}

/// A sum that SQLite has added up without overflowing: the high and the low halves of the whole parts, and the
/// millionths, each apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Total {
    millionths: i128,
}

/// How far the high half is shifted; SQL says `>> 32` and `& 4294967295`.
const HALF: u32 = 32;

impl Total {
    pub(crate) fn of(high: i64, low: i64, micro: i64) -> Self {
        let whole = (i128::from(high) << HALF) + i128::from(low);
        Self {
            millionths: whole * 1_000_000 + i128::from(micro),
        }
    }

    pub(crate) fn whole(value: u64) -> Self {
        Self {
            millionths: i128::from(value) * 1_000_000,
        }
    }

    pub(crate) fn plus(self, other: Self) -> Self {
        Self {
            millionths: self.millionths.saturating_add(other.millionths),
        }
    }

    pub(crate) fn less(self, other: Self) -> Self {
        Self {
            millionths: self.millionths.saturating_sub(other.millionths).max(0),
        }
    }

    pub(crate) fn divided_by(self, divisor: u32) -> Self {
        Self {
            millionths: self.millionths / i128::from(divisor),
        }
    }

    pub(crate) fn millionths(self) -> u128 {
        self.millionths.unsigned_abs()
    }

    /// Rounded down.
    pub(crate) fn as_count(self) -> u64 {
        u64::try_from(self.millionths / 1_000_000).unwrap_or(u64::MAX)
    }
}

impl std::fmt::Display for Total {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (whole, fraction) = (self.millionths / 1_000_000, self.millionths % 1_000_000);
        if fraction == 0 {
            write!(f, "{whole}")
        } else {
            let digits = format!("{fraction:06}");
            write!(f, "{whole}.{}", digits.trim_end_matches('0'))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_total_is_exact_to_the_millionth() {
        let total = Total::of(0, 12, 500_000).plus(Total::of(1, 0, 500_001));
        assert_eq!(total.to_string(), "4294967309.000001");
        assert_eq!(total.as_count(), 4_294_967_309);
    }

    #[test]
    fn the_parts_of_a_number_make_it_again() {
        let value = Exact::parse("999999999999999.000001").unwrap();
        let (whole, micro) = parts(value);
        let total = Total::of(whole >> 32, whole & 0xffff_ffff, micro);
        assert_eq!(total.to_string(), value.to_string());
    }
}
