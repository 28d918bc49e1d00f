//! PostgreSQL: a pool for transactions, and connections for single reads that many requests share.

use std::{
    collections::HashMap,
    future::Future,
    str::FromStr as _,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread::ThreadId,
    time::Duration,
};

use deadpool::{Runtime, managed::Timeouts};
use diesel::{ConnectionError, ConnectionResult, QueryResult};
use diesel_async::{
    AsyncPgConnection,
    pooled_connection::{
        AsyncDieselConnectionManager, ManagerConfig, RecyclingMethod,
        deadpool::{Object, Pool},
    },
};
use futures_util::FutureExt as _;
use parking_lot::RwLock;
use tokio::{
    runtime::{Handle, RuntimeFlavor},
    sync::Mutex,
};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::{DatabaseOptions, StoreError};

/// Settings of every session. Generic plans: a bound LIMIT is otherwise planned anew at each call. Timeouts: no
/// statement, lock or idle transaction may hold a connection for good.
const SESSION_OPTIONS: &str = "-c plan_cache_mode=force_generic_plan -c statement_timeout=10000 \
     -c lock_timeout=5000 -c idle_in_transaction_session_timeout=15000";

#[derive(Clone)]
pub(crate) struct Postgres {
    pool: Pool<AsyncPgConnection>,
    readers: Arc<Readers>,
    connector: Arc<Connector>,
    timeout: Duration,
}

/// The connections for single reads.
struct Readers {
    /// For every thread of the main runtime, which drives them. Taken in turn.
    shared: Vec<Arc<Slot>>,
    next_shared: AtomicUsize,
    /// For one thread each, which has a runtime of its own, as those that serve requests have. It drives its
    /// connection itself: a read that wakes no other thread takes half the time.
    own: RwLock<HashMap<ThreadId, Arc<Slot>>>,
}

impl Readers {
    fn new(shared: usize) -> Self {
        Self {
            shared: (0..shared).map(|_| Arc::default()).collect(),
            next_shared: AtomicUsize::default(),
            own: RwLock::default(),
        }
    }

    /// Where the calling thread's next read finds its connection, and the runtime that is to drive it.
    fn slot(&self, main_runtime: &Handle) -> (Arc<Slot>, Handle) {
        let here = Handle::current();
        if here.runtime_flavor() != RuntimeFlavor::CurrentThread {
            let turn = self.next_shared.fetch_add(1, Ordering::Relaxed);
            let slot = &self.shared[turn % self.shared.len()];
            return (Arc::clone(slot), main_runtime.clone());
        }
        let thread = std::thread::current().id();
        if let Some(slot) = self.own.read().get(&thread) {
            return (Arc::clone(slot), here);
        }
        (Arc::clone(self.own.write().entry(thread).or_default()), here)
    }

    fn give_up(&self, broken: &Arc<AsyncPgConnection>) {
        let own = self.own.read();
        for slot in self.shared.iter().chain(own.values()) {
            let mut connection = slot.connection.write();
            if connection
                .as_ref()
                .is_some_and(|current| Arc::ptr_eq(current, broken))
            {
                *connection = None;
            }
        }
    }
}

/// A shared connection's place. The lock around connecting makes the callers of a broken one wait for a single new one.
#[derive(Default)]
struct Slot {
    connection: RwLock<Option<Arc<AsyncPgConnection>>>,
    connecting: Mutex<()>,
}

impl Postgres {
    pub(crate) async fn connect(options: &DatabaseOptions) -> Result<Self, StoreError> {
        let connector = Arc::new(Connector::new(options)?);
        let mut manager = ManagerConfig::default();
        manager.recycling_method = RecyclingMethod::Fast;
        let for_pool = Arc::clone(&connector);
        manager.custom_setup = Box::new(move |_| {
            let connector = Arc::clone(&for_pool);
            async move { connector.connect(&connector.runtime).await }.boxed()
        });
        let pool = Pool::builder(AsyncDieselConnectionManager::new_with_config(
            options.url.as_str(),
            manager,
        ))
        .max_size(options.maximum_connections)
        .runtime(Runtime::Tokio1)
        .timeouts(Timeouts {
            wait: Some(options.timeout),
            create: Some(options.timeout),
            recycle: Some(options.timeout),
        })
        .build()
        .map_err(|error| StoreError::Configuration(error.to_string()))?;
        let postgres = Self {
            pool,
            readers: Arc::new(Readers::new(options.read_connections.max(1))),
            connector,
            timeout: options.timeout,
        };
        drop(postgres.reader().await?);
        Ok(postgres)
    }

    pub(crate) async fn connection(&self) -> Result<Object<AsyncPgConnection>, StoreError> {
        Ok(self.pool.get().await?)
    }

