//! Ending what others have left open.

use crate::{ServiceError, Tenant, engine::Engine, interruption::Interruption, world::World};

/// How many operations one round ends at most, so that one project's many do not hold up the others'.
const ROUND: usize = 100;

impl<W: World> Engine<W> {
    /// Drives the project's operations that are due, and says how many it drove. One that cannot be ended now is left
    /// for later and does not hold up the rest. After an interruption no more are claimed, and the one that is has its
    /// end.
    pub(crate) async fn drive_due(
        &self,
        tenant: &Tenant,
        interruption: &Interruption,
    ) -> Result<usize, ServiceError> {
        for driven in 0..ROUND {
            if interruption.is_due() {
                return Ok(driven);
            }
            let Some(operation) = self.world.claim_due(&tenant.scope).await? else {
                return Ok(driven);
            };
            let (id, kind) = (operation.id.clone(), operation.kind);
            if let Err(error) = self.drive_older(tenant, operation).await {
                tracing::warn!(operation = id, ?kind, ?error, "an operation stays open");
            }
        }
        Ok(ROUND)
    }
}
