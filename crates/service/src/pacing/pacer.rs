//! The pacer of one account in this instance.

use std::sync::Arc;

use billfold_stripe::{NotSentReason, Turn, Turnstile};
use parking_lot::Mutex;
use tokio::{
    runtime::Handle,
    sync::oneshot,
    time::{Instant, sleep},
};

use super::{
    PacingOptions,
    line::{Arrival, PacedLine},
};
use crate::turns::{Line, Requester, Ticket, Waiting};

/// The pacer of one account.
pub(super) struct Pacer {
    state: Mutex<State>,
    options: PacingOptions,
    runtime: Handle,
}

struct State {
    line: PacedLine<oneshot::Sender<()>>,
    /// Whether a task lets those go who wait. There is one while somebody does.
    is_driven: bool,
}

impl Pacer {
    pub(super) fn new(ceiling: f64, options: PacingOptions, runtime: Handle) -> Self {
        Self {
            state: Mutex::new(State {
                line: PacedLine::new(Instant::now(), ceiling, options.recovery),
                is_driven: false,
            }),
            options,
            runtime,
        }
    }

    /// Waits until the next call of the requester may go. An error where that is not in time.
    async fn turn(self: &Arc<Self>, requester: &Arc<Requester>, ceiling: f64) -> Result<(), NotSentReason> {
        let came = Instant::now();
        let mut turn = None;
        let arrival = {
            let mut state = self.state.lock();
            state.line.ceiling = ceiling;
            let waiter = || {
                let (sender, receiver) = oneshot::channel();
                turn = Some(receiver);
                sender
            };
            let arrival = state.line.arrive(requester, came, self.options.waiting, waiter);
            if matches!(arrival, Arrival::Waits(_)) && !state.is_driven {
                state.is_driven = true;
                self.runtime.spawn(Arc::clone(self).drive());
            }
            arrival
        };
        let went = match (arrival, turn) {
            (Arrival::Goes, _) => true,
            (Arrival::Waits(ticket), Some(turn)) => {
                Waiting::new(&**self, ticket, turn)
                    .turn(self.options.patience)
                    .await
            }
            (Arrival::Waits(_) | Arrival::TurnedAway, _) => false,
        };
        let source = requester.source();
        if went {
            metrics::histogram!("billfold_stripe_turn_wait_seconds", "source" => source)
                .record(came.elapsed());
            return Ok(());
        }
        metrics::counter!("billfold_stripe_turns_missed_total", "source" => source).increment(1);
        Err(NotSentReason::Paced)
    }

    /// Lets those go who wait, each in its time, until nobody does.
    async fn drive(self: Arc<Self>) {
        loop {
            let next = {
                let mut state = self.state.lock();
                let next = state
                    .line
                    .let_go(Instant::now(), |waiter| waiter.send(()).is_ok());
                state.is_driven = next.is_some();
                next
            };
            let Some(next) = next else { return };
            sleep(next).await;
        }
    }

    fn refused(&self, sent_at: Instant) {
        let mut state = self.state.lock();
        let line = &mut state.line;
        if let Some(rate) = line.rate.refused(sent_at, Instant::now(), line.ceiling) {
            metrics::counter!("billfold_stripe_rate_cuts_total").increment(1);
            tracing::warn!(
                rate = format!("{rate:.1}"),
                "Stripe refuses calls on the account as too many: they go slower, at this many a second"
            );
        }
    }

    /// How many wait for requests, how many for the background, and the rate over what it may be.
    pub(super) fn look(&self) -> (usize, usize, f64) {
        let state = self.state.lock();
        let line = &state.line;
        let rate = line.rate.at(Instant::now(), line.ceiling) / line.ceiling;
        (line.turns.users(), line.turns.background(), rate)
    }

    /// Whether it may be forgotten: nobody waits, and it is as a new one.
    pub(super) fn is_as_new(&self) -> bool {
        let state = self.state.lock();
        let line = &state.line;
        line.turns.is_empty() && line.rate.is_as_new(Instant::now(), line.ceiling)
    }
}

