//! Where on PostgreSQL a log is kept.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use sqlx::ConnectOptions;
use sqlx::postgres::PgConnectOptions;

use crate::log::options::OpenError;

/// The schema of a log, unless the address names another.
const SCHEMA: &str = "anju_log";

/// A database, and the schema in it that is the log's alone.
#[derive(Clone, Debug)]
pub(super) struct Place {
    options: PgConnectOptions,
    schema: String,
    /// The role that the application will connect as, if it is not the owner.
    application: Option<String>,
    shown: String,
    /// Whether the connections must ask for commits that wait for the disk.
    synchronous: bool,
}

impl Place {
    /// Reads `postgres://…`, with `schema` and `app_role` among the parameters.
    pub(super) fn parse(url: &str) -> Result<Self, OpenError> {
        let (base, query) = url.split_once('?').unwrap_or((url, ""));
        let refused = |what: String| OpenError::Address {
            address: without_password(base).to_owned(),
            what,
        };
        if !base.starts_with("postgres://") && !base.starts_with("postgresql://") {
            return Err(refused("expected postgres://USER@HOST/DATABASE".to_owned()));
        }
        let (mut schema, mut application) = (SCHEMA.to_owned(), None);
        let mut others = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=') {
                Some(("schema", name)) => schema = name.to_owned(),
                Some(("app_role", name)) => application = Some(name.to_owned()),
                _ => others.push(pair),
            }
        }
        for name in std::iter::once(&schema).chain(&application) {
            if !is_name(name) {
                return Err(refused(format!(
                    "{name:?}: expected a name of [a-z0-9_], at most 63 of them, the first no digit"
                )));
            }
        }
        let options = PgConnectOptions::from_str(&format!("{base}?{}", others.join("&")))
            .map_err(|error| refused(error.to_string()))?;
        let shown = format!(
            "postgres://{}@{}:{}/{}?schema={schema}",
            options.get_username(),
            options.get_socket().map_or_else(
                || options.get_host().to_owned(),
                |socket| socket.display().to_string()
            ),
            options.get_port(),
            options.get_database().unwrap_or_default(),
        );
        Ok(Self {
            options: options.disable_statement_logging(),
            schema,
            application,
            shown,
            synchronous: false,
        })
    }

    pub(super) fn schema(&self) -> &str {
        &self.schema
    }

    pub(super) fn application(&self) -> Option<&str> {
        self.application.as_deref()
    }

    /// How to connect without any expectation of the server.
    pub(super) fn probe(&self) -> PgConnectOptions {
        self.options.clone().application_name("anju")
    }

    /// Makes every commit wait for the disk, on a server that would not by itself.
    pub(super) fn make_synchronous(&mut self) {
        self.synchronous = true;
    }

    /// The place in errors and notes: everything but the password.
    pub(super) fn path(&self) -> PathBuf {
        PathBuf::from(&self.shown)
    }

    /// How every connection to the log is made. `name` is what the server shows it as.
    pub(super) fn connection(&self, name: &str, busy: Duration) -> PgConnectOptions {
        let lock_timeout = format!("{}ms", busy.as_millis());
        let statement_timeout = format!("{}ms", 2 * busy.as_millis().max(50));
        // The path names the log's schema alone; temporary tables come last, or one could stand in for a table.
        let path = format!("{},pg_temp", self.schema);
        let durable = self.synchronous.then_some(("synchronous_commit", "on"));
        let settings = [
            ("search_path", path.as_str()),
            // Looking again after waiting for a lock must see what the lock's holder has done.
            ("default_transaction_isolation", "read committed"),
            // The statements are few and fixed. A plan is made once, and is not misled by a table that was empty
            // when it was made.
            ("plan_cache_mode", "force_generic_plan"),
            ("enable_seqscan", "off"),
            ("enable_bitmapscan", "off"),
            ("jit", "off"),
            ("lock_timeout", &lock_timeout),
            ("statement_timeout", &statement_timeout),
            // A server that has gone away must not hold the head for long.
            ("idle_in_transaction_session_timeout", &statement_timeout),
            ("tcp_keepalives_idle", "10"),
            ("tcp_keepalives_interval", "5"),
            ("tcp_keepalives_count", "3"),
        ];
        self.options
            .clone()
            .application_name(name)
            .options(settings.into_iter().chain(durable))
    }
}

/// How long any single answer of the server is waited for. The server gives up waiting for a lock after `busy`, and
/// on any statement after twice that; silence beyond is a broken line.
pub(super) fn answer_within(busy: Duration) -> Duration {
    let said = busy.max(Duration::from_millis(50)).saturating_mul(2);
    said.saturating_add(Duration::from_millis(500))
}

/// Names that mean the same with and without quotes.
fn is_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    (1..=63).contains(&name.len())
        && name.chars().all(plain)
        && !name.starts_with(|c: char| c.is_ascii_digit())
}

/// The address up to where a password may stand.
fn without_password(base: &str) -> &str {
    let start = base.find("://").map_or(0, |at| at + 3);
    let user = &base[start..];
    match (user.find(':'), user.rfind('@')) {
        (Some(colon), Some(at)) if colon < at => &base[..start + colon],
        _ => base,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_has_a_schema_and_perhaps_a_role_and_never_shows_its_password() {
        let place = Place::parse("postgres://me:secret@db.example:6543/town").unwrap();
        assert_eq!(place.schema(), "anju_log");
        assert_eq!(place.application(), None);
        assert_eq!(
            place.path().to_str().unwrap(),
            "postgres://me@db.example:6543/town?schema=anju_log"
        );
        let place =
            Place::parse("postgresql://me@h/town?schema=other&sslmode=disable&app_role=clerk_1")
                .unwrap();
        assert_eq!(place.schema(), "other");
        assert_eq!(place.application(), Some("clerk_1"));
    }

    #[test]
    fn an_address_that_is_none_is_refused_without_its_password() {
        for url in [
            "mysql://me:secret@h/d",
            "postgres:me",
            "postgres://me:secret@h/d?schema=a-b",
            "postgres://me:secret@h/d?schema=1a",
            "postgres://me:secret@h/d?app_role=",
            "postgres://me:secret@h:port/d",
        ] {
            let refused = Place::parse(url).unwrap_err();
            assert!(matches!(refused, OpenError::Address { .. }), "{url}");
            assert!(!refused.to_string().contains("secret"), "{refused}");
        }
    }
}
