use super::{broken, said};
use crate::support::sound_with;

#[test]
fn a_fact_stands_in_a_known_stage() {
    broken(
        "stage: consultation\n",
        "stage: consultaton\n",
        &[(
            "|consultaton",
            "error unknown_stage: there is no stage `consultaton`; did you mean `consultation`?",
        )],
    );
}

#[test]
fn the_unit_is_part_of_the_key_and_of_no_other_kind() {
    for (from, to, mark, line) in [
        (
            "area_m2: {name: {zh: 同意面积",
            "area: {name: {zh: 同意面积",
            "|area: {name",
            "error unit_in_key: the key of a field of kind `area` ends in `_m2`; call it `area_m2`",
        ),
        (
            "area_m2: {name: {zh: 同意面积, en: Area agreed}, kind: area}",
            "road: {name: {zh: 长度, en: Length}, kind: length}",
            "|road",
            "error unit_in_key: the key of a field of kind `length` ends in `_m`; call it `road_m`",
        ),
        (
            "matter: {name: {zh: 编号, en: Number}, kind: reference}\n  answer",
            "matter: {name: {zh: 编号, en: Number}, kind: reference}\n      paid_fen: {name: {zh: 金额, en: Sum}, kind: count}\n  answer",
            "|paid_fen",
            "error unit_in_key: the key ends in `_fen`, but the kind is `count`",
        ),
    ] {
        broken(from, to, &[(mark, line)]);
    }
}

#[test]
fn codes_list_their_values_and_only_codes_do() {
    broken(
        "kind: code, values: {board: {zh: 公告栏, en: Board}, web: {zh: 网站, en: Web}}",
        "kind: code",
        &[
            (
                "|{name: {zh: 渠道",
                "error no_values: a field of kind `code` lists its `values`",
            ),
            (
                "|board, web]",
                "error unknown_code: there is no code `board` (expected: )",
            ),
            (
                "[board, |web]",
                "error unknown_code: there is no code `web` (expected: )",
            ),
        ],
    );
    broken(
        "kind: yes_no",
        "kind: yes_no, values: {a: {zh: 甲, en: A}}",
        &[(
            "|values: {a",
            "error misplaced_key: a field of kind `yes_no` has no `values`; `values` belongs to code, codes",
        )],
    );
}

#[test]
fn only_counts_have_a_unit_and_a_range_that_is_one() {
    broken(
        "kind: area}",
        "kind: area, unit: 平方米, min: 0}",
        &[
            (
                "|unit: 平方米",
                "error misplaced_key: a field of kind `area` has no `unit`; `unit` belongs to count",
            ),
            (
                "|min: 0",
                "error misplaced_key: a field of kind `area` has no `min`; `min` belongs to count",
            ),
        ],
    );
    broken(
        "en: Asked}, kind: count",
        "en: Asked}, kind: count, min: 5, max: 3",
        &[(
            "max: |3",
            "error bad_range: the largest, 3, is below the smallest, 5",
        )],
    );
    broken(
        "en: Asked}, kind: count",
        "en: Asked}, kind: count, min: -5",
        &[("min: |-5", "error bad_range: a count is never below 0")],
    );
}

#[test]
fn milestones_name_known_facts_and_values() {
    broken(
        "  started: {any_of: [started]}",
        "  started: {any_of: [startet]}",
        &[(
            "|startet",
            "error unknown_fact: there is no fact type `startet`; did you mean `started`?",
        )],
    );
    broken(
        "  started: {any_of: [started]}",
        "  started: {any_of: []}",
        &[(
            "started: {any_of: |[]}",
            "error cannot_hold: no fact type is named: this can never hold",
        )],
    );
    broken(
        "accepted: {any_of: [accepted], where: {passed: true}}",
        "accepted: {any_of: [accepted], where: {pased: true}}",
        &[(
            "|pased",
            "error unknown_field: the fact `accepted` has no field `pased`; did you mean `passed`?",
        )],
    );
}

