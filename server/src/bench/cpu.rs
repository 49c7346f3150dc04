//! The limits of one core: hashing and decoding records that are in memory already.

use std::hint::black_box;

use anju_engine::merkle::leaf_hash;
use anju_engine::record;
use serde_json::Value;

use super::measure::{Sample, now};
use crate::app::Failure;

/// The hash of each record, as a leaf of the tree.
pub(super) fn sha256(records: &[String]) -> Sample {
    let start = now();
    for record in records {
        black_box(leaf_hash(black_box(record.as_bytes())));
    }
    Sample::since(start, records.len())
}

/// Each record decoded by `serde_json` into its generic value.
pub(super) fn json(records: &[String]) -> Result<Sample, Failure> {
    let start = now();
    for record in records {
        black_box(serde_json::from_str::<Value>(black_box(record)).map_err(broken)?);
    }
    Ok(Sample::since(start, records.len()))
}

/// Each record decoded into the event that the product works with: identities, times and names checked.
pub(super) fn events(records: &[String]) -> Result<Sample, Failure> {
    let start = now();
    for record in records {
        black_box(record::decode(black_box(record)).map_err(broken)?);
    }
    Ok(Sample::since(start, records.len()))
}

fn broken(error: impl std::fmt::Display) -> Failure {
    Failure::Store {
        zh: format!("记录无法解码:{error}"),
        en: format!("a record could not be decoded: {error}"),
    }
}
