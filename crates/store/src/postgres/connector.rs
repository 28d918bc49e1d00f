//! Opens sessions with the settings and the encryption that all of them need.

use std::{
    str::FromStr as _,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use diesel::{ConnectionError, ConnectionResult};
use diesel_async::{AsyncConnection as _, AsyncPgConnection, SimpleAsyncConnection as _};
use tokio::runtime::Handle;
use tokio_postgres::config::TargetSessionAttrs;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::servers;
use crate::{DatabaseOptions, DatabasePooler, StoreError};

/// Settings of every session. Generic plans: a bound LIMIT is otherwise planned anew at each call. No compilation: such a
/// plan is priced for a LIMIT of a tenth of the project, and where that is many rows, PostgreSQL would compile it anew at
/// each call, for eleven rows. Timeouts: no statement, lock or idle transaction may hold a connection for good.
pub(crate) const SESSION_OPTIONS: &str = "-c plan_cache_mode=force_generic_plan -c jit=off \
     -c statement_timeout=10000 -c lock_timeout=5000 -c idle_in_transaction_session_timeout=15000";

/// How long a connection may be silent before its other end is asked whether it is there, how long each question waits, and
/// how many may be in vain: a machine that is lost without a word is found out within some ten seconds.
const SILENCE: Duration = Duration::from_secs(4);
const QUESTION: Duration = Duration::from_secs(2);
const QUESTIONS: u32 = 3;

/// A session, and what drives it.
type Opened = (
    tokio_postgres::Client,
    tokio_postgres::Connection<tokio_postgres::Socket, Encrypted>,
);
type Encrypted = <MakeRustlsConnect as tokio_postgres::tls::MakeTlsConnect<tokio_postgres::Socket>>::Stream;

/// Where it is found, how it is spoken to, and who drives what is opened.
pub(super) struct Connector {
    /// One for each server of the URL: of several, one takes writes.
    servers: Vec<tokio_postgres::Config>,
    /// The server that took the last connection, and is tried first for the next.
    last: AtomicUsize,
    /// How long each server is given.
    patience: Duration,
    tls: MakeRustlsConnect,
    pooler: Option<DatabasePooler>,
    /// The runtime that drives every connection that several threads use, whichever of them asked for it.
    pub(super) runtime: Handle,
}

impl Connector {
    pub(super) fn new(options: &DatabaseOptions) -> Result<Self, StoreError> {
        let urls = servers::of_url(&options.url);
        let number = u32::try_from(urls.len()).unwrap_or(u32::MAX);
        let patience = options.timeout / number;
        let configured = urls.iter().map(|url| {
            let mut configuration = configuration(url, options.pooler)?;
            configuration.connect_timeout(patience);
            if number > 1 {
                configuration.target_session_attrs(TargetSessionAttrs::ReadWrite);
            }
            Ok(configuration)
        });
        Ok(Self {
            servers: configured.collect::<Result<_, StoreError>>()?,
            last: AtomicUsize::default(),
            patience,
            tls: MakeRustlsConnect::new(tls_configuration()?),
            pooler: options.pooler,
            runtime: Handle::current(),
        })
    }

    /// Opens a session on the first server that takes it, beginning with the one that did so last.
    async fn open(&self) -> Result<Opened, String> {
        let first = self.last.load(Ordering::Relaxed);
        let mut refusals = Vec::new();
        for turn in 0..self.servers.len() {
            let server = (first + turn) % self.servers.len();
            let opening = self.servers[server].connect(self.tls.clone());
            match tokio::time::timeout(self.patience, opening).await {
                Ok(Ok(opened)) => {
                    self.last.store(server, Ordering::Relaxed);
                    return Ok(opened);
                }
                Ok(Err(error)) => refusals.push(with_causes(&error)),
                Err(_) => refusals.push("no connection in time".to_owned()),
            }
        }
        Err(refusals.join("; "))
    }

    pub(super) async fn connect(self: &Arc<Self>, runtime: &Handle) -> ConnectionResult<AsyncPgConnection> {
        let connector = Arc::clone(self);
        let connecting = runtime.spawn(async move {
            let (client, connection) = connector.open().await.map_err(ConnectionError::BadConnection)?;
            match connector.pooler {
                None => AsyncPgConnection::try_from_client_and_connection(client, connection).await,
                Some(DatabasePooler::Transaction) => {
                    tokio::spawn(connection);
                    through_pooler(client).await
                }
            }
        });
        connecting
            .await
            .unwrap_or_else(|error| Err(ConnectionError::BadConnection(error.to_string())))
    }
}

/// How one server is spoken to.
fn configuration(url: &str, pooler: Option<DatabasePooler>) -> Result<tokio_postgres::Config, StoreError> {
    let mut configuration = tokio_postgres::Config::from_str(url)
        .map_err(|error| StoreError::Configuration(format!("the database URL cannot be read: {error}")))?;
    let given = configuration.get_options().unwrap_or_default();
    match pooler {
        None => {
            let session_options = format!("{SESSION_OPTIONS} {given}");
            configuration.options(session_options);
        }
        Some(DatabasePooler::Transaction) if !given.is_empty() => {
            return Err(StoreError::Configuration(
                "the options in the database URL cannot pass a pooler of transactions: take them out of the URL, \
                 and give them to the role by `alter role … set …`"
                    .to_owned(),
            ));
        }
        Some(DatabasePooler::Transaction) => {}
    }
    configuration
        .tcp_user_timeout(Duration::from_secs(10))
        .keepalives_idle(SILENCE)
        .keepalives_interval(QUESTION)
        .keepalives_retries(QUESTIONS);
    if configuration.get_application_name().is_none() {
        configuration.application_name("billfold");
    }
    Ok(configuration)
}

/// A connection whose every statement can be served by another session. Diesel prepares two statements to set a new
/// connection up, which only a transaction keeps on one session; what they set is not needed, and goes with it.
async fn through_pooler(client: tokio_postgres::Client) -> ConnectionResult<AsyncPgConnection> {
    client
        .batch_execute("begin")
        .await
        .map_err(|error| ConnectionError::BadConnection(with_causes(&error)))?;
    let mut connection = AsyncPgConnection::try_from(client).await?;
    connection.set_prepared_statement_cache_size(diesel::connection::CacheSize::Disabled);
    connection
        .batch_execute("rollback")
        .await
        .map_err(ConnectionError::CouldntSetupConfiguration)?;
    Ok(connection)
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
