//! What a file that does not read is told.

use anju_workflows::definition::Lang;

use crate::support::{SOUND, place_of, read, refused, sound_with};

/// What is said of the sound programme with `from` replaced by `to`, without the place; the place must be at `mark`.
fn said(from: &str, to: &str, mark: &str) -> String {
    let text = sound_with(from, to);
    let told = refused(&text);
    let place = format!("{}: error: ", place_of(&text, mark));
    told.strip_prefix(&place)
        .unwrap_or_else(|| panic!("{told:?} should begin with {place:?}"))
        .to_owned()
}

#[test]
fn a_sound_programme_reads_with_all_its_parts() {
    let definition = read(SOUND).unwrap().definition;
    assert_eq!(definition.id, "sound-2021");
    assert_eq!(definition.stages.len(), 3);
    assert_eq!(
        definition.facts["paid"].fields["amount_fen"].name.en,
        "Amount"
    );
    let signed = definition.stages["works"].exit["signed"]
        .signers
        .as_ref()
        .unwrap();
    assert_eq!(signed.with["passed"], serde_json::json!(true));
}

#[test]
fn the_digest_sees_the_rules_and_not_how_they_are_written() {
    let digest = |text: &str| read(text).unwrap().definition.digest();
    let sound = digest(SOUND);
    assert_eq!(sound.len(), 64);
    assert!(
        sound
            .bytes()
            .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    );
    assert_eq!(digest(&format!("# a comment\n{SOUND}")), sound);
    assert_eq!(digest(&sound_with("at_least: 80%", "at_least: 4/5")), sound);
    assert_eq!(
        digest(&sound_with(
            "{yellow: 1, red: 10, kind: natural}",
            "\n  red: 10\n  kind: 'natural'\n  yellow: 0x1"
        )),
        sound
    );
    assert_ne!(digest(&sound_with("at_least: 80%", "at_least: 81%")), sound);
    assert_ne!(
        digest(&sound_with(
            "days: 60, kind: natural",
            "days: 60, kind: working"
        )),
        sound
    );
}

#[test]
fn the_model_reads_back_from_its_canonical_json_with_the_same_digest() {
    let definition = read(SOUND).unwrap().definition;
    let back: anju_workflows::definition::Definition =
        serde_json::from_str(&definition.canonical_json()).unwrap();
    assert_eq!(back, definition);
    assert_eq!(back.digest(), definition.digest());
}

#[test]
fn an_unknown_key_is_told_with_what_was_possible_and_the_nearest() {
    assert_eq!(
        said("    order: 2\n", "    oder: 2\n    order: 2\n", "|oder: 2"),
        "there is no key `oder` here (expected: name, order, applies, next, returns, responsible, deadlines, exit, per_lot, quote, source); did you mean `order`?"
    );
}

#[test]
fn an_unknown_word_is_told_with_what_was_possible_and_the_nearest() {
    assert_eq!(
        said(
            "days: 60, kind: natural",
            "days: 60, kind: naturel",
            "|naturel"
        ),
        "there is no word `naturel` here (expected: natural, working, rolled); did you mean `natural`?"
    );
}

#[test]
fn a_missing_key_is_told_at_the_part_that_lacks_it() {
    assert_eq!(
        said(
            "name: {zh: 方案设计, en: Design}",
            "name: {zh: 方案设计}",
            "|name: {zh: 方案设计}"
        ),
        "`en` is missing"
    );
    assert_eq!(
        refused("language: 1\nid: a\n"),
        "plan.yaml:1:1: error: `name` is missing"
    );
}

