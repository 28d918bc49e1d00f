//! Metrics for Prometheus, as an option of `billfold serve` and `billfold dev`.

use std::net::SocketAddr;

use billfold_store::Database;
use clap::Args;

use super::CommandError;
use crate::{
    application::Application,
    metrics::{Exposed, Exposition},
};

#[derive(Debug, Args)]
pub(super) struct MetricsArguments {
    /// Where Prometheus may ask for /metrics: an address that its network alone reaches. Without it nothing is counted.
    #[arg(long, env = "BILLFOLD_METRICS_LISTEN", value_name = "ADDRESS")]
    metrics_listen: Option<SocketAddr>,
}

impl MetricsArguments {
    /// Begins to count, if anyone is to ask.
    pub(super) fn begin(&self) -> Result<Option<Exposition>, CommandError> {
        self.metrics_listen.map(Exposition::begin).transpose()
    }
}

/// Begins to answer, if anyone is to ask. What it gives must be kept for as long as it should.
pub(super) fn expose(
    metrics: Option<Exposition>,
    database: Database,
    application: &Application,
) -> Result<Option<Exposed>, CommandError> {
    let Some(metrics) = metrics else {
        return Ok(None);
    };
    let exposed = metrics.serve(database, application.service().clone())?;
    tracing::info!(address = %exposed.address(), "metrics are served");
    Ok(Some(exposed))
}
