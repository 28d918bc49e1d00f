//! The comparison with Stripe, both ways: each row against what is attached, and what is attached against the rows.
//!
//! It never detaches. What it cannot explain it reports, and leaves to a person.

mod attached;
mod dry_run;
mod report;
mod user;

use billfold_domain::{CustomerId, UserId};

pub use report::{Contradiction, ContradictionKind, SweepReport, UnreadUser};

use crate::{ServiceError, Tenant, interruption::Interruption, service::Parts};

/// How many users are asked of the database at once.
const PAGE: i64 = 100;

/// After how many users in a row that could not be looked at the sweep gives up: then it is Stripe or the database.
const FAILURES_IN_A_ROW: usize = 3;

/// One comparison of one project.
struct Sweep<'a> {
    parts: &'a Parts,
    tenant: &'a Tenant,
    dry_run: bool,
    /// Is told after each user how many were looked at.
    watch: &'a (dyn Fn(usize) + Send + Sync),
    report: SweepReport,
    failures_in_a_row: usize,
}

impl Parts {
    /// Compares a project with Stripe. What was seen until an interruption is in the report; whoever sweeps next begins
    /// anew.
    pub(crate) async fn sweep(
        &self,
        tenant: &Tenant,
        dry_run: bool,
        interruption: &Interruption,
        watch: &(dyn Fn(usize) + Send + Sync),
    ) -> Result<SweepReport, ServiceError> {
        let mut sweep = Sweep {
            parts: self,
            tenant,
            dry_run,
            watch,
            report: SweepReport::new(tenant.scope.project().clone(), dry_run),
            failures_in_a_row: 0,
        };
        sweep.report.whole = sweep.run(interruption).await?;
        Ok(sweep.report)
    }
}

impl Sweep<'_> {
    /// Goes through every user who has a customer, then through those who have methods and none. Says whether it got to
    /// the end.
    async fn run(&mut self, interruption: &Interruption) -> Result<bool, ServiceError> {
        let scope = &self.tenant.scope;
        let world = &self.parts.engine.world;
        let mut after: Option<UserId> = None;
        loop {
            let page = world.customers.page(scope, after.as_ref(), PAGE).await?;
            let Some((last, _)) = page.last() else { break };
            after = Some(last.clone());
            for (user, customer) in page {
                if interruption.is_due() {
                    return Ok(false);
                }
                self.look_at(user, Some(customer)).await?;
            }
        }
        let mut after: Option<UserId> = None;
        loop {
            let page = world
                .payment_methods
                .users_without_customer(scope, after.as_ref(), PAGE)
                .await?;
            let Some(last) = page.last() else { break };
            after = Some(last.clone());
            for user in page {
                if interruption.is_due() {
                    return Ok(false);
                }
                self.look_at(user, None).await?;
            }
        }
        Ok(true)
    }

    /// Looks at a user. One who cannot be looked at now is noted, and does not hold up the others. A comparison takes long:
    /// one whose project is shut meanwhile ends.
    async fn look_at(&mut self, user: UserId, customer: Option<CustomerId>) -> Result<(), ServiceError> {
        self.parts.tenant_of(self.tenant.scope.project()).await?;
        self.report.users += 1;
        let done = self.user(&user, customer.as_ref()).await;
        (self.watch)(self.report.users);
        let Err(error) = done else {
            self.failures_in_a_row = 0;
            return Ok(());
        };
        self.failures_in_a_row += 1;
        if self.failures_in_a_row >= FAILURES_IN_A_ROW {
            return Err(error);
        }
        tracing::warn!(project = %self.tenant.scope.project(), %user, ?error, "a user cannot be compared with Stripe");
        self.report.unread.push(UnreadUser {
            user,
            reason: error.to_string(),
        });
        Ok(())
    }
}
