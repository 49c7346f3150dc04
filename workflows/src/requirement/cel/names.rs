//! What the names of an expression stand for.

use std::fmt;

use super::types::Type;
use super::{Problem, Type as T};
use crate::definition::{Definition, FieldKind};

/// An input of an expression.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Input {
    /// `on`: the day on which the transition is to take effect, `2021-01-20`.
    On,
    /// `project.households`, `project.buildings`, `project.compounds`, and `project.area_mm2`: a counter, as facts and
    /// the register have it.
    Counter(String),
    /// `project.track`, `project.area`, `project.category`.
    Word(String),
    /// `latest.fact.field`: the field in the latest fact that has it.
    Latest(String, String),
    /// `all.fact.field`: the field in every fact that has it, by the day it happened.
    All(String, String),
    /// `count.fact`: how many such facts there are.
    Count(String),
    /// `day.fact`: the day the latest such fact happened.
    Day(String),
}

impl fmt::Display for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::On => f.write_str("on"),
            Self::Counter(counter) if counter == "area_m2" => f.write_str("project.area_mm2"),
            Self::Counter(name) | Self::Word(name) => write!(f, "project.{name}"),
            Self::Latest(fact, field) => write!(f, "latest.{fact}.{}", spoken(field)),
            Self::All(fact, field) => write!(f, "all.{fact}.{}", spoken(field)),
            Self::Count(fact) => write!(f, "count.{fact}"),
            Self::Day(fact) => write!(f, "day.{fact}"),
        }
    }
}

impl Input {
    /// The fact type it looks at.
    #[must_use]
    pub fn fact(&self) -> Option<&str> {
        match self {
            Self::Latest(fact, _) | Self::All(fact, _) | Self::Count(fact) | Self::Day(fact) => {
                Some(fact)
            }
            Self::On | Self::Counter(_) | Self::Word(_) => None,
        }
    }
}

/// Areas and lengths have six decimals: in an expression they are whole numbers, of square millimetres and
/// micrometres.
fn spoken(field: &str) -> String {
    match (field.strip_suffix("_m2"), field.strip_suffix("_m")) {
        (Some(stem), _) => format!("{stem}_mm2"),
        (None, Some(stem)) => format!("{stem}_um"),
        (None, None) => field.to_owned(),
    }
}

/// The field that a name means, as the definition calls it.
fn recorded(name: &str) -> String {
    match (name.strip_suffix("_mm2"), name.strip_suffix("_um")) {
        (Some(stem), _) => format!("{stem}_m2"),
        (None, Some(stem)) => format!("{stem}_m"),
        (None, None) => name.to_owned(),
    }
}

const ROOTS: [&str; 6] = ["on", "project", "latest", "all", "count", "day"];
const COUNTERS: [&str; 3] = ["households", "buildings", "compounds"];
const WORDS: [&str; 3] = ["track", "area", "category"];

/// Looks a path up.
pub(super) fn look_up(
    at: usize,
    path: &[String],
    definition: &Definition,
) -> Result<(Input, Type), Problem> {
    let unknown = |name: &str, zh: &str, en: &str, known: Vec<String>| Problem {
        unknown: Some((name.to_owned(), known)),
        ..Problem::new(
            at,
            format!("没有{zh}“{name}”"),
            format!("there is no {en} `{name}`"),
        )
    };
    let words: Vec<&str> = path.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["on"] => Ok((Input::On, T::Text)),
        ["project", "area_mm2"] => Ok((Input::Counter("area_m2".to_owned()), T::Int)),
        ["project", name] if COUNTERS.contains(name) => {
            Ok((Input::Counter((*name).to_owned()), T::Int))
        }
        ["project", name] if WORDS.contains(name) => Ok((Input::Word((*name).to_owned()), T::Text)),
        ["project", name] => Err(unknown(
            name,
            "项目内容",
            "part of a project",
            COUNTERS
                .iter()
                .chain(&WORDS)
                .chain(&["area_mm2"])
                .map(ToString::to_string)
                .collect(),
        )),
        [kind @ ("count" | "day" | "latest" | "all"), fact, rest @ ..] => {
            let Some(declared) = definition.facts.get(*fact) else {
                return Err(unknown(
                    fact,
                    "事实类型",
                    "fact type",
                    definition.facts.keys().cloned().collect(),
                ));
            };
            let fact = (*fact).to_owned();
            let name = match (*kind, rest) {
                ("count", []) => return Ok((Input::Count(fact), T::Int)),
                ("day", []) => return Ok((Input::Day(fact), T::Text)),
                ("latest" | "all", [name]) => *name,
                ("latest" | "all", _) => {
                    return Err(Problem::new(
                        at,
                        format!("应写 {kind}.{fact}.字段"),
                        format!("expected {kind}.{fact}.field"),
                    ));
                }
                _ => {
                    return Err(Problem::new(
                        at,
                        format!("{kind}.{fact} 后面没有内容可取"),
                        format!("nothing stands behind {kind}.{fact}"),
                    ));
                }
            };
            let key = recorded(name);
            let field = declared
                .fields
                .get(&key)
                .filter(|_| spoken(&key) == name)
                .ok_or_else(|| {
                    unknown(
                        name,
                        "字段",
                        "field",
                        declared.fields.keys().map(|key| spoken(key)).collect(),
                    )
                })?;
            let kind_of = match field.kind {
                FieldKind::Count | FieldKind::Money | FieldKind::Area | FieldKind::Length => T::Int,
                FieldKind::YesNo => T::Bool,
                FieldKind::Codes => T::List(Box::new(T::Text)),
                FieldKind::Day
                | FieldKind::Code
                | FieldKind::Reference
                | FieldKind::Document
                | FieldKind::Lot => T::Text,
            };
            if *kind == "latest" {
                return Ok((Input::Latest(fact, key), kind_of));
            }
            Ok((Input::All(fact, key), T::List(Box::new(kind_of))))
        }
        [root, ..] if ROOTS.contains(root) => Err(Problem::new(
            at,
            format!("“{root}”后面还要写名称"),
            format!("a name is missing behind `{root}`"),
        )),
        [root, ..] => Err(unknown(
            root,
            "名称",
            "name",
            ROOTS.iter().map(ToString::to_string).collect(),
        )),
        [] => Err(Problem::new(at, "缺少名称", "a name is missing")),
    }
}
