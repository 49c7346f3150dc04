//! Ids, texts, and the registers that `applies` names.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::super::problem::Problem;
use super::super::{Applies, Area, COMPLETED, Placement, Stage};
use super::{At, Lint};

/// Which letters an id may have.
#[derive(Clone, Copy)]
enum Letters {
    /// `[a-z0-9_]+`: becomes a key of records.
    Key,
    /// `[a-z0-9][a-z0-9_-]*`: a word of a register.
    Word,
    /// `[a-z0-9][a-z0-9-]*`: part of the name of a stream.
    Stream,
}

impl Letters {
    fn fit(self, id: &str) -> bool {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let led = id.bytes().next().is_some_and(plain);
        match self {
            Self::Key => !id.is_empty() && id.bytes().all(|byte| plain(byte) || byte == b'_'),
            Self::Word => {
                led && id
                    .bytes()
                    .all(|byte| plain(byte) || byte == b'_' || byte == b'-')
            }
            Self::Stream => led && id.bytes().all(|byte| plain(byte) || byte == b'-'),
        }
    }

    fn pattern(self) -> &'static str {
        match self {
            Self::Key => "[a-z0-9_]+",
            Self::Word => "[a-z0-9][a-z0-9_-]*",
            Self::Stream => "[a-z0-9][a-z0-9-]*",
        }
    }
}

/// The longest id; ids become parts of streams' names and of derived command ids.
const LONGEST_ID: usize = 64;

impl<'a> Lint<'a> {
    pub(super) fn names(&mut self) {
        let definition = self.definition;
        let root = At::root();
        self.id(&root.to("id"), &definition.id, Letters::Stream, false);
        self.ids(
            &root.to("assume_calendar"),
            definition.assume_calendar.keys(),
            Letters::Word,
        );
        self.ids(&root.to("areas"), definition.areas.keys(), Letters::Word);
        self.ids(&root.to("tracks"), definition.tracks.keys(), Letters::Word);
        self.ids(&root.to("facts"), definition.facts.keys(), Letters::Key);
        self.ids(&root.to("stages"), definition.stages.keys(), Letters::Key);
        self.ids(
            &root.to("targets"),
            definition.targets.keys(),
            Letters::Word,
        );
        self.ids(&root.to("ladder"), definition.ladder.keys(), Letters::Key);
        self.ids(
            &root.to("reporting"),
            definition.reporting.keys(),
            Letters::Word,
        );
        self.ids(
            &root.to("long_term_modes"),
            definition.long_term_modes.keys(),
            Letters::Word,
        );
        self.ids(
            &root.to("not_computable"),
            definition.not_computable.keys(),
            Letters::Word,
        );
        for (id, fact) in &definition.facts {
            let at = root.to("facts").to(id);
            self.ids(&at.to("fields"), fact.fields.keys(), Letters::Key);
            for (key, field) in &fact.fields {
                let at = at.to("fields").to(key).to("values");
                self.ids(&at, field.values.keys(), Letters::Word);
            }
        }
        for (id, stage) in &definition.stages {
            let at = root.to("stages").to(id);
            self.ids(
                &at.to("responsible"),
                stage.responsible.keys(),
                Letters::Word,
            );
            self.ids(&at.to("deadlines"), stage.deadlines.keys(), Letters::Key);
            self.ids(&at.to("exit"), stage.exit.keys(), Letters::Key);
            for (id, requirement) in &stage.exit {
                let at = at.to("exit").to(id);
                let procedures = &requirement.procedures;
                self.ids(&at.to("procedures"), procedures.keys(), Letters::Key);
                if let Some(vote) = &requirement.vote {
                    self.ids(&at.to("vote").to("bases"), vote.bases.keys(), Letters::Key);
                }
            }
        }
        if definition.stages.contains_key(COMPLETED) {
            let at = root.to("stages").to(COMPLETED);
            let problem = Problem::error(
                "reserved_id",
                self.on_key(&at),
                format!("“{COMPLETED}”表示项目结束，不能作阶段名"),
                format!("`{COMPLETED}` is the end of a project; no stage can be called so"),
            );
            self.tell(&at, problem);
        }
        if definition.facts.contains_key("project") {
            let at = root.to("facts").to("project");
            let problem = Problem::error(
                "reserved_id",
                self.on_key(&at),
                "“project”表示项目本身，不能作事实类型",
                "`project` is the project itself; no fact type can be called so",
            );
            self.tell(&at, problem);
        }
        self.unique_over_stages("exit", "duplicate_requirement", |stage| {
            stage.exit.keys().collect()
        });
        self.unique_over_stages("deadlines", "duplicate_deadline", |stage| {
            stage.deadlines.keys().collect()
        });
        self.areas();
    }

