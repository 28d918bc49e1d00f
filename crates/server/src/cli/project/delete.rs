//! `billfold project delete`

use std::time::Duration;

use billfold_domain::ProjectId;
use billfold_service::{DeletionProgress, ProjectError, Service, ServiceOptions};
use clap::Args;

use super::{InstallationArguments, StripeArguments, print, refused};
use crate::cli::{CommandError, operator_log};

/// After how many attempts in a row that fail the rest is left to running instances and to another try.
const FAILURES_IN_A_ROW: usize = 3;

#[derive(Debug, Args)]
pub(in crate::cli) struct Delete {
    /// Its name.
    project: ProjectId,
    /// Its name once more, since nothing takes this back.
    #[arg(long, env = "BILLFOLD_PROJECT_CONFIRM", value_name = "NAME")]
    confirm: Option<String>,
    /// How long the project must have been shut before its rows go, in seconds: longer than any running instance takes to
    /// know of it. With 0 nothing is waited for, where no instance runs.
    #[arg(
        long,
        env = "BILLFOLD_PROJECT_SETTLE_SECONDS",
        default_value_t = 60,
        value_name = "SECONDS"
    )]
    settle_seconds: u32,
    #[command(flatten)]
    stripe: StripeArguments,
    #[command(flatten)]
    installation: InstallationArguments,
}

impl Delete {
    pub(super) async fn run(self) -> Result<(), CommandError> {
        let id = &self.project;
        if self.confirm.as_deref() != Some(id.as_str()) {
            return Err(format!(
                "deleting a project detaches every payment method of its users at Stripe, and nothing takes it back: \
                 if that is what you want of {id}, add --confirm {id}"
            )
            .into());
        }
        let options = ServiceOptions {
            deletion_settles_after: Duration::from_secs(self.settle_seconds.into()),
            ..ServiceOptions::default()
        };
        let service = self.installation.open(self.stripe, options).await?.service;
        match service
            .begin_project_deletion(operator_log::attribution(), id)
            .await
        {
            // Deleted to the end already, perhaps, which the next look tells apart from never.
            Ok(_) | Err(ProjectError::NotFound) => {}
            Err(error) => return Err(refused(id, error)),
        }
        follow(&service, id).await
    }
}

/// Goes on with the deletion until the project is gone, and tells how far it is whenever that changes.
async fn follow(service: &Service, id: &ProjectId) -> Result<(), CommandError> {
    let mut told = None;
    let mut failures_in_a_row = 0;
    loop {
        let progress = service
            .advance_project_deletion(id)
            .await
            .map_err(|error| refused(id, error))?;
        match progress {
            DeletionProgress::Deleted => {
                print(&format!(
                    "Deleted the project {id}. Its name is not given again.\n"
                ))?;
                return Ok(());
            }
            DeletionProgress::AtStripe { failed: true, .. } => failures_in_a_row += 1,
            DeletionProgress::Elsewhere => {}
            DeletionProgress::AtStripe { .. } | DeletionProgress::Settling => failures_in_a_row = 0,
        }
        if failures_in_a_row >= FAILURES_IN_A_ROW {
            return Err(format!(
                "the project {id} is shut and not yet deleted: Stripe or the database does not do what it is asked, and \
                 the log above says why. Running instances go on with it; run this again when it is mended, or give the \
                 project a key that Stripe accepts with billfold project update"
            )
            .into());
        }
        if told.as_ref() != Some(&progress) {
            print(&format!("{}\n", line(id, &progress)))?;
            told = Some(progress);
        }
    }
}

fn line(id: &ProjectId, progress: &DeletionProgress) -> String {
    match progress {
        DeletionProgress::AtStripe {
            operations,
            payment_methods,
            ..
        } => format!("{id}: {payment_methods} payment methods and {operations} open operations are left."),
        DeletionProgress::Settling => {
            format!("{id}: nothing is left at Stripe; waiting for every instance to know that it is shut.")
        }
        DeletionProgress::Elsewhere => {
            format!("{id}: another process works on it, or it is tried again soon.")
        }
        DeletionProgress::Deleted => format!("{id}: deleted."),
    }
}
