//! The limits of SQLite: the same records in a table of our own, without streams, commands or hashes.
//!
//! Through sqlx, as the product uses it, with the settings of the log (WAL, `synchronous=FULL`, the same interval of
//! checkpoints). sqlx keeps a thread for each connection, and every statement travels to it and back; so one row a
//! transaction is measured three ways: through a pool as most programmes do it, through one connection of one's own
//! in one round trip, which is how the log writes, and 64 transactions a round trip, which is SQLite itself. A hundred
//! rows a transaction are inserted row by row, as most programmes do it, and in one statement, which is SQLite itself.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, Row, SqlitePool};
use tokio::sync::Mutex;

use super::clients;
use super::measure::{Sample, now};
use crate::app::Failure;

/// How many transactions one round trip carries where SQLite is measured without sqlx.
const CARRIED: usize = 64;

/// How many rows a large transaction has.
const LARGE: usize = 100;

/// How many bytes of records go in before anything is measured: more than the write-ahead log takes until it is copied
/// back and begun again. Before, each commit would lengthen the file, which the disk takes longer for.
const WARM: usize = 24 << 20;

/// As many readers as the log has.
const READERS: u32 = 4;

const TABLES: &str = "
CREATE TABLE control (position INTEGER PRIMARY KEY, record TEXT NOT NULL);
CREATE TABLE history (
    position INTEGER PRIMARY KEY, stream INTEGER NOT NULL, revision INTEGER NOT NULL, record TEXT NOT NULL,
    UNIQUE (stream, revision)
);";

const INSERT: &str = "INSERT INTO control (position, record) VALUES (?, ?)";

/// The database of the controls.
pub(super) struct Control {
    connection: SqliteConnection,
    pool: SqlitePool,
    next: i64,
    carried: String,
    large: String,
}

pub(super) fn failed(error: sqlx::Error) -> Failure {
    Failure::Store {
        zh: format!("对照库出错:{error}"),
        en: format!("the database of the controls failed: {error}"),
    }
}

fn int(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(super) fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .pragma("wal_autocheckpoint", "4096")
        .disable_statement_logging()
}

impl Control {
    pub(super) async fn create(path: &Path, record: &str) -> Result<Self, Failure> {
        let mut connection = options(path).connect().await.map_err(failed)?;
        sqlx::raw_sql(TABLES)
            .execute(&mut connection)
            .await
            .map_err(failed)?;
        let warm = WARM / record.len().max(1);
        sqlx::query(
            "INSERT INTO control (position, record) \
             WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < $1) SELECT n, $2 FROM r",
        )
        .bind(int(warm))
        .bind(record)
        .execute(&mut connection)
        .await
        .map_err(failed)?;
        let pool = SqlitePoolOptions::new()
            .max_connections(1)
            .connect_with(options(path))
            .await
            .map_err(failed)?;
        let mut carried = String::new();
        for n in 0..CARRIED {
            // Writing to a String cannot fail.
            let _ = write!(
                carried,
                "INSERT INTO control (position, record) VALUES ($1 + {n}, ${});",
                n + 2
            );
        }
        let rows: Vec<String> = (0..LARGE)
            .map(|n| format!("($1 + {n}, ${})", n + 2))
            .collect();
        let large = format!(
            "INSERT INTO control (position, record) VALUES {}",
            rows.join(", ")
        );
        Ok(Self {
            connection,
            pool,
            next: int(warm) + 1,
            carried,
            large,
        })
    }

    /// The version of SQLite.
    pub(super) async fn version(&mut self) -> Result<String, Failure> {
        let row = sqlx::query("SELECT sqlite_version()")
            .fetch_one(&mut self.connection)
            .await;
        row.and_then(|row| row.try_get(0)).map_err(failed)
    }

    fn position(&mut self, rows: usize) -> i64 {
        let first = self.next;
        self.next += int(rows);
        first
    }

    /// One row a transaction through a pool: acquire with sqlx's ping, begin, insert, commit.
    pub(super) async fn one_pooled(&mut self, records: &[String]) -> Result<Sample, Failure> {
        let mut waits = Vec::with_capacity(records.len());
        let start = now();
        for record in records {
            let asked = now();
            let position = self.position(1);
            let mut transaction = self.pool.begin().await.map_err(failed)?;
            sqlx::query(INSERT)
                .bind(position)
                .bind(record.as_str())
                .execute(&mut *transaction)
                .await
                .map_err(failed)?;
            transaction.commit().await.map_err(failed)?;
            waits.push(now() - asked);
        }
        Ok(Sample::since(start, records.len()).with_waits(waits))
    }

    /// One row a transaction through a connection of one's own: one prepared statement, one round trip.
    pub(super) async fn one(&mut self, records: &[String]) -> Result<Sample, Failure> {
        let mut waits = Vec::with_capacity(records.len());
        let start = now();
        for record in records {
            let asked = now();
            let position = self.position(1);
            sqlx::query(INSERT)
                .bind(position)
                .bind(record.as_str())
                .execute(&mut self.connection)
                .await
                .map_err(failed)?;
            waits.push(now() - asked);
        }
        Ok(Sample::since(start, records.len()).with_waits(waits))
    }

