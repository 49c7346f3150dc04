//! Votes, windows, procedures, conditions, inspections, expressions: each can hold, can fail, and names what is there.

use super::said;

const ALWAYS: &str = "error cannot_fail: this always holds: it asks for nothing";
const NEVER: &str = "error cannot_hold: this can never hold";

/// What is said of the programme of all kinds with this rule in it.
#[track_caller]
fn rule(rule: &str, told: &[(&str, &str)]) {
    let text = include_str!("../../decide/kinds.yaml").replace("RULE", rule);
    said(&text, told);
}

fn vote(change: (&str, &str)) -> String {
    let sound = "{name: {zh: 表决, en: V}, vote: {of: vote, where: {round: 2}, quorum: {at_least: 2/3}, consent: {more_than: 1/2}, bases: {area: {name: {zh: 面积, en: A}, voted: voted_m2, agreed: agreed_m2, electorate: roll.area_m2, electorate_where: {round: 2}}}}}";
    assert_eq!(sound.matches(change.0).count(), 1, "{}", change.0);
    sound.replace(change.0, change.1)
}

#[test]
fn a_vote_compares_what_it_counts_in_one_unit() {
    rule(&vote(("of: vote,", "of: vote, tally: sum,")), &[]);
    for (change, mark, line) in [
        (
            ("of: vote,", "of: votes,"),
            "of: |votes,",
            "error unknown_fact: there is no fact type `votes`; did you mean `vote`?",
        ),
        (
            ("round: 2}, quorum", "rund: 2}, quorum"),
            "|rund",
            "error unknown_field: the fact `vote` has no field `rund`; did you mean `round`?",
        ),
        (
            ("agreed: agreed_m2", "agreed: voted_m2"),
            "agreed: |voted_m2",
            ALWAYS,
        ),
        (
            ("voted: voted_m2", "voted: voted"),
            "voted: |voted,",
            "error units_differ: the units do not fit: count (人) (expected: area)",
        ),
        (
            ("electorate: roll.area_m2", "electorate: project.households"),
            "electorate_where: |{",
            "error not_a_fact: `electorate_where` chooses among facts; this electorate is none",
        ),
        (
            (
                "electorate_where: {round: 2}",
                "electorate_where: {area: 2}",
            ),
            "{|area: 2}",
            "error unknown_field: the fact `roll` has no field `area`; did you mean `area_m2`?",
        ),
        (("at_least: 2/3", "at_least: 0%"), "at_least: |0%", ALWAYS),
        (
            ("at_least: 2/3", "at_least: 101%"),
            "at_least: |101%",
            NEVER,
        ),
        (
            ("more_than: 1/2", "more_than: 100%"),
            "more_than: |100%",
            NEVER,
        ),
        (
            ("more_than: 1/2", "at_least: 1/2, more_than: 1/2"),
            "|consent: {",
            "error threshold: give one of `at_least` (inclusive) and `more_than` (exclusive)",
        ),
        (
            ("voted: voted_m2, ", ""),
            "{|area: {name",
            "error missing_key: `voted` is missing: who took part",
        ),
    ] {
        let rule_text = vote(change);
        if change.1.contains("project.households") {
            // Areas are not counted in households either.
            rule(
                &rule_text,
                &[
                    (
                        "electorate: |project.households",
                        "error units_differ: the units do not fit: count (户) (expected: area)",
                    ),
                    (mark, line),
                ],
            );
        } else {
            rule(&rule_text, &[(mark, line)]);
        }
    }
    rule(
        "{name: {zh: 表决, en: V}, vote: {of: vote, consent: {more_than: 1/2}, bases: {}}}",
        &[("bases: |{}", NEVER)],
    );
    rule(
        "{name: {zh: 表决, en: V}, vote: {of: vote, of_electorate: true, consent: {more_than: 1/2}, bases: {heads: {name: {zh: 户, en: H}, agreed: agreed}}}}",
        &[(
            "|heads: {",
            "error missing_key: `electorate` is missing: who may vote",
        )],
    );
}

