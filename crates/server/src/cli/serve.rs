//! `billfold serve`

use std::{net::SocketAddr, path::PathBuf};

use billfold_auth::{IssuerConfig, KeySource, VerifierConfig};
use billfold_domain::{Origin, ProjectId};
use billfold_service::ServiceOptions;
use billfold_store::{Database, DatabaseOptions, Projects, SecretsError, StoreError};
use billfold_stripe::ClientOptions;
use billfold_vault::VaultError;
use clap::Args;
use secrecy::ExposeSecret as _;
use time::Duration;

use super::{
    CommandError, DatabaseArguments, api_key,
    dev::SANDBOX_KEY_PREFIX,
    edge::EdgeArguments,
    limits::LimitArguments,
    master_keys::{self, MasterKeyArguments},
    metrics::{self, MetricsArguments},
    shutdown::{self, ShutdownArguments, Signals},
};
use crate::application::{Application, CorsOrigins, Settings};

#[derive(Debug, Args)]
pub(super) struct Serve {
    #[command(flatten)]
    database: DatabaseArguments,
    #[command(flatten)]
    master_keys: MasterKeyArguments,
    /// Where it listens.
    #[arg(long, env = "BILLFOLD_LISTEN", value_name = "ADDRESS")]
    listen: SocketAddr,
    /// A trusted issuer of tokens and the https address or the file of its public keys (JWKS): NAME=URL or NAME=FILE, and
    /// NAME=URL;PROJECT for one that may speak for one project only. Several: repeat it, or separate them by commas in the
    /// environment.
    #[arg(
        long = "issuer",
        env = "BILLFOLD_ISSUERS",
        value_delimiter = ',',
        required = true,
        value_name = "NAME=URL"
    )]
    issuers: Vec<String>,
    /// Certificate authorities (PEM) to trust, beside the system's, at the addresses of issuers' keys.
    #[arg(long, env = "BILLFOLD_ISSUER_CA_FILE", value_name = "FILE")]
    issuer_ca_file: Option<PathBuf>,
    /// What a token's aud must contain.
    #[arg(long, env = "BILLFOLD_AUDIENCE", default_value = billfold_auth::DEFAULT_AUDIENCE)]
    audience: String,
    /// A trusted issuer of operators' tokens and the https address or the file of its public keys (JWKS): NAME=URL or
    /// NAME=FILE. Without one there is no operator API.
    #[arg(
        long = "operator-issuer",
        env = "BILLFOLD_OPERATOR_ISSUERS",
        value_delimiter = ',',
        value_name = "NAME=URL"
    )]
    operator_issuers: Vec<String>,
    /// What the aud of an operator's token must contain: another than tenants' tokens have.
    #[arg(
        long,
        env = "BILLFOLD_OPERATOR_AUDIENCE",
        default_value = billfold_auth::DEFAULT_OPERATOR_AUDIENCE
    )]
    operator_audience: String,
    /// The longest lifetime of a token, in seconds.
    #[arg(
        long,
        env = "BILLFOLD_MAXIMUM_TOKEN_LIFETIME",
        default_value_t = 86_400,
        value_name = "SECONDS"
    )]
    maximum_token_lifetime: u32,
    #[arg(
        help = "The pages that may call the account API from a browser for every project's users, such as https://app.example.com; \
                those of one project only: billfold project update",
        long = "cors-origin",
        env = "BILLFOLD_CORS_ORIGINS",
        value_delimiter = ',',
        value_name = "ORIGIN"
    )]
    cors_origins: Vec<Origin>,
    /// Where Stripe is.
    #[arg(
        long,
        env = "BILLFOLD_STRIPE_API_BASE",
        default_value = "https://api.stripe.com",
        value_name = "URL"
    )]
    stripe_api_base: String,
    /// How many payment methods a user may have.
    #[arg(
        long,
        env = "BILLFOLD_MAXIMUM_PAYMENT_METHODS",
        default_value_t = 100,
        value_name = "NUMBER"
    )]
    maximum_payment_methods: u32,
    /// Connections to PostgreSQL for writing, at most.
    #[arg(
        long,
        env = "BILLFOLD_DATABASE_CONNECTIONS",
        default_value_t = 16,
        value_name = "NUMBER"
    )]
    database_connections: usize,
    /// Threads that serve requests. Without it: one a processor.
    #[arg(long, env = "BILLFOLD_WORKERS", value_name = "NUMBER")]
    workers: Option<usize>,
    #[command(flatten)]
    limits: LimitArguments,
    #[command(flatten)]
    edge: EdgeArguments,
    #[command(flatten)]
    metrics: MetricsArguments,
    #[command(flatten)]
    shutdown: ShutdownArguments,
}

/// How long a load balancer is given to see that no more requests should be sent.
const DRAIN_SECONDS: u64 = 3;

