//! Deleting a project, as an operator asks for it.

use std::time::Duration;

use billfold_domain::{AuditAction, ProjectId, ProjectStatus};
use billfold_store::Remaining;

use super::{OperatorAttribution, ProjectError, ShownProject, deletions::Advance};
use crate::{Service, interruption::Interruption};

/// How long to wait before a deletion that waits, or that another works on, is looked at again.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// How far a deletion has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeletionProgress {
    /// The project is gone.
    Deleted,
    /// This is left at Stripe.
    AtStripe {
        /// Operations that have begun and not ended.
        operations: u64,
        /// Payment methods that are not detached.
        payment_methods: u64,
        /// Whether this attempt failed: Stripe or the database did not do what it was asked. Why is in the log.
        failed: bool,
    },
    /// Nothing is left at Stripe; the project's rows go when no instance can take it for open any more, a minute after
    /// it was shut.
    Settling,
    /// Another process works on it.
    Elsewhere,
}

impl Service {
    /// Begins to delete a project, which nothing takes back: it is shut at once, and the background of any instance ends
    /// its operations, detaches its payment methods, removes its rows and wipes its credentials. Again: the same.
    pub async fn begin_project_deletion(
        &self,
        by: OperatorAttribution,
        id: &ProjectId,
    ) -> Result<ShownProject, ProjectError> {
        let action = AuditAction::ProjectDelete;
        self.run_on_record(by, action, id, |parts, id| async move {
            if !parts.projects.begin_deletion(&id).await? {
                return Err(ProjectError::NotFound);
            }
            parts.tenants.forget(&id);
            Ok(parts.project(&id).await?.into())
        })
        .await
    }

    /// Goes on with the deletion of a project as far as it gets, and says how far that was; then waits a moment, where the
    /// caller should ask again. [`ProjectError::NotFound`] when nobody has begun one.
    pub async fn advance_project_deletion(&self, id: &ProjectId) -> Result<DeletionProgress, ProjectError> {
        if self.parts.projects.is_deleted(id).await? {
            return Ok(DeletionProgress::Deleted);
        }
        if self.parts.project(id).await?.status() != ProjectStatus::Deleting {
            return Err(ProjectError::NotFound);
        }
        let advance = self.parts.advance_deletion(id, &Interruption::never()).await;
        let progress = match advance? {
            Advance::Deleted => return Ok(DeletionProgress::Deleted),
            Advance::Settling => DeletionProgress::Settling,
            Advance::Elsewhere => DeletionProgress::Elsewhere,
            Advance::AtStripe(
                Remaining {
                    operations,
                    payment_methods,
                },
                failed,
            ) => DeletionProgress::AtStripe {
                operations,
                payment_methods,
                failed,
            },
        };
        tokio::time::sleep(LOOK_AGAIN).await;
        Ok(progress)
    }
}
