//! Tables in text files: comma, semicolon or tab; UTF-8, UTF-16 or GBK, as Excel and WPS save them.
//!
//! The text is split here and not by a library for two reasons: a row is reported under the number that Excel shows,
//! whatever line breaks its cells hold, and a quotation mark that is never closed is an error, not a cell that
//! swallows the rest of the file.

use std::borrow::Cow;

use encoding_rs::{GB18030, UTF_16BE, UTF_16LE};

use super::file::MAX_ROWS;
use super::header;
use super::sheet::{Cell, MAX_COLUMNS, Row, Sheet};
use super::unreadable::Unreadable;

/// How much of a text is looked at to find out what separates its cells, in bytes.
const LOOK_AT: usize = 64 << 10;

/// The table in some bytes.
pub(super) fn sheet(bytes: &[u8], name: &str) -> Result<Sheet, Unreadable> {
    let text = decode(bytes)?;
    let (delimiter, first_row, text) = delimiter(&text);
    let rows = split(text, delimiter, first_row)?;
    if rows.is_empty() {
        return Err(Unreadable::Empty);
    }
    Ok(Sheet {
        name: name.into(),
        rows,
        merges: Vec::new(),
    })
}

/// The text of some bytes: by its byte order mark; else UTF-8 if it is UTF-8; else GB18030, which GBK and GB2312 are
/// a part of.
fn decode(bytes: &[u8]) -> Result<Cow<'_, str>, Unreadable> {
    let whole = |encoding: &'static encoding_rs::Encoding, bytes| {
        let (text, bad) = encoding.decode_without_bom_handling(bytes);
        if bad {
            Err(Unreadable::Encoding)
        } else {
            Ok(text)
        }
    };
    let text = match bytes {
        [0xef, 0xbb, 0xbf, rest @ ..] => {
            Cow::Borrowed(std::str::from_utf8(rest).map_err(|_| Unreadable::Encoding)?)
        }
        [0xff, 0xfe, rest @ ..] => whole(UTF_16LE, rest)?,
        [0xfe, 0xff, rest @ ..] => whole(UTF_16BE, rest)?,
        _ => match std::str::from_utf8(bytes) {
            Ok(text) => Cow::Borrowed(text),
            Err(_) => whole(GB18030, bytes)?,
        },
    };
    // Tables hold no zero bytes; programs, databases and UTF-16 without a mark do.
    if text.contains('\0') {
        return Err(Unreadable::Encoding);
    }
    Ok(text)
}

/// What separates the cells, the number of the first row, and the text from there.
/// A first line `sep=;` says it; else the first separator under which a header is understood.
fn delimiter(text: &str) -> (char, u32, &str) {
    if let Some(rest) = text
        .strip_prefix("sep=")
        .or_else(|| text.strip_prefix("\"sep="))
    {
        let mut chars = rest.chars();
        if let Some(delimiter) = chars.next().filter(|c| matches!(c, ',' | ';' | '\t' | '|'))
            && let Some((line, text)) = chars.as_str().split_once('\n')
            && matches!(line.trim_matches(['\r', '"']), "")
        {
            return (delimiter, 2, text);
        }
    }
    let mut end = text.len().min(LOOK_AT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let understood = |delimiter: &char| {
        let mut splitter = Splitter::new(&text[..end], *delimiter, 1);
        let mut rows = Vec::new();
        while rows.len() < header::LOOK_AT_ROWS {
            match splitter.next() {
                Some(Ok(row)) => rows.push(row),
                Some(Err(_)) | None => break,
            }
        }
        let sheet = Sheet {
            rows,
            ..Sheet::default()
        };
        !matches!(header::find(&sheet), Ok(None))
    };
    let delimiter = [',', '\t', ';'].into_iter().find(understood).unwrap_or(',');
    (delimiter, 1, text)
}

fn split(text: &str, delimiter: char, first_row: u32) -> Result<Vec<Row>, Unreadable> {
    let mut rows = Vec::new();
    for row in Splitter::new(text, delimiter, first_row) {
        if rows.len() == MAX_ROWS {
            return Err(Unreadable::TooManyRows);
        }
        rows.push(row?);
    }
    Ok(rows)
}

/// Splits a text into rows; empty ones are passed over but counted.
struct Splitter<'a> {
    rest: std::iter::Peekable<std::str::Chars<'a>>,
    delimiter: char,
    /// The number of the next row.
    number: u32,
}

impl<'a> Splitter<'a> {
    fn new(text: &'a str, delimiter: char, number: u32) -> Self {
        Self {
            rest: text.chars().peekable(),
            delimiter,
            number,
        }
    }

