//! What is wrong with a file, where, and how to put it right.

use std::fmt;

use serde::Serialize;

use super::{Lang, Text};

/// How much a problem matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Gravity {
    /// The definition cannot be used.
    Error,
    /// It can be used; a reader should know.
    Warning,
}

/// A place in a file. Lines and columns count from 1, columns in characters; 0 means that no place is known.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Place {
    /// The file, as the caller named it.
    pub file: String,
    /// The line.
    pub line: u32,
    /// The column.
    pub column: u32,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line == 0 {
            f.write_str(&self.file)
        } else {
            write!(f, "{}:{}:{}", self.file, self.line, self.column)
        }
    }
}

/// Something wrong in a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Whether the definition can be used all the same.
    pub severity: Gravity,
    /// What kind of problem it is, for programs: `unknown_key`, `unknown_stage` …
    pub code: &'static str,
    /// Where.
    #[serde(flatten)]
    pub place: Place,
    /// Where in the definition, as `stages.design.exit.drawn`; empty where the file as a whole is meant.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub path: String,
    /// What is wrong, in both languages.
    pub message: Text,
    /// What may stand there, in words of the language itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// What to do about it, in both languages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<Text>,
}

impl Problem {
    /// An error at a place.
    #[must_use]
    pub fn error(
        code: &'static str,
        place: Place,
        zh: impl Into<String>,
        en: impl Into<String>,
    ) -> Self {
        Self {
            severity: Gravity::Error,
            code,
            place,
            path: String::new(),
            message: Text {
                zh: zh.into(),
                en: en.into(),
            },
            expected: None,
            hint: None,
        }
    }

    /// A warning at a place.
    #[must_use]
    pub fn warning(
        code: &'static str,
        place: Place,
        zh: impl Into<String>,
        en: impl Into<String>,
    ) -> Self {
        Self {
            severity: Gravity::Warning,
            ..Self::error(code, place, zh, en)
        }
    }

    /// With what may stand there.
    #[must_use]
    pub fn expecting(mut self, expected: impl Into<String>) -> Self {
        self.expected = Some(expected.into());
        self
    }

    /// With what to do about it.
    #[must_use]
    pub fn hinting(mut self, zh: impl Into<String>, en: impl Into<String>) -> Self {
        self.hint = Some(Text {
            zh: zh.into(),
            en: en.into(),
        });
        self
    }

    /// With the nearest of the names that were possible, if one is near.
    #[must_use]
    pub fn suggesting<'a>(self, name: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        match nearest(name, known) {
            Some(near) => self.hinting(
                format!("是否想写“{near}”？"),
                format!("did you mean `{near}`?"),
            ),
            None => self,
        }
    }

    /// Whether it is an error.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.severity == Gravity::Error
    }

    /// One line: `handan.yaml:12:7: error: …`.
    #[must_use]
    pub fn render(&self, lang: Lang) -> String {
        let (colon, open, close) = match lang {
            Lang::Zh => ("：", "（", "）"),
            Lang::En => (": ", " (", ")"),
        };
        let (word, expects) = match (lang, self.severity) {
            (Lang::Zh, Gravity::Error) => ("错误", "应为"),
            (Lang::Zh, Gravity::Warning) => ("警告", "应为"),
            (Lang::En, Gravity::Error) => ("error", "expected"),
            (Lang::En, Gravity::Warning) => ("warning", "expected"),
        };
        let mut line = format!("{}: {word}{colon}{}", self.place, self.message.get(lang));
        if let Some(expected) = &self.expected {
            line.push_str(&format!("{open}{expects}{colon}{expected}{close}"));
        }
        if let Some(hint) = &self.hint {
            line.push_str(match lang {
                Lang::Zh => "；",
                Lang::En => "; ",
            });
            line.push_str(hint.get(lang));
        }
        line
    }
}

/// The English line of [`Problem::render`].
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(Lang::En))
    }
}

/// Sorts by place, then kind, so that the same file always gives the same list, and drops repetitions.
pub(crate) fn in_order(mut problems: Vec<Problem>) -> Vec<Problem> {
    problems.sort_by(|a, b| {
        (&a.place, a.code, &a.path, &a.message.en).cmp(&(&b.place, b.code, &b.path, &b.message.en))
    });
    problems.dedup();
    problems
}

/// The nearest name by edit distance (swapped neighbours count as one), if at most a third of it differs.
#[must_use]
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    /// Longer names are not compared: nobody mistypes them, and the work is quadratic.
    const LONGEST: usize = 64;
    /// Nor are more names than anybody's file has.
    const MOST: usize = 2_000;
    let wanted: Vec<char> = name.chars().take(LONGEST + 1).collect();
    if wanted.len() > LONGEST {
        return None;
    }
    known
        .into_iter()
        .take(MOST)
        .filter_map(|candidate| {
            let letters: Vec<char> = candidate.chars().take(LONGEST + 1).collect();
            // A forgotten unit is one slip: `amount` for `amount_fen`.
            let shortened = wanted.len() >= 3
                && candidate
                    .strip_prefix(name)
                    .is_some_and(|rest| rest.starts_with('_'));
            let distance = if shortened {
                1
            } else {
                distance(&wanted, &letters)
            };
            let longer = wanted.len().max(letters.len());
            (letters.len() <= LONGEST && distance <= 1.max(longer / 3))
                .then_some((distance, candidate))
        })
        .min()
        .filter(|(distance, candidate)| *distance < candidate.chars().count())
        .map(|(_, candidate)| candidate)
}

/// Optimal string alignment distance.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut previous: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut current = vec![i + 1; b.len() + 1];
        for (j, y) in b.iter().enumerate() {
            let changed = previous[j] + usize::from(x != y);
            let mut best = changed.min(previous[j + 1] + 1).min(current[j] + 1);
            if i > 0 && j > 0 && a[i - 1] == *y && b[j - 1] == *x {
                best = best.min(before[j - 1] + 1);
            }
            current[j + 1] = best;
        }
        before = previous;
        previous = current;
    }
    previous[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_found_through_slips_and_swaps_only() {
        let known = ["survey", "design", "tender", "construction", "amount_fen"];
        for (typed, near) in [
            ("desing", Some("design")),
            ("survay", Some("survey")),
            ("contruction", Some("construction")),
            ("amount", Some("amount_fen")),
            ("approval", None),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(nearest(typed, known), near, "{typed}");
        }
        assert_eq!(nearest(&"a".repeat(5000), known), None);
    }

    #[test]
    fn a_problem_is_one_line_in_either_language() {
        let place = Place {
            file: "handan.yaml".into(),
            line: 12,
            column: 7,
        };
        let problem = Problem::error(
            "unknown_stage",
            place,
            "没有阶段“desing”",
            "there is no stage `desing`",
        )
        .expecting("survey, design")
        .suggesting("desing", ["survey", "design"]);
        assert_eq!(
            problem.to_string(),
            "handan.yaml:12:7: error: there is no stage `desing` (expected: survey, design); did you mean `design`?"
        );
        assert_eq!(
            problem.render(Lang::Zh),
            "handan.yaml:12:7: 错误：没有阶段“desing”（应为：survey, design）；是否想写“design”？"
        );
    }
}
