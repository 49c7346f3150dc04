//! Writing a batch: all rows of the projects it touched, in few statements.

use std::collections::BTreeMap;

use anju_workflows::project::ProjectState;
use anju_workflows::project::event::EscalationRaised;
use jiff::Timestamp;
use jiff::civil::Date;
use sqlx::{QueryBuilder, Sqlite, SqliteConnection};

use super::{Reached, signed};
use crate::ViewError;
use crate::figures::parts;
use crate::rows::{DeadlineLine, PartLine, ProjectLine};

/// SQLite takes at most 32,766 values in a statement; the widest row has 23.
const ROWS: usize = 1_000;

/// The rows of a project that a batch has touched.
pub(crate) struct Touched<'a> {
    pub(crate) no: u64,
    pub(crate) state: &'a ProjectState,
    /// Whether it was registered in this batch.
    pub(crate) new: bool,
    pub(crate) line: ProjectLine,
    pub(crate) deadlines: Vec<DeadlineLine>,
}

/// A step taken.
#[derive(Debug)]
pub(crate) struct EscalationLine {
    pub(crate) position: u64,
    pub(crate) event: String,
    pub(crate) project_no: u64,
    pub(crate) raised: EscalationRaised,
    pub(crate) raised_on: Date,
    pub(crate) recorded_at: Timestamp,
    pub(crate) overdue_days: i64,
    pub(crate) overdue_working_days: Option<i64>,
}

/// What happened to the ledger of the ladder, in order.
#[derive(Debug)]
pub(crate) enum EscalationChange {
    Raised(Box<EscalationLine>),
    Acknowledged {
        event: String,
        on: Date,
    },
    Withdrawn {
        event: String,
        by: String,
        on: Date,
        position: u64,
        recorded_at: Timestamp,
    },
}

/// What a batch has changed.
#[derive(Default)]
pub(crate) struct Batch<'a> {
    pub(crate) programmes: Vec<(String, String, u64)>,
    pub(crate) projects: Vec<Touched<'a>>,
    /// Project, stage, rule.
    pub(crate) refusals: Vec<(u64, String, String)>,
    pub(crate) escalations: Vec<EscalationChange>,
}

pub(crate) async fn write(
    connection: &mut SqliteConnection,
    batch: &Batch<'_>,
    reached: &Reached,
) -> Result<(), ViewError> {
    for (id, definition, position) in &batch.programmes {
        sqlx::query("INSERT OR REPLACE INTO programme (id, definition, position) VALUES (?, ?, ?)")
            .bind(id)
            .bind(definition)
            .bind(signed(*position))
            .execute(&mut *connection)
            .await?;
    }
    for rows in batch.projects.chunks(ROWS) {
        projects(connection, rows).await?;
        snapshots(connection, rows).await?;
        figures(connection, rows).await?;
        compounds(connection, rows).await?;
        batches(connection, rows).await?;
        deadlines(
            connection,
            rows.iter().map(|row| (row.no, row.deadlines.as_slice())),
        )
        .await?;
    }
    refusals(connection, &batch.refusals).await?;
    escalations(connection, &batch.escalations).await?;
    sqlx::query(
        "INSERT OR REPLACE INTO reached (id, version, origin, position, root, latest_day, calendar)
         VALUES (1, ?, ?, ?, ?, ?, ?)",
    )
    .bind(reached.version)
    .bind(&reached.origin)
    .bind(signed(reached.position))
    .bind(&reached.root)
    .bind(reached.latest_day.map(|day| day.to_string()))
    .bind(signed(reached.calendar))
    .execute(&mut *connection)
    .await?;
    Ok(())
}

