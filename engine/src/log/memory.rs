//! A log in memory: the same contract and the same bytes, without durability. For tests and rehearsals.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use async_trait::async_trait;
use futures::FutureExt;
use jiff::Timestamp;
use tokio::sync::watch;

use crate::clock::Clock;
use crate::event::{CommandId, Position, RecordedEvent, Revision, StreamId};
use crate::merkle::{self, Hash, HashSource, TILE_WIDTH, Tile, leaf_hash};

use super::audit::{Auditor, altered, check_records, event_at, event_of};
use super::clock_guard::ClockGuard;
use super::growth::Growth;
use super::options::{CreateOptions, LogOptions, OpenError};
use super::plan::{Batch, Known, Ledger, StreamState, Taken, plan};
use super::prepare::{log_created, prepare};
use super::writer::{Ask, Begun, Committed, Store, StoreError, Writer};
use super::{
    AppendError, AppendRequest, Appended, EventLog, Head, Origin, ReadError, RecordedCommand,
    Verified, VerifyError, check_reach,
};

/// A log in memory.
#[derive(Debug)]
pub struct MemoryLog {
    origin: Origin,
    contents: Arc<RwLock<Contents>>,
    writer: Writer,
    grown: Arc<Growth>,
}

#[derive(Debug)]
struct Contents {
    records: Vec<Box<str>>,
    /// By number − 1: the positions of the stream's events.
    streams: Vec<(StreamId, Vec<u64>)>,
    numbers: HashMap<StreamId, u64>,
    commands: HashMap<CommandId, Taken>,
    /// The chain over the commands.
    chain: Hash,
    tiles: HashMap<(u8, u64), Tile>,
    root: Hash,
    last: Option<Timestamp>,
}

