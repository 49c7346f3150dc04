//! Leases as locks: each is an advisory lock of a connection of its own.
//!
//! The server ends a connection that has said nothing for the time of its lease, and gives a lock back with the end
//! of its connection, however that ends. So a lease is over when its holder is gone or has slept through its time,
//! and it leaves no row behind.

use std::collections::HashMap;
use std::future::Future;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions, Connection};
use tokio::sync::Mutex;

use crate::log::sqlite::{Lease, LeaseError};

use super::PostgresLog;
use super::fault::{Fault, fault, silence};
use super::place::{Address, answer_within};

/// The leases that are held through one log.
pub(super) struct Leases {
    options: PgConnectOptions,
    schema: String,
    within: Duration,
    /// By name and holder.
    held: Mutex<HashMap<(String, String), Held>>,
}

struct Held {
    lease: Lease,
    conn: PgConnection,
}

impl Leases {
    pub(super) fn new(place: &Address, busy: Duration) -> Self {
        Self {
            options: place.connection("anju lease", busy),
            schema: place.schema().to_owned(),
            within: answer_within(busy),
            held: Mutex::default(),
        }
    }

    /// Gives all of them up.
    pub(super) async fn close(&self) {
        for (_, held) in self.held.lock().await.drain() {
            let _ = tokio::time::timeout(self.within, held.conn.close()).await;
        }
    }

    async fn take(
        &self,
        name: &str,
        holder: &str,
        ttl: Duration,
    ) -> Result<Option<Held>, sqlx::Error> {
        let mut conn = self.options.connect().await?;
        let taken: bool =
            sqlx::query_scalar("SELECT pg_try_advisory_lock(hashtextextended($1, 0))")
                .bind(format!("anju lease {} {name}", self.schema))
                .fetch_one(&mut conn)
                .await?;
        if !taken {
            let _ = conn.close().await;
            return Ok(None);
        }
        let term: i64 = sqlx::query_scalar("SELECT nextval('lease_term')")
            .fetch_one(&mut conn)
            .await?;
        prolong(&mut conn, ttl).await?;
        let lease = Lease {
            name: name.to_owned(),
            holder: holder.to_owned(),
            term: term.unsigned_abs(),
        };
        Ok(Some(Held { lease, conn }))
    }

    async fn in_time<T>(
        &self,
        answer: impl Future<Output = Result<T, sqlx::Error>>,
    ) -> Result<T, sqlx::Error> {
        let answer = tokio::time::timeout(self.within, answer).await;
        answer.unwrap_or_else(|_| Err(silence()))
    }
}

/// From now on the server waits this long for the next word.
async fn prolong(conn: &mut PgConnection, ttl: Duration) -> Result<(), sqlx::Error> {
    // Zero would mean for ever; the setting is a 32-bit number of milliseconds.
    let ttl = ttl.as_millis().clamp(1, 2_000_000_000);
    sqlx::query("SELECT set_config('idle_session_timeout', $1, false)")
        .bind(format!("{ttl}ms"))
        .fetch_all(conn)
        .await
        .map(|_| ())
}

fn lease_error(error: sqlx::Error) -> LeaseError {
    match fault(&error) {
        Fault::Busy => LeaseError::Busy,
        _ => LeaseError::Unavailable(Box::new(error)),
    }
}

impl PostgresLog {
    /// Takes the lease `name` for `holder` until `ttl` from now, or renews it if `holder` has it already through this
    /// log. `None` if somebody else holds it. `holder` must be unique to the process, for example a random UUID.
    /// The term of the lease rises with every one taken, of whatever name.
    ///
    /// # Errors
    /// [`LeaseError`] if the server could not be asked.
    pub async fn try_lease(
        &self,
        name: &str,
        holder: &str,
        ttl: Duration,
    ) -> Result<Option<Lease>, LeaseError> {
        let leases = &self.leases;
        let key = (name.to_owned(), holder.to_owned());
        let mut all = leases.held.lock().await;
        if let Some(held) = all.get_mut(&key) {
            let lease = held.lease.clone();
            if leases.in_time(prolong(&mut held.conn, ttl)).await.is_ok() {
                return Ok(Some(lease));
            }
            // It ended with its connection, and may be anybody's by now.
            all.remove(&key);
        }
        let taken = leases.in_time(leases.take(name, holder, ttl)).await;
        let Some(held) = taken.map_err(lease_error)? else {
            return Ok(None);
        };
        let lease = held.lease.clone();
        all.insert(key, held);
        Ok(Some(lease))
    }

    /// Holds a lease until `ttl` from now. `false` if it has been lost: stop what it was for.
    ///
    /// # Errors
    /// None at present: a server that cannot be asked ends the lease with the connection.
    pub async fn renew_lease(&self, lease: &Lease, ttl: Duration) -> Result<bool, LeaseError> {
        let leases = &self.leases;
        let key = (lease.name.clone(), lease.holder.clone());
        let mut all = leases.held.lock().await;
        let Some(held) = all.get_mut(&key).filter(|held| held.lease == *lease) else {
            return Ok(false);
        };
        let kept = leases.in_time(prolong(&mut held.conn, ttl)).await.is_ok();
        if !kept {
            all.remove(&key);
        }
        Ok(kept)
    }

    /// Gives a lease up before its time. Nothing happens if it is no longer held.
    ///
    /// # Errors
    /// None at present: a lease whose connection fails ends with it.
    pub async fn release_lease(&self, lease: Lease) -> Result<(), LeaseError> {
        let key = (lease.name.clone(), lease.holder.clone());
        let mut all = self.leases.held.lock().await;
        if all.get(&key).is_some_and(|held| held.lease == lease)
            && let Some(held) = all.remove(&key)
        {
            let _ = tokio::time::timeout(self.leases.within, held.conn.close()).await;
        }
        Ok(())
    }
}
