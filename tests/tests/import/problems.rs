//! Good rows are kept; every cell that is wrong is named.

use std::fs;

use rust_xlsxwriter::Format;
use serde_json::Value;

use crate::desk::{counts, desk, facts, files, problems, put, save, size, titles, warnings};

#[test]
fn good_rows_are_kept_and_every_bad_cell_is_named() {
    let desk = desk();
    put(
        &desk,
        "mixed.csv",
        "单位:某街道\n\n项目编号,事实,日期,征求户数,结果,金额\n\
         p1,征求意见结果,2021-01-18,237,,\n\
         p1,征求意见结果,2021-02-30,很多,,5元\n\
         p9,征求意见结果,2021-01-01,1,,\n\
         p1,联合审查结果,2021-02-01,,大概通过,\n\
         p1,联合审查结果,2021-02-01,,,\n\
         p1,征求意见结论,2021-02-01,5,,\n\
         ,开工,,,,\n\
         p2,征求意见结果,2021-01-19,64,,\n",
    );
    let before = size(&desk);
    let done = desk.refused(&["import", "mixed.csv"]);
    assert_eq!(counts(&done), (2, 0, 6), "{done:#}");
    assert_eq!(size(&desk), before + 2);
    let cells = |row: u64| problems(&done, row).into_keys().collect::<Vec<_>>();
    assert_eq!(
        cells(5),
        ["C5", "D5", "F5"],
        "the day, the number, and a field that the fact has not"
    );
    assert_eq!(cells(6), ["A6"], "a project that is not there");
    assert_eq!(cells(7), ["E7"]);
    assert_eq!(cells(8), ["E8"], "a required value");
    assert_eq!(cells(9), ["B9"]);
    assert_eq!(cells(10), ["A10", "C10"], "neither a project nor a day");
    assert!(problems(&done, 5)["D5"].contains("整数"), "{done:#}");
    assert!(
        problems(&done, 7)["E7"].contains("passed(通过)"),
        "{done:#}"
    );
    assert!(
        problems(&done, 9)["B9"].contains("征求意见结果"),
        "{done:#}"
    );

    let text = desk.run(&["import", "mixed.csv", "--lang", "en"]);
    assert_eq!(text.code, 1);
    for word in [
        "D5",
        "征求户数",
        "很多",
        "whole number",
        "2 already recorded",
        "6 bad",
    ] {
        assert!(text.out.contains(word), "{word} is not in {}", text.out);
    }
}

#[test]
fn bad_registrations_are_told_apart_from_good_ones() {
    let desk = desk();
    put(
        &desk,
        "more.csv",
        "项目编号,改造计划,项目名称,区域,接续阶段,小区,小区编号,户数,曾用名,登记日期\n\
         p3,handan-2021,三花园,丛台区,施工,东区、西区,c-east、c-west,120、80,老东区、,2021-01-05\n\
         p4,handan-2021,四花园,从台区,竣工,东区、西区,,200,,2021-13-05\n\
         项目五,handan-2022,,,,,,,,\n\
         p1,handan-2021,长江花园,丛台区,,,,319,,2021-01-05\n\
         p6,,六花园,,,,,,,\n\
         p7,beilun-2019,七花园,,,,,,,\n",
    );
    let done = desk.refused(&["import", "more.csv"]);
    assert_eq!(counts(&done), (1, 0, 5), "{done:#}");
    let cells = |row: u64| problems(&done, row).into_keys().collect::<Vec<_>>();
    assert_eq!(cells(3), ["D3", "E3", "H3", "J3"], "{done:#}");
    assert_eq!(cells(4), ["A4", "B4", "C4"]);
    assert_eq!(cells(5), ["A5"], "the id is taken, with other data");
    assert_eq!(cells(6), ["B6"]);
    assert!(
        problems(&done, 7)["A7"].contains("full-renovation"),
        "several tracks and none named"
    );
    assert!(
        problems(&done, 3)["D3"].contains("congtai(丛台区)"),
        "{done:#}"
    );

    let replay = desk.json(&["replay", "p3"]);
    assert_eq!(replay["stage"], "construction");
    assert_eq!(replay["adopted"], true);
    let compounds = serde_json::json!([
        {"id": "c-east", "name": "东区", "aliases": ["老东区"], "households": 120},
        {"id": "c-west", "name": "西区", "households": 80},
    ]);
    assert_eq!(replay["compounds"], compounds);
}

