//! Where each part of a definition stands in the files it was written in.

use super::problem::Place;
use super::yaml::{Entry, Kind, Node};

/// The places of a definition's parts: the merged tree it was read from. A path is the keys from the top, list items
/// by their index: `["stages", "design", "next", "0"]`.
#[derive(Clone, Debug, Default)]
pub struct Locations {
    root: Option<Node>,
}

impl Locations {
    /// No places: for a definition that did not come from a file, such as one read from the log.
    #[must_use]
    pub fn unknown() -> Self {
        Self::default()
    }

    pub(crate) fn new(root: Node) -> Self {
        Self { root: Some(root) }
    }

    /// Where the value at `path` begins; if it does not stand in the files, where the nearest thing around it does.
    #[must_use]
    pub fn value(&self, path: &[&str]) -> Place {
        let Some((node, entry, depth)) = self.walk(path) else {
            return Place::default();
        };
        match entry {
            Some(entry) if depth < path.len() => entry.key_span.place(),
            _ => node.span.place(),
        }
    }

    /// Where the key of `path` stands; if it does not stand in the files, where the nearest key around it does.
    #[must_use]
    pub fn key(&self, path: &[&str]) -> Place {
        let Some((node, entry, _)) = self.walk(path) else {
            return Place::default();
        };
        entry.map_or_else(|| node.span.place(), |entry| entry.key_span.place())
    }

    /// The deepest node on the path, the entry that holds it if it is a map's, and how much of the path it covers.
    fn walk(&self, path: &[&str]) -> Option<(&Node, Option<&Entry>, usize)> {
        let mut node = self.root.as_ref()?;
        let mut entry = None;
        let mut depth = 0;
        for step in path {
            match &node.kind {
                Kind::Map(_) => match node.entry(step) {
                    Some(found) => {
                        node = &found.value;
                        entry = Some(found);
                    }
                    None => break,
                },
                Kind::List(items) => {
                    match step
                        .parse::<usize>()
                        .ok()
                        .and_then(|index| items.get(index))
                    {
                        Some(item) => {
                            node = item;
                            entry = None;
                        }
                        None => break,
                    }
                }
                _ => break,
            }
            depth += 1;
        }
        Some((node, entry, depth))
    }
}
