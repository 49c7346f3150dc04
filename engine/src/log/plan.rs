//! What one transaction will write. Pure: the same ledger, requests and clock give the same bytes on every
//! backend.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

use crate::event::{CommandId, Position, Revision, StreamId};
use crate::merkle::{Hash, Tile, Tree, empty_root, leaf_hash};
use crate::record::{InstantText, recorded_at};

use super::prepare::Prepared;
use super::{AppendError, Appended, Expected, RecordedCommand};

/// Where the log stands, as far as a writer must know to go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ledger {
    pub(crate) tree: Tree,
    /// The root of the tree.
    pub(crate) root: Hash,
    /// When the last record was recorded.
    pub(crate) last: Option<Timestamp>,
    /// How many streams there are; also the number of the newest.
    pub(crate) streams: u64,
    /// The chain over all commands: see [`chain`].
    pub(crate) commands: Hash,
}

impl Ledger {
    /// An empty log.
    pub(crate) fn empty() -> Self {
        Self {
            tree: Tree::default(),
            root: empty_root(),
            last: None,
            streams: 0,
            commands: [0; 32],
        }
    }

    pub(crate) fn size(&self) -> u64 {
        self.tree.size()
    }

    /// Lets the tree grow by leaves whose full tiles others write.
    pub(crate) fn take_over(&mut self, leaves: &[Hash]) {
        let mut filled = Vec::new();
        for leaf in leaves {
            self.tree.push(*leaf, &mut filled);
            filled.clear();
        }
        self.root = self.tree.root();
    }

    /// When the last record was recorded, as records write it.
    pub(crate) fn last_text(&self) -> Option<String> {
        let text = |at| InstantText::new(at).as_str().to_owned();
        self.last.map(text)
    }
}

/// The next link of the chain over the commands. The digest of a command stands in no record, so this chain,
/// kept in the head, is what a changed digest is found by.
pub(crate) fn chain(before: &Hash, id: CommandId, command: &RecordedCommand) -> Hash {
    let mut hasher = Sha256::new();
    hasher.update(before);
    hasher.update(id.0.as_bytes());
    hasher.update(command.request_digest);
    hasher.update(command.first.0.to_be_bytes());
    hasher.update(command.last.0.to_be_bytes());
    hasher.finalize().into()
}

/// A stream as the writer knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StreamState {
    /// Its number: streams are numbered from 1 in the order of their first events.
    pub(crate) number: u64,
    /// How many events it has; also the next revision.
    pub(crate) events: u64,
}

/// A command that the log has taken.
#[derive(Clone, Debug)]
pub(crate) struct Taken {
    pub(crate) command: RecordedCommand,
    pub(crate) recorded_at: Timestamp,
}

/// What the store knows of the commands and streams that the requests name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known {
    pub(crate) commands: HashMap<CommandId, Taken>,
    pub(crate) streams: HashMap<StreamId, StreamState>,
}

/// The rows of one transaction.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// The position of the first record.
    pub(crate) first: u64,
    /// All records, one after another without separators.
    pub(crate) text: String,
    /// Where each record ends in `text`.
    pub(crate) ends: Vec<usize>,
    /// Stream number and revision of each record.
    pub(crate) places: Vec<(u64, u64)>,
    /// Streams that begin here, numbered on from the ledger's count.
    pub(crate) new_streams: Vec<StreamId>,
    pub(crate) commands: Vec<(CommandId, RecordedCommand)>,
    /// The leaf of each record.
    pub(crate) leaves: Vec<Hash>,
    pub(crate) tiles: Vec<Tile>,
}

impl Batch {
    pub(crate) fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The records in order.
    pub(crate) fn records(&self) -> impl Iterator<Item = &str> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts
            .zip(&self.ends)
            .map(|(start, end)| &self.text[start..*end])
    }
}

/// What came of the requests, before it is committed.
#[derive(Debug)]
pub(crate) struct Plan {
    /// One for each request, in order. Those that say "appended" are true once the batch is committed.
    pub(crate) outcomes: Vec<Result<Appended, AppendError>>,
    pub(crate) batch: Batch,
    /// The ledger after the batch.
    pub(crate) ledger: Ledger,
    /// The streams that the batch moves.
    pub(crate) streams: HashMap<StreamId, StreamState>,
}

/// Why the clock is not to be believed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Doubt {
    /// It has run away from the last record.
    Jumped { last: Timestamp, now: Timestamp },
    /// It differs from the clock of the store by this much; ahead of it if positive.
    Skewed(SignedDuration),
}

