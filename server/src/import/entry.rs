//! One row, read cell by cell: what is taken is noted with its place, what cannot be taken becomes a problem.

use anju_engine::event::OccurredAt;
use anju_workflows::definition::{Field, FieldKind, Lang};
use anju_workflows::project::fields::{
    FieldProblem, holds_personal_number, is_sha256, parse_day, parse_value,
};
use jiff::civil::{Date, Time};
use serde_json::Value;

use super::header::{Column, Header};
use super::item::{Place, Places, Problem, Warning, pick};
use super::number::moment_text;
use super::sheet::{Row, Sheet, cell_name};
use super::titles::{Meaning, narrow};

/// A row that is being read.
pub(super) struct Entry<'a> {
    pub sheet: &'a Sheet,
    pub header: &'a Header,
    pub row: &'a Row,
    pub lang: Lang,
    /// Everything that is wrong with it.
    pub problems: Vec<Problem>,
    /// The cells that were kept out.
    pub warnings: Vec<Warning>,
    /// The places of what was read, by what decisions call it.
    pub places: Places,
}

impl<'a> Entry<'a> {
    pub(super) fn new(sheet: &'a Sheet, header: &'a Header, row: &'a Row, lang: Lang) -> Self {
        Self {
            sheet,
            header,
            row,
            lang,
            problems: Vec::new(),
            warnings: Vec::new(),
            places: Places::default(),
        }
    }

    /// The place of a column in this row, whatever stands there.
    pub(super) fn place(&self, column: &Column) -> Place {
        Place {
            cell: cell_name(column.index, self.row.number),
            column: column.title.clone(),
            value: self
                .row
                .cell(column.index)
                .map(|cell| cell.text.clone())
                .unwrap_or_default(),
        }
    }

    /// The place of a meaning; of the row itself if it has no such column.
    pub(super) fn place_of(&self, meaning: Meaning) -> Place {
        self.header.column(meaning).map_or_else(
            || Place {
                cell: cell_name(0, self.row.number),
                ..Place::default()
            },
            |column| self.place(column),
        )
    }

    /// Whether a column holds anything in this row, good or bad.
    pub(super) fn holds(&self, column: &Column) -> bool {
        self.row.cell(column.index).is_some()
    }

    /// The text of a cell. A flawed cell becomes a problem; a cell with a phone or ID number is kept out, with a warning.
    pub(super) fn take(&mut self, column: &Column) -> Option<String> {
        let cell = self.row.cell(column.index)?;
        if holds_personal_number(&cell.text) && !is_sha256(&cell.text.to_ascii_lowercase()) {
            self.keep_out(column);
            return None;
        }
        if let Some(flaw) = &cell.flaw {
            let problem = self.place(column).problem(flaw.message(self.lang));
            self.problem(problem);
            return None;
        }
        Some(cell.text.clone())
    }

    /// Adds a problem, once.
    pub(super) fn problem(&mut self, problem: Problem) {
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }

    /// The text of a column by its meaning; notes its place under that name.
    pub(super) fn text(&mut self, meaning: Meaning, name: &'static str) -> Option<String> {
        let header = self.header;
        let column = header.column(meaning)?;
        self.places.put(name, self.place(column));
        self.take(column)
    }

    /// A cell that holds a phone or ID number is kept out.
    pub(super) fn keep_out(&mut self, column: &Column) {
        let warning = Warning {
            sheet: self.sheet.name.to_string(),
            cell: Some(cell_name(column.index, self.row.number)),
            message: pick(
                self.lang,
                format!("“{}”含电话或证件号码,该单元格不予登记", column.title),
                format!(
                    "column {:?} holds a phone or ID number: this cell is kept out",
                    column.title
                ),
            ),
        };
        // A merged or shared cell is looked at more than once.
        if !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }

    /// A day with or without a time, as the log takes it.
    pub(super) fn occurred(&mut self, column: &Column, today: Date) -> Option<OccurredAt> {
        let text = self.take(column)?;
        let Some(occurred) = occurred_at(&text) else {
            let message = pick(
                self.lang,
                "应为日期,如 2021-03-11",
                "expected a day, for example 2021-03-11",
            );
            let problem = self.place(column).problem(message);
            self.problem(problem);
            return None;
        };
        if occurred.day() > today {
            let message = pick(
                self.lang,
                format!("晚于今天({today}),尚未发生的事不能登记"),
                format!("after today ({today}); what has not happened cannot be recorded"),
            );
            let problem = self.place(column).problem(message);
            self.problem(problem);
            return None;
        }
        Some(occurred)
    }

