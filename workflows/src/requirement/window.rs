//! A requirement inside a window: figures in the order of time, judged when they are reached or at the end.

use std::collections::BTreeSet;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::Evidence;
use super::explain::{InWords, Words};
use super::facts::View;
use super::period::period_end;
use crate::definition::{Due, Judged, Requirement, Window};

/// What a window adds to the figures of its requirement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WindowFigures {
    /// Its first day; absent if the window has none, or it is not known yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Date>,
    /// Its last day; absent if it stays open, or is not known yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Date>,
    /// How it stands.
    pub stands: Stands,
    /// The day the threshold was reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reached: Option<Date>,
    /// How many papers came into force with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_force: Option<u64>,
    /// The figures on the day they were reached; else on the last day that counts.
    pub figures: Box<Evidence>,
}

/// How a window stands on the day of the judgement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stands {
    /// Its first or last day is not known: what it counts from has not happened, or the year is not bound.
    Unknown,
    /// It has not begun.
    Ahead,
    /// It runs.
    Open,
    /// It is over.
    Over,
}

/// Judges a requirement of a kind that figures reach, inside its window. `judge` gives the figures as they stood at the
/// end of the view's day, without what happened before `since`.
pub(super) fn judge<'a>(
    view: View<'a>,
    requirement: &Requirement,
    window: &'a Window,
    judge: impl Fn(View<'a>, Option<Date>) -> super::judge::Result,
) -> super::judge::Result {
    let (from, to) = match (
        bound(view, window.from.as_ref(), Side::First),
        bound(view, window.to.as_ref(), Side::Last),
    ) {
        (Ok(from), Ok(to)) => (from, to.map(|to| window.bound.last_day(to))),
        (Err(Unknown::Calendar(from)), _) | (_, Err(Unknown::Calendar(from))) => {
            return (false, Evidence::CalendarUnknown { from }, Vec::new());
        }
        (from, to) => {
            let (_, figures, cites) = judge(view, None);
            let figures = Box::new(figures);
            return (
                false,
                Evidence::Window(WindowFigures {
                    from: from.ok().flatten(),
                    to: to.ok().flatten(),
                    stands: Stands::Unknown,
                    reached: None,
                    in_force: None,
                    figures,
                }),
                cites,
            );
        }
    };
    let stands = if from.is_some_and(|from| view.day < from) {
        Stands::Ahead
    } else if to.is_some_and(|to| view.day > to) {
        Stands::Over
    } else {
        Stands::Open
    };
    let last = to.map_or(view.day, |to| to.min(view.day));
    let at = |day: Date| judge(View { day, ..view }, from);
    let reached = match window.judged {
        Judged::WhenReached => days_of(view, requirement, from, last)
            .into_iter()
            .find(|day| at(*day).0),
        // Without a last day it never ends; lint asks for one.
        Judged::AtEnd => to.filter(|to| view.day > *to && at(*to).0),
    };
    let (_, figures, mut cites) = at(reached.unwrap_or(last));
    let in_force = reached
        .filter(|_| !window.brings_into_force.is_empty())
        .map(|_| {
            let papers: Vec<u64> = view
                .facts()
                .filter(|(_, fact)| {
                    let day = fact.occurred_at.day();
                    window.brings_into_force.contains(&fact.fact)
                        && from.is_none_or(|from| day >= from)
                        && day <= last
                })
                .map(|(position, _)| position)
                .collect();
            papers.len() as u64
        });
    cites.sort_unstable();
    cites.dedup();
    (
        reached.is_some(),
        Evidence::Window(WindowFigures {
            from,
            to,
            stands,
            reached,
            in_force,
            figures: Box::new(figures),
        }),
        cites,
    )
}

enum Unknown {
    /// Nothing to count from.
    Start,
    /// No notice has fixed the days counted from here.
    Calendar(Date),
}

/// Which bound of a window.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    First,
    Last,
}

