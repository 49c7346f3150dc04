//! Versions of a programme from the command line: publish, migrate, and what a kill in the middle leaves.

use std::fs;
use std::process::Stdio;

use anju_tests::cli::Desk;
use serde_json::{Value, json};

/// A version of Handan's plan whose works have another day.
fn version(day: &str) -> String {
    format!(
        "extends: handan-2021
stages:
  construction:
    deadlines:
      works_main: {{due: {{on: {day}}}}}
"
    )
}

fn put(desk: &Desk, name: &str, text: &str) {
    fs::write(desk.path(name), text).unwrap();
}

fn size(desk: &Desk) -> u64 {
    desk.json(&["verify"])["size"].as_u64().unwrap()
}

fn publish(desk: &Desk, file: &str) -> String {
    desk.json(&["programme", "publish", file])["published"][0]["digest"]
        .as_str()
        .unwrap()
        .to_owned()
}

fn register(desk: &Desk, id: &str) {
    desk.ok(&[
        "register",
        id,
        "--programme",
        "handan-2021",
        "--name",
        "某小区",
        "--area",
        "congtai",
        "--households",
        "319",
        "--at",
        "2021-01-04",
    ]);
}

/// Two projects under the first version of the plan, and the digests of two versions.
fn desk() -> (Desk, String, String) {
    let desk = Desk::new();
    let first = publish(&desk, "handan-2021");
    register(&desk, "p1");
    register(&desk, "p2");
    put(&desk, "next.yaml", &version("2031-10-01"));
    let next = publish(&desk, "next.yaml");
    assert_ne!(first, next);
    (desk, first, next)
}

/// Every deadline that a project of the main districts has open from the start.
const KEEP_ALL: [&str; 12] = [
    "--deadline",
    "consultation_by_plan=keep",
    "--deadline",
    "plan_fixed=keep",
    "--deadline",
    "city_review=keep",
    "--deadline",
    "procedures_done=keep",
    "--deadline",
    "works_main=recompute",
    "--deadline",
    "accepted=keep",
];

fn migrate<'a>(rest: &[&'a str]) -> Vec<&'a str> {
    [&["programme", "migrate", "handan-2021"], rest].concat()
}

fn due(desk: &Desk, project: &str, deadline: &str) -> String {
    let replay = desk.json(&["replay", project]);
    let open = replay["open_deadlines"].as_array().unwrap();
    let found = open.iter().find(|open| open["rule"] == deadline);
    found.unwrap()["due"].as_str().unwrap().to_owned()
}

#[test]
fn a_published_version_binds_only_what_is_registered_after_it() {
    let (desk, first, next) = desk();
    register(&desk, "p3");
    assert_eq!(desk.json(&["replay", "p1"])["definition"], first);
    assert_eq!(desk.json(&["replay", "p3"])["definition"], next);
    assert_eq!(due(&desk, "p1", "works_main"), "2021-09-30");
    assert_eq!(due(&desk, "p3", "works_main"), "2031-09-30");
}

#[test]
fn a_rehearsal_says_what_would_change_and_writes_nothing() {
    let (desk, first, next) = desk();
    let before = size(&desk);
    let line = [&["--to", "newest", "--all", "--dry-run"][..], &KEEP_ALL].concat();
    let answer = desk.json(&migrate(&line));
    assert_eq!(answer["outcome"], "rehearsed");
    assert_eq!(answer["to"], next);
    assert_eq!(answer["counts"], json!({"possible": 2}));
    let p1 = &answer["projects"][0];
    assert_eq!((&p1["project"], &p1["from"]), (&json!("p1"), &json!(first)));
    let works = p1["changes"]
        .as_array()
        .unwrap()
        .iter()
        .find(|change| change["deadline"] == "works_main")
        .unwrap();
    assert_eq!(works["before"], "2021-09-30");
    assert_eq!(works["due"], "2031-09-30");
    assert_eq!(works["choice"], "recompute");
    assert_eq!(size(&desk), before);
    let told = desk.ok(&migrate(&[&["--lang", "en"][..], &line].concat()));
    for words in [
        "2 projects",
        "works_main: 2021-09-30 → 2031-09-30 (computed anew)",
        "nothing was written",
    ] {
        assert!(told.contains(words), "{words}: {told}");
    }
}

