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

/// Fails if a file of the repository, which is made and not written, is not what it is made to today. With
/// `ANJU_REGENERATE=1` it is written instead.
pub(crate) fn same_as_kept(path: &str, made: &str) {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .join(path);
    if std::env::var_os("ANJU_REGENERATE").is_some() {
        std::fs::write(&file, made).unwrap();
        return;
    }
    let kept = std::fs::read_to_string(&file).unwrap_or_default();
    if let Some((number, (kept, made))) = kept
        .lines()
        .chain(std::iter::repeat("(end)"))
        .zip(made.lines().chain(std::iter::once("(end)")))
        .enumerate()
        .find(|(_, (kept, made))| kept != made)
    {
        panic!(
            "{path}:{}: kept {kept:?}, made {made:?}; run the tests with ANJU_REGENERATE=1 to write it anew",
            number + 1
        );
    }
    assert_eq!(
        kept, made,
        "{path}: run the tests with ANJU_REGENERATE=1 to write it anew"
    );
}
