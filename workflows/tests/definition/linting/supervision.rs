use super::{broken, said};
use crate::support::sound_with;

#[test]
fn steps_have_numbers_of_their_own() {
    broken(
        "talk: {step: 3",
        "talk: {step: 2",
        &[(
            "urge: {step: |2",
            "error duplicate_step: `talk` is step 2 too",
        )],
    );
}

#[test]
fn the_ladder_rises() {
    broken(
        "days: 10, kind: natural, to",
        "days: 0, kind: natural, to",
        &[(
            "days: |0, kind",
            "error ladder_order: step 3 comes at 0 days, before `urge` at 1",
        )],
    );
    broken(
        "days: 10, kind: natural, to",
        "days: 1, kind: natural, to",
        &[(
            "talk: {step: 3, name: {zh: 约谈, en: Talk}, days: |1,",
            "warning ladder_order: on the same day as `urge`: only the higher step is issued",
        )],
    );
    // Ten working days are two weeks.
    said(
        &sound_with("days: 1, kind: natural, to", "days: 10, kind: working, to"),
        &[(
            "days: |10, kind: natural, to",
            "warning ladder_order: step 3 comes at 10 days, before `urge` at 10",
        )],
    );
    broken(
        "days: 1, kind: natural, to",
        "days: 7, kind: working, to",
        &[],
    );
}

#[test]
fn a_step_reaches_somebody_who_may_answer() {
    broken(
        "to: [responsible], reply_days: 3",
        "to: [], reply_days: 3",
        &[("to: |[]", "error no_addressee: the step has no addressee")],
    );
    broken(
        "reply_days: 3",
        "reply_days: 0",
        &[(
            "reply_days: |0",
            "error bad_range: a reply is due after at least 1 working day",
        )],
    );
}

#[test]
fn a_human_signs_from_the_talk_upwards() {
    broken(
        ", signed: true}",
        "}",
        &[(
            "|talk: {",
            "warning unsigned_step: a human should sign `talk`; add `signed: true`",
        )],
    );
    broken(
        "lamps: {",
        "  last: {step: 4, name: {zh: 升级, en: Higher}, days: 20, kind: natural, to: [局长]}\nlamps: {",
        &[(
            "|last: {",
            "warning unsigned_step: a human should sign `last`; add `signed: true`",
        )],
    );
}

#[test]
fn yellow_comes_before_red() {
    broken(
        "{yellow: 1, red: 10",
        "{yellow: 11, red: 10",
        &[(
            "yellow: |11",
            "error lamp_order: yellow, at 11 days, comes after red, at 10",
        )],
    );
    broken("{yellow: 1, red: 10", "{yellow: 10, red: 10", &[]);
}

#[test]
fn a_target_wants_one_thing() {
    broken(
        "    reached: finished\n    at_least: 100%\n",
        "",
        &[(
            "|main_done:",
            "error empty_target: the target wants nothing (expected: reached, sum_of, count)",
        )],
    );
    broken(
        "    at_least: 100%\n",
        "    sum_of: consent.agreed\n    count: 5\n",
        &[(
            "|sum_of:",
            "error several_kinds: give `reached` or `sum_of`, not both",
        )],
    );
    broken(
        "    reached: finished\n    at_least: 100%\n",
        "    count: 29\n",
        &[],
    );
    broken(
        "    reached: finished\n    at_least: 100%\n",
        "    sum_of: consent.agreed\n",
        &[(
            "main_done:\n    |name",
            "warning no_amount: it does not say how much: it can be shown, not judged",
        )],
    );
}

#[test]
fn the_share_of_a_target_can_hold_and_can_fail() {
    broken(
        "at_least: 100%",
        "at_least: 101%",
        &[("|101%", "error cannot_hold: more than 100% can never hold")],
    );
    broken(
        "at_least: 100%",
        "at_least: 0%",
        &[(
            "at_least: |0%",
            "error cannot_fail: a target of 0 always holds",
        )],
    );
    broken(
        "    reached: finished\n",
        "    count: 5\n",
        &[(
            "at_least: |100%",
            "error share_of_nothing: a share needs `reached`: which projects count",
        )],
    );
    broken(
        "    at_least: 100%\n",
        "    per_area: true\n",
        &[(
            "per_area: |true",
            "warning no_share: `per_area` means nothing without `at_least`",
        )],
    );
}

#[test]
fn the_sum_of_a_target_is_in_its_measure() {
    let text = sound_with(
        "    reached: finished\n    at_least: 100%\n",
        "    sum_of: paid.amount_fen\n    count: 5\n",
    );
    said(
        &text,
        &[(
            "sum_of: |paid",
            "error units_differ: the units do not fit: money (expected: count)",
        )],
    );
    said(&text.replace("measure: projects", "measure: yuan"), &[]);
    said(&text.replace("measure: projects", "measure: other"), &[]);
    broken(
        "    reached: finished\n    at_least: 100%\n",
        "    sum_of: paid.amount\n    count: 5\n",
        &[(
            "sum_of: |paid",
            "error unknown_field: the fact `paid` has no field `amount`; did you mean `amount_fen`?",
        )],
    );
}

#[test]
fn a_stage_with_deadlines_names_somebody_to_notify() {
    broken(
        "    responsible: {a_lead: {unit: 街道办, role: lead}}\n",
        "",
        &[(
            "stages:\n  |consultation",
            "warning nobody_responsible: the stage `consultation` has deadlines but names nobody responsible: notices reach no one; add `responsible`",
        )],
    );
}
