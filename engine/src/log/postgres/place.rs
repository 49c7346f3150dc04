//! Where on PostgreSQL a log is kept.

use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use sqlx::ConnectOptions;
use sqlx::postgres::{PgConnectOptions, PgSslMode};

use crate::log::options::OpenError;

/// The schema of a log, unless the address names another.
const SCHEMA: &str = "anju_log";

/// The parameters of an address that are the driver's. `options[NAME]` is one too, for any setting of the server.
const PARAMETERS: [&str; 13] = [
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "sslmode",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "options",
    "application_name",
    "statement-cache-capacity",
];

fn is_parameter(key: &str) -> bool {
    PARAMETERS.contains(&key) || (key.starts_with("options[") && key.ends_with(']'))
}

/// The address of a log: a database, and the schema in it that is the log's alone. Shown without its password.
#[derive(Clone)]
pub struct Address {
    url: String,
    options: PgConnectOptions,
    schema: String,
    /// The role that the application will connect as, if it is not the owner.
    application: Option<String>,
    shown: String,
    /// Whether the connections must ask for commits that wait for the disk.
    synchronous: bool,
    /// Whether it names files of certificates or keys.
    certificates: bool,
}

impl std::fmt::Debug for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Address").field(&self.shown).finish()
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.shown)
    }
}

impl PartialEq for Address {
    fn eq(&self, other: &Self) -> bool {
        self.url == other.url
    }
}

impl Eq for Address {}

impl Address {
    /// Reads `postgres://USER:PASSWORD@HOST:PORT/DATABASE`, with `schema` and `app_role` among the parameters.
    ///
    /// # Errors
    /// [`OpenError::Address`], which never shows the password.
    pub fn parse(url: &str) -> Result<Self, OpenError> {
        let (base, query) = url.split_once('?').unwrap_or((url, ""));
        let refused = |what: String| OpenError::Address {
            address: beginning(url),
            what,
        };
        if !base.starts_with("postgres://") && !base.starts_with("postgresql://") {
            return Err(refused("not postgres://".to_owned()));
        }
        let (mut schema, mut application) = (SCHEMA.to_owned(), None);
        let mut others = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=') {
                Some(("schema", name)) => schema = name.to_owned(),
                Some(("app_role", name)) => application = Some(name.to_owned()),
                // Passed on, a parameter that the driver does not know would stand in its warnings with its value.
                Some((key, _)) if is_parameter(key) => others.push(pair),
                known => {
                    let key = known.map_or("", |(key, _)| key);
                    return Err(refused(format!(
                        "parameter {key:?}: expected one of schema, app_role, {}",
                        PARAMETERS.join(", ")
                    )));
                }
            }
        }
        let names = [
            ("schema", Some(&schema)),
            ("app_role", application.as_ref()),
        ];
        for (key, name) in names {
            let Some(name) = name else { continue };
            if !is_name(name) {
                return Err(refused(format!(
                    "{key}={name}: expected a name of [a-z0-9_], at most 63 of them, the first no digit"
                )));
            }
        }
        let options = PgConnectOptions::from_str(&format!("{base}?{}", others.join("&"))).map_err(
            |error| match error {
                // Says no more than that it is the configuration.
                sqlx::Error::Configuration(source) => refused(source.to_string()),
                other => refused(other.to_string()),
            },
        )?;
        let names = |key: &str| {
            others
                .iter()
                .any(|pair| pair.split_once('=').is_some_and(|(k, _)| k == key))
        };
        let checks = matches!(
            options.get_ssl_mode(),
            PgSslMode::VerifyCa | PgSslMode::VerifyFull
        );
        if names("sslrootcert") && !checks {
            // The driver would read the file and then trust anybody.
            return Err(refused(
                "sslrootcert without sslmode=verify-full (or verify-ca): nothing would be checked against it"
                    .to_owned(),
            ));
        }
        let certificates = ["sslrootcert", "sslcert", "sslkey"].into_iter().any(names);
        let shown = format!(
            "postgres://{}@{}:{}/{}?schema={schema}",
            options.get_username(),
            options.get_socket().map_or_else(
                || options.get_host().to_owned(),
                |socket| socket.display().to_string()
            ),
            options.get_port(),
            // Without a name the server takes the role's.
            options.get_database().unwrap_or(options.get_username()),
        );
        Ok(Self {
            url: url.to_owned(),
            options: options.disable_statement_logging(),
            schema,
            application,
            shown,
            synchronous: false,
            certificates,
        })
    }

    /// The address as it was given, with its password: to connect, never to show.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// How to connect to the database for something that stands beside the log.
    #[must_use]
    pub fn database(&self) -> PgConnectOptions {
        self.probe()
    }

    /// The role that connects.
    #[must_use]
    pub fn user(&self) -> &str {
        self.options.get_username()
    }

    /// Whether it names files of certificates or keys.
    pub(super) fn names_certificates(&self) -> bool {
        self.certificates
    }

    /// Whether the server is reached by a socket in a directory, not over a network.
    pub(super) fn is_local_socket(&self) -> bool {
        // A host that begins with a slash is a directory, whichever parameter it came by.
        self.options.get_socket().is_some() || self.options.get_host().starts_with('/')
    }

    /// Whether nothing that is said to the server leaves this machine.
    pub(super) fn is_local(&self) -> bool {
        let host = self.options.get_host();
        let loopback = |ip: IpAddr| ip.is_loopback();
        self.is_local_socket() || host == "localhost" || host.parse().is_ok_and(loopback)
    }

    /// The schema of the log.
    #[must_use]
    pub fn schema(&self) -> &str {
        &self.schema
    }

    /// The schema for what changes, beside that of the log; `None` if its name would be too long for the server.
    pub(super) fn beside(&self) -> Option<String> {
        let name = format!("{}_beside", self.schema);
        (name.len() <= MAX_NAME).then_some(name)
    }

    /// The role that the application will connect as, where the address of a log to be made names one.
    #[must_use]
    pub fn application(&self) -> Option<&str> {
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
        let beside = self.beside().map(|beside| format!("{beside},"));
        let path = format!("{},{}pg_temp", self.schema, beside.unwrap_or_default());
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

/// How long a name may be. Source: the PostgreSQL manual, "Lexical Structure": NAMEDATALEN - 1.
const MAX_NAME: usize = 63;

/// How long any single answer of the server is waited for. The server gives up waiting for a lock after `busy`, and
/// on any statement after twice that; silence beyond is a broken line.
pub(super) fn answer_within(busy: Duration) -> Duration {
    let said = busy.max(Duration::from_millis(50)).saturating_mul(2);
    said.saturating_add(Duration::from_millis(500))
}

/// Names that mean the same with and without quotes.
pub(super) fn is_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    (1..=MAX_NAME).contains(&name.len())
        && name.chars().all(plain)
        && !name.starts_with(|c: char| c.is_ascii_digit())
}

