//! How much of an instance one project may take: one whose Stripe hangs costs the others nothing.
//!
//! What may call Stripe takes a place of its project's first, and keeps it until it ends, whether or not its caller has
//! stayed. Once all places are taken, callers wait for one for a moment, in a queue of their project's own in which its users
//! take turns, and are then told to come again. The background's work is bounded by [`Places`](crate::places::Places); its calls to Stripe count here
//! too.

use std::{
    collections::HashMap,
    future::Future,
    sync::{Arc, Weak},
    time::Duration,
};

use billfold_domain::ProjectId;
use billfold_store::{ConnectionShare, Database};
use billfold_stripe::{NotSentReason, StripeError};
use parking_lot::Mutex;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::{
    ServiceError,
    fair_places::{FairPlace, FairPlaces, NoPlace},
    turns::Requester,
};

/// How much of an instance one project may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BulkheadOptions {
    /// How many use cases that may call Stripe run at once: 64.
    pub use_cases: usize,
    /// How many more may wait for that: 64.
    pub waiting: usize,
    /// How many calls to Stripe are under way at once, those of the background included: 64.
    pub stripe_calls: usize,
    /// How long a use case, or a call, waits for its place: 2 seconds.
    pub patience: Duration,
}

impl Default for BulkheadOptions {
    fn default() -> Self {
        Self {
            use_cases: 64,
            waiting: 64,
            stripe_calls: 64,
            patience: Duration::from_secs(2),
        }
    }
}

type InUse = Mutex<HashMap<ProjectId, Weak<Bulkhead>>>;

/// The bulkheads of the projects that have something under way. Those of others take no memory.
pub(crate) struct Bulkheads {
    options: BulkheadOptions,
    database: Database,
    in_use: Arc<InUse>,
}

/// What one project may take.
pub(crate) struct Bulkhead {
    project: ProjectId,
    use_cases: Arc<FairPlaces>,
    stripe_calls: Semaphore,
    connections: ConnectionShare,
    patience: Duration,
    in_use: Arc<InUse>,
}

/// A use case's place. It is free again when this is dropped.
pub(crate) struct UseCasePlace {
    bulkhead: Arc<Bulkhead>,
    _place: FairPlace,
}

impl Bulkheads {
    pub(crate) fn new(options: BulkheadOptions, database: Database) -> Self {
        Self {
            options,
            database,
            in_use: Arc::default(),
        }
    }

    /// The bulkhead of a project that somebody was authorised for.
    pub(crate) fn of(&self, project: &ProjectId) -> Arc<Bulkhead> {
        let mut in_use = self.in_use.lock();
        if let Some(bulkhead) = in_use.get(project).and_then(Weak::upgrade) {
            return bulkhead;
        }
        let bulkhead = Arc::new(Bulkhead {
            project: project.clone(),
            use_cases: Arc::new(FairPlaces::new(self.options.use_cases, self.options.waiting)),
            stripe_calls: Semaphore::new(self.options.stripe_calls),
            connections: self.database.connection_share(),
            patience: self.options.patience,
            in_use: Arc::clone(&self.in_use),
        });
        in_use.insert(project.clone(), Arc::downgrade(&bulkhead));
        bulkhead
    }
}

impl Drop for Bulkhead {
    fn drop(&mut self) {
        let mut in_use = self.in_use.lock();
        // Another may have come since the last one let go of this.
        if in_use
            .get(&self.project)
            .is_some_and(|bulkhead| bulkhead.strong_count() == 0)
        {
            in_use.remove(&self.project);
        }
    }
}

impl Bulkhead {
    /// A place for a use case. [`ServiceError::Unavailable`] where there is none in time, and at once where as many as may
    /// be are waiting for one.
    pub(crate) async fn place(
        self: Arc<Self>,
        requester: &Arc<Requester>,
    ) -> Result<UseCasePlace, ServiceError> {
        let place = self.use_cases.take(requester, self.patience).await;
        let place = place.map_err(|reason| {
            ServiceError::unavailable(match reason {
                NoPlace::TooManyWait => "too much of the project is waiting already",
                NoPlace::NotInTime => "as much of the project as may be is under way",
            })
        })?;
        Ok(UseCasePlace {
            bulkhead: self,
            _place: place,
        })
    }

    /// A place for a call to Stripe. Without one in time the call is never sent.
    pub(crate) async fn stripe_call(&self) -> Result<SemaphorePermit<'_>, StripeError> {
        let place = tokio::time::timeout(self.patience, self.stripe_calls.acquire()).await;
        // Nothing here closes a semaphore.
        place
            .ok()
            .and_then(Result::ok)
            .ok_or(StripeError::NotSent(NotSentReason::TooManyUnderWay))
    }

    /// Runs the project's work with its share of the database's connections.
    pub(crate) async fn with_connections<T>(&self, work: impl Future<Output = T>) -> T {
        self.connections.clone().within(work).await
    }
}