async fn projects(
    connection: &mut SqliteConnection,
    rows: &[Touched<'_>],
) -> Result<(), ViewError> {
    let mut sql = QueryBuilder::<Sqlite>::new("INSERT OR REPLACE INTO project ");
    sql.push_values(rows, |mut row, touched| {
        let (state, line) = (touched.state, &touched.line);
        let registered = &state.registered;
        let whole = |value: Option<anju_workflows::requirement::Exact>| value.map(|v| parts(v).0);
        let day = |day: Option<Date>| day.map(|day| day.to_string());
        row.push_bind(signed(touched.no))
            .push_bind(state.id.as_str())
            .push_bind(&registered.programme)
            .push_bind(&registered.definition)
            .push_bind(&registered.name)
            .push_bind(registered.area.as_deref())
            .push_bind(registered.track.as_deref())
            .push_bind(registered.category.as_deref())
            .push_bind(&state.stage)
            .push_bind(state.status.as_str())
            .push_bind(state.since.to_string())
            .push_bind(state.registered_on.to_string())
            .push_bind(registered.counted)
            .push_bind(day(line.started))
            .push_bind(day(line.finished))
            .push_bind(day(line.accepted))
            .push_bind(whole(line.compounds))
            .push_bind(whole(line.households))
            .push_bind(whole(line.buildings))
            .push_bind(whole(line.area_m2))
            .push_bind(line.area_m2.map(|area| parts(area).1))
            .push_bind(i64::from(state.refusals))
            .push_bind(signed(state.position));
    });
    execute(connection, &mut sql).await
}

async fn snapshots(
    connection: &mut SqliteConnection,
    rows: &[Touched<'_>],
) -> Result<(), ViewError> {
    let mut states = Vec::with_capacity(rows.len());
    for touched in rows {
        states.push(serde_json::to_string(touched.state).map_err(ViewError::row)?);
    }
    let mut sql = QueryBuilder::<Sqlite>::new(
        "INSERT OR REPLACE INTO snapshot (project_no, project, state) ",
    );
    sql.push_values(rows.iter().zip(&states), |mut row, (touched, state)| {
        row.push_bind(signed(touched.no))
            .push_bind(touched.state.id.as_str())
            .push_bind(state);
    });
    execute(connection, &mut sql).await
}

async fn figures(connection: &mut SqliteConnection, rows: &[Touched<'_>]) -> Result<(), ViewError> {
    delete(
        connection,
        "DELETE FROM figure WHERE project_no IN ",
        rows.iter().map(|row| row.no),
    )
    .await?;
    let lines: Vec<_> = rows
        .iter()
        .flat_map(|row| row.line.figures.iter().map(move |figure| (row.no, figure)))
        .collect();
    for lines in lines.chunks(ROWS) {
        let mut sql = QueryBuilder::<Sqlite>::new(
            "INSERT INTO figure (project_no, reference, whole, micro) ",
        );
        sql.push_values(lines, |mut row, (no, (reference, value))| {
            let (whole, micro) = parts(**value);
            row.push_bind(signed(*no))
                .push_bind(reference.as_str())
                .push_bind(whole)
                .push_bind(micro);
        });
        execute(connection, &mut sql).await?;
    }
    Ok(())
}

async fn batches(connection: &mut SqliteConnection, rows: &[Touched<'_>]) -> Result<(), ViewError> {
    delete(
        connection,
        "DELETE FROM batch WHERE project_no IN ",
        rows.iter().map(|row| row.no),
    )
    .await?;
    let lines: Vec<_> = rows
        .iter()
        .flat_map(|row| {
            (0i64..)
                .zip(&row.line.batches)
                .map(move |(i, batch)| (row.no, i, batch))
        })
        .collect();
    for lines in lines.chunks(ROWS) {
        let mut sql = QueryBuilder::<Sqlite>::new(
            "INSERT INTO batch (project_no, ordinal, year, since, until) ",
        );
        sql.push_values(lines, |mut row, (no, ordinal, batch)| {
            row.push_bind(signed(*no))
                .push_bind(*ordinal)
                .push_bind(i64::from(batch.year))
                .push_bind(batch.since.map_or_else(String::new, |day| day.to_string()))
                .push_bind(batch.until.unwrap_or(Date::MAX).to_string());
        });
        execute(connection, &mut sql).await?;
    }
    Ok(())
}

/// Compounds are as registered: they are written once.
async fn compounds(
    connection: &mut SqliteConnection,
    rows: &[Touched<'_>],
) -> Result<(), ViewError> {
    let lines: Vec<_> = rows
        .iter()
        .filter(|row| row.new)
        .flat_map(|row| {
            (0i64..)
                .zip(row.state.compounds())
                .map(move |(i, compound)| (row.no, i, compound))
        })
        .collect();
    for lines in lines.chunks(ROWS) {
        let mut sql = QueryBuilder::<Sqlite>::new(
            "INSERT INTO compound (project_no, ordinal, id, name, aliases) ",
        );
        sql.push_values(lines, |mut row, (no, ordinal, compound)| {
            row.push_bind(signed(*no))
                .push_bind(*ordinal)
                .push_bind(&compound.id)
                .push_bind(&compound.name)
                .push_bind(compound.aliases.join("\n"));
        });
        execute(connection, &mut sql).await?;
    }
    Ok(())
}

/// Replaces the deadlines of some projects.
pub(crate) async fn deadlines<'a>(
    connection: &mut SqliteConnection,
    rows: impl Iterator<Item = (u64, &'a [DeadlineLine])> + Clone,
) -> Result<(), ViewError> {
    delete(
        connection,
        "DELETE FROM deadline WHERE project_no IN ",
        rows.clone().map(|(no, _)| no),
    )
    .await?;
    let mut lines = Vec::new();
    for (no, deadlines) in rows {
        for line in deadlines {
            let all: Vec<_> = std::iter::once(&line.first).chain(&line.others).collect();
            let part = line
                .part
                .as_ref()
                .map(|part| serde_json::to_string(part).map_err(ViewError::row))
                .transpose()?;
            lines.push((
                no,
                line,
                serde_json::to_string(&all).map_err(ViewError::row)?,
                part,
            ));
        }
    }
    for lines in lines.chunks(ROWS) {
        let mut sql = QueryBuilder::<Sqlite>::new(
            "INSERT INTO deadline (project_no, part, due_day, next_step_day, open, highest_step, highest_ladder,
                 part_line) ",
        );
        sql.push_values(lines, |mut row, (no, line, open, part)| {
            row.push_bind(signed(*no))
                .push_bind(line.part.as_ref().map_or_else(String::new, PartLine::key))
                .push_bind(line.first.due.to_string())
                .push_bind(line.next_step_day.map(|day| day.to_string()))
                .push_bind(open)
                .push_bind(line.highest.as_ref().map(|(step, _)| *step))
                .push_bind(line.highest.as_ref().map(|(_, ladder)| ladder.as_str()))
                .push_bind(part);
        });
        execute(connection, &mut sql).await?;
    }
    Ok(())
}

async fn refusals(
    connection: &mut SqliteConnection,
    refusals: &[(u64, String, String)],
) -> Result<(), ViewError> {
    let mut counts: BTreeMap<&(u64, String, String), u64> = BTreeMap::new();
    for refusal in refusals {
        *counts.entry(refusal).or_default() += 1;
    }
    let counts: Vec<_> = counts.into_iter().collect();
    for counts in counts.chunks(ROWS) {
        let mut sql =
            QueryBuilder::<Sqlite>::new("INSERT INTO refusal (project_no, stage, rule, count) ");
        sql.push_values(counts, |mut row, ((project, stage, rule), count)| {
            row.push_bind(signed(*project))
                .push_bind(stage)
                .push_bind(rule)
                .push_bind(signed(*count));
        });
        sql.push(
            " ON CONFLICT (project_no, stage, rule) DO UPDATE SET count = count + excluded.count",
        );
        execute(connection, &mut sql).await?;
    }
    Ok(())
}

/// Steps first, then what became of them: nothing becomes of a step before it is taken.
async fn escalations(
    connection: &mut SqliteConnection,
    changes: &[EscalationChange],
) -> Result<(), ViewError> {
    let mut raised = Vec::new();
    for change in changes {
        if let EscalationChange::Raised(line) = change {
            raised.push((
                line,
                serde_json::to_string(&line.raised).map_err(ViewError::row)?,
            ));
        }
    }
    for lines in raised.chunks(ROWS) {
        let mut sql = QueryBuilder::<Sqlite>::new(
            "INSERT INTO escalation (position, event, project_no, raised, step, ladder, draft, superseded,
                 raised_on, recorded_at, overdue_days, overdue_working_days) ",
        );
        sql.push_values(lines, |mut row, (line, raised)| {
            row.push_bind(signed(line.position))
                .push_bind(&line.event)
                .push_bind(signed(line.project_no))
                .push_bind(raised)
                .push_bind(line.raised.key.step)
                .push_bind(&line.raised.ladder)
                .push_bind(line.raised.draft)
                .push_bind(signed(line.raised.superseded.len() as u64))
                .push_bind(line.raised_on.to_string())
                .push_bind(line.recorded_at.to_string())
                .push_bind(line.overdue_days)
                .push_bind(line.overdue_working_days);
        });
        execute(connection, &mut sql).await?;
    }
    for change in changes {
        became(connection, change).await?;
    }
    Ok(())
}

/// What became of a step. A second acknowledgement or withdrawal changes nothing.
async fn became(
    connection: &mut SqliteConnection,
    change: &EscalationChange,
) -> Result<(), ViewError> {
    match change {
        EscalationChange::Raised(_) => {}
        EscalationChange::Acknowledged { event, on } => {
            sqlx::query(
                "UPDATE escalation SET acknowledged_on = ? WHERE event = ? AND acknowledged_on IS NULL",
            )
            .bind(on.to_string())
            .bind(event)
            .execute(&mut *connection)
            .await?;
        }
        EscalationChange::Withdrawn {
            event,
            by,
            on,
            position,
            recorded_at,
        } => {
            sqlx::query(
                "UPDATE escalation SET withdrawn_on = ?, withdrawn_event = ?, withdrawn_position = ?,
                     withdrawn_recorded_at = ?
                 WHERE event = ? AND withdrawn_position IS NULL",
            )
            .bind(on.to_string())
            .bind(by)
            .bind(signed(*position))
            .bind(recorded_at.to_string())
            .bind(event)
            .execute(&mut *connection)
            .await?;
        }
    }
    Ok(())
}

async fn delete(
    connection: &mut SqliteConnection,
    statement: &'static str,
    numbers: impl Iterator<Item = u64>,
) -> Result<(), ViewError> {
    let mut sql = QueryBuilder::<Sqlite>::new(statement);
    sql.push("(");
    let mut list = sql.separated(", ");
    for no in numbers {
        list.push_bind(signed(no));
    }
    sql.push(")");
    execute(connection, &mut sql).await
}

/// The statements differ in length from batch to batch: keeping them prepared would only fill the cache.
async fn execute(
    connection: &mut SqliteConnection,
    sql: &mut QueryBuilder<Sqlite>,
) -> Result<(), ViewError> {
    sql.build().persistent(false).execute(connection).await?;
    Ok(())
}
