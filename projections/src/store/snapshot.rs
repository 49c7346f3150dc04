//! States as they are kept: JSON, packed as one LZ4 block with its length in front.
//!
//! Snapshots are nearly all of the file, and every one is written again whenever its project moves. Packed they are a
//! third to a quarter, which costs less than the copying it saves.

use anju_workflows::project::ProjectState;
use lz4_flex::block;

use crate::ViewError;

/// No byte of a block stands for more than so many.
const AT_MOST: usize = 255;

/// The bytes of a state.
pub(crate) fn pack(state: &ProjectState) -> Result<Vec<u8>, ViewError> {
    let json = serde_json::to_vec(state).map_err(ViewError::row)?;
    Ok(block::compress_prepend_size(&json))
}

/// The state of these bytes.
pub(crate) fn unpack(bytes: &[u8]) -> Result<ProjectState, ViewError> {
    let damaged = |what: &dyn std::fmt::Display| ViewError::row(format!("a state: {what}"));
    let (length, packed) = block::uncompressed_size(bytes).map_err(|error| damaged(&error))?;
    // Before so much memory is taken.
    if length > packed.len().saturating_mul(AT_MOST) {
        return Err(damaged(&format!(
            "{} bytes cannot hold {length}",
            packed.len()
        )));
    }
    let json = block::decompress(packed, length).map_err(|error| damaged(&error))?;
    serde_json::from_slice(&json).map_err(|error| damaged(&error))
}

#[cfg(test)]
mod tests {
    use super::{pack, unpack};
    use crate::ViewError;
    use crate::cache::tests::state;

    #[test]
    fn what_is_packed_comes_out_the_same_and_what_is_damaged_is_refused() {
        let project = anju_workflows::project::event::ProjectId::new("P1").unwrap();
        let state = state(&project);
        let bytes = pack(&state).unwrap();
        assert_eq!(unpack(&bytes).unwrap(), state);
        for length in 0..bytes.len() {
            let cut = unpack(&bytes[..length]);
            assert!(matches!(cut, Err(ViewError::Row { .. })), "{length}");
        }
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 0x80;
            // Another state, or none: never a panic, never more memory than the bytes can hold.
            let _ = unpack(&changed);
        }
        let mut huge = bytes;
        huge[..4].copy_from_slice(&u32::MAX.to_le_bytes());
        let refused = unpack(&huge).unwrap_err().to_string();
        assert!(refused.contains("cannot hold 4294967295"), "{refused}");
    }
}
