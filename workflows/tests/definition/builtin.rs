//! The programmes of this build are themselves sound.

use anju_workflows::definition::{BUILTIN_PROGRAMMES, builtin, lint, parse, parse_builtin};

use crate::support::lines;

#[test]
fn every_programme_of_this_build_reads() {
    for name in BUILTIN_PROGRAMMES {
        let parsed = parse_builtin(name).unwrap_or_else(|problems| panic!("{}", lines(&problems)));
        assert_eq!(
            parsed.definition.id, *name,
            "a programme is called as its file"
        );
    }
}

#[test]
fn a_programme_of_this_build_reads_the_same_as_a_file() {
    for name in BUILTIN_PROGRAMMES {
        let (text, file) = builtin(name).unwrap();
        let as_file = parse(text, file, &|_| None).unwrap();
        assert_eq!(
            as_file.definition.digest(),
            parse_builtin(name).unwrap().definition.digest()
        );
    }
}

#[test]
fn a_name_that_is_no_programme_is_told_with_the_nearest() {
    assert!(builtin("nowhere-1999").is_none());
    let problems = parse_builtin("handan-2012").unwrap_err();
    assert_eq!(problems[0].code, "unknown_programme");
    assert!(
        lines(&problems).ends_with("did you mean `handan-2021`?"),
        "{}",
        lines(&problems)
    );
}

#[test]
fn no_programme_of_this_build_has_an_error() {
    for name in BUILTIN_PROGRAMMES {
        let errors: Vec<_> = lint(&parse_builtin(name).unwrap())
            .into_iter()
            .filter(|problem| problem.is_error())
            .collect();
        assert!(errors.is_empty(), "{}", lines(&errors));
    }
}

#[test]
fn the_example_of_the_language_page_reads_and_has_nothing_wrong() {
    let page = include_str!("../../../docs/design/language.md");
    let example = page
        .split_once("```yaml\n")
        .and_then(|(_, rest)| rest.split_once("```"))
        .map(|(example, _)| example)
        .unwrap();
    let parsed = parse(example, "example.yaml", &|_| None)
        .unwrap_or_else(|problems| panic!("{}", lines(&problems)));
    let problems = lint(&parsed);
    // What the standard leaves to each city: who is responsible for the tender.
    assert_eq!(
        problems
            .iter()
            .map(|problem| problem.code)
            .collect::<Vec<_>>(),
        ["nobody_responsible"],
        "{}",
        lines(&problems)
    );
    assert!(!problems[0].is_error());
    let exit = &parsed.definition.stages["resident_consultation"].exit;
    assert_eq!(exit.keys().collect::<Vec<_>>(), ["two_thirds"]);
    assert_eq!(parsed.definition.lamps.yellow, 1);
    assert_eq!(parsed.definition.lamps.red, 5);
}
