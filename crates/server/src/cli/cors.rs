//! The pages that may call the account API for a project's users, as options of `billfold project`.

use billfold_domain::{Origin, ProjectId, ProjectScope};
use billfold_store::{CorsOrigins, Database, OriginsReplaced};
use clap::Args;

use super::CommandError;

/// How many origins a project has, at most.
const MOST: usize = 20;

#[derive(Debug, Args)]
pub(super) struct CorsArguments {
    #[arg(
        help = "The pages that may call the account API for its users from a browser, such as https://app.example.com; \
                those before are taken away. Several: repeat it",
        long = "cors-origin",
        env = "BILLFOLD_PROJECT_CORS_ORIGINS",
        value_delimiter = ',',
        value_name = "ORIGIN"
    )]
    origins: Vec<Origin>,
    /// Takes all its pages away.
    #[arg(long, env = "BILLFOLD_PROJECT_NO_CORS_ORIGINS", conflicts_with = "origins")]
    no_cors_origins: bool,
}

impl CorsArguments {
    /// Whether anything was asked for.
    pub(super) fn are_given(&self) -> bool {
        self.no_cors_origins || !self.origins.is_empty()
    }

    /// Does what was asked for, and says what was done. Nothing, where nothing was asked for.
    pub(super) async fn apply(
        &self,
        database: &Database,
        project: &ProjectId,
    ) -> Result<Option<String>, CommandError> {
        if !self.are_given() {
            return Ok(None);
        }
        let mut origins = self.origins.clone();
        origins.sort();
        origins.dedup();
        if origins.len() > MOST {
            return Err(
                format!("a project has at most {MOST} origins: give those of its own pages only").into(),
            );
        }
        match CorsOrigins::new(database.clone()).replace(&scope(project), &origins).await? {
            OriginsReplaced::Done => Ok(Some(if origins.is_empty() {
                format!("No page may call the account API for the users of {project} any more, unless --cors-origin of billfold serve lets it.\n")
            } else {
                format!("The pages that may call the account API for the users of {project}: {}.\n", list(&origins))
            })),
            OriginsReplaced::InstallationFull => Err(format!(
                "the projects of this installation have {} different origins together, which is the most: take some away from other projects first",
                CorsOrigins::MAXIMUM
            )
            .into()),
        }
    }
}

/// The project's pages, in words.
pub(super) async fn shown(database: &Database, project: &ProjectId) -> Result<String, CommandError> {
    let origins = CorsOrigins::new(database.clone())
        .of_project(&scope(project))
        .await?;
    Ok(if origins.is_empty() {
        "none of its own".to_owned()
    } else {
        list(&origins)
    })
}

fn list(origins: &[Origin]) -> String {
    let texts: Vec<&str> = origins.iter().map(Origin::as_str).collect();
    texts.join(", ")
}

#[expect(
    clippy::disallowed_methods,
    reason = "whoever may run the command on the database may act for every project"
)]
fn scope(project: &ProjectId) -> ProjectScope {
    ProjectScope::authorized(project.clone())
}