impl MemoryLog {
    /// A new log with its first record. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// [`OpenError::Origin`] if the first record is not acceptable.
    pub async fn create(
        create: CreateOptions,
        options: LogOptions,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, OpenError> {
        let now = clock.now();
        let first = log_created(&create, now)
            .map_err(|error| OpenError::Origin(AppendError::Invalid(error)))?;
        let plan = plan(&Ledger::empty(), &Known::default(), [&first], now, None);
        for outcome in plan.outcomes {
            outcome.map_err(OpenError::Origin)?;
        }
        let mut contents = Contents {
            records: Vec::new(),
            streams: Vec::new(),
            numbers: HashMap::new(),
            commands: HashMap::new(),
            chain: [0; 32],
            tiles: HashMap::new(),
            root: merkle::empty_root(),
            last: None,
        };
        contents.take(plan.batch, &plan.ledger);
        let contents = Arc::new(RwLock::new(contents));
        let grown = Arc::new(Growth::new(plan.ledger.size()));
        let guard = ClockGuard::new(clock, &options, create.origin.simulated);
        let store = MemoryStore(Arc::clone(&contents));
        let writer = Writer::start(store, plan.ledger, guard, &options, Arc::clone(&grown));
        Ok(Self {
            origin: create.origin,
            contents,
            writer,
            grown,
        })
    }

    /// Takes no more appends and finishes those that wait. Reading goes on.
    pub async fn close(&self) {
        self.writer.close().await;
    }

    fn contents(&self) -> RwLockReadGuard<'_, Contents> {
        // A writer that panics does so before it has changed anything but whole records.
        self.contents.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Contents {
    fn take(&mut self, batch: Batch, ledger: &Ledger) {
        for stream in &batch.new_streams {
            self.streams.push((stream.clone(), Vec::new()));
            self.numbers
                .insert(stream.clone(), self.streams.len() as u64);
        }
        for (position, (number, _)) in (batch.first..).zip(&batch.places) {
            if let Some((_, positions)) = self.streams.get_mut(index(*number)) {
                positions.push(position);
            }
        }
        self.records.extend(batch.records().map(Box::from));
        let recorded_at = ledger.last.unwrap_or(Timestamp::MIN);
        for (id, command) in batch.commands {
            self.commands.insert(
                id,
                Taken {
                    command,
                    recorded_at,
                },
            );
        }
        for tile in batch.tiles {
            self.tiles.insert((tile.level, tile.index), tile);
        }
        self.root = ledger.root;
        self.last = ledger.last;
        self.chain = ledger.commands;
    }

    fn size(&self) -> u64 {
        self.records.len() as u64
    }

    /// At most `limit` records from position `from`.
    fn slice(&self, from: u64, limit: usize) -> &[Box<str>] {
        let rest = self.records.get(index(from.max(1))..).unwrap_or_default();
        &rest[..limit.min(rest.len())]
    }

    fn positions(&self, stream: &StreamId) -> &[u64] {
        let number = self.numbers.get(stream);
        number
            .and_then(|number| self.streams.get(index(*number)))
            .map_or(&[], |(_, positions)| positions)
    }

    fn state(&self, stream: &StreamId) -> Option<StreamState> {
        self.numbers.get(stream).map(|number| StreamState {
            number: *number,
            events: self.positions(stream).len() as u64,
        })
    }
}

/// The place in a vector of what is counted from 1.
fn index(number: u64) -> usize {
    usize::try_from(number - 1).unwrap_or(usize::MAX)
}

struct MemoryStore(Arc<RwLock<Contents>>);

impl MemoryStore {
    fn read(&self) -> RwLockReadGuard<'_, Contents> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Contents> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for MemoryStore {
    async fn begin(&mut self, _: &Ledger, ask: Ask) -> Result<Begun, StoreError> {
        let contents = self.read();
        let commands = ask.commands.into_iter().filter_map(|id| {
            let taken = contents.commands.get(&id)?;
            Some((id, taken.clone()))
        });
        let streams = ask.streams.into_iter().filter_map(|stream| {
            let state = contents.state(&stream)?;
            Some((stream, state))
        });
        Ok(Begun {
            known: Known {
                commands: commands.collect(),
                streams: streams.collect(),
            },
            ..Begun::default()
        })
    }

    async fn streams(
        &mut self,
        names: Vec<StreamId>,
    ) -> Result<HashMap<StreamId, StreamState>, StoreError> {
        let contents = self.read();
        let found = names.into_iter().filter_map(|stream| {
            let state = contents.state(&stream)?;
            Some((stream, state))
        });
        Ok(found.collect())
    }

    async fn commit(&mut self, batch: Batch, ledger: &Ledger) -> Result<Committed, StoreError> {
        self.write().take(batch, ledger);
        Ok(Committed::Done)
    }

    async fn abandon(&mut self) {}

    async fn close(self) {}
}

/// The hashes of the tree as the contents have them.
struct Hashes<'c>(&'c Contents);

impl HashSource for Hashes<'_> {
    type Error = Infallible;

    async fn hashes(&self, level: u8, start: u64, count: u64) -> Result<Vec<Hash>, Infallible> {
        let contents = self.0;
        if let Some(tile) = contents.tiles.get(&(level, start / TILE_WIDTH)) {
            let from = index(start % TILE_WIDTH + 1);
            let run = tile.hashes.get(from..from + index(count + 1));
            return Ok(run.unwrap_or_default().to_vec());
        }
        Ok(match level.checked_sub(1) {
            None => {
                let records = contents.slice(start + 1, index(count + 1));
                records.iter().map(|r| leaf_hash(r.as_bytes())).collect()
            }
            Some(below) => (start..start + count)
                .filter_map(|tile| contents.tiles.get(&(below, tile)))
                .map(|tile| tile.root)
                .collect(),
        })
    }
}

#[async_trait]
impl EventLog for MemoryLog {
    async fn append(&self, request: AppendRequest) -> Result<Appended, AppendError> {
        let prepared = prepare(request, self.origin.simulated)?;
        Writer::answer(self.writer.submit(prepared)?).await
    }

    async fn read(&self, from: Position, limit: usize) -> Result<Vec<RecordedEvent>, ReadError> {
        let records = self.contents().slice(from.0, limit).to_vec();
        let numbered = records.iter().zip(from.0.max(1)..);
        numbered
            .map(|(record, position)| event_at(position, record))
            .collect()
    }

