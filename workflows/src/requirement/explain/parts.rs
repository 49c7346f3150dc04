//! Lots and orders in words.

use serde_json::json;

use super::{InWords, Words};
use crate::requirement::LotLeft;

impl Words<'_> {
    /// The name of the rule that every lot has passed.
    pub(super) fn every_lot(&self) -> String {
        let lot = self.definition.lot_word(self.lang);
        self.pick(
            format!("各{lot}均已通过"),
            format!("every {lot} has passed"),
        )
    }

    pub(super) fn lots(&self, passed: &[String], waiting: &[LotLeft]) -> InWords {
        let lot = self.definition.lot_word(self.lang);
        let actual = if passed.is_empty() && waiting.is_empty() {
            self.pick(
                format!("没有有效{lot}"),
                format!("there is no standing {lot}"),
            )
        } else if waiting.is_empty() {
            self.pick(
                format!("{}个{lot}均已通过", passed.len()),
                format!("all {} have passed", passed.len()),
            )
        } else {
            let names: Vec<String> = waiting.iter().map(|left| self.left(left)).collect();
            let all = passed.len() + waiting.len();
            self.pick(
                format!(
                    "{all}个{lot}中{}个未通过:{}",
                    waiting.len(),
                    names.join("、")
                ),
                format!(
                    "{} of {all} have not passed: {}",
                    waiting.len(),
                    names.join(", ")
                ),
            )
        };
        let waiting: Vec<_> = waiting
            .iter()
            .map(|left| {
                json!({
                    "lot": left.lot,
                    "name": left.name,
                    "stage": left.stage,
                    "basis_lost": left.basis_lost,
                })
            })
            .collect();
        (
            self.every_lot(),
            actual,
            json!({}),
            json!({ "passed": passed, "waiting": waiting }),
        )
    }

    fn left(&self, left: &LotLeft) -> String {
        let stage = self
            .definition
            .stages
            .get(&left.stage)
            .map_or(left.stage.as_str(), |stage| stage.name.get(self.lang));
        let name = if left.name == left.lot {
            left.lot.clone()
        } else {
            self.pick(
                format!("{}({})", left.lot, left.name),
                format!("{} ({})", left.lot, left.name),
            )
        };
        if left.basis_lost {
            self.pick(
                format!("{name}[{stage},依据已失]"),
                format!("{name} [{stage}, basis lost]"),
            )
        } else {
            self.pick(format!("{name}[{stage}]"), format!("{name} [{stage}]"))
        }
    }

    pub(super) fn orders(&self, dispatched: u64, open: &[u32]) -> InWords {
        let numbers: Vec<String> = open.iter().map(|number| format!("#{number}")).collect();
        let actual = if open.is_empty() {
            self.pick(
                format!("共{dispatched}件,均已销号"),
                format!("{dispatched}, all closed"),
            )
        } else {
            self.pick(
                format!(
                    "共{dispatched}件,未销号{}件:{}",
                    open.len(),
                    numbers.join("、")
                ),
                format!("{dispatched}, {} open: {}", open.len(), numbers.join(", ")),
            )
        };
        (
            self.pick("派单全部销号", "every order closed"),
            actual,
            json!({ "open": 0 }),
            json!({ "dispatched": dispatched, "open": open }),
        )
    }
}
