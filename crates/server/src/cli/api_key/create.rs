//! `billfold api-key create`

use std::io::Write as _;

use billfold_auth::ApiKey;
use billfold_domain::{
    ApiKeyId, ApiKeyName, ApiKeyScopes, AuditAction, AuditOutcome, Clock as _, ProjectStatus, SystemClock,
};
use billfold_store::NewApiKey;
use clap::Args;
use secrecy::ExposeSecret as _;
use ulid::Ulid;

use super::{Opened, ProjectArguments, expiry::ExpiryArguments, pepper};
use crate::{
    cli::{CommandError, master_keys::MasterKeyArguments, operator_log::OperatorLog, print},
    wire::time::rfc3339,
};

#[derive(Debug, Args)]
pub(in crate::cli) struct Create {
    #[command(flatten)]
    project: ProjectArguments,
    /// What people call it: 1 to 100 characters, to tell it from others in the list.
    #[arg(long, env = "BILLFOLD_API_KEY_NAME")]
    name: Option<ApiKeyName>,
    /// What it allows, separated by a space: project:read, project:write or both.
    #[arg(
        long,
        env = "BILLFOLD_API_KEY_SCOPE",
        value_name = "SCOPES",
        default_value = "project:read project:write"
    )]
    scope: ApiKeyScopes,
    #[command(flatten)]
    expiry: ExpiryArguments,
    #[command(flatten)]
    master_keys: MasterKeyArguments,
}

impl Create {
    pub(super) async fn run(self) -> Result<(), CommandError> {
        let now = SystemClock.now();
        let expires_at = self.expiry.read(now)?;
        let vault = self.master_keys.vault()?;
        let Opened {
            database,
            keys,
            scope,
            status,
        } = self.project.open().await?;
        if status == ProjectStatus::Deleting {
            return Err(format!(
                "the project {} is being deleted: it gets no more keys",
                scope.project()
            )
            .into());
        }
        let pepper = pepper::of_installation(&database, &vault).await?;
        let key = ApiKey::generate()?;
        let new = NewApiKey {
            id: ApiKeyId::parse(Ulid::generate().to_string())?,
            hash: pepper.hash(&key),
            scopes: self.scope,
            name: self.name,
            expires_at,
        };
        let log = OperatorLog::start(&database);
        let (action, begun) = (AuditAction::ApiKeyCreate, AuditOutcome::Begun);
        log.record(scope.project(), action.clone(), &new.id, begun)
            .await?;
        keys.create(&scope, &new, now).await?;
        log.record(scope.project(), action, &new.id, AuditOutcome::Succeeded)
            .await?;
        let (project, id, scopes) = (scope.project(), &new.id, new.scopes);
        let end = expires_at.map_or_else(
            || "until it is revoked".to_owned(),
            |end| format!("until {}", rfc3339(end)),
        );
        print(&format!("{}\n", key.expose().expose_secret()))?;
        // Whoever pipes the key elsewhere still reads this.
        drop(writeln!(
            std::io::stderr(),
            "This is the API key {id} of the project {project}: {scopes}, good {end}. It is shown only now, so keep it as a \
             secret.\nTo revoke it: billfold api-key revoke --project {project} --id {id}"
        ));
        Ok(())
    }
}
