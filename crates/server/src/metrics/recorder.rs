//! What keeps the numbers until they are asked for.

use std::time::Duration;

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

use super::table::{Kind, METRICS};

/// How often durations are sorted into their buckets when nobody asks: until then each takes memory.
const UPKEEP: Duration = Duration::from_secs(5);

/// Makes what counts from now on, for the whole process. Whatever counted before counted for nobody.
pub(super) fn install() -> Result<PrometheusHandle, Box<dyn std::error::Error + Send + Sync>> {
    let recorder = builder()?.build_recorder();
    let handle = recorder.handle();
    metrics::set_global_recorder(recorder)?;
    describe();
    let kept = handle.clone();
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(UPKEEP).await;
            kept.run_upkeep();
        }
    });
    Ok(handle)
}

/// What gives each histogram its own buckets.
pub(super) fn builder() -> Result<PrometheusBuilder, BuildError> {
    METRICS
        .iter()
        .try_fold(PrometheusBuilder::new(), |builder, metric| match metric.kind {
            Kind::Histogram(buckets) => {
                builder.set_buckets_for_metric(Matcher::Full(metric.name.to_owned()), buckets)
            }
            Kind::Counter | Kind::Gauge => Ok(builder),
        })
}

/// Says what each metric is, and lets those begin at 0 whose labels are known.
pub(super) fn describe() {
    for metric in &METRICS {
        match metric.kind {
            Kind::Counter => metrics::describe_counter!(metric.name, metric.help),
            Kind::Gauge => metrics::describe_gauge!(metric.name, metric.help),
            Kind::Histogram(_) => metrics::describe_histogram!(metric.name, metric.help),
        }
        if metric.kind == Kind::Counter && metric.labels.is_empty() {
            metrics::counter!(metric.name).increment(0);
        }
    }
    for outcome in ["stored", "duplicate", "rejected", "failed"] {
        metrics::counter!("billfold_webhooks_total", "outcome" => outcome).increment(0);
    }
    for source in ["request", "background"] {
        metrics::counter!("billfold_stripe_turns_missed_total", "source" => source).increment(0);
    }
    metrics::gauge!("billfold_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
}
