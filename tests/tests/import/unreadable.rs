//! A file that cannot be read makes nothing, and it is said why.

use std::fs;

use anju_tests::cli::Desk;

use crate::desk::{put, save, titles};

#[test]
fn a_file_that_is_no_table_makes_nothing_and_says_what_it_is() {
    let desk = Desk::new();
    let ole = |name: &str| {
        let wide: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
        [&b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"[..], &[0; 600], &wide].concat()
    };
    save(
        &desk,
        "no-header.xlsx",
        &mut [("Sheet1", &mut |sheet| {
            titles(sheet, 0, &["序号", "单位", "金额"])
        })],
    );
    save(&desk, "blank.xlsx", &mut [("Sheet1", &mut |_| {})]);
    let mut half = fs::read(desk.path("no-header.xlsx")).unwrap();
    half.truncate(half.len() / 2);
    let cases: &[(&str, Vec<u8>, &str)] = &[
        ("old.xls", ole("Workbook"), ".xlsx"),
        ("locked.xlsx", ole("EncryptedPackage"), "password"),
        ("letter.doc", ole("WordDocument"), "Word"),
        ("photo.xlsx", b"\x89PNG\r\n\x1a\n....".to_vec(), "image"),
        ("scan.csv", b"%PDF-1.7".to_vec(), "PDF"),
        ("page.xls", b"<html><table>".to_vec(), "web page"),
        ("empty.csv", Vec::new(), "empty"),
        ("blanks.csv", b" ,\n , \n".to_vec(), "empty"),
        ("half.xlsx", half, "damaged"),
        (
            "zip.xlsx",
            b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0".to_vec(),
            "archive",
        ),
        ("binary.csv", b"\x81\xff\xfe\x00".to_vec(), "UTF-8"),
        (
            "quote.csv",
            b"project,name\np1,\"open\np2,x\n".to_vec(),
            "row 2",
        ),
        (
            "twice.csv",
            "项目编号,项目名称,project\n".as_bytes().to_vec(),
            "A1 and C1",
        ),
        (
            "header.csv",
            "序号,单位,金额\n1,a,2\n".as_bytes().to_vec(),
            "序号 | 单位 | 金额",
        ),
    ];
    for (name, bytes, _) in cases {
        put(&desk, name, bytes);
    }
    fs::create_dir(desk.path("folder")).unwrap();
    fs::File::create(desk.path("large.csv"))
        .unwrap()
        .set_len((64 << 20) + 1)
        .unwrap();
    let more = [
        ("missing.csv", "cannot be read"),
        ("folder", "a folder"),
        ("large.csv", "67108864"),
        ("no-header.xlsx", "Sheet1(序号"),
        ("blank.xlsx", "empty"),
    ];
    for (name, word) in cases
        .iter()
        .map(|(name, _, word)| (*name, *word))
        .chain(more)
    {
        let answer = desk.run(&["--lang", "en", "import", name]);
        assert_eq!(answer.code, 2, "{name}: {}{}", answer.out, answer.err);
        assert!(
            answer.err.contains(word),
            "{name}: {word:?} is not in {:?}",
            answer.err
        );
        assert!(!answer.err.contains("panicked"), "{name}: {}", answer.err);
        assert_eq!(answer.out, "", "{name}");
    }
    assert!(!desk.path("anju.db").exists());
}

#[test]
fn a_file_of_more_rows_than_are_read_is_refused_whole() {
    let desk = Desk::new();
    let mut text = "project,fact,date\n".to_owned();
    for _ in 0..=1_000_000 {
        text.push_str("p1,works_started,2021-04-02\n");
    }
    put(&desk, "many.csv", text);
    let answer = desk.run(&["--lang", "en", "import", "many.csv"]);
    assert_eq!(answer.code, 2, "{}", answer.err);
    assert!(answer.err.contains("1000000 rows"), "{}", answer.err);
}
