//! The server as a value: built, run, stopped; on port 0 in tests.

use std::{
    net::{SocketAddr, TcpListener},
    sync::Arc,
    time::Duration,
};

use actix_web::{
    App,
    dev::{Server, ServerHandle},
    middleware::from_fn,
    web,
};
use billfold_auth::{ApiKeyPepper, ConfigError, KeyRefresher, OperatorVerifier, Verifier, VerifierConfig};
use billfold_domain::{Clock, SystemClock};
use billfold_service::{
    Presence, Reconciler, Service, ServiceOptions, UlidIdentifiers, WebhookWorker, WebhookWorkerOptions,
};
use billfold_store::{Database, Projects};
use billfold_stripe::{ClientError, ClientOptions, StripeClient};
use billfold_vault::Vault;
use tokio::net::TcpSocket;

pub use crate::edge::{EdgeLimits, cors::CorsOrigins};
use crate::{
    audit,
    auth::Gate,
    edge::{self, cors},
    pages::{self, Demo},
    rate_limit, request_id, routes,
};

/// Everything that an instance is built from.
pub struct Settings {
    /// Where it listens. Port 0 takes a free port.
    pub listen: SocketAddr,
    /// The database, made on the runtime that the instance is built on.
    pub database: Database,
    /// The master keys of the projects' secrets.
    pub vault: Vault,
    /// Whose tokens are good.
    pub verifier: VerifierConfig,
    /// What API keys are hashed with: the same in every instance of an installation.
    pub api_key_pepper: ApiKeyPepper,
    /// Whose tokens are good for operators; `None` leaves the operator API away.
    pub operators: Option<VerifierConfig>,
    /// How Stripe is called.
    pub stripe: ClientOptions,
    /// What the use cases may be told.
    pub service: ServiceOptions,
    /// Which pages may call the account API for every project's users.
    pub cors_origins: CorsOrigins,
    /// What clients may take of it.
    pub edge: EdgeLimits,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// What the demo page knows of this instance; `None`, as in production, has no such page.
    pub demo: Option<Demo>,
    /// Threads that serve requests; `None` takes one a processor.
    pub workers: Option<usize>,
    /// Whether this instance ends, in the background, what requests have left open at Stripe.
    pub reconciler: bool,
    /// How this instance looks, in the background, at what Stripe's webhooks tell of; `None` leaves it to others.
    pub webhook_worker: Option<WebhookWorkerOptions>,
}

impl Settings {
    /// The usual settings around a database, its master keys, what its API keys are hashed with, and a set of issuers.
    pub fn new(
        database: Database,
        vault: Vault,
        api_key_pepper: ApiKeyPepper,
        verifier: VerifierConfig,
    ) -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            database,
            vault,
            verifier,
            api_key_pepper,
            operators: None,
            stripe: ClientOptions::default(),
            service: ServiceOptions::default(),
            cors_origins: CorsOrigins::Listed(Vec::new()),
            edge: EdgeLimits::default(),
            clock: Arc::new(SystemClock),
            demo: None,
            workers: None,
            reconciler: true,
            webhook_worker: Some(WebhookWorkerOptions::default()),
        }
    }
}

/// Why an instance does not start. Each says what to do.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The issuers cannot be used.
    #[error("{0}")]
    Issuers(#[from] ConfigError),
    /// Stripe's address cannot be used.
    #[error("{0}")]
    Stripe(#[from] ClientError),
    /// The address cannot be listened on.
    #[error(
        "cannot listen on {address} ({error}): choose another address with --listen, or stop what listens there"
    )]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the operating system says.
        error: std::io::Error,
    },
}

/// How an instance ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shutdown {
    /// How long requests are still taken while readiness says that none should be sent any more.
    pub drain: Duration,
    /// How long all of it may take, the drain included.
    pub limit: Duration,
}

