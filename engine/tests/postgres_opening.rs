//! What opens, what does not and why, and what the application's role may do.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::explicit_counter_loop,
    reason = "a test that cannot go on should say so"
)]

mod common;

#[path = "../../tests/src/cluster.rs"]
mod cluster;

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anju_engine::{
    AppendError, Clock, CreateOptions, EventLog, Expected, LogOptions, OpenError, Origin, Position,
    PostgresLog, Source, SystemClock, Unsuitable,
};
use cluster::{Cluster, Disk};
use common::{clock, command, create};
use jiff::{SignedDuration, Timestamp};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor};

fn shared() -> &'static Cluster {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    CLUSTER.get_or_init(|| Cluster::start(Disk::Careless))
}

fn options() -> LogOptions {
    LogOptions {
        max_clock_skew: None,
        ..LogOptions::default()
    }
}

async fn make(url: &str) -> Result<PostgresLog, OpenError> {
    PostgresLog::create(url, create(), options(), clock()).await
}

async fn open(url: &str) -> Result<PostgresLog, OpenError> {
    PostgresLog::open(url, options(), clock()).await
}

async fn connect(url: &str) -> PgConnection {
    let options: PgConnectOptions = url.parse().unwrap();
    options.connect().await.unwrap()
}

#[tokio::test]
async fn an_address_without_a_server_is_unreachable() {
    let directory = tempfile::tempdir().unwrap();
    let nobody = format!("postgres://me@h/d?host={}", directory.path().display());
    for url in ["postgres://me:secret@127.0.0.1:9/d", &nobody] {
        let refused = open(url).await.unwrap_err();
        assert!(
            matches!(refused, OpenError::Unreachable { .. }),
            "{refused:?}"
        );
        assert!(!refused.to_string().contains("secret"), "{refused}");
    }
}

#[tokio::test]
async fn where_there_is_no_log_none_is_found_and_none_is_made() {
    let url = shared().database();
    assert!(matches!(open(&url).await, Err(OpenError::NotFound { .. })));
    let nowhere = shared().url("postgres", "no_such_database");
    for refused in [open(&nowhere).await, make(&nowhere).await] {
        assert!(matches!(refused, Err(OpenError::NoDatabase { .. })));
    }
    let name = shared().new_database();
    let empty = shared().url("postgres", &name);
    shared().sql(&name, "CREATE SCHEMA anju_log");
    assert!(matches!(
        open(&empty).await,
        Err(OpenError::NotFound { .. })
    ));
    // A schema that waits for its log is as good as none.
    make(&empty).await.unwrap().close().await;
}

