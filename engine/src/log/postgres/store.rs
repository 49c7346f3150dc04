//! Writing: one round trip for a transaction of any size.
//!
//! ```text
//! nobody else writes   write                                  one statement, one commit
//! somebody has         write (moves nothing) ─► take the turn ─► look ─► write …
//! and is at it         take the turn ─► plan on what is told ─► tell, pass it on ─► write (waits for the one before)
//! three times over     lock the head ─► look ─► write ─► commit
//! ```
//!
//! The first statement of a batch already is the one that writes it. It moves the head from the size at which the
//! batch was planned, and everything else it inserts hangs on that: had anybody else written since, or had one of the
//! commands been taken before, nothing would move and nothing be inserted. Only then is looked up what has changed, and
//! servers that write at the same time take turns (see [`super::turn`]) and tell one another ahead of each commit how the log will
//! stand (see [`super::relay`]).

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions, Connection, Executor, Row};
use tokio::time::Instant;
use uuid::Uuid;

use crate::event::{CommandId, StreamId};
use crate::log::ReadError;
use crate::log::plan::{Batch, Known, Ledger, StreamState};
use crate::log::writer::{Ask, Begun, Committed, Store, StoreError};

use super::fault::{Fault, failed, fault, fault_of, read_error, silence, store_error};
use super::look::{FOLLOWED, Found, LOOK, follow, follow_far};
use super::place::{Address, answer_within};
use super::read::signed;
use super::relay::{MOST, Relay, WRITES, WRITTEN};
use super::skew::Skew;
use super::tell::Telling;
use super::trial::Trial;
use super::turn::Turn;
use super::write::{self, Seen};

/// After how many misses the head is locked before anything is looked up.
const MISSES: u32 = 3;

/// For how long a server with nothing to write goes on asking for the turn.
const IDLE: Duration = Duration::from_millis(1);

/// How often more a batch is tried that rests on one of which is told and that is not there: it may not yet have come as far as the
/// head.
const LATE: u32 = 2;

/// The writer's own connection.
pub(super) struct PostgresStore {
    options: PgConnectOptions,
    /// What the server shows the connection as; no other has this name.
    name: String,
    link: Option<PgConnection>,
    skew: Skew,
    telling: Telling,
    /// How long the server may be away before callers are told.
    patience: Duration,
    /// Where the log stood, or will stand, when the transaction began.
    seen: Seen,
    /// The commands of the transaction that are not known to be known: none of them may be when it lands.
    asked: Vec<Uuid>,
    /// How often in a row the head has moved under a plan.
    misses: u32,
    /// How long a transaction that the server has refused or lost is done again; `None` as long as it has not.
    redoing: Option<Trial>,
    /// Whether the head is locked by an open transaction.
    locked: bool,
    turn: Turn,
    relay: Relay,
    /// Whether the plan rests on what another server is writing.
    ahead: bool,
    /// Whether others are told of the batch in hand.
    tells: bool,
}

impl PostgresStore {
    pub(super) fn new(
        place: &Address,
        name: String,
        link: PgConnection,
        skew: Skew,
        others: Arc<AtomicBool>,
        (turn, relay): (Turn, Relay),
        busy: Duration,
    ) -> Self {
        Self {
            options: place.connection(&name, busy),
            name,
            link: Some(link),
            skew,
            telling: Telling::new(place.schema(), others),
            patience: busy,
            seen: Seen::default(),
            asked: Vec::new(),
            misses: 0,
            redoing: None,
            locked: false,
            turn,
            relay,
            ahead: false,
            tells: false,
        }
    }

    /// The connection, made again if it was lost.
    async fn link(&mut self) -> Result<&mut PgConnection, sqlx::Error> {
        if self.link.is_none() {
            self.lose();
            let link = self.in_time(self.options.connect()).await?;
            let link = self.fenced(link).await?;
            return Ok(self.link.insert(link));
        }
        self.link.as_mut().ok_or_else(silence)
    }

