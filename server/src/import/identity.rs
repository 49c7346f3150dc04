//! Which command a row is: the same row is the same command, in whatever file and at whatever place it stands.
//!
//! The id of a row's command is made of the log, of what the row says, and of how many equal rows stood before it
//! in the file. So a file that is imported again (after a crash, or by mistake) records nothing twice; a file that
//! was corrected, sorted or saved anew records only the rows that are new or changed; and two equal rows in one file
//! are still two facts. The number of the row is no part of it: inserting a line would make every row below a new fact.
//!
//! A note is no part of it either. The id stands in the log for ever, the note must be erasable, and a hash over
//! both would confirm a guess of the note.

use std::collections::HashMap;

use anju_engine::event::{CommandId, OccurredAt};
use anju_workflows::project::Command;
use anju_workflows::project::event::ProjectId;
use serde_json::json;
use sha2::{Digest, Sha256};
use uuid::Builder;

/// Gives rows their command ids.
pub(super) struct Identities {
    origin: String,
    seen: HashMap<[u8; 32], u32>,
}

impl Identities {
    /// For the log of this origin.
    pub(super) fn new(origin: String) -> Self {
        Self {
            origin,
            seen: HashMap::new(),
        }
    }

    /// The id of the next row that says this. `command` is without its note.
    pub(super) fn next(
        &mut self,
        project: &ProjectId,
        programme: Option<&str>,
        command: &Command,
        occurred_at: Option<&OccurredAt>,
    ) -> CommandId {
        // The keys of a value are sorted: equal rows have equal bytes.
        let row = json!({
            "project": project.as_str(),
            "programme": programme,
            "command": serde_json::to_value(command).unwrap_or_default(),
            "occurred_at": occurred_at.map(OccurredAt::as_str),
        });
        let mut hash = Sha256::new();
        for part in ["anju import 1", &self.origin, &row.to_string()] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        let before = self.seen.entry(hash.clone().finalize().into()).or_insert(0);
        hash.update(before.to_be_bytes());
        *before += 1;
        let hash: [u8; 32] = hash.finalize().into();
        let mut half = [0; 16];
        half.copy_from_slice(&hash[..16]);
        CommandId(Builder::from_custom_bytes(half).into_uuid())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(ids: &mut Identities, households: u64) -> CommandId {
        let mut fields = anju_engine::event::Data::new();
        fields.insert("asked_households".to_owned(), households.into());
        let command = Command::Record {
            fact: "consultation_result".to_owned(),
            fields,
            documents: Vec::new(),
            note: None,
        };
        let day = "2021-01-18".parse().unwrap();
        ids.next(&ProjectId::new("p1").unwrap(), None, &command, Some(&day))
    }

    #[test]
    fn the_same_row_is_the_same_command_wherever_it_stands() {
        let mut first = Identities::new("log".to_owned());
        let mut second = Identities::new("log".to_owned());
        let (a, b) = (id(&mut first, 1), id(&mut first, 2));
        assert_eq!((id(&mut second, 2), id(&mut second, 1)), (b, a));
        assert_eq!(a.0.get_version_num(), 8);
    }

    #[test]
    fn equal_rows_of_one_file_are_different_commands() {
        let mut ids = Identities::new("log".to_owned());
        assert_ne!(id(&mut ids, 1), id(&mut ids, 1));
    }

    #[test]
    fn another_log_has_other_commands() {
        assert_ne!(
            id(&mut Identities::new("a".to_owned()), 1),
            id(&mut Identities::new("b".to_owned()), 1)
        );
    }
}
