//! When a call is sent a second time, and how long it waits before.

use std::time::Duration;

use crate::{
    ClientOptions, StripeError,
    client::Answer,
    error::{NotSentReason, UnknownReason},
};

/// The bounds of the wait before a repetition.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RetryPolicy {
    base: Duration,
    cap: Duration,
}

impl RetryPolicy {
    pub(crate) fn new(options: &ClientOptions) -> Self {
        Self {
            base: options.retry_base,
            cap: options.retry_cap,
        }
    }

    /// How long to wait before the `repetition`-th repetition (from 0), or nothing when what was sent is to stay
    /// as it is: because it is settled, or because no time remains.
    ///
    /// `has_key` says whether the call has an idempotency key; `jitter` is drawn between 0 and 1.
    pub(crate) fn delay(
        self,
        sent: &Result<Answer, StripeError>,
        has_key: bool,
        repetition: u32,
        remaining: Duration,
        jitter: f64,
    ) -> Option<Duration> {
        let asked = match sent {
            Ok(answer) if answer_may_be_repeated(answer, has_key) => answer.retry_after.unwrap_or_default(),
            Err(error) if failure_may_be_repeated(error) => Duration::ZERO,
            _ => return None,
        };
        let longest = self
            .base
            .saturating_mul(2_u32.saturating_pow(repetition))
            .min(self.cap);
        let delay = longest.mul_f64(jitter.clamp(0.0, 1.0)).max(asked.min(self.cap));
        (delay < remaining).then_some(delay)
    }
}

/// Stripe knows best; where it says nothing, a conflict, a limit and a fault of its own may pass. A fault that an
/// idempotency key keeps would only be told again: whoever made the call looks what became of it.
fn answer_may_be_repeated(answer: &Answer, has_key: bool) -> bool {
    if answer.is_success() {
        return false;
    }
    answer.should_retry.unwrap_or(match answer.status {
        409 | 429 => true,
        500.. => !has_key,
        _ => false,
    })
}

/// A connection that failed may succeed; a deadline that passed has left no time, and who waited for a turn in vain has waited.
fn failure_may_be_repeated(error: &StripeError) -> bool {
    matches!(
        error,
        StripeError::NotSent(NotSentReason::Unreachable | NotSentReason::ConnectTimedOut)
            | StripeError::Unknown {
                reason: UnknownReason::Disconnected,
                ..
            }
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: RetryPolicy = RetryPolicy {
        base: Duration::from_millis(500),
        cap: Duration::from_secs(8),
    };

    type Sent = Result<Answer, StripeError>;

    #[expect(clippy::unnecessary_wraps, reason = "what is sent may also fail")]
    fn answer(status: u16, should_retry: Option<bool>, retry_after: Option<u64>) -> Sent {
        Ok(Answer {
            status,
            should_retry,
            retry_after: retry_after.map(Duration::from_secs),
            limits_one_object: false,
            body: Vec::new(),
        })
    }

    fn delay(sent: &Sent, repetition: u32, jitter: f64) -> Option<Duration> {
        POLICY.delay(sent, false, repetition, Duration::from_secs(20), jitter)
    }

    #[test]
    fn stripe_decides_and_without_its_word_the_status_does() {
        for status in [200, 400, 401, 402, 403, 404, 409, 424, 429, 500, 503] {
            let repeated = matches!(status, 409 | 429 | 500 | 503);
            assert_eq!(
                delay(&answer(status, None, None), 0, 0.5).is_some(),
                repeated,
                "{status}"
            );
            assert_eq!(
                delay(&answer(status, Some(false), None), 0, 0.5),
                None,
                "{status}"
            );
            let told = delay(&answer(status, Some(true), None), 0, 0.5).is_some();
            assert_eq!(told, status != 200, "{status}");
        }
    }

    #[test]
    fn the_wait_is_drawn_below_a_doubling_bound() {
        let sent = answer(500, None, None);
        assert_eq!(delay(&sent, 0, 0.0), Some(Duration::ZERO));
        assert_eq!(delay(&sent, 0, 1.0), Some(Duration::from_millis(500)));
        assert_eq!(delay(&sent, 1, 1.0), Some(Duration::from_secs(1)));
        assert_eq!(delay(&sent, 40, 1.0), Some(Duration::from_secs(8)));
    }

    #[test]
    fn retry_after_is_honoured_up_to_the_cap_and_never_past_the_deadline() {
        assert_eq!(
            delay(&answer(429, None, Some(2)), 0, 0.0),
            Some(Duration::from_secs(2))
        );
        assert_eq!(
            delay(&answer(429, None, Some(60)), 0, 0.0),
            Some(Duration::from_secs(8))
        );
        let sent = answer(429, None, Some(2));
        assert_eq!(POLICY.delay(&sent, false, 0, Duration::from_secs(2), 0.0), None);
        assert_eq!(POLICY.delay(&sent, false, 0, Duration::ZERO, 0.0), None);
    }
}
