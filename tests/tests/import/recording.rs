//! What rows say is what is recorded.

use anju_tests::cli::Desk;
use rust_xlsxwriter::Format;

use crate::desk::{
    FACTS, PROJECTS, counts, desk, facts, problems, put, save, size, titles, warnings,
};

#[test]
fn rows_are_recorded_with_the_values_they_hold() {
    let desk = desk();
    put(&desk, "facts.csv", FACTS);
    let done = desk.json(&["import", "facts.csv"]);
    assert_eq!(counts(&done), (3, 0, 0), "{done:#}");
    assert_eq!(done["position"], size(&desk));

    let replay = desk.json(&["replay", "p1"]);
    assert_eq!(
        (&replay["name"], &replay["area"], &replay["track"]),
        (
            &"长江花园".into(),
            &"congtai".into(),
            &"old-compounds".into()
        )
    );
    assert_eq!(replay["registered_on"], "2021-01-05");
    assert_eq!(replay["plan"]["start"], "2021-04-01");
    let compound = &replay["compounds"][0];
    assert_eq!(
        (
            &compound["households"],
            &compound["buildings"],
            &compound["area_m2"]
        ),
        (&319.into(), &12.into(), &"28500.5".into())
    );

    let facts = facts(&desk, "p1");
    assert_eq!(facts.len(), 2);
    assert_eq!(facts[0]["type"], "consultation_result");
    assert_eq!(facts[0]["at"], "2021-01-18");
    assert_eq!(
        facts[0]["fields"],
        serde_json::json!({"asked_households": 237, "agreed_households": 201})
    );
    assert_eq!(facts[0]["source"], "excel");
    assert_eq!(facts[1]["type"], "renovation_plan_drafted");
    assert_eq!(done["rows"][0]["event"], facts[0]["event"]);
}

