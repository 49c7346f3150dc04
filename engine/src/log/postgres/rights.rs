//! What a role may do with a log: read, add, and move the head.

use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection};

use crate::log::options::{LogOptions, OpenError, Unsuitable};

use super::connect::{Marks, connect, probe};
use super::fault::open_error;
use super::place::Address;
use super::relay::make_relay;

/// What the application's role may do; [`ROLE`] stands for the role.
const GRANTS: &str = include_str!("../../../migrations/postgres/0001_grants.sql");
const ROLE: &str = "anju_app";

/// Lets `role` do with an existing log what an application needs, and no more.
pub(super) async fn grant(url: &str, role: &str, options: &LogOptions) -> Result<(), OpenError> {
    let mut place = Address::parse(url)?;
    let busy = options.busy_timeout;
    if let Marks::Blank = probe(&mut place, busy).await? {
        return Err(OpenError::NotFound { path: place.path() });
    }
    let fail = |error| open_error(&place, error);
    let connection = place.connection("anju migration", busy);
    let mut conn = connect(&place, &connection, busy).await?;
    sqlx::raw_sql("BEGIN")
        .execute(&mut conn)
        .await
        .map_err(fail)?;
    // A log that was made before there was any has none.
    make_relay(&mut conn, &place).await.map_err(fail)?;
    grant_to(&mut conn, &place, role).await?;
    sqlx::raw_sql("COMMIT")
        .execute(&mut conn)
        .await
        .map_err(fail)?;
    let _ = conn.close().await;
    Ok(())
}

/// In the transaction of `conn`. What the role had beside that on the log's tables is taken from it.
pub(super) async fn grant_to(
    conn: &mut PgConnection,
    place: &Address,
    role: &str,
) -> Result<(), OpenError> {
    let fail = |error| open_error(place, error);
    // Granting what one may not is only warned of by the server.
    let mine: bool = sqlx::query_scalar(
        "SELECT pg_has_role(relowner, 'USAGE') FROM pg_class WHERE oid = 'log_head'::regclass",
    )
    .fetch_one(&mut *conn)
    .await
    .map_err(fail)?;
    if !mine {
        return Err(OpenError::Permission { path: place.path() });
    }
    let owns: Option<bool> = sqlx::query_scalar(
        "SELECT r.rolsuper OR pg_has_role(r.oid, c.relowner, 'USAGE') FROM pg_roles r, pg_class c \
         WHERE r.rolname = $1 AND c.oid = 'log_head'::regclass",
    )
    .bind(role)
    .fetch_optional(&mut *conn)
    .await
    .map_err(fail)?;
    let unsuitable = |what| {
        Err(OpenError::Unsuitable {
            path: place.path(),
            what,
        })
    };
    let named = role.to_owned();
    match owns {
        None => return unsuitable(Unsuitable::NoRole { role: named }),
        Some(true) => return unsuitable(Unsuitable::Owner { role: named }),
        Some(false) => {}
    }
    // The role exists, so its name can be quoted as it is.
    let role = format!("\"{}\"", role.replace('"', "\"\""));
    let schema = place.schema();
    let grants = GRANTS.replace(ROLE, &role);
    let beside = place.beside().map(|beside| {
        format!(
            "GRANT USAGE ON SCHEMA {beside} TO {role};\n\
             GRANT SELECT, INSERT, UPDATE ON {beside}.relay TO {role};\n"
        )
    });
    let beside = beside.unwrap_or_default();
    let grants = format!(
        "REVOKE ALL ON ALL TABLES IN SCHEMA {schema} FROM {role};\n\
         REVOKE ALL ON ALL SEQUENCES IN SCHEMA {schema} FROM {role};\n\
         GRANT USAGE ON SCHEMA {schema} TO {role};\n{grants}{beside}"
    );
    sqlx::raw_sql(AssertSqlSafe(grants))
        .execute(conn)
        .await
        .map_err(fail)?;
    Ok(())
}
