//! What a programme wants of many projects, with what there is.

mod cells;

use std::collections::BTreeMap;

use anju_workflows::definition::{Definition, Lang, Measure, Target};
use jiff::civil::Date;

use self::cells::{Cell, is_computed};
use super::count::Shared;
use super::{Required, ShareOf, TargetArea, TargetProgress, repeats};
use crate::ViewError;
use crate::figures::Total;
use crate::names::{area_name, phrase};
use crate::views::Question;

/// The targets of a definition, by their due days, then by id.
pub(super) async fn targets(
    question: &mut Question,
    programme: &str,
    definition: &Definition,
    shared: &[Shared],
    lang: Lang,
) -> Result<Vec<TargetProgress>, ViewError> {
    let mut found = Vec::with_capacity(definition.targets.len());
    for (id, target) in &definition.targets {
        let cells = cells::cells(question, programme, definition, target).await?;
        let of_batch;
        let shared = match target.batch {
            Some(_) if target.measure == Measure::Compounds => {
                of_batch = super::count::shared(question, programme, target.batch).await?;
                &of_batch
            }
            _ => shared,
        };
        found.push(progress(definition, id, target, &cells, shared, lang));
    }
    found.sort_by(|a, b| {
        let day = |target: &TargetProgress| target.due.unwrap_or(Date::MAX);
        (day(a), &a.id).cmp(&(day(b), &b.id))
    });
    Ok(found)
}

/// The last permitted day of a target.
fn due_of(definition: &Definition, target: &Target) -> Option<Date> {
    let year = definition.year.as_ref().and_then(|year| year.value);
    Some(target.bound.last_day(target.due.as_ref()?.last_day(year)?))
}

impl Cell {
    /// Leaves out compounds that were counted more than once among the projects that `here` says yes to.
    fn without_repeats(
        mut self,
        definition: &Definition,
        target: &Target,
        shared: &[Shared],
        here: impl Fn(&Shared) -> bool,
    ) -> Self {
        if target.measure != Measure::Compounds || target.sum_of.is_some() {
            return self;
        }
        let due = due_of(definition, target);
        let about = |row: &Shared| {
            row.status != "withdrawn"
                && definition.applies(&target.applies, &row.placement)
                && here(row)
        };
        let day = |row: &Shared| {
            target
                .reached
                .map_or(Some(Date::MIN), |milestone| row.reached(milestone))
        };
        let all = repeats(shared, about);
        let reached = repeats(shared, |row| about(row) && day(row).is_some());
        let by_due = repeats(shared, |row| {
            about(row) && day(row).is_some_and(|day| due.is_some_and(|due| day <= due))
        });
        self.all = self.all.less(Total::whole(all));
        self.reached = self.reached.less(Total::whole(reached));
        self.by_due = self.by_due.less(Total::whole(by_due));
        self
    }
}

fn progress(
    definition: &Definition,
    id: &str,
    target: &Target,
    cells: &BTreeMap<Option<String>, Cell>,
    shared: &[Shared],
    lang: Lang,
) -> TargetProgress {
    let mut total = Cell::default();
    for cell in cells.values() {
        total.add(cell);
    }
    let total = total.without_repeats(definition, target, shared, |_| true);
    let due = due_of(definition, target);
    let shown = shown(target, &total, due);
    let by_area: Vec<TargetArea> = if target.per_area == Some(true) {
        cells
            .iter()
            .filter_map(|(area, cell)| Some((area.as_ref()?, cell)))
            .map(|(area, cell)| {
                let cell = cell
                    .clone()
                    .without_repeats(definition, target, shared, |row| {
                        row.placement.area.as_ref() == Some(area)
                    });
                let part = self::shown(target, &cell, due);
                TargetArea {
                    name: area_name(definition, Some(area), lang).unwrap_or_default(),
                    area: area.clone(),
                    met: met(target, &cell),
                    actual: part.actual,
                    by_due: part.by_due,
                    of: part.of,
                }
            })
            .collect()
    } else {
        Vec::new()
    };
    TargetProgress {
        id: id.to_owned(),
        name: target.name.get(lang).to_owned(),
        measure: target.measure,
        reached: target.reached,
        required: required(target, lang),
        actual: shown.actual,
        by_due: shown.by_due,
        of: shown.of,
        projects: total.projects,
        unknown: total.unknown,
        met: if by_area.is_empty() {
            met(target, &total)
        } else {
            all_of(by_area.iter().map(|area| area.met))
        },
        due,
        by_area,
        note: target.note.clone(),
        source: phrase(target.quote.as_ref(), target.source.as_deref()),
    }
}

