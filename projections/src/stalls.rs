//! Which projects are past their day: where, since when, by which rule, and whose turn it is.

use std::cmp::Reverse;
use std::collections::HashSet;

use anju_engine::event::{Position, shanghai_day};
use anju_workflows::calendar::{Calendar, DayKind};
use anju_workflows::definition::{Definition, Lang, Placement};
use anju_workflows::project::event::ProjectId;
use anju_workflows::project::{ProjectState, Status};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row, Sqlite};

use crate::names::{Part, area_name, deadline_names, rule_names, stage_name, step_name};
use crate::rows::{DeadlineLine, OpenLine, PartLine};
use crate::store::{parse_day, unsigned};
use crate::views::Question;
use crate::{ViewError, Views, history};

/// What to ask for.
#[derive(Clone, Debug, Default)]
pub struct StallQuery {
    /// The day; `None` = today.
    pub as_of: Option<Date>,
    /// Only this programme.
    pub programme: Option<String>,
    /// Only this area and those below it.
    pub area: Option<String>,
    /// The language of names.
    pub lang: Lang,
}

/// The stalled projects.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stalled {
    /// The position of the log that this reflects.
    pub position: Position,
    /// The day.
    pub as_of: Date,
    /// The stalled projects, most overdue first, then by id.
    pub stalled: Vec<StalledProject>,
    /// How many projects have their clock stopped; they are not stalled.
    pub suspended: u64,
}

/// A stalled project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StalledProject {
    /// Its id.
    pub project: ProjectId,
    /// Its name.
    pub name: String,
    /// Its programme.
    pub programme: String,
    /// Its area.
    pub area: Option<String>,
    /// The area's name.
    pub area_name: Option<String>,
    /// The stage it stands in.
    pub stage: String,
    /// The stage's name.
    pub stage_name: String,
    /// The day it entered the stage.
    pub since: Date,
    /// The last permitted day of the deadline that governs.
    pub due: Date,
    /// Natural days past it; at least 1.
    pub overdue_days: i64,
    /// Working days past it; `null` = the calendar does not know them.
    pub overdue_working_days: Option<i64>,
    /// By the programme's thresholds; `null` = they count working days that the calendar does not know.
    pub lamp: Option<Lamp>,
    /// The units whose turn it is: those that lead the stage it stands in.
    pub responsible: Vec<String>,
    /// The deadline's id.
    pub rule: String,
    /// Its name.
    pub rule_name: String,
    /// The stage it belongs to: the project's own, or a later one.
    pub rule_stage: String,
    /// The phrase of the text it comes from, or the law.
    pub rule_source: String,
    /// Whether it had passed when the project was adopted.
    pub late_at_adoption: bool,
    /// The other deadlines that are past their day as well.
    pub other_overdue: Vec<String>,
    /// The highest step of the ladder taken for this deadline and not withdrawn.
    pub highest_step: Option<u32>,
    /// Its name.
    pub highest_step_name: Option<String>,
    /// The lot that is late, if it is not the project itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lot: Option<String>,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lot_name: Option<String>,
    /// The number of the order that is late, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<u32>,
}

/// A lamp (亮灯).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lamp {
    /// 绿灯
    Green,
    /// 黄灯
    Yellow,
    /// 红灯
    Red,
}

impl Lamp {
    /// Its word in answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Green => "green",
            Self::Yellow => "yellow",
            Self::Red => "red",
        }
    }
}

/// Projects that are past their day, through the index of due days.
const STALLED: &str = "
    SELECT p.project, p.programme, p.definition, p.name, p.area, p.track, p.category, p.stage, p.since,
           d.next_step_day, d.open, d.highest_step, d.highest_ladder, d.part_line
    FROM deadline d CROSS JOIN project p ON p.no = d.project_no
    WHERE d.due_day < ";

/// Projects whose clock is stopped, through an index of them alone.
const SUSPENDED: &str = "
    SELECT programme, definition, area, COUNT(*) AS suspended FROM project WHERE status = 'suspended'";

/// Projects whose next step is due, through the index of step days.
const DUE_STEPS: &str = "
    SELECT p.project
    FROM deadline d CROSS JOIN project p ON p.no = d.project_no
    WHERE d.next_step_day <= ?
    ORDER BY d.next_step_day, d.project_no, d.part
    LIMIT ? OFFSET ?";

