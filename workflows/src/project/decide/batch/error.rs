//! Why a project was not carried over, or its opening balance not taken.

use jiff::civil::Date;

use crate::definition::Lang;

/// Why a project was not carried over, or its opening balance not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.message(Lang::En))]
pub enum BatchError {
    /// No year of a batch.
    BadYear {
        /// What was given.
        year: i16,
    },
    /// A project is carried over into a later year only.
    NotLater {
        /// The year of its batch.
        from: i16,
        /// The year asked for.
        to: i16,
    },
    /// Only a project adopted in mid-course has an opening balance.
    NotAdopted,
    /// A balance of nothing.
    Empty,
    /// A milestone after the day as of which the balance holds.
    NotYet {
        /// The day claimed.
        day: Date,
        /// The day of the balance.
        balance: Date,
    },
}

impl BatchError {
    /// The error in words.
    #[must_use]
    pub fn message(&self, lang: Lang) -> String {
        let (zh, en) = self.both();
        match lang {
            Lang::Zh => zh,
            Lang::En => en,
        }
    }

    pub(in crate::project::decide) fn both(&self) -> (String, String) {
        match self {
            Self::BadYear { year } => (
                format!("批次年度“{year}”不对:应为 1990 至 2100"),
                format!("batch {year}: expected a year from 1990 to 2100"),
            ),
            Self::NotLater { from, to } => (
                format!("项目属 {from} 年批次,只能结转到更晚的年度,不能到 {to} 年"),
                format!("the project is of the batch {from}: it can be carried over to a later year only, not to {to}"),
            ),
            Self::NotAdopted => (
                "只有中途纳入(续建)的项目才有期初数;登记时用 --adopt 指明阶段".to_owned(),
                "only a project adopted in mid-course has an opening balance; register it with --adopt".to_owned(),
            ),
            Self::Empty => (
                "期初数没有内容:请给出 --sum 或 --milestone".to_owned(),
                "the opening balance says nothing: give --sum or --milestone".to_owned(),
            ),
            Self::NotYet { day, balance } => (
                format!("里程碑日期{day}晚于期初数截止日{balance}"),
                format!("the milestone of {day} is after the day of the balance, {balance}"),
            ),
        }
    }
}
