//! Why a command was not taken. Nothing is appended.

use anju_engine::event::EventId;
use jiff::civil::Date;

use super::batch::BatchError;
use super::lot::LotError;
use super::order::OrderError;
use crate::definition::Lang;
use crate::project::fields::FieldProblem;

/// Why a command was not taken: one variant per thing the caller would do differently.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.message(Lang::En))]
pub enum CommandError {
    /// No such project.
    NotRegistered {
        /// Its id.
        project: String,
    },
    /// The id is taken.
    AlreadyRegistered {
        /// Its id.
        project: String,
    },
    /// A thing cannot be said to have happened after today.
    InTheFuture {
        /// The day given.
        day: Date,
        /// The day of the decision.
        today: Date,
    },
    /// Values that cannot be taken.
    Fields {
        /// All of them.
        problems: Vec<FieldProblem>,
    },
    /// The role may not report such a fact.
    NotPermitted {
        /// The role.
        role: String,
        /// The roles that may.
        permitted: Vec<String>,
    },
    /// A word that the definition does not know.
    Unknown {
        /// What kind of word, in Chinese and English.
        what: (&'static str, &'static str),
        /// The word.
        value: String,
        /// The words it knows.
        known: Vec<String>,
    },
    /// The programme has several tracks and the project names none.
    TrackNeeded {
        /// The tracks.
        known: Vec<String>,
    },
    /// The project does not run.
    NotActive {
        /// What it is.
        status: &'static str,
    },
    /// The project is not suspended.
    NotSuspended,
    /// A transition cannot take effect before the previous one.
    BeforePrevious {
        /// The day given.
        day: Date,
        /// The day of the previous one.
        previous: Date,
    },
    /// There is no such way on from here.
    NoSuchWay {
        /// The stage it is in.
        from: String,
        /// The stage asked for; `None` = none was named and there are several.
        to: Option<String>,
        /// The ways there are.
        possible: Vec<String>,
    },
    /// No fact was recorded by this event.
    NoSuchFact {
        /// The event.
        event: EventId,
    },
    /// The fact is void already.
    AlreadyVoid {
        /// The event.
        event: EventId,
    },
    /// A correction that corrects nothing.
    NothingToCorrect,
    /// The new due day is not later than the one in force.
    NotLater {
        /// The new day.
        due: Date,
        /// The day in force.
        current: Date,
    },
    /// No step was taken by this event.
    NoSuchStep {
        /// The event.
        event: EventId,
    },
    /// The step was acknowledged or withdrawn already.
    StepClosed {
        /// The event.
        event: EventId,
    },
    /// The step is not due (any more).
    NotDue,
    /// Not with this lot.
    Lot(LotError),
    /// Not with this order.
    Order(OrderError),
    /// Not into this batch, or not with this opening balance.
    Batch(BatchError),
    /// A document is not named by its SHA-256, or a note not by its digest.
    BadDigest {
        /// What was given.
        value: String,
    },
}

impl CommandError {
    /// The error in words.
    #[must_use]
    pub fn message(&self, lang: Lang) -> String {
        let (zh, en) = self.both();
        match lang {
            Lang::Zh => zh,
            Lang::En => en,
        }
    }

    fn both(&self) -> (String, String) {
        match self {
            Self::NotRegistered { project } => (
                format!("项目“{project}”尚未登记"),
                format!("project {project:?} is not registered"),
            ),
            Self::AlreadyRegistered { project } => (
                format!("项目编号“{project}”已被使用"),
                format!("project id {project:?} is already taken"),
            ),
            Self::InTheFuture { day, today } => (
                format!("日期{day}晚于今天({today}),尚未发生的事不能登记"),
                format!("{day} is after today ({today}); what has not happened cannot be recorded"),
            ),
            Self::Fields { problems } => (join(problems, Lang::Zh), join(problems, Lang::En)),
            Self::NotPermitted { role, permitted } => (
                format!(
                    "角色“{role}”不能登记此事,可登记的角色:{}",
                    permitted.join("、")
                ),
                format!(
                    "role {role:?} may not report this; these may: {}",
                    permitted.join(", ")
                ),
            ),
            Self::Unknown { what, value, known } => (
                format!("没有{}“{value}”,可用:{}", what.0, known.join("、")),
                format!("no {} {value:?}; known: {}", what.1, known.join(", ")),
            ),
            Self::TrackNeeded { known } => (
                format!("请指明计划类别,可用:{}", known.join("、")),
                format!("name a track; known: {}", known.join(", ")),
            ),
            Self::NotActive { status } => {
                let zh = match *status {
                    "suspended" => "已暂停,请先恢复",
                    "completed" => "已完成",
                    _ => "已退出改造计划",
                };
                (format!("项目{zh}"), format!("the project is {status}"))
            }
            Self::NotSuspended => (
                "项目没有暂停".to_owned(),
                "the project is not suspended".to_owned(),
            ),
            Self::BeforePrevious { day, previous } => (
                format!("日期{day}早于上一次阶段变更({previous})"),
                format!("{day} is before the previous transition ({previous})"),
            ),
            Self::NoSuchWay {
                from,
                to: Some(to),
                possible,
            } => (
                format!("不能从“{from}”到“{to}”,可到:{}", list(possible, "、", "无")),
                format!(
                    "no way from {from:?} to {to:?}; possible: {}",
                    list(possible, ", ", "none")
                ),
            ),
            Self::NoSuchWay {
                from,
                to: None,
                possible,
            } => (
                format!(
                    "“{from}”之后有多个去向,请用 --to 指明:{}",
                    list(possible, "、", "无")
                ),
                format!(
                    "several ways lead on from {from:?}, name one with --to: {}",
                    list(possible, ", ", "none")
                ),
            ),
            Self::NoSuchFact { event } => (
                format!("事件{event}没有登记过事实"),
                format!("event {event} recorded no fact of this project"),
            ),
            Self::AlreadyVoid { event } => (
                format!("事实{event}已作废"),
                format!("fact {event} is void already"),
            ),
            Self::NothingToCorrect => (
                "更正没有改变任何内容".to_owned(),
                "the correction changes nothing".to_owned(),
            ),
            Self::NotLater { due, current } => (
                format!("新期限{due}不晚于现期限{current}"),
                format!("the new due day {due} is not later than {current}"),
            ),
            Self::NoSuchStep { event } => (
                format!("事件{event}不是督办通知"),
                format!("event {event} took no step of the ladder"),
            ),
            Self::StepClosed { event } => (
                format!("督办{event}已签收或已撤回"),
                format!("step {event} was acknowledged or withdrawn already"),
            ),
            Self::NotDue => (
                "该督办步骤未到期或已办理".to_owned(),
                "the step is not due, or was taken already".to_owned(),
            ),
            Self::Lot(error) => error.both(),
            Self::Order(error) => error.both(),
            Self::Batch(error) => error.both(),
            Self::BadDigest { value } => (
                format!("“{value}”不是SHA-256(64位十六进制)"),
                format!("{value:?} is not a SHA-256 of 64 hex digits"),
            ),
        }
    }
}

fn join(problems: &[FieldProblem], lang: Lang) -> String {
    let lines: Vec<String> = problems
        .iter()
        .map(|problem| problem.message(lang))
        .collect();
    lines.join(match lang {
        Lang::Zh => ";",
        Lang::En => "; ",
    })
}

fn list(words: &[String], separator: &str, none: &str) -> String {
    if words.is_empty() {
        none.to_owned()
    } else {
        words.join(separator)
    }
}
