//! Deriving everything that a log holds beside its records from the records alone.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;

use crate::event::{CommandId, Position, RecordedEvent, Revision, Source, StreamId};
use crate::merkle::{Hash, TILE_WIDTH, Tile, Tree, leaf_hash};
use crate::record::{DecodeError, decode, decode_strict, scan};

use super::{Head, Origin, ReadError, RecordedCommand, VerifyError};

/// Decodes the record that stands at `position`, as [`super::EventLog::read_records`] gave it.
///
/// # Errors
/// [`ReadError::Newer`] for what a newer build has written; [`ReadError::Corrupt`] if it is no record, or that of
/// another position.
pub fn event_at(position: u64, record: &str) -> Result<RecordedEvent, ReadError> {
    let event = decode(record).map_err(|error| match error {
        DecodeError::Newer { what } => ReadError::Newer { position, what },
        error => ReadError::Corrupt {
            position,
            what: error.to_string(),
        },
    })?;
    if event.position == Position(position) {
        Ok(event)
    } else {
        Err(ReadError::Corrupt {
            position,
            what: format!("the record says position {}", event.position),
        })
    }
}

/// Decodes the event that a stream's index says is its number `revision`.
pub(crate) fn event_of(
    stream: &StreamId,
    revision: u64,
    record: &str,
) -> Result<RecordedEvent, ReadError> {
    let corrupt = |position, what| ReadError::Corrupt { position, what };
    let event = decode(record).map_err(|error| match error {
        DecodeError::Newer { what } => ReadError::Newer { position: 0, what },
        error => corrupt(0, format!("revision {revision} of {stream}: {error}")),
    })?;
    if event.stream == *stream && event.revision == Revision(revision) {
        return Ok(event);
    }
    Err(corrupt(
        event.position.0,
        format!(
            "revision {revision} of {stream} was asked for, the record is revision {} of {}",
            event.revision, event.stream
        ),
    ))
}

/// What a first record says of its log; `None` if it is no `log_created`.
pub(crate) fn origin_of(first: &RecordedEvent) -> Option<Origin> {
    if first.kind.as_str() != "log_created" {
        return None;
    }
    Some(Origin {
        name: first.data.get("origin")?.as_str()?.to_owned(),
        simulated: first.data.get("simulated")?.as_bool()?,
        seed: match first.data.get("seed") {
            Some(seed) => Some(seed.as_u64()?),
            None => None,
        },
    })
}

/// What an audit needs of a record once its bytes are checked. The rest of it, and above all its data, is let go at
/// once: a million records would not fit.
#[derive(Debug)]
pub(crate) struct Checked {
    leaf: Hash,
    position: Position,
    stream: StreamId,
    revision: Revision,
    recorded_at: Timestamp,
    source: Source,
    command_id: CommandId,
    /// What the first record says of its log.
    origin: Option<Origin>,
}

impl Checked {
    /// Hashes a record and checks its bytes: at a glance where that is enough, else by decoding it and writing it again.
    fn of(record: &str) -> Result<Self, DecodeError> {
        let leaf = leaf_hash(record.as_bytes());
        if let Some(scanned) = scan(record).filter(|scanned| scanned.position != Position(1))
            && let Ok(stream) = StreamId::new(scanned.stream)
        {
            return Ok(Self {
                leaf,
                position: scanned.position,
                stream,
                revision: scanned.revision,
                recorded_at: scanned.recorded_at,
                source: scanned.source,
                command_id: scanned.command_id,
                origin: None,
            });
        }
        let event = decode_strict(record)?;
        Ok(Self {
            leaf,
            origin: match event.position {
                Position(1) => origin_of(&event),
                _ => None,
            },
            position: event.position,
            stream: event.stream,
            revision: event.revision,
            recorded_at: event.recorded_at,
            source: event.source,
            command_id: event.command_id,
        })
    }
}

/// Hashes records and checks that their bytes are canonical: the part of an audit that any number of
/// threads can do. Ends at the first bad record, which is then the last entry.
pub(crate) fn check_records(
    first: u64,
    records: impl IntoIterator<Item = impl AsRef<str>>,
) -> Vec<Result<Checked, VerifyError>> {
    let records = records.into_iter();
    let mut checked = Vec::with_capacity(records.size_hint().0);
    for (position, record) in (first..).zip(records) {
        let record = record.as_ref();
        let outcome = Checked::of(record).map_err(|error| altered(position, error.to_string()));
        let bad = outcome.is_err();
        checked.push(outcome);
        if bad {
            break;
        }
    }
    checked
}

