//! The one value that the server holds: every use case is a method of it.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use billfold_domain::{Clock, ProjectScope, UserId};
use billfold_store::{
    ApiKeys, Chores, CorsOrigins, Customers, Database, IdempotencyKeys, InspectedTable, Operations,
    PaymentMethods, Projects, SetupIntents, StoreError, StripeReads, WebhookEvents, WebhookWork,
};
use billfold_stripe::StripeClient;
use tokio::runtime::Handle;

use crate::{
    Access, Admission, AuditLog, BulkheadOptions, Identifiers, PacingOptions, PacingState, RateLimitOptions,
    ServiceError, Tenant,
    api_keys::{self, ApiKeyDirectory},
    bulkhead::Bulkheads,
    cors::AllowedOrigins,
    engine::Engine,
    pacing::Pacers,
    rate_limits::{HardLimits, Living, SoftLimits},
    real_world::RealWorld,
    running::Running,
    tenants::Tenants,
    turns::Requester,
    webhooks::Intake,
    world::Surroundings as _,
};

/// How long a caller waits for a use case that writes. It goes on without its caller.
const PATIENCE: Duration = Duration::from_secs(30);

/// What an installation may set.
#[derive(Clone, Copy, Debug)]
pub struct ServiceOptions {
    /// How many payment methods a user may have: 100 unless set otherwise.
    pub maximum_payment_methods: u32,
    /// How often a project and a user may do what.
    pub rate_limits: RateLimitOptions,
    /// How much of an instance one project may take.
    pub bulkheads: BulkheadOptions,
    /// How fast accounts at Stripe are called.
    pub pacing: PacingOptions,
    /// How long a project must have been shut before the rows of its deletion go, a minute unless set otherwise: longer
    /// than any instance takes it for open, and than what it began then may last.
    pub deletion_settles_after: Duration,
}

