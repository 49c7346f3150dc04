//! One project: what happens to it ([`event`]), where it stands ([`state`]), and what each command decides ([`decide`]).

pub mod batch;
pub mod command;
pub mod deadline;
pub mod decide;
pub mod escalation;
pub mod event;
pub mod fields;
pub mod lot;
pub mod migrated;
pub mod order;
pub mod state;

pub use command::Command;
pub use decide::{Context, Decision, Refusal, decide};
pub use event::ProjectEvent;
pub use state::{ProjectState, Status};