    /// One cell, and what ended it.
    fn cell(&mut self) -> Result<(String, End), Unreadable> {
        let mut text = String::new();
        let mut quoted = false;
        if self.rest.next_if_eq(&'"').is_some() {
            quoted = true;
        }
        loop {
            match self.rest.next() {
                None if quoted => return Err(Unreadable::OpenQuote { row: self.number }),
                None => return Ok((text, End::Text)),
                Some('"') if quoted => {
                    if self.rest.next_if_eq(&'"').is_some() {
                        text.push('"');
                    } else {
                        // What follows a closed quotation up to the separator belongs to the cell as it stands.
                        quoted = false;
                    }
                }
                Some(c) if quoted => text.push(c),
                Some(c) if c == self.delimiter => return Ok((text, End::Cell)),
                Some('\r') => {
                    self.rest.next_if_eq(&'\n');
                    return Ok((text, End::Row));
                }
                Some('\n') => return Ok((text, End::Row)),
                Some(c) => text.push(c),
            }
        }
    }
}

/// What ended a cell.
enum End {
    Cell,
    Row,
    Text,
}

impl Iterator for Splitter<'_> {
    type Item = Result<Row, Unreadable>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            self.rest.peek()?;
            let mut cells = Vec::new();
            let mut column = 0;
            loop {
                let (text, end) = match self.cell() {
                    Ok(cell) => cell,
                    Err(error) => {
                        // Nothing more can be told apart.
                        self.rest = "".chars().peekable();
                        return Some(Err(error));
                    }
                };
                if column >= MAX_COLUMNS {
                    return Some(Err(Unreadable::TooWide { row: self.number }));
                }
                if let Some(cell) = Cell::text(&text) {
                    cells.push((column, cell));
                }
                column += 1;
                if !matches!(end, End::Cell) {
                    break;
                }
            }
            let number = self.number;
            self.number = self.number.saturating_add(1);
            if !cells.is_empty() {
                return Some(Ok(Row { number, cells }));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str) -> Vec<(u32, Vec<(u32, String)>)> {
        split(text, ',', 1)
            .unwrap()
            .into_iter()
            .map(|row| {
                let cells = row
                    .cells
                    .into_iter()
                    .map(|(column, cell)| (column, cell.text));
                (row.number, cells.collect())
            })
            .collect()
    }

    #[test]
    fn a_row_has_the_number_that_excel_shows_whatever_its_cells_hold() {
        let text = "a,\"two\nlines\"\r\n\r\nb,c\n,,\nlast";
        let numbers: Vec<u32> = rows(text).iter().map(|(number, _)| *number).collect();
        assert_eq!(numbers, [1, 3, 5]);
    }

    #[test]
    fn quotation_marks_are_undone_as_excel_writes_them() {
        assert_eq!(
            rows("\"a,\"\"b\"\"\",,\"c\" d,5\" pipe\n"),
            [(
                1,
                vec![
                    (0, "a,\"b\"".to_owned()),
                    (2, "c d".to_owned()),
                    (3, "5\" pipe".to_owned())
                ]
            )]
        );
    }

    #[test]
    fn a_quotation_mark_that_is_never_closed_is_an_error_at_its_row() {
        assert!(matches!(
            split("a\n\nb,\"c\nd\n", ',', 1),
            Err(Unreadable::OpenQuote { row: 3 })
        ));
    }

    #[test]
    fn the_encodings_that_excel_and_wps_save_are_told_apart() {
        let text = "项目编号,项目名称\np1,长江花园\n";
        let wide =
            |unit: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(unit).collect::<Vec<u8>>();
        let cases = [
            text.as_bytes().to_vec(),
            [b"\xef\xbb\xbf", text.as_bytes()].concat(),
            GB18030.encode(text).0.into_owned(),
            [b"\xff\xfe".to_vec(), wide(u16::to_le_bytes)].concat(),
            [b"\xfe\xff".to_vec(), wide(u16::to_be_bytes)].concat(),
        ];
        for bytes in cases {
            assert_eq!(decode(&bytes).unwrap(), text, "{:?}", &bytes[..4]);
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_refused() {
        assert!(matches!(
            decode(b"\xff\xfe\x00\xd8"),
            Err(Unreadable::Encoding)
        ));
        assert!(matches!(decode(b"ab\0c"), Err(Unreadable::Encoding)));
        assert!(matches!(decode(b"\x81\xff\xff"), Err(Unreadable::Encoding)));
    }

    #[test]
    fn the_separator_is_the_one_under_which_the_header_is_understood() {
        for (text, expected) in [
            ("项目编号,项目名称\n", ','),
            ("项目编号;项目名称\n", ';'),
            ("项目编号\t项目名称\n", '\t'),
            ("台账,2021;合计\n项目编号;项目名称\n", ';'),
            ("sep=;\n项目编号;项目名称\n", ';'),
        ] {
            assert_eq!(delimiter(text).0, expected, "{text:?}");
        }
        assert_eq!(delimiter("sep=|\r\na|b\n"), ('|', 2, "a|b\n"));
    }
}
