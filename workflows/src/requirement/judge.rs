//! Judging one requirement.

use std::collections::BTreeSet;

use jiff::civil::Date;
use serde_json::Value;

use super::facts::View;
use super::lots::judge_orders;
use super::{Evidence, Exact, Judgement, conditions, expression, inspection, procedures};
use super::{publicity, vote, window};
use crate::definition::{
    FactCount, Fraction, OrderOfDates, Requirement, Settled, Severity, Share, Signers, Sum, Tally,
};

/// Judges one requirement of `stage`.
#[must_use]
pub fn judge(view: View<'_>, stage: &str, rule: &str, requirement: &Requirement) -> Judgement {
    let waiver = requirement
        .unless
        .as_ref()
        .and_then(|unless| view.earliest(unless));
    let (met, evidence, cites) = match waiver {
        Some((by, _)) => (true, Evidence::Waived { by }, vec![by]),
        None => judge_kind(view, stage, requirement),
    };
    Judgement {
        rule: rule.to_owned(),
        met,
        warn: requirement.severity == Severity::Warn,
        evidence,
        cites,
    }
}

/// Whether it is met, by what, and the positions of the facts that say so.
pub(super) type Result = (bool, Evidence, Vec<u64>);

fn judge_kind(view: View<'_>, stage: &str, requirement: &Requirement) -> Result {
    match &requirement.window {
        Some(window) => window::judge(view, requirement, window, |view, since| {
            judge_figures(view, stage, requirement, since)
        }),
        None => judge_figures(view, stage, requirement, None),
    }
}

/// The kinds that may stand in a window look at nothing before `since`; the others do not know it.
fn judge_figures(
    view: View<'_>,
    stage: &str,
    requirement: &Requirement,
    since: Option<Date>,
) -> Result {
    if let Some(share) = &requirement.share {
        judge_share(view, share, since)
    } else if let Some(count) = &requirement.fact {
        judge_count(view, stage, count, since)
    } else if let Some(sum) = &requirement.sum {
        judge_sum(view, sum, since)
    } else if let Some(vote) = &requirement.vote {
        vote::judge(view, vote, since)
    } else if !requirement.procedures.is_empty() {
        procedures::judge(view, requirement)
    } else if let Some(conditions) = &requirement.conditions {
        conditions::judge(view, conditions)
    } else if let Some(inspection) = &requirement.inspection {
        inspection::judge(view, inspection)
    } else if let Some(expression) = &requirement.expression {
        expression::judge(view, expression)
    } else if let Some(publicity) = &requirement.publicity {
        publicity::judge(view, publicity)
    } else if let Some(signers) = &requirement.signers {
        judge_signers(view, signers)
    } else if let Some(order) = &requirement.order {
        judge_order(view, order)
    } else if let Some(settled) = &requirement.settled {
        let (opened, open, cites) = open_matters(view, settled);
        (open.is_empty(), Evidence::Settled { opened, open }, cites)
    } else if let Some(not_before) = &requirement.not_before {
        let first = not_before
            .day
            .first_day(view.definition.year.as_ref().and_then(|year| year.value));
        (
            first.is_none_or(|first| first <= view.day),
            Evidence::NotBefore {
                on: view.day,
                first,
            },
            Vec::new(),
        )
    } else if let Some(asked) = &requirement.orders_closed {
        judge_orders(view, asked)
    } else {
        // Lint refuses a requirement without a kind; judged all the same, it asks for nothing it could name.
        (
            false,
            Evidence::Count {
                actual: 0,
                at_least: 1,
                facts: Vec::new(),
            },
            Vec::new(),
        )
    }
}

fn judge_share(view: View<'_>, share: &Share, since: Option<Date>) -> Result {
    let over_tally = share.over_tally.unwrap_or(share.tally);
    let (of, over) = match view.both_of_one_fact(share, since) {
        Some((of, over)) => (Some(of), Some(over)),
        None => (
            view.number(&share.of, &share.with, share.tally, since),
            // What the part is measured against may be older than the window.
            view.number(&share.over, &share.with, over_tally, None),
        ),
    };
    let missing = if of.is_none() {
        Some(String::from(share.of.clone()))
    } else if over.as_ref().is_none_or(|over| !over.value.is_positive()) {
        Some(String::from(share.over.clone()))
    } else {
        None
    };
    let upper = share.at_most.is_some() || share.less_than.is_some();
    let exclusive = share.more_than.is_some() || share.less_than.is_some();
    let threshold = share
        .at_least
        .or(share.more_than)
        .or(share.at_most)
        .or(share.less_than)
        .unwrap_or(Fraction::WHOLE);
    let met = match (&of, &over) {
        (Some(of), Some(over)) if missing.is_none() => {
            let part = of.value.millionths().unsigned_abs();
            let whole = over.value.millionths().unsigned_abs();
            match (upper, exclusive) {
                (false, false) => threshold.is_reached_by(part, whole),
                (false, true) => threshold.is_exceeded_by(part, whole),
                (true, false) => !threshold.is_exceeded_by(part, whole),
                (true, true) => !threshold.is_reached_by(part, whole),
            }
        }
        _ => false,
    };
    let mut cites: Vec<u64> = of
        .iter()
        .chain(&over)
        .flat_map(|f| f.cites.clone())
        .collect();
    cites.sort_unstable();
    cites.dedup();
    let evidence = Evidence::Share {
        of: of.map(|f| f.value.to_string()),
        over: over.map(|f| f.value.to_string()),
        threshold: format!("{}/{}", threshold.num(), threshold.den()),
        exclusive,
        upper,
        missing,
        unit: share.unit.clone(),
    };
    (met, evidence, cites)
}