    fn ids<'k>(&mut self, at: &At, ids: impl Iterator<Item = &'k String>, letters: Letters) {
        for id in ids {
            self.id(&at.to(id), id, letters, true);
        }
    }

    fn id(&mut self, at: &At, id: &str, letters: Letters, is_key: bool) {
        if letters.fit(id) && id.len() <= LONGEST_ID {
            return;
        }
        let place = if is_key {
            self.on_key(at)
        } else {
            self.on_value(at)
        };
        self.tell(
            at,
            Problem::error(
                "bad_id",
                place,
                format!("“{id}”不能作标识"),
                format!("`{id}` cannot be an id"),
            )
            .expecting(format!(
                "{}, at most {LONGEST_ID} letters",
                letters.pattern()
            )),
        );
    }

    /// Requirements and deadlines are known by their id alone in records, so the id is one in the whole definition.
    fn unique_over_stages(
        &mut self,
        part: &str,
        code: &'static str,
        keys: impl Fn(&'a Stage) -> Vec<&'a String>,
    ) {
        let mut stages: Vec<_> = self.definition.stages.iter().collect();
        stages.sort_by_key(|(id, stage)| (stage.order, *id));
        let mut seen: BTreeMap<&str, &str> = BTreeMap::new();
        for (stage_id, stage) in stages {
            for key in keys(stage) {
                let Some(first) = seen.get(key.as_str()) else {
                    seen.insert(key, stage_id);
                    continue;
                };
                let at = At::root().to("stages").to(stage_id).to(part).to(key);
                let problem = Problem::error(
                    code,
                    self.on_key(&at),
                    format!("“{key}”在阶段“{first}”里已经用过"),
                    format!("`{key}` is already used in the stage `{first}`"),
                )
                .hinting("换一个标识", "choose another id");
                self.tell(&at, problem);
            }
        }
    }

    fn areas(&mut self) {
        let areas = &self.definition.areas;
        for (id, area) in areas {
            let at = At::root().to("areas").to(id);
            let Some(parent) = &area.parent else { continue };
            if !areas.contains_key(parent) {
                let known = areas.keys().map(String::as_str);
                self.unknown(
                    &at.to("parent"),
                    "unknown_area",
                    ("区域", "area"),
                    parent,
                    known,
                );
                continue;
            }
            // Walk up: a circle that comes back here is told here, once per member.
            let above = self.definition.area_lineage(parent);
            if above.contains(&id.as_str()) {
                self.error(
                    &at.to("parent"),
                    "area_circle",
                    format!("区域“{id}”的上级又回到它自己"),
                    format!("the areas above `{id}` lead back to it"),
                );
            }
        }
    }

    /// No text is blank: not a name in either language, not a unit, not a quote.
    pub(super) fn texts(&mut self) {
        // Nothing of a definition can fail to become JSON.
        let value = serde_json::to_value(self.definition).unwrap_or_default();
        self.blank(&At::root(), &value);
    }

    fn blank(&mut self, at: &At, value: &Value) {
        match value {
            Value::String(text) if text.trim().is_empty() => {
                self.error(at, "blank_text", "文本是空的", "the text is blank")
            }
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.blank(&at.item(index), item);
                }
            }
            Value::Object(map) => {
                for (key, value) in map {
                    self.blank(&at.to(key), value);
                }
            }
            Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// The names that `applies` uses, and whether it meets any project that `around` (the stage's own `applies`) meets.
    pub(super) fn applies(&mut self, at: &At, applies: &Applies, around: Option<&Applies>) {
        let at = at.to("applies");
        let definition = self.definition;
        let groups: BTreeSet<&str> = definition
            .areas
            .values()
            .flat_map(|area: &Area| area.groups.iter().map(String::as_str))
            .collect();
        let before = self.problems.len();
        for (index, track) in applies.tracks.iter().enumerate() {
            if !definition.tracks.contains_key(track) {
                let known = definition.tracks.keys().map(String::as_str);
                let at = at.to("tracks").item(index);
                self.unknown(&at, "unknown_track", ("板块", "track"), track, known);
            }
        }
        for (index, area) in applies.areas.iter().enumerate() {
            if !definition.areas.contains_key(area) {
                let known = definition.areas.keys().map(String::as_str);
                let at = at.to("areas").item(index);
                self.unknown(&at, "unknown_area", ("区域", "area"), area, known);
            }
        }
        for (index, group) in applies.groups.iter().enumerate() {
            if !groups.contains(group.as_str()) {
                let at = at.to("groups").item(index);
                self.unknown(
                    &at,
                    "unknown_group",
                    ("区域组", "area group"),
                    group,
                    groups.iter().copied(),
                );
            }
        }
        // Unknown names are told where they stand; what follows from them is not told again.
        let sound = self.problems.len() == before
            && around.is_none_or(|around| self.names_are_known(around, &groups));
        if sound && !self.can_meet(applies, around) {
            let problem = Problem::error(
                "never_applies",
                self.on_key(&at),
                "没有项目同时符合这些条件",
                "no project can meet these conditions together",
            )
            .hinting(
                "检查所在阶段的 applies",
                "compare the `applies` of the stage around it",
            );
            self.tell(&at, problem);
        }
    }

    fn names_are_known(&self, applies: &Applies, groups: &BTreeSet<&str>) -> bool {
        let Applies {
            tracks,
            areas,
            groups: named,
            ..
        } = applies;
        tracks
            .iter()
            .all(|track| self.definition.tracks.contains_key(track))
            && areas
                .iter()
                .all(|area| self.definition.areas.contains_key(area))
            && named.iter().all(|group| groups.contains(group.as_str()))
    }

    /// Whether some project meets both. Tracks, categories and areas of a project are independent of each other.
    fn can_meet(&self, applies: &Applies, around: Option<&Applies>) -> bool {
        let Some(around) = around.filter(|around| !around.is_everywhere()) else {
            return self.some_area_meets(&[applies]);
        };
        let share = |a: &[String], b: &[String]| {
            a.is_empty() || b.is_empty() || a.iter().any(|word| b.contains(word))
        };
        share(&applies.tracks, &around.tracks)
            && share(&applies.categories, &around.categories)
            && self.some_area_meets(&[applies, around])
    }

    pub(super) fn some_area_meets(&self, all: &[&Applies]) -> bool {
        let placed = |applies: &Applies| Applies {
            areas: applies.areas.clone(),
            groups: applies.groups.clone(),
            ..Applies::default()
        };
        let all: Vec<Applies> = all.iter().map(|applies| placed(applies)).collect();
        let meets = |area: Option<&String>| {
            let placement = Placement {
                area: area.cloned(),
                ..Default::default()
            };
            all.iter()
                .all(|applies| self.definition.applies(applies, &placement))
        };
        meets(None) || self.definition.areas.keys().any(|area| meets(Some(area)))
    }
}
