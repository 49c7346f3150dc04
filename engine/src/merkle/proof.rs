//! Proofs: that a record is in the log, and that a log has only grown.
//!
//! Generation asks a [`HashSource`] for whole subtrees; verification is pure and needs nothing but the proof.
//! Source of the algorithms: RFC 6962, sections 2.1.1 and 2.1.2; of the checks: RFC 9162, sections 2.1.3.2
//! and 2.1.4.2.

use std::future::Future;

use super::{Hash, TILE_HEIGHT, empty_root, node_hash, root_of};

/// Where the hashes of a log's tree are read.
pub trait HashSource: Sync {
    /// Why a read may fail.
    type Error: Send;

    /// The hashes `start..start + count` of tile level `level`. The run never crosses a tile, is never empty and
    /// never asks beyond the log's size.
    fn hashes(
        &self,
        level: u8,
        start: u64,
        count: u64,
    ) -> impl Future<Output = Result<Vec<Hash>, Self::Error>> + Send;
}

/// Why a proof does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The index or the sizes cannot have a proof at all.
    #[error("no proof exists for these sizes")]
    Range,
    /// The proof has too few or too many hashes.
    #[error("the proof has the wrong length")]
    Length,
    /// The hashes do not lead to the root.
    #[error("the proof leads to another root")]
    Root,
}

/// The root of the first `size` leaves.
///
/// # Errors
/// Those of the source.
pub async fn root_at<S: HashSource>(source: &S, size: u64) -> Result<Hash, S::Error> {
    if size == 0 {
        return Ok(empty_root());
    }
    range_root(source, 0, size).await
}

/// The audit path of leaf `index` in the tree of `size` leaves, from the leaf upwards. Empty unless
/// `index < size`.
///
/// # Errors
/// Those of the source.
pub async fn inclusion_proof<S: HashSource>(
    source: &S,
    index: u64,
    size: u64,
) -> Result<Vec<Hash>, S::Error> {
    let mut proof = Vec::new();
    if index >= size {
        return Ok(proof);
    }
    let (mut from, mut to) = (0, size);
    while to - from > 1 {
        let middle = from + split(to - from);
        if index < middle {
            proof.push(range_root(source, middle, to).await?);
            to = middle;
        } else {
            proof.push(range_root(source, from, middle).await?);
            from = middle;
        }
    }
    proof.reverse();
    Ok(proof)
}

/// The proof that the tree of `new` leaves begins with the tree of `old` leaves. Empty if `old` is 0 or `new`,
/// or beyond it.
///
/// # Errors
/// Those of the source.
pub async fn consistency_proof<S: HashSource>(
    source: &S,
    old: u64,
    new: u64,
) -> Result<Vec<Hash>, S::Error> {
    let mut proof = Vec::new();
    if old == 0 || old >= new {
        return Ok(proof);
    }
    let (mut from, mut to) = (0, new);
    // While the old tree ends exactly where this subtree ends, its root is what the proof is about.
    while old != to {
        let middle = from + split(to - from);
        if old <= middle {
            proof.push(range_root(source, middle, to).await?);
            to = middle;
        } else {
            proof.push(range_root(source, from, middle).await?);
            from = middle;
        }
    }
    // The verifier knows the old root itself; any other subtree it must be told.
    if from != 0 {
        proof.push(range_root(source, from, to).await?);
    }
    proof.reverse();
    Ok(proof)
}

/// Checks that the leaf with this hash is number `index` in the tree of `size` leaves.
///
/// # Errors
/// [`ProofError`] says in which way it is not proved.
pub fn verify_inclusion(
    leaf: &Hash,
    index: u64,
    size: u64,
    proof: &[Hash],
    root: &Hash,
) -> Result<(), ProofError> {
    if index >= size {
        return Err(ProofError::Range);
    }
    let (mut node, mut last) = (index, size - 1);
    let mut hash = *leaf;
    for step in proof {
        if last == 0 {
            return Err(ProofError::Length);
        }
        if node & 1 == 1 || node == last {
            hash = node_hash(step, &hash);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, step);
        }
        node >>= 1;
        last >>= 1;
    }
    if last != 0 {
        return Err(ProofError::Length);
    }
    if hash == *root {
        Ok(())
    } else {
        Err(ProofError::Root)
    }
}

