//! Making and opening the log.

use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection, PgPoolOptions};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Row};
use uuid::Uuid;

use crate::clock::Clock;
use crate::log::audit::{event_at, origin_of};
use crate::log::options::{CreateOptions, LogOptions, OpenError, Unsuitable};
use crate::log::plan::{Batch, Known, Ledger, plan};
use crate::log::prepare::log_created;
use crate::log::{AppendError, Origin, ReadError};
use crate::merkle::empty_root;

use super::fault::{open_error, silence};
use super::ledger::load_ledger;
use super::place::{Address, answer_within};
use super::read::{self, Reads};
use super::relay::{Relay, make_relay};
use super::rights::grant_to;
use super::skew::Skew;
use super::store::PostgresStore;
use super::turn::Turn;
use super::watch::Ears;
use super::write::{self, Seen};

/// The version of the tables. A log with a greater one is of a newer build.
const SCHEMA_VERSION: i64 = 1;

/// The oldest major version of the server.
const OLDEST: u32 = 15;

const SCHEMA: &str = include_str!("../../../migrations/postgres/0001_log.sql");

pub(super) struct Opened {
    pub(super) place: Address,
    pub(super) store: PostgresStore,
    pub(super) ledger: Ledger,
    pub(super) reads: Reads,
    pub(super) ears: Ears,
    pub(super) origin: Origin,
}

/// What is in the schema.
pub(super) enum Marks {
    /// Nothing, or there is no schema.
    Blank,
    Ours,
}

pub(super) async fn connect(
    place: &Address,
    options: &PgConnectOptions,
    busy: Duration,
) -> Result<PgConnection, OpenError> {
    let connecting = tokio::time::timeout(answer_within(busy), options.connect());
    let connected = connecting.await.unwrap_or_else(|_| Err(silence()));
    connected.map_err(|error| open_error(place, error))
}

/// Looks at the server without changing anything. What it finds lacking in durability, it mends for our connections.
pub(super) async fn probe(place: &mut Address, busy: Duration) -> Result<Marks, OpenError> {
    let mut conn = connect(place, &place.probe(), busy).await?;
    let fail = |error| open_error(place, error);
    let row = sqlx::query(
        "SELECT current_setting('server_version_num')::integer, pg_is_in_recovery(), \
         current_setting('server_encoding'), current_setting('synchronous_commit'), current_setting('fsync'), \
         coalesce((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), false)",
    )
    .fetch_one(&mut conn)
    .await
    .map_err(fail)?;
    let number: i32 = row.try_get(0).map_err(fail)?;
    let replica: bool = row.try_get(1).map_err(fail)?;
    let encoding: String = row.try_get(2).map_err(fail)?;
    let synchronous: String = row.try_get(3).map_err(fail)?;
    let fsync: String = row.try_get(4).map_err(fail)?;
    let encrypted: bool = row.try_get(5).map_err(fail)?;
    check_version(place, number)?;
    if replica {
        return Err(OpenError::Replica { path: place.path() });
    }
    if encoding != "UTF8" {
        return Err(OpenError::Unsuitable {
            path: place.path(),
            what: Unsuitable::Encoding { encoding },
        });
    }
    let found = marks(place, &mut conn).await?;
    if fsync != "on" {
        tracing::warn!(
            place = %place.path().display(),
            "the database server runs with fsync off: a power cut can lose acknowledged records"
        );
    }
    if !encrypted && !place.is_local() {
        tracing::warn!(
            place = %place.path().display(),
            "the connection to the database server is not encrypted: say sslmode=verify-full and sslrootcert=FILE"
        );
    }
    if synchronous == "off" {
        place.make_synchronous();
    }
    let _ = conn.close().await;
    Ok(found)
}

/// `number` is the server's own, for example 150018.
fn check_version(place: &Address, number: i32) -> Result<(), OpenError> {
    let found = number.unsigned_abs() / 10_000;
    if found < OLDEST {
        return Err(OpenError::TooOld {
            path: place.path(),
            found,
            needed: OLDEST,
        });
    }
    Ok(())
}

