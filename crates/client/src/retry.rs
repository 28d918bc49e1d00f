//! When to try again, and when not.

use std::time::Duration;

/// How often, and how patiently, a request is tried. Change what the default has:
///
/// ```
/// let mut retry = billfold_client::RetryPolicy::default();
/// retry.attempts = 1;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RetryPolicy {
    /// How many times a request is sent at most, the first time included. 1 means that nothing is repeated. 5 unless set.
    pub attempts: u32,
    /// The first pause is so long at most, each following one twice as long. Half a second unless set.
    pub first_pause: Duration,
    /// No pause of the client's own is longer. 8 seconds unless set.
    pub longest_pause: Duration,
    /// Where an answer's `Retry-After` asks for more, the error is told at once. 20 seconds unless set.
    pub longest_retry_after: Duration,
    /// After this time an attempt counts as one without an answer. 40 seconds unless set: Billfold itself answers within 30.
    pub attempt_limit: Duration,
    /// A call takes no longer, with all its attempts and pauses: no pause is begun that would last longer. 2 minutes unless
    /// set.
    pub call_limit: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            attempts: 5,
            first_pause: Duration::from_millis(500),
            longest_pause: Duration::from_secs(8),
            longest_retry_after: Duration::from_secs(20),
            attempt_limit: Duration::from_secs(40),
            call_limit: Duration::from_mins(2),
        }
    }
}

/// What came of an attempt.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Outcome {
    /// No whole answer came.
    Lost,
    /// An answer came, with an error.
    Refused {
        status: u16,
        retry_after: Option<Duration>,
    },
}

/// Whether a status asks for another try. 409: a request on the same object, or with the same key, is under way. 429: a
/// limit. 500 and 503: a fault, or nobody knows yet what became of it. 502 and 504 are a proxy's, which got no answer itself.
pub(crate) fn is_worth_another_try(status: u16) -> bool {
    matches!(status, 409 | 429 | 500 | 502 | 503 | 504)
}

impl RetryPolicy {
    /// How long to wait before the next attempt, or `None` if there is to be none. `jitter` is from 0 to 1; `left` is what is
    /// left of the call's time.
    pub(crate) fn pause_after(
        &self,
        outcome: Outcome,
        attempts: u32,
        jitter: f64,
        left: Duration,
    ) -> Option<Duration> {
        if attempts >= self.attempts {
            return None;
        }
        let pause = match outcome {
            Outcome::Refused { status, .. } if !is_worth_another_try(status) => return None,
            Outcome::Refused {
                retry_after: Some(asked),
                ..
            } => {
                if asked > self.longest_retry_after {
                    return None;
                }
                // Some more than was asked for, so that those who were told the same do not come back together.
                asked + self.first_pause.mul_f64(jitter)
            }
            Outcome::Lost | Outcome::Refused { .. } => self.own_pause(attempts, jitter),
        };
        (pause < left).then_some(pause)
    }

    /// Twice as long each time, up to a bound; between half of that and all of it, so that many clients do not keep step.
    fn own_pause(&self, attempts: u32, jitter: f64) -> Duration {
        let doubled = 2_u32.saturating_pow(attempts - 1);
        let longest = self.first_pause.saturating_mul(doubled).min(self.longest_pause);
        longest.mul_f64(0.5 + jitter / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENOUGH: Duration = Duration::from_hours(1);

    fn policy(attempts: u32) -> RetryPolicy {
        RetryPolicy {
            attempts,
            ..RetryPolicy::default()
        }
    }

    fn milliseconds(pauses: impl IntoIterator<Item = Option<Duration>>) -> Vec<Option<u128>> {
        pauses
            .into_iter()
            .map(|pause| pause.map(|pause| pause.as_millis()))
            .collect()
    }

    fn refused(status: u16, retry_after: Option<u64>) -> Outcome {
        let retry_after = retry_after.map(Duration::from_secs);
        Outcome::Refused { status, retry_after }
    }

    #[test]
    fn pauses_double_up_to_a_bound() {
        let pauses = (1..=8).map(|attempts| policy(8).pause_after(Outcome::Lost, attempts, 0.0, ENOUGH));
        let expected = [250, 500, 1000, 2000, 4000, 4000, 4000].map(Some);
        assert_eq!(milliseconds(pauses), [&expected[..], &[None]].concat());
        let late = policy(u32::MAX).pause_after(refused(500, None), 1_000_000, 0.0, ENOUGH);
        assert_eq!(milliseconds([late]), [Some(4000)]);
    }

    #[test]
    fn jitter_makes_a_pause_up_to_twice_as_long_and_never_longer_than_the_bound() {
        let jitter = [0.0, 0.5, 0.75, 0.25, 0.5, 0.875, 0.0];
        let pauses = (1..)
            .zip(jitter)
            .map(|(attempts, jitter)| policy(8).pause_after(refused(503, None), attempts, jitter, ENOUGH));
        let expected = [250, 750, 1750, 2500, 6000, 7500, 4000].map(Some);
        assert_eq!(milliseconds(pauses), expected);
    }

    #[test]
    fn a_pause_is_never_shorter_than_what_was_asked_for() {
        let pause = |seconds| policy(5).pause_after(refused(429, Some(seconds)), 1, 0.5, ENOUGH);
        assert_eq!(
            milliseconds([pause(7), pause(20), pause(21), pause(u64::MAX)]),
            [Some(7250), Some(20_250), None, None]
        );
    }

    #[test]
    fn what_is_definite_is_not_tried_again() {
        let waits = |status| {
            policy(5)
                .pause_after(refused(status, Some(1)), 1, 0.0, ENOUGH)
                .is_some()
        };
        let tried: Vec<u16> = (100..600).filter(|status| waits(*status)).collect();
        assert_eq!(tried, [409, 429, 500, 502, 503, 504]);
    }

    #[test]
    fn no_pause_is_longer_than_what_is_left_of_the_call() {
        let pause = |left| policy(5).pause_after(Outcome::Lost, 1, 0.0, Duration::from_millis(left));
        assert_eq!(
            milliseconds([pause(251), pause(250), pause(0)]),
            [Some(250), None, None]
        );
    }
}
