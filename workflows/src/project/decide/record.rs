//! A fact is recorded. The log never refuses a fact for what it says: only for its form, or for who reports it.

use anju_engine::event::{Data, OccurredAt, is_key};

use super::{CommandError, Context, Decision};
use crate::project::event::{FactRecorded, ProjectEvent};
use crate::project::fields;

pub(super) fn decide(
    context: Context<'_>,
    fact: &str,
    values: &Data,
    documents: &[String],
    note: Option<&String>,
    occurred_at: &OccurredAt,
) -> Result<Decision, CommandError> {
    check_digests(documents.iter().chain(note))?;
    let recorded = FactRecorded {
        fact: fact.to_owned(),
        fields: values.clone(),
        documents: documents.to_vec(),
        note: note.cloned(),
    };
    match context.definition.facts.get(fact) {
        Some(kind) => {
            fields::check(kind, values, false)
                .map_err(|problems| CommandError::Fields { problems })?;
            if !kind.reporters.is_empty() && !kind.reporters.iter().any(|role| role == context.role)
            {
                return Err(CommandError::NotPermitted {
                    role: context.role.to_owned(),
                    permitted: kind.reporters.clone(),
                });
            }
            Ok(Decision::one(
                ProjectEvent::FactRecorded(recorded),
                occurred_at,
            ))
        }
        None if is_key(fact) && fact.len() <= 64 => {
            fields::check_undeclared(values)
                .map_err(|problems| CommandError::Fields { problems })?;
            Ok(Decision::one(
                ProjectEvent::OtherFact(recorded),
                occurred_at,
            ))
        }
        None => Err(CommandError::Unknown {
            what: ("事实类型", "fact type"),
            value: fact.to_owned(),
            known: context.definition.facts.keys().cloned().collect(),
        }),
    }
}

/// Papers and notes are named by digests.
pub(super) fn check_digests<'a>(
    mut digests: impl Iterator<Item = &'a String>,
) -> Result<(), CommandError> {
    match digests.find(|digest| !fields::is_sha256(digest)) {
        Some(bad) => Err(CommandError::BadDigest { value: bad.clone() }),
        None => Ok(()),
    }
}