fn windowed(window: &str) -> String {
    format!(
        "{{name: {{zh: 签约, en: S}}, share: {{of: signed.households, over: project.households, at_least: 85%, tally: sum}}, window: {window}}}"
    )
}

#[test]
fn a_window_is_known_and_in_order() {
    rule(
        &windowed(
            "{from: {on: Y-03}, to: {after: {entered: work, days: 60, kind: natural}}, brings_into_force: [signed]}",
        ),
        &[],
    );
    for (window, mark, line) in [
        (
            "{from: {on: Y-06-02}, to: {on: Y-06-01}}",
            "on: |Y-06-02",
            "error window_order: the window begins on Y-06-02, after it ends on Y-06-01",
        ),
        (
            "{from: {on: Y-06-01}, to: {on: Y-06-01}, bound: before}",
            "from: {on: |Y-06-01",
            "error window_order: the window begins on Y-06-01, after it ends on Y-06-01",
        ),
        (
            "{from: {}}",
            "|from: {}",
            "error due: give one of `on`, `after` and `plan`; remove an inherited one with `null`",
        ),
        (
            "{to: {after: {entered: opened, days: 3, kind: natural}}}",
            "entered: |opened",
            "error entered_later: `opened` is entered after `work` is left: nothing to count from",
        ),
        (
            "{to: {after: {fact: {any_of: [notices]}, days: 3, kind: natural}}}",
            "[|notices",
            "error unknown_fact: there is no fact type `notices`; did you mean `notice`?",
        ),
        (
            "{to: {after: {entered: work, days: 0, kind: natural, count_first_day: true}}}",
            "count_first_day: |true",
            "error no_first_day: no days are counted, so neither is the first",
        ),
        (
            "{judged: at_end}",
            "|window: {",
            "error cannot_hold: `judged: at_end` needs `to`: a window without an end is never over",
        ),
        (
            "{bound: before}",
            "bound: |before",
            "error misplaced_key: `bound` speaks of `to`",
        ),
        (
            "{to: {on: Y-06-01}, brings_into_force: [contract]}",
            "[|contract",
            "error unknown_fact: there is no fact type `contract`",
        ),
    ] {
        rule(&windowed(window), &[(mark, line)]);
    }
    rule(
        "{name: {zh: 签约, en: S}, signers: {of: checked.by, all_of: [a]}, window: {to: {on: Y-06-01}}}",
        &[
            (
                "of: |checked.by",
                "error unknown_field: the fact `checked` has no field `by`",
            ),
            (
                "|window: {",
                "error misplaced_key: a window belongs to `share`, `vote`, `sum` or `fact`",
            ),
        ],
    );
    rule(
        "{name: {zh: 拨款, en: P}, sum: {of: paid.amount_fen, at_most: 100}, window: {to: {on: Y-06-01}}}",
        &[(
            "|window: {",
            "error cannot_fail: an upper bound is kept from the beginning: judge it at the end; add `judged: at_end`",
        )],
    );
}

#[test]
fn procedures_can_be_done_and_waivers_say_by_what() {
    let one = |procedure: &str| {
        format!(
            "{{name: {{zh: 手续, en: P}}, procedures: {{a: {{name: {{zh: 许可, en: P}}, {procedure}}}}}}}"
        )
    };
    rule(
        &one("done: {any_of: [permit]}, waived: {by: {any_of: [waiver]}, basis: 条例}"),
        &[],
    );
    for (procedure, mark, line) in [
        (
            "done: {any_of: [permits]}",
            "[|permits",
            "error unknown_fact: there is no fact type `permits`; did you mean `permit`?",
        ),
        (
            "done: {any_of: [permit]}, applies: {tracks: [ful]}",
            "[|ful]",
            "error unknown_track: there is no track `ful`; did you mean `full`?",
        ),
        (
            "done: {any_of: [permit]}, waived: {basis: 条例}",
            "|waived: {",
            "error no_condition: it does not say under which condition it is waived (expected: by, when)",
        ),
        (
            "done: {any_of: [permit]}, waived: {by: {any_of: [permit]}, basis: 条例}",
            "by: |{",
            ALWAYS,
        ),
        (
            "done: {any_of: [permit]}, waived: {when: count.permits > 0, basis: 条例}",
            "when: |count",
            "error expression: letter 1 of the expression: there is no fact type `permits`; did you mean `permit`?",
        ),
    ] {
        rule(&one(procedure), &[(mark, line)]);
    }
}

