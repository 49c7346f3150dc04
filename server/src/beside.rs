//! What stands beside a log in a database: the notes, and how far the notices have been sent. Several servers share it,
//! so it cannot stand in files of theirs; it may be changed and erased, so it cannot stand in the log's schema.

use std::time::Duration;

use anju_engine::event::Position;
use anju_engine::log::postgres::Address;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
use sqlx::{AssertSqlSafe, Connection, Postgres, Row, Transaction};

const TABLES: &str = include_str!("../migrations/postgres/beside.sql");
const GRANTS: &str = include_str!("../migrations/postgres/beside_grants.sql");

/// What stands for the role in [`GRANTS`].
const ROLE: &str = "anju_app";

/// How long one server waits for another that writes notices.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long a connection is waited for.
const CONNECT: Duration = Duration::from_secs(10);

/// Why what stands beside the log cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BesideError {
    /// The schema was never made, or the role has no rights on it: the owner sets it up.
    #[error(
        "{place}: the role {role} has no rights on schema {schema}. Its owner grants them: \
         anju store init --role {role}"
    )]
    NotSetUp {
        /// Which database.
        place: String,
        /// The schema.
        schema: String,
        /// Who asked.
        role: String,
    },
    /// The database failed: try again.
    #[error("{place}: {source}")]
    Failed {
        /// Which database.
        place: String,
        /// Why.
        #[source]
        source: sqlx::Error,
    },
}

/// The schema beside a log.
#[derive(Debug)]
pub struct Beside {
    pool: PgPool,
    address: Address,
    schema: String,
}

/// The right to write notices: nobody else has it until this is committed or dropped.
pub struct Turn {
    transaction: Transaction<'static, Postgres>,
    /// Up to where every notice is written.
    pub position: Position,
}

impl Beside {
    /// Opens the schema beside the log at `address`, and makes it if it is not there and may be made.
    ///
    /// # Errors
    /// [`BesideError`].
    pub async fn open(address: &Address) -> Result<Self, BesideError> {
        let schema = format!("{}_beside", address.schema());
        // Temporary tables come last, or one could stand in for a table.
        let path = format!("{schema},pg_temp");
        let options = address
            .database()
            .application_name("anju beside")
            .options([("search_path", path.as_str())]);
        let mut pool = pool(options.clone());
        let failed = |error| failed(address, &schema, error);
        let row = sqlx::query(
            "SELECT to_regclass('note') IS NOT NULL AND to_regclass('outbox') IS NOT NULL, \
             current_setting('synchronous_commit') = 'off'",
        )
        .fetch_one(&pool)
        .await
        .map_err(failed)?;
        let there: bool = row.try_get(0).map_err(failed)?;
        if row.try_get(1).map_err(failed)? {
            // A note must be on disk before a record names it, also on a server that would not wait for the disk.
            pool = self::pool(options.options([("synchronous_commit", "on")]));
        }
        let beside = Self {
            pool,
            address: address.clone(),
            schema,
        };
        if !there {
            beside.make(address.application()).await?;
        }
        Ok(beside)
    }

    /// Makes what is missing, and lets `role` use it. Run by the owner; repeating it changes nothing.
    ///
    /// # Errors
    /// [`BesideError`].
    pub async fn make(&self, role: Option<&str>) -> Result<(), BesideError> {
        let mut conn = self.pool.acquire().await.map_err(|e| self.failed(e))?;
        self.made(&mut conn, role)
            .await
            .map_err(|error| self.failed(error))
    }

