//! What happens to lots and orders, in words.

use anju_workflows::project::ProjectEvent;
use anju_workflows::project::batch::OpeningBalanceAccepted;
use maud::{Markup, html};

use super::Entry;
use super::entry::Teller;
use crate::web::words;

impl Teller<'_> {
    fn opening(&self, balance: &OpeningBalanceAccepted) -> Markup {
        let lang = self.visit.lang;
        html! {
            dl.values {
                @for (fact, fields) in &balance.sums {
                    @for (key, value) in fields {
                        div { dt { (self.fact_name(fact)) " · " (self.field_name(fact, key)) } dd { (self.value(fact, key, value)) } }
                    }
                }
                @for (milestone, day) in &balance.milestones {
                    div { dt { (words::milestone(*milestone, lang)) } dd { time { (day) } } }
                }
            }
        }
    }

    /// An event of a lot or an order.
    pub(super) fn part(&self, event: &ProjectEvent) -> Entry {
        let visit = self.visit;
        let lot = self.project.definition.lot_word(visit.lang);
        match event {
            ProjectEvent::LotDeclared(declared) => Entry {
                class: "registered",
                title: html! { (visit.pick("设立", "Declared: ")) (lot) " " b { (declared.name) } " " code { (declared.lot) } },
                body: html! {
                    p.values {
                        @if let Some(households) = declared.households { (households) (visit.pick(" 户 ", " households ")) }
                        @if let Some(buildings) = declared.buildings { (buildings) (visit.pick(" 栋 ", " buildings ")) }
                        @if let Some(area) = &declared.area_m2 { (area) " ㎡" }
                    }
                },
            },
            ProjectEvent::LotCorrected(corrected) => Entry {
                class: "correction",
                title: html! { (visit.pick("更正", "Corrected: ")) (lot) " " code { (corrected.lot) } },
                body: html! {
                    p.values {
                        @if let Some(name) = &corrected.name { ins { (name) } " " }
                        @if let Some(households) = corrected.households { ins { (households) } (visit.pick(" 户 ", " households ")) }
                        @if let Some(buildings) = corrected.buildings { ins { (buildings) } (visit.pick(" 栋 ", " buildings ")) }
                        @if let Some(area) = &corrected.area_m2 { ins { (area) } " ㎡" }
                    }
                    (self.lost(!corrected.basis_lost.is_empty()))
                },
            },
            ProjectEvent::LotWithdrawn(withdrawn) => self.plain(
                "clock",
                html! { (lot) " " code { (withdrawn.lot) } (visit.pick(" 退出项目", " left the project")) },
            ),
            ProjectEvent::ProjectCarriedOver(carried) => Entry {
                class: "clock",
                title: html! {
                    (visit.pick("结转：", "Carried over: "))
                    @if let Some(from) = carried.from { (from) }
                    " → " b { (carried.to) }
                },
                body: html! { p.values { (visit.pick("依据：", "by ")) (carried.basis) } },
            },
            ProjectEvent::OpeningBalanceAccepted(balance) => Entry {
                class: "registered",
                title: html! { (visit.pick("认定期初数（非本日志事实）", "Opening balance accepted (claims, not facts of this log)")) },
                body: html! {
                    (self.opening(balance))
                    (self.lost(!balance.basis_lost.is_empty()))
                },
            },
            ProjectEvent::OrderDispatched(order) => Entry {
                class: "step",
                title: html! {
                    (visit.pick("派单 #", "Order #")) (order.order) " → " b { (order.to) }
                    @if let Some(lot) = &order.lot { " " span.tag { (lot) } }
                },
                body: html! {
                    p.values {
                        (self.project.definition.about_word(&order.about, visit.lang))
                        (visit.pick("，期限 ", ", due ")) time { (order.due) }
                    }
                },
            },
            ProjectEvent::OrderReplied(reply) => self.plain(
                "step",
                html! { (visit.pick("派单回复 #", "Order answered: #")) (reply.order) },
            ),
            ProjectEvent::OrderClosed(closed) => self.plain(
                "step",
                html! { (visit.pick("派单销号 #", "Order closed: #")) (closed.order) (visit.pick("，", ", by ")) (closed.by) },
            ),
            ProjectEvent::OrderReopened(open) => self.plain(
                "step",
                html! {
                    (visit.pick("派单重开 #", "Order opened again: #")) (open.order)
                    @if let Some(due) = open.due { (visit.pick("，期限 ", ", due ")) time { (due) } }
                },
            ),
            ProjectEvent::OrderExtended(more) => self.plain(
                "clock",
                html! {
                    (visit.pick("派单延期 #", "Order extended: #")) (more.order) " "
                    del { time { (more.before) } } " → " ins { time { (more.due) } }
                },
            ),
            // Everything else is told by its own words.
            _ => self.plain("step", html! {}),
        }
    }
}
