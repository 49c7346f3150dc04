//! The entries of the seeds: what a person found in the nine texts, each with its words.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Where the list of entries stands, one JSON object a line.
pub(crate) const LIST: &str = "workflows/programmes/seeds/entries.jsonl";

/// The seeds, beside a checkout that has them.
pub(crate) const SEEDS: &str = "../shared/seeds/programmes.yaml";

/// One thing that a text says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// The programme.
    pub(crate) programme: String,
    /// What kind of thing: `threshold`, `deadline`, `responsible` …
    pub(crate) kind: String,
    /// The stage, track or unit it is said of.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) at: String,
    /// What it is, in a few words.
    pub(crate) says: String,
    /// Its days, shares and periods: `2021-10-01`, `4/5`, `5 days`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) figures: Vec<String>,
    /// The words of the text.
    pub(crate) quotes: Vec<String>,
}

/// The list as it is in the repository.
///
/// While everything is written anew, the one taken from the seeds, if they are there: tests run in no order.
pub(crate) fn listed() -> Vec<Entry> {
    if super::writes()
        && let Ok(text) = std::fs::read_to_string(super::in_repository(SEEDS))
    {
        return read(&text);
    }
    std::fs::read_to_string(super::in_repository(LIST))
        .unwrap_or_default()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Takes the entries out of the seeds.
pub(crate) fn read(text: &str) -> Vec<Entry> {
    let seeds = anju_workflows::definition::yaml::load_value(text, "programmes.yaml").unwrap();
    let mut entries = Vec::new();
    for programme in list(&seeds["programmes"]) {
        let id = word(&programme["id"]);
        let mut add = |kind: &str, at: &str, found: &Value| {
            let quotes = quotes(found);
            assert!(!quotes.is_empty(), "{id} {kind}: {found}");
            entries.push(Entry {
                programme: id.clone(),
                kind: kind.to_owned(),
                at: at.to_owned(),
                says: says(found),
                figures: figures(kind, found),
                quotes,
            });
        };
        for track in list(&programme["tracks"]) {
            add("track", &word(&track["id"]), track);
        }
        for part in ["include", "exclude", "renovation_types"] {
            for found in list(&programme["scope"][part]) {
                add(&format!("scope {part}"), &word(&found["applies_to"]), found);
            }
        }
        for totals in list(&programme["totals"]) {
            let at = word(&totals["applies_to"]);
            for measure in [
                "compounds",
                "households",
                "buildings",
                "area_m2",
                "investment_yuan",
            ] {
                if totals[measure].is_object() {
                    add("total", &at, &totals[measure]);
                }
            }
            for found in list(&totals["other"]) {
                add("total", &at, found);
            }
        }
        let empty = serde_json::Map::new();
        for (stage, silent_or_not) in programme["stages"].as_object().unwrap_or(&empty) {
            for (key, kind) in [
                ("responsible", "responsible"),
                ("windows", "window"),
                ("deadlines", "deadline"),
                ("thresholds", "threshold"),
                ("publicity", "publicity"),
                ("documents", "document"),
                ("procedures", "procedure"),
                ("participants", "participant"),
            ] {
                for found in list(&silent_or_not[key]) {
                    add(kind, stage, found);
                }
            }
        }
        for (key, kind) in [
            ("rework_loops", "rework"),
            ("supervision", "supervision"),
            ("escalation", "escalation"),
            ("reporting", "reporting"),
            ("funding", "funding"),
            ("long_term_modes", "long-term mode"),
        ] {
            for found in list(&programme[key]) {
                add(kind, "", found);
            }
        }
        for unit in list(&programme["responsibilities"]) {
            for duty in list(&unit["duties"]) {
                add("duty", &word(&unit["unit"]), duty);
            }
        }
    }
    entries
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn word(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

fn quotes(found: &Value) -> Vec<String> {
    match &found["quote"] {
        Value::String(one) => vec![one.clone()],
        Value::Array(many) => many.iter().map(word).collect(),
        _ => Vec::new(),
    }
}

/// A few words: the first of these that the entry has.
fn says(found: &Value) -> String {
    let words: Vec<String> = [
        "metric", "what", "rule", "duty", "task", "name_zh", "unit", "value",
    ]
    .iter()
    .filter(|key| !found[**key].is_null())
    .take(2)
    .map(|key| word(&found[*key]))
    .collect();
    words.join(": ")
}

fn figures(kind: &str, found: &Value) -> Vec<String> {
    match kind {
        "threshold" => {
            let (num, den) = (
                found["num"].as_u64().unwrap(),
                found["den"].as_u64().unwrap(),
            );
            let share = anju_workflows::definition::Fraction::new(num, den).unwrap();
            vec![format!("{}/{}", share.num(), share.den())]
        }
        "publicity" => found["days"]
            .as_u64()
            .map(|days| format!("{days} days"))
            .into_iter()
            .collect(),
        "deadline" => found["date"]
            .as_str()
            .map(str::to_owned)
            .into_iter()
            .collect(),
        "window" => ["start", "end"]
            .iter()
            .filter_map(|key| found[*key].as_str().map(str::to_owned))
            .collect(),
        _ => Vec::new(),
    }
}
