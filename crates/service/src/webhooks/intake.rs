//! Taking webhooks in: each is verified, stored once, and only then acknowledged. The work is done afterwards.
//!
//! Deliveries that arrive while others are being stored wait together and are stored together: the busier it is, the
//! more of them one transaction takes, and none waits longer than for the one before.

use std::{collections::BTreeMap, sync::Arc};

use billfold_domain::{Clock, ProjectId, ProjectScope};
use billfold_store::{NewWebhookEvent, StoreError, WebhookEvents, WebhookObject};
use billfold_stripe::{
    Event, EventParseError, EventType,
    webhook::{SignatureError, verify},
};
use tokio::{
    sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc, oneshot},
    task::JoinSet,
};

use crate::{Service, ServiceError, Tenant};

/// How many deliveries are taken in at once, from the first byte of the body to the answer: with bodies of 512 KiB at
/// most, a bound on memory too.
const PLACES: usize = 1_024;

/// How many events one transaction stores at most, so that none lasts long.
const BATCH: usize = 500;

/// How many projects' transactions run at once: a few of the database's connections, since requests need them too.
const TRANSACTIONS_AT_ONCE: usize = 4;

/// What a webhook's sender sent.
#[derive(Clone, Copy, Debug)]
pub struct StripeDelivery<'a> {
    /// The project in the path, as it stands there.
    pub project: &'a str,
    /// The header `Stripe-Signature`, when there is exactly one and it is text.
    pub signature: Option<&'a str>,
    /// The body, byte by byte as it was signed.
    pub body: &'a [u8],
}

