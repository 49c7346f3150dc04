//! Answers on a terminal: tables that line up with Chinese in them.

use unicode_width::UnicodeWidthStr;

/// A table: a head and rows of cells.
pub struct Table {
    head: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these column heads.
    #[must_use]
    pub fn new<S: Into<String>>(head: impl IntoIterator<Item = S>) -> Self {
        Self {
            head: head.into_iter().map(Into::into).collect(),
            rows: Vec::new(),
        }
    }

    /// Adds a row.
    pub fn row<S: Into<String>>(&mut self, cells: impl IntoIterator<Item = S>) {
        self.rows.push(cells.into_iter().map(Into::into).collect());
    }

    /// Whether it has no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The table as text: columns as wide as their widest cell, numbers to the right, two spaces between.
    #[must_use]
    pub fn render(&self) -> String {
        let columns = self.head.len();
        let width = |column: usize| {
            std::iter::once(&self.head)
                .chain(&self.rows)
                .filter_map(|row| row.get(column))
                .map(|cell| cell.width())
                .max()
                .unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let numeric: Vec<bool> = (0..columns)
            .map(|column| {
                !self.rows.is_empty()
                    && self.rows.iter().all(|row| {
                        row.get(column).is_none_or(|cell| {
                            cell.is_empty()
                                || cell == "—"
                                || cell.starts_with(|c: char| c.is_ascii_digit() || c == '-')
                                    && cell.chars().all(|c| {
                                        c.is_ascii_digit() || matches!(c, '.' | ',' | '%' | '-')
                                    })
                        })
                    })
            })
            .collect();
        let mut text = String::new();
        for row in std::iter::once(&self.head).chain(&self.rows) {
            let mut line = String::new();
            for (column, width) in widths.iter().enumerate() {
                let cell = row.get(column).map_or("", String::as_str);
                let pad = " ".repeat(width.saturating_sub(cell.width()));
                if column > 0 {
                    line.push_str("  ");
                }
                if numeric[column] {
                    line.push_str(&pad);
                    line.push_str(cell);
                } else {
                    line.push_str(cell);
                    line.push_str(&pad);
                }
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_with_chinese_in_them() {
        let mut table = Table::new(["项目", "天"]);
        table.row(["长江花园", "7"]);
        table.row(["abc", "12"]);
        assert_eq!(table.render(), "项目      天\n长江花园   7\nabc       12\n");
    }
}
