//! The numbers that nobody counts: they are looked up when they are asked for.

use std::time::Duration;

use billfold_service::Service;
use billfold_store::{Backlog, Database};
use metrics::gauge;
use tokio::{
    runtime::Handle,
    sync::Mutex,
    time::{Instant, timeout},
};

/// How long what the database was asked for is good enough: whoever scrapes often asks it no more often.
const GOOD_FOR: Duration = Duration::from_secs(1);

/// How long the database may take: a scrape has ten seconds, unless somebody set another time.
const PATIENCE: Duration = Duration::from_secs(3);

/// Where the numbers are looked up.
pub(super) struct Source {
    database: Database,
    service: Service,
    process: metrics_process::Collector,
    /// Where the database's connections are driven.
    runtime: Handle,
    asked: Mutex<Option<Instant>>,
}

impl Source {
    /// Must be made on the runtime that the database was made on.
    pub(super) fn new(database: Database, service: Service) -> Self {
        Self {
            database,
            service,
            process: metrics_process::Collector::default(),
            runtime: Handle::current(),
            asked: Mutex::new(None),
        }
    }

    /// Looks all of them up.
    pub(super) async fn look(&self) {
        self.process.collect();
        let connections = self.database.connections();
        gauge!("billfold_database_connections_maximum").set(number(connections.maximum));
        gauge!("billfold_database_connections_open").set(number(connections.open));
        gauge!("billfold_database_connections_in_use").set(number(connections.in_use));
        gauge!("billfold_database_connections_awaited").set(number(connections.awaited));
        gauge!("billfold_use_cases_running").set(number(self.service.running()));
        let pacing = self.service.pacing();
        for (source, waiting) in [
            ("request", pacing.requests_waiting),
            ("background", pacing.background_waiting),
        ] {
            gauge!("billfold_stripe_calls_waiting", "source" => source).set(number(waiting));
        }
        gauge!("billfold_stripe_rate_lowest").set(pacing.lowest_rate);
        gauge!("billfold_stripe_accounts_slowed").set(number(pacing.accounts_slowed));
        self.look_into_the_database().await;
    }

    async fn look_into_the_database(&self) {
        let mut asked = self.asked.lock().await;
        if asked.is_some_and(|asked| asked.elapsed() < GOOD_FOR) {
            return;
        }
        let database = self.database.clone();
        // There, the connections are used that requests use; here, another one would be opened for this thread alone.
        let looking = self.runtime.spawn(async move { database.backlog().await });
        let found = match timeout(PATIENCE, looking).await {
            Ok(Ok(Ok(backlog))) => Some(backlog),
            Ok(Ok(Err(error))) => {
                tracing::warn!(%error, "the metrics of the database cannot be looked up");
                None
            }
            Ok(Err(_)) | Err(_) => {
                tracing::warn!("the database does not answer: its metrics cannot be looked up");
                None
            }
        };
        tell(found.as_ref());
        *asked = Some(Instant::now());
    }
}

/// Tells what waits in the database, or that nobody knows.
fn tell(backlog: Option<&Backlog>) {
    let up = if backlog.is_some() { 1.0 } else { 0.0 };
    gauge!("billfold_database_up").set(up);
    let unknown = Backlog::default();
    let told = |value: f64| if backlog.is_some() { value } else { f64::NAN };
    let backlog = backlog.unwrap_or(&unknown);
    for (kind, waiting) in &backlog.operations() {
        gauge!("billfold_open_operations", "kind" => kind.as_str()).set(told(number(waiting.number)));
        gauge!("billfold_open_operation_oldest_age_seconds", "kind" => kind.as_str())
            .set(told(waiting.longest.as_secs_f64()));
    }
    for (state, waiting) in [
        ("due", backlog.webhooks_due),
        ("postponed", backlog.webhooks_postponed),
        ("parked", backlog.webhooks_parked),
    ] {
        gauge!("billfold_webhook_work", "state" => state).set(told(number(waiting.number)));
    }
    gauge!("billfold_webhook_lag_seconds").set(told(backlog.webhooks_due.longest.as_secs_f64()));
}

#[expect(
    clippy::cast_precision_loss,
    reason = "what is counted here never comes near 2^52"
)]
const fn number(count: usize) -> f64 {
    count as f64
}
