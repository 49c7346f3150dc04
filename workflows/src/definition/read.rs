//! From a merged tree to the model, with as many problems at once as can be told apart.

mod tree;

use std::collections::BTreeSet;

use serde::de::DeserializeOwned;
use serde_path_to_error::Segment;

use self::tree::{ReadError, Tree};
use super::day_rule::DayRuleError;
use super::fraction::FractionError;
use super::locations::Locations;
use super::problem::{Place, Problem, in_order};
use super::yaml::{Kind, Node};

/// The most problems of one reading.
const MAX_PROBLEMS: usize = 100;
/// The most times that the rest is read again: a problem may take the parts around it along.
const MAX_ROUNDS: usize = 200;

/// Reads a model: a definition, or what else is written in the same language. serde stops at the first problem, so the part that has it is cut out and the rest read again; what
/// is missing only because it was cut out is not told.
pub(crate) fn read<T: DeserializeOwned>(root: &Node) -> Result<T, Vec<Problem>> {
    let locations = Locations::new(root.clone());
    let mut tree = root.clone();
    let mut problems = Vec::new();
    let mut cut: BTreeSet<Vec<String>> = BTreeSet::new();
    for _ in 0..MAX_ROUNDS {
        let error = match serde_path_to_error::deserialize::<_, T>(Tree(&tree)) {
            Ok(read) if problems.is_empty() => return Ok(read),
            Ok(_) => break,
            Err(error) => error,
        };
        let mut path: Vec<String> = error
            .path()
            .iter()
            .filter_map(|segment| match segment {
                Segment::Seq { index } => Some(index.to_string()),
                Segment::Map { key } => Some(key.clone()),
                Segment::Enum { .. } | Segment::Unknown => None,
            })
            .collect();
        let error = error.into_inner();
        let consequence = match &error {
            ReadError::UnknownKey { key, .. } => {
                if path.last() != Some(key) {
                    path.push(key.clone());
                }
                false
            }
            ReadError::MissingKey(key) => {
                path.push((*key).to_owned());
                let known = cut.contains(&path);
                path.pop();
                known
            }
            _ => false,
        };
        if !consequence {
            problems.push(problem(&error, &path, root, &locations));
        }
        let whole = match remove(&mut tree, &path) {
            Some(removed) => removed,
            None => break,
        };
        cut.insert(whole);
        if problems.len() >= MAX_PROBLEMS {
            break;
        }
    }
    Err(in_order(problems))
}

/// Cuts the entry out of the innermost map on the path, and returns its path. A list goes as a whole: without one item
/// the others would have other indices. `None` if the path is the whole tree.
fn remove(tree: &mut Node, path: &[String]) -> Option<Vec<String>> {
    let mut deepest = None;
    let mut node = &*tree;
    for (depth, step) in path.iter().enumerate() {
        node = match &node.kind {
            Kind::Map(_) => {
                let next = node.get(step)?;
                deepest = Some(depth);
                next
            }
            Kind::List(items) => step
                .parse::<usize>()
                .ok()
                .and_then(|index| items.get(index))?,
            _ => return None,
        };
    }
    let depth = deepest?;
    let mut node = tree;
    for step in path.get(..depth)? {
        node = match &mut node.kind {
            Kind::Map(entries) => &mut entries.iter_mut().find(|entry| entry.key == *step)?.value,
            Kind::List(items) => items.get_mut(step.parse::<usize>().ok()?)?,
            _ => return None,
        };
    }
    if let Kind::Map(entries) = &mut node.kind {
        entries.retain(|entry| entry.key != path[depth]);
    }
    path.get(..=depth).map(<[String]>::to_vec)
}

fn problem(error: &ReadError, path: &[String], root: &Node, locations: &Locations) -> Problem {
    let steps: Vec<&str> = path.iter().map(String::as_str).collect();
    let key_place: Place = locations.key(&steps);
    let value_place: Place = locations.value(&steps);
    let mut problem = match error {
        ReadError::UnknownKey { key, known } => Problem::error(
            "unknown_key",
            key_place,
            format!("这里没有“{key}”这个键"),
            format!("there is no key `{key}` here"),
        )
        .expecting(known.join(", "))
        .suggesting(key, known.iter().copied()),
        ReadError::UnknownWord { word, known } => Problem::error(
            "unknown_word",
            value_place,
            format!("这里没有“{word}”这个词"),
            format!("there is no word `{word}` here"),
        )
        .expecting(known.join(", "))
        .suggesting(word, known.iter().copied()),
        ReadError::MissingKey(key) => Problem::error(
            "missing_key",
            key_place,
            format!("缺少“{key}”"),
            format!("`{key}` is missing"),
        ),
        ReadError::Unfit { expected } => unfit(expected, at(root, path), value_place),
        ReadError::Said(said) => {
            let (zh, en) = match path.last().map(String::as_str) {
                Some("issued" | "published") => (
                    "应为日期，如 2021-01-20".to_owned(),
                    "expected a day such as 2021-01-20".to_owned(),
                ),
                _ => explain(said),
            };
            let (found_zh, found_en) = at(root, path).map(quoted).unwrap_or_default();
            let (zh, en) = (format!("{found_zh}{zh}"), format!("{found_en}{en}"));
            Problem::error("bad_value", value_place, zh, en)
        }
    };
    problem.path = steps.join(".");
    problem
}

