//! A row of a sheet of projects: one registration.

use std::collections::BTreeMap;

use anju_workflows::definition::{Definition, Field, FieldKind, PlanDay, Text};
use anju_workflows::project::command::Register;
use anju_workflows::project::event::{Compound, ProjectId};
use jiff::civil::Date;
use serde_json::Value;

use super::entry::{Entry, occurred_at, read_value};
use super::item::pick;
use super::titles::{Meaning, own_suffix};

/// The most that a compound may count of anything.
const MAX_COUNT: i64 = 100_000_000;

/// What several things in one cell are separated by. Not by 及, which may be inside a name.
const SEPARATORS: [char; 5] = ['、', ';', '\u{ff1b}', '\n', '\r'];

/// Reads a registration; `None` if a thing it cannot do without is missing. Problems stand in the entry.
pub(super) fn register(
    entry: &mut Entry<'_>,
    project: &ProjectId,
    definition: Option<&Definition>,
) -> Option<Register> {
    let name = entry.text(Meaning::Name, "name");
    if name.is_none() {
        let place = entry.place_of(Meaning::Name);
        let what = pick(entry.lang, "项目名称", "the name of the project");
        entry.missing(&place, &what);
    }
    let area = entry.text(Meaning::Area, "area");
    let area = choose(entry, definition, area, "area", |definition| {
        definition
            .areas
            .iter()
            .map(|(id, area)| (id.as_str(), &area.name))
            .collect()
    });
    let track = entry.text(Meaning::Track, "track");
    let track = choose(entry, definition, track, "track", |definition| {
        definition
            .tracks
            .iter()
            .map(|(id, track)| (id.as_str(), &track.name))
            .collect()
    });
    let adopt = entry.text(Meaning::Adopt, "stage");
    let adopt = choose(entry, definition, adopt, "stage", |definition| {
        definition
            .stages
            .iter()
            .map(|(id, stage)| (id.as_str(), &stage.name))
            .collect()
    });
    let category = entry.text(Meaning::Category, "category");
    let plan = plan(entry);
    let compounds = compounds(entry, project, name.as_deref().unwrap_or_default());
    Some(Register {
        name: name?,
        area,
        track,
        category,
        compounds,
        plan,
        adopt,
        counted: false,
        batch: None,
    })
}

/// The id of a thing that the definition knows by id or name.
fn choose<'d>(
    entry: &mut Entry<'_>,
    definition: Option<&'d Definition>,
    word: Option<String>,
    what: &str,
    known: impl Fn(&'d Definition) -> Vec<(&'d str, &'d Text)>,
) -> Option<String> {
    let word = word?;
    let Some(definition) = definition else {
        return Some(word);
    };
    let known = known(definition);
    let found = known
        .iter()
        .find(|(id, name)| *id == word || name.zh == word || name.en.eq_ignore_ascii_case(&word));
    if let Some((id, _)) = found {
        return Some((*id).to_owned());
    }
    let list: Vec<String> = known
        .iter()
        .map(|(id, name)| format!("{id}({})", name.zh))
        .collect();
    let message = pick(
        entry.lang,
        format!("改造计划没有此项,可用:{}", list.join("、")),
        format!("the programme does not know it; known: {}", list.join(", ")),
    );
    let place = entry.places.get(what).cloned().unwrap_or_default();
    entry.problem(place.problem(message));
    None
}

fn plan(entry: &mut Entry<'_>) -> BTreeMap<PlanDay, Date> {
    let mut plan = BTreeMap::new();
    for day in [
        PlanDay::Consultation,
        PlanDay::Design,
        PlanDay::Start,
        PlanDay::Finish,
        PlanDay::Acceptance,
    ] {
        let header = entry.header;
        let Some(column) = header.column(Meaning::Plan(day)) else {
            continue;
        };
        let Some(text) = entry.take(column) else {
            continue;
        };
        match occurred_at(&text) {
            Some(at) => {
                plan.insert(day, at.day());
            }
            None => {
                let message = pick(
                    entry.lang,
                    "应为日期,如 2021-03-11",
                    "expected a day, for example 2021-03-11",
                );
                let problem = entry.place(column).problem(message);
                entry.problem(problem);
            }
        }
    }
    plan
}

