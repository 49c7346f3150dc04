//! One suite of rules that every backend keeps.
//!
//! A backend's test file is a [`Backend`] and one line: [`crate::event_log_conformance`] makes a test of each rule.
//! A new rule lands here first; then the backends are brought to keep it.

// This is test code that happens to live in the library, so that backends elsewhere can be held to it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a rule that is broken ends its test"
)]

pub mod append;
pub mod command;
pub mod limits;
pub mod order;
pub mod origin;
pub mod reading;
pub mod replaying;
pub mod subscribing;
pub mod time;
pub mod unchanged;

use std::sync::Arc;

use async_trait::async_trait;
use futures::future::BoxFuture;
use jiff::Timestamp;
use serde_json::json;
use tokio::sync::watch;
use uuid::Uuid;

use crate::clock::{Clock, SimulatedClock};
use crate::event::{
    Actor, CommandId, Data, EventId, EventType, NewEvent, RecordedEvent, Revision, Source, StreamId,
};

use super::{
    AppendError, AppendRequest, Appended, CreateOptions, EventLog, Expected, LogOptions, OpenError,
    Origin, StreamAppend,
};

/// What the suite needs of a backend: one place where one log can be.
#[async_trait]
pub trait Backend: Send + Sync + 'static {
    /// Makes the log.
    async fn create(
        &self,
        create: CreateOptions,
        options: LogOptions,
        clock: Arc<dyn Clock>,
    ) -> Result<Arc<dyn EventLog>, OpenError>;

    /// Finishes what waits and lets go of the log.
    async fn close(&self);

    /// Opens the closed log again; `None` if the backend forgets.
    async fn reopen(&self, options: LogOptions, clock: Arc<dyn Clock>)
    -> Option<Arc<dyn EventLog>>;
}

/// Makes a test of every rule. The argument is an expression that makes a new [`Backend`].
#[macro_export]
macro_rules! event_log_conformance {
    ($backend:expr) => {
        $crate::event_log_conformance! { $backend;
            append {
                what_was_appended_is_read_back_as_it_was,
                an_append_without_events_is_refused,
                a_stream_or_an_event_twice_in_one_append_is_refused,
                expectations_hold_exactly,
                of_two_writers_of_one_revision_one_wins,
                several_streams_land_whole_or_not_at_all,
                a_conflict_does_not_fail_its_neighbours,
                a_refused_append_consumes_no_position,
            }
            unchanged {
                what_an_append_rests_on_must_be_as_it_was,
                an_append_of_the_same_batch_may_take_away_what_another_rests_on,
                a_repeat_does_not_ask_again_what_it_rested_on,
                what_an_append_rests_on_is_named_once_and_bounded,
                of_two_that_rest_on_each_others_streams_one_lands,
            }
            command {
                a_repeat_has_the_first_outcome,
                a_repeat_in_the_same_batch_has_the_first_outcome,
                a_repeat_beside_fresh_and_refused_appends_has_the_first_outcome,
                a_repeat_after_a_lost_reply_has_the_first_outcome,
                a_repeat_after_reopening_has_the_first_outcome,
                a_repeat_is_answered_though_its_expectation_no_longer_holds,
                the_same_id_with_another_request_is_refused,
                a_repeat_with_other_events_has_the_first_outcome_and_adds_none,
                a_refused_command_may_be_sent_again,
                commands_are_found_by_their_ids,
            }
            order {
                readers_see_no_gap_while_appends_race,
                appends_are_taken_in_the_order_of_their_first_poll,
                a_dropped_append_is_whole_or_absent,
                a_batch_limit_splits_batches_and_loses_nothing,
            }
            time {
                recorded_at_never_decreases_when_the_clock_goes_back,
                recorded_at_is_cut_to_microseconds,
                a_clock_far_ahead_of_the_last_record_must_be_confirmed,
                a_clock_that_runs_away_while_the_log_is_open_is_refused,
                a_simulated_log_follows_its_clock_anywhere,
            }
            limits {
                a_record_of_the_greatest_size_is_taken_and_none_above,
                integers_at_the_bounds_are_kept_and_none_beyond_is_taken,
                positions_and_revisions_at_their_bounds_are_never_misread,
                days_and_schema_versions_at_their_bounds_are_kept,
                what_no_record_may_hold_is_refused_with_its_path,
                more_than_one_append_may_hold_is_refused,
                a_full_queue_pushes_back_at_once,
                a_queue_full_of_bytes_pushes_back_at_once,
            }
            origin {
                the_first_record_says_whose_log_it_is,
                a_real_log_takes_no_simulated_event,
                a_simulated_log_takes_only_simulated_events_and_rules,
                an_origin_that_no_record_can_hold_is_refused,
            }
            reading {
                reads_stop_at_the_limit_and_at_the_end,
                streams_are_read_from_any_revision,
                a_look_sees_the_stream_the_others_and_the_head,
                records_are_the_canonical_bytes_of_the_events,
                roots_of_past_sizes_are_those_that_were,
                what_is_read_at_a_past_size_stays_what_it_was,
                hashes_that_no_log_can_have_are_refused,
                verification_agrees_with_the_head,
                a_closed_log_takes_no_appends,
                everything_is_the_same_after_reopening,
            }
            replaying {
                a_replay_is_the_log_in_order_whatever_its_batches,
                a_replay_ends_only_where_the_log_ends_when_asked,
                a_step_of_a_replay_that_is_dropped_loses_nothing,
                a_replay_sees_no_gap_while_appends_race,
            }
            subscribing {
                a_subscriber_may_begin_in_the_middle_of_a_command,
                a_subscriber_who_waits_is_woken,
                a_slow_subscriber_misses_nothing,
                a_subscriber_goes_on_where_it_was_after_reopening,
                a_dropped_wait_loses_nothing,
                growth_is_told_before_the_append_is_answered,
            }
        }
    };
    ($backend:expr; $($topic:ident { $($rule:ident),+ $(,)? })+) => {
        $(mod $topic {
            #[allow(unused_imports, reason = "the backend's expression may name anything")]
            use super::*;
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $rule() {
                $crate::log::conformance::$topic::$rule(&$backend).await;
            })+
        })+
    };
}

