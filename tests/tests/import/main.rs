//! Facts and projects from .csv and .xlsx, through the real binary: good rows are recorded once, bad ones are listed
//! cell by cell, and a file that cannot be read makes nothing.

mod again;
mod desk;
mod dry_run;
#[cfg(unix)]
mod killed;
mod problems;
mod projects_by_name;
mod recording;
mod unreadable;
