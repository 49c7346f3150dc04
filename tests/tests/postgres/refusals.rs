//! A database that will not do: exit code 3, what is wrong and what to do about it, in both languages, and never a
//! password.

use std::sync::Arc;
use std::time::Duration;

use anju_engine::{Clock, CreateOptions, LogOptions, Origin, PostgresLog, SystemClock};
use anju_server::app::{App, Failure};
use anju_tests::cli::{Desk, answer};
use anju_tests::cluster::{Cluster, Disk};
use anju_workflows::definition::Lang;
use jiff::{SignedDuration, Timestamp};

use crate::desk::{Office, cluster, roles};

/// A password that must never be seen again.
const SECRET: &str = "s3cretWord";

/// The address with a password in it.
fn with_password(store: &str) -> String {
    store.replacen("@localhost", &format!(":{SECRET}@localhost"), 1)
}

/// A command that asks, and one that would make a log.
const ASK: &[&str] = &["stalled"];
const MAKE: &[&str] = &["programme", "publish", "handan-2021"];

/// Each command ends with this code and says it in both languages; the words must stand in what it says.
fn says(store: &str, commands: &[&[&str]], code: i32, zh: &[&str], en: &[&str]) {
    let desk = Desk::new();
    for (lang, words) in [("zh", zh), ("en", en)] {
        for command in commands {
            let args = [*command, &["--store", store, "--lang", lang]].concat();
            let state = desk.path("state");
            let output = desk.command(&args).env("ANJU_STATE", state).output();
            let said = answer(&output.unwrap());
            assert_eq!(said.code, code, "{args:?}\n{}{}", said.out, said.err);
            for word in words {
                assert!(said.err.contains(word), "{args:?}: {word}: {}", said.err);
            }
            assert!(!said.err.contains(SECRET), "{}", said.err);
            assert!(!said.err.contains("panicked"), "{}", said.err);
        }
    }
}

#[test]
fn a_server_that_is_not_there() {
    says(
        &format!("postgres://me:{SECRET}@127.0.0.1:9/anju"),
        &[ASK, MAKE],
        3,
        &["me@127.0.0.1:9/anju", "连不上", "核对主机和端口"],
        &["me@127.0.0.1:9/anju", "cannot be reached", "host and port"],
    );
}

#[test]
fn a_database_that_is_not_there() {
    says(
        &with_password(&cluster().url("postgres", "no_such_database")),
        &[ASK, MAKE],
        3,
        &["no_such_database", "没有这个数据库", "createdb"],
        &["no_such_database", "no such database", "create it"],
    );
}

#[test]
fn a_database_without_a_log() {
    says(
        &with_password(&cluster().database()),
        &[ASK],
        2,
        &["postgres@", "没有日志", "anju register"],
        &["postgres@", "there is no log", "anju register"],
    );
    // The demo's role may not make one where it has no rights.
    roles();
    let stranger = cluster().database().replace("postgres@", "anju_stranger@");
    says(
        &with_password(&stranger),
        &[MAKE],
        3,
        &["没有读写权限", "anju store init --role"],
        &["no permission", "anju store init --role"],
    );
}

#[test]
fn a_wrong_password_and_a_role_that_does_not_exist() {
    let private = Cluster::start(Disk::Careless);
    let database = private.new_database();
    private.sql(&database, "CREATE ROLE clerk LOGIN PASSWORD 'right'");
    private.ask_for_passwords("clerk");
    let clerk = private.url("clerk", &database);
    says(
        &with_password(&clerk),
        &[ASK, MAKE],
        3,
        &["clerk@", "拒绝该角色登录", "密码", "pg_hba.conf"],
        &["clerk@", "does not let this role in", "pg_hba.conf"],
    );
    // With the right one it is let in, and finds no log.
    let right = clerk.replacen("clerk@", "clerk:right@", 1);
    says(&right, &[ASK], 2, &["clerk@"], &["clerk@"]);
    says(
        &with_password(&private.url("nobody_known", &database)),
        &[ASK, MAKE],
        3,
        &["nobody_known", "拒绝该角色登录"],
        &["nobody_known", "does not let this role in"],
    );
}

