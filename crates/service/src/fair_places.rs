//! A bounded number of places, given by turns to those who wait for one.

use std::{sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::turns::{Line, Requester, Ticket, Turns, Waiting};

/// The places.
pub(crate) struct FairPlaces {
    state: Mutex<State>,
    maximum_waiting: usize,
}

struct State {
    free: usize,
    waiting: Turns<oneshot::Sender<()>>,
}

/// A place. It is the next one's when this is dropped.
pub(crate) struct FairPlace(Arc<FairPlaces>);

/// There is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoPlace {
    /// As many wait as may.
    TooManyWait,
    /// None came in time, or one who had fewer waiting took the place in the queue.
    NotInTime,
}

impl FairPlaces {
    pub(crate) fn new(number: usize, maximum_waiting: usize) -> Self {
        Self {
            state: Mutex::new(State {
                free: number,
                waiting: Turns::new(),
            }),
            maximum_waiting,
        }
    }

    /// Takes a place, and waits for one if there is none.
    pub(crate) async fn take(
        self: &Arc<Self>,
        requester: &Arc<Requester>,
        patience: Duration,
    ) -> Result<FairPlace, NoPlace> {
        let (ticket, turn) = {
            let mut state = self.state.lock();
            if state.free > 0 {
                state.free -= 1;
                return Ok(FairPlace(Arc::clone(self)));
            }
            let (sender, turn) = oneshot::channel();
            let ticket = state.waiting.push(requester, self.maximum_waiting, || sender);
            (ticket.ok_or(NoPlace::TooManyWait)?, turn)
        };
        let waiting = Waiting::new(&**self, ticket, turn);
        if waiting.turn(patience).await {
            return Ok(FairPlace(Arc::clone(self)));
        }
        Err(NoPlace::NotInTime)
    }

    #[cfg(test)]
    pub(crate) fn free(&self) -> usize {
        self.state.lock().free
    }

    #[cfg(test)]
    pub(crate) fn waiting(&self) -> usize {
        self.state.lock().waiting.users()
    }
}

impl Line for FairPlaces {
    fn leave(&self, ticket: &Ticket) {
        self.state.lock().waiting.remove(ticket);
    }

    /// A place is nobody's: the next one's, or free. So places are free only while nobody waits.
    fn give_back(&self) {
        let mut state = self.state.lock();
        while let Some(next) = state.waiting.next() {
            if next.send(()).is_ok() {
                return;
            }
        }
        state.free += 1;
    }
}

impl Drop for FairPlace {
    fn drop(&mut self) {
        self.0.give_back();
    }
}
