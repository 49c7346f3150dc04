//! Why a project cannot go over to another version. Nothing is changed.

use jiff::civil::Date;
use serde::Serialize;

use crate::definition::Lang;
use crate::project::fields::FieldProblem;

/// One thing that forbids a migration: one variant per thing the caller would do differently.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum Blocker {
    /// It belongs to another programme.
    AnotherProgramme {
        /// The programme it belongs to.
        programme: String,
        /// The programme whose version was named.
        asked: String,
    },
    /// It is not running.
    NotRunning {
        /// What it is.
        status: &'static str,
    },
    /// It is on that version already.
    SameVersion,
    /// Its stage has no counterpart.
    NoStage {
        /// The stage it stands in.
        stage: String,
        /// What the mapping makes of it.
        becomes: String,
        /// The stages of the new version that projects like this one meet.
        possible: Vec<String>,
    },
    /// Its track or its area has no counterpart.
    NoPlace {
        /// `track` or `area`.
        what: &'static str,
        /// The id it has.
        value: String,
        /// The ids there are.
        known: Vec<String>,
    },
    /// It has lots, and the new version knows none.
    LosesLots {
        /// The lots that stand.
        lots: Vec<String>,
    },
    /// It has an open order about something that the new version does not dispatch.
    LosesOrder {
        /// Its number.
        order: u32,
        /// About what it is.
        about: String,
        /// What orders of the new version may be about.
        known: Vec<String>,
    },
    /// A fact that counts holds a value that the new version cannot read.
    Misfit {
        /// The position of the fact.
        position: u64,
        /// Its type, by its new id.
        fact: String,
        /// What does not fit.
        problems: Vec<String>,
        /// The same in Chinese.
        #[serde(skip)]
        problems_zh: Vec<String>,
    },
    /// Nobody said what becomes of an open deadline.
    Undecided {
        /// Its id.
        deadline: String,
        /// Its last permitted day.
        due: Date,
        /// Whether the new version has it: `keep` or `recompute` if so, else `lapse`, or a new id.
        counterpart: bool,
    },
    /// A deadline was to be kept or computed anew, and the new version has none of the kind for this project.
    NoDeadline {
        /// Its id.
        deadline: String,
        /// What the mapping makes of it.
        becomes: String,
    },
    /// A deadline was to lapse, and the new version has it.
    NotLapsing {
        /// Its id.
        deadline: String,
    },
}

impl Blocker {
    /// A fact that does not fit.
    pub(super) fn misfit(position: u64, fact: &str, problems: &[FieldProblem]) -> Self {
        let words = |lang| {
            problems
                .iter()
                .map(|problem| problem.message(lang))
                .collect()
        };
        Self::Misfit {
            position,
            fact: fact.to_owned(),
            problems: words(Lang::En),
            problems_zh: words(Lang::Zh),
        }
    }

    /// Whether it lies in the version itself, and no mapping that keeps every id removes it. The others ask for a word
    /// of whoever migrates, or lie in the question.
    #[must_use]
    pub fn lies_in_the_version(&self) -> bool {
        matches!(
            self,
            Self::NoStage { .. }
                | Self::NoPlace { .. }
                | Self::LosesLots { .. }
                | Self::LosesOrder { .. }
                | Self::Misfit { .. }
        )
    }

    /// The reason in words.
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
            Self::AnotherProgramme { programme, asked } => (
                format!("属于改造计划“{programme}”,不属于“{asked}”"),
                format!("belongs to programme {programme:?}, not to {asked:?}"),
            ),
            Self::NotRunning { status } => (
                format!("不在进行中({status})"),
                format!("is not running ({status})"),
            ),
            Self::SameVersion => (
                "已在该版本".to_owned(),
                "is on that version already".to_owned(),
            ),
            Self::NoStage {
                stage,
                becomes,
                possible,
            } => (
                format!(
                    "所在阶段“{stage}”{}在新版本中没有对应阶段,可用:{};请在映射文件的 stages 中指明",
                    renamed_zh(stage, becomes),
                    possible.join("、")
                ),
                format!(
                    "the stage {stage:?} it stands in{} has no counterpart; there are {}; name one under `stages` in the mapping file",
                    renamed_en(stage, becomes),
                    possible.join(", ")
                ),
            ),
            Self::NoPlace { what, value, known } => (
                format!(
                    "新版本没有{}“{value}”,有:{}",
                    if *what == "track" {
                        "计划类别"
                    } else {
                        "改造区域"
                    },
                    known.join("、")
                ),
                format!(
                    "the new version has no {what} {value:?}; it has {}",
                    known.join(", ")
                ),
            ),
            Self::LosesLots { lots } => (
                format!("有标段 {},而新版本不分标段:标段不能丢失", lots.join("、")),
                format!(
                    "it has the lots {}, and the new version knows none: no lot may be lost",
                    lots.join(", ")
                ),
            ),
            Self::LosesOrder {
                order,
                about,
                known,
            } => (
                format!(
                    "派单 {order}(事由“{about}”)尚未销号,新版本没有此事由(有:{});请先销号",
                    some(known, "、", "无派单")
                ),
                format!(
                    "order {order} (about {about:?}) is open, and the new version dispatches no such thing (it has {}); close it first",
                    some(known, ", ", "no orders")
                ),
            ),
            Self::Misfit {
                position,
                fact,
                problems,
                problems_zh,
            } => (
                format!(
                    "第 {position} 条记录(事实“{fact}”)不合新版本的格式:{};请先更正",
                    problems_zh.join(";")
                ),
                format!(
                    "record {position} (fact {fact:?}) does not fit the new version: {}; correct it first",
                    problems.join("; ")
                ),
            ),
            Self::Undecided {
                deadline,
                due,
                counterpart: true,
            } => (
                format!(
                    "未指明期限“{deadline}”({due})如何处理:keep(沿用原日期)或 recompute(按新版本重算)"
                ),
                format!(
                    "nobody said what becomes of the deadline {deadline:?} ({due}): keep or recompute"
                ),
            ),
            Self::Undecided {
                deadline,
                due,
                counterpart: false,
            } => (
                format!(
                    "新版本没有期限“{deadline}”({due}):请在 deadlines 中指明它的新编号,或选 lapse(作废)"
                ),
                format!(
                    "the new version has no deadline {deadline:?} ({due}): give its new id under `deadlines`, or choose lapse"
                ),
            ),
            Self::NoDeadline { deadline, becomes } => (
                format!(
                    "期限“{deadline}”{}在新版本中没有对应期限,不能沿用或重算;请指明新编号,或选 lapse(作废)",
                    renamed_zh(deadline, becomes)
                ),
                format!(
                    "the deadline {deadline:?}{} has no counterpart for this project and cannot be kept or computed anew; give its new id, or choose lapse",
                    renamed_en(deadline, becomes)
                ),
            ),
            Self::NotLapsing { deadline } => (
                format!("新版本有期限“{deadline}”,不能作废;请选 keep 或 recompute"),
                format!(
                    "the new version has the deadline {deadline:?}, it cannot lapse; choose keep or recompute"
                ),
            ),
        }
    }
}

fn some(words: &[String], separator: &str, none: &str) -> String {
    if words.is_empty() {
        none.to_owned()
    } else {
        words.join(separator)
    }
}

fn renamed_zh(old: &str, new: &str) -> String {
    if old == new {
        String::new()
    } else {
        format!("(映射为“{new}”)")
    }
}

fn renamed_en(old: &str, new: &str) -> String {
    if old == new {
        String::new()
    } else {
        format!(" (mapped to {new:?})")
    }
}
