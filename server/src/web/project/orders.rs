//! The orders of a project, and the forms that dispatch, answer, close and open them again. A form that was refused comes
//! back as it was left.

use anju_projections::timeline::ReplayedOrder;
use anju_workflows::handler::new_command_id;
use anju_workflows::project::Status;
use maud::{Markup, html};

use super::Project;
use super::lots::problems;
use crate::web::Site;
use crate::web::form::{self, Draft};
use crate::web::shared::part;
use crate::web::visit::Visit;

/// The orders, open ones first.
pub(super) fn render(
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
                                @if writable { (order_form(project, site, visit, order, draft)) }
                            }
                        }
                    }
                }
            }
            @if writable { (dispatch(project, site, visit, draft)) }
        }
    }
}

/// What was typed into one of the forms, if that is the form that came back.
struct Typed<'d> {
    draft: Option<&'d Draft>,
}

impl<'d> Typed<'d> {
    /// Of the form of this order; of the one that dispatches, if there is none.
    fn of(draft: Option<&'d Draft>, order: Option<u32>) -> Self {
        let order = order.map(|number| number.to_string()).unwrap_or_default();
        Self {
            draft: draft.filter(|draft| draft.text("order") == order),
        }
    }

    fn text(&self, key: &str) -> String {
        self.draft.map_or_else(String::new, |draft| draft.text(key))
    }

    fn note(&self) -> &'d str {
        self.draft.map_or("", |draft| draft.note.as_str())
    }

    fn is_here(&self) -> bool {
        self.draft.is_some()
    }
}

/// The id minted for the form, and its day.
fn beginning(project: &Project, site: &Site, visit: &Visit, typed: &Typed, id: &str) -> Markup {
    let minted = new_command_id(site.app.clock.now());
    let day = typed
        .draft
        .map_or_else(|| project.today.to_string(), |draft| draft.occurred.clone());
    html! {
        input type="hidden" name="form" value=(minted.0);
        div.field {
            label for=(id) { (visit.pick("发生日期", "Day it happened")) }
            (form::day(id, "occurred", &day, Some(project.today)))
        }
    }
}

/// What can be done with an order: answered and closed while it is open, opened again when it is not.
fn order_form(
    project: &Project,
    site: &Site,
    visit: &Visit,
    order: &ReplayedOrder,
    draft: Option<&Draft>,
) -> Markup {
    let number = order.order;
    let typed = Typed::of(draft, Some(number));
    let id = |of: &str| format!("order-{of}-{number}");
    html! {
        details open[typed.is_here()] {
            summary { (visit.pick("办理 #", "Act on #")) (number) }
            form.ask method="post" action={ "/project/" (project.state.id) "/order" } novalidate {
                (beginning(project, site, visit, &typed, &id("day")))
                input type="hidden" name="order" value=(number);
                div.field {
                    label for=(id("unit")) { (visit.pick("办理单位", "Unit that acts")) }
                    input id=(id("unit")) name="unit" type="text" maxlength="100" autocomplete="off" value=(typed.text("unit"));
                    p.hint { (visit.pick("承办单位不能自行销号。", "The unit it went to cannot close it.")) }
                }
                div.field {
                    label for=(id("note")) { (visit.pick("说明", "Text")) }
                    textarea id=(id("note")) name="note" rows="2" { (typed.note()) }
                    p.hint { (form::about_notes(visit)) }
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

fn dispatch(project: &Project, site: &Site, visit: &Visit, draft: Option<&Draft>) -> Markup {
    let typed = Typed::of(draft, None);
    let about = project
        .definition
        .orders
        .as_ref()
        .map(|orders| &orders.about)
        .filter(|about| !about.is_empty());
    html! {
        details open[typed.is_here()] {
            summary { (visit.pick("新派单", "Dispatch an order")) }
            form.ask method="post" action={ "/project/" (project.state.id) "/order" } novalidate {
                (beginning(project, site, visit, &typed, "order-day"))
                input type="hidden" name="action" value="dispatch";
                div.field {
                    label for="order-to" { (visit.pick("承办单位", "To which unit")) }
                    input #order-to name="to" type="text" maxlength="100" required autocomplete="off" value=(typed.text("to"));
                }
                div.field {
                    label for="order-about" { (visit.pick("事项", "About what")) }
                    @match about {
                        Some(about) => select #order-about name="about" {
                            @for (code, named) in about {
                                option value=(code) selected[*code == typed.text("about")] { (named.name.get(visit.lang)) }
                            }
                        },
                        None => input #order-about name="about" type="text" maxlength="64" required autocomplete="off" value=(typed.text("about"));,
                    }
                }
                @if !project.replay.lots.is_empty() {
                    div.field {
                        label for="order-lot" { (project.definition.lot_word(visit.lang)) }
                        select #order-lot name="lot" {
                            option value="" { (visit.pick("整个项目", "the whole project")) }
                            @for lot in &project.replay.lots {
                                option value=(lot.lot) selected[lot.lot == typed.text("lot")] { (lot.name) }
                            }
                        }
                    }
                }
                div.field {
                    label for="order-due" { (visit.pick("办结期限", "Due")) }
                    (form::day("order-due", "due", &typed.text("due"), None))
                }
                div.field {
                    label for="order-note" { (visit.pick("说明", "Text")) }
                    textarea #order-note name="note" rows="2" { (typed.note()) }
                    p.hint { (form::about_notes(visit)) }
                }
                div.ask-line { button type="submit" { (visit.pick("派单", "Dispatch")) } }
            }
        }
    }
}
