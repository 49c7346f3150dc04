//! Lint is total: whatever the bytes of a programme file are, reading, linting, showing and comparing it ends, in bounded
//! time and memory, with the same answer every time.
//!
//! The mutations are seeded: a failure names its seed, and the same seed makes the same bytes. `ANJU_FUZZ_CASES=100000
//! cargo test --release -p anju-workflows --test fuzz` runs as many more as there is time for.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on should say so"
)]

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anju_workflows::definition::reference::EXAMPLE;
use anju_workflows::definition::yaml::{MAX_BYTES, decode};
use anju_workflows::definition::{
    BUILTIN_PROGRAMMES, Lang, Parsed, Problem, builtin, diff, lint, machine_svg, mermaid, parse,
    parse_builtin, show_text, windows_svg,
};

/// How many mutations are tried where nobody says otherwise.
const CASES: u64 = 400;
/// The longest that one file may take, generous for an unoptimised build on a busy machine; in an optimised one every
/// file of these lanes takes less than a second.
const LONGEST: Duration = Duration::from_secs(20);
/// The most memory that one file of at most 4 MiB may take on top of what was in use before.
const MOST_MEMORY: u64 = 256 * 1024 * 1024;

/// Lanes measure the memory of the process, so they take turns.
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A value of `/proc/self/status` in bytes; `None` where there is no such file.
fn memory(key: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with(key))?;
    let kilobytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes * 1024)
}

/// What a file came to.
fn answer(bytes: &[u8]) -> Result<Parsed, Vec<Problem>> {
    let text = decode(bytes, "plan.yaml")?;
    let parsed = parse(&text, "plan.yaml", &|path| {
        // A neighbour that extends back, and one that is sound.
        match path {
            "circle.yaml" => Some(Ok(("extends: ./plan.yaml\n".to_owned(), path.to_owned()))),
            "other.yaml" => Some(Ok((EXAMPLE.to_owned(), path.to_owned()))),
            _ => None,
        }
    })?;
    Ok(parsed)
}

/// Does everything with a file that the command line does, and checks what must hold of any answer.
fn everything(bytes: &[u8], what: &str) {
    // From now on the peak is that of this file alone.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
    let before = memory("VmRSS:");
    let start = Instant::now();
    let first = answer(bytes);
    let problems = match &first {
        Err(problems) => {
            assert!(!problems.is_empty(), "{what}: refused without a reason");
            problems.clone()
        }
        Ok(parsed) => {
            let definition = &parsed.definition;
            for lang in [Lang::Zh, Lang::En] {
                assert!(!show_text(definition, lang).is_empty());
                assert!(mermaid(definition, lang).starts_with("stateDiagram-v2\n"));
                for picture in [machine_svg(definition, lang), windows_svg(definition, lang)] {
                    assert!(picture.starts_with("<svg ") && picture.ends_with("</svg>\n"));
                    assert!(
                        !picture.contains("<script") && !picture.contains("NaN"),
                        "{what}"
                    );
                }
            }
            let standard = parse_builtin("standard").unwrap().definition;
            let found = diff(&standard, definition);
            assert_eq!(
                found.same,
                standard.digest() == definition.digest(),
                "{what}"
            );
            assert!(!found.render(Lang::En).is_empty());
            lint(parsed)
        }
    };
    for problem in &problems {
        let whole_file = problem.place.line == 0;
        assert!(
            (whole_file && first.is_ok()) || problem.place.column > 0,
            "{what}: {problem:?} has no place"
        );
        assert!(!problem.message.zh.is_empty() && !problem.message.en.is_empty());
        // A message is read by a person on a terminal.
        assert!(
            problem.render(Lang::Zh).len() < 20_000,
            "{what}: a message of {} bytes",
            problem.render(Lang::Zh).len()
        );
    }
    let took = start.elapsed();
    assert!(took < LONGEST, "{what}: took {took:?}");
    if let (Some(before), Some(peak)) = (before, memory("VmHWM:")) {
        let more = peak.saturating_sub(before);
        assert!(more < MOST_MEMORY, "{what}: took {} MiB", more >> 20);
    }
    // The same bytes, the same answer.
    match (first, answer(bytes)) {
        (Ok(a), Ok(b)) => assert_eq!(lint(&a), lint(&b), "{what}"),
        (Err(a), Err(b)) => assert_eq!(a, b, "{what}"),
        _ => panic!("{what}: refused once and read once"),
    }
}

/// splitmix64: small, seeded, the same everywhere.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(limit.max(1)).unwrap()).unwrap()
    }

    fn one<'a, T: ?Sized>(&mut self, of: &[&'a T]) -> &'a T {
        of[self.below(of.len())]
    }
}

