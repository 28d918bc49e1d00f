//! `billfold migrate`

use billfold_domain::{Clock as _, SystemClock};
use billfold_store::{Database, DatabaseOptions, Projects};
use clap::Args;

use super::{
    CommandError,
    master_keys::{self, MasterKeyArguments},
    print,
};

#[derive(Debug, Args)]
pub(super) struct Migrate {
    #[command(flatten)]
    master_keys: MasterKeyArguments,
    #[arg(
        help = "The database: postgres://user:password@host/name or sqlite://PATH",
        long,
        env = "BILLFOLD_DATABASE_URL",
        hide_env_values = true,
        value_name = "URL",
        required_unless_present = "migration_database_url"
    )]
    database_url: Option<String>,
    #[arg(
        help = "The same database as the role that owns its tables, past any pooler. Without it: the database's own URL",
        long,
        env = "BILLFOLD_MIGRATION_DATABASE_URL",
        hide_env_values = true,
        value_name = "URL"
    )]
    migration_database_url: Option<String>,
    /// The role of PostgreSQL that instances work as: it is given what they need of the tables.
    #[arg(long, env = "BILLFOLD_APPLICATION_ROLE", value_name = "ROLE")]
    application_role: Option<String>,
}

impl Migrate {
    pub(super) async fn run(self) -> Result<(), CommandError> {
        let url = self
            .migration_database_url
            .or(self.database_url)
            .ok_or("no database was named: set BILLFOLD_DATABASE_URL")?;
        let database = Database::connect(&DatabaseOptions::new(url)).await?;
        let vault = self.master_keys.vault_if_given()?;
        let report = database.migrate().await?;
        for version in &report.applied {
            print(&format!("Applied {version}.\n"))?;
        }
        let sealed = match vault {
            Some(vault) => {
                let projects = master_keys::proven(&database, &vault).await?;
                seal_plain_secrets(&database, &projects).await?
            }
            None => 0,
        };
        if sealed > 0 {
            print(&format!("Sealed the secrets of {sealed} projects.\n"))?;
        } else if report.applied.is_empty() {
            print("The database is up to date.\n")?;
        }
        if let Some(role) = self.application_role {
            database.grant_to(&role).await?;
            print(&format!("The role {role} may work on it.\n"))?;
        }
        require_sealed(&database).await
    }
}

/// Seals what versions before sealing have left in plain text, and says of how many projects.
pub(super) async fn seal_plain_secrets(
    database: &Database,
    projects: &Projects,
) -> Result<usize, CommandError> {
    let mut sealed = 0;
    for project in projects.list().await? {
        sealed += usize::from(
            projects
                .seal_plain_secrets(&project.id, SystemClock.now())
                .await?,
        );
    }
    if sealed > 0 {
        // The rows are sealed whether or not this succeeds.
        if let Err(error) = database.scrub_replaced_secrets().await {
            tracing::warn!(%error, "the database's files may still have what the rows had in plain text");
        }
    }
    Ok(sealed)
}

async fn require_sealed(database: &Database) -> Result<(), CommandError> {
    let plain = database.projects_with_plain_secrets().await?;
    if plain == 0 {
        return Ok(());
    }
    Err(format!(
        "the database is up to date, and the secrets of {plain} projects are still in plain text: run billfold \
         migrate again with --master-key-file, which seals them; billfold keys generate makes a master key"
    )
    .into())
}
