//! Rules in the words of a reader.

mod kinds;

use std::collections::BTreeMap;

use serde_json::Value;

use super::super::{
    Applies, Bound, COMPLETED, DayRule, Deadline, Definition, Due, FactMatch, Field, FieldKind,
    LOT_SUBJECT, Lang, Measure, Milestone, PlanDay, Publicity, Reference, Requirement, Settled,
    Target,
};
use crate::calendar::DayKind;

/// The phrases of a definition in one language.
#[derive(Clone, Copy)]
pub(super) struct Phrases<'a> {
    pub(super) definition: &'a Definition,
    pub(super) lang: Lang,
}

impl<'a> Phrases<'a> {
    fn say(&self, zh: &'static str, en: &'static str) -> &'static str {
        match self.lang {
            Lang::Zh => zh,
            Lang::En => en,
        }
    }

    fn put(&self, zh: String, en: String) -> String {
        match self.lang {
            Lang::Zh => zh,
            Lang::En => en,
        }
    }

    pub(super) fn list<T: AsRef<str>>(&self, items: &[T]) -> String {
        items
            .iter()
            .map(AsRef::as_ref)
            .collect::<Vec<&str>>()
            .join(self.say("、", ", "))
    }

    pub(super) fn stage(&self, id: &'a str) -> &'a str {
        if id == COMPLETED {
            return self.say("结束", "the end");
        }
        self.definition
            .stages
            .get(id)
            .map_or(id, |stage| stage.name.get(self.lang))
    }

    fn fact(&self, id: &'a str) -> &'a str {
        self.definition
            .facts
            .get(id)
            .map_or(id, |fact| fact.name.get(self.lang))
    }

    fn quoted(&self, id: &str) -> String {
        let fact = self.definition.facts.get(id);
        format!("“{}”", fact.map_or(id, |fact| fact.name.get(self.lang)))
    }

    fn any_of(&self, ids: &[String]) -> String {
        ids.iter()
            .map(|id| self.quoted(id))
            .collect::<Vec<_>>()
            .join(self.say("或", " or "))
    }

    fn matched(&self, wanted: &FactMatch) -> String {
        format!(
            "{}{}",
            self.any_of(&wanted.any_of),
            self.with(&wanted.any_of, &wanted.with)
        )
    }

    /// ` (轮次＝首轮)`, or nothing.
    fn with(&self, facts: &[String], with: &BTreeMap<String, Value>) -> String {
        if with.is_empty() {
            return String::new();
        }
        let parts: Vec<String> = with
            .iter()
            .map(|(key, value)| {
                let field = facts
                    .iter()
                    .filter_map(|id| self.definition.facts.get(id))
                    .find_map(|fact| fact.fields.get(key));
                let name = field.map_or(key.as_str(), |field| field.name.get(self.lang));
                let values: Vec<String> = match value {
                    Value::Array(items) => {
                        items.iter().map(|item| self.value(field, item)).collect()
                    }
                    one => vec![self.value(field, one)],
                };
                format!("{name}{}{}", self.say("＝", " = "), values.join("/"))
            })
            .collect();
        self.put(
            format!("（{}）", self.list(&parts)),
            format!(" ({})", self.list(&parts)),
        )
    }

    fn value(&self, field: Option<&Field>, value: &Value) -> String {
        match value {
            Value::Bool(true) => self.say("是", "yes").to_owned(),
            Value::Bool(false) => self.say("否", "no").to_owned(),
            Value::String(code) => field
                .and_then(|field| field.values.get(code))
                .map_or(code.as_str(), |label| label.get(self.lang))
                .to_owned(),
            other => other.to_string(),
        }
    }

    fn reference(&self, reference: &Reference) -> String {
        if reference.subject == LOT_SUBJECT {
            return self.lot_counter(&reference.field);
        }
        if reference.subject == "project" {
            return match reference.field.as_str() {
                "households" => self.say("项目户数", "households of the project"),
                "buildings" => self.say("项目楼栋数", "buildings of the project"),
                "area_m2" => self.say("项目建筑面积（㎡）", "floor area of the project (㎡)"),
                "compounds" => self.say("项目小区数", "compounds of the project"),
                other => other,
            }
            .to_owned();
        }
        let fact = self.fact(&reference.subject);
        match self.field(reference) {
            Some(field) => format!("{fact}·{}", field.name.get(self.lang)),
            None => format!("{fact}·{}", reference.field),
        }
    }

    fn field(&self, reference: &Reference) -> Option<&'a Field> {
        self.definition
            .facts
            .get(&reference.subject)
            .and_then(|fact| fact.fields.get(&reference.field))
    }

    /// An amount in the recorded unit of a field, as people write it.
    fn amount(&self, reference: &Reference, amount: u64, unit: Option<&str>) -> String {
        let field = self.field(reference);
        match field.map(|field| field.kind) {
            Some(FieldKind::Money) if amount.is_multiple_of(100) => self.put(
                format!("{} 元", amount / 100),
                format!("{} yuan", amount / 100),
            ),
            Some(FieldKind::Money) => {
                let (yuan, fen) = (amount / 100, amount % 100);
                self.put(
                    format!("{yuan}.{fen:02} 元"),
                    format!("{yuan}.{fen:02} yuan"),
                )
            }
            Some(FieldKind::Area) => format!("{amount} ㎡"),
            Some(FieldKind::Length) => format!("{amount} m"),
            _ => match unit.or(field.and_then(|field| field.unit.as_deref())) {
                Some(unit) => format!("{amount} {unit}"),
                None => amount.to_string(),
            },
        }
    }

    pub(super) fn applies(&self, applies: &Applies) -> String {
        let definition = self.definition;
        let tracks = applies.tracks.iter().map(|id| {
            definition
                .tracks
                .get(id)
                .map_or(id.as_str(), |track| track.name.get(self.lang))
        });
        let areas = applies.areas.iter().map(|id| {
            definition
                .areas
                .get(id)
                .map_or(id.as_str(), |area| area.name.get(self.lang))
        });
        let words: Vec<&str> = tracks
            .chain(areas)
            .chain(applies.groups.iter().map(String::as_str))
            .chain(applies.categories.iter().map(String::as_str))
            .collect();
        self.list(&words)
    }

    pub(super) fn days(&self, days: u32, kind: DayKind) -> String {
        match kind {
            DayKind::Natural => self.put(format!("{days} 日"), plural(days, "day")),
            DayKind::Working => self.put(format!("{days} 个工作日"), plural(days, "working day")),
            DayKind::Rolled => self.put(
                format!("{days} 日（遇休息日顺延）"),
                format!("{}, rolled to a working day", plural(days, "day")),
            ),
        }
    }

    /// Days of a period, with the first one where it counts; by default it does not.
    fn counted(&self, days: u32, kind: DayKind, count_first_day: bool) -> String {
        let text = self.days(days, kind);
        if count_first_day {
            return self.put(
                format!("{text}（当日计入）"),
                format!("{text} (the first one counts)"),
            );
        }
        text
    }

    fn stage_name(&self, id: &str) -> String {
        self.definition.stages.get(id).map_or_else(
            || id.to_owned(),
            |stage| stage.name.get(self.lang).to_owned(),
        )
    }

    /// So many days before or after the last permitted day.
    pub(super) fn step_time(&self, days: i32, kind: DayKind) -> String {
        let many = self.days(days.unsigned_abs(), kind);
        match days {
            0 => self.say("到期当日", "on the due day").to_owned(),
            ..0 => self.put(format!("到期前 {many}"), format!("{many} before")),
            _ => self.put(format!("逾期 {many}"), format!("{many} overdue")),
        }
    }

    /// A day of the plan, with the year where it is known.
    pub(super) fn day(&self, rule: DayRule, bound: Bound) -> String {
        let year = self.definition.year.as_ref().and_then(|year| year.value);
        let day = match rule.last_day(year) {
            Some(day) => bound.last_day(day).to_string(),
            None => format!("{rule}{}", self.say("（年度未定）", " (year not bound)")),
        };
        match bound {
            Bound::By => day,
            Bound::Before => match rule.last_day(year) {
                Some(last) => self.put(
                    format!("{day}（{last} 之前）"),
                    format!("{day} (before {last})"),
                ),
                None => self.put(format!("{day} 之前"), format!("before {day}")),
            },
        }
    }

    /// To whom a step goes, with the unit of the stage in words.
    pub(super) fn addressees(&self, to: &[String]) -> String {
        let names: Vec<&str> = to
            .iter()
            .map(|name| match name.as_str() {
                "responsible" => self.say("责任单位", "the unit responsible"),
                unit => unit,
            })
            .collect();
        self.list(&names)
    }

    pub(super) fn due(&self, deadline: &Deadline) -> String {
        self.due_words(&deadline.due, deadline.bound)
    }

    fn due_words(&self, due: &Due, bound: Bound) -> String {
        if let Some(on) = due.on {
            return self.day(on, bound);
        }
        if let Some(plan) = due.plan {
            return match plan {
                PlanDay::Consultation => {
                    self.say("项目计划的征求意见日", "the planned day of consultation")
                }
                PlanDay::Design => self.say("项目计划的设计完成日", "the planned day of design"),
                PlanDay::Start => self.say("项目计划的开工日", "the planned day of the start"),
                PlanDay::Finish => self.say("项目计划的完工日", "the planned day of the finish"),
                PlanDay::Acceptance => {
                    self.say("项目计划的验收日", "the planned day of acceptance")
                }
            }
            .to_owned();
        }
        let Some(after) = &due.after else {
            return String::new();
        };
        let days = self.counted(after.days, after.kind, after.count_first_day);
        let from = match (&after.entered, &after.fact) {
            (Some(stage), _) => {
                let stage = self.stage_name(stage);
                self.put(format!("进入“{stage}”"), format!("entering “{stage}”"))
            }
            (None, Some(fact)) => self.matched(fact),
            (None, None) => String::new(),
        };
        self.put(format!("{from}后 {days}"), format!("{days} after {from}"))
    }

    pub(super) fn requirement(&self, requirement: &Requirement) -> String {
        let mut text = if let Some(share) = &requirement.share {
            let subjects = [share.of.subject.clone(), share.over.subject.clone()];
            let threshold = [
                ("≥", share.at_least),
                (">", share.more_than),
                ("≤", share.at_most),
                ("<", share.less_than),
            ]
            .into_iter()
            .find_map(|(sign, bound)| Some(format!("{sign} {}", bound?)))
            .unwrap_or_default();
            format!(
                "{} / {} {threshold}{}",
                self.reference(&share.of),
                self.reference(&share.over),
                self.with(&subjects, &share.with)
            )
        } else if let Some(fact) = &requirement.fact {
            let what = format!(
                "{}{}",
                self.any_of(&fact.any_of),
                self.with(&fact.any_of, &fact.with)
            );
            let times = match fact.at_least {
                1 => String::new(),
                many => self.put(format!(" {many} 次"), format!(" {many} times")),
            };
            let visit = if fact.this_visit {
                self.say("（本次进入阶段后）", " (since this entry into the stage)")
            } else {
                ""
            };
            self.put(
                format!("有{what}{times}{visit}"),
                format!("recorded: {what}{times}{visit}"),
            )
        } else if let Some(publicity) = &requirement.publicity {
            self.publicity(publicity)
        } else if let Some(signers) = &requirement.signers {
            let field = self.field(&signers.of);
            let names: Vec<String> = signers
                .all_of
                .iter()
                .map(|code| self.value(field, &Value::String(code.clone())))
                .collect();
            let names = self.list(&names);
            let of = self.reference(&signers.of);
            let with = self.with(std::slice::from_ref(&signers.of.subject), &signers.with);
            self.put(
                format!("{of}{with}：{names}均已签"),
                format!("{of}{with}: signed by {names}"),
            )
        } else if let Some(sum) = &requirement.sum {
            let of = self.reference(&sum.of);
            let with = self.with(std::slice::from_ref(&sum.of.subject), &sum.with);
            let amount = |amount| self.amount(&sum.of, amount, sum.unit.as_deref());
            let amount = match (sum.at_least, sum.at_most) {
                (at_least, None) => format!("≥ {}", amount(at_least)),
                (0, Some(at_most)) => format!("≤ {}", amount(at_most)),
                (at_least, Some(at_most)) => {
                    format!("{} — {}", amount(at_least), amount(at_most))
                }
            };
            let per = sum
                .per
                .as_ref()
                .map(|per| format!(" × {}", self.reference(per)))
                .unwrap_or_default();
            self.put(
                format!("{of}{with}合计 {amount}{per}"),
                format!("sum of {of}{with} {amount}{per}"),
            )
        } else if let Some(order) = &requirement.order {
            let (earlier, later) = (self.matched(&order.earlier), self.matched(&order.later));
            self.put(
                format!("{earlier}不晚于{later}"),
                format!("{earlier} not later than {later}"),
            )
        } else if let Some(settled) = &requirement.settled {
            self.settled(settled)
        } else if let Some(not_before) = &requirement.not_before {
            let year = self.definition.year.as_ref().and_then(|year| year.value);
            let day = not_before
                .day
                .first_day(year)
                .map_or_else(|| not_before.day.to_string(), |day| day.to_string());
            self.put(format!("不早于 {day}"), format!("not before {day}"))
        } else if let Some(asked) = &requirement.orders_closed {
            self.orders_closed(asked)
        } else if let Some(vote) = &requirement.vote {
            self.vote(vote)
        } else if !requirement.procedures.is_empty() {
            self.procedures(requirement)
        } else if let Some(conditions) = &requirement.conditions {
            self.conditions(conditions)
        } else if let Some(inspection) = &requirement.inspection {
            self.inspection(inspection)
        } else if let Some(expression) = &requirement.expression {
            let message = expression.message.get(self.lang);
            format!("{message} `{}`", expression.cel)
        } else {
            String::new()
        };
        if let Some(window) = &requirement.window {
            text.push_str(&self.window(window));
        }
        if let Some(unless) = &requirement.unless {
            let waived = self.matched(unless);
            text.push_str(&self.put(format!("；有{waived}则免"), format!("; waived by {waived}")));
        }
        text
    }

    fn publicity(&self, publicity: &Publicity) -> String {
        let posted = self.matched(&publicity.posted);
        let mut text = match publicity.days {
            Some(days) => {
                let days = self.counted(days, publicity.kind, publicity.count_first_day);
                self.put(
                    format!("{posted}满 {days}"),
                    format!("{posted} stood for {days}"),
                )
            }
            None => self.put(format!("有{posted}"), format!("{posted} recorded")),
        };
        if !publicity.channels.is_empty() {
            let field = publicity.channel_field.as_ref().and_then(|key| {
                publicity
                    .posted
                    .any_of
                    .iter()
                    .filter_map(|id| self.definition.facts.get(id))
                    .find_map(|fact| fact.fields.get(key))
            });
            let channels: Vec<String> = publicity
                .channels
                .iter()
                .map(|code| self.value(field, &Value::String(code.clone())))
                .collect();
            let channels = self.list(&channels);
            text.push_str(&self.put(
                format!("，同时在{channels}"),
                format!(", in {channels} at once"),
            ));
        }
        if let Some(objections) = &publicity.objections {
            text.push_str(self.say("；", "; "));
            text.push_str(&self.settled(objections));
        }
        text
    }

    fn settled(&self, settled: &Settled) -> String {
        let (opened, closed) = (self.quoted(&settled.opened), self.quoted(&settled.closed));
        self.put(
            format!("每个{opened}都有{closed}"),
            format!("every {opened} has its {closed}"),
        )
    }

    pub(super) fn target(&self, target: &Target) -> String {
        let measure = match target.measure {
            Measure::Projects => self.say("个项目", "projects"),
            Measure::Compounds => self.say("个小区", "compounds"),
            Measure::Households => self.say("户", "households"),
            Measure::Buildings => self.say("栋", "buildings"),
            Measure::AreaM2 => "㎡",
            Measure::Yuan => self.say("元", "yuan"),
            Measure::Other => "",
        };
        let reached = match target.reached {
            Some(Milestone::Started) => self.say("开工", "started"),
            Some(Milestone::Finished) => self.say("完工", "finished"),
            Some(Milestone::Accepted) => self.say("验收", "accepted"),
            None => "",
        };
        let mut parts: Vec<String> = Vec::new();
        parts.extend((!reached.is_empty()).then(|| reached.to_owned()));
        parts.extend(target.sum_of.as_ref().map(|sum_of| self.reference(sum_of)));
        parts.extend(target.at_least.map(|share| format!("≥ {share}")));
        parts.extend(
            target
                .count
                .map(|count| format!("{count} {measure}").trim_end().to_owned()),
        );
        if target.per_area == Some(true) {
            parts.push(self.say("（各区域分别）", "(in each area)").to_owned());
        }
        parts.join(" ")
    }
}

fn plural(many: u32, noun: &str) -> String {
    let ending = if many == 1 { "" } else { "s" };
    format!("{many} {noun}{ending}")
}
