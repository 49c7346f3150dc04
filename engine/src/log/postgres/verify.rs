//! Reading the whole log and deriving everything else again from its records.
//!
//! It holds no snapshot, which would keep the server from tidying the head for as long as it takes. It reads the head
//! once and then what belongs to records up to that size, all of which never changes; what is there beyond, and should
//! not be, is looked for at the end in one statement.

mod indexes;
mod records;

use sqlx::Row;
use sqlx::postgres::PgRow;

use crate::log::audit::altered;
use crate::log::vouch::{earliest, first_wrong};
use crate::log::{Verified, VerifyError};
use crate::merkle::Hash;

use self::records::Singly;
use super::fault::{Fault, fault};
use super::read::{self, HeadRow, Reads, read};

/// The tables of a log.
const TABLES: [&str; 4] = ["log_head", "record", "stream", "tile"];

/// The indexes that keep a log from having anything twice.
const INDEXES: [&str; 7] = [
    "log_head_pkey",
    "record_of_command",
    "record_of_stream",
    "record_pkey",
    "stream_of_name",
    "stream_pkey",
    "tile_pkey",
];

pub(super) async fn verify(
    reads: &Reads,
    progress: &(dyn Fn(u64, u64) + Send + Sync),
) -> Result<Verified, VerifyError> {
    Verification { reads, progress }.run().await
}

/// What a failed read at `position` says: damage is what a verification is there to find.
fn fail(position: u64, error: sqlx::Error) -> VerifyError {
    match fault(&error) {
        Fault::Damaged => altered(position, format!("unreadable: {error}")),
        Fault::Tables => altered(position, format!("the tables are damaged: {error}")),
        _ => VerifyError::Read(super::fault::read_error(position, error)),
    }
}

struct Verification<'v> {
    reads: &'v Reads,
    progress: &'v (dyn Fn(u64, u64) + Send + Sync),
}

impl Verification<'_> {
    async fn run(self) -> Result<Verified, VerifyError> {
        self.schema().await?;
        let head = self.head().await?;
        let size = head.head.size;
        let (found, end) = self.records(size).await;
        let derived = found.derived;
        let mut chain = Hash::default();
        // What stands beside a record was read with it, and may be wrong before the first bad record.
        let mut all = vec![found.beside];
        let records = first_wrong(&mut Singly(self.reads), &derived, end).await;
        if records.is_err() {
            all.push(records);
        } else {
            all.push(
                derived
                    .check_commands(&found.commands)
                    .map(|derived| chain = derived),
            );
            // Reading the places takes as long as all else.
            let (places, others) = tokio::join!(self.places(&derived), async {
                [
                    self.streams(&derived).await,
                    self.ids(size, &found.commands).await,
                    self.tiles(&derived).await,
                ]
            });
            all.extend(others);
            all.push(places);
            all.push(self.beyond(&head, &derived).await);
        }
        earliest(all)?;
        derived.check_head(&head.head, &head.commands, &chain)?;
        Ok(Verified {
            size,
            root: head.head.root,
            checked_records: size,
        })
    }

    async fn all(&self, position: u64, query: &'static str) -> Result<Vec<PgRow>, VerifyError> {
        read(self.reads, || {
            sqlx::query(query).fetch_all(&self.reads.pool)
        })
        .await
        .map_err(|error| fail(position, error))
    }

    /// Nothing but the tables of a log, and nothing that could make them say anything else.
    async fn schema(&self) -> Result<(), VerifyError> {
        let rows = self
            .all(
                0,
                "SELECT relname::text, relkind::text FROM pg_class \
                 WHERE relnamespace = current_schema()::regnamespace ORDER BY relname",
            )
            .await?;
        let mut tables = Vec::new();
        for row in &rows {
            let (name, kind) = (text(row, 0)?, text(row, 1)?);
            match (&*kind, &*name) {
                ("r", _) => tables.push(name),
                // An index more changes no answer; those of a log are looked at below.
                ("i", _) | ("S", "lease_term") => {}
                _ => {
                    return Err(altered(
                        0,
                        format!("the schema has {name:?} of kind {kind:?}, no log has"),
                    ));
                }
            }
        }
        if tables != TABLES {
            return Err(altered(
                0,
                format!("the schema has the tables {tables:?}, a log has {TABLES:?}"),
            ));
        }
        let rows = self
            .all(
                0,
                "SELECT c.relname::text FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid \
                 WHERE c.relnamespace = current_schema()::regnamespace \
                 AND i.indisunique AND i.indisvalid AND i.indisready ORDER BY c.relname",
            )
            .await?;
        let indexes: Vec<String> = rows
            .iter()
            .map(|row| text(row, 0))
            .collect::<Result<_, _>>()?;
        if let Some(missing) = INDEXES
            .iter()
            .find(|name| !indexes.iter().any(|i| i == *name))
        {
            return Err(altered(0, format!("the unique index {missing} is missing")));
        }
        let rows = self
            .all(
                0,
                "SELECT 'a trigger ' || tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid \
                 WHERE c.relnamespace = current_schema()::regnamespace \
                 UNION ALL SELECT 'a rule ' || rulename FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class \
                 WHERE c.relnamespace = current_schema()::regnamespace \
                 UNION ALL SELECT 'row security on ' || relname FROM pg_class \
                 WHERE relnamespace = current_schema()::regnamespace AND relrowsecurity \
                 UNION ALL SELECT 'a child of ' || c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhparent \
                 WHERE c.relnamespace = current_schema()::regnamespace \
                 UNION ALL SELECT 'a function ' || proname FROM pg_proc \
                 WHERE pronamespace = current_schema()::regnamespace \
                 UNION ALL SELECT 'an operator ' || oprname FROM pg_operator \
                 WHERE oprnamespace = current_schema()::regnamespace",
            )
            .await?;
        match rows.first() {
            None => Ok(()),
            Some(row) => Err(altered(
                0,
                format!("the schema has {}, no log has", text(row, 0)?),
            )),
        }
    }

    async fn head(&self) -> Result<HeadRow, VerifyError> {
        let rows = self.all(0, read::HEAD).await?;
        let [row] = &rows[..] else {
            return Err(altered(0, "the head is missing"));
        };
        read::head_row(row).map_err(|error| fail(0, error))
    }
}

fn text(row: &PgRow, column: usize) -> Result<String, VerifyError> {
    row.try_get(column).map_err(|error| fail(0, error))
}

/// An aggregated column: no array at all of no rows.
fn column<'r, T>(row: &'r PgRow, index: usize) -> Result<Vec<T>, sqlx::Error>
where
    Option<Vec<T>>: sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
{
    let found: Option<Vec<T>> = row.try_get(index)?;
    Ok(found.unwrap_or_default())
}
