//! How a server is put together and started.

use std::{sync::Arc, time::Duration};

use billfold_auth::DevelopmentIssuer;
use billfold_domain::Clock as _;
use billfold_sandbox::Sandbox;
use billfold_server::application::{Application, CorsOrigins, EdgeLimits, Settings};
use billfold_service::{
    BulkheadOptions, PacingOptions, RateLimitOptions, ServiceOptions, WebhookWorkerOptions,
};
use billfold_store::{NewProject, StripeCredentials, WebhookSecrets};
use billfold_stripe::ClientOptions;
use secrecy::SecretString;

use super::{
    super::{
        Backend, ManualClock, api_keys, canaries,
        client::SeenRequestIds,
        database::TestDatabase,
        master_keys,
        stripe::{publishable_key, secret_key},
        webhooks::webhook_secret,
    },
    PAGE_ORIGIN, Server, origin, project_id,
};

/// The projects that every server has.
const PROJECTS: [&str; 2] = ["demo", "acme"];

impl Server {
    /// A server with the usual settings on a new database.
    pub(crate) async fn start(backend: Backend) -> Self {
        Self::with(backend).start().await
    }

    /// A server that may be told more before it starts.
    pub(crate) fn with(backend: Backend) -> ServerBuilder {
        ServerBuilder {
            backend,
            maximum_payment_methods: 100,
            // The clock of a test stands still, so nothing would ever come back.
            rate_limits: RateLimitOptions::out_of_the_way(),
            // The machine may be busy.
            bulkheads: BulkheadOptions {
                patience: Duration::from_mins(1),
                ..BulkheadOptions::default()
            },
            pacing: PacingOptions::out_of_the_way(),
            cors_origins: CorsOrigins::Listed(vec![origin(PAGE_ORIGIN)]),
            edge: EdgeLimits::default(),
            call_timeout: Duration::from_secs(20),
            migrated: true,
            reconciler: false,
            webhooks: Webhooks::Wait,
            proxied: false,
        }
    }

    /// Makes a webhook endpoint in a project's account. Nobody may have asked for the project yet, since it would be
    /// remembered without the secret.
    async fn listen_to_stripe(&self, project: &str) {
        let url = format!("http://{}/webhooks/stripe/{project}", self.address());
        let form = [("url", url.as_str()), ("enabled_events[]", "*")];
        let endpoint = self
            .stripe(project)
            .call("POST", "/v1/webhook_endpoints", &form)
            .await;
        let secret = endpoint["secret"].as_str().expect("a new endpoint has a secret");
        self.projects()
            .roll_webhook_secret(&project_id(project), &SecretString::from(secret))
            .await
            .expect("a secret can be stored");
    }
}

/// What a server may be told before it starts.
pub(crate) struct ServerBuilder {
    backend: Backend,
    maximum_payment_methods: u32,
    rate_limits: RateLimitOptions,
    bulkheads: BulkheadOptions,
    pacing: PacingOptions,
    cors_origins: CorsOrigins,
    edge: EdgeLimits,
    call_timeout: Duration,
    migrated: bool,
    proxied: bool,
    reconciler: bool,
    webhooks: Webhooks,
}

/// What becomes of webhooks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Webhooks {
    /// They are stored, and wait.
    Wait,
    /// What they tell of is looked at.
    AreWorkedOn,
    /// That, and Stripe itself sends them.
    ComeFromStripe,
}

impl ServerBuilder {
    /// How many payment methods a user may have.
    pub(crate) fn maximum_payment_methods(mut self, maximum: u32) -> Self {
        self.maximum_payment_methods = maximum;
        self
    }

    /// How often a project and a user may do what. Without this: as often as they like.
    pub(crate) fn rate_limits(mut self, options: RateLimitOptions) -> Self {
        self.rate_limits = options;
        self
    }

    /// How much of the server one project may take.
    pub(crate) fn bulkheads(mut self, options: BulkheadOptions) -> Self {
        self.bulkheads = options;
        self
    }

    /// How fast accounts at Stripe are called. Without this: as fast as they answer.
    pub(crate) fn pacing(mut self, options: PacingOptions) -> Self {
        self.pacing = options;
        self
    }

    /// Which pages may call the account API.
    pub(crate) fn cors_origins(mut self, origins: CorsOrigins) -> Self {
        self.cors_origins = origins;
        self
    }

    /// What clients may take of it.
    pub(crate) fn edge(mut self, limits: EdgeLimits) -> Self {
        self.edge = limits;
        self
    }