    async fn read_records(&self, from: Position, limit: usize) -> Result<Vec<String>, ReadError> {
        let contents = self.contents();
        let records = contents.slice(from.0, limit).iter();
        Ok(records.map(|record| record.to_string()).collect())
    }

    async fn read_stream(
        &self,
        stream: &StreamId,
        from: Revision,
        limit: usize,
    ) -> Result<Vec<RecordedEvent>, ReadError> {
        let contents = self.contents();
        let positions = contents.positions(stream);
        let start = usize::try_from(from.0).unwrap_or(usize::MAX);
        let rest = positions.get(start..).unwrap_or_default();
        let wanted = rest.iter().take(limit).zip(from.0..);
        wanted
            .map(|(position, revision)| {
                let record = contents.slice(*position, 1).first();
                event_of(stream, revision, record.map_or("", |record| record))
            })
            .collect()
    }

    async fn stream_revision(&self, stream: &StreamId) -> Result<Option<Revision>, ReadError> {
        let events = self.contents().positions(stream).len() as u64;
        Ok(events.checked_sub(1).map(Revision))
    }

    async fn find_command(&self, id: CommandId) -> Result<Option<RecordedCommand>, ReadError> {
        let contents = self.contents();
        Ok(contents
            .commands
            .get(&id)
            .map(|taken| taken.command.clone()))
    }

    async fn head(&self) -> Result<Head, ReadError> {
        let contents = self.contents();
        Ok(Head {
            size: contents.size(),
            root: contents.root,
            last_recorded_at: contents.last,
            origin: self.origin.clone(),
        })
    }

    async fn root_at(&self, size: u64) -> Result<Hash, ReadError> {
        let contents = self.contents();
        if size > contents.size() {
            return Err(ReadError::Beyond {
                asked: size,
                size: contents.size(),
            });
        }
        // The source never waits, so the first poll has the root.
        match merkle::root_at(&Hashes(&contents), size).now_or_never() {
            Some(Ok(root)) => Ok(root),
            None => Err(ReadError::Unavailable("the tree was not ready".into())),
        }
    }

    async fn tree_hashes(&self, level: u8, start: u64, count: u64) -> Result<Vec<Hash>, ReadError> {
        let contents = self.contents();
        check_reach(level, start, count, contents.size())?;
        match Hashes(&contents).hashes(level, start, count).now_or_never() {
            Some(Ok(hashes)) if hashes.len() as u64 == count => Ok(hashes),
            _ => Err(ReadError::Corrupt {
                position: (start << (8 * u32::from(level))) + 1,
                what: format!("the tree misses hashes of level {level}"),
            }),
        }
    }

    async fn verify(
        &self,
        progress: &(dyn Fn(u64, u64) + Send + Sync),
    ) -> Result<Verified, VerifyError> {
        let contents = self.contents();
        let total = contents.size();
        let mut auditor = Auditor::default();
        for chunk in contents.records.chunks(1_024) {
            let records: Vec<String> = chunk.iter().map(|record| record.to_string()).collect();
            for checked in check_records(auditor.size() + 1, &records) {
                auditor.take(checked?)?;
            }
            progress(auditor.size(), total);
        }
        let derived = auditor.finish();
        if let Some(repeated) = derived.repeated() {
            return Err(repeated.error);
        }
        let mut commands: Vec<_> = contents
            .commands
            .iter()
            .map(|(id, taken)| (*id, taken.command.clone()))
            .collect();
        commands.sort_by_key(|(_, command)| command.first);
        let chain = derived.check_commands(&commands)?;
        let root = derived.tree.root();
        if root != contents.root || chain != contents.chain || derived.streams != contents.streams {
            return Err(altered(
                total,
                "the head or an index is not that of the records",
            ));
        }
        Ok(Verified {
            size: total,
            root,
            checked_records: total,
        })
    }

    fn grown(&self) -> watch::Receiver<u64> {
        self.grown.subscribe()
    }
}
