//! How a process ends that was asked to.

use std::{process, thread, time::Duration};

use clap::Args;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{CommandError, fail};
use crate::application::{Application, Shutdown};

/// How much longer than its limit an end may take that hangs, before the process is ended from outside of it.
const GRACE: Duration = Duration::from_secs(1);

/// How an instance ends when it is asked to.
#[derive(Debug, Args)]
pub(super) struct ShutdownArguments {
    /// How long requests are still taken after the order to end, in seconds, while readiness says no: a load balancer
    /// needs a moment to see it. Without it: 3 for serve, 0 for dev.
    #[arg(long, env = "BILLFOLD_DRAIN_SECONDS", value_name = "SECONDS")]
    drain_seconds: Option<u64>,
    /// How long the whole end may take, in seconds. What has not ended by then is left to the next process.
    #[arg(
        long,
        env = "BILLFOLD_SHUTDOWN_SECONDS",
        default_value_t = 30,
        value_parser = clap::value_parser!(u64).range(1..=3600),
        value_name = "SECONDS"
    )]
    shutdown_seconds: u64,
}

impl ShutdownArguments {
    /// The arguments, with what the command drains by itself.
    pub(super) fn read(&self, usual_drain: u64) -> Result<Shutdown, CommandError> {
        let limit = self.shutdown_seconds;
        let drain = self.drain_seconds.unwrap_or_else(|| usual_drain.min(limit - 1));
        if drain >= limit {
            return Err(format!(
                "--drain-seconds {drain} leaves no time for the rest: it must be less than --shutdown-seconds {limit}"
            )
            .into());
        }
        Ok(Shutdown {
            drain: Duration::from_secs(drain),
            limit: Duration::from_secs(limit),
        })
    }
}

/// The orders to end: SIGTERM, and SIGINT as Ctrl-C sends it.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Takes the orders from now on; before, they end the process at once.
    pub(super) fn listen() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Waits for the next order.
    pub(super) async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Runs an instance until the process is asked to end, and ends it. A second order ends the process at once; so does the
/// limit.
pub(super) async fn end_when_asked(application: Application, mut signals: Signals, shutdown: Shutdown) {
    signals.next().await;
    tracing::info!(drain = ?shutdown.drain, limit = ?shutdown.limit, "ending: another order to end, and it is at once");
    // A thread of its own, since what hangs may be what runs everything else.
    thread::spawn(move || {
        thread::sleep(shutdown.limit + GRACE);
        fail("ending took too long: what was begun is left to the next process");
        process::exit(1);
    });
    let hurry = tokio::spawn(async move {
        signals.next().await;
        fail("asked to end again: ending at once; what was begun is left to the next process");
        process::exit(1);
    });
    if let Err(unfinished) = application.shut_down(shutdown).await {
        tracing::warn!(use_cases = unfinished.use_cases, "ending before all has ended");
        fail(&unfinished.to_string());
        // Without waiting for what has just been said not to end.
        process::exit(1);
    }
    tracing::info!("ended");
    hurry.abort();
}
