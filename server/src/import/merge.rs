//! Merged cells, and rows that are no entries: titles of sections, totals.

use super::header::Header;
use super::sheet::{Flaw, Merge, Row, Sheet};
use super::titles::{Meaning, fold};
use super::unreadable::Unreadable;

/// How many rows merged cells may cover together: real sheets stay far below, and more would only cost time.
const MAX_COVERED: usize = 4_000_000;

/// Why a row is passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Passed {
    /// One cell that is merged across columns: the title of a section.
    Section,
    /// A sum of other rows.
    Total,
}

/// Settles merged cells below the header, and takes out the rows that are no entries.
///
/// A cell that is merged downwards and names something (project, area, date …) stands for every row it covers. Any
/// other merged value is marked: it is not known to which row and column it belongs.
pub(super) fn settle(sheet: &mut Sheet, header: &Header) -> Result<Vec<(u32, Passed)>, Unreadable> {
    sheet.rows.retain(|row| row.number > header.row);
    let merges = std::mem::take(&mut sheet.merges);
    let mut passed = Vec::new();
    let mut covered = 0usize;
    for merge in merges.iter().filter(|merge| merge.rows.0 > header.row) {
        let Merge { rows, columns } = *merge;
        let from = sheet.rows.partition_point(|row| row.number < rows.0);
        let to = sheet
            .rows
            .partition_point(|row| row.number <= rows.1)
            .max(from);
        covered = covered.saturating_add(to - from);
        if covered > MAX_COVERED {
            return Err(Unreadable::Damaged {
                detail: "mergeCells".to_owned(),
            });
        }
        let titled = header
            .columns
            .iter()
            .filter(|column| (columns.0..=columns.1).contains(&column.index));
        let mut titled = titled.fuse();
        let (Some(column), more) = (titled.next(), titled.next().is_some()) else {
            continue;
        };
        let value = sheet
            .rows
            .get(from)
            .filter(|row| row.number == rows.0)
            .and_then(|row| row.cell(columns.0))
            .cloned();
        let Some(value) = value else { continue };
        if more && rows.0 == rows.1 {
            if let Some(row) = sheet.rows.get_mut(from) {
                if row.cells.len() == 1 {
                    passed.push((row.number, Passed::Section));
                } else {
                    put(row, columns.0, value, Some(Flaw::Merged));
                }
            }
            continue;
        }
        let fills = !more && column.meaning.is_some_and(Meaning::fills);
        let flaw = if fills {
            value.flaw.clone()
        } else {
            Some(Flaw::Merged)
        };
        for row in sheet.rows.get_mut(from..to).unwrap_or_default() {
            put(row, column.index, value.clone(), flaw.clone());
        }
    }
    passed.extend(
        sheet
            .rows
            .iter()
            .filter(|row| is_total(row))
            .map(|row| (row.number, Passed::Total)),
    );
    passed.sort_unstable_by_key(|(row, _)| *row);
    passed.dedup_by_key(|(row, _)| *row);
    sheet.rows.retain(|row| {
        passed
            .binary_search_by_key(&row.number, |(row, _)| *row)
            .is_err()
    });
    Ok(passed)
}

fn put(row: &mut Row, column: u32, mut value: super::sheet::Cell, flaw: Option<Flaw>) {
    value.flaw = flaw;
    match row
        .cells
        .binary_search_by_key(&column, |(column, _)| *column)
    {
        Ok(at) => {
            if let Some(place) = row.cells.get_mut(at) {
                place.1 = value;
            }
        }
        Err(at) => row.cells.insert(at, (column, value)),
    }
}

/// A row whose first cell says that it is a sum.
fn is_total(row: &Row) -> bool {
    row.cells.first().is_some_and(|(_, cell)| {
        matches!(
            fold(&cell.text).as_str(),
            "合计" | "小计" | "总计" | "共计" | "total" | "subtotal"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::super::{csv, header};
    use super::*;

    fn settled(text: &str, merges: &[Merge]) -> (Sheet, Vec<(u32, Passed)>) {
        let mut sheet = csv::sheet(text.as_bytes(), "t").unwrap();
        sheet.merges = merges.to_vec();
        let header = header::find(&sheet).unwrap().unwrap();
        let passed = settle(&mut sheet, &header).unwrap();
        (sheet, passed)
    }

    const TEXT: &str =
        "项目编号,事实,日期,征求户数\np1,a,2021-01-01,5\n,b,2021-01-02,\n,c,2021-01-03,7\n";

    #[test]
    fn a_merged_name_stands_for_every_row_it_covers() {
        let (sheet, _) = settled(
            TEXT,
            &[Merge {
                rows: (2, 4),
                columns: (0, 0),
            }],
        );
        let projects: Vec<_> = sheet
            .rows
            .iter()
            .map(|row| row.cell(0).unwrap().text.as_str())
            .collect();
        assert_eq!(projects, ["p1", "p1", "p1"]);
    }

    #[test]
    fn a_merged_number_belongs_to_no_row() {
        let (sheet, _) = settled(
            TEXT,
            &[Merge {
                rows: (2, 3),
                columns: (3, 3),
            }],
        );
        let flaws: Vec<_> = sheet
            .rows
            .iter()
            .map(|row| row.cell(3).unwrap().flaw.clone())
            .collect();
        assert_eq!(flaws, [Some(Flaw::Merged), Some(Flaw::Merged), None]);
    }

    #[test]
    fn titles_of_sections_and_totals_are_no_entries() {
        let text = "项目编号,项目名称,户数\n一、新碶街道,,\np1,长江花园,5\n合计,,5\n";
        let (sheet, passed) = settled(
            text,
            &[Merge {
                rows: (2, 2),
                columns: (0, 2),
            }],
        );
        assert_eq!(passed, [(2, Passed::Section), (4, Passed::Total)]);
        assert_eq!(
            sheet.rows.iter().map(|row| row.number).collect::<Vec<_>>(),
            [3]
        );
    }
}
