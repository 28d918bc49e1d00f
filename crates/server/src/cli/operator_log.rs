//! What the command line writes into the audit log: what an operator did to a project, or to an API key of it.

use std::{env, sync::Arc};

use billfold_domain::{
    AuditAction, AuditEntry, AuditObject, AuditOutcome, Caller, CallerKind, ProjectId, ProjectScope,
    SystemClock,
};
use billfold_service::{Asker, AuditLog, OperatorAttribution, ServiceError, UlidIdentifiers};
use billfold_store::Database;

use super::CommandError;

/// Who vouches for an operator at the command line: nobody but the operating system.
const ISSUER: &str = "command line";

/// The audit log as a command writes into it.
pub(super) struct OperatorLog(AuditLog);

impl OperatorLog {
    /// Begins to write.
    pub(super) fn start(database: &Database) -> Self {
        Self(AuditLog::start(
            database,
            Arc::new(SystemClock),
            Arc::new(UlidIdentifiers),
        ))
    }

    /// Writes down what the operator does, or did, to a project or to what belongs to it. An error where that cannot be
    /// written: what has not been done then should not be.
    #[expect(
        clippy::disallowed_methods,
        reason = "who may connect to the database with the command line acts on every project"
    )]
    pub(super) async fn record(
        &self,
        project: &ProjectId,
        action: AuditAction,
        object: impl Into<AuditObject>,
        outcome: AuditOutcome,
    ) -> Result<(), CommandError> {
        let entry = AuditEntry {
            object: Some(object.into()),
            ..AuditEntry::new(operator(), action, outcome)
        };
        let scope = ProjectScope::authorized(project.clone());
        match self.0.record(&scope, entry).await {
            Ok(()) => Ok(()),
            Err(ServiceError::ProjectNotFound) => Err(format!("there is no project {project}").into()),
            Err(error) => {
                tracing::error!(?error, "the audit log cannot be written");
                Err("the audit log cannot be written: see that the database answers, and try again".into())
            }
        }
    }
}

/// Whoever called the command, for use cases that write down themselves what they do.
pub(super) fn attribution() -> OperatorAttribution {
    OperatorAttribution::new(Asker::new(operator(), None), |_, _| None)
}

/// Whoever called the command, by the name that the operating system has for them.
fn operator() -> Caller {
    let caller = Caller::of_kind(CallerKind::Operator).issuer(ISSUER);
    match env::var("USER").or_else(|_| env::var("LOGNAME")) {
        Ok(name) => caller.subject(&name),
        Err(_) => caller,
    }
}
