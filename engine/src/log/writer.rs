//! One task per log that writes: it drains the queue of waiting appends into one transaction.
//!
//! ```text
//! append ── prepare ──► queue ──► drain ──► begin ──► plan ──► commit ──► answer all
//!           (caller)    bounded   (writer)  lookups   pure     durable
//! ```
//!
//! There is no timer: while one transaction commits, the next batch gathers by itself. A lone append finds the
//! writer idle and waits for nobody.

use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::SignedDuration;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::event::{CommandId, StreamId};

use super::clock_guard::ClockGuard;
use super::growth::{Growth, Replaced};
use super::options::LogOptions;
use super::plan::{Batch, Doubt, Known, Ledger, StreamState, plan};
use super::prepare::Prepared;
use super::{AppendError, Appended};

/// How long a caller turned away by a full queue should wait: a few group commits.
const RETRY_AFTER: Duration = Duration::from_millis(50);

/// How many streams the writer remembers; beyond, it forgets all and looks them up again. Looking up is dear in a long
/// log, where a name and a last revision are each on a page of their own: so there is room for twice as many as the
/// whole country's programme of five years has. One takes some hundred bytes.
const REMEMBERED_STREAMS: usize = 500_000;

/// What a transaction must look up before it can be planned.
#[derive(Debug, Default)]
pub(crate) struct Ask {
    pub(crate) commands: Vec<CommandId>,
    pub(crate) streams: Vec<StreamId>,
    /// Whether to look it up whatever the store thinks: see [`Begun::assumed`].
    pub(crate) surely: bool,
}

/// What a store has found when it began a transaction.
#[derive(Debug, Default)]
pub(crate) struct Begun {
    /// Where the log stands now, if somebody else has written since.
    pub(crate) moved: Option<Ledger>,
    /// The streams that others have moved since, as they stood after each of their events, if all of them are known:
    /// then nothing else need be forgotten.
    pub(crate) followed: Option<Vec<StreamState>>,
    pub(crate) known: Known,
    /// What has moved the log is under way and not yet durable: if it fails, so does the commit.
    pub(crate) ahead: bool,
    /// Nothing was looked up: no command is known, and nobody else has written. `commit` finds out; a plan that
    /// writes nothing proves nothing, and must ask again, surely.
    pub(crate) assumed: bool,
    /// By how much this machine's clock differs from the store's, if that is more than may be.
    pub(crate) skew: Option<SignedDuration>,
}

/// What came of a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Committed {
    /// It is durable.
    Done,
    /// Nothing was written, because the log or a command is not as it was assumed: begin again.
    Moved,
}

/// Why a transaction failed. Nothing was written, except after [`StoreError::Failed`], when that is not known.
#[derive(Clone, Debug)]
pub(crate) enum StoreError {
    Busy,
    DiskFull,
    /// The log is not the one that was opened: nothing more is taken.
    Replaced(Replaced),
    Failed(Arc<dyn std::error::Error + Send + Sync>),
}

impl StoreError {
    fn answer(&self) -> AppendError {
        match self {
            Self::Busy => AppendError::Busy,
            Self::DiskFull => AppendError::DiskFull,
            Self::Replaced(how) => (*how).into(),
            Self::Failed(source) => AppendError::Unavailable(Box::new(Shared(Arc::clone(source)))),
        }
    }
}

/// One failure that answers many callers.
#[derive(Debug)]
struct Shared(Arc<dyn std::error::Error + Send + Sync>);

impl std::fmt::Display for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Shared {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source()
    }
}

/// What a backend does for the writer. One transaction at a time: `begin`, perhaps `streams`, then `commit` or
/// `abandon`.
///
/// Between `begin` and `commit` nobody else may write, or `commit` must notice and say [`Committed::Moved`].
pub(crate) trait Store: Send + 'static {
    /// Whether [`Begun::followed`] is ever told.
    const FOLLOWS: bool = false;

    /// Begins, says where the log stands if that is not `ledger`, and looks up what is asked.
    fn begin(
        &mut self,
        ledger: &Ledger,
        ask: Ask,
    ) -> impl Future<Output = Result<Begun, StoreError>> + Send;

    /// Looks up more streams in the same transaction.
    fn streams(
        &mut self,
        names: Vec<StreamId>,
    ) -> impl Future<Output = Result<HashMap<StreamId, StreamState>, StoreError>> + Send;

    /// Writes the batch and the new ledger, and makes them durable.
    fn commit(
        &mut self,
        batch: Batch,
        ledger: &Ledger,
    ) -> impl Future<Output = Result<Committed, StoreError>> + Send;

    /// Ends without a trace.
    fn abandon(&mut self) -> impl Future<Output = ()> + Send;

    /// When the store wants to [`Store::rest`] if nothing is to be written until then.
    fn rests_at(&self) -> Option<Instant> {
        None
    }

    /// Gives up what it only holds for the next transaction.
    fn rest(&mut self) -> impl Future<Output = ()> + Send {
        std::future::ready(())
    }

    /// Lets go of everything; called once, last.
    fn close(self) -> impl Future<Output = ()> + Send;
}