    /// A shared connection. Only single statements may run on it: those of other requests come between.
    pub(crate) async fn reader(&self) -> Result<Arc<AsyncPgConnection>, StoreError> {
        let (slot, runtime) = self.readers.slot(&self.connector.runtime);
        if let Some(connection) = &*slot.connection.read() {
            return Ok(Arc::clone(connection));
        }
        // The wait for one's turn counts too: of many callers each would else wait for all before it to fail.
        tokio::time::timeout(self.timeout, self.fill(&slot, &runtime))
            .await
            .unwrap_or_else(|_| Err(StoreError::Unavailable("no connection in time".to_owned())))
    }

    async fn fill(&self, slot: &Slot, runtime: &Handle) -> Result<Arc<AsyncPgConnection>, StoreError> {
        let _only_one = slot.connecting.lock().await;
        if let Some(connection) = &*slot.connection.read() {
            return Ok(Arc::clone(connection));
        }
        let connection = Arc::new(self.connector.connect(runtime).await?);
        *slot.connection.write() = Some(Arc::clone(&connection));
        Ok(connection)
    }

    /// How often a read may be tried: every shared connection may be a broken one, and is found out by one attempt.
    pub(crate) fn read_attempts(&self) -> usize {
        self.readers.shared.len() + 1
    }

    /// Waits for a read, and says `None` where it should be tried once more: the connection was broken, and has been
    /// given up. Takes one from the attempts that are left.
    pub(crate) async fn finish_read<Row>(
        &self,
        reader: &Arc<AsyncPgConnection>,
        attempts_left: &mut usize,
        rows: impl Future<Output = QueryResult<Vec<Row>>>,
    ) -> Option<Result<Vec<Row>, StoreError>> {
        let Ok(result) = tokio::time::timeout(self.timeout, rows).await else {
            self.readers.give_up(reader);
            return Some(Err(StoreError::Unavailable("no answer in time".to_owned())));
        };
        match result.map_err(StoreError::from) {
            Err(StoreError::Unavailable(message)) => {
                self.readers.give_up(reader);
                *attempts_left = attempts_left.saturating_sub(1);
                (*attempts_left == 0).then_some(Err(StoreError::Unavailable(message)))
            }
            result => Some(result),
        }
    }
}

/// Opens sessions with the settings and the encryption that all of them need.
struct Connector {
    configuration: tokio_postgres::Config,
    tls: MakeRustlsConnect,
    /// The runtime that drives every connection that several threads use, whichever of them asked for it.
    runtime: Handle,
}

impl Connector {
    fn new(options: &DatabaseOptions) -> Result<Self, StoreError> {
        let unreadable = |error: &dyn std::fmt::Display| {
            StoreError::Configuration(format!("the database URL cannot be read: {error}"))
        };
        let mut configuration =
            tokio_postgres::Config::from_str(&options.url).map_err(|error| unreadable(&error))?;
        let given = configuration.get_options().unwrap_or_default();
        let session_options = format!("{SESSION_OPTIONS} {given}");
        configuration
            .options(session_options)
            .connect_timeout(options.timeout)
            .tcp_user_timeout(Duration::from_secs(10))
            .keepalives_idle(Duration::from_secs(10));
        if configuration.get_application_name().is_none() {
            configuration.application_name("billfold");
        }
        Ok(Self {
            configuration,
            tls: MakeRustlsConnect::new(tls_configuration()?),
            runtime: Handle::current(),
        })
    }

    async fn connect(self: &Arc<Self>, runtime: &Handle) -> ConnectionResult<AsyncPgConnection> {
        let connector = Arc::clone(self);
        let connecting = runtime.spawn(async move {
            let (client, connection) = connector
                .configuration
                .connect(connector.tls.clone())
                .await
                .map_err(|error| ConnectionError::BadConnection(with_causes(&error)))?;
            AsyncPgConnection::try_from_client_and_connection(client, connection).await
        });
        connecting
            .await
            .unwrap_or_else(|error| Err(ConnectionError::BadConnection(error.to_string())))
    }
}

/// The error in its own words and those of what caused it: the driver's alone say only which part failed.
fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// Encryption as `sslmode` in the URL asks for it; a server's certificate is checked against the system's authorities.
fn tls_configuration() -> Result<rustls::ClientConfig, StoreError> {
    use rustls_platform_verifier::BuilderVerifierExt as _;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let unusable = |error: rustls::Error| StoreError::Configuration(format!("TLS cannot be set up: {error}"));
    Ok(rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(unusable)?
        .with_platform_verifier()
        .map_err(unusable)?
        .with_no_client_auth())
}
