//! What a row asks for, and what is wrong with it.

use std::sync::Arc;

use anju_engine::event::{CommandId, OccurredAt};
use anju_workflows::definition::Lang;
use anju_workflows::project::Command;
use anju_workflows::project::event::ProjectId;
use anju_workflows::project::fields::holds_personal_number;
use serde::Serialize;

/// What is wrong with a row, at the cell where it is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Problem {
    /// The cell: `D17`.
    pub cell: String,
    /// The title of its column; empty if it has none.
    pub column: String,
    /// What it holds; empty if it is empty.
    pub value: String,
    /// What is wrong, and what was expected.
    pub message: String,
}

/// Something a person should know although nothing was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Warning {
    /// The sheet.
    pub sheet: String,
    /// The cell; absent if it is about the whole sheet or a row.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cell: Option<String>,
    /// What.
    pub message: String,
}

/// A command that a row asks for.
#[derive(Clone, Debug)]
pub(super) struct Intent {
    /// For which project.
    pub project: ProjectId,
    /// Into which programme, of a registration.
    pub programme: Option<String>,
    /// What, without its note.
    pub command: Command,
    /// The note, which is kept outside the log.
    pub note: Option<String>,
    /// For which day; `None` = the day of the import.
    pub occurred_at: Option<OccurredAt>,
    /// Its identity.
    pub id: CommandId,
    /// Where the things stand that a decision may object to, by what it calls them.
    pub places: Places,
}

/// A cell that was read.
#[derive(Clone, Debug, Default)]
pub(super) struct Place {
    /// Its name.
    pub cell: String,
    /// The title of its column.
    pub column: Arc<str>,
    /// What it holds.
    pub value: String,
}

impl Place {
    /// A problem at this place.
    pub(super) fn problem(&self, message: impl Into<String>) -> Problem {
        Problem {
            cell: self.cell.clone(),
            column: self.column.to_string(),
            value: shown(&self.value),
            message: message.into(),
        }
    }
}

/// Where the things of a row stand, by what a decision calls them. A handful for each of up to a million rows: a list.
#[derive(Clone, Debug, Default)]
pub(super) struct Places(Vec<(&'static str, Place)>);

impl Places {
    /// Notes a place; an earlier one of this name is forgotten.
    pub(super) fn put(&mut self, name: &'static str, place: Place) {
        self.0.retain(|(other, _)| *other != name);
        self.0.push((name, place));
    }

    /// The place of this name.
    pub(super) fn get(&self, name: &str) -> Option<&Place> {
        self.0
            .iter()
            .find(|(other, _)| *other == name)
            .map(|(_, place)| place)
    }

    /// Keeps the places whose names are wanted.
    pub(super) fn retain(&mut self, wanted: impl Fn(&str) -> bool) {
        self.0.retain(|(name, _)| wanted(name));
        self.0.shrink_to_fit();
    }
}

/// One entry of a file: a row, or one fact of a ledger's row.
#[derive(Debug)]
pub(super) struct Item {
    /// The sheet.
    pub sheet: Arc<str>,
    /// The row, as Excel shows it.
    pub row: u32,
    /// The project, as far as it is known.
    pub project: String,
    /// What the row says, in one line.
    pub what: String,
    /// The command, or everything that is wrong.
    pub intent: Result<Intent, Vec<Problem>>,
}

/// What became of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is recorded.
    Recorded {
        /// The event.
        event: String,
        /// Its position.
        position: u64,
    },
    /// It was recorded before.
    Already {
        /// The event.
        event: String,
        /// Whether the fact was declared void since.
        void: bool,
    },
    /// It would be recorded.
    WouldRecord,
    /// It cannot be recorded.
    Bad(Vec<Problem>),
    /// The import stopped before it.
    NotTried,
}

/// A value as reports show it: short, without what a phone or ID number would give away.
pub(super) fn shown(value: &str) -> String {
    if holds_personal_number(value) {
        return "***".to_owned();
    }
    let mut chars = value.chars().map(|c| if c.is_control() { ' ' } else { c });
    let short: String = chars.by_ref().take(60).collect();
    if chars.next().is_some() {
        format!("{short}…")
    } else {
        short
    }
}

/// One of two texts, by language.
pub(super) fn pick(lang: Lang, zh: impl Into<String>, en: impl Into<String>) -> String {
    match lang {
        Lang::Zh => zh.into(),
        Lang::En => en.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_does_not_give_a_phone_number_away() {
        assert_eq!(shown("张某 138-1234-5678"), "***");
        assert_eq!(shown(&"长".repeat(61)), format!("{}…", "长".repeat(60)));
    }
}
