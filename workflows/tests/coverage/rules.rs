//! The rules of a programme with their words, and which of them cover an entry.

use anju_workflows::definition::{
    Definition, Due, PlanDay, Quote, Requirement, Target, parse_builtin,
};

use super::seeds::Entry;

/// A programme of this build.
pub(crate) struct Programme {
    pub(crate) definition: Definition,
    rules: Vec<Rule>,
}

/// A rule that quotes the text.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    /// `requirement`, `deadline`, `target` …
    pub(crate) kind: &'static str,
    /// Its id.
    pub(crate) id: String,
    quotes: Vec<String>,
    /// Its days, shares and periods.
    figures: Vec<String>,
}

impl Rule {
    pub(crate) fn name(&self) -> String {
        format!("{} `{}`", self.kind, self.id)
    }

    pub(crate) fn is_not_computable(&self) -> bool {
        self.kind == "not computable"
    }
}

/// Without blanks: a text may be broken where a quote is not.
fn plain(text: &str) -> String {
    text.chars()
        .filter(|letter| !letter.is_whitespace())
        .collect()
}

impl Programme {
    pub(crate) fn of(id: &str) -> Self {
        let definition = parse_builtin(id).unwrap().definition;
        let mut rules = Vec::new();
        let mut add =
            |kind: &'static str, id: &str, quote: Option<&Quote>, figures: Vec<String>| {
                let quotes = match quote {
                    None => return,
                    Some(Quote::One(one)) => vec![plain(one)],
                    Some(Quote::Many(many)) => many.iter().map(|quote| plain(quote)).collect(),
                };
                rules.push(Rule {
                    kind,
                    id: id.to_owned(),
                    quotes,
                    figures,
                });
            };
        let none = Vec::new;
        for (id, area) in &definition.areas {
            add("area", id, area.quote.as_ref(), none());
        }
        for (id, track) in &definition.tracks {
            add("track", id, track.quote.as_ref(), none());
        }
        for (id, fact) in &definition.facts {
            add("fact", id, fact.quote.as_ref(), none());
        }
        let year = definition.year.as_ref().and_then(|year| year.value);
        for (stage_id, stage) in &definition.stages {
            add("stage", stage_id, stage.quote.as_ref(), none());
            for (id, back) in &stage.returns {
                add(
                    "return",
                    &format!("{stage_id} to {id}"),
                    back.quote.as_ref(),
                    none(),
                );
            }
            for (id, unit) in &stage.responsible {
                add(
                    "responsible",
                    &format!("{stage_id}.{id}"),
                    unit.quote.as_ref(),
                    none(),
                );
            }
            for (id, deadline) in &stage.deadlines {
                let mut figures = days_of(&deadline.due, year);
                if let Some(from) = &deadline.from {
                    figures.push(from.to_string());
                    figures.extend(from.first_day(year).map(|day| day.to_string()));
                    figures.extend(from.last_day(year).map(|day| day.to_string()));
                }
                let last = deadline.due.on.and_then(|on| on.last_day(year));
                figures.extend(last.map(|day| deadline.bound.last_day(day).to_string()));
                add("deadline", id, deadline.quote.as_ref(), figures);
            }
            for (id, requirement) in &stage.exit {
                add(
                    "requirement",
                    id,
                    requirement.quote.as_ref(),
                    figures_of(requirement),
                );
                for (procedure_id, procedure) in &requirement.procedures {
                    let id = format!("{id}.{procedure_id}");
                    add("requirement", &id, procedure.quote.as_ref(), none());
                }
            }
        }
        for (id, target) in &definition.targets {
            add(
                "target",
                id,
                target.quote.as_ref(),
                target_figures(target, year),
            );
        }
        for (id, step) in &definition.ladder {
            add("ladder", id, step.quote.as_ref(), none());
        }
        for (id, report) in &definition.reporting {
            add("reporting", id, report.quote.as_ref(), none());
        }
        for (id, mode) in &definition.long_term_modes {
            add("long-term mode", id, mode.quote.as_ref(), none());
        }
        for (id, rule) in &definition.not_computable {
            add("not computable", id, Some(&rule.quote), none());
        }
        Self { definition, rules }
    }

    /// The rules that cover an entry: of a kind that can, with words of the text in common. What is not computable
    /// covers only what no rule covers.
    pub(crate) fn cover(&self, entry: &Entry) -> Vec<&Rule> {
        let words: Vec<String> = entry.quotes.iter().map(|quote| plain(quote)).collect();
        let share = |rule: &&Rule| {
            rule.quotes.iter().any(|quote| {
                words
                    .iter()
                    .any(|words| quote.contains(words.as_str()) || words.contains(quote.as_str()))
            })
        };
        let fit: Vec<&Rule> = self
            .rules
            .iter()
            .filter(|rule| kinds(&entry.kind).contains(&rule.kind))
            .filter(share)
            .collect();
        if !fit.is_empty() {
            return fit;
        }
        self.rules
            .iter()
            .filter(|rule| rule.is_not_computable())
            .filter(share)
            .collect()
    }

    /// Whether a rule that covers the entry has a figure of it. A day that each project brings itself stands in the
    /// project list, not in the rule; a masked day is not computable.
    pub(crate) fn has_figure(&self, entry: &Entry, figure: &str) -> bool {
        let covering = self.cover(entry);
        covering.iter().all(|rule| rule.is_not_computable())
            || covering
                .iter()
                .flat_map(|rule| &rule.figures)
                .any(|found| found == figure || found == "planned" || in_month(found, figure))
    }
}