/// A bound of a window: `Ok(None)` where there is none. A month begins with its first day and ends with its last.
fn bound(view: View<'_>, due: Option<&Due>, side: Side) -> Result<Option<Date>, Unknown> {
    let Some(due) = due else { return Ok(None) };
    if let Some(on) = &due.on {
        let year = view.definition.year.as_ref().and_then(|year| year.value);
        let day = match side {
            Side::First => on.first_day(year),
            Side::Last => on.last_day(year),
        };
        return day.map(Some).ok_or(Unknown::Start);
    }
    if let Some(plan) = due.plan {
        return view.state.planned(plan).map(Some).ok_or(Unknown::Start);
    }
    let after = due.after.as_ref().ok_or(Unknown::Start)?;
    let start = match (&after.entered, &after.fact) {
        (Some(stage), _) => view.state.visits.get(stage).map(|(_, day)| *day),
        (None, Some(fact)) => view
            .latest(&fact.any_of, &fact.with)
            .map(|(_, fact)| fact.occurred_at.day()),
        (None, None) => None,
    }
    .ok_or(Unknown::Start)?;
    period_end(
        &view.days(),
        start,
        after.days,
        after.kind,
        after.count_first_day,
    )
    .map(Some)
    .ok_or(Unknown::Calendar(start))
}

/// The days on which the figures may have changed, and the first that counts: what was there before the window opened
/// may already suffice where only the base is new.
fn days_of(
    view: View<'_>,
    requirement: &Requirement,
    from: Option<Date>,
    last: Date,
) -> BTreeSet<Date> {
    let types = requirement.fact_types();
    view.facts()
        .filter(|(_, fact)| types.contains(&fact.fact.as_str()))
        .map(|(_, fact)| fact.occurred_at.day())
        .chain(from)
        .filter(|day| from.is_none_or(|from| *day >= from) && *day <= last)
        .collect()
}

/// The words of the figures, with the window around them.
pub(super) fn explain(words: &Words<'_>, window: &WindowFigures) -> InWords {
    let (required, actual, required_figures, actual_figures) = words.of(&window.figures);
    let declared = words
        .requirement
        .and_then(|requirement| requirement.window.as_ref());
    let at_end = declared.is_some_and(|window| window.judged == Judged::AtEnd);
    let span = match (window.from, window.to) {
        (Some(from), Some(to)) => {
            words.pick(format!("{from}至{to}"), format!("from {from} to {to}"))
        }
        (Some(from), None) => words.pick(format!("{from}起"), format!("from {from}")),
        (None, Some(to)) => words.pick(format!("至{to}"), format!("until {to}")),
        (None, None) => words.pick("期限未定", "in a window not yet known"),
    };
    let moment = if at_end {
        words.pick("期满时", "at its end")
    } else {
        words.pick("期内达到即成", "at any moment in it")
    };
    let required = words.pick(
        format!("{required}({span},{moment})"),
        format!("{required} ({span}, {moment})"),
    );
    let standing = match (window.reached, window.stands) {
        (Some(reached), _) if at_end => words.pick(
            format!("{reached}期满时达到"),
            format!("reached at the end, {reached}"),
        ),
        (Some(reached), _) => words.pick(format!("{reached}达到"), format!("reached on {reached}")),
        (None, Stands::Unknown) => words.pick(
            "期限起算事项未登记",
            "what the window counts from is not recorded",
        ),
        (None, Stands::Ahead) => words.pick("期限未开始", "the window has not begun"),
        (None, Stands::Open) if at_end => words.pick("期限未满", "the window is not over"),
        (None, Stands::Open) => words.pick("期内尚未达到", "not reached yet"),
        (None, Stands::Over) => words.pick("期满未达到", "not reached by its end"),
    };
    let mut actual = words.pick(
        format!("{actual},{standing}"),
        format!("{actual}, {standing}"),
    );
    match (window.in_force, window.reached) {
        (Some(papers), Some(reached)) => actual.push_str(&words.pick(
            format!(",{papers}份自{reached}起生效"),
            format!(", {papers} papers in force from {reached}"),
        )),
        _ if declared.is_some_and(|window| !window.brings_into_force.is_empty()) => {
            actual.push_str(&words.pick(",未生效", ", not in force"));
        }
        _ => {}
    }
    let day = |day: Option<Date>| day.map(|day| day.to_string());
    let with_window = |mut figures: serde_json::Value, more: serde_json::Value| {
        if let (Some(figures), serde_json::Value::Object(more)) = (figures.as_object_mut(), more) {
            figures.extend(more);
        }
        figures
    };
    (
        required,
        actual,
        with_window(
            required_figures,
            json!({ "from": day(window.from), "to": day(window.to), "at_end": at_end }),
        ),
        with_window(
            actual_figures,
            json!({ "reached": day(window.reached), "in_force": window.in_force, "window": window.stands }),
        ),
    )
}
