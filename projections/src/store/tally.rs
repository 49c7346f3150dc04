//! Counts that are kept beside the rows they count, so that a question about a whole programme reads hundreds of rows
//! and not one for each of its projects.
//!
//! Every tally counts rows of projects by keys, the first of which is the project's cohort. It is always what counting
//! the rows anew would give: before the rows of a project change, what they count for is taken off ([`take_off`]), and
//! put on again when they are written ([`put_on`]), in the same transaction. Views that are built anew are counted once,
//! at the end ([`count_all`]).

use std::fmt::Write as _;
use std::sync::LazyLock;

use sqlx::{AssertSqlSafe, SqliteConnection};

use super::signed;
use crate::ViewError;

/// A column: its name, and what it is made of. `p` is the project.
type Column = (&'static str, &'static str);

/// A tally: a table that counts rows by keys.
struct Tally {
    table: &'static str,
    keys: &'static [Column],
    values: &'static [&'static [Column]],
    /// The rows that are counted.
    from: &'static str,
    /// Which of them.
    only: &'static str,
}

/// The names of the tables, for whoever copies them.
pub(super) const TABLES: [&str; 6] = [
    "tally",
    "milestone_tally",
    "figure_tally",
    "batch_tally",
    "refusal_tally",
    "shared_compound",
];

/// How much projects state. Whole numbers are added up in halves, so that no sum of large ones overflows.
const MEASURES: &[Column] = &[
    ("compounds_known", "COUNT(p.compounds)"),
    // They stand for one compound each, which has no name yet.
    (
        "compounds_unnamed",
        "SUM(p.counted AND p.compounds IS NULL)",
    ),
    ("households_known", "COUNT(p.households)"),
    ("buildings_known", "COUNT(p.buildings)"),
    ("area_known", "COUNT(p.area_m2)"),
    ("compounds_high", "SUM(p.compounds >> 32)"),
    ("compounds_low", "SUM(p.compounds & 4294967295)"),
    ("households_high", "SUM(p.households >> 32)"),
    ("households_low", "SUM(p.households & 4294967295)"),
    ("buildings_high", "SUM(p.buildings >> 32)"),
    ("buildings_low", "SUM(p.buildings & 4294967295)"),
    ("area_high", "SUM(p.area_m2 >> 32)"),
    ("area_low", "SUM(p.area_m2 & 4294967295)"),
    ("area_micro", "SUM(p.area_micro)"),
];

const TALLIES: [Tally; 5] = [
    // Projects by stage and status.
    Tally {
        table: TABLES[0],
        keys: &[
            ("cohort INTEGER", "p.cohort"),
            ("stage TEXT", "p.stage"),
            ("status TEXT", "p.status"),
        ],
        values: &[
            &[
                ("projects", "COUNT(*)"),
                ("counted", "SUM(p.counted)"),
                ("started", "COUNT(p.started)"),
                ("finished", "COUNT(p.finished)"),
                ("accepted", "COUNT(p.accepted)"),
            ],
            MEASURES,
        ],
        from: "project p",
        only: "1",
    },
    // Projects that were not withdrawn, by the day on which they reached a milestone.
    Tally {
        table: TABLES[1],
        keys: &[
            ("cohort INTEGER", "p.cohort"),
            ("milestone TEXT", "m.milestone"),
            (
                "day TEXT",
                "CASE m.milestone WHEN 'started' THEN p.started WHEN 'finished' THEN p.finished ELSE p.accepted END",
            ),
        ],
        values: &[&[("projects", "COUNT(*)")], MEASURES],
        from: "project p CROSS JOIN
            (SELECT 'started' AS milestone UNION ALL SELECT 'finished' UNION ALL SELECT 'accepted') m",
        only: "p.status <> 'withdrawn' AND
            CASE m.milestone WHEN 'started' THEN p.started WHEN 'finished' THEN p.finished ELSE p.accepted END IS NOT NULL",
    },
    // Sums over standing facts.
    Tally {
        table: TABLES[2],
        keys: &[
            ("cohort INTEGER", "p.cohort"),
            ("reference TEXT", "f.reference"),
            ("withdrawn INTEGER", "p.status = 'withdrawn'"),
        ],
        values: &[&[
            ("projects", "COUNT(*)"),
            ("high", "SUM(f.whole >> 32)"),
            ("low", "SUM(f.whole & 4294967295)"),
            ("micro", "SUM(f.micro)"),
        ]],
        from: "project p CROSS JOIN figure f ON f.project_no = p.no",
        only: "1",
    },
    // Yearly batches, with what projects reached while they belonged to them.
    Tally {
        table: TABLES[3],
        keys: &[("cohort INTEGER", "p.cohort"), ("year INTEGER", "b.year")],
        values: &[&[
            ("projects", "COUNT(*)"),
            ("carried_in", "SUM(b.since <> '')"),
            ("carried_out", "SUM(b.until <> '9999-12-31')"),
            (
                "started",
                "SUM(p.started IS NOT NULL AND p.started > b.since AND p.started <= b.until)",
            ),
            (
                "finished",
                "SUM(p.finished IS NOT NULL AND p.finished > b.since AND p.finished <= b.until)",
            ),
            (
                "accepted",
                "SUM(p.accepted IS NOT NULL AND p.accepted > b.since AND p.accepted <= b.until)",
            ),
        ]],
        from: "project p CROSS JOIN batch b ON b.project_no = p.no",
        only: "p.status <> 'withdrawn'",
    },
    // Refused transitions.
    Tally {
        table: TABLES[4],
        keys: &[
            ("cohort INTEGER", "p.cohort"),
            ("stage TEXT", "r.stage"),
            ("rule TEXT", "r.rule"),
        ],
        values: &[&[("projects", "COUNT(*)"), ("refusals", "SUM(r.count)")]],
        from: "project p CROSS JOIN refusal r ON r.project_no = p.no",
        only: "1",
    },
];

