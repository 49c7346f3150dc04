//! Which record is the first bad one.
//!
//! What is wrong with a record may show only at a later one, and of two that contradict each other either may be wrong.
//! The stored tiles hold the hash of each record that fills them, so they vouch for it by itself: the first record that
//! no tile vouches for is the one to be named, on every backend.

use crate::merkle::{Hash, TILE_WIDTH, leaf_hash, root_of};

use super::VerifyError;
use super::audit::{Derived, Repeated, altered};

/// How many bytes the hashes of a full tile have.
const TILE_BYTES: usize = TILE_WIDTH as usize * 32;

/// What a store has kept, one thing at a time and with nothing believed of it.
///
/// An error of the kind [`VerifyError::Read`] is a store that did not answer, not a finding: it ends the verification.
pub(crate) trait Kept {
    /// The tile stored at this level and index; `None` if there is none, or what stands there is none.
    async fn tile(&mut self, level: u8, index: u64) -> Result<Option<KeptTile>, VerifyError>;

    /// The record at this position; `None` if neither it nor a later one is there.
    async fn record(&mut self, at: u64) -> Result<Option<String>, VerifyError>;
}

/// A tile as it is stored.
#[derive(Debug)]
pub(crate) struct KeptTile {
    /// The root that stands beside the hashes.
    pub(crate) root: Hash,
    /// The hashes, one after the other: 8,192 bytes, if nobody has touched them.
    pub(crate) bytes: Vec<u8>,
}

impl KeptTile {
    fn hashes(&self) -> Vec<Hash> {
        let hashes = self.bytes.chunks_exact(32);
        hashes.filter_map(|hash| hash.try_into().ok()).collect()
    }

    /// Whether it is the tile with this root, to the last hash.
    pub(crate) fn is(&self, root: &Hash) -> bool {
        self.root == *root && self.bytes.len() == TILE_BYTES && root_of(&self.hashes()) == *root
    }
}

/// The first position below a tile.
pub(crate) fn first_below(level: u8, index: u64) -> u64 {
    index
        .checked_shl(8 * (u32::from(level) + 1))
        .unwrap_or(u64::MAX - 1)
        + 1
}

/// What is wrong with the records themselves: a command that comes again, or the record with which taking them ended.
/// The error is moved to the first record that no tile vouches for.
pub(crate) async fn first_wrong(
    kept: &mut impl Kept,
    derived: &Derived,
    end: Result<(), VerifyError>,
) -> Result<(), VerifyError> {
    let again = match derived.repeated() {
        Some(Repeated { at, error }) => Err(first_bad(kept, derived, (at, None), error).await),
        None => Ok(()),
    };
    let end = match end {
        Err(error) => {
            let failed = (derived.tree.size() + 1, derived.suspect);
            Err(first_bad(kept, derived, failed, error).await)
        }
        Ok(()) => Ok(()),
    };
    earliest([again, end])
}

/// Moves what is wrong with the record that `failed`, and with which an earlier one may be `suspect`, to the first record
/// that no tile vouches for.
async fn first_bad(
    kept: &mut impl Kept,
    derived: &Derived,
    (failed, suspect): (u64, Option<u64>),
    error: VerifyError,
) -> VerifyError {
    let VerifyError::Altered { position, what } = error else {
        return error;
    };
    if position == 0 {
        return altered(position, what);
    }
    let (sealed, other) = match vouched_for(kept, derived, failed).await {
        Ok(found) => found,
        Err(error) => return error,
    };
    let first = (sealed + 1).min(failed);
    if other && first != position {
        let what = "the record is not the one whose hash is in its tile";
        return altered(first, what);
    }
    let suspect = suspect.unwrap_or(position).min(position);
    altered(suspect.max(first), what)
}

/// How many of the records up to `last` the full tiles vouch for, from the first on; and whether the next is known to
/// be another than the one that was hashed.
async fn vouched_for(
    kept: &mut impl Kept,
    derived: &Derived,
    last: u64,
) -> Result<(u64, bool), VerifyError> {
    let roots = derived.tiles.iter().filter(|(level, ..)| *level == 0);
    let mut roots = roots.map(|(_, _, root)| root);
    for index in 0..=(last.saturating_sub(1) / TILE_WIDTH) {
        let Some(tile) = kept.tile(0, index).await? else {
            return Ok((index * TILE_WIDTH, false));
        };
        if roots.next().is_some_and(|root| tile.is(root)) {
            continue;
        }
        return Ok(match first_other_of(kept, index, &tile.hashes()).await? {
            Some(first) => (first - 1, true),
            None => (index * TILE_WIDTH, false),
        });
    }
    Ok((last, false))
}