/// Pieces that a reader of YAML, of days, of shares or of expressions could stumble over.
const PIECES: &[&str] = &[
    "null",
    "~",
    "true",
    "0.8",
    "007",
    "9999999999999999999999",
    "-1",
    "0",
    "\"\"",
    "[]",
    "{}",
    "[[[[[[[[",
    "{a: {a: {a: ",
    "&a ",
    "*a",
    "!!binary ",
    "<<: ",
    "--- \n",
    "\u{0}",
    "\u{feff}",
    "\u{2028}",
    "\u{202e}",
    "\t",
    "\r\n",
    "\r",
    "Y-02-29",
    "Y-13",
    "2021-02-30",
    "Y+9-12-31",
    "9999-12-31",
    "0000-01-01",
    "1/0",
    "0/1",
    "18446744073709551615/18446744073709551615",
    "100.0000000000001%",
    "101%",
    "completed",
    "project",
    "lot",
    "project.households",
    "survey",
    "standard",
    "extends: standard\n",
    "extends: ./circle.yaml\n",
    "extends: ./other.yaml\n",
    "language: 2\n",
    "any_of: []",
    "where: {round: []}",
    "days: 0",
    "days: 4294967295",
    "order: 4294967295",
    "((((((((((",
    "latest.a.b < ",
    "a ? b : c",
    "&&",
    "'",
    "\"",
    "|\n",
    ">-\n  ",
    "# ",
    ": ",
    "- ",
    "? ",
    ",",
    "}",
    "]",
    "改造",
    "𠀀",
];

fn mutated(seed: u64) -> Vec<u8> {
    let mut chance = Chance(seed);
    let name = chance.one(BUILTIN_PROGRAMMES);
    let text = match chance.below(12) {
        0 => EXAMPLE,
        _ => builtin(name).unwrap().0,
    };
    let mut bytes = text.as_bytes().to_vec();
    for _ in 0..=chance.below(6) {
        let at = chance.below(bytes.len() + 1);
        let to = (at + chance.below(60)).min(bytes.len());
        match chance.below(12) {
            // A piece cut out, doubled, moved; a line lost or doubled; the file broken off.
            0 => {
                bytes.drain(at..to);
            }
            1 => {
                let piece = bytes[at..to].to_vec();
                bytes.splice(at..at, piece);
            }
            2 => {
                let piece: Vec<u8> = bytes.drain(at..to).collect();
                let elsewhere = chance.below(bytes.len() + 1);
                bytes.splice(elsewhere..elsewhere, piece);
            }
            3 | 4 => {
                let start = bytes[..at]
                    .iter()
                    .rposition(|b| *b == b'\n')
                    .map_or(0, |n| n + 1);
                let end = bytes[at..]
                    .iter()
                    .position(|b| *b == b'\n')
                    .map_or(bytes.len(), |n| at + n + 1);
                let line = bytes[start..end].to_vec();
                if chance.below(2) == 0 {
                    bytes.drain(start..end);
                } else {
                    bytes.splice(start..start, line);
                }
            }
            5 => bytes.truncate(at),
            6 => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = u8::try_from(chance.below(256)).unwrap();
                }
            }
            // A value replaced by a piece: from after a colon to the end of the line.
            7 | 8 => {
                let colon = bytes[at..]
                    .windows(2)
                    .position(|pair| pair == b": ")
                    .map(|n| at + n + 2);
                if let Some(start) = colon {
                    let end = bytes[start..]
                        .iter()
                        .position(|b| matches!(b, b'\n' | b',' | b'}'))
                        .map_or(bytes.len(), |n| start + n);
                    bytes.splice(start..end, chance.one(PIECES).bytes());
                }
            }
            9 => {
                let crlf: Vec<u8> = bytes
                    .iter()
                    .flat_map(|b| {
                        if *b == b'\n' {
                            vec![b'\r', b'\n']
                        } else {
                            vec![*b]
                        }
                    })
                    .collect();
                bytes = crlf;
            }
            _ => {
                bytes.splice(at..at, chance.one(PIECES).bytes());
            }
        }
    }
    bytes
}

#[test]
fn a_mutated_programme_is_read_or_refused_in_bounded_time_and_memory() {
    let _turn = turn();
    let cases = std::env::var("ANJU_FUZZ_CASES")
        .ok()
        .and_then(|cases| cases.parse().ok())
        .unwrap_or(CASES);
    for seed in 0..cases {
        everything(&mutated(seed), &format!("seed {seed}"));
    }
}

/// A sound head, for a file whose body wants to hurt.
fn extending(body: &str) -> Vec<u8> {
    format!("extends: standard\nid: x\nname: {{zh: 某, en: X}}\n{body}").into_bytes()
}

