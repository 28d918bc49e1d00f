//! How many use cases run at the moment, whether or not their callers have stayed.

use tokio::sync::watch;

/// Counts use cases.
#[derive(Debug)]
pub(crate) struct Running(watch::Sender<usize>);

/// One use case; it counts until it is dropped.
#[derive(Debug)]
pub(crate) struct Counted(watch::Sender<usize>);

impl Running {
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(0))
    }

    /// Counts one more.
    pub(crate) fn one_more(&self) -> Counted {
        self.0.send_modify(|running| *running += 1);
        Counted(self.0.clone())
    }

    /// How many there are.
    pub(crate) fn number(&self) -> usize {
        *self.0.borrow()
    }

    /// Waits until there is none.
    pub(crate) async fn none(&self) {
        // The sender is here, so the wait ends in no other way.
        drop(self.0.subscribe().wait_for(|running| *running == 0).await);
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.send_modify(|running| *running = running.saturating_sub(1));
    }
}
