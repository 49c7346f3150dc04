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
        "SELECT b.year, COUNT(*) AS projects, SUM(b.since <> '') AS carried_in,
                SUM(b.until <> '9999-12-31') AS carried_out,
                SUM(p.started IS NOT NULL AND p.started > b.since AND p.started <= b.until) AS started,
                SUM(p.finished IS NOT NULL AND p.finished > b.since AND p.finished <= b.until) AS finished,
                SUM(p.accepted IS NOT NULL AND p.accepted > b.since AND p.accepted <= b.until) AS accepted
         FROM project p JOIN batch b ON b.project_no = p.no
         WHERE p.programme = ? AND p.status <> 'withdrawn'
         GROUP BY b.year ORDER BY b.year",
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
