//! Proof for others: keys, checkpoints, verification against them, bundles, exports.
//!
//! `docs/design/proof.md` tells what each of them proves, and what it does not.

mod bundle;
mod cited;
mod export;
mod keeper;
mod key;
mod offline;
mod story;
mod verify;
mod words;

use std::path::PathBuf;

use clap::{Args, Subcommand};

pub use bundle::bundle;
pub use export::export;
pub use keeper::{Keeper, checkpoint, checkpoint_if_due, keep_forever};
pub use key::{key, signer};
pub use offline::verify_bundle;
pub use verify::verify;

/// `anju key`.
#[derive(Debug, Args)]
pub struct KeyArgs {
    #[command(subcommand)]
    pub task: KeyTask,
}

#[derive(Debug, Subcommand)]
pub enum KeyTask {
    /// Make a key pair that signs checkpoints: the private key into FILE, the public one into FILE.pub
    New(NewKeyArgs),
}

#[derive(Debug, Args)]
pub struct NewKeyArgs {
    /// The file for the private key; it must not exist
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// The key's name; the origin of the log in --store if absent, or the file's name if there is no log yet
    #[arg(long)]
    pub name: Option<String>,
}

/// `anju checkpoint`.
#[derive(Debug, Args)]
pub struct CheckpointArgs {
    /// The private key that signs
    #[arg(long, value_name = "FILE")]
    pub key: PathBuf,
    /// A file for a copy, to be given away; it is kept beside the log in any case
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// `anju verify`.
#[derive(Debug, Default, Args)]
pub struct VerifyArgs {
    /// A checkpoint kept elsewhere: proves that the log has only grown since
    #[arg(long, value_name = "CHECKPOINT-FILE")]
    pub against: Option<PathBuf>,
    /// The public key of the log, or a file that holds it: proves that the log's keeper signed the checkpoint
    #[arg(long, value_name = "KEY", requires = "against")]
    pub key: Option<String>,
}

/// `anju bundle`.
#[derive(Debug, Args)]
pub struct BundleArgs {
    /// The project
    pub project: String,
    /// The file to write
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
    /// The private key: the bundle is of the log as it is now, and states how many events the project has. Without it,
    /// the bundle is of the newest checkpoint kept beside the log
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,
}

/// `anju verify-bundle`.
#[derive(Debug, Args)]
pub struct VerifyBundleArgs {
    /// The bundle
    pub file: PathBuf,
    /// The public key of the log, or a file that holds it
    #[arg(long, value_name = "KEY")]
    pub key: String,
    /// The log that it must be of; a key that is named after a log (with a /) asks for that log by itself
    #[arg(long)]
    pub origin: Option<String>,
}

/// `anju export`.
#[derive(Debug, Args)]
pub struct ExportArgs {
    #[command(subcommand)]
    pub task: ExportTask,
}

#[derive(Debug, Subcommand)]
pub enum ExportTask {
    /// The whole log as C2SP tlog-tiles: a folder that any web server serves and other tools verify
    Tiles(TilesArgs),
    /// Every record of the log as it is hashed, one to a line
    Events(EventsArgs),
}

#[derive(Debug, Args)]
pub struct TilesArgs {
    /// The folder; an earlier export of this log in it is continued
    #[arg(short, long, value_name = "DIR")]
    pub output: PathBuf,
    /// The private key: the export is of the log as it is now. Without it, of the newest checkpoint kept beside the log
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct EventsArgs {
    /// The file; standard output if absent
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}
