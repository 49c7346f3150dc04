//! A judgement in words: required and actual, with the figures, in Chinese and English.

mod parts;

use jiff::civil::Date;
use serde_json::{Value, json};

use super::{Evidence, Exact, Judgement, conditions, expression, inspection, procedures};
use super::{vote, window};
use crate::calendar::DayKind;
use crate::definition::{Definition, EVERY_LOT, LOT_SUBJECT, Lang, Requirement};

/// A judgement as it is shown.
#[derive(Clone, Debug, PartialEq)]
pub struct Explained {
    /// The requirement's id.
    pub rule: String,
    /// Its name.
    pub name: String,
    /// Whether it is met.
    pub met: bool,
    /// Whether it only warns.
    pub warn: bool,
    /// What is asked, for people.
    pub required: String,
    /// What there is, for people.
    pub actual: String,
    /// The phrase of the text or the law it comes from.
    pub source: String,
    /// What is asked, with its figures: an object with at least `text`.
    pub required_value: Value,
    /// What there is, with its figures: an object with at least `text`.
    pub actual_value: Value,
}

impl Explained {
    /// One line: `居民意见征求率:实际 237/319(74.2%),要求 ≥80%`.
    #[must_use]
    pub fn line(&self, lang: Lang) -> String {
        match lang {
            Lang::Zh => format!("{}:实际 {},要求 {}", self.name, self.actual, self.required),
            Lang::En => format!(
                "{}: actual {}, required {}",
                self.name, self.actual, self.required
            ),
        }
    }
}

/// Puts a judgement into words. A rule that the definition does not know (any more) is shown by its id.
#[must_use]
pub fn explain(
    definition: &Definition,
    stage: &str,
    judgement: &Judgement,
    lang: Lang,
) -> Explained {
    let requirement = definition
        .stages
        .get(stage)
        .and_then(|stage| stage.exit.get(&judgement.rule));
    let words = Words {
        definition,
        requirement,
        lang,
    };
    let (required, actual, required_figures, actual_figures) = words.of(&judgement.evidence);
    let with_text = |mut figures: Value, text: &str| {
        if let Value::Object(object) = &mut figures {
            object.insert("text".to_owned(), Value::String(text.to_owned()));
        }
        figures
    };
    Explained {
        rule: judgement.rule.clone(),
        name: match requirement {
            Some(requirement) => requirement.name.get(lang).to_owned(),
            None if judgement.rule == EVERY_LOT => words.every_lot(),
            None => judgement.rule.clone(),
        },
        met: judgement.met,
        warn: judgement.warn,
        source: requirement.map(source_of).unwrap_or_default(),
        required_value: with_text(required_figures, &required),
        actual_value: with_text(actual_figures, &actual),
        required,
        actual,
    }
}

/// The phrase a requirement comes from, or the law.
fn source_of(requirement: &Requirement) -> String {
    match (&requirement.quote, &requirement.source) {
        (Some(quote), _) => quote.joined(),
        (None, Some(source)) => source.clone(),
        (None, None) => String::new(),
    }
}

/// What the words are made from.
pub(super) struct Words<'a> {
    pub(super) definition: &'a Definition,
    /// The requirement, if the definition still has it.
    pub(super) requirement: Option<&'a Requirement>,
    pub(super) lang: Lang,
}

/// Required and actual, each as a text and as figures.
pub(super) type InWords = (String, String, Value, Value);

