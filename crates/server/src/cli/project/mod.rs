//! `billfold project`

mod create;
mod delete;
mod secrets;
mod show;
mod update;

use std::sync::Arc;

use billfold_domain::{ProjectId, SystemClock};
use billfold_service::{AccountLook, ProjectError, Service, ServiceError, ServiceOptions, UlidIdentifiers};
use billfold_store::Database;
use billfold_stripe::{ClientOptions, StripeClient};
use clap::{Args, Subcommand};

use super::{CommandError, DatabaseArguments, master_keys::MasterKeyArguments, print};

#[derive(Debug, Subcommand)]
pub(super) enum Project {
    /// Makes a project, after a look at Stripe whether its key is good and whose it is.
    Create(create::Create),
    /// Lists the projects.
    List(show::List),
    /// Shows a project.
    Show(show::Show),
    /// Changes a project: its keys, its connected account, its webhook secret, the pages that may call the account API.
    /// What is not given stays.
    Update(update::Update),
    /// Shuts a project: within ten seconds it is, to its callers and to webhooks, as if it were not there.
    Disable(update::Disable),
    /// Opens a project that is shut, with all that it had.
    Enable(update::Enable),
    /// Deletes a project for good: ends what is open, detaches its payment methods at Stripe, removes its rows and wipes
    /// its credentials. Its name is not given again.
    Delete(delete::Delete),
}

/// The Stripe that a command asks.
#[derive(Debug, Args)]
struct StripeArguments {
    /// Where Stripe is.
    #[arg(
        long,
        env = "BILLFOLD_STRIPE_API_BASE",
        default_value = "https://api.stripe.com",
        value_name = "URL"
    )]
    stripe_api_base: String,
}

/// Whether Stripe is asked whose a key is.
#[derive(Debug, Args)]
struct LookArguments {
    /// Doesn't ask Stripe whether the key is good and whose it is: the project's account then stays unknown until an
    /// update asks.
    #[arg(long, env = "BILLFOLD_PROJECT_OFFLINE")]
    offline: bool,
    #[command(flatten)]
    stripe: StripeArguments,
}

impl LookArguments {
    const fn look(&self) -> AccountLook {
        if self.offline {
            AccountLook::Skipped
        } else {
            AccountLook::AtStripe
        }
    }
}

impl Project {
    pub(super) async fn run(self) -> Result<(), CommandError> {
        match self {
            Self::Create(create) => Box::pin(create.run()).await,
            Self::List(list) => list.run().await,
            Self::Show(show) => show.run().await,
            Self::Update(update) => update.run().await,
            Self::Disable(disable) => disable.run().await,
            Self::Enable(enable) => enable.run().await,
            Self::Delete(delete) => delete.run().await,
        }
    }
}

/// The installation that a command works on: its database, and the keys of the secrets in there.
#[derive(Debug, Args)]
struct InstallationArguments {
    #[command(flatten)]
    master_keys: MasterKeyArguments,
    #[command(flatten)]
    database: DatabaseArguments,
}

/// A database that is up to date, and the use cases on it.
struct Installation {
    database: Database,
    service: Service,
}

impl InstallationArguments {
    async fn open(
        &self,
        stripe: StripeArguments,
        options: ServiceOptions,
    ) -> Result<Installation, CommandError> {
        let database = self.database.connect().await?;
        let projects = self.master_keys.open(&database).await?;
        let stripe = StripeClient::new(ClientOptions {
            api_base: stripe.stripe_api_base,
            ..ClientOptions::default()
        })?;
        let service = Service::new(
            database.clone(),
            projects,
            stripe,
            Arc::new(SystemClock),
            Arc::new(UlidIdentifiers),
            options,
        );
        Ok(Installation { database, service })
    }

    /// The same, for commands that ask Stripe for nothing.
    async fn open_without_stripe(&self) -> Result<Installation, CommandError> {
        let stripe = StripeArguments {
            stripe_api_base: ClientOptions::default().api_base,
        };
        self.open(stripe, ServiceOptions::default()).await
    }
}

/// Why a command has not done what it was asked, about the project that it was asked for.
fn refused(project: &ProjectId, error: ProjectError) -> CommandError {
    match error {
        ProjectError::NotFound => {
            format!("there is no project {project}: billfold project list shows all").into()
        }
        ProjectError::Service(ServiceError::Busy) => {
            format!("the project {project} was changed by another at the same time: try again").into()
        }
        ProjectError::Service(ServiceError::Unavailable { cause, .. } | ServiceError::Internal { cause }) => {
            format!("the project {project}: {cause}").into()
        }
        ProjectError::StripeUnavailable { ref cause, .. } => {
            format!("the project {project}: {error}, or give --offline to do it without a look ({cause})")
                .into()
        }
        error => format!("the project {project}: {error}").into(),
    }
}
