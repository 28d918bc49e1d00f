//! Storing the events that come in.
//!
//! Deliveries that arrive while others are being stored wait together and are stored together: the busier it is, the
//! more of them one transaction takes, and none waits longer than for the one before.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use billfold_domain::{Clock, ProjectId, ProjectScope};
use billfold_store::{NewWebhookEvent, StoreError, WebhookEvents};
use tokio::{
    sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc, oneshot},
    task::JoinSet,
};
use tracing::Instrument as _;

use crate::{ServiceError, background, rate_limits::HardLimits};

/// How many deliveries are taken in at once, from the first byte of the body until the event is stored, whether or not
/// the sender stays to hear of it: with bodies of 512 KiB at most, a bound on memory too.
const PLACES: usize = 1_024;

/// How long a sender waits for its event to be stored. It is stored all the same where that takes longer, and Stripe's
/// next delivery finds it there.
const PATIENCE: Duration = Duration::from_secs(10);

/// How many events one transaction stores at most, so that none lasts long.
const BATCH: usize = 500;

/// How many projects' transactions run at once: a few of the database's connections, since requests need them too.
const TRANSACTIONS_AT_ONCE: usize = 4;

/// A place among the deliveries that are taken in at once. It is free again when this is dropped.
#[derive(Debug)]
pub(super) struct WebhookPlace {
    _permit: OwnedSemaphorePermit,
}

/// An event that waits to be stored, and who waits for that.
struct Waiting {
    scope: ProjectScope,
    event: NewWebhookEvent,
    answer: Answer,
}

/// Who waits for an event to be stored. A sender that hangs up keeps its place until then, so that those who come and go
/// cannot make more events wait than there are places.
struct Answer {
    sender: oneshot::Sender<Result<(), ServiceError>>,
    place: WebhookPlace,
}

impl Answer {
    fn give(self, stored: Result<(), ServiceError>) {
        // Whoever is gone hears of it from the next delivery.
        drop(self.sender.send(stored));
        drop(self.place);
    }
}

/// Where deliveries wait for the committer.
pub(crate) struct Intake {
    pub(super) queue: Queue,
    work: Arc<Notify>,
}

/// The deliveries that wait, as those who bring them see it.
pub(super) struct Queue {
    places: Arc<Semaphore>,
    waiting: mpsc::UnboundedSender<Waiting>,
    patience: Duration,
}

/// What stores them.
#[derive(Clone)]
struct Committer {
    events: WebhookEvents,
    clock: Arc<dyn Clock>,
    limits: Arc<HardLimits>,
    work: Arc<Notify>,
}

impl Intake {
    /// Starts the committer on the current runtime. It ends with the intake.
    pub(crate) fn start(events: WebhookEvents, clock: Arc<dyn Clock>, limits: Arc<HardLimits>) -> Self {
        let work = Arc::default();
        let committer = Committer {
            events,
            clock,
            limits,
            work: Arc::clone(&work),
        };
        let (queue, waiting) = Queue::new(PATIENCE);
        tokio::spawn(committer.run(waiting));
        Self { queue, work }
    }

    /// Called when there is new work.
    pub(crate) fn work(&self) -> Arc<Notify> {
        Arc::clone(&self.work)
    }
}

impl Queue {
    fn new(patience: Duration) -> (Self, mpsc::UnboundedReceiver<Waiting>) {
        let (waiting, receiver) = mpsc::unbounded_channel(); // Bounded all the same: whatever waits has a place.
        let places = Arc::new(Semaphore::new(PLACES));
        let queue = Self {
            places,
            waiting,
            patience,
        };
        (queue, receiver)
    }

    /// A place for one more. [`ServiceError::Unavailable`] when as many as can be are being taken in.
    pub(super) fn place(&self) -> Result<WebhookPlace, ServiceError> {
        Arc::clone(&self.places)
            .try_acquire_owned()
            .map(|permit| WebhookPlace { _permit: permit })
            .map_err(|_| ServiceError::unavailable("too many webhooks are being taken in"))
    }

    /// Returns when the event is committed, or when that takes too long.
    pub(super) async fn store(
        &self,
        place: WebhookPlace,
        scope: ProjectScope,
        event: NewWebhookEvent,
    ) -> Result<(), ServiceError> {
        let (sender, answered) = oneshot::channel();
        let answer = Answer { sender, place };
        let ended = || ServiceError::unavailable("nobody stores webhooks any more");
        let waiting = Waiting { scope, event, answer };
        self.waiting.send(waiting).map_err(|_| ended())?;
        match tokio::time::timeout(self.patience, answered).await {
            Ok(answer) => answer.unwrap_or_else(|_| Err(ended())),
            Err(_) => Err(ServiceError::unavailable(
                "storing the webhook takes too long; it goes on by itself",
            )),
        }
    }
}

