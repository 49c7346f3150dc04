//! Changes in the words of a reader.

use serde_json::Value;

use super::inventory::{Item, ItemKey};
use super::{Change, ChangeKind, Detail, Diff, Subject};
use crate::definition::{Deadline, Definition, Lang, Requirement, Text};

/// How much of a long text a line shows.
const SHOWN: usize = 60;

/// The two definitions that are compared.
pub(super) struct Words<'a> {
    pub(super) old: &'a Definition,
    pub(super) new: &'a Definition,
}

impl Subject {
    /// What a part of this kind is called.
    #[must_use]
    pub fn noun(self) -> Text {
        let (zh, en) = match self {
            Self::Programme => ("计划", "programme"),
            Self::Area => ("区域", "area"),
            Self::Track => ("板块", "track"),
            Self::Stage => ("阶段", "stage"),
            Self::Return => ("退回", "way back"),
            Self::Responsible => ("责任单位", "responsible unit"),
            Self::Requirement => ("条件", "requirement"),
            Self::Deadline => ("期限", "deadline"),
            Self::Fact => ("事实类型", "fact type"),
            Self::Field => ("字段", "field"),
            Self::Code => ("代码", "code"),
            Self::Milestone => ("里程碑", "milestone"),
            Self::Counter => ("项目计数", "counter"),
            Self::Target => ("目标", "target"),
            Self::LadderStep => ("督办步骤", "ladder step"),
            Self::Lamps => ("亮灯", "lamps"),
            Self::Reporting => ("报送", "report"),
            Self::LongTermMode => ("长效管理模式", "mode of long-term management"),
            Self::NotComputable => ("不作计算的要求", "demand that is not computed"),
        };
        text(zh, en)
    }

    /// The type of the model it is.
    pub(super) fn type_name(self) -> &'static str {
        match self {
            Self::Programme => "Definition",
            Self::Area => "Area",
            Self::Track => "Track",
            Self::Stage => "Stage",
            Self::Return | Self::LongTermMode => "NamedRule",
            Self::Responsible => "Responsible",
            Self::Requirement => "Requirement",
            Self::Deadline => "Deadline",
            Self::Fact => "FactType",
            Self::Field => "Field",
            Self::Code => "Text",
            Self::Milestone => "FactMatch",
            Self::Counter => "Reference",
            Self::Target => "Target",
            Self::LadderStep => "LadderStep",
            Self::Lamps => "Lamps",
            Self::Reporting => "Reporting",
            Self::NotComputable => "NotComputable",
        }
    }
}

impl ChangeKind {
    fn mark(self) -> char {
        match self {
            Self::Added => '+',
            Self::Removed => '-',
            Self::Moved => '>',
            Self::Changed => '~',
        }
    }
}

