//! That this instance lives, and how many others do.

use std::{
    num::NonZeroU32,
    sync::{
        Arc, Weak,
        atomic::{AtomicU32, Ordering},
    },
};

use billfold_store::Instances;
use tokio::{sync::watch, task::JoinHandle};

use crate::{Service, reconciler::waits, service::Parts, world::Surroundings as _};

/// After how many heartbeats without a word an instance is taken to be gone.
const SILENT_BEATS: u32 = 3;

/// How many instances share what they grant together, as far as this one knows.
pub(crate) struct Living {
    /// What the shares go by.
    assumed: AtomicU32,
    /// What the last heartbeat saw.
    seen: AtomicU32,
}

impl Living {
    pub(crate) fn alone() -> Self {
        Self {
            assumed: AtomicU32::new(1),
            seen: AtomicU32::new(1),
        }
    }

    pub(crate) fn number(&self) -> NonZeroU32 {
        NonZeroU32::new(self.assumed.load(Ordering::Relaxed)).unwrap_or(NonZeroU32::MIN)
    }

    /// Takes note of what a heartbeat saw. More instances make smaller shares at once; fewer make larger ones when two
    /// heartbeats in a row agree, since all may fall silent together while the database is away.
    pub(crate) fn note(&self, living: NonZeroU32) {
        let before = self.seen.swap(living.get(), Ordering::Relaxed);
        self.assumed.store(living.get().max(before), Ordering::Relaxed);
    }
}

/// The heartbeat of one instance. It goes on until it is stopped or the service is gone.
pub struct Presence {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Service {
    /// Lets other instances know of this one, where they share limits, and returns when the first heartbeat has been tried.
    pub async fn announce(&self) -> Option<Presence> {
        if !self.parts.has_shares {
            return None;
        }
        let heart = Heart {
            instances: Instances::new(self.parts.database.clone()),
            id: self.parts.engine.world.operation_name(),
            living: Arc::clone(&self.parts.living),
            interval: self.parts.rate_limits.heartbeat,
        };
        heart.beat().await;
        let (stop, stopped) = watch::channel(false);
        let task = self
            .parts
            .runtime
            .spawn(heart.run(Arc::downgrade(&self.parts), stopped));
        Some(Presence { stop, task })
    }

    /// How many instances are taken to live, this one included.
    pub fn living_instances(&self) -> u32 {
        self.parts.living.number().get()
    }
}

impl Presence {
    /// Says that the instance lives no more, so that the others' shares grow soon.
    pub async fn leave(self) {
        self.stop.send_replace(true);
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the heartbeat ended badly");
        }
    }
}

struct Heart {
    instances: Instances,
    id: String,
    living: Arc<Living>,
    interval: std::time::Duration,
}

impl Heart {
    async fn beat(&self) {
        match self
            .instances
            .announce(&self.id, self.interval * SILENT_BEATS)
            .await
        {
            Ok(living) => self.living.note(living),
            // Whoever cannot be counted goes on with the share that it has.
            Err(error) => tracing::warn!(%error, "how many instances live cannot be looked up"),
        }
    }

    async fn run(self, parts: Weak<Parts>, mut stopped: watch::Receiver<bool>) {
        while waits(self.interval, &mut stopped).await {
            self.beat().await;
            let Some(parts) = parts.upgrade() else { return };
            parts.soft_limits.sweep(parts.engine.world.now());
            parts.engine.world.pacers.sweep();
        }
        if let Err(error) = self.instances.leave(&self.id).await {
            tracing::warn!(%error, "the instance could not take its leave; the others will miss it");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_fall_at_once_and_grow_when_two_heartbeats_agree() {
        let living = Living::alone();
        let after = |number| {
            living.note(NonZeroU32::new(number).expect("not 0"));
            living.number().get()
        };
        assert_eq!(after(1), 1);
        assert_eq!(after(3), 3);
        assert_eq!(after(2), 3, "one may only be late");
        assert_eq!(after(2), 2);
        assert_eq!(after(1), 2);
        assert_eq!(after(4), 4);
    }
}
