//! Keeps the keys that come over the network fresh.

use std::sync::Arc;

use billfold_domain::Clock;
use tokio::task::JoinSet;

use crate::Verifier;

/// Fetches key sets in the background, whether or not requests come: a revocation must not wait for one. It ends when
/// it is dropped.
///
/// Each issuer has a task of its own, so one whose address hangs holds up no other.
#[derive(Debug)]
#[must_use = "the keys are fetched only as long as it is kept"]
pub struct KeyRefresher {
    _tasks: JoinSet<()>,
}

impl Verifier {
    /// Begins to fetch the key sets that have an address, every [`KEY_SET_FETCH_INTERVAL`](crate::KEY_SET_FETCH_INTERVAL)
    /// by this clock and when an unknown key asks for it. Must be called on the runtime that shall do it.
    pub fn keep_fresh(self: &Arc<Self>, clock: &Arc<dyn Clock>) -> KeyRefresher {
        let mut tasks = JoinSet::new();
        for (index, issuer) in self.issuers.iter().enumerate() {
            if issuer.is_remote() {
                let (verifier, clock) = (Arc::clone(self), Arc::clone(clock));
                tasks.spawn(async move {
                    let issuer = &verifier.issuers[index];
                    loop {
                        issuer.fetch_wanted().await;
                        issuer.fetch_when_due(clock.now()).await;
                    }
                });
            }
        }
        KeyRefresher { _tasks: tasks }
    }
}
