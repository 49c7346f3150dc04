//! The `anju` binary.

use std::process::ExitCode;

/// Events are many small pieces, made on one thread and let go on another: the system's allocator spends a third of a
/// replay on that.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    anju_server::cli::main().await
}
