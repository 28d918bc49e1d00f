//! The simulated world: one state, one source of chance, and a wait before and after everything that happens.

use std::{
    collections::BTreeSet,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use billfold_domain::UtcTimestamp;
use parking_lot::Mutex;
use rand::{Rng as _, RngExt as _, SeedableRng as _, rngs::StdRng};

use super::{history::Event, planted::Bug, records::RecordsState, stripe::StripeState};
use crate::world::Surroundings;

pub(super) struct State {
    pub(super) now: UtcTimestamp,
    pub(super) chance: StdRng,
    /// Whether anything goes wrong.
    pub(super) faults: bool,
    /// What this world does wrong by itself, to see whether the judge notices.
    pub(super) bug: Option<Bug>,
    pub(super) records: RecordsState,
    pub(super) stripe: StripeState,
    /// What happened, to compare two runs of one seed and to read after a failure.
    pub(super) trace: Vec<String>,
    /// The kinds of fault that happened.
    pub(super) seen: BTreeSet<&'static str>,
    /// How often a whole day passed.
    pub(super) days: u32,
    /// The step that the run is at.
    pub(super) step: u64,
    /// What the operations have written down, oldest first.
    pub(super) history: Vec<Event>,
    /// What no run may come to, seen while it ran.
    pub(super) broken: Vec<String>,
    names: u64,
}

impl State {
    pub(super) fn roll(&mut self, percent: u32) -> bool {
        self.chance.random_range(0..100) < percent
    }

    pub(super) fn fault(&mut self, name: &'static str, percent: u32) -> bool {
        let happens = self.faults && self.roll(percent);
        if happens {
            self.seen.insert(name);
            self.trace.push(name.to_owned());
        }
        happens
    }

    pub(super) fn has(&self, bug: Bug) -> bool {
        self.bug == Some(bug)
    }

    pub(super) fn name(&mut self, prefix: &str) -> String {
        self.names += 1;
        format!("{prefix}{}", self.names)
    }
}

#[derive(Clone)]
pub(super) struct SimulatedWorld(pub(super) Arc<Mutex<State>>);

impl SimulatedWorld {
    pub(super) fn new(seed: u64, bug: Option<Bug>) -> Self {
        Self(Arc::new(Mutex::new(State {
            now: UtcTimestamp::from_seconds(1_800_000_000),
            chance: StdRng::seed_from_u64(seed),
            faults: true,
            bug,
            records: RecordsState::default(),
            stripe: StripeState::default(),
            trace: Vec::new(),
            seen: BTreeSet::new(),
            days: 0,
            step: 0,
            history: Vec::new(),
            broken: Vec::new(),
            names: 0,
        })))
    }

    /// Something happens at once, between two waits at which whoever asked for it may crash.
    pub(super) async fn happen<T>(&self, what: impl FnOnce(&mut State) -> T + Send) -> T {
        Wait::default().await;
        let result = what(&mut self.0.lock());
        Wait::default().await;
        result
    }
}

/// Gives every other task a turn.
#[derive(Default)]
struct Wait(bool);

impl Future for Wait {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if self.0 {
            return Poll::Ready(());
        }
        self.0 = true;
        Poll::Pending
    }
}

impl Surroundings for SimulatedWorld {
    fn now(&self) -> UtcTimestamp {
        self.0.lock().now
    }

    fn operation_name(&self) -> String {
        self.0.lock().name("op")
    }

    /// None: a driver that is slow is taken over, which must be safe.
    async fn heartbeat(&self) {
        std::future::pending::<()>().await;
    }

    async fn pause(&self, _: Duration) {
        Wait::default().await;
    }
}

/// Chance is one stream for the whole world, so that a seed decides everything.
pub(super) fn pick(chance: &mut StdRng, among: usize) -> usize {
    usize::try_from(chance.next_u64() % u64::try_from(among).unwrap()).unwrap()
}
