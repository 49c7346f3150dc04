//! Carries rows out: those of one project one after the other, those of different projects side by side, so that many
//! of them share one commit of the log.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};

use anju_engine::event::Actor;
use anju_workflows::definition::Lang;
use anju_workflows::handler::HandleError;
use anju_workflows::project::decide::CommandError;
use anju_workflows::project::event::ProjectId;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use indicatif::{ProgressBar, ProgressStyle};

use super::door::{Door, Trouble};
use super::item::{Fate, Intent, Item, Place, Problem};
use super::preview::Preview;
use crate::app::Failure;

/// How many rows are under way at once.
const IN_FLIGHT: usize = 64;

/// How many rows may wait for an earlier one of their project before reading on is held.
const WAITING: usize = 4096;

/// How many rows there must be for a progress bar.
const MANY: usize = 200;

/// What became of the rows, and the failure of the store that stopped the import, if one did.
pub(super) struct Carried {
    pub fates: Vec<Fate>,
    pub stopped: Option<Failure>,
}

/// Carries every row out. The rows' commands are gone afterwards: a million of them need not be kept.
pub(super) async fn carry_out(
    door: &Door,
    items: &mut [Item],
    actor: &Actor,
    lang: Lang,
) -> Carried {
    let bar = progress(items.len());
    let mut fates = begin(items);
    let mut stopped = None;
    let mut rows = commands(items);
    // The projects with a row under way, and the rows that wait for it.
    let mut waiting: HashMap<ProjectId, VecDeque<(usize, Intent)>> = HashMap::new();
    let mut waiting_rows = 0;
    let mut under_way = FuturesUnordered::new();
    let carry = |at: usize, intent: Intent| async move {
        let result = door.carry_out(&intent, actor).await;
        (at, intent, result)
    };
    loop {
        while stopped.is_none() && under_way.len() < IN_FLIGHT && waiting_rows < WAITING {
            let Some((at, intent)) = rows.next() else {
                break;
            };
            match waiting.entry(intent.project.clone()) {
                Entry::Occupied(mut queue) => {
                    queue.get_mut().push_back((at, intent));
                    waiting_rows += 1;
                }
                Entry::Vacant(place) => {
                    place.insert(VecDeque::new());
                    under_way.push(carry(at, intent));
                }
            }
        }
        let Some((at, intent, result)) = under_way.next().await else {
            break;
        };
        bar.inc(1);
        match result.or_else(|trouble| settle(&intent, trouble, lang)) {
            Ok(fate) => put(&mut fates, at, fate),
            // What is under way is still waited for: it may have landed.
            Err(failure) => stopped = stopped.or(Some(failure)),
        }
        let next = waiting
            .get_mut(&intent.project)
            .and_then(VecDeque::pop_front);
        match next {
            Some((at, intent)) if stopped.is_none() => {
                waiting_rows -= 1;
                under_way.push(carry(at, intent));
            }
            _ => {
                waiting.remove(&intent.project);
            }
        }
    }
    bar.finish_and_clear();
    Carried { fates, stopped }
}

/// Says of every row what would become of it. Appends nothing.
pub(super) async fn preview(
    door: &mut Door,
    items: &mut [Item],
    actor: &Actor,
    lang: Lang,
) -> Carried {
    let bar = progress(items.len());
    let mut fates = begin(items);
    let mut stopped = None;
    let mut preview = Preview::new(door);
    for (at, intent) in commands(items) {
        bar.inc(1);
        let result = preview.decide(&intent, actor).await;
        match result.or_else(|trouble| settle(&intent, trouble, lang)) {
            Ok(fate) => put(&mut fates, at, fate),
            Err(failure) => {
                stopped = Some(failure);
                break;
            }
        }
    }
    bar.finish_and_clear();
    Carried { fates, stopped }
}

/// Takes the commands out of the entries, one by one.
fn commands(items: &mut [Item]) -> impl Iterator<Item = (usize, Intent)> {
    items.iter_mut().enumerate().filter_map(|(at, item)| {
        let intent = std::mem::replace(&mut item.intent, Err(Vec::new()));
        intent.ok().map(|intent| (at, intent))
    })
}

fn begin(items: &mut [Item]) -> Vec<Fate> {
    items
        .iter_mut()
        .map(|item| match &mut item.intent {
            Ok(_) => Fate::NotTried,
            Err(problems) => Fate::Bad(std::mem::take(problems)),
        })
        .collect()
}

fn put(fates: &mut [Fate], at: usize, fate: Fate) {
    if let Some(place) = fates.get_mut(at) {
        *place = fate;
    }
}

/// A bar on standard error, if there is much to do and somebody looks.
fn progress(rows: usize) -> ProgressBar {
    if rows <= MANY {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(rows as u64);
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} {per_sec} {eta}") {
        bar.set_style(style);
    }
    bar
}

/// A command that was not taken is a bad row; anything else stops the import.
fn settle(intent: &Intent, trouble: Trouble, lang: Lang) -> Result<Fate, Failure> {
    match trouble {
        Trouble::Store(failure) => Err(failure),
        Trouble::Row(error) => Ok(Fate::Bad(problems(intent, error, lang))),
    }
}

/// The objections of a decision, at the cells they are about.
fn problems(intent: &Intent, error: HandleError, lang: Lang) -> Vec<Problem> {
    if let HandleError::Command(CommandError::Fields { problems }) = &error {
        return problems
            .iter()
            .map(|problem| place(intent, &problem.field).problem(problem.message(lang)))
            .collect();
    }
    let about = match &error {
        HandleError::Command(CommandError::InTheFuture { .. }) => "date",
        HandleError::Command(CommandError::Unknown { what, .. }) => what.1,
        HandleError::Command(CommandError::TrackNeeded { .. }) => "track",
        HandleError::Command(CommandError::NotPermitted { .. }) => "fact type",
        HandleError::UnknownProgramme(_) => "programme",
        _ => "project",
    };
    let message = Failure::Handle(error).message(lang);
    vec![place(intent, about).problem(message)]
}

fn place(intent: &Intent, name: &str) -> Place {
    [name, "project", "name", "fact type"]
        .into_iter()
        .find_map(|name| intent.places.get(name))
        .cloned()
        .unwrap_or_default()
}
