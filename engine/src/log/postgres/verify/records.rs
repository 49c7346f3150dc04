//! Taking the records in order, many at a time; and one by one, where something is wrong.

use std::num::NonZero;

use futures::{StreamExt, stream};
use sqlx::Row;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use crate::event::{CommandId, Position};
use crate::log::audit::{Auditor, Checked, Derived, altered, check_records};
use crate::log::vouch::{Kept, KeptTile};
use crate::log::{ReadError, RecordedCommand, VerifyError};
use crate::merkle::Hash;

use super::{Verification, column, fail};
use crate::log::postgres::fault::{Fault, fault};
use crate::log::postgres::read::{Reads, hash, read, signed};

/// How many records are fetched and checked at a time: some milliseconds of work.
const CHUNK: u64 = 1_024;

/// What was read of the records up to the first bad one.
pub(super) struct Found {
    pub(super) derived: Derived,
    /// The commands that stand beside the records, in order.
    pub(super) commands: Vec<(CommandId, RecordedCommand)>,
    /// The first of what stands beside the records that contradicts them.
    pub(super) beside: Result<(), VerifyError>,
}

/// Some records with what stands beside them.
#[derive(Default)]
struct Chunk {
    records: Vec<String>,
    beside: Vec<Beside>,
}

/// The columns of a record that are an index over it.
struct Beside {
    stream_no: i64,
    revision: i64,
    /// Of the first record of a command: its id, digest, and last position. Or what makes it none.
    command: Result<Option<(Uuid, Hash, u64)>, &'static str>,
}

/// Records that were checked, what stands beside them, and what is wrong with the next.
struct Taken {
    checked: Vec<Result<Checked, VerifyError>>,
    beside: Vec<Beside>,
    end: Result<(), VerifyError>,
}

impl Verification<'_> {
    /// The records up to `size`, and what follows from them; of those before the first bad one, if there is one.
    pub(super) async fn records(&self, size: u64) -> (Found, Result<(), VerifyError>) {
        let mut auditor = Auditor::default();
        let mut commands = Vec::new();
        let mut beside = Ok(());
        let end = self
            .take_records(size, &mut auditor, &mut commands, &mut beside)
            .await;
        let derived = auditor.finish();
        let found = Found {
            derived,
            commands,
            beside,
        };
        (found, end)
    }

    /// Hashed and checked on several threads, taken in order.
    async fn take_records(
        &self,
        size: u64,
        auditor: &mut Auditor,
        commands: &mut Vec<(CommandId, RecordedCommand)>,
        beside: &mut Result<(), VerifyError>,
    ) -> Result<(), VerifyError> {
        let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
        let connections = self.reads.pool.options().get_max_connections() as usize;
        let starts = (0..size.div_ceil(CHUNK)).map(|chunk| chunk * CHUNK + 1);
        let mut checking = stream::iter(starts)
            .map(|first| self.checked(first, CHUNK.min(size + 1 - first)))
            // One connection is left to those who work.
            .buffered((threads + 1).min(connections.saturating_sub(1).max(1)));
        while let Some(taken) = checking.next().await {
            let taken = taken?;
            let mut stored = taken.beside.into_iter();
            for record in taken.checked {
                let (number, revision) = auditor.take(record?)?;
                let position = auditor.size();
                let Some(stored) = stored.next() else { break };
                match stored.compare(position, number, revision) {
                    Ok(command) => commands.extend(command),
                    Err(error) if beside.is_ok() => *beside = Err(error),
                    Err(_) => {}
                }
            }
            // Only now: what is wrong with an earlier record comes first.
            taken.end?;
            (self.progress)(auditor.size(), size);
        }
        if auditor.size() == 0 {
            return Err(altered(1, "the first record is missing"));
        }
        Ok(())
    }

    /// `count` records from `first`, as far as they can be read, checked.
    async fn checked(&self, first: u64, count: u64) -> Result<Taken, VerifyError> {
        let (chunk, end) = match chunk(self.reads, first, count).await? {
            Some(chunk) => (chunk, Ok(())),
            None => one_by_one(self.reads, first, count).await,
        };
        let Chunk { records, beside } = chunk;
        let checked = tokio::task::spawn_blocking(move || check_records(first, &records))
            .await
            .map_err(|error| VerifyError::Read(ReadError::Unavailable(Box::new(error))))?;
        Ok(Taken {
            checked,
            beside,
            end,
        })
    }
}

impl Beside {
    /// Compares it with the place of the record at `position`; gives the command that begins there.
    fn compare(
        self,
        position: u64,
        number: u64,
        revision: u64,
    ) -> Result<Option<(CommandId, RecordedCommand)>, VerifyError> {
        if (self.stream_no, self.revision) != (signed(number), signed(revision)) {
            return Err(altered(
                position,
                format!(
                    "beside the record stands stream {} revision {}, it is of stream {number} revision {revision}",
                    self.stream_no, self.revision
                ),
            ));
        }
        let command = self.command.map_err(|what| altered(position, what))?;
        Ok(command.map(|(id, request_digest, last)| {
            let command = RecordedCommand {
                request_digest,
                first: Position(position),
                last: Position(last),
            };
            (CommandId(id), command)
        }))
    }

