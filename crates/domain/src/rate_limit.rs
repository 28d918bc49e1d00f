//! How often something may be done: a token bucket as one point in time.
//!
//! A bucket that is not full is told by when it will be full again if nothing more is taken. What fills it is the passing of
//! time alone, so nothing has to be counted, and a bucket that is full need not be kept: it is as if it had never been
//! there.

use std::num::NonZeroU32;

use time::Duration;

use crate::UtcTimestamp;

/// At most so many at once, and as many again, evenly, in each window.
///
/// So no stretch of time T sees more than `quota + quota * T / window`: twice the quota in the worst window, and the quota
/// in every window of a long run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    quota: NonZeroU32,
    window: NonZeroU32,
}

impl RateLimit {
    /// So many in so many seconds.
    pub const fn new(quota: NonZeroU32, window_seconds: NonZeroU32) -> Self {
        Self {
            quota,
            window: window_seconds,
        }
    }

    /// So many in a minute, or `None` for 0.
    pub const fn in_a_minute(quota: u32) -> Option<Self> {
        Self::in_seconds(quota, 60)
    }

    /// So many in an hour, or `None` for 0.
    pub const fn in_an_hour(quota: u32) -> Option<Self> {
        Self::in_seconds(quota, 3_600)
    }

    const fn in_seconds(quota: u32, seconds: u32) -> Option<Self> {
        match (NonZeroU32::new(quota), NonZeroU32::new(seconds)) {
            (Some(quota), Some(window)) => Some(Self { quota, window }),
            _ => None,
        }
    }

    /// How many at once.
    pub const fn quota(self) -> u32 {
        self.quota.get()
    }

    /// In how many seconds as many come again.
    pub const fn window_seconds(self) -> u32 {
        self.window.get()
    }

    /// The whole of it, for whoever keeps the only bucket.
    pub fn alone(self) -> Pace {
        self.share(NonZeroU32::MIN)
    }

    /// What each of several may grant who know nothing of each other, so that together they grant no more. At least one
    /// at a time each, where there are more of them than there is to grant.
    pub fn share(self, of: NonZeroU32) -> Pace {
        let window = u64::from(self.window.get()) * 1_000_000;
        let interval = (window * u64::from(of.get())).div_ceil(u64::from(self.quota.get()));
        Pace {
            interval: i64::try_from(interval).unwrap_or(i64::MAX),
            tokens: (self.quota.get() / of.get()).max(1),
        }
    }
}

/// How a bucket fills: how many tokens it holds, and how long each of them takes to come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// In microseconds.
    interval: i64,
    tokens: u32,
}

impl Pace {
    /// How many tokens a full bucket holds.
    pub const fn tokens(self) -> u32 {
        self.tokens
    }

    /// How long a token takes to come back.
    pub const fn interval(self) -> Duration {
        Duration::microseconds(self.interval)
    }

    /// How long an empty bucket takes to fill.
    pub const fn depth(self) -> Duration {
        Duration::microseconds(self.depth_microseconds())
    }

    const fn depth_microseconds(self) -> i64 {
        self.interval.saturating_mul(self.tokens as i64)
    }
}

/// A token bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bucket {
    full_at: UtcTimestamp,
}

impl Bucket {
    /// A bucket that lacks nothing.
    pub const FULL: Self = Self {
        full_at: UtcTimestamp::from_microseconds(i64::MIN),
    };

    /// Takes a token, or says after how long one will be there, if nobody else takes it before.
    pub fn take(&mut self, pace: Pace, now: UtcTimestamp) -> Result<(), Duration> {
        let lacking = self.lacking(pace, now).saturating_add(pace.interval);
        let too_much = lacking.saturating_sub(pace.depth_microseconds());
        if too_much > 0 {
            return Err(Duration::microseconds(too_much));
        }
        self.full_at = now.plus(Duration::microseconds(lacking));
        Ok(())
    }

    /// Puts a token back that was taken for nothing.
    pub fn give_back(&mut self, pace: Pace) {
        self.full_at = self.full_at.plus(-pace.interval());
    }

    /// How many tokens are there.
    pub fn remaining(self, pace: Pace, now: UtcTimestamp) -> u32 {
        let there = pace.depth_microseconds() - self.lacking(pace, now);
        u32::try_from(there / pace.interval.max(1)).unwrap_or(pace.tokens)
    }

    /// After how long it will be full, if nothing more is taken.
    pub fn full_in(self, pace: Pace, now: UtcTimestamp) -> Duration {
        Duration::microseconds(self.lacking(pace, now))
    }

    /// Whether it can be forgotten: it is as one that was never there.
    pub fn is_full(self, now: UtcTimestamp) -> bool {
        self.full_at <= now
    }

