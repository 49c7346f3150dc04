//! Expressions: a subset of the Common Expression Language (CEL) that ends in bounded time and memory.
//!
//! It has whole numbers, booleans, texts and lists; no fractions, no clock, no patterns, no maps. A text is read and
//! typed once ([`Program::read`]): every name is one of the definition's, and the result is true or false. It is
//! evaluated with a cost limit ([`COST_LIMIT`]); what it costs depends on the expression and its inputs, not on the
//! machine.
//!
//! The rules are CEL's own where it has them (a test compares with another implementation): `&&` and `||` let a side
//! that decides hide the other side's error, integers overflow into an error, `size` counts code points.
//!
//! ```
//! use anju_workflows::definition::parse_builtin;
//! use anju_workflows::requirement::cel::Program;
//!
//! let definition = parse_builtin("standard").unwrap().definition;
//! let text = "project.households >= 30 && count.survey_completed > 0";
//! assert!(Program::read(text, &definition).is_ok());
//! // A half is no whole number.
//! assert!(Program::read("project.households > 0.5", &definition).is_err());
//! ```

mod eval;
mod lex;
mod names;
mod parse;
mod sample;
mod types;

use std::collections::BTreeMap;

pub use eval::{Failure, Inputs, Outcome, Value};
pub use names::Input;
pub use sample::Sampled;
pub use types::Type;

use crate::definition::Definition;

/// The longest expression, in letters.
pub const MAX_LENGTH: usize = 1_000;
/// The deepest nesting of brackets, calls and conditions.
pub const MAX_DEPTH: usize = 16;
/// The most parts (names, constants, operators, calls).
pub const MAX_PARTS: usize = 200;
/// What an evaluation may cost: one for each step, one more for each letter or item that is copied or compared.
pub const COST_LIMIT: u64 = 10_000;

/// Why a text is no expression that can be judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where, in letters from the beginning of the expression.
    pub at: usize,
    /// In Chinese.
    pub zh: String,
    /// In English.
    pub en: String,
    /// A name that was not known, with those that are: for the nearest one.
    pub unknown: Option<(String, Vec<String>)>,
}

impl Problem {
    fn new(at: usize, zh: impl Into<String>, en: impl Into<String>) -> Self {
        Self {
            at,
            zh: zh.into(),
            en: en.into(),
            unknown: None,
        }
    }
}

/// An expression that is read, typed, and has only names of its definition.
#[derive(Clone, Debug)]
pub struct Program {
    root: parse::Expr,
    /// Its inputs, each once, in the order in which they first stand.
    inputs: Vec<Input>,
}

impl Program {
    /// Reads and types an expression.
    ///
    /// # Errors
    /// The first problem, with its place.
    pub fn read(text: &str, definition: &Definition) -> Result<Self, Problem> {
        let length = text.chars().count();
        if length > MAX_LENGTH {
            return Err(Problem::new(
                MAX_LENGTH,
                format!("表达式有 {length} 个字符，上限是 {MAX_LENGTH}"),
                format!("the expression has {length} letters; the limit is {MAX_LENGTH}"),
            ));
        }
        let tokens = lex::tokens(text)?;
        let root = parse::parse(&tokens)?;
        types::check(root, definition)
    }

    /// The inputs it reads, each once.
    #[must_use]
    pub fn inputs(&self) -> &[Input] {
        &self.inputs
    }

    /// Evaluates it.
    pub fn evaluate(&self, inputs: &impl Inputs) -> Outcome {
        eval::evaluate(&self.root, inputs)
    }

    /// Looks for inputs under which it holds and under which it fails: bounded, the same every time, and no proof.
    #[must_use]
    pub fn sample(&self, definition: &Definition) -> Sampled {
        sample::sample(self, definition)
    }
}

/// Inputs given as a map: what is not there is missing.
impl Inputs for BTreeMap<Input, Value> {
    fn get(&self, input: &Input) -> Option<Value> {
        BTreeMap::get(self, input).cloned()
    }
}
