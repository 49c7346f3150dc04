//! Cutting examples out of a file: the lines in which a type of the language is used.

use std::collections::{BTreeMap, BTreeSet};

use crate::definition::schema::shape::{Form, part};
use crate::definition::yaml::{self, Entry, Kind, Node};

/// The most lines that one example shows.
const LONGEST: usize = 24;
/// The most places that are shown of one type.
const MOST: usize = 4;
/// The same for a type that is one of some words: an example for each.
const MOST_WORDS: usize = 12;

/// Where each type of the language is used in a file.
pub(super) struct Examples<'a> {
    lines: Vec<&'a str>,
    uses: BTreeMap<String, Vec<Use>>,
}

/// One use of a type.
struct Use {
    /// Where, as `stages.works.exit.paid`.
    path: String,
    /// The line it begins on, from 1.
    line: usize,
    /// The keys it uses; for a plain value the value itself.
    keys: BTreeSet<String>,
}

impl<'a> Examples<'a> {
    /// The uses in a text; none if it cannot be read.
    pub(super) fn of(text: &'a str) -> Self {
        let mut examples = Self {
            lines: text.lines().collect(),
            uses: BTreeMap::new(),
        };
        if let Ok(root) = yaml::load(text, "reference.yaml") {
            examples.walk(&root, "Definition", "");
        }
        examples
    }

    fn walk(&mut self, node: &Node, type_name: &str, path: &str) {
        let (Some(part), Kind::Map(entries)) = (part(type_name), &node.kind) else {
            return;
        };
        for entry in entries {
            let Some(key) = part.key(&entry.key) else {
                continue;
            };
            let Some(target) = &key.target else { continue };
            let path = joined(path, &entry.key);
            match (&entry.value.kind, key.form) {
                (Kind::Map(inner), Form::Register) => {
                    for entry in inner {
                        self.note(entry, target, &joined(&path, &entry.key));
                    }
                }
                (Kind::List(items), Form::List) => {
                    for item in items {
                        self.add(target, &path, line(entry), item);
                        self.walk(item, target, &path);
                    }
                }
                _ => self.note(entry, target, &path),
            }
        }
    }

    fn note(&mut self, entry: &Entry, target: &str, path: &str) {
        self.add(target, path, line(entry), &entry.value);
        self.walk(&entry.value, target, path);
    }

    fn add(&mut self, target: &str, path: &str, line: usize, value: &Node) {
        let keys = match &value.kind {
            Kind::Map(entries) => entries.iter().map(|entry| entry.key.clone()).collect(),
            Kind::Text(text) => BTreeSet::from([text.clone()]),
            _ => BTreeSet::new(),
        };
        self.uses.entry(target.to_owned()).or_default().push(Use {
            path: path.to_owned(),
            line,
            keys,
        });
    }

    /// Examples of a type: as few places as show all of its keys that the file uses, with where they stand.
    pub(super) fn of_type(&self, name: &str) -> Vec<(String, String)> {
        let Some(uses) = self.uses.get(name) else {
            return Vec::new();
        };
        let mut left: BTreeSet<&String> = uses.iter().flat_map(|found| &found.keys).collect();
        let mut lines = BTreeSet::new();
        let mut shown = Vec::new();
        let most = match part(name) {
            Some(part) if !part.words.is_empty() => MOST_WORDS,
            _ => MOST,
        };
        while shown.len() < most {
            // The one that shows most of what is not shown yet; the first of several.
            let best = uses
                .iter()
                .filter(|found| !lines.contains(&found.line))
                .map(|found| {
                    let fresh = found.keys.iter().filter(|key| left.contains(key)).count();
                    (fresh, found)
                })
                .rev()
                .max_by_key(|(fresh, _)| *fresh);
            let Some((fresh, found)) = best else { break };
            if fresh == 0 && !shown.is_empty() {
                break;
            }
            left.retain(|key| !found.keys.contains(*key));
            lines.insert(found.line);
            shown.push((found.path.clone(), self.cut(found.line)));
        }
        shown
    }

    /// The block that begins on a line, moved to the left.
    fn cut(&self, line: usize) -> String {
        let indent = |text: &str| text.len() - text.trim_start().len();
        let Some(first) = self.lines.get(line.wrapping_sub(1)) else {
            return String::new();
        };
        let base = indent(first);
        let mut block = vec![*first];
        for next in self.lines.iter().skip(line) {
            if next.trim().is_empty() || indent(next) <= base {
                break;
            }
            block.push(*next);
        }
        let cut = block.len() > LONGEST;
        block.truncate(LONGEST);
        let mut out = String::new();
        for text in block {
            out.push_str(text.get(base..).unwrap_or(text.trim_start()));
            out.push('\n');
        }
        if cut {
            out.push_str("  # …\n");
        }
        out
    }
}

fn line(entry: &Entry) -> usize {
    usize::try_from(entry.key_span.line).unwrap_or(0)
}

fn joined(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.to_owned()
    } else {
        format!("{path}.{key}")
    }
}
