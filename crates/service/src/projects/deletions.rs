//! The way out of a project, step by step. Every step may be done again, so whoever comes next, after a crash or an outage,
//! just goes on:
//!
//! 1. what is open at Stripe is ended;
//! 2. each payment method is deleted as a request would delete it, several at once, paced as all of the background's calls;
//! 3. when no instance can take the project for open any more, its rows are removed in portions;
//! 4. last, its credentials are wiped: until then all that is left can still be ended with them.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use billfold_domain::{
    PageLimit, PageRequest, PaymentMethodId, PaymentMethodTypes, Position, ProjectId, ProjectScope,
};
use billfold_store::{Deletable, Remaining};
use tokio::{sync::watch, task::JoinSet};
use tracing::Instrument as _;

use crate::{
    ServiceError, Tenant,
    attendance::Attendance,
    interruption::Interruption,
    places::Places,
    reconciler::waits,
    service::Parts,
    upkeep::Drive,
    world::{Mirror as _, Surroundings as _},
};

/// How often deletions that are due are looked for.
const INTERVAL: Duration = Duration::from_secs(1);

/// How many projects are deleted at once.
const PROJECTS_AT_ONCE: u32 = 4;

/// How many payment methods of one project are deleted at once. Their calls are paced besides.
const METHODS_AT_ONCE: usize = 4;

/// For how long whoever works on a deletion keeps it from others without a sign of life. Where that is too short, two work
/// on it for a while, which does no harm.
const HOLDS: Duration = Duration::from_secs(20);

/// How soon a deletion is gone on with that only has to wait, and one that failed.
const AFTER_PROGRESS: Duration = Duration::from_secs(1);
const AFTER_FAILURE: Duration = Duration::from_secs(10);

/// After how many failures in a row the rest is left for later: then it is Stripe or the database.
const FAILURES_IN_A_ROW: usize = 3;

/// How many rows are removed from a table in one transaction, so that none holds up the writers for long.
const ROWS_AT_ONCE: i64 = 1_000;

/// How far a deletion got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Advance {
    /// The project is gone.
    Deleted,
    /// This is left at Stripe, and whether that is for a failure.
    AtStripe(Remaining, bool),
    /// Nothing is left at Stripe, and the project was open not long ago.
    Settling,
    /// Another works on it, or it is not due.
    Elsewhere,
}

/// Goes on with deletions until it is told to stop.
pub(crate) async fn run(parts: Weak<Parts>, mut stopped: watch::Receiver<bool>) {
    let places = Places::new(PROJECTS_AT_ONCE);
    while waits(INTERVAL, &mut stopped).await {
        let Some(parts) = parts.upgrade() else { return };
        match parts.projects.deletions_due().await {
            Ok(projects) => places.begin("deletion", projects, &stopped, |project, interruption| {
                let parts = Arc::clone(&parts);
                async move {
                    let advance = parts.advance_deletion(&project, &interruption).await?;
                    if let Advance::AtStripe(remaining, true) = advance {
                        tracing::warn!(%project, ?remaining, "the deletion of a project waits");
                    }
                    Ok(())
                }
            }),
            Err(error) => tracing::warn!(%error, "deletions of projects cannot be looked for"),
        }
    }
    places.all_free().await;
}