impl Default for ServiceOptions {
    fn default() -> Self {
        Self {
            maximum_payment_methods: 100,
            rate_limits: RateLimitOptions::default(),
            bulkheads: BulkheadOptions::default(),
            pacing: PacingOptions::default(),
            deletion_settles_after: Duration::from_mins(1),
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
    pub(crate) audit: AuditLog,
    pub(crate) payment_methods: PaymentMethods,
    pub(crate) setup_intents: SetupIntents,
    pub(crate) idempotency_keys: IdempotencyKeys,
    pub(crate) tenants: Tenants,
    pub(crate) api_keys: ApiKeyDirectory,
    pub(crate) allowed_origins: AllowedOrigins,
    pub(crate) projects: Projects,
    pub(crate) deletion_settles_after: Duration,
    pub(crate) engine: Arc<Engine<RealWorld>>,
    pub(crate) chores: Chores,
    pub(crate) webhook_events: WebhookEvents,
    pub(crate) webhook_intake: Intake,
    pub(crate) webhook_work: WebhookWork,
    pub(crate) runtime: Handle,
    pub(crate) rate_limits: RateLimitOptions,
    pub(crate) soft_limits: SoftLimits,
    pub(crate) hard_limits: Arc<HardLimits>,
    pub(crate) living: Arc<Living>,
    pub(crate) has_shares: bool,
    pub(crate) bulkheads: Arc<Bulkheads>,
    running: Running,
    draining: AtomicBool,
}

impl Service {
    /// Puts the parts together. Must be called on the multi-thread runtime that the database was made on; the projects
    /// are of the same database.
    pub fn new(
        database: Database,
        projects: Projects,
        stripe: StripeClient,
        clock: Arc<dyn Clock>,
        identifiers: Arc<dyn Identifiers>,
        options: ServiceOptions,
    ) -> Self {
        let payment_methods = PaymentMethods::new(database.clone());
        let setup_intents = SetupIntents::new(database.clone());
        let bulkheads = Arc::new(Bulkheads::new(options.bulkheads, database.clone()));
        let living = Arc::new(Living::alone());
        let pacers = Arc::new(Pacers::new(
            options.pacing,
            Arc::clone(&living),
            Handle::current(),
        ));
        let audit = AuditLog::start(&database, Arc::clone(&clock), Arc::clone(&identifiers));
        let world = RealWorld {
            bulkheads: Arc::clone(&bulkheads),
            pacers,
            payment_methods: payment_methods.clone(),
            customers: Customers::new(database.clone()),
            operations: Operations::new(database.clone()),
            setup_intents: setup_intents.clone(),
            reads: StripeReads::new(database.clone()),
            audit: audit.clone(),
            stripe,
            clock: Arc::clone(&clock),
            identifiers,
        };
        let maximum_payment_methods = i64::from(options.maximum_payment_methods);
        let webhook_events = WebhookEvents::new(database.clone());
        let hard_limits = Arc::new(HardLimits::new(database.clone(), &options.rate_limits));
        let parts = Parts {
            audit,
            webhook_intake: Intake::start(
                webhook_events.clone(),
                Arc::clone(&clock),
                Arc::clone(&hard_limits),
            ),
            webhook_events,
            webhook_work: WebhookWork::new(database.clone()),
            payment_methods,
            setup_intents,
            idempotency_keys: IdempotencyKeys::new(database.clone()),
            api_keys: ApiKeyDirectory::new(ApiKeys::new(database.clone()), Arc::clone(&clock)),
            allowed_origins: AllowedOrigins::new(CorsOrigins::new(database.clone()), Arc::clone(&clock)),
            tenants: Tenants::new(projects.clone(), clock),
            projects,
            deletion_settles_after: options.deletion_settles_after,
            chores: Chores::new(database.clone()),
            database,
            engine: Arc::new(Engine {
                world,
                maximum_payment_methods,
            }),
            runtime: Handle::current(),
            rate_limits: options.rate_limits,
            soft_limits: SoftLimits::new(&options.rate_limits),
            hard_limits,
            living,
            has_shares: options.rate_limits.has_shares() || options.pacing.has_shares(),
            bulkheads,
            running: Running::new(),
            draining: AtomicBool::new(false),
        };
        let parts = Arc::new(parts);
        api_keys::record_in_background(Arc::downgrade(&parts), &parts.runtime);
        Self { parts }
    }

    /// The project that a caller was authorised for. [`ServiceError::ProjectNotFound`] when there is none of this name
    /// or it is shut.
    pub async fn tenant(&self, scope: ProjectScope) -> Result<Tenant, ServiceError> {
        self.parts.tenants.find(scope).await
    }

    /// Counts a request of an authorised caller against the limits of its project and, where it is a user's, of its user.
    pub fn admit_request(&self, tenant: &Tenant, user: Option<&UserId>, access: Access) -> Admission {
        let instances = self.parts.living.number();
        let now = self.parts.engine.world.now();
        self.parts
            .soft_limits
            .admit(tenant.scope.project(), user, access, instances, now)
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

    /// The newest rows that the project's requests have left in the database, as they are.
    pub async fn newest_rows(&self, tenant: &Tenant) -> Result<Vec<InspectedTable>, ServiceError> {
        Ok(self.parts.database.newest_rows(&tenant.scope).await?)
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

    /// How it stands with the accounts at Stripe that it calls.
    pub fn pacing(&self) -> PacingState {
        self.parts.engine.world.pacers.state()
    }

    /// Waits until no use case runs, whether its caller has stayed or gone.
    pub async fn idle(&self) {
        self.parts.running.none().await;
    }

    /// Runs a use case to its end on the main runtime, whether or not its caller stays to see it. It takes one of its
    /// project's places until then, and waits in the turn of its user wherever it has to.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        scope: &ProjectScope,
        user: Option<&UserId>,
        use_case: impl Future<Output = Result<T, ServiceError>> + Send + 'static,
    ) -> Result<T, ServiceError> {
        let requester = Requester::of(scope.project(), user);
        let bulkhead = self.parts.bulkheads.of(scope.project());
        let place = bulkhead.place(&requester).await?;
        self.run_for_operator(place.run(requester.within(use_case))).await
    }

    /// The same for an operator, who takes no project's place: one that is full can still be shut.
    pub(crate) async fn run_for_operator<T: Send + 'static, E: From<ServiceError> + Send + 'static>(
        &self,
        use_case: impl Future<Output = Result<T, E>> + Send + 'static,
    ) -> Result<T, E> {
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
            Ok(Err(error)) => Err(ServiceError::internal(error.to_string()).into()),
            Err(_) => {
                Err(ServiceError::unavailable("the use case takes too long; it goes on by itself").into())
            }
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