    /// How long it takes to be full, in microseconds. Never longer than an empty one takes: the clock may have been put
    /// back, or the pace may have been another.
    fn lacking(self, pace: Pace, now: UtcTimestamp) -> i64 {
        let lacking = self.full_at.microseconds().saturating_sub(now.microseconds());
        lacking.clamp(0, pace.depth_microseconds())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn limit(quota: u32, window: u32) -> RateLimit {
        RateLimit::in_seconds(quota, window).expect("neither is 0")
    }

    fn at(microseconds: i64) -> UtcTimestamp {
        UtcTimestamp::from_microseconds(1_750_000_000_000_000 + microseconds)
    }

    /// Takes at these moments, and gives those at which there was a token.
    fn granted(pace: Pace, moments: &[i64]) -> Vec<i64> {
        let mut bucket = Bucket::FULL;
        let mut granted = moments.to_vec();
        granted.retain(|moment| bucket.take(pace, at(*moment)).is_ok());
        granted
    }

    fn moments(gaps: &[i64]) -> Vec<i64> {
        let mut now = 0;
        gaps.iter()
            .map(|gap| {
                now += gap;
                now
            })
            .collect()
    }

    #[test]
    fn a_full_bucket_holds_the_quota_whatever_divides() {
        for (quota, window) in [(1, 1), (7, 60), (100, 60), (59, 60), (12_000, 60), (10, 3_600)] {
            let pace = limit(quota, window).alone();
            assert_eq!(granted(pace, &vec![0; 13_000]).len(), quota as usize);
            assert_eq!(Bucket::FULL.remaining(pace, at(0)), quota);
        }
    }

    #[test]
    fn what_is_told_is_what_is_there() {
        let pace = limit(100, 60).alone();
        let mut bucket = Bucket::FULL;
        for _ in 0..50 {
            bucket.take(pace, at(0)).expect("it was full");
        }
        assert_eq!(bucket.remaining(pace, at(0)), 50);
        assert_eq!(bucket.full_in(pace, at(0)), Duration::seconds(30));
        assert_eq!(bucket.remaining(pace, at(15_000_000)), 75);
        assert!(!bucket.is_full(at(29_999_999)));
        assert!(bucket.is_full(at(30_000_000)));
    }

    #[test]
    fn a_clock_that_is_put_back_locks_nobody_out_for_longer_than_the_window() {
        let pace = limit(2, 60).alone();
        let mut bucket = Bucket::FULL;
        bucket.take(pace, at(10_000_000_000)).expect("it was full");
        assert_eq!(bucket.take(pace, at(0)), Err(Duration::seconds(30)));
        assert_eq!(bucket.full_in(pace, at(0)), Duration::seconds(60));
    }

    #[test]
    fn shares_sum_up_to_no_more_than_the_whole() {
        for (quota, instances) in [(100, 1), (100, 2), (100, 3), (7, 3), (3, 3)] {
            let limit = limit(quota, 60);
            let share = limit.share(NonZeroU32::new(instances).expect("not 0"));
            assert!(share.tokens() * instances <= quota, "{quota} by {instances}");
            assert!(share.interval() * quota >= Duration::seconds(60) * instances);
        }
        let crowded = limit(2, 60).share(NonZeroU32::new(5).expect("not 0"));
        assert_eq!(crowded.tokens(), 1);
        assert_eq!(crowded.interval(), Duration::seconds(150));
    }

    proptest! {
        /// Between any two of the moments.
        #[test]
        fn no_stretch_of_time_sees_more_than_the_limit(
            quota in 1_u32..40,
            window in 1_u32..5_000,
            instances in 1_u32..6,
            gaps in prop::collection::vec(prop_oneof![Just(0_i64), 0_i64..3_000, 0_i64..3_000_000_000], 0..120),
        ) {
            let pace = limit(quota, window).share(NonZeroU32::new(instances).expect("not 0"));
            let granted = granted(pace, &moments(&gaps));
            for (first, from) in granted.iter().enumerate() {
                for (last, until) in granted.iter().enumerate().skip(first) {
                    let refilled = (until - from) / pace.interval;
                    let seen = i64::try_from(last - first + 1).expect("there are few");
                    prop_assert!(seen <= i64::from(pace.tokens) + refilled);
                }
            }
        }

        #[test]
        fn the_wait_that_is_told_is_enough_and_not_too_long(
            quota in 1_u32..40,
            window in 1_u32..5_000,
            gaps in prop::collection::vec(prop_oneof![Just(0_i64), 0_i64..3_000_000], 1..120),
        ) {
            let pace = limit(quota, window).alone();
            let mut bucket = Bucket::FULL;
            for now in moments(&gaps) {
                if let Err(wait) = bucket.take(pace, at(now)) {
                    prop_assert!(wait > Duration::ZERO);
                    let (mut early, mut in_time) = (bucket, bucket);
                    prop_assert!(early.take(pace, at(now).plus(wait - Duration::microseconds(1))).is_err());
                    prop_assert!(in_time.take(pace, at(now).plus(wait)).is_ok());
                }
            }
        }

        /// One that is given back at once was never taken; later, what has come back meanwhile stays.
        #[test]
        fn what_is_given_back_is_worth_one_token_at_most(
            quota in 1_u32..40,
            window in 1_u32..5_000,
            gaps in prop::collection::vec(0_i64..3_000_000, 1..60),
            kept_for in 0_i64..3_000_000,
        ) {
            let pace = limit(quota, window).alone();
            let mut bucket = Bucket::FULL;
            let mut now = 0;
            for moment in moments(&gaps) {
                now = moment;
                let before = bucket;
                if bucket.take(pace, at(now)).is_ok() {
                    let mut returned = bucket;
                    returned.give_back(pace);
                    prop_assert_eq!(returned.full_in(pace, at(now)), before.full_in(pace, at(now)));
                }
            }
            let later = at(now + kept_for);
            let mut returned = bucket;
            returned.give_back(pace);
            prop_assert!(returned.remaining(pace, later) <= bucket.remaining(pace, later) + 1);
            prop_assert!(returned.remaining(pace, later) <= quota);
        }
    }
}
