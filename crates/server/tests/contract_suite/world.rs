//! A server with two projects, its Stripe and its database, which no other test sees.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use billfold_auth::VerifierConfig;
use billfold_domain::{Clock as _, ProjectId};
use billfold_sandbox::Sandbox;
use billfold_server::application::{Application, CorsOrigins, EdgeLimits, Settings};
use billfold_service::{PacingOptions, RateLimitOptions, ServiceOptions};
use billfold_store::{Database, DatabaseOptions, NewProject, Projects, StripeCredentials, WebhookSecrets};
use billfold_stripe::ClientOptions;
use billfold_test_support::{PostgresDatabase, SQLITE_IN_MEMORY_URL, SqliteFile, TcpProxy};
use billfold_vault::{MasterKeys, Vault};
use serde_json::{Value, json};
use tokio_postgres::{NoTls, SimpleQueryMessage};

use crate::{
    forge,
    http::{Answer, Request, exchange},
    support::{
        Backend, ManualClock, api_keys, canaries, contract::validate_response, database::migrated_postgres,
        webhooks::webhook_secret,
    },
};

/// The page that may call the account API.
pub(crate) const ORIGIN: &str = "https://shop.example";

/// Where the database is, and for PostgreSQL the network before it.
enum Place {
    Memory,
    File(SqliteFile),
    Server {
        database: PostgresDatabase,
        proxy: TcpProxy,
    },
}

/// A running server and all that it needs. The projects `demo` and `acme` have Stripe accounts of their own; `shop` and
/// `gone` are there for operators to work on.
pub(crate) struct World {
    pub(crate) address: SocketAddr,
    _application: Application,
    /// The server's own way to its database.
    pub(crate) database: Database,
    sandbox: Sandbox,
    place: Place,
    client: reqwest::Client,
    _last_look: canaries::LastLook,
}

/// Everything that a request could have changed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Snapshot {
    /// The lists of both projects, and those of the users on the account API.
    lists: Vec<String>,
    /// Every row of every table, where another connection can look (PostgreSQL).
    rows: Vec<String>,
    /// What was done at Stripe.
    pub(crate) ledger: Value,
    /// What was asked of Stripe.
    pub(crate) requests: Value,
}

impl World {
    /// A world in which nobody does too much: thousands of requests come while its clock stands still.
    pub(crate) async fn start(backend: Backend) -> Self {
        Self::with_limits(backend, RateLimitOptions::out_of_the_way()).await
    }

    /// A world in which a project and a user may do so much.
    pub(crate) async fn with_limits(backend: Backend, rate_limits: RateLimitOptions) -> Self {
        Self::start_with(backend, rate_limits, Some(forge::operator_config())).await
    }

    /// A world that nobody operates over HTTP.
    pub(crate) async fn start_without_operators(backend: Backend) -> Self {
        Self::start_with(backend, RateLimitOptions::out_of_the_way(), None).await
    }

    async fn start_with(
        backend: Backend,
        rate_limits: RateLimitOptions,
        operators: Option<VerifierConfig>,
    ) -> Self {
        canaries::watch_the_log();
        let place = match backend {
            Backend::SqliteMemory => Place::Memory,
            Backend::SqliteFile => Place::File(SqliteFile::fresh()),
            Backend::Postgres => {
                let database = migrated_postgres().await;
                let proxy = TcpProxy::start(database.address()).await.unwrap();
                Place::Server { database, proxy }
            }
        };
        let url = match &place {
            Place::Memory => SQLITE_IN_MEMORY_URL.to_owned(),
            Place::File(file) => file.url().to_owned(),
            Place::Server { database, proxy } => database.url_at(proxy.address()),
        };
        let clock = Arc::new(ManualClock::new());
        let sandbox = Sandbox::start(billfold_sandbox::Options {
            clock: Arc::clone(&clock) as Arc<dyn billfold_sandbox::Clock>,
            ..billfold_sandbox::Options::default()
        })
        .await
        .unwrap();
        let options = DatabaseOptions {
            maximum_connections: 4,
            read_connections: 1,
            // The machine may be busy; a network that is down is told at once.
            timeout: Duration::from_secs(30),
            ..DatabaseOptions::new(url)
        };
        let database = Database::connect(&options).await.unwrap();
        if backend != Backend::Postgres {
            database.migrate().await.unwrap();
        }
        let projects = Projects::new(database.clone(), vault());
        make_projects(&projects, &clock).await;
        let application = Application::build(Settings {
            stripe: ClientOptions {
                api_base: sandbox.url(),
                retry_base: Duration::from_millis(1),
                retry_cap: Duration::from_millis(5),
                ..ClientOptions::default()
            },
            service: ServiceOptions {
                rate_limits,
                pacing: PacingOptions::out_of_the_way(),
                ..ServiceOptions::default()
            },
            // Long enough for a busy machine, and short enough to be waited for.
            edge: EdgeLimits {
                body_timeout: Duration::from_secs(3),
                ..EdgeLimits::default()
            },
            cors_origins: CorsOrigins::Listed(vec![billfold_domain::Origin::parse(ORIGIN).unwrap()]),
            clock,
            // What is stored and not yet looked at must stay to be seen.
            webhook_worker: None,
            // And nothing may be written but by the requests.
            reconciler: false,
            operators,
            workers: Some(1),
            ..Settings::new(
                database.clone(),
                vault(),
                api_keys::pepper(),
                forge::verifier_config(),
            )
        })
        .await
        .unwrap();
        Self {
            address: application.address(),
            _application: application,
            database,
            sandbox,
            place,
            client: reqwest::Client::builder()
                .no_proxy()
                .tls_certs_only([])
                .build()
                .unwrap(),
            _last_look: canaries::LastLook,
        }
    }