#[test]
fn a_role_without_rights_on_the_log_and_one_without_rights_beside_it() {
    let office = Office::set_up();
    let stranger = office.store.replace("anju_app@", "anju_stranger@");
    says(
        &with_password(&stranger),
        &[ASK, MAKE],
        3,
        &["anju_stranger@", "没有读写权限", "anju store init --role"],
        &["anju_stranger@", "no permission", "anju store init --role"],
    );
    office.ok(&[
        "register",
        "p1",
        "--programme",
        "handan-2021",
        "--name",
        "某小区",
    ]);
    office.sql("DROP SCHEMA anju_log_beside CASCADE");
    says(
        &office.store,
        &[&["record", "p1", "survey_completed", "--note", "雨天"]],
        3,
        &["anju_log_beside", "anju store init --role anju_app"],
        &["anju_log_beside", "anju store init --role anju_app"],
    );
    // Nothing was half done: neither the fact nor its note.
    let replay = office.json(&["replay", "p1"]);
    assert_eq!(replay["facts"].as_array().unwrap().len(), 0);
}

#[test]
fn a_replica() {
    let primary = Cluster::start(Disk::Careless);
    let database = primary.new_database();
    let mut office = Office::new();
    office.store = primary.url("postgres", &database);
    office.ok(MAKE);
    let standby = primary.standby();
    says(
        &with_password(&standby.url("postgres", &database)),
        &[ASK, MAKE],
        3,
        &["备库", "主库的地址"],
        &["a replica", "name the primary"],
    );
}

/// A server of 2021, as far as a program can ask: this role is told another version than the server has.
#[test]
fn a_server_of_an_older_major_version() {
    let office = Office::new();
    office.sql(
        "CREATE ROLE of_old LOGIN; CREATE SCHEMA old; GRANT USAGE ON SCHEMA old TO of_old; \
         CREATE FUNCTION old.current_setting(name text) RETURNS text LANGUAGE sql AS \
         'SELECT CASE name WHEN ''server_version_num'' THEN ''140019'' ELSE pg_catalog.current_setting(name) END'; \
         ALTER ROLE of_old SET search_path = old, pg_catalog",
    );
    says(
        &with_password(&cluster().url("of_old", &office.database)),
        &[ASK, MAKE],
        3,
        &["PostgreSQL 14", "至少需要 15", "升级"],
        &["PostgreSQL 14", "at least 15", "upgrade"],
    );
}

#[test]
#[ignore = "needs PostgreSQL 14 or older, which Debian does not have any more: ANJU_OLD_POSTGRES names the folder of its programs"]
fn a_real_server_of_an_older_major_version() {
    let bin = std::env::var_os("ANJU_OLD_POSTGRES").expect("ANJU_OLD_POSTGRES is set");
    let old = Cluster::start_in(std::path::Path::new(&bin), Disk::Careless);
    says(
        &with_password(&old.url("postgres", "postgres")),
        &[ASK, MAKE],
        3,
        &["PostgreSQL 1", "至少需要 15", "升级"],
        &["PostgreSQL 1", "at least 15", "upgrade"],
    );
}

#[test]
fn a_schema_with_the_tables_of_something_else() {
    let office = Office::new();
    office.sql("CREATE SCHEMA anju_log; CREATE TABLE anju_log.pets (name text)");
    says(
        &with_password(&office.store),
        &[ASK, MAKE],
        3,
        &["pets", "未作改动", "?schema="],
        &["pets", "something else", "schema="],
    );
    // What it says helps.
    let other = format!("{}&schema=town_log", office.store);
    office.ok(&["programme", "publish", "handan-2021", "--store", &other]);
    assert_eq!(office.sql("SELECT count(*) FROM anju_log.pets"), "0");
    assert!(office.json(&["verify", "--store", &other])["ok"] == true);
}

#[test]
fn a_database_that_cannot_hold_every_text() {
    cluster().sql(
        "postgres",
        "CREATE DATABASE latin_town ENCODING 'LATIN1' TEMPLATE template0 LOCALE 'C'",
    );
    says(
        &cluster().url("postgres", "latin_town"),
        &[ASK, MAKE],
        3,
        &["LATIN1", "UTF8"],
        &["LATIN1", "UTF8"],
    );
}

