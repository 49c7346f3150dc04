//! Going on trying for a while.

use std::time::Duration;

use tokio::time::Instant;

/// How long to wait before connecting again: at first, and at most.
const PAUSE: Duration = Duration::from_millis(20);
const MAX_PAUSE: Duration = Duration::from_millis(500);

/// How long to go on trying.
pub(super) struct Trial {
    until: Instant,
    pause: Duration,
}

impl Trial {
    pub(super) fn new(patience: Duration) -> Self {
        Self {
            until: Instant::now() + patience,
            pause: PAUSE,
        }
    }

    /// Waits a little; `false` if it has been long enough. Nothing tells that a server is back but asking it.
    pub(super) async fn again(&mut self) -> bool {
        if Instant::now() + self.pause > self.until {
            return false;
        }
        tokio::time::sleep(self.pause).await;
        self.pause = (self.pause * 2).min(MAX_PAUSE);
        true
    }
}