impl Words<'_> {
    /// A part that only one of the two has.
    pub(super) fn one_sided(&self, kind: ChangeKind, key: &ItemKey, item: &Item) -> Change {
        let definition = match kind {
            ChangeKind::Removed => self.old,
            _ => self.new,
        };
        let noun = key.subject.noun();
        let named = named(key, item);
        let (verb_zh, verb_en) = match kind {
            ChangeKind::Removed => ("删去", "removed"),
            _ => ("新增", "added"),
        };
        let place = stage_of(definition, item);
        let says = says(definition, key, item);
        let line = |lang: Lang| {
            let named = named.get(lang);
            let mut line = match lang {
                Lang::Zh => format!("{verb_zh}{}{named}", noun.zh),
                Lang::En => format!("{verb_en} {} {named}", noun.en),
            };
            if let Some(stage) = &place {
                line.push_str(&match lang {
                    Lang::Zh => format!("，在阶段{}", stage.zh),
                    Lang::En => format!(" in the stage {}", stage.en),
                });
            }
            if !says.get(lang).is_empty() {
                line.push_str(match lang {
                    Lang::Zh => "：",
                    Lang::En => ": ",
                });
                line.push_str(says.get(lang));
            }
            line
        };
        Change {
            kind,
            subject: key.subject,
            id: key.id.clone(),
            path: item.path.clone(),
            words: both(line),
            details: Vec::new(),
        }
    }

    /// A part that both have.
    pub(super) fn two_sided(
        &self,
        kind: ChangeKind,
        key: &ItemKey,
        a: &Item,
        b: &Item,
        details: Vec<Detail>,
    ) -> Change {
        let noun = key.subject.noun();
        let named = named(key, b);
        let told: Vec<&Detail> = details.iter().filter(|detail| !detail.said).collect();
        let place = (kind == ChangeKind::Moved).then(|| self.moved_to(key, a, b));
        let line = |lang: Lang| {
            let mut line = match lang {
                Lang::Zh => format!("{}{}", noun.zh, named.zh),
                Lang::En => format!("{} {}", noun.en, named.en),
            };
            if named.get(lang).is_empty() {
                line = noun.get(lang).to_owned();
            }
            if let Some(place) = &place {
                line.push_str(place.get(lang));
            } else if let [detail] = told.as_slice() {
                line.push_str(match lang {
                    Lang::Zh => "：",
                    Lang::En => ": ",
                });
                line.push_str(&detail_line(detail, lang));
            } else {
                line.push_str(&match lang {
                    Lang::Zh => format!("有 {} 处改动", told.len()),
                    Lang::En => format!(": {} values changed", told.len()),
                });
            }
            line
        };
        let words = both(line);
        Change {
            kind,
            subject: key.subject,
            id: key.id.clone(),
            path: b.path.clone(),
            words,
            details,
        }
    }

    fn moved_to(&self, key: &ItemKey, a: &Item, b: &Item) -> Text {
        if let (Some(from), Some(to)) = (stage_of(self.old, a), stage_of(self.new, b)) {
            return Text {
                zh: format!("从阶段{}移到{}", from.zh, to.zh),
                en: format!(" moved from the stage {} to {}", from.en, to.en),
            };
        }
        let mut stages: Vec<(u32, &String)> = self
            .new
            .stages
            .iter()
            .map(|(id, stage)| (stage.order, id))
            .collect();
        stages.sort();
        let place = stages.iter().position(|(_, id)| **id == key.id);
        match place
            .and_then(|place| place.checked_sub(1))
            .and_then(|before| self.new.stages.get_key_value(stages[before].1))
        {
            Some((id, stage)) => Text {
                zh: format!("移到“{}”（{id}）之后", stage.name.zh),
                en: format!(" moved after “{}” ({id})", stage.name.en),
            },
            None => text("移到最前", " moved to the front"),
        }
    }
}

pub(super) fn requirement<'a>(definition: &'a Definition, item: &Item) -> Option<&'a Requirement> {
    let stage = definition.stages.get(item.stage.as_ref()?)?;
    stage.exit.get(item.path.rsplit('.').next()?)
}

pub(super) fn deadline<'a>(definition: &'a Definition, item: &Item) -> Option<&'a Deadline> {
    let stage = definition.stages.get(item.stage.as_ref()?)?;
    stage.deadlines.get(item.path.rsplit('.').next()?)
}

/// `“居民意见征集”（resident_consultation）`, if the part has a name; else its id; of the head nothing.
fn named(key: &ItemKey, item: &Item) -> Text {
    let read = |value: &Value| serde_json::from_value::<Text>(value.clone()).ok();
    let name = match key.subject {
        Subject::Code => read(&item.own),
        Subject::Responsible => item
            .own
            .get("unit")
            .and_then(Value::as_str)
            .map(|unit| text(unit, unit)),
        Subject::Programme => return nothing(),
        _ => item.own.get("name").and_then(read),
    };
    let id = &key.id;
    match name {
        Some(name) if !id.is_empty() => Text {
            zh: format!("“{}”（{id}）", name.zh),
            en: format!("“{}” ({id})", name.en),
        },
        Some(name) => name,
        None => Text {
            zh: id.clone(),
            en: id.clone(),
        },
    }
}

fn stage_of(definition: &Definition, item: &Item) -> Option<Text> {
    let id = item.stage.as_ref()?;
    let name = definition.stages.get(id).map(|stage| &stage.name);
    Some(match name {
        Some(name) => Text {
            zh: format!("“{}”", name.zh),
            en: format!("“{}”", name.en),
        },
        None => text(id, id),
    })
}

