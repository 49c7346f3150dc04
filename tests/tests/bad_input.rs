//! Bad input: a clear error that names the thing, its value and what was expected; nothing is appended.

use std::fs;

use anju_tests::cli::Desk;

/// A store with one project, and the size of its log.
fn desk() -> (Desk, u64) {
    let desk = Desk::new();
    desk.ok(&[
        "register",
        "p1",
        "--programme",
        "handan-2021",
        "--name",
        "某小区",
        "--area",
        "congtai",
        "--at",
        "2021-01-04",
    ]);
    let size = desk.json(&["verify"])["size"].as_u64().unwrap();
    (desk, size)
}

#[test]
fn every_bad_command_says_what_is_wrong_and_appends_nothing() {
    let (desk, size) = desk();
    let cases: &[(&[&str], i32, &[&str])] = &[
        (
            &["record", "p2", "works_started"],
            1,
            &["p2", "not registered"],
        ),
        (&["record", "p 1", "works_started"], 2, &["p 1", "letters"]),
        (
            &["record", "p1", "survey_completed", "households=many"],
            1,
            &["households", "many", "whole number"],
        ),
        (
            &["record", "p1", "survey_completed", "households=-4"],
            1,
            &["households", "-4"],
        ),
        (
            &["record", "p1", "survey_completed", "floors=6"],
            1,
            &["floors", "households"],
        ),
        (
            &["record", "p1", "survey_completed", "area_m2=1.2.3"],
            1,
            &["area_m2", "1.2.3", "square metres"],
        ),
        (
            &["record", "p1", "survey_completed", "households"],
            2,
            &["households", "key=value"],
        ),
        (
            &[
                "record",
                "p1",
                "survey_completed",
                "households=1",
                "households=2",
            ],
            2,
            &["households", "twice"],
        ),
        (
            &["record", "p1", "survey_completed", "--at", "2021-02-30"],
            2,
            &["2021-02-30", "day"],
        ),
        (
            &["record", "p1", "survey_completed", "--at", "2999-01-01"],
            2,
            &["2999-01-01"],
        ),
        (
            &["record", "p1", "survey_completed", "--at", "2190-01-01"],
            1,
            &["2190-01-01", "after today"],
        ),
        (
            &["record", "p1", "survey_completed", "--person", "张三"],
            2,
            &["psn_"],
        ),
        (
            &["record", "p1", "project_approval", "paper=13812345678"],
            1,
            &["phone or ID number"],
        ),
        (
            &["record", "p1", "joint_review_result", "result=perfect"],
            1,
            &["perfect", "passed"],
        ),
        (
            &["record", "p1", "survey_completed", "--doc", "missing.pdf"],
            3,
            &["missing.pdf"],
        ),
        (
            &[
                "correct",
                "p1",
                "00000000-0000-0000-0000-000000000000",
                "a=1",
                "--reason",
                "x",
            ],
            1,
            &["no fact"],
        ),
        (
            &["void", "p1", "nonsense", "--reason", "x"],
            2,
            &["nonsense"],
        ),
        (&["return", "p1", "design", "--reason", "x"], 1, &["design"]),
        (
            &["suspend", "p1", "--cause", "boredom"],
            1,
            &["boredom", "winter"],
        ),
        (&["resume", "p1"], 1, &["not suspended"]),
        (
            &["extend", "p1", "nothing", "2030-01-01", "--reason", "x"],
            1,
            &["nothing", "consultation_by_plan"],
        ),
        (
            &["ack", "p1", "00000000-0000-0000-0000-000000000000"],
            1,
            &["no step"],
        ),
        (
            &[
                "register",
                "p1",
                "--programme",
                "handan-2021",
                "--name",
                "某小区",
            ],
            1,
            &["taken"],
        ),
        (
            &[
                "register",
                "p2",
                "--programme",
                "handan-2022",
                "--name",
                "某小区",
            ],
            2,
            &["handan-2022", "not published"],
        ),
        (
            &[
                "register",
                "p2",
                "--programme",
                "handan-2021",
                "--name",
                "某小区",
                "--area",
                "congtei",
            ],
            1,
            &["congtei", "congtai"],
        ),
        (
            &[
                "register",
                "p2",
                "--programme",
                "handan-2021",
                "--name",
                "某小区",
                "--plan",
                "start=soon",
            ],
            2,
            &["soon", "day"],
        ),
        (
            &[
                "register",
                "p2",
                "--programme",
                "handan-2021",
                "--name",
                "某小区",
                "--adopt",
                "paradise",
            ],
            1,
            &["paradise", "construction"],
        ),
        (
            &["advance", "p1", "--to", "tender"],
            1,
            &["tender", "resident_consultation"],
        ),
        (
            &["advance", "p1", "--at", "2020-12-31"],
            1,
            &["2020-12-31", "previous"],
        ),
        (&["replay", "p9"], 1, &["p9"]),
        (&["progress", "--store", "postgres"], 2, &["no log at"]),
        (
            &["programme", "show", "no-such-file.yaml"],
            3,
            &["no-such-file.yaml"],
        ),
    ];
    for (args, code, words) in cases {
        let mut all = vec!["--lang", "en"];
        all.extend_from_slice(args);
        let answer = desk.run(&all);
        assert_eq!(answer.code, *code, "{args:?}\n{}{}", answer.out, answer.err);
        for word in *words {
            assert!(
                answer.err.contains(word),
                "{args:?}: {word:?} is not in {:?}",
                answer.err
            );
        }
        assert!(!answer.err.contains("panicked"), "{args:?}: {}", answer.err);
    }
    assert_eq!(
        desk.json(&["verify"])["size"].as_u64().unwrap(),
        size,
        "nothing was appended"
    );
}

