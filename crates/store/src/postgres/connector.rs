//! Opens sessions with the settings and the encryption that all of them need.

use std::{str::FromStr as _, sync::Arc, time::Duration};

use diesel::{ConnectionError, ConnectionResult};
use diesel_async::{AsyncConnection as _, AsyncPgConnection, SimpleAsyncConnection as _};
use tokio::runtime::Handle;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::{DatabaseOptions, DatabasePooler, StoreError};

/// Settings of every session. Generic plans: a bound LIMIT is otherwise planned anew at each call. No compilation: such a
/// plan is priced for a LIMIT of a tenth of the project, and where that is many rows, PostgreSQL would compile it anew at
/// each call, for eleven rows. Timeouts: no statement, lock or idle transaction may hold a connection for good.
pub(crate) const SESSION_OPTIONS: &str = "-c plan_cache_mode=force_generic_plan -c jit=off \
     -c statement_timeout=10000 -c lock_timeout=5000 -c idle_in_transaction_session_timeout=15000";

/// Where it is found, how it is spoken to, and who drives what is opened.
pub(super) struct Connector {
    configuration: tokio_postgres::Config,
    tls: MakeRustlsConnect,
    pooler: Option<DatabasePooler>,
    /// The runtime that drives every connection that several threads use, whichever of them asked for it.
    pub(super) runtime: Handle,
}

impl Connector {
    pub(super) fn new(options: &DatabaseOptions) -> Result<Self, StoreError> {
        let unreadable = |error: &dyn std::fmt::Display| {
            StoreError::Configuration(format!("the database URL cannot be read: {error}"))
        };
        let mut configuration =
            tokio_postgres::Config::from_str(&options.url).map_err(|error| unreadable(&error))?;
        let given = configuration.get_options().unwrap_or_default();
        match options.pooler {
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
            .connect_timeout(options.timeout)
            .tcp_user_timeout(Duration::from_secs(10))
            .keepalives_idle(Duration::from_secs(10));
        if configuration.get_application_name().is_none() {
            configuration.application_name("billfold");
        }
        Ok(Self {
            configuration,
            tls: MakeRustlsConnect::new(tls_configuration()?),
            pooler: options.pooler,
            runtime: Handle::current(),
        })
    }

    pub(super) async fn connect(self: &Arc<Self>, runtime: &Handle) -> ConnectionResult<AsyncPgConnection> {
        let connector = Arc::clone(self);
        let connecting = runtime.spawn(async move {
            let (client, connection) = connector
                .configuration
                .connect(connector.tls.clone())
                .await
                .map_err(|error| ConnectionError::BadConnection(with_causes(&error)))?;
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
