//! Which projects are past their day: where, since when, by which rule, and whose turn it is.

mod now;
mod stall;
mod then;

use std::collections::{BTreeMap, HashSet};

use anju_engine::event::{Position, shanghai_day};
use anju_workflows::definition::{Definition, Lang};
use anju_workflows::project::event::ProjectId;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use sqlx::Row;

use crate::{ViewError, Views};

/// What to ask for.
#[derive(Clone, Debug, Default)]
pub struct StallQuery {
    /// The day; `None` = today.
    pub as_of: Option<Date>,
    /// Only this programme.
    pub programme: Option<String>,
    /// Only this area and those below it.
    pub area: Option<String>,
    /// Only this lamp; `Some(None)` = only those without one.
    pub lamp: Option<Option<Lamp>>,
    /// How many are left out at the beginning.
    pub skip: usize,
    /// At most so many; `None` = all. The counts are over all.
    pub limit: Option<usize>,
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
    /// How many there are, whatever page is asked for.
    pub total: u64,
    /// How many there are by programme, area and lamp, whatever lamp or page is asked for.
    pub counts: Vec<StalledCount>,
    /// The stalled projects, most overdue first, then by id; of one project itself, its lots by id, its orders by number.
    pub stalled: Vec<StalledProject>,
    /// How many projects have their clock stopped; they are not stalled.
    pub suspended: u64,
}

/// How many are stalled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StalledCount {
    /// In this programme.
    pub programme: String,
    /// In this area; `null` = in none.
    pub area: Option<String>,
    /// With this lamp; `null` = it counts working days that the calendar does not know.
    pub lamp: Option<Lamp>,
    /// So many.
    pub stalled: u64,
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

/// Projects whose next step is due, through the index of step days. SQLite plans a statement anew for each value of a
/// parameter that stands alone as a `LIMIT`: hence the sum.
const DUE_STEPS: &str = "
    SELECT p.project
    FROM deadline d CROSS JOIN project p ON p.no = d.project_no
    WHERE d.next_step_day <= ?
    ORDER BY d.next_step_day, d.project_no, d.part
    LIMIT ? + 0 OFFSET ?";

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
        let latest = question.reached.latest_day;
        if latest.is_some_and(|latest| as_of < latest) {
            then::stalled(self, &mut question, query, &calendar, as_of).await
        } else {
            now::stalled(self, &mut question, query, &calendar, as_of).await
        }
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
}

/// Counts of stalled projects, while they are made.
#[derive(Default)]
struct Counts(BTreeMap<(String, Option<String>, Option<Lamp>), u64>);

impl Counts {
    fn add(&mut self, programme: &str, area: Option<&str>, lamp: Option<Lamp>, stalled: u64) {
        let key = (programme.to_owned(), area.map(str::to_owned), lamp);
        *self.0.entry(key).or_default() += stalled;
    }

    fn list(self) -> Vec<StalledCount> {
        let counts = self.0.into_iter();
        counts
            .map(|((programme, area, lamp), stalled)| StalledCount {
                programme,
                area,
                lamp,
                stalled,
            })
            .collect()
    }
}

impl StallQuery {
    /// Whether a project of this programme and area is asked about.
    fn is_about(&self, programme: &str, definition: &Definition, area: Option<&str>) -> bool {
        self.programme
            .as_deref()
            .is_none_or(|wanted| wanted == programme)
            && self.area.as_deref().is_none_or(|wanted| {
                area.is_some_and(|area| definition.area_lineage(area).contains(&wanted))
            })
    }

    /// Whether those with this lamp are asked for.
    fn wants(&self, lamp: Option<Lamp>) -> bool {
        self.lamp.is_none_or(|wanted| wanted == lamp)
    }
}

#[cfg(test)]
mod tests {
    use sqlx::AssertSqlSafe;

    use super::*;
    use crate::store;

    pub(super) async fn plan(sql: String) -> String {
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