#[test]
fn a_named_set_goes_over_by_one_event_each_and_going_back_is_a_migration_of_its_own() {
    let (desk, first, next) = desk();
    let before = size(&desk);
    let over =
        |to: &'static str, more: &[&'static str]| [&["--to", to][..], more, &KEEP_ALL].concat();
    let answer = desk.json(&migrate(&over("newest", &["--projects", "p2"])));
    assert_eq!(answer["counts"], json!({"migrated": 1}));
    assert_eq!(size(&desk), before + 1);
    assert_eq!(desk.json(&["replay", "p1"])["definition"], first);
    assert_eq!(desk.json(&["replay", "p2"])["definition"], next);
    assert_eq!(due(&desk, "p2", "works_main"), "2031-09-30");

    // All that are left; those that are there already are left alone.
    let answer = desk.json(&migrate(&over("newest", &["--all"])));
    assert_eq!(answer["counts"], json!({"migrated": 1, "already": 1}));
    let answer = desk.json(&migrate(&over("newest", &["--all"])));
    assert_eq!(answer["counts"], json!({"already": 2}));
    assert_eq!(size(&desk), before + 2);

    // A fact of the time between stays when the project goes back.
    desk.ok(&["record", "p2", "survey_completed", "households=319"]);
    let short = first.get(..10).unwrap();
    let line = [&["--to", short, "--projects", "p2"][..], &KEEP_ALL].concat();
    let answer = desk.json(&migrate(&line));
    assert_eq!(answer["counts"], json!({"migrated": 1}));
    let replay = desk.json(&["replay", "p2"]);
    assert_eq!(replay["definition"], first);
    assert_eq!(replay["facts"].as_array().unwrap().len(), 1);
    assert_eq!(replay["migrations"].as_array().unwrap().len(), 2);
    assert_eq!(due(&desk, "p2", "works_main"), "2021-09-30");
    desk.ok(&["verify"]);
}

#[test]
fn the_same_command_id_moves_each_project_once_whatever_happened_since() {
    let (desk, first, _) = desk();
    let id = "0190b0d0-0000-7000-8000-000000000001";
    let line = [
        &["--to", "newest", "--all", "--command-id", id][..],
        &KEEP_ALL,
    ]
    .concat();
    assert_eq!(desk.json(&migrate(&line))["counts"], json!({"migrated": 2}));
    let short = first.get(..12).unwrap();
    let back = [&["--to", short, "--projects", "p1"][..], &KEEP_ALL].concat();
    desk.ok(&migrate(&back));
    let after = size(&desk);
    assert_eq!(desk.json(&migrate(&line))["counts"], json!({"repeated": 2}));
    assert_eq!(size(&desk), after);
    assert_eq!(desk.json(&["replay", "p1"])["definition"], first);
}

#[test]
fn a_bundle_of_a_migrated_project_carries_every_version_and_is_verified_without_the_store() {
    let (desk, first, next) = desk();
    let line = [&["--to", "newest", "--all"][..], &KEEP_ALL].concat();
    desk.ok(&migrate(&line));
    desk.ok(&["key", "new", "--out", "k"]);
    desk.ok(&["bundle", "p1", "-o", "p1.json", "--key", "k"]);
    let away = Desk::new();
    fs::copy(desk.path("p1.json"), away.path("p1.json")).unwrap();
    let key = fs::read_to_string(desk.path("k.pub")).unwrap();
    let line = ["verify-bundle", "p1.json", "--key", key.trim()];
    let proved = away.json(&line);
    assert_eq!(proved["definition"]["digest"], next);
    assert_eq!(proved["definition"]["before"], json!([first]));
    let told = away.ok(&[&line[..], &["--lang", "en"]].concat());
    assert!(told.contains("went over to another version"), "{told}");
}

