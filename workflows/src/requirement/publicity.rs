//! A publicity: posted in every channel at once, for its whole period, with the objections settled.

use jiff::civil::Date;
use serde_json::Value;

use super::Evidence;
use super::facts::View;
use super::judge::open_matters;
use super::period::period_end;
use crate::definition::Publicity;
use crate::project::state::FactState;

pub(super) fn judge(view: View<'_>, publicity: &Publicity) -> super::judge::Result {
    let posted = &publicity.posted;
    let mut cites = Vec::new();
    let mut missing = Vec::new();
    let mut standing: Vec<(Option<&String>, Date)> = Vec::new();
    let channels: Vec<Option<&String>> = if publicity.channels.is_empty() {
        vec![None]
    } else {
        publicity.channels.iter().map(Some).collect()
    };
    for channel in channels {
        // Posted again, it begins again: what is posted may have changed.
        let found = view
            .matching(&posted.any_of, &posted.with)
            .filter(|(_, fact)| channel_of(fact, publicity, channel) == Some(true))
            .max_by_key(|(position, fact)| (fact.occurred_at.day(), *position));
        match found {
            Some((position, fact)) => {
                cites.push(position);
                standing.push((channel, fact.occurred_at.day()));
            }
            None => missing.extend(channel.cloned()),
        }
    }
    // All channels at once: the period runs from the channel posted last.
    let latest = standing.iter().map(|(_, day)| *day).max();
    let until = match (latest, publicity.days) {
        (Some(day), Some(days)) => {
            let end = period_end(
                &view.days(),
                day,
                days,
                publicity.kind,
                publicity.count_first_day,
            );
            let Some(until) = end else {
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
                let in_time = until.is_some_and(|until| day <= until);
                // Each channel from its own posting: one that was taken down before the last was posted stands no
                // more. A removal that names no channel takes all down.
                in_time
                    && standing.iter().any(|(channel, posted)| {
                        day >= *posted && channel_of(fact, publicity, *channel) != Some(false)
                    })
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

/// Whether a fact is of a channel; `None` if it names none. Every fact is of a channel that is not asked for.
fn channel_of(fact: &FactState, publicity: &Publicity, channel: Option<&String>) -> Option<bool> {
    let (Some(channel), Some(field)) = (channel, &publicity.channel_field) else {
        return Some(true);
    };
    match fact.fields.get(field)? {
        Value::String(found) => Some(found == channel),
        // A notice that stands in several channels.
        Value::Array(found) => Some(found.iter().any(|found| found.as_str() == Some(channel))),
        _ => Some(false),
    }
}
