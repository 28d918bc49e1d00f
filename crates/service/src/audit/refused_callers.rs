//! How many callers are written down of whom nobody knows who they are: so many a minute, and the rest is counted, so that
//! a stranger fills no disk.

use std::mem;

use billfold_domain::UtcTimestamp;
use time::Duration;

/// The time that the bound is for.
const WINDOW: Duration = Duration::MINUTE;

/// Counts callers, and says which are to be written down.
#[derive(Debug)]
pub(super) struct Bound {
    maximum: u32,
    began_at: Option<UtcTimestamp>,
    admitted: u32,
    counted: u32,
}

impl Bound {
    pub(super) const fn new(maximum: u32) -> Self {
        Self {
            maximum,
            began_at: None,
            admitted: 0,
            counted: 0,
        }
    }

    /// Ends the minute if it is over, and says how many were only counted in it.
    pub(super) fn end_if_over(&mut self, now: UtcTimestamp) -> u32 {
        match self.began_at {
            // A clock that was put back must not make this minute last for ever.
            Some(began_at) if now >= began_at.plus(WINDOW) || now < began_at => self.end(),
            _ => 0,
        }
    }

    /// Ends the minute, and says how many were only counted in it.
    pub(super) fn end(&mut self) -> u32 {
        mem::replace(self, Self::new(self.maximum)).counted
    }

    /// Whether one more is to be written down; where not, it is counted.
    pub(super) fn admit(&mut self, now: UtcTimestamp) -> bool {
        self.began_at.get_or_insert(now);
        if self.admitted < self.maximum {
            self.admitted += 1;
            return true;
        }
        self.count(1);
        false
    }

    /// Counts some that were to be written down and cannot be.
    pub(super) fn count(&mut self, number: u32) {
        self.counted = self.counted.saturating_add(number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> UtcTimestamp {
        UtcTimestamp::from_seconds(second)
    }

    #[test]
    fn so_many_a_minute_are_written_down_and_the_rest_is_counted() {
        let mut bound = Bound::new(3);
        let admitted = (0..1_000).filter(|number| bound.admit(at(number / 20))).count();
        assert_eq!(admitted, 3);
        assert_eq!(bound.end_if_over(at(59)), 0, "the minute lasts");
        assert_eq!(bound.end_if_over(at(60)), 997);
        assert_eq!(bound.end_if_over(at(200)), 0, "it is told once");
        assert!(bound.admit(at(201)), "another minute");
        assert_eq!(bound.end(), 0);
    }

    #[test]
    fn a_clock_that_is_put_back_begins_another_minute() {
        let mut bound = Bound::new(1);
        assert!(bound.admit(at(1_000)));
        assert!(!bound.admit(at(1_000)));
        assert_eq!(bound.end_if_over(at(10)), 1);
        assert!(bound.admit(at(10)));
    }
}