impl Words<'_> {
    pub(super) fn pick(&self, zh: impl Into<String>, en: impl Into<String>) -> String {
        match self.lang {
            Lang::Zh => zh.into(),
            Lang::En => en.into(),
        }
    }

    pub(super) fn of(&self, evidence: &Evidence) -> InWords {
        match evidence {
            Evidence::Share {
                of,
                over,
                threshold,
                exclusive,
                upper,
                missing,
                ..
            } => self.share(
                of.as_deref(),
                over.as_deref(),
                threshold,
                sign(*upper, *exclusive),
                missing.as_deref(),
            ),
            Evidence::Count {
                actual,
                at_least,
                facts,
            } => self.count(*actual, *at_least, facts),
            Evidence::Publicity {
                posted,
                until,
                days,
                removed,
                missing,
                open,
            } => self.publicity(*posted, *until, *days, *removed, missing, open),
            Evidence::Signers { signed, missing } => self.signers(signed, missing),
            Evidence::Sum {
                actual,
                needed,
                limit,
                unit,
            } => self.sum(actual, needed.as_deref(), limit.as_deref(), unit.as_deref()),
            Evidence::Vote(figures) => vote::explain(self, figures),
            Evidence::Procedures { procedures: states } => procedures::explain(self, states),
            Evidence::Conditions(state) => conditions::explain(self, state),
            Evidence::Inspection(stands) => inspection::explain(self, stands),
            Evidence::Expression(result) => expression::explain(self, result),
            Evidence::Window(figures) => window::explain(self, figures),
            Evidence::Order { earlier, later } => self.order(*earlier, *later),
            Evidence::Settled { opened, open } => (
                self.pick("全部办结", "all settled"),
                if open.is_empty() {
                    self.pick(
                        format!("共{opened}件,已全部办结"),
                        format!("{opened}, all settled"),
                    )
                } else {
                    self.pick(
                        format!("共{opened}件,未办结{}件:{}", open.len(), open.join("、")),
                        format!("{opened}, {} open: {}", open.len(), open.join(", ")),
                    )
                },
                json!({ "open": 0 }),
                json!({ "opened": opened, "open": open }),
            ),
            Evidence::NotBefore { on, first } => (
                first.map_or_else(
                    || self.pick("年份未定,不作要求", "year not bound, nothing asked"),
                    |first| self.pick(format!("不早于{first}"), format!("not before {first}")),
                ),
                on.to_string(),
                json!({ "first": first.map(|d| d.to_string()) }),
                json!({ "on": on.to_string() }),
            ),
            Evidence::Waived { by } => (
                self.pick("可免", "waivable"),
                self.pick(
                    format!("已免除(第{by}条记录)"),
                    format!("waived (record {by})"),
                ),
                json!({}),
                json!({ "waived_by": by }),
            ),
            Evidence::Lots { passed, waiting } => self.lots(passed, waiting),
            Evidence::Orders { dispatched, open } => self.orders(*dispatched, open),
            Evidence::CalendarUnknown { from } => (
                self.pick("需要已发布的工作日历", "a published calendar"),
                self.pick(
                    format!("{from}之后的工作日历尚未发布,无法计算"),
                    format!(
                        "the calendar after {from} is not published, so the days cannot be counted"
                    ),
                ),
                json!({}),
                json!({ "from": from.to_string() }),
            ),
        }
    }

    fn share(
        &self,
        of: Option<&str>,
        over: Option<&str>,
        threshold: &str,
        sign: &str,
        missing: Option<&str>,
    ) -> InWords {
        let (num, den) = threshold.split_once('/').unwrap_or((threshold, "1"));
        let exclusive = matches!(sign, "<" | ">");
        let required = format!("{sign}{}", threshold_text(num, den));
        let actual = match (of, over, missing) {
            (Some(of), Some(over), None) => format!("{of}/{over}({})", percent_down(of, over)),
            (_, _, Some(missing)) => {
                let label = self.field_label(missing);
                self.pick(format!("未登记{label}"), format!("{label} not recorded"))
            }
            _ => self.pick("未登记", "not recorded"),
        };
        let figure = |text: Option<&str>| text.map_or(Value::Null, number_or_text);
        let mut actual_figures = serde_json::Map::new();
        if let Some(of) = of {
            actual_figures.insert("num".to_owned(), number_or_text(of));
        }
        if let Some(over) = over {
            actual_figures.insert("den".to_owned(), number_or_text(over));
        }
        (
            required,
            actual,
            json!({ "num": figure(Some(num)), "den": figure(Some(den)), "exclusive": exclusive }),
            Value::Object(actual_figures),
        )
    }

    fn count(&self, actual: u64, at_least: u64, facts: &[String]) -> InWords {
        let labels: Vec<String> = facts.iter().map(|fact| self.fact_label(fact)).collect();
        let labels = labels.join(&self.pick("或", " or "));
        let required = if at_least == 1 {
            self.pick(format!("已登记{labels}"), format!("{labels} recorded"))
        } else {
            self.pick(
                format!("登记{labels}不少于{at_least}次"),
                format!("{labels} recorded at least {at_least} times"),
            )
        };
        let found = if actual == 0 {
            self.pick("未登记", "none recorded")
        } else {
            self.pick(format!("{actual}次"), format!("{actual} recorded"))
        };
        (
            required,
            found,
            json!({ "count": at_least, "facts": facts }),
            json!({ "count": actual }),
        )
    }

    fn publicity(
        &self,
        posted: Option<Date>,
        until: Option<Date>,
        days: Option<u64>,
        removed: Option<Date>,
        missing: &[String],
        open: &[String],
    ) -> InWords {
        let declared = self
            .requirement
            .and_then(|requirement| requirement.publicity.as_ref());
        let (days_zh, days_en) = match declared.map(|publicity| publicity.kind) {
            Some(DayKind::Working) => ("个工作日", "full working days"),
            Some(DayKind::Rolled) => ("天(末日遇休息日顺延)", "full days, rolled to a working day"),
            Some(DayKind::Natural) | None => ("天", "full days"),
        };
        let (first_zh, first_en) = if declared.is_some_and(|publicity| publicity.count_first_day) {
            ("(当日计入)", " (the day of posting counts)")
        } else {
            ("", "")
        };
        let required = match days {
            Some(days) => self.pick(
                format!("公示满{days}{days_zh}{first_zh}且异议已处理"),
                format!("posted for {days} {days_en}{first_en}, objections settled"),
            ),
            None => self.pick("已公示且异议已处理", "posted, objections settled"),
        };
        let mut parts = Vec::new();
        match (posted, until) {
            (None, _) => parts.push(self.pick("未公示", "not posted")),
            (Some(posted), Some(until)) => parts.push(self.pick(
                format!("{posted}起公示,至{until}期满"),
                format!("posted {posted}, ends with {until}"),
            )),
            (Some(posted), None) => {
                parts.push(self.pick(format!("{posted}公示"), format!("posted {posted}")));
            }
        }
        if let Some(removed) = removed {
            parts.push(self.pick(
                format!("{removed}提前撤下"),
                format!("taken down early on {removed}"),
            ));
        }
        if !missing.is_empty() {
            parts.push(self.pick(
                format!("缺公示渠道:{}", missing.join("、")),
                format!("not posted in: {}", missing.join(", ")),
            ));
        }
        if !open.is_empty() {
            parts.push(self.pick(
                format!("未处理异议{}件:{}", open.len(), open.join("、")),
                format!("{} objections open: {}", open.len(), open.join(", ")),
            ));
        }
        (
            required,
            parts.join(&self.pick(",", ", ")),
            json!({ "days": days }),
            json!({
                "posted": posted.map(|d| d.to_string()),
                "until": until.map(|d| d.to_string()),
                "open": open,
            }),
        )
    }

    fn signers(&self, signed: &[String], missing: &[String]) -> InWords {
        let all: Vec<String> = self
            .requirement
            .and_then(|requirement| requirement.signers.as_ref())
            .map(|signers| signers.all_of.clone())
            .unwrap_or_default();
        let join = self.pick("、", ", ");
        let labels = |codes: &[String]| {
            codes
                .iter()
                .map(|code| self.code_label(code))
                .collect::<Vec<_>>()
                .join(&join)
        };
        let actual = if missing.is_empty() {
            self.pick("均已参加并签字", "all signed")
        } else {
            self.pick(
                format!("缺{}", labels(missing)),
                format!("missing {}", labels(missing)),
            )
        };
        (
            self.pick(
                format!("{}签字", labels(&all)),
                format!("signed by {}", labels(&all)),
            ),
            actual,
            json!({ "signers": all }),
            json!({ "signers": signed, "missing": missing }),
        )
    }

    fn sum(
        &self,
        actual: &str,
        needed: Option<&str>,
        limit: Option<&str>,
        unit: Option<&str>,
    ) -> InWords {
        let in_fen = self
            .requirement
            .and_then(|requirement| requirement.sum.as_ref())
            .is_some_and(|sum| sum.of.field.ends_with("_fen"));
        let show = |amount: &str| {
            if in_fen {
                format!("{}{}", fen_to_yuan(amount), self.pick("元", " yuan"))
            } else {
                format!("{amount}{}", unit.unwrap_or_default())
            }
        };
        (
            match (needed, limit) {
                (None, None) => self.pick("基数未登记,无法计算", "the base is not recorded"),
                (Some(needed), None) => format!("≥{}", show(needed)),
                (None, Some(limit)) => format!("≤{}", show(limit)),
                (Some(needed), Some(limit)) => format!("{}—{}", show(needed), show(limit)),
            },
            show(actual),
            match limit {
                None => json!({ "amount": needed.map(number_or_text) }),
                Some(limit) => {
                    json!({ "amount": needed.map(number_or_text), "limit": number_or_text(limit) })
                }
            },
            json!({ "amount": number_or_text(actual) }),
        )
    }

    fn order(&self, earlier: Option<Date>, later: Option<Date>) -> InWords {
        let order = self
            .requirement
            .and_then(|requirement| requirement.order.as_ref());
        let label = |facts: Option<&Vec<String>>, fallback: &str| {
            facts.map_or_else(
                || fallback.to_owned(),
                |facts| {
                    facts
                        .iter()
                        .map(|fact| self.fact_label(fact))
                        .collect::<Vec<_>>()
                        .join(&self.pick("或", " or "))
                },
            )
        };
        let first = label(order.map(|order| &order.earlier.any_of), "?");
        let second = label(order.map(|order| &order.later.any_of), "?");
        let day = |day: Option<Date>| {
            day.map_or_else(
                || self.pick("未登记", "not recorded"),
                |day| day.to_string(),
            )
        };
        (
            self.pick(
                format!("{first}不晚于{second}"),
                format!("{first} not later than {second}"),
            ),
            format!("{first} {}, {second} {}", day(earlier), day(later)),
            json!({}),
            json!({ "earlier": earlier.map(|d| d.to_string()), "later": later.map(|d| d.to_string()) }),
        )
    }

    /// The name of a stage.
    pub(super) fn stage_label(&self, stage: &str) -> String {
        self.definition.stages.get(stage).map_or_else(
            || stage.to_owned(),
            |stage| stage.name.get(self.lang).to_owned(),
        )
    }

    /// The label of an input of an expression, by its name there.
    pub(super) fn input_label(&self, name: &str) -> String {
        let parts: Vec<&str> = name.split('.').collect();
        let decimal = |field: &str| match (field.strip_suffix("_mm2"), field.strip_suffix("_um")) {
            (Some(stem), _) => (format!("{stem}_m2"), "(mm²)"),
            (None, Some(stem)) => (format!("{stem}_m"), "(µm)"),
            (None, None) => (field.to_owned(), ""),
        };
        match parts.as_slice() {
            ["on"] => self.pick("生效日期", "day of the transition"),
            ["project", "track"] => self.pick("板块", "track"),
            ["project", "area"] => self.pick("区域", "area"),
            ["project", "category"] => self.pick("类别", "category"),
            ["project", field] => {
                let (field, unit) = decimal(field);
                format!("{}{unit}", self.field_label(&format!("project.{field}")))
            }
            ["latest" | "all", fact, field] => {
                let (field, unit) = decimal(field);
                format!("{}{unit}", self.field_label(&format!("{fact}.{field}")))
            }
            ["count", fact] => self.pick(
                format!("{}次数", self.fact_label(fact)),
                format!("number of {}", self.fact_label(fact)),
            ),
            ["day", fact] => self.pick(
                format!("{}日期", self.fact_label(fact)),
                format!("day of {}", self.fact_label(fact)),
            ),
            _ => name.to_owned(),
        }
    }

    /// The label of a fact type.
    fn fact_label(&self, fact: &str) -> String {
        self.definition.facts.get(fact).map_or_else(
            || fact.to_owned(),
            |fact| fact.name.get(self.lang).to_owned(),
        )
    }

    /// The label of `fact.field` or `project.counter`.
    fn field_label(&self, reference: &str) -> String {
        let Some((subject, field)) = reference.split_once('.') else {
            return reference.to_owned();
        };
        if subject == "project" || subject == LOT_SUBJECT {
            return match field {
                "households" => self.pick("总户数", "total households"),
                "buildings" => self.pick("楼栋数", "buildings"),
                "area_m2" => self.pick("建筑面积", "floor area"),
                "compounds" => self.pick("小区数", "compounds"),
                other => other.to_owned(),
            };
        }
        self.definition
            .facts
            .get(subject)
            .and_then(|fact| fact.fields.get(field))
            .map_or_else(
                || reference.to_owned(),
                |field| field.name.get(self.lang).to_owned(),
            )
    }

    /// The label of a signer's code.
    fn code_label(&self, code: &str) -> String {
        self.requirement
            .and_then(|requirement| requirement.signers.as_ref())
            .and_then(|signers| {
                self.definition
                    .facts
                    .get(&signers.of.subject)?
                    .fields
                    .get(&signers.of.field)
            })
            .and_then(|field| field.values.get(code))
            .map_or_else(|| code.to_owned(), |text| text.get(self.lang).to_owned())
    }
}