fn at<'a>(root: &'a Node, path: &[String]) -> Option<&'a Node> {
    path.iter().try_fold(root, |node, step| match &node.kind {
        Kind::Map(_) => node.get(step),
        Kind::List(items) => items.get(step.parse::<usize>().ok()?),
        _ => None,
    })
}

/// A text that does not fit, before what is said of it: `"80 %": `, or nothing.
fn quoted(node: &Node) -> (String, String) {
    /// How much of a text a message quotes.
    const QUOTED: usize = 40;
    let Kind::Text(text) = &node.kind else {
        return Default::default();
    };
    let mut quoted: String = text.chars().take(QUOTED).collect();
    if quoted.len() < text.len() {
        quoted.push('…');
    }
    (format!("“{quoted}”："), format!("{quoted:?}: "))
}

/// A value of another kind, in the words of the language instead of those of the program.
fn unfit(expected: &str, node: Option<&Node>, place: Place) -> Problem {
    let (zh, en) = match expected {
        "u8" | "u16" | "u32" | "u64" | "u128" => ("不小于 0 的整数", "a whole number, 0 or more"),
        "i8" | "i16" | "i32" | "i64" | "i128" => ("整数", "a whole number"),
        "a boolean" => ("true 或 false", "true or false"),
        "a sequence" => ("列表", "a list"),
        "a map" => ("映射", "a map"),
        "a string" => ("文本", "a text"),
        "struct Text" => ("{zh: …, en: …}", "{zh: …, en: …}"),
        other if other.starts_with("struct ") => ("映射", "a map"),
        other if other.starts_with("enum ") || other.starts_with("variant") => ("一个词", "a word"),
        other => (other, other),
    };
    let (found_zh, found_en) = node
        .map(Node::describe)
        .unwrap_or_else(|| ("别的内容".into(), "something else".into()));
    let problem = Problem::error(
        "wrong_type",
        place,
        format!("这里应为{zh}，却是{found_zh}"),
        format!("expected {en}, found {found_en}"),
    );
    match node.map(|node| &node.kind) {
        Some(Kind::Int(_) | Kind::Bool(_)) if en == "a text" => {
            problem.hinting("请加引号", "quote it")
        }
        Some(Kind::Text(text))
            if en.starts_with("a whole number") && text.parse::<i64>().is_ok() =>
        {
            problem.hinting("请去掉引号", "remove the quotes")
        }
        Some(Kind::Text(_)) if en == "a list" => {
            problem.hinting("请写成 [ … ]", "write it as [ … ]")
        }
        _ => problem,
    }
}

/// What a type says of its own text, with the Chinese of those we know.
fn explain(said: &str) -> (String, String) {
    let fractions = [
        (
            FractionError::Syntax,
            "应为比例，如 \"80%\"、\"66.7%\" 或 \"2/3\"",
        ),
        (FractionError::ZeroDenominator, "分母不能为 0"),
        (FractionError::TooLarge, "比例的数字过大，或小数多于 12 位"),
    ];
    let days = [
        (
            DayRuleError::Syntax,
            "应为日期（2021-01-20）、月份（2022-06）或计划年度的日期（Y-11-30、Y-11、Y+1-03）",
        ),
        (DayRuleError::NoSuchDay, "日历上没有这一天"),
        (
            DayRuleError::LeapDay,
            "2 月 29 日不是每年都有；2 月底请写 Y-02",
        ),
    ];
    let known = fractions
        .iter()
        .map(|(error, zh)| (error.to_string(), *zh))
        .chain(days.iter().map(|(error, zh)| (error.to_string(), *zh)));
    for (en, zh) in known {
        if en == said {
            return (zh.to_owned(), en);
        }
    }
    if said.ends_with("untagged enum Quote") {
        return (
            "应为文本或文本列表".into(),
            "expected a text or a list of texts".into(),
        );
    }
    // A reference names its own text; the reader is told that text already.
    if let Some((_, expected)) = said.split_once("expected fact.field") {
        return (
            format!(
                "应为“事实.字段”{}",
                expected.replace(" or ", " 或 ").replace(", ", "、")
            ),
            format!("expected fact.field{expected}"),
        );
    }
    (
        format!("值不合格式：{said}"),
        format!("the value does not fit: {said}"),
    )
}
