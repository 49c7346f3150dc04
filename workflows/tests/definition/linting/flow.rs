use super::{broken, said};
use crate::support::{SOUND, sound_with};

#[test]
fn a_programme_has_a_stage() {
    let start = SOUND.find("stages:\n").unwrap();
    let end = SOUND.find("targets:\n").unwrap();
    let text = format!("{}stages: {{}}\n{}", &SOUND[..start], &SOUND[end..])
        .replace("    stage: consultation\n", "")
        .replace("    stage: works\n", "")
        .replace(", stage: works", "");
    said(
        &text,
        &[("|stages: {}", "error no_stage: there is no stage")],
    );
}

#[test]
fn no_two_stages_have_the_same_order() {
    broken(
        "order: 3",
        "order: 2",
        &[(
            "{zh: 施工, en: Works}\n    order: |2",
            "error duplicate_order: the stage `design` has the order 2 too",
        )],
    );
}

#[test]
fn next_names_known_later_stages() {
    broken(
        "    order: 1\n",
        "    order: 1\n    next: [desing]\n",
        &[(
            "|desing",
            "error unknown_stage: there is no stage `desing`; did you mean `design`?",
        )],
    );
    broken(
        "    order: 3\n",
        "    order: 3\n    next: [consultation, completed]\n",
        &[(
            "next: [|consultation",
            "error next_not_later: `consultation` does not come after `works`; a way back belongs to `returns`",
        )],
    );
    broken(
        "    order: 3\n",
        "    order: 3\n    next: [works, completed]\n",
        &[(
            "next: [|works",
            "error next_not_later: `works` does not come after `works`; a way back belongs to `returns`",
        )],
    );
}

#[test]
fn returns_name_known_earlier_stages() {
    let returns = "      consultation: {name: {zh: 重新征集, en: Ask again}}";
    broken(
        returns,
        &returns.replace("consultation", "consulting"),
        &[(
            "|consulting:",
            "error unknown_stage: there is no stage `consulting`; did you mean `consultation`?",
        )],
    );
    broken(
        returns,
        &returns.replace("consultation", "works"),
        &[(
            "|works: {name: {zh: 重新征集",
            "error return_not_earlier: `works` does not come before `design`; a way forward belongs to `next`",
        )],
    );
}

#[test]
fn a_stage_that_some_projects_cannot_reach_is_told_with_their_track() {
    broken(
        "    order: 1\n",
        "    order: 1\n    next: [works]\n",
        &[(
            "  |design:\n",
            "error unreachable_stage: the stage `design` cannot be reached (track full); look at `next` of the stages before it",
        )],
    );
    broken(
        "    order: 1\n",
        "    order: 1\n    next: [design, works]\n",
        &[],
    );
}

#[test]
fn a_stage_from_which_some_projects_cannot_end_is_told_with_their_track() {
    broken(
        "    order: 1\n",
        "    order: 1\n    next: [design]\n",
        &[
            (
                "stages:\n  |consultation",
                "error endless_stage: no way leads from the stage `consultation` to the end (track lift; no track); let `next` name a stage that applies, or `completed`",
            ),
            (
                "  |works:\n",
                "error unreachable_stage: the stage `works` cannot be reached (track lift; no track); look at `next` of the stages before it",
            ),
        ],
    );
}

#[test]
fn every_track_has_a_stage_to_go_through() {
    let text = sound_with(
        "    order: 1\n",
        "    order: 1\n    applies: {tracks: [full]}\n",
    )
    .replace(
        "    order: 3\n",
        "    order: 3\n    applies: {tracks: [full]}\n",
    );
    said(
        &text,
        &[(
            "tracks:\n  full: {name: {zh: 综合整治, en: Full renovation}, relevance: core}\n  |lift",
            "error track_without_stage: no stage is there for a project of the track `lift` (track lift)",
        )],
    );
}

#[test]
fn areas_and_categories_are_walked_where_stages_tell_them_apart() {
    let text = sound_with("    order: 1\n", "    order: 1\n    next: [design]\n")
        .replace("{tracks: [full]}", "{areas: [hz_xh], categories: [big]}");
    let problems = super::problems(&text);
    assert_eq!(problems[0].code, "endless_stage");
    assert!(
        problems[0]
            .message
            .en
            .contains("(track full; track full, area hz; track full, area hz_xh; +"),
        "{}",
        problems[0]
    );
}