#[tokio::test]
async fn a_log_is_made_once_and_keeps_its_origin() {
    let url = shared().database();
    make(&url).await.unwrap().close().await;
    assert!(matches!(
        make(&url).await,
        Err(OpenError::AlreadyExists { .. })
    ));
    let other = CreateOptions::new(Origin::real("another"));
    let log = PostgresLog::open_or_create(&url, other, options(), clock()).await;
    let log = log.unwrap();
    assert_eq!(log.origin(), &Origin::real("engine-tests"));
    log.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_who_make_one_log_at_once_all_open_the_same() {
    let url = shared().database();
    let making = (0..6).map(|n| {
        let create = CreateOptions::new(Origin::real(format!("maker-{n}")));
        PostgresLog::open_or_create(&url, create, options(), clock())
    });
    let logs = futures::future::join_all(making).await;
    let logs: Vec<_> = logs.into_iter().map(Result::unwrap).collect();
    for log in &logs {
        assert_eq!(log.origin(), logs[0].origin());
        assert_eq!(log.head().await.unwrap().size, 1);
    }
    for log in logs {
        log.close().await;
    }
}

#[tokio::test]
async fn two_schemas_of_one_database_hold_two_logs() {
    let url = shared().database();
    let a = make(&format!("{url}&schema=a")).await.unwrap();
    let b = make(&format!("{url}&schema=b")).await.unwrap();
    a.append(command(1, "x", Expected::NoStream, 2))
        .await
        .unwrap();
    let head = b.head().await.unwrap();
    assert_eq!(head.size, 1);
    b.append(command(1, "x", Expected::NoStream, 2))
        .await
        .unwrap();
    assert_eq!(a.head().await.unwrap(), b.head().await.unwrap());
    a.close().await;
    b.close().await;
}

#[tokio::test]
async fn what_holds_something_else_is_left_alone() {
    let name = shared().new_database();
    let url = shared().url("postgres", &name);
    shared().sql(&name, "CREATE TABLE public.pets (name text)");
    let pets = format!("{url}&schema=public");
    for refused in [open(&pets).await, make(&pets).await] {
        assert!(
            matches!(refused, Err(OpenError::Unsuitable { what: Unsuitable::Occupied { relations }, .. })
                if relations.iter().any(|name| name == "pets"))
        );
    }
    shared().sql(&name, "CREATE TABLE public.log_head (id integer)");
    assert!(matches!(
        open(&pets).await,
        Err(OpenError::Unsuitable { .. })
    ));
    let tables = "SELECT string_agg(relname, ' ' ORDER BY relname) FROM pg_class \
                  WHERE relnamespace = 'public'::regnamespace";
    assert_eq!(shared().sql(&name, tables), "log_head pets");
}

#[tokio::test]
async fn a_database_that_cannot_hold_every_text_is_refused() {
    let sql = "CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0 LOCALE 'C'";
    shared().sql("postgres", sql);
    let refused = make(&shared().url("postgres", "latin")).await;
    assert!(matches!(
        refused,
        Err(OpenError::Unsuitable { what: Unsuitable::Encoding { encoding }, .. }) if encoding == "LATIN1"
    ));
}

#[tokio::test]
async fn a_log_of_a_newer_build_is_refused_and_a_broken_head_is_damage() {
    let name = shared().new_database();
    let url = shared().url("postgres", &name);
    make(&url).await.unwrap().close().await;
    shared().sql(&name, "UPDATE anju_log.log_head SET schema_version = 2");
    assert!(matches!(
        open(&url).await,
        Err(OpenError::Newer {
            found: 2,
            known: 1,
            ..
        })
    ));
    // In tables of this version no record may have what this build does not know: that is damage, nothing newer.
    for broken in [
        "UPDATE anju_log.log_head SET schema_version = 1; \
         UPDATE anju_log.record SET record = replace(record, '\"type\"', '\"dype\"') WHERE position = 1",
        "UPDATE anju_log.record SET record = replace(record, '\"dype\"', '\"type\"') WHERE position = 1; \
         UPDATE anju_log.log_head SET schema_version = 0",
        "UPDATE anju_log.log_head SET schema_version = 1, size = 2",
        "UPDATE anju_log.log_head SET size = 1, origin = 'another'",
        "UPDATE anju_log.log_head SET origin = 'engine-tests', root = sha256('x')",
        "DELETE FROM anju_log.log_head",
    ] {
        shared().sql(&name, broken);
        let refused = open(&url).await.unwrap_err();
        assert!(
            matches!(refused, OpenError::Corrupt { .. }),
            "{broken}: {refused:?}"
        );
    }
}

#[tokio::test]
async fn a_replica_is_refused_whether_it_is_to_be_opened_or_made() {
    let primary = Cluster::start(Disk::Careless);
    let name = primary.new_database();
    make(&primary.url("postgres", &name))
        .await
        .unwrap()
        .close()
        .await;
    let standby = primary.standby();
    let url = standby.url("postgres", &name);
    for refused in [open(&url).await, make(&url).await] {
        let refused = refused.unwrap_err();
        assert!(matches!(refused, OpenError::Replica { .. }), "{refused:?}");
    }
}

/// A database with a log owned by one role and used by another: the addresses of both.
async fn two_roles() -> (String, String) {
    static ROLES: OnceLock<()> = OnceLock::new();
    ROLES.get_or_init(|| {
        shared().sql("postgres", "CREATE ROLE keeper LOGIN");
        shared().sql("postgres", "CREATE ROLE clerk LOGIN");
        shared().sql("postgres", "CREATE ROLE stranger LOGIN");
    });
    let name = shared().new_database();
    let grant = format!("GRANT CREATE ON DATABASE {name} TO keeper");
    shared().sql("postgres", &grant);
    let owner = shared().url("keeper", &name);
    make(&format!("{owner}&app_role=clerk"))
        .await
        .unwrap()
        .close()
        .await;
    (owner, shared().url("clerk", &name))
}

#[tokio::test]
async fn the_applications_role_can_do_all_that_a_log_does() {
    let (_, url) = two_roles().await;
    let log = open(&url).await.unwrap();
    for n in 1..=300 {
        let name = format!("x-{}", n % 3);
        log.append(command(n, &name, Expected::Any, 1))
            .await
            .unwrap();
    }
    assert_eq!(log.read(Position(1), 1_000).await.unwrap().len(), 301);
    assert_eq!(log.verify(&|_, _| {}).await.unwrap().size, 301);
    let ttl = Duration::from_secs(60);
    let lease = log.try_lease("watch", "me", ttl).await.unwrap().unwrap();
    assert!(log.renew_lease(&lease, ttl).await.unwrap());
    log.release_lease(lease).await.unwrap();
    log.close().await;
}

#[tokio::test]
async fn the_applications_role_cannot_alter_what_was_recorded() {
    let (_, url) = two_roles().await;
    open(&url).await.unwrap().close().await;
    let mut conn = connect(&url).await;
    let mut refusals: Vec<String> = [
        // Whose log it is, and in which shape.
        "UPDATE anju_log.log_head SET origin = 'mine'",
        "UPDATE anju_log.log_head SET simulated = true",
        "UPDATE anju_log.log_head SET seed = 1",
        "UPDATE anju_log.log_head SET schema_version = 0",
        "UPDATE anju_log.log_head SET id = 1",
        "INSERT INTO anju_log.log_head SELECT * FROM anju_log.log_head",
        "UPDATE anju_log.record SET record = record",
        "UPDATE anju_log.record SET digest = digest",
        "UPDATE anju_log.stream SET name = name",
        "UPDATE anju_log.tile SET root = root",
        "SELECT FROM anju_log.record FOR UPDATE",
        "SELECT setval('anju_log.lease_term', 1)",
        // Ways around the tables.
        "CREATE TABLE anju_log.extra (n integer)",
        "CREATE FUNCTION anju_log.f() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
        "CREATE TRIGGER t BEFORE INSERT ON anju_log.record FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()",
        "CREATE RULE r AS ON INSERT TO anju_log.record DO INSTEAD NOTHING",
        "CREATE INDEX i ON anju_log.record (last)",
        "DROP INDEX anju_log.record_of_command",
        "DROP SCHEMA anju_log CASCADE",
        "ALTER SCHEMA anju_log RENAME TO mine",
        "ALTER SCHEMA anju_log OWNER TO clerk",
        "SET ROLE keeper",
        "SET session_replication_role = replica",
    ]
    .map(str::to_owned)
    .into();
    for table in ["record", "stream", "tile", "log_head"] {
        refusals.extend([
            format!("DELETE FROM anju_log.{table}"),
            format!("TRUNCATE anju_log.{table}"),
            format!("DROP TABLE anju_log.{table}"),
            format!("ALTER TABLE anju_log.{table} ADD COLUMN extra integer"),
            format!("ALTER TABLE anju_log.{table} DISABLE TRIGGER ALL"),
            format!("ALTER TABLE anju_log.{table} OWNER TO clerk"),
            format!("GRANT ALL ON anju_log.{table} TO clerk WITH GRANT OPTION"),
        ]);
    }
    for sql in refusals {
        let done = conn.execute(AssertSqlSafe(sql.clone())).await;
        let code = match done.as_ref().map_err(sqlx::Error::as_database_error) {
            Err(Some(error)) => error.code().unwrap_or_default().into_owned(),
            // Granting what one has not is not an error, it grants nothing.
            Ok(_) if sql.starts_with("GRANT") => continue,
            _ => panic!("{sql}: {done:?}"),
        };
        assert_eq!(code, "42501", "{sql}: {done:?}");
    }
    // What was not refused has changed nothing.
    let owned: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM information_schema.role_table_grants WHERE grantee = 'clerk' AND table_schema = 'anju_log' \
         AND privilege_type NOT IN ('SELECT', 'INSERT')",
    )
    .fetch_one(&mut conn)
    .await
    .unwrap();
    assert_eq!(owned, 0);
    let columns: String = sqlx::query_scalar(
        "SELECT string_agg(column_name, ' ' ORDER BY column_name) FROM information_schema.column_privileges \
         WHERE grantee = 'clerk' AND table_schema = 'anju_log' AND privilege_type = 'UPDATE'",
    )
    .fetch_one(&mut conn)
    .await
    .unwrap();
    assert_eq!(columns, "commands recorded_at root size streams");
    conn.close().await.unwrap();
}

