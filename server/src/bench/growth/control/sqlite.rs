//! The raw tables in a SQLite file.

use std::fmt::Write as _;
use std::path::Path;

use sqlx::sqlite::{SqliteConnection, SqlitePoolOptions};
use sqlx::{ConnectOptions, Connection, Executor, Row, SqlitePool};

use super::Place;
use crate::app::Failure;
use crate::bench::measure::{Sample, now};
use crate::bench::sqlite::{failed, options};

const TABLES: &str = "
CREATE TABLE history (
    position INTEGER PRIMARY KEY, stream INTEGER NOT NULL, revision INTEGER NOT NULL, record TEXT NOT NULL,
    UNIQUE (stream, revision)
);
CREATE TABLE stream (number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE project (
    number INTEGER PRIMARY KEY, name TEXT NOT NULL, area TEXT NOT NULL, stage TEXT NOT NULL, status TEXT NOT NULL,
    due TEXT NOT NULL, households INTEGER NOT NULL, open TEXT NOT NULL
);
CREATE INDEX project_by_due ON project (due);";

const INSERT: &str = "INSERT INTO history (stream, revision, record) VALUES (?, ?, ?)";

pub(super) struct Sqlite {
    writer: SqliteConnection,
    readers: SqlitePool,
    projects: u64,
}

impl Sqlite {
    pub(super) async fn create(path: &Path) -> Result<Self, Failure> {
        let options = options(path).pragma("cache_size", "-32768");
        let mut writer = options.clone().connect().await.map_err(failed)?;
        writer
            .execute(sqlx::raw_sql(TABLES))
            .await
            .map_err(failed)?;
        let readers = SqlitePoolOptions::new()
            .max_connections(1)
            .test_before_acquire(false)
            .connect_with(options)
            .await
            .map_err(failed)?;
        Ok(Self {
            writer,
            readers,
            projects: 0,
        })
    }

    pub(super) async fn version(&mut self) -> Result<String, Failure> {
        let row = sqlx::query("SELECT sqlite_version()").fetch_one(&mut self.writer);
        row.await.and_then(|row| row.try_get(0)).map_err(failed)
    }

    /// Adds rows in one transaction.
    pub(super) async fn add(&mut self, rows: &[(Place, &str)]) -> Result<(), Failure> {
        self.writer.execute("BEGIN").await.map_err(failed)?;
        for ((stream, revision), record) in rows {
            sqlx::query(INSERT)
                .bind(stream)
                .bind(revision)
                .bind(*record)
                .execute(&mut self.writer)
                .await
                .map_err(failed)?;
        }
        self.writer.execute("COMMIT").await.map_err(failed)?;
        Ok(())
    }

    /// One row a transaction through one connection of one's own, at these streams and revisions.
    pub(super) async fn append(
        &mut self,
        records: &[String],
        places: &[Place],
    ) -> Result<Sample, Failure> {
        let mut waits = Vec::with_capacity(records.len());
        let start = now();
        for (record, (stream, revision)) in records.iter().zip(places) {
            let asked = now();
            sqlx::query(INSERT)
                .bind(stream)
                .bind(revision)
                .bind(record.as_str())
                .execute(&mut self.writer)
                .await
                .map_err(failed)?;
            waits.push(now() - asked);
        }
        Ok(Sample::since(start, records.len()).with_waits(waits))
    }

    /// The rows of each of these projects, in order.
    pub(super) async fn load(&self, projects: &[u64]) -> Result<Sample, Failure> {
        let mut waits = Vec::with_capacity(projects.len());
        let start = now();
        for project in projects {
            let asked = now();
            let rows = sqlx::query(
                "SELECT revision, record FROM history WHERE stream = ? ORDER BY revision",
            )
            .bind(i64::try_from(*project).unwrap_or(i64::MAX))
            .fetch_all(&self.readers)
            .await
            .map_err(failed)?;
            if rows.is_empty() {
                return Err(failed(sqlx::Error::RowNotFound));
            }
            for row in &rows {
                let _: &str = row.try_get(1).map_err(failed)?;
            }
            waits.push(now() - asked);
        }
        Ok(Sample::since(start, projects.len()).with_waits(waits))
    }

    /// Makes the rows of so many projects, each with about as much as a list shows of one.
    pub(super) async fn projects(&mut self, count: u64) -> Result<(), Failure> {
        let mut open = String::new();
        while open.len() < 200 {
            // Writing to a String cannot fail.
            let _ = write!(open, "{{\"deadline\":{}}},", open.len());
        }
        sqlx::query(
            "INSERT INTO project (number, name, area, stage, status, due, households, open) \
             WITH RECURSIVE n(i) AS (SELECT $1 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < $2) \
             SELECT i, '测试小区' || i, 'area-' || (i % 20), 'stage-' || (i % 8), 'active', \
                 date('2021-01-01', (i * 7919 % 365) || ' days'), 319, $3 FROM n WHERE $1 < $2",
        )
        .bind(i64::try_from(self.projects).unwrap_or(i64::MAX))
        .bind(i64::try_from(count).unwrap_or(i64::MAX))
        .bind(open)
        .execute(&mut self.writer)
        .await
        .map_err(failed)?;
        self.projects = count;
        Ok(())
    }

    /// As many rows as ours answers with, the earliest due first, so many times.
    pub(super) async fn stalled(&self, rows: usize, times: usize) -> Result<Sample, Failure> {
        let start = now();
        for _ in 0..times {
            self.late(rows).await?;
        }
        Ok(Sample::since(start, times))
    }

    /// One page of such rows, and how many there are by area, so many times.
    pub(super) async fn stalled_page(&self, rows: usize, times: usize) -> Result<Sample, Failure> {
        let start = now();
        for _ in 0..times {
            self.late(rows).await?;
            sqlx::query(
                "SELECT area, count(*) FROM project WHERE due < '2022-01-01' GROUP BY area",
            )
            .fetch_all(&self.readers)
            .await
            .map_err(failed)?;
        }
        Ok(Sample::since(start, times))
    }

    async fn late(&self, rows: usize) -> Result<(), Failure> {
        let found = sqlx::query(
            "SELECT number, name, area, stage, status, due, households, open FROM project \
             WHERE due < '2022-01-01' ORDER BY due LIMIT ?",
        )
        .bind(i64::try_from(rows).unwrap_or(i64::MAX))
        .fetch_all(&self.readers)
        .await
        .map_err(failed)?;
        for row in &found {
            for column in [1, 2, 3, 4, 5, 7] {
                let _: String = row.try_get(column).map_err(failed)?;
            }
        }
        Ok(())
    }

    /// One group and sum over all projects, so many times.
    pub(super) async fn progress(&self, times: usize) -> Result<Sample, Failure> {
        let start = now();
        for _ in 0..times {
            sqlx::query(
                "SELECT area, stage, status, count(*), sum(households) FROM project GROUP BY area, stage, status",
            )
            .fetch_all(&self.readers)
            .await
            .map_err(failed)?;
        }
        Ok(Sample::since(start, times))
    }

    pub(super) async fn close(self) -> Result<(), Failure> {
        self.readers.close().await;
        self.writer.close().await.map_err(failed)
    }
}
