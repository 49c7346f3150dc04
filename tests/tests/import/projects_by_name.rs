//! A project is found by its exact name, or not at all.

use anju_tests::cli::Desk;

use crate::desk::{counts, desk, problems, put, warnings};

#[test]
fn a_project_is_found_by_its_exact_name_or_not_at_all() {
    let desk = Desk::new();
    put(
        &desk,
        "projects.csv",
        "项目编号,改造计划,项目名称,区域,曾用名,类别\n\
         r1,beilun-2019,长江花园,新碶街道,,full-renovation\n\
         r2,beilun-2019,长江新花园,霞浦街道,,full-renovation\n\
         e38,beilun-2019,新华园,大碶街道,新花园,full-renovation\n\
         m1,beilun-2019,中心花园,大碶街道,,full-renovation\n\
         m2,beilun-2019,中心花园,霞浦街道,,full-renovation\n\
         h1,handan-2021,中心花园,丛台区,,\n",
    );
    assert_eq!(counts(&desk.json(&["import", "projects.csv"])), (6, 0, 0));
    put(
        &desk,
        "facts.csv",
        "项目名称,改造计划,区域,事实,日期\n\
         长江花园,,,开工,2019-07-01\n\
         新花园,,,完工,2019-09-30\n\
         长江,,,开工,2019-07-01\n\
         中心花园,,,开工,2019-07-01\n\
         中心花园,handan-2021,,开工,2021-04-01\n\
         中心花园,beilun-2019,霞浦街道,开工,2019-07-02\n",
    );
    let done = desk.refused(&["import", "facts.csv"]);
    let projects: Vec<_> = done["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            (
                row["status"].as_str().unwrap(),
                row["project"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        projects,
        [
            ("recorded", "r1"),
            ("recorded", "e38"),
            ("bad", "长江"),
            ("bad", "中心花园"),
            ("recorded", "h1"),
            ("recorded", "m2")
        ]
    );
    let several = &problems(&done, 5)["A5"];
    for candidate in ["m1", "m2", "h1"] {
        assert!(several.contains(candidate), "{several}");
    }
    assert!(problems(&done, 4)["A4"].contains("不作近似匹配"));
}

#[test]
fn a_name_that_is_not_the_projects_is_pointed_out() {
    let desk = desk();
    put(
        &desk,
        "shifted.csv",
        "项目编号,项目名称,事实,日期\np1,长江新花园,开工,2021-04-02\np2,长江新花园,开工,2021-04-02\n",
    );
    let done = desk.json(&["import", "shifted.csv"]);
    let told = warnings(&done);
    assert!(
        told.len() == 1 && told[0].starts_with("B2") && told[0].contains("长江花园"),
        "{told:?}"
    );
}
