//! The kinds of requirement that say more than one thing: votes, windows, procedures, conditions, inspections.

use super::Phrases;
use crate::definition::{
    Bar, Bound, Conditions, Due, Inspection, Judged, Reference, Requirement, Vote, Window,
};
use serde_json::Value;

impl Phrases<'_> {
    pub(super) fn vote(&self, vote: &Vote) -> String {
        let with = self.with(std::slice::from_ref(&vote.of), &vote.with);
        let bases: Vec<String> = vote
            .bases
            .values()
            .map(|base| {
                let name = base.name.get(self.lang);
                match &base.electorate {
                    Some(electorate) => format!(
                        "{name} / {}{}",
                        self.reference(electorate),
                        self.with(
                            std::slice::from_ref(&electorate.subject),
                            &base.electorate_where
                        )
                    ),
                    None => name.to_owned(),
                }
            })
            .collect();
        let bases = self.list(&bases);
        let consent = self.bar(&vote.consent);
        let of_whom = if vote.of_electorate {
            self.say("同意", "consent of all")
        } else {
            self.say("参与者同意", "consent of those voting")
        };
        let quorum = vote
            .quorum
            .as_ref()
            .map(|quorum| {
                let quorum = self.bar(quorum);
                self.put(format!("参与 {quorum}，"), format!("turnout {quorum}, "))
            })
            .unwrap_or_default();
        let vote = self.quoted(&vote.of);
        self.put(
            format!("{vote}{with}：{quorum}{of_whom} {consent}；须同时达到：{bases}"),
            format!("{vote}{with}: {quorum}{of_whom} {consent}; on each of: {bases}"),
        )
    }

    fn bar(&self, bar: &Bar) -> String {
        let (threshold, exclusive) = bar.threshold();
        format!("{} {threshold}", if exclusive { ">" } else { "≥" })
    }

    /// `；2022-03-01至2022-06-30内，达到即成`.
    pub(super) fn window(&self, window: &Window) -> String {
        let from = window
            .from
            .as_ref()
            .map(|from| self.moment(from, Bound::By, true));
        let to = window
            .to
            .as_ref()
            .map(|to| self.moment(to, window.bound, false));
        let span = match (from, to) {
            (Some(from), Some(to)) => {
                self.put(format!("自 {from} 至 {to}"), format!("from {from} to {to}"))
            }
            (Some(from), None) => self.put(format!("自 {from}"), format!("from {from}")),
            (None, Some(to)) => self.put(format!("至 {to}"), format!("until {to}")),
            (None, None) => self.say("不限期间", "without bounds").to_owned(),
        };
        let moment = match window.judged {
            Judged::WhenReached => self.say("达到之日即成", "met on the day it is reached"),
            Judged::AtEnd => self.say("期满时判断", "judged at its end"),
        };
        let force = if window.brings_into_force.is_empty() {
            String::new()
        } else {
            let papers = self.any_of(&window.brings_into_force);
            self.put(
                format!("，{papers}随之生效"),
                format!(", bringing {papers} into force"),
            )
        };
        self.put(
            format!("；期间{span}，{moment}{force}"),
            format!("; {span}, {moment}{force}"),
        )
    }

    fn moment(&self, due: &Due, bound: Bound, first: bool) -> String {
        if let Some(on) = due.on {
            if first {
                let year = self.definition.year.as_ref().and_then(|year| year.value);
                return on
                    .first_day(year)
                    .map_or_else(|| on.to_string(), |day| day.to_string());
            }
            return self.day(on, bound);
        }
        self.due_words(due, bound)
    }

    pub(super) fn procedures(&self, requirement: &Requirement) -> String {
        let parts: Vec<String> = requirement
            .procedures
            .values()
            .map(|procedure| {
                let name = procedure.name.get(self.lang);
                let who = self.applies(&procedure.applies);
                let who = if who.is_empty() {
                    String::new()
                } else {
                    self.put(format!("（{who}）"), format!(" ({who})"))
                };
                match &procedure.waived {
                    None => format!("{name}{who}"),
                    Some(waiver) => {
                        let by = waiver.by.as_ref().map(|by| self.matched(by));
                        let when = waiver.when.as_ref().map(|when| format!("`{when}`"));
                        let ways: Vec<String> = [by, when].into_iter().flatten().collect();
                        let ways = ways.join(self.say("或", " or "));
                        let basis = &waiver.basis;
                        self.put(
                            format!("{name}{who}（{ways}则免，依据：{basis}）"),
                            format!("{name}{who} (waived by {ways}: {basis})"),
                        )
                    }
                }
            })
            .collect();
        let parts = self.list(&parts);
        self.put(
            format!("办妥（不分先后）：{parts}"),
            format!("done, in any order: {parts}"),
        )
    }

    pub(super) fn conditions(&self, conditions: &Conditions) -> String {
        let before = self.stage_name(&conditions.before);
        let (set, discharged) = (
            self.quoted(&conditions.set),
            self.quoted(&conditions.discharged),
        );
        self.put(
            format!("进入“{before}”前，每个{set}都有{discharged}"),
            format!("before “{before}” every {set} has its {discharged}"),
        )
    }

    pub(super) fn inspection(&self, inspection: &Inspection) -> String {
        let field = self.field(&Reference {
            subject: inspection.of.clone(),
            field: inspection.item.clone(),
        });
        let items: Vec<String> = inspection
            .items
            .iter()
            .map(|item| self.value(field, &Value::String(item.clone())))
            .collect();
        let items = if items.is_empty() {
            String::new()
        } else {
            let items = self.list(&items);
            self.put(format!("（{items}）"), format!(" ({items})"))
        };
        let of = self.quoted(&inspection.of);
        let with = self.with(std::slice::from_ref(&inspection.of), &inspection.with);
        let again = match &inspection.rectified {
            Some(rectified) => {
                let rectified = self.quoted(rectified);
                self.put(
                    format!("；不合格的有{rectified}后复验合格"),
                    format!("; what failed has {rectified} and passes again"),
                )
            }
            None => String::new(),
        };
        self.put(
            format!("{of}{with}逐项合格{items}{again}"),
            format!("{of}{with}: every item passes{items}{again}"),
        )
    }
}
