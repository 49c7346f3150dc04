//! Telling other servers what was appended.
//!
//! A notification costs the database a lock that all commits share, and a signal to each who listens: told of every batch, a
//! busy server loses up to a fifth of what it writes. So a batch tells with its own statement, unless one has just done so; then
//! what is left untold is told a moment later, or by a later batch. Whoever is not told looks (see [`super::watch`]).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sqlx::postgres::{PgConnection, PgRow};
use tokio::time::Instant;

use super::read::signed;

/// How long others are not told again.
const PAUSE: Duration = Duration::from_millis(5);

/// What others have been told.
#[derive(Debug)]
pub(super) struct Telling {
    channel: String,
    /// Whether other servers may be listening.
    others: Arc<AtomicBool>,
    /// When they were told last.
    told: Option<Instant>,
    /// How long the log is, if they have not been told of its end.
    untold: Option<u64>,
}

impl Telling {
    /// On this channel, while there are others.
    pub(super) fn new(channel: &str, others: Arc<AtomicBool>) -> Self {
        Self {
            channel: channel.to_owned(),
            others,
            told: None,
            untold: None,
        }
    }

    /// The channel on which a batch that is written now has to tell; `None` if it has not to.
    pub(super) fn due(&self) -> Option<&str> {
        let rested = self.told.is_none_or(|told| told.elapsed() >= PAUSE);
        (self.others.load(Ordering::Relaxed) && rested).then_some(self.channel.as_str())
    }

    /// A batch has landed, and the log is so long. `told`: its statement told them.
    pub(super) fn landed(&mut self, told: bool, size: u64) {
        if told {
            self.told = Some(Instant::now());
            self.untold = None;
        } else if self.others.load(Ordering::Relaxed) {
            self.untold = Some(size);
        }
    }

    /// When what is untold is to be told, if no batch does so before.
    pub(super) fn at(&self) -> Option<Instant> {
        self.untold?;
        Some(self.told.map_or_else(Instant::now, |told| told + PAUSE))
    }

    /// Whoever was to be told is not.
    pub(super) fn forget(&mut self) {
        self.untold = None;
    }

    /// Tells what is untold, if it is time. If that fails it stays untold for good.
    pub(super) async fn tell(&mut self, link: &mut PgConnection) -> Result<(), sqlx::Error> {
        if self.at().is_none_or(|at| at > Instant::now()) {
            return Ok(());
        }
        self.say(link).await
    }

    /// Tells what is untold, whenever the last time was.
    pub(super) async fn say(&mut self, link: &mut PgConnection) -> Result<(), sqlx::Error> {
        let Some(size) = self.untold.take() else {
            return Ok(());
        };
        self.told = Some(Instant::now());
        sqlx::query("SELECT pg_notify($1, $2)")
            .bind(&self.channel)
            .bind(signed(size).to_string())
            .map(|_: PgRow| ())
            .fetch_one(link)
            .await
    }
}
