//! Looking at what webhooks tell of: in the background, project by project, one object after the other.
//!
//! The reads of one project are numbered and paced by the database, so any number of instances may run this. What fails
//! for a reason of its own is tried ten times and then parked; what fails because nothing of the project works just now is
//! tried when it works again. Where Stripe gives no answer or answers that it failed, that may be either: it counts
//! against the object only once Stripe answers about another object of the project.

use std::{
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

use billfold_domain::{ProjectId, ProjectScope};
use billfold_store::{ClaimedWork, WebhookObject};
use tokio::{
    sync::{Notify, Semaphore, watch},
    task::JoinHandle,
};
use tracing::Instrument as _;

use super::standing::{AtWork, LONGEST_PAUSE, Standings, doubled};
use crate::{
    Extent, Service, ServiceError, Tenant, background, engine::Refreshed, pace, service::Parts,
    world::Surroundings as _,
};

/// How many projects are worked on at once. Most of the time each waits for its next turn at Stripe.
const PROJECTS_AT_ONCE: usize = 16;

/// How many objects of one project are looked at before another project gets the place: five seconds' worth.
const OBJECTS_IN_A_ROUND: usize = 25;

/// How many looks at an object may come to nothing for a reason of its own.
const MAXIMUM_ATTEMPTS: i32 = 10;

/// Between what comes first and the round that it wakes: what follows at once comes along.
const GATHERING: Duration = Duration::from_millis(20);

/// How the background looks at what webhooks tell of.
#[derive(Clone, Copy, Debug)]
pub struct WebhookWorkerOptions {
    /// How often work is looked for that this instance was not told of.
    pub interval: Duration,
    /// How long to wait while an operation is open on the object.
    pub operation_retry: Duration,
    /// How long to wait after an object's first failure; twice as long after each further one.
    pub first_retry: Duration,
    /// The longest wait after a failure.
    pub longest_retry: Duration,
}

impl Default for WebhookWorkerOptions {
    fn default() -> Self {
        Self {
            interval: Duration::from_millis(250),
            operation_retry: Duration::from_secs(1),
            first_retry: Duration::from_secs(5),
            longest_retry: Duration::from_mins(30),
        }
    }
}

/// The background work of one instance.
pub struct WebhookWorker {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Service {
    /// Starts to look at what webhooks tell of. It goes on until it is stopped or the service is gone.
    pub fn start_webhook_worker(&self, options: WebhookWorkerOptions) -> WebhookWorker {
        let (stop, stopped) = watch::channel(false);
        let rounds = Rounds {
            parts: Arc::downgrade(&self.parts),
            work: self.parts.webhook_intake.work(),
            options,
            standings: Arc::default(),
            places: Arc::new(Semaphore::new(PROJECTS_AT_ONCE)),
        };
        WebhookWorker {
            stop,
            task: self.parts.runtime.spawn(rounds.run(stopped)),
        }
    }
}

impl WebhookWorker {
    /// Tells the work to begin nothing more.
    pub fn ask_to_stop(&self) {
        self.stop.send_replace(true);
    }

    /// Begins nothing more, and waits for what it has begun.
    pub async fn stop(self) {
        self.ask_to_stop();
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the webhook worker ended badly");
        }
    }
}

struct Rounds {
    parts: Weak<Parts>,
    work: Arc<Notify>,
    options: WebhookWorkerOptions,
    standings: Standings,
    places: Arc<Semaphore>,
}

impl Rounds {
    async fn run(self, mut stopped: watch::Receiver<bool>) {
        let mut look = Duration::ZERO;
        loop {
            tokio::select! {
                _ = stopped.wait_for(|stop| *stop) => break,
                () = self.told(look) => {}
                () = tokio::time::sleep(pace::rest(self.options.interval, look)) => {}
            }
            let Some(parts) = self.parts.upgrade() else { return };
            let began = Instant::now();
            let due = parts.webhook_work.projects_due().await;
            look = began.elapsed();
            match due {
                Ok(projects) => self.begin(&parts, projects, &stopped),
                Err(error) => tracing::warn!(%error, "what webhooks tell of cannot be looked for"),
            }
        }
        // Every place free again: all that was begun has ended.
        let all = u32::try_from(PROJECTS_AT_ONCE).unwrap_or(u32::MAX);
        drop(self.places.acquire_many(all).await);
    }

    /// Waits until this instance is told of work.
    async fn told(&self, look: Duration) {
        self.work.notified().await;
        tokio::time::sleep(pace::rest(GATHERING, look)).await;
    }

    fn begin(&self, parts: &Arc<Parts>, projects: Vec<ProjectId>, stopped: &watch::Receiver<bool>) {
        for project in projects {
            // Without a free place the project waits for a later round.
            let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
                return;
            };
            let Some(at_work) = AtWork::begin(&project, &self.standings, Instant::now()) else {
                continue;
            };
            let round = Round {
                parts: Arc::clone(parts),
                options: self.options,
                stopped: stopped.clone(),
                at_work,
            };
            let span = background::span("lookAtWebhooks", &project);
            let working = async move {
                round.run(project).await;
                drop(place);
            };
            tokio::spawn(working.instrument(span));
        }
    }
}

/// Some of one project's work.
struct Round {
    parts: Arc<Parts>,
    options: WebhookWorkerOptions,
    stopped: watch::Receiver<bool>,
    at_work: AtWork,
}

