//! The machine as a picture: stages from top to bottom, ways forward between them or on the right, ways back on the
//! left, the due days in each stage.

mod side;

use std::collections::BTreeMap;

use super::super::{Deadline, Definition, Lang, Stage};
use super::edges::edges;
use super::phrase::Phrases;
use super::svg::{Anchor, Canvas, Style, ink, width, wrapped};
use side::{Row, SideWay, lanes, side_width, widest};

/// The box of a stage.
const BOX: f64 = 540.0;
/// Inside a box, to its text.
const PAD: f64 = 18.0;
/// From one box to the next: room for an arrow and what it demands.
const GAP: f64 = 52.0;
/// Around everything.
const MARGIN: f64 = 28.0;
/// The most characters' worth of lines that a name, and the due days of a stage, may take.
const MAX_LINES: usize = 3;
/// Nothing wider is drawn: so many ways at one side read as none.
const MAX_LANES: usize = 40;

/// The machine of a definition as an SVG picture with both names of every stage; everything else in `lang`. The same
/// definition gives the same bytes.
#[must_use]
pub fn machine_svg(definition: &Definition, lang: Lang) -> String {
    Machine {
        definition,
        phrases: Phrases { definition, lang },
        lang,
        canvas: Canvas::new(),
    }
    .draw()
}

struct Machine<'a> {
    definition: &'a Definition,
    phrases: Phrases<'a>,
    lang: Lang,
    canvas: Canvas,
}

/// What a stage's box holds, in lines.
struct Card {
    name: Vec<String>,
    other: Vec<String>,
    tag: Vec<String>,
    units: Vec<String>,
    due: Vec<(Vec<String>, Vec<String>)>,
}

const NAME: Style = Style::new(18.0, ink::TEXT).bold();
const OTHER: Style = Style::new(12.5, ink::SOFT);
const TAG: Style = Style::new(12.0, ink::SOFT);
const DUE: Style = Style::new(12.5, ink::DUE).bold();
const WHAT: Style = Style::new(12.5, ink::TEXT);
/// The widest due day in a box.
const DUE_WIDTH: f64 = 190.0;

