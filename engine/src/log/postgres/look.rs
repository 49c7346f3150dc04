//! Looking at the log before a batch is planned: where it stands, what is known of the batch's commands and streams, and
//! what other servers have written.

use sqlx::Row;
use sqlx::postgres::{PgConnection, PgRow};
use uuid::Uuid;

use crate::event::{CommandId, Position, StreamId};
use crate::log::audit::event_at;
use crate::log::plan::{Known, Ledger, StreamState, Taken};
use crate::log::{ReadError, RecordedCommand};
use crate::merkle::Hash;

use super::fault::read_error;
use super::ledger::{load_ledger, past_root};
use super::read::{hash, instant, unsigned};

/// How many records of others are taken over one by one; beyond, the ledger is loaded anew.
pub(super) const FOLLOWED: u64 = 4_096;

/// The head, the commands that are known, the streams that exist, and what others have written: one snapshot.
///
/// What others have written comes in one row: first position, stream numbers, revisions, and the leaves end to end.
pub(super) const LOOK: &str = "
SELECT 0::smallint, size, streams, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint, root, commands,
    recorded_at, NULL::uuid, NULL::bigint[], NULL::bigint[]
FROM log_head WHERE id = 1
UNION ALL
SELECT 1::smallint, position, last, NULL, digest, NULL, record, command_id, NULL, NULL
FROM record WHERE command_id = ANY ($1)
UNION ALL
SELECT 2::smallint, s.stream_no,
    (SELECT r.revision FROM record r WHERE r.stream_no = s.stream_no ORDER BY r.revision DESC LIMIT 1),
    NULL, NULL, NULL, s.name, NULL, NULL, NULL
FROM stream s WHERE s.name = ANY ($2)
UNION ALL
SELECT 3::smallint, min(position), count(*), max(position),
    string_agg(sha256('\\x00'::bytea || convert_to(record, 'UTF8')), ''::bytea), NULL,
    NULL, NULL, array_agg(stream_no), array_agg(revision)
FROM (SELECT * FROM record WHERE position > $3 ORDER BY position LIMIT $4) AS others
HAVING count(*) > 0";

/// What a look has found.
pub(super) struct Found {
    /// The server's clock, in microseconds since the epoch.
    pub(super) now: i64,
    pub(super) size: u64,
    pub(super) root: Hash,
    pub(super) streams: u64,
    pub(super) commands: Hash,
    pub(super) last: Option<jiff::Timestamp>,
    pub(super) known: Known,
    pub(super) others: Others,
}

/// What others have written, in order and without a gap.
#[derive(Default)]
pub(super) struct Others {
    /// The position of the first.
    first: u64,
    leaves: Vec<Hash>,
    /// The stream of each as it was after it.
    pub(super) streams: Vec<StreamState>,
}

impl Found {
    /// What the rows of a look say; `from` is where the log was known to stand.
    pub(super) fn of(from: u64, rows: &[PgRow]) -> Result<Self, ReadError> {
        let fail = |error| read_error(from, error);
        let mut found = None;
        let mut known = Known::default();
        let mut others = Others::default();
        for row in rows {
            match row.try_get::<i16, _>(0).map_err(fail)? {
                0 => found = Some(head(row).map_err(fail)?),
                1 => {
                    let (id, taken) = taken(row)?;
                    known.commands.insert(id, taken);
                }
                2 => {
                    let (stream, state) = stream_state(row).map_err(fail)?;
                    known.streams.insert(stream, state);
                }
                _ => others = others_of(row).map_err(fail)?,
            }
        }
        let found = found.ok_or_else(|| ReadError::Corrupt {
            position: from,
            what: "the head is missing".to_owned(),
        })?;
        Ok(Self {
            known,
            others,
            ..found
        })
    }
}

fn head(row: &PgRow) -> Result<Found, sqlx::Error> {
    Ok(Found {
        now: row.try_get(3)?,
        size: unsigned(row, 1)?,
        streams: unsigned(row, 2)?,
        root: hash(row, 4)?,
        commands: hash(row, 5)?,
        last: instant(row.try_get(6)?)?,
        known: Known::default(),
        others: Others::default(),
    })
}

