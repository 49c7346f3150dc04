//! `extends`: what a plan keeps, changes and takes away.

use anju_workflows::definition::{Problem, parse};

use crate::support::{SOUND, lines, place_of, read};

/// Reads `text` with the sound programme beside it as `base.yaml`, and other files by name.
fn over(
    text: &str,
    others: &[(&str, &str)],
) -> Result<anju_workflows::definition::Parsed, Vec<Problem>> {
    parse(text, "plan.yaml", &|path| {
        if path == "base.yaml" {
            return Some(Ok((SOUND.to_owned(), "base.yaml".to_owned())));
        }
        others
            .iter()
            .find(|(name, _)| *name == path)
            .map(|(name, text)| Ok(((*text).to_owned(), (*name).to_owned())))
    })
}

fn refused(text: &str, others: &[(&str, &str)]) -> String {
    lines(&over(text, others).expect_err("this must be refused"))
}

#[test]
fn a_plan_that_changes_nothing_is_the_plan_it_extends() {
    let base = read(SOUND).unwrap();
    let same = over("extends: ./base.yaml\n", &[]).unwrap();
    assert_eq!(same.definition, base.definition);
    assert_eq!(same.definition.digest(), base.definition.digest());
    assert_eq!(
        same.sources
            .iter()
            .map(|source| (source.name.as_str(), source.file.as_str()))
            .collect::<Vec<_>>(),
        [("plan.yaml", "plan.yaml"), ("./base.yaml", "base.yaml")]
    );
    assert_eq!(same.sources[1].text, SOUND);
}

#[test]
fn maps_are_laid_over_key_by_key_and_everything_else_is_replaced() {
    let parsed = over(
        "extends: ./base.yaml\nid: other-2022\nstages:\n  consultation:\n    exit:\n      agreed_share: {share: {at_least: 2/3}}\n      notice: {publicity: {channels: [web]}}\n",
        &[],
    )
    .unwrap();
    let definition = parsed.definition;
    assert_eq!(definition.id, "other-2022");
    assert_eq!(definition.name.zh, "示例计划");
    let exit = &definition.stages["consultation"].exit;
    let share = exit["agreed_share"].share.as_ref().unwrap();
    assert_eq!(share.at_least.unwrap().to_string(), "2/3");
    assert_eq!(share.of.field, "agreed");
    assert_eq!(exit["notice"].publicity.as_ref().unwrap().channels, ["web"]);
    assert_eq!(exit["notice"].publicity.as_ref().unwrap().days, Some(7));
}

#[test]
fn null_removes_what_the_base_has() {
    let definition = over(
        "extends: ./base.yaml\nreporting: ~\nstages:\n  consultation:\n    exit:\n      notice:\n      agreed_share: {share: {at_least: null, more_than: 1/2}}\n",
        &[],
    )
    .unwrap()
    .definition;
    assert!(definition.reporting.is_empty());
    let exit = &definition.stages["consultation"].exit;
    assert!(!exit.contains_key("notice"));
    let share = exit["agreed_share"].share.as_ref().unwrap();
    assert_eq!(share.at_least, None);
    assert_eq!(share.more_than.unwrap().to_string(), "50%");
}

#[test]
fn removing_what_is_not_there_is_refused_with_the_nearest_name() {
    assert_eq!(
        refused(
            "extends: ./base.yaml\nstages:\n  consultation:\n    exit:\n      notise: ~\n      zebra: ~\n",
            &[]
        ),
        "plan.yaml:5:7: error: the extended definition has no `notise` to remove; did you mean `notice`?\n\
         plan.yaml:6:7: error: the extended definition has no `zebra` to remove"
    );
}

#[test]
fn an_empty_value_that_removes_nothing_is_refused() {
    assert_eq!(
        refused(
            "extends: ./base.yaml\nladder:\n  fourth: {step: 4, name:, to: [a, ~]}\n",
            &[]
        ),
        "plan.yaml:3:21: error: `name` has no value; leave the key out if there is nothing to say\n\
         plan.yaml:3:36: error: an item of the list is empty"
    );
}

