//! Telling the next server how the log will stand, ahead of the commit.
//!
//! ```text
//! one        turn ─► plan ─► tell, pass the turn on ─► write ───────────── committed
//! the other                                     turn ─► plan on that ─► write: waits ─► goes on ─── committed
//! ```
//!
//! A plan rests on what was written before it: the tree, the positions, the streams. Who has planned knows how the log will
//! stand, before it does. If he says so, the next one need not wait for the commit to plan, nor read what was written; his batch is
//! at the database when the last one commits, and the database never waits for a server.
//!
//! What is told is believed for the plan and for nothing else. The statement that writes moves the head only if all of it stands
//! as the plan has it (see [`super::write`]): so if what was told was wrong, or its batch has failed, nothing is written, and
//! the plan is made anew on what is in the log.

use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection, PgRow};
use sqlx::{AssertSqlSafe, ConnectOptions, Row};
use tokio::task::JoinHandle;

use crate::log::plan::{Batch, Ledger, StreamState};
use crate::merkle::Hash;
use crate::record::InstantText;

use super::fault::silence;
use super::look::leaves_and_streams;
use super::place::Address;
use super::read::{hash, signed, unsigned};
use super::turn::{PATIENCE, Turn, pass};

const RELAY: &str = include_str!("../../../migrations/postgres/relay.sql");

/// How many records a batch may have of which is told: as many as let a row and its last version stand on one page.
pub(super) const MOST: usize = 64;

/// How many of those that were told last are kept.
const SLOTS: i64 = 8;

const TAKE: &str = "SELECT number, first, size, root, recorded_at, streams, commands, leaves, stream_nos, revisions \
     FROM take_turn($1, $2, $3)";