#[test]
fn conditions_are_due_before_a_later_stage_that_asks_for_them() {
    let one = |more: &str| format!("{{name: {{zh: 条件, en: C}}, conditions: {{{more}}}}}");
    rule(
        &one(
            "set: condition_set, discharged: condition_met, key: condition, before_field: before, before: opened",
        ),
        &[],
    );
    for (conditions, mark, line) in [
        (
            "set: condition_set, discharged: condition_set, key: condition, before: built",
            "discharged: |condition_set",
            ALWAYS,
        ),
        (
            "set: condition_set, discharged: condition_met, key: matter, before: built",
            "",
            "",
        ),
        (
            "set: condition_set, discharged: condition_met, key: condition, before: work",
            "before: |work",
            "error before_not_later: `work` does not come after `work`: it is too late when that is left",
        ),
        (
            "set: condition_set, discharged: condition_met, key: condition, before: bilt",
            "before: |bilt",
            "error unknown_stage: there is no stage `bilt`; did you mean `built`?",
        ),
        (
            "set: condition_set, discharged: condition_met, key: condition, before_field: condition, before: built",
            "before_field: |condition",
            "error not_a_code: the field is of kind `reference`, not a code (expected: code)",
        ),
        (
            "set: condition_set, discharged: condition_met, key: condition, before_field: before, before: built",
            "before_field: |before",
            "warning never_asked: no requirement asks for the conditions due before `opened`",
        ),
        (
            "approval: {any_of: [approval], where: {result: conditonal}}, set: condition_set, discharged: condition_met, key: condition, before: built",
            "|conditonal",
            "error unknown_code: there is no code `conditonal` (expected: conditional, passed); did you mean `conditional`?",
        ),
    ] {
        if mark.is_empty() {
            rule(
                &one(conditions),
                &[
                    (
                        "key: |matter",
                        "error unknown_field: the fact `condition_met` has no field `matter`",
                    ),
                    (
                        "key: |matter",
                        "error unknown_field: the fact `condition_set` has no field `matter`",
                    ),
                ],
            );
        } else {
            rule(&one(conditions), &[(mark, line)]);
        }
    }
}

