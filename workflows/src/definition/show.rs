//! A definition for readers: tables in either language, and a diagram.

mod edges;
mod lots;
mod machine;
mod mermaid;
mod phrase;
mod svg;
mod table;
mod windows;

use std::cmp::Ordering;

use jiff::civil::Date;

use self::phrase::Phrases;
use self::table::Table;
use super::{
    Deadline, Definition, LadderStep, Lamps, Lang, Placement, Quote, Requirement, Stage, Target,
};

pub use self::machine::machine_svg;
pub use self::mermaid::mermaid;
pub use self::windows::windows_svg;

/// The definition as text: stages, rules with their sources, the calendar of deadlines, targets, ladder, and what no
/// rule computes. Columns are aligned for a terminal that shows Chinese letters two cells wide.
#[must_use]
pub fn show_text(definition: &Definition, lang: Lang) -> String {
    let show = Show {
        definition,
        phrases: Phrases { definition, lang },
        lang,
    };
    let mut out = show.head();
    for (title, table) in [
        (show.say("阶段", "Stages"), show.stages()),
        (show.say("条件", "Rules"), show.rules()),
        (show.say("期限", "Deadlines"), show.deadlines()),
        (show.say("派单", "Orders"), show.orders()),
        (show.say("目标", "Targets"), show.targets()),
        (show.say("督办", "Ladder"), show.ladder()),
        (show.say("不作计算", "Not computed"), show.not_computable()),
    ] {
        if !table.is_empty() {
            out.push_str(&format!("\n{title}\n{table}"));
        }
    }
    out
}

impl Definition {
    /// What a requirement asks, in one line: `同意户数 / 应征户数 ≥ 80%`.
    #[must_use]
    pub fn describe_requirement(&self, requirement: &Requirement, lang: Lang) -> String {
        Phrases {
            definition: self,
            lang,
        }
        .requirement(requirement)
    }

    /// When a deadline is due, in one line: `2021-03-31`, `进入“方案设计”后 30 个工作日`.
    #[must_use]
    pub fn describe_deadline(&self, deadline: &Deadline, lang: Lang) -> String {
        Phrases {
            definition: self,
            lang,
        }
        .due(deadline)
    }

    /// What a target wants and by when, in one line: `完工 ≥ 60%，2021-10-01`.
    #[must_use]
    pub fn describe_target(&self, target: &Target, lang: Lang) -> String {
        let phrases = Phrases {
            definition: self,
            lang,
        };
        let mut text = phrases.target(target);
        if let Some(due) = target.due {
            text.push_str(match lang {
                Lang::Zh => "，",
                Lang::En => ", ",
            });
            text.push_str(&phrases.day(due, target.bound));
        }
        text
    }

    /// When the lamps change, in one line: `逾期 1 个工作日亮黄灯，10 个工作日亮红灯`.
    #[must_use]
    pub fn describe_lamps(&self, lamps: &Lamps, lang: Lang) -> String {
        let phrases = Phrases {
            definition: self,
            lang,
        };
        let (yellow, red) = (
            phrases.days(lamps.yellow, lamps.kind),
            phrases.days(lamps.red, lamps.kind),
        );
        match lang {
            Lang::Zh => format!("逾期 {yellow}亮黄灯，{red}亮红灯"),
            Lang::En => format!("Yellow from {yellow} overdue, red from {red}"),
        }
    }

    /// When a step of the ladder is taken, and to whom it goes, in one line: `逾期 5 个工作日，发给责任单位`.
    #[must_use]
    pub fn describe_step(&self, step: &LadderStep, lang: Lang) -> String {
        let phrases = Phrases {
            definition: self,
            lang,
        };
        let (time, to) = (
            phrases.step_time(step.days, step.kind),
            phrases.addressees(&step.to),
        );
        match lang {
            Lang::Zh => format!("{time}，发给{to}"),
            Lang::En => format!("{time}, to {to}"),
        }
    }
}

struct Show<'a> {
    definition: &'a Definition,
    phrases: Phrases<'a>,
    lang: Lang,
}

