//! The rows of a batch, and how `COPY` takes them.

use std::fmt::Write as _;

use uuid::Uuid;

const STREAMS: i64 = 10_000;

#[derive(Clone, Copy, Debug)]
pub(super) enum Format {
    Binary,
    Text,
}

pub(super) const fn copy(format: Format) -> &'static str {
    match format {
        Format::Binary => {
            "COPY record (position, stream_no, revision, last, command_id, digest, record) \
             FROM STDIN (FORMAT binary)"
        }
        Format::Text => {
            "COPY record (position, stream_no, revision, last, command_id, digest, record) \
             FROM STDIN (FORMAT text)"
        }
    }
}

/// One event, the only one of its command.
pub(super) struct Row<'a> {
    pub(super) position: i64,
    pub(super) stream_no: i64,
    pub(super) revision: i64,
    pub(super) id: Uuid,
    pub(super) digest: [u8; 32],
    pub(super) record: &'a str,
}

/// What is written together, and how it moves the head.
pub(super) struct Batch<'a> {
    pub(super) size: i64,
    pub(super) seen: [u8; 32],
    pub(super) root: [u8; 32],
    pub(super) recorded_at: &'static str,
    pub(super) streams: i64,
    pub(super) commands: [u8; 32],
    pub(super) rows: Vec<Row<'a>>,
}

impl<'a> Batch<'a> {
    /// The next `count` rows of a log that stands at `size` and `seen`. Everything in them that must be unique is.
    pub(super) fn next(size: i64, seen: [u8; 32], count: usize, records: &'a [String]) -> Self {
        let rows = (size + 1..).take(count).map(|position| Row {
            position,
            stream_no: position % STREAMS,
            revision: position / STREAMS,
            id: Uuid::new_v4(),
            digest: random(),
            record: &records[position as usize % records.len()],
        });
        Self {
            size,
            seen,
            root: random(),
            recorded_at: "2026-01-02T03:04:05.678901Z",
            streams: STREAMS,
            commands: random(),
            rows: rows.collect(),
        }
    }

    /// The condition and the move of the writer's statement, for a protocol without parameters.
    pub(super) fn move_head(&self) -> String {
        let (root, commands, seen) = (hex(&self.root), hex(&self.commands), hex(&self.seen));
        let (size, streams, recorded_at) = (self.size, self.streams, self.recorded_at);
        let next = size + self.rows.len() as i64;
        format!(
            "UPDATE log_head SET size = {next}, root = '{root}', recorded_at = '{recorded_at}', \
             streams = {streams}, commands = '{commands}' \
             WHERE id = 1 AND size = {size} AND root = '{seen}'"
        )
    }

    /// The parameters of the same as a prepared statement, in the binary format.
    pub(super) fn parameters(&self) -> [Vec<u8>; 7] {
        let next = self.size + self.rows.len() as i64;
        [
            next.to_be_bytes().to_vec(),
            self.root.to_vec(),
            self.recorded_at.as_bytes().to_vec(),
            self.streams.to_be_bytes().to_vec(),
            self.commands.to_vec(),
            self.size.to_be_bytes().to_vec(),
            self.seen.to_vec(),
        ]
    }

    pub(super) fn encoded(&self, format: Format) -> Vec<u8> {
        let bytes = self.rows.iter().map(|row| row.record.len() + 256).sum();
        match format {
            Format::Binary => self.binary(bytes),
            Format::Text => self.text(bytes),
        }
    }

    fn binary(&self, bytes: usize) -> Vec<u8> {
        let mut to = Vec::with_capacity(bytes);
        to.extend_from_slice(b"PGCOPY\n\xff\r\n\0");
        // No flags, and nothing more in the header.
        to.extend_from_slice(&[0; 8]);
        let field = |to: &mut Vec<u8>, value: &[u8]| {
            to.extend_from_slice(&(value.len() as i32).to_be_bytes());
            to.extend_from_slice(value);
        };
        for row in &self.rows {
            to.extend_from_slice(&7_i16.to_be_bytes());
            field(&mut to, &row.position.to_be_bytes());
            field(&mut to, &row.stream_no.to_be_bytes());
            field(&mut to, &row.revision.to_be_bytes());
            field(&mut to, &row.position.to_be_bytes());
            field(&mut to, row.id.as_bytes());
            field(&mut to, &row.digest);
            field(&mut to, row.record.as_bytes());
        }
        to.extend_from_slice(&(-1_i16).to_be_bytes());
        to
    }

    fn text(&self, bytes: usize) -> Vec<u8> {
        let mut to = String::with_capacity(bytes);
        for row in &self.rows {
            let (position, stream_no, revision) = (row.position, row.stream_no, row.revision);
            write!(
                to,
                "{position}\t{stream_no}\t{revision}\t{position}\t{}\t\\",
                row.id
            )
            .unwrap();
            to.push_str(&hex(&row.digest));
            to.push('\t');
            // Canonical JSON has no control characters: the backslash alone means something to COPY.
            if row.record.contains('\\') {
                to.push_str(&row.record.replace('\\', "\\\\"));
            } else {
                to.push_str(row.record);
            }
            to.push('\n');
        }
        to.into_bytes()
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 + 2 * bytes.len());
    text.push_str("\\x");
    for byte in bytes {
        text.push(char::from(b"0123456789abcdef"[usize::from(byte >> 4)]));
        text.push(char::from(b"0123456789abcdef"[usize::from(byte & 15)]));
    }
    text
}

/// Bytes that compress as badly as a hash.
fn random() -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes[..16].copy_from_slice(Uuid::new_v4().as_bytes());
    bytes[16..].copy_from_slice(Uuid::new_v4().as_bytes());
    bytes
}
