//! The lots of a project: where each stands, and the buttons by which they ask to pass.

use anju_projections::timeline::{LotsCounter, ReplayedLot};
use anju_workflows::handler::new_command_id;
use anju_workflows::project::Status;
use anju_workflows::requirement::{Explained, View, explain, judge_lot};
use maud::{Markup, html};

use super::Project;
use super::next::{class, figures, mark};
use crate::web::form::Draft;
use crate::web::shared::part;
use crate::web::visit::Visit;
use crate::web::{Site, words};

/// The lots, with what each lacks to pass its gate today.
pub(super) fn render(
    project: &Project,
    site: &Site,
    visit: &Visit,
    draft: Option<&Draft>,
) -> Markup {
    let replay = &project.replay;
    if replay.lots.is_empty() {
        return html! {};
    }
    let word = project.definition.lot_word(visit.lang);
    html! {
        div.part.lots #lots role="group" aria-labelledby="h-lots" {
            div #h-lots { (part(visit, "标段", "Lots")) }
            (problems(draft))
            ul.requirements {
                @for lot in &replay.lots {
                    @let judged = judged(project, visit, lot);
                    @let ready = judged.iter().all(|rule| rule.met || rule.warn);
                    li class=(if lot.waiting.is_some() { class(ready, false) } else { "met" }) {
                        (mark(visit, lot.waiting.is_none(), false))
                        div {
                            p.name {
                                (lot.name)
                                @if lot.name != lot.lot { " " code { (lot.lot) } }
                                @if let Some(households) = lot.households { span.sub { " " (words::number(households)) (visit.pick(" 户", " households")) } }
                                @if let Some(on) = lot.withdrawn_on { " " span.tag { (visit.pick("已退出 ", "withdrawn ")) time { (on) } } }
                            }
                            (passages(visit, lot))
                            @if let Some(stage) = &lot.waiting_name {
                                p.sub { (visit.pick("待通过：", "to pass: ")) b { (stage) } }
                            }
                            @for rule in judged.iter().filter(|rule| !rule.met) {
                                p.sub { (rule.name) }
                                (figures(visit, &rule.actual, &rule.required))
                            }
                            @if lot.waiting.is_some() && site.writable && !project.past && project.state.status == Status::Active {
                                (pass(project, site, visit, lot, word))
                            }
                        }
                    }
                }
            }
            (reconciled(visit, &replay.lots_counters, word))
        }
    }
}

/// What the gate that a lot waits at demands of it, judged today. Nothing where another day is shown.
fn judged(project: &Project, visit: &Visit, lot: &ReplayedLot) -> Vec<Explained> {
    let (Some(stage), false) = (&lot.waiting, project.past) else {
        return Vec::new();
    };
    let view = View {
        definition: &project.definition,
        calendar: &project.calendar,
        state: &project.state,
        day: project.today,
        before: None,
    };
    judge_lot(view, stage, &lot.lot)
        .iter()
        .map(|judgement| explain(&project.definition, stage, judgement, visit.lang))
        .collect()
}

fn passages(visit: &Visit, lot: &ReplayedLot) -> Markup {
    html! {
        @for gate in lot.passed.iter().filter(|gate| gate.stands) {
            p.sub {
                "✓ " (gate.stage_name) " " time { (gate.on) }
                @if gate.basis_lost { " " span.tag.late { (visit.pick("依据已失，须重新通过", "basis lost, has to pass again")) } }
            }
        }
    }
}

/// The button by which a lot asks to pass.
fn pass(project: &Project, site: &Site, visit: &Visit, lot: &ReplayedLot, word: &str) -> Markup {
    let minted = new_command_id(site.app.clock.now());
    html! {
        form.ask method="post" action={ "/project/" (project.state.id) "/advance" } novalidate {
            input type="hidden" name="form" value=(minted.0);
            input type="hidden" name="lot" value=(lot.lot);
            input type="hidden" name="occurred" value=(project.today);
            button.quiet type="submit" aria-label={ (lot.name) (visit.pick(" 申请通过", " asks to pass")) } {
                (visit.pick("该", "Let this ")) (word) (visit.pick("申请通过", " pass"))
            }
        }
    }
}

/// Whether what the lots declared adds up to what the project has.
fn reconciled(visit: &Visit, counters: &[LotsCounter], word: &str) -> Markup {
    html! {
        @for counter in counters.iter().filter(|counter| counter.agrees == Some(false)) {
            p.warning {
                "! "
                (match counter.counter.as_str() {
                    "households" => visit.pick("户数", "households"),
                    "buildings" => visit.pick("楼栋数", "buildings"),
                    _ => visit.pick("建筑面积", "floor area"),
                })
                (visit.pick("不一致：各", " do not agree: every ")) (word) (visit.pick("合计 ", " together "))
                (words::decimal(&counter.lots))
                (visit.pick("，项目 ", ", the project "))
                @if let Some(own) = &counter.project { (words::decimal(own)) }
            }
        }
    }
}

/// What was wrong with a form that came back, above the forms of its kind.
pub(super) fn problems(draft: Option<&Draft>) -> Markup {
    html! {
        @if let Some(draft) = draft {
            div.problems role="alert" {
                @for (_, message) in &draft.problems { p { (message) } }
            }
        }
    }
}
