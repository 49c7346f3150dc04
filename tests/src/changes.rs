//! Waiting for what happens in a folder, instead of looking again and again.

use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use inotify::{Inotify, WatchMask};

/// How long something is waited for that a working product does in a second or two.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A folder that is watched: its files, not those of folders in it.
pub struct Changes(Receiver<()>);

impl Changes {
    /// From now on nothing that changes in `folder` is missed.
    ///
    /// # Panics
    /// If there is no such folder.
    #[must_use]
    pub fn of(folder: &Path) -> Self {
        let mut inotify = Inotify::init().expect("folders can be watched");
        let mask = WatchMask::MODIFY | WatchMask::CREATE | WatchMask::MOVED_TO | WatchMask::DELETE;
        inotify
            .watches()
            .add(folder, mask)
            .unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let (changed, changes) = channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 4_096];
            while inotify.read_events_blocking(&mut buffer).is_ok() && changed.send(()).is_ok() {}
        });
        Self(changes)
    }

    /// Waits until it is so, asking again after each change.
    ///
    /// # Panics
    /// If it is not so after [`PATIENCE`].
    pub fn until(&self, what: &str, mut so: impl FnMut() -> bool) {
        let start = Instant::now();
        while !so() {
            let left = PATIENCE.saturating_sub(start.elapsed());
            assert!(self.0.recv_timeout(left).is_ok(), "not in time: {what}");
            // Several changes are one: it is asked once for all of them.
            while self.0.try_recv().is_ok() {}
        }
    }
}
