use super::{broken, said};
use crate::support::sound_with;

const SHARE: &str = "share: {of: consent.agreed, over: consent.asked, at_least: 80%, where: {round: first}, unit: 户}";

#[track_caller]
fn share(to: &str, mark: &str, line: &str) {
    broken(SHARE, to, &[(mark, line)]);
}

#[test]
fn a_requirement_asks_for_exactly_one_thing() {
    broken(
        "        sum: {of: paid.amount_fen, at_least: 100, per: project.households}\n",
        "",
        &[(
            "|funded:",
            "error no_kind: the requirement asks for nothing (expected: share, fact, publicity, signers, sum, order, settled, not_before, orders_closed, vote, procedures, conditions, inspection, expression)",
        )],
    );
    broken(
        "fact: {any_of: [finished]}}",
        "fact: {any_of: [finished]}, not_before: {day: Y-03}}",
        &[(
            "|not_before: {day: Y-03}}\n      signed",
            "error several_kinds: a requirement is of one kind; this is fact, not_before; split it; remove an inherited one with `null`",
        )],
    );
}

#[test]
fn a_share_is_of_known_numbers_in_the_same_unit() {
    share(
        "share: {of: consent.agred, over: consent.asked, at_least: 80%}",
        "of: |consent.agred",
        "error unknown_field: the fact `consent` has no field `agred`; did you mean `agreed`?",
    );
    share(
        "share: {of: consnt.agreed, over: consent.asked, at_least: 80%}",
        "of: |consnt",
        "error unknown_fact: there is no fact type `consnt`; did you mean `consent`?",
    );
    share(
        "share: {of: consent.agreed, over: project.housholds, at_least: 80%}",
        "over: |project",
        "error unknown_counter: there is no counter of a project `housholds`; did you mean `households`?",
    );
    share(
        "share: {of: consent.round, over: consent.asked, at_least: 80%}",
        "of: |consent.round",
        "error not_a_number: the field is of kind `code`, not a number (expected: count, money, area, length)",
    );
    share(
        "share: {of: consent.area_m2, over: consent.asked, at_least: 80%}",
        "over: |consent.asked",
        "error units_differ: the units do not fit: count (户) (expected: area)",
    );
    share(
        "share: {of: consent.agreed, over: project.buildings, at_least: 80%}",
        "over: |project",
        "error units_differ: the units do not fit: count (栋) (expected: count (户))",
    );
    broken(
        SHARE,
        "share: {of: project.households, over: project.compounds, at_least: 80%}",
        &[
            (
                "of: |project.h",
                "error not_a_fact: the part of a share comes from a fact",
            ),
            (
                "over: |project.c",
                "error units_differ: the units do not fit: count (个) (expected: count (户))",
            ),
        ],
    );
}

#[test]
fn a_share_can_hold_and_can_fail() {
    share(
        "share: {of: consent.agreed, over: consent.asked, at_least: 101%}",
        "|101%",
        "error cannot_hold: this can never hold",
    );
    share(
        "share: {of: consent.agreed, over: consent.asked, at_least: 0%}",
        "at_least: |0%",
        "error cannot_fail: this always holds: it asks for nothing",
    );
    share(
        "share: {of: consent.agreed, over: consent.asked, more_than: 2/2}",
        "|2/2",
        "error cannot_hold: this can never hold",
    );
    share(
        "share: {of: consent.agreed, over: consent.agreed, at_least: 80%}",
        "over: |consent",
        "error cannot_fail: this always holds: it asks for nothing",
    );
    broken(
        SHARE,
        "share: {of: consent.agreed, over: consent.asked, more_than: 0%}",
        &[],
    );
    broken(
        SHARE,
        "share: {of: consent.agreed, over: consent.asked, at_least: 100%}",
        &[],
    );
}

#[test]
fn a_share_has_one_threshold() {
    let line = "error threshold: give one of `at_least` (inclusive), `more_than` (exclusive), `at_most` and `less_than` (upper bounds); remove an inherited one with `null`";
    share(
        "share: {of: consent.agreed, over: consent.asked}",
        "|share: {of",
        line,
    );
    share(
        "share: {of: consent.agreed, over: consent.asked, at_least: 80%, more_than: 1/2}",
        "|share: {of",
        line,
    );
}

#[test]
fn the_values_of_a_share_are_fields_of_both_its_facts() {
    broken(
        SHARE,
        "share: {of: consent.agreed, over: accepted.by, at_least: 80%, where: {round: first}}",
        &[
            (
                "over: |accepted.by",
                "error not_a_number: the field is of kind `codes`, not a number (expected: count, money, area, length)",
            ),
            (
                "|round: first}}",
                "error unknown_field: the fact `accepted` has no field `round`",
            ),
        ],
    );
}

#[test]
fn facts_are_asked_for_at_least_once() {
    broken(
        "fact: {any_of: [finished]}}",
        "fact: {any_of: [finished], at_least: 0}}",
        &[(
            "at_least: |0}}",
            "error cannot_fail: this always holds: it asks for nothing",
        )],
    );
}

