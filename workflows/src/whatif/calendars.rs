//! The calendars of a log, by the position from which each was the newest.

use anju_engine::event::{Revision, StreamId};
use anju_engine::log::EventLog;

use crate::calendar::Calendar;
use crate::handler::HandleError;
use crate::publish::{CALENDAR_STREAM, Publications};

/// Every calendar of a log. A decision at a position was made with the newest published before it.
#[derive(Clone, Debug)]
pub struct Calendars {
    published: Vec<(u64, Calendar)>,
    builtin: Calendar,
}

impl Calendars {
    /// Reads them.
    pub async fn read(log: &dyn EventLog) -> Result<Self, HandleError> {
        let stream = StreamId::new(CALENDAR_STREAM)?;
        let mut publications = Publications::default();
        let mut published = Vec::new();
        let mut next = Revision(0);
        loop {
            let events = log.read_stream(&stream, next, 256).await?;
            let Some(last) = events.last() else { break };
            next = Revision(last.revision.0 + 1);
            for event in &events {
                publications.add(event);
                if event.kind.as_str() == "calendar_published"
                    && let Some(calendar) = publications.calendar()?
                {
                    published.push((event.position.0, calendar));
                }
            }
        }
        Ok(Self {
            published,
            builtin: Calendar::builtin(),
        })
    }

    /// The calendar that comes with this build, and no other.
    #[must_use]
    pub fn none_published() -> Self {
        Self {
            published: Vec::new(),
            builtin: Calendar::builtin(),
        }
    }

    /// The one that was the newest before a position; the one that comes with the build if none was published by then.
    #[must_use]
    pub fn before(&self, position: u64) -> &Calendar {
        self.published
            .iter()
            .rev()
            .find(|(published, _)| *published < position)
            .map_or(&self.builtin, |(_, calendar)| calendar)
    }

    /// The newest.
    #[must_use]
    pub fn newest(&self) -> &Calendar {
        self.before(u64::MAX)
    }
}