/// Compounds that several projects list: they count once, wherever they stand.
const SHARED: &str = "
-- Compounds that are listed more than once.
CREATE TABLE shared_compound (
    id TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;
";

impl Tally {
    fn values(&self) -> impl Iterator<Item = &Column> {
        self.values.iter().copied().flatten()
    }

    fn key_names(&self) -> String {
        let names = self
            .keys
            .iter()
            .map(|(declared, _)| declared.split(' ').next().unwrap_or(declared));
        names.collect::<Vec<_>>().join(", ")
    }

    fn schema(&self) -> String {
        let Self { table, .. } = self;
        let keys = self.keys.iter().map(|(key, _)| format!("{key} NOT NULL, "));
        let values = self
            .values()
            .map(|(value, _)| format!("{value} INTEGER NOT NULL, "));
        let names = self.key_names();
        format!(
            "CREATE TABLE {table} ({}{}PRIMARY KEY ({names})) STRICT, WITHOUT ROWID;
             CREATE INDEX {table}_empty ON {table} (projects) WHERE projects = 0;",
            keys.collect::<String>(),
            values.collect::<String>(),
        )
    }

    /// Counts rows and adds them to what is there, or takes them off.
    fn add(&self, sign: &str, which: &str) -> String {
        let Self {
            table, from, only, ..
        } = self;
        let (mut selected, mut changed) = (String::new(), String::new());
        for (at, (_, made_of)) in self.keys.iter().enumerate() {
            // Writing to a String cannot fail.
            let _ = write!(selected, "{}{made_of}", if at > 0 { ", " } else { "" });
        }
        for (at, (value, made_of)) in self.values().enumerate() {
            let _ = write!(selected, ", {sign}COALESCE({made_of}, 0)");
            let comma = if at > 0 { ", " } else { "" };
            let _ = write!(changed, "{comma}{value} = {value} + excluded.{value}");
        }
        let names = self.key_names();
        let groups: Vec<_> = (1..=self.keys.len()).map(|n| n.to_string()).collect();
        format!(
            "INSERT INTO {table} SELECT {selected} FROM {from} WHERE {only} AND {which} GROUP BY {}
             ON CONFLICT ({names}) DO UPDATE SET {changed}",
            groups.join(", ")
        )
    }
}

/// The statements for some projects: their numbers are one JSON array.
const THESE: &str = "p.no IN (SELECT value FROM json_each(?1))";

static TAKE_OFF: LazyLock<Vec<String>> =
    LazyLock::new(|| TALLIES.iter().map(|tally| tally.add("-", THESE)).collect());

static PUT_ON: LazyLock<Vec<String>> = LazyLock::new(|| {
    let mut statements: Vec<String> = TALLIES.iter().map(|tally| tally.add("", THESE)).collect();
    statements.extend(
        TALLIES
            .iter()
            .map(|Tally { table, .. }| format!("DELETE FROM {table} WHERE projects = 0")),
    );
    statements.push(
        "INSERT OR IGNORE INTO shared_compound
         SELECT c.id FROM compound c WHERE c.project_no IN (SELECT value FROM json_each(?1))
             AND (SELECT COUNT(*) FROM compound other WHERE other.id = c.id) > 1"
            .to_owned(),
    );
    statements
});

static COUNT_ALL: LazyLock<Vec<String>> = LazyLock::new(|| {
    let mut statements: Vec<String> = TALLIES.iter().map(|tally| tally.add("", "1")).collect();
    statements.push(
        "INSERT INTO shared_compound SELECT id FROM compound GROUP BY id HAVING COUNT(*) > 1"
            .to_owned(),
    );
    statements
});

/// The tables of the tallies.
pub(super) fn schema() -> String {
    let tallies = TALLIES.iter().map(Tally::schema);
    tallies.chain([SHARED.to_owned()]).collect()
}

/// Takes off what the rows of these projects count for, before they change.
pub(super) async fn take_off(
    connection: &mut SqliteConnection,
    projects: &[u64],
) -> Result<(), ViewError> {
    run(connection, &TAKE_OFF, Some(projects)).await
}

/// Puts on what the rows of these projects count for, after they are written.
pub(super) async fn put_on(
    connection: &mut SqliteConnection,
    projects: &[u64],
) -> Result<(), ViewError> {
    run(connection, &PUT_ON, Some(projects)).await
}

/// Counts everything, where nothing is counted yet.
pub(crate) async fn count_all(connection: &mut SqliteConnection) -> Result<(), ViewError> {
    run(connection, &COUNT_ALL, None).await
}

async fn run(
    connection: &mut SqliteConnection,
    statements: &[String],
    projects: Option<&[u64]>,
) -> Result<(), ViewError> {
    let numbers = projects.map(|projects| {
        let numbers: Vec<String> = projects.iter().map(|no| signed(*no).to_string()).collect();
        format!("[{}]", numbers.join(","))
    });
    if projects.is_some_and(<[u64]>::is_empty) {
        return Ok(());
    }
    for statement in statements {
        // The statements are the fixed texts above; values are bound.
        let mut query = sqlx::query(AssertSqlSafe(statement.as_str()));
        if statement.contains("?1") {
            query = query.bind(numbers.as_deref());
        }
        query.execute(&mut *connection).await?;
    }
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::store;

    /// Numbers that look random and come again with the seed.
    struct Numbers(u64);

    impl Numbers {
        fn below(&mut self, end: u64) -> u64 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            self.0 % end
        }

        fn one_of<'w>(&mut self, words: &[&'w str]) -> &'w str {
            words[self.below(words.len() as u64) as usize]
        }

        fn day(&mut self) -> String {
            match self.below(3) {
                0 => "NULL".to_owned(),
                _ => format!("'2024-0{}-01'", 1 + self.below(4)),
            }
        }

        fn some(&mut self) -> String {
            match self.below(3) {
                0 => "NULL".to_owned(),
                1 => self.below(100).to_string(),
                // Two of them are more than an integer of SQLite's holds.
                _ => (i64::MAX as u64 - self.below(100)).to_string(),
            }
        }
    }

    /// Each with its definition and its area, as SQL.
    const COHORTS: [(u64, &str, &str); 4] = [
        (1, "d1", "NULL"),
        (2, "d0", "'north'"),
        (3, "d1", "'north'"),
        (4, "d0", "'south'"),
    ];

    /// Panics unless every tally is what counting the rows anew gives.
    async fn counted_anew(connection: &mut SqliteConnection) {
        for tally in &TALLIES {
            let Tally {
                table, from, only, ..
            } = tally;
            let made: Vec<String> = tally
                .keys
                .iter()
                .map(|(_, made_of)| (*made_of).to_owned())
                .chain(
                    tally
                        .values()
                        .map(|(_, made_of)| format!("COALESCE({made_of}, 0)")),
                )
                .collect();
            let groups: Vec<_> = (1..=tally.keys.len()).map(|n| n.to_string()).collect();
            let anew = format!(
                "SELECT {} FROM {from} WHERE {only} GROUP BY {}",
                made.join(", "),
                groups.join(", ")
            );
            let kept = format!("SELECT * FROM {table}");
            assert_same(connection, table, &anew, &kept).await;
        }
        let shared = "SELECT id FROM compound GROUP BY id HAVING COUNT(*) > 1";
        assert_same(
            connection,
            "compounds",
            shared,
            "SELECT id FROM shared_compound",
        )
        .await;
    }

    async fn assert_same(connection: &mut SqliteConnection, what: &str, anew: &str, kept: &str) {
        for (few, many, missing) in [(kept, anew, "not kept"), (anew, kept, "kept for nothing")] {
            let sql = format!(
                "SELECT COUNT(*) FROM (SELECT * FROM ({many}) EXCEPT SELECT * FROM ({few}))"
            );
            let rows: i64 = sqlx::query_scalar(AssertSqlSafe(sql))
                .fetch_one(&mut *connection)
                .await
                .unwrap();
            assert_eq!(rows, 0, "{what}: {missing}");
        }
    }

    /// Writes rows of one project, whatever comes to mind.
    async fn scribble(connection: &mut SqliteConnection, rng: &mut Numbers, no: u64) {
        let (cohort, part, area) = COHORTS[rng.below(4) as usize];
        let (area_m2, micro) = match rng.some().as_str() {
            "NULL" => ("NULL".to_owned(), "NULL".to_owned()),
            whole => (whole.to_owned(), rng.below(1_000_000).to_string()),
        };
        let mut sql = format!(
            "INSERT OR REPLACE INTO project VALUES ({no}, 'P{no}', {cohort}, 'p', '{part}', 'name', {area}, NULL, NULL,
                '{}', '{}', '2024-01-01', '2024-01-01', {}, {}, {}, {}, {}, {}, {}, {area_m2}, {micro}, 0, 1);
             DELETE FROM figure WHERE project_no = {no}; DELETE FROM batch WHERE project_no = {no};",
            rng.one_of(&["survey", "design"]),
            rng.one_of(&["active", "suspended", "completed", "withdrawn"]),
            rng.below(2),
            rng.day(),
            rng.day(),
            rng.day(),
            rng.some(),
            rng.some(),
            rng.some(),
        );
        for reference in ["funds.amount_fen", "works.meters"] {
            if rng.below(2) == 0 {
                let whole = i64::MAX as u64 - rng.below(9);
                sql +=
                    &format!("INSERT INTO figure VALUES ({no}, '{reference}', {whole}, 500000);");
            }
        }
        for (ordinal, since, until) in [(0, "", "2024-02-15"), (1, "2024-02-15", "9999-12-31")] {
            if rng.below(10) < 7 {
                sql += &format!(
                    "INSERT INTO batch VALUES ({no}, {ordinal}, {}, '{since}', '{until}');",
                    2023 + ordinal
                );
            }
        }
        if rng.below(10) < 3 {
            sql += &format!(
                "INSERT INTO refusal VALUES ({no}, 'design', 'two_thirds', 1)
                     ON CONFLICT DO UPDATE SET count = count + 1;"
            );
        }
        sqlx::raw_sql(AssertSqlSafe(sql))
            .execute(connection)
            .await
            .unwrap();
    }

    /// Empty views, with four cohorts.
    async fn empty(folder: &tempfile::TempDir) -> SqliteConnection {
        let path = folder.path().join("views.db");
        let mut connection = store::open_writer(&path).await.unwrap();
        store::prepare(&mut connection).await.unwrap();
        for (no, part, area) in COHORTS {
            let sql =
                format!("INSERT INTO cohort VALUES ({no}, 'p', '{part}', {area}, NULL, NULL)");
            sqlx::raw_sql(AssertSqlSafe(sql))
                .execute(&mut connection)
                .await
                .unwrap();
        }
        connection
    }

    /// Views with rows of some projects of the programme `p`, counted at the end.
    pub(crate) async fn filled(folder: &tempfile::TempDir, seed: u64) -> SqliteConnection {
        let mut connection = empty(folder).await;
        let mut rng = Numbers(seed);
        for no in 1..=60 {
            scribble(&mut connection, &mut rng, no).await;
        }
        count_all(&mut connection).await.unwrap();
        connection
    }

    #[tokio::test]
    async fn whatever_changes_the_tallies_are_what_counting_anew_gives() {
        let folder = tempfile::tempdir().unwrap();
        let mut connection = empty(&folder).await;
        let mut rng = Numbers(11);
        for round in 0..60u64 {
            let projects: Vec<u64> = (0..1 + rng.below(5)).map(|_| 1 + rng.below(19)).collect();
            take_off(&mut connection, &projects).await.unwrap();
            for no in &projects {
                scribble(&mut connection, &mut rng, *no).await;
            }
            let listed = format!(
                "INSERT INTO compound VALUES ({}, {round}, 'C{}', 'name', '')",
                projects[0],
                rng.below(40)
            );
            sqlx::raw_sql(AssertSqlSafe(listed))
                .execute(&mut connection)
                .await
                .unwrap();
            put_on(&mut connection, &projects).await.unwrap();
            counted_anew(&mut connection).await;
        }
    }

    #[tokio::test]
    async fn what_is_counted_at_the_end_is_what_counting_anew_gives() {
        let folder = tempfile::tempdir().unwrap();
        let mut connection = filled(&folder, 12).await;
        counted_anew(&mut connection).await;
    }
}
