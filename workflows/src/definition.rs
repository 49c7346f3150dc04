//! The programme language: a definition as typed data.
//!
//! A file is read by [`parse`](parse()) (YAML, `extends` merged: maps key by key, lists and values replaced, `null`
//! removes), proved by [`lint`](lint()), and known by its [`digest`](Definition::digest).

mod assumed;
mod builtin;
pub mod day_rule;
pub mod diff;
pub mod digest;
mod duty;
pub mod fraction;
mod lint;
mod locations;
pub mod lots;
mod merge;
pub mod model;
pub mod navigate;
mod parse;
mod problem;
mod read;
pub mod reference;
pub mod schema;
pub mod show;
pub mod yaml;

pub use assumed::{AssumedDays, AssumedYear};
pub use builtin::{BUILTIN_PROGRAMMES, builtin, source_text};
pub use day_rule::DayRule;
pub use diff::{Diff, diff};
pub use fraction::Fraction;
pub use lint::{lint, lint_against, lint_definition};
pub use locations::Locations;
pub use lots::{EVERY_LOT, LOT_FIELD, LOT_SUBJECT, Lots, Orders, OrdersClosed, Within};
pub use model::*;
pub use navigate::{COMPLETED, Placement};
pub use parse::{MAX_EXTENDS, Neighbour, Parsed, Resolver, Source, parse, parse_builtin};
pub(crate) use problem::in_order;
pub use problem::{Gravity, Place, Problem, nearest};
pub(crate) use read::read as read_node;
pub use show::{machine_svg, mermaid, show_text, windows_svg};