    /// Makes sure that nothing of a lost connection is still under way: the server may not have noticed yet that it
    /// is lost, and its last statement may wait for a lock. Ended, it has either landed or never will.
    async fn fenced(&self, mut link: PgConnection) -> Result<PgConnection, sqlx::Error> {
        let wait = i64::try_from(self.patience.as_millis()).unwrap_or(i64::MAX);
        let ended = sqlx::query_scalar(
            "SELECT coalesce(bool_and(pg_terminate_backend(pid, $2)), true) FROM pg_stat_activity \
             WHERE application_name = $1 AND usename = current_user AND pid <> pg_backend_pid()",
        )
        .bind(&self.name)
        .bind(wait)
        .fetch_one(&mut link);
        let ended: bool = self.in_time(ended).await?;
        if ended { Ok(link) } else { Err(silence()) }
    }

    async fn in_time<T>(
        &self,
        answer: impl Future<Output = Result<T, sqlx::Error>>,
    ) -> Result<T, sqlx::Error> {
        let within = answer_within(self.patience);
        let answer = tokio::time::timeout(within, answer).await;
        answer.unwrap_or_else(|_| Err(silence()))
    }

    /// Lets go of a connection whose state is not known, without a word to the server.
    fn lose(&mut self) {
        self.link = None;
        self.locked = false;
        // Told of, it has a connection of its own.
        if !self.relay.usable() {
            self.turn.lost();
        }
    }

    /// Takes this server's turn, where turns are taken; `true` if it has just begun. A connection that fails here is let
    /// go of: what comes next makes another.
    async fn take_turn(&mut self) -> bool {
        let within = answer_within(self.patience);
        let Some(link) = self.link.as_mut() else {
            return false;
        };
        match tokio::time::timeout(within, self.turn.take(link)).await {
            Ok(Ok(begun)) => begun,
            _ => {
                self.lose();
                false
            }
        }
    }

    /// Locks the head in a transaction: from now on nobody else writes.
    async fn lock(&mut self) -> Result<(), sqlx::Error> {
        let within = answer_within(self.patience);
        let under_way = (self.relay.usable() && self.turn.is_held())
            .then(|| (self.relay.writing().to_owned(), self.relay.size()));
        let link = self.link().await?;
        let locking = async {
            link.execute("BEGIN").await?;
            if let Some((turn, size)) = under_way {
                sqlx::query(WRITTEN)
                    .bind(turn)
                    .bind(signed(size))
                    .execute(&mut *link)
                    .await?;
            }
            link.execute("SELECT FROM log_head WHERE id = 1 FOR UPDATE")
                .await
        };
        let locked = tokio::time::timeout(within, locking).await;
        // Also when it failed: the transaction is open then, and must be ended.
        self.locked = true;
        locked.unwrap_or_else(|_| Err(silence())).map(|_| ())
    }

    async fn look(&mut self, from: u64, ask: &Ask) -> Result<Found, ReadError> {
        let commands: Vec<Uuid> = ask.commands.iter().map(|id| id.0).collect();
        let streams: Vec<&str> = ask.streams.iter().map(StreamId::as_str).collect();
        let fail = |error| read_error(from, error);
        let within = answer_within(self.patience);
        self.link().await.map_err(fail)?;
        let query = sqlx::query(LOOK)
            .bind(commands)
            .bind(streams)
            .bind(signed(from))
            .bind(signed(FOLLOWED));
        let before = self.skew.before();
        let Some(link) = self.link.as_mut() else {
            return Err(fail(silence()));
        };
        let rows = tokio::time::timeout(within, link.fetch_all(query)).await;
        let rows = rows.unwrap_or_else(|_| Err(silence())).map_err(fail)?;
        let found = Found::of(from, &rows)?;
        self.skew.answered(before, found.now);
        Ok(found)
    }

