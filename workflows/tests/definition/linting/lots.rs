use super::{broken, said};
use crate::support::{SOUND, sound_with};

const LOTS: &str = "lots: {name: {zh: 标段, en: lot}}\n";

fn with_lots(from: &str, to: &str) -> String {
    sound_with(from, to) + LOTS
}

const SHARE: &str = "share: {of: consent.agreed, over: consent.asked, at_least: 80%, where: {round: first}, unit: 户}";

#[test]
fn what_is_asked_per_lot_needs_lots() {
    broken(
        "done: {name: {zh: 已完工, en: Finished},",
        "done: {name: {zh: 已完工, en: Finished}, per_lot: true,",
        &[(
            "per_lot: |true",
            "error no_lots: something is asked per lot, but the definition has no `lots`; declare them at the top: `lots: { name: { zh: 标段, en: lot } }`",
        )]
        .map(|(_, line)| ("|per_lot: true", line)),
    );
    said(
        &with_lots(
            "done: {name: {zh: 已完工, en: Finished},",
            "done: {name: {zh: 已完工, en: Finished}, per_lot: true,",
        ),
        &[],
    );
}

#[test]
fn lots_that_answer_for_nothing_are_told() {
    said(
        &format!("{SOUND}{LOTS}"),
        &[(
            "|lots: {name",
            "warning lots_unused: there are lots, but nothing that each lot answers for by itself; write `per_lot: true` on a stage, a requirement or a deadline",
        )],
    );
}

#[test]
fn a_rule_per_lot_over_the_whole_project_is_suspicious_and_a_lot_is_known_only_to_such_a_rule() {
    said(
        &with_lots(
            SHARE,
            "per_lot: true\n        share: {of: consent.agreed, over: project.households, at_least: 80%}",
        ),
        &[(
            "over: |project.households",
            "warning project_base_per_lot: judged per lot, this is the lot's own number, not the whole project's; say so: `lot.households`",
        )],
    );
    said(
        &with_lots(
            SHARE,
            "per_lot: true\n        share: {of: consent.agreed, over: lot.households, at_least: 80%}",
        ),
        &[],
    );
    broken(
        SHARE,
        "share: {of: consent.agreed, over: lot.households, at_least: 80%}",
        &[(
            "over: |lot.households",
            "error not_per_lot: only a requirement that each lot meets by itself knows the lot's numbers; write `per_lot: true`, or use `project.households`",
        )],
    );
    said(
        &with_lots(
            SHARE,
            "per_lot: true\n        share: {of: consent.agreed, over: lot.housholds, at_least: 80%}",
        ),
        &[(
            "over: |lot.housholds",
            "error unknown_counter: there is no counter of a project `housholds`; did you mean `households`?",
        )],
    );
}

#[test]
fn a_deadline_per_lot_that_no_lot_can_meet_by_itself_is_suspicious() {
    let text = with_lots(
        "consulted: {name: {zh: 征集完成, en: Consulted},",
        "consulted: {name: {zh: 征集完成, en: Consulted}, per_lot: true,",
    );
    said(
        &text,
        &[(
            "per_lot: |true",
            "warning lot_deadline_without_gate: without a gate per lot or `met_by`, a lot meets this only when the whole project moves",
        )],
    );
}

#[test]
fn orders_that_must_be_closed_can_be_dispatched_and_are_about_something_known() {
    const SETTLED: &str = "settled: {name: {zh: 异议办结, en: Settled}, settled: {opened: objection, closed: answer, key: matter}}";
    broken(
        SETTLED,
        "settled: {name: {zh: 派单, en: Orders}, orders_closed: {}}",
        &[(
            "|orders_closed: {}",
            "error no_orders: orders must be closed, but the definition has no `orders`; declare `orders` at the top, with what they can be about",
        )],
    );
    const ORDERS: &str = "orders: {within: {days: 0, kind: working}, about: {quality: {name: {zh: 质量, en: Quality}}}}\n";
    said(
        &(sound_with(
            SETTLED,
            "settled: {name: {zh: 派单, en: Orders}, orders_closed: {about: [qualty]}}",
        ) + ORDERS),
        &[
            (
                "about: [|qualty]",
                "error unknown_about: there is no subject of orders `qualty`; did you mean `quality`?",
            ),
            ("days: |0,", "error bad_range: an order has at least 1 day"),
        ],
    );
}

#[test]
fn the_words_of_lots_are_taken() {
    broken(
        "done: {name: {zh: 已完工, en: Finished},",
        "every_lot: {name: {zh: 已完工, en: Finished},",
        &[(
            "|every_lot:",
            "error reserved_id: `every_lot` is reserved; choose another id",
        )],
    );
    said(
        &(with_lots(
            "done: {name: {zh: 已完工, en: Finished},",
            "done: {name: {zh: 已完工, en: Finished}, per_lot: true,",
        )
        .replace(
            "matter: {name: {zh: 编号, en: Number}, kind: reference}\n  answer",
            "matter: {name: {zh: 编号, en: Number}, kind: reference}\n      part: {name: {zh: 部分, en: Part}, kind: lot}\n  answer",
        )),
        &[(
            "kind: |lot}",
            "error lot_field: only the field `lot` is of kind `lot`",
        )],
    );
}
