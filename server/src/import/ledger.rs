//! A ledger: one project per row, and for each fact its own columns.

use anju_engine::event::Data;

use super::entry::Entry;
use super::facts::{Basis, Fact, checked_note, require, take_field};
use super::item::pick;
use super::titles::Meaning;
use super::words::{Target, Words};

/// The facts of which a ledger's row holds anything, in the order of its columns.
pub(super) fn facts_in(entry: &Entry<'_>, words: &Words) -> Vec<String> {
    let mut facts: Vec<String> = Vec::new();
    for (at, (fact, _)) in &words.spots {
        let holds = entry
            .header
            .columns
            .get(*at)
            .is_some_and(|column| entry.holds(column));
        if holds && !facts.contains(fact) {
            facts.push(fact.clone());
        }
    }
    facts
}

/// Reads one fact of a ledger's row. Its day stands in its own column, or else in the row's.
pub(super) fn read(entry: &mut Entry<'_>, basis: &Basis<'_>, id: &str) -> Option<Fact> {
    let fact = basis.known.definition.facts.get(id)?;
    let header = entry.header;
    let mut data = Data::new();
    let mut note = None;
    let mut date_column = None;
    let mut first = None;
    for (at, (owner, target)) in &basis.words.spots {
        let Some(column) = header.columns.get(*at).filter(|_| owner == id) else {
            continue;
        };
        first = first.or(Some(column));
        match target {
            Target::Date => date_column = Some(column),
            _ if !entry.holds(column) => {}
            Target::Field(key, suffix) => take_field(entry, fact, column, key, suffix, &mut data),
            Target::Note => {
                let text = entry.take(column);
                note = checked_note(entry, text, |entry| entry.place(column));
            }
        }
    }
    require(entry, fact, &data, |entry, key| {
        let own = basis.words.spots.iter().find_map(|(at, (owner, target))| {
            let of_key = matches!(target, Target::Field(field, _) if field == key);
            (owner == id && of_key)
                .then(|| header.columns.get(*at))
                .flatten()
        });
        own.or(first)
            .map(|column| entry.place(column))
            .unwrap_or_default()
    });
    let row_date = header.column(Meaning::Date);
    let column = date_column
        .filter(|column| entry.holds(column))
        .or_else(|| row_date.filter(|column| entry.holds(column)));
    let occurred_at = match column {
        Some(column) => {
            let place = entry.place(column);
            entry.places.put("date", place);
            entry.occurred(column, basis.today)
        }
        None => {
            let place = date_column
                .or(row_date)
                .or(first)
                .map(|column| entry.place(column))
                .unwrap_or_default();
            let what = pick(
                entry.lang,
                format!(
                    "“{}”的日期(列“{}.日期”或“日期”)",
                    fact.name.zh, fact.name.zh
                ),
                format!("the date of {id} (column {id}.date, or date)"),
            );
            entry.missing(&place, &what);
            None
        }
    };
    Some(Fact {
        fact: id.to_owned(),
        fields: data,
        note,
        occurred_at: occurred_at?,
    })
}