    /// Sends a request, and holds the answer against the contract.
    pub(crate) async fn send(&self, request: &Request) -> Answer {
        let answer = self.send_unchecked(request).await;
        validate_response(
            &request.method,
            &request.target,
            answer.status,
            &answer.headers,
            &answer.body,
        );
        answer
    }

    /// Sends a request but for the last byte of its body, and holds the answer against the contract.
    pub(crate) async fn send_half(&self, request: &Request) -> Answer {
        let mut bytes = request.to_bytes();
        bytes.pop();
        let received = exchange(self.address, &bytes, false).await;
        let answer = Answer::parse(&received).expect("half a request is answered too");
        validate_response(
            &request.method,
            &request.target,
            answer.status,
            &answer.headers,
            &answer.body,
        );
        answer
    }

    /// Sends a request that is answered before anything looks at its path.
    pub(crate) async fn send_unchecked(&self, request: &Request) -> Answer {
        let received = exchange(self.address, &request.to_bytes(), false).await;
        let answer = Answer::parse(&received).unwrap_or_else(|| {
            panic!(
                "no whole answer to {} {}: {}",
                request.method,
                request.target,
                String::from_utf8_lossy(&received)
            )
        });
        canaries::assert_none_in_an_answer(&request.method, &request.target, &answer.headers, &answer.body);
        answer
    }

    /// A card at a project's Stripe, as Stripe.js makes it; `token` is the name of a test card such as `visa`.
    pub(crate) async fn card(&self, project: &str, token: &str) -> String {
        let key = publishable_key(project);
        let token = format!("tok_{token}");
        let form = [
            ("key", key.as_str()),
            ("type", "card"),
            ("card[token]", token.as_str()),
        ];
        let answer = self
            .client
            .post(format!("{}/v1/payment_methods", self.sandbox.url()))
            .form(&form)
            .send()
            .await
            .unwrap();
        let body: Value = answer.json().await.unwrap();
        body["id"].as_str().unwrap_or_else(|| panic!("{body}")).to_owned()
    }