/// Why a round ends before its work does.
struct Halt {
    cause: String,
    retry_after: Duration,
}

impl From<ServiceError> for Halt {
    fn from(error: ServiceError) -> Self {
        let retry_after = match &error {
            ServiceError::Unavailable { retry_after, .. } => *retry_after,
            _ => Duration::ZERO,
        };
        Self {
            cause: format!("{error:?}"),
            retry_after,
        }
    }
}

impl From<billfold_store::StoreError> for Halt {
    fn from(error: billfold_store::StoreError) -> Self {
        ServiceError::from(error).into()
    }
}

impl Round {
    #[expect(
        clippy::disallowed_methods,
        reason = "the background work goes project by project, on its own authority"
    )]
    async fn run(&self, project: ProjectId) {
        let scope = ProjectScope::authorized(project);
        let halt = match self.parts.tenants.find(scope.clone()).await {
            Ok(tenant) => match self.work_off(&tenant).await {
                Ok(()) => return,
                Err(halt) => halt,
            },
            Err(ServiceError::ProjectNotFound) => Halt {
                cause: "the project is shut".to_owned(),
                retry_after: LONGEST_PAUSE,
            },
            Err(error) => error.into(),
        };
        let pause = self.at_work.rest(halt.retry_after, Instant::now());
        tracing::warn!(project = %scope.project(), cause = halt.cause, ?pause, "what webhooks tell of waits");
        // For the other instances, and so that projects that can be worked on come before this one.
        if let Err(error) = self.parts.webhook_work.postpone(&scope, pause).await {
            tracing::warn!(project = %scope.project(), %error, "what waits cannot be put off");
        }
    }

    /// Looks at what is due, until nothing is or nothing works.
    async fn work_off(&self, tenant: &Tenant) -> Result<(), Halt> {
        let work = &self.parts.webhook_work;
        let scope = tenant.scope();
        // An object that Stripe failed about: whether that was the object's own fault, the next one shows.
        let mut unclear: Option<(ClaimedWork, ServiceError)> = None;
        for _ in 0..OBJECTS_IN_A_ROUND {
            if *self.stopped.borrow() {
                break;
            }
            // It may have been shut since the round began.
            self.parts.tenants.find(scope.clone()).await?;
            let Some(claimed) = work.claim_due(scope).await? else {
                break;
            };
            match self.look(tenant, &claimed.object).await {
                Ok(Refreshed::InOperation) | Err(ServiceError::Busy) => {
                    let retry_in = self.options.operation_retry;
                    work.retry(scope, &claimed, retry_in, false).await?;
                }
                Ok(refreshed) => {
                    work.end(scope, &claimed).await?;
                    if refreshed == Refreshed::NotOurs {
                        continue;
                    }
                    self.at_work.well();
                    if let Some((unanswered, error)) = unclear.take() {
                        self.came_to_nothing(tenant, &unanswered, &error).await?;
                    }
                }
                Err(error) => match error.extent() {
                    Extent::Object => self.came_to_nothing(tenant, &claimed, &error).await?,
                    Extent::Unclear if unclear.is_none() => unclear = Some((claimed, error)),
                    Extent::Account | Extent::Unclear => {
                        for held in unclear.iter().map(|(held, _)| held).chain([&claimed]) {
                            work.retry(scope, held, Duration::ZERO, false).await?;
                        }
                        return Err(error.into());
                    }
                },
            }
        }
        match unclear {
            Some((unanswered, error)) => {
                work.retry(scope, &unanswered, Duration::ZERO, false).await?;
                Err(error.into())
            }
            None => Ok(()),
        }
    }

    async fn look(&self, tenant: &Tenant, object: &WebhookObject) -> Result<Refreshed, ServiceError> {
        let engine = &self.parts.engine;
        let refreshed = match object {
            WebhookObject::PaymentMethod(id) => engine.refresh_payment_method(tenant, id).await,
            WebhookObject::SetupIntent(id) => engine.refresh_setup_intent(tenant, id).await,
            WebhookObject::Customer(id) => engine.refresh_customer(tenant, id).await,
        };
        if let Ok(refreshed @ (Refreshed::Confirmed | Refreshed::Removed)) = &refreshed {
            let (object_type, id) = object.key();
            tracing::info!(project = %tenant.scope().project(), object_type, id, ?refreshed, "a webhook told of a change");
        }
        refreshed
    }

    /// Lets the object wait, longer each time, or parks it after the last.
    async fn came_to_nothing(
        &self,
        tenant: &Tenant,
        claimed: &ClaimedWork,
        error: &ServiceError,
    ) -> Result<(), Halt> {
        let (work, scope) = (&self.parts.webhook_work, tenant.scope());
        let (object_type, id) = claimed.object.key();
        let project = scope.project();
        if claimed.attempts + 1 >= MAXIMUM_ATTEMPTS {
            let now = self.parts.engine.world.now();
            if work.park(scope, claimed, now).await? {
                tracing::error!(
                    %project, object_type, id, ?error,
                    "an object cannot be looked at and is parked until another webhook tells of it"
                );
            }
            return Ok(());
        }
        let failures = u32::try_from(claimed.attempts).unwrap_or(0);
        let retry_in = doubled(self.options.first_retry, failures, self.options.longest_retry);
        tracing::warn!(%project, object_type, id, ?error, ?retry_in, "an object is looked at again later");
        work.retry(scope, claimed, retry_in, true).await?;
        Ok(())
    }
}
