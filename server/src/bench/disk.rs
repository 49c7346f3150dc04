//! The limit of the disk: records appended to a plain file, and synced.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

use super::measure::{Sample, now};
use crate::app::Failure;

/// Appends every record with its line end and makes each `group` of them durable with one `fdatasync`.
pub(super) fn append(path: &Path, records: &[String], group: usize) -> Result<Sample, Failure> {
    let failed = |source| Failure::File {
        path: path.display().to_string(),
        source,
    };
    let mut file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .map_err(failed)?;
    let mut buffer = Vec::new();
    let mut waits = Vec::new();
    let start = now();
    for group in records.chunks(group.max(1)) {
        let asked = now();
        buffer.clear();
        for record in group {
            buffer.extend_from_slice(record.as_bytes());
            buffer.push(b'\n');
        }
        file.write_all(&buffer).map_err(failed)?;
        file.sync_data().map_err(failed)?;
        waits.push(now() - asked);
    }
    Ok(Sample::since(start, records.len()).with_waits(waits))
}
