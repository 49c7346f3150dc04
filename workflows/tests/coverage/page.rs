//! The page `docs/design/coverage.md`.

use std::collections::BTreeMap;

use super::rules::Programme;
use super::seeds::Entry;

/// The longest quote shown, in letters.
const SHOWN: usize = 40;

pub(crate) fn page(programmes: &[Programme], entries: &[Entry]) -> String {
    let mut page = String::from(
        "# Coverage of the nine texts\n\n\
         Generated; `ANJU_WRITE=1 cargo test -p anju-workflows --test coverage` writes it anew, and the same test\n\
         without it says whether it is what the programmes give.\n\n\
         Each row is one thing that a text says (`workflows/programmes/seeds/entries.jsonl`), with the rules of its\n\
         programme that quote the same words and are of a kind that can say it. What no rule computes is named in the\n\
         programme with its reason. Days, shares and periods of the texts are compared with those of the rules.\n\n\
         | programme | entries | by a rule | not computable |\n|---|---|---|---|\n",
    );
    let mut total = [0; 3];
    for programme in programmes {
        let (rules, not) = counts(programme, entries);
        page.push_str(&format!(
            "| [{0}](#{0}) | {1} | {rules} | {not} |\n",
            programme.definition.id,
            rules + not
        ));
        total = [total[0] + rules + not, total[1] + rules, total[2] + not];
    }
    page.push_str(&format!(
        "| together | {} | {} | {} |\n",
        total[0], total[1], total[2]
    ));
    for programme in programmes {
        page.push_str(&section(programme, entries));
    }
    page
}

fn of<'a>(programme: &'a Programme, entries: &'a [Entry]) -> impl Iterator<Item = &'a Entry> {
    entries
        .iter()
        .filter(|entry| entry.programme == programme.definition.id)
}

fn counts(programme: &Programme, entries: &[Entry]) -> (usize, usize) {
    let mut counts = (0, 0);
    for entry in of(programme, entries) {
        let covering = programme.cover(entry);
        if covering.iter().any(|rule| !rule.is_not_computable()) {
            counts.0 += 1;
        } else if !covering.is_empty() {
            counts.1 += 1;
        }
    }
    counts
}

fn section(programme: &Programme, entries: &[Entry]) -> String {
    let definition = &programme.definition;
    let mut text = format!(
        "\n## {}\n\n{}\n\n| kind | of | says | quote | covered by |\n|---|---|---|---|---|\n",
        definition.id, definition.name.zh
    );
    let mut reasons: BTreeMap<&str, &str> = BTreeMap::new();
    for entry in of(programme, entries) {
        let covering = programme.cover(entry);
        let names: Vec<String> = covering.iter().map(|rule| rule.name()).collect();
        for rule in covering.iter().filter(|rule| rule.is_not_computable()) {
            if let Some((id, found)) = definition.not_computable.get_key_value(&rule.id) {
                reasons.insert(id, &found.reason);
            }
        }
        text.push_str(&format!(
            "| {} | {} | {} | {} | {} |\n",
            entry.kind,
            cell(&entry.at),
            cell(&entry.says),
            cell(&entry.quotes.join(" … ")),
            names.join(", ")
        ));
    }
    if !reasons.is_empty() {
        text.push_str("\nNot computable, and why:\n\n");
        for (id, reason) in reasons {
            text.push_str(&format!("- `{id}`: {reason}\n"));
        }
    }
    text
}

/// A text in a cell: one line, without the sign that ends a cell, not too long.
fn cell(text: &str) -> String {
    let line: String = text
        .chars()
        .map(|letter| if letter.is_whitespace() { ' ' } else { letter })
        .collect();
    let line = line.replace('|', "/");
    if line.chars().count() <= SHOWN {
        return line;
    }
    line.chars().take(SHOWN).chain(['…']).collect()
}
