//! How many calls a second may be made: what was refused halves it, and time wins it back evenly.

use std::time::Duration;

use tokio::time::Instant;

/// What no refusal takes: calls a second.
pub(super) const FLOOR: f64 = 1.0;

/// How many calls may be made at once, after a while without any: what comes in a quarter of a second, and at least one.
const AT_ONCE: f64 = 0.25;

/// For how long after it was halved the refusal of a call says nothing new: those that were made before, and those that are
/// counted together with them.
const ROUND: Duration = Duration::from_secs(1);

/// The rate of one account, and a token bucket that fills by it. The ceiling is given each time, since it falls when another
/// instance comes.
#[derive(Debug)]
pub(super) struct Rate {
    /// What it was when it was changed last: calls a second.
    then: f64,
    changed_at: Instant,
    halved_at: Option<Instant>,
    tokens: f64,
    filled_at: Instant,
    /// How long it takes from nothing to its ceiling.
    recovery: Duration,
}

impl Rate {
    /// As high as may be.
    pub(super) fn new(now: Instant, recovery: Duration) -> Self {
        Self {
            then: f64::INFINITY,
            changed_at: now,
            halved_at: None,
            tokens: f64::INFINITY,
            filled_at: now,
            recovery,
        }
    }

    /// Calls a second.
    pub(super) fn at(&self, now: Instant, ceiling: f64) -> f64 {
        let passed = now.saturating_duration_since(self.changed_at).as_secs_f64();
        let won_back = ceiling * passed / self.recovery.as_secs_f64();
        (self.then + won_back).min(ceiling)
    }

    /// Takes a call's token, or says when there may be one.
    pub(super) fn take(&mut self, now: Instant, ceiling: f64) -> Result<(), Duration> {
        let rate = self.at(now, ceiling);
        let passed = now.saturating_duration_since(self.filled_at).as_secs_f64();
        self.filled_at = self.filled_at.max(now);
        self.tokens = (self.tokens + rate * passed).min(at_once(rate));
        if self.tokens < 1.0 {
            let lacking = (1.0 - self.tokens) / rate;
            // A timer knows no shorter time.
            return Err(Duration::from_secs_f64(lacking).max(Duration::from_millis(1)));
        }
        self.tokens -= 1.0;
        Ok(())
    }

    /// Puts a token back that was taken for nothing.
    pub(super) fn give_back(&mut self) {
        self.tokens += 1.0;
    }

    /// A call that was made then was refused. Gives the new rate, unless that says nothing new.
    pub(super) fn refused(&mut self, sent_at: Instant, now: Instant, ceiling: f64) -> Option<f64> {
        if self
            .halved_at
            .is_some_and(|halved_at| sent_at < halved_at + ROUND)
        {
            return None;
        }
        self.then = (self.at(now, ceiling) / 2.0).max(FLOOR.min(ceiling));
        self.changed_at = now;
        self.halved_at = Some(now);
        self.tokens = 0.0;
        self.filled_at = now;
        Some(self.then)
    }

    /// Whether it may be forgotten: it is as a new one.
    pub(super) fn is_as_new(&self, now: Instant, ceiling: f64) -> bool {
        let passed = now.saturating_duration_since(self.filled_at).as_secs_f64();
        self.at(now, ceiling) >= ceiling && self.tokens + ceiling * passed >= at_once(ceiling)
    }
}

