//! What is provably wrong with a definition that reads well: names that lead nowhere, stages without an end,
//! requirements that cannot hold or cannot fail, days out of order. Every finding has its place and a hint.
//!
//! One file per noun. [`sizes`](self::sizes) comes first: what it lets through, the others judge in bounded time.

mod days;
mod facts;
mod flow;
mod lots;
mod names;
mod requirements;
mod sizes;
mod supervision;
mod suspicious;

use super::problem::{Place, Problem, in_order};
use super::{Definition, LANGUAGE_VERSION, Locations, Parsed};
use crate::requirement::RuleHistory;

/// The most problems that are told: who has more has one that repeats.
const MAX_PROBLEMS: usize = 500;

/// Everything wrong with a definition that was read from files, in the order of the files.
#[must_use]
pub fn lint(parsed: &Parsed) -> Vec<Problem> {
    lint_definition(&parsed.definition, &parsed.locations)
}

/// Everything wrong with a definition, by place; where no place is known, by path.
#[must_use]
pub fn lint_definition(definition: &Definition, locations: &Locations) -> Vec<Problem> {
    let mut lint = Lint {
        definition,
        locations,
        problems: Vec::new(),
    };
    if definition.language != LANGUAGE_VERSION {
        let at = At::root().to("language");
        let place = lint.on_value(&at);
        lint.tell(
            &at,
            Problem::error(
                "language_version",
                place,
                format!("不认识语言版本 {}", definition.language),
                format!("the language version {} is not known", definition.language),
            )
            .expecting(LANGUAGE_VERSION.to_string()),
        );
    }
    if !lint.sizes() {
        return in_order(lint.problems);
    }
    lint.names();
    lint.texts();
    lint.facts();
    lint.flow();
    lint.requirements();
    lint.lots();
    lint.days();
    lint.supervision();
    lint.suspicious();
    in_order(lint.problems)
}

/// What the stored histories say against a definition: rules that no project which came to them ever met. Legal, and
/// suspicious; `histories` come from [`rule_histories`](crate::requirement::rule_histories).
#[must_use]
pub fn lint_against(parsed: &Parsed, histories: &[RuleHistory]) -> Vec<Problem> {
    let mut lint = Lint {
        definition: &parsed.definition,
        locations: &parsed.locations,
        problems: Vec::new(),
    };
    for history in histories {
        if history.asked == 0 || history.met > 0 {
            continue;
        }
        let (stage, rule, asked) = (&history.stage, &history.rule, history.asked);
        let at = At::root().to("stages").to(stage).to("exit").to(rule);
        let problem = Problem::warning(
            "never_met",
            lint.on_key(&at),
            format!("已到“{stage}”阶段的 {asked} 个项目中，没有一个满足“{rule}”"),
            format!("none of the {asked} stored projects that came to `{stage}` ever met `{rule}`"),
        )
        .hinting(
            "检查阈值、字段和取值条件",
            "look at its threshold, its fields and its `where`",
        );
        lint.tell(&at, problem);
    }
    in_order(lint.problems)
}

/// A definition under examination.
struct Lint<'a> {
    definition: &'a Definition,
    locations: &'a Locations,
    problems: Vec<Problem>,
}

impl Lint<'_> {
    fn tell(&mut self, at: &At, mut problem: Problem) {
        if self.problems.len() >= MAX_PROBLEMS {
            return;
        }
        problem.path = at.0.join(".");
        self.problems.push(problem);
    }

    /// Tells an error at the value.
    fn error(&mut self, at: &At, code: &'static str, zh: impl Into<String>, en: impl Into<String>) {
        let problem = Problem::error(code, self.on_value(at), zh, en);
        self.tell(at, problem);
    }

    /// Tells a warning at the value.
    fn warn(&mut self, at: &At, code: &'static str, zh: impl Into<String>, en: impl Into<String>) {
        let problem = Problem::warning(code, self.on_value(at), zh, en);
        self.tell(at, problem);
    }

    /// Tells that a name is not known, with the nearest that is.
    fn unknown<'n>(
        &mut self,
        at: &At,
        code: &'static str,
        (noun_zh, noun_en): (&str, &str),
        name: &str,
        known: impl IntoIterator<Item = &'n str>,
    ) {
        // Looking for the nearest name is the one dear thing here.
        if self.problems.len() >= MAX_PROBLEMS {
            return;
        }
        let problem = Problem::error(
            code,
            self.on_value(at),
            format!("没有{noun_zh}“{name}”"),
            format!("there is no {noun_en} `{name}`"),
        )
        .suggesting(name, known);
        self.tell(at, problem);
    }

    fn on_value(&self, at: &At) -> Place {
        self.locations.value(&at.steps())
    }

    fn on_key(&self, at: &At) -> Place {
        self.locations.key(&at.steps())
    }
}

/// A path in the definition.
#[derive(Clone)]
struct At(Vec<String>);

impl At {
    fn root() -> Self {
        Self(Vec::new())
    }

    fn to(&self, step: &str) -> Self {
        let mut steps = self.0.clone();
        steps.push(step.to_owned());
        Self(steps)
    }

    fn item(&self, index: usize) -> Self {
        self.to(&index.to_string())
    }

    fn steps(&self) -> Vec<&str> {
        self.0.iter().map(String::as_str).collect()
    }
}