impl Parts {
    /// Goes on with a deletion that is due, as far as it gets.
    #[expect(
        clippy::disallowed_methods,
        reason = "the background work goes project by project, on its own authority"
    )]
    pub(crate) async fn advance_deletion(
        self: &Arc<Self>,
        project: &ProjectId,
        interruption: &Interruption,
    ) -> Result<Advance, ServiceError> {
        if !self.projects.claim_deletion(project, HOLDS).await? {
            return Ok(Advance::Elsewhere);
        }
        let scope = ProjectScope::authorized(project.clone());
        let advance = self.work_on_deletion(scope, interruption).await;
        let again_in = match &advance {
            Ok(Advance::Deleted) => return advance,
            Ok(Advance::AtStripe(_, true)) | Err(_) => AFTER_FAILURE,
            Ok(_) => AFTER_PROGRESS,
        };
        if let Err(error) = self.projects.put_off_deletion(project, again_in).await {
            tracing::warn!(%project, %error, "a deletion cannot be given back; it is due again in a minute");
        }
        advance
    }

    async fn work_on_deletion(
        self: &Arc<Self>,
        scope: ProjectScope,
        interruption: &Interruption,
    ) -> Result<Advance, ServiceError> {
        let project = scope.project().clone();
        if !self.projects.remaining(&scope).await?.is_nothing() {
            let tenant = self.tenants.find_even_shut(scope.clone()).await?;
            let ended = self.end_all_operations(&tenant, interruption).await?;
            let deleted = self.delete_all_payment_methods(&tenant, interruption).await?;
            let remaining = self.projects.remaining(&scope).await?;
            if !remaining.is_nothing() {
                return Ok(Advance::AtStripe(remaining, !(ended && deleted)));
            }
        }
        let settled_after = self.deletion_settles_after;
        if !self.projects.has_settled(&project, settled_after).await? {
            return Ok(Advance::Settling);
        }
        while self.projects.remove_rows(&scope, ROWS_AT_ONCE).await? > 0 {
            if interruption.is_due() {
                return Ok(Advance::Settling);
            }
            self.projects.put_off_deletion(&project, HOLDS).await?;
        }
        if !self.projects.finish_deletion(&scope, settled_after).await? {
            return Ok(Advance::Settling);
        }
        tracing::info!(%project, "a project is deleted");
        Ok(Advance::Deleted)
    }

    /// Drives what is open to its end. Says whether it went well.
    async fn end_all_operations(
        &self,
        tenant: &Tenant,
        interruption: &Interruption,
    ) -> Result<bool, ServiceError> {
        let mut failures_in_a_row = 0;
        for operation in self.all_open(tenant).await? {
            if interruption.is_due() {
                return Ok(true);
            }
            self.projects
                .put_off_deletion(tenant.scope.project(), HOLDS)
                .await?;
            match self.drive(tenant, &operation.id).await? {
                Drive::StaysOpen => failures_in_a_row += 1,
                Drive::Ended | Drive::NotMine => failures_in_a_row = 0,
            }
            if failures_in_a_row >= FAILURES_IN_A_ROW {
                return Ok(false);
            }
        }
        Ok(failures_in_a_row == 0)
    }

    /// Deletes each payment method as a request would. Says whether it went well.
    async fn delete_all_payment_methods(
        self: &Arc<Self>,
        tenant: &Tenant,
        interruption: &Interruption,
    ) -> Result<bool, ServiceError> {
        let mut position = Position::Start;
        let mut well = true;
        loop {
            let request = PageRequest {
                user: None,
                types: PaymentMethodTypes::ALL,
                position,
                limit: PageLimit::MAXIMUM,
            };
            let page = self.payment_methods.page(&tenant.scope, &request).await?;
            let methods: Vec<PaymentMethodId> = page
                .into_iter()
                .flat_map(|page| page.items)
                .map(|payment_method| payment_method.id)
                .collect();
            let Some(last) = methods.last().cloned() else {
                return Ok(well);
            };
            let mut failures_in_a_row = 0;
            for some in methods.chunks(METHODS_AT_ONCE) {
                if interruption.is_due() {
                    return Ok(true);
                }
                self.projects
                    .put_off_deletion(tenant.scope.project(), HOLDS)
                    .await?;
                if self.delete_payment_methods(tenant, some).await {
                    failures_in_a_row = 0;
                } else {
                    well = false;
                    failures_in_a_row += 1;
                }
                if failures_in_a_row >= FAILURES_IN_A_ROW {
                    return Ok(false);
                }
            }
            position = Position::After(last);
        }
    }

    /// Deletes a few payment methods at once, each when its turn at Stripe has come. Says whether all went well.
    async fn delete_payment_methods(self: &Arc<Self>, tenant: &Tenant, methods: &[PaymentMethodId]) -> bool {
        let mut deleting = JoinSet::new();
        for id in methods {
            let (parts, tenant, id) = (Arc::clone(self), tenant.clone(), id.clone());
            let bulkhead = self.bulkheads.of(tenant.scope.project());
            let one = async move {
                let deleting = Box::pin(parts.delete_in_turn(&tenant, &id));
                bulkhead.with_connections(deleting).await
            };
            deleting.spawn(one.in_current_span());
        }
        let mut well = true;
        while let Some(deleted) = deleting.join_next().await {
            let deleted = deleted.unwrap_or_else(|error| Err(ServiceError::internal(error.to_string())));
            if let Err(error) = deleted {
                tracing::warn!(project = %tenant.scope.project(), ?error, "a payment method stays for now");
                well = false;
            }
        }
        well
    }

    async fn delete_in_turn(&self, tenant: &Tenant, id: &PaymentMethodId) -> Result<(), ServiceError> {
        let world = &self.engine.world;
        world.next_read(&tenant.scope).await?;
        let operation = world.operation_name();
        let deleted = self
            .engine
            .delete_payment_method(tenant, &operation, id, Deletable::Any, &Attendance::nobody())
            .await;
        match deleted {
            // Another works on it: the next round sees what became of it.
            Ok(_) | Err(ServiceError::NotFound | ServiceError::Busy) => Ok(()),
            Err(error) => Err(error),
        }
    }
}