impl UseCasePlace {
    /// Runs the use case in this place, which is free again when it has ended.
    pub(crate) async fn run<T>(self, use_case: impl Future<Output = T>) -> T {
        self.bulkhead.with_connections(use_case).await
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed test should panic")]

    use billfold_domain::UserId;
    use billfold_store::DatabaseOptions;

    use super::*;

    async fn bulkheads(patience: Duration) -> Bulkheads {
        let database = Database::connect(&DatabaseOptions::new("sqlite://:memory:")).await;
        let options = BulkheadOptions {
            use_cases: 2,
            waiting: 1,
            stripe_calls: 1,
            patience,
        };
        Bulkheads::new(options, database.unwrap())
    }

    fn project(name: &str) -> ProjectId {
        ProjectId::parse(name).unwrap()
    }

    fn user(name: &str) -> Arc<Requester> {
        Requester::of(&project("demo"), Some(&UserId::parse(name).unwrap()))
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_full_project_waits_and_no_other_does() {
        let bulkheads = bulkheads(Duration::from_millis(5)).await;
        let demo = project("demo");
        let first = bulkheads.of(&demo).place(&user("usr_alice")).await.unwrap();
        let second = bulkheads.of(&demo).place(&user("usr_alice")).await.unwrap();
        let refused = bulkheads.of(&demo).place(&user("usr_alice")).await.map(|_| ());
        assert!(
            matches!(refused, Err(ServiceError::Unavailable { retry_after, .. }) if retry_after > Duration::ZERO),
            "{refused:?}"
        );
        assert!(
            bulkheads
                .of(&project("acme"))
                .place(&user("usr_alice"))
                .await
                .is_ok()
        );
        drop(first);
        assert!(bulkheads.of(&demo).place(&user("usr_alice")).await.is_ok());
        drop(second);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn who_waits_gets_the_next_place_and_no_more_may_wait_than_may() {
        let bulkheads = bulkheads(Duration::from_mins(1)).await;
        let demo = project("demo");
        let first = bulkheads.of(&demo).place(&user("usr_alice")).await.unwrap();
        let _second = bulkheads.of(&demo).place(&user("usr_alice")).await.unwrap();
        let bulkhead = bulkheads.of(&demo);
        let of_alice = user("usr_alice");
        let place = Arc::clone(&bulkhead);
        let waiting = tokio::spawn(async move { place.place(&of_alice).await });
        while bulkhead.use_cases.waiting() == 0 {
            tokio::task::yield_now().await;
        }
        assert!(
            bulkheads.of(&demo).place(&user("usr_alice")).await.is_err(),
            "it should not wait a minute"
        );
        drop(first);
        assert!(waiting.await.unwrap().is_ok());
        assert_eq!(bulkhead.use_cases.waiting(), 0);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_user_who_asks_for_much_keeps_no_other_out() {
        let bulkheads = bulkheads(Duration::from_mins(1)).await;
        let bulkhead = bulkheads.of(&project("demo"));
        let (much, little) = (user("usr_much"), user("usr_little"));
        let mut places = Vec::new();
        for _ in 0..2 {
            places.push(Arc::clone(&bulkhead).place(&much).await.unwrap());
        }
        let wait = |requester: &Arc<Requester>| {
            let (bulkhead, requester) = (Arc::clone(&bulkhead), Arc::clone(requester));
            tokio::spawn(async move { bulkhead.place(&requester).await })
        };
        let waiting = wait(&much);
        while bulkhead.use_cases.waiting() == 0 {
            tokio::task::yield_now().await;
        }
        // Only one may wait here, and nobody's only one is driven away.
        assert!(Arc::clone(&bulkhead).place(&little).await.is_err());
        // Whoever stops waiting makes room.
        waiting.abort();
        assert!(waiting.await.is_err());
        assert_eq!(bulkhead.use_cases.waiting(), 0);
        let waiting = wait(&little);
        while bulkhead.use_cases.waiting() == 0 {
            tokio::task::yield_now().await;
        }
        drop(places.pop());
        let place = waiting.await.unwrap().unwrap();
        assert_eq!(bulkhead.use_cases.free(), 0);
        drop((place, places));
        assert_eq!(bulkhead.use_cases.free(), 2);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_place_is_kept_until_the_work_has_ended() {
        let bulkheads = bulkheads(Duration::from_mins(1)).await;
        let demo = project("demo");
        let (end, ended) = tokio::sync::oneshot::channel::<()>();
        let place = bulkheads.of(&demo).place(&user("usr_alice")).await.unwrap();
        let bulkhead = bulkheads.of(&demo);
        let work = tokio::spawn(place.run(ended));
        assert_eq!(bulkhead.use_cases.free(), 1);
        drop(end);
        drop(work.await.unwrap());
        assert_eq!(bulkhead.use_cases.free(), 2);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_call_that_finds_no_place_is_not_sent() {
        let bulkheads = bulkheads(Duration::from_millis(5)).await;
        let bulkhead = bulkheads.of(&project("demo"));
        let call = bulkhead.stripe_call().await.unwrap();
        assert!(matches!(
            bulkhead.stripe_call().await,
            Err(StripeError::NotSent(NotSentReason::TooManyUnderWay))
        ));
        drop(call);
        assert!(bulkhead.stripe_call().await.is_ok());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn projects_that_have_nothing_under_way_take_no_memory() {
        let bulkheads = bulkheads(Duration::ZERO).await;
        for number in 0..100 {
            drop(bulkheads.of(&project(&format!("project-{number}"))));
        }
        let place = bulkheads
            .of(&project("demo"))
            .place(&user("usr_alice"))
            .await
            .unwrap();
        assert_eq!(bulkheads.in_use.lock().len(), 1);
        drop(place);
        assert_eq!(bulkheads.in_use.lock().len(), 0);
    }
}
