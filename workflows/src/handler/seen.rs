//! Where the log was last seen to stand, for decisions that are made from memory.

use std::sync::{Mutex, PoisonError};

use anju_engine::event::Revision;
use anju_engine::log::Head;
use jiff::Timestamp;

/// What every decision needs besides the project, as of the last look at the log.
#[derive(Debug, Default)]
pub(super) struct Seen(Mutex<Option<Known>>);

#[derive(Clone, Copy, Debug)]
struct Known {
    simulated: bool,
    last: Option<Timestamp>,
    calendar: Option<Revision>,
}

/// What is known of a log that is not simulated and has a calendar.
#[derive(Clone, Copy, Debug)]
pub(super) struct RealLog {
    /// When the newest record that is known was recorded.
    pub(super) last: Option<Timestamp>,
    /// The revision of the newest calendar that is known.
    pub(super) calendar: Revision,
}

impl Seen {
    fn known(&self) -> std::sync::MutexGuard<'_, Option<Known>> {
        // Whoever panicked with it has left a value that was whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known; `None` for a simulated log, whose time is that of its last record and so moves with all of it.
    pub(super) fn real_log(&self) -> Option<RealLog> {
        let known = (*self.known())?;
        (!known.simulated).then_some(RealLog {
            last: known.last,
            calendar: known.calendar?,
        })
    }

    /// A look has seen the log at `head`, with this revision of the calendars.
    pub(super) fn looked(&self, head: &Head, calendar: Option<Revision>) {
        let mut known = self.known();
        *known = Some(Known {
            simulated: head.origin.simulated,
            last: head
                .last_recorded_at
                .max(known.and_then(|known| known.last)),
            calendar,
        });
    }

    /// An append was recorded at this instant.
    pub(super) fn recorded(&self, at: Timestamp) {
        if let Some(known) = self.known().as_mut() {
            known.last = known.last.max(Some(at));
        }
    }
}