#[tokio::test]
async fn a_role_without_rights_is_told_so() {
    let (owner, application) = two_roles().await;
    let stranger = application.replace("clerk@", "stranger@");
    let refused = open(&stranger).await.unwrap_err();
    assert!(
        matches!(refused, OpenError::Permission { .. }),
        "{refused:?}"
    );
    let refused = make(&format!("{stranger}&schema=mine")).await.unwrap_err();
    assert!(
        matches!(refused, OpenError::Permission { .. }),
        "{refused:?}"
    );
    let refused = make(&format!(
        "{owner}&schema=other&app_role=nobody_of_that_name"
    ))
    .await;
    assert!(matches!(
        refused,
        Err(OpenError::Unsuitable { what: Unsuitable::NoRole { role }, .. }) if role == "nobody_of_that_name"
    ));
    // Nothing was left behind.
    assert!(matches!(
        open(&format!("{owner}&schema=other")).await,
        Err(OpenError::NotFound { .. })
    ));
}

#[tokio::test]
async fn rights_are_granted_again_and_to_more_roles_but_not_to_who_can_alter_the_log() {
    let (owner, application) = two_roles().await;
    let grant = async |role: &str| PostgresLog::grant(&owner, role, &options()).await;
    grant("clerk").await.unwrap();
    grant("stranger").await.unwrap();
    for role in ["clerk@", "stranger@"] {
        let log = open(&application.replace("clerk@", role)).await.unwrap();
        let n = role.len() as u128;
        log.append(command(n, "x", Expected::Any, 1)).await.unwrap();
        log.close().await;
    }
    for role in ["keeper", "postgres"] {
        let refused = grant(role).await;
        assert!(
            matches!(
                refused,
                Err(OpenError::Unsuitable {
                    what: Unsuitable::Owner { .. },
                    ..
                })
            ),
            "{role}: {refused:?}"
        );
    }
    let refused = grant("x; DROP SCHEMA anju_log CASCADE").await;
    assert!(matches!(
        refused,
        Err(OpenError::Unsuitable {
            what: Unsuitable::NoRole { .. },
            ..
        })
    ));
    // Only the owner grants.
    let refused = PostgresLog::grant(&application, "stranger", &options()).await;
    assert!(
        matches!(refused, Err(OpenError::Permission { .. })),
        "{refused:?}"
    );
}

