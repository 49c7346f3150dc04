//! The read models over real parts: a log, the handler, the Handan 2021 programme.

// A helper that fails fails the test that called it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod harness;

mod counting;
mod disposable;
mod history;
mod migrating;
mod outbox;
mod rebuilding;
mod staleness;
mod stalling;
mod whatif;
