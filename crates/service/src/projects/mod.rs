//! The life of a project, as an operator leads it: made, changed, shut, opened, deleted.
//!
//! The command line and the operator API call the same use cases. None of them shows a secret.

mod account;
mod create;
mod delete;
pub(crate) mod deletions;
mod error;
mod trail;
mod update;

use billfold_domain::{
    AuditAction, Page, PageLimit, ProjectId, ProjectPosition, ProjectStatus, StripeAccountId, StripeMode,
    UtcTimestamp,
};
use billfold_store::Project;

pub use account::AccountLook;
pub use create::CreateProject;
pub use delete::DeletionProgress;
pub use error::ProjectError;
pub use trail::{OperatorAttribution, ToldOutcome};
pub use update::{ConnectedAccountChange, UpdateProject};

use crate::Service;

/// A project as operators see it: nothing of it is secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownProject {
    /// Its name.
    pub id: ProjectId,
    /// Whether it moves real money.
    pub mode: StripeMode,
    /// Whether it works.
    pub status: ProjectStatus,
    /// What its users' pages call Stripe with.
    pub publishable_key: String,
    /// The account at Stripe that it works on; nothing while nobody has seen whose the key is.
    pub account: Option<StripeAccountId>,
    /// The connected account, where the secret key is a platform's.
    pub connected_account: Option<StripeAccountId>,
    /// Whether other projects may work on the same account.
    pub account_shared: bool,
    /// How many webhook secrets are live: none, one, or two while one takes the other's place.
    pub webhook_secrets: usize,
    /// When it was made.
    pub created_at: UtcTimestamp,
}

impl From<Project> for ShownProject {
    fn from(project: Project) -> Self {
        Self {
            mode: project.mode,
            status: project.status(),
            account: project.account.account,
            account_shared: project.account.shared,
            webhook_secrets: project.stripe.webhook_secrets.live().count(),
            publishable_key: project.stripe.publishable_key,
            connected_account: project.stripe.account,
            created_at: project.created_at,
            id: project.id,
        }
    }
}

impl Service {
    /// A page of the projects, by the bytes of their names; those that are being deleted are among them.
    pub async fn list_projects(
        &self,
        position: &ProjectPosition,
        limit: PageLimit,
    ) -> Result<Page<ShownProject>, ProjectError> {
        let names = self.parts.projects.page(position, limit).await?;
        let mut items = Vec::with_capacity(names.items.len());
        // One by one: what is a tenant's own is read within that tenant.
        for name in names.items {
            // One that was deleted since is left out.
            items.extend(self.parts.projects.find(&name).await?.map(ShownProject::from));
        }
        Ok(Page {
            items,
            has_more_after: names.has_more_after,
            has_more_before: names.has_more_before,
        })
    }

    /// The project, also while it is shut or being deleted. [`ProjectError::NotFound`] when there is none.
    pub async fn show_project(&self, id: &ProjectId) -> Result<ShownProject, ProjectError> {
        Ok(self.parts.project(id).await?.into())
    }

    /// Shuts a project: within ten seconds it is to its callers, and to Stripe's webhooks, as if it were not there, on
    /// every instance. What has begun at Stripe is still ended. Again: the same.
    pub async fn disable_project(
        &self,
        by: OperatorAttribution,
        id: &ProjectId,
    ) -> Result<ShownProject, ProjectError> {
        let action = AuditAction::ProjectDisable;
        self.run_on_record(by, action, id, |parts, id| async move {
            let there = parts.projects.disable(&id).await?;
            parts.tenants.forget(&id);
            parts.unless_going(&id, there).await
        })
        .await
    }

    /// Opens a project that is shut, with all that it had. Again: the same.
    pub async fn enable_project(
        &self,
        by: OperatorAttribution,
        id: &ProjectId,
    ) -> Result<ShownProject, ProjectError> {
        let action = AuditAction::ProjectEnable;
        self.run_on_record(by, action, id, |parts, id| async move {
            let there = parts.projects.enable(&id).await?;
            parts.unless_going(&id, there).await
        })
        .await
    }
}

impl crate::service::Parts {
    /// The project, whatever its status.
    async fn project(&self, id: &ProjectId) -> Result<Project, ProjectError> {
        self.projects.find(id).await?.ok_or(ProjectError::NotFound)
    }

    /// The project as it is after a change that only one that stays may have.
    async fn unless_going(&self, id: &ProjectId, changed: bool) -> Result<ShownProject, ProjectError> {
        let project = self.project(id).await?;
        if changed {
            Ok(project.into())
        } else {
            Err(ProjectError::BeingDeleted)
        }
    }
}
