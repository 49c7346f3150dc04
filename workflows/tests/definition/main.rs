//! The programme language as its users meet it: files in, definitions or problems out.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on should say so"
)]

mod builtin;
mod diffing;
mod hostile;
mod linting;
mod merging;
mod navigating;
mod parsing;
mod reference;
mod schema;
mod showing;
mod support;
