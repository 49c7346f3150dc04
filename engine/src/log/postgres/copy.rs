//! Many records at once, by COPY: the server sends the rows as they lie in the table. Joining them into one row would
//! cost it more than reading them does.
//!
//! Source of the format: <https://www.postgresql.org/docs/15/sql-copy.html>, "Binary Format".

use futures::{Stream, TryStreamExt, stream};
use sqlx::Postgres;
use sqlx::pool::PoolConnection;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::JoinHandle;

use crate::log::ReadError;
use crate::log::group::{corrupt, missing};

use super::fault::{Fault, fault, silence};
use super::read::{Reads, died, signed};

/// How many records one statement brings at most. Its snapshot keeps the server from tidying the head: it must not last.
pub(super) const SPAN: u64 = 4_096;

/// With how many rows a batch is handed on.
const BATCH_ROWS: u64 = 128;

/// With how many bytes a batch is handed on, however few rows it has.
const BATCH_BYTES: usize = 96 << 10;

/// Room for what comes after the bytes that are enough. All of it stays below what allocators ask the system for anew
/// each time.
const BATCH_ROOM: usize = BATCH_BYTES + (8 << 10);

/// How many batches wait for whoever works on them.
const WAITING: usize = 4;

/// With what the bytes of a copy begin; flags and the length of an extension follow, four bytes each.
const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";

/// What stands in place of a last row.
const END: &[u8] = &(-1_i16).to_be_bytes();

/// Rows that came one after another, of columns of which the first is the position and the last the record.
#[derive(Debug)]
pub(super) struct Batch {
    /// The position that the first row must have.
    pub(super) first: u64,
    /// How many rows there are.
    pub(super) count: u64,
    rows: Vec<u8>,
}

impl Batch {
    /// Calls `take` with the position and the columns of each row, the record as text by itself. Stops at the first that
    /// is not the next record.
    pub(super) fn each<'b, const N: usize>(
        &'b self,
        mut take: impl FnMut(u64, &[Option<&'b [u8]>; N], &'b str) -> Result<(), ReadError>,
    ) -> Result<(), ReadError> {
        let mut rest = self.rows.as_slice();
        for position in self.first..self.first + self.count {
            let broken = || corrupt(position, "the row is not what the table promises");
            let columns: [Option<&[u8]>; N] = row(&mut rest).ok_or_else(broken)?;
            let (Some(at), Some(record)) = (columns.first(), columns.last()) else {
                return Err(broken());
            };
            if number(*at).ok_or_else(broken)? != signed(position) {
                return Err(missing(position));
            }
            let record = record.ok_or_else(broken)?;
            let record = std::str::from_utf8(record)
                .map_err(|error| corrupt(position, format!("the record is no text: {error}")))?;
            if record.contains('\n') {
                return Err(corrupt(position, "the record has a line break"));
            }
            take(position, &columns, record)?;
        }
        if rest.is_empty() {
            Ok(())
        } else {
            Err(corrupt(
                self.first,
                "a row here or soon after is not what the table promises",
            ))
        }
    }
}

/// Takes a row of `N` columns off the bytes; `None` if they are no such row.
fn row<'b, const N: usize>(rest: &mut &'b [u8]) -> Option<[Option<&'b [u8]>; N]> {
    let (count, mut bytes) = rest.split_first_chunk()?;
    if usize::try_from(i16::from_be_bytes(*count)).ok()? != N {
        return None;
    }
    let mut columns = [None; N];
    for column in &mut columns {
        let (length, after) = bytes.split_first_chunk()?;
        let length = i32::from_be_bytes(*length);
        bytes = after;
        if length != -1 {
            let (value, after) = bytes.split_at_checked(usize::try_from(length).ok()?)?;
            *column = Some(value);
            bytes = after;
        }
    }
    *rest = bytes;
    Some(columns)
}

/// A `bigint`; `None` if it is null or anything else.
pub(super) fn number(column: Option<&[u8]>) -> Option<i64> {
    Some(i64::from_be_bytes(column?.try_into().ok()?))
}

/// Records on their way. Dropped, it lets go of them at once, and of the connection.
struct Copying {
    batches: Receiver<Batch>,
    task: JoinHandle<Result<(), Failed>>,
}

/// Why no more records came, and the position of the first that did not.
#[derive(Debug)]
pub(super) struct Failed {
    pub(super) at: u64,
    pub(super) error: sqlx::Error,
}