#[test]
fn a_value_of_another_kind_is_told_with_what_belongs_there() {
    for (from, to, mark, line) in [
        (
            "    order: 2\n",
            "    order: two\n",
            "order: |two",
            "expected a whole number, 0 or more, found the text \"two\"",
        ),
        (
            "    order: 2\n",
            "    order: \"2\"\n",
            "order: |\"2\"",
            "expected a whole number, 0 or more, found the text \"2\"; remove the quotes",
        ),
        (
            "    order: 2\n",
            "    order: -2\n",
            "order: |-2",
            "expected a whole number, 0 or more, found the number -2",
        ),
        (
            "unit: 户}\n      asked",
            "unit: 5}\n      asked",
            "unit: |5}",
            "expected a text, found the number 5; quote it",
        ),
        (
            "{tracks: [full]}",
            "{tracks: full}",
            "{tracks: |full}",
            "expected a list, found the text \"full\"; write it as [ … ]",
        ),
        (
            "name: {zh: 方案设计, en: Design}",
            "name: 方案设计",
            "name: |方案设计",
            "expected {zh: …, en: …}, found the text \"方案设计\"",
        ),
        (
            "name: {zh: 方案设计, en: Design}",
            "name: [方案设计, Design]",
            "name: |[方案设计",
            "expected {zh: …, en: …}, found a list",
        ),
        (
            "signed: true}",
            "signed: 1}",
            "signed: |1}",
            "expected true or false, found the number 1",
        ),
        (
            "at_least: 80%",
            "at_least: 80",
            "at_least: |80,",
            "expected a text, found the number 80; quote it",
        ),
        (
            "at_least: 80%",
            "at_least: 80 %%",
            "|80 %%",
            "\"80 %%\": expected a fraction such as \"80%\", \"66.7%\" or \"2/3\"",
        ),
        (
            "at_least: 80%",
            "at_least: 1/0",
            "|1/0",
            "\"1/0\": the denominator of a fraction cannot be 0",
        ),
        (
            "on: Y-03-31",
            "on: Y-02-30",
            "|Y-02-30",
            "\"Y-02-30\": there is no such day in the calendar",
        ),
        (
            "from: Y-02,",
            "from: Y-2,",
            "|Y-2,",
            "\"Y-2\": expected a day such as 2021-01-20, a month such as 2022-06, or one of the programme's year: Y-11-30, Y-11, Y+1-03",
        ),
        (
            "over: consent.asked",
            "over: asked",
            "over: |asked,",
            "\"asked\": expected fact.field or project.households, project.buildings, project.area_m2, project.compounds",
        ),
        (
            "lamps: {",
            "lamps: {quote: {a: b}, ",
            "|{a: b}",
            "expected a text or a list of texts",
        ),
        (
            "issued: 2021-01-20",
            "issued: 2021-1-20",
            "|2021-1-20",
            "\"2021-1-20\": expected a day such as 2021-01-20",
        ),
    ] {
        assert_eq!(said(from, to, mark), line, "{to}");
    }
}

#[test]
fn several_problems_are_told_at_once_in_the_order_of_the_file() {
    let text = sound_with("    order: 2\n", "    order: two\n")
        .replace("tracks:\n  full", "trakcs: {}\ntracks:\n  full")
        .replace("relevance: related", "relevance: near")
        .replace("signed: true}", "sighed: true}")
        .replace("lamps: {yellow: 1", "lamps: {yello: 1");
    let told = refused(&text);
    let places: Vec<&str> = told
        .lines()
        .map(|line| line.split(": error").next().unwrap())
        .collect();
    let marks = [
        "|trakcs",
        "|near",
        "|two",
        "|sighed",
        "|lamps: {",
        "{|yello:",
    ];
    assert_eq!(places, marks.map(|mark| place_of(&text, mark)), "{told}");
}

#[test]
fn what_is_missing_only_because_of_another_problem_is_not_told_again() {
    let text = sound_with("at_least: 100%", "at_least: all")
        .replace("measure: projects", "measure: project");
    assert_eq!(
        refused(&text),
        format!(
            "{}: error: there is no word `project` here (expected: projects, compounds, households, buildings, area_m2, yuan, other); did you mean `projects`?\n\
             {}: error: \"all\": expected a fraction such as \"80%\", \"66.7%\" or \"2/3\"",
            place_of(&text, "measure: |project\n"),
            place_of(&text, "at_least: |all\n"),
        )
    );
}

#[test]
fn every_message_of_reading_is_also_said_in_chinese() {
    for (from, to, mark, zh) in [
        (
            "    order: 2\n",
            "    order: two\n",
            "|two",
            "这里应为不小于 0 的整数，却是“two”",
        ),
        (
            "on: Y-03-31",
            "on: Y-02-30",
            "|Y-02-30",
            "“Y-02-30”：日历上没有这一天",
        ),
        (
            "at_least: 80%",
            "at_least: 80 %%",
            "|80 %%",
            "“80 %%”：应为比例，如 \"80%\"、\"66.7%\" 或 \"2/3\"",
        ),
        (
            "    order: 2\n",
            "    order: 2\n    order: 3\n",
            "|order: 3\n    applies",
            "键“order”重复，第一次出现在第 66 行第 5 列；删去其中一个",
        ),
    ] {
        let text = sound_with(from, to);
        let problems = read(&text).unwrap_err();
        assert_eq!(
            problems[0].render(Lang::Zh),
            format!("{}: 错误：{zh}", place_of(&text, mark))
        );
    }
}

#[test]
fn a_quote_may_be_several_pieces() {
    let quoted = sound_with("lamps: {", "lamps: {quote: [一, 二], ");
    assert_eq!(
        read(&quoted)
            .unwrap()
            .definition
            .lamps
            .quote
            .unwrap()
            .joined(),
        "一 … 二"
    );
}

#[test]
fn a_definition_of_a_later_language_is_refused_at_once_whatever_else_it_says() {
    let text = sound_with("language: 1", "language: 2")
        .replace("lamps:", "wonders: {new: true}\nlamps:")
        .replace("order: 1", "order: first");
    assert_eq!(
        refused(&text),
        "plan.yaml:1:11: error: the language version is 2; this build understands up to 1 (expected: 1); use a newer anju"
    );
}
