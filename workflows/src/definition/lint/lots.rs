//! Lots and orders: what passes lot by lot has lots, is measured by the lot's own numbers, and orders can be dispatched
//! where a gate asks for them.

use super::super::problem::Problem;
use super::super::{EVERY_LOT, FieldKind, LOT_FIELD, LOT_SUBJECT, Reference, Requirement, Stage};
use super::{At, Lint};

impl Lint<'_> {
    pub(super) fn lots(&mut self) {
        let definition = self.definition;
        let stages = At::root().to("stages");
        let mut by_lot = false;
        for (stage_id, stage) in &definition.stages {
            let at = stages.to(stage_id);
            if stage.per_lot {
                by_lot = true;
                self.needs_lots(&at.to("per_lot"));
            }
            for (id, requirement) in &stage.exit {
                let at = at.to("exit").to(id);
                by_lot |= requirement.per_lot;
                if id == EVERY_LOT {
                    self.reserved(&at, EVERY_LOT);
                }
                self.requirement_of_lots(&at, stage, requirement);
            }
            for (id, deadline) in &stage.deadlines {
                let at = at.to("deadlines").to(id).to("per_lot");
                by_lot |= deadline.per_lot;
                if deadline.per_lot {
                    self.needs_lots(&at);
                    let gate = stage.per_lot || stage.exit.values().any(|rule| rule.per_lot);
                    if !gate && deadline.met_by.is_none() {
                        self.warn(
                            &at,
                            "lot_deadline_without_gate",
                            "没有按标段判断的条件，也没有 met_by：各标段只能随项目一起完成这个期限",
                            "without a gate per lot or `met_by`, a lot meets this only when the whole project moves",
                        );
                    }
                }
            }
        }
        self.lot_fields();
        if definition.facts.contains_key(LOT_SUBJECT) {
            self.reserved(&At::root().to("facts").to(LOT_SUBJECT), LOT_SUBJECT);
        }
        if definition.lots.is_some() && !by_lot {
            let at = At::root().to("lots");
            let problem = Problem::warning(
                "lots_unused",
                self.on_key(&at),
                "声明了标段，却没有任何按标段判断的条件或期限",
                "there are lots, but nothing that each lot answers for by itself",
            )
            .hinting(
                "在阶段、条件或期限上写 per_lot: true",
                "write `per_lot: true` on a stage, a requirement or a deadline",
            );
            self.tell(&at, problem);
        }
        self.orders();
    }

    fn requirement_of_lots(&mut self, at: &At, stage: &Stage, requirement: &Requirement) {
        if requirement.per_lot {
            self.needs_lots(&at.to("per_lot"));
        }
        let per_lot = requirement.per_lot || stage.per_lot;
        let mut references: Vec<(At, &Reference)> = Vec::new();
        if let Some(share) = &requirement.share {
            references.push((at.to("share").to("of"), &share.of));
            references.push((at.to("share").to("over"), &share.over));
        }
        if let Some(sum) = &requirement.sum
            && let Some(per) = &sum.per
        {
            references.push((at.to("sum").to("per"), per));
        }
        if let Some(vote) = &requirement.vote {
            for (id, base) in &vote.bases {
                if let Some(electorate) = &base.electorate {
                    let at = at.to("vote").to("bases").to(id).to("electorate");
                    references.push((at, electorate));
                }
            }
        }
        for (at, reference) in references {
            if reference.subject == LOT_SUBJECT && !per_lot {
                let problem = Problem::error(
                    "not_per_lot",
                    self.on_value(&at),
                    "只有按标段判断的条件才能用 lot 的数",
                    "only a requirement that each lot meets by itself knows the lot's numbers",
                )
                .hinting(
                    format!("写 per_lot: true，或改用 project.{}", reference.field),
                    format!(
                        "write `per_lot: true`, or use `project.{}`",
                        reference.field
                    ),
                );
                self.tell(&at, problem);
            }
            if reference.subject == "project" && per_lot {
                let problem = Problem::warning(
                    "project_base_per_lot",
                    self.on_value(&at),
                    "按标段判断时，基数是该标段自己的数，不是整个项目的",
                    "judged per lot, this is the lot's own number, not the whole project's",
                )
                .hinting(
                    format!("写明 lot.{}", reference.field),
                    format!("say so: `lot.{}`", reference.field),
                );
                self.tell(&at, problem);
            }
        }
        if let Some(asked) = &requirement.orders_closed {
            let at = at.to("orders_closed");
            let Some(orders) = &self.definition.orders else {
                let problem = Problem::error(
                    "no_orders",
                    self.on_key(&at),
                    "要求派单销号，定义里却没有 orders",
                    "orders must be closed, but the definition has no `orders`",
                )
                .hinting(
                    "在顶层写 orders，列出派单事项",
                    "declare `orders` at the top, with what they can be about",
                );
                self.tell(&at, problem);
                return;
            };
            for (index, about) in asked.about.iter().enumerate() {
                if !orders.about.contains_key(about) {
                    let known: Vec<&str> = orders.about.keys().map(String::as_str).collect();
                    let at = at.to("about").item(index);
                    self.unknown(
                        &at,
                        "unknown_about",
                        ("派单事项", "subject of orders"),
                        about,
                        known,
                    );
                }
            }
        }
    }

    /// Only the field `lot` names a lot, and it does nothing else.
    fn lot_fields(&mut self) {
        let definition = self.definition;
        for (id, fact) in &definition.facts {
            for (key, field) in &fact.fields {
                let at = At::root().to("facts").to(id).to("fields").to(key);
                match (key == LOT_FIELD, field.kind == FieldKind::Lot) {
                    (false, true) => self.error(
                        &at.to("kind"),
                        "lot_field",
                        format!("只有字段“{LOT_FIELD}”能是 lot 类型"),
                        format!("only the field `{LOT_FIELD}` is of kind `lot`"),
                    ),
                    (true, true) => self.needs_lots(&at),
                    (true, false) if definition.lots.is_some() => self.error(
                        &at.to("kind"),
                        "lot_field",
                        format!("字段“{LOT_FIELD}”用来写标段，类型应为 lot"),
                        format!("the field `{LOT_FIELD}` names the lot: its kind is `lot`"),
                    ),
                    _ => {}
                }
            }
        }
    }

    fn orders(&mut self) {
        let definition = self.definition;
        let Some(orders) = &definition.orders else {
            return;
        };
        let at = At::root().to("orders");
        if let Some(within) = &orders.within
            && within.days == 0
        {
            self.error(
                &at.to("within").to("days"),
                "bad_range",
                "办理天数至少 1 天",
                "an order has at least 1 day",
            );
        }
        for id in orders.about.keys() {
            if !anju_engine::event::is_key(id) || id.len() > 64 {
                let at = at.to("about").to(id);
                let problem = Problem::error(
                    "bad_id",
                    self.on_key(&at),
                    format!("“{id}”不能作标识"),
                    format!("`{id}` cannot be an id"),
                )
                .expecting("[a-z0-9_]+, at most 64 letters");
                self.tell(&at, problem);
            }
        }
    }

    fn needs_lots(&mut self, at: &At) {
        if self.definition.lots.is_some() {
            return;
        }
        let problem = Problem::error(
            "no_lots",
            self.on_key(at),
            "按标段判断，定义里却没有 lots",
            "something is asked per lot, but the definition has no `lots`",
        )
        .hinting(
            "在顶层写 lots，例如 lots: { name: { zh: 标段, en: lot } }",
            "declare them at the top: `lots: { name: { zh: 标段, en: lot } }`",
        );
        self.tell(at, problem);
    }

    fn reserved(&mut self, at: &At, id: &str) {
        let problem = Problem::error(
            "reserved_id",
            self.on_key(at),
            format!("“{id}”是保留的标识"),
            format!("`{id}` is reserved"),
        )
        .hinting("换一个标识", "choose another id");
        self.tell(at, problem);
    }
}
