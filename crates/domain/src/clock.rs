//! Time, as a value that rules are written against and a clock that can be set in a test.

use time::{Duration, OffsetDateTime};

/// A point in time, in whole microseconds since 1970-01-01T00:00:00Z: what both databases can hold exactly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UtcTimestamp(i64);

impl UtcTimestamp {
    /// The point this many microseconds after the epoch.
    pub const fn from_microseconds(microseconds: i64) -> Self {
        Self(microseconds)
    }

    /// The point this many seconds after the epoch, as Stripe and tokens write time.
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1_000_000))
    }

    /// Microseconds since the epoch.
    pub const fn microseconds(self) -> i64 {
        self.0
    }

    /// Whole seconds since the epoch, rounded down.
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// The same point as a calendar time in UTC; the epoch where the calendar ends (year 9999).
    pub fn to_date_time(self) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1_000)
            .unwrap_or(OffsetDateTime::UNIX_EPOCH)
    }

    /// The point this much later, or earlier when the duration is negative.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        let microseconds = i64::try_from(duration.whole_microseconds()).unwrap_or(i64::MAX);
        Self(self.0.saturating_add(microseconds))
    }
}

impl From<OffsetDateTime> for UtcTimestamp {
    fn from(time: OffsetDateTime) -> Self {
        // Years -9999 to 9999 in microseconds fit an i64 many times over.
        Self(i64::try_from(time.unix_timestamp_nanos().div_euclid(1_000)).unwrap_or(i64::MAX))
    }
}

/// Where the present time comes from. Injected, so that every rule about time can be tried without waiting.
pub trait Clock: Send + Sync {
    /// The present time.
    fn now(&self) -> UtcTimestamp;
}

/// The operating system's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> UtcTimestamp {
        OffsetDateTime::now_utc().into()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_calendar_time_and_back_is_the_same_point(microseconds in -62_000_000_000_000_000_i64..253_000_000_000_000_000) {
            let point = UtcTimestamp::from_microseconds(microseconds);
            prop_assert_eq!(UtcTimestamp::from(point.to_date_time()), point);
        }
    }
}
