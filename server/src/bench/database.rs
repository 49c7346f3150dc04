//! A database of the bench's own, on a server that is named or on a private one, and what is in it.

use std::fmt::{Display, Write as _};
use std::path::Path;
use std::sync::Arc;

use anju_engine::clock::SystemClock;
use anju_engine::log::Origin;
use anju_engine::{CreateOptions, LogOptions, PostgresLog};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgExecutor, Row};
use uuid::Uuid;

#[cfg(unix)]
use super::cluster::Cluster;
use crate::app::Failure;

/// No private server is started here.
#[cfg(not(unix))]
enum Cluster {}

pub(super) fn failed(error: sqlx::Error) -> Failure {
    Failure::Store {
        zh: format!("PostgreSQL 对照出错:{error}"),
        en: format!("the PostgreSQL of the controls failed: {error}"),
    }
}

/// A database that is there until it is closed.
pub(super) struct Database {
    /// Ends with the bench, if it is the bench's.
    _cluster: Option<Cluster>,
    server: PgConnectOptions,
    name: String,
    url: String,
    /// What the server says it is.
    pub(super) version: String,
}

impl Database {
    /// On a private server below `folder`; `None` if PostgreSQL is not installed.
    #[cfg(unix)]
    pub(super) async fn private(folder: &Path) -> Result<Option<Self>, Failure> {
        match Cluster::start(folder)? {
            None => Ok(None),
            Some(cluster) => {
                let url = cluster.url();
                Self::create(&url, Some(cluster)).await.map(Some)
            }
        }
    }

    #[cfg(not(unix))]
    pub(super) async fn private(_folder: &Path) -> Result<Option<Self>, Failure> {
        Ok(None)
    }

    /// On the server at `url`, whose user must be allowed to make a database.
    pub(super) async fn at(url: &str) -> Result<Self, Failure> {
        Self::create(url, None).await
    }

    async fn create(url: &str, cluster: Option<Cluster>) -> Result<Self, Failure> {
        let server: PgConnectOptions = url.parse().map_err(|error| {
            Failure::usage(
                format!("--postgres:{error}"),
                format!("--postgres: {error}"),
            )
        })?;
        let name = format!("anju_bench_{}", Uuid::new_v4().simple());
        let mut conn = server.clone().connect().await.map_err(failed)?;
        let row = sqlx::query("SHOW server_version").fetch_one(&mut conn);
        let version = row.await.and_then(|row| row.try_get(0)).map_err(failed)?;
        // The name is of our own making.
        let make = sqlx::raw_sql(AssertSqlSafe(format!("CREATE DATABASE {name}")));
        make.execute(&mut conn).await.map_err(failed)?;
        conn.close().await.map_err(failed)?;
        let url = server.clone().database(&name).to_url_lossy().to_string();
        Ok(Self {
            _cluster: cluster,
            server,
            name,
            url,
            version,
        })
    }

    /// Its address, with the password if there is one.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// How to connect to it.
    pub(super) fn options(&self) -> PgConnectOptions {
        self.server.clone().database(&self.name)
    }

    /// Makes a log in it as the product does, but for its name.
    pub(super) async fn log(&self) -> Result<PostgresLog, Failure> {
        let create = CreateOptions::new(Origin::real(format!("anju.bench/{}", Uuid::new_v4())));
        let (options, clock) = (LogOptions::default(), Arc::new(SystemClock));
        Ok(PostgresLog::create(&self.url, create, options, clock).await?)
    }

    /// Takes it away, whoever is still connected.
    pub(super) async fn close(self) -> Result<(), Failure> {
        let mut conn = self.server.connect().await.map_err(failed)?;
        let drop = format!("DROP DATABASE {} WITH (FORCE)", self.name);
        let dropped = sqlx::raw_sql(AssertSqlSafe(drop)).execute(&mut conn).await;
        dropped.map_err(failed)?;
        tracing::debug!(name = self.name, "the database of the bench is gone");
        conn.close().await.map_err(failed)
    }
}

/// How many bytes the log's tables have, with their indexes and whatever is stored outside of their rows.
pub(super) async fn stored_bytes<'c>(database: impl PgExecutor<'c>) -> Result<f64, Failure> {
    let row = sqlx::query(
        "SELECT sum(pg_total_relation_size(oid))::bigint FROM pg_class \
         WHERE relnamespace = 'anju_log'::regnamespace AND relkind = 'r'",
    )
    .fetch_one(database)
    .await;
    let bytes: i64 = row.and_then(|row| row.try_get(0)).map_err(failed)?;
    Ok(bytes as f64)
}

/// Adds a line for COPY: stream, revision, record.
pub(super) fn copied(
    text: &mut String,
    stream: impl Display,
    revision: impl Display,
    record: &str,
) {
    // Writing to a String cannot fail. A canonical record has neither tabs nor line breaks; backslashes COPY would read
    // with another meaning.
    let record = record.replace('\\', "\\\\");
    let _ = writeln!(text, "{stream}\t{revision}\t{record}");
}