/// A known command: digest, first, last, id, and the first record, which says when.
fn taken(row: &PgRow) -> Result<(CommandId, Taken), ReadError> {
    let command = (|| {
        let command = RecordedCommand {
            first: Position(unsigned(row, 1)?),
            last: Position(unsigned(row, 2)?),
            request_digest: hash(row, 4)?,
        };
        let record: &str = row.try_get(6)?;
        let id: Uuid = row.try_get(7)?;
        Ok((CommandId(id), command, record))
    })();
    let (id, command, record) = command.map_err(|error| read_error(0, error))?;
    let recorded_at = event_at(command.first.0, record)?.recorded_at;
    Ok((
        id,
        Taken {
            command,
            recorded_at,
        },
    ))
}

fn stream_id(name: &str) -> Result<StreamId, sqlx::Error> {
    StreamId::new(name).map_err(|error| sqlx::Error::Decode(error.into()))
}

/// A stream: number, last revision, name.
fn stream_state(row: &PgRow) -> Result<(StreamId, StreamState), sqlx::Error> {
    let state = StreamState {
        number: unsigned(row, 1)?,
        // A stream is made with its first event; without any, the log is damaged.
        events: unsigned(row, 2)? + 1,
    };
    Ok((stream_id(row.try_get(6)?)?, state))
}

fn others_of(row: &PgRow) -> Result<Others, sqlx::Error> {
    let (first, count, last) = (unsigned(row, 1)?, unsigned(row, 2)?, unsigned(row, 3)?);
    let (leaves, streams) = leaves_and_streams(row, [4, 8, 9])?;
    if leaves.len() as u64 != count || last != first + count - 1 {
        return Err(sqlx::Error::Decode("records of others are missing".into()));
    }
    Ok(Others {
        first,
        leaves,
        streams,
    })
}

/// Leaves end to end, and of as many records the stream's number and the revision, from these columns; each stream as it is after
/// the record.
pub(super) fn leaves_and_streams(
    row: &PgRow,
    [leaves, numbers, revisions]: [usize; 3],
) -> Result<(Vec<Hash>, Vec<StreamState>), sqlx::Error> {
    let wrong = |what: &str| sqlx::Error::Decode(what.into());
    let (leaves, rest) = row.try_get::<&[u8], _>(leaves)?.as_chunks::<32>();
    let numbers: Vec<i64> = row.try_get(numbers)?;
    let revisions: Vec<i64> = row.try_get(revisions)?;
    if !rest.is_empty() || [numbers.len(), revisions.len()] != [leaves.len(); 2] {
        return Err(wrong("records of others are not whole"));
    }
    let number = |n: i64| u64::try_from(n).map_err(|_| wrong("a number below nought"));
    let streams = numbers.into_iter().zip(revisions).map(|(no, revision)| {
        Ok(StreamState {
            number: number(no)?,
            events: number(revision)? + 1,
        })
    });
    let streams = streams.collect::<Result<_, sqlx::Error>>()?;
    Ok((leaves.to_vec(), streams))
}

/// Takes over what others have written since `before`, if it leads to the head.
pub(super) fn follow(before: &Ledger, found: &Found) -> Result<Ledger, ReadError> {
    let mut ledger = before.clone();
    if found.others.first == ledger.size() + 1 {
        ledger.take_over(&found.others.leaves);
    }
    if ledger.size() != found.size || ledger.root != found.root {
        return Err(replaced(before, found.size));
    }
    ledger.last = found.last;
    ledger.streams = found.streams;
    ledger.commands = found.commands;
    Ok(ledger)
}

/// The same where others have written more than is followed record by record.
pub(super) async fn follow_far(
    link: &mut PgConnection,
    before: &Ledger,
) -> Result<Ledger, ReadError> {
    let ledger = load_ledger(link).await?;
    if ledger.size() <= before.size() || past_root(link, before.size()).await? != before.root {
        return Err(replaced(before, ledger.size()));
    }
    Ok(ledger)
}

fn replaced(before: &Ledger, found: u64) -> ReadError {
    ReadError::Replaced {
        known: before.size(),
        found: Some(found),
    }
}
