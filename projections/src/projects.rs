//! The projects themselves: where each stands, page by page.

use anju_engine::event::Position;
use anju_workflows::definition::Lang;
use anju_workflows::project::Status;
use anju_workflows::project::event::ProjectId;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row, Sqlite};

use crate::figures::Total;
use crate::names::{Names, area_name, stage_name};
use crate::store::{parse_day, unsigned};
use crate::{ViewError, Views};

/// What to ask for. What is `None` is not asked.
#[derive(Clone, Debug, Default)]
pub struct ProjectQuery {
    /// Only this programme.
    pub programme: Option<String>,
    /// Only this area.
    pub area: Option<String>,
    /// Only this stage.
    pub stage: Option<String>,
    /// Only this status.
    pub status: Option<Status>,
    /// Only those whose id, name, or compound's name or alias holds this text.
    pub text: Option<String>,
    /// Only those after this id: the last of the page before.
    pub after: Option<ProjectId>,
    /// At most so many; 0 = 100.
    pub limit: u32,
    /// The language of names.
    pub lang: Lang,
}

/// A page of projects, by id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProjectList {
    /// The position of the log that this reflects.
    pub position: Position,
    /// The projects.
    pub projects: Vec<ProjectRow>,
    /// Whether there are more after the last.
    pub more: bool,
}

/// Where a project stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProjectRow {
    /// Its id.
    pub project: ProjectId,
    /// Its name.
    pub name: String,
    /// Its programme.
    pub programme: String,
    /// The digest of the definition it is bound to.
    pub definition: String,
    /// Its area.
    pub area: Option<String>,
    /// The area's name.
    pub area_name: Option<String>,
    /// Its track.
    pub track: Option<String>,
    /// Its category.
    pub category: Option<String>,
    /// Its stage, or `completed`.
    pub stage: String,
    /// The stage's name.
    pub stage_name: String,
    /// Whether it runs.
    pub status: Status,
    /// The day it entered the stage.
    pub since: Date,
    /// Whether it stands for one of a number of unnamed projects.
    pub counted: bool,
    /// The day of the earliest standing fact that works started.
    pub started: Option<Date>,
    /// The day of the earliest standing fact that works finished.
    pub finished: Option<Date>,
    /// The day of the earliest standing fact that it was accepted.
    pub accepted: Option<Date>,
    /// Households.
    pub households: Option<u64>,
    /// Buildings.
    pub buildings: Option<u64>,
    /// Floor area in square metres: an exact decimal.
    pub area_m2: Option<String>,
    /// How many transitions were refused.
    pub refusals: u64,
    /// The last permitted day of the deadline that governs; `null` if none does, or the clock stands.
    pub due: Option<Date>,
    /// The position of its last event.
    pub last_position: Position,
}

/// How many projects a page holds where no number is given.
const PAGE: u32 = 100;

const COLUMNS: &str = "
    SELECT p.project, p.programme, p.definition, p.name, p.area, p.track, p.category, p.stage, p.status, p.since,
           p.counted, p.started, p.finished, p.accepted, p.households, p.buildings, p.area_m2, p.area_micro,
           p.refusals, p.last_position,
           (SELECT MIN(d.due_day) FROM deadline d WHERE d.project_no = p.no AND d.part NOT LIKE 'order/%') AS due_day
    FROM project p WHERE 1";

impl Views {
    /// A page of projects, by id.
    pub async fn projects(&self, query: &ProjectQuery) -> Result<ProjectList, ViewError> {
        let limit = if query.limit == 0 { PAGE } else { query.limit };
        let mut question = self.ask().await?;
        let mut sql = QueryBuilder::<Sqlite>::new(COLUMNS);
        for (column, wanted) in [
            ("p.programme", query.programme.as_deref()),
            ("p.area", query.area.as_deref()),
            ("p.stage", query.stage.as_deref()),
            ("p.status", query.status.map(Status::as_str)),
        ] {
            if let Some(wanted) = wanted {
                sql.push(format_args!(" AND {column} = "))
                    .push_bind(wanted.to_owned());
            }
        }
        if let Some(after) = &query.after {
            sql.push(" AND p.project > ")
                .push_bind(after.as_str().to_owned());
        }
        if let Some(text) = query
            .text
            .as_deref()
            .map(str::trim)
            .filter(|text| !text.is_empty())
        {
            // instr finds the text as it is: no sign in it has a meaning of its own.
            sql.push(" AND (instr(lower(p.project), lower(")
                .push_bind(text.to_owned());
            sql.push(")) OR instr(p.name, ").push_bind(text.to_owned());
            sql.push(") OR EXISTS (SELECT 1 FROM compound c WHERE c.project_no = p.no AND (instr(c.name, ");
            sql.push_bind(text.to_owned());
            sql.push(") OR instr(c.aliases, ")
                .push_bind(text.to_owned());
            sql.push("))))");
        }
        sql.push(" ORDER BY p.project LIMIT ")
            .push_bind(i64::from(limit) + 1);
        let rows = sql.build().fetch_all(&mut *question.rows).await?;
        let mut names = self.names();
        let mut projects = Vec::with_capacity(rows.len());
        for row in rows.iter().take(limit as usize) {
            projects.push(read(row, &mut names, query.lang).await?);
        }
        Ok(ProjectList {
            position: question.reached.position(),
            projects,
            more: rows.len() > limit as usize,
        })
    }
}

async fn read(row: &SqliteRow, names: &mut Names<'_>, lang: Lang) -> Result<ProjectRow, ViewError> {
    let day = |column: &str| {
        let day: Option<String> = row.try_get(column)?;
        day.as_deref().map(parse_day).transpose()
    };
    let count =
        |column: &str| Ok::<_, ViewError>(row.try_get::<Option<i64>, _>(column)?.map(unsigned));
    let programme: String = row.try_get("programme")?;
    let digest: String = row.try_get("definition")?;
    let definition = names.definition(&programme, &digest).await?;
    let area: Option<String> = row.try_get("area")?;
    let stage: String = row.try_get("stage")?;
    let whole: Option<i64> = row.try_get("area_m2")?;
    let micro: Option<i64> = row.try_get("area_micro")?;
    Ok(ProjectRow {
        project: ProjectId::new(row.try_get::<String, _>("project")?)?,
        name: row.try_get("name")?,
        programme,
        definition: digest,
        area_name: area_name(&definition, area.as_deref(), lang),
        area,
        track: row.try_get("track")?,
        category: row.try_get("category")?,
        stage_name: stage_name(&definition, &stage, lang),
        stage,
        status: status(&row.try_get::<String, _>("status")?)?,
        since: parse_day(row.try_get("since")?)?,
        counted: row.try_get("counted")?,
        started: day("started")?,
        finished: day("finished")?,
        accepted: day("accepted")?,
        households: count("households")?,
        buildings: count("buildings")?,
        area_m2: whole
            .zip(micro)
            .map(|(whole, micro)| Total::of(0, whole, micro).to_string()),
        refusals: unsigned(row.try_get("refusals")?),
        due: day("due_day")?,
        last_position: Position(unsigned(row.try_get("last_position")?)),
    })
}

fn status(word: &str) -> Result<Status, ViewError> {
    [
        Status::Active,
        Status::Suspended,
        Status::Completed,
        Status::Withdrawn,
    ]
    .into_iter()
    .find(|status| status.as_str() == word)
    .ok_or_else(|| ViewError::row(format!("status {word:?}")))
}
