//! The ledger of the ladder: which steps were taken, what became of them, and how many of each there are.

use std::collections::BTreeMap;

use anju_engine::event::{EventId, Position};
use anju_workflows::definition::Lang;
use anju_workflows::project::event::{EscalationRaised, ProjectId, StepKey};
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row, Sqlite};
use uuid::Uuid;

use crate::names::{Part, area_name, rule_names, stage_name, step_name};
use crate::store::{parse_day, unsigned};
use crate::{ViewError, Views};

/// What to ask for. What is `None` is not asked.
#[derive(Clone, Debug, Default)]
pub struct EscalationQuery {
    /// Only this programme.
    pub programme: Option<String>,
    /// Only this area.
    pub area: Option<String>,
    /// Only this project.
    pub project: Option<ProjectId>,
    /// Only steps neither acknowledged nor withdrawn.
    pub open: bool,
    /// At most so many steps, the newest; 0 = 1,000. The counts are over all.
    pub limit: u32,
    /// The language of names.
    pub lang: Lang,
}

/// The ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Escalations {
    /// The position of the log that this reflects.
    pub position: Position,
    /// Over all steps that were asked for.
    pub total: StepCount,
    /// By step, lowest first.
    pub by_step: Vec<StepCountOf>,
    /// By area.
    pub by_area: Vec<AreaCount>,
    /// The steps, newest first.
    pub steps: Vec<Escalation>,
    /// Whether there are more.
    pub more: bool,
}

/// How many steps, by what became of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepCount {
    /// Taken.
    pub raised: u64,
    /// Of these: drafts that a human must sign.
    pub drafts: u64,
    /// Of these: acknowledged.
    pub acknowledged: u64,
    /// Of these: withdrawn.
    pub withdrawn: u64,
    /// Not sent, because a higher step was taken instead.
    pub superseded: u64,
}

/// How many of one step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepCountOf {
    /// Its place in the ladder.
    pub step: u32,
    /// Its name.
    pub name: String,
    /// How many.
    #[serde(flatten)]
    pub count: StepCount,
}

/// How many in one area.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AreaCount {
    /// The programme.
    pub programme: String,
    /// The area's id.
    pub area: Option<String>,
    /// Its name.
    pub name: Option<String>,
    /// How many.
    #[serde(flatten)]
    pub count: StepCount,
}

/// A step taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Escalation {
    /// Its position.
    pub position: Position,
    /// The event that took it.
    pub event: EventId,
    /// The project.
    pub project: ProjectId,
    /// The project's name.
    pub project_name: String,
    /// The programme.
    pub programme: String,
    /// The area.
    pub area: Option<String>,
    /// The area's name.
    pub area_name: Option<String>,
    /// Which step.
    pub key: StepKey,
    /// The ladder step's id.
    pub ladder: String,
    /// Its name: 提醒, 催办 …
    pub step_name: String,
    /// The stage the project stood in.
    pub stage: String,
    /// The stage's name.
    pub stage_name: String,
    /// The deadline's name.
    pub rule_name: String,
    /// The day it was taken.
    pub raised_on: Date,
    /// The last permitted day.
    pub due: Date,
    /// The day the step itself fell due.
    pub step_due: Date,
    /// Natural days overdue on the day it was taken; 0 for a step before the due day.
    pub overdue_days: i64,
    /// Working days overdue then; `null` = the calendar did not know them.
    pub overdue_working_days: Option<i64>,
    /// To whom.
    pub to: Vec<String>,
    /// The lower steps it stands for as well.
    pub superseded: Vec<u32>,
    /// Whether a human must sign it.
    pub draft: bool,
    /// The last day for a reply.
    pub reply_by: Option<Date>,
    /// The day it was acknowledged.
    pub acknowledged_on: Option<Date>,
    /// The day it was withdrawn.
    pub withdrawn_on: Option<Date>,
}

/// How many steps an answer lists where no number is given.
const STEPS: u32 = 1_000;

/// A row of the ledger.
pub(crate) struct Line {
    pub(crate) position: u64,
    pub(crate) event: EventId,
    pub(crate) project: ProjectId,
    pub(crate) project_no: i64,
    pub(crate) project_name: String,
    pub(crate) programme: String,
    pub(crate) area: Option<String>,
    pub(crate) raised: EscalationRaised,
    pub(crate) raised_on: Date,
    pub(crate) recorded_at: Timestamp,
    pub(crate) overdue_days: i64,
    pub(crate) overdue_working_days: Option<i64>,
    pub(crate) acknowledged_on: Option<Date>,
    pub(crate) withdrawn: Option<Withdrawal>,
}