impl Line for Pacer {
    fn leave(&self, ticket: &Ticket) {
        self.state.lock().line.turns.remove(ticket);
    }

    fn give_back(&self) {
        self.state.lock().line.rate.give_back();
    }
}

/// What the calls of one requester on one account go through.
pub(super) struct PacedRequester {
    pub(super) pacer: Arc<Pacer>,
    pub(super) requester: Arc<Requester>,
    /// What the rate may be here: calls a second.
    pub(super) ceiling: f64,
}

impl Turnstile for PacedRequester {
    fn turn(&self) -> Turn<'_> {
        Box::pin(self.pacer.turn(&self.requester, self.ceiling))
    }

    fn refused(&self, sent_at: Instant) {
        self.pacer.refused(sent_at);
    }
}

impl std::fmt::Debug for PacedRequester {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("PacedRequester").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed test should panic")]

    use std::time::Duration;

    use billfold_domain::ProjectId;

    use super::*;

    /// Calls a second: so many that nobody waits long here, and twenty may go at once.
    const CEILING: f64 = 80.0;

    fn pacer(waiting: usize, patience: Duration) -> Arc<Pacer> {
        let options = PacingOptions {
            waiting,
            patience,
            ..PacingOptions::default()
        };
        Arc::new(Pacer::new(CEILING, options, Handle::current()))
    }

    fn demo() -> Arc<Requester> {
        Requester::of(&ProjectId::parse("demo").unwrap(), None)
    }

    /// Lets go what may go at once.
    async fn empty(pacer: &Arc<Pacer>) {
        for _ in 0..20 {
            pacer.turn(&demo(), CEILING).await.unwrap();
        }
    }

    #[tokio::test]
    async fn calls_go_at_once_until_they_come_too_fast_and_then_in_their_time() {
        let pacer = pacer(100, Duration::from_mins(1));
        empty(&pacer).await;
        assert!(!pacer.state.lock().is_driven, "nobody has waited");
        let began = Instant::now();
        let calls: Vec<_> = (0..8)
            .map(|_| {
                let pacer = Arc::clone(&pacer);
                tokio::spawn(async move { pacer.turn(&demo(), CEILING).await })
            })
            .collect();
        for call in calls {
            assert_eq!(call.await.unwrap(), Ok(()));
        }
        // What came back while the first ones went is spent too.
        assert!(
            began.elapsed() >= Duration::from_millis(50),
            "{:?}",
            began.elapsed()
        );
        assert!(!pacer.state.lock().is_driven, "nobody waits");
        assert_eq!(pacer.look().0, 0);
    }

    #[tokio::test]
    async fn whoever_waits_in_vain_or_finds_too_many_waiting_does_not_go() {
        for (waiting, patience) in [(1, Duration::ZERO), (0, Duration::from_mins(1))] {
            let pacer = pacer(waiting, patience);
            while pacer.state.lock().line.rate.take(Instant::now(), CEILING).is_ok() {}
            assert_eq!(pacer.turn(&demo(), CEILING).await, Err(NotSentReason::Paced));
            assert_eq!(pacer.look().0, 0);
        }
    }

    #[tokio::test]
    async fn whoever_goes_away_leaves_the_line() {
        let pacer = pacer(100, Duration::from_mins(1));
        let refused_at = Instant::now();
        pacer.refused(refused_at);
        let waiting = {
            let pacer = Arc::clone(&pacer);
            tokio::spawn(async move { pacer.turn(&demo(), 1.0).await })
        };
        while pacer.look().0 == 0 {
            tokio::task::yield_now().await;
        }
        waiting.abort();
        assert!(waiting.await.unwrap_err().is_cancelled());
        assert_eq!(pacer.look().0, 0);
    }

    #[tokio::test]
    async fn a_refusal_slows_the_account_until_it_is_as_new() {
        let pacer = pacer(100, Duration::from_mins(1));
        assert!(pacer.is_as_new());
        pacer.refused(Instant::now());
        let (_, _, rate) = pacer.look();
        assert!((0.5..0.6).contains(&rate), "{rate}");
        assert!(!pacer.is_as_new());
    }
}