/// Checks that the tree of `new` leaves begins with the tree of `old` leaves.
///
/// # Errors
/// [`ProofError`] says in which way it is not proved.
pub fn verify_consistency(
    old: u64,
    old_root: &Hash,
    new: u64,
    new_root: &Hash,
    proof: &[Hash],
) -> Result<(), ProofError> {
    if old > new {
        return Err(ProofError::Range);
    }
    if old == 0 || old == new {
        if !proof.is_empty() {
            return Err(ProofError::Length);
        }
        let expected = if old == 0 { empty_root() } else { *new_root };
        return if *old_root == expected {
            Ok(())
        } else {
            Err(ProofError::Root)
        };
    }
    let (mut node, mut last) = (old - 1, new - 1);
    while node & 1 == 1 {
        node >>= 1;
        last >>= 1;
    }
    let mut steps = proof.iter();
    // If the old tree is one perfect subtree, the proof leaves its root out.
    let first = if old.is_power_of_two() {
        *old_root
    } else {
        *steps.next().ok_or(ProofError::Length)?
    };
    let (mut old_hash, mut new_hash) = (first, first);
    for step in steps {
        if last == 0 {
            return Err(ProofError::Length);
        }
        if node & 1 == 1 || node == last {
            old_hash = node_hash(step, &old_hash);
            new_hash = node_hash(step, &new_hash);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            new_hash = node_hash(&new_hash, step);
        }
        node >>= 1;
        last >>= 1;
    }
    if last != 0 {
        return Err(ProofError::Length);
    }
    if old_hash == *old_root && new_hash == *new_root {
        Ok(())
    } else {
        Err(ProofError::Root)
    }
}

/// The largest power of two smaller than `n`, for `n` of at least 2.
fn split(n: u64) -> u64 {
    1 << (63 - (n - 1).leading_zeros())
}

/// The root over the leaves `from..to`, where the range is a node of some tree: its left end is a multiple of
/// the largest perfect subtree in it.
async fn range_root<S: HashSource>(source: &S, from: u64, to: u64) -> Result<Hash, S::Error> {
    let mut roots = Vec::new();
    let mut at = from;
    while at < to {
        let left = to - at;
        let height = 63 - left.leading_zeros();
        roots.push(subtree(source, height, at >> height).await?);
        at += 1 << height;
    }
    let mut roots = roots.into_iter().rev();
    let smallest = roots.next().unwrap_or_else(empty_root);
    Ok(roots.fold(smallest, |right, left| node_hash(&left, &right)))
}