#[test]
fn an_inspection_has_items_and_results_that_can_fail() {
    let one = |more: &str| format!("{{name: {{zh: 验收, en: I}}, inspection: {{{more}}}}}");
    rule(
        &one(
            "of: checked, item: item, items: [fire], result: result, passed: [ok], rectified: repaired",
        ),
        &[],
    );
    for (inspection, mark, line) in [
        (
            "of: checkd, item: item, result: result, passed: [ok]",
            "of: |checkd",
            "error unknown_fact: there is no fact type `checkd`; did you mean `checked`?",
        ),
        (
            "of: checked, item: items, result: result, passed: [ok]",
            "item: |items",
            "error unknown_field: the fact `checked` has no field `items`; did you mean `item`?",
        ),
        (
            "of: checked, item: item, items: [fir], result: result, passed: [ok]",
            "[|fir]",
            "error unknown_code: there is no code `fir` (expected: fire, water); did you mean `fire`?",
        ),
        (
            "of: checked, item: item, result: result, passed: [okay]",
            "[|okay",
            "error unknown_code: there is no code `okay` (expected: bad, ok)",
        ),
        (
            "of: checked, item: item, result: result, passed: []",
            "passed: |[]",
            NEVER,
        ),
        (
            "of: checked, item: item, result: result, passed: [ok, bad]",
            "passed: |[",
            ALWAYS,
        ),
        (
            "of: checked, item: item, result: result, passed: [ok], rectified: checked",
            "rectified: |checked",
            "error same_fact: a rectification and an inspection are facts of two types",
        ),
        (
            "of: checked, item: item, result: result, passed: [ok], rectified: paid",
            "rectified: |paid",
            "error unknown_field: the fact `paid` has no field `item`",
        ),
        (
            "of: vote, item: voted, result: round, passed: [ok]",
            "item: |voted",
            "error not_a_name: the field is of kind `count` and names no item (expected: code, reference)",
        ),
    ] {
        if line.contains("not_a_name") {
            rule(
                &one(inspection),
                &[
                    (mark, line),
                    (
                        "result: |round",
                        "error not_a_code: the field is of kind `count`, not a code (expected: code)",
                    ),
                ],
            );
        } else {
            rule(&one(inspection), &[(mark, line)]);
        }
    }
}

#[test]
fn an_expression_reads_and_depends_on_something() {
    let one = |cel: &str| {
        format!(
            "{{name: {{zh: 算式, en: E}}, expression: {{message: {{zh: 算式成立, en: it holds}}, cel: '{cel}'}}}}"
        )
    };
    rule(&one("project.households >= 30"), &[]);
    for (cel, line) in [
        (
            "project.houses > 1",
            "error expression: letter 1 of the expression: there is no part of a project `houses`",
        ),
        (
            "project.households > 1.5",
            "error expression: letter 22 of the expression: only whole numbers: no fractions, no exponents",
        ),
        (
            "project.households",
            "error expression: letter 1 of the expression: the expression must be true or false; this is int",
        ),
        ("1 < 2", ALWAYS),
        ("2 < 1", NEVER),
        ("1 / 0 > 0", NEVER),
        (
            "project.households >= 0",
            "warning never_seen_to_fail: nothing that was tried makes it fail",
        ),
        (
            "project.households < 0",
            "warning never_seen_to_hold: nothing that was tried makes it hold",
        ),
    ] {
        rule(&one(cel), &[("cel: |'", line)]);
    }
}

#[test]
fn a_share_and_a_sum_have_bounds_that_can_be_kept() {
    let share = |bound: &str| {
        format!(
            "{{name: {{zh: 比例, en: S}}, share: {{of: paid.amount_fen, over: estimate.amount_fen, {bound}}}}}"
        )
    };
    rule(&share("at_most: 110%"), &[]);
    rule(&share("less_than: 0%"), &[("less_than: |0%", NEVER)]);
    let sum = |bound: &str| {
        format!("{{name: {{zh: 合计, en: S}}, sum: {{of: paid.amount_fen, {bound}}}}}")
    };
    rule(&sum("at_most: 100"), &[]);
    rule(
        &sum("at_least: 200, at_most: 100"),
        &[("at_most: |100", NEVER)],
    );
}

#[test]
fn a_programme_with_too_many_expressions_is_refused_before_any_is_tried() {
    let mut text = include_str!("../../decide/kinds.yaml").replace("      rule: RULE\n", "");
    let rules: String = (0..101)
        .map(|n| format!("      r{n}: {{name: {{zh: 一, en: E}}, expression: {{message: {{zh: 一, en: e}}, cel: project.households > {n}}}}}\n"))
        .collect();
    text = text.replace("    exit:\n", &format!("    exit:\n{rules}"));
    said(
        &text,
        &[(
            "|stages:",
            "error too_many: `stages` holds 101 entries; the limit is 100",
        )],
    );
}
