//! A time that stands still until a test moves it.

use std::sync::atomic::{AtomicI64, Ordering};

use billfold_domain::UtcTimestamp;

/// When every test begins: 2026-01-15T10:00:00Z.
pub(crate) const START: i64 = 1_768_471_200;

/// The time of the server, of the tokens and of the sandbox.
#[derive(Debug)]
pub(crate) struct ManualClock {
    seconds: AtomicI64,
}

impl ManualClock {
    /// A clock that reads [`START`].
    pub(crate) fn new() -> Self {
        Self {
            seconds: AtomicI64::new(START),
        }
    }

    /// Moves the clock forward.
    pub(crate) fn advance(&self, seconds: i64) {
        self.seconds.fetch_add(seconds, Ordering::SeqCst);
    }

    /// Puts the clock to this many seconds since 1970.
    pub(crate) fn set(&self, seconds: i64) {
        self.seconds.store(seconds, Ordering::SeqCst);
    }

    /// What the clock reads, in seconds since 1970.
    pub(crate) fn seconds(&self) -> i64 {
        self.seconds.load(Ordering::SeqCst)
    }
}

impl billfold_domain::Clock for ManualClock {
    fn now(&self) -> UtcTimestamp {
        UtcTimestamp::from_seconds(self.seconds())
    }
}

impl billfold_sandbox::Clock for ManualClock {
    fn now(&self) -> u64 {
        u64::try_from(self.seconds()).expect("no test is set before 1970")
    }
}
