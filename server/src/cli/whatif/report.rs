//! What would differ: for people the first difference of each project, for programs everything.

use std::collections::HashMap;
use std::sync::Arc;

use anju_projections::{deadline_name, stage_name};
use anju_workflows::definition::{Definition, Lang};
use anju_workflows::requirement::{Judgement, explain};
use anju_workflows::whatif::{Alternative, Divergence, Outcome, RuleDifference, Totals, Verdict};
use jiff::civil::Date;
use serde_json::{Value, json};

use crate::app::{App, Failure};
use crate::cli::Out;

/// How many projects are shown one by one.
const SHOWN: usize = 40;

pub(super) struct Report<'a> {
    pub(super) app: &'a App,
    pub(super) alternative: &'a Alternative,
    pub(super) outcomes: &'a [Outcome],
    pub(super) totals: &'a Totals,
    pub(super) position: u64,
}

/// The definitions that decided and those that projects are bound to, by digest.
type Decided = HashMap<String, Arc<Definition>>;

impl Report<'_> {
    pub(super) async fn tell(&self, out: &Out) -> Result<(), Failure> {
        let mut decided = Decided::new();
        for outcome in self.outcomes {
            let first = outcome.first.as_ref().map(|first| &first.definition);
            for digest in first.into_iter().chain([&outcome.definition]) {
                if decided.contains_key(digest) {
                    continue;
                }
                let library = self.app.handler.library();
                let definition = library.definition(&outcome.programme, digest).await?;
                decided.insert(digest.clone(), definition);
            }
        }
        let json = match out.json {
            true => self.json(&decided, out.lang),
            false => Value::Null,
        };
        out.answer(&json, || self.text(&decided, out));
        Ok(())
    }

    fn json(&self, decided: &Decided, lang: Lang) -> Value {
        json!({
            "position": self.position,
            "definition": self.alternative.definition.as_ref().map(|definition| json!({
                "programme": definition.id,
                "digest": definition.digest(),
            })),
            "calendar": self.alternative.calendar.as_ref().map(|calendar| calendar.digest()),
            "totals": self.totals,
            "projects": self.outcomes.iter().map(|outcome| json!({
                "project": outcome.project.as_str(),
                "programme": outcome.programme,
                "definition": outcome.definition,
                "running": outcome.running,
                "events": outcome.events,
                "decisions": outcome.decisions,
                "would_refuse": outcome.would_refuse,
                "would_accept": outcome.would_accept,
                "first": outcome.first.as_ref().map(|first| self.first_json(first, decided, lang)),
                "due": outcome.due,
                "steps": outcome.steps,
            })).collect::<Vec<_>>(),
        })
    }

    fn first_json(&self, first: &Divergence, decided: &Decided, lang: Lang) -> Value {
        json!({
            "position": first.position,
            "at": first.day.to_string(),
            "lot": first.lot,
            "from": first.from,
            "to": first.to,
            "was": first.was,
            "would": first.would,
            "definition": first.definition,
            "requirements": first.rules.iter().map(|rule| {
                let (was, would) = self.explained(first, rule, decided, lang);
                json!({
                    "rule": rule.rule,
                    "was": was,
                    "would": would,
                })
            }).collect::<Vec<_>>(),
        })
    }

    /// A requirement as it was judged, in the words of the definition that decided, and as it would be.
    fn explained(
        &self,
        first: &Divergence,
        rule: &RuleDifference,
        decided: &Decided,
        lang: Lang,
    ) -> (Option<Value>, Option<Value>) {
        let old = decided.get(&first.definition);
        let new = self.alternative.definition.as_ref().or(old);
        let told = |definition: Option<&Arc<Definition>>, stage: &str, judgement: &Judgement| {
            let shown = explain(definition?, stage, judgement, lang);
            Some(json!({
                "name": shown.name,
                "met": shown.met,
                "warn": shown.warn,
                "actual": shown.actual_value,
                "required": shown.required_value,
                "source": shown.source,
                "line": shown.line(lang),
            }))
        };
        let was = rule.was.as_ref();
        let would = rule.would.as_ref();
        (
            was.and_then(|judgement| told(old, &first.from, judgement)),
            would.and_then(|judgement| told(new, &first.becomes, judgement)),
        )
    }

    fn text(&self, decided: &Decided, out: &Out) -> String {
        let totals = self.totals;
        let mut text = out.pick(
            format!(
                "重放 {} 个项目,{} 条事件,{} 个决定\n决定不同的项目 {};原通过而将不通过 {},原不通过而将通过 {}\n期限不同 {};督办步骤:不再发出 {},期限不同 {},另需发出 {}\n",
                totals.projects, totals.events, totals.decisions,
                totals.projects_decided_otherwise, totals.would_refuse, totals.would_accept,
                totals.due_days, totals.steps_not_taken, totals.steps_for_another_day, totals.steps_taken_besides
            ),
            format!(
                "{} projects replayed, {} events, {} decisions\n{} projects decided otherwise; {} accepted that would be refused, {} refused that would be accepted\n{} due days differ; steps of the ladder: {} not taken, {} for another day, {} besides\n",
                totals.projects, totals.events, totals.decisions,
                totals.projects_decided_otherwise, totals.would_refuse, totals.would_accept,
                totals.due_days, totals.steps_not_taken, totals.steps_for_another_day, totals.steps_taken_besides
            ),
        );
        // Decisions first, then the projects that still run.
        let mut order: Vec<&Outcome> = self.outcomes.iter().collect();
        order.sort_by_key(|outcome| (outcome.first.is_none(), !outcome.running));
        for outcome in order.iter().take(SHOWN) {
            self.project_text(outcome, decided, out, &mut text);
        }
        if order.len() > SHOWN {
            let rest = order.len() - SHOWN;
            text.push_str(&out.pick(
                format!("…… 另有 {rest} 个项目(--json 列出全部)\n"),
                format!("… and {rest} more projects (--json lists all)\n"),
            ));
        }
        text.push_str(&out.pick(
            format!("截至第 {} 条记录;只读,未写入任何内容\n", self.position),
            format!(
                "as of position {}; read only, nothing was written\n",
                self.position
            ),
        ));
        text
    }

    fn project_text(&self, outcome: &Outcome, decided: &Decided, out: &Out, text: &mut String) {
        text.push_str(&format!("\n{}\n", outcome.project));
        let old = decided.get(&outcome.definition);
        let deadline = |id: &str| match old {
            Some(old) => deadline_name(old, id, out.lang),
            None => id.to_owned(),
        };
        if let Some(first) = &outcome.first {
            let decided_by = decided.get(&first.definition);
            let stage = |id: &str| match decided_by {
                Some(definition) => stage_name(definition, id, out.lang),
                None => id.to_owned(),
            };
            text.push_str(&format!(
                "  {}  {}{} → {}: {} → {}  ({} {})\n",
                first.day,
                of_lot(first.lot.as_deref()),
                stage(&first.from),
                stage(&first.to),
                verdict(first.was, out),
                verdict(first.would, out),
                out.pick("记录", "record"),
                first.position
            ));
            for rule in &first.rules {
                let (was, would) = self.explained(first, rule, decided, out.lang);
                let line = |told: Option<Value>| match told {
                    None => out.pick("不要求", "not asked"),
                    Some(told) => {
                        let mark = match told["met"].as_bool() {
                            Some(true) => "✓",
                            _ => "✗",
                        };
                        format!("{mark} {}", told["line"].as_str().unwrap_or_default())
                    }
                };
                text.push_str(&out.pick(
                    format!(
                        "    原:{}\n    将:{}\n",
                        line(was.clone()),
                        line(would.clone())
                    ),
                    format!(
                        "    was:   {}\n    would: {}\n",
                        line(was.clone()),
                        line(would.clone())
                    ),
                ));
            }
        }
        for due in &outcome.due {
            let (what, name) = (out.pick("期限", "deadline"), deadline(&due.deadline));
            text.push_str(&format!(
                "  {what} {name}{}: {} → {}\n",
                of_lot(due.lot.as_deref()),
                day(due.was),
                day(due.would)
            ));
        }
        for step in &outcome.steps {
            let what = out.pick("督办步骤", "step");
            let of = match step.key.order {
                Some(order) => out.pick(format!("派单 #{order}"), format!("order #{order}")),
                None => deadline(&step.key.deadline),
            };
            let named = old.and_then(|old| {
                let place = step.key.step;
                let found = old.ladder.values().find(|found| found.step == place);
                found.map(|found| format!(" {}", found.name.get(out.lang)))
            });
            text.push_str(&format!(
                "  {what} {of}{} #{}{}: {} → {}  ({})\n",
                of_lot(step.key.lot.as_deref()),
                step.key.step,
                named.unwrap_or_default(),
                day(step.was),
                day(step.would),
                step.day
            ));
        }
    }
}

fn of_lot(lot: Option<&str>) -> String {
    lot.map_or_else(String::new, |lot| format!("[{lot}] "))
}

fn day(day: Option<Date>) -> String {
    day.map_or_else(|| "—".to_owned(), |day| day.to_string())
}

fn verdict(verdict: Verdict, out: &Out) -> String {
    match verdict {
        Verdict::Accepted => out.pick("通过", "accepted"),
        Verdict::Refused => out.pick("不通过", "refused"),
        Verdict::NoWay => out.pick("无此去向", "no such way"),
    }
}