/// What of an address that cannot be read is shown: what it begins with, up to where a password may stand.
fn beginning(url: &str) -> String {
    let start = url.find("://").map_or(0, |at| at + 3);
    let rest = &url[start..];
    let end = rest.find([':', '/', '@', '?', '#']).unwrap_or(rest.len());
    let cut = if end < rest.len() { "…" } else { "" };
    format!("{}{cut}", &url[..start + end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_has_a_schema_and_perhaps_a_role_and_never_shows_its_password() {
        let place = Address::parse("postgres://me:secret@db.example:6543/town").unwrap();
        assert_eq!(place.schema(), "anju_log");
        assert_eq!(place.application(), None);
        assert_eq!(
            place.path().to_str().unwrap(),
            "postgres://me@db.example:6543/town?schema=anju_log"
        );
        let place =
            Address::parse("postgresql://me@h/town?schema=other&sslmode=disable&app_role=clerk_1")
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
            "postgres://me:secret@h/d?passwrod=secret",
            "postgres://me:secret?more@h/d?schema=a-b",
            "postgres://me:a@secret@h:port/d",
            "postgres://me:secret/h/d?sslmode",
            "postgres://me:secret#h/d?schema=1",
            "postgres://me:secret@h/d?sslrootcert=ca.pem&sslmode=require",
        ] {
            let refused = Address::parse(url).unwrap_err();
            assert!(matches!(refused, OpenError::Address { .. }), "{url}");
            assert!(!refused.to_string().contains("secret"), "{refused}");
        }
    }
}
