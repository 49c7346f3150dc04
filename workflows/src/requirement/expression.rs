//! A requirement that is an expression: its inputs come from the facts, and the result is recorded with them.

use std::cell::RefCell;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::cel::{Failure, Input, Inputs, Program, Value};
use super::explain::{InWords, Words};
use super::facts::View;
use super::{Evidence, Exact};
use crate::definition::{Expression, FieldKind, Reference, Tally};
use crate::project::state::FactState;

/// The most items of a list that a record keeps.
const MAX_LISTED: usize = 20;
/// The most letters of a text that a record keeps.
const MAX_TEXT: usize = 100;
/// The most bytes of all inputs together: a record holds the judgements of a whole stage.
const MAX_INPUTS: usize = 2_000;

/// An expression that was evaluated. Replay shows this; it does not evaluate again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpressionResult {
    /// Its inputs, as they were.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<ExpressionInput>,
    /// Why it has no result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<ExpressionFailure>,
    /// What it cost.
    pub cost: u64,
}

/// An input of an expression.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpressionInput {
    /// Its name in the expression: `latest.survey_completed.households`.
    pub name: String,
    /// Its value; a long list by its size, `[120]`; `…` where there was no more room.
    pub value: Json,
}

/// Why an expression has no result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExpressionFailure {
    /// Nothing was recorded that gives this input.
    Missing(String),
    /// A number left 64 bits.
    Overflow,
    /// A division by 0.
    DivisionByZero,
    /// A list has no such place.
    NoSuchItem,
    /// A text that should be a day is none.
    NotADay,
    /// It cost too much.
    TooDear,
    /// This build cannot read it; lint refuses it.
    Unreadable,
}

impl From<Failure> for ExpressionFailure {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Missing(input) => Self::Missing(input.to_string()),
            Failure::Overflow => Self::Overflow,
            Failure::DivisionByZero => Self::DivisionByZero,
            Failure::NoSuchItem => Self::NoSuchItem,
            Failure::NotADay => Self::NotADay,
            Failure::TooDear => Self::TooDear,
        }
    }
}

pub(super) fn judge(view: View<'_>, expression: &Expression) -> super::judge::Result {
    let Ok(program) = Program::read(&expression.cel, view.definition) else {
        let result = ExpressionResult {
            inputs: Vec::new(),
            failure: Some(ExpressionFailure::Unreadable),
            cost: 0,
        };
        return (false, Evidence::Expression(result), Vec::new());
    };
    let from = FromView::new(view);
    let outcome = program.evaluate(&from);
    let (met, failure) = match outcome.result {
        Ok(met) => (met, None),
        Err(failure) => (false, Some(failure.into())),
    };
    let mut room = MAX_INPUTS;
    let inputs = program
        .inputs()
        .iter()
        .filter_map(|input| {
            let value = recorded(from.get(input)?);
            let size = value.to_string().len();
            let value = if size <= room {
                value
            } else {
                Json::from("…")
            };
            room = room.saturating_sub(size);
            Some(ExpressionInput {
                name: input.to_string(),
                value,
            })
        })
        .collect();
    let result = ExpressionResult {
        inputs,
        failure,
        cost: outcome.cost,
    };
    (met, Evidence::Expression(result), from.cites())
}

/// A value as it is recorded.
fn recorded(value: Value) -> Json {
    match value {
        // Beyond what a record can hold exactly, the digits as a text.
        Value::Int(number) if number.unsigned_abs() >= 1 << 53 => Json::from(number.to_string()),
        Value::Int(number) => Json::from(number),
        Value::Bool(value) => Json::from(value),
        Value::Text(text) => Json::from(text.chars().take(MAX_TEXT).collect::<String>()),
        Value::List(items) if items.len() > MAX_LISTED => Json::from(format!("[{}]", items.len())),
        Value::List(items) => Json::from(items.into_iter().map(recorded).collect::<Vec<_>>()),
    }
}

/// The inputs of an expression, from the facts that a requirement may look at.
pub(super) struct FromView<'a> {
    view: View<'a>,
    cites: RefCell<Vec<u64>>,
}

impl<'a> FromView<'a> {
    pub(super) fn new(view: View<'a>) -> Self {
        Self {
            view,
            cites: RefCell::default(),
        }
    }

    /// The positions of the facts that were read.
    pub(super) fn cites(&self) -> Vec<u64> {
        let mut cites = self.cites.borrow().clone();
        cites.sort_unstable();
        cites.dedup();
        cites
    }

    fn facts(&self, fact: &str) -> Vec<(u64, &'a FactState)> {
        let mut found: Vec<_> = self
            .view
            .facts()
            .filter(|(_, state)| state.fact == fact)
            .collect();
        found.sort_by_key(|(position, state)| (state.occurred_at.day(), *position));
        found
    }

