//! Runs a sandbox on the address of the first argument (default `127.0.0.1:8090`) until it is interrupted. A second
//! argument names a state file.

use billfold_sandbox::{Options, Sandbox};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let listen = arguments
        .next()
        .unwrap_or_else(|| "127.0.0.1:8090".to_owned())
        .parse()?;
    let state_file = arguments.next().map(Into::into);
    let sandbox = Sandbox::start(Options {
        listen,
        state_file,
        ..Options::default()
    })
    .await?;
    writeln_address(&sandbox)?;
    tokio::signal::ctrl_c().await?;
    sandbox.stop().await;
    Ok(())
}

fn writeln_address(sandbox: &Sandbox) -> std::io::Result<()> {
    use std::io::Write;
    writeln!(std::io::stdout(), "{}", sandbox.url())
}
