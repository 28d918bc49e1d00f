//! When a request may be sent: whoever makes the calls says so.

use std::{fmt::Debug, future::Future, pin::Pin};

use tokio::time::Instant;

use crate::NotSentReason;

/// Comes to its end when a request may be sent. An error where it may not be in time: it is then never sent.
pub type Turn<'a> = Pin<Box<dyn Future<Output = Result<(), NotSentReason>> + Send + 'a>>;

/// What every request of an account goes through just before it is sent, a repetition too.
pub trait Turnstile: Debug + Send + Sync {
    /// The next request's turn.
    fn turn(&self) -> Turn<'_>;

    /// Stripe has refused a request that was sent at this time: the account sends too many.
    fn refused(&self, sent_at: Instant);
}