    /// Makes Stripe misbehave: `rule` as the sandbox's fault script has it.
    pub(crate) async fn fault(&self, rule: Value) {
        let answer = self
            .client
            .post(format!("{}/_sandbox/faults", self.sandbox.url()))
            .body(rule.to_string())
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 200, "{rule}");
    }

    /// Makes Stripe behave again.
    pub(crate) async fn clear_faults(&self) {
        let url = format!("{}/_sandbox/faults", self.sandbox.url());
        let answer = self.client.delete(url).send().await.unwrap();
        assert_eq!(answer.status(), 200);
    }

    /// How often Stripe was asked this, such as `POST /v1/customers`.
    pub(crate) async fn asked(&self, request: &str) -> u64 {
        self.sandbox_says("requests").await["requests"][request]
            .as_u64()
            .unwrap_or(0)
    }

    /// What was done at a project's Stripe.
    pub(crate) async fn ledger(&self, project: &str) -> Value {
        let key = publishable_key(project);
        self.sandbox_says(&format!("ledger?account={key}")).await["entries"].clone()
    }

    async fn sandbox_says(&self, what: &str) -> Value {
        let url = format!("{}/_sandbox/{what}", self.sandbox.url());
        self.client.get(url).send().await.unwrap().json().await.unwrap()
    }

    /// The network before the database, where there is one.
    pub(crate) fn proxy(&self) -> &TcpProxy {
        match &self.place {
            Place::Server { proxy, .. } => proxy,
            Place::Memory | Place::File(_) => panic!("there is no network before SQLite"),
        }
    }

    /// Runs statements in the database, past the server. PostgreSQL only.
    pub(crate) async fn sql(&self, statements: &str) -> Vec<String> {
        let Place::Server { database, .. } = &self.place else {
            panic!("only PostgreSQL takes another connection");
        };
        let (client, connection) = tokio_postgres::connect(database.superuser_url(), NoTls)
            .await
            .unwrap();
        let connection = tokio::spawn(connection);
        let messages = client.simple_query(statements).await.unwrap();
        drop(client);
        connection.await.unwrap().unwrap();
        messages
            .iter()
            .filter_map(|message| match message {
                SimpleQueryMessage::Row(row) => Some(row.get(0).unwrap_or_default().to_owned()),
                _ => None,
            })
            .collect()
    }

    /// Everything that a request could change, as it is now.
    pub(crate) async fn snapshot(&self) -> Snapshot {
        let mut lists = Vec::new();
        for project in ["demo", "acme"] {
            let backend = forge::full_token(project, "backend");
            let request =
                Request::get(format!("/projects/{project}/paymentMethods?limit=200")).token(&backend);
            lists.push(self.send(&request).await.expect(200).text());
            for user in ["alice", "bob"] {
                let holder = forge::full_token(project, user);
                let request = Request::get("/v1/account/payment-methods").token(&holder);
                lists.push(self.send(&request).await.expect(200).text());
            }
        }
        let mut rows = Vec::new();
        if matches!(self.place, Place::Server { .. }) {
            // The audit log tells of every attempt, so it alone is meant to change with each.
            let tables = "select table_name from information_schema.tables where table_schema = 'public'
                 and table_name not in ('audit_events', 'refused_callers')
                 and table_name not in (select relname from pg_class where relispartition) order by 1";
            for table in self.sql(tables).await {
                // A bucket that is full again is as one that was never there.
                let of_note = if table == "rate_limits" {
                    "where full_at > clock_timestamp()"
                } else {
                    ""
                };
                let every_row = format!("select to_jsonb(t)::text from \"{table}\" t {of_note} order by 1");
                rows.push(format!("{table}: {:?}", self.sql(&every_row).await));
            }
        }
        Snapshot {
            lists,
            rows,
            ledger: self.sandbox_says("ledger").await,
            requests: self.sandbox_says("requests").await,
        }
    }
}

impl Snapshot {
    /// The same, but for the rows of these tables.
    pub(crate) fn without_tables(mut self, tables: &[&str]) -> Self {
        self.rows.retain(|rows| {
            let (table, _) = rows.split_once(':').expect("rows begin with their table's name");
            !tables.contains(&table)
        });
        self
    }

    /// Nothing was changed; Stripe may have been asked.
    #[track_caller]
    pub(crate) fn assert_same_effects(&self, after: &Self) {
        assert_eq!(self.lists, after.lists, "what is shown was changed");
        assert_eq!(self.rows, after.rows, "the database was changed");
        assert_eq!(self.ledger, after.ledger, "something was done at Stripe");
    }

    /// Nothing was changed, and Stripe was not even asked.
    #[track_caller]
    pub(crate) fn assert_untouched(&self, after: &Self) {
        self.assert_same_effects(after);
        assert_eq!(self.requests, after.requests, "Stripe was asked");
    }
}

pub(crate) fn publishable_key(project: &str) -> String {
    format!("pk_test_contract_{project}")
}

/// A vault of the suite's own master key.
fn vault() -> Vault {
    let line = "contract:dGhlIG1hc3RlciBrZXkgb2YgdGhlIHRlc3RzIDAwMDE=";
    Vault::new(MasterKeys::parse(line).unwrap())
}

async fn make_projects(projects: &Projects, clock: &ManualClock) {
    for name in ["demo", "acme", "shop", "gone"] {
        let project = NewProject {
            id: ProjectId::parse(name).unwrap(),
            stripe: StripeCredentials {
                secret_key: format!("sk_test_contract_{name}").into(),
                publishable_key: publishable_key(name),
                account: None,
                webhook_secrets: WebhookSecrets::only(webhook_secret(name).into()),
            },
        };
        projects.create(&project, clock.now()).await.unwrap();
    }
}

/// A fault script's rule that holds requests for a while.
pub(crate) fn delay(path: &str, milliseconds: u64) -> Value {
    json!({ "kind": "delay", "path": path, "method": "POST", "milliseconds": milliseconds })
}
