//! How often a project and a user may do what.
//!
//! What is cheap and comes often, any request, is bounded in memory: each instance grants its fair share, told by how many
//! of them live (`soft`, `presence`). What is dear and invites abuse, setup intents and refused cards, is bounded exactly,
//! in the database (`hard`): it calls Stripe anyway, beside which a statement costs nothing.

mod hard;
mod presence;
mod soft;

use std::{num::NonZeroU32, time::Duration};

use billfold_domain::RateLimit;

pub(crate) use hard::{HardLimits, reached};
pub(crate) use presence::Living;
pub use presence::Presence;
pub(crate) use soft::SoftLimits;
pub use soft::{Access, Admission, PolicyState};

/// How often a project and a user may do what, over all instances.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimitOptions {
    /// Requests of a project that read: 12,000 in a minute. `None` counts none.
    pub project_reads: Option<RateLimit>,
    /// Requests of a project that write: 3,000 in a minute. `None` counts none.
    pub project_writes: Option<RateLimit>,
    /// Requests of a user on the account API: 120 in a minute. `None` counts none.
    pub user: Option<RateLimit>,
    /// Setup intents that are made for a user: 30 in an hour.
    pub setup_intents: RateLimit,
    /// Cards of a user that are refused: 10 in an hour.
    pub failed_cards: RateLimit,
    /// Cards of all users of a project that are refused: 1,000 in an hour.
    pub project_failed_cards: RateLimit,
    /// How often an instance says that it lives: every 5 seconds. One that has not for three times as long is taken to be
    /// gone.
    pub heartbeat: Duration,
}

impl Default for RateLimitOptions {
    fn default() -> Self {
        Self {
            project_reads: RateLimit::in_a_minute(12_000),
            project_writes: RateLimit::in_a_minute(3_000),
            user: RateLimit::in_a_minute(120),
            setup_intents: hourly(30),
            failed_cards: hourly(10),
            project_failed_cards: hourly(1_000),
            heartbeat: Duration::from_secs(5),
        }
    }
}

impl RateLimitOptions {
    /// Counts no requests, and bounds what is dear so high that nothing gets there: for whoever tries something else.
    pub fn out_of_the_way() -> Self {
        let out_of_reach = hourly(3_600_000);
        Self {
            project_reads: None,
            project_writes: None,
            user: None,
            setup_intents: out_of_reach,
            failed_cards: out_of_reach,
            project_failed_cards: out_of_reach,
            ..Self::default()
        }
    }

    /// Whether anything is bounded by shares, so that instances must know of each other.
    pub(crate) const fn has_shares(&self) -> bool {
        self.project_reads.is_some() || self.project_writes.is_some() || self.user.is_some()
    }
}

fn hourly(quota: u32) -> RateLimit {
    const HOUR: NonZeroU32 = NonZeroU32::new(3_600).expect("an hour is not 0");
    RateLimit::new(NonZeroU32::new(quota).unwrap_or(NonZeroU32::MIN), HOUR)
}

/// A limit that is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitReached {
    /// The limit's name, of `a-z` and `-`.
    pub policy: &'static str,
    /// The limit.
    pub limit: RateLimit,
    /// After how long there is room again. Longer than nothing.
    pub retry_after: Duration,
}
