//! What the scenarios share: the real binary in a folder of its own.

#[cfg(target_os = "linux")]
pub mod changes;
pub mod cli;
#[cfg(target_family = "unix")]
pub mod cluster;
pub mod tour;
