//! What is told of each request that is sent to Stripe: a span, a line of the log, and the metrics.

use std::{fmt, time::Duration};

use tracing::{Span, field::Empty};

use crate::{
    StripeError,
    client::{Answer, Call, Seen},
    error_parse::error_of,
};

/// A request on its way, as it is told of.
pub(crate) struct Sending<'a> {
    call: &'a Call<'a>,
    /// 1, or 2 for a repetition.
    attempt: u8,
    span: Span,
}

impl<'a> Sending<'a> {
    pub(crate) fn begin(call: &'a Call<'a>, attempt: u8) -> Self {
        let span = tracing::info_span!(
            "stripe_call",
            endpoint = %Endpoint(call),
            attempt,
            status = Empty,
            outcome = Empty,
        );
        Self { call, attempt, span }
    }

    /// What the request is sent in.
    pub(crate) fn span(&self) -> Span {
        self.span.clone()
    }

    pub(crate) fn end(self, result: &Result<Answer, StripeError>, seen: &Seen, duration: Duration) {
        let Self { call, attempt, span } = self;
        let outcome = outcome(result, call.template);
        if let Some(status) = seen.status {
            span.record("status", status);
        }
        span.record("outcome", outcome);
        let endpoint = Endpoint(call).to_string();
        metrics::histogram!("billfold_stripe_call_duration_seconds", "endpoint" => endpoint.clone())
            .record(duration);
        metrics::counter!("billfold_stripe_calls_total", "endpoint" => endpoint, "outcome" => outcome)
            .increment(1);
        let duration_ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let (method, path, request_id) = (call.method(), call.template, seen.request_id.as_deref());
        match result {
            Ok(answer) => tracing::info!(
                %method, path, send = attempt, request_id, status = answer.status, duration_ms,
                "Stripe answered"
            ),
            Err(error) => tracing::warn!(
                %method, path, send = attempt, request_id, status = seen.status, duration_ms, error = ?error,
                "Stripe did not answer"
            ),
        }
    }
}

/// Where a request goes: Stripe's method and the path's pattern.
struct Endpoint<'a>(&'a Call<'a>);

impl fmt::Display for Endpoint<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.0.method(), self.0.template)
    }
}

/// What came of a request, as one word: `ok`, or the kind of its error.
fn outcome(result: &Result<Answer, StripeError>, template: &str) -> &'static str {
    match result {
        Ok(answer) if answer.is_success() => "ok",
        Ok(answer) => error_of(answer, template).kind(),
        Err(error) => error.kind(),
    }
}
