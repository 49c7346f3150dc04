//! Stalls, the ladder and its notices from the command line.

use std::collections::BTreeSet;

use anju_tests::cli::Desk;

/// A Handan project that is registered today: all its days of 2021 had passed at adoption.
fn late() -> Desk {
    let desk = Desk::new();
    for id in ["p1", "p2", "p3"] {
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
        ]);
    }
    desk
}

#[test]
fn a_late_project_says_by_which_rule_how_long_and_whose_turn() {
    let desk = late();
    let stalled = desk.json(&["stalled"]);
    let first = &stalled["stalled"][0];
    for key in [
        "project",
        "name",
        "programme",
        "area",
        "stage",
        "due",
        "overdue_days",
        "lamp",
        "responsible",
        "rule",
    ] {
        assert!(!first[key].is_null(), "{key}: {first:#}");
    }
    assert_eq!(first["due"], "2021-01-20");
    assert_eq!(first["late_at_adoption"], true);
    assert_eq!(first["rule"], "consultation_by_plan");
    assert_eq!(stalled["stalled"].as_array().unwrap().len(), 3);
}

#[test]
fn a_part_of_the_stalled_list_is_its_beginning_and_still_tells_how_many_there_are() {
    let desk = late();
    let all = desk.json(&["stalled"]);
    let part = desk.json(&["stalled", "--limit", "2"]);
    assert_eq!(part["total"], 3);
    assert_eq!(part["counts"], all["counts"]);
    let rows = part["stalled"].as_array().unwrap();
    assert_eq!(rows[..], all["stalled"].as_array().unwrap()[..2]);
    let text = desk.ok(&["stalled", "--limit", "2", "--lang", "en"]);
    assert!(
        text.contains("… the 2 most overdue; 1 more are not listed"),
        "{text}"
    );
    assert!(text.contains(": 3 stalled (0 suspended apart)"), "{text}");
    let text = desk.ok(&["stalled", "--limit", "3", "--lang", "en"]);
    assert!(!text.contains("not listed"), "{text}");
    let none = desk.run(&["stalled", "--limit", "0"]);
    assert_eq!(none.code, 2, "{}", none.err);
    assert!(none.err.contains("--limit"), "{}", none.err);
}

/// A plan whose ladder has one step, due on the due day itself: what is late when it is adopted is due at once.
const AT_ONCE: &str = "extends: handan-2021
id: at-once
name: {zh: 试行计划, en: Trial plan}
ladder:
  pre_reminder: null
  reminder: null
  urging: null
  interview: null
  bulletin: null
  listed: null
  supervision: {step: 1, days: 0, kind: natural, signed: false}
";

#[test]
fn each_due_step_is_one_event_and_one_notice_however_many_look() {
    let desk = Desk::new();
    std::fs::write(desk.path("plan.yaml"), AT_ONCE).unwrap();
    desk.ok(&["programme", "publish", "plan.yaml"]);
    let projects: Vec<String> = (1..=12).map(|n| format!("p{n}")).collect();
    for id in &projects {
        desk.ok(&[
            "register",
            id,
            "--programme",
            "at-once",
            "--name",
            "某小区",
            "--area",
            "congtai",
        ]);
    }
    // Four processes look at the same time, then a fifth finds nothing left to do.
    let looks: Vec<_> = (0..4)
        .map(|_| {
            desk.command(&["watch", "--once", "--spool", "notices"])
                .stdout(std::process::Stdio::null())
                .spawn()
                .unwrap()
        })
        .collect();
    for mut look in looks {
        assert!(look.wait().unwrap().success());
    }
    let last = desk.json(&["watch", "--once", "--spool", "notices"]);
    assert_eq!(last["raised"].as_array().unwrap().len(), 0);
    for id in &projects {
        let replay = desk.json(&["replay", id]);
        assert_eq!(replay["escalations"].as_array().unwrap().len(), 1, "{id}");
    }
    let files: BTreeSet<String> = std::fs::read_dir(desk.path("notices"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(
        files.iter().filter(|name| name.ends_with(".txt")).count(),
        projects.len(),
        "{files:?}"
    );
    assert_eq!(
        files.iter().filter(|name| name.ends_with(".json")).count(),
        projects.len()
    );
    desk.ok(&["verify"]);
}

#[test]
fn the_ladder_of_a_simulated_year_is_spooled_as_json_and_chinese_text_once() {
    let desk = Desk::new();
    let plan = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/plans/linjiang-lifts-2023.yaml"
    );
    desk.ok(&["demo", "--no-serve", "--store", "sqlite:d.db", plan]);
    let first = desk.json(&[
        "watch",
        "--once",
        "--spool",
        "notices",
        "--store",
        "sqlite:d.db",
    ]);
    let written = first["notices"].as_u64().unwrap();
    assert!(written > 20, "{first:#}");
    let names = || {
        std::fs::read_dir(desk.path("notices"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect::<BTreeSet<_>>()
    };
    let before = names();
    assert_eq!(
        before.iter().filter(|name| name.ends_with(".json")).count() as u64,
        written
    );
    let text = before.iter().find(|name| name.ends_with(".txt")).unwrap();
    let text = std::fs::read_to_string(desk.path("notices").join(text)).unwrap();
    assert!(text.contains("临江市"), "{text}");
    let second = desk.json(&[
        "watch",
        "--once",
        "--spool",
        "notices",
        "--store",
        "sqlite:d.db",
    ]);
    assert_eq!(second["notices"], 0);
    assert_eq!(names(), before);
}

#[test]
fn an_extension_is_taken_for_an_open_deadline_and_only_to_a_later_day() {
    let desk = late();
    let unknown = desk.run(&[
        "extend",
        "p1",
        "consultation_by_plam",
        "2030-01-01",
        "--reason",
        "雨季",
        "--lang",
        "en",
    ]);
    assert_eq!(unknown.code, 1);
    assert!(
        unknown.err.contains("consultation_by_plan"),
        "{}",
        unknown.err
    );
    let earlier = desk.run(&[
        "extend",
        "p1",
        "consultation_by_plan",
        "2021-01-19",
        "--reason",
        "雨季",
    ]);
    assert_eq!(earlier.code, 1);
    desk.ok(&[
        "extend",
        "p1",
        "consultation_by_plan",
        "2030-01-01",
        "--reason",
        "雨季",
    ]);
    let replay = desk.json(&["replay", "p1"]);
    assert!(
        replay["open_deadlines"].to_string().contains("2030-01-01"),
        "{replay:#}"
    );
}

#[test]
fn a_suspended_project_is_not_stalled() {
    let desk = late();
    desk.ok(&["suspend", "p2", "--cause", "court", "--note", "诉讼中"]);
    let stalled = desk.json(&["stalled"]);
    assert_eq!(stalled["stalled"].as_array().unwrap().len(), 2);
    assert_eq!(stalled["suspended"], 1);
    desk.ok(&["resume", "p2"]);
    desk.ok(&["withdraw", "p2", "--reason", "拆迁"]);
    assert_eq!(
        desk.json(&["stalled"])["stalled"].as_array().unwrap().len(),
        2
    );
}