/// A project, as far as its stall is shown.
#[derive(Clone)]
struct Subject {
    project: ProjectId,
    programme: String,
    definition: String,
    name: String,
    placement: Placement,
    stage: String,
    since: Date,
}

impl Views {
    /// The projects that are past their day. A day before the latest event is answered from the projects' histories:
    /// as they stood on that day, by all that is known now.
    pub async fn stalled(&self, query: &StallQuery) -> Result<Stalled, ViewError> {
        let as_of = match query.as_of {
            Some(day) => day,
            None => shanghai_day(self.handler().now().await?),
        };
        let mut question = self.ask().await?;
        let calendar = self.calendar(&question.reached).await?;
        let past = question
            .reached
            .latest_day
            .is_some_and(|latest| as_of < latest);
        let mut answer = Stalled {
            position: question.reached.position(),
            as_of,
            stalled: Vec::new(),
            suspended: 0,
        };
        if past {
            self.stalled_then(&mut question, query, &calendar, &mut answer)
                .await?;
        } else {
            self.stalled_now(&mut question, query, &calendar, &mut answer)
                .await?;
        }
        answer.stalled.sort_by(|a, b| {
            (Reverse(a.overdue_days), &a.project, &a.lot, a.order).cmp(&(
                Reverse(b.overdue_days),
                &b.project,
                &b.lot,
                b.order,
            ))
        });
        Ok(answer)
    }

    /// The projects for which a step of the ladder is due by `today`, the longest due first: at most `limit`.
    pub async fn due_steps(&self, today: Date, limit: usize) -> Result<Vec<ProjectId>, ViewError> {
        let mut question = self.ask().await?;
        let mut found: Vec<ProjectId> = Vec::new();
        let mut seen = HashSet::new();
        let page = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut offset = 0i64;
        // A project may have several rows, one for each late lot and order: it is named once.
        while found.len() < limit {
            let rows = sqlx::query(DUE_STEPS)
                .bind(today.to_string())
                .bind(page)
                .bind(offset)
                .fetch_all(&mut *question.rows)
                .await?;
            let last = rows.len() < limit;
            offset = offset.saturating_add(page);
            for row in rows {
                let project = ProjectId::new(row.try_get::<String, _>("project")?)?;
                if found.len() < limit && seen.insert(project.clone()) {
                    found.push(project);
                }
            }
            if last {
                break;
            }
        }
        Ok(found)
    }

    async fn stalled_now(
        &self,
        question: &mut Question,
        query: &StallQuery,
        calendar: &Calendar,
        answer: &mut Stalled,
    ) -> Result<(), ViewError> {
        let mut names = self.names();
        let mut sql = QueryBuilder::<Sqlite>::new(SUSPENDED);
        push_programme(&mut sql, "programme", query);
        sql.push(" GROUP BY programme, definition, area");
        for row in sql.build().fetch_all(&mut *question.rows).await? {
            let definition = names
                .definition(row.try_get("programme")?, row.try_get("definition")?)
                .await?;
            if in_area(&definition, row.try_get("area")?, query) {
                answer.suspended += unsigned(row.try_get("suspended")?);
            }
        }
        let mut sql = QueryBuilder::<Sqlite>::new(STALLED);
        sql.push_bind(answer.as_of.to_string());
        push_programme(&mut sql, "p.programme", query);
        for row in sql.build().fetch_all(&mut *question.rows).await? {
            let (subject, line) = read(&row)?;
            let definition = names
                .definition(&subject.programme, &subject.definition)
                .await?;
            if in_area(&definition, subject.placement.area.as_deref(), query) {
                answer.stalled.extend(stall(
                    &definition,
                    calendar,
                    subject,
                    &line,
                    answer.as_of,
                    query.lang,
                ));
            }
        }
        Ok(())
    }