impl Drop for Copying {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The given columns of at most `count` records from `from`, in order: `position` is to be the first column, `record` the
/// last. They end where the log does. A connection that is lost is replaced by another, which goes on after the last
/// batch.
pub(super) fn copy(
    reads: &Reads,
    columns: &'static str,
    from: u64,
    count: u64,
) -> impl Stream<Item = Result<Batch, Failed>> + Send + use<> {
    let (sender, batches) = channel(WAITING);
    let task = tokio::spawn(bring(reads.clone(), columns, from, count, sender));
    stream::try_unfold(Copying { batches, task }, move |mut copying| async move {
        if let Some(batch) = copying.batches.recv().await {
            return Ok(Some((batch, copying)));
        }
        // Only its own word makes it the end: a task that has died must not look like a shorter log.
        match (&mut copying.task).await {
            Ok(ended) => ended.map(|()| None),
            Err(died) => Err(Failed {
                at: from,
                error: sqlx::Error::Io(std::io::Error::other(died)),
            }),
        }
    })
}

async fn bring(
    reads: Reads,
    columns: &'static str,
    from: u64,
    count: u64,
    batches: Sender<Batch>,
) -> Result<(), Failed> {
    let end = from.saturating_add(count);
    let mut at = from;
    // As for every read: once more for each connection of the pool that turns out to be dead.
    let mut left = reads.pool.options().get_max_connections();
    while at < end {
        let (begun, span) = (at, SPAN.min(end - at));
        match bring_span(&reads, columns, &mut at, span, &batches).await {
            Ok(()) if at - begun < span => break,
            Ok(()) => {}
            // It has brought something, and would have brought more, had the line held or the batches been taken sooner.
            Err(error) if at > begun && (died(&error) || fault(&error) == Fault::Busy) => {}
            Err(error) if left > 0 && died(&error) => left -= 1,
            Err(error) => return Err(Failed { at, error }),
        }
    }
    Ok(())
}

/// One statement's records, from `at` on, which is moved with each batch that is handed on.
async fn bring_span(
    reads: &Reads,
    columns: &str,
    at: &mut u64,
    span: u64,
    batches: &Sender<Batch>,
) -> Result<(), sqlx::Error> {
    let within = reads.within;
    let mut conn = Lent::from(reads.pool.acquire().await?);
    let statement = format!(
        "COPY (SELECT {columns} FROM record WHERE position >= {} ORDER BY position LIMIT {}) \
         TO STDOUT (FORMAT binary)",
        signed(*at),
        signed(span)
    );
    {
        let begun = tokio::time::timeout(within, conn.get()?.copy_out_raw(&statement)).await;
        let mut messages = begun.unwrap_or_else(|_| Err(silence()))?;
        let mut state = State::Begins;
        while state != State::Over {
            let mut batch = Batch {
                first: *at,
                count: 0,
                rows: Vec::with_capacity(BATCH_ROOM),
            };
            let filling = async {
                while batch.count < BATCH_ROWS && batch.rows.len() < BATCH_BYTES {
                    match messages.try_next().await? {
                        Some(message) => state = batch.message(state, &message)?,
                        None if state == State::Ended => {
                            state = State::Over;
                            break;
                        }
                        None => return Err(unlike("it ends too soon")),
                    }
                }
                Ok(())
            };
            let filled = tokio::time::timeout(within, filling).await;
            filled.unwrap_or_else(|_| Err(silence()))?;
            if batch.count > 0 {
                let next = batch.first + batch.count;
                if batches.send(batch).await.is_err() {
                    // Nobody waits for it any more.
                    return Ok(());
                }
                *at = next;
            }
        }
    }
    conn.give_back();
    Ok(())
}

/// How far a copy has come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Begins,
    Rows,
    /// The word for the end was there.
    Ended,
    /// So was the server's, and the connection is ready for something else.
    Over,
}

impl Batch {
    /// Takes a message: the server sends one for each row.
    fn message(&mut self, state: State, message: &[u8]) -> Result<State, sqlx::Error> {
        let rows = match state {
            State::Begins => {
                after_header(message).ok_or_else(|| unlike("its header is another"))?
            }
            State::Rows => message,
            State::Ended | State::Over => return Err(unlike("it goes on after its end")),
        };
        if rows == END {
            return Ok(State::Ended);
        }
        if !rows.is_empty() {
            self.count += 1;
            self.rows.extend_from_slice(rows);
        }
        Ok(State::Rows)
    }
}

fn after_header(message: &[u8]) -> Option<&[u8]> {
    let (flags, rest) = message.strip_prefix(SIGNATURE)?.split_first_chunk()?;
    // The upper half is of what changes the format.
    if i32::from_be_bytes(*flags) >> 16 != 0 {
        return None;
    }
    let (length, rest) = rest.split_first_chunk()?;
    rest.get(usize::try_from(i32::from_be_bytes(*length)).ok()?..)
}

fn unlike(what: &str) -> sqlx::Error {
    sqlx::Error::Protocol(format!("this is no copy in the binary format: {what}"))
}