#[test]
fn an_unknown_fact_type_is_kept_as_another_fact_with_a_hint() {
    let (desk, _) = desk();
    let answer = desk.run(&["--lang", "en", "record", "p1", "work_started"]);
    assert_eq!(answer.code, 0);
    assert!(answer.err.contains("works_started"), "{}", answer.err);
}

#[test]
fn a_store_that_is_not_ours_is_named_and_left_alone() {
    let desk = Desk::new();
    let cases: [(&str, &[u8]); 3] = [
        (
            "text.db",
            b"this is no database, however long it may be: it only says so many words",
        ),
        ("short.db", b"SQLite format 3\0"),
        ("empty-page.db", &[0u8; 4096]),
    ];
    for (name, bytes) in cases {
        fs::write(desk.path(name), bytes).unwrap();
        let store = format!("sqlite:{name}");
        let answer = desk.run(&["--lang", "en", "verify", "--store", &store]);
        assert_eq!(answer.code, 3, "{name}: {}{}", answer.out, answer.err);
        assert!(answer.err.contains(name), "{}", answer.err);
        assert_eq!(
            fs::read(desk.path(name)).unwrap(),
            bytes,
            "{name} was touched"
        );
    }
}

/// What to do with a log that is not verified, in both languages.
const RESTORE: [(&str, &str); 2] = [
    ("en", "restore the log from a backup"),
    ("zh", "从备份恢复"),
];

#[test]
fn a_truncated_log_is_found() {
    let (desk, _) = desk();
    // Each command empties the write-ahead log into the main file as it ends; then cut that.
    assert!(!desk.path("anju.db-wal").exists());
    let whole = fs::read(desk.path("anju.db")).unwrap();
    fs::write(desk.path("cut.db"), &whole[..whole.len() / 2]).unwrap();
    for (lang, restore) in RESTORE {
        let answer = desk.run(&["--lang", lang, "verify", "--store", "sqlite:cut.db"]);
        assert_eq!(answer.code, 1, "{}{}", answer.out, answer.err);
        assert!(answer.err.contains("malformed"), "{}", answer.err);
        assert!(answer.err.contains(restore), "{}", answer.err);
    }
}

/// A log of 301 records, all of it in the main file.
const LOG: &[u8] = include_bytes!("../../engine/tests/fixtures/log-v2.sqlite");

#[test]
fn a_page_of_zeros_is_found_at_the_first_record_that_it_had() {
    let desk = Desk::new();
    let mut bytes = LOG.to_vec();
    let page = bytes.len() / 4096 / 2;
    bytes[page * 4096..(page + 1) * 4096].fill(0);
    fs::write(desk.path("zeros.db"), &bytes).unwrap();
    let first = ["from position 129 on", "第129条记录起"];
    for ((lang, restore), first) in RESTORE.into_iter().zip(first) {
        let answer = desk.run(&["--lang", lang, "verify", "--store", "sqlite:zeros.db"]);
        assert_eq!(answer.code, 1, "{}{}", answer.out, answer.err);
        for word in [first, "malformed", restore] {
            assert!(answer.err.contains(word), "{word}: {}", answer.err);
        }
    }
    assert_eq!(fs::read(desk.path("zeros.db")).unwrap(), bytes);
}

#[test]
fn a_log_of_a_newer_build_is_refused_with_both_numbers_and_what_to_do() {
    let (desk, _) = desk();
    let mut bytes = fs::read(desk.path("anju.db")).unwrap();
    // SQLite keeps the user version as four bytes, the greatest first, at offset 60 of the file.
    let known = u32::from_be_bytes(bytes[60..64].try_into().unwrap());
    let newer = known + 1;
    bytes[60..64].copy_from_slice(&newer.to_be_bytes());
    fs::write(desk.path("newer.db"), &bytes).unwrap();
    for (lang, what) in [("en", "use a newer build"), ("zh", "请使用新版本")] {
        let answer = desk.run(&["--lang", lang, "verify", "--store", "sqlite:newer.db"]);
        assert_eq!(answer.code, 3, "{}{}", answer.out, answer.err);
        for word in ["newer.db", what, &newer.to_string(), &known.to_string()] {
            assert!(answer.err.contains(word), "{word}: {}", answer.err);
        }
    }
    assert_eq!(fs::read(desk.path("newer.db")).unwrap(), bytes);
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let (desk, _) = desk();
    let shell = std::process::Command::new("sh")
        .arg("-c")
        .arg(format!(
            "{} progress --json | head -c 1 >/dev/null; echo done",
            anju_tests::cli::anju().display()
        ))
        .current_dir(desk.folder())
        .output()
        .unwrap();
    assert!(String::from_utf8_lossy(&shell.stdout).contains("done"));
    assert!(!String::from_utf8_lossy(&shell.stderr).contains("panicked"));
}

#[test]
fn a_broken_programme_file_is_told_with_line_and_column_and_publishes_nothing() {
    let desk = Desk::new();
    fs::write(
        desk.path("plan.yaml"),
        "extends: standard\nid: x-2021\nname: {zh: 试, en: test}\nstages:\n  desing:\n    order: 35\n",
    )
    .unwrap();
    for task in ["lint", "publish"] {
        let answer = desk.run(&["--lang", "en", "programme", task, "plan.yaml"]);
        assert_ne!(answer.code, 0);
        let told = format!("{}{}", answer.out, answer.err);
        assert!(told.contains("plan.yaml:5:"), "{told}");
    }
    assert!(!desk.path("anju.db").exists());
}
