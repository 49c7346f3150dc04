//! The RFC 6962 tree over the records.
//!
//! ```text
//! leaf   = SHA-256(0x00 ‖ record)            node = SHA-256(0x01 ‖ left ‖ right)
//!
//! tile level 1   entry 0 = root of leaves 0..256   entry 1 = root of leaves 256..512   …
//! tile level 0   leaves 0..256 │ leaves 256..512 │ leaves 512..  (the last tile is partial)
//! ```
//!
//! A *tile* is 256 consecutive hashes of one level; level *k* has one hash for every 256^*k* leaves. Full tiles
//! never change, so they are stored once; what is not yet full is known from the tiles and records below it.

mod proof;
mod tree;

use sha2::{Digest, Sha256};

pub use proof::{
    HashSource, ProofError, consistency_proof, inclusion_proof, root_at, verify_consistency,
    verify_inclusion,
};
pub use tree::{Tile, Tree};
pub(crate) use tree::{leaves_under, levels_of, partial_width};

/// A SHA-256 hash.
pub type Hash = [u8; 32];

/// How many hashes a full tile holds.
pub const TILE_WIDTH: u64 = 256;

/// How many levels of the binary tree one tile spans: 2^8 = [`TILE_WIDTH`].
pub(crate) const TILE_HEIGHT: u32 = 8;

/// The hash of one record.
#[must_use]
pub fn leaf_hash(record: &[u8]) -> Hash {
    let mut hasher = Sha256::new();
    hasher.update([0x00]);
    hasher.update(record);
    hasher.finalize().into()
}

/// The hash of two subtrees.
#[must_use]
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let mut bytes = [0x01; 65];
    bytes[1..33].copy_from_slice(left);
    bytes[33..].copy_from_slice(right);
    Sha256::digest(bytes).into()
}

/// The root of the tree over nothing: SHA-256 of the empty string.
#[must_use]
pub fn empty_root() -> Hash {
    Sha256::digest([]).into()
}

/// The root over some hashes that are taken as leaves or as roots of equally large perfect subtrees.
#[must_use]
pub fn root_of(hashes: &[Hash]) -> Hash {
    let mut tree = tree::Edge::default();
    for hash in hashes {
        tree.push(*hash);
    }
    tree.root().unwrap_or_else(empty_root)
}
