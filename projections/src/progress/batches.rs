//! The yearly batches of a programme: what each was to do, and what is credited to it.

use serde::{Deserialize, Serialize};
use sqlx::Row;

use crate::ViewError;
use crate::store::unsigned;
use crate::views::Question;

/// One yearly batch. A project that was carried over stands in every batch it has belonged to, and each thing it reached
/// is credited to one of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchProgress {
    /// The year.
    pub year: i16,
    /// How many projects were registered in it or carried over into it; withdrawn ones are left out.
    pub projects: u64,
    /// How many of them were carried over into it.
    pub carried_in: u64,
    /// How many of them were carried over into a later one.
    pub carried_out: u64,
    /// How many started works while they belonged to it.
    pub started: u64,
    /// How many finished works while they belonged to it.
    pub finished: u64,
    /// How many were accepted while they belonged to it.
    pub accepted: u64,
}

/// By year. Empty where no project was ever in a batch other than the first one of all.
pub(super) async fn by_batch(
    question: &mut Question,
    programme: &str,
) -> Result<Vec<BatchProgress>, ViewError> {
    let rows = sqlx::query(
        "SELECT t.year, SUM(t.projects) AS projects, SUM(t.carried_in) AS carried_in,
                SUM(t.carried_out) AS carried_out, SUM(t.started) AS started, SUM(t.finished) AS finished,
                SUM(t.accepted) AS accepted
         FROM cohort c CROSS JOIN batch_tally t ON t.cohort = c.no
         WHERE c.programme = ? GROUP BY t.year ORDER BY t.year",
    )
    .bind(programme)
    .fetch_all(&mut *question.rows)
    .await?;
    if rows.len() < 2 {
        return Ok(Vec::new());
    }
    rows.into_iter()
        .map(|row| {
            let count = |column: &str| Ok::<_, ViewError>(unsigned(row.try_get(column)?));
            Ok(BatchProgress {
                year: i16::try_from(row.try_get::<i64, _>("year")?).map_err(ViewError::row)?,
                projects: count("projects")?,
                carried_in: count("carried_in")?,
                carried_out: count("carried_out")?,
                started: count("started")?,
                finished: count("finished")?,
                accepted: count("accepted")?,
            })
        })
        .collect()
}
