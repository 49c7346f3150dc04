//! Writing a batch: all rows of the projects it touched, in few statements.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use anju_workflows::definition::Placement;
use anju_workflows::project::ProjectState;
use anju_workflows::project::event::EscalationRaised;
use jiff::Timestamp;
use jiff::civil::Date;
use sqlx::{QueryBuilder, Sqlite, SqliteConnection};

use super::{Reached, signed, tally};
use crate::ViewError;
use crate::figures::parts;
use crate::rows::{DeadlineLine, PartLine, ProjectLine};

/// SQLite takes at most 32,766 values in a statement; the widest row has 24.
const ROWS: usize = 1_000;

/// The rows of a project that a batch has touched.
pub(crate) struct Touched<'a> {
    pub(crate) no: u64,
    pub(crate) state: Cow<'a, ProjectState>,
    /// Whether it was registered in this batch: no row of it is there yet.
    pub(crate) new: bool,
    pub(crate) line: ProjectLine,
    pub(crate) deadlines: Vec<DeadlineLine>,
    /// The state as it is kept.
    pub(crate) snapshot: Vec<u8>,
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

/// How a step was withdrawn.
#[derive(Clone, Debug)]
pub(crate) struct Withdrawal {
    /// The event that withdrew it.
    pub(crate) by: String,
    pub(crate) on: Date,
    pub(crate) position: u64,
    pub(crate) recorded_at: Timestamp,
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
        withdrawal: Withdrawal,
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

/// The cohorts of projects, as far as they are known: programme, definition, placement → number.
#[derive(Default)]
pub(crate) struct Cohorts(HashMap<CohortKey, i64>);

type CohortKey = (String, String, Placement);

/// Writes a batch, what it counts for, and how far the views are with it.
pub(crate) async fn write(
    connection: &mut SqliteConnection,
    batch: &Batch<'_>,
    reached: &Reached,
) -> Result<(), ViewError> {
    let refused = batch.refusals.iter().map(|(no, _, _)| *no);
    let touched: BTreeSet<u64> = batch
        .projects
        .iter()
        .map(|row| row.no)
        .chain(refused)
        .collect();
    let touched: Vec<u64> = touched.into_iter().collect();
    tally::take_off(connection, &touched).await?;
    // Numbers of cohorts given out in a transaction that is taken back would not be known to the next one.
    write_uncounted(connection, batch, &mut Cohorts::default()).await?;
    tally::put_on(connection, &touched).await?;
    write_reached(connection, reached).await
}

/// Writes a batch of views that are counted when they are whole: [`tally::count_all`].
pub(crate) async fn write_uncounted(
    connection: &mut SqliteConnection,
    batch: &Batch<'_>,
    cohorts: &mut Cohorts,
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
        projects(connection, rows, cohorts).await?;
        snapshots(connection, rows).await?;
        let before: Vec<u64> = rows
            .iter()
            .filter(|row| !row.new)
            .map(|row| row.no)
            .collect();
        for table in ["figure", "batch", "deadline"] {
            delete(connection, table, &before).await?;
        }
        figures(connection, rows).await?;
        compounds(connection, rows).await?;
        batches(connection, rows).await?;
        let lines: Vec<_> = rows
            .iter()
            .map(|row| (row.no, row.deadlines.as_slice()))
            .collect();
        insert_deadlines(connection, &lines).await?;
    }
    refusals(connection, &batch.refusals).await?;
    escalations(connection, &batch.escalations).await
}

