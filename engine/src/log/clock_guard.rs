//! Whether to believe the clock: see `docs/design/clock.md`.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::clock::Clock;

use super::options::LogOptions;
use super::plan::Doubt;

/// How far the wall clock may run away from the monotonic one while the process runs.
const MAX_DRIFT: Duration = Duration::from_secs(24 * 60 * 60);

/// How far back a clock may step before it is worth a warning; corrections of less are everyday.
const MAX_STEP_BACK: Duration = Duration::from_secs(1);

/// The writer's clock, watched.
pub(super) struct ClockGuard {
    clock: Arc<dyn Clock>,
    /// A simulated log moves as its simulation likes.
    simulated: bool,
    max_idle: Duration,
    /// Whether the clock is still to be compared with the last record.
    unproven: bool,
    /// Both clocks when the writer began.
    anchor: Option<(Timestamp, Duration)>,
    warned: bool,
}

impl ClockGuard {
    pub(super) fn new(clock: Arc<dyn Clock>, options: &LogOptions, simulated: bool) -> Self {
        let anchor = clock.monotonic().map(|reading| (clock.now(), reading));
        Self {
            clock,
            simulated,
            max_idle: options.max_idle,
            unproven: !options.confirm_clock,
            anchor,
            warned: false,
        }
    }

    /// The present instant, and whether it is too far ahead to be believed.
    pub(super) fn read(&mut self, last: Option<Timestamp>) -> (Timestamp, Option<Doubt>) {
        let now = self.clock.now();
        let Some(last) = last.filter(|_| !self.simulated) else {
            return (now, None);
        };
        if !self.warned && ahead(last, now) > MAX_STEP_BACK {
            self.warned = true;
            tracing::warn!(%now, %last, "the clock is behind the last record; recorded_at stays until it catches up");
        }
        let idle = self.unproven && ahead(now, last) > self.max_idle;
        let drifted = self.anchor.is_some_and(|(wall, reading)| {
            let passed = self.clock.monotonic().unwrap_or_default();
            ahead(now, wall).saturating_sub(passed.saturating_sub(reading)) > MAX_DRIFT
        });
        (
            now,
            (idle || drifted).then_some(Doubt::Jumped { last, now }),
        )
    }

    /// A record was written by this clock: from now on the log itself carries the time on.
    pub(super) fn proven(&mut self) {
        self.unproven = false;
    }
}

/// How far `a` is ahead of `b`; zero if it is not.
fn ahead(a: Timestamp, b: Timestamp) -> Duration {
    Duration::try_from(a.duration_since(b)).unwrap_or_default()
}
