//! Forms made from a definition's types: shown, read back, and shown again with what was wrong.

mod input;

use std::collections::BTreeMap;

use anju_engine::event::{CommandId, Data, OccurredAt};
use anju_workflows::definition::{FactType, Lang};
use anju_workflows::project::event::ProjectId;
use anju_workflows::project::fields::{self, Expected, FieldProblem, parse_day};
use sha2::{Digest, Sha256};
use uuid::{Builder, Uuid};

pub(super) use input::{about_notes, day, effective, inputs, note, occurred, summary};

use super::visit::Visit;
use super::words;
use crate::notes::MAX_NOTE;

/// Before the key of a field in a form, so that no field can be taken for one of the form's own.
const FIELD: &str = "f.";

/// Where on a form a problem belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Beside a field.
    Field(String),
    /// Beside the day.
    Occurred,
    /// Beside the note.
    Note,
    /// Above the form.
    Whole,
}

/// A form as somebody left it: what was typed, and what was wrong with it.
#[derive(Clone, Debug, Default)]
pub(super) struct Draft {
    /// The fact type.
    pub(super) fact: String,
    /// What was typed, by field; several for `codes`.
    pub(super) values: BTreeMap<String, Vec<String>>,
    /// The day, as typed.
    pub(super) occurred: String,
    /// The note, as typed.
    pub(super) note: String,
    /// What was wrong.
    pub(super) problems: Vec<(Place, String)>,
}

/// The pairs of a posted form, or of a query that fills one in.
#[derive(Clone, Debug, Default)]
pub(super) struct Pairs(pub(super) Vec<(String, String)>);

impl Pairs {
    /// The first value of a key, trimmed.
    pub(super) fn one(&self, key: &str) -> &str {
        self.0
            .iter()
            .find(|(k, _)| k == key)
            .map_or("", |(_, value)| value.trim())
    }

    /// The id that was minted for the form; `None` if there is none.
    pub(super) fn minted(&self) -> Option<Uuid> {
        self.one("form").parse().ok()
    }

    /// The command's id: made of the id minted for the form and of everything in it. Sent twice, a form is one
    /// command; changed and sent again, it is another. It keeps the minted time, as UUID version 7.
    pub(super) fn command_id(&self, minted: Uuid, action: &str, project: &ProjectId) -> CommandId {
        let mut pairs: Vec<&(String, String)> = self.0.iter().collect();
        pairs.sort();
        let mut hash = Sha256::new();
        let mut word = |bytes: &[u8]| {
            hash.update((bytes.len() as u64).to_be_bytes());
            hash.update(bytes);
        };
        word(minted.as_bytes());
        word(action.as_bytes());
        word(project.as_str().as_bytes());
        for (key, value) in pairs {
            word(key.as_bytes());
            word(value.as_bytes());
        }
        let hash = hash.finalize();
        let millis = minted.as_bytes()[..6]
            .iter()
            .fold(0_u64, |n, byte| n << 8 | u64::from(*byte));
        let mut ten = [0_u8; 10];
        ten.copy_from_slice(&hash[..10]);
        CommandId(Builder::from_unix_timestamp_millis(millis, &ten).into_uuid())
    }
}

/// What a form says, read.
pub(super) struct Filled {
    /// The values.
    pub(super) fields: Data,
    /// The day; `None` = today.
    pub(super) occurred: Option<OccurredAt>,
}

impl Draft {
    /// Takes what was typed, without looking at it.
    pub(super) fn of(pairs: &Pairs) -> Self {
        let mut values: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (key, value) in &pairs.0 {
            if let Some(key) = key.strip_prefix(FIELD) {
                values
                    .entry(key.to_owned())
                    .or_default()
                    .push(value.trim().to_owned());
            }
        }
        Self {
            fact: pairs.one("fact").to_owned(),
            values,
            occurred: pairs.one("occurred").to_owned(),
            note: pairs.one("note").to_owned(),
            problems: Vec::new(),
        }
    }