#[test]
fn a_log_that_a_newer_anju_has_written_and_one_that_is_damaged() {
    let office = Office::new();
    office.ok(MAKE);
    office.sql("UPDATE anju_log.log_head SET schema_version = 2");
    says(
        &with_password(&office.store),
        &[ASK, MAKE, &["verify"]],
        3,
        &["格式版本 2", "使用新版本"],
        &["schema version 2", "newer build"],
    );
    office.sql("UPDATE anju_log.log_head SET schema_version = 1, root = sha256('x')");
    says(
        &with_password(&office.store),
        &[ASK, MAKE],
        3,
        &["已损坏", "anju verify"],
        &["damaged", "anju verify"],
    );
    let verified = office.ends(1, &["verify", "--lang", "en"]);
    assert!(verified.err.contains("not verified"), "{}", verified.err);
}

#[test]
fn an_address_that_is_none_is_bad_usage() {
    for (store, words) in [
        (format!("postgres://me:{SECRET}@h:port/d"), "port"),
        (format!("postgres://me:{SECRET}@h/d?schema=A-b"), "schema"),
        (format!("postgres://me@h/d?passwrod={SECRET}"), "passwrod"),
        (format!("mysql://me:{SECRET}@h/d"), "mysql"),
        (format!("postgres://me:{SECRET}/h/d"), "postgres://me…"),
    ] {
        says(
            &store,
            &[ASK, MAKE],
            2,
            &[words, "应为"],
            &[words, "expected"],
        );
    }
}

#[test]
fn tls_that_cannot_be_had() {
    says(
        &with_password(&format!("{}&sslmode=require", cluster().database())),
        &[ASK, MAKE],
        3,
        &["TLS", "服务器未启用", "ssl = on", "sslmode"],
        &["TLS", "the server does not offer", "ssl = on", "sslmode"],
    );
}

#[test]
fn an_authority_that_nothing_would_be_checked_against() {
    says(
        &format!("postgres://me:{SECRET}@h/d?sslmode=require&sslrootcert=ca.crt"),
        &[ASK, MAKE],
        2,
        &["sslrootcert", "verify-full"],
        &["sslrootcert", "verify-full"],
    );
}

#[test]
fn the_help_does_not_show_the_password_of_the_environment() {
    let desk = Desk::new();
    let store = format!("postgres://me:{SECRET}@h/d");
    let help = desk
        .command(&["--help"])
        .env("ANJU_STORE", store)
        .output()
        .unwrap();
    assert!(!answer(&help).out.contains(SECRET));
}

/// This machine's clock, half a minute ahead.
struct Ahead;

impl Clock for Ahead {
    fn now(&self) -> Timestamp {
        SystemClock.now() + SignedDuration::from_secs(30)
    }

    fn monotonic(&self) -> Option<Duration> {
        SystemClock.monotonic()
    }
}

#[tokio::test]
async fn a_clock_that_is_off_the_databases() {
    let store = cluster().database();
    let create = CreateOptions::new(Origin::real("anju.test/ahead"));
    let log = PostgresLog::create(&store, create, LogOptions::default(), Arc::new(Ahead))
        .await
        .unwrap();
    let app = App::over(
        store.parse().unwrap(),
        Arc::new(log.into()),
        Arc::new(Ahead),
        Lang::Zh,
    );
    let failure: Failure = app.programme("handan-2021").await.unwrap_err();
    assert_eq!(failure.exit_code(), 3);
    let (zh, en) = (failure.message(Lang::Zh), failure.message(Lang::En));
    assert!(zh.contains("30s") || zh.contains("29"), "{zh}");
    for word in ["本机时钟", "2 秒", "没有写入", "校正"] {
        assert!(zh.contains(word), "{zh}");
    }
    for word in ["this machine's clock", "2 s", "nothing was recorded", "NTP"] {
        assert!(en.contains(word), "{en}");
    }
    app.log.close().await;
}