/// Decides on each request in turn, as if it came alone, and collects what to write.
pub(crate) fn plan<'r>(
    ledger: &Ledger,
    known: &Known,
    requests: impl IntoIterator<Item = &'r Prepared>,
    now: Timestamp,
    doubt: Option<Doubt>,
) -> Plan {
    let at = recorded_at(now, ledger.last);
    let mut planner = Planner {
        known,
        at,
        at_text: InstantText::new(at),
        doubt,
        taken: HashMap::new(),
        streams: HashMap::new(),
        batch: Batch {
            first: ledger.size() + 1,
            ..Batch::default()
        },
        ledger: ledger.clone(),
    };
    let outcomes = requests.into_iter().map(|r| planner.decide(r)).collect();
    let Planner {
        batch,
        streams,
        mut ledger,
        ..
    } = planner;
    if !batch.is_empty() {
        ledger.last = Some(at);
        ledger.root = ledger.tree.root();
    }
    Plan {
        outcomes,
        batch,
        ledger,
        streams,
    }
}

struct Planner<'k> {
    known: &'k Known,
    at: Timestamp,
    at_text: InstantText,
    doubt: Option<Doubt>,
    /// Commands taken earlier in this batch.
    taken: HashMap<CommandId, Taken>,
    /// Streams moved earlier in this batch.
    streams: HashMap<StreamId, StreamState>,
    batch: Batch,
    ledger: Ledger,
}

impl Planner<'_> {
    fn decide(&mut self, request: &Prepared) -> Result<Appended, AppendError> {
        let id = request.command_id;
        if let Some(taken) = self.taken.get(&id).or_else(|| self.known.commands.get(&id)) {
            if taken.command.request_digest != request.request_digest {
                return Err(AppendError::CommandReused { command_id: id });
            }
            return Ok(Appended {
                first: taken.command.first,
                last: taken.command.last,
                recorded_at: taken.recorded_at,
                repeated: true,
            });
        }
        match self.doubt {
            Some(Doubt::Jumped { last, now }) => {
                return Err(AppendError::ClockJumped { last, now });
            }
            Some(Doubt::Skewed(offset)) => return Err(AppendError::ClockSkew { offset }),
            None => {}
        }
        self.check(request)?;
        Ok(self.write(request))
    }

    fn state(&self, stream: &StreamId) -> Option<StreamState> {
        let moved = self.streams.get(stream);
        moved.or_else(|| self.known.streams.get(stream)).copied()
    }

    /// Everything that can refuse, before anything is written.
    fn check(&self, request: &Prepared) -> Result<(), AppendError> {
        for other in &request.unchanged {
            self.hold(&other.stream, other.expected())?;
        }
        let mut position = self.ledger.size() + 1;
        for part in &request.streams {
            let events = self.hold(&part.stream, part.expected)?;
            for (draft, revision) in part.drafts.iter().zip(events..) {
                draft.checked_len(Position(position), Revision(revision))?;
                position += 1;
            }
        }
        Ok(())
    }

    /// How many events a stream has, if it is where it is expected to be.
    fn hold(&self, stream: &StreamId, expected: Expected) -> Result<u64, AppendError> {
        let events = self.state(stream).map_or(0, |state| state.events);
        let actual = events.checked_sub(1).map(Revision);
        if expected.holds(actual) {
            return Ok(events);
        }
        Err(AppendError::Conflict {
            stream: stream.clone(),
            expected,
            actual,
        })
    }

    fn write(&mut self, request: &Prepared) -> Appended {
        let first = Position(self.ledger.size() + 1);
        for part in &request.streams {
            let mut state = self.state(&part.stream).unwrap_or_else(|| {
                self.ledger.streams += 1;
                self.batch.new_streams.push(part.stream.clone());
                StreamState {
                    number: self.ledger.streams,
                    events: 0,
                }
            });
            for draft in &part.drafts {
                let batch = &mut self.batch;
                let start = batch.text.len();
                let position = Position(self.ledger.size() + 1);
                let revision = Revision(state.events);
                draft.render(position, &self.at_text, revision, &mut batch.text);
                let leaf = leaf_hash(&batch.text.as_bytes()[start..]);
                self.ledger.tree.push(leaf, &mut batch.tiles);
                batch.leaves.push(leaf);
                batch.ends.push(batch.text.len());
                batch.places.push((state.number, state.events));
                state.events += 1;
            }
            self.streams.insert(part.stream.clone(), state);
        }
        let command = RecordedCommand {
            request_digest: request.request_digest,
            first,
            last: Position(self.ledger.size()),
        };
        self.ledger.commands = chain(&self.ledger.commands, request.command_id, &command);
        let appended = Appended {
            first: command.first,
            last: command.last,
            recorded_at: self.at,
            repeated: false,
        };
        self.batch
            .commands
            .push((request.command_id, command.clone()));
        self.taken.insert(
            request.command_id,
            Taken {
                command,
                recorded_at: self.at,
            },
        );
        appended
    }
}
