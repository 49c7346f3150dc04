//! A vote on several bases at once: each base must reach the quorum and the consent, and each is reported.

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::explain::{InWords, Words, fraction_text, number_or_text, percent_down};
use super::facts::{Found, View};
use super::{Evidence, Exact};
use crate::definition::{Fraction, LOT_SUBJECT, Reference, Requirement, Tally, Vote, VoteBase};
use crate::project::state::FactState;

/// The figures of a vote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VoteFigures {
    /// Each base, in the order of their ids.
    pub bases: Vec<BaseFigures>,
    /// The quorum asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quorum: Option<Threshold>,
    /// The consent asked.
    pub consent: Threshold,
    /// Whether consent is measured over the whole electorate.
    #[serde(default, skip_serializing_if = "super::evidence::is_false")]
    pub of_electorate: bool,
}

/// The figures of one base. What nothing gives is absent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BaseFigures {
    /// Its id.
    pub base: String,
    /// Who may vote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub electorate: Option<String>,
    /// Who took part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub voted: Option<String>,
    /// Who agreed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agreed: Option<String>,
    /// Whether the quorum is reached on this base; absent if none is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quorate: Option<bool>,
    /// Whether the consent is reached on this base.
    pub consented: bool,
}

/// A threshold, `2/3`, and whether it does not suffice itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Threshold {
    /// The share.
    pub share: String,
    /// Whether more than it is asked.
    #[serde(default, skip_serializing_if = "super::evidence::is_false")]
    pub exclusive: bool,
}

impl Threshold {
    fn of((fraction, exclusive): (Fraction, bool)) -> Self {
        Self {
            share: format!("{}/{}", fraction.num(), fraction.den()),
            exclusive,
        }
    }

    fn text(&self) -> String {
        let sign = if self.exclusive { ">" } else { "≥" };
        format!("{sign}{}", fraction_text(&self.share))
    }
}

pub(super) fn judge(view: View<'_>, vote: &Vote, since: Option<Date>) -> super::judge::Result {
    let mut cites = Vec::new();
    let mut bases = Vec::new();
    let mut met = !vote.bases.is_empty();
    for (id, base) in &vote.bases {
        let figures = figures(view, vote, base, since, &mut cites);
        let quorate = vote
            .quorum
            .map(|quorum| reaches(quorum.threshold(), figures.voted, figures.electorate));
        let over = if vote.of_electorate {
            figures.electorate
        } else {
            figures.voted
        };
        let consented = reaches(vote.consent.threshold(), figures.agreed, over);
        met &= quorate != Some(false) && consented;
        let text = |figure: Option<Exact>| figure.map(|figure| figure.to_string());
        bases.push(BaseFigures {
            base: id.clone(),
            electorate: text(figures.electorate),
            voted: text(figures.voted),
            agreed: text(figures.agreed),
            quorate,
            consented,
        });
    }
    cites.sort_unstable();
    cites.dedup();
    let evidence = Evidence::Vote(VoteFigures {
        bases,
        quorum: vote.quorum.map(|quorum| Threshold::of(quorum.threshold())),
        consent: Threshold::of(vote.consent.threshold()),
        of_electorate: vote.of_electorate,
    });
    (met, evidence, cites)
}

/// Whether a part reaches a threshold of a whole. What is not known reaches nothing; neither does a part that is
/// larger than its whole: one of the two figures is wrong.
fn reaches(
    (threshold, exclusive): (Fraction, bool),
    part: Option<Exact>,
    whole: Option<Exact>,
) -> bool {
    let (Some(part), Some(whole)) = (part, whole) else {
        return false;
    };
    let (of, over) = (
        part.millionths().unsigned_abs(),
        whole.millionths().unsigned_abs(),
    );
    of <= over
        && if exclusive {
            threshold.is_exceeded_by(of, over)
        } else {
            threshold.is_reached_by(of, over)
        }
}

struct Figures {
    electorate: Option<Exact>,
    voted: Option<Exact>,
    agreed: Option<Exact>,
}

