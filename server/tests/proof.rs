//! Proof, as an auditor and an operator use it: through the binary, with files.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that panics has failed"
)]

#[path = "proof/bundles.rs"]
mod bundles;
#[path = "proof/checkpoints.rs"]
mod checkpoints;
#[path = "proof/desk.rs"]
mod desk;
#[path = "proof/exports.rs"]
mod exports;
#[path = "proof/keys.rs"]
mod keys;
#[path = "proof/serving.rs"]
mod serving;
