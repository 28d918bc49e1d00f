//! Saving, confirming and deleting a payment method: what a request waits for.

use billfold_domain::{PaymentMethod, PaymentMethodId, PaymentMethodStatus, SetupIntentStatus, UserId};
use billfold_store::{BeginCreate, BeginDelete, Deletable, NewOperation, OperationKind, Subject};
use billfold_stripe::StripeError;
use time::Duration;

use crate::{
    Confirmation, SavedPaymentMethod, ServiceError, ShownPaymentMethod, Tenant, attendance::Attendance,
    engine::Engine, world::World,
};

/// How long a payment method may wait for its owner's confirmation.
pub(crate) const CONFIRMATION_WINDOW: Duration = Duration::hours(24);

/// How many operations may have to be ended on one payment method before the caller's own can begin.
const OLDER_OPERATIONS: usize = 3;

impl<W: World> Engine<W> {
    /// Saves a payment method by the operation of this name, whether this call begins it or an earlier one did.
    pub(crate) async fn create_payment_method(
        &self,
        tenant: &Tenant,
        operation: &str,
        id: &PaymentMethodId,
        user: &UserId,
        confirmation: Confirmation,
        attendance: &Attendance<'_>,
    ) -> Result<SavedPaymentMethod, ServiceError> {
        let kind = confirmation.operation();
        for _ in 0..OLDER_OPERATIONS {
            let subject = Subject::PaymentMethod(id.clone());
            let new = NewOperation {
                id: operation.to_owned(),
                kind,
                subject,
                user: user.clone(),
            };
            let maximum = self.maximum_payment_methods;
            let alongside = attendance.beginning()?;
            let begun = self
                .world
                .begin_create(&tenant.scope, &new, id, maximum, &alongside)
                .await;
            match attendance.begun(begun)? {
                BeginCreate::Held(operation) if operation.kind == kind && operation.user == *user => {
                    let shown = self.drive_create(tenant, operation, id, attendance).await?;
                    return Ok(SavedPaymentMethod::Created(shown));
                }
                BeginCreate::Held(older) => self.drive_older(tenant, older).await?,
                BeginCreate::Done(payment_method) => {
                    return match self.look_at_confirmation(tenant, payment_method).await {
                        Ok(shown) => Ok(SavedPaymentMethod::Created(shown)),
                        // It was given up since: what this operation saved can never be used.
                        Err(ServiceError::NotFound) => Err(ServiceError::NotUsable),
                        Err(error) => Err(error),
                    };
                }
                BeginCreate::Saved(payment_method) => {
                    let shown = self.look_at_confirmation(tenant, payment_method).await;
                    return match shown {
                        // It was given up just now: the caller's wish to save it begins anew.
                        Err(ServiceError::NotFound) => continue,
                        Ok(shown)
                            if confirmation == Confirmation::MustPrecede
                                && shown.payment_method.status != PaymentMethodStatus::Available =>
                        {
                            Err(ServiceError::RequiresConfirmation)
                        }
                        shown => shown.map(SavedPaymentMethod::Existing),
                    };
                }
                BeginCreate::OwnedByAnother => return Err(ServiceError::AlreadyExists),
                BeginCreate::LimitReached => return Err(ServiceError::LimitReached),
                BeginCreate::Busy => return Err(ServiceError::Busy),
            }
        }
        Err(ServiceError::Busy)
    }

