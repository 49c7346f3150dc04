//! The `anju` binary.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    anju_server::cli::main().await
}
