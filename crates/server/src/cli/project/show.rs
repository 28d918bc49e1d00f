//! `billfold project list` and `billfold project show`

use billfold_domain::{ProjectId, StripeAccountId};
use billfold_service::ShownProject;
use billfold_store::Projects;
use clap::Args;

use super::{InstallationArguments, print, refused};
use crate::cli::{CommandError, DatabaseArguments, cors};

#[derive(Debug, Args)]
pub(in crate::cli) struct List {
    #[command(flatten)]
    database: DatabaseArguments,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Show {
    /// Its name.
    project: ProjectId,
    #[command(flatten)]
    installation: InstallationArguments,
}

impl List {
    pub(super) async fn run(self) -> Result<(), CommandError> {
        let database = self.database.connect().await?;
        for project in Projects::list_of(&database).await? {
            print(&format!("{}\n", project.id))?;
        }
        Ok(())
    }
}

impl Show {
    pub(super) async fn run(self) -> Result<(), CommandError> {
        let installation = self.installation.open_without_stripe().await?;
        let shown = installation.service.show_project(&self.project).await;
        let project = shown.map_err(|error| refused(&self.project, error))?;
        let pages = cors::shown(&installation.database, &project.id).await?;
        print(&text(&project, &pages))?;
        Ok(())
    }
}

/// A project, line by line.
fn text(project: &ShownProject, pages: &str) -> String {
    let secrets = match project.webhook_secrets {
        0 => "none: webhooks are refused".to_owned(),
        live => format!("{live} live"),
    };
    let account = project.account.as_ref().map_or(
        "unknown: billfold project update asks Stripe",
        StripeAccountId::as_str,
    );
    let key = match &project.connected_account {
        Some(_) => "a platform's, for this connected account",
        None => "the account's own",
    };
    let shared = if project.account_shared { "yes" } else { "no" };
    let lines = [
        ("project", project.id.as_str()),
        ("created", &crate::wire::time::rfc3339(project.created_at)),
        ("status", project.status.as_str()),
        ("mode", project.mode.as_str()),
        ("publishable key", &project.publishable_key),
        ("Stripe account", account),
        ("secret key", key),
        ("account shared", shared),
        ("webhook secrets", &secrets),
        ("pages", pages),
    ];
    lines.map(|(name, value)| format!("{name:<17}{value}\n")).concat()
}
