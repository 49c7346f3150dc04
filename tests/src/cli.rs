//! The `anju` binary, run as a user runs it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// The binary under test: it stands beside the test executables.
///
/// # Panics
/// If it was not built: `tests/run` builds it first.
#[must_use]
pub fn anju() -> PathBuf {
    let mut folder = std::env::current_exe().expect("a test has an executable");
    folder.pop();
    if folder.ends_with("deps") {
        folder.pop();
    }
    let binary = folder.join("anju");
    assert!(
        binary.exists(),
        "{} is missing: build it with `cargo build -p anju-server`, or run tests/run",
        binary.display()
    );
    binary
}

/// A folder with a store of its own, gone at the end.
pub struct Desk {
    folder: tempfile::TempDir,
}

/// What a command answered.
pub struct Answer {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Default for Desk {
    fn default() -> Self {
        Self::new()
    }
}

impl Desk {
    /// An empty folder.
    #[must_use]
    pub fn new() -> Self {
        Self {
            folder: tempfile::tempdir().expect("a temporary folder can be made"),
        }
    }

    /// A path in the folder.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The binary, to run in the folder.
    #[must_use]
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(anju());
        command
            .args(args)
            .current_dir(self.folder.path())
            .env_remove("ANJU_STORE")
            .env_remove("ANJU_LANG");
        command
    }

    /// Runs a command and takes its answer.
    #[must_use]
    pub fn run(&self, args: &[&str]) -> Answer {
        answer(&self.command(args).output().expect("the binary starts"))
    }

    /// Runs a command that must succeed.
    pub fn ok(&self, args: &[&str]) -> String {
        let answer = self.run(args);
        assert_eq!(
            answer.code, 0,
            "anju {args:?}\n{}{}",
            answer.out, answer.err
        );
        answer.out
    }

    /// Runs a command with `--json` that must succeed.
    pub fn json(&self, args: &[&str]) -> Value {
        let mut args = args.to_vec();
        args.push("--json");
        parse(&self.ok(&args))
    }

    /// Runs a command with `--json` that must be refused with exit code 1.
    pub fn refused(&self, args: &[&str]) -> Value {
        let mut args = args.to_vec();
        args.push("--json");
        let answer = self.run(&args);
        assert_eq!(
            answer.code, 1,
            "anju {args:?}\n{}{}",
            answer.out, answer.err
        );
        parse(&answer.out)
    }

    /// The event id of the first event that a command appended.
    pub fn event(&self, args: &[&str]) -> String {
        self.json(args)["events"][0]["event"]
            .as_str()
            .expect("a command tells its events")
            .to_owned()
    }
}

/// What a process answered.
#[must_use]
pub fn answer(output: &Output) -> Answer {
    Answer {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

fn parse(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}
