//! How far this machine's clock is from the database server's.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::clock::Clock;

/// How long a measurement holds good.
const FRESH: Duration = Duration::from_secs(10);

/// By how much the wall clock may part from the monotonic one before the measurement no longer holds.
const STEP: SignedDuration = SignedDuration::from_millis(500);

/// What was measured last.
pub(super) struct Skew {
    clock: Arc<dyn Clock>,
    /// `None`: the clocks are not compared.
    allowed: Option<Duration>,
    measured: Option<Measured>,
}

struct Measured {
    offset: SignedDuration,
    /// When, by both clocks.
    wall: Timestamp,
    monotonic: Option<Duration>,
}

impl Skew {
    pub(super) fn new(clock: Arc<dyn Clock>, allowed: Option<Duration>) -> Self {
        Self {
            clock,
            allowed,
            measured: None,
        }
    }

    /// The clock before a question that the server answers with its own.
    pub(super) fn before(&self) -> Timestamp {
        self.clock.now()
    }

    /// Takes the server's answer, `server` in microseconds since 1970. The server read its clock some time between
    /// question and answer, so what counts is the least offset that explains it: a slow line is no skew.
    pub(super) fn answered(&mut self, before: Timestamp, server: i64) {
        let after = self.clock.now();
        let Ok(server) = Timestamp::from_microsecond(server) else {
            return;
        };
        let offset = if before > server {
            before.duration_since(server)
        } else if server > after {
            after.duration_since(server)
        } else {
            SignedDuration::ZERO
        };
        self.measured = Some(Measured {
            offset,
            wall: after,
            monotonic: self.clock.monotonic(),
        });
    }

    /// Whether the last measurement still holds good, or none is needed. One that raised a doubt never does: the
    /// clock may have been mended since.
    pub(super) fn is_fresh(&self) -> bool {
        if self.allowed.is_none() {
            return true;
        }
        let Some(measured) = &self.measured else {
            return false;
        };
        if self.doubt().is_some() {
            return false;
        }
        let (Some(then), Some(now)) = (measured.monotonic, self.clock.monotonic()) else {
            return true;
        };
        let passed = now.saturating_sub(then);
        let stepped = SignedDuration::try_from(passed).is_ok_and(|passed| {
            (self.clock.now().duration_since(measured.wall) - passed).abs() > STEP
        });
        passed < FRESH && !stepped
    }

    /// The offset, if it is more than allowed.
    pub(super) fn doubt(&self) -> Option<SignedDuration> {
        let allowed = SignedDuration::try_from(self.allowed?).ok()?;
        let offset = self.measured.as_ref()?.offset;
        (offset.abs() > allowed).then_some(offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SimulatedClock;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_600_000_000 + second).unwrap()
    }

    /// Asks at `before`, has the answer at `after`, and the server said `server`.
    fn measured(before: i64, server: i64, after: i64) -> Skew {
        let clock = Arc::new(SimulatedClock::new(at(before)));
        let mut skew = Skew::new(Arc::clone(&clock) as _, Some(Duration::from_secs(2)));
        assert!(!skew.is_fresh());
        let asked = skew.before();
        clock.set(at(after));
        skew.answered(asked, at(server).as_microsecond());
        assert_eq!(skew.is_fresh(), skew.doubt().is_none());
        skew
    }

    /// Both clocks at hand.
    struct Hands {
        wall: SimulatedClock,
        monotonic: std::sync::atomic::AtomicU64,
    }

    impl Clock for Hands {
        fn now(&self) -> Timestamp {
            self.wall.now()
        }

        fn monotonic(&self) -> Option<Duration> {
            let seconds = self.monotonic.load(std::sync::atomic::Ordering::SeqCst);
            Some(Duration::from_secs(seconds))
        }
    }

    #[test]
    fn a_measurement_ages_and_ends_when_the_clock_is_set() {
        let hands = Arc::new(Hands {
            wall: SimulatedClock::new(at(0)),
            monotonic: 100.into(),
        });
        let mut skew = Skew::new(Arc::clone(&hands) as _, Some(Duration::from_secs(2)));
        skew.answered(at(0), at(0).as_microsecond());
        let set = |wall: i64, monotonic: u64| {
            hands.wall.set(at(wall));
            let order = std::sync::atomic::Ordering::SeqCst;
            hands.monotonic.store(100 + monotonic, order);
        };
        for (wall, monotonic, fresh) in [
            (9, 9, true),
            (10, 10, false),
            (12, 9, false),
            (-1, 1, false),
            (1, 1, true),
        ] {
            set(wall, monotonic);
            assert_eq!(skew.is_fresh(), fresh, "{wall} {monotonic}");
        }
    }

    #[test]
    fn an_answer_from_between_question_and_answer_shows_no_skew_however_slow() {
        assert_eq!(measured(0, 30, 60).doubt(), None);
        assert_eq!(measured(0, 0, 0).doubt(), None);
    }

    #[test]
    fn more_than_two_seconds_in_either_direction_is_doubted() {
        assert_eq!(measured(0, -2, 1).doubt(), None);
        assert_eq!(
            measured(0, -3, 1).doubt(),
            Some(SignedDuration::from_secs(3))
        );
        assert_eq!(measured(0, 3, 1).doubt(), None);
        assert_eq!(
            measured(0, 4, 1).doubt(),
            Some(SignedDuration::from_secs(-3))
        );
    }

    #[test]
    fn clocks_that_are_not_compared_are_never_doubted() {
        let clock = Arc::new(SimulatedClock::new(at(0)));
        let mut skew = Skew::new(clock, None);
        assert!(skew.is_fresh());
        skew.answered(at(0), at(900).as_microsecond());
        assert_eq!(skew.doubt(), None);
    }
}
