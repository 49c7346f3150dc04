//! The `anju` binary: everything that touches the outside.
//!
//! - [`app`]: a store opened: the log, the handler, the read models, the notes.
//! - [`beside`]: what stands beside a log in a database.
//! - [`cli`]: the command line.
//! - [`import`]: facts and projects from CSV and Excel.
//! - [`web`]: the pages.
//! - [`watch`]: due deadlines become steps of the ladder, and those notices.
//! - [`proof`]: keys, checkpoints, bundles, exports: what proves the log to others.
//! - [`demo`]: the player that runs programmes under a simulated clock.
//! - [`bench`]: what this machine does, beside its raw limits.

#![allow(
    missing_docs,
    unreachable_pub,
    reason = "the library is there for the binary and its tests; the help texts document the commands"
)]

pub mod app;
pub mod bench;
pub mod beside;
pub mod cli;
pub mod demo;
pub mod import;
pub mod notes;
pub mod output;
pub mod proof;
pub mod watch;
pub mod web;
