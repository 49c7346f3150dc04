//! What a transition demands, judged with its numbers.
//!
//! [`judge`] is pure: a requirement, the facts that stand on the day of the transition, the calendar. The
//! [`Judgement`] that comes out is recorded with the transition; replay shows it and never judges again.

pub mod cel;
mod conditions;
mod evidence;
mod explain;
mod expression;
mod facts;
mod history;
mod inspection;
mod judge;
mod lots;
mod number;
mod period;
mod procedures;
mod publicity;
mod vote;
mod window;

pub use conditions::ConditionsState;
pub use evidence::{Evidence, Judgement, LotLeft};
pub use explain::{Explained, explain};
pub use expression::{ExpressionFailure, ExpressionInput, ExpressionResult};
pub use facts::{View, matches_fields};
pub use history::{RuleHistory, rule_histories};
pub use inspection::{InspectionState, ItemIs, ItemState};
pub use judge::judge;
pub use lots::{judge_exit, judge_lot};
pub use number::Exact;
pub use period::period_end;
pub use procedures::{ProcedureIs, ProcedureState};
pub use vote::{BaseFigures, Threshold, VoteFigures};
pub use window::{Stands, WindowFigures};
