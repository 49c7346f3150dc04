//! Texts that want to hurt: each is read or refused, in bounded time, without a panic.

use std::time::{Duration, Instant};

use anju_workflows::definition::yaml::{self, MAX_BYTES, MAX_DEPTH, MAX_NODES, MAX_SCALAR};
use anju_workflows::definition::{Problem, lint, parse};
use proptest::prelude::*;

use crate::support::{SOUND, lines, read, sound_with};

/// What reading takes, generous for a slow machine with an unoptimised build; a quadratic reader takes minutes.
const BOUND: Duration = Duration::from_secs(60);

fn load(text: &str) -> Result<serde_json::Value, Vec<Problem>> {
    let start = Instant::now();
    let result = yaml::load_value(text, "h.yaml");
    assert!(start.elapsed() < BOUND, "took {:?}", start.elapsed());
    if let Err(problems) = &result {
        assert!(!problems.is_empty() && problems.len() <= 101);
        assert!(
            problems
                .iter()
                .all(|problem| problem.place.line > 0 && problem.place.column > 0)
        );
    }
    result
}

fn code(text: &str) -> &'static str {
    load(text).expect_err("this must be refused")[0].code
}

#[test]
fn deep_nesting_is_refused_at_the_limit_and_read_below_it() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(load(&nested(MAX_DEPTH)).is_ok());
    assert_eq!(code(&nested(MAX_DEPTH + 1)), "too_deep");
    assert_eq!(code(&"[".repeat(1_000_000)), "too_deep");
    assert_eq!(code(&"{a: ".repeat(500_000)), "too_deep");
    assert_eq!(code(&"- ".repeat(500_000)), "too_deep");
    let steps: String = (0..1_500)
        .map(|depth| format!("{}a:\n", " ".repeat(depth)))
        .collect();
    assert_eq!(code(&steps), "too_deep");
}

#[test]
fn an_alias_bomb_is_refused_at_its_first_anchor_and_alias() {
    let bomb = "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\n";
    assert_eq!(
        lines(&load(bomb).unwrap_err()),
        "h.yaml:1:4: error: anchors (`&name`) are not supported; remove the anchor\n\
         h.yaml:2:4: error: anchors (`&name`) are not supported; remove the anchor\n\
         h.yaml:2:8: error: aliases (`*name`) are not supported; write the value out, or use `extends`\n\
         h.yaml:2:12: error: aliases (`*name`) are not supported; write the value out, or use `extends`\n\
         h.yaml:3:4: error: anchors (`&name`) are not supported; remove the anchor\n\
         h.yaml:3:8: error: aliases (`*name`) are not supported; write the value out, or use `extends`\n\
         h.yaml:3:12: error: aliases (`*name`) are not supported; write the value out, or use `extends`"
    );
}

#[test]
fn more_values_than_the_limit_are_refused() {
    // The list itself is one.
    let list = |items: usize| format!("[{}]", "0,".repeat(items));
    assert!(load(&list(MAX_NODES - 1)).is_ok());
    assert_eq!(code(&list(MAX_NODES)), "too_many_nodes");
    let map: String = (0..MAX_NODES).map(|key| format!("k{key}: 0\n")).collect();
    assert_eq!(code(&map), "too_many_nodes");
}

#[test]
fn a_scalar_beyond_the_limit_is_refused_and_one_at_the_limit_read() {
    assert!(load(&format!("a: {}", "x".repeat(MAX_SCALAR))).is_ok());
    for text in [
        format!("a: {}", "x".repeat(MAX_SCALAR + 1)),
        format!("a: \"{}\"", "x".repeat(MAX_SCALAR + 1)),
        format!("a: |\n  {}", "x".repeat(MAX_SCALAR + 1)),
        format!("a: {}", "9".repeat(MAX_SCALAR + 1)),
    ] {
        assert_eq!(code(&text), "scalar_too_long");
    }
    assert_eq!(
        code(&format!("a: {}", "9".repeat(1000))),
        "number_too_large"
    );
}

#[test]
fn a_text_beyond_the_limit_is_refused_unread() {
    assert_eq!(code(&" ".repeat(MAX_BYTES + 1)), "too_large");
    assert_eq!(code(&" ".repeat(MAX_BYTES)), "empty_file");
}