impl Committer {
    async fn run(self, mut queue: mpsc::UnboundedReceiver<Waiting>) {
        let mut batch = Vec::new();
        while queue.recv_many(&mut batch, BATCH).await > 0 {
            let mut projects: BTreeMap<ProjectId, Vec<Waiting>> = BTreeMap::new();
            for waiting in batch.drain(..) {
                let project = waiting.scope.project().clone();
                projects.entry(project).or_default().push(waiting);
            }
            let mut transactions = JoinSet::new();
            for (project, group) in projects {
                if transactions.len() >= TRANSACTIONS_AT_ONCE {
                    transactions.join_next().await;
                }
                let committer = self.clone();
                let span = background::span("storeWebhooks", &project);
                transactions.spawn(async move { committer.store(group).await }.instrument(span));
            }
            // A task that panicked has dropped its answers, which tells those who wait.
            while transactions.join_next().await.is_some() {}
        }
    }

    /// Stores the events of one project in one transaction, and answers each.
    async fn store(&self, group: Vec<Waiting>) {
        let Some(scope) = group.first().map(|waiting| waiting.scope.clone()) else {
            return;
        };
        let (events, answers): (Vec<_>, Vec<_>) = group
            .into_iter()
            .map(|waiting| (waiting.event, waiting.answer))
            .unzip();
        let stored = self.record(&scope, &events).await;
        let alone = events.len() == 1;
        if let (Err(StoreError::Internal(_)), false) = (&stored, alone) {
            // One that cannot be stored must not keep the others out.
            for (event, answer) in events.into_iter().zip(answers) {
                let stored = self.record(&scope, &[event]).await;
                answer.give(stored.map_err(ServiceError::from));
            }
            return;
        }
        let stored = stored.map_err(ServiceError::from);
        for answer in answers {
            answer.give(stored.clone());
        }
    }

    async fn record(&self, scope: &ProjectScope, events: &[NewWebhookEvent]) -> Result<(), StoreError> {
        let new = self.events.record_new(scope, events, self.clock.now()).await?;
        let count = |outcome: &'static str, number: usize| {
            let number = u64::try_from(number).unwrap_or(u64::MAX);
            metrics::counter!("billfold_webhooks_total", "outcome" => outcome).increment(number);
        };
        count("stored", new.len());
        count("duplicate", events.len().saturating_sub(new.len()));
        if !new.is_empty() {
            self.work.notify_one();
            self.limits.count_refused_on_pages(scope, events, new).await;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed test should panic")]

    use billfold_domain::UtcTimestamp;

    use super::*;

    #[expect(clippy::disallowed_methods, reason = "there is nobody to authorise")]
    fn scope() -> ProjectScope {
        ProjectScope::authorized(ProjectId::parse("demo").unwrap())
    }

    fn event() -> NewWebhookEvent {
        NewWebhookEvent {
            id: "evt_1".to_owned(),
            event_type: "customer.created".to_owned(),
            object_type: "customer".to_owned(),
            object_id: None,
            created_at: UtcTimestamp::from_seconds(0),
            work: None,
        }
    }

    #[tokio::test]
    async fn who_waits_too_long_is_told_so_and_keeps_its_place_until_the_event_is_stored() {
        let (queue, mut waiting) = Queue::new(Duration::from_millis(1));
        let stored = queue.store(queue.place().unwrap(), scope(), event()).await;
        assert!(
            matches!(stored, Err(ServiceError::Unavailable { .. })),
            "{stored:?}"
        );
        assert_eq!(queue.places.available_permits(), PLACES - 1);
        waiting.recv().await.unwrap().answer.give(Ok(()));
        assert_eq!(queue.places.available_permits(), PLACES);
    }

    #[tokio::test]
    async fn who_hangs_up_keeps_its_place_until_the_event_is_stored() {
        let (queue, mut waiting) = Queue::new(PATIENCE);
        let storing = queue.store(queue.place().unwrap(), scope(), event());
        let hangs_up = tokio::time::timeout(Duration::ZERO, storing).await;
        assert!(hangs_up.is_err(), "nobody has stored it");
        assert_eq!(queue.places.available_permits(), PLACES - 1);
        waiting.recv().await.unwrap().answer.give(Ok(()));
        assert_eq!(queue.places.available_permits(), PLACES);
    }
}
