//! What happened, newest first: with both times where they differ, and what became of it later.

mod entry;
mod parts;

use std::collections::{BTreeMap, BTreeSet};

use anju_engine::event::{EventId, RecordedEvent, shanghai_day};
use anju_projections::timeline::{DecisionOutcome, ReplayedDecision, ReplayedFact, ReplayedStep};
use anju_workflows::handler::HandleError;
use anju_workflows::project::ProjectEvent;
use anju_workflows::project::deadline::days_between;
use jiff::civil::Date;
use maud::{Markup, html};

use super::{Project, next};
use crate::web::shared::{part, source};
use crate::web::trouble::Trouble;
use crate::web::visit::Visit;
use crate::web::{Site, words};

/// How many entries are shown before somebody asks for all.
const SHOWN: usize = 100;

/// What the replay knows of the events it shows, by their identity.
struct Known<'a> {
    facts: BTreeMap<EventId, &'a ReplayedFact>,
    decisions: BTreeMap<EventId, &'a ReplayedDecision>,
    steps: BTreeMap<EventId, &'a ReplayedStep>,
    /// Events that are shown although the replay does not list them apart.
    others: BTreeSet<EventId>,
    as_of: Date,
    as_known: Date,
}

impl<'a> Known<'a> {
    fn of(project: &'a Project) -> Self {
        let replay = &project.replay;
        let mut others: BTreeSet<EventId> = BTreeSet::new();
        for fact in &replay.facts {
            others.extend(fact.voided_by);
            others.extend(fact.corrected_by.iter().map(|correction| correction.event));
        }
        others.extend(replay.clock.iter().map(|stop| stop.event));
        others.extend(replay.migrations.iter().map(|migration| migration.event));
        let moves = replay.orders.iter().flat_map(|order| &order.moves);
        others.extend(moves.map(|moved| moved.event));
        Self {
            facts: replay.facts.iter().map(|fact| (fact.event, fact)).collect(),
            decisions: replay
                .decisions
                .iter()
                .map(|decision| (decision.event, decision))
                .collect(),
            steps: replay
                .escalations
                .iter()
                .map(|step| (step.event, step))
                .collect(),
            others,
            as_of: replay.as_of,
            as_known: replay.as_known,
        }
    }

    /// Whether an event belongs to what the replay shows.
    fn shows(&self, event: &RecordedEvent, read: &ProjectEvent) -> bool {
        match read {
            ProjectEvent::ProjectRegistered(_) => true,
            ProjectEvent::LotDeclared(_)
            | ProjectEvent::LotCorrected(_)
            | ProjectEvent::LotWithdrawn(_)
            | ProjectEvent::ProjectCarriedOver(_)
            | ProjectEvent::OpeningBalanceAccepted(_) => {
                event.occurred_at.day() <= self.as_of
                    && shanghai_day(event.recorded_at) <= self.as_known
            }
            ProjectEvent::EscalationAcknowledged(acknowledged) => self
                .steps
                .get(&acknowledged.event)
                .is_some_and(|step| step.acknowledged),
            ProjectEvent::EscalationWithdrawn(withdrawn) => self
                .steps
                .get(&withdrawn.event)
                .is_some_and(|step| step.withdrawn),
            _ => {
                self.facts.contains_key(&event.id)
                    || self.decisions.contains_key(&event.id)
                    || self.steps.contains_key(&event.id)
                    || self.others.contains(&event.id)
            }
        }
    }
}

/// The timeline.
pub(super) async fn render(
    project: &Project,
    site: &Site,
    visit: &Visit,
) -> Result<Markup, Trouble> {
    let known = Known::of(project);
    let mut events: Vec<(&RecordedEvent, ProjectEvent)> = Vec::new();
    for event in project.events.iter().rev() {
        let read = ProjectEvent::read(event).map_err(HandleError::from)?;
        if known.shows(event, &read) {
            events.push((event, read));
        }
    }
    let all = visit.asked("all").is_some();
    let more = if all {
        0
    } else {
        events.len().saturating_sub(SHOWN)
    };
    events.truncate(events.len() - more);
    let notes = notes(site, &events).await?;
    Ok(html! {
        div #h-history { (part(visit, "时间线", "Timeline")) }
        p.hint {
            (visit.pick("新的在前。左侧为发生日期；登记晚于发生的另注明。", "Newest first. The day on the left is the day it happened; where it was recorded later, that is said."))
        }
        ol.timeline reversed {
            @for (event, read) in &events {
                (frame(visit, event, &entry::of(project, visit, &known, event, read, notes.get(&event.id).map(String::as_str))))
            }
        }
        @if more > 0 {
            p { a href=(visit.with(&[("all", Some("1"))])) { (visit.pick("显示更早的 ", "Show ")) (more) (visit.pick(" 条", " earlier")) } }
        }
    })
}

