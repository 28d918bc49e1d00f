//! Every metric, in one table: its name, its kind, its labels, and what it says. The dashboards, the alert rules and
//! `docs/monitoring.md` are held against it.

/// What a metric is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// A number that only grows.
    Counter,
    /// A number that is what it is at the moment.
    Gauge,
    /// Durations in seconds, sorted into buckets with these upper bounds.
    Histogram(&'static [f64]),
}

/// One metric.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// Its name; a histogram's series add `_bucket`, `_sum` and `_count` to it.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// Its labels. Each has few values, and none of them comes from a caller.
    pub labels: &'static [&'static str],
    /// What it says.
    pub help: &'static str,
}

const REQUEST: &[f64] = &[
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];
const STRIPE: &[f64] = &[0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0];
const WAIT: &[f64] = &[0.0001, 0.001, 0.01, 0.05, 0.1, 0.5, 1.0, 2.5, 5.0];

const fn counter(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Metric {
    let kind = Kind::Counter;
    Metric {
        name,
        kind,
        labels,
        help,
    }
}

const fn gauge(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Metric {
    let kind = Kind::Gauge;
    Metric {
        name,
        kind,
        labels,
        help,
    }
}

const fn seconds(
    name: &'static str,
    buckets: &'static [f64],
    labels: &'static [&'static str],
    help: &'static str,
) -> Metric {
    let kind = Kind::Histogram(buckets);
    Metric {
        name,
        kind,
        labels,
        help,
    }
}

/// Every metric.
pub static METRICS: [Metric; 35] = [
    counter(
        "billfold_http_requests_total",
        &["operation", "status"],
        "Requests that were answered, by operation and status.",
    ),
    seconds(
        "billfold_http_request_duration_seconds",
        REQUEST,
        &["operation"],
        "From a request's head to its answer's, by operation.",
    ),
    counter(
        "billfold_rate_limit_refusals_total",
        &["policy"],
        "Requests that were refused for a limit, by the limit's name.",
    ),
    counter(
        "billfold_idempotency_replays_total",
        &[],
        "Answers that were given again for an idempotency key.",
    ),
    counter(
        "billfold_stripe_calls_total",
        &["endpoint", "outcome"],
        "Requests to Stripe, repetitions included, by endpoint and what came of them: ok, or the kind of error.",
    ),
    seconds(
        "billfold_stripe_call_duration_seconds",
        STRIPE,
        &["endpoint"],
        "From sending a request to Stripe to its whole answer, or to giving it up, by endpoint.",
    ),
    gauge(
        "billfold_stripe_calls_waiting",
        &["source"],
        "Calls to Stripe that wait for their turn, by what they are for: request or background.",
    ),
    seconds(
        "billfold_stripe_turn_wait_seconds",
        WAIT,
        &["source"],
        "How long each call to Stripe waited for its turn, by what it was for; most wait for none.",
    ),
    counter(
        "billfold_stripe_turns_missed_total",
        &["source"],
        "Calls to Stripe that were not sent since their turn did not come in time, by what they were for.",
    ),
    gauge(
        "billfold_stripe_rate_lowest",
        &[],
        "The rate of the account at Stripe that is slowed most, as a part of what it may be: 1 where none is.",
    ),
    gauge(
        "billfold_stripe_accounts_slowed",
        &[],
        "Accounts at Stripe that are called slower than they may be, since Stripe refused calls as too many.",
    ),
    counter(
        "billfold_stripe_rate_cuts_total",
        &[],
        "How often the rate of an account at Stripe was halved, since Stripe refused a call as too many.",
    ),
    counter(
        "billfold_webhooks_total",
        &["outcome"],
        "Webhooks that came in: stored, duplicate, rejected or failed.",
    ),
    gauge(
        "billfold_webhook_work",
        &["state"],
        "Objects that webhooks told of and that are still to be looked at: due, postponed or parked. Of the installation.",
    ),
    gauge(
        "billfold_webhook_lag_seconds",
        &[],
        "How long the object waits that has been due longest; 0 where none is. Of the installation.",
    ),
    gauge(
        "billfold_open_operations",
        &["kind"],
        "Operations that have begun and not ended, by kind. Of the installation.",
    ),
    gauge(
        "billfold_open_operation_oldest_age_seconds",
        &["kind"],
        "The age of the oldest of them, by kind; 0 where there is none. Of the installation.",
    ),
    counter(
        "billfold_background_work_total",
        &["operation", "outcome"],
        "What the background did for a project, by what it was and whether it ended: ok or failed.",
    ),
    gauge(
        "billfold_database_up",
        &[],
        "Whether the database answered the last scrape: 1 or 0. Where it is 0, the gauges of the installation are NaN.",
    ),
    gauge(
        "billfold_database_connections_maximum",
        &[],
        "Connections for writing that the instance may open.",
    ),
    gauge(
        "billfold_database_connections_open",
        &[],
        "Connections for writing that are open.",
    ),
    gauge(
        "billfold_database_connections_in_use",
        &[],
        "Connections for writing that somebody has.",
    ),
    gauge(
        "billfold_database_connections_awaited",
        &[],
        "How many wait for a connection for writing.",
    ),
    seconds(
        "billfold_database_connection_wait_seconds",
        WAIT,
        &[],
        "How long whoever got a connection for writing waited for it.",
    ),
    counter(
        "billfold_database_connection_failures_total",
        &[],
        "How often no connection for writing was to be had in time.",
    ),
    gauge(
        "billfold_use_cases_running",
        &[],
        "Use cases that write and have not ended, whether their callers have stayed or gone.",
    ),
    gauge(
        "billfold_build_info",
        &["version"],
        "Always 1: the version is in the label.",
    ),
    counter(
        "process_cpu_seconds_total",
        &[],
        "Total user and system CPU time spent in seconds.",
    ),
    gauge("process_open_fds", &[], "Number of open file descriptors."),
    gauge("process_max_fds", &[], "Maximum number of open file descriptors."),
    gauge(
        "process_virtual_memory_bytes",
        &[],
        "Virtual memory size in bytes.",
    ),
    gauge(
        "process_virtual_memory_max_bytes",
        &[],
        "Maximum amount of virtual memory available in bytes.",
    ),
    gauge(
        "process_resident_memory_bytes",
        &[],
        "Resident memory size in bytes.",
    ),
    gauge(
        "process_start_time_seconds",
        &[],
        "Start time of the process since unix epoch in seconds.",
    ),
    gauge("process_threads", &[], "Number of OS threads in the process."),
];

/// The metric that a series belongs to, a histogram's own included; `None` where there is none of the name.
pub fn metric_of(series: &str) -> Option<&'static Metric> {
    METRICS.iter().find(|metric| match metric.kind {
        Kind::Counter | Kind::Gauge => metric.name == series,
        Kind::Histogram(_) => series
            .strip_prefix(metric.name)
            .is_some_and(|suffix| matches!(suffix, "_bucket" | "_sum" | "_count")),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_are_as_prometheus_wants_them() {
        let mut seen = HashSet::new();
        for Metric { name, kind, help, .. } in &METRICS {
            assert!(seen.insert(name), "{name} stands there twice");
            assert_eq!(
                name.ends_with("_total"),
                *kind == Kind::Counter,
                "{name}: counters end in _total, and nothing else does"
            );
            if matches!(kind, Kind::Histogram(_)) {
                assert!(name.ends_with("_seconds"), "{name}: a unit is part of the name");
            }
            assert!(help.ends_with('.'), "{name}: the help is a sentence");
        }
    }

    #[test]
    fn a_histogram_is_known_by_its_series_and_nothing_by_part_of_its_name() {
        assert!(metric_of("billfold_http_requests_total").is_some());
        assert!(metric_of("billfold_http_request_duration_seconds_bucket").is_some());
        assert!(metric_of("billfold_http_request_duration_seconds").is_none());
        assert!(metric_of("billfold_http_requests").is_none());
        assert!(metric_of("billfold_http_requests_total_count").is_none());
    }
}
