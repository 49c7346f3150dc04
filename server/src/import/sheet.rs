//! A table as a file gives it: rows of cells, each at the place where a person finds it.

use std::sync::Arc;

use anju_workflows::definition::Lang;

/// The widest sheet: what Excel itself allows.
pub(super) const MAX_COLUMNS: u32 = 16_384;

/// A sheet of a workbook, or a whole .csv file.
#[derive(Debug, Default)]
pub(super) struct Sheet {
    /// Its name; of a .csv file, the name of the file.
    pub name: Arc<str>,
    /// Its rows that are not empty, from the top.
    pub rows: Vec<Row>,
    /// Its merged cells.
    pub merges: Vec<Merge>,
}

/// A row that is not empty.
#[derive(Debug)]
pub(super) struct Row {
    /// Its number as Excel shows it: 1 for the first.
    pub number: u32,
    /// Its cells that are not empty, from the left, with their columns (0 = A).
    pub cells: Vec<(u32, Cell)>,
}

impl Row {
    /// The cell in a column.
    pub(super) fn cell(&self, column: u32) -> Option<&Cell> {
        self.cells
            .binary_search_by_key(&column, |(column, _)| *column)
            .ok()
            .and_then(|index| self.cells.get(index))
            .map(|(_, cell)| cell)
    }
}

/// A cell: its text, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cell {
    /// Its content as text: numbers as exact decimals, days as `2021-03-11`, instants as `2021-03-11T09:30:00+08:00`.
    pub text: String,
    /// Why the text cannot be taken.
    pub flaw: Option<Flaw>,
}

impl Cell {
    /// A cell of text without the blanks around it; `None` if nothing is left.
    pub(super) fn text(text: &str) -> Option<Self> {
        let text = text.trim_matches(is_blank);
        (!text.is_empty()).then(|| Self {
            text: text.to_owned(),
            flaw: None,
        })
    }
}

/// Blanks as they come with copied text: also the full-width one, the byte order mark and the zero-width ones.
pub(super) fn is_blank(c: char) -> bool {
    c.is_whitespace()
        || matches!(
            c,
            '\u{feff}' | '\u{200b}' | '\u{200c}' | '\u{200d}' | '\u{2060}'
        )
}

/// Why a cell cannot be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Flaw {
    /// A formula that gave an error.
    Formula,
    /// A number with more digits than Excel keeps: the cell does not hold what was typed.
    Digits,
    /// A date outside 1900 to 2199, or a time without a date.
    Date,
    /// A span of time, where a value was expected.
    Duration,
    /// A value that is merged over several cells.
    Merged,
}

impl Flaw {
    /// The flaw in words.
    pub(super) fn message(&self, lang: Lang) -> &'static str {
        match (self, lang) {
            (Self::Formula, Lang::Zh) => "公式出错,请改为数值",
            (Self::Formula, Lang::En) => "the formula gives an error: put a value",
            (Self::Digits, Lang::Zh) => {
                "数字超过15位,Excel已丢失部分数位:请用ROUND取整,或将单元格设为文本后重新填写"
            }
            (Self::Digits, Lang::En) => {
                "more than 15 digits, of which Excel has lost some: round it (ROUND), or format the cell as text and type it again"
            }
            (Self::Date, Lang::Zh) => "不是有效日期:应为1900年至2199年的日期,如 2021-03-11",
            (Self::Date, Lang::En) => {
                "no day of 1900 to 2199: expected a day, for example 2021-03-11"
            }
            (Self::Duration, Lang::Zh) => "是时长,不是数值或日期",
            (Self::Duration, Lang::En) => "a span of time: expected a value or a day",
            (Self::Merged, Lang::Zh) => {
                "合并单元格:不能判断数值属于哪一行哪一列,请取消合并后逐格填写"
            }
            (Self::Merged, Lang::En) => {
                "merged over several cells: it is not known to which row and column it belongs; unmerge and fill each cell"
            }
        }
    }
}

/// Merged cells, first and last row (1-based) and column (0-based), all inclusive.
#[derive(Clone, Copy, Debug)]
pub(super) struct Merge {
    pub rows: (u32, u32),
    pub columns: (u32, u32),
}

/// The name of a cell: `D17`.
pub(super) fn cell_name(column: u32, row: u32) -> String {
    format!("{}{row}", column_name(column))
}

/// The letters of a column: 0 = A, 25 = Z, 26 = AA.
pub(super) fn column_name(column: u32) -> String {
    let mut letters = Vec::new();
    let mut rest = u64::from(column) + 1;
    while rest > 0 {
        rest -= 1;
        letters.push(char::from(b'A' + u8::try_from(rest % 26).unwrap_or(0)));
        rest /= 26;
    }
    letters.iter().rev().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_named_as_excel_names_it() {
        for (column, row, name) in [
            (0, 1, "A1"),
            (3, 17, "D17"),
            (25, 2, "Z2"),
            (26, 2, "AA2"),
            (16_383, 1_048_576, "XFD1048576"),
        ] {
            assert_eq!(cell_name(column, row), name);
        }
    }

    #[test]
    fn blanks_around_a_text_are_no_content() {
        assert_eq!(Cell::text(" \u{3000}\u{feff}\u{a0}"), None);
        assert_eq!(
            Cell::text("\u{3000}长江花园\u{200b} ").unwrap().text,
            "长江花园"
        );
    }
}
