use super::{broken, said};
use crate::support::sound_with;

#[test]
fn ids_have_the_letters_of_their_use() {
    for (from, to, mark, line) in [
        (
            "id: sound-2021",
            "id: Sound_2021",
            "|Sound_2021",
            "error bad_id: `Sound_2021` cannot be an id (expected: [a-z0-9][a-z0-9-]*, at most 64 letters)",
        ),
        (
            "id: sound-2021",
            "id: -sound",
            "|-sound",
            "error bad_id: `-sound` cannot be an id (expected: [a-z0-9][a-z0-9-]*, at most 64 letters)",
        ),
        (
            "  remind: {",
            "  re-mind: {",
            "|re-mind",
            "error bad_id: `re-mind` cannot be an id (expected: [a-z0-9_]+, at most 64 letters)",
        ),
        (
            "      funded:\n",
            "      Funded:\n",
            "|Funded",
            "error bad_id: `Funded` cannot be an id (expected: [a-z0-9_]+, at most 64 letters)",
        ),
        (
            "      designed:",
            "      方案:",
            "|方案:",
            "error bad_id: `方案` cannot be an id (expected: [a-z0-9_]+, at most 64 letters)",
        ),
        (
            "  lift: {",
            "  Lift: {",
            "|Lift: {",
            "error bad_id: `Lift` cannot be an id (expected: [a-z0-9][a-z0-9_-]*, at most 64 letters)",
        ),
        (
            "  weekly: {",
            "  _weekly: {",
            "|_weekly",
            "error bad_id: `_weekly` cannot be an id (expected: [a-z0-9][a-z0-9_-]*, at most 64 letters)",
        ),
        (
            "second: {zh",
            "Second: {zh",
            "|Second: {zh",
            "error bad_id: `Second` cannot be an id (expected: [a-z0-9][a-z0-9_-]*, at most 64 letters)",
        ),
        (
            "  started: {name",
            "  Started: {name",
            "|Started: {name",
            "error bad_id: `Started` cannot be an id (expected: [a-z0-9_]+, at most 64 letters)",
        ),
    ] {
        let text = sound_with(from, to);
        let text = if to.contains("Started") {
            text.replace("[started]", "[Started]")
        } else {
            text
        };
        said(&text, &[(mark, line)]);
    }
    let long = "a".repeat(65);
    broken(
        "  weekly: {",
        &format!("  {long}: {{"),
        &[(
            &format!("|{long}"),
            &format!(
                "error bad_id: `{long}` cannot be an id (expected: [a-z0-9][a-z0-9_-]*, at most 64 letters)"
            ),
        )],
    );
}

#[test]
fn a_text_that_is_blank_is_refused_wherever_it_stands() {
    broken(
        "en: Funds}",
        "en: ' '}",
        &[("|' '", "error blank_text: the text is blank")],
    );
    broken(
        "title: 示例计划的通知",
        "title: ''",
        &[("|''", "error blank_text: the text is blank")],
    );
    broken(
        "to: [responsible], reply_days",
        "to: [responsible, \"\"], reply_days",
        &[("|\"\"", "error blank_text: the text is blank")],
    );
}

#[test]
fn a_requirement_has_one_id_in_the_whole_definition() {
    broken(
        "      funded:\n",
        "      notice:\n",
        &[(
            "|notice:\n        name: {zh: 资金",
            "error duplicate_requirement: `notice` is already used in the stage `consultation`; choose another id",
        )],
    );
}

#[test]
fn a_deadline_has_one_id_in_the_whole_definition() {
    broken(
        "      built:",
        "      consulted:",
        &[(
            "|consulted: {name: {zh: 完工",
            "error duplicate_deadline: `consulted` is already used in the stage `consultation`; choose another id",
        )],
    );
}

#[test]
fn the_words_of_the_language_are_no_ids() {
    broken(
        "  posted:\n    name",
        "  project:\n    name: {zh: 项目, en: Project}\n  posted:\n    name",
        &[(
            "|project:\n",
            "error reserved_id: `project` is the project itself; no fact type can be called so",
        )],
    );
    broken(
        "stages:\n",
        "stages:\n  completed: {name: {zh: 结束, en: End}, order: 9}\n",
        &[(
            "|completed: {",
            "error reserved_id: `completed` is the end of a project; no stage can be called so",
        )],
    );
}

#[test]
fn the_area_above_is_known_and_not_the_area_itself() {
    broken(
        "parent: hz,",
        "parent: hzz,",
        &[(
            "|hzz,",
            "error unknown_area: there is no area `hzz`; did you mean `hz`?",
        )],
    );
    broken(
        "hz: {name: {zh: 杭州市, en: Hangzhou}}",
        "hz: {name: {zh: 杭州市, en: Hangzhou}, parent: hz_xh}",
        &[
            (
                "parent: |hz_xh",
                "error area_circle: the areas above `hz` lead back to it",
            ),
            (
                "parent: |hz,",
                "error area_circle: the areas above `hz_xh` lead back to it",
            ),
        ],
    );
}

#[test]
fn what_applies_names_is_known() {
    for (to, mark, line) in [
        (
            "{tracks: [ful]}",
            "|ful]}",
            "error unknown_track: there is no track `ful`; did you mean `full`?",
        ),
        (
            "{areas: [hz, hz_hx]}",
            "|hz_hx",
            "error unknown_area: there is no area `hz_hx`; did you mean `hz_xh`?",
        ),
        (
            "{groups: [mian]}",
            "|mian",
            "error unknown_group: there is no area group `mian`; did you mean `main`?",
        ),
    ] {
        broken("{tracks: [full]}", to, &[(mark, line)]);
    }
}

#[test]
fn conditions_that_no_project_meets_together_are_refused() {
    let never = "error never_applies: no project can meet these conditions together; compare the `applies` of the stage around it";
    broken(
        "        name: {zh: 资金, en: Funds}\n",
        "        name: {zh: 资金, en: Funds}\n        applies: {tracks: [lift]}\n",
        &[("|applies: {tracks: [lift]}", never)],
    );
    // Hangzhou itself is in no group.
    said(
        &sound_with(
            "hz: {name: {zh: 杭州市, en: Hangzhou}}",
            "hz: {name: {zh: 杭州市, en: Hangzhou}}\n  nb: {name: {zh: 宁波市, en: Ningbo}}",
        )
        .replace(
            "applies: {groups: [main]}",
            "applies: {groups: [main], areas: [nb]}",
        ),
        &[("|applies: {groups", never)],
    );
    broken(
        "applies: {groups: [main]}",
        "applies: {groups: [main], areas: [hz]}",
        &[],
    );
}
