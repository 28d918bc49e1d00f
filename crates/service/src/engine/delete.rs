//! Deleting a payment method. Only rolls forward: what has begun to be deleted is shown no more.

use billfold_domain::{
    PaymentMethod, PaymentMethodId, PaymentMethodStatus, SetupIntentId, SetupIntentStatus,
};
use billfold_store::Operation;
use billfold_stripe::StripeError;

use super::drive::{Failure, is_kept, runs_anew};
use crate::{Fulfilled, ServiceError, Tenant, attendance::Attendance, engine::Engine, world::World};

impl<W: World> Engine<W> {
    /// Detaches the payment method that the operation is about, or ends the check that it waits for.
    pub(crate) async fn drive_delete(
        &self,
        tenant: &Tenant,
        operation: &Operation,
        payment_method: &PaymentMethod,
        attendance: &Attendance<'_>,
    ) -> Result<(), ServiceError> {
        let mut operation = operation.clone();
        let held = operation.clone();
        let steps = Box::pin(self.delete_steps(tenant, &mut operation, payment_method, attendance));
        let result = self.holding(tenant, &held, steps).await;
        // Whatever Stripe says, the deletion is never taken back.
        let result = result.map_err(|failure| Failure::Unknown(failure.into_error()));
        self.settle(tenant, &operation, result).await
    }

    async fn delete_steps(
        &self,
        tenant: &Tenant,
        operation: &mut Operation,
        payment_method: &PaymentMethod,
        attendance: &Attendance<'_>,
    ) -> Result<(), Failure> {
        let attached = match &payment_method.status {
            PaymentMethodStatus::Available => true,
            PaymentMethodStatus::RequiresConfirmation { setup_intent } => {
                self.cancel_setup_intent(tenant, operation, setup_intent).await?
                    == SetupIntentStatus::Succeeded
            }
        };
        if attached {
            self.detach(tenant, operation, &payment_method.id).await?;
        }
        let (world, operation) = (&self.world, &*operation);
        let deleted = || Fulfilled::Deleted(payment_method.clone());
        attendance
            .end(deleted, |alongside| async move {
                world.finish_delete(&tenant.scope, operation, &alongside).await
            })
            .await?;
        Ok(())
    }

    /// Cancels a setup intent, and says how it ended: one that succeeded meanwhile has attached its method.
    pub(super) async fn cancel_setup_intent(
        &self,
        tenant: &Tenant,
        operation: &mut Operation,
        id: &SetupIntentId,
    ) -> Result<SetupIntentStatus, Failure> {
        let mut ran_anew = false;
        loop {
            let key = self.key(operation, "cancel")?;
            match self.world.cancel_setup_intent(tenant, id, &key).await {
                Ok(canceled) => return Ok(canceled.status),
                Err(StripeError::ResourceMissing { .. }) => return Ok(SetupIntentStatus::Canceled),
                Err(StripeError::UnexpectedState {
                    setup_intent: Some(setup_intent),
                }) => return Ok(setup_intent.status),
                Err(StripeError::UnexpectedState { setup_intent: None }) => {
                    return Ok(self.world.retrieve_setup_intent(tenant, id).await?.status);
                }
                Err(error) if is_kept(&error) => {
                    let status = self.world.retrieve_setup_intent(tenant, id).await?.status;
                    if matches!(status, SetupIntentStatus::Canceled | SetupIntentStatus::Succeeded) {
                        return Ok(status);
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

    async fn detach(
        &self,
        tenant: &Tenant,
        operation: &mut Operation,
        id: &PaymentMethodId,
    ) -> Result<(), Failure> {
        let mut ran_anew = false;
        loop {
            let key = self.key(operation, "detach")?;
            match self.world.detach_payment_method(tenant, id, &key).await {
                // Gone already, by whichever way: that is what was wanted.
                Ok(_)
                | Err(
                    StripeError::NotAttached | StripeError::NotReusable | StripeError::ResourceMissing { .. },
                ) => return Ok(()),
                Err(error) if is_kept(&error) => {
                    let found = self.world.retrieve_payment_method(tenant, id).await?;
                    if found.customer.is_none() {
                        return Ok(());
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
}
