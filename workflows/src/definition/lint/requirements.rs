//! What a transition demands: exactly one thing, that can hold and can fail.

mod conditions;
mod expression;
mod inspection;
mod procedures;
mod vote;
mod window;

use super::super::problem::Problem;
use super::super::{FieldKind, LOT_SUBJECT, Publicity, Requirement, Settled, Share, Signers, Sum};
use super::facts::kind_word;
use super::{At, Lint};

impl Lint<'_> {
    pub(super) fn requirements(&mut self) {
        let definition = self.definition;
        for (stage_id, stage) in &definition.stages {
            for (id, requirement) in &stage.exit {
                let at = At::root().to("stages").to(stage_id).to("exit").to(id);
                self.applies(&at, &requirement.applies, Some(&stage.applies));
                self.requirement(&at, stage_id, requirement);
            }
        }
    }

    fn requirement(&mut self, at: &At, stage_id: &str, requirement: &Requirement) {
        let Requirement {
            share,
            fact,
            publicity,
            signers,
            sum,
            order,
            settled,
            not_before,
            orders_closed,
            vote,
            procedures,
            conditions,
            inspection,
            expression,
            window,
            unless,
            ..
        } = requirement;
        let given: Vec<&str> = [
            ("share", share.is_some()),
            ("fact", fact.is_some()),
            ("publicity", publicity.is_some()),
            ("signers", signers.is_some()),
            ("sum", sum.is_some()),
            ("order", order.is_some()),
            ("settled", settled.is_some()),
            ("not_before", not_before.is_some()),
            ("orders_closed", orders_closed.is_some()),
            ("vote", vote.is_some()),
            ("procedures", !procedures.is_empty()),
            ("conditions", conditions.is_some()),
            ("inspection", inspection.is_some()),
            ("expression", expression.is_some()),
        ]
        .into_iter()
        .filter_map(|(kind, given)| given.then_some(kind))
        .collect();
        const KINDS: &str = "share, fact, publicity, signers, sum, order, settled, not_before, orders_closed, vote, procedures, conditions, inspection, expression";
        match given.as_slice() {
            [] => {
                let problem = Problem::error(
                    "no_kind",
                    self.on_key(at),
                    "条件没有内容",
                    "the requirement asks for nothing",
                )
                .expecting(KINDS);
                self.tell(at, problem);
            }
            [_] => {}
            [_, extra, ..] => {
                let at = at.to(extra);
                let problem = Problem::error(
                    "several_kinds",
                    self.on_key(&at),
                    format!("一个条件只能有一种内容，这里有 {}", given.join("、")),
                    format!("a requirement is of one kind; this is {}", given.join(", ")),
                )
                .hinting(
                    "分成几个条件；继承来的用 null 删去",
                    "split it; remove an inherited one with `null`",
                );
                self.tell(&at, problem);
            }
        }
        if let Some(unless) = unless {
            self.fact_match(&at.to("unless"), unless);
        }
        if let Some(share) = share {
            self.share(&at.to("share"), share);
        }
        if let Some(fact) = fact {
            let at = at.to("fact");
            self.any_of(&at, &fact.any_of);
            self.with(&at, &fact.any_of, &fact.with);
            if fact.at_least == 0 {
                self.cannot_fail(&at.to("at_least"));
            }
        }
        if let Some(publicity) = publicity {
            self.publicity(&at.to("publicity"), publicity);
        }
        if let Some(signers) = signers {
            self.signers(&at.to("signers"), signers);
        }
        if let Some(sum) = sum {
            self.sum(&at.to("sum"), sum);
        }
        if let Some(order) = order {
            let at = at.to("order");
            self.fact_match(&at.to("earlier"), &order.earlier);
            self.fact_match(&at.to("later"), &order.later);
            if order.earlier == order.later {
                self.cannot_fail(&at);
            }
        }
        if let Some(settled) = settled {
            self.settled(&at.to("settled"), settled);
        }
        if let Some(vote) = vote {
            self.vote(&at.to("vote"), vote);
        }
        self.procedures(&at.to("procedures"), procedures);
        if let Some(conditions) = conditions {
            self.conditions(&at.to("conditions"), stage_id, conditions);
        }
        if let Some(inspection) = inspection {
            self.inspection(&at.to("inspection"), inspection);
        }
        if let Some(expression) = expression {
            self.expression(&at.to("expression").to("cel"), &expression.cel);
        }
        if let Some(window) = window {
            self.window(&at.to("window"), stage_id, requirement, window);
        }
    }

    /// To count the first day of no days is to end before the period begins.
    pub(super) fn first_day_of_none(&mut self, at: &At, counted: bool, days: Option<u32>) {
        if counted && days.is_none_or(|days| days == 0) {
            self.error(
                at,
                "no_first_day",
                "没有天数，当日无从计入",
                "no days are counted, so neither is the first",
            );
        }
    }

    fn cannot_fail(&mut self, at: &At) {
        self.error(
            at,
            "cannot_fail",
            "这个条件永远成立，等于没有",
            "this always holds: it asks for nothing",
        );
    }

    fn cannot_hold(&mut self, at: &At) {
        self.error(
            at,
            "cannot_hold",
            "这个条件永远无法成立",
            "this can never hold",
        );
    }

    fn share(&mut self, at: &At, share: &Share) {
        let of = self.quantity(&at.to("of"), &share.of);
        let over = self.quantity(&at.to("over"), &share.over);
        if let (Some(of), Some(over)) = (&of, &over)
            && !of.fits(over)
        {
            self.units_differ(&at.to("over"), over, of);
        }
        if share.of == share.over {
            self.cannot_fail(&at.to("over"));
        }
        let subjects: Vec<String> = [&share.of, &share.over]
            .into_iter()
            .map(|reference| reference.subject.clone())
            .filter(|subject| subject != "project" && subject != LOT_SUBJECT)
            .collect();
        if subjects.is_empty() {
            self.error(
                &at.to("of"),
                "not_a_fact",
                "比例的分子应取自事实",
                "the part of a share comes from a fact",
            );
        }
        // The same fact on both sides is asked once.
        let mut subjects = subjects;
        subjects.dedup();
        self.with(at, &subjects, &share.with);
        let bounds = [
            ("at_least", share.at_least),
            ("more_than", share.more_than),
            ("at_most", share.at_most),
            ("less_than", share.less_than),
        ];
        let given: Vec<_> = bounds
            .into_iter()
            .filter_map(|(key, bound)| Some((key, bound?)))
            .collect();
        let [(key, bound)] = given.as_slice() else {
            let problem = Problem::error(
                "threshold",
                self.on_key(at),
                "at_least（含）、more_than（不含）、at_most（上限，含）、less_than（上限，不含）要写且只写一个",
                "give one of `at_least` (inclusive), `more_than` (exclusive), `at_most` and `less_than` (upper bounds)",
            )
            .hinting(
                "继承来的用 null 删去",
                "remove an inherited one with `null`",
            );
            self.tell(at, problem);
            return;
        };
        let at = at.to(key);
        match *key {
            "at_least" if bound.is_zero() => self.cannot_fail(&at),
            "at_least" if bound.is_above_whole() => self.cannot_hold(&at),
            "more_than" if bound.is_whole() || bound.is_above_whole() => self.cannot_hold(&at),
            // A part may be more than its whole where it is a cost over its estimate, so no upper bound always holds.
            "less_than" if bound.is_zero() => self.cannot_hold(&at),
            _ => {}
        }
    }

    fn publicity(&mut self, at: &At, publicity: &Publicity) {
        self.fact_match(&at.to("posted"), &publicity.posted);
        if let Some(removed) = &publicity.removed {
            self.fact_match(&at.to("removed"), removed);
        }
        if publicity.days == Some(0) {
            self.error(
                &at.to("days"),
                "cannot_fail",
                "公示至少 1 天；文件没有写天数就删去这一行",
                "a publicity stands for at least 1 day; leave `days` out if the text gives none",
            );
        }
        self.first_day_of_none(
            &at.to("count_first_day"),
            publicity.count_first_day,
            publicity.days,
        );
        match &publicity.channel_field {
            Some(key) => {
                let field_at = at.to("channel_field");
                for id in &publicity.posted.any_of {
                    let Some(fact) = self.definition.facts.get(id) else {
                        continue;
                    };
                    let Some(field) = self.field_named(&field_at, id, fact, key) else {
                        continue;
                    };
                    if !matches!(field.kind, FieldKind::Code | FieldKind::Codes) {
                        let kind = kind_word(field.kind);
                        let problem = Problem::error(
                            "not_a_code",
                            self.on_value(&field_at),
                            format!("字段类型为 {kind}，不是代码"),
                            format!("the field is of kind `{kind}`, not a code"),
                        )
                        .expecting("code, codes");
                        self.tell(&field_at, problem);
                        continue;
                    }
                    for (index, channel) in publicity.channels.iter().enumerate() {
                        self.code(&at.to("channels").item(index), field, channel);
                    }
                }
                if publicity.channels.is_empty() {
                    self.warn(
                        &field_at,
                        "no_channels",
                        "写了 channel_field 却没有 channels，哪里公示都算",
                        "`channel_field` without `channels`: any channel counts",
                    );
                }
            }
            None if !publicity.channels.is_empty() => {
                let at = at.to("channels");
                let problem = Problem::error(
                    "no_channel_field",
                    self.on_key(&at),
                    "写了 channels，还要写 channel_field",
                    "`channels` needs the `channel_field` that names a posting's channel",
                );
                self.tell(&at, problem);
            }
            None => {}
        }
        if let Some(objections) = &publicity.objections {
            self.settled(&at.to("objections"), objections);
        }
    }

    fn signers(&mut self, at: &At, signers: &Signers) {
        let of = at.to("of");
        let subject = [signers.of.subject.clone()];
        self.with(at, &subject, &signers.with);
        if signers.all_of.is_empty() {
            self.cannot_fail(&at.to("all_of"));
        }
        let Some(field) = self.referenced(&of, &signers.of) else {
            return;
        };
        if field.kind != FieldKind::Codes {
            let kind = kind_word(field.kind);
            let problem = Problem::error(
                "not_codes",
                self.on_value(&of),
                format!("签字人应取自 codes 字段，这里是 {kind}"),
                format!("signers come from a field of kind `codes`, this is `{kind}`"),
            );
            self.tell(&of, problem);
            return;
        }
        for (index, code) in signers.all_of.iter().enumerate() {
            self.code(&at.to("all_of").item(index), field, code);
        }
    }

    fn sum(&mut self, at: &At, sum: &Sum) {
        let of = at.to("of");
        self.quantity(&of, &sum.of);
        if sum.of.subject == "project" || sum.of.subject == LOT_SUBJECT {
            self.error(
                &of,
                "not_a_fact",
                "合计应取自事实",
                "a sum is taken over facts",
            );
        }
        self.with(at, std::slice::from_ref(&sum.of.subject), &sum.with);
        if let Some(per) = &sum.per {
            self.quantity(&at.to("per"), per);
        }
        if sum.at_least == 0 && sum.at_most.is_none() {
            self.cannot_fail(&at.to("at_least"));
        }
        if let Some(at_most) = sum.at_most
            && at_most < sum.at_least
        {
            self.cannot_hold(&at.to("at_most"));
        }
    }

    fn settled(&mut self, at: &At, settled: &Settled) {
        let opened = self.fact_named(&at.to("opened"), &settled.opened);
        let closed = self.fact_named(&at.to("closed"), &settled.closed);
        if settled.opened == settled.closed {
            self.cannot_fail(&at.to("closed"));
        }
        let key = at.to("key");
        let opening =
            opened.and_then(|fact| self.field_named(&key, &settled.opened, fact, &settled.key));
        let closing =
            closed.and_then(|fact| self.field_named(&key, &settled.closed, fact, &settled.key));
        if let (Some(opening), Some(closing)) = (opening, closing)
            && opening.kind != closing.kind
        {
            let (a, b) = (kind_word(opening.kind), kind_word(closing.kind));
            self.error(
                &key,
                "kinds_differ",
                format!("字段类型不一致：{a} 和 {b}"),
                format!("the field is of kind `{a}` where it opens and `{b}` where it closes"),
            );
        }
    }
}