#[test]
fn a_file_that_wants_to_hurt_is_read_or_refused_in_bounded_time_and_memory() {
    let _turn = turn();
    let long = MAX_BYTES - 100;
    let laughs: String = (1..60)
        .map(|n| format!("l{n}: &l{n} [*l{0}, *l{0}, *l{0}, *l{0}]\n", n - 1))
        .collect();
    let anchors: String = (0..100_000).map(|n| format!("k{n}: &a{n} x\n")).collect();
    let unknown: String = (0..150_000).map(|n| format!("wrong_{n}: 1\n")).collect();
    let nobody: String = (0..30_000).map(|n| format!("nobody_knows_{n}, ")).collect();
    let areas: String = (0..2_000)
        .map(|n| {
            format!(
                "  a{n}: {{name: {{zh: 区, en: A}}, parent: a{}}}\n",
                (n + 1) % 2_000
            )
        })
        .collect();
    let tracks: String = (0..100)
        .map(|n| format!("  t{n}: {{name: {{zh: 板, en: T}}, relevance: core}}\n"))
        .collect();
    let stages: String = (0..92)
        .map(|n| {
            let next: Vec<String> = (n + 1..92).map(|m| format!("s{m}")).collect();
            format!(
                "  s{n}: {{name: {{zh: 段, en: S}}, order: {}, next: [{}, completed]}}\n",
                1_000 + n,
                next.join(", ")
            )
            .replace("[, ", "[")
        })
        .collect();
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("nothing", Vec::new()),
        ("one NUL", vec![0]),
        ("4 MiB of NULs", vec![0; long]),
        ("4 MiB of one letter", vec![b'a'; long]),
        (
            "4 MiB of one key",
            extending(&format!("{}: 1\n", "k".repeat(long))),
        ),
        (
            "4 MiB in a comment",
            extending(&format!("# {}\n", "x".repeat(long))),
        ),
        (
            "4 MiB in a quoted text",
            extending(&format!("level: \"{}\"\n", "x".repeat(long))),
        ),
        (
            "4 MiB of escapes",
            extending(&format!("level: \"{}\"\n", "\\x41".repeat(long / 4))),
        ),
        (
            "4 MiB list on one line",
            extending(&format!("level: [{}]\n", "0,".repeat(long / 2))),
        ),
        ("4 MiB of opening brackets", vec![b'['; long]),
        (
            "4 MiB of opening braces",
            "{a: ".repeat(long / 4).into_bytes(),
        ),
        ("4 MiB of dashes", "- ".repeat(long / 2).into_bytes()),
        ("4 MiB of empty lines", vec![b'\n'; long]),
        ("4 MiB of carriage returns", vec![b'\r'; long]),
        ("4 MiB of spaces", vec![b' '; long]),
        ("4 MiB of documents", "---\n".repeat(long / 4).into_bytes()),
        (
            "4 MiB of byte order marks",
            "\u{feff}".repeat(long / 3).into_bytes(),
        ),
        ("4 MiB that are no UTF-8", vec![0xff; long]),
        (
            "UTF-16",
            "extends: standard\n"
                .encode_utf16()
                .flat_map(u16::to_le_bytes)
                .collect(),
        ),
        ("more than 4 MiB", vec![b' '; MAX_BYTES + 1]),
        (
            "a billion laughs",
            format!("l0: &l0 ha\n{laughs}").into_bytes(),
        ),
        ("100 000 anchors", extending(&anchors)),
        ("150 000 unknown keys", extending(&unknown)),
        (
            "30 000 unknown names",
            extending(&format!(
                "stages: {{survey: {{exit: {{survey_done: {{fact: {{any_of: [{nobody}survey_completed]}}}}}}}}}}\n"
            )),
        ),
        (
            "2 000 areas in a circle",
            extending(&format!("areas:\n{areas}")),
        ),
        (
            "every stage leads to every later one, for 100 tracks",
            extending(&format!("tracks:\n{tracks}stages:\n{stages}")),
        ),
        (
            "a number of a million digits",
            extending(&format!("lamps: {{red: {}}}\n", "9".repeat(1_000_000))),
        ),
        (
            "a share of a thousand digits",
            extending(&format!(
                "stages: {{survey: {{exit: {{survey_done: {{fact: null, share: {{of: a.b, over: a.c, at_least: {}%}}}}}}}}}}\n",
                "9".repeat(1_000)
            )),
        ),
        (
            "a file that extends itself",
            b"extends: ./plan.yaml\n".to_vec(),
        ),
        (
            "a file that a neighbour extends back",
            b"extends: ./circle.yaml\n".to_vec(),
        ),
        (
            "a path out of the folder",
            format!("extends: {}etc/passwd\n", "../".repeat(1_000)).into_bytes(),
        ),
    ];
    for (what, bytes) in &cases {
        everything(bytes, what);
    }
    for (what, cel) in [
        ("open brackets", "(".repeat(60_000)),
        (
            "brackets",
            format!("{}1{} < 2", "(".repeat(30_000), ")".repeat(30_000)),
        ),
        ("negations", format!("{}true", "!".repeat(60_000))),
        ("minus signs", format!("{}1 < 2", "-".repeat(60_000))),
        (
            "lists",
            format!("1 in {}{}", "[".repeat(30_000), "]".repeat(30_000)),
        ),
        ("a long sum", format!("{}1 < 2", "1+".repeat(30_000))),
        (
            "a long conjunction",
            format!("{}true", "true && ".repeat(8_000)),
        ),
        (
            "conditionals",
            format!("{}true", "true ? true : ".repeat(4_000)),
        ),
        ("a long path", format!("latest{} < 1", ".a".repeat(30_000))),
    ] {
        let body = format!(
            "stages: {{survey: {{exit: {{survey_done: {{fact: null, expression: {{cel: \"{cel}\", message: {{zh: 某, en: X}}}}}}}}}}}}\n"
        );
        everything(&extending(&body), &format!("an expression of {what}"));
    }
}