async fn marks(place: &Address, conn: &mut PgConnection) -> Result<Marks, OpenError> {
    let fail = |error| open_error(place, error);
    let relations: Vec<String> = sqlx::query_scalar(
        "SELECT relname::text FROM pg_class WHERE relnamespace = to_regnamespace($1) ORDER BY relname",
    )
    .bind(place.schema())
    .fetch_all(&mut *conn)
    .await
    .map_err(fail)?;
    if relations.is_empty() {
        return Ok(Marks::Blank);
    }
    let columns: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM pg_attribute WHERE attrelid = to_regclass($1) \
         AND attname IN ('schema_version', 'size', 'root', 'origin')",
    )
    .bind(format!("{}.log_head", place.schema()))
    .fetch_one(&mut *conn)
    .await
    .map_err(|error| match super::fault::fault(&error) {
        super::fault::Fault::Permission => OpenError::Permission { path: place.path() },
        _ => open_error(place, error),
    })?;
    if columns != 4 {
        return Err(OpenError::Unsuitable {
            path: place.path(),
            what: Unsuitable::Occupied { relations },
        });
    }
    let query = format!("SELECT schema_version FROM {}.log_head", place.schema());
    let versions: Vec<i32> = sqlx::query_scalar(AssertSqlSafe(query))
        .fetch_all(&mut *conn)
        .await
        .map_err(fail)?;
    match versions.first().copied().map(i64::from) {
        Some(SCHEMA_VERSION) => Ok(Marks::Ours),
        Some(found) if found > SCHEMA_VERSION => Err(OpenError::Newer {
            path: place.path(),
            found,
            known: SCHEMA_VERSION,
        }),
        Some(found) => Err(OpenError::Corrupt {
            path: place.path(),
            what: format!("schema version {found} was never written"),
        }),
        None => Err(OpenError::Corrupt {
            path: place.path(),
            what: "the head is missing".to_owned(),
        }),
    }
}

/// Makes the schema with its tables, grants and first record, in one transaction.
pub(super) async fn create(
    url: &str,
    create: &CreateOptions,
    options: &LogOptions,
    clock: &dyn Clock,
) -> Result<(), OpenError> {
    let mut place = Address::parse(url)?;
    let now = clock.now();
    let first =
        log_created(create, now).map_err(|error| OpenError::Origin(AppendError::Invalid(error)))?;
    let plan = plan(&Ledger::empty(), &Known::default(), [&first], now, None);
    for outcome in plan.outcomes {
        outcome.map_err(OpenError::Origin)?;
    }
    let exists = |place: &Address| OpenError::AlreadyExists { path: place.path() };
    let busy = options.busy_timeout;
    if let Marks::Ours = probe(&mut place, busy).await? {
        return Err(exists(&place));
    }
    let fail = |error| open_error(&place, error);
    let connection = place.connection("anju migration", busy);
    let mut conn = connect(&place, &connection, busy).await?;
    // One at a time: two of them would fail in each other's way with less telling errors.
    sqlx::raw_sql("BEGIN")
        .execute(&mut conn)
        .await
        .map_err(fail)?;
    sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))")
        .bind(format!("anju migration {}", place.schema()))
        .execute(&mut conn)
        .await
        .map_err(fail)?;
    if let Marks::Ours = marks(&place, &mut conn).await? {
        return Err(exists(&place));
    }
    let schema = place.schema();
    let make = format!("CREATE SCHEMA IF NOT EXISTS {schema};\n{SCHEMA}");
    sqlx::raw_sql(AssertSqlSafe(make))
        .execute(&mut conn)
        .await
        .map_err(fail)?;
    make_relay(&mut conn, &place).await.map_err(fail)?;
    if let Some(role) = place.application() {
        grant_to(&mut conn, &place, role).await?;
    }
    first_record(&mut conn, create, &plan.batch, &plan.ledger)
        .await
        .map_err(fail)?;
    sqlx::raw_sql("COMMIT")
        .execute(&mut conn)
        .await
        .map_err(fail)?;
    let _ = conn.close().await;
    Ok(())
}

async fn first_record(
    conn: &mut PgConnection,
    create: &CreateOptions,
    batch: &Batch,
    ledger: &Ledger,
) -> Result<(), sqlx::Error> {
    let empty = Ledger::empty();
    sqlx::query(
        "INSERT INTO log_head (id, schema_version, size, root, recorded_at, streams, commands, origin, simulated, seed) \
         VALUES (1, $1, 0, $2, NULL, 0, $3, $4, $5, $6)",
    )
    .bind(i32::try_from(SCHEMA_VERSION).unwrap_or(i32::MAX))
    .bind(empty_root().to_vec())
    .bind(empty.commands.to_vec())
    .bind(&create.origin.name)
    .bind(create.origin.simulated)
    .bind(create.origin.seed.and_then(|seed| i64::try_from(seed).ok()))
    .execute(&mut *conn)
    .await?;
    let seen = Seen::of(&empty);
    let rows = write::query(batch, ledger, &seen, &[], "", None)
        .fetch_all(&mut *conn)
        .await?;
    if rows.len() == 1 {
        Ok(())
    } else {
        Err(sqlx::Error::RowNotFound)
    }
}

/// The connections that read.
fn reads(place: &Address, options: &LogOptions) -> Reads {
    let busy = options.busy_timeout;
    let within = answer_within(busy);
    let pool = PgPoolOptions::new()
        .max_connections(options.readers.max(1))
        .min_connections(0)
        .acquire_timeout(within)
        // A ping before each query costs more than the query: a broken connection shows soon enough.
        .test_before_acquire(false)
        .connect_lazy_with(place.connection("anju reader", busy));
    Reads { pool, within }
}

