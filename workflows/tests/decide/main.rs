//! Decisions: given some events, when a command comes, then these events follow. No store, no clock.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on should say so"
)]

mod advance;
mod assumed;
mod batches;
mod correct;
mod deadline;
mod kinds;
mod ladder;
mod lots;
mod migrate;
mod orders;
mod register;
mod scene;
