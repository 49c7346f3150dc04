//! An import that is killed goes on where it was.

use std::fs;

use anju_tests::cli::Desk;

use crate::desk::{counts, facts, put, size};

/// Projects `p0`… and rows of facts over them, enough to be killed in the middle.
fn many(desk: &Desk, projects: usize, rows: usize) {
    let mut text = "项目编号,改造计划,项目名称\n".to_owned();
    for project in 0..projects {
        text.push_str(&format!("p{project},handan-2021,花园{project}\n"));
    }
    put(desk, "projects.csv", text);
    let mut text = "项目编号,事实,日期,完成比例,备注\n".to_owned();
    for row in 0..rows {
        let project = row * 7 % projects;
        text.push_str(&format!(
            "p{project},工程进度,2021-05-{:02},{},\n",
            row / projects % 28 + 1,
            row % 101
        ));
    }
    put(desk, "facts.csv", text);
}

#[test]
fn an_import_that_is_killed_goes_on_where_it_was_and_every_fact_is_there_once() {
    const ROWS: u64 = 4_000;
    let desk = Desk::new();
    many(&desk, 300, ROWS as usize);
    assert_eq!(counts(&desk.json(&["import", "projects.csv"])), (300, 0, 0));
    let before = size(&desk);
    let mut killed = 0;
    let mut known = 0;
    for _ in 0..3 {
        let mut import = desk.command(&["import", "facts.csv", "--json"]);
        import
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null());
        let mut import = import.spawn().unwrap();
        // Every commit writes to the write-ahead log: kill after some.
        let wal = desk.path("anju.db-wal");
        let written = || {
            fs::metadata(&wal)
                .and_then(|now| Ok((now.len(), now.modified()?)))
                .ok()
        };
        let (mut last, mut writes) = (written(), 0);
        while writes < 60 && import.try_wait().unwrap().is_none() {
            let now = written();
            writes += u32::from(now != last);
            last = now;
            std::thread::yield_now();
        }
        import.kill().unwrap();
        killed += u32::from(!import.wait().unwrap().success());
        let now = size(&desk) - before;
        assert!(now >= known, "what was recorded is still there");
        known = now;
        assert!(known <= ROWS);
    }
    assert!(
        killed >= 1 && known > 0 && known < ROWS,
        "killed {killed} times, {known} rows were recorded"
    );

    let done = desk.json(&["import", "facts.csv"]);
    assert_eq!(counts(&done), (ROWS - known, known, 0));
    assert_eq!(size(&desk), before + ROWS);
    assert_eq!(counts(&desk.json(&["import", "facts.csv"])), (0, ROWS, 0));
    for project in ["p0", "p7", "p299"] {
        let rows = done["rows"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|row| row["project"] == project)
            .count();
        assert_eq!(facts(&desk, project).len(), rows, "{project}");
    }
}
