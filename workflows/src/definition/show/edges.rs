//! Who goes from where to where.

use std::collections::{BTreeMap, BTreeSet};

use super::super::{COMPLETED, Definition, Lang};
use super::placements;

/// A way forward.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Edge<'a> {
    /// The stage it leaves; `None`: where projects begin.
    pub(super) from: Option<&'a str>,
    /// The stage it enters; `None`: the end.
    pub(super) to: Option<&'a str>,
    /// The tracks that take it, `None` among them for projects of none; empty if everybody who stands there does.
    tracks: BTreeSet<Option<String>>,
}

impl Edge<'_> {
    /// Who takes it, in words; `None` if everybody does who stands where it begins.
    pub(super) fn who(&self, definition: &Definition, lang: Lang) -> Option<String> {
        if self.tracks.is_empty() {
            return None;
        }
        let names: Vec<&str> = self
            .tracks
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
        Some(names.join(match lang {
            Lang::Zh => "、",
            Lang::En => ", ",
        }))
    }
}

/// Every way forward, by the order of the stage it leaves.
pub(super) fn edges(definition: &Definition) -> Vec<Edge<'_>> {
    // Who takes an edge, and who stands where it begins: an edge that all of those take needs no name.
    let mut taken: BTreeMap<(u32, &str, &str), BTreeSet<Option<String>>> = BTreeMap::new();
    let mut standing: BTreeMap<&str, usize> = BTreeMap::new();
    const START: &str = "";
    for placement in placements(definition) {
        let Some(first) = definition.first_stage(&placement) else {
            continue;
        };
        *standing.entry(START).or_default() += 1;
        taken
            .entry((0, START, first))
            .or_default()
            .insert(placement.track.clone());
        for (id, stage) in definition.stages_in_order(&placement) {
            *standing.entry(id).or_default() += 1;
            for next in definition.next_stages(id, &placement) {
                taken
                    .entry((stage.order, id, next))
                    .or_default()
                    .insert(placement.track.clone());
            }
        }
    }
    taken
        .into_iter()
        .map(|((_, from, to), tracks)| Edge {
            from: (from != START).then_some(from),
            to: (to != COMPLETED).then_some(to),
            tracks: if standing.get(from) == Some(&tracks.len()) {
                BTreeSet::new()
            } else {
                tracks
            },
        })
        .collect()
}