/// Writes how far the views are.
pub(crate) async fn write_reached(
    connection: &mut SqliteConnection,
    reached: &Reached,
) -> Result<(), ViewError> {
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

impl Cohorts {
    /// The number of a project's cohort; a new one if it is the first of its cohort.
    async fn number(
        &mut self,
        connection: &mut SqliteConnection,
        state: &ProjectState,
    ) -> Result<i64, ViewError> {
        let registered = &state.registered;
        let key = (
            registered.programme.clone(),
            registered.definition.clone(),
            state.placement(),
        );
        if let Some(number) = self.0.get(&key) {
            return Ok(*number);
        }
        let known = "SELECT no FROM cohort
            WHERE programme = ? AND definition = ? AND area IS ? AND track IS ? AND category IS ?";
        let new = "INSERT INTO cohort (programme, definition, area, track, category)
            VALUES (?, ?, ?, ?, ?) RETURNING no";
        let mut number = None;
        for sql in [known, new] {
            if number.is_none() {
                number = sqlx::query_scalar(sql)
                    .bind(&key.0)
                    .bind(&key.1)
                    .bind(&key.2.area)
                    .bind(&key.2.track)
                    .bind(&key.2.category)
                    .fetch_optional(&mut *connection)
                    .await?;
            }
        }
        let number = number.ok_or_else(|| ViewError::row("a cohort without a number"))?;
        self.0.insert(key, number);
        Ok(number)
    }
}

async fn projects(
    connection: &mut SqliteConnection,
    rows: &[Touched<'_>],
    cohorts: &mut Cohorts,
) -> Result<(), ViewError> {
    let mut numbered = Vec::with_capacity(rows.len());
    for row in rows {
        numbered.push((cohorts.number(connection, &row.state).await?, row));
    }
    let mut sql = QueryBuilder::<Sqlite>::new("INSERT OR REPLACE INTO project ");
    sql.push_values(numbered, |mut row, (cohort, touched)| {
        let (state, line) = (&*touched.state, &touched.line);
        let registered = &state.registered;
        let whole = |value: Option<anju_workflows::requirement::Exact>| value.map(|v| parts(v).0);
        let day = |day: Option<Date>| day.map(|day| day.to_string());
        row.push_bind(signed(touched.no))
            .push_bind(state.id.as_str())
            .push_bind(cohort)
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
    let mut sql = QueryBuilder::<Sqlite>::new(
        "INSERT OR REPLACE INTO snapshot (project_no, project, state) ",
    );
    sql.push_values(rows, |mut row, touched| {
        row.push_bind(signed(touched.no))
            .push_bind(touched.state.id.as_str())
            .push_bind(touched.snapshot.as_slice());
    });
    execute(connection, &mut sql).await
}

async fn figures(connection: &mut SqliteConnection, rows: &[Touched<'_>]) -> Result<(), ViewError> {
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
pub(crate) async fn deadlines(
    connection: &mut SqliteConnection,
    rows: &[(u64, &[DeadlineLine])],
) -> Result<(), ViewError> {
    let numbers: Vec<u64> = rows.iter().map(|(no, _)| *no).collect();
    delete(connection, "deadline", &numbers).await?;
    insert_deadlines(connection, rows).await
}

async fn insert_deadlines(
    connection: &mut SqliteConnection,
    rows: &[(u64, &[DeadlineLine])],
) -> Result<(), ViewError> {
    let mut lines = Vec::new();
    for (no, deadlines) in rows {
        for (ordinal, line) in (0i64..).zip(*deadlines) {
            let all: Vec<_> = std::iter::once(&line.first).chain(&line.others).collect();
            let part = line
                .part
                .as_ref()
                .map(|part| serde_json::to_string(part).map_err(ViewError::row))
                .transpose()?;
            lines.push((
                *no,
                ordinal,
                line,
                serde_json::to_string(&all).map_err(ViewError::row)?,
                part,
            ));
        }
    }
    for lines in lines.chunks(ROWS) {
        let mut sql = QueryBuilder::<Sqlite>::new(
            "INSERT INTO deadline (project_no, part, project, ordinal, cohort, due_day, next_step_day, open,
                 highest_step, highest_ladder, part_line) ",
        );
        sql.push_values(lines, |mut row, (no, ordinal, line, open, part)| {
            row.push_bind(signed(*no))
                .push_bind(line.part.as_ref().map_or_else(String::new, PartLine::key));
            for column in ["project", "cohort"] {
                if column == "cohort" {
                    row.push_bind(*ordinal);
                }
                row.push(format_args!("(SELECT {column} FROM project WHERE no = "))
                    .push_bind_unseparated(signed(*no))
                    .push_unseparated(")");
            }
            row.push_bind(line.first.due.to_string())
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

/// A step of this batch, with what became of it in the same batch.
struct Raised<'a> {
    line: &'a EscalationLine,
    data: String,
    acknowledged_on: Option<Date>,
    withdrawal: Option<&'a Withdrawal>,
}

/// Steps first, then what became of earlier ones: nothing becomes of a step before it is taken. A second
/// acknowledgement or withdrawal changes nothing.
async fn escalations(
    connection: &mut SqliteConnection,
    changes: &[EscalationChange],
) -> Result<(), ViewError> {
    let mut raised: Vec<Raised<'_>> = Vec::new();
    let mut by_event: HashMap<&str, usize> = HashMap::new();
    let mut earlier = Vec::new();
    for change in changes {
        match change {
            EscalationChange::Raised(line) => {
                by_event.insert(&line.event, raised.len());
                raised.push(Raised {
                    line,
                    data: serde_json::to_string(&line.raised).map_err(ViewError::row)?,
                    acknowledged_on: None,
                    withdrawal: None,
                });
            }
            EscalationChange::Acknowledged { event, .. }
            | EscalationChange::Withdrawn { event, .. } => {
                let known = by_event.get(event.as_str());
                match (known.and_then(|&at| raised.get_mut(at)), change) {
                    (Some(step), EscalationChange::Acknowledged { on, .. }) => {
                        step.acknowledged_on.get_or_insert(*on);
                    }
                    (Some(step), EscalationChange::Withdrawn { withdrawal, .. }) => {
                        step.withdrawal.get_or_insert(withdrawal);
                    }
                    _ => earlier.push(change),
                }
            }
        }
    }
    for lines in raised.chunks(ROWS) {
        let mut sql = QueryBuilder::<Sqlite>::new(
            "INSERT INTO escalation (position, event, project_no, raised, step, ladder, draft, superseded,
                 raised_on, recorded_at, overdue_days, overdue_working_days, acknowledged_on, withdrawn_on,
                 withdrawn_event, withdrawn_position, withdrawn_recorded_at) ",
        );
        sql.push_values(lines, |mut row, step| {
            let (line, withdrawal) = (step.line, step.withdrawal);
            row.push_bind(signed(line.position))
                .push_bind(&line.event)
                .push_bind(signed(line.project_no))
                .push_bind(step.data.as_str())
                .push_bind(line.raised.key.step)
                .push_bind(&line.raised.ladder)
                .push_bind(line.raised.draft)
                .push_bind(signed(line.raised.superseded.len() as u64))
                .push_bind(line.raised_on.to_string())
                .push_bind(line.recorded_at.to_string())
                .push_bind(line.overdue_days)
                .push_bind(line.overdue_working_days)
                .push_bind(step.acknowledged_on.map(|day| day.to_string()))
                .push_bind(withdrawal.map(|by| by.on.to_string()))
                .push_bind(withdrawal.map(|by| by.by.as_str()))
                .push_bind(withdrawal.map(|by| signed(by.position)))
                .push_bind(withdrawal.map(|by| by.recorded_at.to_string()));
        });
        execute(connection, &mut sql).await?;
    }
    for change in earlier {
        became(connection, change).await?;
    }
    Ok(())
}

/// What became of a step of an earlier batch.
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
        EscalationChange::Withdrawn { event, withdrawal } => {
            sqlx::query(
                "UPDATE escalation SET withdrawn_on = ?, withdrawn_event = ?, withdrawn_position = ?,
                     withdrawn_recorded_at = ?
                 WHERE event = ? AND withdrawn_position IS NULL",
            )
            .bind(withdrawal.on.to_string())
            .bind(&withdrawal.by)
            .bind(signed(withdrawal.position))
            .bind(withdrawal.recorded_at.to_string())
            .bind(event)
            .execute(&mut *connection)
            .await?;
        }
    }
    Ok(())
}

/// Deletes a table's rows of some projects.
async fn delete(
    connection: &mut SqliteConnection,
    table: &'static str,
    numbers: &[u64],
) -> Result<(), ViewError> {
    if numbers.is_empty() {
        return Ok(());
    }
    let mut sql = QueryBuilder::<Sqlite>::new("DELETE FROM ");
    sql.push(table).push(" WHERE project_no IN (");
    let mut list = sql.separated(", ");
    for no in numbers {
        list.push_bind(signed(*no));
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
