use super::{broken, said};
use crate::support::sound_with;

#[test]
fn a_rule_that_looks_at_facts_of_other_projects_only_is_told() {
    // The design stage is for full renovations; what belongs to lifts says nothing there.
    let shaft = |tracks: &str| {
        sound_with(
            "  started: {name: {zh: 开工, en: Start of works}",
            &format!(
                "  shaft: {{name: {{zh: 井道, en: Shaft}}, applies: {{tracks: [{tracks}]}}}}\n  started: {{name: {{zh: 开工, en: Start of works}}"
            ),
        )
        .replace(
            "      funded:\n",
            "      shafted: {name: {zh: 井道完成, en: Shaft done}, fact: {any_of: [shaft]}}\n      funded:\n",
        )
    };
    said(
        &shaft("lift"),
        &[(
            "|shafted:",
            "warning facts_of_others: the facts it looks at (shaft) belong to other projects only; compare the `applies` of the fact type",
        )],
    );
    said(&shaft("lift, full"), &[]);
}

#[test]
fn a_stage_that_may_only_be_left_after_it_is_due_is_told() {
    let text = sound_with("day: Y-03}", "day: Y-12}").replace(
        "bound: before, met_by: {any_of: [finished]}}",
        "bound: before}",
    );
    said(
        &text,
        &[(
            "day: |Y-12}",
            "warning opens_after_due: the stage may be left from 2021-12-01 on, after `built` is due",
        )],
    );
    // What a fact meets says nothing of when the stage is left.
    broken("day: Y-03}", "day: Y-12}", &[]);
}

#[test]
fn an_addressee_that_is_nearly_the_word_for_the_responsible_unit_is_told() {
    broken(
        "days: -7, kind: natural, to: [responsible]",
        "days: -7, kind: natural, to: [responsable]",
        &[(
            "|responsable",
            "warning nearly_responsible: `responsable` is taken for the name of a unit; did you mean `responsible`?",
        )],
    );
}