struct Shown {
    actual: Option<String>,
    by_due: Option<String>,
    of: Option<String>,
}

/// Money is recorded in fen and wanted in yuan.
fn in_unit(target: &Target, total: Total) -> Total {
    match &target.sum_of {
        Some(reference) if target.measure == Measure::Yuan && reference.field.ends_with("_fen") => {
            total.divided_by(100)
        }
        _ => total,
    }
}

fn shown(target: &Target, cell: &Cell, due: Option<Date>) -> Shown {
    let show = |total: Total| in_unit(target, total).to_string();
    let known = is_known(target, cell);
    Shown {
        actual: known.then(|| show(cell.reached)),
        by_due: (known && target.reached.is_some() && due.is_some()).then(|| show(cell.by_due)),
        of: (known && target.reached.is_some()).then(|| show(cell.all)),
    }
}

/// Whether there is a number at all: a measure that every project leaves open is not known, rather than nothing.
fn is_known(target: &Target, cell: &Cell) -> bool {
    is_computed(target) && (cell.unknown < cell.projects || cell.projects == 0)
}

/// Whether a target is met. Where projects do not state the measure, a count that is reached without them is met, and
/// anything else is not known.
fn met(target: &Target, cell: &Cell) -> Option<bool> {
    // An opening size is a stock, no progress.
    if !is_known(target, cell) || (target.reached.is_none() && target.sum_of.is_none()) {
        return None;
    }
    // A project that reports no quantity has done none.
    let unknown = if target.sum_of.is_some() {
        0
    } else {
        cell.unknown_reached
    };
    let count = target.count.map(|count| {
        if in_unit(target, cell.reached).millionths() >= Total::whole(count).millionths() {
            Some(true)
        } else {
            (unknown == 0).then_some(false)
        }
    });
    let share = target.at_least.map(|share| {
        (cell.unknown == 0 && cell.projects > 0)
            .then(|| share.is_reached_by(cell.reached.millionths(), cell.all.millionths()))
    });
    match (count, share) {
        (None, None) => None,
        (count, share) => all_of([count, share].into_iter().flatten()),
    }
}

/// Whether all hold: one that does not decides, one that is not known leaves it open.
fn all_of(parts: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let mut all = Some(true);
    for part in parts {
        match part {
            Some(false) => return Some(false),
            None => all = None,
            Some(true) => {}
        }
    }
    all
}

fn required(target: &Target, lang: Lang) -> Option<Required> {
    let share = target.at_least.map(|share| ShareOf {
        num: share.num(),
        den: share.den(),
    });
    if target.count.is_none() && share.is_none() {
        return None;
    }
    let share_text =
        share.as_ref().map(
            |share| match (u128::from(share.num) * 100, u128::from(share.den)) {
                (num, den) if den > 0 && num.is_multiple_of(den) => format!("{}%", num / den),
                _ => format!("{}/{}", share.num, share.den),
            },
        );
    let mut texts: Vec<String> = target
        .count
        .iter()
        .map(|count| format!("≥{count}{}", unit(target, lang)))
        .collect();
    texts.extend(share_text.map(|share| format!("≥{share}")));
    Some(Required {
        count: target.count,
        share,
        text: texts.join(match lang {
            Lang::Zh => ",",
            Lang::En => ", ",
        }),
    })
}

fn unit(target: &Target, lang: Lang) -> &'static str {
    match (target.measure, lang) {
        (Measure::Projects, Lang::Zh) => "个项目",
        (Measure::Compounds, Lang::Zh) => "个小区",
        (Measure::Households, Lang::Zh) => "户",
        (Measure::Buildings, Lang::Zh) => "栋",
        (Measure::AreaM2, Lang::Zh) => "平方米",
        (Measure::Yuan, Lang::Zh) => "元",
        (Measure::Projects, Lang::En) => " projects",
        (Measure::Compounds, Lang::En) => " compounds",
        (Measure::Households, Lang::En) => " households",
        (Measure::Buildings, Lang::En) => " buildings",
        (Measure::AreaM2, Lang::En) => " m²",
        (Measure::Yuan, Lang::En) => " yuan",
        (Measure::Other, _) => "",
    }
}