/// How often other tasks are let go first for that. A few microseconds each: less than a batch costs, if they do not come.
const GATHERING: usize = 16;

struct Waiting {
    prepared: Prepared,
    answer: oneshot::Sender<Result<Appended, AppendError>>,
}

/// The entrance to a writer.
#[derive(Debug)]
pub(crate) struct Writer {
    queue: mpsc::Sender<Waiting>,
    queued_bytes: Arc<AtomicUsize>,
    queue_bytes: usize,
    read_only: bool,
    grown: Arc<Growth>,
    closing: watch::Sender<bool>,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl std::fmt::Debug for Waiting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.prepared.command_id.fmt(f)
    }
}

impl Writer {
    /// Starts the writing task. `grown` is told the size after each commit, before the callers are answered.
    pub(crate) fn start<S: Store>(
        store: S,
        ledger: Ledger,
        clock: ClockGuard,
        options: &LogOptions,
        grown: Arc<Growth>,
    ) -> Self {
        let (queue, waiting) = mpsc::channel(options.queue_appends.max(1));
        let (closing, closed) = watch::channel(false);
        let queued_bytes = Arc::new(AtomicUsize::new(0));
        let task = Task {
            store,
            ledger,
            clock,
            waiting,
            queued_bytes: Arc::clone(&queued_bytes),
            remembered: HashMap::new(),
            names: HashMap::new(),
            grown: Arc::clone(&grown),
            batch_appends: options.batch_appends.max(1),
            batch_bytes: options.batch_bytes,
            expected: 0,
            #[cfg(feature = "test-util")]
            hold: options.hold.clone(),
        };
        let task = tokio::spawn(task.run(closed));
        Self {
            queue,
            queued_bytes,
            queue_bytes: options.queue_bytes,
            read_only: options.read_only,
            grown,
            closing,
            task: Mutex::new(Some(task)),
        }
    }

    /// Puts a request into the queue, at once or not at all, and returns where its answer will come.
    pub(crate) fn submit(
        &self,
        prepared: Prepared,
    ) -> Result<oneshot::Receiver<Result<Appended, AppendError>>, AppendError> {
        if self.read_only {
            return Err(AppendError::ReadOnly);
        }
        self.grown.check()?;
        let overloaded = || AppendError::Overloaded {
            retry_after: RETRY_AFTER,
        };
        let bytes = prepared.bytes;
        let before = self.queued_bytes.fetch_add(bytes, Ordering::Relaxed);
        // A single append may always wait, or one larger than the whole allowance never could.
        let admitted = if before > 0 && before + bytes > self.queue_bytes {
            Err(overloaded())
        } else {
            let (answer, answered) = oneshot::channel();
            match self.queue.try_send(Waiting { prepared, answer }) {
                Ok(()) => Ok(answered),
                Err(mpsc::error::TrySendError::Full(_)) => Err(overloaded()),
                Err(mpsc::error::TrySendError::Closed(_)) => Err(AppendError::Closed),
            }
        };
        if admitted.is_err() {
            self.queued_bytes.fetch_sub(bytes, Ordering::Relaxed);
        }
        admitted
    }

    /// Waits for the answer of a submitted request.
    pub(crate) async fn answer(
        answered: oneshot::Receiver<Result<Appended, AppendError>>,
    ) -> Result<Appended, AppendError> {
        answered
            .await
            .unwrap_or_else(|_| Err(AppendError::Unavailable("the writer has stopped".into())))
    }

    /// Takes no more appends, finishes those that wait, and lets go of the store.
    pub(crate) async fn close(&self) {
        self.closing.send_replace(true);
        let task = self
            .task
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(task) = task {
            // An error here is the panic of the task or the end of the runtime: either way it is over.
            let _ = task.await;
        }
    }
}

