//! The mapping file: ids that are called otherwise, and what becomes of each open deadline.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::definition::{Definition, Locations, Place, Problem, in_order, read_node, yaml};
use crate::project::migrated::{DeadlineChoice, Renamed};

/// What a migration is told: everything by the ids of the version before.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mapping {
    /// Stages: old id → new id.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub stages: BTreeMap<String, String>,
    /// Fact types: old id → new id.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub facts: BTreeMap<String, String>,
    /// Requirements: old id → new id.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub requirements: BTreeMap<String, String>,
    /// Deadlines: old id → new id.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub deadlines: BTreeMap<String, String>,
    /// What becomes of each open deadline, by its old id. There is no default.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub choices: BTreeMap<String, DeadlineChoice>,
}

impl Mapping {
    /// Reads a mapping file.
    ///
    /// # Errors
    /// All problems of the text that can be told apart, by place. Whether the ids exist is for [`Mapping::check`].
    pub fn parse(text: &str, file: &str) -> Result<(Self, Locations), Vec<Problem>> {
        let node = yaml::load(text, file)?;
        let mapping = read_node(&node)?;
        Ok((mapping, Locations::new(node)))
    }

    /// The ids that are called otherwise.
    #[must_use]
    pub fn renamed(&self) -> Renamed {
        let changes = |map: &BTreeMap<String, String>| {
            map.iter()
                .filter(|(old, new)| old != new)
                .map(|(old, new)| (old.clone(), new.clone()))
                .collect()
        };
        Renamed {
            stages: changes(&self.stages),
            facts: changes(&self.facts),
            requirements: changes(&self.requirements),
            deadlines: changes(&self.deadlines),
        }
    }

    /// Whether the ids exist: the old ones in one of the versions that projects come from, the new ones in the version
    /// they go to; and no two deadlines become one, because their ladders would.
    ///
    /// `locations` is where the file has them; without it the problems name no place.
    #[must_use]
    pub fn check(
        &self,
        before: &[&Definition],
        after: &Definition,
        locations: Option<&Locations>,
    ) -> Vec<Problem> {
        let mut check = Check {
            locations,
            problems: Vec::new(),
        };
        for (part, what, map) in [
            ("stages", ("阶段", "stage"), &self.stages),
            ("facts", ("事实类型", "fact type"), &self.facts),
            ("requirements", ("条件", "requirement"), &self.requirements),
            ("deadlines", ("期限", "deadline"), &self.deadlines),
        ] {
            let old: BTreeSet<&str> = before
                .iter()
                .flat_map(|definition| known_ids(definition, part))
                .collect();
            let new: BTreeSet<&str> = known_ids(after, part).into_iter().collect();
            for (from, to) in map {
                check.known((part, from), false, what, from, &old, OLD);
                check.known((part, from), true, what, to, &new, NEW);
            }
        }
        let old: BTreeSet<&str> = before
            .iter()
            .flat_map(|definition| known_ids(definition, "deadlines"))
            .collect();
        for id in self.choices.keys() {
            check.known(("choices", id), false, ("期限", "deadline"), id, &old, OLD);
        }
        let mut taken: BTreeMap<&str, &str> = BTreeMap::new();
        for id in old {
            let to = self.deadlines.get(id).map_or(id, String::as_str);
            if let Some(other) = taken.insert(to, id) {
                let named = if self.deadlines.contains_key(id) {
                    id
                } else {
                    other
                };
                check.merged((other, id), to, named);
            }
        }
        in_order(check.problems)
    }
}

const OLD: (&str, &str) = ("原版本中", "in the version before");
const NEW: (&str, &str) = ("新版本中", "in the new version");

struct Check<'a> {
    locations: Option<&'a Locations>,
    problems: Vec<Problem>,
}

impl Check<'_> {
    fn place(&self, path: &[&str], value: bool) -> Place {
        match self.locations {
            Some(locations) if value => locations.value(path),
            Some(locations) => locations.key(path),
            None => Place::default(),
        }
    }

    fn known(
        &mut self,
        (part, key): (&str, &str),
        value: bool,
        what: (&str, &str),
        id: &str,
        known: &BTreeSet<&str>,
        side: (&str, &str),
    ) {
        if known.contains(id) {
            return;
        }
        let mut problem = Problem::error(
            "unknown_id",
            self.place(&[part, key], value),
            format!("{}没有{}“{id}”", side.0, what.0),
            format!("there is no {} `{id}` {}", what.1, side.1),
        )
        .suggesting(id, known.iter().copied());
        problem.path = format!("{part}.{key}");
        self.problems.push(problem);
    }

    fn merged(&mut self, (first, second): (&str, &str), to: &str, named: &str) {
        let mut problem = Problem::error(
            "two_become_one",
            self.place(&["deadlines", named], false),
            format!("期限“{first}”和“{second}”都成为“{to}”,督办记录将无法区分"),
            format!(
                "the deadlines `{first}` and `{second}` would both become `{to}`: their ladders could not be told apart"
            ),
        );
        problem.path = format!("deadlines.{named}");
        self.problems.push(problem);
    }
}

/// The ids of a part of a definition: `stages`, `facts`, `requirements` or `deadlines`.
#[must_use]
pub fn known_ids<'a>(definition: &'a Definition, part: &str) -> Vec<&'a str> {
    match part {
        "stages" => definition.stages.keys().map(String::as_str).collect(),
        "facts" => definition.facts.keys().map(String::as_str).collect(),
        "requirements" => definition
            .stages
            .values()
            .flat_map(|stage| stage.exit.keys())
            .map(String::as_str)
            .collect(),
        "deadlines" => definition
            .stages
            .values()
            .flat_map(|stage| stage.deadlines.keys())
            .map(String::as_str)
            .collect(),
        _ => Vec::new(),
    }
}