    /// What others have told of how the log will stand, if that will do to plan the next batch.
    async fn told(&mut self, ledger: &Ledger, ask: &Ask) -> Option<Begun> {
        let within = answer_within(self.patience);
        let taking = self.relay.take(&mut self.turn, ledger);
        let Ok(Ok(told)) = tokio::time::timeout(within, taking).await else {
            self.relay.lose(&mut self.turn);
            return None;
        };
        let fits =
            !ask.surely && self.misses == 0 && ask.commands.len() <= MOST && self.skew.is_fresh();
        let (stands, moved) = told.filter(|_| fits)?;
        self.turn.found(!moved.is_empty());
        let mut known = Known::default();
        if !ask.streams.is_empty() {
            if stands.streams != ledger.streams {
                // Whether those that are not found are among the new ones is not told.
                return None;
            }
            let streams = Ask {
                streams: ask.streams.clone(),
                ..Ask::default()
            };
            let found = self.look(i64::MAX.unsigned_abs(), &streams).await.ok()?;
            known = found.known;
            let last: HashMap<_, _> = moved.iter().map(|state| (state.number, *state)).collect();
            for state in known.streams.values_mut() {
                if let Some(moved) = last.get(&state.number) {
                    *state = *moved;
                }
            }
        }
        self.seen = Seen::of(&stands);
        Some(Begun {
            known,
            moved: Some(stands),
            followed: Some(moved),
            ahead: true,
            assumed: true,
            skew: self.skew.doubt(),
        })
    }

    /// Looks everything up, first under a lock if that has failed too often without.
    async fn begun(&mut self, ledger: &Ledger, ask: &Ask) -> Result<Begun, ReadError> {
        let fail = |error| read_error(ledger.size(), error);
        if self.misses >= MISSES && !self.locked {
            self.lock().await.map_err(fail)?;
        }
        let mut found = self.look(ledger.size(), ask).await?;
        let mut moved = None;
        let mut followed = Some(Vec::new());
        if found.size != ledger.size() || found.root != ledger.root {
            if found.size.saturating_sub(ledger.size()) > FOLLOWED {
                if !self.locked {
                    self.lock().await.map_err(fail)?;
                }
                found = self.look(ledger.size(), ask).await?;
                let link = self.link().await.map_err(fail)?;
                moved = Some(follow_far(link, ledger).await?);
                followed = None;
            } else {
                moved = Some(follow(ledger, &found)?);
                followed = Some(std::mem::take(&mut found.others.streams));
            }
        }
        let stand = moved.as_ref().unwrap_or(ledger);
        self.seen = Seen::of(stand);
        let unknown = |id: &&CommandId| !found.known.commands.contains_key(id);
        self.asked = ask.commands.iter().filter(unknown).map(|id| id.0).collect();
        Ok(Begun {
            moved,
            followed,
            known: found.known,
            ahead: false,
            assumed: false,
            skew: self.skew.doubt(),
        })
    }

    /// Whether the record of the batch that came first stands in the log: then all of the batch does.
    async fn has_landed(&mut self, first: u64, record: &str) -> Result<bool, sqlx::Error> {
        let within = answer_within(self.patience);
        let link = self.link().await?;
        let query = sqlx::query_scalar("SELECT record FROM record WHERE position = $1")
            .bind(signed(first))
            .fetch_optional(link);
        let stored = tokio::time::timeout(within, query).await;
        let stored: Option<String> = stored.unwrap_or_else(|_| Err(silence()))?;
        Ok(stored.as_deref() == Some(record))
    }

    /// What became of a batch whose answer never came.
    async fn settle(&mut self, batch: &Batch, lost: sqlx::Error) -> Result<Committed, StoreError> {
        tracing::warn!(error = %lost, "the connection to the database was lost during a commit");
        let Some(record) = batch.records().next() else {
            return Ok(Committed::Moved);
        };
        let mut trial = Trial::new(self.patience);
        loop {
            self.lose();
            match self.has_landed(batch.first, record).await {
                Ok(true) => return Ok(Committed::Done),
                Ok(false) if self.redo().await => return Ok(Committed::Moved),
                Ok(false) => return Err(StoreError::Failed(Arc::new(lost))),
                Err(error) if fault(&error) == Fault::Lost && trial.again().await => {}
                Err(_) => {
                    self.lose();
                    return Err(StoreError::Failed(Arc::new(lost)));
                }
            }
        }
    }

