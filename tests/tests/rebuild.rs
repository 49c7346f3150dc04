//! `anju rebuild`: killed at any moment it leaves the old read models; several at once take turns.

use std::fs;
use std::process::{Child, Stdio};

use anju_tests::cli::Desk;
use serde_json::Value;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};

/// Handan's programme with so many projects that building anew has many pieces.
fn desk() -> Desk {
    let desk = Desk::new();
    desk.ok(&["programme", "publish", "handan-2021"]);
    let mut text = "项目编号,改造计划,项目名称,区县\n".to_owned();
    for project in 0..600 {
        text.push_str(&format!("q{project},handan-2021,花园{project},丛台区\n"));
    }
    fs::write(desk.path("projects.csv"), text).unwrap();
    desk.ok(&["import", "projects.csv"]);
    desk.ok(&["rebuild"]);
    desk
}

/// Changes the read models behind their back.
#[tokio::main(flavor = "current_thread")]
async fn tamper(desk: &Desk, sql: &'static str) {
    let options = SqliteConnectOptions::new().filename(desk.path("anju.views.db"));
    let mut connection = options.connect().await.unwrap();
    sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

/// How many projects the read models show as withdrawn, and their position; nobody catches them up for this.
#[tokio::main(flavor = "current_thread")]
async fn withdrawn(desk: &Desk) -> (i64, i64, i64) {
    let options = SqliteConnectOptions::new().filename(desk.path("anju.views.db"));
    let mut connection = options.connect().await.unwrap();
    let seen = sqlx::query_as(
        "SELECT (SELECT COUNT(*) FROM project WHERE status = 'withdrawn'), (SELECT COUNT(*) FROM project),
             (SELECT position FROM reached)",
    )
    .fetch_one(&mut connection)
    .await
    .unwrap();
    connection.close().await.unwrap();
    seen
}

fn start(desk: &Desk) -> Child {
    let mut rebuild = desk.command(&["rebuild"]);
    rebuild.stdout(Stdio::null()).stderr(Stdio::piped());
    rebuild.spawn().unwrap()
}

fn progress(desk: &Desk) -> Value {
    desk.json(&["progress"])
}

#[test]
fn a_rebuild_killed_at_any_moment_leaves_the_old_read_models_or_the_new_ones() {
    let desk = desk();
    let good = progress(&desk);
    // Whatever is old says so.
    let wrong = "UPDATE project SET status = 'withdrawn'";
    tamper(&desk, wrong);
    let (old, all, position) = withdrawn(&desk);
    assert_eq!((old, all), (600, 600));
    let watched = [
        desk.path("anju.views.db.rebuild"),
        desk.path("anju.views.db-wal"),
    ];
    let (mut killed, mut moments) = (0, 1);
    loop {
        let mut rebuild = start(&desk);
        let seen = || {
            watched
                .each_ref()
                .map(|path| fs::metadata(path).map_or(0, |file| file.len()))
        };
        let (mut last, mut changes) = (seen(), 0);
        let ended = loop {
            if let Some(status) = rebuild.try_wait().unwrap() {
                break Some(status);
            }
            let now = seen();
            changes += u32::from(now != last);
            last = now;
            if changes >= moments {
                break None;
            }
            std::thread::yield_now();
        };
        if let Some(status) = ended {
            assert!(status.success());
            break;
        }
        rebuild.kill().unwrap();
        rebuild.wait().unwrap();
        killed += 1;
        moments += 1;
        let (old, all, at) = withdrawn(&desk);
        assert_eq!((all, at), (600, position));
        assert!(old == 600 || old == 0, "{old} of the old rows");
        if old == 0 {
            // Killed after the switch.
            tamper(&desk, wrong);
        }
    }
    assert!(killed >= 3, "killed {killed} times");
    assert_eq!(withdrawn(&desk).0, 0);
    assert_eq!(progress(&desk), good);
    for left in ["anju.views.db.rebuild", "anju.views.db.rebuild.turn"] {
        assert!(!desk.path(left).exists(), "{left}");
    }
}

#[test]
fn several_rebuilds_at_once_take_turns_and_all_succeed() {
    let desk = desk();
    let good = progress(&desk);
    let mut rebuilds: Vec<Child> = (0..4).map(|_| start(&desk)).collect();
    // Asked meanwhile, the answer is that of whole read models.
    while rebuilds
        .iter_mut()
        .any(|rebuild| rebuild.try_wait().unwrap().is_none())
    {
        assert_eq!(progress(&desk), good);
    }
    for rebuild in rebuilds {
        let done = rebuild.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        assert!(done.status.success(), "{said}");
    }
    assert_eq!(progress(&desk), good);
}
