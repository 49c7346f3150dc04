//! The tables of the views, and who may have made the file.

use sqlx::{AssertSqlSafe, Row, SqliteConnection};

use super::tally;
use crate::ViewError;

/// The version of the tables below. A file of another version is emptied and filled again.
pub(super) const VERSION: u32 = 4;

/// "AnjV" in the file's header: a file without it is not ours, and is never emptied.
pub(super) const APPLICATION_ID: i64 = 0x416e_6a56;

/// Every table but the tallies, each before those that refer to it.
pub(super) const TABLES: [&str; 11] = [
    "reached",
    "programme",
    "cohort",
    "project",
    "compound",
    "batch",
    "figure",
    "refusal",
    "deadline",
    "escalation",
    "snapshot",
];

/// Days are ISO dates, which sort as text. A project's number is the position of its registration.
const SCHEMA: &str = "
-- How far the views are: one row. They belong to the log of that origin, with that root at that position.
CREATE TABLE reached (
    id         INTEGER PRIMARY KEY CHECK (id = 1),
    version    INTEGER NOT NULL,
    origin     TEXT NOT NULL,
    position   INTEGER NOT NULL,
    root       BLOB NOT NULL,
    latest_day TEXT,                -- the latest day on which anything is said to have happened to a project
    calendar   INTEGER NOT NULL     -- the position of the newest calendar; 0 = the one that comes with the build
) STRICT;