fn figures(
    view: View<'_>,
    vote: &Vote,
    base: &VoteBase,
    since: Option<Date>,
    cites: &mut Vec<u64>,
) -> Figures {
    let fields: Vec<&String> = base.voted.iter().chain([&base.agreed]).collect();
    // Who agreed is compared with those who took part in the same vote: the facts that have both.
    let counts = |(_, fact): &(u64, &FactState)| {
        fact.fact == vote.of
            && super::matches_fields(&vote.with, &fact.fields)
            && since.is_none_or(|since| fact.occurred_at.day() >= since)
            && fields.iter().all(|field| fact.fields.contains_key(*field))
    };
    let counted = match vote.tally {
        // Where only lots have voted: the latest vote of each of them, or nothing.
        Tally::Latest => view.latest_figures(counts),
        Tally::Sum => view.facts().filter(counts).collect(),
    };
    cites.extend(counted.iter().map(|(position, _)| *position));
    let total = |field: &String| {
        (!counted.is_empty()).then(|| {
            counted
                .iter()
                .filter_map(|(_, fact)| fact.fields.get(field).and_then(Exact::of))
                .fold(Exact::default(), Exact::plus)
        })
    };
    let electorate = base
        .electorate
        .as_ref()
        .and_then(|electorate| electorate_of(view, electorate, base))
        .map(|found| {
            cites.extend(found.cites);
            found.value
        });
    Figures {
        electorate,
        voted: base.voted.as_ref().and_then(total),
        agreed: total(&base.agreed),
    }
}

fn electorate_of(view: View<'_>, electorate: &Reference, base: &VoteBase) -> Option<Found> {
    let empty = BTreeMap::new();
    let with = if electorate.subject == "project" || electorate.subject == LOT_SUBJECT {
        &empty
    } else {
        &base.electorate_where
    };
    view.number(electorate, with, Tally::Latest, None)
}

/// Required: `参与≥2/3 且同意>1/2(人数、面积同时满足)`. Actual: each base with both figures.
pub(super) fn explain(words: &Words<'_>, figures: &VoteFigures) -> InWords {
    let vote = words
        .requirement
        .and_then(|requirement: &Requirement| requirement.vote.as_ref());
    let name = |base: &BaseFigures| {
        vote.and_then(|vote| vote.bases.get(&base.base))
            .map_or_else(
                || base.base.clone(),
                |base| base.name.get(words.lang).to_owned(),
            )
    };
    let names: Vec<String> = figures.bases.iter().map(name).collect();
    let consent = figures.consent.text();
    let of_whom = if figures.of_electorate {
        words.pick("同意", "consent of all")
    } else {
        words.pick("参与者同意", "consent of those voting")
    };
    let bars = match &figures.quorum {
        Some(quorum) => words.pick(
            format!("参与{}且{of_whom}{consent}", quorum.text()),
            format!("turnout {} and {of_whom} {consent}", quorum.text()),
        ),
        None => words.pick(
            format!("{of_whom}{consent}"),
            format!("{of_whom} {consent}"),
        ),
    };
    let required = if names.len() > 1 {
        words.pick(
            format!("{bars}({}须同时达到)", names.join("、")),
            format!("{bars} ({}, all at once)", names.join(" and ")),
        )
    } else {
        bars
    };
    let missing = words.pick("未登记", "not recorded");
    let share = |part: &Option<String>, whole: &Option<String>| match (part, whole) {
        (Some(part), Some(whole)) => {
            let wrong = match (Exact::parse(part), Exact::parse(whole)) {
                (Some(part), Some(whole)) if part > whole => words.pick(
                    ",多于总数,数据有误",
                    ", more than the whole: a figure is wrong",
                ),
                _ => String::new(),
            };
            format!("{part}/{whole}({}{wrong})", percent_down(part, whole))
        }
        (Some(part), None) => format!("{part}/?"),
        (None, _) => missing.clone(),
    };
    let parts: Vec<String> = figures
        .bases
        .iter()
        .zip(&names)
        .map(|(base, name)| {
            let agreed = if figures.of_electorate {
                share(&base.agreed, &base.electorate)
            } else {
                share(&base.agreed, &base.voted)
            };
            let turnout = figures
                .quorum
                .is_some()
                .then(|| share(&base.voted, &base.electorate));
            match turnout {
                Some(turnout) => words.pick(
                    format!("{name}:参与{turnout},同意{agreed}"),
                    format!("{name}: turnout {turnout}, in favour {agreed}"),
                ),
                None => words.pick(
                    format!("{name}:同意{agreed}"),
                    format!("{name}: in favour {agreed}"),
                ),
            }
        })
        .collect();
    let value = |text: &Option<String>| {
        text.as_deref()
            .map_or(serde_json::Value::Null, number_or_text)
    };
    let rows: Vec<serde_json::Value> = figures
        .bases
        .iter()
        .map(|base| {
            serde_json::json!({
                "base": base.base,
                "electorate": value(&base.electorate),
                "voted": value(&base.voted),
                "agreed": value(&base.agreed),
                "quorate": base.quorate,
                "consented": base.consented,
            })
        })
        .collect();
    (
        required,
        parts.join(&words.pick(";", "; ")),
        serde_json::json!({
            "quorum": figures.quorum.as_ref().map(|quorum| &quorum.share),
            "consent": figures.consent.share,
            "exclusive": figures.consent.exclusive,
        }),
        serde_json::json!({ "bases": rows }),
    )
}
