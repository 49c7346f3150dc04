//! What happens to lots and orders, in words.

use anju_workflows::project::ProjectEvent;
use maud::html;

use super::Entry;
use super::entry::Teller;

impl Teller<'_> {
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
