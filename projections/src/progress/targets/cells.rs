//! What there is of what a target counts, by area.

use std::collections::BTreeMap;

use anju_workflows::definition::{Definition, Measure, Milestone, Placement, Target};
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Row};

use super::due_of;
use crate::ViewError;
use crate::figures::Total;
use crate::store::unsigned;
use crate::views::Question;

/// What there is, in some part of the programme.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Cell {
    pub(super) projects: u64,
    /// How many of them do not state the measure.
    pub(super) unknown: u64,
    /// How many of those have reached the milestone.
    pub(super) unknown_reached: u64,
    pub(super) all: Total,
    pub(super) reached: Total,
    pub(super) by_due: Total,
}

impl Cell {
    pub(super) fn add(&mut self, other: &Self) {
        self.projects += other.projects;
        self.unknown += other.unknown;
        self.unknown_reached += other.unknown_reached;
        self.all = self.all.plus(other.all);
        self.reached = self.reached.plus(other.reached);
        self.by_due = self.by_due.plus(other.by_due);
    }
}

/// What there is, by area.
type Cells = BTreeMap<Option<String>, Cell>;

/// By area, the projects that a target is about.
pub(super) async fn cells(
    question: &mut Question,
    programme: &str,
    definition: &Definition,
    target: &Target,
) -> Result<Cells, ViewError> {
    // What is credited to a batch depends on each project's days; so would a sum of what has reached a milestone, which
    // no definition may ask for.
    if target.batch.is_some() || (target.sum_of.is_some() && target.reached.is_some()) {
        return one_by_one(question, programme, definition, target).await;
    }
    from_tallies(question, programme, definition, target).await
}

/// Whether there is a number that a target's measure adds up.
pub(super) fn is_computed(target: &Target) -> bool {
    measure_of(target).is_some()
}

/// The columns of a tally that a measure is in: how many state it, the halves of its sum, the millionths.
fn columns_of(target: &Target) -> [&'static str; 4] {
    match target.measure {
        Measure::Projects => ["t.projects", "0", "t.projects", "0"],
        // One that stands for an unnamed project is one compound.
        Measure::Compounds => [
            "t.compounds_known + t.compounds_unnamed",
            "t.compounds_high",
            "t.compounds_low + t.compounds_unnamed",
            "0",
        ],
        Measure::Households => [
            "t.households_known",
            "t.households_high",
            "t.households_low",
            "0",
        ],
        Measure::Buildings => [
            "t.buildings_known",
            "t.buildings_high",
            "t.buildings_low",
            "0",
        ],
        Measure::AreaM2 => ["t.area_known", "t.area_high", "t.area_low", "t.area_micro"],
        Measure::Yuan | Measure::Other => ["0", "0", "0", "0"],
    }
}

/// The same as [`one_by_one`], from what is kept counted.
async fn from_tallies(
    question: &mut Question,
    programme: &str,
    definition: &Definition,
    target: &Target,
) -> Result<Cells, ViewError> {
    let [known, high, low, micro] = columns_of(target);
    // The parts of these statements are the fixed texts above; values are bound.
    let all = format!(
        "SELECT c.area, c.track, c.category, SUM(t.projects) AS projects, SUM({known}) AS known,
                SUM({high}) AS high, SUM({low}) AS low, SUM({micro}) AS micro
         FROM cohort c CROSS JOIN tally t ON t.cohort = c.no
         WHERE c.programme = ?1 AND t.status <> 'withdrawn'
         GROUP BY c.area, c.track, c.category"
    );
    let rows = sqlx::query(AssertSqlSafe(all))
        .bind(programme)
        .fetch_all(&mut *question.rows)
        .await?;
    let mut cells = Cells::new();
    for row in &rows {
        if let Some(cell) = cell_of(&mut cells, definition, target, row)? {
            let counted = counted(row)?;
            cell.projects += counted.projects;
            cell.unknown += counted.unknown;
            cell.all = cell.all.plus(counted.sum);
            if target.reached.is_none() && target.sum_of.is_none() {
                // An opening size: whatever is there counts.
                cell.unknown_reached += counted.unknown;
                cell.reached = cell.reached.plus(counted.sum);
                cell.by_due = cell.by_due.plus(counted.sum);
            }
        }
    }
    if let Some(milestone) = target.reached {
        let due = due_of(definition, target);
        let by_due = |column: &str| format!("SUM(CASE WHEN t.day <= ?3 THEN {column} ELSE 0 END)");
        let reached = format!(
            "SELECT c.area, c.track, c.category, SUM(t.projects) AS projects, SUM({known}) AS known,
                    SUM({high}) AS high, SUM({low}) AS low, SUM({micro}) AS micro,
                    {} AS due_high, {} AS due_low, {} AS due_micro
             FROM cohort c CROSS JOIN milestone_tally t ON t.cohort = c.no
             WHERE c.programme = ?1 AND t.milestone = ?2
             GROUP BY c.area, c.track, c.category",
            by_due(high),
            by_due(low),
            by_due(micro),
        );
        let rows = sqlx::query(AssertSqlSafe(reached))
            .bind(programme)
            .bind(milestone_word(milestone))
            .bind(due.map(|day| day.to_string()))
            .fetch_all(&mut *question.rows)
            .await?;
        for row in &rows {
            if let Some(cell) = cell_of(&mut cells, definition, target, row)? {
                let counted = counted(row)?;
                cell.unknown_reached += counted.unknown;
                cell.reached = cell.reached.plus(counted.sum);
                cell.by_due = cell.by_due.plus(total(row, "due_")?);
            }
        }
    }
    if let Some(reference) = target.sum_of.clone() {
        let sums = "
            SELECT c.area, c.track, c.category, SUM(t.projects) AS projects, SUM(t.projects) AS known,
                   SUM(t.high) AS high, SUM(t.low) AS low, SUM(t.micro) AS micro
            FROM cohort c CROSS JOIN figure_tally t ON t.cohort = c.no
            WHERE c.programme = ?1 AND t.reference = ?2 AND t.withdrawn = 0
            GROUP BY c.area, c.track, c.category";
        let rows = sqlx::query(sums)
            .bind(programme)
            .bind(String::from(reference))
            .fetch_all(&mut *question.rows)
            .await?;
        for cell in cells.values_mut() {
            // Until it is found that they state it.
            cell.unknown = cell.projects;
            cell.all = Total::default();
        }
        for row in &rows {
            if let Some(cell) = cell_of(&mut cells, definition, target, row)? {
                let counted = counted(row)?;
                cell.unknown = cell.unknown.saturating_sub(counted.projects);
                cell.all = cell.all.plus(counted.sum);
                cell.reached = cell.reached.plus(counted.sum);
                cell.by_due = cell.by_due.plus(counted.sum);
            }
        }
        for cell in cells.values_mut() {
            cell.unknown_reached = cell.unknown;
        }
    }
    Ok(cells)
}

