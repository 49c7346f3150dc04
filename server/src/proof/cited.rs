//! What the events of a project rest on: the definitions and calendars they name by digest.

use std::collections::BTreeSet;

use anju_engine::event::{Position, RecordedEvent, Revision, StreamId};
use anju_engine::log::{EventLog, ReadError};
use anju_workflows::project::ProjectEvent;
use anju_workflows::project::event::UnreadableEvent;

/// The programme of a project, and the digests that its events name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Cited {
    pub(super) programme: String,
    pub(super) definitions: BTreeSet<String>,
    pub(super) calendars: BTreeSet<String>,
}

impl Cited {
    pub(super) fn of(events: &[RecordedEvent]) -> Result<Self, UnreadableEvent> {
        let mut cited = Self::default();
        for event in events {
            match ProjectEvent::read(event)? {
                ProjectEvent::ProjectRegistered(registered) => {
                    cited.programme = registered.programme;
                    cited.definitions.insert(registered.definition);
                }
                ProjectEvent::TransitionAccepted(transition)
                | ProjectEvent::TransitionRefused(transition)
                | ProjectEvent::LotPassed(transition)
                | ProjectEvent::LotRefused(transition) => {
                    cited.definitions.insert(transition.definition);
                    cited.calendars.insert(transition.calendar);
                }
                ProjectEvent::EscalationRaised(raised) => {
                    cited.definitions.insert(raised.definition);
                    cited.calendars.insert(raised.calendar);
                }
                ProjectEvent::DefinitionMigrated(migrated) => {
                    cited.definitions.insert(migrated.from);
                    cited.definitions.insert(migrated.to);
                    cited.calendars.insert(migrated.calendar);
                }
                _ => {}
            }
        }
        Ok(cited)
    }
}

/// The digest that an event of a publication carries.
pub(super) fn digest_of(event: &RecordedEvent) -> Option<&str> {
    event.data.get("digest")?.as_str()
}

/// Where a digest was published on a stream for the first time, whole, at or before `size`. Empty if it was not.
pub(super) async fn publication(
    log: &dyn EventLog,
    stream: &StreamId,
    digest: &str,
    size: u64,
) -> Result<Vec<Position>, ReadError> {
    let mut found: Vec<RecordedEvent> = Vec::new();
    let mut next = Revision(0);
    loop {
        let events = log.read_stream(stream, next, 256).await?;
        let Some(last) = events.last() else {
            return Ok(Vec::new());
        };
        next = Revision(last.revision.0 + 1);
        for event in events {
            if event.position.0 > size {
                return Ok(Vec::new());
            }
            if digest_of(&event) != Some(digest) {
                continue;
            }
            // One publication is one command: its parts, then the event that closes it.
            if found
                .last()
                .is_some_and(|last| last.command_id != event.command_id)
            {
                found.clear();
            }
            let closes = event.kind.as_str().ends_with("_published");
            found.push(event);
            if closes {
                return Ok(found.iter().map(|event| event.position).collect());
            }
        }
    }
}
