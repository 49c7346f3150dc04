//! The header of a sheet: which row it is, what kind of sheet it makes, what each column means.

use std::collections::HashMap;
use std::sync::Arc;

use super::sheet::{Row, Sheet, cell_name};
use super::titles::{Kind, Meaning, dotted, fold, meaning};
use super::unreadable::Unreadable;

/// A header stands among the first so many rows that are not empty; titles may stand above it.
pub(super) const LOOK_AT_ROWS: usize = 20;

/// A column with a title.
#[derive(Debug)]
pub(super) struct Column {
    /// 0 = A.
    pub index: u32,
    /// The title as written.
    pub title: Arc<str>,
    /// The title as compared.
    pub word: String,
    /// What it means, in a sheet of this kind; `None`: it may name a field.
    pub meaning: Option<Meaning>,
}

/// A header that is understood.
#[derive(Debug)]
pub(super) struct Header {
    /// Its row, as Excel shows it.
    pub row: u32,
    /// What kind of sheet it makes.
    pub kind: Kind,
    /// Its columns, from the left.
    pub columns: Vec<Column>,
    meanings: HashMap<Meaning, usize>,
}

impl Header {
    /// The column of a meaning.
    pub(super) fn column(&self, meaning: Meaning) -> Option<&Column> {
        self.meanings
            .get(&meaning)
            .and_then(|&at| self.columns.get(at))
    }
}
/// The header of a sheet; `None` if no row is one.
///
/// # Errors
/// [`Unreadable::SameColumn`] if two columns mean the same.
pub(super) fn find(sheet: &Sheet) -> Result<Option<Header>, Unreadable> {
    sheet
        .rows
        .iter()
        .take(LOOK_AT_ROWS)
        .find_map(|row| kind(row).map(|kind| understand(sheet, row, kind)))
        .transpose()
}

/// The kind of sheet that a row would make as its header.
fn kind(row: &Row) -> Option<Kind> {
    let words: Vec<String> = row.cells.iter().map(|(_, cell)| fold(&cell.text)).collect();
    let has = |wanted: Meaning| {
        words
            .iter()
            .any(|word| meaning(word).is_some_and(|(found, _)| found == wanted))
    };
    let named = has(Meaning::Project) || has(Meaning::Name);
    if named && has(Meaning::Fact) {
        Some(Kind::Facts)
    } else if named && words.iter().any(|word| dotted(word).is_some()) {
        Some(Kind::Ledger)
    } else if has(Meaning::Project) && has(Meaning::Name) {
        Some(Kind::Projects)
    } else {
        None
    }
}

fn understand(sheet: &Sheet, row: &Row, kind: Kind) -> Result<Header, Unreadable> {
    let mut columns: Vec<Column> = Vec::with_capacity(row.cells.len());
    let mut meanings: HashMap<Meaning, usize> = HashMap::new();
    for (index, cell) in &row.cells {
        let word = fold(&cell.text);
        let meaning = meaning(&word)
            .map(|(meaning, _)| meaning)
            .filter(|meaning| meaning.belongs(kind));
        if let Some(meaning) = meaning
            && let Some(first) = meanings.insert(meaning, columns.len())
        {
            let first = columns.get(first).map_or(0, |column| column.index);
            return Err(same_column(sheet, row.number, first, *index, &cell.text));
        }
        columns.push(Column {
            index: *index,
            title: cell.text.as_str().into(),
            word,
            meaning,
        });
    }
    Ok(Header {
        row: row.number,
        kind,
        columns,
        meanings,
    })
}

/// Two columns that mean the same.
pub(super) fn same_column(
    sheet: &Sheet,
    row: u32,
    first: u32,
    second: u32,
    title: &str,
) -> Unreadable {
    Unreadable::SameColumn {
        sheet: sheet.name.to_string(),
        first: cell_name(first, row),
        second: cell_name(second, row),
        title: title.to_owned(),
    }
}

/// The titles of the row that is most like a header, for the message that none is.
pub(super) fn nearest(sheet: &Sheet) -> String {
    let row = sheet.rows.iter().take(LOOK_AT_ROWS).max_by_key(|row| {
        let understood = row
            .cells
            .iter()
            .filter(|(_, cell)| meaning(&fold(&cell.text)).is_some());
        (
            understood.count(),
            row.cells.len().min(50),
            std::cmp::Reverse(row.number),
        )
    });
    let titles: Vec<String> = row
        .into_iter()
        .flat_map(|row| row.cells.iter().take(12))
        .map(|(_, cell)| {
            cell.text
                .chars()
                .take(20)
                .filter(|c| !c.is_control())
                .collect()
        })
        .collect();
    format!("{}({})", sheet.name, titles.join(" | "))
}

#[cfg(test)]
mod tests {
    use super::super::csv;
    use super::*;

    fn header(text: &str) -> Result<Option<Header>, Unreadable> {
        find(&csv::sheet(text.as_bytes(), "t").unwrap())
    }

    #[test]
    fn a_sheet_is_known_by_its_header_in_either_language_and_any_order() {
        for (text, kind) in [
            ("项目名称,项目编号,户数(户)\n", Kind::Projects),
            ("name,project,households\n", Kind::Projects),
            ("日期,事实,项目编号\n", Kind::Facts),
            ("Project,FACT,Date\n", Kind::Facts),
            ("项目名称,事实,日期\n", Kind::Facts),
            ("*项目编号,征求意见结果.征求户数\n", Kind::Ledger),
            (
                "项 目 编 号:,consultation_result.asked_households\n",
                Kind::Ledger,
            ),
        ] {
            assert_eq!(
                header(text).unwrap().map(|header| header.kind),
                Some(kind),
                "{text}"
            );
        }
    }

    #[test]
    fn titles_above_the_header_are_passed_over() {
        let header = header("2021年改造台账,,\n单位:某街道,,\n项目编号,项目名称,户数\n")
            .unwrap()
            .unwrap();
        assert_eq!(header.row, 3);
    }

    #[test]
    fn a_sheet_without_project_is_not_understood() {
        for text in ["序号,单位,金额\n", "事实,日期\n", "项目名称,户数\n"] {
            assert!(header(text).unwrap().is_none(), "{text}");
        }
    }

    #[test]
    fn two_columns_that_mean_the_same_are_an_error_at_their_cells() {
        let error = header("项目编号,项目名称,户数,project\n").unwrap_err();
        assert!(
            matches!(&error, Unreadable::SameColumn { first, second, .. } if first == "A1" && second == "D1"),
            "{error:?}"
        );
    }
}
