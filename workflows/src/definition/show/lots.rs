//! Lots and orders in the words of a reader.

use super::super::{Lang, OrdersClosed, Requirement, Stage};
use super::phrase::Phrases;

impl Phrases<'_> {
    /// A counter of the lot that is judged.
    pub(super) fn lot_counter(&self, counter: &str) -> String {
        let lot = self.definition.lot_word(self.lang);
        let (zh, en) = match counter {
            "households" => ("户数", "households"),
            "buildings" => ("楼栋数", "buildings"),
            "area_m2" => ("建筑面积（㎡）", "floor area (㎡)"),
            "compounds" => ("小区数", "compounds"),
            other => (other, other),
        };
        match self.lang {
            Lang::Zh => format!("{lot}{zh}"),
            Lang::En => format!("{en} of the {lot}"),
        }
    }

    pub(super) fn orders_closed(&self, asked: &OrdersClosed) -> String {
        let about: Vec<&str> = asked
            .about
            .iter()
            .map(|about| self.definition.about_word(about, self.lang))
            .collect();
        match (self.lang, about.is_empty()) {
            (Lang::Zh, true) => "派单全部销号".to_owned(),
            (Lang::En, true) => "every order closed".to_owned(),
            (Lang::Zh, false) => format!("{}的派单全部销号", self.list(&about)),
            (Lang::En, false) => format!("every order about {} closed", self.list(&about)),
        }
    }

    /// `（按标段）`, or nothing.
    pub(super) fn per_lot(&self, stage: &Stage, requirement: &Requirement) -> String {
        if !self.definition.is_per_lot(stage, requirement) {
            return String::new();
        }
        self.each_lot()
    }

    pub(super) fn each_lot(&self) -> String {
        let lot = self.definition.lot_word(self.lang);
        match self.lang {
            Lang::Zh => format!("（按{lot}）"),
            Lang::En => format!(" (per {lot})"),
        }
    }
}