    async fn stalled_then(
        &self,
        question: &mut Question,
        query: &StallQuery,
        calendar: &Calendar,
        answer: &mut Stalled,
    ) -> Result<(), ViewError> {
        let mut sql = QueryBuilder::<Sqlite>::new(
            "SELECT project, programme, definition, area FROM project WHERE registered_on <= ",
        );
        sql.push_bind(answer.as_of.to_string());
        push_programme(&mut sql, "programme", query);
        let mut names = self.names();
        for row in sql.build().fetch_all(&mut *question.rows).await? {
            let project = ProjectId::new(row.try_get::<String, _>("project")?)?;
            let programme: String = row.try_get("programme")?;
            let digest: String = row.try_get("definition")?;
            let definition = names.definition(&programme, &digest).await?;
            let area: Option<String> = row.try_get("area")?;
            if !in_area(&definition, area.as_deref(), query) {
                continue;
            }
            let events = history::read(&**self.handler().log(), &project, answer.position).await?;
            let Some(state) = history::fold(&project, &events, answer.as_of) else {
                continue;
            };
            match state.status {
                Status::Withdrawn => continue,
                Status::Suspended => answer.suspended += 1,
                Status::Active | Status::Completed => {}
            }
            let lines = DeadlineLine::all(&definition, calendar, &state);
            let subject = subject_of(state);
            for line in lines {
                answer.stalled.extend(stall(
                    &definition,
                    calendar,
                    subject.clone(),
                    &line,
                    answer.as_of,
                    query.lang,
                ));
            }
        }
        Ok(())
    }
}

fn push_programme(sql: &mut QueryBuilder<Sqlite>, column: &str, query: &StallQuery) {
    if let Some(programme) = &query.programme {
        sql.push(format_args!(" AND {column} = "));
        sql.push_bind(programme.clone());
    }
}

fn in_area(definition: &Definition, area: Option<&str>, query: &StallQuery) -> bool {
    query.area.as_deref().is_none_or(|wanted| {
        area.is_some_and(|area| definition.area_lineage(area).contains(&wanted))
    })
}

fn subject_of(state: ProjectState) -> Subject {
    let placement = state.placement();
    Subject {
        project: state.id,
        programme: state.registered.programme,
        definition: state.registered.definition,
        name: state.registered.name,
        placement,
        stage: state.stage,
        since: state.since,
    }
}

fn read(row: &SqliteRow) -> Result<(Subject, DeadlineLine), ViewError> {
    let open: String = row.try_get("open")?;
    let mut open: Vec<OpenLine> = serde_json::from_str(&open).map_err(ViewError::row)?;
    if open.is_empty() {
        return Err(ViewError::row("a deadline without a day"));
    }
    let first = open.remove(0);
    let step: Option<u32> = row.try_get("highest_step")?;
    let ladder: Option<String> = row.try_get("highest_ladder")?;
    let next_step_day: Option<String> = row.try_get("next_step_day")?;
    let part: Option<String> = row.try_get("part_line")?;
    let line = DeadlineLine {
        part: part
            .map(|part| serde_json::from_str(&part).map_err(ViewError::row))
            .transpose()?,
        first,
        others: open,
        next_step_day: next_step_day.as_deref().map(parse_day).transpose()?,
        highest: step.zip(ladder),
    };
    let subject = Subject {
        project: ProjectId::new(row.try_get::<String, _>("project")?)?,
        programme: row.try_get("programme")?,
        definition: row.try_get("definition")?,
        name: row.try_get("name")?,
        placement: Placement {
            track: row.try_get("track")?,
            area: row.try_get("area")?,
            category: row.try_get("category")?,
        },
        stage: row.try_get("stage")?,
        since: parse_day(row.try_get("since")?)?,
    };
    Ok((subject, line))
}

