//! One event in words.

use anju_engine::event::{Data, RecordedEvent};
use anju_projections::timeline::{DecisionOutcome, ReplayedDecision, ReplayedFact};
use anju_workflows::definition::FactType;
use anju_workflows::project::ProjectEvent;
use anju_workflows::project::event::{
    DefinitionMigrated, EscalationRaised, Extension, FactCorrected, FactRecorded, FactVoided,
    ProjectRegistered, Transition,
};
use anju_workflows::project::migrated::DeadlineChoice;
use maud::{Markup, html};

use super::{Entry, Known, requirements};
use crate::web::project::Project;
use crate::web::project::next::stage_name;
use crate::web::visit::Visit;
use crate::web::words;

/// The digest of an event's note.
pub(super) fn note_of(event: &ProjectEvent) -> Option<&str> {
    match event {
        ProjectEvent::FactRecorded(fact) | ProjectEvent::OtherFact(fact) => fact.note.as_deref(),
        ProjectEvent::FactCorrected(correction) => correction.note.as_deref(),
        ProjectEvent::FactVoided(void) => void.note.as_deref(),
        ProjectEvent::TransitionAccepted(transition)
        | ProjectEvent::TransitionRefused(transition)
        | ProjectEvent::LotPassed(transition)
        | ProjectEvent::LotRefused(transition) => transition.note.as_deref(),
        ProjectEvent::LotCorrected(corrected) => corrected.note.as_deref(),
        ProjectEvent::LotWithdrawn(withdrawn) => withdrawn.note.as_deref(),
        ProjectEvent::ProjectCarriedOver(carried) => carried.note.as_deref(),
        ProjectEvent::OpeningBalanceAccepted(balance) => balance.note.as_deref(),
        ProjectEvent::OrderDispatched(order) => order.note.as_deref(),
        ProjectEvent::OrderReplied(reply) => reply.note.as_deref(),
        ProjectEvent::OrderClosed(closed) => closed.note.as_deref(),
        ProjectEvent::OrderReopened(open) => open.note.as_deref(),
        ProjectEvent::OrderExtended(more) => more.note.as_deref(),
        ProjectEvent::ProjectSuspended(suspension) | ProjectEvent::ProjectResumed(suspension) => {
            suspension.note.as_deref()
        }
        ProjectEvent::ProjectWithdrawn(reason) => reason.note.as_deref(),
        ProjectEvent::DeadlineExtended(extension) => extension.note.as_deref(),
        ProjectEvent::EscalationAcknowledged(acknowledged) => acknowledged.note.as_deref(),
        ProjectEvent::DefinitionMigrated(migrated) => migrated.note.as_deref(),
        ProjectEvent::ProjectRegistered(_)
        | ProjectEvent::LotDeclared(_)
        | ProjectEvent::EscalationRaised(_)
        | ProjectEvent::EscalationWithdrawn(_) => None,
    }
}

