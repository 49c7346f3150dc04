//! Comparing everything beside the records with what the records say.

use sqlx::{AssertSqlSafe, Row};
use uuid::Uuid;

use crate::event::CommandId;
use crate::log::audit::{Derived, altered};
use crate::log::vouch::{check_place, check_tile, first_below, wanted_tile};
use crate::log::{RecordedCommand, VerifyError};

use super::records::{Singly, kept_tile};
use super::{Verification, column, fail, text};
use crate::log::postgres::read::{HeadRow, read, signed, unsigned};

/// How many rows of an index are read at a time.
const INDEX_GROUP: i64 = 4_096;

impl Verification<'_> {
    /// The names of the streams, by number, and then again by name: both indexes lead to all of them.
    pub(super) async fn streams(&self, derived: &Derived) -> Result<(), VerifyError> {
        let count = derived.streams.len() as u64;
        let mut expected = (1_u64..).zip(&derived.streams);
        let mut from = 0;
        while from < signed(count) {
            let ask = || {
                sqlx::query(
                    "SELECT stream_no, name FROM stream WHERE stream_no > $1 AND stream_no <= $2 \
                     ORDER BY stream_no LIMIT $3",
                )
                .bind(from)
                .bind(signed(count))
                .bind(INDEX_GROUP)
                .fetch_all(&self.reads.pool)
            };
            let rows = read(self.reads, ask)
                .await
                .map_err(|error| fail(0, error))?;
            for row in &rows {
                let Some((number, (stream, positions))) = expected.next() else {
                    break;
                };
                let at = positions.first().copied().unwrap_or_default();
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
                from = signed(found);
            }
            if rows.is_empty() {
                break;
            }
        }
        if let Some((_, (stream, positions))) = expected.next() {
            let at = positions.first().copied().unwrap_or_default();
            return Err(altered(at, format!("stream {stream} is not in the index")));
        }
        let found = self
            .count_by(
                "SELECT count(*), (array_agg(name))[count(*)] FROM (SELECT name, stream_no FROM stream \
                 WHERE name > $1 ORDER BY name LIMIT $2) AS found WHERE stream_no BETWEEN 1 AND $3",
                String::new(),
                count,
            )
            .await?;
        if found != count {
            return Err(altered(
                0,
                format!("the index of names leads to {found} streams, there are {count}"),
            ));
        }
        Ok(())
    }

    /// The index from stream and revision to position.
    pub(super) async fn places(&self, derived: &Derived) -> Result<(), VerifyError> {
        let size = derived.tree.size();
        let mut expected = (1_u64..)
            .zip(&derived.streams)
            .flat_map(|(number, (_, positions))| {
                let places = (0_u64..).zip(positions.iter().copied());
                places.map(move |(revision, position)| (number, revision, position))
            });
        let (mut number, mut revision) = (i64::MIN, i64::MIN);
        loop {
            let ask = || {
                sqlx::query(
                    "SELECT array_agg(stream_no), array_agg(revision), array_agg(position) FROM \
                     (SELECT stream_no, revision, position FROM record \
                      WHERE (stream_no, revision) > ($1, $2) AND position <= $3 \
                      ORDER BY stream_no, revision LIMIT $4) AS found",
                )
                .bind(number)
                .bind(revision)
                .bind(signed(size))
                .bind(INDEX_GROUP)
                .fetch_one(&self.reads.pool)
            };
            let row = read(self.reads, ask)
                .await
                .map_err(|error| fail(0, error))?;
            let columns = (|| Ok((column(&row, 0)?, column(&row, 1)?, column(&row, 2)?)))();
            let (numbers, revisions, positions): (Vec<i64>, Vec<i64>, Vec<i64>) =
                columns.map_err(|error| fail(0, error))?;
            let rows = numbers.len();
            for ((n, r), position) in numbers.into_iter().zip(revisions).zip(positions) {
                (number, revision) = (n, r);
                check_place((n, r, position), expected.next(), size)?;
            }
            if (rows as i64) < INDEX_GROUP {
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

    /// The index from command to record.
    pub(super) async fn ids(
        &self,
        size: u64,
        commands: &[(CommandId, RecordedCommand)],
    ) -> Result<(), VerifyError> {
        let found = self
            .count_by(
                "SELECT count(*), (array_agg(command_id))[count(*)]::text FROM \
                 (SELECT command_id, position FROM record WHERE command_id > $1::uuid \
                  ORDER BY command_id LIMIT $2) AS found WHERE position <= $3",
                Uuid::nil().to_string(),
                size,
            )
            .await?;
        let nil = commands.iter().any(|(id, _)| id.0.is_nil());
        if found + u64::from(nil) != commands.len() as u64 {
            return Err(altered(
                size,
                format!(
                    "the index of commands leads to {found} of them, there are {}",
                    commands.len()
                ),
            ));
        }
        Ok(())
    }

    /// Counts through an index, group by group: what comes after $1, at most $2, and no newer than $3.
    async fn count_by(
        &self,
        query: &'static str,
        from: String,
        newest: u64,
    ) -> Result<u64, VerifyError> {
        let (mut from, mut count) = (from, 0);
        loop {
            let ask = || {
                sqlx::query(AssertSqlSafe(query))
                    .bind(&from)
                    .bind(INDEX_GROUP)
                    .bind(signed(newest))
                    .fetch_one(&self.reads.pool)
            };
            let row = read(self.reads, ask)
                .await
                .map_err(|error| fail(0, error))?;
            count += unsigned(&row, 0).map_err(|error| fail(0, error))?;
            let last: Option<String> = row.try_get(1).map_err(|error| fail(0, error))?;
            match last {
                Some(last) => from = last,
                None => return Ok(count),
            }
        }
    }

    /// The full tiles, each by its hashes and by the root that stands beside them.
    pub(super) async fn tiles(&self, derived: &Derived) -> Result<(), VerifyError> {
        let mut expected = derived.tiles.clone();
        expected.sort_unstable();
        let mut expected = expected.into_iter();
        let (mut level, mut number) = (i16::MIN, i64::MIN);
        loop {
            // A few at a time: a tile has eight kilobytes.
            let ask = || {
                sqlx::query(
                    "SELECT level, number, root, hashes FROM tile WHERE (level, number) > ($1, $2) \
                     AND (number + 1)::numeric * 256::numeric ^ (level + 1) <= $3 \
                     ORDER BY level, number LIMIT 64",
                )
                .bind(level)
                .bind(number)
                .bind(signed(derived.tree.size()))
                .fetch_all(&self.reads.pool)
            };
            let rows = read(self.reads, ask)
                .await
                .map_err(|error| fail(0, error))?;
            if rows.is_empty() {
                break;
            }
            for row in &rows {
                level = row.try_get(0).map_err(|error| fail(0, error))?;
                number = row.try_get(1).map_err(|error| fail(0, error))?;
                let wanted =
                    wanted_tile((level.into(), number), expected.next(), derived.tree.size())?;
                let first = first_below(wanted.0, wanted.1);
                let tile = kept_tile(row, 2).map_err(|error| fail(first, error))?;
                check_tile(&mut Singly(self.reads), derived, wanted, &tile).await?;
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

    /// Nothing stands where nothing can: before the first position or number, or beyond the head; and the head counts
    /// the streams right. One statement, so that appends under way do not count.
    pub(super) async fn beyond(
        &self,
        head: &HeadRow,
        derived: &Derived,
    ) -> Result<(), VerifyError> {
        let rows = self
            .all(
                0,
                "SELECT size, \
                 (SELECT min(position) FROM record), (SELECT max(position) FROM record), \
                 (SELECT min(stream_no) FROM stream), (SELECT max(stream_no) FROM stream), streams, \
                 (SELECT count(*) FROM tile WHERE level < 0 OR number < 0 \
                     OR (number + 1)::numeric * 256::numeric ^ (level + 1) > size), \
                 (SELECT count(*) FROM log_head) \
                 FROM log_head",
            )
            .await?;
        let row = rows
            .first()
            .ok_or_else(|| altered(0, "the head is missing"))?;
        let mut numbers = [0_i64; 8];
        for (column, number) in numbers.iter_mut().enumerate() {
            *number = row.try_get(column).map_err(|error| fail(0, error))?;
        }
        let [size, first, last, least, greatest, streams, tiles, heads] = numbers;
        let end = size.max(0).unsigned_abs();
        let wrong = |position: u64, what: String| Err(altered(position, what));
        if heads != 1 {
            wrong(0, format!("{heads} heads, a log has one"))
        } else if size < signed(head.head.size) {
            wrong(
                end + 1,
                format!(
                    "the head said {} records, and now says {size}",
                    head.head.size
                ),
            )
        } else if first != 1 {
            wrong(0, "a record before the first position".to_owned())
        } else if last != size {
            let from = size.min(last).max(0).unsigned_abs() + 1;
            wrong(
                from,
                format!("the head says {size} records, the last is {last}"),
            )
        } else if head.streams != derived.streams.len() as u64 {
            let what = format!(
                "the head: it says {} streams, there are {}",
                head.streams,
                derived.streams.len()
            );
            wrong(derived.tree.size(), what)
        } else if least != 1 || greatest != streams {
            let what =
                format!("the head says {streams} streams, they are numbered {least} to {greatest}");
            wrong(end + 1, what)
        } else if tiles != 0 {
            wrong(
                end + 1,
                format!("{tiles} tiles are stored that the records do not fill"),
            )
        } else {
            Ok(())
        }
    }
}
