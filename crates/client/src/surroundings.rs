//! What a client takes from its surroundings, so that its own tests, and yours, need not wait or guess.

use std::{fmt, time::Duration};

use futures_util::future::BoxFuture;

/// What waits and what is drawn by chance. The real ones unless [given](crate::ClientOptions::surroundings): give what
/// does not wait to tests.
pub trait Surroundings: Send + Sync + 'static {
    /// Waits between two attempts.
    fn pause(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(duration))
    }

    /// The jitter of a pause: a number from 0 up to, not including, 1.
    fn jitter(&self) -> f64 {
        rand::random()
    }

    /// A new `Idempotency-Key`, for a request that brings none: 128 random bits.
    fn idempotency_key(&self) -> String {
        format!("{:032x}", rand::random::<u128>())
    }
}

/// The real ones.
pub(crate) struct Real;

impl Surroundings for Real {}

impl fmt::Debug for dyn Surroundings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Surroundings")
    }
}