#[test]
fn each_part_keeps_the_place_where_it_was_written_last() {
    let parsed = over("extends: ./base.yaml\nlamps:\n  red: 20\n", &[]).unwrap();
    let at = |path: &[&str]| parsed.locations.value(path).to_string();
    assert_eq!(at(&["lamps", "red"]), "plan.yaml:3:8");
    let in_base = |mark: &str| place_of(SOUND, mark).replace("plan", "base");
    assert_eq!(at(&["lamps", "yellow"]), in_base("{yellow: |1"));
    assert_eq!(
        at(&[
            "stages", "works", "exit", "signed", "signers", "all_of", "1"
        ]),
        in_base("all_of: [owner, |builder")
    );
    // What stands in no file is where the nearest thing around it stands.
    assert_eq!(at(&["lamps", "quote"]), "plan.yaml:2:1");
    assert_eq!(
        parsed.locations.key(&["lamps", "red"]).to_string(),
        "plan.yaml:3:3"
    );
}

#[test]
fn a_problem_in_the_file_beside_is_told_there() {
    assert_eq!(
        refused(
            "extends: ./bad.yaml\n",
            &[("bad.yaml", "extends: ./base.yaml\nlamps: {yellow: red}\n")]
        ),
        "bad.yaml:2:17: error: expected a whole number, 0 or more, found the text \"red\""
    );
    assert_eq!(
        refused("extends: ./bad.yaml\n", &[("bad.yaml", "a: [\n")]),
        "bad.yaml:2:1: error: this is not YAML: while parsing a node, did not find expected node content; check indentation, colons and quotes"
    );
}

#[test]
fn a_circle_is_refused_with_its_whole_chain() {
    assert_eq!(
        refused("extends: ./plan.yaml\n", &[]),
        "plan.yaml:1:10: error: `extends` runs in a circle: plan.yaml -> plan.yaml"
    );
    assert_eq!(
        refused(
            "extends: a.yaml\n",
            &[
                ("a.yaml", "extends: sub/b.yaml\n"),
                ("sub/b.yaml", "extends: ../a.yaml\n")
            ]
        ),
        "sub/b.yaml:1:10: error: `extends` runs in a circle: plan.yaml -> a.yaml -> sub/b.yaml -> a.yaml"
    );
}

#[test]
fn a_chain_may_be_eight_files_long_and_no_longer() {
    let names: Vec<String> = (1..=9).map(|number| format!("f{number}.yaml")).collect();
    let texts: Vec<String> = (2..=10)
        .map(|number| format!("extends: ./f{number}.yaml\n"))
        .collect();
    let mut files: Vec<(&str, &str)> = names
        .iter()
        .map(String::as_str)
        .zip(texts.iter().map(String::as_str))
        .collect();
    let error = refused("extends: ./f1.yaml\n", &files);
    assert!(
        error.starts_with(
            "f8.yaml:1:10: error: `extends` is more than 8 files long: plan.yaml -> f1.yaml -> "
        ),
        "{error}"
    );
    files[7].1 = SOUND;
    assert_eq!(
        over("extends: ./f1.yaml\n", &files).unwrap().sources.len(),
        9
    );
}

#[test]
fn what_extends_names_must_be_a_programme_or_a_neighbour() {
    for (text, problem) in [
        (
            "extends: ./nowhere.yaml\n",
            "plan.yaml:1:10: error: there is no file `nowhere.yaml`",
        ),
        (
            "extends: /etc/passwd.yaml\n",
            "plan.yaml:1:10: error: `extends` takes a relative path, not `/etc/passwd.yaml` (expected: ./other.yaml)",
        ),
        (
            "extends: 5\n",
            "plan.yaml:1:10: error: `extends` names a programme or a file, found the number 5 (expected: standard, ./other.yaml)",
        ),
        (
            "- extends\n",
            "plan.yaml:1:1: error: a definition is a map, found a list",
        ),
    ] {
        assert_eq!(refused(text, &[]), problem);
    }
    let unknown = refused("extends: standart\n", &[]);
    assert!(unknown.starts_with("plan.yaml:1:10: error: there is no built-in definition `standart` (expected: standard, "), "{unknown}");
    assert!(unknown.ends_with("; did you mean `standard`?"), "{unknown}");
}

#[test]
fn a_file_below_that_is_no_text_is_told_as_what_it_is_and_not_as_missing() {
    let gbk = b"id: a\nname: {zh: \xb8\xc4\xd4\xec\xbc\xc6\xbb\xae, en: X}\n";
    let problems = parse("extends: ./base.yaml\n", "plan.yaml", &|path| {
        Some(
            anju_workflows::definition::yaml::decode(gbk, path).map(|text| (text, path.to_owned())),
        )
    })
    .unwrap_err();
    assert_eq!(
        lines(&problems),
        "base.yaml:2:12: error: the file looks like GBK / GB18030, not UTF-8; save it as UTF-8"
    );
}
