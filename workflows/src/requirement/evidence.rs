//! What a requirement was judged by: recorded with the decision, in numbers, not in words.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::{
    ConditionsState, ExpressionResult, InspectionState, ProcedureState, VoteFigures, WindowFigures,
};

/// One requirement, judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Judgement {
    /// The requirement's id.
    pub rule: String,
    /// Whether it is met.
    pub met: bool,
    /// Whether it only warns.
    #[serde(default, skip_serializing_if = "is_false")]
    pub warn: bool,
    /// What was found and what was asked.
    pub evidence: Evidence,
    /// The positions of the facts it was judged by.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cites: Vec<u64>,
}

/// What was found and what was asked. Decimals are strings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Evidence {
    /// A share.
    Share {
        /// The numerator; absent if no fact gives it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        of: Option<String>,
        /// The denominator; absent if nothing gives it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        over: Option<String>,
        /// The threshold, `80/100`.
        threshold: String,
        /// Whether the threshold itself does not suffice.
        #[serde(default, skip_serializing_if = "is_false")]
        exclusive: bool,
        /// Whether the threshold is an upper bound.
        #[serde(default, skip_serializing_if = "is_false")]
        upper: bool,
        /// What was missing, as `fact.field`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        missing: Option<String>,
        /// The unit.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        unit: Option<String>,
    },
    /// A number of facts.
    Count {
        /// How many there are.
        actual: u64,
        /// How many are asked.
        at_least: u64,
        /// The types that count.
        facts: Vec<String>,
    },
    /// A publicity.
    Publicity {
        /// When it was posted, in the channel posted last.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        posted: Option<Date>,
        /// Its last day.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<Date>,
        /// How many days are asked.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        days: Option<u64>,
        /// The day it was taken down, if that was too early.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        removed: Option<Date>,
        /// Channels in which it was not posted.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        missing: Vec<String>,
        /// Objections that are not settled.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        open: Vec<String>,
    },
    /// Signers.
    Signers {
        /// Who signed.
        signed: Vec<String>,
        /// Who is missing.
        missing: Vec<String>,
    },
    /// A sum.
    Sum {
        /// What there is.
        actual: String,
        /// What is asked; absent if the base is not known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        needed: Option<String>,
        /// What it may be at most.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        limit: Option<String>,
        /// The unit.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        unit: Option<String>,
    },
    /// An order of dates.
    Order {
        /// When the earlier thing happened.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        earlier: Option<Date>,
        /// When the later thing happened.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        later: Option<Date>,
    },
    /// Matters opened and closed.
    Settled {
        /// How many were opened.
        opened: u64,
        /// What is still open.
        open: Vec<String>,
    },
    /// Not before a day.
    NotBefore {
        /// The day of the transition.
        on: Date,
        /// The first permitted day; absent if the programme's year is not bound.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        first: Option<Date>,
    },
    /// A vote.
    Vote(VoteFigures),
    /// Procedures.
    Procedures {
        /// Each that applies.
        procedures: Vec<ProcedureState>,
    },
    /// Conditions of an approval.
    Conditions(ConditionsState),
    /// An inspection item by item.
    Inspection(InspectionState),
    /// An expression.
    Expression(ExpressionResult),
    /// Another kind, inside a window.
    Window(WindowFigures),
    /// Waived.
    Waived {
        /// The position of the fact that waives it.
        by: u64,
    },
    /// The calendar does not know the days that are needed.
    CalendarUnknown {
        /// Counted from here.
        from: Date,
    },
    /// The lots of the project, each of which passes by itself.
    Lots {
        /// The lots that have passed, by id.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        passed: Vec<String>,
        /// The lots that have not, or not for all that is known now.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        waiting: Vec<LotLeft>,
    },
    /// Orders.
    Orders {
        /// How many there were.
        dispatched: u64,
        /// The numbers of those that are not closed.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        open: Vec<u32>,
    },
}

/// A lot that has not passed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LotLeft {
    /// Its id.
    pub lot: String,
    /// Its name.
    pub name: String,
    /// The stage of the earliest gate that it has to pass.
    pub stage: String,
    /// Whether it had passed, and a correction took the basis away.
    #[serde(default, skip_serializing_if = "is_false")]
    pub basis_lost: bool,
}

pub(super) fn is_false(value: &bool) -> bool {
    !*value
}

pub(super) fn is_zero(value: &u64) -> bool {
    *value == 0
}