#[tokio::test]
async fn what_an_application_had_beyond_its_rights_is_taken_from_it() {
    let (owner, application) = two_roles().await;
    let (address, _) = owner.split_once('?').unwrap();
    let (_, database) = address.rsplit_once('/').unwrap();
    shared().sql(
        database,
        "GRANT ALL ON ALL TABLES IN SCHEMA anju_log TO clerk",
    );
    PostgresLog::grant(&owner, "clerk", &options())
        .await
        .unwrap();
    let mut conn = connect(&application).await;
    for sql in [
        "UPDATE anju_log.record SET record = record",
        "DELETE FROM anju_log.stream",
        "TRUNCATE anju_log.tile",
        "UPDATE anju_log.log_head SET origin = 'mine'",
    ] {
        assert!(conn.execute(sql).await.is_err(), "{sql}");
    }
    open(&application).await.unwrap().close().await;
}

#[tokio::test]
async fn a_role_that_is_not_let_in_is_told_what_the_server_said() {
    let unknown = shared()
        .database()
        .replace("postgres@", "nobody_known:secret@");
    let refused = open(&unknown).await.unwrap_err();
    assert!(matches!(refused, OpenError::SignIn { .. }), "{refused:?}");
    let said = refused.to_string();
    assert!(
        said.contains("nobody_known") && !said.contains("secret"),
        "{said}"
    );
}

