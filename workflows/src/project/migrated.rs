//! A project goes over to another version of its programme: what the event says, and what the fold makes of it.
//!
//! The state is always told in the words of the version that the project is bound to: a migration that renames a
//! stage, a fact type, a requirement or a deadline renames it in the state as well. The records stay as they are, and
//! so does what was decided: a decision names the version it was made under.

use std::collections::BTreeMap;

use anju_engine::event::EventId;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::event::ProjectRegistered;
use super::lot::extension_key;
use super::state::{COMPLETED, Envelope, ExtensionState, ProjectState, Status};

/// What becomes of an open deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeadlineChoice {
    /// The last permitted day stays what it was, extensions and stops of the clock included.
    Keep,
    /// The new version says the last permitted day; an extension granted under the old one lapses.
    Recompute,
    /// The new version has no such deadline, and that is meant.
    Lapse,
}

impl DeadlineChoice {
    /// Its word in files and answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Recompute => "recompute",
            Self::Lapse => "lapse",
        }
    }

    /// The choice of a word.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        [Self::Keep, Self::Recompute, Self::Lapse]
            .into_iter()
            .find(|choice| choice.as_str() == word)
    }
}

/// Ids that are called otherwise in the new version: old id → new id. What is not named keeps its id.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Renamed {
    /// Stages.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub stages: BTreeMap<String, String>,
    /// Fact types.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub facts: BTreeMap<String, String>,
    /// Requirements.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub requirements: BTreeMap<String, String>,
    /// Deadlines.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub deadlines: BTreeMap<String, String>,
}

impl Renamed {
    /// Whether every id stays.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What a stage is called in the new version.
    #[must_use]
    pub fn stage<'a>(&'a self, id: &'a str) -> &'a str {
        self.stages.get(id).map_or(id, String::as_str)
    }

    /// What a fact type is called in the new version.
    #[must_use]
    pub fn fact<'a>(&'a self, id: &'a str) -> &'a str {
        self.facts.get(id).map_or(id, String::as_str)
    }

    /// What a requirement is called in the new version.
    #[must_use]
    pub fn requirement<'a>(&'a self, id: &'a str) -> &'a str {
        self.requirements.get(id).map_or(id, String::as_str)
    }

    /// What a deadline is called in the new version.
    #[must_use]
    pub fn deadline<'a>(&'a self, id: &'a str) -> &'a str {
        self.deadlines.get(id).map_or(id, String::as_str)
    }
}

/// A project goes over to another version of its programme.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DefinitionMigrated {
    /// The digest of the version it was bound to.
    pub from: String,
    /// The digest of the version it is bound to from now on.
    pub to: String,
    /// The ids that are called otherwise.
    #[serde(default, skip_serializing_if = "Renamed::is_empty")]
    pub renamed: Renamed,
    /// What becomes of each open deadline, by its id in the version before.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub deadlines: BTreeMap<String, CarriedDeadline>,
    /// Fact types, by their new ids, that the new version does not declare: facts of them stay and count for nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub uncounted: Vec<String>,
    /// Fact types that only the new version declares: facts of them recorded before count from now on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub counted: Vec<String>,
    /// Steps of the ladder that have another place in the new version: those taken are known by the new one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ladder: Vec<StepChange>,
    /// Steps of the ladder that were right by the version they were taken under, and that the new one would not have
    /// taken: they stand.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub standing_steps: Vec<EventId>,
    /// The instant of the decision.
    pub decided_at: String,
    /// The digest of the calendar by which due days were counted.
    pub calendar: String,
    /// The digest of a reason in the erasable store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// An open deadline, carried over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CarriedDeadline {
    /// What was chosen, for the project and each of its lots.
    pub choice: DeadlineChoice,
    /// The project's own; absent where only lots answer for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own: Option<CarriedDay>,
    /// Those of its lots.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lots: Vec<CarriedLot>,
}

/// A last permitted day, before and from now on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CarriedDay {
    /// The last permitted day before.
    pub before: Date,
    /// The last permitted day from now on; absent if the new version gives none (or not yet).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Date>,
    /// Which visit of its stage its ladder ran for, where the new version counts it otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visit: Option<VisitChange>,
}

/// The same for a lot that answers by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CarriedLot {
    /// Its id.
    pub lot: String,
    /// Its day.
    pub day: CarriedDay,
}

impl CarriedDeadline {
    /// The days, each with the lot it is of; `None` = the project's own.
    pub fn days(&self) -> impl Iterator<Item = (Option<&str>, &CarriedDay)> {
        let own = self.own.iter().map(|day| (None, day));
        let lots = self.lots.iter().map(|lot| (Some(&*lot.lot), &lot.day));
        own.chain(lots)
    }

    /// The day of a lot, or the project's own.
    #[must_use]
    pub fn day_of(&self, lot: Option<&str>) -> Option<&CarriedDay> {
        self.days().find(|(of, _)| *of == lot).map(|(_, day)| day)
    }

    pub(crate) fn day_of_mut(&mut self, lot: Option<&str>) -> Option<&mut CarriedDay> {
        match lot {
            None => self.own.as_mut(),
            Some(id) => self
                .lots
                .iter_mut()
                .find(|lot| lot.lot == id)
                .map(|lot| &mut lot.day),
        }
    }
}

/// A visit that is counted otherwise in the new version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VisitChange {
    /// Before.
    pub from: u32,
    /// From now on.
    pub to: u32,
}

