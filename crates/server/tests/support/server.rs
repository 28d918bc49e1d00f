//! A running server with everything around it.

mod instances;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use billfold_auth::{DevelopmentIssuer, OperatorTokenRequest, Scopes, TokenRequest};
use billfold_domain::{Clock as _, Origin, ProjectId, ProjectScope};
use billfold_sandbox::Sandbox;
use billfold_server::application::{Application, CorsOrigins, EdgeLimits, Settings};
use billfold_service::{BulkheadOptions, RateLimitOptions, Service, ServiceOptions, WebhookWorkerOptions};
use billfold_store::{Database, NewProject, Projects, StripeCredentials, WebhookSecrets};
use billfold_stripe::ClientOptions;
use billfold_test_support::TcpProxy;
use secrecy::SecretString;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{
    ACCOUNT_SCOPES, Backend, ManualClock, PROJECT_SCOPES, Request, Response, StripeAccount, api_keys,
    canaries,
    client::SeenRequestIds,
    database::TestDatabase,
    master_keys,
    stripe::{publishable_key, secret_key},
    webhooks::webhook_secret,
};

/// The projects that every server has.
const PROJECTS: [&str; 2] = ["demo", "acme"];

/// The page that may call the account API unless a test says otherwise.
pub(crate) const PAGE_ORIGIN: &str = "https://app.example.com";

/// A running server. It and all that belongs to it end when it is dropped.
pub(crate) struct Server {
    pub(crate) clock: Arc<ManualClock>,
    application: Application,
    sandbox: Sandbox,
    database: TestDatabase,
    issuer: DevelopmentIssuer,
    client: reqwest::Client,
    seen: SeenRequestIds,
    _directory: TempDir,
    _last_look: canaries::LastLook,
}

