//! Running projects go over to another version of their programme.
//!
//! - [`Mapping`]: what a file says: which ids are called otherwise, and what becomes of each open deadline.
//! - [`rehearse`]: what would change for one project, and what forbids it; pure, appends nothing.
//! - [`Blocker`]: one thing that forbids it.
//!
//! The decision itself stands beside the others, in [`crate::project::decide`]: it rehearses on the fresh state and
//! appends one event, or nothing.

mod blocker;
mod mapping;
mod rehearsal;

pub use blocker::Blocker;
pub use mapping::{Mapping, known_ids};
pub use rehearsal::{Change, Plan, Rehearsal, Unmet, Version, rehearse};