struct Task<S> {
    store: S,
    ledger: Ledger,
    clock: ClockGuard,
    waiting: mpsc::Receiver<Waiting>,
    queued_bytes: Arc<AtomicUsize>,
    /// Streams as of `ledger`; valid until somebody else writes.
    remembered: HashMap<StreamId, StreamState>,
    /// Their names by number, where the store tells what others have moved.
    names: HashMap<u64, StreamId>,
    grown: Arc<Growth>,
    batch_appends: usize,
    batch_bytes: usize,
    /// How many appends there will be if all callers just answered append again: they, and those that waited already.
    expected: usize,
    #[cfg(feature = "test-util")]
    hold: Option<watch::Receiver<bool>>,
}

impl<S: Store> Task<S> {
    async fn run(mut self, mut closed: watch::Receiver<bool>) {
        let mut over: Option<Waiting> = None;
        loop {
            #[cfg(feature = "test-util")]
            if let Some(hold) = &mut self.hold {
                // An error says that the test has dropped its end: nothing is held any more.
                let _ = hold.wait_for(|held| !held).await;
            }
            let first = match over.take() {
                Some(waiting) => Some(waiting),
                None => loop {
                    let Some(at) = self.store.rests_at() else {
                        break self.next(&mut closed).await;
                    };
                    match tokio::time::timeout_at(at, self.next(&mut closed)).await {
                        Ok(next) => break next,
                        Err(_) => self.store.rest().await,
                    }
                },
            };
            let Some(first) = first else { break };
            self.gather().await;
            let mut bytes = first.prepared.bytes;
            let mut batch = vec![first];
            while batch.len() < self.batch_appends {
                let Ok(next) = self.waiting.try_recv() else {
                    break;
                };
                bytes += next.prepared.bytes;
                if bytes > self.batch_bytes {
                    over = Some(next);
                    break;
                }
                batch.push(next);
            }
            self.write(batch).await;
        }
        self.store.close().await;
    }

    /// The next request; `None` when the log is closed and nothing waits.
    async fn next(&mut self, closed: &mut watch::Receiver<bool>) -> Option<Waiting> {
        tokio::select! {
            biased;
            // Also when the log itself was dropped, which closes the queue too.
            () = told(closed), if !self.waiting.is_closed() => {
                self.waiting.close();
                self.waiting.recv().await
            }
            next = self.waiting.recv() => next,
        }
    }

    /// Lets the callers just answered append again before a batch is begun with one append in hand. Without it they come
    /// while the batch is written, and from then on every batch has half of them and the others wait.
    async fn gather(&mut self) {
        let expected = self.expected.min(self.batch_appends);
        for _ in 0..GATHERING {
            if 1 + self.waiting.len() >= expected {
                break;
            }
            tokio::task::yield_now().await;
        }
    }

    async fn write(&mut self, batch: Vec<Waiting>) {
        let bytes: usize = batch.iter().map(|w| w.prepared.bytes).sum();
        self.queued_bytes.fetch_sub(bytes, Ordering::Relaxed);
        let (requests, answers): (Vec<_>, Vec<_>) =
            batch.into_iter().map(|w| (w.prepared, w.answer)).unzip();
        let outcomes = match self.transact(&requests).await {
            Ok(outcomes) => outcomes,
            Err(error) => {
                tracing::error!(
                    ?error,
                    appends = requests.len(),
                    "a transaction of the log failed"
                );
                if let StoreError::Replaced(how) = &error {
                    self.grown.replaced(*how);
                }
                requests.iter().map(|_| Err(error.answer())).collect()
            }
        };
        self.expected = requests.len() + self.waiting.len();
        for (answer, outcome) in answers.into_iter().zip(outcomes) {
            // Nobody may be waiting any more; what has landed has landed.
            let _ = answer.send(outcome);
        }
    }

    async fn transact(
        &mut self,
        requests: &[Prepared],
    ) -> Result<Vec<Result<Appended, AppendError>>, StoreError> {
        let mut surely = false;
        loop {
            match self.attempt(requests, surely).await? {
                Some(outcomes) => return Ok(outcomes),
                None => surely = true,
            }
        }
    }