    /// How long a call to Stripe may take.
    pub(crate) fn call_timeout(mut self, timeout: Duration) -> Self {
        self.call_timeout = timeout;
        self
    }

    /// Ends in the background what requests leave open. Other tests want to see it open.
    pub(crate) fn reconciling(mut self) -> Self {
        self.reconciler = true;
        self
    }

    /// Looks in the background at what webhooks tell of, and again at once after a failure. Other tests want to see it wait.
    pub(crate) fn working_on_webhooks(mut self) -> Self {
        self.webhooks = Webhooks::AreWorkedOn;
        self
    }

    /// Has the sandbox tell the server of what happens in the projects' accounts, and looks at it.
    pub(crate) fn told_by_stripe(mut self) -> Self {
        self.webhooks = Webhooks::ComeFromStripe;
        self
    }

    /// Leaves the database without tables, so without projects.
    pub(crate) fn unmigrated(mut self) -> Self {
        self.migrated = false;
        self
    }

    /// Puts a proxy between the server and PostgreSQL.
    pub(crate) fn behind_a_proxy(mut self) -> Self {
        self.proxied = true;
        self
    }

    /// Starts the server on a free port of 127.0.0.1.
    pub(crate) async fn start(self) -> Server {
        canaries::watch_the_log();
        let clock = Arc::new(ManualClock::new());
        let sandbox = Sandbox::start(billfold_sandbox::Options {
            clock: Arc::clone(&clock) as Arc<dyn billfold_sandbox::Clock>,
            ..billfold_sandbox::Options::default()
        })
        .await
        .expect("the sandbox should start");
        let directory = tempfile::tempdir().expect("a directory for the issuer's key");
        let issuer =
            DevelopmentIssuer::load_or_create(directory.path()).expect("the issuer should get a key");
        let database = TestDatabase::fresh(self.backend, self.migrated, self.proxied).await;
        if self.migrated {
            make_projects(&database, &clock).await;
        }
        let application = Application::build(Settings {
            stripe: ClientOptions {
                api_base: sandbox.url(),
                call_timeout: self.call_timeout,
                retry_base: Duration::from_millis(5),
                retry_cap: Duration::from_millis(50),
                ..ClientOptions::default()
            },
            service: ServiceOptions {
                maximum_payment_methods: self.maximum_payment_methods,
                rate_limits: self.rate_limits,
                bulkheads: self.bulkheads,
                pacing: self.pacing,
                deletion_settles_after: Duration::ZERO,
            },
            cors_origins: self.cors_origins,
            edge: self.edge,
            clock: Arc::clone(&clock) as Arc<dyn billfold_domain::Clock>,
            workers: Some(1),
            reconciler: self.reconciler,
            operators: Some(issuer.operator_verifier_config()),
            webhook_worker: (self.webhooks != Webhooks::Wait).then(impatient),
            ..Settings::new(
                database.database.clone(),
                master_keys::vault([master_keys::CURRENT, master_keys::NEXT]),
                api_keys::pepper(),
                issuer.verifier_config(),
            )
        })
        .await
        .expect("the server should start");
        let client = reqwest::Client::builder()
            .no_proxy()
            .tls_certs_only([])
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_mins(1))
            .build()
            .expect("an HTTP client can be made");
        let server = Server {
            clock,
            application,
            sandbox,
            database,
            issuer,
            client,
            seen: SeenRequestIds::default(),
            _directory: directory,
            _last_look: canaries::LastLook,
        };
        if self.webhooks == Webhooks::ComeFromStripe {
            for project in PROJECTS {
                server.listen_to_stripe(project).await;
            }
        }
        server
    }
}

/// Tries again at once after a failure.
fn impatient() -> WebhookWorkerOptions {
    WebhookWorkerOptions {
        interval: Duration::from_millis(50),
        first_retry: Duration::ZERO,
        longest_retry: Duration::ZERO,
        ..WebhookWorkerOptions::default()
    }
}

async fn make_projects(database: &TestDatabase, clock: &ManualClock) {
    let projects = master_keys::projects(&database.database);
    for name in PROJECTS {
        let project = NewProject {
            id: project_id(name),
            stripe: StripeCredentials {
                secret_key: SecretString::from(secret_key(name)),
                publishable_key: publishable_key(name),
                account: None,
                webhook_secrets: WebhookSecrets::only(webhook_secret(name).into()),
            },
        };
        projects
            .create(&project, clock.now())
            .await
            .expect("a project can be made");
    }
}