/// Tells, and passes the turn on once that is to be read: a lock of a transaction is let go of when it has committed.
const TELL: &str = "
WITH told AS (
    INSERT INTO relay (slot, number, first, size, root, recorded_at, streams, commands, leaves, stream_nos, revisions)
    VALUES ($2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
    ON CONFLICT (slot) DO UPDATE SET number = excluded.number, first = excluded.first, size = excluded.size,
        root = excluded.root, recorded_at = excluded.recorded_at, streams = excluded.streams,
        commands = excluded.commands, leaves = excluded.leaves, stream_nos = excluded.stream_nos,
        revisions = excluded.revisions
)
SELECT pg_advisory_xact_lock(hashtextextended($1, 0)), pg_advisory_unlock(hashtextextended($1, 0))";

const USABLE: &str = "SELECT coalesce(has_table_privilege(to_regclass('relay'), 'SELECT') \
     AND has_table_privilege(to_regclass('relay'), 'INSERT') \
     AND has_table_privilege(to_regclass('relay'), 'UPDATE'), false)";

/// Makes what is needed beside the log, if its schema's name leaves room for that of another; repeating it changes nothing.
pub(super) async fn make_relay(
    conn: &mut PgConnection,
    place: &Address,
) -> Result<(), sqlx::Error> {
    let Some(beside) = place.beside() else {
        return Ok(());
    };
    let there: bool = sqlx::query_scalar("SELECT to_regclass($1) IS NOT NULL")
        .bind(format!("{beside}.relay"))
        .fetch_one(&mut *conn)
        .await?;
    if there {
        return Ok(());
    }
    let schema = place.schema();
    let make = format!(
        "CREATE SCHEMA IF NOT EXISTS {beside};\nSET LOCAL search_path = {beside}, {schema}, pg_temp;\n{RELAY}\n\
         SET LOCAL search_path = {schema}, {beside}, pg_temp"
    );
    sqlx::raw_sql(AssertSqlSafe(make)).execute(conn).await?;
    Ok(())
}

/// What asking for the turn has come to: the connection, and what was told meanwhile.
type Answer = (PgConnection, Result<Vec<PgRow>, sqlx::Error>);

/// One server's part in it.
pub(super) struct Relay {
    /// Whether the table is there and may be used: logs made before it was thought of have none until
    /// `anju store init` is run again.
    usable: bool,
    /// The number of what was told last, as far as this server knows.
    number: i64,
    /// How long the log was to be then.
    size: u64,
    /// What the turn is called.
    turn: String,
    /// What the locks of batches are called.
    writing: String,
    options: PgConnectOptions,
    /// A connection of its own, so that what is told need not wait for what is written; made when it is first needed.
    link: Option<PgConnection>,
    /// What is being told, or asked: then the turn comes with the answer.
    busy: Option<(JoinHandle<Answer>, bool)>,
}

/// How the log will stand after one batch.
struct Told {
    number: i64,
    first: u64,
    size: u64,
    root: Hash,
    recorded_at: Option<String>,
    streams: u64,
    commands: Hash,
    leaves: Vec<Hash>,
    moved: Vec<StreamState>,
}

impl Relay {
    pub(super) fn new(place: &Address, turn: &Turn, busy: Duration) -> Self {
        Self {
            usable: false,
            number: 0,
            size: 0,
            turn: turn.name().to_owned(),
            writing: format!("anju write {}", place.schema()),
            options: place.connection("anju turn", busy),
            link: None,
            busy: None,
        }
    }

    /// Looks whether it can be used at all.
    pub(super) async fn probe(&mut self, link: &mut PgConnection) -> Result<(), sqlx::Error> {
        self.usable = sqlx::query_scalar(USABLE).fetch_one(link).await?;
        Ok(())
    }

    /// What the locks are called of those who write in turn: with how long the log will be, of each batch.
    pub(super) fn writing(&self) -> &str {
        &self.writing
    }

    /// How long the log is to be after what was told last.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    pub(super) fn usable(&self) -> bool {
        self.usable
    }

    /// Whether the turn is asked for, or was asked for and has come.
    pub(super) fn asks(&self) -> bool {
        self.busy.as_ref().is_some_and(|(_, asks)| *asks)
    }

    async fn link(&mut self) -> Result<PgConnection, sqlx::Error> {
        if let Some((telling, _)) = self.busy.take() {
            let (link, told) = telling.await.map_err(|_| silence())?;
            told?;
            self.link = Some(link);
        }
        match self.link.take() {
            Some(link) => Ok(link),
            None => self.options.connect().await,
        }
    }

    /// Takes the turn. What was told since `before`, and the streams that it moves, as they will stand after each event; `None`
    /// if it does not lead on from there, or the turn has not come.
    pub(super) async fn take(
        &mut self,
        turn: &mut Turn,
        before: &Ledger,
    ) -> Result<Option<(Ledger, Vec<StreamState>)>, sqlx::Error> {
        let (link, rows) = match self.busy.take_if(|(_, asks)| *asks) {
            Some((asked, _)) => asked.await.map_err(|_| silence())?,
            None => {
                let link = self.link().await?;
                ask(link, self.turn.clone(), self.number).await
            }
        };
        let Some(rows) = turn.taken(rows)? else {
            self.link = Some(link);
            return Ok(None);
        };
        self.link = Some(link);
        let mut ledger = before.clone();
        let mut moved = Vec::new();
        let mut leads = true;
        for row in &rows {
            // Whatever it is, what is told next goes on from it.
            self.number = self.number.max(row.try_get(0)?);
            let Ok(told) = told(row) else {
                leads = false;
                continue;
            };
            self.size = told.size;
            leads = leads && follow(&mut ledger, &told);
            moved.extend(told.moved);
        }
        Ok(leads.then_some((ledger, moved)))
    }

    /// Tells how the log will stand after this batch, passes the turn on, and asks for the next one if `again`.
    pub(super) fn tell(&mut self, turn: &mut Turn, batch: &Batch, ledger: &Ledger, again: bool) {
        let Some(link) = self.link.take() else {
            return turn.lost();
        };
        self.number = self.number.saturating_add(1);
        self.size = ledger.size();
        let told = Told::of(self.number, batch, ledger);
        turn.lost();
        let telling = tell(link, self.turn.clone(), told, again);
        self.busy = Some((tokio::spawn(telling), again));
    }

    /// Passes the turn on, if this server has it or has asked for it.
    pub(super) async fn pass(&mut self, turn: &mut Turn) {
        let has = turn.is_held() || self.asks();
        turn.lost();
        // A connection that fails is let go of, and the turn with it.
        if has
            && let Ok(mut link) = self.link().await
            && pass(&mut link, &self.turn).await.is_ok()
        {
            self.link = Some(link);
        }
    }

    /// Lets go of the connection, and with it of the turn.
    pub(super) fn lose(&mut self, turn: &mut Turn) {
        if let Some((busy, _)) = self.busy.take() {
            busy.abort();
        }
        self.link = None;
        turn.lost();
    }
}

