//! Yearly batches, carry-over (结转), and the opening balance of a project that was adopted in mid-course (续建).
//!
//! A project belongs to the batch of one year at a time: the one it was registered in, until it is carried over. What
//! it reaches is credited to the batch it was in on that day; a batch keeps a project that was carried out of it among
//! those it was to finish. So the yearly target and the yearly credit are facts of their own, and carrying unfinished
//! projects over makes no year look better.

use std::collections::BTreeMap;

use anju_engine::event::{Data, EventId};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::event::BasisLost;
use super::state::{Envelope, ProjectState};
use crate::definition::{Definition, FactMatch, Milestone};

/// A project is carried over into the batch of a later year.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProjectCarriedOver {
    /// The year of the batch it leaves; absent if none was known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<i16>,
    /// The year of the batch it enters.
    pub to: i16,
    /// The paper by which it is carried over (文号).
    pub basis: String,
    /// The SHA-256 of papers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub documents: Vec<String>,
    /// The digest of a note in the erasable store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The instant of the decision.
    pub decided_at: String,
}

/// What had been reached before the log knew of the project, as accepted at adoption: claims, not facts of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpeningBalanceAccepted {
    /// What counts in sums: by fact type, then by field, in the recorded form of the field.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sums: BTreeMap<String, Data>,
    /// The milestones reached, with the days they are claimed to have been reached on.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub milestones: BTreeMap<Milestone, Date>,
    /// The SHA-256 of papers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub documents: Vec<String>,
    /// The digest of a note in the erasable store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Accepted transitions that would not be accepted on this balance, where it replaces an earlier one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub basis_lost: Vec<BasisLost>,
    /// The instant of the decision.
    pub decided_at: String,
}

/// A carry-over as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CarriedOver {
    /// The position of the event.
    pub position: u64,
    /// The day.
    pub day: Date,
    /// The year of the batch it left.
    pub from: Option<i16>,
    /// The year of the batch it entered.
    pub to: i16,
}

/// The opening balance as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpeningBalance {
    /// The position of the first acceptance: a later one that replaces it stands in its place.
    pub position: u64,
    /// The event that says what stands.
    pub event: EventId,
    /// The day from which it counts: the first acceptance's.
    pub day: Date,
    /// What counts in sums, by fact type, then by field.
    pub sums: BTreeMap<String, Data>,
    /// The milestones reached.
    pub milestones: BTreeMap<Milestone, Date>,
}

/// A project's time in the batch of one year.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InBatch {
    /// The year.
    pub year: i16,
    /// The day it was carried into it; `None` = it was registered in it.
    pub since: Option<Date>,
    /// The day it was carried out of it; `None` = it still belongs to it. What it reached on that day is credited here.
    pub until: Option<Date>,
}

impl InBatch {
    /// Whether what was reached on a day is credited to this batch.
    #[must_use]
    pub fn credits(&self, day: Date) -> bool {
        self.since.is_none_or(|since| day > since) && self.until.is_none_or(|until| day <= until)
    }
}

impl ProjectState {
    /// The batch it belongs to: the one it was carried into last, else the one it was registered in, else the
    /// programme's year.
    #[must_use]
    pub fn batch(&self, definition: &Definition) -> Option<i16> {
        self.carried
            .last()
            .map(|carried| carried.to)
            .or(self.registered.batch)
            .or_else(|| definition.year.as_ref()?.value)
    }

    /// Every batch it has belonged to, in their order.
    #[must_use]
    pub fn batches(&self, definition: &Definition) -> Vec<InBatch> {
        let first = self
            .registered
            .batch
            .or_else(|| definition.year.as_ref()?.value);
        let mut batches: Vec<InBatch> = Vec::new();
        let mut current = first.map(|year| InBatch {
            year,
            since: None,
            until: None,
        });
        for carried in &self.carried {
            if let Some(mut left) = current.take() {
                left.until = Some(carried.day);
                batches.push(left);
            }
            current = Some(InBatch {
                year: carried.to,
                since: Some(carried.day),
                until: None,
            });
        }
        batches.extend(current);
        batches
    }

    /// The day on which a milestone was reached before the log knew of the project, as the opening balance claims.
    #[must_use]
    pub fn claimed(&self, milestone: Milestone) -> Option<Date> {
        self.opening.as_ref()?.milestones.get(&milestone).copied()
    }

    /// The claimed day of the milestone that these facts prove, if they prove one.
    #[must_use]
    pub fn claimed_for(&self, definition: &Definition, facts: &FactMatch) -> Option<Date> {
        let milestones = &definition.milestones;
        [
            (Milestone::Started, &milestones.started),
            (Milestone::Finished, &milestones.finished),
            (Milestone::Accepted, &milestones.accepted),
        ]
        .into_iter()
        .filter(|(_, proof)| *proof == facts)
        .find_map(|(milestone, _)| self.claimed(milestone))
    }

    pub(super) fn carry_over(&mut self, carried: &ProjectCarriedOver, envelope: &Envelope) {
        self.carried.push(CarriedOver {
            position: envelope.position,
            day: envelope.occurred_at.day(),
            from: carried.from,
            to: carried.to,
        });
    }

    pub(super) fn accept_opening(&mut self, balance: &OpeningBalanceAccepted, envelope: &Envelope) {
        let day = envelope.occurred_at.day();
        // A balance that replaces another says better what was so then.
        let (position, day) = self
            .opening
            .as_ref()
            .map_or((envelope.position, day), |earlier| {
                (earlier.position, earlier.day.min(day))
            });
        self.opening = Some(OpeningBalance {
            position,
            event: envelope.id,
            day,
            sums: balance.sums.clone(),
            milestones: balance.milestones.clone(),
        });
        self.basis_lost.extend(balance.basis_lost.iter().cloned());
    }
}
