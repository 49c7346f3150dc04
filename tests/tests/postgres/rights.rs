//! What the application's role may do, after the set-up that the documentation tells of.

use crate::desk::{Office, cluster, roles};

/// Every privilege that the role has on every column of every table of the log, by the database's own account.
const CAN: &str = "SELECT string_agg(DISTINCT t.relname || ' ' || p.privilege, ', ' ORDER BY t.relname || ' ' || p.privilege) \
     FROM pg_class t, unnest(ARRAY['SELECT','INSERT','UPDATE','DELETE','TRUNCATE','REFERENCES','TRIGGER']) p (privilege) \
     WHERE t.relnamespace = 'anju_log'::regnamespace AND t.relkind IN ('r', 'p', 'v', 'm', 'f') \
     AND has_table_privilege('anju_app', t.oid, p.privilege)";

const CAN_UPDATE: &str = "SELECT string_agg(t.relname || '.' || a.attname, ', ' ORDER BY t.relname, a.attname) \
     FROM pg_class t JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped \
     WHERE t.relnamespace = 'anju_log'::regnamespace AND t.relkind IN ('r', 'p', 'v', 'm', 'f') \
     AND has_column_privilege('anju_app', t.oid, a.attnum, 'UPDATE')";

#[test]
fn the_applications_role_adds_and_reads_and_updates_the_head_alone() {
    let office = Office::set_up();
    office.ok(&["programme", "publish", "handan-2021"]);
    assert_eq!(
        office.sql(CAN),
        "log_head SELECT, record INSERT, record SELECT, stream INSERT, stream SELECT, tile INSERT, tile SELECT"
    );
    assert_eq!(
        office.sql(CAN_UPDATE),
        "log_head.commands, log_head.recorded_at, log_head.root, log_head.size, log_head.streams"
    );
    // And by trying, table by table, so that a table to come is tried too.
    let before = office.json(&["verify"]);
    let tables = office.sql(
        "SELECT relname FROM pg_class WHERE relnamespace = 'anju_log'::regnamespace AND relkind IN ('r', 'p') ORDER BY 1",
    );
    let tables: Vec<&str> = tables.lines().collect();
    assert_eq!(tables, ["log_head", "record", "stream", "tile"]);
    let mut attempts: Vec<String> = tables
        .iter()
        .flat_map(|table| {
            [
                format!("DELETE FROM anju_log.{table}"),
                format!("TRUNCATE anju_log.{table}"),
                format!("DROP TABLE anju_log.{table}"),
                format!("ALTER TABLE anju_log.{table} DISABLE TRIGGER ALL"),
            ]
        })
        .collect();
    let columns = office.sql(
        "SELECT t.relname || ' ' || a.attname FROM pg_class t JOIN pg_attribute a ON a.attrelid = t.oid \
         WHERE t.relnamespace = 'anju_log'::regnamespace AND t.relkind IN ('r', 'p') AND a.attnum > 0 ORDER BY 1",
    );
    for column in columns.lines() {
        let (table, column) = column.split_once(' ').unwrap();
        let of_the_head = ["commands", "recorded_at", "root", "size", "streams"];
        if table != "log_head" || !of_the_head.contains(&column) {
            attempts.push(format!("UPDATE anju_log.{table} SET {column} = {column}"));
        }
    }
    assert!(attempts.len() > 30);
    let tried: String = attempts
        .iter()
        .map(|sql| {
            format!(
                "BEGIN EXECUTE $sql${sql}$sql$; RAISE EXCEPTION 'was not refused: %', $sql${sql}$sql$; \
                 EXCEPTION WHEN insufficient_privilege THEN NULL; END;\n"
            )
        })
        .collect();
    office.sql(&format!(
        "SET ROLE anju_app; DO $try$ BEGIN\n{tried} END $try$"
    ));
    assert_eq!(office.json(&["verify"]), before);
}

#[test]
fn beside_the_log_the_applications_role_changes_and_erases_but_makes_nothing() {
    let office = Office::set_up();
    assert_eq!(
        office.sql(&CAN.replace("anju_log'", "anju_log_beside'")),
        "note DELETE, note INSERT, note SELECT, note UPDATE, outbox INSERT, outbox SELECT, outbox UPDATE, relay INSERT, relay SELECT, relay UPDATE"
    );
    let able = "SELECT has_schema_privilege('anju_app', 'anju_log_beside', 'CREATE')";
    assert_eq!(office.sql(able), "f");
}

#[test]
fn setting_up_twice_changes_nothing_and_adds_a_role() {
    let mut office = Office::set_up();
    let app = office.store.clone();
    let before = office.json(&["verify"])["root"].clone();
    office.store = cluster().url("anju_owner", &office.database);
    let again = office.json(&["store", "init", "--role", "anju_app"]);
    assert_eq!(
        (&again["created"], &again["position"]),
        (&false.into(), &1.into())
    );
    office.ok(&["store", "init", "--role", "anju_stranger"]);
    let renamed = office.ends(
        2,
        &[
            "store",
            "init",
            "--origin",
            "town.example/log",
            "--lang",
            "en",
        ],
    );
    assert!(renamed.err.contains("cannot be renamed"), "{}", renamed.err);
    for store in [app.clone(), app.replace("anju_app@", "anju_stranger@")] {
        office.store = store;
        office.ok(&["programme", "publish", "handan-2021"]);
        office.ok(&[
            "register",
            "p1",
            "--programme",
            "handan-2021",
            "--name",
            "某小区",
            "--command-id",
            "0190f1f0-0000-7000-8000-000000000001",
        ]);
    }
    assert_ne!(office.json(&["verify"])["root"], before);
}

#[test]
fn a_store_in_a_file_is_set_up_too_and_has_no_roles() {
    let desk = anju_tests::cli::Desk::new();
    let made = desk.json(&["store", "init", "--origin", "town.example/log"]);
    assert_eq!(made["origin"], "town.example/log");
    assert_eq!(made["created"], true);
    let refused = desk.run(&["store", "init", "--role", "anju_app", "--lang", "en"]);
    assert_eq!(refused.code, 2);
    assert!(refused.err.contains("no roles"), "{}", refused.err);
}

#[test]
fn roles_that_could_alter_the_log_or_do_not_exist_are_not_set_up() {
    let mut office = Office::set_up();
    roles();
    office.store = cluster().url("anju_owner", &office.database);
    for (role, zh, en) in [
        ("postgres", "超级用户", "superuser"),
        ("anju_owner", "所有者", "owns it"),
        (
            "nobody_known",
            "没有角色 nobody_known",
            "CREATE ROLE nobody_known",
        ),
    ] {
        for (lang, words) in [("zh", zh), ("en", en)] {
            let refused = office.ends(3, &["store", "init", "--role", role, "--lang", lang]);
            assert!(refused.err.contains(words), "{}", refused.err);
        }
    }
}
