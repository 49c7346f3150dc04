//! The same row is recorded once, in whatever file it comes again.

use std::fs;

use crate::desk::{FACTS, counts, desk, facts, files, put, size, warnings};

#[test]
fn the_same_file_again_records_nothing() {
    let desk = desk();
    put(&desk, "facts.csv", FACTS);
    desk.json(&["import", "facts.csv"]);
    let before = size(&desk);
    for file in ["facts.csv", "projects.csv"] {
        let done = desk.json(&["import", file]);
        assert_eq!(counts(&done).0, 0, "{done:#}");
        assert!(
            done["rows"]
                .as_array()
                .unwrap()
                .iter()
                .all(|row| row["status"] == "already"),
            "{done:#}"
        );
    }
    assert_eq!(size(&desk), before);
}

#[test]
fn a_file_saved_anew_records_only_the_rows_that_are_new_or_changed() {
    let desk = desk();
    put(&desk, "facts.csv", FACTS);
    desk.json(&["import", "facts.csv"]);
    // In another encoding, another order, other columns, days written otherwise; one row new, one changed.
    let anew = "事实;项目编号;征求户数;同意户数;日期;序号\n\
        开工;p2;;;2021-04-20;1\n\
        征求意见结果;p2;64;64;2021-01-19;2\n\
        征求意见结果;p1;237;202;2021.1.18;3\n\
        renovation_plan_drafted;p1;;;20210119;4\n";
    put(&desk, "anew.csv", encoding_rs::GBK.encode(anew).0);
    let done = desk.json(&["import", "anew.csv"]);
    assert_eq!(counts(&done), (2, 2, 0), "{done:#}");
    let new: Vec<_> = done["rows"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|row| row["status"] == "recorded")
        .map(|row| row["row"].as_u64().unwrap())
        .collect();
    assert_eq!(new, [2, 4]);
}

#[test]
fn equal_rows_of_one_file_are_as_many_facts() {
    let desk = desk();
    let twice = "项目编号,事实,日期\np1,居民参与监督,2021-05-01\np1,居民参与监督,2021-05-01\n";
    put(&desk, "twice.csv", twice);
    assert_eq!(counts(&desk.json(&["import", "twice.csv"])), (2, 0, 0));
    assert_eq!(counts(&desk.json(&["import", "twice.csv"])), (0, 2, 0));
    assert_eq!(facts(&desk, "p1").len(), 2);
}

#[test]
fn a_note_is_kept_apart_and_is_no_part_of_what_a_row_is() {
    let desk = desk();
    put(
        &desk,
        "noted.csv",
        "项目编号,事实,日期,备注\np1,开工,2021-04-02,雨天顺延两日\n",
    );
    assert_eq!(counts(&desk.json(&["import", "noted.csv"])), (1, 0, 0));
    for note in ["雨天顺延三日", ""] {
        put(
            &desk,
            "noted.csv",
            format!("项目编号,事实,日期,备注\np1,开工,2021-04-02,{note}\n"),
        );
        assert_eq!(
            counts(&desk.json(&["import", "noted.csv"])),
            (0, 1, 0),
            "{note}"
        );
    }
    fs::remove_file(desk.path("noted.csv")).unwrap();
    let holding: Vec<_> = files(desk.folder())
        .into_iter()
        .filter(|(_, bytes)| {
            let note = "雨天顺延两日".as_bytes();
            bytes.windows(note.len()).any(|window| window == note)
        })
        .map(|(name, _)| name)
        .collect();
    assert!(
        !holding.is_empty() && holding.iter().all(|name| name.starts_with("anju.notes.db")),
        "{holding:?}"
    );
}

#[test]
fn a_row_whose_fact_was_declared_void_is_not_revived_and_that_is_said() {
    let desk = desk();
    put(&desk, "one.csv", "项目编号,事实,日期\np1,开工,2021-04-02\n");
    let done = desk.json(&["import", "one.csv"]);
    let event = done["rows"][0]["event"].as_str().unwrap();
    desk.ok(&["void", "p1", event, "--reason", "误报"]);
    let again = desk.json(&["import", "one.csv"]);
    assert_eq!(counts(&again), (0, 1, 0));
    assert!(warnings(&again)[0].contains("作废"), "{again:#}");
}
