//! Learning of what other servers append.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use sqlx::postgres::{PgListener, PgPoolOptions};
use sqlx::{PgPool, Row};
use tokio::sync::Notify;
use tokio::time::MissedTickBehavior;
use uuid::Uuid;

use crate::log::growth::Growth;

use super::place::{Address, answer_within};

/// What every connection that listens is called, with something of its own after it.
const NAME: &str = "anju listener";

/// How far the log is, and whether anybody listens who is not called $1. Not which log he listens to: that would cost
/// more than telling him in vain.
const LOOK: &str = "SELECT size, EXISTS (SELECT FROM pg_stat_get_activity(NULL) \
     WHERE application_name LIKE 'anju listener %' AND application_name <> $1) \
     FROM log_head WHERE id = 1";

/// How far the log is.
const SIZE: &str = "SELECT size FROM log_head WHERE id = 1";

/// What listens for other servers.
pub(super) struct Ears {
    /// Of one connection.
    pool: PgPool,
    name: String,
    channel: String,
    others: Arc<AtomicBool>,
}

impl Ears {
    pub(super) fn new(place: &Address, busy: Duration) -> Self {
        let name = format!("{NAME} {}", Uuid::new_v4().simple());
        let pool = PgPoolOptions::new()
            .max_connections(1)
            .min_connections(0)
            .acquire_timeout(answer_within(busy))
            .connect_lazy_with(place.connection(&name, busy));
        Self {
            pool,
            name,
            channel: place.schema().to_owned(),
            // Until it is known better.
            others: Arc::new(AtomicBool::new(true)),
        }
    }

    /// Whether other servers may be listening, as of the last look.
    pub(super) fn others(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.others)
    }
}

/// Looks every now and then how far the log is, and when it is told that somebody has appended. Ends with the log. A log
/// that is shorter than it was known to be is not the one that was opened: see [`crate::log::growth`].
///
/// Looking is what is relied on: a notification can be lost with the connection that was to bring it, none is sent to a
/// server that has come since the last look, and whoever may connect to the database can send one that says anything.
pub(super) async fn watch_others(
    reads: PgPool,
    ears: Ears,
    grown: Weak<Growth>,
    interval: Duration,
) {
    let heard = Arc::new(Notify::new());
    let listening = listen(
        ears.pool.clone(),
        ears.channel.clone(),
        grown.clone(),
        Arc::clone(&heard),
        interval,
    );
    let listening = tokio::spawn(listening);
    let mut ticks = ticks(interval);
    loop {
        let hint = tokio::select! {
            _ = ticks.tick() => false,
            // However many were heard since the last look, one look answers them.
            () = heard.notified() => true,
        };
        if grown.strong_count() == 0 || reads.is_closed() {
            break;
        }
        let known = grown.upgrade().map_or(0, |grown| grown.known());
        if hint {
            if let Ok(size) = sqlx::query_scalar(SIZE).fetch_one(&reads).await {
                tell(&grown, known, size);
            }
            continue;
        }
        let found = sqlx::query(LOOK).bind(&ears.name).fetch_one(&reads).await;
        let found = found.and_then(|row| Ok((row.try_get(0)?, row.try_get(1)?)));
        // A failed look is not news: whoever reads next will be told.
        let others = found.is_err() || found.as_ref().is_ok_and(|(_, others)| *others);
        ears.others.store(others, Ordering::Relaxed);
        if let Ok((size, _)) = found {
            tell(&grown, known, size);
        }
    }
    listening.abort();
    ears.pool.close().await;
}

fn ticks(interval: Duration) -> tokio::time::Interval {
    let mut ticks = tokio::time::interval(interval.max(Duration::from_millis(1)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

async fn listen(
    pool: PgPool,
    channel: String,
    grown: Weak<Growth>,
    heard: Arc<Notify>,
    interval: Duration,
) {
    let mut ticks = ticks(interval);
    loop {
        // Not more often than that, when the server is away.
        ticks.tick().await;
        let Ok(mut listener) = PgListener::connect_with(&pool).await else {
            continue;
        };
        if listener.listen(&channel).await.is_err() {
            continue;
        }
        while let Ok(Some(told)) = listener.try_recv().await {
            // This server's own appends are told to it as well, and are no news.
            let known = grown.upgrade().map_or(0, |grown| grown.known());
            if told.payload().parse::<u64>().is_ok_and(|size| size > known) {
                heard.notify_one();
            }
        }
    }
}

/// `size` was read after `known` was known.
fn tell(grown: &Weak<Growth>, known: u64, size: i64) {
    if let (Some(grown), Ok(size)) = (grown.upgrade(), u64::try_from(size)) {
        grown.seen(known, size);
    }
}