impl Serve {
    pub(super) async fn run(self) -> Result<(), CommandError> {
        let shutdown = self.shutdown.read(DRAIN_SECONDS)?;
        let signals = Signals::listen()?;
        // Before anything counts.
        let metrics = self.metrics.begin()?;
        let database_options = DatabaseOptions {
            maximum_connections: self.database_connections,
            ..self.database.options()
        };
        let database = Database::connect(&database_options).await?;
        require_a_role_that_policies_hold(&database).await?;
        require_migrated(&database).await?;
        warn_of_unguarded_tables(&database).await?;
        let vault = self.master_keys.vault()?;
        let projects = master_keys::proven(&database, &vault).await?;
        look_at_projects(&projects).await?;
        let api_key_pepper = api_key::pepper::of_installation(&database, &vault).await?;
        let maximum_lifetime = Duration::seconds(i64::from(self.maximum_token_lifetime));
        let verifier = VerifierConfig {
            issuers: issuers(&self.issuers)?,
            audience: self.audience,
            maximum_lifetime,
            authorities: self.issuer_ca_file.clone(),
            ..VerifierConfig::default()
        };
        let operators = VerifierConfig {
            issuers: issuers(&self.operator_issuers)?,
            audience: self.operator_audience,
            maximum_lifetime,
            authorities: self.issuer_ca_file,
            ..VerifierConfig::for_operators()
        };
        if operators.audience == verifier.audience {
            return Err("operators' tokens need an audience of their own: \
                        choose another --operator-audience than --audience"
                .into());
        }
        let of_metrics = database.clone();
        let application = Application::build(Settings {
            listen: self.listen,
            stripe: ClientOptions {
                api_base: self.stripe_api_base,
                ..ClientOptions::default()
            },
            service: ServiceOptions {
                maximum_payment_methods: self.maximum_payment_methods,
                ..self.limits.service_options()
            },
            cors_origins: CorsOrigins::Listed(self.cors_origins),
            edge: self.edge.limits(),
            workers: self.workers,
            operators: Some(operators).filter(|operators| !operators.issuers.is_empty()),
            ..Settings::new(database, vault, api_key_pepper, verifier)
        })
        .await?;
        let exposed = metrics::expose(metrics, of_metrics, &application)?;
        tracing::info!(address = %application.address(), "ready");
        shutdown::end_when_asked(application, signals, shutdown).await;
        drop(exposed);
        Ok(())
    }
}

fn issuers(texts: &[String]) -> Result<Vec<IssuerConfig>, CommandError> {
    texts.iter().map(|text| issuer(text)).collect()
}

/// Reads `NAME=URL` or `NAME=FILE`, and either with `;PROJECT`.
fn issuer(text: &str) -> Result<IssuerConfig, CommandError> {
    let (name, rest) = text.split_once('=').ok_or_else(|| {
        format!(
            "the issuer {text} has no keys: write NAME=URL or NAME=FILE, with the https address or the file of its public keys"
        )
    })?;
    let (keys, project) = match rest.split_once(';') {
        Some((keys, project)) => (
            keys,
            Some(
                ProjectId::parse(project)
                    .map_err(|error| format!("the issuer {name}: the project {error}"))?,
            ),
        ),
        None => (rest, None),
    };
    let keys = KeySource::parse(keys).map_err(|error| format!("the issuer {name}: {error}"))?;
    Ok(IssuerConfig {
        issuer: name.to_owned(),
        keys,
        project,
    })
}

pub(super) async fn require_migrated(database: &Database) -> Result<(), CommandError> {
    let pending = database.pending_migrations().await?;
    if pending.is_empty() {
        return Ok(());
    }
    let pending = pending.join(", ");
    Err(format!("the database lacks the migrations {pending}: run billfold migrate first").into())
}

async fn warn_of_unguarded_tables(database: &Database) -> Result<(), CommandError> {
    for table in database.unguarded_tables().await? {
        tracing::warn!(
            table,
            "somebody has taken row-level security off the table: only the queries keep its projects apart"
        );
    }
    Ok(())
}

/// Tenants are kept apart by the database too, as long as it holds the role that the instance works as.
async fn require_a_role_that_policies_hold(database: &Database) -> Result<(), CommandError> {
    let Some(fault) = database.role_fault().await? else {
        return Ok(());
    };
    Err(format!(
        "{fault}, so row-level security would not keep its projects apart: give BILLFOLD_DATABASE_URL a role of the \
         application's own, and prepare it with billfold migrate --application-role, as docs/operating.md describes"
    )
    .into())
}

/// Refuses to start where a project's secrets are in plain text, where their master key was not given, and where a
/// project has a key that everyone knows. Secrets that do not open although their keys were given concern one project
/// alone: they are told, and the others are served.
async fn look_at_projects(projects: &Projects) -> Result<(), CommandError> {
    for listed in projects.list().await? {
        let id = listed.id;
        let found = match projects.find(&id).await {
            Err(error @ StoreError::Secrets { .. }) if is_of_the_installation(&error) => {
                return Err(error.into());
            }
            Err(error @ StoreError::Secrets { .. }) => {
                tracing::error!(%error, "a project cannot be served");
                continue;
            }
            found => found?,
        };
        let of_sandbox = found.is_some_and(|project| {
            let key = project.stripe.secret_key.expose_secret();
            key.starts_with(SANDBOX_KEY_PREFIX)
        });
        // A project that was made by `billfold dev` has a key that everyone knows.
        if of_sandbox {
            return Err(format!(
                "the project {id} has the secret key of the development sandbox, which everyone knows: \
                 use a database that billfold dev has not worked on"
            )
            .into());
        }
    }
    Ok(())
}

/// Whether secrets do not open because of what the installation was given or has not done yet.
fn is_of_the_installation(error: &StoreError) -> bool {
    matches!(
        error,
        StoreError::Secrets {
            reason: SecretsError::Plain | SecretsError::DataKey(VaultError::UnknownMasterKey(_)),
            ..
        }
    )
}
