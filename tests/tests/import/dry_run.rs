//! A dry run says what would be recorded, and appends nothing.

use anju_tests::cli::Desk;

use crate::desk::{FACTS, PROJECTS, counts, desk, files, put, save, titles};

#[test]
fn a_dry_run_says_what_would_be_recorded_and_makes_no_store() {
    let desk = Desk::new();
    put(&desk, "all.csv", PROJECTS);
    put(&desk, "facts.csv", FACTS);
    let done = desk.json(&["import", "all.csv", "--dry-run"]);
    assert_eq!(
        (counts(&done), &done["would_record"]),
        ((0, 0, 0), &2.into()),
        "{done:#}"
    );
    let refused = desk.refused(&["import", "facts.csv", "--dry-run"]);
    assert_eq!(
        counts(&refused),
        (0, 0, 3),
        "their projects are nowhere: {refused:#}"
    );
    assert_eq!(
        files(desk.folder()).into_keys().collect::<Vec<_>>(),
        ["all.csv", "facts.csv"]
    );
}

#[test]
fn a_dry_run_counts_on_the_rows_above_and_changes_no_byte() {
    let desk = desk();
    put(&desk, "facts.csv", FACTS);
    desk.json(&["import", "facts.csv"]);
    save(
        &desk,
        "both.xlsx",
        &mut [
            ("项目", &mut |sheet| {
                titles(sheet, 0, &["项目编号", "项目名称"]);
                for (row, id, name) in [
                    (1, "p7", "七花园"),
                    (2, "p7", "七花园"),
                    (3, "p1", "长江花园"),
                ] {
                    sheet.write(row, 0, id).unwrap();
                    sheet.write(row, 1, name).unwrap();
                }
            }),
            ("事实", &mut |sheet| {
                titles(
                    sheet,
                    0,
                    &["项目编号", "事实", "日期", "征求户数", "同意户数"],
                );
                for (row, id, asked) in [(1, "七花园", 9), (2, "p8", 9), (3, "p1", 237)] {
                    sheet.write(row, 0, id).unwrap();
                    sheet.write(row, 1, "征求意见结果").unwrap();
                    sheet.write(row, 2, "2021-01-18").unwrap();
                    sheet.write(row, 3, asked).unwrap();
                    sheet
                        .write(row, 4, if asked == 237 { 201 } else { 9 })
                        .unwrap();
                }
            }),
        ],
    );
    let before = desk.json(&["verify"])["root"].clone();
    let done = desk.refused(&[
        "import",
        "both.xlsx",
        "--programme",
        "handan-2021",
        "--dry-run",
    ]);
    let statuses: Vec<_> = done["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            (
                row["project"].as_str().unwrap(),
                row["status"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        statuses,
        [
            ("p7", "would_record"),
            ("p7", "bad"),
            ("p1", "bad"),
            ("p7", "would_record"),
            ("p8", "bad"),
            ("p1", "already")
        ]
    );
    assert_eq!(
        desk.json(&["verify"])["root"],
        before,
        "the log was changed"
    );

    // What the dry run said is what happens.
    let done = desk.refused(&["import", "both.xlsx", "--programme", "handan-2021"]);
    assert_eq!(counts(&done), (2, 1, 3), "{done:#}");
}
