//! What is stalled by what the views hold: counted through indexes, and only the page that is asked for is read.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use anju_workflows::calendar::Calendar;
use anju_workflows::definition::{Definition, Placement};
use anju_workflows::project::event::ProjectId;
use jiff::civil::Date;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::stall::{Subject, lamp, stall};
use super::{Counts, Lamp, StallQuery, Stalled};
use crate::rows::{DeadlineLine, OpenLine};
use crate::store::{parse_day, signed, unsigned};
use crate::views::Question;
use crate::{ViewError, Views};

/// How many are past each due day, by cohort: what is asked and what lamp there is follows from the two.
const COUNTED: &str = "
    SELECT cohort, due_day, COUNT(*) AS stalled FROM deadline WHERE due_day < ? GROUP BY cohort, due_day";

const COHORTS: &str = "SELECT no, programme, definition, area FROM cohort";

const SUSPENDED: &str = "
    SELECT cohort, SUM(projects) AS suspended FROM tally WHERE status = 'suspended' GROUP BY cohort";

/// Some of those that are due on one day, in order. The cohorts are one JSON array.
const PAGE: &str = "
    SELECT p.project, p.programme, p.definition, p.name, p.area, p.track, p.category, p.stage, p.since,
           d.next_step_day, d.open, d.highest_step, d.highest_ladder, d.part_line
    FROM (
        SELECT project_no, part, project, ordinal FROM deadline
        WHERE due_day = ?1 AND cohort IN (SELECT value FROM json_each(?2))
        ORDER BY project, ordinal LIMIT ?3 + 0 OFFSET ?4
    ) page
    CROSS JOIN deadline d ON d.project_no = page.project_no AND d.part = page.part
    CROSS JOIN project p ON p.no = d.project_no
    ORDER BY page.project, page.ordinal";

struct Cohort {
    programme: String,
    area: Option<String>,
    definition: Arc<Definition>,
    asked: bool,
}

/// Those that are due on one day and asked for.
#[derive(Default)]
struct Due {
    stalled: u64,
    cohorts: Vec<i64>,
}

pub(super) async fn stalled(
    views: &Views,
    question: &mut Question,
    query: &StallQuery,
    calendar: &Calendar,
    as_of: Date,
) -> Result<Stalled, ViewError> {
    let cohorts = cohorts(views, question, query).await?;
    let mut suspended = 0;
    for row in sqlx::query(SUSPENDED)
        .fetch_all(&mut *question.rows)
        .await?
    {
        let cohort = cohorts.get(&row.try_get::<i64, _>("cohort")?);
        if cohort.is_some_and(|cohort| cohort.asked) {
            suspended += unsigned(row.try_get("suspended")?);
        }
    }
    let mut counts = Counts::default();
    let mut due: BTreeMap<Date, Due> = BTreeMap::new();
    let mut total = 0;
    // Many cohorts share a definition, many projects a day. A definition is known by where it lies: all are held here.
    let mut lamps: HashMap<(usize, Date), Option<Lamp>> = HashMap::new();
    let rows = sqlx::query(COUNTED)
        .bind(as_of.to_string())
        .fetch_all(&mut *question.rows)
        .await?;
    for row in rows {
        let number: i64 = row.try_get("cohort")?;
        let cohort = cohorts
            .get(&number)
            .ok_or_else(|| ViewError::row(format!("cohort {number} is not there")))?;
        if !cohort.asked {
            continue;
        }
        let day = parse_day(row.try_get("due_day")?)?;
        let stalled = unsigned(row.try_get("stalled")?);
        let lamp = *lamps
            .entry((Arc::as_ptr(&cohort.definition).addr(), day))
            .or_insert_with(|| lamp(&cohort.definition, calendar, day, as_of));
        counts.add(&cohort.programme, cohort.area.as_deref(), lamp, stalled);
        if query.wants(lamp) {
            total += stalled;
            let due = due.entry(day).or_default();
            due.stalled += stalled;
            due.cohorts.push(number);
        }
    }
    let lines = page(question, query, &due).await?;
    let mut names = views.names();
    let mut stalled = Vec::with_capacity(lines.len());
    for (subject, line) in lines {
        let definition = names
            .definition(&subject.programme, &subject.definition)
            .await?;
        stalled.extend(stall(
            &definition,
            calendar,
            subject,
            &line,
            as_of,
            query.lang,
        ));
    }
    Ok(Stalled {
        position: question.reached.position(),
        as_of,
        total,
        counts: counts.list(),
        stalled,
        suspended,
    })
}

async fn cohorts(
    views: &Views,
    question: &mut Question,
    query: &StallQuery,
) -> Result<HashMap<i64, Cohort>, ViewError> {
    let mut names = views.names();
    let mut cohorts = HashMap::new();
    for row in sqlx::query(COHORTS).fetch_all(&mut *question.rows).await? {
        let programme: String = row.try_get("programme")?;
        let digest: String = row.try_get("definition")?;
        let area: Option<String> = row.try_get("area")?;
        let definition = names.definition(&programme, &digest).await?;
        let cohort = Cohort {
            asked: query.is_about(&programme, &definition, area.as_deref()),
            programme,
            area,
            definition,
        };
        cohorts.insert(row.try_get("no")?, cohort);
    }
    Ok(cohorts)
}

/// The rows of the page, the longest due first.
async fn page(
    question: &mut Question,
    query: &StallQuery,
    due: &BTreeMap<Date, Due>,
) -> Result<Vec<(Subject, DeadlineLine)>, ViewError> {
    let mut skip = query.skip as u64;
    let mut left = query.limit.map_or(u64::MAX, |limit| limit as u64);
    let mut lines = Vec::new();
    for (day, due) in due {
        if left == 0 {
            break;
        }
        if skip >= due.stalled {
            skip -= due.stalled;
            continue;
        }
        let cohorts: Vec<String> = due.cohorts.iter().map(i64::to_string).collect();
        let rows = sqlx::query(PAGE)
            .bind(day.to_string())
            .bind(format!("[{}]", cohorts.join(",")))
            .bind(signed(left.min(due.stalled)))
            .bind(signed(skip))
            .fetch_all(&mut *question.rows)
            .await?;
        skip = 0;
        left = left.saturating_sub(rows.len() as u64);
        for row in rows {
            lines.push(read(&row)?);
        }
    }
    Ok(lines)
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

#[cfg(test)]
mod tests {
    use super::super::tests::plan;
    use super::*;

    #[tokio::test]
    async fn stalled_projects_are_counted_through_an_index_alone() {
        let plan = plan(COUNTED.replace('?', "'2021-10-01'")).await;
        assert!(plan.contains("COVERING INDEX deadline_by_cohort"), "{plan}");
        assert!(!plan.contains("TEMP B-TREE"), "{plan}");
    }

    #[tokio::test]
    async fn a_page_of_stalled_projects_is_found_through_the_index_of_due_days_and_needs_no_sorting()
     {
        let plan = plan(
            PAGE.replace("?1", "'2021-10-01'")
                .replace("?2", "'[1,2]'")
                .replace("?3", "100")
                .replace("?4", "1000"),
        )
        .await;
        assert!(
            plan.contains("SEARCH deadline USING COVERING INDEX deadline_by_due"),
            "{plan}"
        );
        let sorted_whole = plan
            .lines()
            .any(|step| step.contains("TEMP B-TREE") && !step.contains("LAST"));
        assert!(!sorted_whole, "{plan}");
    }
}