/// What a part that came or went says.
fn says(definition: &Definition, key: &ItemKey, item: &Item) -> Text {
    let none = nothing();
    let id = item.path.rsplit('.').next().unwrap_or_default();
    match key.subject {
        Subject::Requirement => requirement(definition, item).map_or(none, |rule| {
            both(|lang| definition.describe_requirement(rule, lang))
        }),
        Subject::Deadline => deadline(definition, item).map_or(none, |deadline| {
            both(|lang| definition.describe_deadline(deadline, lang))
        }),
        Subject::Target => definition.targets.get(id).map_or(none, |target| {
            both(|lang| definition.describe_target(target, lang))
        }),
        Subject::LadderStep => definition.ladder.get(id).map_or(none, |step| {
            both(|lang| definition.describe_step(step, lang))
        }),
        Subject::Counter => item
            .own
            .as_str()
            .map_or(none, |reference| text(reference, reference)),
        Subject::Field => {
            let kind = item.own.get("kind").and_then(Value::as_str);
            kind.map_or(none, |kind| text(kind, kind))
        }
        Subject::NotComputable => {
            let reason = item.own.get("reason").and_then(Value::as_str);
            reason.map_or(none, |reason| text(reason, reason))
        }
        _ => none,
    }
}

/// `要求 ≥80% → ≥2/3`.
fn detail_line(detail: &Detail, lang: Lang) -> String {
    let side = |value: &Option<Text>| match value {
        Some(value) => shortened(value.get(lang)),
        None => match lang {
            Lang::Zh => "（无）".to_owned(),
            Lang::En => "(none)".to_owned(),
        },
    };
    format!(
        "{} {} → {}",
        detail.name.get(lang),
        side(&detail.old),
        side(&detail.new)
    )
}

fn shortened(text: &str) -> String {
    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if flat.chars().count() <= SHOWN {
        return flat;
    }
    let mut cut: String = flat.chars().take(SHOWN).collect();
    cut.push('…');
    cut
}

/// The whole comparison as text.
pub(super) fn render(diff: &Diff, lang: Lang) -> String {
    let pick = |zh: &str, en: &str| match lang {
        Lang::Zh => zh.to_owned(),
        Lang::En => en.to_owned(),
    };
    let side = |side: &super::Side| {
        let short: String = side.digest.chars().take(12).collect();
        format!("{}@{short} {}", side.id, side.name.get(lang))
    };
    let mut out = format!("- {}\n+ {}\n", side(&diff.old), side(&diff.new));
    if diff.same {
        out.push_str(&pick("两者相同\n", "the two are the same\n"));
        return out;
    }
    let mut last = None;
    for change in &diff.changes {
        if last != Some(change.subject) {
            out.push_str(&format!("\n{}\n", heading(change.subject, lang)));
            last = Some(change.subject);
        }
        out.push_str(&format!(
            "  {} {}\n",
            change.kind.mark(),
            change.words.get(lang)
        ));
        let told: Vec<&Detail> = change
            .details
            .iter()
            .filter(|detail| !detail.said)
            .collect();
        if told.len() > 1 || (change.kind == ChangeKind::Moved && !told.is_empty()) {
            for detail in told {
                out.push_str(&format!("      {}\n", detail_line(detail, lang)));
            }
        }
    }
    let count = |kind: ChangeKind| {
        diff.changes
            .iter()
            .filter(|change| change.kind == kind)
            .count()
    };
    let (added, removed, moved, changed) = (
        count(ChangeKind::Added),
        count(ChangeKind::Removed),
        count(ChangeKind::Moved),
        count(ChangeKind::Changed),
    );
    out.push_str(&match lang {
        Lang::Zh => format!(
            "\n共 {} 处不同：新增 {added}，删去 {removed}，移动 {moved}，改动 {changed}\n",
            diff.changes.len()
        ),
        Lang::En => format!(
            "\n{} differences: {added} added, {removed} removed, {moved} moved, {changed} changed\n",
            diff.changes.len()
        ),
    });
    out
}

fn heading(subject: Subject, lang: Lang) -> String {
    let noun = subject.noun();
    match lang {
        Lang::Zh => noun.zh,
        Lang::En => {
            let mut letters = noun.en.chars();
            letters
                .next()
                .map(|first| first.to_uppercase().chain(letters).collect())
                .unwrap_or_default()
        }
    }
}

pub(super) fn text(zh: &str, en: &str) -> Text {
    Text {
        zh: zh.to_owned(),
        en: en.to_owned(),
    }
}

pub(super) fn both(line: impl Fn(Lang) -> String) -> Text {
    Text {
        zh: line(Lang::Zh),
        en: line(Lang::En),
    }
}

fn nothing() -> Text {
    text("", "")
}
