//! Answers, counted by operation and status. Every request passes here, so whatever counts is looked up once and kept.

use std::{sync::OnceLock, time::Duration};

use metrics::{Counter, Histogram};

/// The statuses that have a place of their own, in order: all that openapi.yaml names, and what HTTP's library says by itself.
const STATUSES: [u16; 24] = [
    200, 201, 202, 204, 206, 304, 400, 401, 403, 404, 405, 406, 408, 409, 411, 412, 413, 415, 422, 429, 431,
    500, 502, 503,
];

/// What counts the answers of one operation.
pub(crate) struct Answered {
    operation: &'static str,
    duration: OnceLock<Histogram>,
    by_status: [OnceLock<Counter>; STATUSES.len()],
}

/// What counts answers to requests that no route took.
static NO_OPERATION: Answered = Answered::of("none");

impl Answered {
    /// Of this operation.
    pub(crate) const fn of(operation: &'static str) -> Self {
        Self {
            operation,
            duration: OnceLock::new(),
            by_status: [const { OnceLock::new() }; STATUSES.len()],
        }
    }

    /// Of no operation.
    pub(crate) fn by_none() -> &'static Self {
        &NO_OPERATION
    }

    /// Counts an answer.
    pub(crate) fn count(&self, status: u16, took: Duration) {
        match STATUSES.binary_search(&status) {
            Ok(place) => self.by_status[place]
                .get_or_init(|| self.counter(status))
                .increment(1),
            Err(_) => self.counter(status).increment(1),
        }
        self.duration
            .get_or_init(
                || metrics::histogram!("billfold_http_request_duration_seconds", "operation" => self.operation),
            )
            .record(took);
    }

    fn counter(&self, status: u16) -> Counter {
        metrics::counter!(
            "billfold_http_requests_total",
            "operation" => self.operation,
            "status" => status.to_string(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_statuses_stand_in_order_and_each_once() {
        assert!(STATUSES.windows(2).all(|pair| pair[0] < pair[1]), "{STATUSES:?}");
    }

    #[test]
    fn every_status_is_counted_whether_it_has_a_place_or_not() {
        let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
        let handle = recorder.handle();
        metrics::with_local_recorder(&recorder, || {
            let answered = Answered::of("listThings");
            for status in [200, 200, 418] {
                answered.count(status, Duration::from_millis(3));
            }
        });
        let text = handle.render();
        for line in [
            r#"billfold_http_requests_total{operation="listThings",status="200"} 2"#,
            r#"billfold_http_requests_total{operation="listThings",status="418"} 1"#,
            r#"billfold_http_request_duration_seconds_count{operation="listThings"} 3"#,
        ] {
            assert!(text.contains(line), "{line} is not in {text}");
        }
    }
}