    /// Deletes a payment method by the operation of this name, whether this call begins it or an earlier one did.
    pub(crate) async fn delete_payment_method(
        &self,
        tenant: &Tenant,
        operation: &str,
        id: &PaymentMethodId,
        deletable: Deletable<'_>,
        attendance: &Attendance<'_>,
    ) -> Result<PaymentMethod, ServiceError> {
        for _ in 0..OLDER_OPERATIONS {
            let alongside = attendance.beginning()?;
            let begun = self
                .world
                .begin_delete(&tenant.scope, operation.to_owned(), id, deletable, &alongside)
                .await;
            match attendance.begun(begun)? {
                BeginDelete::Held(operation, payment_method)
                    if operation.kind == OperationKind::DeletePaymentMethod =>
                {
                    self.drive_delete(tenant, &operation, &payment_method, attendance)
                        .await?;
                    return Ok(payment_method);
                }
                BeginDelete::Held(older, _) => self.drive_older(tenant, older).await?,
                BeginDelete::Done(payment_method) => return Ok(payment_method),
                BeginDelete::NotFound => return Err(ServiceError::NotFound),
                BeginDelete::Busy => return Err(ServiceError::Busy),
            }
        }
        Err(ServiceError::Busy)
    }

    /// The payment method as it stands now. One that waits for its owner is looked up at Stripe: it may have become
    /// available, or be lost.
    pub(crate) async fn look_at_confirmation(
        &self,
        tenant: &Tenant,
        payment_method: PaymentMethod,
    ) -> Result<ShownPaymentMethod, ServiceError> {
        let PaymentMethodStatus::RequiresConfirmation { setup_intent } = payment_method.status.clone() else {
            return Ok(ShownPaymentMethod {
                payment_method,
                client_secret: None,
            });
        };
        let scope = &tenant.scope;
        let id = &payment_method.id;
        // Stripe keeps every setup intent: one that it does not know is another account's, and proves nothing.
        let found = self
            .world
            .retrieve_setup_intent(tenant, &setup_intent)
            .await
            .map_err(|error| match error {
                StripeError::ResourceMissing { .. } => {
                    ServiceError::unavailable("Stripe does not know the setup intent: is this the account?")
                }
                error => error.into(),
            })?;
        match found.status {
            SetupIntentStatus::Succeeded
                if found.payment_method.as_ref() == Some(id) && self.is_attached(tenant, id).await? =>
            {
                if !self.world.confirm(scope, id, &setup_intent).await? {
                    // It was given up before this could be written, and is on its way out at Stripe too.
                    return Err(ServiceError::NotFound);
                }
                let payment_method = PaymentMethod {
                    status: PaymentMethodStatus::Available,
                    ..payment_method
                };
                Ok(ShownPaymentMethod {
                    payment_method,
                    client_secret: None,
                })
            }
            // Canceled, finished with another card in this one's place, or detached since: it can never be used.
            SetupIntentStatus::Canceled | SetupIntentStatus::Succeeded => {
                self.give_up(tenant, &payment_method).await
            }
            _ if self.world.now() > payment_method.created_at.plus(CONFIRMATION_WINDOW) => {
                let operation = self.world.operation_name();
                // Its owner may pass the check at this very moment: then it is not deleted.
                let deletable = Deletable::WaitingOn(&setup_intent);
                match self
                    .delete_payment_method(tenant, &operation, id, deletable, &Attendance::nobody())
                    .await
                {
                    Ok(_) => Err(ServiceError::NotFound),
                    Err(ServiceError::NotFound) => {
                        Err(ServiceError::unavailable("it has changed since it was read"))
                    }
                    Err(error) => Err(error),
                }
            }
            _ => Ok(ShownPaymentMethod {
                payment_method,
                client_secret: found.client_secret,
            }),
        }
    }

    /// Whether a payment method is attached to anyone at Stripe now.
    pub(crate) async fn is_attached(
        &self,
        tenant: &Tenant,
        id: &PaymentMethodId,
    ) -> Result<bool, ServiceError> {
        let found = self.world.retrieve_payment_method(tenant, id).await?;
        Ok(found.customer.is_some())
    }

    async fn give_up(
        &self,
        tenant: &Tenant,
        payment_method: &PaymentMethod,
    ) -> Result<ShownPaymentMethod, ServiceError> {
        if let PaymentMethodStatus::RequiresConfirmation { setup_intent } = &payment_method.status {
            self.world
                .give_up(&tenant.scope, &payment_method.id, setup_intent)
                .await?;
        }
        Err(ServiceError::NotFound)
    }
}