fn judge_count(view: View<'_>, stage: &str, count: &FactCount, since: Option<Date>) -> Result {
    let since = count
        .this_visit
        .then(|| view.state.visits.get(stage).map(|(_, day)| *day))
        .flatten()
        .max(since);
    let cites: Vec<u64> = view
        .matching(&count.any_of, &count.with)
        .filter(|(_, fact)| since.is_none_or(|since| fact.occurred_at.day() >= since))
        .map(|(position, _)| position)
        .collect();
    let actual = cites.len() as u64;
    let at_least = u64::from(count.at_least);
    (
        actual >= at_least,
        Evidence::Count {
            actual,
            at_least,
            facts: count.any_of.clone(),
        },
        cites,
    )
}

fn judge_signers(view: View<'_>, signers: &Signers) -> Result {
    let types = [signers.of.subject.clone()];
    let latest = view
        .facts()
        .filter(|(_, fact)| {
            types.contains(&fact.fact) && super::matches_fields(&signers.with, &fact.fields)
        })
        .max_by_key(|(position, fact)| (fact.occurred_at.day(), *position));
    let signed: BTreeSet<String> = latest
        .and_then(|(_, fact)| fact.fields.get(&signers.of.field))
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|code| code.as_str().map(str::to_owned))
        .collect();
    let missing: Vec<String> = signers
        .all_of
        .iter()
        .filter(|code| !signed.contains(*code))
        .cloned()
        .collect();
    (
        missing.is_empty(),
        Evidence::Signers {
            signed: signed.into_iter().collect(),
            missing,
        },
        latest.map(|(position, _)| position).into_iter().collect(),
    )
}

fn judge_sum(view: View<'_>, sum: &Sum, since: Option<Date>) -> Result {
    let found = view.number(&sum.of, &sum.with, Tally::Sum, since);
    let (actual, mut cites) = found.map_or((Exact::default(), Vec::new()), |f| (f.value, f.cites));
    let base = sum
        .per
        .as_ref()
        .map(|per| view.number(per, &std::collections::BTreeMap::new(), Tally::Latest, None));
    if let Some(Some(base)) = &base {
        cites.extend(&base.cites);
    }
    // Times the base, if there is one; nothing where the base is not known.
    let bound = |amount: u64| match &base {
        None => Some(i64::try_from(amount).map_or(Exact::default(), Exact::whole)),
        Some(base) => base.as_ref().map(|base| base.value.times(amount)),
    };
    let needed = (sum.at_least > 0 || sum.at_most.is_none())
        .then(|| bound(sum.at_least))
        .flatten();
    let limit = sum.at_most.and_then(bound);
    let known = base.as_ref().is_none_or(Option::is_some);
    cites.sort_unstable();
    cites.dedup();
    (
        known
            && needed.is_none_or(|needed| actual >= needed)
            && limit.is_none_or(|limit| actual <= limit),
        Evidence::Sum {
            actual: actual.to_string(),
            needed: needed.map(|needed| needed.to_string()),
            limit: limit.map(|limit| limit.to_string()),
            unit: sum.unit.clone(),
        },
        cites,
    )
}

fn judge_order(view: View<'_>, order: &OrderOfDates) -> Result {
    let earlier = view.earliest(&order.earlier);
    let later = view.earliest(&order.later);
    let day = |found: Option<(u64, &crate::project::state::FactState)>| {
        found.map(|(_, fact)| fact.occurred_at.day())
    };
    let met = match (day(earlier), day(later)) {
        (_, None) => true,
        (None, Some(_)) => false,
        (Some(earlier), Some(later)) => earlier <= later,
    };
    let mut cites: Vec<u64> = earlier.iter().chain(&later).map(|(p, _)| *p).collect();
    cites.sort_unstable();
    cites.dedup();
    (
        met,
        Evidence::Order {
            earlier: day(earlier),
            later: day(later),
        },
        cites,
    )
}

/// How many matters were opened, which are still open, and the facts that say so.
pub(super) fn open_matters(view: View<'_>, settled: &Settled) -> (u64, Vec<String>, Vec<u64>) {
    let mut opened: BTreeSet<String> = BTreeSet::new();
    let mut closed: BTreeSet<String> = BTreeSet::new();
    let mut cites = Vec::new();
    for (position, fact) in view.facts() {
        let key = fact.fields.get(&settled.key).map_or_else(
            // A matter without a name is a matter of its own: it can only be closed by naming it.
            || format!("#{position}"),
            |value| {
                value
                    .as_str()
                    .map_or_else(|| value.to_string(), str::to_owned)
            },
        );
        if fact.fact == settled.opened {
            opened.insert(key);
            cites.push(position);
        } else if fact.fact == settled.closed {
            closed.insert(key);
            cites.push(position);
        }
    }
    let open = opened.difference(&closed).cloned().collect();
    (opened.len() as u64, open, cites)
}
