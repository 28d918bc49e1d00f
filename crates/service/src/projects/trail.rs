//! What the use cases of operators write down of themselves: that they begin, and what came of it, in the log of the
//! project concerned.

use std::{future::Future, sync::Arc};

use billfold_domain::{AuditAction, AuditEntry, AuditObject, AuditOutcome, ProjectId, ProjectScope};

use super::ProjectError;
use crate::{Asker, Service, ServiceError, service::Parts};

/// Why a request is written down among the refused callers: no project's log can tell of it.
const NO_PROJECT: &str = "an operator named a project that is not there";

/// What an operator is told of what came of a wish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ToldOutcome {
    /// The HTTP status.
    pub status: u16,
    /// The error's code, as the project API has it.
    pub code: Option<&'static str>,
}

/// An operator who asks, and how they are told what came of it. Each use case that changes a project takes one, so that
/// what it does is written down under a name.
#[derive(Clone, Debug)]
pub struct OperatorAttribution {
    asker: Asker,
    told: fn(&AuditAction, Result<(), &ProjectError>) -> Option<ToldOutcome>,
}

impl OperatorAttribution {
    /// An operator's request. `told` is how what came of an action is told, where that is by a status.
    pub const fn new(
        asker: Asker,
        told: fn(&AuditAction, Result<(), &ProjectError>) -> Option<ToldOutcome>,
    ) -> Self {
        Self { asker, told }
    }
}

impl Service {
    /// Does what an operator wants done to a project, to its end: writes down that it begins, does it, and writes down what
    /// came of it. What cannot be written down is not begun. A project that is yet to be made has no log, so of making one
    /// only the end is written down.
    pub(super) async fn run_on_record<T, Work>(
        &self,
        by: OperatorAttribution,
        action: AuditAction,
        project: &ProjectId,
        work: impl FnOnce(Arc<Parts>, ProjectId) -> Work + Send + 'static,
    ) -> Result<T, ProjectError>
    where
        T: Send + 'static,
        Work: Future<Output = Result<T, ProjectError>> + Send + 'static,
    {
        let (parts, project) = (Arc::clone(&self.parts), project.clone());
        self.run_for_operator(Box::pin(async move {
            let result = match parts.write_down_the_beginning(&by, &action, &project).await {
                Ok(()) => work(Arc::clone(&parts), project.clone()).await,
                Err(error) => Err(error),
            };
            let told = (by.told)(&action, result.as_ref().map(|_| ()));
            parts
                .write_down_the_end(&by, action, &project, outcome(&result), told)
                .await;
            result
        }))
        .await
    }
}

impl Parts {
    async fn write_down_the_beginning(
        &self,
        by: &OperatorAttribution,
        action: &AuditAction,
        project: &ProjectId,
    ) -> Result<(), ProjectError> {
        by.asker.hand_over();
        if *action == AuditAction::ProjectCreate {
            return Ok(());
        }
        let begun = entry(by, action.clone(), project, AuditOutcome::Begun);
        let written = self.audit.record(&scope(project), begun).await;
        written.map_err(|error| match error {
            ServiceError::ProjectNotFound => ProjectError::NotFound,
            error => ServiceError::unavailable(format!("the audit log cannot be written: {error:?}")).into(),
        })
    }

    async fn write_down_the_end(
        &self,
        by: &OperatorAttribution,
        action: AuditAction,
        project: &ProjectId,
        outcome: AuditOutcome,
        told: Option<ToldOutcome>,
    ) {
        let entry = AuditEntry {
            status: told.map(|told| told.status),
            code: told.and_then(|told| told.code).map(Into::into),
            ..entry(by, action.clone(), project, outcome)
        };
        match self.audit.record(&scope(project), entry).await {
            Ok(()) => {}
            Err(ServiceError::ProjectNotFound) => {
                self.audit
                    .refused_caller(by.asker.request_id(), action, NO_PROJECT);
            }
            // What was done stands, and is told.
            Err(error) => tracing::error!(
                ?error,
                %project,
                "what came of an operator's request cannot be written into the audit log"
            ),
        }
    }
}

fn entry(
    by: &OperatorAttribution,
    action: AuditAction,
    project: &ProjectId,
    outcome: AuditOutcome,
) -> AuditEntry {
    AuditEntry {
        object: Some(AuditObject::from(project)),
        ..by.asker.entry(action, outcome)
    }
}

fn outcome<T>(result: &Result<T, ProjectError>) -> AuditOutcome {
    match result {
        Ok(_) => AuditOutcome::Succeeded,
        Err(
            ProjectError::StripeUnavailable { .. }
            | ProjectError::Service(ServiceError::Unavailable { .. } | ServiceError::Internal { .. }),
        ) => AuditOutcome::Failed,
        Err(_) => AuditOutcome::Refused,
    }
}

/// The scope of the project whose log tells of what an operator does.
#[expect(
    clippy::disallowed_methods,
    reason = "an operator, authorised as such, acts on every project"
)]
fn scope(project: &ProjectId) -> ProjectScope {
    ProjectScope::authorized(project.clone())
}
