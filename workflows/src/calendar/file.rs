//! A calendar file as a person writes it: problems with their place, in both languages.

use super::Calendar;
use super::definition::{CalendarDefinition, CalendarError, Notice};
use crate::definition::{Locations, Place, Problem, read_node, yaml};

/// A calendar file: notices, and where each stands.
#[derive(Clone, Debug)]
pub struct CalendarFile {
    definition: CalendarDefinition,
    locations: Locations,
    file: String,
}

impl CalendarFile {
    /// Reads a file. Whether its notices agree, with each other and with those of a log, is for
    /// [`CalendarFile::whole`] and [`CalendarFile::added_to`].
    ///
    /// # Errors
    /// All problems of the text that can be told apart, by place.
    pub fn parse(text: &str, file: &str) -> Result<Self, Vec<Problem>> {
        let node = yaml::load(text, file)?;
        let definition = read_node(&node)?;
        Ok(Self {
            definition,
            locations: Locations::new(node),
            file: file.to_owned(),
        })
    }

    /// The notices of the file.
    #[must_use]
    pub fn notices(&self) -> &[Notice] {
        &self.definition.notices
    }

    /// The calendar of this file alone.
    ///
    /// # Errors
    /// The first contradiction between its notices.
    pub fn whole(&self) -> Result<Calendar, Vec<Problem>> {
        Calendar::from_definition(self.definition.clone()).map_err(|error| vec![self.place(error)])
    }

    /// A calendar with the notices of this file added; those that it has already are taken once.
    ///
    /// # Errors
    /// The first contradiction between the notices.
    pub fn added_to(&self, calendar: &Calendar) -> Result<Calendar, Vec<Problem>> {
        let mut definition = calendar.definition().clone();
        if definition.id != self.definition.id {
            let (has, is) = (&definition.id, &self.definition.id);
            return Err(vec![Problem::error(
                "another_calendar",
                self.locations.value(&["id"]),
                format!("这是日历“{is}”,日志中的是“{has}”"),
                format!("this is the calendar {is:?}, the log has {has:?}"),
            )]);
        }
        for notice in &self.definition.notices {
            if !definition.notices.contains(notice) {
                definition.notices.push(notice.clone());
            }
        }
        Calendar::from_definition(definition).map_err(|error| vec![self.place(error)])
    }

    /// A contradiction, at the notice of this file that has it.
    fn place(&self, error: CalendarError) -> Problem {
        let notices = &self.definition.notices;
        let index = match &error {
            CalendarError::RestedAndWorked { notice, .. }
            | CalendarError::StatutoryNotRest { notice, .. }
            | CalendarError::DayOfAnotherYear { notice, .. }
            | CalendarError::AmendsUnknownYear { notice, .. } => {
                notices.iter().position(|other| other.title == *notice)
            }
            // The later one in the file is the one to look at.
            CalendarError::YearFixedTwice { year } => {
                notices.iter().rposition(|notice| notice.year == *year)
            }
            CalendarError::Yaml(_) | CalendarError::Shape { .. } => None,
        };
        let place = index.map_or_else(
            || Place {
                file: self.file.clone(),
                ..Place::default()
            },
            |index| self.locations.value(&["notices", &index.to_string()]),
        );
        let code = match &error {
            CalendarError::RestedAndWorked { .. } => "rested_and_worked",
            CalendarError::StatutoryNotRest { .. } => "statutory_not_rest",
            CalendarError::DayOfAnotherYear { .. } => "day_of_another_year",
            CalendarError::YearFixedTwice { .. } => "year_fixed_twice",
            CalendarError::AmendsUnknownYear { .. } => "amends_unknown_year",
            CalendarError::Yaml(_) | CalendarError::Shape { .. } => "bad_value",
        };
        let mut problem = Problem::error(code, place, chinese(&error), error.to_string());
        problem.path = index.map_or_else(String::new, |index| format!("notices.{index}"));
        problem
    }
}

fn chinese(error: &CalendarError) -> String {
    match error {
        CalendarError::Yaml(what) => format!("日历文件不是 YAML:{what}"),
        CalendarError::Shape { path, reason } => format!("日历文件在“{path}”处格式不对:{reason}"),
        CalendarError::RestedAndWorked { notice, day } => {
            format!("「{notice}」把 {day} 既列为放假又列为上班")
        }
        CalendarError::StatutoryNotRest { notice, day } => {
            format!("「{notice}」把 {day} 列为法定节假日,却没有列为放假")
        }
        CalendarError::DayOfAnotherYear { notice, year, day } => {
            format!("「{notice}」是 {year} 年的通知,不能规定 {day}")
        }
        CalendarError::YearFixedTwice { year } => {
            format!("{year} 年有两份年度通知;第二份应为调整(kind: amendment)")
        }
        CalendarError::AmendsUnknownYear {
            notice,
            year,
            published,
        } => format!("「{notice}」调整 {year} 年,但截至 {published} 尚无该年的年度通知"),
    }
}