/// How many tokens a full bucket holds.
pub(super) fn at_once(rate: f64) -> f64 {
    (rate * AT_ONCE).max(1.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RECOVERY: Duration = Duration::from_secs(30);

    fn seconds(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    /// Takes whatever there is until then, and waits for each as long as it is told.
    fn taken(rate: &mut Rate, from: Instant, until: Instant, ceiling: f64) -> Vec<Instant> {
        let (mut now, mut taken) = (from, Vec::new());
        while now < until {
            match rate.take(now, ceiling) {
                Ok(()) => taken.push(now),
                Err(wait) => now += wait,
            }
        }
        taken
    }

    #[test]
    fn a_refusal_halves_it_once_in_a_round_and_half_a_minute_wins_it_back() {
        let began = Instant::now();
        let mut rate = Rate::new(began, RECOVERY);
        assert!((rate.at(began, 100.0) - 100.0).abs() < 1e-9);
        assert_eq!(rate.refused(began, began, 100.0), Some(50.0));
        for later in [0.0, 0.5, 0.999] {
            let sent_at = began + seconds(later);
            assert_eq!(
                rate.refused(sent_at, sent_at + seconds(3.0), 100.0),
                None,
                "{later}"
            );
        }
        assert!((rate.at(began + seconds(15.0), 100.0) - 100.0).abs() < 1e-6);
        assert!(!rate.is_as_new(began + seconds(14.9), 100.0));
        assert!(rate.is_as_new(began + seconds(15.1), 100.0));
        let sent_at = began + seconds(1.0);
        let halved = rate.refused(sent_at, sent_at, 100.0).expect("a round is over");
        assert!(
            (halved - f64::midpoint(50.0, 100.0 / 30.0)).abs() < 1e-6,
            "{halved}"
        );
    }

    #[test]
    fn no_refusal_takes_the_last_call_a_second() {
        let mut now = Instant::now();
        let mut rate = Rate::new(now, RECOVERY);
        for _ in 0..20 {
            rate.refused(now, now, 4.0);
            now += ROUND;
        }
        let made = taken(&mut rate, now, now + seconds(10.0), 4.0);
        assert!((10..40).contains(&made.len()), "{}", made.len());
    }

    #[test]
    fn calls_go_slower_from_the_refusal_on() {
        let began = Instant::now();
        let mut rate = Rate::new(began, RECOVERY);
        let before = taken(&mut rate, began, began + seconds(1.0), 40.0).len();
        assert!((45..=50).contains(&before), "{before}");
        let refused_at = began + seconds(1.0);
        rate.refused(refused_at, refused_at, 40.0);
        let after = taken(&mut rate, refused_at, refused_at + seconds(1.0), 40.0).len();
        assert!((18..=22).contains(&after), "{after}");
    }

    proptest! {
        #[test]
        fn no_second_sees_more_than_the_ceiling_and_what_may_go_at_once(
            ceiling in 1_u32..200,
            gaps in prop::collection::vec(prop_oneof![Just(0_u64), 0_u64..20, 0_u64..3_000], 1..500),
            refusals in prop::collection::vec(any::<bool>(), 500),
        ) {
            let ceiling = f64::from(ceiling);
            let mut now = Instant::now();
            let mut rate = Rate::new(now, RECOVERY);
            let mut made: Vec<Instant> = Vec::new();
            for (gap, refused) in gaps.into_iter().zip(refusals) {
                now += Duration::from_millis(gap);
                if rate.take(now, ceiling).is_ok() {
                    made.push(now);
                    let within = made.iter().filter(|at| now - **at < seconds(1.0)).count();
                    let within = f64::from(u32::try_from(within).expect("there are few"));
                    prop_assert!(within <= ceiling + at_once(ceiling) + 1e-6, "{}", within);
                    if refused {
                        rate.refused(now, now, ceiling);
                    }
                }
            }
        }

        #[test]
        fn it_stays_between_floor_and_ceiling_and_grows_unless_it_is_refused(
            ceiling in 1_u32..200,
            steps in prop::collection::vec((0_u64..4_000, any::<bool>()), 1..100),
        ) {
            let ceiling = f64::from(ceiling);
            let mut now = Instant::now();
            let mut rate = Rate::new(now, RECOVERY);
            let mut before = rate.at(now, ceiling);
            let mut halved_at: Option<Instant> = None;
            for (gap, refused) in steps {
                now += Duration::from_millis(gap);
                let grown = rate.at(now, ceiling);
                prop_assert!(grown >= before - 1e-9);
                before = grown;
                if refused && let Some(halved) = rate.refused(now, now, ceiling) {
                    prop_assert!(halved_at.is_none_or(|halved_at| now - halved_at >= ROUND));
                    prop_assert!((halved - (grown / 2.0).max(FLOOR)).abs() < 1e-9);
                    halved_at = Some(now);
                    before = halved;
                }
                prop_assert!((FLOOR..=ceiling).contains(&before), "{}", before);
            }
            prop_assert!((rate.at(now + RECOVERY, ceiling) - ceiling).abs() < 1e-9);
        }

        /// Who waits as long as it is told finds a token, or is told of a wait that only mends the rounding.
        #[test]
        fn the_wait_that_is_told_is_enough(ceiling in 1_u32..200, refusals in 0_u32..5) {
            let ceiling = f64::from(ceiling);
            let mut now = Instant::now();
            let mut rate = Rate::new(now, RECOVERY);
            for _ in 0..refusals {
                rate.refused(now, now, ceiling);
                now += ROUND;
            }
            while rate.take(now, ceiling).is_ok() {}
            let wait = rate.take(now, ceiling).expect_err("it was empty");
            prop_assert!(wait <= seconds(1.0 / FLOOR + 1e-6));
            prop_assert!(rate.take(now + wait + Duration::from_millis(1), ceiling).is_ok());
        }
    }
}
