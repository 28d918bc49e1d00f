//! `billfold project create`

use std::path::PathBuf;

use billfold_domain::{ProjectId, PublishableKey, StripeAccountId};
use billfold_service::{CreateProject, ServiceOptions, ShownProject};
use clap::Args;

use super::{InstallationArguments, LookArguments, print, refused, secrets::SecretFiles};
use crate::{
    cli::{CommandError, operator_log},
    wire::project::account_id,
};

#[derive(Debug, Args)]
pub(in crate::cli) struct Create {
    /// Its name in paths and tokens: 1 to 64 characters of A-Z, a-z, 0-9, _ and -.
    project: ProjectId,
    /// Its Stripe account's publishable key.
    #[arg(long, env = "BILLFOLD_PROJECT_STRIPE_PUBLISHABLE_KEY", value_name = "pk_…")]
    stripe_publishable_key: String,
    /// The file that holds its Stripe account's secret key; - is standard input. Never the key itself: arguments are
    /// seen by every process of the machine.
    #[arg(
        long,
        env = "BILLFOLD_PROJECT_STRIPE_SECRET_KEY_FILE",
        value_name = "FILE",
        default_value = "-"
    )]
    stripe_secret_key_file: PathBuf,
    /// The connected account that a platform's secret key acts for.
    #[arg(long, env = "BILLFOLD_PROJECT_STRIPE_ACCOUNT", value_name = "acct_…", value_parser = account_id)]
    stripe_account: Option<StripeAccountId>,
    /// The file that holds the signing secret of its webhook endpoint at Stripe; - is standard input. Never the secret
    /// itself.
    #[arg(
        long,
        env = "BILLFOLD_PROJECT_STRIPE_WEBHOOK_SECRET_FILE",
        value_name = "FILE"
    )]
    stripe_webhook_secret_file: Option<PathBuf>,
    /// Lets other projects work on the same Stripe account.
    #[arg(long, env = "BILLFOLD_PROJECT_ALLOW_SHARED_ACCOUNT")]
    allow_shared_account: bool,
    #[command(flatten)]
    look: LookArguments,
    #[command(flatten)]
    installation: InstallationArguments,
}

impl Create {
    pub(super) async fn run(self) -> Result<(), CommandError> {
        let publishable_key = publishable_key(&self.stripe_publishable_key)?;
        let files = SecretFiles {
            secret_key: Some(self.stripe_secret_key_file),
            webhook_secret: self.stripe_webhook_secret_file,
        };
        let (Some(secret_key), webhook_secret) = files.read()? else {
            return Err("the secret key is missing: give it with --stripe-secret-key-file".into());
        };
        let look = self.look.look();
        let installation = self
            .installation
            .open(self.look.stripe, ServiceOptions::default())
            .await?;
        let new = CreateProject {
            id: self.project.clone(),
            secret_key,
            publishable_key,
            connected_account: self.stripe_account,
            webhook_secret,
            allow_shared_account: self.allow_shared_account,
            look,
        };
        let made = installation
            .service
            .create_project(operator_log::attribution(), new)
            .await
            .map_err(|error| refused(&self.project, error))?;
        print(&format!(
            "Made the project {}.\n{}",
            made.id,
            unknown_account(&made)
        ))?;
        Ok(())
    }
}

/// Reads a publishable key. What was given may be a secret key, so it is not repeated.
pub(super) fn publishable_key(text: &str) -> Result<PublishableKey, CommandError> {
    PublishableKey::parse(text).map_err(|error| format!("the publishable key {error}").into())
}

/// What is said where nobody has seen whose the key is.
pub(super) fn unknown_account(project: &ShownProject) -> String {
    match project.account {
        Some(_) => String::new(),
        None => format!(
            "Whose its key is was not looked at: billfold project update {} asks Stripe.\n",
            project.id
        ),
    }
}
