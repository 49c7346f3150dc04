//! The calendar of a programme as a picture: a band of months, a bar for each window, and below it what is counted from
//! an event.

use jiff::civil::Date;

use super::super::{Deadline, Definition, Lang, Stage};
use super::phrase::Phrases;
use super::svg::{Anchor, Canvas, Style, ink, width, wrapped};

const MARGIN: f64 = 28.0;
/// What is due, on the left.
const WHAT: f64 = 300.0;
/// The band of months.
const BAND: f64 = 600.0;
/// The due day, on the right.
const DUE: f64 = 200.0;
/// The most months that are named one by one.
const NAMED: i32 = 16;
/// The most months of which each quarter is named; of more, each year.
const BY_QUARTER: i32 = 48;
/// The most months of a band: a rule that lies further out is listed below.
const LONGEST: i32 = 120;

/// The windows of a definition as an SVG picture, in `lang`. Days of a year that is not bound cannot be drawn and are
/// listed. The same definition gives the same bytes.
#[must_use]
pub fn windows_svg(definition: &Definition, lang: Lang) -> String {
    let phrases = Phrases { definition, lang };
    let mut windows = Windows {
        definition,
        phrases,
        lang,
        canvas: Canvas::new(),
    };
    let (bars, listed) = windows.sorted();
    windows.draw(&bars, &listed)
}

/// A window with known days.
struct Bar {
    name: String,
    stage: String,
    from: Option<Date>,
    /// The last permitted day; `None` for what only begins.
    last: Option<Date>,
    due: String,
}

/// What has no day yet.
struct Listed {
    name: String,
    stage: String,
    due: String,
}

struct Windows<'a> {
    definition: &'a Definition,
    phrases: Phrases<'a>,
    lang: Lang,
    canvas: Canvas,
}

/// Months since year 0.
fn month(day: Date) -> i32 {
    i32::from(day.year()) * 12 + i32::from(day.month()) - 1
}

