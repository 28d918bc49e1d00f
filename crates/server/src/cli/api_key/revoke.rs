//! `billfold api-key revoke`

use billfold_domain::{ApiKeyId, AuditAction, AuditOutcome, Clock as _, SystemClock};
use clap::Args;

use super::ProjectArguments;
use crate::{
    cli::{CommandError, operator_log::OperatorLog, print},
    wire::time::rfc3339,
};

#[derive(Debug, Args)]
pub(in crate::cli) struct Revoke {
    #[command(flatten)]
    project: ProjectArguments,
    /// The key's id, as the list shows it. Never the key itself.
    #[arg(long, env = "BILLFOLD_API_KEY_ID")]
    id: ApiKeyId,
}

impl Revoke {
    pub(super) async fn run(self) -> Result<(), CommandError> {
        let Self { project, id } = self;
        let opened = project.open().await?;
        let project = opened.scope.project();
        let log = OperatorLog::start(&opened.database);
        let (action, begun) = (AuditAction::ApiKeyRevoke, AuditOutcome::Begun);
        log.record(project, action.clone(), &id, begun).await?;
        let since = opened.keys.revoke(&opened.scope, &id, SystemClock.now()).await?;
        let outcome = since.map_or(AuditOutcome::Refused, |_| AuditOutcome::Succeeded);
        log.record(project, action, &id, outcome).await?;
        let since = since.ok_or_else(|| {
            format!(
                "the project {project} has no API key of this id: billfold api-key list --project {project} shows those \
                 that it has"
            )
        })?;
        print(&format!(
            "The API key {id} of the project {project} is revoked since {}. Every instance refuses it within 60 seconds of \
             that.\n",
            rfc3339(since)
        ))?;
        Ok(())
    }
}
