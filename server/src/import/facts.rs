//! Sheets of facts: one fact per row.

use std::collections::{BTreeMap, BTreeSet};

use anju_engine::event::{Data, OccurredAt, is_key};
use anju_workflows::definition::{Definition, FactType};
use anju_workflows::project::fields;
use jiff::civil::Date;
use serde_json::Value;

use super::door::Known;
use super::entry::{Entry, read_value};
use super::header::Column;
use super::item::{Place, pick};
use super::titles::{Meaning, fits, fold};
use super::words::{Words, nearest_fact};
use crate::notes::MAX_NOTE;

/// A fact that was read.
pub(super) struct Fact {
    /// Its type.
    pub fact: String,
    /// Its values.
    pub fields: Data,
    /// Its note.
    pub note: Option<String>,
    /// When it happened.
    pub occurred_at: OccurredAt,
}

/// What reading a row rests on.
pub(super) struct Basis<'b> {
    pub known: &'b Known,
    pub words: &'b Words,
    pub today: Date,
}

/// Reads the fact of a row in a sheet of facts; `None` if it cannot be told. Problems stand in the entry.
pub(super) fn of_row(
    entry: &mut Entry<'_>,
    basis: &Basis<'_>,
    undeclared: &mut BTreeSet<String>,
    known_elsewhere: impl Fn(usize) -> bool,
) -> Option<Fact> {
    let occurred_at = required_date(entry, Meaning::Date, basis.today);
    let definition = &basis.known.definition;
    let declared_as = |word: &str| {
        let id = basis.words.facts.get(&fold(word))?;
        definition.facts.get_key_value(id)
    };
    let word = entry.text(Meaning::Fact, "fact type");
    let note = entry.text(Meaning::Note, "note");
    let note = checked_note(entry, note, |entry| entry.place_of(Meaning::Note));
    let Some(word) = word else {
        missing_fact(entry);
        return None;
    };
    let values = values(entry);
    let read = match declared_as(&word) {
        Some((id, fact)) => {
            let columns = basis.words.fields.get(id);
            let data = declared(entry, id, fact, columns, &values, known_elsewhere);
            Some((id.clone(), data))
        }
        None if is_key(&word) && word.len() <= 64 => {
            let data = not_declared(entry, &word, &values, known_elsewhere);
            undeclared.insert(word.clone());
            Some((word, data))
        }
        None => {
            unknown_fact(entry, definition, &word);
            None
        }
    };
    let (fact, fields) = read?;
    Some(Fact {
        fact,
        fields,
        note,
        occurred_at: occurred_at?,
    })
}

/// What can be said of a row whose definition is not known.
pub(super) fn without_definition(entry: &mut Entry<'_>, today: Date) {
    required_date(entry, Meaning::Date, today);
    if entry.text(Meaning::Fact, "fact type").is_none() {
        missing_fact(entry);
    }
}

fn missing_fact(entry: &mut Entry<'_>) {
    let place = entry.place_of(Meaning::Fact);
    let what = pick(entry.lang, "事实", "the fact");
    entry.missing(&place, &what);
}

fn unknown_fact(entry: &mut Entry<'_>, definition: &Definition, word: &str) {
    let near = nearest_fact(definition, word);
    let message = pick(
        entry.lang,
        format!(
            "改造计划{}没有这种事实{};全部名称见 anju programme show",
            definition.id,
            near.as_deref()
                .map(|near| format!(",是否应为 {near}?"))
                .unwrap_or_default()
        ),
        format!(
            "programme {} knows no such fact{}; anju programme show lists them",
            definition.id,
            near.map(|near| format!(", did you mean {near}?"))
                .unwrap_or_default()
        ),
    );
    let problem = entry.place_of(Meaning::Fact).problem(message);
    entry.problem(problem);
}

