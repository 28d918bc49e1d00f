//! An issuer's keys as they are now.

use std::sync::{
    Arc,
    atomic::{AtomicI64, AtomicU64, Ordering},
};

use billfold_domain::UtcTimestamp;
use parking_lot::RwLock;

use crate::{KeySetError, key_set::KeySet};

/// The key set that is in force, read by every request and replaced by one caller at a time.
pub(crate) struct KeysInForce {
    issuer: Arc<str>,
    development_allowed: bool,
    current: RwLock<Arc<KeySet>>,
    /// The current set's generation, to be compared without a lock.
    generation: AtomicU64,
    /// When the set stops being good unless it is confirmed: microseconds since the epoch.
    until: AtomicI64,
}

impl KeysInForce {
    /// The first set of an issuer, which must have a key.
    pub(crate) fn first(
        issuer: Arc<str>,
        development_allowed: bool,
        text: &[u8],
    ) -> Result<Self, KeySetError> {
        let set = KeySet::parse(text, 1, development_allowed)?;
        if set.len() == 0 {
            return Err(KeySetError::Empty);
        }
        Ok(Self {
            issuer,
            development_allowed,
            generation: AtomicU64::new(set.generation),
            current: RwLock::new(Arc::new(set)),
            until: AtomicI64::new(i64::MAX),
        })
    }

    pub(crate) fn issuer(&self) -> &Arc<str> {
        &self.issuer
    }

    pub(crate) fn get(&self) -> Arc<KeySet> {
        Arc::clone(&self.current.read())
    }

    /// Which key set is in force.
    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Whether the set may still be relied on.
    pub(crate) fn are_good_at(&self, now: UtcTimestamp) -> bool {
        now.microseconds() < self.until.load(Ordering::Acquire)
    }

    /// Lets the set be good until then and no longer.
    pub(crate) fn keep_until(&self, until: UtcTimestamp) {
        self.until.store(until.microseconds(), Ordering::Release);
    }

    /// Puts a newly published set in the place of the one in force, unless it cannot be used.
    ///
    /// A set without keys is no fault here: so does an issuer look that has revoked its only key.
    pub(crate) fn replace(&self, text: &[u8]) -> Result<(), KeySetError> {
        let generation = self.generation() + 1;
        let set = KeySet::parse(text, generation, self.development_allowed)?;
        if set.len() == 0 {
            tracing::error!(issuer = %self.issuer, "the issuer's key set has no key for signatures now: none of its tokens is accepted");
        } else {
            tracing::info!(issuer = %self.issuer, keys = set.len(), "the issuer's key set was replaced");
        }
        let mut current = self.current.write();
        *current = Arc::new(set);
        self.generation.store(generation, Ordering::Release);
        Ok(())
    }
}

/// Whether the times are less than the interval apart, whichever is the later: callers read the clock before they come
/// here, so who comes second may bring the earlier time. A clock set back by more than the interval holds nothing up.
pub(crate) fn within(now: UtcTimestamp, since: UtcTimestamp, interval: time::Duration) -> bool {
    now < since.plus(interval) && since < now.plus(interval)
}
