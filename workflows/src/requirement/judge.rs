//! Judging one requirement.

use std::collections::BTreeSet;

use serde_json::Value;

use super::facts::View;
use super::lots::judge_orders;
use super::{Evidence, Exact, Judgement};
use crate::definition::{
    FactCount, Fraction, OrderOfDates, Publicity, Requirement, Settled, Severity, Share, Signers,
    Sum, Tally,
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

type Result = (bool, Evidence, Vec<u64>);

fn judge_kind(view: View<'_>, stage: &str, requirement: &Requirement) -> Result {
    if let Some(share) = &requirement.share {
        judge_share(view, share)
    } else if let Some(count) = &requirement.fact {
        judge_count(view, stage, count)
    } else if let Some(publicity) = &requirement.publicity {
        judge_publicity(view, publicity)
    } else if let Some(signers) = &requirement.signers {
        judge_signers(view, signers)
    } else if let Some(sum) = &requirement.sum {
        judge_sum(view, sum)
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

fn judge_share(view: View<'_>, share: &Share) -> Result {
    let (of, over) = match view.both_of_one_fact(share) {
        Some((of, over)) => (Some(of), Some(over)),
        None => (
            view.number(&share.of, &share.with, share.tally),
            view.number(&share.over, &share.with, share.tally),
        ),
    };
    let missing = if of.is_none() {
        Some(String::from(share.of.clone()))
    } else if over.as_ref().is_none_or(|over| !over.value.is_positive()) {
        Some(String::from(share.over.clone()))
    } else {
        None
    };
    let (threshold, exclusive) = match (&share.at_least, &share.more_than) {
        (_, Some(threshold)) => (threshold, true),
        (Some(threshold), None) => (threshold, false),
        (None, None) => (&Fraction::WHOLE, false),
    };
    let met = match (&of, &over) {
        (Some(of), Some(over)) if missing.is_none() => {
            let reached = of.value.millionths() * i128::from(threshold.den());
            let needed = over.value.millionths() * i128::from(threshold.num());
            if exclusive {
                reached > needed
            } else {
                reached >= needed
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
        missing,
        unit: share.unit.clone(),
    };
    (met, evidence, cites)
}

fn judge_count(view: View<'_>, stage: &str, count: &FactCount) -> Result {
    let since = count
        .this_visit
        .then(|| view.state.visits.get(stage).map(|(_, day)| *day))
        .flatten();
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

fn judge_publicity(view: View<'_>, publicity: &Publicity) -> Result {
    let posted = &publicity.posted;
    let mut cites = Vec::new();
    let mut missing = Vec::new();
    let mut latest = None;
    let channels: Vec<Option<&String>> = if publicity.channels.is_empty() {
        vec![None]
    } else {
        publicity.channels.iter().map(Some).collect()
    };
    for channel in channels {
        let found = view
            .matching(&posted.any_of, &posted.with)
            .filter(|(_, fact)| match (channel, &publicity.channel_field) {
                (Some(channel), Some(field)) => {
                    fact.fields.get(field).and_then(Value::as_str) == Some(channel)
                }
                _ => true,
            })
            .max_by_key(|(position, fact)| (fact.occurred_at.day(), *position));
        match found {
            Some((position, fact)) => {
                cites.push(position);
                // All channels at once: the period runs from the channel posted last.
                latest = latest.max(Some(fact.occurred_at.day()));
            }
            None => missing.extend(channel.cloned()),
        }
    }
    let until = match (latest, publicity.days) {
        (Some(day), Some(days)) => {
            let Some(until) =
                view.calendar
                    .add(day, i32::try_from(days).unwrap_or(i32::MAX), publicity.kind)
            else {
                return (false, Evidence::CalendarUnknown { from: day }, cites);
            };
            Some(until)
        }
        _ => None,
    };
    let removed = publicity.removed.as_ref().and_then(|removed| {
        view.matching(&removed.any_of, &removed.with)
            .filter(|(_, fact)| {
                let day = fact.occurred_at.day();
                Some(day) >= latest && until.is_some_and(|until| day <= until)
            })
            .map(|(position, fact)| {
                cites.push(position);
                fact.occurred_at.day()
            })
            .min()
    });
    let (_, open, objection_cites) = publicity
        .objections
        .as_ref()
        .map(|settled| open_matters(view, settled))
        .unwrap_or_default();
    cites.extend(objection_cites);
    let met = latest.is_some()
        && missing.is_empty()
        && open.is_empty()
        && removed.is_none()
        && until.is_none_or(|until| view.day > until);
    cites.sort_unstable();
    cites.dedup();
    (
        met,
        Evidence::Publicity {
            posted: latest,
            until,
            days: publicity.days.map(u64::from),
            removed,
            missing,
            open,
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

fn judge_sum(view: View<'_>, sum: &Sum) -> Result {
    let found = view.number(&sum.of, &sum.with, Tally::Sum);
    let (actual, mut cites) = found.map_or((Exact::default(), Vec::new()), |f| (f.value, f.cites));
    let needed = match &sum.per {
        None => Some(i64::try_from(sum.at_least).map_or(Exact::default(), Exact::whole)),
        Some(per) => view
            .number(per, &std::collections::BTreeMap::new(), Tally::Latest)
            .map(|base| {
                cites.extend(base.cites);
                base.value.times(sum.at_least)
            }),
    };
    cites.sort_unstable();
    cites.dedup();
    (
        needed.is_some_and(|needed| actual >= needed),
        Evidence::Sum {
            actual: actual.to_string(),
            needed: needed.map(|needed| needed.to_string()),
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
fn open_matters(view: View<'_>, settled: &Settled) -> (u64, Vec<String>, Vec<u64>) {
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
