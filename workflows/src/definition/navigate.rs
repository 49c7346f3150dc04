//! Ways through a definition: which rules meet a project, and where a stage may lead.

use std::collections::BTreeSet;

use jiff::civil::Date;

use super::{Applies, Bound, Definition, Requirement, Stage};

/// The name under which `next` ends a project. No stage may be called so.
pub const COMPLETED: &str = "completed";

/// Where a project stands in its programme: the words that [`Applies`] is asked about.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Placement {
    /// Its track, by id.
    pub track: Option<String>,
    /// Its area, by id.
    pub area: Option<String>,
    /// Its category.
    pub category: Option<String>,
}

impl Bound {
    /// The last permitted day of a period that is due on `due`: `due` itself, or the day before it.
    #[must_use]
    pub fn last_day(self, due: Date) -> Date {
        match self {
            Self::By => due,
            // Only the first day a calendar can hold has no yesterday.
            Self::Before => due.yesterday().unwrap_or(due),
        }
    }
}

impl Definition {
    /// Whether a rule for `applies` meets a project at `placement`. Every list that is not empty must hold the
    /// project's word; an area also stands for the areas below it, and brings the groups of those above it.
    #[must_use]
    pub fn applies(&self, applies: &Applies, placement: &Placement) -> bool {
        if applies.is_everywhere() {
            return true;
        }
        let holds = |list: &[String], word: Option<&str>| {
            list.is_empty() || word.is_some_and(|word| list.iter().any(|entry| entry == word))
        };
        if !holds(&applies.tracks, placement.track.as_deref())
            || !holds(&applies.categories, placement.category.as_deref())
        {
            return false;
        }
        if applies.areas.is_empty() && applies.groups.is_empty() {
            return true;
        }
        let lineage = placement
            .area
            .as_deref()
            .map(|area| self.area_lineage(area))
            .unwrap_or_default();
        let in_areas = applies.areas.is_empty()
            || lineage
                .iter()
                .any(|id| applies.areas.iter().any(|area| area == id));
        let in_groups = applies.groups.is_empty()
            || lineage
                .iter()
                .filter_map(|id| self.areas.get(*id))
                .flat_map(|area| &area.groups)
                .any(|group| applies.groups.contains(group));
        in_areas && in_groups
    }

    /// An area and those above it, nearest first. An unknown area stands alone; a circle is walked once.
    #[must_use]
    pub fn area_lineage<'a>(&'a self, area: &'a str) -> Vec<&'a str> {
        let mut lineage = Vec::new();
        let mut seen = BTreeSet::new();
        let mut current = Some(area);
        while let Some(id) = current {
            if !seen.insert(id) {
                break;
            }
            lineage.push(id);
            current = self.areas.get(id).and_then(|area| area.parent.as_deref());
        }
        lineage
    }

    /// The stages a project at `placement` meets, in their order (`order`, then id).
    #[must_use]
    pub fn stages_in_order(&self, placement: &Placement) -> Vec<(&str, &Stage)> {
        let mut stages: Vec<_> = self
            .stages
            .iter()
            .filter(|(_, stage)| self.applies(&stage.applies, placement))
            .map(|(id, stage)| (id.as_str(), stage))
            .collect();
        stages.sort_by_key(|(id, stage)| (stage.order, *id));
        stages
    }

    /// The stage a project at `placement` begins in.
    #[must_use]
    pub fn first_stage(&self, placement: &Placement) -> Option<&str> {
        self.stages_in_order(placement).first().map(|(id, _)| *id)
    }

    /// Where `advance` may lead from `stage`: the stages it names that meet the project, else the next by order;
    /// [`COMPLETED`] after the last. Empty for a stage the definition does not have, and where every stage that
    /// `next` names is meant for other projects (lint refuses such a definition).
    #[must_use]
    pub fn next_stages<'a>(&'a self, stage: &str, placement: &Placement) -> Vec<&'a str> {
        let Some((id, current)) = self.stages.get_key_value(stage) else {
            return Vec::new();
        };
        if !current.next.is_empty() {
            return current
                .next
                .iter()
                .filter(|next| {
                    next.as_str() == COMPLETED
                        || self
                            .stages
                            .get(next.as_str())
                            .is_some_and(|stage| self.applies(&stage.applies, placement))
                })
                .map(String::as_str)
                .collect();
        }
        let here = (current.order, id.as_str());
        let next = self
            .stages_in_order(placement)
            .into_iter()
            .find(|(id, stage)| (stage.order, *id) > here)
            .map_or(COMPLETED, |(id, _)| id);
        vec![next]
    }

    /// The requirements for leaving `stage` forward, by id. Empty for a stage the definition does not have.
    pub fn requirements(&self, stage: &str) -> impl Iterator<Item = (&str, &Requirement)> {
        self.stages
            .get(stage)
            .into_iter()
            .flat_map(|stage| stage.exit.iter().map(|(id, rule)| (id.as_str(), rule)))
    }
}