/// An event in words; `note` is the text of its note, where it may be shown.
pub(super) fn of(
    project: &Project,
    visit: &Visit,
    known: &Known<'_>,
    event: &RecordedEvent,
    read: &ProjectEvent,
    note: Option<&str>,
) -> Entry {
    let told = Teller {
        project,
        visit,
        known,
    };
    let mut entry = match read {
        ProjectEvent::ProjectRegistered(registered) => told.registered(registered),
        ProjectEvent::FactRecorded(fact) | ProjectEvent::OtherFact(fact) => told.fact(event, fact),
        ProjectEvent::FactCorrected(correction) => told.corrected(event, correction),
        ProjectEvent::FactVoided(void) => told.voided(void),
        ProjectEvent::TransitionAccepted(transition)
        | ProjectEvent::TransitionRefused(transition)
        | ProjectEvent::LotPassed(transition)
        | ProjectEvent::LotRefused(transition) => told.decided(event, transition),
        ProjectEvent::ProjectSuspended(suspension) => told.plain("clock", {
            let cause = suspension.cause.as_deref().unwrap_or("other");
            html! { (visit.pick("停钟：", "Clock stopped: ")) (words::cause(cause, visit.lang)) }
        }),
        ProjectEvent::ProjectResumed(_) => told.plain(
            "clock",
            html! { (visit.pick("恢复计时", "The clock runs again")) },
        ),
        ProjectEvent::ProjectWithdrawn(_) => told.plain(
            "clock",
            html! { (visit.pick("退出改造计划", "Withdrawn from the programme")) },
        ),
        ProjectEvent::DeadlineExtended(extension) => told.extended(extension),
        ProjectEvent::EscalationRaised(raised) => told.raised(event, raised),
        ProjectEvent::EscalationWithdrawn(withdrawn) => told.plain("step", {
            let name = told.step_name(
                &withdrawn.key.deadline,
                known
                    .steps
                    .get(&withdrawn.event)
                    .map(|step| step.ladder.as_str()),
            );
            html! { (visit.pick("撤回督办：", "Step withdrawn: ")) (name) }
        }),
        ProjectEvent::EscalationAcknowledged(acknowledged) => told.plain("step", {
            let name = known
                .steps
                .get(&acknowledged.event)
                .map_or_else(String::new, |step| step.name.clone());
            html! { (visit.pick("签收：", "Acknowledged: ")) (name) }
        }),
        ProjectEvent::DefinitionMigrated(migrated) => told.migrated(migrated),
        ProjectEvent::LotDeclared(_)
        | ProjectEvent::LotCorrected(_)
        | ProjectEvent::LotWithdrawn(_)
        | ProjectEvent::ProjectCarriedOver(_)
        | ProjectEvent::OpeningBalanceAccepted(_)
        | ProjectEvent::OrderDispatched(_)
        | ProjectEvent::OrderReplied(_)
        | ProjectEvent::OrderClosed(_)
        | ProjectEvent::OrderReopened(_)
        | ProjectEvent::OrderExtended(_) => told.part(read),
    };
    if note_of(read).is_some() {
        let body = entry.body;
        entry.body = html! {
            (body)
            p.note-text {
                (visit.pick("备注：", "Note: "))
                @match note {
                    Some(text) => (text),
                    None => span.none { (visit.pick("（不在此显示）", "(not shown here)")) },
                }
            }
        };
    }
    entry
}

/// Tells the events of one project to one reader.
pub(super) struct Teller<'a> {
    pub(super) project: &'a Project,
    pub(super) visit: &'a Visit,
    known: &'a Known<'a>,
}

