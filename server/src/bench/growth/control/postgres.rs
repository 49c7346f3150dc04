//! The raw table of the log's rows, in the database that the log is in.

use sqlx::postgres::PgConnection;
use sqlx::{ConnectOptions, Connection, Executor, Row};

use super::Place;
use crate::app::Failure;
use crate::bench::database::{Database, copied, failed, stored_bytes};
use crate::bench::measure::{Sample, now};

/// The log has a schema of its own, so this is nowhere near it.
const TABLE: &str = "
CREATE TABLE public.history (
    position bigint GENERATED ALWAYS AS IDENTITY, stream bigint NOT NULL, revision bigint NOT NULL,
    record text NOT NULL, UNIQUE (stream, revision)
)";

const INSERT: &str = "INSERT INTO public.history (stream, revision, record) VALUES ($1, $2, $3)";

pub(super) struct Postgres {
    writer: PgConnection,
    reader: PgConnection,
}

impl Postgres {
    pub(super) async fn create(database: &Database) -> Result<Self, Failure> {
        let options = database.options().disable_statement_logging();
        let mut writer = options.connect().await.map_err(failed)?;
        writer.execute(sqlx::raw_sql(TABLE)).await.map_err(failed)?;
        Ok(Self {
            writer,
            reader: options.connect().await.map_err(failed)?,
        })
    }

    /// Adds rows in one COPY.
    pub(super) async fn add(&mut self, rows: &[(Place, &str)]) -> Result<(), Failure> {
        let mut text = String::new();
        for ((stream, revision), record) in rows {
            copied(&mut text, stream, revision, record);
        }
        let mut copy = self
            .writer
            .copy_in_raw("COPY public.history (stream, revision, record) FROM STDIN")
            .await
            .map_err(failed)?;
        for chunk in text.as_bytes().chunks(1 << 20) {
            copy.send(chunk).await.map_err(failed)?;
        }
        copy.finish().await.map_err(failed)?;
        Ok(())
    }

    /// Every table of the database, whoever's.
    pub(super) async fn settle(&mut self) -> Result<(), Failure> {
        let vacuum = sqlx::raw_sql("VACUUM (ANALYZE)");
        self.writer.execute(vacuum).await.map_err(failed)?;
        Ok(())
    }

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

    pub(super) async fn load(&mut self, projects: &[u64]) -> Result<Sample, Failure> {
        let mut waits = Vec::with_capacity(projects.len());
        let start = now();
        for project in projects {
            let asked = now();
            let rows = sqlx::query(
                "SELECT revision, record FROM public.history WHERE stream = $1 ORDER BY revision",
            )
            .bind(i64::try_from(*project).unwrap_or(i64::MAX))
            .fetch_all(&mut self.reader)
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

    pub(super) async fn log_bytes(&mut self) -> Result<f64, Failure> {
        stored_bytes(&mut self.reader).await
    }

    pub(super) async fn close(self) -> Result<(), Failure> {
        self.reader.close().await.map_err(failed)?;
        self.writer.close().await.map_err(failed)
    }
}