#[test]
fn a_workbook_is_read_with_its_days_titles_and_merged_names() {
    let desk = Desk::new();
    let day = Format::new().set_num_format("yyyy\"年\"m\"月\"d\"日\"");
    save(
        &desk,
        "台账.xlsx",
        &mut [
            // The facts stand before the projects: the projects are still registered first.
            ("事实", &mut |sheet| {
                sheet
                    .merge_range(0, 0, 0, 4, "2021年征求意见情况", &Format::new())
                    .unwrap();
                titles(
                    sheet,
                    2,
                    &["项目编号", "事实", "日期", "征求户数(户)", "序号"],
                );
                sheet.merge_range(3, 0, 4, 0, "p1", &Format::new()).unwrap();
                for (row, households) in [(3, 200.0), (4, 237.0)] {
                    sheet.write(row, 1, "征求意见结果").unwrap();
                    sheet
                        .write_with_format(row, 2, 44_214.0 + f64::from(row), &day)
                        .unwrap();
                    sheet.write(row, 3, households).unwrap();
                    sheet.write(row, 4, row).unwrap();
                }
                sheet.write(6, 0, "合计").unwrap();
                sheet.write(6, 3, 437).unwrap();
            }),
            ("说明", &mut |sheet| titles(sheet, 0, &["请勿删除本页"])),
            ("项目", &mut |sheet| {
                titles(
                    sheet,
                    0,
                    &["项目编号", "项目名称", "户数", "建筑面积(万㎡)"],
                );
                sheet.write(1, 0, "p1").unwrap();
                sheet.write(1, 1, "长江花园").unwrap();
                sheet.write(1, 2, 319).unwrap();
                // A computed number with the noise of binary fractions, as Excel caches it.
                sheet.write(1, 3, 90.40 + 124.97 + 15.27).unwrap();
            }),
        ],
    );
    let done = desk.json(&["import", "台账.xlsx", "--programme", "handan-2021"]);
    assert_eq!(counts(&done), (3, 0, 0), "{done:#}");
    let rows: Vec<_> = done["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["sheet"].as_str().unwrap(), row["row"].as_u64().unwrap()))
        .collect();
    assert_eq!(rows, [("项目", 2), ("事实", 4), ("事实", 5)]);
    let told = warnings(&done).join("\n");
    for told_of in ["E3", "序号", "A7", "合计行", "没有看得懂的表头"] {
        assert!(told.contains(told_of), "{told_of} is not in {told}");
    }
    let facts = facts(&desk, "p1");
    assert_eq!(
        (&facts[1]["at"], &facts[1]["fields"]["asked_households"]),
        (&"2021-01-22".into(), &237.into())
    );
    assert_eq!(
        desk.json(&["replay", "p1"])["compounds"][0]["area_m2"],
        "2306400"
    );
}

#[test]
fn a_ledger_gives_one_fact_for_each_kind_that_a_row_holds() {
    let desk = desk();
    put(
        &desk,
        "ledger.csv",
        "项目名称,征求意见结果.日期,征求意见结果.征求户数,签订施工合同.合同价(万元),日期,开工.日期,开工.备注\n\
         长江花园,2021-01-18,237,120.5,2021-03-20,2021-04-02,雨天顺延\n\
         长江新花园,,,,,,\n\
         长江新花园,,64,,,,\n",
    );
    let done = desk.refused(&["import", "ledger.csv"]);
    assert_eq!(counts(&done), (3, 0, 1), "{done:#}");
    assert_eq!(
        problems(&done, 4).keys().collect::<Vec<_>>(),
        ["B4"],
        "no day for the fact"
    );
    let facts = facts(&desk, "p1");
    let told: Vec<_> = facts
        .iter()
        .map(|fact| (fact["type"].as_str().unwrap(), fact["at"].as_str().unwrap()))
        .collect();
    let mut sorted = told.clone();
    sorted.sort_unstable();
    assert_eq!(
        sorted,
        [
            ("consultation_result", "2021-01-18"),
            ("contract_signed", "2021-03-20"),
            ("works_started", "2021-04-02")
        ]
    );
    let contract = facts
        .iter()
        .find(|fact| fact["type"] == "contract_signed")
        .unwrap();
    assert_eq!(contract["fields"]["amount_fen"], 120_500_000);
    let start = facts
        .iter()
        .find(|fact| fact["type"] == "works_started")
        .unwrap();
    assert_eq!(
        start["note"].as_str().unwrap().len(),
        64,
        "the note stands in the log as a digest only"
    );
}

#[test]
fn gbk_is_read_as_what_it_says() {
    let desk = Desk::new();
    let text = PROJECTS.replace("长江花园", "长江花园镕䶮");
    let (bytes, _, lost) = encoding_rs::GB18030.encode(&text);
    assert!(
        !lost && std::str::from_utf8(&bytes).is_err(),
        "the test must not be UTF-8 by accident"
    );
    put(&desk, "gbk.csv", bytes);
    desk.json(&["import", "gbk.csv"]);
    assert_eq!(desk.json(&["replay", "p1"])["name"], "长江花园镕䶮");
    // The same rows in UTF-8 with a mark, and in UTF-16, are the same rows.
    put(&desk, "mark.csv", format!("\u{feff}{text}"));
    assert_eq!(counts(&desk.json(&["import", "mark.csv"])), (0, 2, 0));
    let wide: Vec<u8> = format!("\u{feff}{text}")
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    put(&desk, "wide.csv", wide);
    assert_eq!(counts(&desk.json(&["import", "wide.csv"])), (0, 2, 0));
}

#[test]
fn a_fact_that_the_definition_does_not_declare_is_kept_as_another_fact() {
    let desk = desk();
    put(
        &desk,
        "other.csv",
        "project,fact,date,depth_cm,征求户数\np1,pit_dug,2021-05-01,40,\np1,consultation_result,2021-01-18,,5\n",
    );
    let done = desk.json(&["import", "other.csv"]);
    assert_eq!(counts(&done), (2, 0, 0), "{done:#}");
    assert!(warnings(&done)[0].contains("pit_dug"));
    let facts = facts(&desk, "p1");
    let pit = facts.iter().find(|fact| fact["type"] == "pit_dug").unwrap();
    assert_eq!(
        (&pit["declared"], &pit["fields"]["depth_cm"]),
        (&false.into(), &40.into())
    );
}
