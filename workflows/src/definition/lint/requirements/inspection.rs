//! An inspection item by item: its items and results are known, and some results fail.

use super::super::super::problem::Problem;
use super::super::super::{FieldKind, Inspection};
use super::super::facts::kind_word;
use super::super::{At, Lint};

impl Lint<'_> {
    pub(super) fn inspection(&mut self, at: &At, inspection: &Inspection) {
        let of = self.fact_named(&at.to("of"), &inspection.of);
        self.with(at, std::slice::from_ref(&inspection.of), &inspection.with);
        let item_at = at.to("item");
        let item =
            of.and_then(|fact| self.field_named(&item_at, &inspection.of, fact, &inspection.item));
        if let Some(item) = item {
            if !matches!(item.kind, FieldKind::Code | FieldKind::Reference) {
                let kind = kind_word(item.kind);
                let problem = Problem::error(
                    "not_a_name",
                    self.on_value(&item_at),
                    format!("字段类型为 {kind}，不能作项目名"),
                    format!("the field is of kind `{kind}` and names no item"),
                )
                .expecting("code, reference");
                self.tell(&item_at, problem);
            }
            if item.kind == FieldKind::Code {
                for (index, code) in inspection.items.iter().enumerate() {
                    self.code(&at.to("items").item(index), item, code);
                }
            }
        }
        let result_at = at.to("result");
        let result = of.and_then(|fact| {
            self.field_named(&result_at, &inspection.of, fact, &inspection.result)
        });
        if let Some(result) = result {
            if result.kind == FieldKind::Code {
                for (index, code) in inspection.passed.iter().enumerate() {
                    self.code(&at.to("passed").item(index), result, code);
                }
                let all = result
                    .values
                    .keys()
                    .all(|code| inspection.passed.contains(code));
                if all && !result.values.is_empty() && inspection.items.is_empty() {
                    self.cannot_fail(&at.to("passed"));
                }
            } else {
                let kind = kind_word(result.kind);
                let problem = Problem::error(
                    "not_a_code",
                    self.on_value(&result_at),
                    format!("字段类型为 {kind}，不是代码"),
                    format!("the field is of kind `{kind}`, not a code"),
                )
                .expecting("code");
                self.tell(&result_at, problem);
            }
        }
        if inspection.passed.is_empty() {
            self.cannot_hold(&at.to("passed"));
        }
        let Some(rectified) = &inspection.rectified else {
            return;
        };
        let at = at.to("rectified");
        if *rectified == inspection.of {
            self.error(
                &at,
                "same_fact",
                "整改和检验应是两种事实",
                "a rectification and an inspection are facts of two types",
            );
        }
        let Some(fact) = self.fact_named(&at, rectified) else {
            return;
        };
        let again = self.field_named(&at, rectified, fact, &inspection.item);
        if let (Some(item), Some(again)) = (item, again)
            && item.kind != again.kind
        {
            let (a, b) = (kind_word(item.kind), kind_word(again.kind));
            self.error(
                &at,
                "kinds_differ",
                format!("字段类型不一致：{a} 和 {b}"),
                format!("the field is of kind `{a}` where it is inspected and `{b}` where it is rectified"),
            );
        }
    }
}
