//! A safe and total reader of YAML: every text becomes a tree or a list of problems, in bounded time and memory.
//!
//! It reads the part of YAML that a plan needs. Anchors, aliases, tags, merge keys, several documents and floating
//! point numbers are refused by name: they make a rule say something other than what a reader sees.

mod build;
mod decode;
mod scalar;

use std::sync::Arc;

use serde_json::Value;

pub use self::decode::decode;
use super::problem::{Place, Problem};

/// The deepest nesting of lists and maps.
pub const MAX_DEPTH: usize = 64;
/// The most nodes of one file.
pub const MAX_NODES: usize = 200_000;
/// The most bytes of one file.
pub const MAX_BYTES: usize = 4 * 1024 * 1024;
/// The most bytes of one scalar or key.
pub const MAX_SCALAR: usize = 64 * 1024;
/// The largest whole number, either way: more does not survive every reader of JSON.
pub const MAX_INTEGER: i64 = (1 << 53) - 1;

/// A place in a shared file name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// The file.
    pub file: Arc<str>,
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
}

impl Span {
    /// The same with its own copy of the file's name.
    #[must_use]
    pub fn place(&self) -> Place {
        Place {
            file: self.file.to_string(),
            line: self.line,
            column: self.column,
        }
    }
}

/// A value with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Where it begins.
    pub span: Span,
    /// What it is.
    pub kind: Kind,
}

/// What a value is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Nothing, `~` or `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number within ±[`MAX_INTEGER`].
    Int(i64),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// A map, in the order of the file. No key stands twice.
    Map(Vec<Entry>),
}

/// A key with its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The key; a number or `true` as key is the text that was written.
    pub key: String,
    /// Where the key stands.
    pub key_span: Span,
    /// The value.
    pub value: Node,
}

impl Node {
    /// The value under `key`, if this is a map that has it.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// The entry of `key`, if this is a map that has it.
    #[must_use]
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        match &self.kind {
            Kind::Map(entries) => entries.iter().find(|entry| entry.key == key),
            _ => None,
        }
    }

    /// The same as JSON, without places.
    #[must_use]
    pub fn to_value(&self) -> Value {
        match &self.kind {
            Kind::Null => Value::Null,
            Kind::Bool(value) => Value::Bool(*value),
            Kind::Int(value) => Value::from(*value),
            Kind::Text(text) => Value::String(text.clone()),
            Kind::List(items) => Value::Array(items.iter().map(Self::to_value).collect()),
            Kind::Map(entries) => Value::Object(
                entries
                    .iter()
                    .map(|entry| (entry.key.clone(), entry.value.to_value()))
                    .collect(),
            ),
        }
    }

    /// What it is, in words for messages: Chinese, English.
    #[must_use]
    pub fn describe(&self) -> (String, String) {
        /// How much of a text a message quotes.
        const QUOTED: usize = 40;
        match &self.kind {
            Kind::Null => ("空值".into(), "nothing".into()),
            Kind::Bool(value) => (value.to_string(), format!("`{value}`")),
            Kind::Int(value) => (value.to_string(), format!("the number {value}")),
            Kind::Text(text) => {
                let mut quoted: String = text.chars().take(QUOTED).collect();
                if quoted.len() < text.len() {
                    quoted.push('…');
                }
                (format!("“{quoted}”"), format!("the text {quoted:?}"))
            }
            Kind::List(_) => ("一个列表".into(), "a list".into()),
            Kind::Map(_) => ("一个映射".into(), "a map".into()),
        }
    }
}

/// Reads a text as one YAML document; `file` is how messages call it.
///
/// # Errors
/// All problems of the text, by place. A break of the syntax is the last one: nothing after it can be read.
pub fn load(text: &str, file: &str) -> Result<Node, Vec<Problem>> {
    build::load(text, file)
}

/// Reads a text as one YAML document into JSON.
///
/// # Errors
/// As [`load`].
pub fn load_value(text: &str, file: &str) -> Result<Value, Vec<Problem>> {
    load(text, file).map(|node| node.to_value())
}
