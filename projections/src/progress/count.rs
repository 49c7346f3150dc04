//! Counting projects by groups.

use anju_workflows::definition::{Milestone, Placement};
use jiff::civil::Date;
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Row};

use super::{Figures, Known, StatusCount};
use crate::ViewError;
use crate::figures::Total;
use crate::store::{parse_day, unsigned};
use crate::views::Question;

/// Projects of one area, stage and status.
pub(super) struct Group {
    pub(super) area: Option<String>,
    pub(super) stage: String,
    status: String,
    pub(super) projects: u64,
    counted: u64,
    started: u64,
    finished: u64,
    accepted: u64,
    known: Known,
    compounds: Total,
    households: Total,
    buildings: Total,
    area_m2: Total,
}

/// A compound of a project, where other projects list it too.
pub(super) struct Shared {
    pub(super) compound: String,
    pub(super) stage: String,
    pub(super) status: String,
    pub(super) placement: Placement,
    started: Option<Date>,
    finished: Option<Date>,
    accepted: Option<Date>,
}

impl Shared {
    /// The day its project reached a milestone.
    pub(super) fn reached(&self, milestone: Milestone) -> Option<Date> {
        match milestone {
            Milestone::Started => self.started,
            Milestone::Finished => self.finished,
            Milestone::Accepted => self.accepted,
        }
    }
}

/// Groups added up.
#[derive(Clone, Default)]
pub(super) struct Tally {
    pub(super) projects: u64,
    counted: u64,
    status: StatusCount,
    started: u64,
    finished: u64,
    accepted: u64,
    known: Known,
    compounds: Total,
    households: Total,
    buildings: Total,
    area_m2: Total,
}

impl Tally {
    pub(super) fn add(&mut self, group: &Group) {
        self.projects += group.projects;
        self.counted += group.counted;
        match group.status.as_str() {
            "active" => self.status.active += group.projects,
            "suspended" => self.status.suspended += group.projects,
            "completed" => self.status.completed += group.projects,
            _ => self.status.withdrawn += group.projects,
        }
        self.started += group.started;
        self.finished += group.finished;
        self.accepted += group.accepted;
        self.known.compounds += group.known.compounds;
        self.known.households += group.known.households;
        self.known.buildings += group.known.buildings;
        self.known.area_m2 += group.known.area_m2;
        self.compounds = self.compounds.plus(group.compounds);
        self.households = self.households.plus(group.households);
        self.buildings = self.buildings.plus(group.buildings);
        self.area_m2 = self.area_m2.plus(group.area_m2);
    }

    /// What nobody states is not known, rather than nothing. `repeats`: how many times compounds were counted again.
    pub(super) fn figures(self, repeats: u64) -> Figures {
        let known = self.known;
        Figures {
            projects: self.projects,
            named: self.projects - self.counted,
            counted: self.counted,
            status: self.status,
            started: self.started,
            finished: self.finished,
            accepted: self.accepted,
            compounds: (known.compounds > 0)
                .then(|| self.compounds.less(Total::whole(repeats)).as_count()),
            households: (known.households > 0).then(|| self.households.as_count()),
            buildings: (known.buildings > 0).then(|| self.buildings.as_count()),
            area_m2: (known.area_m2 > 0).then(|| self.area_m2.to_string()),
            known,
        }
    }
}

/// The projects of a programme in groups. Sums are added up in halves, so that no number of large values overflows.
pub(super) async fn groups(
    question: &mut Question,
    programme: &str,
) -> Result<Vec<Group>, ViewError> {
    let sums: String = [
        "projects",
        "counted",
        "started",
        "finished",
        "accepted",
        "compounds_known",
        "households_known",
        "buildings_known",
        "area_known",
        "compounds_high",
        "compounds_low",
        "households_high",
        "households_low",
        "buildings_high",
        "buildings_low",
        "area_high",
        "area_low",
        "area_micro",
    ]
    .iter()
    .map(|column| format!(", SUM(t.{column}) AS {column}"))
    .collect();
    // Only the fixed texts above are put in; values are bound.
    let sql = format!(
        "SELECT c.area, t.stage, t.status{sums}
         FROM cohort c CROSS JOIN tally t ON t.cohort = c.no
         WHERE c.programme = ? GROUP BY c.area, t.stage, t.status"
    );
    let rows = sqlx::query(AssertSqlSafe(sql))
        .bind(programme)
        .fetch_all(&mut *question.rows)
        .await?;
    rows.iter().map(group).collect()
}

fn group(row: &SqliteRow) -> Result<Group, ViewError> {
    let count = |column: &str| Ok::<_, ViewError>(unsigned(row.try_get(column)?));
    let total = |high: &str, low: &str| {
        Ok::<_, ViewError>(Total::of(row.try_get(high)?, row.try_get(low)?, 0))
    };
    Ok(Group {
        area: row.try_get("area")?,
        stage: row.try_get("stage")?,
        status: row.try_get("status")?,
        projects: count("projects")?,
        counted: count("counted")?,
        started: count("started")?,
        finished: count("finished")?,
        accepted: count("accepted")?,
        known: Known {
            compounds: count("compounds_known")?,
            households: count("households_known")?,
            buildings: count("buildings_known")?,
            area_m2: count("area_known")?,
        },
        compounds: total("compounds_high", "compounds_low")?,
        households: total("households_high", "households_low")?,
        buildings: total("buildings_high", "buildings_low")?,
        area_m2: Total::of(
            row.try_get("area_high")?,
            row.try_get("area_low")?,
            row.try_get("area_micro")?,
        ),
    })
}

/// The compounds that several projects of a programme list, once for each listing. `batch`: only of the projects of
/// this year's batch, with what they reached while they belonged to it.
pub(super) async fn shared(
    question: &mut Question,
    programme: &str,
    batch: Option<i16>,
) -> Result<Vec<Shared>, ViewError> {
    let credited = |column: &str| match batch {
        Some(_) => format!(
            "CASE WHEN p.{column} > b.since AND p.{column} <= b.until THEN p.{column} END AS {column}"
        ),
        None => format!("p.{column}"),
    };
    let join = match batch {
        Some(_) => "JOIN batch b ON b.project_no = p.no AND b.year = ?2",
        None => "",
    };
    // Only the fixed texts above are put in; values are bound.
    let sql = format!(
        "SELECT c.id, p.stage, p.status, p.area, p.track, p.category, {}, {}, {}
         FROM shared_compound several
         CROSS JOIN compound c ON c.id = several.id
         CROSS JOIN project p ON p.no = c.project_no {join}
         WHERE p.programme = ?1
         ORDER BY c.id, p.no",
        credited("started"),
        credited("finished"),
        credited("accepted"),
    );
    let mut query = sqlx::query(AssertSqlSafe(sql)).bind(programme);
    if batch.is_some() {
        query = query.bind(batch);
    }
    let rows = query.fetch_all(&mut *question.rows).await?;
    rows.iter()
        .map(|row| {
            let day = |column: &str| {
                let day: Option<String> = row.try_get(column)?;
                day.as_deref().map(parse_day).transpose()
            };
            Ok(Shared {
                compound: row.try_get("id")?,
                stage: row.try_get("stage")?,
                status: row.try_get("status")?,
                placement: Placement {
                    track: row.try_get("track")?,
                    area: row.try_get("area")?,
                    category: row.try_get("category")?,
                },
                started: day("started")?,
                finished: day("finished")?,
                accepted: day("accepted")?,
            })
        })
        .collect()
}