-- The newest definition of each programme.
CREATE TABLE programme (
    id         TEXT PRIMARY KEY,
    definition TEXT NOT NULL,
    position   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Projects of one programme under one definition, of one area, track and category, are a cohort: what is said of one
-- of them by the definition is said of all.
CREATE TABLE cohort (
    no         INTEGER PRIMARY KEY,
    programme  TEXT NOT NULL,
    definition TEXT NOT NULL,
    area       TEXT,
    track      TEXT,
    category   TEXT
) STRICT;
CREATE INDEX cohort_by_programme ON cohort (programme, definition, area, track, category);

CREATE TABLE project (
    no            INTEGER PRIMARY KEY,
    project       TEXT NOT NULL UNIQUE,
    cohort        INTEGER NOT NULL,
    programme     TEXT NOT NULL,
    definition    TEXT NOT NULL,
    name          TEXT NOT NULL,
    area          TEXT,
    track         TEXT,
    category      TEXT,
    stage         TEXT NOT NULL,
    status        TEXT NOT NULL,
    since         TEXT NOT NULL,
    registered_on TEXT NOT NULL,
    counted       INTEGER NOT NULL,
    started       TEXT,
    finished      TEXT,
    accepted      TEXT,
    compounds     INTEGER,
    households    INTEGER,
    buildings     INTEGER,
    area_m2       INTEGER,          -- whole square metres
    area_micro    INTEGER,          -- millionths of one beyond them
    refusals      INTEGER NOT NULL,
    last_position INTEGER NOT NULL
) STRICT;
CREATE INDEX project_by_programme ON project (programme, project);
CREATE INDEX project_by_registration ON project (registered_on);

-- The compounds of a project, as registered.
CREATE TABLE compound (
    project_no INTEGER NOT NULL,
    ordinal    INTEGER NOT NULL,
    id         TEXT NOT NULL,
    name       TEXT NOT NULL,
    aliases    TEXT NOT NULL,       -- one per line
    PRIMARY KEY (project_no, ordinal)
) STRICT, WITHOUT ROWID;
CREATE INDEX compound_by_id ON compound (id);

-- The yearly batches a project has belonged to. What it reached after `since` and not after `until` is credited to the
-- batch; it stays among those the batch was to finish.
CREATE TABLE batch (
    project_no INTEGER NOT NULL,
    ordinal    INTEGER NOT NULL,
    year       INTEGER NOT NULL,
    since      TEXT NOT NULL,       -- '' = it was registered in it
    until      TEXT NOT NULL,       -- '9999-12-31' = it still belongs to it
    PRIMARY KEY (project_no, ordinal)
) STRICT, WITHOUT ROWID;
CREATE INDEX batch_by_year ON batch (year);

-- Sums over a project's standing facts, by `fact.field`.
CREATE TABLE figure (
    project_no INTEGER NOT NULL,
    reference  TEXT NOT NULL,
    whole      INTEGER NOT NULL,
    micro      INTEGER NOT NULL,
    PRIMARY KEY (project_no, reference)
) STRICT, WITHOUT ROWID;

-- How often a requirement refused a transition.
CREATE TABLE refusal (
    project_no INTEGER NOT NULL,
    stage      TEXT NOT NULL,
    rule       TEXT NOT NULL,
    count      INTEGER NOT NULL,
    PRIMARY KEY (project_no, stage, rule)
) STRICT, WITHOUT ROWID;

-- The governing deadline of each project that runs, of each of its lots, and of each of its open orders.
CREATE TABLE deadline (
    project_no     INTEGER NOT NULL,
    part           TEXT NOT NULL,   -- '' for the project itself, lot/ID, order/NUMBER
    project        TEXT NOT NULL,
    ordinal        INTEGER NOT NULL, -- of the parts of the project: itself, lots by id, orders by number
    cohort         INTEGER NOT NULL,
    due_day        TEXT NOT NULL,
    next_step_day  TEXT,
    open           TEXT NOT NULL,   -- JSON: all unmet deadlines, the governing one first
    highest_step   INTEGER,
    highest_ladder TEXT,
    part_line      TEXT,            -- JSON: what the part is, but for the project itself
    PRIMARY KEY (project_no, part)
) STRICT, WITHOUT ROWID;
CREATE INDEX deadline_by_due ON deadline (due_day, project, ordinal, cohort);
CREATE INDEX deadline_by_cohort ON deadline (cohort, due_day);
CREATE INDEX deadline_by_next_step ON deadline (next_step_day);

-- The steps of the ladder that were taken.
CREATE TABLE escalation (
    position             INTEGER PRIMARY KEY,
    event                TEXT NOT NULL UNIQUE,
    project_no           INTEGER NOT NULL,
    raised               TEXT NOT NULL,     -- JSON: the event's data
    step                 INTEGER NOT NULL,
    ladder               TEXT NOT NULL,
    draft                INTEGER NOT NULL,
    superseded           INTEGER NOT NULL,  -- how many lower steps it stands for
    raised_on            TEXT NOT NULL,
    recorded_at          TEXT NOT NULL,
    overdue_days         INTEGER NOT NULL,
    overdue_working_days INTEGER,
    acknowledged_on      TEXT,
    withdrawn_on         TEXT,
    withdrawn_event      TEXT,
    withdrawn_position   INTEGER,
    withdrawn_recorded_at TEXT
) STRICT;
CREATE INDEX escalation_by_project ON escalation (project_no);
CREATE INDEX escalation_withdrawn ON escalation (withdrawn_position) WHERE withdrawn_position IS NOT NULL;

-- The folded state of each project, so that memory need not hold them all: JSON, packed.
CREATE TABLE snapshot (
    project_no INTEGER PRIMARY KEY,
    project    TEXT NOT NULL UNIQUE,
    state      BLOB NOT NULL
) STRICT;
";

/// What a file is.
pub(super) enum Identity {
    /// Nothing is in it yet.
    Empty,
    /// Views, made by this version of the tables.
    Current,
    /// Views, made by another version.
    OtherVersion,
    /// Something else.
    Foreign,
}

pub(super) async fn identify(connection: &mut SqliteConnection) -> Result<Identity, ViewError> {
    let application: i64 = sqlx::query_scalar("PRAGMA application_id")
        .fetch_one(&mut *connection)
        .await?;
    if application == APPLICATION_ID {
        let version: u32 = sqlx::query_scalar("PRAGMA user_version")
            .fetch_one(&mut *connection)
            .await?;
        return Ok(if version == VERSION {
            Identity::Current
        } else {
            Identity::OtherVersion
        });
    }
    let tables: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM sqlite_schema")
        .fetch_one(&mut *connection)
        .await?;
    Ok(if application == 0 && tables == 0 {
        Identity::Empty
    } else {
        Identity::Foreign
    })
}

/// Drops every table and makes them anew, empty. To be called in a transaction.
pub(super) async fn create(connection: &mut SqliteConnection) -> Result<(), ViewError> {
    let old = sqlx::query(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'",
    )
    .fetch_all(&mut *connection)
    .await?;
    for table in old {
        let name: String = table.try_get(0)?;
        let quoted = name.replace('"', "\"\"");
        sqlx::query(AssertSqlSafe(format!("DROP TABLE \"{quoted}\"")))
            .execute(&mut *connection)
            .await?;
    }
    sqlx::raw_sql(SCHEMA).execute(&mut *connection).await?;
    sqlx::raw_sql(AssertSqlSafe(tally::schema()))
        .execute(&mut *connection)
        .await?;
    sqlx::raw_sql(AssertSqlSafe(format!(
        "PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {VERSION};"
    )))
    .execute(&mut *connection)
    .await?;
    Ok(())
}
