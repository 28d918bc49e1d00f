//! One who waits in a line for a turn.

use std::time::Duration;

use tokio::sync::oneshot;

use super::Ticket;

/// What is waited in.
pub(crate) trait Line {
    /// One who waits no more is never given a turn.
    fn leave(&self, ticket: &Ticket);

    /// Has a turn back that was given to one who had just left.
    fn give_back(&self);
}

/// One who waits. Whoever stops waiting leaves the line, for whatever reason.
pub(crate) struct Waiting<'a, L: Line> {
    line: &'a L,
    ticket: Ticket,
    turn: oneshot::Receiver<()>,
}

impl<'a, L: Line> Waiting<'a, L> {
    pub(crate) fn new(line: &'a L, ticket: Ticket, turn: oneshot::Receiver<()>) -> Self {
        Self { line, ticket, turn }
    }

    /// Waits so long at most, and says whether the turn came.
    pub(crate) async fn turn(mut self, patience: Duration) -> bool {
        matches!(tokio::time::timeout(patience, &mut self.turn).await, Ok(Ok(())))
    }
}

impl<L: Line> Drop for Waiting<'_, L> {
    fn drop(&mut self) {
        self.line.leave(&self.ticket);
        // Nothing is there after a turn that was taken.
        if self.turn.try_recv().is_ok() {
            self.line.give_back();
        }
    }
}
