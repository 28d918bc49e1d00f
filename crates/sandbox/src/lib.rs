//! A stateful Stripe on loopback, for development and tests.
//!
//! It keeps customers, payment methods, setup intents, events and webhook endpoints, answers in Stripe's shapes and
//! wording, misbehaves on demand ([fault script](https://en.wikipedia.org/wiki/Fault_injection) under
//! `/_sandbox/faults`) and keeps a ledger of what was really done. It shares no code with the adapter, so that a
//! mistake about Stripe is not made twice.
//!
//! ```
//! # #[tokio::main]
//! # async fn main() -> Result<(), billfold_sandbox::StartError> {
//! let sandbox = billfold_sandbox::Sandbox::start(billfold_sandbox::Options::default()).await?;
//! println!("a Stripe listens on {}", sandbox.url());
//! sandbox.stop().await;
//! # Ok(())
//! # }
//! ```

mod accounts;
mod call;
mod card_checks;
mod cards;
mod clock;
mod confirmation;
mod control;
mod customers;
mod delivery;
mod errors;
mod events;
mod expand;
mod faults;
mod form;
mod http;
mod idempotency;
mod identifiers;
mod journal;
mod ledger;
mod parameters;
mod payment_method;
mod payment_methods;
mod process;
mod routes;
mod setup_intent;
mod setup_intents;
mod shared;
mod state;
mod stripe_js;
mod webhooks;

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::{App, HttpServer, web};
use parking_lot::Mutex;
use tokio::task::JoinHandle;

pub use accounts::account_of_key;
pub use clock::{Clock, ManualClock, SystemClock};
pub use journal::JournalError;

use journal::Journal;
use shared::Shared;
use state::World;

/// How a sandbox is to run.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where it listens. Port 0 takes a free port. Default `127.0.0.1:0`.
    pub listen: SocketAddr,
    /// A file that outlives the process: read at the start, added to by each change. Default none: memory only.
    pub state_file: Option<PathBuf>,
    /// The time. Default the machine's.
    pub clock: Arc<dyn Clock>,
    /// Makes ids and chances repeatable. Default none: random.
    pub seed: Option<u64>,
    /// Threads that serve requests, at least 1. Default 1.
    pub workers: usize,
    /// Most times that one event is sent to one endpoint, at least 1. Default 8.
    pub webhook_attempts: u32,
    /// The pause before the second attempt; each further one is twice as long. Default 500 ms.
    pub webhook_first_delay: Duration,
    /// Longest time that an endpoint may take to answer. Default 10 s.
    pub webhook_timeout: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            state_file: None,
            clock: Arc::new(SystemClock),
            seed: None,
            workers: 1,
            webhook_attempts: 8,
            webhook_first_delay: Duration::from_millis(500),
            webhook_timeout: Duration::from_secs(10),
        }
    }
}

/// Why a sandbox did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address cannot be listened on.
    #[error(
        "the sandbox cannot listen on {address}: {source}; choose another address, or stop what listens there"
    )]
    Listen {
        /// The address of the options.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The state file cannot be used.
    #[error(transparent)]
    State(#[from] JournalError),
    /// The client for webhook deliveries cannot be made.
    #[error("the sandbox cannot make an HTTP client for webhooks: {0}")]
    Client(#[source] reqwest::Error),
}

/// A running sandbox. It stops when it is dropped.
#[derive(Debug)]
pub struct Sandbox {
    address: SocketAddr,
    server: ServerHandle,
    deliveries: JoinHandle<()>,
    shared: Arc<Shared>,
}

impl Sandbox {
    /// Starts a sandbox. It serves from threads of its own and leaves signals alone; deliveries run on the calling
    /// tokio runtime, so call it within one.
    ///
    /// Fails when the address is taken or the state file cannot be used.
    #[expect(
        clippy::unused_async,
        reason = "starting may come to wait; callers should not notice"
    )]
    pub async fn start(options: Options) -> Result<Self, StartError> {
        let listening = |source| StartError::Listen {
            address: options.listen,
            source,
        };
        let listener = TcpListener::bind(options.listen).map_err(listening)?;
        let address = listener.local_addr().map_err(listening)?;
        let client = delivery::client(options.webhook_timeout).map_err(StartError::Client)?;

        let mut world = World::new(options.seed);
        let journal = match &options.state_file {
            Some(path) => Some(Journal::open(path, &mut world)?),
            None => None,
        };
        events::resume_deliveries(&mut world);
        let (sender, queue) = tokio::sync::mpsc::unbounded_channel();
        let workers = options.workers.max(1);
        let shared = Arc::new(Shared {
            options: options.clone(),
            world: Mutex::new(world),
            journal: Mutex::new(journal),
            deliveries: sender,
        });
        shared.commit(&mut shared.world.lock());

        let data = http::data(&shared);
        let server = HttpServer::new(move || {
            App::new()
                .app_data(data.clone())
                .configure(stripe_js::configure)
                .default_service(web::to(http::handle))
        })
        .workers(workers)
        .disable_signals()
        .shutdown_timeout(1)
        .on_connect(http::remember_connection)
        .listen(listener)
        .map_err(listening)?
        .run();
        let handle = server.handle();
        tokio::spawn(server);
        let deliveries = tokio::spawn(delivery::run(Arc::clone(&shared), client, queue));
        Ok(Self {
            address,
            server: handle,
            deliveries,
            shared,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The base URL, such as `http://127.0.0.1:8090`, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Stops serving and delivering. Requests under way are cut off.
    pub async fn stop(self) {
        self.server.stop(false).await;
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.deliveries.abort();
        // The order to stop is sent by the call; the future only waits for its end.
        drop(self.server.stop(false));
        self.shared.close();
    }
}