impl<'a> Machine<'a> {
    fn say(&self, zh: &'static str, en: &'static str) -> &'static str {
        match self.lang {
            Lang::Zh => zh,
            Lang::En => en,
        }
    }

    fn draw(mut self) -> String {
        let definition = self.definition;
        let stages = {
            let mut stages: Vec<(&str, &Stage)> = definition
                .stages
                .iter()
                .map(|(id, stage)| (id.as_str(), stage))
                .collect();
            stages.sort_by_key(|(id, stage)| (stage.order, *id));
            stages
        };
        // Row 0 is the beginning, then the stages, then the end.
        let place: BTreeMap<&str, usize> = stages
            .iter()
            .enumerate()
            .map(|(index, (id, _))| (*id, index + 1))
            .collect();
        let end = stages.len() + 1;
        let mut direct: BTreeMap<usize, Option<String>> = BTreeMap::new();
        let mut forward = Vec::new();
        for edge in edges(definition) {
            let from = edge.from.map_or(Some(0), |id| place.get(id).copied());
            let to = edge.to.map_or(Some(end), |id| place.get(id).copied());
            let (Some(from), Some(to)) = (from, to) else {
                continue;
            };
            let who = edge.who(definition, self.lang);
            if to == from + 1 {
                direct.insert(from, who);
            } else if to > from {
                let stage = from.checked_sub(1).map(|before| stages[before].1);
                let label = [stage.map(|stage| self.demands(Some(stage))), who]
                    .into_iter()
                    .flatten()
                    .collect::<Vec<_>>()
                    .join(self.say("：", ": "));
                forward.push((from, to, label));
            }
        }
        let forward: Vec<SideWay> = forward
            .into_iter()
            .take(MAX_LANES)
            .enumerate()
            .map(|(index, (from, to, label))| SideWay {
                from,
                to,
                label,
                colour: ink::WAYS[index % ink::WAYS.len()],
            })
            .collect();
        let mut backward: Vec<SideWay> = Vec::new();
        for (id, stage) in &stages {
            for (back, rule) in &stage.returns {
                if let (Some(from), Some(to)) = (place.get(id), place.get(back.as_str())) {
                    backward.push(SideWay {
                        from: *from,
                        to: *to,
                        label: rule.name.get(self.lang).to_owned(),
                        colour: ink::BACK,
                    });
                }
            }
        }
        backward.truncate(MAX_LANES);
        let (left_lanes, left_count) = lanes(&backward);
        let (right_lanes, right_count) = lanes(&forward);
        let left_label = widest(&backward);
        let right_label = widest(&forward);
        let left = MARGIN + side_width(left_count, left_label);
        let right = left + BOX;
        let total = right + side_width(right_count, right_label) + MARGIN;

        let mut y = self.head(left.min(MARGIN), total - 2.0 * MARGIN);
        let middle = left + BOX / 2.0;
        let mut rows = vec![self.pill(middle, y, self.say("开始", "Start"))];
        y += rows[0].height;
        for (index, (id, stage)) in stages.iter().enumerate() {
            let demands = self.demands(index.checked_sub(1).map(|before| stages[before].1));
            let demands = direct.contains_key(&index).then_some(demands);
            y += GAP;
            let card = self.card(stage);
            let row = self.stage(id, index + 1, &card, left, y);
            let who = direct.get(&index).cloned();
            let before = rows[index].top + rows[index].height;
            self.forward(middle, before, y, who, demands);
            y += row.height;
            rows.push(row);
        }
        y += GAP;
        let row = self.pill(middle, y, self.say("结束", "End"));
        let before = rows[end - 1].top + rows[end - 1].height;
        let demands = self.demands(stages.last().map(|(_, stage)| *stage));
        if let Some(who) = direct.get(&(end - 1)) {
            self.forward(middle, before, y, Some(who.clone()), Some(demands));
        }
        y += row.height;
        rows.push(row);

        side::draw(
            &mut self.canvas,
            &forward,
            &right_lanes,
            right_count,
            &mut rows,
            1,
        );
        side::draw(
            &mut self.canvas,
            &backward,
            &left_lanes,
            left_count,
            &mut rows,
            0,
        );
        let (title, description) = self.told(&stages);
        self.canvas
            .finish("machine", (total, y + MARGIN), &title, &description)
    }

    /// The programme's name and where it comes from; the y below.
    fn head(&mut self, x: f64, room: f64) -> f64 {
        let definition = self.definition;
        let (first, second) = match self.lang {
            Lang::Zh => (&definition.name.zh, &definition.name.en),
            Lang::En => (&definition.name.en, &definition.name.zh),
        };
        let title = Style::new(22.0, ink::BRAND).bold();
        let mut y = MARGIN + 20.0;
        y = self
            .canvas
            .lines((x, y), title, 28.0, &wrapped(first, 22.0, room, 3));
        let under = Style::new(14.0, ink::SOFT);
        y -= 6.0;
        y = self
            .canvas
            .lines((x, y), under, 20.0, &wrapped(second, 14.0, room, 2));
        let mut about = Vec::new();
        if let Some(source) = &definition.source {
            about.push(source.title.clone());
            about.extend(source.issuer.clone());
            about.extend(source.issued.map(|day| day.to_string()));
        }
        let digest: String = definition.digest().chars().take(12).collect();
        about.push(format!("{}@{digest}", definition.id));
        let about = about.join(" · ");
        let small = Style::new(12.0, ink::SOFT);
        y = self
            .canvas
            .lines((x, y), small, 18.0, &wrapped(&about, 12.0, room, 3));
        y + 10.0
    }

    fn pill(&mut self, middle: f64, top: f64, label: &str) -> Row {
        const HEIGHT: f64 = 30.0;
        let half = width(label, 13.0) / 2.0 + 20.0;
        self.canvas.rect(
            (middle - half, top),
            (half * 2.0, HEIGHT),
            HEIGHT / 2.0,
            ink::BRAND,
            None,
        );
        let style = Style::new(13.0, ink::PAPER).bold().at(Anchor::Middle);
        self.canvas.text((middle, top + 20.0), style, label);
        Row {
            top,
            height: HEIGHT,
            left: middle - half,
            right: middle + half,
            tied: [0, 0],
        }
    }

    fn card(&self, stage: &Stage) -> Card {
        let room = BOX - 2.0 * PAD - 40.0;
        let (name, other) = match self.lang {
            Lang::Zh => (&stage.name.zh, &stage.name.en),
            Lang::En => (&stage.name.en, &stage.name.zh),
        };
        let applies = self.phrases.applies(&stage.applies);
        let tag = if applies.is_empty() {
            Vec::new()
        } else {
            let text = format!("{}{applies}", self.say("仅适用：", "Only for: "));
            wrapped(&text, TAG.size, room, MAX_LINES)
        };
        let units: Vec<&str> = {
            let mut units: Vec<&str> = Vec::new();
            for responsible in stage.responsible.values() {
                if responsible.role == "lead" && !units.contains(&responsible.unit.as_str()) {
                    units.push(&responsible.unit);
                }
            }
            units
        };
        let units = if units.is_empty() {
            Vec::new()
        } else {
            let text = format!(
                "{}{}",
                self.say("责任单位：", "Responsible: "),
                self.phrases.list(&units)
            );
            wrapped(&text, TAG.size, room, MAX_LINES)
        };
        let year = self.definition.year.as_ref().and_then(|year| year.value);
        let mut deadlines: Vec<&Deadline> = stage.deadlines.values().collect();
        // Known days first, in their order; the sort keeps the order of ids otherwise.
        deadlines.sort_by_key(|deadline| {
            let day = deadline.due.on.and_then(|on| on.last_day(year));
            (day.is_none(), day.map(|day| deadline.bound.last_day(day)))
        });
        let due = deadlines
            .into_iter()
            .map(|deadline| {
                let mut name = deadline.name.get(self.lang).to_owned();
                let applies = self.phrases.applies(&deadline.applies);
                if !applies.is_empty() {
                    name.push_str(&match self.lang {
                        Lang::Zh => format!("（{applies}）"),
                        Lang::En => format!(" ({applies})"),
                    });
                }
                (
                    wrapped(&self.phrases.due(deadline), DUE.size, DUE_WIDTH, MAX_LINES),
                    wrapped(&name, WHAT.size, room - DUE_WIDTH - 14.0, MAX_LINES),
                )
            })
            .collect();
        Card {
            name: wrapped(name, NAME.size, room - 60.0, 2),
            other: wrapped(other, OTHER.size, room - 60.0, 2),
            tag,
            units,
            due,
        }
    }

    /// Draws a stage's box with its top at `top`.
    fn stage(&mut self, id: &str, number: usize, card: &Card, left: f64, top: f64) -> Row {
        const LEADING: f64 = 18.0;
        let lines = |count: usize, leading: f64| leading * count as f64;
        let head = 16.0
            + lines(card.name.len(), 23.0)
            + lines(card.other.len(), 17.0)
            + lines(card.tag.len() + card.units.len(), LEADING);
        let due: f64 = card
            .due
            .iter()
            .map(|(day, what)| lines(day.len().max(what.len()).max(1), LEADING) + 4.0)
            .sum();
        let due = if card.due.is_empty() { 0.0 } else { due + 18.0 };
        let height = head + 12.0 + due;
        self.canvas
            .rect((left, top), (BOX, height), 8.0, ink::PAPER, Some(ink::LINE));
        self.canvas
            .rect((left, top), (5.0, height), 2.5, ink::BRAND, None);
        let x = left + PAD + 40.0;
        let mut y = top + 30.0;
        self.canvas
            .circle((left + PAD + 16.0, top + 28.0), 15.0, ink::BRAND);
        self.canvas.text(
            (left + PAD + 16.0, top + 33.0),
            Style::new(14.0, ink::PAPER).bold().at(Anchor::Middle),
            &number.to_string(),
        );
        self.canvas.text(
            (left + BOX - PAD, top + 30.0),
            Style::new(11.5, ink::SOFT).at(Anchor::End),
            &clipped(id, 11.5, 190.0),
        );
        // The id stands at the right of the first line: a long name goes around it by its width.
        y = self.canvas.lines((x, y), NAME, 23.0, &card.name);
        y -= 4.0;
        y = self.canvas.lines((x, y), OTHER, 17.0, &card.other);
        y += 2.0;
        y = self.canvas.lines((x, y), TAG, LEADING, &card.tag);
        self.canvas.lines((x, y), TAG, LEADING, &card.units);
        if !card.due.is_empty() {
            let mut y = top + head + 8.0;
            self.canvas.rect(
                (x - 8.0, y),
                (BOX - PAD - 40.0 - PAD + 12.0, due - 8.0),
                5.0,
                ink::DUE_GROUND,
                None,
            );
            y += 18.0;
            for (day, what) in &card.due {
                self.canvas.lines((x, y), DUE, LEADING, day);
                let beside = (x + DUE_WIDTH + 14.0, y);
                self.canvas.lines(beside, WHAT, LEADING, what);
                y += lines(day.len().max(what.len()).max(1), LEADING) + 4.0;
            }
        }
        Row {
            top,
            height,
            left,
            right: left + BOX,
            tied: [0, 0],
        }
    }

    /// What leaving a stage forward demands: the number of its rules.
    fn demands(&self, stage: Option<&Stage>) -> String {
        let Some(stage) = stage else {
            return String::new();
        };
        let all = stage.exit.len();
        let warn = stage
            .exit
            .values()
            .filter(|rule| !rule.severity.is_block())
            .count();
        match (self.lang, all, warn) {
            (Lang::Zh, 0, _) => "无条件".into(),
            (Lang::Zh, _, 0) => format!("{all} 项条件"),
            (Lang::Zh, ..) => format!("{all} 项条件，其中 {warn} 项仅提示"),
            (Lang::En, 0, _) => "no requirement".into(),
            (Lang::En, 1, 0) => "1 requirement".into(),
            (Lang::En, _, 0) => format!("{all} requirements"),
            (Lang::En, 1, _) => "1 requirement, it only warns".into(),
            (Lang::En, _, 1) => format!("{all} requirements, 1 only warns"),
            (Lang::En, ..) => format!("{all} requirements, {warn} only warn"),
        }
    }

    /// The arrow from one box down to the next. `who`: `None` if nobody goes this way.
    fn forward(
        &mut self,
        x: f64,
        from: f64,
        to: f64,
        who: Option<Option<String>>,
        demands: Option<String>,
    ) {
        let Some(who) = who else { return };
        self.canvas.arrow(&[(x, from), (x, to)], ink::BRAND, false);
        let middle = (from + to) / 2.0 + 4.0;
        if let Some(demands) = demands {
            self.canvas.text(
                (x + 14.0, middle),
                Style::new(13.0, ink::BRAND).bold(),
                &demands,
            );
        }
        if let Some(who) = who {
            let lines = wrapped(&who, 12.0, BOX / 2.0 - 24.0, 2);
            let first = middle - (lines.len().saturating_sub(1)) as f64 * 8.0;
            let style = Style::new(12.0, ink::SOFT).at(Anchor::End);
            self.canvas.lines((x - 14.0, first), style, 16.0, &lines);
        }
    }

    fn told(&self, stages: &[(&str, &Stage)]) -> (String, String) {
        let name = self.definition.name.get(self.lang);
        let parts: Vec<String> = stages
            .iter()
            .enumerate()
            .map(|(index, (_, stage))| {
                let due: Vec<String> = stage
                    .deadlines
                    .values()
                    .map(|deadline| {
                        format!(
                            "{} {}",
                            self.phrases.due(deadline),
                            deadline.name.get(self.lang)
                        )
                    })
                    .collect();
                let mut text = format!(
                    "{}. {} ({})",
                    index + 1,
                    stage.name.get(self.lang),
                    self.demands(Some(stage))
                );
                if !due.is_empty() {
                    text.push_str(self.say("：", ": "));
                    text.push_str(&due.join(self.say("、", ", ")));
                }
                text
            })
            .collect();
        let title = match self.lang {
            Lang::Zh => format!("{name}：流程图"),
            Lang::En => format!("{name}: the stages"),
        };
        (title, parts.join(self.say("；", "; ")))
    }
}

fn clipped(text: &str, size: f64, limit: f64) -> String {
    wrapped(text, size, limit, 1).pop().unwrap_or_default()
}