/// Which of the tiles that the records lead to, taken in order of level and index, a stored one stands for.
pub(crate) fn wanted_tile(
    (level, number): (i64, i64),
    wanted: Option<(u8, u64, Hash)>,
    size: u64,
) -> Result<(u8, u64, Hash), VerifyError> {
    let place = wanted.map(|(level, index, _)| {
        let index = i64::try_from(index).unwrap_or(i64::MAX);
        (i64::from(level), index)
    });
    match (wanted, place) {
        (Some(wanted), Some(place)) if place == (level, number) => Ok(wanted),
        (Some((of, index, _)), Some(place)) if place < (level, number) => Err(altered(
            first_below(of, index),
            format!("tile {index} of level {of} is missing or misplaced"),
        )),
        _ => Err(altered(
            size + 1,
            format!("tile {number} of level {level} is stored, the records do not fill it"),
        )),
    }
}

/// Compares a stored tile with the one that the records lead to, which has `root`, and names the first position at
/// which they differ.
pub(crate) async fn check_tile(
    kept: &mut impl Kept,
    derived: &Derived,
    (level, index, root): (u8, u64, Hash),
    tile: &KeptTile,
) -> Result<(), VerifyError> {
    if tile.is(&root) {
        return Ok(());
    }
    let hashes = tile.hashes();
    let other = match level.checked_sub(1) {
        None => first_other_of(kept, index, &hashes).await?,
        Some(below) => first_tile_other_of(derived, below, index, &hashes),
    };
    Err(altered(
        other.unwrap_or(first_below(level, index)),
        format!("tile {index} of level {level} is not that of the records"),
    ))
}

/// The first record below a tile of leaves whose hash is not the one that the tile has; `None` if all are.
async fn first_other_of(
    kept: &mut impl Kept,
    index: u64,
    hashes: &[Hash],
) -> Result<Option<u64>, VerifyError> {
    for (at, hash) in (first_below(0, index)..).zip(hashes) {
        match kept.record(at).await {
            Ok(Some(record)) if leaf_hash(record.as_bytes()) == *hash => {}
            // Another one, or one that is no record.
            Ok(Some(_)) | Err(VerifyError::Altered { .. }) => return Ok(Some(at)),
            Ok(None) => return Ok(None),
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

/// The first position below a tile of roots whose tile, by the records, has another root; `None` if all have it.
fn first_tile_other_of(derived: &Derived, below: u8, index: u64, hashes: &[Hash]) -> Option<u64> {
    let mut roots: Vec<_> = derived
        .tiles
        .iter()
        .filter(|(level, number, _)| *level == below && number / TILE_WIDTH == index)
        .map(|(_, number, root)| (*number, *root))
        .collect();
    roots.sort_unstable();
    let mut pairs = roots.iter().zip(hashes);
    let ((number, _), _) = pairs.find(|((_, root), hash)| root != *hash)?;
    Some(first_below(below, *number))
}

/// Compares a row of the index from stream and revision to position with the next that the records lead to: each the
/// number of a stream, a revision, and a position. `size` is that of the log.
pub(crate) fn check_place(
    found: (i64, i64, i64),
    wanted: Option<(u64, u64, u64)>,
    size: u64,
) -> Result<(), VerifyError> {
    let wanted = wanted.map(|(number, revision, position)| [number, revision, position]);
    let wanted = wanted.as_ref().map(|wanted| wanted.as_slice());
    let (number, revision, position) = found;
    check_row(
        "stream, revision, position",
        &[number, revision, position],
        wanted,
        size,
    )
}

/// Compares a row of an index that ends in a position, and has as many columns as `names`, with the next that the records
/// lead to. `size` is that of the log.
pub(crate) fn check_row(
    names: &str,
    found: &[i64],
    wanted: Option<&[u64]>,
    size: u64,
) -> Result<(), VerifyError> {
    let signed = |number: &u64| i64::try_from(*number).unwrap_or(i64::MAX);
    let key = |row: &[i64]| row.split_last().map(|(_, key)| key.to_vec());
    let expected = wanted.map(|row| row.iter().map(signed).collect::<Vec<_>>());
    if expected.as_deref() == Some(found) {
        return Ok(());
    }
    let at = match (wanted.and_then(<[u64]>::last), &expected) {
        // The record's own row is bad or missing.
        (Some(position), Some(expected)) if key(expected) <= key(found) => *position,
        // A row that no record has is bad where it points to.
        _ => found
            .last()
            .and_then(|position| u64::try_from(*position).ok())
            .unwrap_or(1)
            .clamp(1, size + 1),
    };
    Err(altered(
        at,
        format!("the index has ({names}) {found:?}, the records have {expected:?}"),
    ))
}

/// Of what several checks have found, what stands first in the log. What could not be read comes before.
pub(crate) fn earliest(
    found: impl IntoIterator<Item = Result<(), VerifyError>>,
) -> Result<(), VerifyError> {
    let errors = found.into_iter().filter_map(Result::err);
    let first = errors.min_by_key(|error| match error {
        VerifyError::Altered { position, .. } => *position,
        VerifyError::Read(_) => 0,
    });
    first.map_or(Ok(()), Err)
}