pub(crate) fn altered(position: u64, what: impl Into<String>) -> VerifyError {
    VerifyError::Altered {
        position,
        what: what.into(),
    }
}

/// Everything that follows from the records.
#[derive(Debug, Default)]
pub(crate) struct Derived {
    pub(crate) tree: Tree,
    pub(crate) last: Option<Timestamp>,
    pub(crate) origin: Option<Origin>,
    /// The streams by number − 1, each with the positions of its events by revision.
    pub(crate) streams: Vec<(StreamId, Vec<u64>)>,
    /// The commands in order, each with its first and last position. That none of them comes twice is not looked at while
    /// records are taken: see [`Derived::repeated`].
    pub(crate) commands: Vec<(CommandId, u64, u64)>,
    /// Where the record that was refused contradicts an earlier one: the first position that may be the bad one.
    pub(crate) suspect: Option<u64>,
    /// The full tiles in the order in which they filled, without their hashes: level, index, root.
    pub(crate) tiles: Vec<(u8, u64, Hash)>,
}

/// Takes the records one by one, in order.
#[derive(Debug, Default)]
pub(crate) struct Auditor {
    derived: Derived,
    numbers: HashMap<StreamId, usize>,
    filled: Vec<Tile>,
}

/// For how many commands room is made at once, at most: a head may say anything.
const ROOM: u64 = 1 << 22;

/// For how many commands of a log that says it has `size` records room is made at once.
pub(crate) fn room_for(size: u64) -> usize {
    usize::try_from(size.min(ROOM)).unwrap_or_default()
}

impl Auditor {
    /// One that is likely to take `size` records. To grow costs more than to audit: what is moved must first be cleared.
    pub(crate) fn of_about(size: u64) -> Self {
        let mut auditor = Self::default();
        auditor.derived.commands.reserve_exact(room_for(size));
        auditor
    }

    /// How many records were taken.
    pub(crate) fn size(&self) -> u64 {
        self.derived.tree.size()
    }

    /// Takes the next record; returns its place: the number of its stream, and its revision.
    pub(crate) fn take(&mut self, checked: Checked) -> Result<(u64, u64), VerifyError> {
        let position = self.size() + 1;
        let bad = |what: String| Err(altered(position, what));
        if checked.position != Position(position) {
            return bad(format!("the record says position {}", checked.position));
        }
        if position == 1 {
            let Some(origin) = checked.origin else {
                return bad("the first record does not say whose log it is".to_owned());
            };
            self.derived.origin = Some(origin);
        }
        let simulated = self.derived.origin.as_ref().is_some_and(|o| o.simulated);
        match (simulated, checked.source) {
            (false, Source::Simulation) => return bad("a simulated event in a real log".to_owned()),
            (true, source) if !matches!(source, Source::Simulation | Source::Rule) => {
                return bad("a real event in a simulated log".to_owned());
            }
            _ => {}
        }
        if self
            .derived
            .last
            .is_some_and(|last| checked.recorded_at < last)
        {
            // Either of the two is wrong.
            self.derived.suspect = Some(position - 1);
            return bad(format!(
                "recorded_at {} is before that of the record before",
                checked.recorded_at
            ));
        }
        self.derived.last = Some(checked.recorded_at);
        let revision = checked.revision;
        let number = self.take_stream(position, checked.stream, revision)?;
        self.take_command(position, checked.command_id);
        self.derived.tree.push(checked.leaf, &mut self.filled);
        let tiles = self.filled.drain(..).map(|t| (t.level, t.index, t.root));
        self.derived.tiles.extend(tiles);
        Ok((number, revision.0))
    }

