//! The raw tables that grow with the log: the same records, one index, no states, no rules, no proofs.

mod postgres;
mod sqlite;

use std::path::Path;

use crate::app::Failure;
use crate::bench::database::Database;
use crate::bench::measure::Sample;
use postgres::Postgres;
use sqlite::Sqlite;

/// The number of a project, and the revision of its event.
pub(super) type Place = (i64, i64);

/// Where among the projects' events a record stands; `None` for what is no project's.
fn place(record: &str) -> Option<Place> {
    // Canonical: the keys stand in their order, and neither value has escapes.
    let (_, stream) = record.rsplit_once(r#""stream":"project-bench-"#)?;
    let (_, revision) = record.rsplit_once(r#""revision":"#)?;
    let (number, _) = stream.split_once('"')?;
    let digits = revision.split(|c: char| !c.is_ascii_digit()).next()?;
    Some((number.parse().ok()?, digits.parse().ok()?))
}

/// The raw tables of one growing log: its rows in a store of the same kind as the log's. What the read models are
/// compared with stands in SQLite, as they do, wherever the log is.
pub(super) struct Control {
    sqlite: Sqlite,
    postgres: Option<Postgres>,
    /// How many records of the log it has or stands for.
    size: u64,
}

impl Control {
    /// New and empty, in a file, and for a log in a database in that.
    pub(super) async fn create(path: &Path, database: Option<&Database>) -> Result<Self, Failure> {
        Ok(Self {
            sqlite: Sqlite::create(path).await?,
            postgres: match database {
                None => None,
                Some(database) => Some(Postgres::create(database).await?),
            },
            size: 0,
        })
    }

    /// The version of SQLite.
    pub(super) async fn version(&mut self) -> Result<String, Failure> {
        self.sqlite.version().await
    }

    /// How many records it has.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// Takes it that it has what the log has: as many records were appended to it by itself.
    pub(super) fn skip_to(&mut self, size: u64) {
        self.size = size;
    }

    /// Adds records of the log: this is not measured.
    pub(super) async fn add(&mut self, records: &[String]) -> Result<(), Failure> {
        // What is no project's is no history here.
        let rows: Vec<(Place, &str)> = records
            .iter()
            .filter_map(|record| Some((place(record)?, record.as_str())))
            .collect();
        match &mut self.postgres {
            None => self.sqlite.add(&rows).await?,
            Some(postgres) => postgres.add(&rows).await?,
        }
        self.size += records.len() as u64;
        Ok(())
    }

    /// Lets a database put its tables in order, the log's and these alike, as one does by itself in quiet hours: else it
    /// would begin at some moment of its own choice, while something is measured.
    pub(super) async fn settle(&mut self) -> Result<(), Failure> {
        match &mut self.postgres {
            None => Ok(()),
            Some(postgres) => postgres.settle().await,
        }
    }

    /// One row a transaction through one connection of one's own, at these streams and revisions.
    pub(super) async fn append(
        &mut self,
        records: &[String],
        places: &[Place],
    ) -> Result<Sample, Failure> {
        match &mut self.postgres {
            None => self.sqlite.append(records, places).await,
            Some(postgres) => postgres.append(records, places).await,
        }
    }

    /// The rows of each of these projects, in order.
    pub(super) async fn load(&mut self, projects: &[u64]) -> Result<Sample, Failure> {
        match &mut self.postgres {
            None => self.sqlite.load(projects).await,
            Some(postgres) => postgres.load(projects).await,
        }
    }

    /// Makes the rows of so many projects, each with about as much as a list shows of one.
    pub(super) async fn projects(&mut self, count: u64) -> Result<(), Failure> {
        self.sqlite.projects(count).await
    }

    /// As many rows as ours answers with, the earliest due first, so many times.
    pub(super) async fn stalled(&self, rows: usize, times: usize) -> Result<Sample, Failure> {
        self.sqlite.stalled(rows, times).await
    }

    /// One page of such rows, and how many there are by area, so many times.
    pub(super) async fn stalled_page(&self, rows: usize, times: usize) -> Result<Sample, Failure> {
        self.sqlite.stalled_page(rows, times).await
    }

    /// One group and sum over all projects, so many times.
    pub(super) async fn progress(&self, times: usize) -> Result<Sample, Failure> {
        self.sqlite.progress(times).await
    }

    /// How many bytes the log's own tables have; `None` if it is a file.
    pub(super) async fn log_bytes(&mut self) -> Result<Option<f64>, Failure> {
        match &mut self.postgres {
            None => Ok(None),
            Some(postgres) => postgres.log_bytes().await.map(Some),
        }
    }

    pub(super) async fn close(self) -> Result<(), Failure> {
        if let Some(postgres) = self.postgres {
            postgres.close().await?;
        }
        self.sqlite.close().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn project_and_revision_are_read_from_the_end_of_a_record() {
        let record = r#"{"data":{"note":"\"stream\":\"x\""},"revision":44,"source":"screen","stream":"project-bench-7","type":"t"}"#;
        assert_eq!(place(record), Some((7, 44)));
        let calendar = r#"{"data":{},"revision":0,"source":"rule","stream":"calendar","type":"t"}"#;
        assert_eq!(place(calendar), None);
        assert_eq!(place("{}"), None);
    }
}
