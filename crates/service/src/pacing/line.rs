//! The line before one account: whether a call goes, waits or is turned away, and who goes next.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use super::rate::Rate;
use crate::turns::{Requester, Ticket, Turns};

/// The line before one account.
pub(super) struct PacedLine<Waiter> {
    pub(super) rate: Rate,
    /// What the rate may be here: calls a second.
    pub(super) ceiling: f64,
    pub(super) turns: Turns<Waiter>,
}

/// What becomes of a call that comes.
pub(super) enum Arrival {
    Goes,
    Waits(Ticket),
    /// As many wait as may.
    TurnedAway,
}

impl<Waiter> PacedLine<Waiter> {
    pub(super) fn new(now: Instant, ceiling: f64, recovery: Duration) -> Self {
        Self {
            rate: Rate::new(now, recovery),
            ceiling,
            turns: Turns::new(),
        }
    }

    /// A call comes. It goes at once where nobody waits and there is room.
    pub(super) fn arrive(
        &mut self,
        requester: &Arc<Requester>,
        now: Instant,
        maximum_waiting: usize,
        waiter: impl FnOnce() -> Waiter,
    ) -> Arrival {
        if self.turns.is_empty() && self.rate.take(now, self.ceiling).is_ok() {
            return Arrival::Goes;
        }
        self.turns
            .push(requester, maximum_waiting, waiter)
            .map_or(Arrival::TurnedAway, Arrival::Waits)
    }

    /// Lets go whoever may by now, and says when the next one may; `None` where nobody waits. `go` says whether the one
    /// was still there.
    pub(super) fn let_go(&mut self, now: Instant, mut go: impl FnMut(Waiter) -> bool) -> Option<Duration> {
        while !self.turns.is_empty() {
            if let Err(wait) = self.rate.take(now, self.ceiling) {
                return Some(wait);
            }
            let mut waiters = std::iter::from_fn(|| self.turns.next());
            if !waiters.any(&mut go) {
                self.rate.give_back();
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed test should panic")]

    use std::collections::HashMap;

    use billfold_domain::{ProjectId, UserId};
    use proptest::prelude::*;

    use super::*;

    const RECOVERY: Duration = Duration::from_secs(30);

    fn user(name: &str) -> Arc<Requester> {
        Requester::of(
            &ProjectId::parse("demo").unwrap(),
            Some(&UserId::parse(name).unwrap()),
        )
    }

    /// Lets time pass until all have gone, and says when each went, in seconds.
    fn gone(line: &mut PacedLine<String>, began: Instant) -> Vec<(String, f64)> {
        let mut now = began;
        let mut gone = Vec::new();
        loop {
            let passed = (now - began).as_secs_f64();
            let wait = line.let_go(now, |waiter| {
                gone.push((waiter, passed));
                true
            });
            match wait {
                Some(wait) => now += wait,
                None => return gone,
            }
        }
    }

    #[test]
    fn a_thousand_requests_of_one_user_keep_another_waiting_for_one_turn() {
        let began = Instant::now();
        let mut line = PacedLine::new(began, 20.0, RECOVERY);
        let wren = user("usr_wren");
        let went = (0..1_000).filter(|_| {
            let arrival = line.arrive(&wren, began, 10_000, || "wren".to_owned());
            matches!(arrival, Arrival::Goes)
        });
        assert_eq!(went.count(), 5, "what may go at once");
        for requester in [user("usr_robin"), Arc::new(Requester::Background)] {
            let name = requester.source();
            let arrival = line.arrive(&requester, began, 10_000, || name.to_owned());
            assert!(matches!(arrival, Arrival::Waits(_)));
        }
        let gone = gone(&mut line, began);
        let place = |name| gone.iter().position(|(who, _)| who == name).unwrap();
        assert_eq!(place("request"), 1, "Wren has one turn before");
        assert!(gone[1].1 < 0.11, "{:?}", gone[1]);
        assert_eq!(place("background"), 9);
        assert_eq!(gone.len(), 997);
        let last = gone.last().unwrap().1;
        assert!(
            (last - 997.0 / 20.0).abs() < 1.5,
            "the rate is used in full: {last}"
        );
    }

    #[test]
    fn where_those_whose_turn_it_is_have_left_no_room_is_lost() {
        let began = Instant::now();
        let mut line = PacedLine::new(began, 1.0, RECOVERY);
        let wren = user("usr_wren");
        for name in ["goes", "gone", "there"] {
            line.arrive(&wren, began, 10, || name);
        }
        let later = began + Duration::from_secs(1);
        let mut seen = Vec::new();
        let go = |waiter| {
            seen.push(waiter);
            waiter != "gone"
        };
        assert_eq!(line.let_go(later, go), None);
        assert_eq!(seen, ["gone", "there"]);
        assert!(matches!(
            line.arrive(&wren, later, 10, || "next"),
            Arrival::Waits(_)
        ));
        assert_eq!(line.let_go(later + Duration::from_secs(1), |_| false), None);
        let arrival = line.arrive(&wren, later + Duration::from_secs(1), 10, || "last");
        assert!(
            matches!(arrival, Arrival::Goes),
            "the room that nobody took is still there"
        );
    }

    proptest! {
        /// Users who come in any order, each with any number of calls: while two of them wait, neither gets more than a turn
        /// more than the other.
        #[test]
        fn those_who_wait_share_the_rate_evenly(
            calls in prop::collection::vec((0_usize..5, 0_u64..30), 1..300),
            ceiling in 2_u32..60,
        ) {
            let began = Instant::now();
            let mut now = began;
            let mut line = PacedLine::new(began, f64::from(ceiling), RECOVERY);
            let mut waiting: HashMap<usize, u32> = HashMap::new();
            // For each two, how much further the first is since the second has been waiting.
            let mut ahead: HashMap<(usize, usize), u32> = HashMap::new();
            for (number, gap) in calls {
                now += Duration::from_millis(gap);
                let mut went = Vec::new();
                line.let_go(now, |who: usize| { went.push(who); true });
                for who in went {
                    *waiting.get_mut(&who).unwrap() -= 1;
                    ahead.retain(|(_, behind), _| *behind != who);
                    for (other, waits) in &waiting {
                        if *waits > 0 && *other != who {
                            let turns = ahead.entry((who, *other)).or_default();
                            *turns += 1;
                            prop_assert!(*turns <= 1, "{who} is {turns} turns ahead of {other}");
                        }
                    }
                }
                let arrival = line.arrive(&user(&format!("usr_{number}")), now, 1_000, || number);
                if matches!(arrival, Arrival::Waits(_)) {
                    let waits = waiting.entry(number).or_default();
                    *waits += 1;
                    if *waits == 1 {
                        ahead.retain(|(_, behind), _| *behind != number);
                    }
                }
            }
        }
    }
}
