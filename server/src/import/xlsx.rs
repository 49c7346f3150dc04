//! Tables in .xlsx workbooks.
//!
//! Cells are read one after the other, never as the rectangle that a sheet claims to fill: two cells at opposite
//! corners of a sheet would ask for 17 billion. Before that the package is unpacked once into nothing, to know how
//! much it is.

use std::io::{Cursor, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};

use calamine::{DataRef, Reader, Xlsx, XlsxError};
use zip::ZipArchive;
use zip::result::ZipError;

use super::file::MAX_ROWS;
use super::number::{exact, moment};
use super::sheet::{Cell, Flaw, MAX_COLUMNS, Merge, Row, Sheet};
use super::unreadable::Unreadable;

/// How much the XML of a workbook may unpack to: 1 GiB, several times what a million rows of a ledger have.
const MAX_UNPACKED: u64 = 1 << 30;

/// How many parts a workbook may have.
const MAX_PARTS: usize = 10_000;

/// How much text the cells may hold together, in bytes: a text that stands once in the file may stand in every cell.
const MAX_TEXT_BYTES: usize = 256 << 20;

/// The largest row number that Excel knows.
const LAST_ROW: u32 = 1_048_576;

/// The sheets of a workbook that hold cells, in its order.
pub(super) fn sheets(bytes: &[u8]) -> Result<Vec<Sheet>, Unreadable> {
    guarded("package", || check_package(bytes))?;
    guarded("workbook", || read(bytes))
}

/// A workbook on which a reader stumbles in a way it did not foresee is a damaged workbook.
fn guarded<T>(part: &str, read: impl FnOnce() -> Result<T, Unreadable>) -> Result<T, Unreadable> {
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| Err(damaged(part)))
}

fn damaged(detail: impl std::fmt::Display) -> Unreadable {
    Unreadable::Damaged {
        detail: detail.to_string(),
    }
}

/// Unpacks every part once, and keeps nothing of it.
fn check_package(bytes: &[u8]) -> Result<(), Unreadable> {
    let mut package = ZipArchive::new(Cursor::new(bytes)).map_err(damaged)?;
    if package.len() > MAX_PARTS {
        return Err(Unreadable::Bomb);
    }
    let mut left = MAX_UNPACKED;
    let mut kind = None;
    for index in 0..package.len() {
        let mut part = match package.by_index(index) {
            Err(ZipError::UnsupportedArchive(what)) if what == ZipError::PASSWORD_REQUIRED => {
                return Err(Unreadable::Encrypted);
            }
            part => part.map_err(damaged)?,
        };
        let name = part
            .name()
            .map_err(damaged)?
            .replace('\\', "/")
            .to_ascii_lowercase();
        kind = kind.or(kind_of(&name));
        if !(name.ends_with(".xml") || name.ends_with(".rels")) {
            continue;
        }
        let strings = name.ends_with("sharedstrings.xml");
        let mut scan = Scan::default();
        let mut buffer = vec![0; 64 << 10];
        loop {
            let read = match part.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) => return Err(damaged(format!("{name}: {error}"))),
            };
            left = left.checked_sub(read as u64).ok_or(Unreadable::Bomb)?;
            let chunk = buffer.get(..read).unwrap_or_default();
            // XML in UTF-16 has zeros; Excel and WPS write UTF-8, and what follows relies on it.
            if chunk.contains(&0) {
                return Err(damaged(&name));
            }
            if strings {
                scan.take(chunk);
            }
        }
        if scan.claims_too_many() {
            return Err(Unreadable::Bomb);
        }
    }
    match kind {
        Some(Kind::Xlsx) => Ok(()),
        Some(Kind::Other(zh, en)) => Err(Unreadable::NotATable { zh, en }),
        None => Err(Unreadable::NotATable {
            zh: "压缩包",
            en: "an archive",
        }),
    }
}

enum Kind {
    Xlsx,
    Other(&'static str, &'static str),
}

/// What a package is, told by the name of one of its parts.
fn kind_of(part: &str) -> Option<Kind> {
    match part {
        "xl/workbook.bin" => Some(Kind::Other(
            "二进制工作簿(.xlsb,请另存为.xlsx)",
            "a binary workbook (.xlsb; save it as .xlsx)",
        )),
        "word/document.xml" => Some(Kind::Other("Word文稿", "a Word document")),
        "ppt/presentation.xml" => Some(Kind::Other("演示文稿", "a presentation")),
        "content.xml" => Some(Kind::Other(
            "OpenDocument文件(请另存为.xlsx)",
            "an OpenDocument file (save it as .xlsx)",
        )),
        _ if part.ends_with("workbook.xml") => Some(Kind::Xlsx),
        _ => None,
    }
}

/// Looks through the shared strings for a claim of how many there are. Room for them is made by that claim, so it
/// may not be larger than the part that makes it.
#[derive(Default)]
struct Scan {
    tail: Vec<u8>,
    bytes: u64,
    claimed: u64,
}

impl Scan {
    const WORD: &'static [u8] = b"uniqueCount";
    /// The longest claim: the word, a few blanks and twenty digits.
    const CLAIM: usize = 64;

