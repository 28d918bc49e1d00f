//! `billfold dev`

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use billfold_auth::DevelopmentIssuer;
use billfold_domain::{Clock as _, ProjectId, SystemClock};
use billfold_sandbox::Sandbox;
use billfold_service::PacingOptions;
use billfold_store::{Database, DatabaseOptions, NewProject, StripeCredentials, WebhookSecrets};
use billfold_stripe::ClientOptions;
use clap::Args;
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use super::{
    CommandError, api_key, dev_guide, dev_webhooks,
    limits::LimitArguments,
    master_keys,
    metrics::{self, MetricsArguments},
    migrate, print,
    shutdown::{self, ShutdownArguments, Signals},
};
use crate::{
    application::{Application, CorsOrigins, Settings},
    inspector::Inspector,
    pages::{Demo, StripeJs},
};

/// What the secret keys of the sandbox's accounts begin with here. No secret: the sandbox makes an account for any key.
pub(super) const SANDBOX_KEY_PREFIX: &str = "sk_test_billfold_";

#[derive(Debug, Args)]
pub(super) struct Dev {
    /// Where the database, the sandbox's cards, the issuer's key and the master key are kept.
    #[arg(
        long,
        env = "BILLFOLD_DATA_DIR",
        default_value = ".billfold",
        value_name = "DIRECTORY"
    )]
    data_dir: PathBuf,
    /// Where the API listens.
    #[arg(
        long,
        env = "BILLFOLD_LISTEN",
        default_value = "127.0.0.1:8080",
        value_name = "ADDRESS"
    )]
    listen: SocketAddr,
    /// Where the Stripe sandbox listens.
    #[arg(
        long,
        env = "BILLFOLD_SANDBOX_LISTEN",
        default_value = "127.0.0.1:8090",
        value_name = "ADDRESS"
    )]
    sandbox_listen: SocketAddr,
    #[arg(
        help = "Another database than SQLite in the data directory: postgres://user:password@host/name",
        long,
        env = "BILLFOLD_DATABASE_URL",
        hide_env_values = true,
        value_name = "URL"
    )]
    database_url: Option<String>,
    /// Another Stripe than the sandbox. Its account is then the project demo's.
    #[arg(
        long,
        env = "BILLFOLD_STRIPE_API_BASE",
        value_name = "URL",
        requires = "stripe_secret_key"
    )]
    stripe_api_base: Option<String>,
    /// A test account's secret key: use Stripe's test mode in place of the sandbox.
    #[arg(
        long,
        env = "BILLFOLD_STRIPE_SECRET_KEY",
        hide_env_values = true,
        value_name = "sk_test_…",
        requires = "stripe_publishable_key"
    )]
    stripe_secret_key: Option<SecretString>,
    /// The same account's publishable key.
    #[arg(
        long,
        env = "BILLFOLD_STRIPE_PUBLISHABLE_KEY",
        value_name = "pk_test_…",
        requires = "stripe_secret_key"
    )]
    stripe_publishable_key: Option<String>,
    /// Another Stripe.js than Stripe's own, for the demo page with another Stripe than the sandbox.
    #[arg(
        long,
        env = "BILLFOLD_STRIPE_JS",
        value_name = "URL",
        requires = "stripe_publishable_key"
    )]
    stripe_js: Option<Url>,
    #[command(flatten)]
    limits: LimitArguments,
    #[command(flatten)]
    metrics: MetricsArguments,
    #[command(flatten)]
    shutdown: ShutdownArguments,
}

/// The Stripe that a development server talks to.
struct DevelopmentStripe {
    api_base: String,
    sandbox: Option<Sandbox>,
    stripe_js: StripeJs,
    projects: Vec<NewProject>,
}