/// The texts of the notes of some events. Only where the pages may write, that is on this machine: elsewhere nobody
/// has shown who they are, and notes may hold what is personal.
async fn notes(
    site: &Site,
    events: &[(&RecordedEvent, ProjectEvent)],
) -> Result<BTreeMap<EventId, String>, Trouble> {
    let mut texts = BTreeMap::new();
    if !site.writable {
        return Ok(texts);
    }
    for (event, read) in events {
        if let Some(digest) = entry::note_of(read)
            && let Some(text) = site
                .app
                .notes()
                .await?
                .text(digest)
                .await
                .map_err(crate::app::Failure::from)?
        {
            texts.insert(event.id, text);
        }
    }
    Ok(texts)
}

/// One entry of the timeline, without its frame.
struct Entry {
    /// The class in the style sheet: what kind of thing it is.
    class: &'static str,
    /// What happened.
    title: Markup,
    /// More of it.
    body: Markup,
}

fn frame(visit: &Visit, event: &RecordedEvent, entry: &Entry) -> Markup {
    let happened = event.occurred_at.day();
    let late = days_between(happened, shanghai_day(event.recorded_at));
    html! {
        li class={ "entry " (entry.class) } id={ "p" (event.position) } {
            p.when { time { (happened) } }
            div.what {
                p.entry-title { (entry.title) }
                (entry.body)
                div.by {
                    @if late > 0 {
                        span.late {
                            (visit.pick("登记晚于发生 ", "recorded ")) (late) (visit.pick(" 天", " days after it happened"))
                            (visit.pick("，", ", ")) time { (words::instant(event.recorded_at)) }
                        }
                    }
                    span {
                        (words::role(&event.actor.role, visit.lang))
                        @if let Some(unit) = &event.actor.unit { " · " (unit) }
                        @if words::source(event.source, visit.lang) != words::role(&event.actor.role, visit.lang) {
                            " · " (words::source(event.source, visit.lang))
                        }
                    }
                    details.record-id {
                        summary { (visit.pick("第 ", "record ")) (event.position) (visit.pick(" 条", "")) }
                        span { (visit.pick("事件 ", "event ")) code { (event.id) } }
                        span { (visit.pick("记录于 ", "recorded at ")) code { (event.recorded_at) } }
                    }
                }
            }
        }
    }
}

/// What the form that was just sent has done. The position comes with the address, so it is looked up in this
/// project's own stream: nobody can make the page say what is not in the log.
pub(super) fn done(project: &Project, visit: &Visit) -> Markup {
    let event = visit
        .asked("done")
        .and_then(|text| text.parse::<u64>().ok())
        .and_then(|position| {
            project
                .events
                .iter()
                .find(|event| event.position.0 == position)
        });
    let Some(event) = event else {
        return html! {};
    };
    let known = Known::of(project);
    let Ok(read) = ProjectEvent::read(event) else {
        return html! {};
    };
    let decision = known.decisions.get(&event.id);
    let refused = decision.is_some_and(|decision| decision.outcome == DecisionOutcome::Refused);
    let entry = entry::of(project, visit, &known, event, &read, None);
    html! {
        div.done.refused[refused] #done role="status" tabindex="-1" {
            p {
                strong {
                    @if refused { (visit.pick("✗ 未予通过", "✗ Refused")) }
                    @else { (visit.pick("✓ 已登记", "✓ Recorded")) }
                }
                (visit.pick("：", ": ")) (entry.title)
                (visit.pick(" — 第 ", " — record "))
                a href={ "#p" (event.position) } { (event.position) }
                (visit.pick(" 条记录", ""))
            }
            @if visit.asked("again").is_some() {
                p { (visit.pick("同一表单此前已登记，没有重复登记。", "The same form was recorded before; it was not recorded twice.")) }
            }
            @if let (true, Some(decision)) = (refused, decision) { (requirements(project, visit, decision, false)) }
        }
    }
}

/// Requirements as they were judged then: those not met, or all of them.
fn requirements(
    project: &Project,
    visit: &Visit,
    decision: &ReplayedDecision,
    all: bool,
) -> Markup {
    let requirements = &decision.requirements;
    let text = |value: &serde_json::Value| {
        value
            .get("text")
            .and_then(|text| text.as_str())
            .unwrap_or_default()
            .to_owned()
    };
    html! {
        ul.requirements.small {
            @for requirement in requirements.iter().filter(|requirement| all || !requirement.met) {
                li class=(next::class(requirement.met, requirement.warn)) {
                    (next::mark(visit, requirement.met, requirement.warn))
                    div {
                        p.name { (requirement.name) }
                        (next::figures(visit, &text(&requirement.actual), &text(&requirement.required)))
                        (source(visit, &requirement.source, next::quoted(project, &decision.from, &requirement.rule)))
                        @if !requirement.cites.is_empty() {
                            p.sub {
                                (visit.pick("依据记录 ", "judged by records "))
                                @for (index, position) in requirement.cites.iter().enumerate() {
                                    @if index > 0 { (visit.pick("、", ", ")) }
                                    a href={ "#p" (position) } { (position) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
