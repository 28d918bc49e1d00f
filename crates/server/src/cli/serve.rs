//! `billfold serve`

use std::net::SocketAddr;

use billfold_auth::{IssuerConfig, KeySource, VerifierConfig};
use billfold_domain::ProjectId;
use billfold_service::ServiceOptions;
use billfold_store::{Database, DatabaseOptions, Projects};
use billfold_stripe::ClientOptions;
use clap::Args;
use secrecy::ExposeSecret as _;
use time::Duration;

use super::{
    CommandError, DatabaseArguments,
    dev::SANDBOX_KEY_PREFIX,
    shutdown::{self, ShutdownArguments, Signals},
};
use crate::application::{Application, CorsOrigins, Settings};

#[derive(Debug, Args)]
pub(super) struct Serve {
    #[command(flatten)]
    database: DatabaseArguments,
    /// Where it listens.
    #[arg(long, env = "BILLFOLD_LISTEN", value_name = "ADDRESS")]
    listen: SocketAddr,
    /// A trusted issuer of tokens and the file of its public keys (JWKS): NAME=FILE, or NAME=FILE;PROJECT for one that
    /// may speak for one project only. Several: repeat it, or separate them by commas in the environment.
    #[arg(
        long = "issuer",
        env = "BILLFOLD_ISSUERS",
        value_delimiter = ',',
        required = true,
        value_name = "NAME=FILE"
    )]
    issuers: Vec<String>,
    /// What a token's aud must contain.
    #[arg(long, env = "BILLFOLD_AUDIENCE", default_value = billfold_auth::DEFAULT_AUDIENCE)]
    audience: String,
    /// The longest lifetime of a token, in seconds.
    #[arg(
        long,
        env = "BILLFOLD_MAXIMUM_TOKEN_LIFETIME",
        default_value_t = 86_400,
        value_name = "SECONDS"
    )]
    maximum_token_lifetime: u32,
    #[arg(
        help = "The pages that may call the account API from a browser, such as https://app.example.com",
        long = "cors-origin",
        env = "BILLFOLD_CORS_ORIGINS",
        value_delimiter = ',',
        value_name = "ORIGIN"
    )]
    cors_origins: Vec<String>,
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
    shutdown: ShutdownArguments,
}

/// How long a load balancer is given to see that no more requests should be sent.
const DRAIN_SECONDS: u64 = 3;

impl Serve {
    pub(super) async fn run(self) -> Result<(), CommandError> {
        let shutdown = self.shutdown.read(DRAIN_SECONDS)?;
        let signals = Signals::listen()?;
        let database_options = DatabaseOptions {
            maximum_connections: self.database_connections,
            ..DatabaseOptions::new(self.database.database_url)
        };
        let database = Database::connect(&database_options).await?;
        require_migrated(&database).await?;
        refuse_sandbox_keys(&Projects::new(database.clone())).await?;
        let verifier = VerifierConfig {
            issuers: self
                .issuers
                .iter()
                .map(|text| issuer(text))
                .collect::<Result<_, _>>()?,
            audience: self.audience,
            maximum_lifetime: Duration::seconds(i64::from(self.maximum_token_lifetime)),
            ..VerifierConfig::default()
        };
        let application = Application::build(Settings {
            listen: self.listen,
            stripe: ClientOptions {
                api_base: self.stripe_api_base,
                ..ClientOptions::default()
            },
            service: ServiceOptions {
                maximum_payment_methods: self.maximum_payment_methods,
            },
            cors_origins: CorsOrigins::Listed(self.cors_origins),
            workers: self.workers,
            ..Settings::new(database, verifier)
        })
        .await?;
        tracing::info!(address = %application.address(), "ready");
        shutdown::end_when_asked(application, signals, shutdown).await;
        Ok(())
    }
}

/// Reads `NAME=FILE` or `NAME=FILE;PROJECT`.
fn issuer(text: &str) -> Result<IssuerConfig, CommandError> {
    let (name, rest) = text.split_once('=').ok_or_else(|| {
        format!("the issuer {text} has no keys: write NAME=FILE, with the file of its public keys")
    })?;
    let (file, project) = match rest.split_once(';') {
        Some((file, project)) => (
            file,
            Some(
                ProjectId::parse(project)
                    .map_err(|error| format!("the issuer {name}: the project {error}"))?,
            ),
        ),
        None => (rest, None),
    };
    let keys = KeySource::parse(file).map_err(|error| format!("the issuer {name}: {error}"))?;
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

/// A project that was made by `billfold dev` has a key that everyone knows.
async fn refuse_sandbox_keys(projects: &Projects) -> Result<(), CommandError> {
    for project in projects.list().await? {
        if project
            .stripe
            .secret_key
            .expose_secret()
            .starts_with(SANDBOX_KEY_PREFIX)
        {
            let id = project.id;
            return Err(format!(
                "the project {id} has the secret key of the development sandbox, which everyone knows: \
                 use a database that billfold dev has not worked on"
            )
            .into());
        }
    }
    Ok(())
}
