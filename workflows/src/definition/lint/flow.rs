//! The machine: every stage can be reached and left, for every kind of project.

use std::collections::{BTreeMap, BTreeSet};

use super::super::problem::Problem;
use super::super::{COMPLETED, Placement};
use super::{At, Lint};

/// The most kinds of project that are walked; beyond it, areas and categories are left out.
const MAX_PLACEMENTS: usize = 1_024;

impl Lint<'_> {
    pub(super) fn flow(&mut self) {
        let definition = self.definition;
        let stages_at = At::root().to("stages");
        if definition.stages.is_empty() {
            let problem = Problem::error(
                "no_stage",
                self.on_key(&stages_at),
                "没有阶段",
                "there is no stage",
            );
            self.tell(&stages_at, problem);
            return;
        }
        let mut orders: BTreeMap<u32, &str> = BTreeMap::new();
        for (id, stage) in &definition.stages {
            let at = stages_at.to(id);
            self.applies(&at, &stage.applies, None);
            match orders.get(&stage.order) {
                Some(first) => self.error(
                    &at.to("order"),
                    "duplicate_order",
                    format!("阶段“{first}”的 order 也是 {}", stage.order),
                    format!("the stage `{first}` has the order {} too", stage.order),
                ),
                None => {
                    orders.insert(stage.order, id);
                }
            }
            for (index, next) in stage.next.iter().enumerate() {
                let at = at.to("next").item(index);
                if next == COMPLETED || !self.stage_named(&at, next) {
                    continue;
                }
                if definition.stages[next].order <= stage.order {
                    let problem = Problem::error(
                        "next_not_later",
                        self.on_value(&at),
                        format!("“{next}”不在“{id}”之后"),
                        format!("`{next}` does not come after `{id}`"),
                    )
                    .hinting("退回请写在 returns", "a way back belongs to `returns`");
                    self.tell(&at, problem);
                }
            }
            for back in stage.returns.keys() {
                let at = at.to("returns").to(back);
                let Some(target) = definition.stages.get(back) else {
                    let problem = Problem::error(
                        "unknown_stage",
                        self.on_key(&at),
                        format!("没有阶段“{back}”"),
                        format!("there is no stage `{back}`"),
                    )
                    .suggesting(back, definition.stages.keys().map(String::as_str));
                    self.tell(&at, problem);
                    continue;
                };
                if target.order >= stage.order {
                    let problem = Problem::error(
                        "return_not_earlier",
                        self.on_key(&at),
                        format!("“{back}”不在“{id}”之前"),
                        format!("`{back}` does not come before `{id}`"),
                    )
                    .hinting("向前请写在 next", "a way forward belongs to `next`");
                    self.tell(&at, problem);
                }
            }
            for (unit, responsible) in &stage.responsible {
                let at = at.to("responsible").to(unit);
                self.applies(&at, &responsible.applies, Some(&stage.applies));
            }
        }
        // A `next` that leads nowhere is told already, and would make half of the stages unreachable.
        let sound = definition
            .stages
            .values()
            .flat_map(|stage| &stage.next)
            .all(|next| next == COMPLETED || definition.stages.contains_key(next));
        if sound && !definition.stages.contains_key(COMPLETED) {
            self.walks();
        }
    }

    /// Walks the stages as each kind of project would.
    fn walks(&mut self) {
        let definition = self.definition;
        let mut unreached: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        let mut stuck: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for placement in self.placements() {
            let label = describe(&placement);
            let Some(first) = definition.first_stage(&placement) else {
                // A project without a track may be none of this programme's; one with a track is.
                if let Some(track) = &placement.track {
                    let at = At::root().to("tracks").to(track);
                    let problem = Problem::error(
                        "track_without_stage",
                        self.on_key(&at),
                        format!("板块“{track}”的项目没有阶段可走（{label}）"),
                        format!("no stage is there for a project of the track `{track}` ({label})"),
                    );
                    self.tell(&at, problem);
                }
                continue;
            };
            let mut reached = BTreeSet::from([first]);
            let mut waiting = vec![first];
            while let Some(stage) = waiting.pop() {
                for next in definition.next_stages(stage, &placement) {
                    if next != COMPLETED && reached.insert(next) {
                        waiting.push(next);
                    }
                }
            }
            // Backwards from the end, to a fixed point.
            let mut ending: BTreeSet<&str> = BTreeSet::new();
            loop {
                let before = ending.len();
                for stage in &reached {
                    let ends = definition
                        .next_stages(stage, &placement)
                        .iter()
                        .any(|next| *next == COMPLETED || ending.contains(next));
                    if ends {
                        ending.insert(stage);
                    }
                }
                if ending.len() == before {
                    break;
                }
            }
            for (stage, _) in definition.stages_in_order(&placement) {
                if !reached.contains(stage) {
                    unreached.entry(stage).or_default().push(label.clone());
                } else if !ending.contains(stage) {
                    stuck.entry(stage).or_default().push(label.clone());
                }
            }
        }
        for (stage, labels) in unreached {
            let at = At::root().to("stages").to(stage);
            let labels = shortened(&labels);
            let problem = Problem::error(
                "unreachable_stage",
                self.on_key(&at),
                format!("阶段“{stage}”走不到（{labels}）"),
                format!("the stage `{stage}` cannot be reached ({labels})"),
            )
            .hinting(
                "检查前面阶段的 next",
                "look at `next` of the stages before it",
            );
            self.tell(&at, problem);
        }
        for (stage, labels) in stuck {
            let at = At::root().to("stages").to(stage);
            let labels = shortened(&labels);
            let problem = Problem::error(
                "endless_stage",
                self.on_key(&at),
                format!("从阶段“{stage}”走不到结束（{labels}）"),
                format!("no way leads from the stage `{stage}` to the end ({labels})"),
            )
            .hinting(
                "next 里写一个适用的阶段或 completed",
                "let `next` name a stage that applies, or `completed`",
            );
            self.tell(&at, problem);
        }
    }

    /// One project of every kind that the stages tell apart.
    fn placements(&self) -> Vec<Placement> {
        let definition = self.definition;
        let stages = || definition.stages.values().map(|stage| &stage.applies);
        let mut tracks: Vec<Option<&String>> = definition.tracks.keys().map(Some).collect();
        tracks.push(None);
        let mut categories: BTreeSet<Option<&String>> = stages()
            .flat_map(|applies| applies.categories.iter().map(Some))
            .collect();
        categories.insert(None);
        let by_area =
            stages().any(|applies| !applies.areas.is_empty() || !applies.groups.is_empty());
        let mut areas: BTreeSet<Option<&String>> = BTreeSet::from([None]);
        if by_area {
            areas.extend(definition.areas.keys().map(Some));
        }
        if tracks.len() * categories.len() * areas.len() > MAX_PLACEMENTS {
            categories = BTreeSet::from([None]);
            areas = BTreeSet::from([None]);
        }
        let mut placements = Vec::new();
        for track in &tracks {
            for category in &categories {
                for area in &areas {
                    placements.push(Placement {
                        track: track.cloned(),
                        area: area.cloned(),
                        category: category.cloned(),
                    });
                }
            }
        }
        placements
    }
}

fn describe(placement: &Placement) -> String {
    let mut words = vec![match &placement.track {
        Some(track) => format!("track {track}"),
        None => "no track".to_owned(),
    }];
    words.extend(placement.area.iter().map(|area| format!("area {area}")));
    words.extend(
        placement
            .category
            .iter()
            .map(|category| format!("category {category}")),
    );
    words.join(", ")
}

fn shortened(labels: &[String]) -> String {
    /// How many kinds of project a message names.
    const NAMED: usize = 3;
    let mut text = labels
        .iter()
        .take(NAMED)
        .cloned()
        .collect::<Vec<_>>()
        .join("; ");
    if labels.len() > NAMED {
        text.push_str(&format!("; +{}", labels.len() - NAMED));
    }
    text
}
