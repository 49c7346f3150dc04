//! One broken programme per rule: what lint says of it, and where.

mod days;
mod facts;
mod flow;
mod kinds;
mod lots;
mod names;
mod requirements;
mod supervision;
mod suspicious;

use anju_workflows::definition::{Gravity, Lang, Problem, lint, lint_definition};

use crate::support::{SOUND, lines, place_of, read, sound_with};

fn problems(text: &str) -> Vec<Problem> {
    lint(&read(text).unwrap_or_else(|problems| panic!("{}", lines(&problems))))
}

/// What is said of the sound programme with `from` replaced by `to`: exactly these lines, each at its mark. A line is
/// `error code: message`.
#[track_caller]
fn broken(from: &str, to: &str, told: &[(&str, &str)]) {
    said(&sound_with(from, to), told);
}

/// What is said of a text.
#[track_caller]
fn said(text: &str, told: &[(&str, &str)]) {
    let found: Vec<String> = problems(text)
        .iter()
        .map(|problem| {
            assert!(!problem.path.is_empty(), "lint names the part: {problem}");
            assert!(!problem.message.zh.is_empty() && problem.message.zh != problem.message.en);
            let plain = problem.to_string();
            let (place, message) = plain
                .split_once(": error: ")
                .or_else(|| plain.split_once(": warning: "))
                .unwrap();
            let word = if problem.is_error() {
                "error"
            } else {
                "warning"
            };
            format!("{place}: {word} {}: {message}", problem.code)
        })
        .collect();
    let wanted: Vec<String> = told
        .iter()
        .map(|(mark, line)| format!("{}: {line}", place_of(text, mark)))
        .collect();
    assert_eq!(found.join("\n"), wanted.join("\n"));
}

#[test]
fn nothing_is_said_of_a_sound_programme() {
    assert_eq!(lines(&problems(SOUND)), "");
}

#[test]
fn the_same_file_always_gives_the_same_list_in_the_order_of_the_file() {
    let text = sound_with("red: 10,", "red: 0,")
        .replace("stage: consultation", "stage: consultations")
        .replace("days: 7", "days: 0")
        .replace("order: 3", "order: 2");
    let first = problems(&text);
    assert!(first.len() >= 4);
    assert_eq!(first, problems(&text));
    let places: Vec<_> = first.iter().map(|problem| problem.place.clone()).collect();
    let mut sorted = places.clone();
    sorted.sort();
    assert_eq!(places, sorted);
}

#[test]
fn a_definition_without_files_is_told_by_path() {
    let text = sound_with("stage: consultation\n", "stage: consultations\n");
    let definition = read(&text).unwrap().definition;
    let problems = lint_definition(&definition, &Default::default());
    assert_eq!(problems.len(), 1);
    assert_eq!(problems[0].path, "facts.consent.stage");
    assert_eq!(problems[0].place.line, 0);
    assert_eq!(problems[0].severity, Gravity::Error);
    assert_eq!(
        problems[0].render(Lang::Zh),
        ": 错误：没有阶段“consultations”；是否想写“consultation”？"
    );
}

#[test]
fn an_unknown_version_of_the_language_is_refused() {
    broken(
        "language: 1",
        "language: 0",
        &[(
            "language: |0",
            "error language_version: the language version 0 is not known (expected: 1)",
        )],
    );
}
