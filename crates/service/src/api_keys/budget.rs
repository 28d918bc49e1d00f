//! How many queries may be spent on keys that nobody has seen.

use billfold_domain::UtcTimestamp;

/// How many such queries an instance makes in a second. A database answers many thousands; legitimate callers come with
/// few new keys.
const PER_SECOND: i64 = 100;

/// How many it makes at once, after a time without any.
const AT_ONCE: i64 = 100;

const MICROSECONDS_EACH: i64 = 1_000_000 / PER_SECOND;
const FULL: i64 = AT_ONCE * MICROSECONDS_EACH;

/// A token bucket. It counts in the time that it takes to earn a query, so that nothing is rounded.
#[derive(Debug)]
pub(super) struct Budget {
    saved: i64,
    saved_at: UtcTimestamp,
}

impl Budget {
    pub(super) const fn full(now: UtcTimestamp) -> Self {
        Self {
            saved: FULL,
            saved_at: now,
        }
    }

    /// Takes one query out, if one is left. A clock that is put back earns nothing by that.
    pub(super) fn take(&mut self, now: UtcTimestamp) -> bool {
        let earned = now.microseconds().saturating_sub(self.saved_at.microseconds());
        if earned > 0 {
            self.saved = self.saved.saturating_add(earned).min(FULL);
        }
        self.saved_at = now;
        if self.saved < MICROSECONDS_EACH {
            return false;
        }
        self.saved -= MICROSECONDS_EACH;
        true
    }

    /// Puts one back that was taken for what turned out to be a key.
    pub(super) fn give_back(&mut self) {
        self.saved = (self.saved + MICROSECONDS_EACH).min(FULL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(budget: &mut Budget, now: UtcTimestamp) -> usize {
        (0..1_000).filter(|_| budget.take(now)).count()
    }

    #[test]
    fn a_burst_is_bounded_and_time_earns_more_up_to_the_bound() {
        let at = UtcTimestamp::from_seconds;
        let mut budget = Budget::full(at(1_000));
        assert_eq!(taken(&mut budget, at(1_000)), 100);
        assert_eq!(
            taken(&mut budget, UtcTimestamp::from_microseconds(1_000_250_000)),
            25
        );
        assert_eq!(taken(&mut budget, at(1_001)), 75);
        assert_eq!(taken(&mut budget, at(5_000)), 100);
    }

    #[test]
    fn what_is_given_back_can_be_taken_and_fills_no_more_than_the_whole() {
        let now = UtcTimestamp::from_seconds(1_000);
        let mut budget = Budget::full(now);
        budget.give_back();
        assert_eq!(taken(&mut budget, now), 100);
        budget.give_back();
        assert_eq!(taken(&mut budget, now), 1);
    }

    #[test]
    fn a_clock_that_goes_back_and_forth_earns_what_it_shows() {
        let at = UtcTimestamp::from_seconds;
        let mut budget = Budget::full(at(1_000));
        assert_eq!(taken(&mut budget, at(1_000)), 100);
        assert_eq!(taken(&mut budget, at(500)), 0);
        assert_eq!(taken(&mut budget, at(501)), 100);
    }
}