#[test]
fn a_publicity_stands_for_a_day_in_known_channels() {
    for (from, to, mark, line) in [
        (
            "days: 7",
            "days: 0",
            "days: |0",
            "error cannot_fail: a publicity stands for at least 1 day; leave `days` out if the text gives none",
        ),
        (
            "posted: {any_of: [posted]}",
            "posted: {any_of: [postet]}",
            "|postet",
            "error unknown_fact: there is no fact type `postet`; did you mean `posted`?",
        ),
        (
            "channels: [board, web]",
            "channels: [board, wall]",
            "|wall]",
            "error unknown_code: there is no code `wall` (expected: board, web)",
        ),
        (
            "channel_field: channel",
            "channel_field: chanel",
            "|chanel\n",
            "error unknown_field: the fact `posted` has no field `chanel`; did you mean `channel`?",
        ),
        (
            "          channel_field: channel\n",
            "",
            "|channels:",
            "error no_channel_field: `channels` needs the `channel_field` that names a posting's channel",
        ),
        (
            "          channels: [board, web]\n",
            "",
            "channel_field: |channel",
            "warning no_channels: `channel_field` without `channels`: any channel counts",
        ),
        (
            "objections: {opened: objection, closed: answer, key: matter}",
            "objections: {opened: objection, closed: answer, key: mater}",
            "",
            "",
        ),
    ] {
        if mark.is_empty() {
            continue;
        }
        broken(from, to, &[(mark, line)]);
    }
    broken(
        "posted: {any_of: [posted]}",
        "posted: {any_of: [objection]}",
        &[(
            "channel_field: |channel",
            "error unknown_field: the fact `objection` has no field `channel`",
        )],
    );
    said(
        &sound_with(
            "posted: {any_of: [posted]}",
            "posted: {any_of: [objection]}",
        )
        .replace("channel_field: channel", "channel_field: matter"),
        &[(
            "channel_field: |matter",
            "error not_a_code: the field is of kind `reference`, not a code (expected: code, codes)",
        )],
    );
}

#[test]
fn what_settles_is_another_fact_with_the_same_key() {
    let from = "objections: {opened: objection, closed: answer, key: matter}";
    broken(
        from,
        "objections: {opened: objection, closed: answer, key: mater}",
        &[
            (
                "key: |mater}",
                "error unknown_field: the fact `answer` has no field `mater`; did you mean `matter`?",
            ),
            (
                "key: |mater}",
                "error unknown_field: the fact `objection` has no field `mater`; did you mean `matter`?",
            ),
        ],
    );
    broken(
        from,
        "objections: {opened: objection, closed: objection, key: matter}",
        &[(
            "closed: |objection",
            "error cannot_fail: this always holds: it asks for nothing",
        )],
    );
    let text = sound_with(
        from,
        "objections: {opened: objection, closed: consent, key: matter}",
    )
    .replace(
        "      agreed: {name",
        "      matter: {name: {zh: 数, en: Number}, kind: count}\n      agreed: {name",
    );
    said(
        &text,
        &[(
            "closed: consent, key: |matter",
            "error kinds_differ: the field is of kind `reference` where it opens and `count` where it closes",
        )],
    );
}

#[test]
fn signers_are_codes_that_the_field_has() {
    let from = "signers: {of: accepted.by, all_of: [owner, builder], where: {passed: true}}";
    for (to, mark, line) in [
        (
            "signers: {of: accepted.by, all_of: []}",
            "all_of: |[]",
            "error cannot_fail: this always holds: it asks for nothing",
        ),
        (
            "signers: {of: accepted.by, all_of: [owner, bilder]}",
            "|bilder",
            "error unknown_code: there is no code `bilder` (expected: builder, owner); did you mean `builder`?",
        ),
        (
            "signers: {of: posted.channel, all_of: [owner]}",
            "of: |posted",
            "error not_codes: signers come from a field of kind `codes`, this is `code`",
        ),
    ] {
        broken(from, to, &[(mark, line)]);
    }
}

#[test]
fn a_sum_is_of_numbers_of_facts_and_more_than_nothing() {
    let from = "sum: {of: paid.amount_fen, at_least: 100, per: project.households}";
    for (to, mark, line) in [
        (
            "sum: {of: paid.amount_fen, at_least: 0}",
            "at_least: |0",
            "error cannot_fail: this always holds: it asks for nothing",
        ),
        (
            "sum: {of: posted.channel, at_least: 1}",
            "of: |posted",
            "error not_a_number: the field is of kind `code`, not a number (expected: count, money, area, length)",
        ),
        (
            "sum: {of: project.households, at_least: 1}",
            "of: |project",
            "error not_a_fact: a sum is taken over facts",
        ),
        (
            "sum: {of: paid.amount_fen, at_least: 1, per: project.houses}",
            "per: |project",
            "error unknown_counter: there is no counter of a project `houses`",
        ),
    ] {
        broken(from, to, &[(mark, line)]);
    }
}

#[test]
fn an_order_of_dates_is_between_two_facts() {
    broken(
        "later: {any_of: [started]}",
        "later: {any_of: [consent]}",
        &[(
            "order: |{earlier",
            "error cannot_fail: this always holds: it asks for nothing",
        )],
    );
    broken(
        "later: {any_of: [started]}",
        "later: {any_of: [begun]}",
        &[(
            "|begun",
            "error unknown_fact: there is no fact type `begun`",
        )],
    );
}

#[test]
fn what_waives_a_requirement_is_known() {
    broken(
        "        name: {zh: 资金, en: Funds}\n",
        "        name: {zh: 资金, en: Funds}\n        unless: {any_of: [waiver]}\n",
        &[(
            "|waiver",
            "error unknown_fact: there is no fact type `waiver`",
        )],
    );
}