/// What withdrew a step.
pub(crate) struct Withdrawal {
    pub(crate) event: EventId,
    pub(crate) position: u64,
    pub(crate) on: Date,
    pub(crate) recorded_at: Timestamp,
}

/// The columns that [`read`] wants.
pub(crate) const COLUMNS: &str = "
    SELECT e.position, e.event, e.project_no, e.raised, e.raised_on, e.recorded_at, e.overdue_days,
           e.overdue_working_days, e.acknowledged_on, e.withdrawn_on, e.withdrawn_event, e.withdrawn_position,
           e.withdrawn_recorded_at, p.project, p.name, p.programme, p.area
    FROM escalation e JOIN project p ON p.no = e.project_no ";

pub(crate) fn read(row: &SqliteRow) -> Result<Line, ViewError> {
    let day = |column: &str| {
        let day: Option<String> = row.try_get(column)?;
        day.as_deref().map(parse_day).transpose()
    };
    let instant = |text: String| {
        text.parse::<Timestamp>()
            .map_err(|_| ViewError::row(format!("instant {text:?}")))
    };
    let event = |text: String| {
        Uuid::try_parse(&text)
            .map(EventId)
            .map_err(|_| ViewError::row(format!("event {text:?}")))
    };
    let raised: String = row.try_get("raised")?;
    let withdrawn = match (
        row.try_get::<Option<String>, _>("withdrawn_event")?,
        row.try_get::<Option<i64>, _>("withdrawn_position")?,
        day("withdrawn_on")?,
        row.try_get::<Option<String>, _>("withdrawn_recorded_at")?,
    ) {
        (Some(by), Some(position), Some(on), Some(recorded_at)) => Some(Withdrawal {
            event: event(by)?,
            position: unsigned(position),
            on,
            recorded_at: instant(recorded_at)?,
        }),
        _ => None,
    };
    Ok(Line {
        position: unsigned(row.try_get("position")?),
        event: event(row.try_get("event")?)?,
        project: ProjectId::new(row.try_get::<String, _>("project")?)?,
        project_no: row.try_get("project_no")?,
        project_name: row.try_get("name")?,
        programme: row.try_get("programme")?,
        area: row.try_get("area")?,
        raised: serde_json::from_str(&raised).map_err(ViewError::row)?,
        raised_on: parse_day(row.try_get("raised_on")?)?,
        recorded_at: instant(row.try_get("recorded_at")?)?,
        overdue_days: row.try_get("overdue_days")?,
        overdue_working_days: row.try_get("overdue_working_days")?,
        acknowledged_on: day("acknowledged_on")?,
        withdrawn,
    })
}

