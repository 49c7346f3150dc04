//! The raw tables that grow with the log: the same records, one index, no states, no rules, no proofs.

use std::fmt::Write as _;
use std::path::Path;

use sqlx::sqlite::{SqliteConnection, SqlitePoolOptions};
use sqlx::{ConnectOptions, Connection, Executor, Row, SqlitePool};

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

/// What a record says of its stream, as far as the raw table keeps it.
fn place(record: &str) -> Option<(&str, i64)> {
    // Canonical: the keys stand in their order, and neither value has escapes.
    let (_, stream) = record.rsplit_once(r#""stream":""#)?;
    let (_, revision) = record.rsplit_once(r#""revision":"#)?;
    let (stream, _) = stream.split_once('"')?;
    let digits = revision.split(|c: char| !c.is_ascii_digit()).next()?;
    Some((stream, digits.parse().ok()?))
}

pub(super) struct Control {
    writer: SqliteConnection,
    readers: SqlitePool,
    /// How many records of the log it has or stands for.
    size: u64,
    projects: u64,
}

impl Control {
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
            size: 0,
            projects: 0,
        })
    }

    pub(super) async fn version(&mut self) -> Result<String, Failure> {
        let row = sqlx::query("SELECT sqlite_version()").fetch_one(&mut self.writer);
        row.await.and_then(|row| row.try_get(0)).map_err(failed)
    }

    /// How many records it has.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// Takes it that it has what the log has: as many records were appended to it by itself.
    pub(super) fn skip_to(&mut self, size: u64) {
        self.size = size;
    }

    /// Adds records of the log in one transaction: this is not measured.
    pub(super) async fn add(&mut self, records: &[String]) -> Result<(), Failure> {
        self.writer.execute("BEGIN").await.map_err(failed)?;
        for record in records {
            let Some((stream, revision)) = place(record) else {
                continue;
            };
            let number = match stream.strip_prefix("project-bench-") {
                Some(digits) => digits.parse().unwrap_or(-1),
                None => -1,
            };
            if number < 0 {
                // What is no project's is no history here.
                continue;
            }
            sqlx::query(INSERT)
                .bind(number)
                .bind(revision)
                .bind(record.as_str())
                .execute(&mut self.writer)
                .await
                .map_err(failed)?;
        }
        self.writer.execute("COMMIT").await.map_err(failed)?;
        self.size += records.len() as u64;
        Ok(())
    }

    /// One row a transaction through one connection of one's own, at these streams and revisions.
    pub(super) async fn append(
        &mut self,
        records: &[String],
        places: &[(i64, i64)],
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
        }
        Ok(Sample::since(start, times))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stream_and_revision_are_read_from_the_end_of_a_record() {
        let record = r#"{"data":{"note":"\"stream\":\"x\""},"revision":44,"source":"screen","stream":"project-bench-7","type":"t"}"#;
        assert_eq!(place(record), Some(("project-bench-7", 44)));
        assert_eq!(place("{}"), None);
    }
}