impl Default for Shutdown {
    /// At once, and within 30 seconds.
    fn default() -> Self {
        Self {
            drain: Duration::ZERO,
            limit: Duration::from_secs(30),
        }
    }
}

/// Not everything had ended within the limit. What was begun at Stripe stays open in the database, for the next process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "not all had ended in time ({use_cases} use cases still ran): what they began is left to the next process"
)]
pub struct Unfinished {
    /// How many use cases still ran.
    pub use_cases: usize,
}

/// A running instance. Must be built on a multi-thread runtime. When it is dropped it stops at once.
pub struct Application {
    address: SocketAddr,
    handle: ServerHandle,
    server: tokio::task::JoinHandle<std::io::Result<()>>,
    service: Service,
    reconciler: Option<Reconciler>,
    webhook_worker: Option<WebhookWorker>,
    _key_refreshers: Vec<KeyRefresher>,
    presence: Option<Presence>,
}

impl Application {
    /// Starts to listen and to answer, as soon as the key set of every issuer is there.
    pub async fn build(settings: Settings) -> Result<Self, BuildError> {
        let Settings {
            listen,
            clock,
            cors_origins,
            edge,
            demo,
            workers,
            ..
        } = settings;
        let stripe = StripeClient::new(settings.stripe)?;
        let verifier = Arc::new(Verifier::new(settings.verifier, clock.now()).await?);
        let operators = match settings.operators {
            Some(operators) => Some(OperatorVerifier::new(operators, clock.now()).await?),
            None => None,
        };
        let projects = Projects::new(settings.database.clone(), settings.vault);
        let service = Service::new(
            settings.database,
            projects,
            stripe,
            Arc::clone(&clock),
            Arc::new(UlidIdentifiers),
            settings.service,
        );
        let not_listening = |error| BuildError::Listen {
            address: listen,
            error,
        };
        let listener = listener(listen, edge.backlog).map_err(not_listening)?;
        let address = listener.local_addr().map_err(not_listening)?;
        // Before the first request, so that a new instance does not begin with the whole of what it shares.
        let presence = service.announce().await;
        let reconciler = settings.reconciler.then(|| service.start_reconciler());
        let webhook_worker = settings
            .webhook_worker
            .map(|options| service.start_webhook_worker(options));
        let key_refreshers = std::iter::once(verifier.keep_fresh(&clock))
            .chain(operators.iter().map(|operators| operators.keep_fresh(&clock)))
            .collect();
        let gate = Gate {
            verifier,
            operators,
            clock,
            api_key_pepper: settings.api_key_pepper,
        };
        let server = server(listener, service.clone(), gate, cors_origins, edge, demo, workers)
            .map_err(not_listening)?;
        let handle = server.handle();
        Ok(Self {
            address,
            handle,
            server: tokio::spawn(server),
            service,
            reconciler,
            webhook_worker,
            _key_refreshers: key_refreshers,
            presence,
        })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Runs until it is stopped.
    pub async fn finished(&mut self) -> std::io::Result<()> {
        (&mut self.server)
            .await
            .unwrap_or_else(|error| Err(std::io::Error::other(error)))
    }

    /// The use cases, to call them without a request.
    pub const fn service(&self) -> &Service {
        &self.service
    }

    /// Takes no more requests, answers those that it has, and ends.
    pub async fn stop(self) -> Result<(), Unfinished> {
        self.shut_down(Shutdown::default()).await
    }

    /// Says that it is about to end, takes requests for a while longer, then no more; answers those that it has, waits for
    /// use cases whose callers have gone and for the background work, and ends. Whatever has not ended within the limit
    /// is left as it is.
    pub async fn shut_down(mut self, shutdown: Shutdown) -> Result<(), Unfinished> {
        let deadline = tokio::time::Instant::now() + shutdown.limit;
        self.service.begin_to_drain();
        if let Some(reconciler) = &self.reconciler {
            reconciler.ask_to_stop();
        }
        if let Some(webhook_worker) = &self.webhook_worker {
            webhook_worker.ask_to_stop();
        }
        tokio::time::sleep(shutdown.drain.min(shutdown.limit)).await;
        let ending = async {
            self.handle.stop(true).await;
            if let Err(error) = self.finished().await {
                tracing::error!(%error, "the server ended badly");
            }
            if let Some(presence) = self.presence.take() {
                presence.leave().await;
            }
            self.service.idle().await;
            if let Some(reconciler) = self.reconciler.take() {
                reconciler.stop().await;
            }
            if let Some(webhook_worker) = self.webhook_worker.take() {
                webhook_worker.stop().await;
            }
            self.service.record_api_key_uses().await;
        };
        let ended = tokio::time::timeout_at(deadline, ending).await;
        ended.map_err(|_| Unfinished {
            use_cases: self.service.running(),
        })
    }
}

impl Drop for Application {
    fn drop(&mut self) {
        // The order to stop is sent by the call; the future only waits for its end.
        drop(self.handle.stop(false));
    }
}

/// Listens, and lets the system hold so many connections until they are taken.
fn listener(address: SocketAddr, backlog: u32) -> std::io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }?;
    // A server that starts anew takes its address at once, whatever connections of the one before are still known.
    socket.set_reuseaddr(true)?;
    // Each connection takes these over. Left to itself the system would keep megabytes for each client that reads nothing,
    // and keep the end of an answer that is given out in pieces until the client has told that it has the beginning.
    socket.set_send_buffer_size(EdgeLimits::UNSENT_BYTES)?;
    socket.set_nodelay(true)?;
    socket.bind(address)?;
    socket.listen(backlog)?.into_std()
}

