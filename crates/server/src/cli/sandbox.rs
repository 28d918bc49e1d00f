//! `billfold sandbox`

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

use super::{CommandError, print, shutdown::Signals};

#[derive(Debug, Args)]
pub(super) struct Sandbox {
    /// Where it listens.
    #[arg(
        long,
        env = "BILLFOLD_SANDBOX_LISTEN",
        default_value = "127.0.0.1:8090",
        value_name = "ADDRESS"
    )]
    listen: SocketAddr,
    /// A file that keeps its customers and cards when it ends. Without one they are gone.
    #[arg(long, env = "BILLFOLD_SANDBOX_STATE_FILE", value_name = "FILE")]
    state_file: Option<PathBuf>,
}

impl Sandbox {
    pub(super) async fn run(self) -> Result<(), CommandError> {
        let mut signals = Signals::listen()?;
        let options = billfold_sandbox::Options {
            listen: self.listen,
            state_file: self.state_file,
            ..billfold_sandbox::Options::default()
        };
        let sandbox = billfold_sandbox::Sandbox::start(options).await?;
        print(&format!(
            "The Stripe sandbox listens on {}. Any secret key that begins with sk_test_ opens an account of its own.\n",
            sandbox.url()
        ))?;
        signals.next().await;
        sandbox.stop().await;
        Ok(())
    }
}
