//! Making a user's Stripe customer.

use billfold_domain::CustomerId;
use billfold_store::Operation;
use billfold_stripe::{CustomerQuery, NewCustomer};

use super::drive::{Failure, is_kept, looked_for_since, runs_anew};
use crate::{ServiceError, Tenant, engine::Engine, world::World};

impl<W: World> Engine<W> {
    /// Makes the customer that the operation is about.
    pub(crate) async fn drive_customer(
        &self,
        tenant: &Tenant,
        mut operation: Operation,
    ) -> Result<CustomerId, ServiceError> {
        let held = operation.clone();
        let steps = Box::pin(self.customer_steps(tenant, &mut operation));
        let result = self.holding(tenant, &held, steps).await;
        self.settle(tenant, &operation, result).await
    }

    async fn customer_steps(
        &self,
        tenant: &Tenant,
        operation: &mut Operation,
    ) -> Result<CustomerId, Failure> {
        // Another may have ended the same between this caller's look and its claim.
        if let Some(customer) = self.world.find_customer(&tenant.scope, &operation.user).await? {
            self.world.end(&tenant.scope, operation).await?;
            return Ok(customer);
        }
        let earlier = if operation.fence > 1 {
            self.look_for_customer(tenant, operation).await?
        } else {
            None
        };
        let customer = match earlier {
            Some(customer) => customer,
            None => self.make_customer(tenant, operation).await?,
        };
        self.world
            .finish_customer(&tenant.scope, operation, &customer)
            .await?;
        Ok(customer)
    }

    async fn make_customer(&self, tenant: &Tenant, operation: &mut Operation) -> Result<CustomerId, Failure> {
        let mut ran_anew = false;
        loop {
            let key = self.key(operation, "customer")?;
            let new = NewCustomer {
                project: tenant.scope.project(),
                user: &operation.user,
                operation: &operation.id,
            };
            match self.world.create_customer(tenant, &new, &key).await {
                Ok(customer) => return Ok(customer),
                Err(error) if is_kept(&error) => {
                    if let Some(customer) = self.look_for_customer(tenant, operation).await? {
                        return Ok(customer);
                    }
                    *operation = self.world.raise_epoch(&tenant.scope, operation.clone()).await?;
                    if ran_anew {
                        return Err(runs_anew(error));
                    }
                    ran_anew = true;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// The customer that an earlier drive of the operation made, if it made one. By listing, since Stripe's search
    /// lags behind.
    async fn look_for_customer(
        &self,
        tenant: &Tenant,
        operation: &Operation,
    ) -> Result<Option<CustomerId>, Failure> {
        let since = looked_for_since(operation);
        let mut last = None;
        loop {
            let query = CustomerQuery {
                created_gte: Some(since),
                starting_after: last.as_ref(),
            };
            let page = match self.world.list_customers(tenant, &query).await {
                Ok(page) => page,
                Err(error) => return Err(Failure::Unknown(error.into())),
            };
            last = page.items.last().map(|customer| customer.id.clone());
            let mut customers = page.items.into_iter();
            if let Some(found) =
                customers.find(|made| made.metadata.operation.as_deref() == Some(&operation.id))
            {
                return Ok(Some(found.id));
            }
            if !page.has_more || last.is_none() {
                return Ok(None);
            }
            // Many users may have come since: whoever reads long must not be taken for dead.
            self.world.extend_lease(&tenant.scope, operation).await?;
        }
    }
}
