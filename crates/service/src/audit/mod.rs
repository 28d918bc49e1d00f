//! The audit log: who asked for what, and what came of it.
//!
//! What a use case is about to do is written down before it does anything, and what came of it before the caller is told.
//! A process that is killed between the two leaves the first; whoever ends what it left open then says what came of it.
//! Requests that never get to a use case are written down by whoever refuses them.

mod attribution;
mod log;
mod recorder;
mod refused_callers;
mod trail;

pub use attribution::{Asker, Attribution, ToldRefusal};
pub use log::AuditLog;
pub(crate) use trail::Trail;

use billfold_domain::{AuditEvent, AuditPageRequest, Page};

use crate::{Service, ServiceError, Tenant};

impl Service {
    /// A page of the project's audit log, newest first. [`ServiceError::CursorNotFound`] when its position is no event
    /// of it.
    pub async fn list_audit_events(
        &self,
        tenant: &Tenant,
        request: &AuditPageRequest,
    ) -> Result<Page<AuditEvent>, ServiceError> {
        self.parts
            .audit
            .events()
            .page(&tenant.scope, request)
            .await?
            .ok_or(ServiceError::CursorNotFound)
    }

    /// Where requests that never get to a use case are written down.
    pub fn audit(&self) -> &AuditLog {
        &self.parts.audit
    }
}