/// How a project is stalled on a day; `None` if it is not.
fn stall(
    definition: &Definition,
    calendar: &Calendar,
    subject: Subject,
    line: &DeadlineLine,
    as_of: Date,
    lang: Lang,
) -> Option<StalledProject> {
    let due = line.first.due;
    let overdue_days = line.first.overdue_days(as_of);
    if overdue_days == 0 {
        return None;
    }
    let overdue_working_days = calendar.working_days_between(due, as_of);
    let (mut lot, mut lot_name, mut order) = (None, None, None);
    let mut responsible = definition.responsible_units(&subject.stage, &subject.placement);
    let (rule_name, rule_source) = match &line.part {
        None => deadline_names(definition, &line.first.id, lang),
        Some(PartLine::Lot { lot: id, name }) => {
            lot = Some(id.clone());
            lot_name = Some(name.clone());
            deadline_names(definition, &line.first.id, lang)
        }
        Some(PartLine::Order {
            order: number,
            to,
            about,
            lot: id,
            lot_name: name,
        }) => {
            order = Some(*number);
            lot.clone_from(id);
            lot_name.clone_from(name);
            responsible = vec![to.clone()];
            let part = Part {
                lot: None,
                order: Some((*number, about)),
            };
            rule_names(definition, &line.first.id, part, lang)
        }
    };
    let highest = line.highest.as_ref();
    Some(StalledProject {
        area_name: area_name(definition, subject.placement.area.as_deref(), lang),
        stage_name: stage_name(definition, &subject.stage, lang),
        since: subject.since,
        due,
        overdue_days,
        overdue_working_days,
        lamp: lamp(definition, calendar, due, as_of),
        responsible,
        rule: line.first.id.clone(),
        rule_name,
        rule_stage: line.first.stage.clone(),
        rule_source,
        late_at_adoption: line.first.late_at_adoption,
        other_overdue: line
            .others
            .iter()
            .filter(|other| other.overdue_days(as_of) > 0)
            .map(|other| other.id.clone())
            .collect(),
        highest_step: highest.map(|(step, _)| *step),
        highest_step_name: highest.map(|(_, ladder)| step_name(definition, ladder, lang)),
        project: subject.project,
        name: subject.name,
        programme: subject.programme,
        area: subject.placement.area,
        stage: subject.stage,
        lot,
        lot_name,
        order,
    })
}

/// The lamp of a due day, by the definition's thresholds. `None`: they count working days that are not known.
fn lamp(definition: &Definition, calendar: &Calendar, due: Date, as_of: Date) -> Option<Lamp> {
    let lamps = &definition.lamps;
    // A threshold of n days is reached n days after the due day; rolled days move that day itself.
    let reached = |days: u32| -> Option<bool> {
        let days = i32::try_from(days).ok()?;
        match lamps.kind {
            DayKind::Working => Some(calendar.working_days_between(due, as_of)? >= i64::from(days)),
            kind => Some(calendar.add(due, days, kind)? <= as_of),
        }
    };
    Some(if reached(lamps.red)? {
        Lamp::Red
    } else if reached(lamps.yellow)? {
        Lamp::Yellow
    } else {
        Lamp::Green
    })
}

#[cfg(test)]
mod tests {
    use sqlx::AssertSqlSafe;

    use super::*;
    use crate::store;

    async fn plan(sql: String) -> String {
        let folder = tempfile::tempdir().unwrap();
        let mut connection = store::open_writer(&folder.path().join("views.db"))
            .await
            .unwrap();
        store::prepare(&mut connection).await.unwrap();
        let steps = sqlx::query(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}")))
            .fetch_all(&mut connection)
            .await
            .unwrap();
        let steps: Vec<String> = steps.iter().map(|step| step.get("detail")).collect();
        steps.join("\n")
    }

    #[tokio::test]
    async fn stalled_projects_are_found_through_the_index_of_due_days() {
        let plan = plan(format!("{STALLED} '2021-10-01'")).await;
        assert!(
            plan.contains("SEARCH d USING INDEX deadline_by_due"),
            "{plan}"
        );
        assert!(!plan.contains("SCAN"), "{plan}");
    }

    #[tokio::test]
    async fn suspended_projects_are_counted_through_an_index_of_them_alone() {
        let plan = plan(format!("{SUSPENDED} GROUP BY programme, definition, area")).await;
        assert!(
            plan.contains("USING COVERING INDEX project_suspended"),
            "{plan}"
        );
    }

    #[tokio::test]
    async fn due_steps_are_found_through_their_index_and_need_no_sorting() {
        let plan = plan(
            DUE_STEPS
                .replacen('?', "'2021-10-01'", 1)
                .replacen('?', "10", 1)
                .replace('?', "0"),
        )
        .await;
        assert!(
            plan.contains("SEARCH d USING COVERING INDEX deadline_by_next_step"),
            "{plan}"
        );
        assert!(
            !plan.contains("SCAN") && !plan.contains("TEMP B-TREE"),
            "{plan}"
        );
    }
}