/// A connection out of the pool, which goes back there only if it is said to be in order: one with half a copy on the
/// line would answer the next question with the rest of that. It is closed otherwise, also if the work is dropped.
struct Lent(Option<PoolConnection<Postgres>>);

impl From<PoolConnection<Postgres>> for Lent {
    fn from(conn: PoolConnection<Postgres>) -> Self {
        Self(Some(conn))
    }
}

impl Lent {
    fn get(&mut self) -> Result<&mut PoolConnection<Postgres>, sqlx::Error> {
        self.0.as_mut().ok_or(sqlx::Error::WorkerCrashed)
    }

    fn give_back(mut self) {
        self.0 = None;
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(conn) = self.0.take() {
            drop(conn.detach());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A row as the server sends it.
    fn sent(columns: &[Option<&[u8]>]) -> Vec<u8> {
        let mut row = i16::try_from(columns.len()).unwrap().to_be_bytes().to_vec();
        for column in columns {
            let length = column.map_or(-1, |value| i32::try_from(value.len()).unwrap());
            row.extend(length.to_be_bytes());
            row.extend(column.unwrap_or_default());
        }
        row
    }

    fn record(position: i64, record: &[u8]) -> Vec<u8> {
        sent(&[Some(&position.to_be_bytes()), Some(record)])
    }

    /// What is read of these messages as records from position 5.
    fn read(messages: &[Vec<u8>]) -> Result<Vec<(u64, String)>, ReadError> {
        let mut batch = Batch {
            first: 5,
            count: 0,
            rows: Vec::new(),
        };
        for message in messages {
            assert!(batch.message(State::Rows, message).unwrap() == State::Rows);
        }
        let mut found = Vec::new();
        batch.each(|position, _: &[_; 2], record| {
            found.push((position, record.to_owned()));
            Ok(())
        })?;
        Ok(found)
    }

    fn refused(messages: &[Vec<u8>]) -> u64 {
        match read(messages) {
            Err(ReadError::Corrupt { position, .. }) => position,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn rows_are_the_records_of_their_positions() {
        let found = read(&[record(5, b"{}"), record(6, "居".as_bytes())]).unwrap();
        assert_eq!(found, [(5, "{}".to_owned()), (6, "居".to_owned())]);
        assert!(read(&[]).unwrap().is_empty());
    }

    #[test]
    fn what_is_not_the_next_record_is_named() {
        assert_eq!(refused(&[record(5, b"{}"), record(7, b"{}")]), 6);
        assert_eq!(refused(&[record(4, b"{}")]), 5);
        assert_eq!(refused(&[record(5, b"{}"), record(6, b"{\n}")]), 6);
        assert_eq!(refused(&[record(5, b"\xff")]), 5);
        assert_eq!(refused(&[sent(&[None, Some(b"{}")])]), 5);
        assert_eq!(refused(&[sent(&[Some(&5_i64.to_be_bytes()), None])]), 5);
        // Columns of other types, and another number of them.
        assert_eq!(
            refused(&[sent(&[Some(&5_i32.to_be_bytes()), Some(b"{}")])]),
            5
        );
        assert_eq!(refused(&[sent(&[Some(&5_i64.to_be_bytes())])]), 5);
        let mut short = record(6, b"{}");
        short.pop();
        assert_eq!(refused(&[record(5, b"{}"), short]), 6);
        let mut long = record(5, b"{}");
        long.push(0);
        assert_eq!(refused(&[long]), 5);
    }

    #[test]
    fn only_the_binary_format_is_a_copy() {
        let header = |flags: u32, more: &[u8]| {
            let mut header = SIGNATURE.to_vec();
            header.extend(flags.to_be_bytes());
            header.extend(u32::try_from(more.len()).unwrap().to_be_bytes());
            header.extend(more);
            header
        };
        let begin = |message: &[u8]| {
            let mut batch = Batch {
                first: 1,
                count: 0,
                rows: Vec::new(),
            };
            batch
                .message(State::Begins, message)
                .map(|state| (state, batch.count))
        };
        let with = |header: Vec<u8>, rest: &[u8]| [&header, rest].concat();
        let row = record(1, b"{}");
        assert!(begin(&with(header(0, b""), &row)).unwrap() == (State::Rows, 1));
        assert!(begin(&with(header(1, b"more"), &row)).unwrap() == (State::Rows, 1));
        assert!(begin(&with(header(0, b""), END)).unwrap() == (State::Ended, 0));
        assert!(begin(&header(0, b"")).unwrap() == (State::Rows, 0));
        // A critical flag, half a header, none.
        assert!(begin(&with(header(1 << 16, b""), &row)).is_err());
        assert!(begin(&header(0, b"")[..17]).is_err());
        assert!(begin(&row).is_err());
    }
}