/// The compounds: those named, or one that bears the project's name.
fn compounds(entry: &mut Entry<'_>, project: &ProjectId, name: &str) -> Vec<Compound> {
    let named = entry
        .text(Meaning::Compounds, "compound")
        .map(|text| several(&text));
    let own = named.is_none();
    let names = named.unwrap_or_else(|| vec![name.to_owned()]);
    let count = names.len();
    let ids = entry.text(Meaning::CompoundIds, "compound_id");
    let ids = each(entry, ids, Meaning::CompoundIds, count);
    let aliases = entry.text(Meaning::Aliases, "alias");
    let aliases = if count == 1 {
        vec![aliases]
    } else {
        each(entry, aliases, Meaning::Aliases, count)
    };
    let households = numbers(
        entry,
        Meaning::Households,
        "households",
        FieldKind::Count,
        count,
    );
    let buildings = numbers(
        entry,
        Meaning::Buildings,
        "buildings",
        FieldKind::Count,
        count,
    );
    let areas = numbers(entry, Meaning::AreaM2, "area_m2", FieldKind::Area, count);
    let whole = |values: &[Option<Value>], at: usize| {
        values
            .get(at)
            .and_then(|value| value.as_ref())
            .and_then(Value::as_u64)
    };
    names
        .into_iter()
        .enumerate()
        .map(|(at, name)| Compound {
            id: match ids.get(at).cloned().flatten() {
                Some(id) => id,
                None if own => project.to_string(),
                None => format!("{project}-c{}", at + 1),
            },
            name,
            aliases: aliases
                .get(at)
                .cloned()
                .flatten()
                .map(|text| {
                    text.split(SEPARATORS)
                        .flat_map(|part| part.split(['/', '\u{ff0f}']))
                        .map(str::trim)
                        .filter(|alias| !alias.is_empty())
                        .map(str::to_owned)
                        .collect()
                })
                .unwrap_or_default(),
            households: whole(&households, at),
            buildings: whole(&buildings, at),
            area_m2: areas
                .get(at)
                .and_then(|value| value.as_ref())
                .and_then(Value::as_str)
                .map(str::to_owned),
        })
        .collect()
}

/// The things in one cell.
fn several(text: &str) -> Vec<String> {
    text.split(SEPARATORS)
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .map(str::to_owned)
        .collect()
}

/// One part for each compound; `None` where a part is empty. Another number of parts is a problem.
fn each(
    entry: &mut Entry<'_>,
    text: Option<String>,
    meaning: Meaning,
    count: usize,
) -> Vec<Option<String>> {
    let Some(text) = text else {
        return vec![None; count];
    };
    let parts: Vec<Option<String>> = text
        .split(SEPARATORS)
        .map(|part| Some(part.trim().to_owned()).filter(|part| !part.is_empty()))
        .collect();
    if parts.len() != count {
        let message = pick(
            entry.lang,
            format!(
                "有{count}个小区,此处有{}项:请每个小区各填一项,以“、”分隔",
                parts.len()
            ),
            format!(
                "there are {count} compounds and {} values here: give one for each, separated by 、",
                parts.len()
            ),
        );
        let problem = entry.place_of(meaning).problem(message);
        entry.problem(problem);
        return vec![None; count];
    }
    parts
}

/// One number for each compound.
fn numbers(
    entry: &mut Entry<'_>,
    meaning: Meaning,
    key: &'static str,
    kind: FieldKind,
    count: usize,
) -> Vec<Option<Value>> {
    let text = entry.text(meaning, key);
    // 12,000 is one number.
    let parts = if count == 1 {
        vec![text]
    } else {
        each(entry, text, meaning, count)
    };
    let header = entry.header;
    let suffix = header
        .column(meaning)
        .map_or("", |column| own_suffix(&column.word));
    let field = Field {
        name: Text {
            zh: String::new(),
            en: String::new(),
        },
        kind,
        required: false,
        unit: match meaning {
            Meaning::Households => Some("户".to_owned()),
            Meaning::Buildings => Some("栋".to_owned()),
            _ => None,
        },
        values: BTreeMap::new(),
        min: None,
        max: (kind == FieldKind::Count).then_some(MAX_COUNT),
    };
    parts
        .into_iter()
        .map(|part| match read_value(key, &field, &part?, suffix) {
            Ok(value) => Some(value),
            Err(problem) => {
                let problem = entry.place_of(meaning).problem(problem.message(entry.lang));
                entry.problem(problem);
                None
            }
        })
        .collect()
}