    /// Whether a transaction that has left no trace, though nobody else need have written, is done again: not for
    /// ever. A server that refuses it each time would keep all callers waiting and never tell them.
    async fn redo(&mut self) -> bool {
        let patience = self.patience;
        let trial = self.redoing.get_or_insert_with(|| Trial::new(patience));
        trial.again().await
    }

    /// One attempt to write the batch.
    async fn write(&mut self, batch: &Batch, ledger: &Ledger) -> Result<bool, sqlx::Error> {
        let within = answer_within(self.patience);
        self.link().await?;
        let before = self.skew.before();
        let locked = self.locked;
        let channel = self.telling.due();
        let told = channel.is_some();
        let channel = channel.unwrap_or_default();
        let ahead = self.ahead.then(|| self.relay.writing());
        let query = || write::query(batch, ledger, &self.seen, &self.asked, channel, ahead);
        let link = self.link.as_mut().ok_or_else(silence)?;
        let size = signed(ledger.size());
        let lock = (locked && self.tells).then(|| self.relay.writing());
        let writing = async {
            if let Some(turn) = lock {
                let lock = sqlx::query(WRITES).bind(turn).bind(size);
                lock.execute(&mut *link).await?;
            }
            // All rows, to the end of the answer: a row comes before the commit, its end after it.
            let mut rows = link.fetch_all(query()).await;
            for _ in 0..LATE {
                match &rows {
                    Err(error)
                        if ahead.is_some()
                            && write::stands_otherwise(error)
                            && !write::wrote_known(error) => {}
                    _ => break,
                }
                rows = link.fetch_all(query()).await;
            }
            let rows = rows?;
            if locked && !rows.is_empty() {
                link.execute("COMMIT").await?;
            }
            Ok(rows)
        };
        let rows = tokio::time::timeout(within, writing).await;
        let rows = match rows.unwrap_or_else(|_| Err(silence())) {
            // Under the lock it was looked whether they are.
            Err(error) if !locked && write::wrote_known(&error) => return Ok(false),
            Err(error) if ahead.is_some() && write::stands_otherwise(&error) => return Ok(false),
            rows => rows?,
        };
        let Some(row) = rows.first() else {
            return Ok(false);
        };
        self.skew.answered(before, row.try_get(0)?);
        self.telling.landed(told, ledger.size());
        self.locked = false;
        Ok(true)
    }

    /// Passes the turn on, if this server has it.
    async fn pass_turn(&mut self) {
        if !self.relay.usable() {
            return;
        }
        let within = answer_within(self.patience);
        let passing = self.relay.pass(&mut self.turn);
        if tokio::time::timeout(within, passing).await.is_err() {
            self.relay.lose(&mut self.turn);
        }
    }

    async fn roll_back(&mut self) {
        if !std::mem::take(&mut self.locked) {
            return;
        }
        let within = answer_within(self.patience);
        let Some(link) = self.link.as_mut() else {
            return;
        };
        let ended = tokio::time::timeout(within, link.execute("ROLLBACK")).await;
        if !matches!(ended, Ok(Ok(_))) {
            self.lose();
        }
    }
}

impl Store for PostgresStore {
    const FOLLOWS: bool = true;

    async fn begin(&mut self, ledger: &Ledger, ask: Ask) -> Result<Begun, StoreError> {
        self.asked = ask.commands.iter().map(|id| id.0).collect();
        self.seen = Seen::of(ledger);
        if !ask.surely {
            // Another batch, not the last one again.
            self.redoing = None;
        }
        self.ahead = false;
        let relays = self.relay.usable();
        let begins = !relays && self.take_turn().await;
        if relays && self.turn.is_wanted() && self.link.is_some() {
            if let Some(begun) = self.told(ledger, &ask).await {
                self.ahead = true;
                return Ok(begun);
            }
            // What is under way must have ended before it is looked how the log stands.
            self.misses = self.misses.max(MISSES);
        }
        let assumed = !ask.surely
            && !begins
            && self.misses == 0
            && ask.streams.is_empty()
            && self.link.is_some()
            && self.skew.is_fresh();
        if assumed {
            return Ok(Begun {
                assumed,
                skew: self.skew.doubt(),
                ..Begun::default()
            });
        }
        let mut trial = Trial::new(self.patience);
        loop {
            let error = match self.begun(ledger, &ask).await {
                Ok(begun) => {
                    if begins {
                        self.turn.found(begun.moved.is_some());
                    }
                    return Ok(begun);
                }
                Err(error) => error,
            };
            let again = match fault_of(&error) {
                Some(Fault::Lost) => {
                    self.lose();
                    trial.again().await
                }
                Some(Fault::Again) => trial.again().await,
                _ => false,
            };
            self.roll_back().await;
            if !again {
                self.pass_turn().await;
                return Err(failed(error));
            }
        }
    }