    /// The value of a field from a cell of its column. `suffix` is what the unit in the title adds to a bare number.
    pub(super) fn value(
        &mut self,
        column: &Column,
        key: &str,
        field: &Field,
        suffix: &str,
    ) -> Option<Value> {
        let text = self.take(column)?;
        let place = self.place(column);
        match read_value(key, field, &text, suffix) {
            Ok(value) => Some(value),
            Err(problem) => {
                let problem = place.problem(problem.message(self.lang));
                self.problem(problem);
                None
            }
        }
    }

    /// Something that must be there is not.
    pub(super) fn missing(&mut self, place: &Place, what: &str) {
        let message = pick(
            self.lang,
            format!("缺少{what}"),
            format!("{what} is missing"),
        );
        self.problem(place.problem(message));
    }
}

/// Reads a field's value from the text of a cell.
pub(super) fn read_value(
    key: &str,
    field: &Field,
    text: &str,
    suffix: &str,
) -> Result<Value, FieldProblem> {
    match field.kind {
        FieldKind::Day => {
            let day = occurred_at(text).map(|occurred| occurred.day().to_string());
            parse_value(key, field, day.as_deref().unwrap_or(text))
        }
        FieldKind::Count | FieldKind::Money | FieldKind::Area | FieldKind::Length => {
            let mut text: String = text.chars().map(narrow).collect();
            if text.ends_with(|c: char| c.is_ascii_digit()) {
                text.push_str(suffix);
            }
            parse_value(key, field, &text)
        }
        _ => parse_value(key, field, text),
    }
}

/// When something happened, as spreadsheets write it: a day in any of their ways, eight digits, a day with a time of
/// day (at UTC+8), or an instant with its offset.
pub(super) fn occurred_at(text: &str) -> Option<OccurredAt> {
    let text: String = text.trim().chars().map(narrow).collect();
    if let Some(day) = parse_day(&text).or_else(|| eight_digits(&text)) {
        return Some(OccurredAt::on(day));
    }
    let (day, time) = text.split_once([' ', 'T'])?;
    if let Ok(instant) = text.parse::<OccurredAt>() {
        return Some(instant);
    }
    let day = parse_day(day)?;
    let time = time_of_day(time.trim())?;
    moment_text(day, time).parse().ok()
}

fn eight_digits(text: &str) -> Option<Date> {
    if text.len() != 8 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let part = |range: std::ops::Range<usize>| text.get(range).unwrap_or_default().to_owned();
    parse_day(&format!("{}-{}-{}", part(0..4), part(4..6), part(6..8)))
}

/// `9:30`, `09:30:00`, `09:30:00.000`.
fn time_of_day(text: &str) -> Option<Time> {
    let text = text.split('.').next()?;
    let mut parts = text.split(':');
    let mut number = || parts.next().map(str::parse::<i8>);
    let (hour, minute) = (number()?.ok()?, number()?.ok()?);
    let second = number().transpose().ok()?.unwrap_or(0);
    if parts.next().is_some() {
        return None;
    }
    Time::new(hour, minute, second, 0).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_read_in_every_way_that_spreadsheets_write_it() {
        for text in [
            "2021-03-11",
            "2021/3/11",
            "2021年3月11日",
            "2021.3.11",
            "20210311",
            "2021-03-11 00:00:00",
            "2021/3/11 0:00",
            "2021-03-11T00:00:00",
            "2021-03-11",
        ] {
            assert_eq!(occurred_at(text).unwrap().as_str(), "2021-03-11", "{text}");
        }
    }

    #[test]
    fn a_time_of_day_is_kept_at_utc_8() {
        for (text, instant) in [
            ("2021-03-11 09:30", "2021-03-11T09:30:00+08:00"),
            ("2021/3/11 9:30:05", "2021-03-11T09:30:05+08:00"),
            ("2021-03-11T09:30:00Z", "2021-03-11T09:30:00Z"),
        ] {
            assert_eq!(occurred_at(text).unwrap().as_str(), instant, "{text}");
        }
    }

    #[test]
    fn what_is_no_day_is_not_guessed() {
        for text in [
            "44266",
            "2021-02-30",
            "2021-3",
            "3/11",
            "2021-03-11 25:00",
            "去年",
            "",
            " ",
            "2021-03-11 x",
        ] {
            assert_eq!(occurred_at(text), None, "{text}");
        }
    }

    #[test]
    fn the_unit_of_a_title_counts_for_bare_numbers_only() {
        let money = Field {
            name: anju_workflows::definition::Text {
                zh: "金额".to_owned(),
                en: "Amount".to_owned(),
            },
            kind: FieldKind::Money,
            required: false,
            unit: None,
            values: std::collections::BTreeMap::new(),
            min: None,
            max: None,
        };
        let read = |text: &str| read_value("amount_fen", &money, text, "万元").unwrap();
        assert_eq!(read("12"), 12_000_000);
        assert_eq!(read("1,200"), 1_200_000_000);
        assert_eq!(read("5元"), 500);
    }
}
