//! Columns that line up where a Chinese letter takes two cells.

use std::fmt;

use unicode_width::UnicodeWidthStr;

/// The gap between two columns.
const GAP: usize = 2;

/// Rows under a head. A column that is empty in every row is left out.
pub(super) struct Table {
    head: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(super) fn new<const N: usize>(head: [&str; N]) -> Self {
        Self {
            head: head.map(str::to_owned).to_vec(),
            rows: Vec::new(),
        }
    }

    pub(super) fn row<const N: usize>(&mut self, cells: [String; N]) {
        // A cell is one line, whatever the file says.
        self.rows.push(
            cells
                .into_iter()
                .map(|cell| cell.split_whitespace().collect::<Vec<_>>().join(" "))
                .collect(),
        );
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let used: Vec<usize> = (0..self.head.len())
            .filter(|column| {
                self.rows
                    .iter()
                    .any(|row| row.get(*column).is_some_and(|cell| !cell.is_empty()))
            })
            .collect();
        let lines = || std::iter::once(&self.head).chain(&self.rows);
        let cell =
            |row: &'_ Vec<String>, column: usize| row.get(column).cloned().unwrap_or_default();
        let widths: Vec<usize> = used
            .iter()
            .map(|column| {
                lines()
                    .map(|row| cell(row, *column).width())
                    .max()
                    .unwrap_or(0)
            })
            .collect();
        for row in lines() {
            let mut line = String::new();
            for (column, width) in used.iter().zip(&widths) {
                let text = cell(row, *column);
                let gap = width.saturating_sub(text.width()) + GAP;
                line.push_str(&text);
                line.push_str(&" ".repeat(gap));
            }
            writeln!(f, "  {}", line.trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_in_cells_and_empty_ones_are_left_out() {
        let mut table = Table::new(["阶段", "空", "id"]);
        table.row(["摸底调查".into(), String::new(), "survey".into()]);
        table.row(["ab\n c".into(), String::new(), "x".into()]);
        assert_eq!(
            table.to_string(),
            "  阶段      id\n  摸底调查  survey\n  ab c      x\n"
        );
    }
}