#[test]
fn what_cannot_go_over_is_refused_with_the_reason_and_nothing_is_changed() {
    let (desk, first, _) = desk();
    desk.ok(&["withdraw", "p2", "--reason", "撤项"]);
    put(
        &desk,
        "elsewhere.yaml",
        "extends: handan-2021\nid: elsewhere\n",
    );
    desk.ok(&["programme", "publish", "elsewhere.yaml"]);
    put(
        &desk,
        "gone.yaml",
        "extends: handan-2021\nstages:\n  construction: {deadlines: {works_main: null}}\n",
    );
    let gone = publish(&desk, "gone.yaml");
    let before = size(&desk);
    put(&desk, "broken.yaml", "stages: {survey: [1\n");
    put(
        &desk,
        "unknown.yaml",
        "stages:\n  survei: survey\nchoices: {works_man: keep}\n",
    );
    put(&desk, "word.yaml", "choices:\n  works_main: maybe\n");
    let kept = |more: &[&'static str]| [more, &KEEP_ALL].concat();
    let unknown_version = ["abcdef12", first.get(..12).unwrap()];
    let cases: Vec<(Vec<&str>, i32, &[&str])> = vec![
        (vec!["--to", "newest"], 2, &["--projects", "--all"]),
        (kept(&["--to", "abcdef12", "--all"]), 2, &unknown_version),
        (kept(&["--to", "new", "--all"]), 2, &["new"]),
        (
            kept(&["--to", "newest", "--projects", "p11"]),
            2,
            &["p11", "did you mean", "p1"],
        ),
        (
            kept(&["--to", "newest", "--projects", "p2"]),
            1,
            &["p2", "withdrawn"],
        ),
        (
            vec!["--to", "newest", "--projects", "p1", "--map", "broken.yaml"],
            2,
            &["broken.yaml:2"],
        ),
        (
            vec![
                "--to",
                "newest",
                "--projects",
                "p1",
                "--map",
                "unknown.yaml",
            ],
            2,
            &[
                "unknown.yaml:2:3",
                "survei",
                "did you mean `survey`",
                "works_man",
                "works_main",
            ],
        ),
        (
            vec!["--to", "newest", "--projects", "p1", "--map", "word.yaml"],
            2,
            &["word.yaml:2:15", "maybe", "keep"],
        ),
        (
            vec!["--to", "newest", "--projects", "p1", "--map", "none.yaml"],
            3,
            &["none.yaml"],
        ),
        (
            vec![
                "--to",
                "newest",
                "--projects",
                "p1",
                "--deadline",
                "works_main",
            ],
            2,
            &["works_main", "keep"],
        ),
        // Nothing is said of the deadlines: each is named.
        (
            vec!["--to", "newest", "--projects", "p1"],
            1,
            &["city_review", "works_main", "keep or recompute"],
        ),
        // The newest version has no such deadline: it is not lost without a word.
        (
            kept(&["--to", "newest", "--projects", "p1"]),
            1,
            &["works_main", "no counterpart", "lapse"],
        ),
    ];
    for (line, code, words) in cases {
        let line = migrate(&[&["--lang", "en"][..], &line].concat());
        let answer = desk.run(&line);
        assert_eq!(answer.code, code, "{line:?}\n{}{}", answer.out, answer.err);
        let told = format!("{}{}", answer.out, answer.err);
        for word in words {
            assert!(told.contains(word), "{line:?}: {word}: {told}");
        }
        assert_eq!(size(&desk), before, "{line:?}");
    }
    // A project of another programme is named as such.
    desk.ok(&[
        "register",
        "e1",
        "--programme",
        "elsewhere",
        "--name",
        "某小区",
        "--area",
        "congtai",
    ]);
    let line = kept(&["--to", "newest", "--projects", "e1,p1"]);
    let refused = desk.refused(&migrate(&line));
    assert_eq!(refused["outcome"], "refused");
    let blocker = |project: &str| -> Value {
        let rows = refused["projects"].as_array().unwrap();
        let row = rows.iter().find(|row| row["project"] == project).unwrap();
        row["blockers"][0]["code"].clone()
    };
    assert_eq!(blocker("e1"), "another_programme");
    assert_eq!(desk.json(&["replay", "p1"])["definition"], first);
    // Said, it lapses.
    let line = [
        &["--to", "newest", "--projects", "p1"][..],
        &KEEP_ALL,
        &["--deadline", "works_main=lapse"],
    ]
    .concat();
    desk.ok(&migrate(&line));
    assert_eq!(desk.json(&["replay", "p1"])["definition"], gone);
}

#[test]
fn a_migration_killed_in_the_middle_is_run_again_and_each_project_goes_over_once() {
    const PROJECTS: usize = 400;
    let desk = Desk::new();
    publish(&desk, "handan-2021");
    let mut text = "项目编号,改造计划,项目名称,区县\n".to_owned();
    for project in 0..PROJECTS {
        text.push_str(&format!("q{project},handan-2021,花园{project},丛台区\n"));
    }
    put(&desk, "projects.csv", &text);
    desk.ok(&["import", "projects.csv"]);
    put(&desk, "next.yaml", &version("2031-10-01"));
    let next = publish(&desk, "next.yaml");
    let before = size(&desk);
    let line = [&["--to", "newest", "--all"][..], &KEEP_ALL].concat();
    let mut migration = desk.command(&migrate(&line));
    migration.stdout(Stdio::null()).stderr(Stdio::null());
    let mut migration = migration.spawn().unwrap();
    // The rehearsal writes nothing to the log; kill when the first events have come.
    let wal = desk.path("anju.db-wal");
    let written = || {
        fs::metadata(&wal)
            .and_then(|now| Ok((now.len(), now.modified()?)))
            .ok()
    };
    let (mut last, mut writes) = (written(), 0);
    while writes < 30 && migration.try_wait().unwrap().is_none() {
        let now = written();
        writes += u32::from(now != last);
        last = now;
        std::thread::yield_now();
    }
    migration.kill().unwrap();
    let killed = !migration.wait().unwrap().success();
    let moved = size(&desk) - before;
    assert!(
        killed && moved > 0 && moved < PROJECTS as u64,
        "killed {killed}, {moved} moved"
    );

    let again = desk.json(&migrate(&line));
    let left = PROJECTS as u64 - moved;
    assert_eq!(again["counts"], json!({"already": moved, "migrated": left}));
    assert_eq!(size(&desk), before + PROJECTS as u64);
    for project in ["q0", "q199", "q399"] {
        let replay = desk.json(&["replay", project]);
        assert_eq!(replay["definition"], next);
        assert_eq!(
            replay["migrations"].as_array().unwrap().len(),
            1,
            "{project}"
        );
    }
}

/// A project with one decision accepted at 81.5 % and one refused before at 74.2 %.
fn decided() -> Desk {
    let desk = Desk::new();
    publish(&desk, "handan-2021");
    register(&desk, "p1");
    desk.ok(&[
        "record",
        "p1",
        "survey_completed",
        "households=319",
        "--at",
        "2021-01-05",
    ]);
    desk.ok(&["advance", "p1", "--at", "2021-01-06"]);
    let asked = |count: &str, day: &str| {
        let value = format!("asked_households={count}");
        desk.ok(&["record", "p1", "consultation_result", &value, "--at", day]);
    };
    asked("237", "2021-01-07");
    desk.refused(&["advance", "p1", "--at", "2021-01-08"]);
    asked("260", "2021-01-10");
    desk.ok(&["advance", "p1", "--at", "2021-01-11"]);
    desk
}

fn consulted(share: &str) -> String {
    format!(
        "extends: handan-2021
stages:
  resident_consultation:
    exit:
      consulted_80: {{share: {{at_least: {share}}}}}
"
    )
}

#[test]
fn what_if_tells_the_first_decision_that_would_differ_and_writes_nothing() {
    let desk = decided();
    put(&desk, "strict.yaml", &consulted("90%"));
    put(&desk, "lax.yaml", &consulted("70%"));
    let before = size(&desk);
    let strict = desk.json(&["whatif", "strict.yaml"]);
    assert_eq!(strict["totals"]["projects"], 1);
    assert_eq!(strict["totals"]["decisions"], 3);
    assert_eq!(strict["totals"]["would_refuse"], 1);
    assert_eq!(strict["totals"]["due_days"], 0);
    let first = &strict["projects"][0]["first"];
    assert_eq!(
        (&first["was"], &first["would"]),
        (&json!("accepted"), &json!("refused"))
    );
    assert_eq!(first["at"], "2021-01-11");
    let rule = &first["requirements"][0];
    assert_eq!(rule["rule"], "consulted_80");
    assert_eq!(
        (&rule["was"]["met"], &rule["would"]["met"]),
        (&json!(true), &json!(false))
    );
    for (side, words) in [("was", "80%"), ("would", "90%")] {
        let required = rule[side]["required"]["text"].as_str().unwrap();
        assert!(required.contains(words), "{side}: {required}");
    }
    let lax = desk.json(&["whatif", "lax.yaml"]);
    assert_eq!(lax["totals"]["would_accept"], 1);
    assert_eq!(lax["projects"][0]["first"]["at"], "2021-01-08");

    let told = desk.ok(&["whatif", "strict.yaml", "--lang", "en"]);
    for words in [
        "1 accepted that would be refused",
        "actual 260/319(81.5%), required ≥90%",
        "nothing was written",
    ] {
        assert!(told.contains(words), "{words}: {told}");
    }
    let told = desk.ok(&["whatif", "strict.yaml"]);
    for words in [
        "原通过而将不通过 1",
        "居民意见征集 → 方案设计: 通过 → 不通过",
        "260/319",
        "未写入任何内容",
    ] {
        assert!(told.contains(words), "{words}: {told}");
    }
    // The version in force, and the calendar in force: nothing differs.
    let same = desk.json(&["whatif", "handan-2021"]);
    assert_eq!(same["totals"]["projects_that_differ"], 0);

    put(&desk, "broken.yaml", "extends: handan-2021\nstages: [\n");
    put(&desk, "other.yaml", "extends: handan-2021\nid: elsewhere\n");
    let cases: &[(&[&str], i32, &[&str])] = &[
        (&["whatif"], 2, &["--calendar"]),
        (&["whatif", "broken.yaml"], 2, &["broken.yaml:"]),
        (&["whatif", "none.yaml"], 3, &["none.yaml"]),
        (
            &["whatif", "other.yaml"],
            2,
            &["elsewhere", "--programme", "handan-2021"],
        ),
        (
            &["whatif", "strict.yaml", "--programme", "handan"],
            2,
            &["handan", "handan-2021"],
        ),
    ];
    for (line, code, words) in cases {
        let answer = desk.run(&[&["--lang", "en"][..], line].concat());
        let told = format!("{}{}", answer.out, answer.err);
        assert_eq!(answer.code, *code, "{line:?}: {told}");
        for word in *words {
            assert!(told.contains(word), "{line:?}: {word}: {told}");
        }
    }
    let other = desk.json(&["whatif", "other.yaml", "--programme", "handan-2021"]);
    assert_eq!(other["totals"]["projects"], 1);
    assert_eq!(size(&desk), before);
}

/// The data of the last event of a stream.
async fn last_of(desk: &Desk, stream: &str) -> Value {
    use anju_engine::log::EventLog;
    let options = anju_engine::LogOptions::default();
    let clock = std::sync::Arc::new(anju_engine::SystemClock);
    let log = anju_engine::SqliteLog::open(&desk.path("anju.db"), options, clock)
        .await
        .unwrap();
    let stream = anju_engine::StreamId::new(stream).unwrap();
    let newest = log.stream_revision(&stream).await.unwrap().unwrap();
    let events = log.read_stream(&stream, newest, 1).await.unwrap();
    log.close().await;
    Value::Object(events[0].data.clone())
}

#[tokio::test]
async fn a_version_whose_rehearsal_fails_is_published_only_by_a_word_that_is_recorded() {
    let desk = decided();
    put(&desk, "strict.yaml", &consulted("90%"));
    put(&desk, "fine.yaml", &version("2031-10-01"));
    put(
        &desk,
        "lost.yaml",
        "extends: handan-2021\nstages:\n  design: null\n  approval: {returns: {design: null}}\n  construction: {returns: {design: null}}\n",
    );
    let before = size(&desk);
    for file in ["strict.yaml", "lost.yaml"] {
        let refused = desk.refused(&["programme", "publish", "fine.yaml", file]);
        assert_eq!(
            refused["published"],
            json!([]),
            "of two files, none is published"
        );
        let failing = &refused["rehearsals"][1]["rehearsal"]["failing"][0];
        assert_eq!(failing["project"], "p1");
        match file {
            "strict.yaml" => assert_eq!(failing["would_refuse"]["rules"], json!(["consulted_80"])),
            _ => assert_eq!(failing["blockers"][0]["code"], "no_stage"),
        }
        assert_eq!(size(&desk), before, "{file}");
    }
    let told = desk.run(&["programme", "publish", "strict.yaml", "--lang", "en"]);
    assert_eq!(told.code, 1);
    for words in [
        "fails for 1 of 1",
        "p1",
        "consulted_80",
        "--override-rehearsal",
    ] {
        assert!(told.err.contains(words), "{words}: {}", told.err);
    }

    let line = [
        "programme",
        "publish",
        "strict.yaml",
        "--override-rehearsal",
        "--reason",
        "市政府要求",
    ];
    let published = desk.json(&line);
    assert_eq!(published["published"][0]["overridden"], true);
    let record = last_of(&desk, "definition-handan-2021").await;
    assert_eq!(record["overridden"]["failing"], 1);
    assert_eq!(record["overridden"]["named"], json!(["p1"]));
    assert!(record["overridden"]["note"].is_string());
    assert!(
        !record.to_string().contains("市政府"),
        "a reason stands outside the log"
    );

    // A rehearsal that does not fail leaves no such word.
    desk.ok(&["programme", "publish", "fine.yaml"]);
    let record = last_of(&desk, "definition-handan-2021").await;
    assert!(record.get("overridden").is_none(), "{record}");
    desk.ok(&["verify"]);
}

/// A made-up notice for a year that no notice has fixed, for the tests alone.
fn notice(year: i16, rest: &str, work: &str) -> String {
    format!(
        "id: cn
title: 测试用日历
notices:
  - year: {year}
    kind: yearly
    title: 测试用通知({year}年)
    signed: {0}-11-01
    published: {0}-11-01
    holidays:
      - {{name: 元旦, rest: [{rest}], work: [{work}], statutory: [{year}-01-01]}}
",
        year - 1
    )
}

#[test]
fn a_new_year_is_published_as_data_and_a_year_without_a_notice_is_unknown() {
    let (desk, _, _) = desk();
    let shown = desk.json(&["calendar", "show", "2027"]);
    assert_eq!(
        (&shown["known"], &shown["working_days"]),
        (&json!(false), &Value::Null)
    );
    let told = desk.ok(&["calendar", "show", "2027"]);
    assert!(told.contains("未知"), "{told}");
    assert_eq!(
        desk.json(&["calendar", "show", "2026"])["working_days"],
        248
    );

    put(
        &desk,
        "2027.yaml",
        &notice(2027, "2027-01-01..2027-01-03", ""),
    );
    desk.ok(&["calendar", "lint", "2027.yaml"]);
    let looked = desk.json(&["calendar", "publish", "2027.yaml", "--dry-run"]);
    assert_eq!(looked["new"], false);
    let published = desk.json(&["calendar", "publish", "2027.yaml"]);
    assert_eq!(published["new"], true);
    assert_eq!(published["added"].as_array().unwrap().len(), 1);
    assert_eq!(published["known_years"].as_array().unwrap().len(), 9);
    let shown = desk.json(&["calendar", "show", "2027"]);
    assert_eq!(shown["known"], true);
    // 2027 has 261 days from Monday to Friday; New Year's Day is one of them.
    assert_eq!(shown["working_days"], 260);
    assert_eq!(
        desk.json(&["calendar", "publish", "2027.yaml"])["new"],
        false
    );

    // What comes later does not put it aside: not a programme that brings the calendar of this build along.
    put(&desk, "third.yaml", &version("2032-10-01"));
    publish(&desk, "third.yaml");
    assert_eq!(desk.json(&["calendar", "show", "2027"])["known"], true);
    desk.ok(&["verify"]);
}

#[test]
fn a_calendar_that_contradicts_itself_or_the_log_is_refused_at_its_place_and_nothing_is_changed() {
    let (desk, _, _) = desk();
    let before = size(&desk);
    put(
        &desk,
        "both.yaml",
        &notice(2027, "2027-01-01..2027-01-02", "2027-01-02"),
    );
    put(&desk, "2026.yaml", &notice(2026, "2026-01-01", ""));
    put(
        &desk,
        "far.yaml",
        &notice(2027, "2027-01-01, 2028-05-01", ""),
    );
    put(
        &desk,
        "shape.yaml",
        "id: cn\ntitle: x\nnotices:\n  - {year: 2027, kind: weekly}\n",
    );
    put(&desk, "alias.yaml", "id: &a cn\ntitle: *a\nnotices: []\n");
    put(
        &desk,
        "late.yaml",
        &notice(2027, "2027-01-01", "").replace("kind: yearly", "kind: amendment"),
    );
    let cases: &[(&str, &[&str], &[&str])] = &[
        (
            "both.yaml",
            &["both.yaml:4:5", "2027-01-02"],
            &["both.yaml:4:5", "既列为放假又列为上班"],
        ),
        (
            "2026.yaml",
            &["2026.yaml:4:5", "two yearly notices"],
            &["两份年度通知"],
        ),
        ("far.yaml", &["far.yaml:4:5", "2028-05-01"], &["2028-05-01"]),
        (
            "shape.yaml",
            &["shape.yaml:4", "weekly", "yearly"],
            &["weekly"],
        ),
        ("alias.yaml", &["alias.yaml:1"], &["alias.yaml:1"]),
        (
            "late.yaml",
            &["late.yaml:4:5", "no notice had fixed"],
            &["尚无该年的年度通知"],
        ),
        ("none.yaml", &["none.yaml"], &["none.yaml"]),
    ];
    for (file, en, zh) in cases {
        for (lang, words) in [("en", en), ("zh", zh)] {
            let answer = desk.run(&["--lang", lang, "calendar", "publish", file]);
            assert!(
                answer.code == 2 || answer.code == 3,
                "{file}: {}{}",
                answer.out,
                answer.err
            );
            for word in *words {
                assert!(
                    answer.err.contains(word),
                    "{file} {lang}: {word}: {}",
                    answer.err
                );
            }
        }
    }
    let linted = desk.run(&["calendar", "lint", "both.yaml"]);
    assert_eq!(linted.code, 1);
    assert_eq!(size(&desk), before);
}
