//! How fast an account at Stripe is called: as fast as Stripe allows, slower when Stripe says so, and by turns.
//!
//! Each account has a pacer in each instance. A call that finds room goes at once and touches no timer; only where calls come
//! faster than they may go are they kept waiting, for a moment, each user's in a queue of their own ([`Turns`]).
//! A 429 halves the rate, and time wins it back (`rate`). Instances know nothing of each other but how many they are, and
//! each takes its share.
//!
//! [`Turns`]: crate::turns::Turns

mod line;
mod pacer;
mod pacers;
mod rate;

use std::time::Duration;

pub(crate) use pacers::{AccountName, Pacers};

/// How fast accounts at Stripe are called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PacingOptions {
    /// Calls a second on each account in live mode, over all instances: 100. 0 bounds none.
    pub live: u32,
    /// Calls a second on each account in test mode, over all instances: 25. 0 bounds none.
    pub test: u32,
    /// How many calls on an account may wait for their turn in one instance: 256.
    pub waiting: usize,
    /// How long each of them waits: 2 seconds.
    pub patience: Duration,
    /// How long a rate takes from nothing to all that it may be: half a minute, so that half of it is there again after 15
    /// seconds.
    pub recovery: Duration,
}

impl Default for PacingOptions {
    fn default() -> Self {
        Self {
            live: 100,
            test: 25,
            waiting: 256,
            patience: Duration::from_secs(2),
            recovery: Duration::from_secs(30),
        }
    }
}

impl PacingOptions {
    /// Bounds nothing: for whoever tries something else.
    pub fn out_of_the_way() -> Self {
        Self {
            live: 0,
            test: 0,
            ..Self::default()
        }
    }

    /// Whether anything is bounded by shares, so that instances must know of each other.
    pub(crate) const fn has_shares(&self) -> bool {
        self.live > 0 || self.test > 0
    }
}

/// How an instance stands with the accounts that it calls.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PacingState {
    /// Calls for requests that wait for their turn.
    pub requests_waiting: usize,
    /// Calls of the background that do.
    pub background_waiting: usize,
    /// Accounts that are called slower than they may be, since Stripe refused calls.
    pub accounts_slowed: usize,
    /// The rate of the one that is slowed most, over what it may have: 1 where none is.
    pub lowest_rate: f64,
}