    fn take(&mut self, chunk: &[u8]) {
        self.bytes += chunk.len() as u64;
        self.tail.extend_from_slice(chunk);
        let mut from = 0;
        while let Some(at) = self.tail.get(from..).and_then(|rest| {
            rest.windows(Self::WORD.len())
                .position(|window| window == Self::WORD)
        }) {
            from += at + Self::WORD.len();
            let digits = self
                .tail
                .get(from..)
                .unwrap_or_default()
                .iter()
                .skip_while(|byte| {
                    byte.is_ascii_whitespace() || matches!(byte, b'=' | b'"' | b'\'' | b'+')
                })
                .take_while(|byte| byte.is_ascii_digit());
            let claimed = digits.fold(0u64, |n, digit| {
                n.saturating_mul(10).saturating_add(u64::from(digit - b'0'))
            });
            self.claimed = self.claimed.max(claimed);
        }
        // A claim may lie across two chunks.
        let keep = self.tail.len().saturating_sub(Self::CLAIM);
        self.tail.drain(..keep);
    }

    fn claims_too_many(&self) -> bool {
        self.claimed > self.bytes
    }
}

fn read(bytes: &[u8]) -> Result<Vec<Sheet>, Unreadable> {
    let mut workbook: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).map_err(of_workbook)?;
    let mut left = Budget {
        rows: MAX_ROWS,
        text: MAX_TEXT_BYTES,
    };
    let mut sheets = Vec::new();
    for name in workbook.sheet_names() {
        let Some(rows) = rows(&mut workbook, &name, &mut left)? else {
            continue;
        };
        if rows.is_empty() {
            continue;
        }
        let merges = workbook
            .merge_cells_by_sheet_name(&name)
            .map_err(of_workbook)?
            .into_iter()
            .map(|merge| Merge {
                rows: (
                    merge.start.0.saturating_add(1),
                    merge.end.0.saturating_add(1),
                ),
                columns: (merge.start.1, merge.end.1),
            })
            .collect();
        sheets.push(Sheet {
            name: name.into(),
            rows,
            merges,
        });
    }
    if sheets.is_empty() {
        return Err(Unreadable::Empty);
    }
    Ok(sheets)
}

fn of_workbook(error: XlsxError) -> Unreadable {
    match error {
        XlsxError::Password => Unreadable::Encrypted,
        other => damaged(other),
    }
}

struct Budget {
    rows: usize,
    text: usize,
}

/// The rows of a sheet; `None` if it is a chart or the like.
fn rows(
    workbook: &mut Xlsx<Cursor<&[u8]>>,
    sheet: &str,
    left: &mut Budget,
) -> Result<Option<Vec<Row>>, Unreadable> {
    let mut reader = match workbook.worksheet_cells_reader(sheet) {
        Err(XlsxError::NotAWorksheet(_)) => return Ok(None),
        reader => reader.map_err(of_workbook)?,
    };
    let mut cells: Vec<(u32, u32, Cell)> = Vec::new();
    let mut seen_rows = 0;
    let mut last_row = None;
    while let Some(found) = reader.next_cell().map_err(of_workbook)? {
        let (row, column) = found.get_position();
        let Some(cell) = cell(found.get_value()) else {
            continue;
        };
        if row >= LAST_ROW || column >= MAX_COLUMNS {
            return Err(damaged(format!("row {row}, column {column}")));
        }
        if last_row != Some(row) {
            last_row = Some(row);
            seen_rows += 1;
            if seen_rows > left.rows {
                return Err(Unreadable::TooManyRows);
            }
        }
        left.text = left
            .text
            .checked_sub(cell.text.len())
            .ok_or(Unreadable::Bomb)?;
        cells.push((row, column, cell));
    }
    left.rows -= seen_rows;
    // Excel writes cells in order; others need not. Of two cells at one place the later one counts.
    cells.reverse();
    cells.sort_by_key(|(row, column, _)| (*row, *column));
    cells.dedup_by_key(|(row, column, _)| (*row, *column));
    let mut rows: Vec<Row> = Vec::new();
    for (row, column, cell) in cells {
        let number = row + 1;
        match rows.last_mut() {
            Some(last) if last.number == number => last.cells.push((column, cell)),
            _ => rows.push(Row {
                number,
                cells: vec![(column, cell)],
            }),
        }
    }
    Ok(Some(rows))
}

fn cell(value: &DataRef<'_>) -> Option<Cell> {
    let (text, flaw) = match value {
        DataRef::Empty => return None,
        DataRef::String(text) | DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => {
            return Cell::text(text);
        }
        DataRef::SharedString(text) => return Cell::text(text),
        DataRef::Int(value) => (value.to_string(), None),
        DataRef::Float(value) => exact(*value),
        DataRef::Bool(value) => (value.to_string(), None),
        DataRef::DateTime(value) => moment(*value),
        DataRef::Error(error) => (error.to_string(), Some(Flaw::Formula)),
    };
    Some(Cell { text, flaw })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_of_strings_is_found_across_chunks() {
        for (text, claims) in [
            ("<sst count='1' uniqueCount=\"9999999999999\">", true),
            (
                "<sst uniqueCount = '4' count=\"4\"><si><t>a</t></si>",
                false,
            ),
            ("<sst count=\"99999999\">", false),
        ] {
            for size in 1..text.len() {
                let mut scan = Scan::default();
                for chunk in text.as_bytes().chunks(size) {
                    scan.take(chunk);
                }
                assert_eq!(scan.claims_too_many(), claims, "{text} by {size}");
            }
        }
    }
}