/// The root of the perfect subtree number `index` among those of 2^`height` leaves.
async fn subtree<S: HashSource>(source: &S, height: u32, index: u64) -> Result<Hash, S::Error> {
    let inside = height % TILE_HEIGHT;
    let level = u8::try_from(height / TILE_HEIGHT).unwrap_or(u8::MAX);
    let hashes = source.hashes(level, index << inside, 1 << inside).await?;
    Ok(root_of(&hashes))
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures::executor::block_on;
    use proptest::prelude::*;

    use super::*;
    use crate::merkle::{TILE_WIDTH, leaf_hash};

    /// A source over leaves in memory, which also watches that it is asked as promised.
    struct Leaves(Vec<Hash>);

    impl HashSource for Leaves {
        type Error = Infallible;
        async fn hashes(&self, level: u8, start: u64, count: u64) -> Result<Vec<Hash>, Infallible> {
            assert!(count > 0);
            assert_eq!(start / TILE_WIDTH, (start + count - 1) / TILE_WIDTH);
            let span = 1_usize << (TILE_HEIGHT * u32::from(level));
            Ok((start..start + count)
                .map(|i| root_of(&self.0[i as usize * span..(i as usize + 1) * span]))
                .collect())
        }
    }

    fn leaves(n: u64) -> Leaves {
        Leaves((0..n).map(|i| leaf_hash(&i.to_be_bytes())).collect())
    }

    #[test]
    fn every_inclusion_in_every_small_tree_is_proved() {
        let source = leaves(40);
        for size in 1..=40_u64 {
            let root = root_of(&source.0[..size as usize]);
            assert_eq!(block_on(root_at(&source, size)).unwrap(), root);
            for index in 0..size {
                let proof = block_on(inclusion_proof(&source, index, size)).unwrap();
                let leaf = &source.0[index as usize];
                assert_eq!(verify_inclusion(leaf, index, size, &proof, &root), Ok(()));
            }
        }
    }

    #[test]
    fn every_growth_of_every_small_tree_is_proved() {
        let source = leaves(40);
        let root = |n: u64| root_of(&source.0[..n as usize]);
        for new in 0..=40 {
            for old in 0..=new {
                let proof = block_on(consistency_proof(&source, old, new)).unwrap();
                let proved = verify_consistency(old, &root(old), new, &root(new), &proof);
                assert_eq!(proved, Ok(()), "{old} -> {new}");
            }
        }
    }

    #[test]
    fn what_is_not_in_the_tree_has_no_proof() {
        let source = leaves(3);
        let root = root_of(&source.0);
        assert!(block_on(inclusion_proof(&source, 3, 3)).unwrap().is_empty());
        assert_eq!(
            verify_inclusion(&source.0[0], 3, 3, &[], &root),
            Err(ProofError::Range)
        );
        assert_eq!(
            verify_consistency(4, &root, 3, &root, &[]),
            Err(ProofError::Range)
        );
        assert_eq!(
            verify_consistency(0, &root, 3, &root, &[]),
            Err(ProofError::Root)
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_proof_holds_across_tiles_and_no_changed_proof_does(
            size in 1_u64..2_000,
            pick in any::<(u64, u64, u8)>(),
        ) {
            let source = leaves(size);
            let index = pick.0 % size;
            let old = pick.1 % (size + 1);
            let root = root_of(&source.0);
            let old_root = root_of(&source.0[..old as usize]);
            let leaf = source.0[index as usize];

            let path = block_on(inclusion_proof(&source, index, size)).unwrap();
            prop_assert_eq!(verify_inclusion(&leaf, index, size, &path, &root), Ok(()));
            let growth = block_on(consistency_proof(&source, old, size)).unwrap();
            prop_assert_eq!(verify_consistency(old, &old_root, size, &root, &growth), Ok(()));

            // A flipped bit anywhere, one hash less or one more: none of it proves anything.
            for at in 0..path.len() {
                let mut bad = path.clone();
                bad[at][usize::from(pick.2 % 32)] ^= 1;
                prop_assert!(verify_inclusion(&leaf, index, size, &bad, &root).is_err());
            }
            for at in 0..growth.len() {
                let mut bad = growth.clone();
                bad[at][usize::from(pick.2 % 32)] ^= 1;
                prop_assert!(verify_consistency(old, &old_root, size, &root, &bad).is_err());
            }
            let mut longer = path.clone();
            longer.push(root);
            prop_assert!(verify_inclusion(&leaf, index, size, &longer, &root).is_err());
            if let [_, shorter @ ..] = &path[..] {
                prop_assert!(verify_inclusion(&leaf, index, size, shorter, &root).is_err());
            }
            if let [_, shorter @ ..] = &growth[..] {
                prop_assert!(
                    verify_consistency(old, &old_root, size, &root, shorter).is_err()
                );
            }
            // The same leaf at another place is another claim.
            let other = (index + 1) % size;
            if other != index {
                prop_assert!(verify_inclusion(&leaf, other, size, &path, &root).is_err());
            }
        }
    }
}