#[test]
fn a_value_that_a_field_can_never_have_is_refused() {
    for (value, line) in [
        (
            "{round: furst}",
            "error unknown_code: there is no code `furst` (expected: first, second); did you mean `first`?",
        ),
        (
            "{round: 1}",
            "error bad_value: a field of kind `code` can never be 1 (expected: code)",
        ),
        (
            "{agreed: -1}",
            "error cannot_hold: the field can never be -1",
        ),
        (
            "{agreed: \"5\"}",
            "error bad_value: a field of kind `count` can never be \"5\" (expected: count)",
        ),
        (
            "{area_m2: 5}",
            "error bad_value: a field of kind `area` can never be 5 (expected: \"123.45\")",
        ),
        (
            "{area_m2: 5.x}",
            "error bad_value: a field of kind `area` can never be \"5.x\" (expected: \"123.45\")",
        ),
    ] {
        broken(
            "done: {name: {zh: 已完工, en: Finished}, fact: {any_of: [finished]}}",
            &format!(
                "done: {{name: {{zh: 已完工, en: Finished}}, fact: {{any_of: [consent], where: {value}}}}}"
            ),
            &[(&value.replacen(": ", ": |", 1), line)],
        );
    }
    broken(
        "where: {passed: true}}\n      in_order",
        "where: {passed: yes}}\n      in_order",
        &[(
            "passed: |yes",
            "error bad_value: a field of kind `yes_no` can never be \"yes\" (expected: true, false)",
        )],
    );
}

#[test]
fn a_set_of_codes_is_asked_for_by_signers() {
    broken(
        "where: {passed: true}}\n      in_order",
        "where: {by: owner}}\n      in_order",
        &[(
            "where: {|by: owner}",
            "error not_comparable: a field of kind `codes` is a set: `where` cannot compare it; use `signers`",
        )],
    );
}

#[test]
fn a_list_means_any_of_its_values_and_each_must_fit() {
    broken(
        "where: {round: first}",
        "where: {round: [first, thrid, 2]}",
        &[
            (
                "|thrid",
                "error unknown_code: there is no code `thrid` (expected: first, second)",
            ),
            (
                "thrid, |2]",
                "error bad_value: a field of kind `code` can never be 2 (expected: code)",
            ),
        ],
    );
    broken(
        "where: {round: first}",
        "where: {round: []}",
        &[(
            "round: |[]",
            "error cannot_hold: the list is empty: this can never hold",
        )],
    );
    broken(
        "where: {round: first}",
        "where: {round: [first, second]}",
        &[],
    );
}

#[test]
fn values_that_a_field_can_have_are_let_through() {
    for value in [
        "{round: second}",
        "{agreed: 5}",
        "{area_m2: \"12.5\"}",
        "{agreed: 0, round: first}",
    ] {
        broken(
            "done: {name: {zh: 已完工, en: Finished}, fact: {any_of: [finished]}}",
            &format!(
                "done: {{name: {{zh: 已完工, en: Finished}}, fact: {{any_of: [consent], where: {value}}}}}"
            ),
            &[],
        );
    }
    for value in ["{passed: false}", "{passed: [true, false]}"] {
        broken(
            "done: {name: {zh: 已完工, en: Finished}, fact: {any_of: [finished]}}",
            &format!(
                "done: {{name: {{zh: 已完工, en: Finished}}, fact: {{any_of: [accepted], where: {value}}}}}"
            ),
            &[],
        );
    }
}

#[test]
fn the_counters_that_facts_supersede_are_the_projects_own_in_their_units() {
    for (counter, mark, line) in [
        (
            "housholds: consent.asked",
            "housholds: |consent",
            "error unknown_counter: there is no counter `housholds`; did you mean `households`?",
        ),
        (
            "area_m2: consent.asked",
            "area_m2: |consent.asked",
            "error units_differ: the units do not fit: count (户) (expected: area)",
        ),
        (
            "buildings: consent.asked",
            "buildings: |consent.asked",
            "error units_differ: the units do not fit: count (户) (expected: count (栋))",
        ),
        (
            "households: consent.round",
            "households: |consent.round",
            "error not_a_number: the field is of kind `code`, not a number (expected: count, money, area, length)",
        ),
    ] {
        broken(
            "milestones:\n",
            &format!("counters: {{{counter}}}\nmilestones:\n"),
            &[(mark, line)],
        );
    }
    broken(
        "milestones:\n",
        "counters: {households: consent.asked, area_m2: consent.area_m2}\nmilestones:\n",
        &[],
    );
}

#[test]
fn a_document_is_named_by_its_digest_and_nothing_else() {
    let field = "      paper: {name: {zh: 附件, en: Paper}, kind: document}\n      area_m2: {name: {zh: 同意面积";
    let with = |value: &str| {
        sound_with("      area_m2: {name: {zh: 同意面积", field).replace(
            "Finished}, fact: {any_of: [finished]}",
            &format!("Finished}}, fact: {{any_of: [consent], where: {{paper: \"{value}\"}}}}"),
        )
    };
    said(&with(&"0f".repeat(32)), &[]);
    for value in ["0f".repeat(31), "0F".repeat(32), "0g".repeat(32)] {
        said(
            &with(&value),
            &[(
                "paper: |\"",
                &format!(
                    "error bad_value: a field of kind `document` can never be \"{value}\" (expected: sha256)"
                ),
            )],
        );
    }
}
