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
use crate::log::vouch::{check_place, check_tile, first_below, wanted_tile};
use crate::log::{RecordedCommand, VerifyError};

use super::{Verification, fail, kept_tile, text};
use crate::log::sqlite::read::{recorded_command, unsigned};

/// How many rows of an index are read at a time.
const INDEX_GROUP: usize = 4_096;

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

    /// The index from stream and revision to position.
    pub(super) async fn places(&mut self, derived: &Derived) -> Result<(), VerifyError> {
        let mut expected = (1_u64..)
            .zip(&derived.streams)
            .flat_map(|(number, (_, positions))| {
                let places = (0_u64..).zip(positions.iter().copied());
                places.map(move |(revision, position)| (number, revision, position))
            });
        let mut after = (i64::MIN, i64::MIN);
        let mut wanted = String::new();
        loop {
            let group: Vec<_> = expected.by_ref().take(INDEX_GROUP).collect();
            wanted.clear();
            let _ = write!(wanted, "{};", group.len());
            for (number, revision, position) in &group {
                let _ = write!(wanted, "{number},{revision},{position};");
            }
            let found = sqlx::query(
                "SELECT count(*) || ';' || \
                 coalesce(group_concat(stream_no || ',' || revision || ',' || position || ';', ''), '') FROM \
                 (SELECT * FROM stream_event WHERE (stream_no, revision) > (?, ?) \
                  ORDER BY stream_no, revision LIMIT ?)",
            )
            .bind(after.0)
            .bind(after.1)
            .bind(INDEX_GROUP as i64)
            .fetch_one(&mut *self.conn)
            .await;
            if !same(found, &wanted) {
                let expected = group.into_iter().chain(expected);
                return self.places_one_by_one(after, expected, derived).await;
            }
            match group.last() {
                Some((number, revision, _)) => after = (int(*number), int(*revision)),
                None => return Ok(()),
            }
        }
    }

    async fn places_one_by_one(
        &mut self,
        after: (i64, i64),
        mut expected: impl Iterator<Item = (u64, u64, u64)>,
        derived: &Derived,
    ) -> Result<(), VerifyError> {
        let (mut number, mut revision) = after;
        loop {
            let rows = sqlx::query(
                "SELECT stream_no, revision, position FROM stream_event \
                 WHERE (stream_no, revision) > (?, ?) ORDER BY stream_no, revision LIMIT ?",
            )
            .bind(number)
            .bind(revision)
            .bind(INDEX_GROUP as i64)
            .fetch_all(&mut *self.conn)
            .await
            .map_err(|error| fail(0, error))?;
            for row in &rows {
                let place = (|| {
                    number = row.try_get(0)?;
                    revision = row.try_get(1)?;
                    row.try_get::<i64, _>(2)
                })();
                let position = place.map_err(|error| fail(0, error))?;
                let found = (number, revision, position);
                check_place(found, expected.next(), derived.tree.size())?;
            }
            if rows.len() < INDEX_GROUP {
                break;
            }
        }
        match expected.next() {
            None => Ok(()),
            Some((number, revision, position)) => Err(altered(
                position,
                format!("revision {revision} of stream number {number} is not in the index"),
            )),
        }
    }

    /// The commands in order of their first positions.
    pub(super) async fn commands(
        &mut self,
    ) -> Result<Vec<(CommandId, RecordedCommand)>, VerifyError> {
        let mut commands = Vec::new();
        let mut after = Vec::new();
        loop {
            let row = sqlx::query(
                "SELECT count(*) || ';' || \
                 coalesce(group_concat(hex(command_id) || hex(digest) || first || ',' || last || ';', ''), '') FROM \
                 (SELECT * FROM command WHERE command_id > ? ORDER BY command_id LIMIT ?)",
            )
            .bind(after.clone())
            .bind(INDEX_GROUP as i64)
            .fetch_one(&mut *self.conn)
            .await;
            let text: Result<String, _> = row.and_then(|row| row.try_get(0));
            let Some(group) = text.ok().and_then(|text| commands_of(&text)) else {
                return self.commands_one_by_one().await;
            };
            let Some((last, _)) = group.last() else {
                break;
            };
            after = last.0.as_bytes().to_vec();
            commands.extend(group);
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
fn same(row: Result<SqliteRow, sqlx::Error>, wanted: &str) -> bool {
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
            for (byte, digits) in request_digest
                .iter_mut()
                .zip(digest.as_bytes().chunks_exact(2))
            {
                let digits = std::str::from_utf8(digits).ok()?;
                *byte = u8::from_str_radix(digits, 16).ok()?;
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

fn int(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