/// Why a webhook is not taken in.
#[derive(Clone, Debug, thiserror::Error)]
pub enum WebhookError {
    /// It is not an event that Stripe signed for this project just now. Why not is for the log: the sender may be anyone.
    #[error("the webhook is not believed")]
    Rejected,
    /// It cannot be stored now: Stripe delivers it again later.
    #[error(transparent)]
    Failed(#[from] ServiceError),
}

/// Why a webhook is rejected, for the log.
#[derive(Debug, thiserror::Error)]
enum Reason {
    #[error("there is no such project")]
    Project,
    #[error("it must have one Stripe-Signature header")]
    Header,
    #[error("the project has no webhook secret")]
    NoSecret,
    #[error(transparent)]
    Signature(#[from] SignatureError),
    #[error(transparent)]
    Event(#[from] EventParseError),
}

/// Why a webhook is not taken in, before the reason is hidden.
enum Refusal {
    Rejected(Reason),
    Failed(ServiceError),
}

impl<R: Into<Reason>> From<R> for Refusal {
    fn from(reason: R) -> Self {
        Self::Rejected(reason.into())
    }
}

/// A place among the deliveries that are taken in at once.
#[derive(Debug)]
pub struct WebhookPlace {
    _permit: OwnedSemaphorePermit,
}

impl Service {
    /// A place for a delivery whose body is about to be read; it is free again when it is dropped.
    /// [`ServiceError::Unavailable`] when there is none.
    pub fn webhook_place(&self) -> Result<WebhookPlace, ServiceError> {
        Arc::clone(&self.parts.webhook_intake.places)
            .try_acquire_owned()
            .map(|permit| WebhookPlace { _permit: permit })
            .map_err(|_| ServiceError::unavailable("too many webhooks are being taken in"))
    }

    /// Stores a webhook's event, unless the project has it already. It returns when that is committed.
    pub async fn accept_webhook(
        &self,
        place: WebhookPlace,
        delivery: &StripeDelivery<'_>,
    ) -> Result<(), WebhookError> {
        let (tenant, event) = self.believe(delivery).await.map_err(|refusal| match refusal {
            Refusal::Rejected(reason) => {
                tracing::info!(%reason, "a webhook was rejected");
                WebhookError::Rejected
            }
            Refusal::Failed(error) => WebhookError::Failed(error),
        })?;
        let new = new_event(&tenant, event);
        self.parts.webhook_intake.store(tenant.scope, new).await?;
        drop(place);
        Ok(())
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the signature authorises, and what verifies it has to be looked up under the project first"
    )]
    async fn believe(&self, delivery: &StripeDelivery<'_>) -> Result<(Tenant, Event), Refusal> {
        let project = ProjectId::parse(delivery.project).map_err(|_| Refusal::Rejected(Reason::Project))?;
        let signature = delivery.signature.ok_or(Reason::Header)?;
        let now = self.parts.webhook_intake.committer.clock.now();
        // A header that no secret could make right is not worth a look into the database.
        match verify(signature, &[], &[], now) {
            Ok(()) | Err(SignatureError::NoMatch) => {}
            Err(error) => return Err(error.into()),
        }
        let tenant = match self.parts.tenants.find(ProjectScope::authorized(project)).await {
            Ok(tenant) => tenant,
            Err(ServiceError::ProjectNotFound) => return Err(Reason::Project.into()),
            Err(error) => return Err(Refusal::Failed(error)),
        };
        if tenant.webhook_secrets().is_empty() {
            return Err(Reason::NoSecret.into());
        }
        verify(signature, delivery.body, tenant.webhook_secrets(), now)?;
        Ok((tenant, Event::parse(delivery.body)?))
    }
}

/// What is kept of an event. One of another connected account than the project's is kept and makes no work: a platform's
/// endpoint hears of all its accounts.
pub(crate) fn new_event(tenant: &Tenant, event: Event) -> NewWebhookEvent {
    let Event {
        id,
        event_type,
        object,
        account,
        created,
        ..
    } = event;
    let acted_upon = !matches!(event_type, EventType::Other(_));
    let elsewhere = account.is_some() && account.as_ref() != tenant.connected_account();
    let work = object
        .id
        .as_deref()
        .filter(|_| acted_upon && !elsewhere)
        .and_then(|id| WebhookObject::parse(&object.object_type, id));
    NewWebhookEvent {
        id: id.as_str().to_owned(),
        event_type: event_type.as_str().to_owned(),
        object_type: object.object_type.into(),
        object_id: object.id.map(Into::into),
        created_at: created,
        work,
    }
}

/// An event that waits to be stored, and who waits for that.
struct Waiting {
    scope: ProjectScope,
    event: NewWebhookEvent,
    answer: oneshot::Sender<Result<(), ServiceError>>,
}

/// Where deliveries wait for the committer.
pub(crate) struct Intake {
    places: Arc<Semaphore>,
    queue: mpsc::UnboundedSender<Waiting>,
    committer: Committer,
}

/// What stores them.
#[derive(Clone)]
struct Committer {
    events: WebhookEvents,
    clock: Arc<dyn Clock>,
    /// Called when there is new work.
    work: Arc<Notify>,
}

impl Intake {
    /// Starts the committer on the current runtime. It ends with the intake.
    pub(crate) fn start(events: WebhookEvents, clock: Arc<dyn Clock>) -> Self {
        let committer = Committer {
            events,
            clock,
            work: Arc::default(),
        };
        // Bounded all the same: whoever sends has a place.
        let (queue, waiting) = mpsc::unbounded_channel();
        tokio::spawn(committer.clone().run(waiting));
        Self {
            places: Arc::new(Semaphore::new(PLACES)),
            queue,
            committer,
        }
    }

    /// Called when there is new work.
    pub(crate) fn work(&self) -> Arc<Notify> {
        Arc::clone(&self.committer.work)
    }

    async fn store(&self, scope: ProjectScope, event: NewWebhookEvent) -> Result<(), ServiceError> {
        let (answer, answered) = oneshot::channel();
        let waiting = Waiting { scope, event, answer };
        let ended = || ServiceError::unavailable("nobody stores webhooks any more");
        self.queue.send(waiting).map_err(|_| ended())?;
        answered.await.unwrap_or_else(|_| Err(ended()))
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
            for group in projects.into_values() {
                if transactions.len() >= TRANSACTIONS_AT_ONCE {
                    transactions.join_next().await;
                }
                let committer = self.clone();
                transactions.spawn(async move { committer.store(group).await });
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
                // Whoever is gone hears of it from the next delivery.
                drop(answer.send(stored.map_err(ServiceError::from)));
            }
            return;
        }
        let stored = stored.map_err(ServiceError::from);
        for answer in answers {
            drop(answer.send(stored.clone()));
        }
    }

    async fn record(&self, scope: &ProjectScope, events: &[NewWebhookEvent]) -> Result<(), StoreError> {
        let new = self.events.record(scope, events, self.clock.now()).await?;
        if new > 0 {
            self.work.notify_one();
        }
        Ok(())
    }
}