impl Views {
    /// The ledger of the ladder.
    pub async fn escalations(&self, query: &EscalationQuery) -> Result<Escalations, ViewError> {
        let mut question = self.ask().await?;
        let mut names = self.names();
        let limit = if query.limit == 0 { STEPS } else { query.limit };

        let mut sql = QueryBuilder::<Sqlite>::new(
            "SELECT p.programme, p.area, p.definition, e.step, e.ladder, COUNT(*) AS raised, SUM(e.draft) AS drafts,
                    COUNT(e.acknowledged_on) AS acknowledged, COUNT(e.withdrawn_on) AS withdrawn,
                    MAX(e.position) AS newest
             FROM escalation e JOIN project p ON p.no = e.project_no ",
        );
        push_where(&mut sql, query);
        sql.push(" GROUP BY p.programme, p.area, p.definition, e.step, e.ladder ORDER BY newest");
        let mut total = StepCount::default();
        let mut by_step: BTreeMap<u32, (String, StepCount)> = BTreeMap::new();
        let mut by_area: BTreeMap<(String, Option<String>), (Option<String>, StepCount)> =
            BTreeMap::new();
        for row in sql.build().fetch_all(&mut *question.rows).await? {
            let programme: String = row.try_get("programme")?;
            let digest: String = row.try_get("definition")?;
            let definition = names.definition(&programme, &digest).await?;
            let area: Option<String> = row.try_get("area")?;
            let count = StepCount {
                raised: unsigned(row.try_get("raised")?),
                drafts: unsigned(row.try_get("drafts")?),
                acknowledged: unsigned(row.try_get("acknowledged")?),
                withdrawn: unsigned(row.try_get("withdrawn")?),
                superseded: 0,
            };
            let step: u32 = row.try_get("step")?;
            let ladder: String = row.try_get("ladder")?;
            let of_step = by_step.entry(step).or_default();
            of_step.0 = step_name(&definition, &ladder, query.lang);
            of_step.1.add(&count);
            let of_area = by_area.entry((programme, area.clone())).or_default();
            of_area.0 = area_name(&definition, area.as_deref(), query.lang);
            of_area.1.add(&count);
            total.add(&count);
        }

        // The steps that were not sent: each stands in the list of the higher one.
        let mut sql = QueryBuilder::<Sqlite>::new(
            "SELECT p.programme, p.area, p.definition, s.value AS step, COUNT(*) AS superseded
             FROM escalation e JOIN project p ON p.no = e.project_no, json_each(e.raised, '$.superseded') AS s ",
        );
        push_where(&mut sql, query);
        sql.push(" GROUP BY p.programme, p.area, p.definition, s.value");
        for row in sql.build().fetch_all(&mut *question.rows).await? {
            let programme: String = row.try_get("programme")?;
            let digest: String = row.try_get("definition")?;
            let definition = names.definition(&programme, &digest).await?;
            let step: u32 = row.try_get("step")?;
            let count = StepCount {
                superseded: unsigned(row.try_get("superseded")?),
                ..StepCount::default()
            };
            let of_step = by_step.entry(step).or_default();
            if of_step.0.is_empty() {
                of_step.0 = definition
                    .ladder
                    .values()
                    .find(|known| known.step == step)
                    .map_or_else(
                        || step.to_string(),
                        |known| known.name.get(query.lang).to_owned(),
                    );
            }
            of_step.1.add(&count);
            if let Some(of_area) = by_area.get_mut(&(programme, row.try_get("area")?)) {
                of_area.1.add(&count);
            }
            total.add(&count);
        }

        let mut sql = QueryBuilder::<Sqlite>::new(COLUMNS);
        push_where(&mut sql, query);
        sql.push(" ORDER BY e.position DESC LIMIT ");
        sql.push_bind(i64::from(limit) + 1);
        let rows = sql.build().fetch_all(&mut *question.rows).await?;
        let more = rows.len() > limit as usize;
        let mut steps = Vec::with_capacity(rows.len());
        for row in rows.iter().take(limit as usize) {
            let line = read(row)?;
            let definition = names
                .definition(&line.programme, &line.raised.definition)
                .await?;
            let raised = line.raised;
            steps.push(Escalation {
                position: Position(line.position),
                event: line.event,
                project: line.project,
                project_name: line.project_name,
                area_name: area_name(&definition, line.area.as_deref(), query.lang),
                programme: line.programme,
                area: line.area,
                step_name: step_name(&definition, &raised.ladder, query.lang),
                stage_name: stage_name(&definition, &raised.stage, query.lang),
                rule_name: rule_names(
                    &definition,
                    &raised.key.deadline,
                    Part::of_step(&raised),
                    query.lang,
                )
                .0,
                key: raised.key,
                ladder: raised.ladder,
                stage: raised.stage,
                raised_on: line.raised_on,
                due: raised.due,
                step_due: raised.step_due,
                overdue_days: line.overdue_days,
                overdue_working_days: line.overdue_working_days,
                to: raised.to,
                superseded: raised.superseded,
                draft: raised.draft,
                reply_by: raised.reply_by,
                acknowledged_on: line.acknowledged_on,
                withdrawn_on: line.withdrawn.map(|withdrawal| withdrawal.on),
            });
        }
        Ok(Escalations {
            position: question.reached.position(),
            total,
            by_step: by_step
                .into_iter()
                .map(|(step, (name, count))| StepCountOf { step, name, count })
                .collect(),
            by_area: by_area
                .into_iter()
                .map(|((programme, area), (name, count))| AreaCount {
                    programme,
                    area,
                    name,
                    count,
                })
                .collect(),
            steps,
            more,
        })
    }
}

impl StepCount {
    fn add(&mut self, other: &Self) {
        self.raised += other.raised;
        self.drafts += other.drafts;
        self.acknowledged += other.acknowledged;
        self.withdrawn += other.withdrawn;
        self.superseded += other.superseded;
    }
}

fn push_where(sql: &mut QueryBuilder<Sqlite>, query: &EscalationQuery) {
    sql.push("WHERE 1");
    if let Some(programme) = &query.programme {
        sql.push(" AND p.programme = ").push_bind(programme.clone());
    }
    if let Some(area) = &query.area {
        sql.push(" AND p.area = ").push_bind(area.clone());
    }
    if let Some(project) = &query.project {
        sql.push(" AND p.project = ")
            .push_bind(project.as_str().to_owned());
    }
    if query.open {
        sql.push(" AND e.acknowledged_on IS NULL AND e.withdrawn_on IS NULL");
    }
}
