//! What if: every stored history again, under another definition or another calendar. Pure reading.
//!
//! A history is taken as it was: the facts that were recorded, the transitions that were accepted, in their order.
//! Each decision on the way is judged again by the other rules on exactly what stood then, and compared with the one
//! that was made. What would have been done differently *after* a decision that differs nobody can know: so the first
//! difference of a project is told in full, and the rest are counted.
//!
//! - [`Alternative`]: the other rules.
//! - [`replay`]: one history; pure.
//! - [`run`]: many histories of a log, read a few at a time.

mod calendars;
mod difference;
mod run;
mod translate;
mod walk;

use std::sync::Arc;

use crate::calendar::Calendar;
use crate::definition::Definition;
use crate::project::migrated::Renamed;

pub use calendars::Calendars;
pub use difference::{
    Divergence, DueDifference, Outcome, RuleDifference, StepDifference, Totals, Verdict,
};
pub use run::{Run, run};
pub use walk::{Basis, Definitions, replay};

/// The other rules. What is `None` stays as it was.
#[derive(Clone, Debug, Default)]
pub struct Alternative {
    /// Another definition, for the whole of every history.
    pub definition: Option<Arc<Definition>>,
    /// Another calendar, for the whole of every history.
    pub calendar: Option<Calendar>,
    /// Ids that are called otherwise in the other definition.
    pub renamed: Renamed,
}