    /// One transaction; `None` if it must be begun again because what was assumed does not hold.
    async fn attempt(
        &mut self,
        requests: &[Prepared],
        surely: bool,
    ) -> Result<Option<Vec<Result<Appended, AppendError>>>, StoreError> {
        let ask = self.ask(requests, surely);
        let begun = self.store.begin(&self.ledger, ask).await?;
        let mut known = begun.known;
        let moved = begun.moved.is_some();
        let mut durable = None;
        if let Some(ledger) = begun.moved {
            let before = std::mem::replace(&mut self.ledger, ledger);
            if begun.ahead {
                durable = Some(before);
            } else {
                self.tell();
            }
        }
        for state in begun.followed.iter().flatten() {
            if let Some(stream) = self.names.get(&state.number)
                && let Some(remembered) = self.remembered.get_mut(stream)
            {
                *remembered = *state;
            }
        }
        if moved && begun.followed.is_none() {
            // What was remembered is of the log as it stood before: look it all up in this transaction.
            self.forget();
            let all: HashSet<_> = streams_of(requests).collect();
            let missing = all
                .into_iter()
                .filter(|stream| !known.streams.contains_key(*stream))
                .cloned()
                .collect();
            let found = self.store.streams(missing).await;
            known.streams.extend(self.or_abandon(found).await?);
        } else {
            for stream in streams_of(requests) {
                if let Some(state) = self.remembered.get(stream)
                    && !known.streams.contains_key(stream)
                {
                    known.streams.insert(stream.clone(), *state);
                }
            }
        }
        // The clock is read under the lock, or two processes could record backwards.
        let (now, jump) = self.clock.read(self.ledger.last);
        let doubt = begun.skew.map(Doubt::Skewed).or(jump);
        let plan = plan(&self.ledger, &known, requests, now, doubt);
        if plan.batch.is_empty() {
            self.store.abandon().await;
            if let Some(durable) = durable {
                self.return_to(durable, begun.followed.as_deref());
                return Ok(None);
            }
            self.remember(known.streams);
            return Ok((!begun.assumed).then_some(plan.outcomes));
        }
        let committed = self.store.commit(plan.batch, &plan.ledger).await;
        let committed = self.or_abandon(committed).await;
        if let Some(durable) = durable
            && !matches!(committed, Ok(Committed::Done))
        {
            self.return_to(durable, begun.followed.as_deref());
            committed?;
            return Ok(None);
        }
        let committed = committed?;
        if committed == Committed::Moved {
            self.remember(known.streams);
            return Ok(None);
        }
        self.ledger = plan.ledger;
        self.clock.proven();
        self.remember(known.streams);
        self.remember(plan.streams);
        self.tell();
        Ok(Some(plan.outcomes))
    }

    fn ask(&self, requests: &[Prepared], surely: bool) -> Ask {
        let commands: HashSet<_> = requests.iter().map(|r| r.command_id).collect();
        let streams: HashSet<_> = streams_of(requests)
            .filter(|stream| !self.remembered.contains_key(*stream))
            .collect();
        Ask {
            commands: commands.into_iter().collect(),
            streams: streams.into_iter().cloned().collect(),
            surely,
        }
    }

    async fn or_abandon<T>(&mut self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        if result.is_err() {
            self.store.abandon().await;
        }
        result
    }

    fn remember(&mut self, streams: HashMap<StreamId, StreamState>) {
        if self.remembered.len() + streams.len() > REMEMBERED_STREAMS {
            self.forget();
        }
        if S::FOLLOWS {
            for (stream, state) in &streams {
                self.names
                    .entry(state.number)
                    .or_insert_with(|| stream.clone());
            }
        }
        self.remembered.extend(streams);
    }

    /// What was under way has failed, and what was remembered of it is wrong.
    fn return_to(&mut self, durable: Ledger, followed: Option<&[StreamState]>) {
        self.ledger = durable;
        for state in followed.into_iter().flatten() {
            if let Some(stream) = self.names.get(&state.number) {
                self.remembered.remove(stream);
            }
        }
    }

    fn forget(&mut self) {
        self.remembered.clear();
        self.names.clear();
    }

    fn tell(&self) {
        self.grown.reached(self.ledger.size());
    }
}

/// Resolves once the log is closed or dropped.
async fn told(closed: &mut watch::Receiver<bool>) {
    let _ = closed.wait_for(|closed| *closed).await;
}

/// The streams that must be known to plan the requests.
fn streams_of(requests: &[Prepared]) -> impl Iterator<Item = &StreamId> {
    requests.iter().flat_map(|request| {
        let moved = request.streams.iter().map(|part| &part.stream);
        moved.chain(request.unchanged.iter().map(|other| &other.stream))
    })
}