#[test]
fn a_phone_or_id_number_stays_out_of_every_file_and_the_rest_of_the_row_is_recorded() {
    let desk = desk();
    put(
        &desk,
        "personal.csv",
        "项目编号,事实,日期,文号,values,备注\n\
         p1,立项,2021-02-01,邯发改〔2021〕15号,,联系人138 1234-5678\n\
         p1,财政评审,2021-02-02,13912345678,评审金额=12万元,\n\
         p1,规划许可,2021-02-03,,paper=110105194912310021,\n\
         p2,提出异议,2021-02-04,,objection=11010519491231002X,\n",
    );
    let done = desk.refused(&["import", "personal.csv"]);
    assert_eq!(counts(&done), (3, 0, 1), "{done:#}");
    let told: Vec<String> = warnings(&done)
        .iter()
        .map(|told| told.split(' ').next().unwrap().to_owned())
        .collect();
    assert_eq!(told, ["F2", "D3", "E4", "E5"]);
    assert_eq!(
        problems(&done, 5).len(),
        1,
        "what the fact cannot do without is missing now"
    );
    let facts = facts(&desk, "p1");
    assert_eq!(facts[0]["fields"]["paper"], "邯发改〔2021〕15号");
    assert_eq!(facts[0]["note"], Value::Null);
    assert_eq!(
        facts[1]["fields"],
        serde_json::json!({"amount_fen": 12_000_000})
    );
    fs::remove_file(desk.path("personal.csv")).unwrap();
    for (name, bytes) in files(desk.folder()) {
        for number in [
            "138 1234",
            "13912345678",
            "110105194912310021",
            "11010519491231002X",
        ] {
            assert!(
                !bytes
                    .windows(number.len())
                    .any(|window| window == number.as_bytes()),
                "{number} is in {name}"
            );
        }
    }
    assert!(!done.to_string().contains("13912345678"), "{done:#}");
}

#[test]
fn what_a_cell_of_excel_does_not_hold_exactly_is_named_and_not_recorded() {
    let desk = desk();
    save(
        &desk,
        "cells.xlsx",
        &mut [("事实", &mut |sheet| {
            titles(
                sheet,
                0,
                &[
                    "项目编号",
                    "事实",
                    "日期",
                    "参与表决面积",
                    "征求户数",
                    "同意户数",
                ],
            );
            let day = Format::new().set_num_format("yyyy-mm-dd");
            for row in 1..=7 {
                sheet.write(row, 0, "p1").unwrap();
                sheet.write(row, 1, "征求意见结果").unwrap();
                sheet.write_with_format(row, 2, 44_214.0, &day).unwrap();
            }
            sheet.write(1, 3, 1.0 / 3.0).unwrap();
            sheet
                .write_formula(
                    2,
                    4,
                    rust_xlsxwriter::Formula::new("=1/0").set_result("#DIV/0!"),
                )
                .unwrap();
            sheet.write(3, 4, 0.8).unwrap();
            sheet.write(4, 2, 44_214).unwrap();
            sheet
                .merge_range(5, 4, 6, 4, "300", &Format::new())
                .unwrap();
            sheet.write(7, 3, 28_500.5).unwrap();
            sheet.write(7, 4, 237).unwrap();
        })],
    );
    let done = desk.refused(&["import", "cells.xlsx"]);
    assert_eq!(counts(&done), (1, 0, 6), "{done:#}");
    for (row, cell, word) in [
        (2, "D2", "15"),
        (3, "E3", "公式"),
        (4, "E4", "整数"),
        (5, "C5", "日期"),
        (6, "E6", "合并"),
        (7, "E7", "合并"),
    ] {
        let found = problems(&done, row);
        assert!(
            found.len() == 1 && found[cell].contains(word),
            "{row}: {found:?}"
        );
    }
    assert_eq!(
        facts(&desk, "p1")[0]["fields"],
        serde_json::json!({"voted_area_m2": "28500.5", "asked_households": 237})
    );
}
