//! What the server, the deliveries and the control endpoints share.

use parking_lot::Mutex;
use tokio::sync::mpsc::UnboundedSender;

use crate::Options;
use crate::journal::Journal;
use crate::state::{Delivery, World};

/// The state, its journal and the queue of deliveries.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) options: Options,
    pub(crate) world: Mutex<World>,
    /// The state file while it is open.
    pub(crate) journal: Mutex<Option<Journal>>,
    pub(crate) deliveries: UnboundedSender<Delivery>,
}

impl Shared {
    /// Writes down what changed and hands over what is to be delivered. Called while the state is locked, so that the
    /// journal has the changes in their order, and before the answer, so that an answered change survives a crash.
    pub(crate) fn commit(&self, world: &mut World) {
        let changes = world.take_changes();
        if let (Some(journal), false) = (&mut *self.journal.lock(), changes.is_empty())
            && let Err(error) = journal.append(&changes)
        {
            tracing::error!(%error, "the sandbox's state file cannot be written; changes are in memory only");
        }
        for delivery in world.outbox.drain(..) {
            // A closed queue means that the sandbox is stopping: the journal remembers what was not delivered.
            let _closed = self.deliveries.send(delivery);
        }
    }

    /// Closes the state file, so that another sandbox can open it, whatever still holds this state.
    pub(crate) fn close(&self) {
        *self.journal.lock() = None;
    }
}