/// The cell of a row's area, if the target is about the row's placement.
fn cell_of<'c>(
    cells: &'c mut Cells,
    definition: &Definition,
    target: &Target,
    row: &SqliteRow,
) -> Result<Option<&'c mut Cell>, ViewError> {
    let placement = Placement {
        track: row.try_get("track")?,
        area: row.try_get("area")?,
        category: row.try_get("category")?,
    };
    if !definition.applies(&target.applies, &placement) {
        return Ok(None);
    }
    Ok(Some(cells.entry(placement.area).or_default()))
}

struct Counted {
    projects: u64,
    unknown: u64,
    sum: Total,
}

fn counted(row: &SqliteRow) -> Result<Counted, ViewError> {
    let projects = unsigned(row.try_get("projects")?);
    Ok(Counted {
        projects,
        unknown: projects.saturating_sub(unsigned(row.try_get("known")?)),
        sum: total(row, "")?,
    })
}

fn total(row: &SqliteRow, prefix: &str) -> Result<Total, ViewError> {
    let part = |name: &str| row.try_get::<i64, _>(format!("{prefix}{name}").as_str());
    Ok(Total::of(part("high")?, part("low")?, part("micro")?))
}

fn milestone_word(milestone: Milestone) -> &'static str {
    match milestone {
        Milestone::Started => "started",
        Milestone::Finished => "finished",
        Milestone::Accepted => "accepted",
    }
}

/// Which number of a project a target adds up, as SQL. `None`: it cannot be computed.
fn measure_of(target: &Target) -> Option<(&'static str, &'static str)> {
    if target.sum_of.is_some() {
        return Some(("f.whole", "f.micro"));
    }
    Some(match target.measure {
        Measure::Projects => ("1", "0"),
        Measure::Compounds => ("COALESCE(p.compounds, CASE WHEN p.counted THEN 1 END)", "0"),
        Measure::Households => ("p.households", "0"),
        Measure::Buildings => ("p.buildings", "0"),
        Measure::AreaM2 => ("p.area_m2", "p.area_micro"),
        Measure::Yuan | Measure::Other => return None,
    })
}

fn milestone_column(milestone: Option<Milestone>) -> &'static str {
    match milestone {
        Some(Milestone::Started) => "p.started",
        Some(Milestone::Finished) => "p.finished",
        Some(Milestone::Accepted) => "p.accepted",
        // An opening size or a sum: whatever is there counts.
        None => "p.registered_on",
    }
}

