//! How often it is looked whether there is something to do.

use std::time::Duration;

/// A look that takes no longer costs little, however often it is repeated.
const CHEAP: Duration = Duration::from_millis(50);

/// What a look takes beyond that is at most one part in this many of the time.
const SHARE: u32 = 10;

/// No look, however long it took, keeps the next one waiting longer.
const LONGEST: Duration = Duration::from_secs(30);

/// How long to rest before the next look, after one that took this long. To look goes from project to project, so it takes
/// the longer the more there are: the rest grows with it, and the database never works for the looking alone.
pub(crate) fn rest(interval: Duration, look: Duration) -> Duration {
    let costly = look.saturating_sub(CHEAP);
    interval.max(costly.saturating_mul(SHARE - 1).min(LONGEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longer_a_look_takes_the_rarer_it_is() {
        let second = Duration::from_secs(1);
        assert_eq!(rest(second, Duration::ZERO), second);
        assert_eq!(rest(second, Duration::from_millis(150)), second);
        assert_eq!(rest(Duration::ZERO, CHEAP), Duration::ZERO);
        assert_eq!(rest(second, CHEAP + second), 9 * second);
        assert_eq!(rest(second, Duration::from_mins(1)), LONGEST);
    }
}
