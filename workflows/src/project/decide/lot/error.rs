//! Why a command about a lot was not taken.

use jiff::civil::Date;

use crate::definition::Lang;

/// Why a command about a lot was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.message(Lang::En))]
pub enum LotError {
    /// The definition has no lots.
    NoLots,
    /// The id is taken, by a lot that stands or by one that has left.
    Taken {
        /// The id.
        lot: String,
    },
    /// The project has as many as it can.
    TooMany,
    /// The lot has left the project.
    Withdrawn {
        /// Which.
        lot: String,
        /// When.
        on: Date,
    },
    /// The lot has passed every gate that there is for it now.
    HasPassed {
        /// Which.
        lot: String,
        /// The stage whose gate it passed last.
        stage: String,
        /// When.
        on: Date,
    },
    /// The stage asks nothing of a lot by itself.
    NoGate {
        /// Which.
        lot: String,
        /// The stage.
        stage: String,
    },
}

impl LotError {
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
            Self::NoLots => (
                "该改造计划的流程定义没有标段(lots)".to_owned(),
                "the programme's definition has no lots".to_owned(),
            ),
            Self::Taken { lot } => (
                format!("标段编号“{lot}”已被使用(退出的标段也不能重用编号)"),
                format!("the lot id {lot:?} is taken (that of a withdrawn lot as well)"),
            ),
            Self::TooMany => (
                format!("一个项目最多 {} 个标段", crate::project::lot::MAX_LOTS),
                format!(
                    "a project has at most {} lots",
                    crate::project::lot::MAX_LOTS
                ),
            ),
            Self::Withdrawn { lot, on } => (
                format!("标段“{lot}”已于{on}退出项目"),
                format!("lot {lot:?} left the project on {on}"),
            ),
            Self::HasPassed { lot, stage, on } => (
                format!(
                    "标段“{lot}”已于{on}通过“{stage}”;项目进入下一阶段请用不带 --lot 的 advance"
                ),
                format!(
                    "lot {lot:?} passed {stage:?} on {on}; the project moves on by `advance` without --lot"
                ),
            ),
            Self::NoGate { lot, stage } => (
                format!("阶段“{stage}”没有按标段判断的条件,标段“{lot}”无须单独通过"),
                format!(
                    "stage {stage:?} asks nothing of a lot by itself: {lot:?} has nothing to pass"
                ),
            ),
        }
    }
}
