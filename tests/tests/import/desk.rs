//! A desk with files to import, and what an import answers.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anju_tests::cli::Desk;
use rust_xlsxwriter::{Workbook, Worksheet};
use serde_json::Value;

pub const PROJECTS: &str = "项目编号,改造计划,项目名称,区域,类别,户数(户),楼栋数,建筑面积(㎡),计划开工,登记日期\n\
    p1,handan-2021,长江花园,丛台区,城镇老旧小区,319,12,\"28,500.5\",2021/4/1,2021-01-05\n\
    p2,handan-2021,长江新花园,fuxing,old-compounds,80,4,6400,2021年4月15日,2021-01-05\n";

pub const FACTS: &str = "项目编号,事实,日期,征求户数,同意户数\n\
    p1,征求意见结果,2021-01-18,237,201\n\
    p2,consultation_result,2021/1/19,64,64\n\
    p1,改造方案出具,2021年1月19日,,\n";

pub fn put(desk: &Desk, name: &str, content: impl AsRef<[u8]>) {
    fs::write(desk.path(name), content).unwrap();
}

/// A folder with the two projects imported.
pub fn desk() -> Desk {
    let desk = Desk::new();
    put(&desk, "projects.csv", PROJECTS);
    let done = desk.json(&["import", "projects.csv"]);
    assert_eq!(counts(&done), (2, 0, 0), "{done:#}");
    desk
}

/// Recorded, already recorded, bad.
pub fn counts(done: &Value) -> (u64, u64, u64) {
    let count = |key: &str| done[key].as_u64().unwrap();
    (count("recorded"), count("already"), count("bad"))
}

pub fn size(desk: &Desk) -> u64 {
    desk.json(&["verify"])["size"].as_u64().unwrap()
}

pub fn facts(desk: &Desk, project: &str) -> Vec<Value> {
    desk.json(&["replay", project])["facts"]
        .as_array()
        .unwrap()
        .clone()
}

/// The cells of a row's problems, with the message of each.
pub fn problems(done: &Value, row: u64) -> BTreeMap<String, String> {
    let rows = done["rows"].as_array().unwrap().iter();
    rows.filter(|entry| entry["row"] == row)
        .flat_map(|entry| entry["problems"].as_array().cloned().unwrap_or_default())
        .map(|problem| {
            let text = |key: &str| problem[key].as_str().unwrap().to_owned();
            (text("cell"), text("message"))
        })
        .collect()
}

pub fn warnings(done: &Value) -> Vec<String> {
    done["warnings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|warning| {
            let text = |key: &str| warning[key].as_str().unwrap_or_default();
            format!("{} {}", text("cell"), text("message"))
        })
        .collect()
}

/// Every file of a folder with its bytes; not the memory that SQLite's readers share, which holds their locks.
pub fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.file_type().unwrap().is_file())
        .map(|entry| {
            (
                entry.file_name().into_string().unwrap(),
                fs::read(entry.path()).unwrap(),
            )
        })
        .filter(|(name, _)| !name.ends_with("-shm"))
        .collect()
}

/// A sheet: its name, and who fills it.
pub type Sheet<'a> = (&'a str, &'a mut dyn FnMut(&mut Worksheet));

pub fn save(desk: &Desk, name: &str, sheets: &mut [Sheet<'_>]) {
    let mut workbook = Workbook::new();
    for (name, fill) in sheets {
        fill(workbook.add_worksheet().set_name(*name).unwrap());
    }
    workbook.save(desk.path(name)).unwrap();
}

pub fn titles(sheet: &mut Worksheet, row: u32, titles: &[&str]) {
    for (column, title) in titles.iter().enumerate() {
        sheet
            .write(row, u16::try_from(column).unwrap(), *title)
            .unwrap();
    }
}
