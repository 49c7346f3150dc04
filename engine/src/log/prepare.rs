//! What an append can do before the writer takes it: check itself, and serialise.

use std::collections::HashSet;

use jiff::Timestamp;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::event::{CommandId, Data, EventId, EventType, MAX_INTEGER, NewEvent, Source, StreamId};
use crate::record::{Draft, InstantText, canonical_json};

use super::options::CreateOptions;
use super::{AppendRequest, Expected, InvalidAppend, StreamAppend, Unchanged};

/// How many events one append may hold.
pub const MAX_EVENTS: usize = 4_096;

/// How many streams one append may name that must be unchanged.
pub const MAX_UNCHANGED: usize = 64;

/// How many bytes of records one append may hold.
pub const MAX_APPEND_BYTES: usize = 16 << 20;

/// An append that is acceptable by itself and serialised as far as it can be.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) command_id: CommandId,
    pub(crate) request_digest: [u8; 32],
    pub(crate) unchanged: Vec<Unchanged>,
    pub(crate) streams: Vec<PreparedStream>,
    /// About how many bytes of records.
    pub(crate) bytes: usize,
}

#[derive(Debug)]
pub(crate) struct PreparedStream {
    pub(crate) stream: StreamId,
    pub(crate) expected: Expected,
    pub(crate) drafts: Vec<Draft>,
}

/// Checks everything that does not depend on what the log holds, and serialises.
pub(crate) fn prepare(request: AppendRequest, simulated: bool) -> Result<Prepared, InvalidAppend> {
    check_shape(&request)?;
    let named = request.unchanged.iter();
    let mut bytes = named.map(|other| other.stream.as_str().len()).sum();
    let mut streams = Vec::with_capacity(request.appends.len());
    for append in request.appends {
        let mut drafts = Vec::with_capacity(append.events.len());
        for event in &append.events {
            check_simulation(event.source, simulated)?;
            let draft = Draft::new(&append.stream, request.command_id, event)?;
            // With room for position, instant and revision.
            bytes += draft.bytes() + 64;
            drafts.push(draft);
        }
        if bytes > MAX_APPEND_BYTES {
            return Err(InvalidAppend::TooManyBytes {
                bytes,
                limit: MAX_APPEND_BYTES,
            });
        }
        streams.push(PreparedStream {
            stream: append.stream,
            expected: append.expected,
            drafts,
        });
    }
    Ok(Prepared {
        command_id: request.command_id,
        request_digest: request.request_digest,
        unchanged: request.unchanged,
        streams,
        bytes,
    })
}

fn check_shape(request: &AppendRequest) -> Result<(), InvalidAppend> {
    let empty = |append: &StreamAppend| append.events.is_empty();
    if request.appends.is_empty() || request.appends.iter().any(empty) {
        return Err(InvalidAppend::Empty);
    }
    let count = request.appends.iter().map(|a| a.events.len()).sum();
    if count > MAX_EVENTS {
        return Err(InvalidAppend::TooMany {
            count,
            limit: MAX_EVENTS,
        });
    }
    if request.unchanged.len() > MAX_UNCHANGED {
        return Err(InvalidAppend::TooManyUnchanged {
            count: request.unchanged.len(),
            limit: MAX_UNCHANGED,
        });
    }
    let mut streams = HashSet::new();
    let named = request.appends.iter().map(|append| &append.stream);
    let named = named.chain(request.unchanged.iter().map(|other| &other.stream));
    let several = request.appends.len() + request.unchanged.len() > 1;
    for stream in named {
        if several && !streams.insert(stream) {
            return Err(InvalidAppend::StreamTwice(stream.clone()));
        }
    }
    let mut ids = HashSet::new();
    for event in request.appends.iter().flat_map(|a| &a.events) {
        if count > 1 && !ids.insert(event.id) {
            return Err(InvalidAppend::EventTwice(event.id));
        }
    }
    Ok(())
}

/// A real log never takes simulated events; a simulated one takes those and what rules derive from them.
fn check_simulation(source: Source, simulated: bool) -> Result<(), InvalidAppend> {
    match (simulated, source) {
        (false, Source::Simulation) => Err(InvalidAppend::Simulation {
            log: "real",
            event: "simulated",
        }),
        (true, source) if !matches!(source, Source::Simulation | Source::Rule) => {
            Err(InvalidAppend::Simulation {
                log: "simulated",
                event: "real",
            })
        }
        _ => Ok(()),
    }
}

/// The first record of a log: who it is.
pub(crate) fn log_created(
    create: &CreateOptions,
    now: Timestamp,
) -> Result<Prepared, InvalidAppend> {
    let CreateOptions {
        origin,
        actor,
        source,
    } = create;
    let mut data = Data::new();
    data.insert("origin".to_owned(), Value::from(origin.name.clone()));
    data.insert("simulated".to_owned(), Value::from(origin.simulated));
    if let Some(seed) = origin.seed {
        if seed > MAX_INTEGER.unsigned_abs() {
            return Err(InvalidAppend::Value {
                path: "data.seed".to_owned(),
                value: seed.to_string(),
                expected: "at most 9007199254740991",
            });
        }
        data.insert("seed".to_owned(), Value::from(seed));
    }
    if origin.name.is_empty() {
        return Err(InvalidAppend::Value {
            path: "data.origin".to_owned(),
            value: String::new(),
            expected: "a name that no other log has",
        });
    }
    let id = origin.first_id();
    let request_digest = Sha256::digest(canonical_json(&Value::Object(data.clone()))?).into();
    let event = NewEvent {
        id: EventId(id),
        kind: EventType::new("log_created")?,
        schema: 1,
        occurred_at: InstantText::new(now).as_str().parse()?,
        actor: actor.clone(),
        source: if origin.simulated {
            Source::Simulation
        } else {
            *source
        },
        causation: None,
        correlation: None,
        data,
    };
    prepare(
        AppendRequest {
            command_id: CommandId(id),
            request_digest,
            unchanged: Vec::new(),
            appends: vec![StreamAppend {
                stream: StreamId::new("log")?,
                expected: Expected::NoStream,
                events: vec![event],
            }],
        },
        origin.simulated,
    )
}
