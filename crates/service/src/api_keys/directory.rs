//! The keys that an instance knows.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use billfold_domain::{ApiKeyHash, Clock, UtcTimestamp};
use billfold_store::{ApiKeys, FoundApiKey};
use parking_lot::Mutex;
use time::Duration;

use super::{
    ApiKeyError, ApiKeyRefusal, VerifiedApiKey, budget::Budget, flights::Flights, recent::Recent, uses::Uses,
};
use crate::ServiceError;

/// How long the database's word on a key is taken.
const FRESH: Duration = Duration::seconds(30);

/// How many keys are remembered, and how many that are none.
const MAXIMUM_KNOWN: usize = 10_000;
const MAXIMUM_UNKNOWN: usize = 10_000;

/// How far apart two uses are that are noted: the database records no more of them.
const BETWEEN_USES: Duration = Duration::MINUTE;

/// A key as the database had it.
struct KnownApiKey {
    found: FoundApiKey,
    /// When the database was asked, not when it answered.
    asked_at: UtcTimestamp,
    /// In microseconds since 1970: the latest use that was noted; the distant past where there was none.
    noted_at: AtomicI64,
}

impl KnownApiKey {
    fn verify(&self, now: UtcTimestamp) -> Result<VerifiedApiKey, ApiKeyRefusal> {
        let FoundApiKey {
            project,
            id,
            scopes,
            expires_at,
            revoked_at,
            ..
        } = &self.found;
        if revoked_at.is_some() {
            return Err(ApiKeyRefusal::Revoked);
        }
        if expires_at.is_some_and(|end| end <= now) {
            return Err(ApiKeyRefusal::Expired);
        }
        Ok(VerifiedApiKey {
            project: project.clone(),
            id: id.clone(),
            scopes: *scopes,
        })
    }

    /// Whether this use is to be noted: one caller in a minute hears yes.
    fn is_to_be_noted(&self, now: UtcTimestamp) -> bool {
        let noted_at = self.noted_at.load(Ordering::Relaxed);
        UtcTimestamp::from_microseconds(noted_at).plus(BETWEEN_USES) <= now
            && self
                .noted_at
                .compare_exchange(noted_at, now.microseconds(), Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }
}

/// Looks keys up, and remembers what it found for a short while.
pub(crate) struct ApiKeyDirectory {
    keys: ApiKeys,
    clock: Arc<dyn Clock>,
    known: Recent<Arc<KnownApiKey>>,
    /// Hashes of no key, with the time at which the database was asked.
    unknown: Recent<UtcTimestamp>,
    budget: Mutex<Budget>,
    flights: Flights<Option<Arc<KnownApiKey>>>,
    uses: Uses,
}

impl ApiKeyDirectory {
    pub(crate) fn new(keys: ApiKeys, clock: Arc<dyn Clock>) -> Self {
        let budget = Budget::full(clock.now());
        Self {
            keys,
            clock,
            known: Recent::new(MAXIMUM_KNOWN),
            unknown: Recent::new(MAXIMUM_UNKNOWN),
            budget: Mutex::new(budget),
            flights: Flights::new(),
            uses: Uses::default(),
        }
    }

    pub(crate) async fn verify(&self, hash: ApiKeyHash) -> Result<VerifiedApiKey, ApiKeyError> {
        let now = self.clock.now();
        let key = match self.known.get(hash) {
            Some(known) if is_fresh(known.asked_at, now) => Some(known),
            None if self.unknown.get(hash).is_some_and(|at| is_fresh(at, now)) => None,
            stale => self.flights.answer(hash, || self.look_up(hash, stale)).await?,
        };
        let key = key.ok_or(ApiKeyRefusal::Unknown)?;
        // The database may have taken its time.
        let now = self.clock.now();
        let verified = key.verify(now)?;
        if key.is_to_be_noted(now) {
            self.uses.note(&verified.project, &verified.id, now);
        }
        Ok(verified)
    }

    pub(crate) async fn record_uses(&self) {
        self.uses.write(&self.keys).await;
    }

    /// Asks the database. A key that was seen before is looked up in any case, others as long as there is budget.
    async fn look_up(
        &self,
        hash: ApiKeyHash,
        stale: Option<Arc<KnownApiKey>>,
    ) -> Result<Option<Arc<KnownApiKey>>, ServiceError> {
        let asked_at = self.clock.now();
        if stale.is_none() && !self.budget.lock().take(asked_at) {
            return Err(ServiceError::unavailable(
                "too many unknown API keys: those that were not seen before wait",
            ));
        }
        let mut found = self.keys.find_by_hash(hash).await?;
        if found.len() > 1 {
            tracing::error!("two API keys have one hash: a row was copied by hand; neither is taken");
            found.clear();
        }
        let Some(found) = found.pop() else {
            self.known.remove(hash);
            self.unknown.insert(hash, asked_at);
            return Ok(None);
        };
        let recorded = found.last_used_at.map_or(i64::MIN, UtcTimestamp::microseconds);
        let noted = stale
            .as_ref()
            .map_or(i64::MIN, |stale| stale.noted_at.load(Ordering::Relaxed));
        let known = Arc::new(KnownApiKey {
            found,
            asked_at,
            // What is noted may not be recorded yet.
            noted_at: AtomicI64::new(recorded.max(noted)),
        });
        if stale.is_none() {
            self.budget.lock().give_back();
        }
        self.known.insert(hash, Arc::clone(&known));
        Ok(Some(known))
    }
}

/// Whether what was asked then still counts now. A clock that was put back makes nothing last longer.
fn is_fresh(asked_at: UtcTimestamp, now: UtcTimestamp) -> bool {
    asked_at <= now && now < asked_at.plus(FRESH)
}
