//! What a transition demands, judged with its numbers.
//!
//! [`judge`] is pure: a requirement, the facts that stand on the day of the transition, the calendar. The
//! [`Judgement`] that comes out is recorded with the transition; replay shows it and never judges again.

mod evidence;
mod explain;
mod facts;
mod history;
mod judge;
mod lots;
mod number;

pub use evidence::{Evidence, Judgement, LotLeft};
pub use explain::{Explained, explain};
pub use facts::{View, matches_fields};
pub use history::{RuleHistory, rule_histories};
pub use judge::judge;
pub use lots::{judge_exit, judge_lot};
pub use number::Exact;
