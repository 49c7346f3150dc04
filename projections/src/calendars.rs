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

/// The newest calendar at a position.
pub(crate) async fn calendar_at(log: &dyn EventLog, position: u64) -> Result<Calendar, ViewError> {
    calendar_where(log, |event| event.position.0 <= position).await
}