impl Windows<'_> {
    fn say(&self, zh: &'static str, en: &'static str) -> &'static str {
        match self.lang {
            Lang::Zh => zh,
            Lang::En => en,
        }
    }

    /// The windows with days by day, and the others by stage.
    fn sorted(&self) -> (Vec<Bar>, Vec<Listed>) {
        let year = self.definition.year.as_ref().and_then(|year| year.value);
        let mut stages: Vec<(&String, &Stage)> = self.definition.stages.iter().collect();
        stages.sort_by_key(|(id, stage)| (stage.order, *id));
        let mut bars = Vec::new();
        let mut listed = Vec::new();
        for (_, stage) in stages {
            let place = stage.name.get(self.lang).to_owned();
            for deadline in stage.deadlines.values() {
                let last = deadline.due.on.and_then(|on| on.last_day(year));
                let name = self.name(deadline);
                let due = self.phrases.due(deadline);
                match last {
                    Some(last) => bars.push(Bar {
                        name,
                        stage: place.clone(),
                        from: deadline.from.and_then(|from| from.first_day(year)),
                        last: Some(deadline.bound.last_day(last)),
                        due,
                    }),
                    None => listed.push(Listed {
                        name,
                        stage: place.clone(),
                        due,
                    }),
                }
            }
            for rule in stage.exit.values() {
                let Some(not_before) = &rule.not_before else {
                    continue;
                };
                let due = self.phrases.requirement(rule);
                let name = rule.name.get(self.lang).to_owned();
                match not_before.day.first_day(year) {
                    Some(first) => bars.push(Bar {
                        name,
                        stage: place.clone(),
                        from: Some(first),
                        last: None,
                        due,
                    }),
                    None => listed.push(Listed {
                        name,
                        stage: place.clone(),
                        due,
                    }),
                }
            }
        }
        for target in self.definition.targets.values() {
            let Some(day) = target.due else { continue };
            let name = target.name.get(self.lang).to_owned();
            let stage = self.say("目标", "Target").to_owned();
            let due = self.phrases.day(day, target.bound);
            match day.last_day(year) {
                Some(last) => bars.push(Bar {
                    name,
                    stage,
                    from: None,
                    last: Some(target.bound.last_day(last)),
                    due,
                }),
                None => listed.push(Listed { name, stage, due }),
            }
        }
        bars.sort_by_key(|bar| (bar.last.or(bar.from), bar.from));
        (bars, listed)
    }

    fn name(&self, deadline: &Deadline) -> String {
        let mut name = deadline.name.get(self.lang).to_owned();
        let applies = self.phrases.applies(&deadline.applies);
        if !applies.is_empty() {
            name.push_str(&match self.lang {
                Lang::Zh => format!("（{applies}）"),
                Lang::En => format!(" ({applies})"),
            });
        }
        name
    }

    fn draw(&mut self, bars: &[Bar], listed: &[Listed]) -> String {
        let total = MARGIN + WHAT + BAND + DUE + MARGIN;
        let title = match self.lang {
            Lang::Zh => format!("{}：时间安排", self.definition.name.zh),
            Lang::En => format!("{}: the calendar", self.definition.name.en),
        };
        let mut y = MARGIN + 16.0;
        y = self.canvas.lines(
            (MARGIN, y),
            Style::new(18.0, ink::BRAND).bold(),
            26.0,
            &wrapped(&title, 18.0, total - 2.0 * MARGIN, 2),
        );
        if bars.is_empty() && listed.is_empty() {
            let none = self.say("没有写期限。", "No day is set.");
            self.canvas
                .text((MARGIN, y), Style::new(13.0, ink::SOFT), none);
            y += 24.0;
        }
        if !bars.is_empty() {
            y = self.band(bars, y);
        }
        if !listed.is_empty() {
            y = self.list(listed, y + 10.0);
        }
        let told: Vec<String> = bars
            .iter()
            .map(|bar| format!("{} {}", bar.due, bar.name))
            .chain(listed.iter().map(|row| format!("{} {}", row.due, row.name)))
            .collect();
        let told = told.join(self.say("；", "; "));
        std::mem::replace(&mut self.canvas, Canvas::new()).finish(
            "windows",
            (total, y + MARGIN),
            &title,
            &told,
        )
    }

    fn band(&mut self, bars: &[Bar], top: f64) -> f64 {
        let days = || bars.iter().flat_map(|bar| [bar.from, bar.last]).flatten();
        let (Some(earliest), Some(latest)) = (days().min(), days().max()) else {
            return top;
        };
        let first = month(earliest);
        let last = month(latest).min(first + LONGEST - 1);
        let months = (last - first + 1).max(3);
        let step = BAND / f64::from(months);
        let left = MARGIN + WHAT;
        let at = |day: Date, end: bool| {
            let within =
                f64::from(i32::from(day.day()) - i32::from(!end)) / f64::from(day.days_in_month());
            let x = left + (f64::from(month(day) - first) + within) * step;
            x.clamp(left, left + BAND)
        };
        // The heads: years, and months where there is room for them.
        let every = if months <= NAMED {
            1
        } else if months <= BY_QUARTER {
            3
        } else {
            12
        };
        let mut rows: Vec<(f64, f64)> = Vec::new();
        let mut y = top + 34.0;
        let name = Style::new(12.5, ink::TEXT);
        let small = Style::new(11.0, ink::SOFT);
        let mut texts = Vec::new();
        for bar in bars {
            let lines = wrapped(&bar.name, name.size, WHAT - 20.0, 3);
            let due = wrapped(&bar.due, 12.0, DUE - 14.0, 3);
            let height = (17.0 * lines.len() as f64 + 15.0).max(16.0 * due.len() as f64) + 12.0;
            rows.push((y, height));
            y += height;
            texts.push((lines, due));
        }
        let bottom = y;
        for (index, (row, height)) in rows.iter().enumerate() {
            if index % 2 == 0 {
                self.canvas.rect(
                    (MARGIN - 8.0, *row),
                    (WHAT + BAND + DUE + 16.0, *height),
                    0.0,
                    ink::GROUND,
                    None,
                );
            }
        }
        for index in 0..=months {
            let x = left + f64::from(index) * step;
            let calendar = first + index;
            let new_year = calendar.rem_euclid(12) == 0;
            let named = index < months && (calendar.rem_euclid(12)) % every == 0;
            if named || new_year || index == 0 || index == months {
                let stroke = if new_year { ink::LINE } else { ink::HAIR };
                self.canvas.line((x, top + 20.0), (x, bottom), stroke, 1.0);
            }
            if index == months {
                continue;
            }
            if (new_year || index == 0) && (f64::from(months - index) * step > 34.0) {
                self.canvas.text(
                    (x + 3.0, top + 10.0),
                    Style::new(12.0, ink::BRAND).bold(),
                    &calendar.div_euclid(12).to_string(),
                );
            }
            if named && every < 12 {
                let label = calendar.rem_euclid(12) + 1;
                let label = match self.lang {
                    Lang::Zh => format!("{label}月"),
                    Lang::En => MONTHS
                        .get(usize::try_from(label - 1).unwrap_or(0))
                        .copied()
                        .unwrap_or_default()
                        .to_owned(),
                };
                if width(&label, 11.0) + 4.0 <= step * f64::from(every) {
                    self.canvas.text((x + 3.0, top + 27.0), small, &label);
                }
            }
        }
        for ((bar, (lines, due)), (row, height)) in bars.iter().zip(&texts).zip(&rows) {
            let y = self.canvas.lines((MARGIN, row + 18.0), name, 17.0, lines);
            self.canvas.text((MARGIN, y - 2.0), small, &bar.stage);
            let middle = row + height / 2.0;
            match (bar.from, bar.last) {
                (Some(from), Some(last)) => {
                    let (x, end) = (at(from, false), at(last, true));
                    self.canvas.rect(
                        (x, middle - 6.0),
                        ((end - x).max(3.0), 12.0),
                        3.0,
                        "#9db9d6",
                        None,
                    );
                    self.diamond(end, middle);
                }
                (None, Some(last)) => {
                    let end = at(last, true);
                    self.canvas
                        .line((left, middle), (end, middle), ink::LINE, 1.5);
                    self.diamond(end, middle);
                }
                (Some(from), None) => {
                    let x = at(from, false);
                    self.canvas.arrow(
                        &[(x, middle), ((x + 46.0).min(left + BAND + 8.0), middle)],
                        ink::WAYS[0],
                        false,
                    );
                    self.canvas
                        .line((x, middle - 7.0), (x, middle + 7.0), ink::WAYS[0], 2.0);
                }
                (None, None) => {}
            }
            let style = Style::new(12.0, ink::DUE).bold();
            let first = middle + 4.0 - (due.len().saturating_sub(1)) as f64 * 8.0;
            self.canvas
                .lines((left + BAND + 14.0, first), style, 16.0, due);
        }
        bottom
    }

    fn diamond(&mut self, x: f64, y: f64) {
        self.canvas.circle((x, y), 6.0, ink::PAPER);
        self.canvas.circle((x, y), 4.5, ink::DUE);
    }

    fn list(&mut self, listed: &[Listed], top: f64) -> f64 {
        let mut y = top + 20.0;
        let head = self.say(
            "从事件起算，或年度未定",
            "Counted from an event, or of a year not bound",
        );
        self.canvas
            .text((MARGIN, y), Style::new(13.5, ink::BRAND).bold(), head);
        y += 22.0;
        for row in listed {
            let name = format!("{} · {}", row.stage, row.name);
            let what = wrapped(&name, 12.5, WHAT + 60.0, 3);
            let due = wrapped(&row.due, 12.5, BAND + DUE - 90.0, 3);
            self.canvas
                .lines((MARGIN, y), Style::new(12.5, ink::TEXT), 17.0, &what);
            self.canvas.lines(
                (MARGIN + WHAT + 80.0, y),
                Style::new(12.5, ink::DUE).bold().at(Anchor::Start),
                17.0,
                &due,
            );
            y += 17.0 * what.len().max(due.len()).max(1) as f64 + 6.0;
        }
        y
    }
}

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];
