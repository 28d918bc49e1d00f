//! The one value that the server holds: every use case is a method of it.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use billfold_domain::{Clock, ProjectScope};
use billfold_store::{
    Chores, Customers, Database, IdempotencyKeys, Operations, PaymentMethods, Projects, SetupIntents,
    StoreError, StripeReads, WebhookEvents, WebhookWork,
};
use billfold_stripe::StripeClient;
use tokio::runtime::Handle;

use crate::{
    Identifiers, ServiceError, Tenant, engine::Engine, real_world::RealWorld, running::Running,
    tenants::Tenants, webhooks::Intake,
};

/// How long a caller waits for a use case that writes. It goes on without its caller.
const PATIENCE: Duration = Duration::from_secs(30);

/// What an installation may set.
#[derive(Clone, Copy, Debug)]
pub struct ServiceOptions {
    /// How many payment methods a user may have: 100 unless set otherwise.
    pub maximum_payment_methods: u32,
}

impl Default for ServiceOptions {
    fn default() -> Self {
        Self {
            maximum_payment_methods: 100,
        }
    }
}

/// The use cases. Cheap to clone.
#[derive(Clone)]
pub struct Service {
    pub(crate) parts: Arc<Parts>,
}

pub(crate) struct Parts {
    pub(crate) database: Database,
    pub(crate) payment_methods: PaymentMethods,
    pub(crate) setup_intents: SetupIntents,
    pub(crate) idempotency_keys: IdempotencyKeys,
    pub(crate) tenants: Tenants,
    pub(crate) engine: Arc<Engine<RealWorld>>,
    pub(crate) chores: Chores,
    pub(crate) webhook_events: WebhookEvents,
    pub(crate) webhook_intake: Intake,
    pub(crate) webhook_work: WebhookWork,
    pub(crate) runtime: Handle,
    running: Running,
    draining: AtomicBool,
}

impl Service {
    /// Puts the parts together. Must be called on the multi-thread runtime that the database was made on.
    pub fn new(
        database: Database,
        stripe: StripeClient,
        clock: Arc<dyn Clock>,
        identifiers: Arc<dyn Identifiers>,
        options: ServiceOptions,
    ) -> Self {
        let payment_methods = PaymentMethods::new(database.clone());
        let setup_intents = SetupIntents::new(database.clone());
        let world = RealWorld {
            payment_methods: payment_methods.clone(),
            customers: Customers::new(database.clone()),
            operations: Operations::new(database.clone()),
            setup_intents: setup_intents.clone(),
            reads: StripeReads::new(database.clone()),
            stripe,
            clock: Arc::clone(&clock),
            identifiers,
        };
        let maximum_payment_methods = i64::from(options.maximum_payment_methods);
        let webhook_events = WebhookEvents::new(database.clone());
        let parts = Parts {
            webhook_intake: Intake::start(webhook_events.clone(), Arc::clone(&clock)),
            webhook_events,
            webhook_work: WebhookWork::new(database.clone()),
            payment_methods,
            setup_intents,
            idempotency_keys: IdempotencyKeys::new(database.clone()),
            tenants: Tenants::new(Projects::new(database.clone()), clock),
            chores: Chores::new(database.clone()),
            database,
            engine: Arc::new(Engine {
                world,
                maximum_payment_methods,
            }),
            runtime: Handle::current(),
            running: Running::new(),
            draining: AtomicBool::new(false),
        };
        Self {
            parts: Arc::new(parts),
        }
    }

    /// The project that a caller was authorised for. [`ServiceError::ProjectNotFound`] when there is none of this name
    /// or it is shut.
    pub async fn tenant(&self, scope: ProjectScope) -> Result<Tenant, ServiceError> {
        self.parts.tenants.find(scope).await
    }

    /// Answers when the database does and has every migration; otherwise says what is missing.
    pub async fn ready(&self) -> Result<(), NotReady> {
        if self.is_draining() {
            return Err(NotReady::Draining);
        }
        match self.parts.database.pending_migrations().await {
            Ok(pending) if pending.is_empty() => Ok(()),
            Ok(_) => Err(NotReady::Migrations),
            Err(StoreError::Unavailable(_)) => Err(NotReady::Database),
            Err(error) => {
                tracing::error!(%error, "the migrations cannot be looked up");
                Err(NotReady::Database)
            }
        }
    }

    /// Makes [`Service::ready`] tell from now on that no more requests should be sent here. Those that come all the same
    /// are answered.
    pub fn begin_to_drain(&self) {
        self.parts.draining.store(true, Ordering::Relaxed);
    }

    /// Whether the end of this instance has been announced.
    pub fn is_draining(&self) -> bool {
        self.parts.draining.load(Ordering::Relaxed)
    }

    /// How many use cases run, those included whose callers have gone.
    pub fn running(&self) -> usize {
        self.parts.running.number()
    }

    /// Waits until no use case runs, whether its caller has stayed or gone.
    pub async fn idle(&self) {
        self.parts.running.none().await;
    }

    /// Runs a use case to its end on the main runtime, whether or not its caller stays to see it.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        use_case: impl Future<Output = Result<T, ServiceError>> + Send + 'static,
    ) -> Result<T, ServiceError> {
        use tracing::Instrument as _;
        let counted = self.parts.running.one_more();
        let counting = async move {
            let result = use_case.await;
            drop(counted);
            result
        };
        let task = self.parts.runtime.spawn(counting.in_current_span());
        match tokio::time::timeout(PATIENCE, task).await {
            Ok(Ok(result)) => result,
            Ok(Err(error)) => Err(ServiceError::internal(error.to_string())),
            Err(_) => Err(ServiceError::unavailable(
                "the use case takes too long; it goes on by itself",
            )),
        }
    }
}

/// Why the service cannot take requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotReady {
    /// The database does not answer.
    Database,
    /// The database lacks migrations.
    Migrations,
    /// The instance is about to end.
    Draining,
}

impl NotReady {
    /// The reason as one word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Database => "database",
            Self::Migrations => "migrations",
            Self::Draining => "draining",
        }
    }
}
