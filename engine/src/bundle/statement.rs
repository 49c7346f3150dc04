//! How many events a stream had at a checkpoint, said under the log's key.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::checkpoint::{Checkpoint, NoteError};
use crate::event::StreamId;

/// The first line. No checkpoint has it where a statement has it: its second line would have to be a number.
const KIND: &str = "anju stream statement v1";

/// "At this checkpoint, this stream had this many events." The text of a signed note:
///
/// ```text
/// anju stream statement v1
/// anju.local/6f1c…                                    the origin of the log
/// 20852163                                            the checkpoint's size
/// CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=        the checkpoint's root
/// project-p1                                          the stream
/// 57                                                  how many events it had
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// The checkpoint.
    pub checkpoint: Checkpoint,
    /// The stream.
    pub stream: StreamId,
    /// How many events it had: its last revision and one.
    pub events: u64,
}

impl fmt::Display for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (origin, size) = (self.checkpoint.origin(), self.checkpoint.size());
        let root = STANDARD.encode(self.checkpoint.root());
        let (stream, events) = (&self.stream, self.events);
        write!(f, "{KIND}\n{origin}\n{size}\n{root}\n{stream}\n{events}\n")
    }
}

impl FromStr for Statement {
    type Err = NoteError;

    /// Reads the text of a note to the letter.
    fn from_str(text: &str) -> Result<Self, NoteError> {
        let malformed = |what: &str| NoteError::Malformed {
            what: format!("no statement: {what}"),
        };
        let rest = text
            .strip_prefix(KIND)
            .and_then(|rest| rest.strip_prefix('\n'))
            .ok_or_else(|| malformed("the first line"))?;
        let lines: Vec<&str> = rest.split('\n').collect();
        let [origin, size, root, stream, events, ""] = lines[..] else {
            return Err(malformed("expected six lines"));
        };
        let statement = Self {
            checkpoint: format!("{origin}\n{size}\n{root}\n").parse()?,
            stream: StreamId::new(stream).map_err(|_| malformed("the stream"))?,
            events: events.parse().map_err(|_| malformed("the count"))?,
        };
        if statement.to_string() == text {
            Ok(statement)
        } else {
            Err(malformed("a number is not in its usual form"))
        }
    }
}
