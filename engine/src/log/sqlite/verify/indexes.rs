//! Comparing every table beside the records with what the records say.
//!
//! A row costs several times more than what is in it, so rows are compared many at a time, as one text; where that
//! differs, one by one, to say what differs. The text begins with the count of the rows and each row ends with `;`, so
//! no row can pass for two, or be passed over.

use std::fmt::Write as _;

use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use crate::event::{CommandId, Position};
use crate::log::audit::{Derived, altered};
use crate::log::group::on_a_thread;
use crate::log::vouch::{check_tile, first_below, wanted_tile};
use crate::log::{RecordedCommand, VerifyError};

use super::{Verification, fail, kept_tile, text};
use crate::log::sqlite::read::{recorded_command, unsigned};

/// How many rows of an index are read at a time.
pub(super) const INDEX_GROUP: usize = 4_096;

impl Verification<'_> {
    /// The names of the streams.
    pub(super) async fn streams(&mut self, derived: &Derived) -> Result<(), VerifyError> {
        let mut wanted = format!("{};", derived.streams.len());
        for (number, (stream, _)) in (1_u64..).zip(&derived.streams) {
            // Writing to a String cannot fail.
            let _ = write!(wanted, "{number},{stream};");
        }
        let found = sqlx::query(
            "SELECT count(*) || ';' || coalesce(group_concat(stream_no || ',' || name || ';', ''), '') \
             FROM (SELECT * FROM stream ORDER BY stream_no)",
        )
        .fetch_one(&mut *self.conn)
        .await;
        if same(found, &wanted) {
            return Ok(());
        }
        let rows = self
            .all("SELECT stream_no, name FROM stream ORDER BY stream_no")
            .await?;
        let mut stored = rows.iter();
        for (number, (stream, positions)) in (1..).zip(&derived.streams) {
            let at = positions.first().copied().unwrap_or_default();
            let Some(row) = stored.next() else {
                return Err(altered(at, format!("stream {stream} is not in the index")));
            };
            let found = unsigned(row, 0).map_err(|error| fail(at, error))?;
            let name = text(row, 1)?;
            if found != number || name != stream.as_str() {
                return Err(altered(
                    at,
                    format!(
                        "the index has stream {name:?} as {found}, the records have {stream} as {number}"
                    ),
                ));
            }
        }
        match stored.next() {
            None => Ok(()),
            Some(row) => Err(altered(
                derived.tree.size() + 1,
                format!(
                    "stream {:?} is in the index, but in no record",
                    text(row, 1)?
                ),
            )),
        }
    }

    /// The commands in order of their first positions.
    pub(super) async fn commands(
        &mut self,
    ) -> Result<Vec<(CommandId, RecordedCommand)>, VerifyError> {
        let mut commands = Vec::new();
        let mut before: Option<String> = None;
        let mut after: Option<Vec<u8>> = Some(Vec::new());
        while before.is_some() || after.is_some() {
            let next = async {
                let Some(after) = &after else {
                    return Ok((String::new(), None));
                };
                let row = sqlx::query(
                    "SELECT count(*) || ';' || \
                     coalesce(group_concat(hex(command_id) || hex(digest) || first || ',' || last || ';', ''), ''), \
                     max(command_id) FROM \
                     (SELECT * FROM command WHERE command_id > ? ORDER BY command_id LIMIT ?)",
                )
                .bind(after.as_slice())
                .bind(INDEX_GROUP as i64)
                .fetch_one(&mut *self.conn)
                .await?;
                Ok::<_, sqlx::Error>((row.try_get(0)?, row.try_get(1)?))
            };
            // While the next group is read, a thread takes the one before apart.
            let parsed = on_a_thread(move || match before {
                Some(text) => commands_of(&text),
                None => Some(Vec::new()),
            });
            let (next, parsed) = tokio::join!(next, parsed);
            let (Ok((text, last)), Some(group)) = (next, parsed?) else {
                return self.commands_one_by_one().await;
            };
            commands.extend(group);
            before = after.take().map(|_| text);
            after = last;
        }
        commands.sort_by_key(|(_, command): &(_, RecordedCommand)| command.first);
        Ok(commands)
    }

    async fn commands_one_by_one(
        &mut self,
    ) -> Result<Vec<(CommandId, RecordedCommand)>, VerifyError> {
        let rows = self
            .all("SELECT command_id, digest, first, last FROM command")
            .await?;
        let mut commands = Vec::with_capacity(rows.len());
        for row in &rows {
            let command = (|| {
                let id: &[u8] = row.try_get(0)?;
                let id = uuid::Uuid::from_slice(id)
                    .map_err(|error| sqlx::Error::Decode(error.into()))?;
                Ok((CommandId(id), recorded_command(row, 1)?))
            })();
            commands.push(command.map_err(|error| fail(0, error))?);
        }
        commands.sort_by_key(|(_, command)| command.first);
        Ok(commands)
    }

    pub(super) async fn tiles(&mut self, derived: &Derived) -> Result<(), VerifyError> {
        let mut expected = derived.tiles.clone();
        expected.sort_unstable();
        let mut expected = expected.into_iter();
        let (mut level, mut number) = (i64::MIN, i64::MIN);
        // The rows are read from after this key on.
        let least = sqlx::query("SELECT level FROM tile WHERE level = $1 AND number = $1")
            .bind(i64::MIN)
            .fetch_optional(&mut *self.conn)
            .await
            .map_err(|error| fail(0, error))?;
        if least.is_some() {
            wanted_tile((level, number), expected.next(), derived.tree.size())?;
        }
        loop {
            // A few at a time: a tile has eight kilobytes.
            let rows = sqlx::query(
                "SELECT level, number, root, hashes FROM tile \
                 WHERE (level, number) > (?, ?) ORDER BY level, number LIMIT 64",
            )
            .bind(level)
            .bind(number)
            .fetch_all(&mut *self.conn)
            .await
            .map_err(|error| fail(0, error))?;
            if rows.is_empty() {
                break;
            }
            for row in &rows {
                level = row.try_get(0).map_err(|error| fail(0, error))?;
                number = row.try_get(1).map_err(|error| fail(0, error))?;
                let wanted = wanted_tile((level, number), expected.next(), derived.tree.size())?;
                let first = first_below(wanted.0, wanted.1);
                let tile = kept_tile(row, 2).map_err(|error| fail(first, error))?;
                check_tile(self, derived, wanted, &tile).await?;
            }
        }
        match expected.next() {
            None => Ok(()),
            Some((level, index, _)) => Err(altered(
                first_below(level, index),
                format!("tile {index} of level {level} is missing"),
            )),
        }
    }
}

