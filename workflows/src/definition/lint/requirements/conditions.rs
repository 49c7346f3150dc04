//! Conditions of an approval: due before stages that come later, and asked for there.

use super::super::super::problem::Problem;
use super::super::super::{Conditions, FieldKind};
use super::super::facts::kind_word;
use super::super::{At, Lint};

impl Lint<'_> {
    pub(super) fn conditions(&mut self, at: &At, stage_id: &str, conditions: &Conditions) {
        let definition = self.definition;
        if let Some(approval) = &conditions.approval {
            self.fact_match(&at.to("approval"), approval);
        }
        let set = self.fact_named(&at.to("set"), &conditions.set);
        let discharged = self.fact_named(&at.to("discharged"), &conditions.discharged);
        if conditions.set == conditions.discharged {
            self.cannot_fail(&at.to("discharged"));
        }
        let key_at = at.to("key");
        let setting =
            set.and_then(|fact| self.field_named(&key_at, &conditions.set, fact, &conditions.key));
        let discharging = discharged.and_then(|fact| {
            self.field_named(&key_at, &conditions.discharged, fact, &conditions.key)
        });
        if let (Some(setting), Some(discharging)) = (setting, discharging)
            && setting.kind != discharging.kind
        {
            let (a, b) = (kind_word(setting.kind), kind_word(discharging.kind));
            self.error(
                &key_at,
                "kinds_differ",
                format!("字段类型不一致：{a} 和 {b}"),
                format!(
                    "the field is of kind `{a}` where it is set and `{b}` where it is discharged"
                ),
            );
        }
        let before_at = at.to("before");
        if self.stage_named(&before_at, &conditions.before)
            && definition.stages[&conditions.before].order <= definition.stages[stage_id].order
        {
            let before = &conditions.before;
            self.error(
                &before_at,
                "before_not_later",
                format!("“{before}”不在“{stage_id}”之后：离开时已来不及"),
                format!(
                    "`{before}` does not come after `{stage_id}`: it is too late when that is left"
                ),
            );
        }
        let Some(field_id) = &conditions.before_field else {
            return;
        };
        let at = at.to("before_field");
        let Some(field) =
            set.and_then(|fact| self.field_named(&at, &conditions.set, fact, field_id))
        else {
            return;
        };
        if field.kind != FieldKind::Code {
            let kind = kind_word(field.kind);
            let problem = Problem::error(
                "not_a_code",
                self.on_value(&at),
                format!("字段类型为 {kind}，不是代码"),
                format!("the field is of kind `{kind}`, not a code"),
            )
            .expecting("code");
            self.tell(&at, problem);
            return;
        }
        for code in field.values.keys() {
            if !definition.stages.contains_key(code) {
                let known = definition.stages.keys().map(String::as_str);
                self.unknown(&at, "unknown_stage", ("阶段", "stage"), code, known);
                continue;
            }
            let asked = definition
                .stages
                .values()
                .flat_map(|stage| stage.exit.values())
                .filter_map(|requirement| requirement.conditions.as_ref())
                .any(|other| {
                    other.set == conditions.set
                        && definition
                            .stages
                            .get(&other.before)
                            .is_some_and(|asks| asks.order >= definition.stages[code].order)
                });
            if !asked {
                self.warn(
                    &at,
                    "never_asked",
                    format!("没有条件要求在“{code}”之前落实"),
                    format!("no requirement asks for the conditions due before `{code}`"),
                );
            }
        }
    }
}
