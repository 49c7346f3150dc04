//! Why a command about an order was not taken.

use jiff::civil::Date;

use crate::definition::Lang;

/// Why a command about an order was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.message(Lang::En))]
pub enum OrderError {
    /// There is no such order.
    NoSuchOrder {
        /// The number given.
        order: u32,
        /// How many there are; they are numbered from 1.
        dispatched: u32,
    },
    /// Nobody said by when, and the definition does not either.
    DueNeeded,
    /// The last permitted day is before the day of the order.
    DueTooEarly {
        /// The day given.
        due: Date,
        /// The day of the order.
        day: Date,
    },
    /// The order is closed.
    IsClosed {
        /// Which.
        order: u32,
        /// Since when.
        on: Date,
    },
    /// The order is open.
    IsOpen {
        /// Which.
        order: u32,
    },
    /// A closing says by which unit.
    UnitNeeded {
        /// The order.
        order: u32,
    },
    /// The unit under an order cannot close it.
    BySubject {
        /// The order.
        order: u32,
        /// The unit it went to.
        subject: String,
        /// The unit that asks.
        unit: String,
    },
    /// More time is asked for before the due day.
    TooLate {
        /// The order.
        order: u32,
        /// The last permitted day.
        due: Date,
        /// The day on which it was asked.
        day: Date,
    },
    /// The project has left the programme.
    Withdrawn,
    /// The days cannot be counted: the calendar does not know them.
    CalendarUnknown {
        /// Counted from here.
        from: Date,
    },
}

impl OrderError {
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
            Self::NoSuchOrder {
                order,
                dispatched: 0,
            } => (
                format!("没有派单 #{order}:该项目尚无派单"),
                format!("there is no order #{order}: the project has none"),
            ),
            Self::NoSuchOrder { order, dispatched } => (
                format!("没有派单 #{order},该项目的派单编号为 1 至 {dispatched}"),
                format!("there is no order #{order}; the project's are numbered 1 to {dispatched}"),
            ),
            Self::DueNeeded => (
                "请用 --due 写明办结期限:流程定义没有规定派单的办理天数".to_owned(),
                "say by when with --due: the definition gives orders no days".to_owned(),
            ),
            Self::DueTooEarly { due, day } => (
                format!("办结期限{due}早于派单日{day}"),
                format!("the due day {due} is before the day of the order, {day}"),
            ),
            Self::IsClosed { order, on } => (
                format!("派单 #{order} 已于{on}销号"),
                format!("order #{order} was closed on {on}"),
            ),
            Self::IsOpen { order } => (
                format!("派单 #{order} 尚未销号"),
                format!("order #{order} is open"),
            ),
            Self::UnitNeeded { order } => (
                format!("派单 #{order} 销号须用 --unit 写明销号单位"),
                format!("closing order #{order} needs the unit that closes it: --unit"),
            ),
            Self::BySubject {
                order,
                subject,
                unit,
            } => (
                format!(
                    "派单 #{order} 的承办单位是“{subject}”,不能由“{unit}”自行销号,须由其他单位核实"
                ),
                format!(
                    "order #{order} went to {subject:?}: {unit:?} cannot close it itself, another unit has to"
                ),
            ),
            Self::TooLate { order, due, day } => (
                format!("派单 #{order} 的期限是{due},延期须在到期前申请({day}已过期)"),
                format!(
                    "order #{order} was due on {due}: more time is asked for before that day is over, not on {day}"
                ),
            ),
            Self::Withdrawn => (
                "项目已退出改造计划".to_owned(),
                "the project has left its programme".to_owned(),
            ),
            Self::CalendarUnknown { from } => (
                format!("{from}之后的工作日历尚未发布,无法计算期限,请用 --due 写明"),
                format!(
                    "the calendar after {from} is not published, so the due day cannot be counted: give --due"
                ),
            ),
        }
    }
}