    async fn streams(
        &mut self,
        names: Vec<StreamId>,
    ) -> Result<HashMap<StreamId, StreamState>, StoreError> {
        // The head is locked whenever this is asked, so this is of the same snapshot.
        let ask = Ask {
            streams: names,
            ..Ask::default()
        };
        let found = self.look(self.seen.size, &ask).await.map_err(failed)?;
        Ok(found.known.streams)
    }

    async fn commit(&mut self, batch: Batch, ledger: &Ledger) -> Result<Committed, StoreError> {
        self.tells = self.turn.is_held() && self.relay.usable();
        if self.tells {
            let again = self.turn.is_crowded();
            self.relay.tell(&mut self.turn, &batch, ledger, again);
        }
        let committed = match self.write(&batch, ledger).await {
            Ok(true) => Committed::Done,
            Ok(false) if self.locked => {
                self.roll_back().await;
                let what = "the head is locked and has moved all the same";
                return Err(StoreError::Failed(Arc::new(ReadError::Corrupt {
                    position: batch.first,
                    what: what.to_owned(),
                })));
            }
            Ok(false) => {
                // Somebody else writes; that a connection was lost does not say so.
                self.turn.spoilt();
                Committed::Moved
            }
            Err(error) => match fault(&error) {
                Fault::Lost => self.settle(&batch, error).await?,
                Fault::Again => {
                    self.roll_back().await;
                    if !self.redo().await {
                        return Err(StoreError::Busy);
                    }
                    Committed::Moved
                }
                _ => {
                    self.roll_back().await;
                    return Err(store_error(error));
                }
            },
        };
        self.misses = match committed {
            Committed::Done => 0,
            Committed::Moved => self.misses + 1,
        };
        Ok(committed)
    }

    async fn abandon(&mut self) {
        if self.locked {
            // Nothing to write once it was this one's turn: the rush is over.
            self.misses = 0;
        }
        self.roll_back().await;
        self.pass_turn().await;
    }

    fn rests_at(&self) -> Option<Instant> {
        // Others need not wait for the turn of one who has nothing to write.
        let asks = self.relay.asks().then(|| Instant::now() + IDLE);
        let ends = self.turn.ends().filter(|_| !self.relay.usable());
        ends.into_iter().chain(asks).chain(self.telling.at()).min()
    }

    async fn rest(&mut self) {
        self.pass_turn().await;
        let within = answer_within(self.patience);
        let Some(link) = self.link.as_mut() else {
            self.telling.forget();
            return self.lose();
        };
        let resting = async {
            self.telling.tell(link).await?;
            if self.relay.usable() {
                return Ok(());
            }
            self.turn.pass_if_over(link).await
        };
        let rested = tokio::time::timeout(within, resting).await;
        if !matches!(rested, Ok(Ok(()))) {
            self.lose();
        }
    }

    async fn close(mut self) {
        let within = answer_within(self.patience);
        self.relay.lose(&mut self.turn);
        let Some(mut link) = self.link else { return };
        let last_word = tokio::time::timeout(within, self.telling.say(&mut link)).await;
        if !matches!(last_word, Ok(Ok(()))) {
            tracing::debug!("other servers were not told of the last batch");
        }
        if let Err(error) = link.close().await {
            tracing::debug!(%error, "the writer's connection was not closed cleanly");
        }
    }
}
