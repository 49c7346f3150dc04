//! Read models of the log: one per question people ask.
//!
//! All of them live in one SQLite file beside the log, [`Views`]. It can be deleted at any time: it rebuilds to the
//! same content. Every answer carries the position of the log that it reflects.
//!
//! - [`progress`]: how far the programmes are.
//! - [`stalls`]: which projects are past their day, and whose turn it is.
//! - [`projects`]: the projects themselves.
//! - [`escalations`]: the ledger of the ladder's steps.
//! - [`notices`]: what leaves the house because of them.
//! - [`timeline`]: one project's history, as of any day and as known on any day. Straight from the log.

pub mod escalations;
pub mod notices;
pub mod progress;
pub mod projects;
pub mod stalls;
pub mod timeline;

mod cache;
mod calendars;
mod error;
mod figures;
mod fold;
mod history;
mod names;
mod projection;
mod rebuild;
mod rows;
mod store;
mod views;

pub use error::ViewError;
pub use names::{deadline_name, stage_name};
pub use rebuild::Rebuilding;
pub use views::{Views, ViewsOptions};