    fn take_stream(
        &mut self,
        position: u64,
        stream: StreamId,
        revision: Revision,
    ) -> Result<u64, VerifyError> {
        let streams = &mut self.derived.streams;
        let number = match self.numbers.get(&stream) {
            Some(number) => *number,
            None => {
                streams.push((stream.clone(), Vec::new()));
                self.numbers.insert(stream, streams.len() - 1);
                streams.len() - 1
            }
        };
        let (stream, positions) = &mut streams[number];
        let next = positions.len() as u64;
        if revision.0 != next {
            // Two of one revision, either of which may be wrong; or one too few, which any since the last may have been.
            let twice = usize::try_from(revision.0).ok();
            let twice = twice.and_then(|revision| positions.get(revision)).copied();
            let since = positions.last().map_or(1, |last| last + 1);
            self.derived.suspect = Some(twice.unwrap_or(since));
            return Err(altered(
                position,
                format!("the record says revision {revision} of {stream}, its next is {next}"),
            ));
        }
        positions.push(position);
        Ok(number as u64 + 1)
    }

    fn take_command(&mut self, position: u64, id: CommandId) {
        let commands = &mut self.derived.commands;
        match commands.last_mut() {
            Some((current, _, last)) if *current == id => *last = position,
            _ => commands.push((id, position, position)),
        }
    }

    /// What followed from all records.
    pub(crate) fn finish(self) -> Derived {
        self.derived
    }
}

/// A command that comes again.
pub(crate) struct Repeated {
    /// Where it does.
    pub(crate) at: u64,
    /// What is wrong there, or with what stands between its events.
    pub(crate) error: VerifyError,
}

impl Derived {
    /// The first command that comes again. Costs a set of all commands; an index that has each once, and agrees with the
    /// records, says the same.
    pub(crate) fn repeated(&self) -> Option<Repeated> {
        let mut seen = HashSet::with_capacity(self.commands.len());
        let again = self
            .commands
            .iter()
            .position(|(id, ..)| !seen.insert(*id))?;
        let (id, at, _) = *self.commands.get(again)?;
        let error = match self.commands.get(..again).unwrap_or_default() {
            // What stands between its events does not belong there.
            [.., (before, ..), (between, first, _)] if *before == id => altered(
                *first,
                format!("command {between} stands amid the events of command {id}"),
            ),
            _ => altered(at, format!("command {id} was taken before")),
        };
        Some(Repeated { at, error })
    }

    /// Compares the stored head with what was derived; `commands` is the stored chain over the commands, `chain` the
    /// derived one.
    pub(crate) fn check_head(
        &self,
        head: &Head,
        commands: &Hash,
        chain: &Hash,
    ) -> Result<(), VerifyError> {
        let size = self.tree.size();
        let wrong = if head.size != size {
            return Err(altered(
                size.min(head.size) + 1,
                format!("the head: it says {} records, there are {size}", head.size),
            ));
        } else if head.root != self.tree.root() {
            // The tiles vouch for all before; of the records that fill none yet, no single one can be named.
            let unsealed = size / TILE_WIDTH * TILE_WIDTH + 1;
            return Err(altered(
                unsealed.min(size),
                "the head: its root is not that of the records".to_owned(),
            ));
        } else if head.last_recorded_at != self.last {
            "its recorded_at is not that of the last record".to_owned()
        } else if Some(&head.origin) != self.origin.as_ref() {
            "its origin is not that of the first record".to_owned()
        } else if commands != chain {
            "a command's digest, or the chain over them, was changed".to_owned()
        } else {
            return Ok(());
        };
        Err(altered(size, format!("the head: {wrong}")))
    }

    /// Compares the stored commands, in order of their first positions, with the derived ones; returns the chain
    /// over them.
    pub(crate) fn check_commands(
        &self,
        stored: &[(CommandId, RecordedCommand)],
    ) -> Result<Hash, VerifyError> {
        let mut chain = [0; 32];
        let mut stored = stored.iter();
        for (id, first, last) in &self.commands {
            let Some((found, command)) = stored.next() else {
                return Err(altered(*first, format!("command {id} is not in the index")));
            };
            if found != id || command.first.0 != *first || command.last.0 != *last {
                // The first position on which the two disagree.
                let begun = found == id && command.first.0 == *first;
                let at = if begun {
                    command.last.0.min(*last) + 1
                } else {
                    command.first.0.min(*first)
                };
                return Err(altered(
                    at,
                    format!(
                        "the index has command {found} at {}..{}, the records have {id} at {first}..{last}",
                        command.first, command.last
                    ),
                ));
            }
            chain = super::plan::chain(&chain, *id, command);
        }
        if let Some((id, command)) = stored.next() {
            return Err(altered(
                command.first.0,
                format!("command {id} is in the index, but in no record"),
            ));
        }
        Ok(chain)
    }
}
