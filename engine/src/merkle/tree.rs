//! The tree as the writer carries it: it only ever grows at its right edge.

use super::{Hash, TILE_HEIGHT, TILE_WIDTH, empty_root, node_hash};

/// The roots of the perfect subtrees that make up a tree, largest first: one for each bit of its size.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Edge {
    size: u64,
    roots: Vec<Hash>,
}

impl Edge {
    /// Adds one leaf.
    pub(super) fn push(&mut self, leaf: Hash) {
        self.push_reporting(leaf, |_, _| {});
    }

    /// Adds one leaf and reports every perfect subtree it completes: (height, root).
    fn push_reporting(&mut self, leaf: Hash, mut done: impl FnMut(u32, &Hash)) {
        let mut hash = leaf;
        // As in a binary counter: each trailing one bit of the size is a subtree to merge with.
        for height in 1..=self.size.trailing_ones() {
            if let Some(left) = self.roots.pop() {
                hash = node_hash(&left, &hash);
            }
            done(height, &hash);
        }
        self.roots.push(hash);
        self.size += 1;
    }

    /// The root; `None` of an empty tree.
    pub(super) fn root(&self) -> Option<Hash> {
        let mut roots = self.roots.iter().rev();
        let smallest = *roots.next()?;
        Some(roots.fold(smallest, |right, left| node_hash(left, &right)))
    }
}

/// A full tile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tile {
    /// 0 for the tile of leaves.
    pub level: u8,
    /// Its place in the level, 0-based.
    pub index: u64,
    /// The root over its hashes: one entry of the level above.
    pub root: Hash,
    /// Exactly [`TILE_WIDTH`] hashes.
    pub hashes: Vec<Hash>,
}

impl Tile {
    /// The hashes as one run of bytes, as a backend stores them.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.hashes.concat()
    }
}

/// A growing tree that hands out its tiles as they fill.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    edge: Edge,
    /// The hashes of the partial tile of each level, lowest level first.
    partial: Vec<Vec<Hash>>,
}

impl Tree {
    /// The tree of `size` leaves, from the hashes of its partial tiles, lowest level first: level *k* has
    /// `(size >> 8k) & 255` of them. `None` if the counts do not fit the size.
    #[must_use]
    pub fn from_partial(size: u64, partial: Vec<Vec<Hash>>) -> Option<Self> {
        let mut roots = Vec::new();
        for (level, hashes) in partial.iter().enumerate().rev() {
            if hashes.len() as u64 != partial_width(size, u8::try_from(level).ok()?) {
                return None;
            }
            let mut edge = Edge::default();
            for hash in hashes {
                edge.push(*hash);
            }
            roots.append(&mut edge.roots);
        }
        if u8::try_from(partial.len()).is_ok_and(|levels| levels < levels_of(size)) {
            return None;
        }
        Some(Self {
            edge: Edge { size, roots },
            partial,
        })
    }

    /// How many leaves there are.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.edge.size
    }

    /// The root.
    #[must_use]
    pub fn root(&self) -> Hash {
        self.edge.root().unwrap_or_else(empty_root)
    }

    /// Adds one leaf; every tile that it fills goes to `filled`, lowest level first.
    pub fn push(&mut self, leaf: Hash, filled: &mut Vec<Tile>) {
        let index = self.edge.size;
        let partial = &mut self.partial;
        entry(partial, 0).push(leaf);
        self.edge.push_reporting(leaf, |height, root| {
            if height % TILE_HEIGHT != 0 {
                return;
            }
            // A perfect subtree of height 8(k + 1) is a full tile of level k and an entry of level k + 1.
            let above = (height / TILE_HEIGHT) as usize;
            filled.push(Tile {
                level: u8::try_from(above - 1).unwrap_or(u8::MAX),
                index: index >> height,
                root: *root,
                hashes: std::mem::take(entry(partial, above - 1)),
            });
            entry(partial, above).push(*root);
        });
    }
}

fn entry(partial: &mut Vec<Vec<Hash>>, level: usize) -> &mut Vec<Hash> {
    if partial.len() <= level {
        partial.resize_with(level + 1, Vec::new);
    }
    &mut partial[level]
}

/// How many tile levels a tree of this size has hashes in.
#[must_use]
pub(crate) fn levels_of(size: u64) -> u8 {
    (0..8)
        .find(|level| size >> (TILE_HEIGHT * u32::from(*level)) == 0)
        .unwrap_or(8)
}

/// How many hashes the partial tile of a level holds; 0 if the last tile is full or there is none, as in the levels that
/// no size reaches.
#[must_use]
pub(crate) fn partial_width(size: u64, level: u8) -> u64 {
    let hashes = size.checked_shr(TILE_HEIGHT * u32::from(level));
    hashes.unwrap_or(0) % TILE_WIDTH
}