/// The values of a fact that the definition declares.
fn declared(
    entry: &mut Entry<'_>,
    id: &str,
    fact: &FactType,
    columns: Option<&BTreeMap<usize, (String, &'static str)>>,
    values: &[(String, String)],
    known_elsewhere: impl Fn(usize) -> bool,
) -> Data {
    let mut data = Data::new();
    let header = entry.header;
    for (at, column) in header.columns.iter().enumerate() {
        if column.meaning.is_some() || !entry.holds(column) {
            continue;
        }
        match columns.and_then(|columns| columns.get(&at)) {
            Some((key, suffix)) => take_field(entry, fact, column, key, suffix, &mut data),
            None if known_elsewhere(at) => {
                let message = pick(
                    entry.lang,
                    format!("“{}”没有此字段,可用:{}", fact.name.zh, field_names(fact)),
                    format!("{id} has no such field; its fields: {}", field_names(fact)),
                );
                let problem = entry.place(column).problem(message);
                entry.problem(problem);
            }
            // The sheet's warning names the column.
            None => {}
        }
    }
    let place = entry.place_of(Meaning::Values);
    for (key, text) in values {
        let column = fold(key);
        let found = fact
            .fields
            .iter()
            .find_map(|(key, field)| fits(&column, key, field).map(|suffix| (key, field, suffix)));
        let Some((key, field, suffix)) = found else {
            let message = pick(
                entry.lang,
                format!(
                    "“{}”没有字段“{key}”,可用:{}",
                    fact.name.zh,
                    field_names(fact)
                ),
                format!(
                    "{id} has no field {key:?}; its fields: {}",
                    field_names(fact)
                ),
            );
            entry.problem(place.problem(message));
            continue;
        };
        match read_value(key, field, text, suffix) {
            Ok(_) if data.contains_key(key) => {
                let message = pick(
                    entry.lang,
                    format!("字段“{key}”给了两次"),
                    format!("field {key:?} is given twice"),
                );
                entry.problem(place.problem(message));
            }
            Ok(value) => {
                data.insert(key.clone(), value);
            }
            Err(problem) => {
                let problem = place.problem(problem.message(entry.lang));
                entry.problem(problem);
            }
        }
    }
    require(entry, fact, &data, |entry, key| {
        let at = columns
            .and_then(|columns| columns.iter().find(|(_, (field, _))| field == key))
            .and_then(|(at, _)| entry.header.columns.get(*at));
        at.map_or_else(
            || entry.place_of(Meaning::Fact),
            |column| entry.place(column),
        )
    });
    data
}

pub(super) fn take_field(
    entry: &mut Entry<'_>,
    fact: &FactType,
    column: &Column,
    key: &str,
    suffix: &str,
    data: &mut Data,
) {
    let Some(field) = fact.fields.get(key) else {
        return;
    };
    if let Some(value) = entry.value(column, key, field, suffix) {
        data.insert(key.to_owned(), value);
    }
}

/// What a fact cannot be recorded without.
pub(super) fn require(
    entry: &mut Entry<'_>,
    fact: &FactType,
    data: &Data,
    place: impl Fn(&Entry<'_>, &str) -> Place,
) {
    for (key, field) in &fact.fields {
        if !field.required || data.contains_key(key) {
            continue;
        }
        let at = place(entry, key);
        // A value that is there and bad has its own problem.
        if entry
            .problems
            .iter()
            .any(|problem| problem.cell == at.cell && !at.value.is_empty())
        {
            continue;
        }
        let what = pick(
            entry.lang,
            format!("必填字段“{}”({key})", field.name.zh),
            format!("required field {key} ({})", field.name.en),
        );
        entry.missing(&at, &what);
    }
}

fn field_names(fact: &FactType) -> String {
    let names: Vec<String> = fact
        .fields
        .iter()
        .map(|(key, field)| format!("{key}({})", field.name.zh))
        .collect();
    if names.is_empty() {
        "—".to_owned()
    } else {
        names.join("、")
    }
}

/// The values of a fact that the definition does not declare: titles that are keys name its fields.
fn not_declared(
    entry: &mut Entry<'_>,
    fact: &str,
    values: &[(String, String)],
    known_elsewhere: impl Fn(usize) -> bool,
) -> Data {
    let mut given: BTreeMap<String, String> = BTreeMap::new();
    let mut places: BTreeMap<String, Place> = BTreeMap::new();
    let header = entry.header;
    for (at, column) in header.columns.iter().enumerate() {
        if column.meaning.is_some() || !entry.holds(column) {
            continue;
        }
        if !is_key(&column.word) {
            // A column that no fact knows is named in the sheet's warning.
            if known_elsewhere(at) {
                let message = pick(
                    entry.lang,
                    format!("流程定义没有事实类型“{fact}”,不能登记此列的值:列名须为英文字段名"),
                    format!(
                        "the definition declares no fact type {fact:?}, which takes columns titled with a key only"
                    ),
                );
                let problem = entry.place(column).problem(message);
                entry.problem(problem);
            }
            continue;
        }
        if let Some(text) = entry.take(column) {
            places.insert(column.word.clone(), entry.place(column));
            given.insert(column.word.clone(), text);
        }
    }
    let place = entry.place_of(Meaning::Values);
    for (key, text) in values {
        places.insert(key.clone(), place.clone());
        given.insert(key.clone(), text.clone());
    }
    match fields::parse_undeclared(&given) {
        Ok(data) => data,
        Err(problems) => {
            for problem in problems {
                let place = places
                    .get(&problem.field)
                    .cloned()
                    .unwrap_or_else(|| entry.place_of(Meaning::Fact));
                let problem = place.problem(format!("{fact}: {}", problem.message(entry.lang)));
                entry.problem(problem);
            }
            Data::new()
        }
    }
}

/// The pairs of the column of values: `k=v;k=v`. A pair that holds a phone or ID number is kept out.
fn values(entry: &mut Entry<'_>) -> Vec<(String, String)> {
    let header = entry.header;
    let Some(column) = header.column(Meaning::Values) else {
        return Vec::new();
    };
    let Some(cell) = entry.row.cell(column.index) else {
        return Vec::new();
    };
    if cell.flaw.is_some() {
        entry.take(column);
        return Vec::new();
    }
    let mut pairs = Vec::new();
    for pair in cell
        .text
        .split([';', '\u{ff1b}', '\n', '\r'])
        .map(str::trim)
        .filter(|pair| !pair.is_empty())
    {
        let halves = pair
            .split_once(['=', '\u{ff1d}'])
            .map(|(key, value)| (key.trim(), value.trim()));
        match halves {
            Some((key, value)) if !key.is_empty() => {
                if fields::holds_personal_number(value)
                    && !fields::is_sha256(&value.to_ascii_lowercase())
                {
                    entry.keep_out(column);
                } else if !value.is_empty() {
                    pairs.push((key.to_owned(), value.to_owned()));
                }
            }
            _ => {
                let message = pick(
                    entry.lang,
                    format!("“{}”应为 字段=值,多项以分号分隔", super::item::shown(pair)),
                    format!(
                        "{:?}: expected field=value, several separated by semicolons",
                        super::item::shown(pair)
                    ),
                );
                let problem = entry.place(column).problem(message);
                entry.problem(problem);
            }
        }
    }
    pairs
}

fn required_date(entry: &mut Entry<'_>, meaning: Meaning, today: Date) -> Option<OccurredAt> {
    let place = entry.place_of(meaning);
    entry.places.put("date", place.clone());
    let header = entry.header;
    let column = header.column(meaning);
    match column {
        Some(column) if entry.holds(column) => entry.occurred(column, today),
        _ => {
            let what = pick(
                entry.lang,
                "日期(事实发生的日子)",
                "the date (the day on which the fact happened)",
            );
            entry.missing(&place, &what);
            None
        }
    }
}

pub(super) fn checked_note(
    entry: &mut Entry<'_>,
    note: Option<String>,
    place: impl Fn(&Entry<'_>) -> Place,
) -> Option<String> {
    let note = note?;
    let length = note.chars().count();
    if length > MAX_NOTE {
        let message = pick(
            entry.lang,
            format!("备注有{length}字,最多{MAX_NOTE}字"),
            format!("the note has {length} characters, at most {MAX_NOTE}"),
        );
        let problem = place(entry).problem(message);
        entry.problem(problem);
        return None;
    }
    Some(note)
}

/// A fact in one line.
pub(super) fn line(
    fact: &Fact,
    kind: Option<&FactType>,
    lang: anju_workflows::definition::Lang,
) -> String {
    let name = kind.map_or(fact.fact.as_str(), |kind| kind.name.get(lang));
    let mut line = format!("{name} {}", fact.occurred_at);
    for (key, value) in &fact.fields {
        let label = kind
            .and_then(|kind| kind.fields.get(key))
            .map_or(key.as_str(), |field| field.name.get(lang));
        let value = match (value, value.as_u64().filter(|_| key.ends_with("_fen"))) {
            (_, Some(fen)) => format!("{}.{:02}", fen / 100, fen % 100),
            (Value::String(text), _) => text.clone(),
            (other, _) => other.to_string(),
        };
        line.push_str(&format!(" {label}={value}"));
    }
    line
}