    /// One row a transaction without round trips between them.
    pub(super) async fn one_carried(&mut self, records: &[String]) -> Result<Sample, Failure> {
        let rows = self.chunked(records, CARRIED);
        let sql = self.carried.clone();
        self.run(sql, rows, CARRIED).await
    }

    /// A hundred rows a transaction, each inserted by the prepared statement.
    pub(super) async fn hundred(&mut self, records: &[String]) -> Result<Sample, Failure> {
        let rows = self.chunked(records, LARGE);
        let count = rows.len() * LARGE;
        let start = now();
        for (first, records) in rows {
            self.connection
                .execute("BEGIN IMMEDIATE")
                .await
                .map_err(failed)?;
            for (position, record) in (first..).zip(records) {
                sqlx::query(INSERT)
                    .bind(position)
                    .bind(record.as_str())
                    .execute(&mut self.connection)
                    .await
                    .map_err(failed)?;
            }
            self.connection.execute("COMMIT").await.map_err(failed)?;
        }
        Ok(Sample::since(start, count))
    }

    /// A hundred rows a transaction, in one statement.
    pub(super) async fn hundred_carried(&mut self, records: &[String]) -> Result<Sample, Failure> {
        let rows = self.chunked(records, LARGE);
        let sql = self.large.clone();
        self.run(sql, rows, LARGE).await
    }

    /// Whole chunks, each with its first position; what is left over is not inserted.
    fn chunked<'r>(&mut self, records: &'r [String], size: usize) -> Vec<(i64, &'r [String])> {
        let chunks = records.chunks_exact(size);
        chunks.map(|chunk| (self.position(size), chunk)).collect()
    }

    async fn run(
        &mut self,
        sql: String,
        rows: Vec<(i64, &[String])>,
        size: usize,
    ) -> Result<Sample, Failure> {
        let count = rows.len() * size;
        let start = now();
        for (first, records) in rows {
            // Only positions of parameters are in the text.
            let mut query = sqlx::query(AssertSqlSafe(sql.as_str())).bind(first);
            for record in records {
                query = query.bind(record.as_str());
            }
            query.execute(&mut self.connection).await.map_err(failed)?;
        }
        Ok(Sample::since(start, count))
    }

    pub(super) async fn close(self) -> Result<(), Failure> {
        self.pool.close().await;
        self.connection.close().await.map_err(failed)
    }
}

/// Histories in a plain table: what loading one and adding to it costs without states, rules or proofs.
pub(super) struct Histories {
    readers: SqlitePool,
    writer: Arc<Mutex<SqliteConnection>>,
    streams: i64,
    /// How many events each history has.
    length: i64,
}

impl Histories {
    /// So many histories of `length` records each.
    pub(super) async fn create(
        path: &Path,
        streams: usize,
        length: usize,
        record: &str,
    ) -> Result<Self, Failure> {
        let mut writer = options(path).connect().await.map_err(failed)?;
        sqlx::raw_sql(TABLES)
            .execute(&mut writer)
            .await
            .map_err(failed)?;
        writer.execute("BEGIN").await.map_err(failed)?;
        sqlx::query(
            "INSERT INTO history (stream, revision, record) \
             WITH RECURSIVE r(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM r WHERE n + 1 < $2), \
             s(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM s WHERE n + 1 < $1) \
             SELECT s.n, r.n, $3 FROM r CROSS JOIN s",
        )
        .bind(int(streams))
        .bind(int(length))
        .bind(record)
        .execute(&mut writer)
        .await
        .map_err(failed)?;
        writer.execute("COMMIT").await.map_err(failed)?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .test_before_acquire(false)
            .connect_with(options(path))
            .await
            .map_err(failed)?;
        Ok(Self {
            readers,
            writer: Arc::new(Mutex::new(writer)),
            streams: int(streams),
            length: int(length),
        })
    }

    /// Each client reads the whole history of a stream, and inserts one row under its next revision.
    pub(super) async fn select_and_insert(
        &mut self,
        clients: usize,
        record: &str,
    ) -> Result<Sample, Failure> {
        let (readers, writer, length) =
            (self.readers.clone(), Arc::clone(&self.writer), self.length);
        let record: Arc<str> = record.into();
        let sample = clients::run(clients, (0..self.streams).collect(), move |stream: i64| {
            let (readers, writer, record) =
                (readers.clone(), Arc::clone(&writer), Arc::clone(&record));
            async move {
                let rows = sqlx::query(
                    "SELECT revision, record FROM history WHERE stream = ? ORDER BY revision",
                )
                .bind(stream)
                .fetch_all(&readers)
                .await
                .map_err(failed)?;
                if rows.len() as i64 != length {
                    return Err(failed(sqlx::Error::RowNotFound));
                }
                sqlx::query("INSERT INTO history (stream, revision, record) VALUES (?, ?, ?)")
                    .bind(stream)
                    .bind(length)
                    .bind(&*record)
                    .execute(&mut *writer.lock().await)
                    .await
                    .map_err(failed)?;
                Ok(())
            }
        })
        .await?;
        self.length += 1;
        Ok(sample)
    }

    pub(super) async fn close(self) {
        self.readers.close().await;
    }
}
