//! A small sound programme, and ways to break it.

use anju_workflows::definition::{Gravity, Parsed, Problem, parse};

/// A programme with nothing wrong in it. Tests change one line and look at what is said.
pub(crate) const SOUND: &str = include_str!("sound.yaml");

/// Reads a text that extends no file.
pub(crate) fn read(text: &str) -> Result<Parsed, Vec<Problem>> {
    parse(text, "plan.yaml", &|_| None)
}

/// `SOUND` with `from` replaced by `to`. The text must be there, once: a fixture that silently changes nothing proves
/// nothing.
pub(crate) fn sound_with(from: &str, to: &str) -> String {
    assert_eq!(
        SOUND.matches(from).count(),
        1,
        "{from:?} must stand once in the sound programme"
    );
    SOUND.replace(from, to)
}

/// The problems as lines, as the command line prints them.
pub(crate) fn lines(problems: &[Problem]) -> String {
    problems
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("\n")
}

/// The problems of a text that must not read.
pub(crate) fn refused(text: &str) -> String {
    let problems = read(text).expect_err("this must be refused");
    assert!(
        problems
            .iter()
            .all(|problem| problem.severity == Gravity::Error)
    );
    assert!(
        problems
            .iter()
            .all(|problem| problem.place.line > 0 && problem.place.column > 0),
        "every problem of a file has a place: {problems:?}"
    );
    lines(&problems)
}

/// Where `mark` stands in `text`, as a problem of `plan.yaml` names it. The mark must be there once; a `|` in it is the
/// exact place.
pub(crate) fn place_of(text: &str, mark: &str) -> String {
    let ahead = mark.find('|').unwrap_or(0);
    let mark = mark.replacen('|', "", 1);
    assert_eq!(text.matches(&mark).count(), 1, "{mark:?} must stand once");
    let before = &text[..text.find(&mark).unwrap() + ahead];
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap().chars().count() + 1;
    format!("plan.yaml:{line}:{column}")
}
