//! Whatever bytes come, an import answers: with tables or with why there are none. It never panics.

use std::cell::Cell;
use std::io::{Cursor, Write};
use std::sync::Once;

use anju_workflows::definition::Lang;
use proptest::prelude::*;
use rust_xlsxwriter::{Format, Workbook};
use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

use super::{file, merge, plan};

/// A workbook with everything that a reader treats apart.
fn workbook() -> Vec<u8> {
    let mut workbook = Workbook::new();
    let day = Format::new().set_num_format("yyyy-mm-dd");
    let sheet = workbook.add_worksheet().set_name("事实").unwrap();
    sheet
        .merge_range(0, 0, 0, 4, "台账", &Format::new())
        .unwrap();
    for (column, title) in ["项目编号", "事实", "日期", "征求户数", "备注"]
        .iter()
        .enumerate()
    {
        sheet.write(1, column as u16, *title).unwrap();
    }
    for row in 2..40u32 {
        sheet.write(row, 0, format!("p{row}")).unwrap();
        sheet.write(row, 1, "consultation_result").unwrap();
        sheet
            .write_with_format(row, 2, f64::from(44_000 + row), &day)
            .unwrap();
        sheet.write(row, 3, f64::from(row) / 3.0).unwrap();
        sheet.write_formula(row, 4, "=1/0").unwrap();
        sheet.write(row, 5, row % 2 == 0).unwrap();
    }
    sheet
        .merge_range(40, 0, 43, 0, "p9", &Format::new())
        .unwrap();
    workbook.add_worksheet();
    workbook.save_to_buffer().unwrap()
}

/// Everything that is done with bytes before the log is asked.
fn swallow(bytes: &[u8]) {
    quietly(|| {
        let Ok(sheets) = file::tables(bytes, "t.csv") else {
            return;
        };
        if let Ok(understood) = plan::understand(sheets, Lang::En) {
            for (mut sheet, header) in understood.sheets {
                let _ = merge::settle(&mut sheet, &header);
            }
        }
    });
}

/// The package with one part changed by `change`, packed anew.
fn repacked(package: &[u8], part: usize, change: impl Fn(&mut Vec<u8>)) -> Vec<u8> {
    let mut from = ZipArchive::new(Cursor::new(package)).unwrap();
    let mut to = ZipWriter::new(Cursor::new(Vec::new()));
    for index in 0..from.len() {
        let mut file = from.by_index(index).unwrap();
        let name = file.name().unwrap().into_owned();
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut file, &mut bytes).unwrap();
        if index == part % from_len(package) {
            change(&mut bytes);
        }
        to.start_file(name, SimpleFileOptions::default()).unwrap();
        to.write_all(&bytes).unwrap();
    }
    to.finish().unwrap().into_inner()
}

fn from_len(package: &[u8]) -> usize {
    ZipArchive::new(Cursor::new(package)).unwrap().len()
}

#[derive(Clone, Debug)]
enum Change {
    Set(usize, u8),
    Cut(usize),
    Remove(usize, usize),
    Insert(usize, Vec<u8>),
    Double(usize, usize),
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        (any::<usize>(), any::<u8>()).prop_map(|(at, byte)| Change::Set(at, byte)),
        any::<usize>().prop_map(Change::Cut),
        (any::<usize>(), 0..200usize).prop_map(|(at, length)| Change::Remove(at, length)),
        (any::<usize>(), prop::collection::vec(any::<u8>(), 0..20))
            .prop_map(|(at, bytes)| Change::Insert(at, bytes)),
        (
            any::<usize>(),
            prop::sample::select(vec![
                "\"",
                ",",
                "\n",
                "\r\n",
                "\"\"",
                "99999999999999999999",
                "A1:XFD1048576",
                "B9:A1",
                "ZZZZZZZZZZ1",
                "<c",
                "</row>",
                "&#0;",
                "\u{feff}",
            ])
        )
            .prop_map(|(at, text)| Change::Insert(at, text.as_bytes().to_vec())),
        (any::<usize>(), 0..200usize).prop_map(|(at, length)| Change::Double(at, length)),
    ]
}

fn apply(bytes: &mut Vec<u8>, change: &Change) {
    if bytes.is_empty() {
        return;
    }
    let size = bytes.len();
    match change {
        Change::Set(at, byte) => bytes[at % size] = *byte,
        Change::Cut(at) => bytes.truncate(at % size),
        Change::Remove(at, length) => {
            let from = at % size;
            bytes.drain(from..(from + length).min(size));
        }
        Change::Insert(at, insert) => {
            let at = at % size;
            bytes.splice(at..at, insert.iter().copied());
        }
        Change::Double(at, length) => {
            let from = at % size;
            let piece = bytes[from..(from + length).min(size)].to_vec();
            bytes.extend(piece);
        }
    }
}

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// What calamine did not foresee is caught; what the machine says of it meanwhile would drown the output of the tests.
fn quietly<T>(run: impl FnOnce() -> T) -> T {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let loud = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !QUIET.get() {
                loud(panic);
            }
        }));
    });
    QUIET.set(true);
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(run));
    QUIET.set(false);
    result.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