/// How many leaves a tree has at least that has the hashes `start..start + count` of tile level `level`; `None` if no size
/// is that large.
#[must_use]
pub(crate) fn leaves_under(level: u8, start: u64, count: u64) -> Option<u64> {
    let one = 1_u64.checked_shl(TILE_HEIGHT.checked_mul(u32::from(level))?)?;
    start.checked_add(count)?.checked_mul(one)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::merkle::{leaf_hash, root_of};

    /// The definition in RFC 6962, section 2.1, word by word.
    fn defined(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => empty_root(),
            [leaf] => *leaf,
            _ => {
                let mut k = 1;
                while k * 2 < leaves.len() {
                    k *= 2;
                }
                node_hash(&defined(&leaves[..k]), &defined(&leaves[k..]))
            }
        }
    }

    fn leaves(n: u64) -> Vec<Hash> {
        (0..n).map(|i| leaf_hash(&i.to_be_bytes())).collect()
    }

    #[test]
    fn the_known_vectors_of_certificate_transparency_hold() {
        // Source: the test vectors of the certificate-transparency-go repository (merkle, "testonly").
        let inputs: [&[u8]; 8] = [
            b"",
            &[0x00],
            &[0x10],
            &[0x20, 0x21],
            &[0x30, 0x31],
            &[0x40, 0x41, 0x42, 0x43],
            &[0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57],
            &[
                0x60, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x6b, 0x6c, 0x6d,
                0x6e, 0x6f,
            ],
        ];
        let hex = |hash: Hash| hash.iter().map(|b| format!("{b:02x}")).collect::<String>();
        assert_eq!(
            hex(empty_root()),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
        let all: Vec<Hash> = inputs.iter().map(|i| leaf_hash(i)).collect();
        assert_eq!(
            hex(root_of(&all[..1])),
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
        );
        assert_eq!(
            hex(root_of(&all)),
            "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"
        );
    }

    #[test]
    fn every_small_tree_has_the_root_that_the_definition_gives() {
        let all = leaves(600);
        let mut tree = Tree::default();
        for n in 0..600 {
            assert_eq!(tree.root(), defined(&all[..n]), "size {n}");
            tree.push(all[n], &mut Vec::new());
        }
    }

    #[test]
    fn tiles_come_out_full_in_order_and_their_roots_are_the_entries_above() {
        let n = 256 * 256 + 256 + 3;
        let all = leaves(n);
        let (mut tree, mut tiles) = (Tree::default(), Vec::new());
        for leaf in &all {
            tree.push(*leaf, &mut tiles);
        }
        assert_eq!(tree.size(), n);
        let low: Vec<_> = tiles.iter().filter(|t| t.level == 0).collect();
        assert_eq!(low.len(), 257);
        for (i, tile) in low.iter().enumerate() {
            assert_eq!(tile.index, i as u64);
            assert_eq!(tile.hashes, all[i * 256..(i + 1) * 256]);
            assert_eq!(tile.root, defined(&tile.hashes));
        }
        let high: Vec<_> = tiles.iter().filter(|t| t.level == 1).collect();
        assert_eq!(high.len(), 1);
        let entries: Vec<Hash> = low[..256].iter().map(|t| t.root).collect();
        assert_eq!(high[0].hashes, entries);
        assert_eq!(tree.root(), defined(&all));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn a_tree_loaded_from_its_partial_tiles_is_the_tree(n in 0_u64..70_000) {
            let mut tree = Tree::default();
            for leaf in leaves(n) {
                tree.push(leaf, &mut Vec::new());
            }
            let loaded = Tree::from_partial(n, tree.partial.clone()).unwrap();
            prop_assert_eq!(loaded, tree);
        }
    }

    #[test]
    fn partial_tiles_that_do_not_fit_the_size_are_no_tree() {
        let mut tree = Tree::default();
        for leaf in leaves(300) {
            tree.push(leaf, &mut Vec::new());
        }
        assert!(Tree::from_partial(301, tree.partial.clone()).is_none());
        assert!(Tree::from_partial(300, tree.partial[..1].to_vec()).is_none());
        assert!(Tree::from_partial(300, tree.partial).is_some());
    }

    #[test]
    fn levels_that_no_size_reaches_hold_nothing() {
        for level in 8..=u8::MAX {
            assert_eq!(partial_width(u64::MAX, level), 0);
            assert_eq!(leaves_under(level, 0, 1), None);
        }
        assert_eq!(partial_width(u64::MAX, 7), 255);
        assert_eq!(leaves_under(7, 254, 1), Some(255 << 56));
        assert_eq!(leaves_under(7, 255, 1), None);
        assert_eq!(leaves_under(0, u64::MAX, 1), None);
        for levels in [9, 10, 256, 300] {
            let mut partial = vec![Vec::new(); levels];
            partial[0].push([1; 32]);
            let mut beyond = partial.clone();
            beyond[8].push([2; 32]);
            assert!(Tree::from_partial(1, beyond).is_none(), "{levels} levels");
            // Nothing in them is nothing wrong, as far as levels can be counted.
            let loaded = Tree::from_partial(1, partial);
            assert_eq!(
                loaded.map(|tree| tree.root()),
                (levels <= 256).then_some([1; 32])
            );
        }
    }
}