impl<'a> Show<'a> {
    fn say(&self, zh: &'static str, en: &'static str) -> &'static str {
        match self.lang {
            Lang::Zh => zh,
            Lang::En => en,
        }
    }

    fn head(&self) -> String {
        let definition = self.definition;
        let mut out = format!("{}（{}）\n", definition.name.get(self.lang), definition.id);
        if self.lang == Lang::En {
            out = format!("{} ({})\n", definition.name.get(self.lang), definition.id);
        }
        if let Some(source) = &definition.source {
            let mut line = source.title.clone();
            for part in [
                source.issuer.clone(),
                source.issued.map(|day| day.to_string()),
            ]
            .into_iter()
            .flatten()
            {
                line.push_str(self.say("，", ", "));
                line.push_str(&part);
            }
            out.push_str(&format!("{}{line}\n", self.say("依据：", "Source: ")));
        }
        let year = match definition.year.as_ref().and_then(|year| year.value) {
            Some(year) if definition.year.as_ref().is_some_and(|year| year.assumed) => {
                format!("{year}{}", self.say("（假定）", " (assumed)"))
            }
            Some(year) => year.to_string(),
            None => self.say("未定", "not bound").to_owned(),
        };
        out.push_str(&format!("{}{year}\n", self.say("年度：", "Year: ")));
        out.push_str(&format!(
            "{}{}\n",
            self.say("摘要：", "Digest: "),
            definition.digest()
        ));
        out
    }

    /// All stages by order, whether or not they meet the same projects.
    fn in_order(&self) -> Vec<(&'a str, &'a Stage)> {
        let mut stages: Vec<_> = self
            .definition
            .stages
            .iter()
            .map(|(id, stage)| (id.as_str(), stage))
            .collect();
        stages.sort_by_key(|(id, stage)| (stage.order, *id));
        stages
    }

    fn stages(&self) -> Table {
        let mut table = Table::new([
            self.say("阶段", "stage"),
            "id",
            self.say("适用", "for"),
            self.say("下一步", "next"),
            self.say("可退回", "back to"),
            self.say("责任单位", "responsible"),
        ]);
        for (id, stage) in self.in_order() {
            let returns: Vec<&str> = stage
                .returns
                .keys()
                .map(|id| self.phrases.stage(id))
                .collect();
            let units: Vec<String> = stage
                .responsible
                .values()
                .map(|responsible| format!("{} [{}]", responsible.unit, responsible.role))
                .collect();
            table.row([
                stage.name.get(self.lang).to_owned(),
                id.to_owned(),
                self.phrases.applies(&stage.applies),
                self.next(id, stage),
                self.phrases.list(&returns),
                self.phrases.list(&units),
            ]);
        }
        table
    }

    fn next(&self, id: &str, stage: &Stage) -> String {
        let mut next: Vec<&str> = if stage.next.is_empty() {
            // Which stage is the next one depends on the project; its track is what differs in practice.
            placements(self.definition)
                .iter()
                .filter(|placement| self.definition.applies(&stage.applies, placement))
                .flat_map(|placement| self.definition.next_stages(id, placement))
                .collect()
        } else {
            stage.next.iter().map(String::as_str).collect()
        };
        next.sort_by_key(|id| {
            self.definition
                .stages
                .get(*id)
                .map_or(u32::MAX, |stage| stage.order)
        });
        next.dedup();
        let names: Vec<&str> = next.into_iter().map(|id| self.phrases.stage(id)).collect();
        self.phrases.list(&names)
    }

    fn rules(&self) -> Table {
        let mut table = Table::new([
            self.say("阶段", "stage"),
            self.say("条件", "rule"),
            "id",
            self.say("内容", "asks"),
            self.say("适用", "for"),
            self.say("依据", "source"),
        ]);
        for (_, stage) in self.in_order() {
            for (id, requirement) in &stage.exit {
                let mut asks = self.phrases.requirement(requirement);
                asks.push_str(&self.phrases.per_lot(stage, requirement));
                if !requirement.severity.is_block() {
                    asks.push_str(self.say("（仅提示）", " (warns only)"));
                }
                table.row([
                    stage.name.get(self.lang).to_owned(),
                    requirement.name.get(self.lang).to_owned(),
                    id.clone(),
                    asks,
                    self.phrases.applies(&requirement.applies),
                    self.source(requirement.quote.as_ref(), requirement.source.as_deref()),
                ]);
            }
        }
        table
    }

    fn deadlines(&self) -> Table {
        let mut table = Table::new([
            self.say("期限", "due"),
            self.say("阶段", "stage"),
            self.say("事项", "what"),
            "id",
            self.say("起始", "from"),
            self.say("适用", "for"),
            self.say("依据", "source"),
        ]);
        let year = self.definition.year.as_ref().and_then(|year| year.value);
        let mut all: Vec<(Option<Date>, &Stage, &str, &Deadline)> = self
            .in_order()
            .into_iter()
            .flat_map(|(_, stage)| {
                stage
                    .deadlines
                    .iter()
                    .map(move |(id, deadline)| (stage, id, deadline))
            })
            .map(|(stage, id, deadline)| {
                let due = deadline.due.on.and_then(|on| on.last_day(year));
                (
                    due.map(|due| deadline.bound.last_day(due)),
                    stage,
                    id.as_str(),
                    deadline,
                )
            })
            .collect();
        // Known days first, in order; what counts from an event after them, by stage.
        all.sort_by(|(a, ..), (b, ..)| match (a, b) {
            (Some(a), Some(b)) => a.cmp(b),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => Ordering::Equal,
        });
        for (_, stage, id, deadline) in all {
            table.row([
                self.phrases.due(deadline),
                stage.name.get(self.lang).to_owned(),
                if deadline.per_lot && self.definition.lots.is_some() {
                    deadline.name.get(self.lang).to_owned() + &self.phrases.each_lot()
                } else {
                    deadline.name.get(self.lang).to_owned()
                },
                id.to_owned(),
                deadline
                    .from
                    .map(|from| {
                        from.first_day(year)
                            .map_or(from.to_string(), |day| day.to_string())
                    })
                    .unwrap_or_default(),
                self.phrases.applies(&deadline.applies),
                self.source(deadline.quote.as_ref(), deadline.source.as_deref()),
            ]);
        }
        table
    }

    fn orders(&self) -> Table {
        let mut table = Table::new([
            self.say("事项", "about"),
            "id",
            self.say("期限", "due"),
            self.say("依据", "source"),
        ]);
        if let Some(orders) = &self.definition.orders {
            let within = orders
                .within
                .as_ref()
                .map(|within| self.phrases.days(within.days, within.kind))
                .unwrap_or_default();
            for (id, about) in &orders.about {
                table.row([
                    about.name.get(self.lang).to_owned(),
                    id.clone(),
                    within.clone(),
                    self.source(
                        about.quote.as_ref().or(orders.quote.as_ref()),
                        about.source.as_deref().or(orders.source.as_deref()),
                    ),
                ]);
            }
        }
        table
    }

    fn targets(&self) -> Table {
        let mut table = Table::new([
            self.say("目标", "target"),
            self.say("要求", "wants"),
            self.say("期限", "due"),
            self.say("适用", "for"),
            self.say("依据", "source"),
        ]);
        for target in self.definition.targets.values() {
            table.row([
                target.name.get(self.lang).to_owned(),
                self.phrases.target(target),
                target
                    .due
                    .map(|due| self.phrases.day(due, target.bound))
                    .unwrap_or_default(),
                self.phrases.applies(&target.applies),
                self.source(target.quote.as_ref(), target.source.as_deref()),
            ]);
        }
        table
    }

    fn ladder(&self) -> Table {
        let mut table = Table::new([
            self.say("级", "step"),
            self.say("名称", "name"),
            self.say("时间", "when"),
            self.say("发给", "to"),
            self.say("回复", "reply"),
            self.say("签发", "signed"),
        ]);
        let mut steps: Vec<&LadderStep> = self.definition.ladder.values().collect();
        steps.sort_by_key(|step| step.step);
        for step in steps {
            table.row([
                step.step.to_string(),
                step.name.get(self.lang).to_owned(),
                self.phrases.step_time(step.days, step.kind),
                self.phrases.addressees(&step.to),
                step.reply_days
                    .map(|days| self.phrases.days(days, crate::calendar::DayKind::Working))
                    .unwrap_or_default(),
                if step.signed {
                    self.say("人工", "by a human").to_owned()
                } else {
                    String::new()
                },
            ]);
        }
        table
    }

    fn not_computable(&self) -> Table {
        let mut table = Table::new([
            self.say("事项", "what"),
            self.say("原因", "why"),
            self.say("依据", "source"),
        ]);
        for entry in self.definition.not_computable.values() {
            table.row([
                entry.name.get(self.lang).to_owned(),
                entry.reason.clone(),
                entry.quote.joined(),
            ]);
        }
        table
    }

    /// The words of the text, else the law.
    fn source(&self, quote: Option<&Quote>, source: Option<&str>) -> String {
        match (quote, source) {
            (Some(quote), Some(source)) => format!("“{}” {source}", quote.joined()),
            (Some(quote), None) => format!("“{}”", quote.joined()),
            (None, Some(source)) => source.to_owned(),
            (None, None) => String::new(),
        }
    }
}

/// One project of each track, and one of none.
fn placements(definition: &Definition) -> Vec<Placement> {
    definition
        .tracks
        .keys()
        .map(|track| Some(track.clone()))
        .chain([None])
        .map(|track| Placement {
            track,
            ..Placement::default()
        })
        .collect()
}
