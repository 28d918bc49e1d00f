//! Saving a payment method.

use billfold_domain::{
    Card, ClientSecret, CustomerId, PaymentMethod, PaymentMethodId, PaymentMethodStatus, PaymentMethodType,
    SetupIntentStatus,
};
use billfold_store::{Operation, OperationKind};
use billfold_stripe::{StripeError, StripePaymentMethodKind, StripeSetupIntent};

use super::Failure;
use crate::{ServiceError, Tenant, service::Parts};

/// A payment method that an operation has just saved.
pub(crate) struct Saved {
    pub(crate) payment_method: PaymentMethod,
    pub(crate) client_secret: Option<ClientSecret>,
}

/// What Stripe says of a payment method that may be saved.
struct Usable {
    card: Card,
    payment_method_type: PaymentMethodType,
    attached_to: Option<CustomerId>,
}

/// How a payment method was confirmed.
struct Confirmed {
    /// Stripe's name for it: a test name such as `pm_card_visa` stands for a new method each time.
    id: PaymentMethodId,
    status: PaymentMethodStatus,
    client_secret: Option<ClientSecret>,
}

impl Parts {
    /// Saves the payment method that the operation is about.
    pub(crate) async fn drive_create(
        &self,
        tenant: &Tenant,
        mut operation: Operation,
        id: &PaymentMethodId,
    ) -> Result<Saved, ServiceError> {
        let result = self.create_steps(tenant, &mut operation, id).await;
        self.settle(tenant, &operation, result).await
    }

    async fn create_steps(
        &self,
        tenant: &Tenant,
        operation: &mut Operation,
        id: &PaymentMethodId,
    ) -> Result<Saved, Failure> {
        let usable = self.look_at_payment_method(tenant, id).await?;
        let own = self.customers.find(&tenant.scope, &operation.user).await?;
        let confirmed = match usable.attached_to {
            Some(customer) if Some(&customer) == own.as_ref() => Confirmed {
                id: id.clone(),
                status: PaymentMethodStatus::Available,
                client_secret: None,
            },
            Some(_) => return Err(Failure::Refused(ServiceError::NotUsable)),
            None => self.confirm_payment_method(tenant, operation, id).await?,
        };
        let payment_method = PaymentMethod {
            id: confirmed.id,
            user: operation.user.clone(),
            payment_method_type: usable.payment_method_type,
            card: usable.card,
            status: confirmed.status,
            created_at: self.clock.now(),
        };
        self.operations
            .finish_payment_method(&tenant.scope, operation, &payment_method)
            .await?;
        Ok(Saved {
            payment_method,
            client_secret: confirmed.client_secret,
        })
    }

    async fn look_at_payment_method(&self, tenant: &Tenant, id: &PaymentMethodId) -> Result<Usable, Failure> {
        let found = match tenant.account(&self.stripe).retrieve_payment_method(id).await {
            Ok(found) => found,
            Err(StripeError::ResourceMissing { .. }) => {
                return Err(Failure::Refused(ServiceError::NotUsable));
            }
            Err(error) => return Err(error.into()),
        };
        match found.kind {
            StripePaymentMethodKind::Card {
                card,
                payment_method_type,
                ..
            } => Ok(Usable {
                card,
                payment_method_type,
                attached_to: found.customer,
            }),
            StripePaymentMethodKind::Other(_) => Err(Failure::Refused(ServiceError::TypeNotSupported)),
        }
    }

    async fn confirm_payment_method(
        &self,
        tenant: &Tenant,
        operation: &mut Operation,
        id: &PaymentMethodId,
    ) -> Result<Confirmed, Failure> {
        let setup_intent = self.make_setup_intent(tenant, operation, Some(id)).await?;
        match setup_intent.status {
            SetupIntentStatus::Succeeded => Ok(Confirmed {
                id: setup_intent.payment_method.unwrap_or_else(|| id.clone()),
                status: PaymentMethodStatus::Available,
                client_secret: None,
            }),
            SetupIntentStatus::RequiresAction | SetupIntentStatus::Processing => {
                self.keep_or_cancel(tenant, operation, id, setup_intent).await
            }
            // Only a refused card leads back here; the refusal itself was lost.
            SetupIntentStatus::RequiresPaymentMethod => {
                let refused = setup_intent
                    .last_setup_error
                    .map(Box::new)
                    .map(ServiceError::Declined);
                Err(Failure::Refused(refused.unwrap_or(ServiceError::NotUsable)))
            }
            // Given up by an earlier drive, for the same reason.
            SetupIntentStatus::Canceled if operation.kind == OperationKind::CreateAvailablePaymentMethod => {
                Err(Failure::Refused(ServiceError::RequiresConfirmation))
            }
            SetupIntentStatus::Canceled | SetupIntentStatus::RequiresConfirmation => {
                Err(Failure::Refused(ServiceError::NotUsable))
            }
        }
    }

    /// A card whose owner must pass a check first: kept until then, or given back to a caller who cannot wait.
    async fn keep_or_cancel(
        &self,
        tenant: &Tenant,
        operation: &mut Operation,
        id: &PaymentMethodId,
        setup_intent: StripeSetupIntent,
    ) -> Result<Confirmed, Failure> {
        if operation.kind == OperationKind::CreateAvailablePaymentMethod {
            // As long as it may still be open at Stripe, so is the operation.
            let ended = self
                .cancel_setup_intent(tenant, operation, &setup_intent.id)
                .await
                .map_err(Failure::into_unknown)?;
            if ended != SetupIntentStatus::Succeeded {
                return Err(Failure::Refused(ServiceError::RequiresConfirmation));
            }
            // Its owner was faster.
            return Ok(Confirmed {
                id: setup_intent.payment_method.unwrap_or_else(|| id.clone()),
                status: PaymentMethodStatus::Available,
                client_secret: None,
            });
        }
        Ok(Confirmed {
            id: setup_intent.payment_method.unwrap_or_else(|| id.clone()),
            status: PaymentMethodStatus::RequiresConfirmation {
                setup_intent: setup_intent.id,
            },
            client_secret: setup_intent.client_secret,
        })
    }
}