    /// Reads it by a fact type. All problems are found, not the first; `None` if there are any.
    pub(super) fn read(&mut self, kind: &FactType, visit: &Visit) -> Option<Filled> {
        let mut data = Data::new();
        for (key, field) in &kind.fields {
            let text = self.text(key);
            if text.is_empty() {
                if field.required {
                    self.field_problem(kind, missing(key), visit.lang);
                }
                continue;
            }
            match fields::parse_value(key, field, &text) {
                Ok(value) => {
                    data.insert(key.clone(), value);
                }
                Err(problem) => self.field_problem(kind, problem, visit.lang),
            }
        }
        let unknown: Vec<String> = self
            .values
            .iter()
            .filter(|(key, values)| {
                !kind.fields.contains_key(*key) && values.iter().any(|value| !value.is_empty())
            })
            .map(|(key, _)| key.clone())
            .collect();
        for key in unknown {
            self.whole(format!(
                "{}{key}",
                visit.pick("此类事实没有字段：", "This fact has no field ")
            ));
        }
        let occurred =
            read_day(&self.occurred, visit).map_err(|problem| self.problems.push(problem));
        if self.note.chars().count() > MAX_NOTE {
            let zh = format!("备注最多{MAX_NOTE}字");
            let en = format!("A note has at most {MAX_NOTE} characters");
            self.problems
                .push((Place::Note, visit.pick(&zh, &en).to_owned()));
        }
        match occurred {
            Ok(occurred) if self.problems.is_empty() => Some(Filled {
                fields: data,
                occurred,
            }),
            _ => None,
        }
    }

    /// A problem of the form as a whole.
    pub(super) fn whole(&mut self, message: String) {
        self.problems.push((Place::Whole, message));
    }

    /// A problem of one field, which is called by its name on the form.
    pub(super) fn field_problem(&mut self, kind: &FactType, problem: FieldProblem, lang: Lang) {
        let place = match kind.fields.get(&problem.field) {
            Some(_) => Place::Field(problem.field.clone()),
            None => Place::Whole,
        };
        let name = kind.fields.get(&problem.field).map_or_else(
            || problem.field.clone(),
            |field| field.name.get(lang).to_owned(),
        );
        let message = words::typeset(
            &FieldProblem {
                field: name,
                ..problem
            }
            .message(lang),
            lang,
        );
        self.problems.push((place, message));
    }

    /// The values of a field as one text, as the definition reads it.
    pub(super) fn text(&self, key: &str) -> String {
        self.values
            .get(key)
            .map(|values| {
                values
                    .iter()
                    .filter(|value| !value.is_empty())
                    .cloned()
                    .collect::<Vec<_>>()
                    .join(",")
            })
            .unwrap_or_default()
    }

    fn has(&self, key: &str, value: &str) -> bool {
        self.values
            .get(key)
            .is_some_and(|values| values.iter().any(|v| v == value))
    }

    fn at(&self, place: &Place) -> Vec<&str> {
        self.problems
            .iter()
            .filter(|(at, _)| at == place)
            .map(|(_, message)| message.as_str())
            .collect()
    }
}

fn missing(key: &str) -> FieldProblem {
    FieldProblem {
        field: key.to_owned(),
        value: String::new(),
        expected: Expected::Required,
    }
}

/// The day of a form; nothing typed is today.
pub(super) fn read_day(text: &str, visit: &Visit) -> Result<Option<OccurredAt>, (Place, String)> {
    if text.is_empty() {
        return Ok(None);
    }
    match parse_day(text) {
        Some(day) => Ok(Some(OccurredAt::on(day))),
        None => {
            let shown: String = text.chars().take(60).collect();
            let zh = format!("“{shown}”不是日期，应如 2021-03-11");
            let en = format!("{shown:?} is not a day; expected for example 2021-03-11");
            Err((Place::Occurred, visit.pick(&zh, &en).to_owned()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(values: &[(&str, &str)]) -> Pairs {
        Pairs(
            values
                .iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect(),
        )
    }

    #[test]
    fn a_form_sent_twice_is_one_command_and_changed_another() {
        let minted: Uuid = "01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap();
        let project = ProjectId::new("p-1").unwrap();
        let first = pairs(&[("fact", "survey"), ("f.households", "12")]);
        let reordered = pairs(&[("f.households", "12"), ("fact", "survey")]);
        let changed = pairs(&[("fact", "survey"), ("f.households", "13")]);
        let shifted = pairs(&[("fact", "surveyf"), (".households", "12")]);
        let id = first.command_id(minted, "record", &project);
        assert_eq!(id, reordered.command_id(minted, "record", &project));
        assert_ne!(id, changed.command_id(minted, "record", &project));
        assert_ne!(id, shifted.command_id(minted, "record", &project));
        assert_ne!(id, first.command_id(minted, "advance", &project));
        assert_ne!(
            id,
            first.command_id(minted, "record", &ProjectId::new("p-2").unwrap())
        );
        assert_eq!(id.0.get_version_num(), 7);
        assert_eq!(&id.0.as_bytes()[..6], &minted.as_bytes()[..6]);
    }
}