fn server(
    listener: TcpListener,
    service: Service,
    gate: Gate,
    cors_origins: CorsOrigins,
    limits: EdgeLimits,
    demo: Option<Demo>,
    workers: Option<usize>,
) -> std::io::Result<Server> {
    let service = web::Data::new(service);
    let has_operators = gate.operators.is_some();
    let gate = web::Data::new(gate);
    let cors_origins = web::Data::new(cors_origins);
    let demo = demo.map(web::Data::new);
    edge::start(listener, limits, workers, move || {
        App::new()
            .app_data(service.clone())
            .app_data(gate.clone())
            .app_data(cors_origins.clone())
            .app_data(limits)
            .configure(|config| {
                routes::configure(config, |path| {
                    !routes::is_account(path) && (has_operators || !routes::is_operator(path))
                });
            })
            .configure(|config| {
                if let Some(demo) = &demo {
                    config.app_data(demo.clone()).service(pages::demo(demo));
                }
            })
            .service(pages::reference())
            .service(
                web::scope("")
                    .guard(actix_web::guard::fn_guard(|context| {
                        routes::is_account(context.head().uri.path())
                    }))
                    .wrap(cors::protocol(&cors_origins, service.clone()))
                    .wrap(from_fn(cors::by_project))
                    .wrap(from_fn(routes::refuse_preflight))
                    .configure(|config| routes::configure(config, routes::is_account))
                    .default_service(web::to(routes::not_found)),
            )
            .default_service(web::to(routes::not_found))
            .wrap(from_fn(audit::observe))
            .wrap(from_fn(rate_limit::announce))
            .wrap(from_fn(edge::surround))
            .wrap(from_fn(request_id::observe))
    })
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpStream};

    use super::listener;

    #[tokio::test]
    async fn the_end_of_an_answer_does_not_wait_until_its_client_has_told_that_it_has_the_beginning() {
        let listener = listener((Ipv4Addr::LOCALHOST, 0).into(), 1).expect("a free port");
        let _client = TcpStream::connect(listener.local_addr().expect("an address")).expect("a connection");
        listener.set_nonblocking(false).expect("a setting");
        let (served, _) = listener.accept().expect("the client");
        assert!(served.nodelay().expect("a setting"));
    }
}
