//! Inputs under which an expression holds, and under which it fails: tried, not proved.

use std::collections::BTreeMap;

use super::Program;
use super::eval::Value;
use super::names::Input;
use super::parse::{Expr, Node};
use crate::definition::{Definition, Field, FieldKind};

/// How many combinations are tried.
const TRIES: u64 = 300;

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sampled {
    /// Inputs under which it holds.
    pub holds: Option<BTreeMap<Input, Value>>,
    /// Inputs under which it fails, or has no result.
    pub fails: Option<BTreeMap<Input, Value>>,
}

pub(super) fn sample(program: &Program, definition: &Definition) -> Sampled {
    let mut constants = Constants::default();
    constants.collect(&program.root);
    let choices: Vec<(&Input, Vec<Value>)> = program
        .inputs
        .iter()
        .map(|input| (input, constants.choices(input, definition)))
        .collect();
    let combinations = choices.iter().fold(1_u64, |product, (_, values)| {
        product.saturating_mul(values.len() as u64)
    });
    let mut sampled = Sampled::default();
    // All combinations where they are few, else some that lie far from each other: the same ones every time.
    for attempt in 0..combinations.min(TRIES) {
        let mut rest = attempt;
        let mut inputs = BTreeMap::new();
        for (place, (input, values)) in choices.iter().enumerate() {
            let many = values.len().max(1) as u64;
            let index = if combinations <= TRIES {
                rest % many
            } else {
                scattered(attempt * 64 + place as u64) % many
            };
            rest /= many;
            let value = usize::try_from(index).ok().and_then(|at| values.get(at));
            if let Some(value) = value {
                inputs.insert((*input).clone(), value.clone());
            }
        }
        match program.evaluate(&inputs).result {
            Ok(true) if sampled.holds.is_none() => sampled.holds = Some(inputs),
            Ok(false) if sampled.fails.is_none() => sampled.fails = Some(inputs),
            _ => {}
        }
        if sampled.holds.is_some() && sampled.fails.is_some() {
            break;
        }
    }
    sampled
}

/// A number far from those of its neighbours (the finaliser of SplitMix64).
fn scattered(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// The values that an expression names, and those beside them.
#[derive(Default)]
struct Constants {
    numbers: Vec<i64>,
    texts: Vec<String>,
}

impl Constants {
    fn collect(&mut self, expr: &Expr) {
        match &expr.node {
            Node::Int(number) => self.numbers.push(*number),
            Node::Text(text) => self.texts.push(text.clone()),
            Node::List(items) | Node::Call(_, items) => {
                items.iter().for_each(|item| self.collect(item));
            }
            Node::Not(inner) | Node::Minus(inner) | Node::Has(inner) => self.collect(inner),
            Node::Binary(_, left, right) | Node::Index(left, right) => {
                self.collect(left);
                self.collect(right);
            }
            Node::If(a, b, c) => [a, b, c].into_iter().for_each(|part| self.collect(part)),
            Node::Macro(_, list, _, body) => {
                self.collect(list);
                self.collect(body);
            }
            Node::Bool(_) | Node::Path(_) | Node::Local(_) | Node::Input(_) => {}
        }
    }

    fn numbers(&self) -> Vec<i64> {
        let mut numbers: Vec<i64> = self
            .numbers
            .iter()
            .flat_map(|number| [*number, number.saturating_add(1), number.saturating_sub(1)])
            .chain([100, 1, 0, 1_000_000_000_000])
            .filter(|number| *number >= 0)
            .collect();
        let mut seen = std::collections::BTreeSet::new();
        numbers.retain(|number| seen.insert(*number));
        numbers.truncate(16);
        numbers
    }

    fn choices(&self, input: &Input, definition: &Definition) -> Vec<Value> {
        let field = |fact: &str, field: &str| {
            definition
                .facts
                .get(fact)
                .and_then(|fact| fact.fields.get(field))
        };
        match input {
            Input::Counter(_) | Input::Count(_) => {
                self.numbers().into_iter().map(Value::Int).collect()
            }
            Input::On | Input::Day(_) => self.days(),
            Input::Word(word) => {
                let ids: Vec<&String> = match word.as_str() {
                    "track" => definition.tracks.keys().collect(),
                    "area" => definition.areas.keys().collect(),
                    _ => Vec::new(),
                };
                let mut values: Vec<Value> = self
                    .texts
                    .iter()
                    .filter(|text| ids.is_empty() || ids.contains(text))
                    .chain(ids.iter().take(6).copied())
                    .map(|text| Value::Text(text.clone()))
                    .collect();
                values.push(Value::Text("?".to_owned()));
                values
            }
            Input::Latest(fact, key) => field(fact, key)
                .map(|field| self.of_field(field))
                .unwrap_or_default(),
            Input::All(fact, key) => {
                let values = field(fact, key)
                    .map(|field| self.of_field(field))
                    .unwrap_or_default();
                let mut lists: Vec<Value> = vec![Value::List(Vec::new())];
                lists.extend(values.iter().map(|value| Value::List(vec![value.clone()])));
                lists.push(Value::List(values));
                lists
            }
        }
    }

    fn of_field(&self, field: &Field) -> Vec<Value> {
        let codes = || field.values.keys().map(|code| Value::Text(code.clone()));
        let (min, max) = (field.min.unwrap_or(0), field.max.unwrap_or(i64::MAX));
        match field.kind {
            FieldKind::Count => {
                let mut numbers = self.numbers();
                numbers.extend([min, max]);
                numbers
                    .into_iter()
                    .filter(|number| (min..=max).contains(number))
                    .map(Value::Int)
                    .collect()
            }
            FieldKind::Money | FieldKind::Area | FieldKind::Length => {
                self.numbers().into_iter().map(Value::Int).collect()
            }
            FieldKind::YesNo => vec![Value::Bool(true), Value::Bool(false)],
            FieldKind::Day => self.days(),
            FieldKind::Code => codes().take(16).collect(),
            FieldKind::Codes => {
                let mut lists = vec![Value::List(Vec::new()), Value::List(codes().collect())];
                lists.extend(codes().take(8).map(|code| Value::List(vec![code])));
                lists
            }
            FieldKind::Reference | FieldKind::Document | FieldKind::Lot => self
                .texts
                .iter()
                .cloned()
                .chain(["x".to_owned(), String::new()])
                .map(Value::Text)
                .collect(),
        }
    }

    fn days(&self) -> Vec<Value> {
        let named = self
            .texts
            .iter()
            .filter_map(|text| text.parse::<jiff::civil::Date>().ok())
            .flat_map(|day| [Some(day), day.tomorrow().ok(), day.yesterday().ok()])
            .flatten()
            .map(|day| day.to_string());
        ["2021-06-15", "2020-01-01", "2024-12-31"]
            .into_iter()
            .map(str::to_owned)
            .chain(named)
            .map(Value::Text)
            .collect()
    }
}
