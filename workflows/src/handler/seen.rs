//! Where the log was last seen to stand, for decisions that are made from memory.

use std::sync::{Mutex, PoisonError};

use anju_engine::event::Revision;
use anju_engine::log::Head;
use jiff::Timestamp;

/// What every decision needs besides the project.
#[derive(Debug, Default)]
pub(super) struct Seen(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    /// When the newest record that is known was recorded. No state is kept that holds a later one.
    last: Option<Timestamp>,
    /// What the last look has found, if there was one.
    looked: Option<Found>,
}

#[derive(Clone, Copy, Debug)]
struct Found {
    simulated: bool,
    calendar: Option<Revision>,
}

/// What is known of a log that is not simulated and has a calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RealLog {
    /// When the newest record that is known was recorded.
    pub(super) last: Option<Timestamp>,
    /// The revision of the newest calendar that is known.
    pub(super) calendar: Revision,
}

impl Seen {
    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        // Whoever panicked with it has left a value that was whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known; `None` for a simulated log, whose time is that of its last record and so moves with all of it.
    pub(super) fn real_log(&self) -> Option<RealLog> {
        let known = self.known();
        let found = known.looked?;
        (!found.simulated).then_some(RealLog {
            last: known.last,
            calendar: found.calendar?,
        })
    }

    /// A look has seen the log at `head`, with this revision of the calendars.
    pub(super) fn looked(&self, head: &Head, calendar: Option<Revision>) {
        let mut known = self.known();
        known.last = known.last.max(head.last_recorded_at);
        known.looked = Some(Found {
            simulated: head.origin.simulated,
            calendar,
        });
    }

    /// A record of this instant is known.
    pub(super) fn recorded(&self, at: Timestamp) {
        let mut known = self.known();
        known.last = known.last.max(Some(at));
    }
}

#[cfg(test)]
mod tests {
    use anju_engine::log::Origin;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn head(second: i64, origin: Origin) -> Head {
        Head {
            size: 1,
            root: [0; 32],
            last_recorded_at: Some(at(second)),
            origin,
        }
    }

    #[test]
    fn the_newest_instant_stands_whatever_comes_late() {
        let seen = Seen::default();
        // Before anything was looked at, too.
        seen.recorded(at(7));
        assert_eq!(seen.real_log(), None);
        seen.looked(&head(5, Origin::real("a")), Some(Revision(2)));
        let known = |second, revision| {
            Some(RealLog {
                last: Some(at(second)),
                calendar: Revision(revision),
            })
        };
        assert_eq!(seen.real_log(), known(7, 2));
        seen.recorded(at(9));
        seen.recorded(at(8));
        assert_eq!(seen.real_log(), known(9, 2));
        seen.looked(&head(11, Origin::real("a")), Some(Revision(3)));
        assert_eq!(seen.real_log(), known(11, 3));
    }

    #[test]
    fn of_a_simulated_log_and_of_one_without_a_calendar_nothing_is_known() {
        let seen = Seen::default();
        seen.looked(&head(5, Origin::simulated("a", 1)), Some(Revision(2)));
        assert_eq!(seen.real_log(), None);
        seen.looked(&head(5, Origin::real("a")), None);
        assert_eq!(seen.real_log(), None);
    }
}
