//! Comparing the index of commands with what the records say.
//!
//! It is the only place where the digest of a request stands, so the head has a hash over all of them, in the order of
//! their records; the index has them in the order of their ids.

use std::sync::Arc;

use sqlx::Row;

use crate::event::{CommandId, Position};
use crate::log::audit::Derived;
use crate::log::group::on_a_thread;
use crate::log::plan::chain;
use crate::log::vouch::first_wrong;
use crate::log::{RecordedCommand, VerifyError};
use crate::merkle::Hash;

use super::indexes::INDEX_GROUP;
use super::{Verification, fail};
use crate::log::sqlite::read::recorded_command;

/// How many bytes an id and a digest have.
const ID: usize = 16;
const DIGEST: usize = 32;

/// The rows after an id: how many; whether each id and each digest is as long as it must be; all of them as bytes, each id,
/// digest, first position, `,`, how many more events, `;`; the last id.
const ROWS: &str = "SELECT count(*), min(length(command_id) = 16 AND length(digest) = 32), \
     CAST(coalesce(group_concat(command_id || digest || first || ',' || (last - first) || ';', ''), '') AS BLOB), \
     max(command_id) FROM (SELECT * FROM command WHERE command_id > ? ORDER BY command_id LIMIT ? + 0)";

impl Verification<'_> {
    /// The hash over all commands, of an index that has each of them once and nothing else.
    pub(super) async fn commands(&mut self, derived: &Arc<Derived>) -> Result<Hash, VerifyError> {
        let mut found = Found::new(derived.clone());
        let mut before: Option<Rows> = None;
        let mut after: Option<Vec<u8>> = Some(Vec::new());
        while before.is_some() || after.is_some() {
            let next = async {
                let Some(after) = &after else { return Ok(None) };
                let row = sqlx::query(ROWS)
                    .bind(after.as_slice())
                    .bind(INDEX_GROUP as i64)
                    .fetch_one(&mut *self.conn)
                    .await?;
                let rows = Rows {
                    count: row.try_get(0)?,
                    well_formed: row.try_get::<Option<bool>, _>(1)?.unwrap_or(true),
                    bytes: row.try_get(2)?,
                };
                let last: Option<Vec<u8>> = row.try_get(3)?;
                Ok::<_, sqlx::Error>(Some((rows, last)))
            };
            // While the next group is read, the one before is compared.
            let compare = async {
                before
                    .as_ref()
                    .is_none_or(|rows| found.take(rows).is_some())
            };
            let (Ok(next), true) = tokio::join!(next, compare) else {
                return self.commands_one_by_one(derived).await;
            };
            (before, after) = match next {
                Some((rows, last)) => (Some(rows), last),
                None => (None, None),
            };
        }
        match on_a_thread(move || found.chain()).await? {
            Some(chain) => Ok(chain),
            None => self.commands_one_by_one(derived).await,
        }
    }

    /// Says what is wrong.
    async fn commands_one_by_one(&mut self, derived: &Derived) -> Result<Hash, VerifyError> {
        first_wrong(self, derived, Ok(())).await?;
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
        derived.check_commands(&commands)
    }
}

/// Some rows of the index.
struct Rows {
    count: i64,
    well_formed: bool,
    bytes: Vec<u8>,
}

/// Which commands of the records the index has.
struct Found {
    derived: Arc<Derived>,
    /// The digest of each, by its place among the commands of the records; all zero where it has not come yet.
    digests: Vec<Hash>,
    /// How many have come.
    count: usize,
    /// The place that is likely to be the next: ids that a clock has made come in the order of their records.
    next: usize,
    last: Option<[u8; ID]>,
}

impl Found {
    fn new(derived: Arc<Derived>) -> Self {
        Self {
            digests: vec![Hash::default(); derived.commands.len()],
            derived,
            count: 0,
            next: 0,
            last: None,
        }
    }

    /// Takes the next rows. `None` if one is not that of a command which the records have, or they are not in order: ids
    /// that rise are none twice, in the index and so in the records.
    fn take(&mut self, rows: &Rows) -> Option<()> {
        let (mut rest, mut count) = (rows.bytes.as_slice(), 0);
        while !rest.is_empty() {
            let (id, digest);
            (id, rest) = rest.split_first_chunk::<ID>()?;
            (digest, rest) = rest.split_first_chunk::<DIGEST>()?;
            let (first, more);
            (first, rest) = number(rest, b',')?;
            (more, rest) = number(rest, b';')?;
            let rises = self.last.is_none_or(|last| last < *id);
            self.last = Some(*id);
            let place = self.place(first)?;
            let (wanted, from, to) = self.derived.commands.get(place)?;
            if !rises
                || wanted.0.as_bytes() != id
                || (*from, *to) != (first, first.checked_add(more)?)
            {
                return None;
            }
            *self.digests.get_mut(place)? = *digest;
            self.next = place + 1;
            count += 1;
        }
        self.count += count;
        (rows.well_formed && i64::try_from(count) == Ok(rows.count)).then_some(())
    }

    /// The place of the command that begins at a position.
    fn place(&self, first: u64) -> Option<usize> {
        let commands = &self.derived.commands;
        match commands.get(self.next) {
            Some((_, from, _)) if *from == first => Some(self.next),
            _ => commands
                .binary_search_by_key(&first, |(_, from, _)| *from)
                .ok(),
        }
    }

    /// The hash over all commands; `None` if one has not come. As many as there are have come, each of another id, and so to
    /// a place of its own.
    fn chain(&self) -> Option<Hash> {
        if self.count != self.digests.len() {
            return None;
        }
        let mut hash = Hash::default();
        for ((id, first, last), digest) in self.derived.commands.iter().zip(&self.digests) {
            let command = RecordedCommand {
                request_digest: *digest,
                first: Position(*first),
                last: Position(*last),
            };
            hash = chain(&hash, *id, &command);
        }
        Some(hash)
    }
}

/// A number in digits up to the byte that ends it, and what comes after.
fn number(bytes: &[u8], end: u8) -> Option<(u64, &[u8])> {
    let mut number = 0_u64;
    for (at, byte) in bytes.iter().enumerate() {
        if *byte == end && at > 0 {
            return Some((number, bytes.get(at + 1..)?));
        }
        let digit = byte.checked_sub(b'0').filter(|digit| *digit < 10)?;
        number = number.checked_mul(10)?.checked_add(u64::from(digit))?;
    }
    None
}
