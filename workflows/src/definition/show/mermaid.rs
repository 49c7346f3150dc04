//! The machine as a Mermaid state diagram.

use std::collections::{BTreeMap, BTreeSet};

use super::super::{COMPLETED, Definition, Lang};
use super::placements;

/// The stages and transitions as a Mermaid `stateDiagram-v2`. A transition that only some tracks take carries their
/// names, a way back the name of its rule. Every letter of a name that means something to Mermaid or HTML is written
/// as a number.
#[must_use]
pub fn mermaid(definition: &Definition, lang: Lang) -> String {
    let mut out = String::from("stateDiagram-v2\n");
    let mut stages: Vec<_> = definition.stages.iter().collect();
    stages.sort_by_key(|(id, stage)| (stage.order, *id));
    for (id, stage) in &stages {
        out.push_str(&format!(
            "  state \"{}\" as {}\n",
            escaped(stage.name.get(lang)),
            state(id)
        ));
    }
    // Who takes an edge, and who stands where it begins: an edge that all of those take needs no name.
    let mut edges: BTreeMap<(u32, &str, &str), BTreeSet<Option<String>>> = BTreeMap::new();
    let mut standing: BTreeMap<&str, usize> = BTreeMap::new();
    const START: &str = "";
    for placement in placements(definition) {
        let Some(first) = definition.first_stage(&placement) else {
            continue;
        };
        *standing.entry(START).or_default() += 1;
        edges
            .entry((0, START, first))
            .or_default()
            .insert(placement.track.clone());
        for (id, stage) in definition.stages_in_order(&placement) {
            *standing.entry(id).or_default() += 1;
            for next in definition.next_stages(id, &placement) {
                edges
                    .entry((stage.order, id, next))
                    .or_default()
                    .insert(placement.track.clone());
            }
        }
    }
    for ((_, from, to), tracks) in &edges {
        let everybody = standing.get(from) == Some(&tracks.len());
        let label = if everybody {
            String::new()
        } else {
            let names: Vec<&str> = tracks
                .iter()
                .map(|track| match track {
                    Some(id) => definition
                        .tracks
                        .get(id)
                        .map_or(id.as_str(), |track| track.name.get(lang)),
                    None => match lang {
                        Lang::Zh => "其他",
                        Lang::En => "others",
                    },
                })
                .collect();
            format!(
                " : {}",
                escaped(&names.join(match lang {
                    Lang::Zh => "、",
                    Lang::En => ", ",
                }))
            )
        };
        let from = if *from == START {
            "[*]".to_owned()
        } else {
            state(from)
        };
        let to = if *to == COMPLETED {
            "[*]".to_owned()
        } else {
            state(to)
        };
        out.push_str(&format!("  {from} --> {to}{label}\n"));
    }
    for (id, stage) in &stages {
        for (back, rule) in &stage.returns {
            out.push_str(&format!(
                "  {} --> {} : {}\n",
                state(id),
                state(back),
                escaped(rule.name.get(lang))
            ));
        }
    }
    out
}

/// An id that no keyword of Mermaid is equal to.
fn state(id: &str) -> String {
    let plain: String = id
        .chars()
        .map(|letter| {
            if letter.is_ascii_alphanumeric() {
                letter
            } else {
                '_'
            }
        })
        .collect();
    format!("s_{plain}")
}

fn escaped(text: &str) -> String {
    text.chars().fold(String::new(), |mut out, letter| {
        match letter {
            '"' | '\'' | '#' | ';' | ':' | '<' | '>' | '&' | '{' | '}' | '[' | ']' | '%' | '\\'
            | '`' | '*' => {
                out.push_str(&format!("#{};", u32::from(letter)));
            }
            letter if letter.is_control() => out.push(' '),
            letter => out.push(letter),
        }
        out
    })
}
