//! `billfold project update`, `disable` and `enable`

use std::path::PathBuf;

use billfold_domain::{AuditAction, AuditOutcome, ProjectId, ProjectStatus, StripeAccountId};
use billfold_service::{
    AccountLook, ConnectedAccountChange, ProjectError, Service, ServiceOptions, UpdateProject,
};
use clap::Args;

use super::{
    Installation, InstallationArguments, LookArguments,
    create::{publishable_key, unknown_account},
    print, refused,
    secrets::SecretFiles,
};
use crate::{
    cli::{
        CommandError,
        cors::CorsArguments,
        operator_log::{self, OperatorLog},
    },
    wire::project::account_id,
};

#[derive(Debug, Args)]
pub(in crate::cli) struct Update {
    /// Its name.
    project: ProjectId,
    /// Another publishable key of its Stripe account, of the same mode.
    #[arg(long, env = "BILLFOLD_PROJECT_STRIPE_PUBLISHABLE_KEY", value_name = "pk_…")]
    stripe_publishable_key: Option<String>,
    /// The file that holds another secret key of its Stripe account, of the same mode; - is standard input. Never the key
    /// itself: arguments are seen by every process of the machine.
    #[arg(long, env = "BILLFOLD_PROJECT_STRIPE_SECRET_KEY_FILE", value_name = "FILE")]
    stripe_secret_key_file: Option<PathBuf>,
    /// The connected account that a platform's secret key acts for.
    #[arg(
        long,
        env = "BILLFOLD_PROJECT_STRIPE_ACCOUNT",
        value_name = "acct_…",
        value_parser = account_id,
        conflicts_with = "own_account"
    )]
    stripe_account: Option<StripeAccountId>,
    /// The secret key acts for its own account, and for no connected one any more.
    #[arg(long, env = "BILLFOLD_PROJECT_OWN_ACCOUNT")]
    own_account: bool,
    /// The file that holds the new signing secret of its webhook endpoint at Stripe; - is standard input. Never the
    /// secret itself. The one before stays good until the next change.
    #[arg(
        long,
        env = "BILLFOLD_PROJECT_STRIPE_WEBHOOK_SECRET_FILE",
        value_name = "FILE"
    )]
    stripe_webhook_secret_file: Option<PathBuf>,
    /// Whether other projects may work on the same Stripe account.
    #[arg(
        long,
        env = "BILLFOLD_PROJECT_ALLOW_SHARED_ACCOUNT",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true"
    )]
    allow_shared_account: Option<bool>,
    #[command(flatten)]
    look: LookArguments,
    #[command(flatten)]
    cors: CorsArguments,
    #[command(flatten)]
    installation: InstallationArguments,
}

impl Update {
    pub(super) async fn run(self) -> Result<(), CommandError> {
        let id = self.project;
        let publishable_key = self
            .stripe_publishable_key
            .as_deref()
            .map(publishable_key)
            .transpose()?;
        let files = SecretFiles {
            secret_key: self.stripe_secret_key_file,
            webhook_secret: self.stripe_webhook_secret_file,
        };
        let (secret_key, webhook_secret) = files.read()?;
        let connected_account = match (self.stripe_account, self.own_account) {
            (Some(account), _) => ConnectedAccountChange::Connected(account),
            (None, true) => ConnectedAccountChange::Own,
            (None, false) => ConnectedAccountChange::Keep,
        };
        let keeps_its_keys = secret_key.is_none()
            && publishable_key.is_none()
            && connected_account == ConnectedAccountChange::Keep;
        // A new webhook secret alone is no reason to ask Stripe for anything.
        let look = if webhook_secret.is_some() && keeps_its_keys {
            AccountLook::Skipped
        } else {
            self.look.look()
        };
        let only_pages = self.cors.are_given()
            && keeps_its_keys
            && webhook_secret.is_none()
            && self.allow_shared_account.is_none();
        let update = UpdateProject {
            secret_key,
            publishable_key,
            connected_account,
            webhook_secret,
            allow_shared_account: self.allow_shared_account,
            look,
        };
        let options = ServiceOptions::default();
        let installation = self.installation.open(self.look.stripe, options).await?;
        if !only_pages {
            print(&of_stripe(&installation.service, &id, update).await?)?;
        }
        print(&of_pages(&installation, &id, &self.cors).await?)?;
        Ok(())
    }
}

/// Changes how the project speaks to Stripe, and says what was done.
async fn of_stripe(service: &Service, id: &ProjectId, update: UpdateProject) -> Result<String, CommandError> {
    let updated = service
        .update_project(operator_log::attribution(), id, update)
        .await
        .map_err(|error| refused(id, error))?;
    let webhooks = match updated.webhook_secrets {
        2 => " Two webhook secrets are live: the newest and the one before.",
        _ => "",
    };
    Ok(format!(
        "Updated the project {id}; instances follow within ten seconds.{webhooks}\n{}",
        unknown_account(&updated)
    ))
}

/// Changes the project's pages if that is asked for, and says what was done.
async fn of_pages(
    installation: &Installation,
    id: &ProjectId,
    cors: &CorsArguments,
) -> Result<String, CommandError> {
    if !cors.are_given() {
        return Ok(String::new());
    }
    let shown = installation.service.show_project(id).await;
    let project = shown.map_err(|error| refused(id, error))?;
    if project.status == ProjectStatus::Deleting {
        return Err(refused(id, ProjectError::BeingDeleted));
    }
    let log = OperatorLog::start(&installation.database);
    let record = async |outcome| log.record(id, AuditAction::ProjectUpdate, id, outcome).await;
    record(AuditOutcome::Begun).await?;
    let applied = cors.apply(&installation.database, id).await;
    record(if applied.is_ok() {
        AuditOutcome::Succeeded
    } else {
        AuditOutcome::Failed
    })
    .await?;
    Ok(applied?.unwrap_or_default())
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Disable {
    /// Its name.
    project: ProjectId,
    #[command(flatten)]
    installation: InstallationArguments,
}

impl Disable {
    pub(super) async fn run(self) -> Result<(), CommandError> {
        let service = self.installation.open_without_stripe().await?.service;
        let disabled = service
            .disable_project(operator_log::attribution(), &self.project)
            .await;
        disabled.map_err(|error| refused(&self.project, error))?;
        print(&format!(
            "Disabled the project {}; instances follow within ten seconds.\n",
            self.project
        ))?;
        Ok(())
    }
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Enable {
    /// Its name.
    project: ProjectId,
    #[command(flatten)]
    installation: InstallationArguments,
}

impl Enable {
    pub(super) async fn run(self) -> Result<(), CommandError> {
        let service = self.installation.open_without_stripe().await?.service;
        let enabled = service
            .enable_project(operator_log::attribution(), &self.project)
            .await;
        enabled.map_err(|error| refused(&self.project, error))?;
        print(&format!(
            "Enabled the project {}; instances follow at once.\n",
            self.project
        ))?;
        Ok(())
    }
}
