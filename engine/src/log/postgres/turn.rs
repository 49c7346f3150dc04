//! Taking turns with other servers, where they write at the same time.
//!
//! Two servers that both write batch after batch spoil each other's plans: of each batch planned on the head, every
//! second finds it moved. So a server whose plan was spoilt asks for a lock that means nothing but "it is my turn".
//! It keeps it while it plans one batch, tells how the log will stand, and passes it on (see [`super::relay`]); the database
//! hands it to whoever asked first. Where there is nowhere to tell, it keeps it for a [`TERM`], in which it writes batch after batch
//! as if it were alone. Once nobody else has written for some turns, it stops asking.
//!
//! Nothing is safe because of it: what keeps the log gapless is the condition on the head (see [`super::write`]). A
//! server that takes no turns, or has frozen during its own, costs time and nothing else.

use std::time::Duration;

use sqlx::postgres::{PgConnection, PgRow};
use tokio::time::Instant;

/// How long one server writes before it passes the turn on.
const TERM: Duration = Duration::from_millis(16);

/// How long a turn is waited for: longer, and its holder is taken to be frozen.
pub(super) const PATIENCE: &str = "250ms";

/// For how long nobody's turn is waited for after one has frozen.
const BARRED: Duration = Duration::from_secs(5);

/// After how many turns in which nobody else has written a server takes no more of them.
const QUIET: u32 = 16;

const PASS: &str = "SELECT pg_advisory_unlock(hashtextextended($1, 0))";

const TAKE: &str =
    "SELECT set_config('lock_timeout', $2, true), pg_advisory_lock(hashtextextended($1, 0))";

/// One server's part in it.
#[derive(Debug)]
pub(super) struct Turn {
    /// What the lock is called.
    name: String,
    /// Whether turns are taken at all.
    crowded: bool,
    /// Since when this server has the turn.
    held: Option<Instant>,
    /// How many turns in a row began where the last one had ended.
    quiet: u32,
    /// Until when no turn is asked for.
    barred: Option<Instant>,
}

impl Turn {
    /// Of the log in this schema.
    pub(super) fn new(schema: &str) -> Self {
        Self {
            name: format!("anju turn {schema}"),
            crowded: false,
            held: None,
            quiet: 0,
            barred: None,
        }
    }

    /// A plan was spoilt: from now on turns are taken.
    pub(super) fn spoilt(&mut self) {
        self.crowded = true;
        self.quiet = 0;
    }

    /// Says whether somebody had written when this server's turn began.
    pub(super) fn found(&mut self, moved: bool) {
        self.quiet = if moved { 0 } else { self.quiet + 1 };
        if self.quiet >= QUIET {
            self.crowded = false;
        }
    }

    /// The connection is gone, and whatever it held.
    pub(super) fn lost(&mut self) {
        self.held = None;
    }

    /// What the lock is called.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Whether this server has the turn.
    pub(super) fn is_held(&self) -> bool {
        self.held.is_some()
    }

    /// Whether turns are taken at all.
    pub(super) fn is_crowded(&self) -> bool {
        self.crowded
    }

    /// When the turn is over, if this server has it.
    pub(super) fn ends(&self) -> Option<Instant> {
        self.held.map(|since| since + TERM)
    }

    /// Takes the turn if turns are taken and this server does not have it; `true` if it has just begun, and others
    /// may have written meanwhile. Without an answer in time it goes on as if it had it.
    pub(super) async fn take(&mut self, link: &mut PgConnection) -> Result<bool, sqlx::Error> {
        self.pass_if_over(link).await?;
        if !self.crowded {
            self.pass(link).await?;
        }
        if !self.is_wanted() {
            return Ok(false);
        }
        let asked = sqlx::query(TAKE).bind(&self.name).bind(PATIENCE);
        let answer = asked.map(|_: PgRow| ()).fetch_one(&mut *link).await;
        self.taken(answer)?;
        Ok(true)
    }

    /// The turn was asked for, and this is the answer; `None` if it has not come in time.
    pub(super) fn taken<T>(
        &mut self,
        answer: Result<T, sqlx::Error>,
    ) -> Result<Option<T>, sqlx::Error> {
        match answer {
            Ok(answer) => {
                self.held = Some(Instant::now());
                self.barred = None;
                Ok(Some(answer))
            }
            Err(error) if timed_out(&error) => {
                tracing::debug!("another server keeps the turn: going on without");
                self.barred = Some(Instant::now() + BARRED);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Whether this server has to ask for the turn before it writes.
    pub(super) fn is_wanted(&self) -> bool {
        let barred = self.barred.is_some_and(|until| Instant::now() < until);
        self.held.is_none() && self.crowded && !barred
    }

    /// Passes the turn on, if this server has it and it is over.
    pub(super) async fn pass_if_over(
        &mut self,
        link: &mut PgConnection,
    ) -> Result<(), sqlx::Error> {
        if self.ends().is_some_and(|end| end <= Instant::now()) {
            self.pass(link).await?;
        }
        Ok(())
    }

    /// Passes the turn on, if this server has it.
    pub(super) async fn pass(&mut self, link: &mut PgConnection) -> Result<(), sqlx::Error> {
        if self.held.take().is_some() {
            pass(link, &self.name).await?;
        }
        Ok(())
    }
}

/// Passes the turn of this name on.
pub(super) async fn pass(link: &mut PgConnection, name: &str) -> Result<(), sqlx::Error> {
    let passed = sqlx::query(PASS).bind(name);
    passed.map(|_: PgRow| ()).fetch_one(link).await
}

/// Whether a lock was waited for in vain.
fn timed_out(error: &sqlx::Error) -> bool {
    // Source: the PostgreSQL manual, appendix A: lock_not_available.
    let code = error.as_database_error().and_then(|error| error.code());
    code.is_some_and(|code| code == "55P03")
}
