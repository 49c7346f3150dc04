//! What the numbers were measured on, in general terms: no names of hosts or users.

use std::num::NonZero;
use std::path::Path;

use serde::Serialize;

/// The machine. What the system does not tell is absent.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Machine {
    pub(super) cores: usize,
    pub(super) cpu: Option<String>,
    pub(super) memory_mib: Option<u64>,
    pub(super) kernel: Option<String>,
    /// Of the folder that was written to.
    pub(super) filesystem: Option<String>,
    pub(super) sqlite: String,
    /// What the system said of its load when the bench began: over 1, 5 and 15 minutes.
    pub(super) load: Option<String>,
    /// Whether the program was built with optimisations: without them the figures say nothing.
    pub(super) optimised: bool,
}

/// The load of the machine now, over 1, 5 and 15 minutes.
pub(super) fn load() -> Option<String> {
    let text = std::fs::read_to_string("/proc/loadavg").ok()?;
    Some(
        text.split_whitespace()
            .take(3)
            .collect::<Vec<_>>()
            .join(" "),
    )
}

impl Machine {
    pub(super) fn look(folder: &Path, sqlite: String, load: Option<String>) -> Self {
        let read = |path: &str| std::fs::read_to_string(path).ok();
        Self {
            cores: std::thread::available_parallelism().map_or(1, NonZero::get),
            cpu: read("/proc/cpuinfo").and_then(|text| value(&text, "model name")),
            memory_mib: read("/proc/meminfo").and_then(|text| kibibytes(&text, "MemTotal")),
            kernel: read("/proc/sys/kernel/osrelease").map(|text| text.trim().to_owned()),
            filesystem: std::fs::canonicalize(folder)
                .ok()
                .zip(read("/proc/self/mounts"))
                .and_then(|(folder, mounts)| filesystem(&mounts, &folder)),
            sqlite,
            load,
            optimised: !cfg!(debug_assertions),
        }
    }

    /// Whether a synced write is on a disk at all.
    pub(super) fn volatile(&self) -> bool {
        matches!(self.filesystem.as_deref(), Some("tmpfs" | "ramfs"))
    }
}

/// The most memory this process has held so far, in MiB.
pub(super) fn peak_memory_mib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    kibibytes(&status, "VmHWM")
}

/// The most memory that another process has held so far, in MiB.
pub(super) fn memory_of(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    kibibytes(&status, "VmHWM")
}

/// The value of the first line `name : value`.
fn value(text: &str, name: &str) -> Option<String> {
    let mut pairs = text.lines().filter_map(|line| line.split_once(':'));
    let (_, value) = pairs.find(|(key, _)| key.trim() == name)?;
    Some(value.trim().to_owned())
}

fn kibibytes(text: &str, name: &str) -> Option<u64> {
    let value = value(text, name)?;
    let kibibytes: u64 = value.split_whitespace().next()?.parse().ok()?;
    Some(kibibytes / 1_024)
}

/// The type of the filesystem with the longest mount point above `folder`; of two at one point, the later.
fn filesystem(mounts: &str, folder: &Path) -> Option<String> {
    mounts
        .lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace().skip(1);
            let (point, kind) = (words.next()?, words.next()?);
            folder.starts_with(point).then_some((point.len(), kind))
        })
        .max_by_key(|(length, _)| *length)
        .map(|(_, kind)| kind.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_the_filesystem_of_the_nearest_mount_above_it() {
        let mounts = "/dev/a / ext4 rw 0 0\ntmpfs /tmp tmpfs rw 0 0\n/dev/b /tmp/disk xfs rw 0 0\n";
        for (folder, kind) in [
            ("/home/x", "ext4"),
            ("/tmp/x", "tmpfs"),
            ("/tmp/disk/x", "xfs"),
            ("/tmpx", "ext4"),
        ] {
            assert_eq!(
                filesystem(mounts, Path::new(folder)).as_deref(),
                Some(kind),
                "{folder}"
            );
        }
    }

    #[test]
    fn figures_of_the_system_are_found_by_name_and_may_be_missing() {
        let text = "Name:\tx\nVmHWM:\t   2048 kB\nVmRSS:\t 1024 kB\n";
        assert_eq!(kibibytes(text, "VmHWM"), Some(2));
        assert_eq!(kibibytes(text, "VmSwap"), None);
    }
}
