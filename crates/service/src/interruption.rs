//! Whether work that takes long should leave off at the next opportunity.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use tokio::sync::watch;

/// Asked between the steps of work that takes long.
#[derive(Clone, Debug)]
pub(crate) struct Interruption {
    stopped: watch::Receiver<bool>,
    overtaken: Arc<AtomicBool>,
}

impl Interruption {
    /// Interrupts when the background work is told to stop, or when another has taken the work over.
    pub(crate) fn of(stopped: watch::Receiver<bool>) -> Self {
        Self {
            stopped,
            overtaken: Arc::default(),
        }
    }

    /// Never interrupts.
    pub(crate) fn never() -> Self {
        Self::of(watch::channel(false).1)
    }

    /// Tells that another has taken the work over.
    pub(crate) fn overtake(&self) {
        self.overtaken.store(true, Ordering::Relaxed);
    }

    /// Whether to leave off.
    pub(crate) fn is_due(&self) -> bool {
        self.overtaken.load(Ordering::Relaxed) || *self.stopped.borrow()
    }
}
