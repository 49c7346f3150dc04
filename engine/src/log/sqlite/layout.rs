//! The index from a stream to its events, as each version of the tables has it.
//!
//! Version 1 has it by stream and revision: in a long log each place goes to a page of its own, far from the one before,
//! and most of them must first be fetched. Version 2 cuts it by epochs, each 262,144 positions, and has the epoch first:
//! whatever is appended goes to the pages of the newest epoch, which stay in memory.
//!
//! What is asked for then lies in several epochs. Every query goes through those that the log has, in order, and as one
//! statement: oldest first for the history of a stream, newest first for its last revision.

use crate::log::LogOptions;

/// The version of the tables that this build writes. A file with a greater one is of a newer build.
pub(super) const SCHEMA_VERSION: i64 = 2;

/// By how many bits the number of positions before one is shifted to get its epoch. Part of version 2: it never changes.
const EPOCH_BITS: u32 = 18;

/// How the index is laid out in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    /// Version 1: by stream and revision. Only ever read.
    ByStream,
    /// Version 2: by epoch, stream and revision.
    ByEpoch {
        /// `EPOCH_BITS`, but for tests, which make epochs short.
        bits: u32,
    },
}

impl Layout {
    /// That of the version which is written.
    pub(super) fn current(options: &LogOptions) -> Self {
        #[cfg(feature = "test-util")]
        if let Some(bits) = options.epoch_bits {
            return Self::ByEpoch { bits };
        }
        let _ = options;
        Self::ByEpoch { bits: EPOCH_BITS }
    }

    /// That of a version; `None` if it was never written.
    pub(super) fn of(version: i64, options: &LogOptions) -> Option<Self> {
        match version {
            1 => Some(Self::ByStream),
            SCHEMA_VERSION => Some(Self::current(options)),
            _ => None,
        }
    }

    /// The epoch of a position; the index by stream is all one.
    pub(super) fn epoch(self, position: u64) -> u64 {
        match self {
            Self::ByStream => 0,
            Self::ByEpoch { bits } => position.saturating_sub(1) >> bits,
        }
    }

    /// What the queries take for the number of bits; those of the index by stream have no such parameter.
    pub(super) fn bits(self) -> i64 {
        match self {
            Self::ByStream => 0,
            Self::ByEpoch { bits } => i64::from(bits),
        }
    }

    /// The columns of the index.
    pub(super) fn columns(self) -> &'static [&'static str] {
        match self {
            Self::ByStream => &["stream_no", "revision", "position"],
            Self::ByEpoch { .. } => &["epoch", "stream_no", "revision", "position"],
        }
    }
}

/// A statement that names the number of bits where it can have no parameter, for another number.
pub(super) fn with_bits(sql: &str, layout: Layout) -> String {
    sql.replace(">> 18", &format!(">> {}", layout.bits()))
}

/// The epochs that the log has, to be asked whether one is among them. SQLite goes through them in order, up or down,
/// where the rows are wanted in the order of epochs, and no further than it must. They are counted by the head, which is
/// checked when a log is opened, and not by the index, in which any number may stand.
macro_rules! epochs {
    ($bits:literal) => {
        concat!(
            "(WITH RECURSIVE epoch(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM epoch \
             WHERE n < (SELECT (size - 1) >> ",
            $bits,
            " FROM head WHERE id = 1)) SELECT n FROM epoch)"
        )
    };
}

/// The last revision of a stream, whose number is an expression; `NULL` if it has none.
macro_rules! last_revision {
    ($bits:literal, $stream:literal) => {
        concat!(
            "(SELECT revision FROM stream_event WHERE epoch IN ",
            $crate::log::sqlite::layout::epochs!($bits),
            " AND stream_no = ",
            $stream,
            " ORDER BY epoch DESC, revision DESC LIMIT 1)"
        )
    };
}

pub(super) use {epochs, last_revision};

#[cfg(test)]
mod tests {
    use super::*;

    /// Files have been written with it.
    #[test]
    fn an_epoch_of_version_2_is_262_144_positions() {
        let layout = Layout::current(&LogOptions::default());
        let first = [1, 2, 262_144].map(|position| layout.epoch(position));
        assert_eq!(first, [0, 0, 0]);
        let later = [262_145, 524_288, 524_289].map(|position| layout.epoch(position));
        assert_eq!(later, [1, 1, 2]);
        assert_eq!(
            with_bits("(position - 1) >> 18", layout),
            "(position - 1) >> 18"
        );
    }
}