/// 2021-03-11 09:30 in Shanghai.
fn morning() -> Timestamp {
    "2021-03-11T01:30:00Z".parse().unwrap()
}

fn clock() -> Arc<SimulatedClock> {
    Arc::new(SimulatedClock::new(morning()))
}

fn stream(name: &str) -> StreamId {
    StreamId::new(name).unwrap()
}

fn id(n: u128) -> Uuid {
    Uuid::from_u128(n)
}

fn actor() -> Actor {
    Actor {
        person: Some(crate::event::PersonRef(id(7))),
        role: "clerk".to_owned(),
        unit: Some("street office".to_owned()),
        area: Some("A02".to_owned()),
    }
}

fn event(n: u128) -> NewEvent {
    let mut data = Data::new();
    data.insert("number".to_owned(), json!(u64::try_from(n).unwrap_or(0)));
    data.insert("note".to_owned(), json!("第三次入户"));
    NewEvent {
        id: EventId(id(n)),
        kind: EventType::new("fact_recorded").unwrap(),
        schema: 1,
        occurred_at: "2021-03-10".parse().unwrap(),
        actor: actor(),
        source: Source::Screen,
        causation: None,
        correlation: None,
        data,
    }
}

fn part(name: &str, expected: Expected, events: Vec<NewEvent>) -> StreamAppend {
    StreamAppend {
        stream: stream(name),
        expected,
        events,
    }
}

fn request(n: u128, appends: Vec<StreamAppend>) -> AppendRequest {
    AppendRequest {
        command_id: CommandId(id(n)),
        request_digest: [u8::try_from(n % 251).unwrap(); 32],
        unchanged: Vec::new(),
        appends,
    }
}

/// Command `n`: one event for one stream.
fn single(n: u128, name: &str, expected: Expected) -> AppendRequest {
    request(n, vec![part(name, expected, vec![event(n)])])
}

/// Command `n`: `count` events for one stream.
fn several(n: u128, name: &str, count: u128) -> AppendRequest {
    let events = (0..count).map(|i| event(n * 1_000_000 + i)).collect();
    request(n, vec![part(name, Expected::Any, events)])
}

fn at(revision: u64) -> Expected {
    Expected::Exactly(Revision(revision))
}

fn real() -> CreateOptions {
    CreateOptions::new(Origin::real("conformance"))
}

async fn open(backend: &dyn Backend) -> Arc<dyn EventLog> {
    let created = backend.create(real(), LogOptions::default(), clock());
    created.await.unwrap()
}

/// A log whose writer takes nothing until the returned sender says `false`.
async fn held(
    backend: &dyn Backend,
    mut options: LogOptions,
) -> (Arc<dyn EventLog>, watch::Sender<bool>) {
    let (hold, held) = watch::channel(true);
    options.hold = Some(held);
    let log = backend.create(real(), options, clock()).await.unwrap();
    (log, hold)
}

type Appending<'l> = BoxFuture<'l, Result<Appended, AppendError>>;

/// Polls an append once, so that it stands in the queue; `Err` with its answer if it was answered at once.
async fn enqueue(
    log: &dyn EventLog,
    request: AppendRequest,
) -> Result<Appending<'_>, Result<Appended, AppendError>> {
    let mut appending: Appending<'_> = log.append(request);
    match futures::poll!(&mut appending) {
        std::task::Poll::Ready(answer) => Err(answer),
        std::task::Poll::Pending => Ok(appending),
    }
}

async fn all(log: &dyn EventLog) -> Vec<RecordedEvent> {
    log.read(crate::event::Position(1), usize::MAX)
        .await
        .unwrap()
}

async fn size(log: &dyn EventLog) -> u64 {
    log.head().await.unwrap().size
}