/// What a server may be told before it starts.
pub(crate) struct ServerBuilder {
    backend: Backend,
    maximum_payment_methods: u32,
    rate_limits: RateLimitOptions,
    bulkheads: BulkheadOptions,
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
            cors_origins: CorsOrigins::Listed(vec![origin(PAGE_ORIGIN)]),
            edge: EdgeLimits::default(),
            call_timeout: Duration::from_secs(20),
            migrated: true,
            reconciler: false,
            webhooks: Webhooks::Wait,
            proxied: false,
        }
    }

    /// A request of a backend of `demo` that may do everything, to an instance that may be another.
    pub(crate) fn request_at(&self, address: SocketAddr, method: &str, path: &str) -> Request {
        let path = format!("/projects/demo{path}");
        Request::new(
            &self.client,
            &format!("http://{address}"),
            method,
            &path,
            &self.seen,
        )
        .token(&self.project_token("demo", PROJECT_SCOPES))
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.application.address()
    }

    /// The use cases, for those that no request asks for.
    pub(crate) fn service(&self) -> &Service {
        self.application.service()
    }

    /// The server's database.
    pub(crate) fn database(&self) -> &Database {
        &self.database.database
    }

    /// The projects in the server's database.
    pub(crate) fn projects(&self) -> Projects {
        master_keys::projects(self.database())
    }

    /// The account of a project in the sandbox.
    pub(crate) fn stripe(&self, project: &str) -> StripeAccount {
        StripeAccount::of_project(&self.client, &self.sandbox.url(), project)
    }

    /// What one of the sandbox's control endpoints says, of accounts that are no project's own too.
    pub(crate) async fn sandbox_says(&self, path: &str) -> Value {
        let request = self.client.get(format!("{}{path}", self.sandbox.url()));
        let answer = request.send().await.expect("the sandbox should answer");
        answer.json().await.expect("the sandbox should answer in JSON")
    }

    /// All that the database holds; `None` for one in memory.
    pub(crate) async fn stored(&self) -> Option<String> {
        self.database.contents().await
    }

    /// Runs statements behind the server's back. PostgreSQL only.
    pub(crate) async fn sql(&self, statements: &str) {
        self.database.execute(statements).await;
    }

    /// What a project owns. A test is its own authorisation.
    #[expect(clippy::disallowed_methods, reason = "a test is its own authorisation")]
    pub(crate) fn scope(project: &str) -> ProjectScope {
        ProjectScope::authorized(project_id(project))
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

    /// What stands between the server and its database.
    pub(crate) fn database_proxy(&self) -> &TcpProxy {
        let proxy = self.database.proxy.as_ref();
        proxy.expect("the server should have been started behind a proxy")
    }

    /// Signs any token.
    pub(crate) fn sign(
        &self,
        project: &str,
        subject: &str,
        scopes: &str,
        timezone: Option<&str>,
        lifetime: time::Duration,
    ) -> String {
        let request = TokenRequest {
            project: project_id(project),
            subject: subject.to_owned(),
            scopes: Scopes::parse(scopes).expect("the scopes should be known"),
            timezone: timezone.map(str::to_owned),
            lifetime,
        };
        self.issuer
            .issue(&request, self.clock.now())
            .expect("the token can be signed")
    }

    /// A backend's token, good for an hour, with these scopes.
    pub(crate) fn project_token(&self, project: &str, scopes: &str) -> String {
        self.sign(project, "backend", scopes, None, time::Duration::HOUR)
    }

    /// A user's token, good for an hour, with these scopes and this time zone.
    pub(crate) fn user_token(
        &self,
        project: &str,
        user: &str,
        scopes: &str,
        timezone: Option<&str>,
    ) -> String {
        self.sign(project, user, scopes, timezone, time::Duration::HOUR)
    }

    /// An operator's token, good for an hour, with these scopes.
    pub(crate) fn operator_token(&self, scopes: &str) -> String {
        let request = OperatorTokenRequest {
            subject: "operator".to_owned(),
            scopes: Scopes::parse(scopes).expect("the scopes should be known"),
            lifetime: time::Duration::HOUR,
        };
        self.issuer
            .issue_operator(&request, self.clock.now())
            .expect("the token can be signed")
    }

    /// A request of an operator who may do everything. The path goes on after the projects'.
    pub(crate) fn operator_request(&self, method: &str, path: &str) -> Request {
        self.request(method, &format!("/operator/projects{path}"))
            .token(&self.operator_token("operator:write"))
    }

    /// A request without a token.
    pub(crate) fn request(&self, method: &str, path: &str) -> Request {
        let base = format!("http://{}", self.address());
        Request::new(&self.client, &base, method, path, &self.seen)
    }

    /// A request of a backend that may do everything in its project. The path goes on after the project's.
    pub(crate) fn project_request(&self, method: &str, project: &str, path: &str) -> Request {
        self.request(method, &format!("/projects/{project}{path}"))
            .token(&self.project_token(project, PROJECT_SCOPES))
    }

    /// A request of a user of `demo` who may do everything. The path goes on after the account's.
    pub(crate) fn account_request(&self, method: &str, user: &str, path: &str) -> Request {
        self.request(method, &format!("/v1/account{path}"))
            .token(&self.user_token("demo", user, ACCOUNT_SCOPES, None))
    }

    /// Asks to save a payment method for a user of `demo`, on the project API.
    pub(crate) async fn save(&self, id: &str, user: &str) -> Response {
        self.save_in("demo", id, user).await
    }

    /// Asks to save a payment method for a user of a project, on the project API.
    pub(crate) async fn save_in(&self, project: &str, id: &str, user: &str) -> Response {
        self.project_request("POST", project, "/paymentMethods")
            .json(&json!({ "id": id, "user": user }))
            .send()
            .await
    }

    /// Saves a new Visa for a user of `demo`, a second after whatever was before, and gives its id.
    pub(crate) async fn saved_card(&self, user: &str) -> String {
        self.clock.advance(1);
        self.save("pm_card_visa", user).await.expect(201).property("id")
    }

    /// Retrieves a payment method of `demo`.
    pub(crate) async fn retrieve(&self, id: &str) -> Response {
        self.project_request("GET", "demo", &format!("/paymentMethods/{id}"))
            .send()
            .await
    }

    /// Deletes a payment method of `demo`.
    pub(crate) async fn delete(&self, id: &str) -> Response {
        self.project_request("DELETE", "demo", &format!("/paymentMethods/{id}"))
            .send()
            .await
    }

    /// Lists payment methods of `demo`; the query begins with a question mark unless it is empty.
    pub(crate) async fn list(&self, query: &str) -> Response {
        self.project_request("GET", "demo", &format!("/paymentMethods{query}"))
            .send()
            .await
    }

    /// The audit log of a project, oldest first.
    pub(crate) async fn audit_log(&self, project: &str) -> Vec<Value> {
        let mut events: Vec<Value> = Vec::new();
        let mut path = "/auditEvents?limit=200".to_owned();
        loop {
            let page = self.project_request("GET", project, &path).send().await;
            let page = page.expect(200).json();
            events.extend(page["items"].as_array().into_iter().flatten().cloned());
            let Some(last) = page["moreItemsAfter"].as_str() else {
                break;
            };
            path = format!("/auditEvents?limit=200&after={last}");
        }
        events.reverse();
        events
    }

    /// What the audit log of a project tells of the request that was answered so, oldest first.
    pub(crate) async fn audit_of(&self, project: &str, answer: &Response) -> Vec<Value> {
        let request = answer.header("Request-Id").expect("every answer has one");
        let mut events = self.audit_log(project).await;
        events.retain(|event| event["request"] == request);
        events
    }

    /// Asks for a setup intent for a user of `demo`, on the project API.
    pub(crate) async fn setup_intent_answer(&self, user: &str) -> Response {
        self.project_request("POST", "demo", "/setupIntents")
            .json(&json!({ "user": user }))
            .send()
            .await
    }

    /// Makes a setup intent for a user of `demo`, on the project API.
    pub(crate) async fn setup_intent(&self, user: &str) -> Value {
        self.setup_intent_answer(user).await.expect(201).json()
    }

    /// A payment method that is attached to a user of `demo` by a setup intent, as a page does it, and not yet saved.
    pub(crate) async fn collected_card(&self, user: &str, number: &str) -> String {
        let setup_intent = self.setup_intent(user).await;
        let client_secret = setup_intent["clientSecret"].as_str().expect("a client secret");
        let confirmed = self.stripe("demo").confirm_with_card(client_secret, number).await;
        assert_eq!(confirmed["status"], "succeeded", "{confirmed}");
        let id = confirmed["payment_method"].as_str();
        id.expect("a confirmed setup intent has a payment method")
            .to_owned()
    }
}

pub(crate) fn origin(text: &str) -> Origin {
    Origin::parse(text).expect("the origin should be one")
}

pub(crate) fn project_id(name: &str) -> ProjectId {
    ProjectId::parse(name).expect("the project's name should be valid")
}