/// Whether a day of a rule lies in a month of the text. `20XX-10` of a text is `Y-10-31` in a programme, or
/// `Y-1-10-01` of the year before.
fn in_month(day: &str, month: &str) -> bool {
    let begins = |day: &str, month: &str| {
        day.strip_prefix(month)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    };
    match month.strip_prefix("20XX") {
        Some(month) => ["Y", "Y-1", "Y+1"]
            .iter()
            .filter_map(|year| day.strip_prefix(year))
            .any(|day| begins(day, month)),
        None => month.len() == "2022-03".len() && begins(day, month),
    }
}

/// Which kinds of rule can say what an entry says.
fn kinds(kind: &str) -> &'static [&'static str] {
    match kind {
        "track" => &["track", "area"],
        "scope include" => &["target", "requirement", "fact", "area", "track", "stage"],
        "scope exclude" => &["requirement", "fact"],
        "scope renovation_types" => &["requirement", "fact", "target", "track", "deadline"],
        "total" => &["target", "requirement", "fact", "deadline"],
        "responsible" => &["responsible"],
        "window" | "deadline" => &["deadline", "target", "requirement"],
        "threshold" => &["requirement", "target"],
        "publicity" => &["requirement"],
        "document" => &["requirement", "fact", "deadline", "reporting"],
        "procedure" => &[
            "requirement",
            "fact",
            "return",
            "deadline",
            "target",
            "stage",
            "reporting",
            "long-term mode",
            "ladder",
        ],
        "participant" => &["requirement", "responsible", "fact", "long-term mode"],
        "rework" => &["return", "requirement"],
        "supervision" => &[
            "reporting",
            "ladder",
            "requirement",
            "fact",
            "target",
            "deadline",
        ],
        "escalation" => &["ladder", "requirement", "reporting"],
        "reporting" => &["reporting", "requirement", "deadline"],
        "funding" => &["requirement", "target", "fact"],
        "long-term mode" => &["long-term mode"],
        "duty" => &[
            "responsible",
            "requirement",
            "deadline",
            "reporting",
            "ladder",
            "fact",
            "target",
            "return",
        ],
        other => panic!("no kind {other}"),
    }
}

/// The days of a due, as the text may write them.
fn days_of(due: &Due, year: Option<i16>) -> Vec<String> {
    let mut days = Vec::new();
    if let Some(on) = &due.on {
        days.push(on.to_string());
        days.extend(on.first_day(year).map(|day| day.to_string()));
        days.extend(on.last_day(year).map(|day| day.to_string()));
        // A month stands as one: 2022-06.
        days.extend(
            on.last_day(year)
                .map(|day| day.strftime("%Y-%m").to_string()),
        );
    }
    let planned = |day: PlanDay| match day {
        PlanDay::Consultation
        | PlanDay::Design
        | PlanDay::Start
        | PlanDay::Finish
        | PlanDay::Acceptance => "planned".to_owned(),
    };
    days.extend(due.plan.map(planned));
    days
}

fn figures_of(requirement: &Requirement) -> Vec<String> {
    let mut figures = Vec::new();
    if let Some(share) = &requirement.share {
        let bounds = [
            share.at_least,
            share.more_than,
            share.at_most,
            share.less_than,
        ];
        figures.extend(
            bounds
                .into_iter()
                .flatten()
                .map(|share| format!("{}/{}", share.num(), share.den())),
        );
    }
    if let Some(publicity) = &requirement.publicity {
        figures.extend(publicity.days.map(|days| format!("{days} days")));
    }
    figures
}

fn target_figures(target: &Target, year: Option<i16>) -> Vec<String> {
    let mut figures: Vec<String> = target
        .at_least
        .map(|share| format!("{}/{}", share.num(), share.den()))
        .into_iter()
        .collect();
    if let Some(due) = &target.due {
        figures.push(due.to_string());
        let last = due.last_day(year);
        figures.extend(last.map(|day| day.to_string()));
        figures.extend(last.map(|day| target.bound.last_day(day).to_string()));
        figures.extend(last.map(|day| day.strftime("%Y-%m").to_string()));
    }
    figures
}