/// Waits for the turn.
async fn ask(mut link: PgConnection, turn: String, number: i64) -> Answer {
    let asked = sqlx::query(TAKE).bind(turn).bind(PATIENCE).bind(number);
    let rows = asked.fetch_all(&mut link).await;
    (link, rows)
}

/// Tells, passes the turn on, and waits for the next one if `again`.
async fn tell(mut link: PgConnection, turn: String, told: Told, again: bool) -> Answer {
    let number = told.number;
    let places = told.moved.iter();
    let places = places.map(|state| (signed(state.number), signed(state.events - 1)));
    let (stream_nos, revisions): (Vec<_>, Vec<_>) = places.unzip();
    let query = sqlx::query(TELL)
        .bind(&turn)
        .bind(i16::try_from(number % SLOTS).unwrap_or(0))
        .bind(number)
        .bind(signed(told.first))
        .bind(signed(told.size))
        .bind(told.root.to_vec())
        .bind(told.recorded_at)
        .bind(signed(told.streams))
        .bind(told.commands.to_vec())
        .bind(told.leaves.as_flattened())
        .bind(stream_nos)
        .bind(revisions);
    match query.map(|_: PgRow| ()).fetch_one(&mut link).await {
        Ok(()) if again => ask(link, turn, number).await,
        Ok(()) => (link, Ok(Vec::new())),
        Err(error) => (link, Err(error)),
    }
}

impl Told {
    /// Of a large batch only that it is there: nobody can plan on it before it is in the log.
    fn of(number: i64, batch: &Batch, ledger: &Ledger) -> Self {
        let whole = batch.leaves.len() <= MOST;
        let places = batch.places.iter().filter(|_| whole);
        let moved = places.map(|(number, revision)| StreamState {
            number: *number,
            events: revision + 1,
        });
        Self {
            number,
            first: batch.first,
            size: ledger.size(),
            root: ledger.root,
            recorded_at: ledger.last_text(),
            streams: ledger.streams,
            commands: ledger.commands,
            leaves: batch.leaves.iter().filter(|_| whole).copied().collect(),
            moved: moved.collect(),
        }
    }
}

/// A lock that is held by whoever writes the batch after which the log will be so long, until that has ended.
pub(super) const WRITES: &str = "SELECT pg_advisory_xact_lock(hashtextextended($1, $2))";

/// Waits for whoever holds it.
pub(super) const WRITTEN: &str = "SELECT pg_advisory_xact_lock_shared(hashtextextended($1, $2))";

fn told(row: &PgRow) -> Result<Told, sqlx::Error> {
    let (leaves, moved) = leaves_and_streams(row, [7, 8, 9])?;
    let recorded_at: Option<&str> = row.try_get(4)?;
    Ok(Told {
        number: row.try_get(0)?,
        first: unsigned(row, 1)?,
        size: unsigned(row, 2)?,
        root: hash(row, 3)?,
        recorded_at: recorded_at.map(str::to_owned),
        streams: unsigned(row, 5)?,
        commands: hash(row, 6)?,
        leaves,
        moved,
    })
}

/// Takes over what was told; `false` if it does not lead on.
fn follow(ledger: &mut Ledger, told: &Told) -> bool {
    if told.first != ledger.size() + 1 {
        return false;
    }
    ledger.take_over(&told.leaves);
    ledger.last = told.recorded_at.as_deref().and_then(InstantText::parse);
    ledger.streams = told.streams;
    ledger.commands = told.commands;
    ledger.size() == told.size && ledger.root == told.root
}