/// By area, the projects that a target is about, each looked at.
async fn one_by_one(
    question: &mut Question,
    programme: &str,
    definition: &Definition,
    target: &Target,
) -> Result<Cells, ViewError> {
    let (whole, micro) = measure_of(target).unwrap_or(("NULL", "0"));
    let mut day = milestone_column(target.reached).to_owned();
    let batch = if target.batch.is_some() {
        // Credited is what was reached while the project belonged to the batch.
        if target.reached.is_some() {
            day = format!("(CASE WHEN {day} > b.since AND {day} <= b.until THEN {day} END)");
        }
        "JOIN batch b ON b.project_no = p.no AND b.year = ?4"
    } else {
        ""
    };
    let sum = |condition: &str, name: &str| {
        format!(
            "COALESCE(SUM(CASE WHEN {condition} THEN ({whole}) >> 32 END), 0) AS {name}_high,
             COALESCE(SUM(CASE WHEN {condition} THEN ({whole}) & 4294967295 END), 0) AS {name}_low,
             COALESCE(SUM(CASE WHEN {condition} THEN {micro} END), 0) AS {name}_micro"
        )
    };
    let reference = target.sum_of.clone().map(String::from);
    let figures = if reference.is_some() {
        "LEFT JOIN figure f ON f.project_no = p.no AND f.reference = ?2"
    } else {
        ""
    };
    // Only the fixed texts above are put in; values are bound.
    let sql = format!(
        "SELECT p.area, p.track, p.category, COUNT(*) AS projects,
                COUNT(*) - COUNT({whole}) AS unknown,
                SUM({day} IS NOT NULL AND ({whole}) IS NULL) AS unknown_reached,
                {}, {}, {}
         FROM project p {batch} {figures}
         WHERE p.programme = ?1 AND p.status <> 'withdrawn'
         GROUP BY p.area, p.track, p.category",
        sum("1", "all"),
        sum(&format!("{day} IS NOT NULL"), "reached"),
        sum(&format!("{day} <= ?3"), "by_due"),
    );
    let due = due_of(definition, target);
    let rows = sqlx::query(AssertSqlSafe(sql))
        .bind(programme)
        .bind(reference)
        .bind(due.map(|day| day.to_string()));
    let rows = match target.batch {
        Some(year) => rows.bind(year),
        None => rows,
    };
    let rows = rows.fetch_all(&mut *question.rows).await?;
    let mut cells = Cells::new();
    for row in rows {
        let cell = Cell {
            projects: unsigned(row.try_get("projects")?),
            unknown: unsigned(row.try_get("unknown")?),
            unknown_reached: unsigned(row.try_get("unknown_reached")?),
            all: total(&row, "all_")?,
            reached: total(&row, "reached_")?,
            by_due: total(&row, "by_due_")?,
        };
        if let Some(found) = cell_of(&mut cells, definition, target, &row)? {
            found.add(&cell);
        }
    }
    Ok(cells)
}

#[cfg(test)]
mod tests {
    use anju_workflows::definition::{Applies, DayRule, Reference, parse_builtin};
    use jiff::civil::date;

    use super::*;
    use crate::store::{self, tally};

    /// Every target that the tallies can answer: each measure, in each area, on its way to each milestone or to none,
    /// with a day and without, and the sums.
    fn targets(like: &Target) -> Vec<Target> {
        let measures = [
            Measure::Projects,
            Measure::Compounds,
            Measure::Households,
            Measure::Buildings,
            Measure::AreaM2,
            Measure::Yuan,
            Measure::Other,
        ];
        let milestones = [
            None,
            Some(Milestone::Started),
            Some(Milestone::Finished),
            Some(Milestone::Accepted),
        ];
        let sums = ["funds.amount_fen", "works.meters", "works.nobody_states_it"];
        let everywhere = Target {
            applies: Applies::default(),
            reached: None,
            sum_of: None,
            batch: None,
            due: None,
            ..like.clone()
        };
        let mut targets = Vec::new();
        for areas in [vec![], vec!["north".to_owned()], vec!["west".to_owned()]] {
            for due in [None, Some(DayRule::day(date(2024, 2, 1)))] {
                let here = Target {
                    applies: Applies {
                        areas: areas.clone(),
                        ..Applies::default()
                    },
                    due,
                    ..everywhere.clone()
                };
                for measure in measures {
                    targets.extend(milestones.map(|reached| Target {
                        measure,
                        reached,
                        ..here.clone()
                    }));
                    targets.extend(sums.map(|sum| Target {
                        measure,
                        sum_of: Some(Reference::try_from(sum.to_owned()).unwrap()),
                        ..here.clone()
                    }));
                }
            }
        }
        targets
    }

    #[tokio::test]
    async fn a_target_from_the_tallies_is_what_looking_at_each_project_gives() {
        let definition = parse_builtin("handan-2021").unwrap().definition;
        let like = definition.targets.values().next().unwrap();
        let mut counted_something = 0;
        for seed in 1..=3 {
            let folder = tempfile::tempdir().unwrap();
            let writer = tally::tests::filled(&folder, seed).await;
            store::close(writer).await.unwrap();
            let readers = store::open_readers(&folder.path().join("views.db"));
            let mut question = Question {
                rows: readers.begin().await.unwrap(),
                reached: store::Reached::default(),
            };
            for target in targets(like) {
                let mut kept = from_tallies(&mut question, "p", &definition, &target)
                    .await
                    .unwrap();
                let mut looked_at = one_by_one(&mut question, "p", &definition, &target)
                    .await
                    .unwrap();
                if target.reached.is_none() {
                    // There is nothing to be reached by a day, and no answer says it.
                    for cell in kept.values_mut().chain(looked_at.values_mut()) {
                        cell.by_due = Total::default();
                    }
                }
                assert_eq!(kept, looked_at, "seed {seed}: {target:?}");
                counted_something += usize::from(kept.values().any(|c| c.projects > 0));
            }
        }
        assert!(counted_something > 200, "{counted_something}");
    }
}