    fn cite(&self, position: u64) {
        self.cites.borrow_mut().push(position);
    }

    fn read(&self, fact: &str, field: &str, value: &Json) -> Option<Value> {
        let kind = self
            .view
            .definition
            .facts
            .get(fact)?
            .fields
            .get(field)?
            .kind;
        match kind {
            FieldKind::Count | FieldKind::Money => value.as_i64().map(Value::Int),
            FieldKind::Area | FieldKind::Length => millionths(Exact::of(value)?),
            FieldKind::YesNo => value.as_bool().map(Value::Bool),
            FieldKind::Codes => Some(Value::List(
                value
                    .as_array()?
                    .iter()
                    .filter_map(|code| code.as_str().map(|code| Value::Text(code.to_owned())))
                    .collect(),
            )),
            FieldKind::Day
            | FieldKind::Code
            | FieldKind::Reference
            | FieldKind::Document
            | FieldKind::Lot => value.as_str().map(|text| Value::Text(text.to_owned())),
        }
    }
}

/// A decimal as a whole number of millionths: square millimetres of an area, micrometres of a length.
fn millionths(value: Exact) -> Option<Value> {
    i64::try_from(value.millionths()).ok().map(Value::Int)
}

impl Inputs for FromView<'_> {
    fn get(&self, input: &Input) -> Option<Value> {
        let view = self.view;
        match input {
            Input::On => Some(Value::Text(view.day.to_string())),
            Input::Counter(counter) => {
                let reference = Reference {
                    subject: "project".to_owned(),
                    field: counter.clone(),
                };
                let found = view.number(&reference, &BTreeMap::new(), Tally::Latest, None)?;
                for position in found.cites {
                    self.cite(position);
                }
                match counter.as_str() {
                    "area_m2" => millionths(found.value),
                    _ => i64::try_from(found.value.millionths() / 1_000_000)
                        .ok()
                        .map(Value::Int),
                }
            }
            Input::Word(word) => {
                let placement = view.state.placement();
                match word.as_str() {
                    "track" => placement.track,
                    "area" => placement.area,
                    _ => placement.category,
                }
                .map(Value::Text)
            }
            Input::Count(fact) => {
                let found = self.facts(fact);
                for (position, _) in &found {
                    self.cite(*position);
                }
                i64::try_from(found.len()).ok().map(Value::Int)
            }
            Input::Day(fact) => {
                let (position, state) = self.facts(fact).pop()?;
                self.cite(position);
                Some(Value::Text(state.occurred_at.day().to_string()))
            }
            Input::Latest(fact, field) => {
                let (position, value) = self
                    .facts(fact)
                    .into_iter()
                    .rev()
                    .find_map(|(position, state)| Some((position, state.fields.get(field)?)))?;
                self.cite(position);
                self.read(fact, field, value)
            }
            Input::All(fact, field) => {
                let mut values = Vec::new();
                for (position, state) in self.facts(fact) {
                    if let Some(value) = state
                        .fields
                        .get(field)
                        .and_then(|value| self.read(fact, field, value))
                    {
                        self.cite(position);
                        values.push(value);
                    }
                }
                Some(Value::List(values))
            }
        }
    }
}

/// Required: its message. Actual: its inputs, and why there is no result.
pub(super) fn explain(words: &Words<'_>, result: &ExpressionResult) -> InWords {
    let expression = words
        .requirement
        .and_then(|requirement| requirement.expression.as_ref());
    let required = expression.map_or_else(String::new, |expression| {
        expression.message.get(words.lang).to_owned()
    });
    let mut parts: Vec<String> = result
        .inputs
        .iter()
        .map(|input| format!("{}={}", words.input_label(&input.name), plain(&input.value)))
        .collect();
    if let Some(failure) = &result.failure {
        parts.push(match failure {
            ExpressionFailure::Missing(name) => {
                let name = words.input_label(name);
                words.pick(format!("未登记{name}"), format!("{name} not recorded"))
            }
            ExpressionFailure::Overflow => words.pick("数字太大", "a number is too large"),
            ExpressionFailure::DivisionByZero => words.pick("除数为0", "a division by 0"),
            ExpressionFailure::NoSuchItem => {
                words.pick("列表没有这一项", "a list has no such item")
            }
            ExpressionFailure::NotADay => words.pick("不是日期", "a text is no day"),
            ExpressionFailure::TooDear => {
                words.pick("计算量超过上限", "it costs more than is allowed")
            }
            ExpressionFailure::Unreadable => {
                words.pick("表达式无法读取", "the expression cannot be read")
            }
        });
    }
    (
        required,
        parts.join(&words.pick(",", ", ")),
        json!({ "cel": expression.map(|expression| &expression.cel) }),
        json!({ "inputs": result.inputs, "failure": result.failure, "cost": result.cost }),
    )
}

fn plain(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}
