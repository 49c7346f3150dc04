//! The whole log as C2SP tlog-tiles: files that any web server serves, and that a third party's tools read.
//!
//! ```text
//! checkpoint                      the signed checkpoint
//! tile/<L>/<N>[.p/<W>]            256 hashes of level L (W of them in the last, partial one), 32 bytes each
//! tile/entries/<N>[.p/<W>]        the records under a tile of level 0: for each its length in two bytes, and its bytes
//! ```
//!
//! `<N>` is written in groups of three digits, all but the last with an `x` before: 1234067 is `x001/x234/067`. The
//! records are the entries as they are, so the hash of an entry is the hash in the tile. What the records mean is
//! written in [`crate::record`].
//!
//! Source: C2SP tlog-tiles.

mod export;

use crate::log::{EventLog, ReadError};
use crate::merkle::{Hash, HashSource, TILE_WIDTH};

pub use export::{ExportError, Exported, export, export_records};

/// The hashes of a log's tree, for [`crate::merkle::inclusion_proof`] and [`crate::merkle::consistency_proof`]: proofs
/// for any record and any size that the log has had.
#[derive(Clone, Copy)]
pub struct LogTree<'l>(pub &'l dyn EventLog);

impl HashSource for LogTree<'_> {
    type Error = ReadError;

    async fn hashes(&self, level: u8, start: u64, count: u64) -> Result<Vec<Hash>, ReadError> {
        self.0.tree_hashes(level, start, count).await
    }
}

/// Where a tile of hashes is served. `width` is 1 to 256; 256 is a full tile.
#[must_use]
pub fn tile_path(level: u8, index: u64, width: u64) -> String {
    format!("tile/{level}/{}", place(index, width))
}

/// Where the records under a tile of level 0 are served.
#[must_use]
pub fn entries_path(index: u64, width: u64) -> String {
    format!("tile/entries/{}", place(index, width))
}

fn place(index: u64, width: u64) -> String {
    let mut digits = format!("{:03}", index % 1_000);
    let mut rest = index / 1_000;
    while rest > 0 {
        digits = format!("x{:03}/{digits}", rest % 1_000);
        rest /= 1_000;
    }
    if width != TILE_WIDTH {
        digits.push_str(&format!(".p/{width}"));
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tile_stands_where_the_specification_puts_it() {
        // Source: the examples of C2SP tlog-tiles and of the Go package sumdb/tlog.
        assert_eq!(tile_path(0, 1_234_067, 256), "tile/0/x001/x234/067");
        assert_eq!(tile_path(4, 1_234_067, 1), "tile/4/x001/x234/067.p/1");
        assert_eq!(entries_path(273, 112), "tile/entries/273.p/112");
        assert_eq!(entries_path(0, 256), "tile/entries/000");
        assert_eq!(entries_path(1_000, 256), "tile/entries/x001/000");
        assert_eq!(tile_path(1, 999, 255), "tile/1/999.p/255");
    }
}
