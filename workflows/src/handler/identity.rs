//! Identities: of commands, of what they ask, of their events.

use anju_engine::event::{CommandId, EventId};
use jiff::Timestamp;
use serde_json::json;
use sha2::{Digest, Sha256};
use uuid::{Builder, Uuid};

use crate::project::Command;
use crate::project::event::ProjectId;

/// A fresh command id for a command that enters at `now`: UUID version 7.
#[must_use]
pub fn new_command_id(now: Timestamp) -> CommandId {
    let millis = u64::try_from(now.as_millisecond()).unwrap_or(0);
    let random = *Uuid::new_v4().as_bytes();
    let mut ten = [0u8; 10];
    ten.copy_from_slice(&random[..10]);
    CommandId(Builder::from_unix_timestamp_millis(millis, &ten).into_uuid())
}

/// The id of a command's event: the first carries the command's own id, the others keep its time and take the rest
/// from a hash, so that a repeat makes the same ids.
#[must_use]
pub fn event_id(command: CommandId, index: usize) -> EventId {
    if index == 0 {
        return EventId(command.0);
    }
    let mut hash = Sha256::new();
    hash.update(command.0.as_bytes());
    hash.update((index as u64).to_be_bytes());
    let hash = hash.finalize();
    let bytes = command.0.as_bytes();
    let millis = bytes[..6]
        .iter()
        .fold(0u64, |n, byte| n << 8 | u64::from(*byte));
    let mut ten = [0u8; 10];
    ten.copy_from_slice(&hash[..10]);
    EventId(Builder::from_unix_timestamp_millis(millis, &ten).into_uuid())
}

/// SHA-256 of what a command asks: project, programme, command and the day given, without id, revision or now.
#[must_use]
pub fn request_digest(
    project: &ProjectId,
    programme: Option<&str>,
    command: &Command,
    occurred_at: Option<&str>,
) -> [u8; 32] {
    // serde_json keeps the keys of a value sorted: equal commands have equal bytes.
    let value = json!({
        "project": project.as_str(),
        "programme": programme,
        "command": serde_json::to_value(command).unwrap_or_default(),
        "occurred_at": occurred_at,
    });
    Sha256::digest(value.to_string().as_bytes()).into()
}

/// SHA-256 of some words, told apart by a zero byte.
pub(super) fn digest_of(words: &[&str]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for word in words {
        hash.update(word.as_bytes());
        hash.update([0]);
    }
    hash.finalize().into()
}
