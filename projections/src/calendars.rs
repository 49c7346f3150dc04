//! The calendar as the log had it at a position or at an instant.

use anju_engine::event::{RecordedEvent, Revision, StreamId};
use anju_engine::log::EventLog;
use anju_workflows::calendar::Calendar;
use anju_workflows::publish::{CALENDAR_STREAM, Publications};

use crate::ViewError;

/// The newest calendar among the events that `known` says yes to; the one that comes with the build if there is none.
pub(crate) async fn calendar_where(
    log: &dyn EventLog,
    known: impl Fn(&RecordedEvent) -> bool + Send,
) -> Result<Calendar, ViewError> {
    let stream = StreamId::new(CALENDAR_STREAM)?;
    let mut publications = Publications::default();
    let mut next = Revision(0);
    loop {
        let events = log.read_stream(&stream, next, 256).await?;
        let Some(last) = events.last() else { break };
        next = Revision(last.revision.0 + 1);
        for event in events.iter().filter(|event| known(event)) {
            publications.add(event);
        }
    }
    Ok(publications.calendar()?.unwrap_or_else(Calendar::builtin))
}

/// Every calendar that the log had published by a position.
pub(crate) struct Calendars {
    builtin: Calendar,
    /// By the position of the publication, ascending.
    published: Vec<(u64, Calendar)>,
}

impl Calendars {
    /// Those published up to position `until`.
    pub(crate) async fn read(log: &dyn EventLog, until: u64) -> Result<Self, ViewError> {
        let stream = StreamId::new(CALENDAR_STREAM)?;
        let mut publications = Publications::default();
        let mut published = Vec::new();
        let mut next = Revision(0);
        loop {
            let events = log.read_stream(&stream, next, 256).await?;
            let Some(last) = events.last() else { break };
            next = Revision(last.revision.0 + 1);
            for event in events.iter().filter(|event| event.position.0 <= until) {
                publications.add(event);
                if event.kind.as_str() == "calendar_published" {
                    let calendar = publications.calendar()?.unwrap_or_else(Calendar::builtin);
                    published.push((event.position.0, calendar));
                }
            }
        }
        Ok(Self {
            builtin: Calendar::builtin(),
            published,
        })
    }

    /// The newest one before a position, with its own; 0 = the one that comes with the build.
    pub(crate) fn before(&self, position: u64) -> (u64, &Calendar) {
        let later = self.published.partition_point(|(at, _)| *at < position);
        match later.checked_sub(1).and_then(|at| self.published.get(at)) {
            Some((at, calendar)) => (*at, calendar),
            None => (0, &self.builtin),
        }
    }

    /// The newest one.
    pub(crate) fn newest(&self) -> (u64, &Calendar) {
        self.before(u64::MAX)
    }
}

/// The newest calendar at a position.
pub(crate) async fn calendar_at(log: &dyn EventLog, position: u64) -> Result<Calendar, ViewError> {
    calendar_where(log, |event| event.position.0 <= position).await
}
