//! The machine as a Mermaid state diagram.

use super::super::{Definition, Lang};
use super::edges::edges;

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
    for edge in edges(definition) {
        let end = |stage: Option<&str>| stage.map_or_else(|| "[*]".to_owned(), state);
        let label = edge
            .who(definition, lang)
            .map(|who| format!(" : {}", escaped(&who)))
            .unwrap_or_default();
        let (from, to) = (end(edge.from), end(edge.to));
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
