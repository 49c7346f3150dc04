//! What a renewal programme is, and how a project moves through it.
//!
//! - [`definition`]: the programme language. A definition is data: stages, fact types, requirements, deadlines,
//!   ladder; each with the phrase of the source it comes from.
//! - [`requirement`]: what a transition demands, judged with its numbers.
//! - [`calendar`]: natural, working and rolled days.
//! - [`project`]: events, state, and one pure `decide` per command.
//! - [`migration`]: running projects go over to another version of their programme.
//! - [`whatif`]: every stored history again, under another definition or calendar.
//! - [`handler`]: load, decide, append; the one door through which commands enter.

pub mod calendar;
pub mod definition;
pub mod handler;
pub mod migration;
pub mod project;
pub mod publish;
pub mod requirement;
pub mod upcast;
pub mod whatif;