impl Dev {
    pub(super) async fn run(self, inspector: Inspector) -> Result<(), CommandError> {
        let shutdown = self.shutdown.read(0)?;
        let signals = Signals::listen()?;
        // Before anything counts.
        let metrics = self.metrics.begin()?;
        make_private(&self.data_dir)?;
        let issuer = Arc::new(DevelopmentIssuer::load_or_create(&self.data_dir)?);
        let stripe = self.stripe().await?;
        let default_database = format!("sqlite://{}", self.data_dir.join("billfold.db").display());
        let database_url = self.database_url.unwrap_or(default_database);
        let database = Database::connect(&DatabaseOptions::new(database_url)).await?;
        database.migrate().await?;
        if let Some(fault) = database.role_fault().await? {
            tracing::warn!(
                %fault,
                "row-level security may not hold this role: good enough to develop with, and refused by billfold serve"
            );
        }
        let vault = master_keys::of_development(&self.data_dir)?;
        let projects = master_keys::proven(&database, &vault).await?;
        migrate::seal_plain_secrets(&database, &projects).await?;
        let client_options = ClientOptions {
            api_base: stripe.api_base,
            ..ClientOptions::default()
        };
        for project in &stripe.projects {
            projects.create_or_update(project, SystemClock.now()).await?;
            if projects.is_deleted(&project.id).await? {
                let id = &project.id;
                return Err(format!(
                    "the project {id} was deleted in this database: start with another --data-dir, or delete this one"
                )
                .into());
            }
        }
        let mut service = self.limits.service_options();
        // The sandbox refuses nothing as too many.
        if stripe.sandbox.is_some() {
            service.pacing = PacingOptions::out_of_the_way();
        }
        let api_key_pepper = api_key::pepper::of_installation(&database, &vault).await?;
        let of_metrics = database.clone();
        let application = Application::build(Settings {
            listen: self.listen,
            stripe: client_options.clone(),
            cors_origins: CorsOrigins::Any,
            service,
            operators: Some(issuer.operator_verifier_config()),
            demo: Some(Demo {
                issuer: Arc::clone(&issuer),
                project: stripe.projects[0].id.clone(),
                publishable_key: stripe.projects[0].stripe.publishable_key.clone(),
                stripe_js: stripe.stripe_js,
                inspector,
            }),
            ..Settings::new(database, vault, api_key_pepper, issuer.verifier_config())
        })
        .await?;
        let exposed = metrics::expose(metrics, of_metrics, &application)?;
        let address = application.address();
        if !address.ip().is_loopback() {
            tracing::warn!(
                %address,
                "whoever reaches this address is given tokens by the demo page: listen on 127.0.0.1, unless all of them may have them"
            );
        }
        if stripe.sandbox.is_some() {
            // Stripe itself would not reach this machine.
            dev_webhooks::register(client_options, address, &stripe.projects, &projects).await?;
        }
        let guide = dev_guide::Guide {
            address,
            sandbox: stripe.sandbox.as_ref().map(Sandbox::url),
            projects: stripe.projects.iter().map(|project| project.id.clone()).collect(),
            issuer: &issuer,
            data_dir: &self.data_dir,
        };
        print(&guide.text()?)?;
        shutdown::end_when_asked(application, signals, shutdown).await;
        drop(exposed);
        if let Some(sandbox) = stripe.sandbox {
            sandbox.stop().await;
        }
        Ok(())
    }

    async fn stripe(&self) -> Result<DevelopmentStripe, CommandError> {
        if let (Some(secret_key), Some(publishable_key)) =
            (&self.stripe_secret_key, &self.stripe_publishable_key)
        {
            if !secret_key.expose_secret().starts_with("sk_test_")
                && !secret_key.expose_secret().starts_with("rk_test_")
            {
                return Err(
                    "billfold dev takes test keys only: the secret key must begin with sk_test_".into(),
                );
            }
            let demo = project("demo", secret_key.clone(), publishable_key.clone())?;
            let api_base = self.stripe_api_base.clone();
            return Ok(DevelopmentStripe {
                api_base: api_base.unwrap_or_else(|| ClientOptions::default().api_base),
                stripe_js: self
                    .stripe_js
                    .clone()
                    .map_or_else(StripeJs::of_stripe, StripeJs::at),
                sandbox: None,
                projects: vec![demo],
            });
        }
        let options = billfold_sandbox::Options {
            listen: self.sandbox_listen,
            state_file: Some(self.data_dir.join("sandbox.jsonl")),
            ..billfold_sandbox::Options::default()
        };
        let sandbox = Sandbox::start(options).await?;
        let of_sandbox = |name: &str| {
            let secret_key = SecretString::from(format!("{SANDBOX_KEY_PREFIX}{name}"));
            project(name, secret_key, format!("pk_test_billfold_{name}"))
        };
        Ok(DevelopmentStripe {
            api_base: sandbox.url(),
            stripe_js: StripeJs::of_sandbox(&sandbox.url())?,
            projects: vec![of_sandbox("demo")?, of_sandbox("acme")?],
            sandbox: Some(sandbox),
        })
    }
}

fn project(
    name: &str,
    secret_key: SecretString,
    publishable_key: String,
) -> Result<NewProject, CommandError> {
    let stripe = StripeCredentials {
        secret_key,
        publishable_key,
        account: None,
        webhook_secrets: WebhookSecrets::default(),
    };
    Ok(NewProject {
        id: ProjectId::parse(name)?,
        stripe,
    })
}

/// Makes the directory that keeps keys and cards, for its owner's eyes only; one that is there stays as it is.
fn make_private(directory: &Path) -> Result<(), CommandError> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
        .map_err(|error| format!("the directory {} cannot be made: {error}", directory.display()).into())
}
