//! Taking the records in order, many at a time; and one by one, where something is wrong.

use std::pin::pin;

use futures::StreamExt;
use sqlx::Row;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use crate::event::{CommandId, Position};
use crate::log::audit::{Auditor, Checked, Derived, altered, check_records, room_for};
use crate::log::group::{on_a_thread, threads};
use crate::log::vouch::{Kept, KeptTile};
use crate::log::{RecordedCommand, VerifyError};
use crate::merkle::Hash;

use super::{Verification, fail};
use crate::log::postgres::copy::{Batch, Failed, SPAN, copy, number};
use crate::log::postgres::fault::{Fault, fault};
use crate::log::postgres::read::{Reads, hash, read, signed};

/// All there is of a record.
const COLUMNS: &str = "position, stream_no, revision, last, command_id, digest, record";

/// What was read of the records up to the first bad one.
pub(super) struct Found {
    pub(super) derived: Derived,
    /// The commands that stand beside the records, in order.
    pub(super) commands: Vec<(CommandId, RecordedCommand)>,
    /// The first of what stands beside the records that contradicts them.
    pub(super) beside: Result<(), VerifyError>,
}

/// The columns of a record that are an index over it.
struct Beside {
    stream_no: i64,
    revision: i64,
    /// Of the first record of a command: its id, digest, and last position. Or what makes it none.
    command: Result<Option<(Uuid, Hash, u64)>, &'static str>,
}

/// Records that were checked, the last of which may be bad, and what stands beside each.
#[derive(Default)]
struct Taken {
    checked: Vec<Result<Checked, VerifyError>>,
    beside: Vec<Beside>,
}

/// Where the records that were checked go.
struct Sink<'s> {
    auditor: &'s mut Auditor,
    commands: &'s mut Vec<(CommandId, RecordedCommand)>,
    beside: &'s mut Result<(), VerifyError>,
}

impl Verification<'_> {
    /// The records up to `size`, and what follows from them; of those before the first bad one, if there is one.
    pub(super) async fn records(&self, size: u64) -> (Found, Result<(), VerifyError>) {
        let mut auditor = Auditor::of_about(size);
        let mut commands = Vec::with_capacity(room_for(size));
        let mut beside = Ok(());
        let sink = Sink {
            auditor: &mut auditor,
            commands: &mut commands,
            beside: &mut beside,
        };
        let end = self.take_records(size, sink).await;
        let derived = auditor.finish();
        let found = Found {
            derived,
            commands,
            beside,
        };
        (found, end)
    }

    /// Hashed and checked on several threads, taken in order.
    async fn take_records(&self, size: u64, mut sink: Sink<'_>) -> Result<(), VerifyError> {
        while sink.auditor.size() < size {
            let next = sink.auditor.size() + 1;
            let mut checking = pin!(
                copy(self.reads, COLUMNS, next, size + 1 - next)
                    .map(checked)
                    .buffered(threads() + 1)
            );
            let mut doubtful = None;
            while let Some(found) = checking.next().await {
                match found? {
                    Ok(taken) => sink.take(taken)?,
                    Err(count) => {
                        doubtful = Some(count);
                        break;
                    }
                }
                (self.progress)(sink.auditor.size(), size);
            }
            let next = sink.auditor.size() + 1;
            if next <= size {
                // They did not all come, or something is wrong with one of those that come next.
                let count = doubtful.unwrap_or(SPAN).min(size + 1 - next);
                let (taken, end) = one_by_one(self.reads, next, count).await;
                sink.take(taken)?;
                // Only now: what is wrong with an earlier record comes first.
                end?;
            }
        }
        if size == 0 {
            return Err(altered(1, "the first record is missing"));
        }
        Ok(())
    }
}

/// The records of a batch, checked; or only how many they are, if one of them must be looked at by itself.
async fn checked(batch: Result<Batch, Failed>) -> Result<Result<Taken, u64>, VerifyError> {
    match batch {
        Ok(batch) => {
            let check = move || taken(&batch).ok_or(batch.count);
            on_a_thread(check).await.map_err(VerifyError::Read)
        }
        Err(Failed { error, .. }) if fault(&error) == Fault::Damaged => Ok(Err(SPAN)),
        Err(Failed { at, error }) => Err(fail(at, error)),
    }
}

/// `None` if something is wrong with a row.
fn taken(batch: &Batch) -> Option<Taken> {
    let mut records = Vec::new();
    let mut beside = Vec::new();
    let mut readable = true;
    let rows = batch.each(|_, columns: &[_; 7], record| {
        let [_, stream_no, revision, last, id, digest, _] = *columns;
        records.push(record);
        match Beside::copied([stream_no, revision, last, id], digest) {
            Some(columns) => beside.push(columns),
            None => readable = false,
        }
        Ok(())
    });
    (rows.is_ok() && readable).then(|| Taken {
        checked: check_records(batch.first, records),
        beside,
    })
}

impl Sink<'_> {
    fn take(&mut self, taken: Taken) -> Result<(), VerifyError> {
        let mut stored = taken.beside.into_iter();
        for record in taken.checked {
            let (number, revision) = self.auditor.take(record?)?;
            let position = self.auditor.size();
            let Some(stored) = stored.next() else { break };
            match stored.compare(position, number, revision) {
                Ok(command) => self.commands.extend(command),
                Err(error) if self.beside.is_ok() => *self.beside = Err(error),
                Err(_) => {}
            }
        }
        Ok(())
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

    /// The columns as they came in a copy: stream, revision, last, command; and the digest. `None` if one is of another
    /// type.
    fn copied(
        [stream_no, revision, last, id]: [Option<&[u8]>; 4],
        digest: Option<&[u8]>,
    ) -> Option<Self> {
        let last = match last {
            None => None,
            last => Some(number(last)?),
        };
        let id = id.map(Uuid::from_slice).transpose().ok()?;
        let (stream_no, revision) = (number(stream_no)?, number(revision)?);
        Some(Self::of(stream_no, revision, last, id, digest))
    }

    /// The columns as they stand: stream, revision, last, command, digest.
    fn of(
        stream_no: i64,
        revision: i64,
        last: Option<i64>,
        id: Option<Uuid>,
        digest: Option<&[u8]>,
    ) -> Self {
        let command = match (id, digest, last) {
            (None, None, None) => Ok(None),
            (Some(id), Some(digest), Some(last)) => {
                match (Hash::try_from(digest), u64::try_from(last)) {
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

/// Reads `count` records from `first` singly, up to the first bad one, and says what is wrong with that.
async fn one_by_one(reads: &Reads, first: u64, count: u64) -> (Taken, Result<(), VerifyError>) {
    let (mut records, mut beside, mut end) = (Vec::new(), Vec::new(), Ok(()));
    for at in first..first + count {
        match one(reads, at).await {
            Ok((record, columns)) => {
                records.push(record);
                beside.push(columns);
            }
            Err(error) => {
                end = Err(error);
                break;
            }
        }
    }
    let taken = Taken {
        checked: check_records(first, records),
        beside,
    };
    (taken, end)
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