#[test]
fn long_runs_of_every_indicator_are_refused_or_read_in_time() {
    for run in [
        "[", "]", "{", "}", ":", "-", "- ", "? ", "! ", "&a ", "*a ", "#", "'", "\"", "|\n", ">\n",
        "%", "@", "`", "\t", ",", "a: ", "a:\n", "\"\\", "--- ", "---\n", "...\n", "\r",
        "\u{feff}", "\u{0}", "[a, ", "{a, ", "? - ", "- ? ", "!<", "<<: ",
    ] {
        let _ = load(&run.repeat(40_000 / run.len()));
    }
}

#[test]
fn several_documents_tags_merge_keys_and_twice_used_keys_are_refused_by_name() {
    for (text, line) in [
        (
            "a: 1\n---\nb: 2\n",
            "h.yaml:2:1: error: a second YAML document begins here; write one document per file, without `---`",
        ),
        (
            "a: !!str 1\n",
            "h.yaml:1:4: error: tags are not supported (`tag:yaml.org,2002:str`); remove the tag; quote what is a text",
        ),
        (
            "a: !x {b: 1}\n",
            "h.yaml:1:4: error: tags are not supported (`!x`); remove the tag; quote what is a text",
        ),
        (
            "<<: {a: 1}\n",
            "h.yaml:1:1: error: merge keys (`<<`) are not supported; use `extends`",
        ),
        (
            "a: 1\nb:\n  c: 1\n  c: 2\n",
            "h.yaml:4:3: error: the key `c` stands twice; first at 3:3; remove one of the two",
        ),
        (
            "? [a]\n: 1\nb: 0.8\n",
            "h.yaml:1:3: error: a list or map cannot be a key\n\
          h.yaml:3:4: error: numbers with a point are not supported (0.8); quote it: \"0.8\"; write a share as \"80%\" or \"2/3\"",
        ),
        (": 1\n", "h.yaml:1:1: error: the key is empty"),
        (
            "code: 007\n",
            "h.yaml:1:7: error: a number with a leading zero (007); quote it if it is a code: \"007\"",
        ),
        ("# nothing\n", "h.yaml:1:1: error: the file is empty"),
    ] {
        assert_eq!(lines(&load(text).expect_err(text)), line, "{text}");
    }
}

#[test]
fn keys_that_look_like_numbers_or_truths_are_texts_as_written() {
    assert_eq!(
        load("1: a\ntrue: b\n007: c\nnull: d\n0.5: e\n\"\": f\n").unwrap(),
        serde_json::json!({"1": "a", "true": "b", "007": "c", "null": "d", "0.5": "e", "": "f"})
    );
}

/// What lint says of the sound programme with `from` replaced by a long `to`; in bounded time.
fn linted(from: &str, to: &str) -> Vec<Problem> {
    let parsed =
        read(&sound_with(from, to)).unwrap_or_else(|problems| panic!("{}", lines(&problems[..1])));
    let start = Instant::now();
    let problems = lint(&parsed);
    assert!(start.elapsed() < BOUND, "took {:?}", start.elapsed());
    problems
}

#[test]
fn a_programme_too_large_to_judge_is_told_so_and_not_judged() {
    let name = "{name: {zh: 区, en: Area}";
    let many: String = (0..2_001)
        .map(|id| format!("  a{id}: {name}}}\n"))
        .collect();
    assert_eq!(
        lines(&linted("areas:\n", &format!("areas:\n{many}"))),
        "plan.yaml:6:1: error: `areas` holds 2003 entries; the limit is 2000"
    );
    let deep: String = (0..1_000)
        .map(|id| format!("  a{id}: {name}, parent: a{}}}\n", id + 1))
        .collect();
    let problems = linted("areas:\n", &format!("areas:\n{deep}"));
    assert_eq!(problems.len(), 500, "more are not told");
    assert!(problems.iter().all(|problem| problem.code == "too_deep"));
    let circle: String = (0..1_000)
        .map(|id| format!("  a{id}: {name}, parent: a{}}}\n", (id + 1) % 1_000))
        .collect();
    assert!(
        linted("areas:\n", &format!("areas:\n{circle}"))
            .iter()
            .all(|problem| problem.code == "too_deep")
    );
}