/// The machine's clock, set wrong by some milliseconds.
#[derive(Default)]
struct Wrong(AtomicI64);

impl Wrong {
    fn by(&self, milliseconds: i64) {
        self.0.store(milliseconds, Ordering::SeqCst);
    }
}

impl Clock for Wrong {
    fn now(&self) -> Timestamp {
        SystemClock.now() + SignedDuration::from_millis(self.0.load(Ordering::SeqCst))
    }

    fn monotonic(&self) -> Option<Duration> {
        SystemClock.monotonic()
    }
}

#[tokio::test]
async fn a_server_whose_clock_is_off_the_databases_appends_nothing() {
    let url = shared().database();
    let clock = Arc::new(Wrong::default());
    let made = PostgresLog::create(
        &url,
        create(),
        LogOptions::default(),
        Arc::clone(&clock) as _,
    );
    let log = made.await.unwrap();
    log.append(command(1, "x", Expected::Any, 1)).await.unwrap();
    let mut next = 2;
    for (off, refused) in [
        (1_000, false),
        (30_000, true),
        (0, false),
        (-30_000, true),
        (-1_000, false),
        (2_700, true),
        (-2_700, true),
        (0, false),
    ] {
        // Set while the log is open: noticed at the very next append.
        clock.by(off);
        let answer = log.append(command(next, "x", Expected::Any, 1)).await;
        match answer {
            Ok(_) => assert!(!refused, "{off}"),
            Err(AppendError::ClockSkew { offset }) => {
                assert!(refused, "{off}: {offset}");
                let error = (offset - SignedDuration::from_millis(off)).abs();
                assert!(error < SignedDuration::from_millis(700), "{off}: {offset}");
                // What was done before is answered, and reading goes on.
                let again = log.append(command(1, "x", Expected::Any, 1)).await;
                assert!(again.unwrap().repeated);
            }
            Err(error) => panic!("{off}: {error}"),
        }
        next += 1;
    }
    log.close().await;
    // And from the first moment on.
    clock.by(30_000);
    let log = PostgresLog::open(&url, LogOptions::default(), Arc::clone(&clock) as _);
    let log = log.await.unwrap();
    let refused = log.append(command(99, "x", Expected::Any, 1)).await;
    assert!(matches!(refused, Err(AppendError::ClockSkew { .. })));
    log.close().await;
}

#[tokio::test]
async fn a_simulated_log_compares_no_clocks() {
    let url = shared().database();
    let create = CreateOptions::new(Origin::simulated("play", 1));
    let log = PostgresLog::create(&url, create, LogOptions::default(), clock()).await;
    let log = log.unwrap();
    let mut request = command(1, "x", Expected::Any, 1);
    request.appends[0].events[0].source = Source::Simulation;
    log.append(request).await.unwrap();
    log.close().await;
}