/// A threshold for people: `80%` where it is one, else the fraction.
fn threshold_text(num: &str, den: &str) -> String {
    match (num.parse::<u128>(), den.parse::<u128>()) {
        (Ok(n), Ok(d)) if d > 0 && (n * 100).is_multiple_of(d) => format!("{}%", n * 100 / d),
        _ => format!("{num}/{den}"),
    }
}

/// A threshold `num/den` for people.
pub(super) fn fraction_text(fraction: &str) -> String {
    let (num, den) = fraction.split_once('/').unwrap_or((fraction, "1"));
    threshold_text(num, den)
}

fn sign(upper: bool, exclusive: bool) -> &'static str {
    match (upper, exclusive) {
        (false, false) => "≥",
        (false, true) => ">",
        (true, false) => "≤",
        (true, true) => "<",
    }
}

/// A percentage with one decimal, always rounded down: 189 of 199 is 94.9 %, never "95 %".
pub(super) fn percent_down(of: &str, over: &str) -> String {
    let (Some(of), Some(over)) = (Exact::parse(of), Exact::parse(over)) else {
        return "?".to_owned();
    };
    if !over.is_positive() {
        return "?".to_owned();
    }
    let tenths = of.millionths() * 1000 / over.millionths();
    format!("{}.{}%", tenths / 10, tenths % 10)
}

fn fen_to_yuan(fen: &str) -> String {
    match fen.parse::<u128>() {
        Ok(fen) if fen % 100 == 0 => format!("{}", fen / 100),
        Ok(fen) => format!("{}.{:02}", fen / 100, fen % 100),
        Err(_) => fen.to_owned(),
    }
}

pub(super) fn number_or_text(text: &str) -> Value {
    text.parse::<i64>()
        .map_or_else(|_| Value::String(text.to_owned()), Value::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentage_never_rounds_up_to_a_threshold_it_has_not_reached() {
        assert_eq!(percent_down("189", "199"), "94.9%");
        assert_eq!(percent_down("237", "319"), "74.2%");
        assert_eq!(percent_down("319", "319"), "100.0%");
    }

    #[test]
    fn a_threshold_that_is_no_whole_percentage_stays_a_fraction() {
        assert_eq!(threshold_text("2", "3"), "2/3");
        assert_eq!(threshold_text("80", "100"), "80%");
    }

    #[test]
    fn money_is_shown_in_yuan() {
        assert_eq!(fen_to_yuan("123450"), "1234.50");
        assert_eq!(fen_to_yuan("100000000"), "1000000");
    }
}
