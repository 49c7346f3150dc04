//! The lots of a project and its orders: where each stands, and the forms that move them.

use anju_projections::timeline::{LotsCounter, ReplayedLot, ReplayedOrder};
use anju_workflows::handler::new_command_id;
use anju_workflows::project::Status;
use anju_workflows::requirement::{Explained, View, explain, judge_lot};
use maud::{Markup, html};

use super::Project;
use super::next::{class, figures, mark};
use crate::web::form::{self, Draft};
use crate::web::shared::part;
use crate::web::visit::Visit;
use crate::web::{Site, words};

/// The lots, with what each lacks to pass its gate today.
pub(super) fn lots(project: &Project, site: &Site, visit: &Visit, draft: Option<&Draft>) -> Markup {
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

/// The orders, open ones first.
pub(super) fn orders(
    project: &Project,
    site: &Site,
    visit: &Visit,
    draft: Option<&Draft>,
) -> Markup {
    let replay = &project.replay;
    let writable = site.writable && !project.past && replay.status != Status::Withdrawn;
    if replay.orders.is_empty() && (project.definition.orders.is_none() || !writable) {
        return html! {};
    }
    let mut orders: Vec<&ReplayedOrder> = replay.orders.iter().collect();
    orders.sort_by_key(|order| (order.closed_on.is_some(), order.due, order.order));
    html! {
        div.part.orders #orders role="group" aria-labelledby="h-orders" {
            div #h-orders { (part(visit, "派单", "Orders")) }
            (problems(draft))
            @if orders.is_empty() { p.empty { (visit.pick("没有派单。", "No order was dispatched.")) } }
            @else {
                ul.deadlines {
                    @for order in orders {
                        li {
                            span.due-day { time { (order.due) } }
                            div {
                                p.name {
                                    "#" (order.order) " " (order.about_name) " → " (order.to)
                                    @if let Some(lot) = &order.lot { span.tag { (lot) } }
                                    @match order.closed_on {
                                        Some(on) => span.tag { (visit.pick("已销号 ", "closed ")) time { (on) } },
                                        None => span.tag { (visit.pick("未销号", "open")) },
                                    }
                                }
                                @if order.overdue_days > 0 {
                                    p.sub { (visit.pick("逾期 ", "overdue ")) b { (order.overdue_days) } (visit.pick(" 天", " days")) }
                                }
                                @if writable { (order_form(project, site, visit, order)) }
                            }
                        }
                    }
                }
            }
            @if writable { (dispatch(project, site, visit)) }
        }
    }
}

fn problems(draft: Option<&Draft>) -> Markup {
    html! {
        @if let Some(draft) = draft {
            div.problems role="alert" {
                @for (_, message) in &draft.problems { p { (message) } }
            }
        }
    }
}

fn hidden(project: &Project, site: &Site) -> Markup {
    let minted = new_command_id(site.app.clock.now());
    html! {
        input type="hidden" name="form" value=(minted.0);
        input type="hidden" name="occurred" value=(project.today);
    }
}

/// What can be done with an order: answered and closed while it is open, opened again when it is not.
fn order_form(project: &Project, site: &Site, visit: &Visit, order: &ReplayedOrder) -> Markup {
    let number = order.order;
    let unit = format!("unit-{number}");
    let note = format!("order-note-{number}");
    html! {
        details {
            summary { (visit.pick("办理 #", "Act on #")) (number) }
            form.ask method="post" action={ "/project/" (project.state.id) "/order" } novalidate {
                (hidden(project, site))
                input type="hidden" name="order" value=(number);
                div.field {
                    label for=(unit) { (visit.pick("办理单位", "Unit that acts")) }
                    input id=(unit) name="unit" type="text" maxlength="100" autocomplete="off";
                    p.hint { (visit.pick("承办单位不能自行销号。", "The unit it went to cannot close it.")) }
                }
                div.field {
                    label for=(note) { (visit.pick("说明", "Text")) }
                    textarea id=(note) name="note" rows="2" {}
                }
                div.ask-line {
                    @if order.closed_on.is_none() {
                        button.quiet type="submit" name="action" value="reply" { (visit.pick("回复", "Answer")) }
                        button type="submit" name="action" value="close" { (visit.pick("销号", "Close")) }
                    } @else {
                        button.quiet type="submit" name="action" value="reopen" { (visit.pick("重开", "Open again")) }
                    }
                }
            }
        }
    }
}

fn dispatch(project: &Project, site: &Site, visit: &Visit) -> Markup {
    let about = project
        .definition
        .orders
        .as_ref()
        .map(|orders| &orders.about)
        .filter(|about| !about.is_empty());
    html! {
        details {
            summary { (visit.pick("新派单", "Dispatch an order")) }
            form.ask method="post" action={ "/project/" (project.state.id) "/order" } novalidate {
                (hidden(project, site))
                input type="hidden" name="action" value="dispatch";
                div.field {
                    label for="order-to" { (visit.pick("承办单位", "To which unit")) }
                    input #order-to name="to" type="text" maxlength="100" required autocomplete="off";
                }
                div.field {
                    label for="order-about" { (visit.pick("事项", "About what")) }
                    @match about {
                        Some(about) => select #order-about name="about" {
                            @for (code, named) in about { option value=(code) { (named.name.get(visit.lang)) } }
                        },
                        None => input #order-about name="about" type="text" maxlength="64" required autocomplete="off";,
                    }
                }
                @if !project.replay.lots.is_empty() {
                    div.field {
                        label for="order-lot" { (project.definition.lot_word(visit.lang)) }
                        select #order-lot name="lot" {
                            option value="" { (visit.pick("整个项目", "the whole project")) }
                            @for lot in &project.replay.lots { option value=(lot.lot) { (lot.name) } }
                        }
                    }
                }
                div.field {
                    label for="order-due" { (visit.pick("办结期限", "Due")) }
                    input #order-due name="due" type="date";
                }
                (form::note(visit, &Draft::default()))
                div.ask-line { button type="submit" { (visit.pick("派单", "Dispatch")) } }
            }
        }
    }
}
