//! What is appended: facts of 300 bytes, in turn to each of many streams.

use anju_engine::clock::{Clock, SystemClock};
use anju_engine::event::{
    Actor, Data, EventId, EventType, NewEvent, OccurredAt, Revision, Source, StreamId, WordError,
};
use anju_engine::log::{AppendRequest, Expected, StreamAppend};
use anju_engine::record::canonical_json;
use anju_workflows::handler::new_command_id;
use anju_workflows::publish::hex;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// How many bytes the canonical data of a fact has.
pub(super) const FACT_BYTES: usize = 300;

/// Over how many streams the facts go, at most.
pub(super) const STREAMS: u64 = 10_000;

/// Who records, as the command line and the forms say it unless they are told more: a role, here with its area.
pub(super) fn clerk() -> Actor {
    Actor {
        person: None,
        role: "clerk".to_owned(),
        unit: None,
        area: Some("congtai".to_owned()),
    }
}

/// The values of the `n`th consultation result. Its paper's digest is another for each, as in life: data that repeats
/// itself would be kind to nobody here, but would look it.
pub(super) fn consultation(n: u64) -> (Data, Vec<String>) {
    let fields = json!({
        "agreed_area_m2": "18240.55",
        "agreed_households": 237,
        "asked_households": 319,
        "responded_households": 290,
        "round": 1,
        "voted_area_m2": "23110.40",
    });
    let fields = match fields {
        Value::Object(fields) => fields,
        _ => Data::new(),
    };
    (fields, vec![hex(&Sha256::digest(n.to_be_bytes()))])
}

/// The data of the `n`th fact: [`FACT_BYTES`] of canonical JSON.
fn fact_data(n: u64) -> Data {
    let (fields, documents) = consultation(n);
    let mut data = Data::new();
    data.insert("documents".to_owned(), json!(documents));
    data.insert("fact".to_owned(), json!("consultation_result"));
    data.insert("fields".to_owned(), Value::Object(fields));
    data.insert("note".to_owned(), json!(""));
    let short = canonical_json(&Value::Object(data.clone())).map_or(0, |text| text.len());
    let note = "0123456789abcdef".chars().cycle();
    let note: String = note.take(FACT_BYTES.saturating_sub(short)).collect();
    data.insert("note".to_owned(), json!(note));
    data
}

/// Hands out appends of one fact each, stream after stream, each with the revision that its stream must have.
#[derive(Debug)]
pub(super) struct Feed {
    streams: u64,
    next: u64,
}

impl Feed {
    /// A feed over so many streams, none of which exists yet.
    pub(super) fn new(streams: u64) -> Self {
        Self { streams, next: 0 }
    }

    /// Over how many streams it goes.
    pub(super) fn streams(&self) -> u64 {
        self.streams
    }

    /// The next appends, each its own command.
    pub(super) fn take(&mut self, count: u64) -> Result<Vec<AppendRequest>, WordError> {
        let requests = (self.next..self.next + count)
            .map(|n| self.request(n))
            .collect();
        self.next += count;
        requests
    }

    fn request(&self, n: u64) -> Result<AppendRequest, WordError> {
        let command_id = new_command_id(SystemClock.now());
        let event = NewEvent {
            id: EventId(command_id.0),
            kind: EventType::new("fact_recorded")?,
            schema: 1,
            occurred_at: "2021-03-01".parse::<OccurredAt>()?,
            actor: clerk(),
            source: Source::Screen,
            causation: None,
            correlation: None,
            data: fact_data(n),
        };
        Ok(AppendRequest {
            command_id,
            request_digest: Sha256::digest(n.to_be_bytes()).into(),
            unchanged: Vec::new(),
            appends: vec![StreamAppend {
                stream: StreamId::new(format!("project-bench-{:05}", n % self.streams))?,
                expected: match (n / self.streams).checked_sub(1) {
                    None => Expected::NoStream,
                    Some(revision) => Expected::Exactly(Revision(revision)),
                },
                events: vec![event],
            }],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fact_has_the_size_it_is_measured_at() {
        for n in [0, 1, 99_999] {
            let text = canonical_json(&Value::Object(fact_data(n))).unwrap();
            assert_eq!(text.len(), FACT_BYTES);
        }
    }

    #[test]
    fn each_append_expects_the_revision_that_the_one_before_left() {
        let expected = |requests: Vec<AppendRequest>| -> Vec<_> {
            let parts = requests.into_iter().flat_map(|r| r.appends);
            parts
                .map(|part| (part.stream.to_string(), part.expected))
                .collect()
        };
        let mut feed = Feed::new(2);
        let (a, b) = (
            "project-bench-00000".to_owned(),
            "project-bench-00001".to_owned(),
        );
        assert_eq!(
            expected(feed.take(3).unwrap()),
            [
                (a, Expected::NoStream),
                (b.clone(), Expected::NoStream),
                (
                    "project-bench-00000".to_owned(),
                    Expected::Exactly(Revision(0))
                ),
            ]
        );
        assert_eq!(
            expected(feed.take(1).unwrap()),
            [(b, Expected::Exactly(Revision(0)))]
        );
    }
}