/// Whether a row could be read and holds this text.
pub(super) fn same(row: Result<SqliteRow, sqlx::Error>, wanted: &str) -> bool {
    let found: Result<String, _> = row.and_then(|row| row.try_get(0));
    found.is_ok_and(|found| found == wanted)
}

/// Commands from a text of their count, and 32 and 64 hexadecimal digits and two numbers each; `None` if it is anything
/// else.
fn commands_of(text: &str) -> Option<Vec<(CommandId, RecordedCommand)>> {
    let (count, commands) = text.split_once(';')?;
    let commands: Option<Vec<_>> = commands
        .split_terminator(';')
        .map(|command| {
            let (id, rest) = command.split_at_checked(32)?;
            let (digest, reach) = rest.split_at_checked(64)?;
            let (first, last) = reach.split_once(',')?;
            let mut request_digest = [0; 32];
            let (pairs, _) = digest.as_bytes().as_chunks::<2>();
            for (byte, [tens, ones]) in request_digest.iter_mut().zip(pairs) {
                *byte = digit(*tens)? << 4 | digit(*ones)?;
            }
            let command = RecordedCommand {
                request_digest,
                first: Position(first.parse().ok()?),
                last: Position(last.parse().ok()?),
            };
            Some((CommandId(uuid::Uuid::try_parse(id).ok()?), command))
        })
        .collect();
    let expected: usize = count.parse().ok()?;
    commands.filter(|commands| commands.len() == expected)
}

/// A hexadecimal digit as SQLite writes it.
fn digit(of: u8) -> Option<u8> {
    match of {
        b'0'..=b'9' => Some(of - b'0'),
        b'A'..=b'F' => Some(of - b'A' + 10),
        _ => None,
    }
}
