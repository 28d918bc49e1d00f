//! `billfold api-key`

mod create;
mod expiry;
mod list;
pub(super) mod pepper;
mod revoke;

use billfold_domain::{ProjectId, ProjectScope, ProjectStatus};
use billfold_store::{ApiKeys, Database, ListedProject, Projects};
use clap::{Args, Subcommand};

use super::{CommandError, DatabaseArguments};

#[derive(Debug, Subcommand)]
pub(super) enum ApiKey {
    /// Makes a key and prints it: this once, and nothing else on standard output.
    Create(create::Create),
    /// Lists a project's keys: what they may do, until when, and when they were last used. Never the keys.
    List(list::List),
    /// Revokes a key: every instance refuses it within 60 seconds.
    Revoke(revoke::Revoke),
}

impl ApiKey {
    pub(super) async fn run(self) -> Result<(), CommandError> {
        match self {
            Self::Create(create) => create.run().await,
            Self::List(list) => list.run().await,
            Self::Revoke(revoke) => revoke.run().await,
        }
    }
}

/// Whose keys.
#[derive(Debug, Args)]
struct ProjectArguments {
    /// The only project that the key speaks for.
    #[arg(long, env = "BILLFOLD_API_KEY_PROJECT")]
    project: ProjectId,
    #[command(flatten)]
    database: DatabaseArguments,
}

/// A project that is there, with its keys.
struct Opened {
    database: Database,
    keys: ApiKeys,
    scope: ProjectScope,
    status: ProjectStatus,
}

impl ProjectArguments {
    #[expect(
        clippy::disallowed_methods,
        reason = "whoever has the database's address may do everything"
    )]
    async fn open(self) -> Result<Opened, CommandError> {
        let database = self.database.connect().await?;
        let found = Projects::list_of(&database).await?;
        let project = self.project;
        let status = found
            .iter()
            .find(|listed| listed.id == project)
            .map(ListedProject::status)
            .ok_or_else(|| {
                format!("there is no project {project}: billfold project list shows those that are")
            })?;
        Ok(Opened {
            keys: ApiKeys::new(database.clone()),
            database,
            scope: ProjectScope::authorized(project),
            status,
        })
    }
}