/// What reads a log of which nothing is believed yet.
pub(super) fn unchecked(url: &str, options: &LogOptions) -> Result<Reads, OpenError> {
    Ok(reads(&Address::parse(url)?, options))
}

/// Opens the log and checks that its head is that of its records and tiles.
pub(super) async fn open(
    url: &str,
    options: &LogOptions,
    clock: &std::sync::Arc<dyn Clock>,
) -> Result<Opened, OpenError> {
    let mut place = Address::parse(url)?;
    let busy = options.busy_timeout;
    if let Marks::Blank = probe(&mut place, busy).await? {
        return Err(OpenError::NotFound { path: place.path() });
    }
    let name = format!("anju writer {}", Uuid::new_v4().simple());
    let mut conn = connect(&place, &place.connection(&name, busy), busy).await?;
    let reads = reads(&place, options);
    let found = match check(&mut conn, &reads, &place).await {
        Ok(found) => found,
        Err(error) => {
            reads.pool.close().await;
            let _ = conn.close().await;
            return Err(error);
        }
    };
    let (ledger, origin) = found;
    let allowed = options.max_clock_skew.filter(|_| !origin.simulated);
    let mut skew = Skew::new(std::sync::Arc::clone(clock), allowed);
    let before = skew.before();
    let server: i64 =
        sqlx::query_scalar("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint")
            .fetch_one(&mut conn)
            .await
            .map_err(|error| open_error(&place, error))?;
    skew.answered(before, server);
    if let Some(offset) = skew.doubt() {
        tracing::warn!(%offset, "this machine's clock is off the database's: no append will be taken");
    }
    let ears = Ears::new(&place, busy);
    let turn = Turn::new(place.schema());
    let mut relay = Relay::new(&place, &turn, busy);
    relay
        .probe(&mut conn)
        .await
        .map_err(|error| open_error(&place, error))?;
    Ok(Opened {
        store: PostgresStore::new(&place, name, conn, skew, ears.others(), (turn, relay), busy),
        ears,
        place,
        ledger,
        reads,
        origin,
    })
}

async fn check(
    conn: &mut PgConnection,
    reads: &Reads,
    place: &Address,
) -> Result<(Ledger, Origin), OpenError> {
    let corrupt = |what: String| OpenError::Corrupt {
        path: place.path(),
        what,
    };
    let read_failed = |error| match error {
        ReadError::Corrupt { position, what } => corrupt(format!("at position {position}: {what}")),
        // A newer build marks its tables as newer: in these, no record may have what this build does not know.
        ReadError::Newer { position, what } => {
            corrupt(format!("at position {position}: unknown {what}"))
        }
        ReadError::Unavailable(source) => match source.downcast::<sqlx::Error>() {
            Ok(error) => open_error(place, *error),
            Err(source) => OpenError::Unavailable {
                path: place.path(),
                source,
            },
        },
        other => OpenError::Unavailable {
            path: place.path(),
            source: Box::new(other),
        },
    };
    let owner: bool = sqlx::query_scalar(
        "SELECT pg_has_role(relowner, 'USAGE') FROM pg_class WHERE oid = 'log_head'::regclass",
    )
    .fetch_one(&mut *conn)
    .await
    .map_err(|error| open_error(place, error))?;
    if owner {
        tracing::warn!(
            place = %place.path().display(),
            "connected as the owner of the log, whom the database lets alter it: connect as the application's role"
        );
    }
    let ledger = load_ledger(conn).await.map_err(read_failed)?;
    let head = read::head(reads).await.map_err(read_failed)?;
    let ends: Option<i64> = sqlx::query_scalar(
        "SELECT r.last FROM (SELECT max(position) AS last FROM record) r, log_head WHERE r.last <> size",
    )
    .fetch_optional(&mut *conn)
    .await
    .map_err(|error| open_error(place, error))?;
    if let Some(last) = ends {
        return Err(corrupt(format!(
            "the head says {} records, the last is {last}",
            head.size
        )));
    }
    let first = read::records(reads, 1, 1).await.map_err(read_failed)?;
    let Some(first) = first.first() else {
        return Err(corrupt("the first record is missing".to_owned()));
    };
    let first = event_at(1, first).map_err(read_failed)?;
    if origin_of(&first).as_ref() != Some(&head.origin) {
        return Err(corrupt(
            "the head and the first record name different origins".to_owned(),
        ));
    }
    Ok((ledger, head.origin))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_older_than_fifteen_are_refused() {
        let place = Address::parse("postgres://me@h/d").unwrap();
        assert!(check_version(&place, 150_000).is_ok());
        assert!(check_version(&place, 180_002).is_ok());
        for (number, major) in [(140_019, 14), (90_624, 9)] {
            assert!(matches!(
                check_version(&place, number),
                Err(OpenError::TooOld { found, needed: 15, .. }) if found == major
            ));
        }
    }
}
