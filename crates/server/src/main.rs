//! The `billfold` binary.

use std::process::ExitCode;

/// Large pages are built from many small texts; this allocator gives them out faster than the system's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    billfold_server::cli::run().await
}