    async fn made(&self, conn: &mut PgConnection, role: Option<&str>) -> Result<(), sqlx::Error> {
        let schema = &self.schema;
        let mut transaction = conn.begin().await?;
        // One at a time: two of them would fail in each other's way.
        sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))")
            .bind(format!("anju migration {schema}"))
            .execute(&mut *transaction)
            .await?;
        let make = format!("CREATE SCHEMA IF NOT EXISTS {schema};\n{TABLES}");
        sqlx::raw_sql(AssertSqlSafe(make))
            .execute(&mut *transaction)
            .await?;
        if let Some(role) = role {
            let role = format!("\"{}\"", role.replace('"', "\"\""));
            let grants = GRANTS.replace(ROLE, &role);
            let grants = format!("GRANT USAGE ON SCHEMA {schema} TO {role};\n{grants}");
            sqlx::raw_sql(AssertSqlSafe(grants))
                .execute(&mut *transaction)
                .await?;
        }
        transaction.commit().await
    }

    /// The schema.
    #[must_use]
    pub fn schema(&self) -> &str {
        &self.schema
    }

    /// Keeps a note; durable when it returns.
    ///
    /// # Errors
    /// [`BesideError`].
    pub async fn keep_note(
        &self,
        digest: &str,
        salt: &[u8],
        text: &str,
    ) -> Result<(), BesideError> {
        sqlx::query("INSERT INTO note (digest, salt, text) VALUES ($1, $2, $3)")
            .bind(digest)
            .bind(salt)
            .bind(text)
            .execute(&self.pool)
            .await
            .map(|_| ())
            .map_err(|error| self.failed(error))
    }

    /// A note by its digest; `None` if it was erased or never here.
    ///
    /// # Errors
    /// [`BesideError`].
    pub async fn note(&self, digest: &str) -> Result<Option<String>, BesideError> {
        sqlx::query_scalar("SELECT text FROM note WHERE digest = $1")
            .bind(digest)
            .fetch_optional(&self.pool)
            .await
            .map_err(|error| self.failed(error))
    }

    /// Takes the turn to write notices of the log named `origin`; `None` if another server has it for longer than is
    /// waited. A server that dies in its turn loses it: what it had written is then written again, under the same names.
    ///
    /// # Errors
    /// [`BesideError`].
    pub async fn turn(&self, origin: &str) -> Result<Option<Turn>, BesideError> {
        match self.taken(origin).await {
            Ok(turn) => Ok(Some(turn)),
            // 55P03: the lock was not to be had in time.
            Err(error) if code(&error).as_deref() == Some("55P03") => Ok(None),
            Err(error) => Err(self.failed(error)),
        }
    }

    async fn taken(&self, origin: &str) -> Result<Turn, sqlx::Error> {
        sqlx::query("INSERT INTO outbox (origin, position) VALUES ($1, 0) ON CONFLICT DO NOTHING")
            .bind(origin)
            .execute(&self.pool)
            .await?;
        let mut transaction = self.pool.begin().await?;
        sqlx::query("SELECT set_config('lock_timeout', $1, true)")
            .bind(format!("{}ms", PATIENCE.as_millis()))
            .execute(&mut *transaction)
            .await?;
        let row = sqlx::query("SELECT position FROM outbox WHERE origin = $1 FOR UPDATE")
            .bind(origin)
            .fetch_one(&mut *transaction)
            .await?;
        let position: i64 = row.try_get(0)?;
        Ok(Turn {
            transaction,
            position: Position(position.unsigned_abs()),
        })
    }

    /// Ends a turn: every notice up to `position` is written.
    ///
    /// # Errors
    /// [`BesideError`]; the turn then ends where it began.
    pub async fn end_turn(
        &self,
        mut turn: Turn,
        origin: &str,
        position: Position,
    ) -> Result<(), BesideError> {
        let moved = async {
            sqlx::query("UPDATE outbox SET position = $2 WHERE origin = $1")
                .bind(origin)
                .bind(i64::try_from(position.0).unwrap_or(i64::MAX))
                .execute(&mut *turn.transaction)
                .await?;
            turn.transaction.commit().await
        };
        moved.await.map_err(|error| self.failed(error))
    }

    fn failed(&self, error: sqlx::Error) -> BesideError {
        failed(&self.address, &self.schema, error)
    }
}

fn pool(options: PgConnectOptions) -> PgPool {
    PgPoolOptions::new()
        .max_connections(2)
        .min_connections(0)
        .acquire_timeout(CONNECT)
        .connect_lazy_with(options)
}

fn failed(address: &Address, schema: &str, error: sqlx::Error) -> BesideError {
    match code(&error).as_deref() {
        // No rights on the database, the schema or a table; no such schema; no such table.
        Some("42501" | "3F000" | "42P01") => BesideError::NotSetUp {
            place: address.to_string(),
            schema: schema.to_owned(),
            role: address.user().to_owned(),
        },
        _ => BesideError::Failed {
            place: address.to_string(),
            source: error,
        },
    }
}

fn code(error: &sqlx::Error) -> Option<String> {
    let code = error.as_database_error()?.code()?;
    Some(code.into_owned())
}
