//! The ladder, the lamps and the targets.

use std::collections::BTreeMap;

use super::super::problem::Problem;
use super::super::{FieldKind, LadderStep, Measure, Target};
use super::facts::kind_word;
use super::{At, Lint};
use crate::calendar::DayKind;

/// The words of steps that a human must sign: the law wants a named decision.
const SIGNED_STEPS: [&str; 4] = ["约谈", "通报", "挂牌", "问责"];

impl Lint<'_> {
    pub(super) fn supervision(&mut self) {
        self.ladder();
        self.addressees();
        let lamps = &self.definition.lamps;
        if lamps.yellow > lamps.red {
            let (yellow, red) = (lamps.yellow, lamps.red);
            self.error(
                &At::root().to("lamps").to("yellow"),
                "lamp_order",
                format!("黄灯（{yellow} 天）晚于红灯（{red} 天）"),
                format!("yellow, at {yellow} days, comes after red, at {red}"),
            );
        }
        let definition = self.definition;
        for (id, target) in &definition.targets {
            self.target(&At::root().to("targets").to(id), target);
        }
    }

    fn ladder(&mut self) {
        let definition = self.definition;
        let ladder_at = At::root().to("ladder");
        let mut steps: Vec<(&String, &LadderStep)> = definition.ladder.iter().collect();
        steps.sort_by_key(|(id, step)| (step.step, *id));
        let mut numbers: BTreeMap<u32, &str> = BTreeMap::new();
        let mut before: Option<(&String, &LadderStep)> = None;
        let mut signed: Option<u32> = None;
        for (id, step) in steps {
            let at = ladder_at.to(id);
            if let Some(first) = numbers.insert(step.step, id) {
                self.error(
                    &at.to("step"),
                    "duplicate_step",
                    format!("“{first}”也是第 {} 级", step.step),
                    format!("`{first}` is step {} too", step.step),
                );
            } else if let Some((lower_id, lower)) = before {
                self.rising(&at, step, lower_id, lower);
            }
            before = Some((id, step));
            if step.to.is_empty() {
                self.error(
                    &at.to("to"),
                    "no_addressee",
                    "没有写发给谁",
                    "the step has no addressee",
                );
            }
            if step.reply_days == Some(0) {
                self.error(
                    &at.to("reply_days"),
                    "bad_range",
                    "回复期限至少 1 个工作日",
                    "a reply is due after at least 1 working day",
                );
            }
            let harsh = SIGNED_STEPS.iter().any(|word| step.name.zh.contains(word));
            if !step.signed && (harsh || signed.is_some_and(|lower| lower < step.step)) {
                let problem = Problem::warning(
                    "unsigned_step",
                    self.on_key(&at),
                    format!("“{}”应由人签发", step.name.zh),
                    format!("a human should sign `{id}`"),
                )
                .hinting("加上 signed: true", "add `signed: true`");
                self.tell(&at, problem);
            }
            if step.signed {
                signed.get_or_insert(step.step);
            }
        }
    }

    /// A step for the unit responsible says nothing to anybody in a stage that names none.
    fn addressees(&mut self) {
        let definition = self.definition;
        let asks = |step: &LadderStep| step.to.iter().any(|to| to == "responsible");
        if !definition.ladder.values().any(asks) {
            return;
        }
        for (id, stage) in &definition.stages {
            if stage.responsible.is_empty() && !stage.deadlines.is_empty() {
                let at = At::root().to("stages").to(id);
                let problem = Problem::warning(
                    "nobody_responsible",
                    self.on_key(&at),
                    format!("阶段“{id}”有期限，却没有责任单位，通知发不到人"),
                    format!("the stage `{id}` has deadlines but names nobody responsible: notices reach no one"),
                )
                .hinting("写上 responsible", "add `responsible`");
                self.tell(&at, problem);
            }
        }
    }

    fn rising(&mut self, at: &At, step: &LadderStep, lower_id: &str, lower: &LadderStep) {
        let at = at.to("days");
        let zh = format!(
            "第 {} 级（{} 天）早于“{lower_id}”（{} 天）",
            step.step, step.days, lower.days
        );
        let en = format!(
            "step {} comes at {} days, before `{lower_id}` at {}",
            step.step, step.days, lower.days
        );
        if step.kind == lower.kind {
            if step.days < lower.days {
                self.error(&at, "ladder_order", zh, en);
            } else if step.days == lower.days {
                self.warn(
                    &at,
                    "ladder_order",
                    format!("与“{lower_id}”同日，只会发出较高的一级"),
                    format!("on the same day as `{lower_id}`: only the higher step is issued"),
                );
            }
        } else if about(step) < about(lower) {
            self.warn(&at, "ladder_order", zh, en);
        }
    }

    fn target(&mut self, at: &At, target: &Target) {
        self.applies(at, &target.applies, None);
        if target.reached.is_some() && target.sum_of.is_some() {
            let at = at.to("sum_of");
            let problem = Problem::error(
                "several_kinds",
                self.on_key(&at),
                "reached 和 sum_of 只能写一个",
                "give `reached` or `sum_of`, not both",
            );
            self.tell(&at, problem);
        }
        if target.reached.is_none() && target.sum_of.is_none() && target.count.is_none() {
            let problem = Problem::error(
                "empty_target",
                self.on_key(at),
                "目标没有内容",
                "the target wants nothing",
            )
            .expecting("reached, sum_of, count");
            self.tell(at, problem);
        } else if target.count.is_none() && target.at_least.is_none() && target.sum_of.is_some() {
            self.warn(
                at,
                "no_amount",
                "没有写要达到多少，只能展示",
                "it does not say how much: it can be shown, not judged",
            );
        }
        if let Some(at_least) = target.at_least {
            let at = at.to("at_least");
            if at_least.is_zero() {
                self.error(
                    &at,
                    "cannot_fail",
                    "目标为 0，永远成立",
                    "a target of 0 always holds",
                );
            } else if at_least.is_above_whole() {
                self.error(
                    &at,
                    "cannot_hold",
                    "超过 100%，永远无法成立",
                    "more than 100% can never hold",
                );
            }
            if target.reached.is_none() {
                self.error(
                    &at,
                    "share_of_nothing",
                    "比例要配 reached",
                    "a share needs `reached`: which projects count",
                );
            }
        } else if target.per_area.is_some() {
            self.warn(
                &at.to("per_area"),
                "no_share",
                "per_area 只对 at_least 有意义",
                "`per_area` means nothing without `at_least`",
            );
        }
        let Some(sum_of) = &target.sum_of else { return };
        if target.batch.is_some() {
            self.warn(
                &at.to("batch"),
                "sum_of_a_batch",
                "合计不分日期：批次内项目的全部数都计入，不论何时发生",
                "a sum knows no days: everything its projects have recorded counts, whenever it happened",
            );
        }
        let at = at.to("sum_of");
        let Some(found) = self.quantity(&at, sum_of) else {
            return;
        };
        let wanted = match target.measure {
            Measure::Projects | Measure::Compounds | Measure::Households | Measure::Buildings => {
                FieldKind::Count
            }
            Measure::AreaM2 => FieldKind::Area,
            Measure::Yuan => FieldKind::Money,
            Measure::Other => return,
        };
        if found.kind != wanted {
            let problem = Problem::error(
                "units_differ",
                self.on_value(&at),
                format!("单位不一致：{}", found.describe()),
                format!("the units do not fit: {}", found.describe()),
            )
            .expecting(kind_word(wanted));
            self.tell(&at, problem);
        }
    }
}

/// About how many natural days a step comes after the due day: five working days are a week.
fn about(step: &LadderStep) -> i64 {
    let days = i64::from(step.days) * 5;
    match step.kind {
        DayKind::Working => days * 7 / 5,
        DayKind::Natural | DayKind::Rolled => days,
    }
}