/// A step of the ladder that has another place in the new version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepChange {
    /// Its place before.
    pub from: u32,
    /// Its place from now on.
    pub to: u32,
}

/// A migration, as the state remembers it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MigrationState {
    /// Its position.
    pub position: u64,
    /// Its event.
    pub event: EventId,
    /// Its day.
    pub day: Date,
    /// The version before.
    pub from: String,
    /// The version after.
    pub to: String,
}

impl ProjectState {
    /// Folds a migration: the state in the words of the new version.
    pub(super) fn migrate(&mut self, migrated: &DefinitionMigrated, envelope: &Envelope) {
        let renamed = &migrated.renamed;
        let day = envelope.occurred_at.day();
        rename_registered(&mut self.registered, migrated);
        if self.stage != COMPLETED {
            self.stage = renamed.stage(&self.stage).to_owned();
        }
        for (id, (count, latest)) in std::mem::take(&mut self.visits) {
            let visit = self
                .visits
                .entry(renamed.stage(&id).to_owned())
                .or_insert((0, latest));
            // Two stages that become one were entered as often as both.
            visit.0 += count;
            visit.1 = visit.1.max(latest);
        }
        for transition in &mut self.transitions {
            transition.from = renamed.stage(&transition.from).to_owned();
            transition.to = renamed.stage(&transition.to).to_owned();
            for (rule, _) in &mut transition.cites {
                *rule = renamed.requirement(rule).to_owned();
            }
        }
        for lot in self.lots.values_mut() {
            for passage in &mut lot.passages {
                passage.stage = renamed.stage(&passage.stage).to_owned();
                for (rule, _) in &mut passage.cites {
                    *rule = renamed.requirement(rule).to_owned();
                }
            }
            for back in &mut lot.sent_back {
                back.to = renamed.stage(&back.to).to_owned();
            }
        }
        for lost in &mut self.basis_lost {
            lost.rule = renamed.requirement(&lost.rule).to_owned();
        }
        for fact in self.facts.values_mut() {
            fact.fact = renamed.fact(&fact.fact).to_owned();
            if migrated.uncounted.contains(&fact.fact) {
                fact.declared = false;
            } else if migrated.counted.contains(&fact.fact) {
                fact.declared = true;
            }
        }
        self.carry_deadlines(migrated, day);
        for step in &mut self.steps {
            step.standing |= migrated.standing_steps.contains(&step.event);
        }
        self.migrations.push(MigrationState {
            position: envelope.position,
            event: envelope.id,
            day,
            from: migrated.from.clone(),
            to: migrated.to.clone(),
        });
    }

    /// Extensions and taken steps go over under the new ids: what was taken is not taken again.
    fn carry_deadlines(&mut self, migrated: &DefinitionMigrated, day: Date) {
        let renamed = &migrated.renamed;
        for step in &mut self.steps {
            let change = migrated.ladder.iter().find(|c| c.from == step.key.step);
            step.key.step = change.map_or(step.key.step, |change| change.to);
            // The deadline of an order is the order's own: no definition names it.
            if step.key.order.is_some() {
                continue;
            }
            if let Some(carried) = migrated.deadlines.get(&step.key.deadline)
                && let Some(day) = carried.day_of(step.key.lot.as_deref())
                && let Some(visit) = day.visit
                && step.key.visit == visit.from
            {
                step.key.visit = visit.to;
            }
            step.key.deadline = renamed.deadline(&step.key.deadline).to_owned();
        }
        self.extensions = std::mem::take(&mut self.extensions)
            .into_iter()
            .map(|(key, extension)| {
                let (id, lot) = match key.split_once('@') {
                    Some((id, lot)) => (id, Some(lot)),
                    None => (&*key, None),
                };
                (extension_key(renamed.deadline(id), lot), extension)
            })
            .collect();
        // A stop that still lasts is not in the day kept: it is counted when it ends, whole.
        let counted_from = match (self.status, self.stops.last()) {
            (Status::Suspended, Some(stop)) if stop.until.is_none() => stop.from.min(day),
            _ => day,
        };
        for (id, carried) in &migrated.deadlines {
            for (lot, carried_day) in carried.days() {
                let key = extension_key(renamed.deadline(id), lot);
                match carried.choice {
                    DeadlineChoice::Keep => {
                        let entry = self.extensions.entry(key).or_insert(ExtensionState {
                            due: None,
                            granted: None,
                            run: 0,
                        });
                        entry.due = Some(carried_day.before);
                        entry.granted = Some(counted_from);
                    }
                    DeadlineChoice::Recompute | DeadlineChoice::Lapse => {
                        if let Some(entry) = self.extensions.get_mut(&key) {
                            entry.due = None;
                            entry.granted = None;
                        }
                    }
                }
            }
        }
    }

    /// The latest migration, if there was one.
    #[must_use]
    pub fn migrated(&self) -> Option<&MigrationState> {
        self.migrations.last()
    }

    /// The digest of the version that the project was bound to when the record at `position` was made.
    #[must_use]
    pub fn definition_at(&self, position: u64) -> &str {
        self.migrations
            .iter()
            .find(|migration| position < migration.position)
            .map_or(&self.registered.definition, |later| &later.from)
    }
}

fn rename_registered(registered: &mut ProjectRegistered, migrated: &DefinitionMigrated) {
    registered.definition.clone_from(&migrated.to);
    registered.stage = migrated.renamed.stage(&registered.stage).to_owned();
}
