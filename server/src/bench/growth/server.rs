//! `anju serve` started on the grown log, as after a restart of the machine's service.

use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::Command;

use super::subject::Subject;
use crate::app::Failure;
use crate::bench::machine::memory_of;
use crate::bench::measure::now;

/// How long it may take until the bench gives up.
const PATIENCE: Duration = Duration::from_secs(120);

/// What was seen of the server.
pub(super) struct Started {
    /// From its start until one project's page was answered: it serves reads.
    pub(super) reading_seconds: f64,
    /// From its start until the list of stalled projects was answered as well: the counts behind it are over all projects.
    pub(super) stalled_seconds: f64,
    /// The most memory that it held, after every page was asked.
    pub(super) memory_mib: Option<u64>,
}

fn failed(error: impl std::fmt::Display) -> Failure {
    Failure::Store {
        zh: format!("无法测量 anju serve:{error}"),
        en: format!("anju serve could not be measured: {error}"),
    }
}

/// Starts this program as a server on a store, asks it, and ends it. `None` if this is not the `anju` program, as in a
/// test that calls the bench by itself.
pub(super) async fn start_and_ask(store: &Subject) -> Result<Option<Started>, Failure> {
    let program = std::env::current_exe().map_err(failed)?;
    if program.file_stem().is_none_or(|name| name != "anju") {
        return Ok(None);
    }
    let start = now();
    let mut command = Command::new(program);
    // Not as an argument, which everybody on the machine could read: there may be a password in it.
    command.arg("serve").env("ANJU_STORE", store.address());
    match store.state() {
        Some(folder) => command.env("ANJU_STATE", folder),
        None => command.env_remove("ANJU_STATE"),
    };
    let mut child = command
        .args(["--listen", "127.0.0.1:0"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(failed)?;
    let asked = async {
        let said = child.stderr.take().ok_or_else(|| failed("no stderr"))?;
        let mut lines = BufReader::new(said).lines();
        let address = loop {
            let line = lines.next_line().await.map_err(failed)?;
            let line = line.ok_or_else(|| failed("it ended"))?;
            if let Some(rest) = line.strip_prefix("http://") {
                break rest.trim_end_matches('/').to_owned();
            }
        };
        get(&address, "/project/bench-000001").await?;
        let reading_seconds = (now() - start).as_secs_f64();
        get(&address, "/stalled").await?;
        let stalled_seconds = (now() - start).as_secs_f64();
        for page in ["/", "/projects", "/project/bench-000001", "/stalled"] {
            get(&address, page).await?;
        }
        let memory_mib = child.id().and_then(memory_of);
        Ok(Started {
            reading_seconds,
            stalled_seconds,
            memory_mib,
        })
    };
    let started = match tokio::time::timeout(PATIENCE, asked).await {
        Ok(started) => started,
        Err(_) => Err(failed("no answer within two minutes")),
    };
    let _ = child.kill().await;
    started.map(Some)
}

/// Asks for one page and reads all of it.
async fn get(address: &str, path: &str) -> Result<(), Failure> {
    let mut stream = TcpStream::connect(address).await.map_err(failed)?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.map_err(failed)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.map_err(failed)?;
    if answer.starts_with(b"HTTP/1.1 200") {
        return Ok(());
    }
    let line = String::from_utf8_lossy(&answer);
    let line = line.lines().next().unwrap_or_default().to_owned();
    Err(failed(format!("{path}: {line}")))
}