    /// The columns as they stand: stream, revision, last, command, digest.
    fn of(
        stream_no: i64,
        revision: i64,
        last: Option<i64>,
        id: Option<Uuid>,
        digest: Option<Vec<u8>>,
    ) -> Self {
        let command = match (id, digest, last) {
            (None, None, None) => Ok(None),
            (Some(id), Some(digest), Some(last)) => {
                match (Hash::try_from(&digest[..]), u64::try_from(last)) {
                    (Ok(digest), Ok(last)) => Ok(Some((id, digest, last))),
                    (Err(_), _) => Err("beside the record stands a digest that is none"),
                    (_, Err(_)) => Err("beside the record stands a position that is none"),
                }
            }
            _ => Err("half a command stands beside the record"),
        };
        Self {
            stream_no,
            revision,
            command,
        }
    }
}

/// Some records in one row; `None` if there is anything wrong with one of them.
async fn chunk(reads: &Reads, first: u64, count: u64) -> Result<Option<Chunk>, VerifyError> {
    let ask = || {
        sqlx::query(
            "SELECT string_agg(record, E'\\n'), array_agg(position), array_agg(stream_no), \
             array_agg(revision), array_agg(last), array_agg(command_id), array_agg(digest) FROM \
             (SELECT * FROM record WHERE position >= $1 AND position < $2 ORDER BY position) AS found",
        )
        .bind(signed(first))
        .bind(signed(first + count))
        .fetch_one(&reads.pool)
    };
    let row = match read(reads, ask).await {
        Ok(row) => row,
        Err(error) if fault(&error) == Fault::Damaged => return Ok(None),
        Err(error) => return Err(fail(first, error)),
    };
    let Ok((chunk, positions)) = chunk_of(&row) else {
        return Ok(None);
    };
    let gapless = positions
        .into_iter()
        .eq(signed(first)..signed(first + count));
    let lines = chunk.records.len() as u64 == count;
    Ok((gapless && lines).then_some(chunk))
}

fn chunk_of(row: &PgRow) -> Result<(Chunk, Vec<i64>), sqlx::Error> {
    let text: Option<&str> = row.try_get(0)?;
    let records = text.map_or_else(Vec::new, |text| {
        text.split('\n').map(str::to_owned).collect()
    });
    let positions: Vec<i64> = column(row, 1)?;
    let numbers: Vec<i64> = column(row, 2)?;
    let revisions: Vec<i64> = column(row, 3)?;
    let lasts: Vec<Option<i64>> = column(row, 4)?;
    let ids: Vec<Option<Uuid>> = column(row, 5)?;
    let digests: Vec<Option<Vec<u8>>> = column(row, 6)?;
    let places = numbers.into_iter().zip(revisions);
    let commands = lasts.into_iter().zip(ids).zip(digests);
    let beside = places
        .zip(commands)
        .map(|((number, revision), ((last, id), digest))| {
            Beside::of(number, revision, last, id, digest)
        })
        .collect();
    Ok((Chunk { records, beside }, positions))
}

/// Reads the records of a bad chunk singly, up to the bad one, and says what is wrong with that.
async fn one_by_one(reads: &Reads, first: u64, count: u64) -> (Chunk, Result<(), VerifyError>) {
    let mut chunk = Chunk::default();
    for at in first..first + count {
        match one(reads, at).await {
            Ok((record, beside)) => {
                chunk.records.push(record);
                chunk.beside.push(beside);
            }
            Err(error) => return (chunk, Err(error)),
        }
    }
    (chunk, Ok(()))
}

async fn one(reads: &Reads, at: u64) -> Result<(String, Beside), VerifyError> {
    let ask = || {
        sqlx::query(
            "SELECT convert_to(record, 'UTF8'), stream_no, revision, last, command_id, digest \
             FROM record WHERE position = $1",
        )
        .bind(signed(at))
        .fetch_optional(&reads.pool)
    };
    let row = read(reads, ask).await.map_err(|error| fail(at, error))?;
    let row = row.ok_or_else(|| altered(at, "the record is missing"))?;
    let found = (|| {
        let bytes: Vec<u8> = row.try_get(0)?;
        let beside = Beside::of(
            row.try_get(1)?,
            row.try_get(2)?,
            row.try_get(3)?,
            row.try_get(4)?,
            row.try_get(5)?,
        );
        Ok((bytes, beside))
    })();
    let (bytes, beside) = found.map_err(|error| fail(at, error))?;
    let record = String::from_utf8(bytes)
        .map_err(|error| altered(at, format!("the record is no text: {error}")))?;
    if record.contains('\n') {
        return Err(altered(at, "the record has a line break"));
    }
    Ok((record, beside))
}

/// What is kept, read singly.
pub(super) struct Singly<'r>(pub(super) &'r Reads);

impl Kept for Singly<'_> {
    async fn tile(&mut self, level: u8, index: u64) -> Result<Option<KeptTile>, VerifyError> {
        let ask = || {
            sqlx::query("SELECT root, hashes FROM tile WHERE level = $1 AND number = $2")
                .bind(i16::from(level))
                .bind(signed(index))
                .fetch_optional(&self.0.pool)
        };
        let row = read(self.0, ask).await;
        let tile = row.and_then(|row| row.map(|row| kept_tile(&row, 0)).transpose());
        match tile.map_err(|error| fail(0, error)) {
            Err(VerifyError::Altered { .. }) => Ok(None),
            tile => tile,
        }
    }

    async fn record(&mut self, at: u64) -> Result<Option<String>, VerifyError> {
        let (record, _) = one(self.0, at).await?;
        Ok(Some(record))
    }
}

/// The tile in two columns from `column` on: root, hashes.
pub(super) fn kept_tile(row: &PgRow, column: usize) -> Result<KeptTile, sqlx::Error> {
    Ok(KeptTile {
        root: hash(row, column)?,
        bytes: row.try_get(column + 1)?,
    })
}