#[test]
fn any_bytes_are_answered() {
    proptest!(ProptestConfig::with_cases(2_000), |(bytes in prop::collection::vec(any::<u8>(), 0..600), magic in 0..5usize)| {
        let magic: &[u8] = [&b""[..], b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"\xff\xfe", b"sep=;"][magic];
        swallow(&[magic, &bytes].concat());
    });
}

#[test]
fn any_change_to_a_csv_file_is_answered() {
    let text = "台账\n项目编号,事实,日期,征求户数,备注\np1,征求意见结果,2021-01-18,237,\"一\n二\"\np2,开工,2021/3/1,,\"\"\"x\"\"\"\n";
    let utf8 = text.as_bytes().to_vec();
    let gbk = encoding_rs::GB18030.encode(text).0.into_owned();
    let wide: Vec<u8> = std::iter::once(0xfeff)
        .chain(text.encode_utf16())
        .flat_map(u16::to_le_bytes)
        .collect();
    proptest!(ProptestConfig::with_cases(3_000), |(changes in prop::collection::vec(change(), 1..6), form in 0..3usize)| {
        let mut bytes = [&utf8, &gbk, &wide][form].clone();
        for change in &changes {
            apply(&mut bytes, change);
        }
        swallow(&bytes);
    });
}

#[test]
fn any_change_to_a_workbook_is_answered() {
    let package = workbook();
    assert_eq!(
        file::tables(&package, "t").unwrap().len(),
        1,
        "the unchanged workbook is read"
    );
    proptest!(ProptestConfig::with_cases(600), |(changes in prop::collection::vec(change(), 1..6))| {
        let mut bytes = package.clone();
        for change in &changes {
            apply(&mut bytes, change);
        }
        swallow(&bytes);
    });
}

#[test]
fn any_change_to_a_part_of_a_workbook_is_answered() {
    let package = workbook();
    proptest!(ProptestConfig::with_cases(1_500), |(part in any::<usize>(), changes in prop::collection::vec(change(), 1..4))| {
        let bytes = repacked(&package, part, |bytes| {
            for change in &changes {
                apply(bytes, change);
            }
        });
        swallow(&bytes);
    });
}

/// The package with `from` written as `to` in every part.
fn replaced(from: &str, to: &str) -> Vec<u8> {
    let package = workbook();
    let mut bytes = package;
    for part in 0..from_len(&bytes) {
        bytes = repacked(&bytes, part, |bytes| {
            let text = String::from_utf8_lossy(bytes).replace(from, to);
            *bytes = text.into_bytes();
        });
    }
    bytes
}

#[test]
fn a_claim_of_countless_strings_gets_no_memory() {
    let package = workbook();
    let mut archive = ZipArchive::new(Cursor::new(&package)).unwrap();
    let mut strings = String::new();
    std::io::Read::read_to_string(
        &mut archive.by_name("xl/sharedStrings.xml").unwrap(),
        &mut strings,
    )
    .unwrap();
    let start = strings.find("uniqueCount=\"").unwrap();
    let claim: String = strings[start..].chars().take_while(|c| *c != '>').collect();
    let bytes = replaced(&claim, "uniqueCount=\"99999999999\"");
    assert!(matches!(
        file::tables(&bytes, "t"),
        Err(super::unreadable::Unreadable::Bomb)
    ));
}

#[test]
fn a_sheet_that_claims_to_be_huge_is_read_as_it_is() {
    let bytes = replaced(
        "<dimension ref=\"A1:F44\"/>",
        "<dimension ref=\"A1:XFD1048576\"/>",
    );
    assert_ne!(bytes, workbook());
    let sheets = file::tables(&bytes, "t").unwrap();
    assert!(sheets[0].rows.len() < 60, "{}", sheets[0].rows.len());
}

#[test]
fn a_part_that_unpacks_without_end_is_not_opened() {
    let mut to = ZipWriter::new(Cursor::new(Vec::new()));
    to.start_file("xl/workbook.xml", SimpleFileOptions::default())
        .unwrap();
    // 1.1 GB of blanks pack into about a megabyte.
    let blanks = vec![b' '; 1 << 20];
    for _ in 0..1_100 {
        to.write_all(&blanks).unwrap();
    }
    let bytes = to.finish().unwrap().into_inner();
    assert!(bytes.len() < 4 << 20);
    assert!(matches!(
        file::tables(&bytes, "t"),
        Err(super::unreadable::Unreadable::Bomb)
    ));
}