#[test]
fn thousands_of_unknown_names_are_told_up_to_a_limit() {
    let names: Vec<String> = (0..20_000)
        .map(|id| format!("consultation_result_{id}"))
        .collect();
    let problems = linted(
        "done: {name: {zh: 已完工, en: Finished}, fact: {any_of: [finished]}}",
        &format!(
            "done: {{name: {{zh: 已完工, en: Finished}}, fact: {{any_of: [{}]}}}}",
            names.join(", ")
        ),
    );
    assert_eq!(problems.len(), 500);
}

#[test]
fn a_programme_full_of_wrong_keys_is_refused_in_time() {
    let wrong: String = (0..20_000)
        .map(|id| format!("  wrong{id}: {{a: {{b: [1, 2, 3]}}}}\n"))
        .collect();
    let start = Instant::now();
    let problems = read(&sound_with("stages:\n", &format!("stages:\n{wrong}"))).unwrap_err();
    assert!(start.elapsed() < BOUND, "took {:?}", start.elapsed());
    assert_eq!(problems.len(), 100);
}

#[test]
fn two_large_files_are_merged_in_time() {
    let large: String = (0..30_000)
        .map(|id| format!("  a{id}: {{name: {{zh: 区}}}}\n"))
        .collect();
    let start = Instant::now();
    let problems = parse(
        &format!("extends: ./base.yaml\nareas:\n{large}"),
        "plan.yaml",
        &|_| Some(Ok((format!("areas:\n{large}"), "base.yaml".to_owned()))),
    )
    .unwrap_err();
    assert!(start.elapsed() < BOUND, "took {:?}", start.elapsed());
    assert_eq!(problems[0].message.en, "`en` is missing");
}

/// Pieces of YAML, to be strung together.
fn fragments() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("a: "),
        Just("b:\n"),
        Just("\n"),
        Just("  "),
        Just("- "),
        Just("["),
        Just("]"),
        Just("{"),
        Just("}"),
        Just(", "),
        Just("? "),
        Just(": "),
        Just("&x "),
        Just("*x "),
        Just("!t "),
        Just("!!int "),
        Just("| \n"),
        Just(">-\n"),
        Just("\""),
        Just("'"),
        Just("\\"),
        Just("\\u"),
        Just("\\x4"),
        Just("#"),
        Just("---\n"),
        Just("...\n"),
        Just("%YAML 1.2\n"),
        Just("%TAG ! x\n"),
        Just("\t"),
        Just("\r\n"),
        Just("改造"),
        Just("\u{85}"),
        Just("\u{2028}"),
        Just("\u{0}"),
        Just("0x"),
        Just("1"),
        Just("~"),
        Just("<<"),
    ];
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_bytes_become_a_text_or_one_problem(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(text) = yaml::decode(&bytes, "h.yaml") {
            let _ = load(&text);
        }
    }

    #[test]
    fn any_text_becomes_a_value_or_problems(text in "\\PC{0,200}") {
        let _ = load(&text);
    }

    #[test]
    fn any_string_of_fragments_becomes_a_value_or_problems(text in fragments()) {
        let _ = load(&text);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_sound_programme_with_a_piece_cut_out_or_put_in_reads_or_is_refused(
        at in 0..SOUND.len(), length in 0_usize..80, piece in fragments(),
    ) {
        let start = (0..=at).rev().find(|index| SOUND.is_char_boundary(*index)).unwrap_or(0);
        let end = (start + length..).find(|index| *index >= SOUND.len() || SOUND.is_char_boundary(*index)).unwrap_or(start);
        let text = format!("{}{piece}{}", &SOUND[..start], SOUND.get(end..).unwrap_or(""));
        match parse(&text, "h.yaml", &|_| None) {
            Ok(parsed) => prop_assert_eq!(parsed.definition.digest().len(), 64),
            Err(problems) => prop_assert!(!problems.is_empty() && problems.iter().all(|problem| problem.place.line > 0)),
        }
    }
}