impl Teller<'_> {
    pub(super) fn plain(&self, class: &'static str, title: Markup) -> Entry {
        Entry {
            class,
            title,
            body: html! {},
        }
    }

    fn migrated(&self, migrated: &DefinitionMigrated) -> Entry {
        let visit = self.visit;
        let short = |digest: &str| digest.get(..12).unwrap_or(digest).to_owned();
        let choice = |choice: DeadlineChoice| match choice {
            DeadlineChoice::Keep => visit.pick("沿用", "kept"),
            DeadlineChoice::Recompute => visit.pick("重算", "computed anew"),
            DeadlineChoice::Lapse => visit.pick("作废", "lapsed"),
        };
        Entry {
            class: "clock",
            title: html! { (visit.pick("迁移到计划的新版本", "Went over to another version of the programme")) },
            body: html! {
                p.values { code { (short(&migrated.from)) } " → " code { (short(&migrated.to)) } }
                @if !migrated.deadlines.is_empty() {
                    ul {
                        @for (id, carried) in &migrated.deadlines {
                            @for (lot, day) in carried.days() {
                                li {
                                    (id) " "
                                    @if let Some(lot) = lot { "[" (lot) "] " }
                                    time { (day.before) } " → "
                                    @match day.due {
                                        Some(due) => time { (due) },
                                        None => "—",
                                    }
                                    " · " (choice(carried.choice))
                                }
                            }
                        }
                    }
                }
            },
        }
    }

    fn registered(&self, registered: &ProjectRegistered) -> Entry {
        let visit = self.visit;
        Entry {
            class: "registered",
            title: html! {
                (visit.pick("纳入改造计划", "Entered in the programme"))
                @if registered.adopted { " " span.tag { (visit.pick("续建", "adopted in mid-course")) } }
            },
            body: html! {
                p.values {
                    (stage_name(self.project, visit, &registered.stage))
                    @if !registered.compounds.is_empty() {
                        " · " (registered.compounds.len()) (visit.pick(" 个小区", " compounds"))
                    }
                }
            },
        }
    }

    fn kind(&self, fact: &str) -> Option<&FactType> {
        self.project.definition.facts.get(fact)
    }

    pub(super) fn fact_name(&self, fact: &str) -> String {
        self.kind(fact).map_or_else(
            || fact.to_owned(),
            |kind| kind.name.get(self.visit.lang).to_owned(),
        )
    }

    pub(super) fn field_name(&self, fact: &str, key: &str) -> String {
        self.kind(fact)
            .and_then(|kind| kind.fields.get(key))
            .map_or_else(
                || key.to_owned(),
                |field| field.name.get(self.visit.lang).to_owned(),
            )
    }

    pub(super) fn value(&self, fact: &str, key: &str, value: &serde_json::Value) -> String {
        let field = self.kind(fact).and_then(|kind| kind.fields.get(key));
        words::value(field, value, self.visit.lang)
    }

    fn values(&self, fact: &str, fields: &Data) -> Markup {
        html! {
            @if !fields.is_empty() {
                dl.values {
                    @for (key, value) in fields {
                        div { dt { (self.field_name(fact, key)) } dd { (self.value(fact, key, value)) } }
                    }
                }
            }
        }
    }

    fn fact(&self, event: &RecordedEvent, fact: &FactRecorded) -> Entry {
        let visit = self.visit;
        let now: Option<&&ReplayedFact> = self.known.facts.get(&event.id);
        let voided = now.is_some_and(|now| now.voided);
        let declared = now.is_none_or(|now| now.declared);
        let corrections = now
            .map(|now| now.corrected_by.as_slice())
            .unwrap_or_default();
        Entry {
            class: if voided { "fact voided" } else { "fact" },
            title: html! {
                span.name { (self.fact_name(&fact.fact)) }
                @if voided { " " span.tag.late { (visit.pick("已作废", "void")) } }
                @if !declared {
                    " " span.tag { (visit.pick("未定义的事实类型，不参与判断", "of no declared type, counts for nothing")) }
                }
                @for correction in corrections {
                    " " a.tag href={ "#p" (correction.position) } { (visit.pick("后已更正", "corrected later")) }
                }
            },
            body: html! {
                (self.values(&fact.fact, &fact.fields))
                @if !fact.documents.is_empty() {
                    p.sub {
                        (visit.pick("佐证材料 ", "papers: ")) (fact.documents.len()) (visit.pick(" 份", ""))
                        @for document in &fact.documents { " " code title=(document) { (document.chars().take(12).collect::<String>()) } }
                    }
                }
            },
        }
    }

    fn corrected(&self, event: &RecordedEvent, correction: &FactCorrected) -> Entry {
        let visit = self.visit;
        let fact = self.known.facts.get(&correction.event);
        let kind = fact.map_or("", |fact| fact.kind.as_str());
        let before = fact
            .and_then(|fact| {
                fact.corrected_by
                    .iter()
                    .find(|known| known.event == event.id)
            })
            .map(|known| &known.before);
        let was = |key: &str| {
            before
                .and_then(|before| before.get(key))
                .map(|value| self.value(kind, key, value))
        };
        Entry {
            class: "correction",
            title: html! {
                (visit.pick("更正：", "Corrected: ")) (self.fact_name(kind))
                @if let Some(fact) = fact { " " a.tag href={ "#p" (fact.position) } { (visit.pick("原记录 ", "record ")) (fact.position) } }
            },
            body: html! {
                dl.values {
                    @for (key, value) in &correction.fields {
                        div {
                            dt { (self.field_name(kind, key)) }
                            dd {
                                @match was(key) { Some(was) => { del { (was) } " → " }, None => {} }
                                ins { (self.value(kind, key, value)) }
                            }
                        }
                    }
                    @for key in &correction.cleared {
                        div {
                            dt { (self.field_name(kind, key)) }
                            dd { @if let Some(was) = was(key) { del { (was) } " → " } (visit.pick("清空", "cleared")) }
                        }
                    }
                    @if let Some(happened) = &correction.happened {
                        div { dt { (visit.pick("发生日期", "Day it happened")) } dd { ins { (happened.as_str()) } } }
                    }
                }
                (self.lost(!correction.basis_lost.is_empty()))
            },
        }
    }

    fn voided(&self, void: &FactVoided) -> Entry {
        let visit = self.visit;
        let fact = self.known.facts.get(&void.event);
        Entry {
            class: "correction",
            title: html! {
                (visit.pick("作废：", "Declared void: "))
                (fact.map_or_else(String::new, |fact| fact.name.clone()))
                @if let Some(fact) = fact { " " a.tag href={ "#p" (fact.position) } { (visit.pick("原记录 ", "record ")) (fact.position) } }
            },
            body: self.lost(!void.basis_lost.is_empty()),
        }
    }

    pub(super) fn lost(&self, lost: bool) -> Markup {
        html! {
            @if lost {
                p.warning { "! " (self.visit.pick("已通过的阶段变更因此失去依据，阶段不变。", "An accepted transition has lost its basis; the stage stays.")) }
            }
        }
    }

    fn decided(&self, event: &RecordedEvent, transition: &Transition) -> Entry {
        let visit = self.visit;
        let from = stage_name(self.project, visit, &transition.from);
        let to = stage_name(self.project, visit, &transition.to);
        let decision: Option<&&ReplayedDecision> = self.known.decisions.get(&event.id);
        let outcome = decision.map_or(DecisionOutcome::Accepted, |decision| decision.outcome);
        let judged = decision
            .map(|decision| decision.requirements.as_slice())
            .unwrap_or_default();
        let unmet = judged.iter().filter(|requirement| !requirement.met).count();
        let lost = decision.is_some_and(|decision| !decision.basis_lost.is_empty());
        let lot = transition.lot.as_ref().map(|id| {
            let name = decision.and_then(|decision| decision.lot_name.clone());
            name.unwrap_or_else(|| id.clone())
        });
        let word = self.project.definition.lot_word(visit.lang);
        let (class, title) = match (outcome, &lot) {
            (DecisionOutcome::Accepted, Some(lot)) => (
                "accepted",
                html! { (word) (visit.pick("通过：", " passed: ")) b { (lot) } " · " (from) },
            ),
            (DecisionOutcome::Refused, Some(lot)) => (
                "refused",
                html! {
                    (word) (visit.pick("未予通过：", " refused: ")) b { (lot) } " · " (from)
                    (visit.pick("，", ", ")) (unmet) (visit.pick(" 项条件未满足", " requirements not met"))
                },
            ),
            (DecisionOutcome::Accepted, None) => (
                "accepted",
                html! { (visit.pick("进入下一阶段：", "Moved on: ")) (from) " → " b { (to) } },
            ),
            (DecisionOutcome::Refused, None) => (
                "refused",
                html! {
                    (visit.pick("未予通过：", "Refused: ")) (from) " → " b { (to) }
                    (visit.pick("，", ", ")) (unmet) (visit.pick(" 项条件未满足", " requirements not met"))
                },
            ),
            (DecisionOutcome::Returned, _) => (
                "returned",
                html! {
                    (visit.pick("退回：", "Returned: ")) (from) " → " b { (to) }
                    @for lot in &transition.lots { " " span.tag { (lot) } }
                },
            ),
        };
        Entry {
            class,
            title,
            body: html! {
                @if let (true, Some(decision)) = (unmet > 0, decision) { (requirements(self.project, visit, decision, false)) }
                @if judged.len() > unmet {
                    details.basis {
                        summary { (visit.pick("判断依据：", "Judged by: ")) (judged.len()) (visit.pick(" 项条件", " requirements")) }
                        @if let Some(decision) = decision { (requirements(self.project, visit, decision, true)) }
                        p.sub {
                            (visit.pick("流程定义 ", "definition ")) code title=(transition.definition) { (transition.definition.chars().take(12).collect::<String>()) }
                            (visit.pick("，工作日历 ", ", calendar ")) code title=(transition.calendar) { (transition.calendar.chars().take(12).collect::<String>()) }
                        }
                    }
                }
                (self.lost(lost))
            },
        }
    }

    fn deadline_name(&self, deadline: &str) -> String {
        self.project
            .definition
            .stages
            .values()
            .find_map(|stage| stage.deadlines.get(deadline))
            .map_or_else(
                || deadline.to_owned(),
                |deadline| deadline.name.get(self.visit.lang).to_owned(),
            )
    }

    fn step_name(&self, deadline: &str, ladder: Option<&str>) -> String {
        let step = ladder
            .and_then(|ladder| self.project.definition.ladder.get(ladder))
            .map(|step| step.name.get(self.visit.lang));
        match step {
            Some(step) => words::typeset(
                &format!("{step}({})", self.deadline_name(deadline)),
                self.visit.lang,
            ),
            None => self.deadline_name(deadline),
        }
    }

    fn extended(&self, extension: &Extension) -> Entry {
        let visit = self.visit;
        Entry {
            class: "clock",
            title: html! {
                (visit.pick("期限延长：", "Deadline moved: ")) (self.deadline_name(&extension.deadline))
                @if extension.late { " " span.tag.late { (visit.pick("逾期后申请", "asked for after the due day")) } }
            },
            body: html! {
                p.values {
                    @if let Some(before) = extension.before { del { time { (before) } } " → " }
                    ins { time { (extension.due) } }
                }
            },
        }
    }

    fn raised(&self, event: &RecordedEvent, raised: &EscalationRaised) -> Entry {
        let visit = self.visit;
        let step = self.known.steps.get(&event.id);
        let name = self
            .project
            .definition
            .ladder
            .get(&raised.ladder)
            .map_or(raised.ladder.as_str(), |step| step.name.get(visit.lang));
        Entry {
            class: "step",
            title: html! {
                (visit.pick("督办升级：", "Step taken: ")) b { (name) }
                @if raised.draft { " " span.tag { (visit.pick("草拟，待人工签发", "draft, to be signed")) } }
                @if step.is_some_and(|step| step.withdrawn) { " " span.tag { (visit.pick("后已撤回", "withdrawn later")) } }
                @if step.is_some_and(|step| step.acknowledged) { " " span.tag { (visit.pick("已签收", "acknowledged")) } }
            },
            body: html! {
                p.values {
                    @match raised.key.order {
                        Some(order) => { (visit.pick("派单 #", "order #")) (order) }
                        None => (self.deadline_name(&raised.key.deadline)),
                    }
                    @if let Some(lot) = &raised.lot_name { " " span.tag { (lot) } }
                    (visit.pick("，期限 ", ", due ")) time { (raised.due) }
                }
                p.sub {
                    @if !raised.to.is_empty() { (visit.pick("发往 ", "to ")) (raised.to.join(visit.pick("、", ", "))) }
                    @if let Some(reply_by) = raised.reply_by {
                        (visit.pick("；回复期限 ", "; reply by ")) time { (reply_by) }
                    }
                }
                @if !raised.superseded.is_empty() {
                    p.sub {
                        (visit.pick("代替未发的 ", "stands for ")) (raised.superseded.len()) (visit.pick(" 级较低督办", " lower steps not sent"))
                    }
                }
            },
        }
    }
}
