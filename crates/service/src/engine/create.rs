//! Saving a payment method.

use billfold_domain::{
    Card, ClientSecret, CustomerId, PaymentMethod, PaymentMethodId, PaymentMethodStatus, PaymentMethodType,
    SetupIntentStatus,
};
use billfold_store::{Operation, OperationKind};
use billfold_stripe::{StripeError, StripePaymentMethodKind, StripeSetupIntent};

use super::drive::Failure;
use crate::{
    Fulfilled, SavedPaymentMethod, ServiceError, ShownPaymentMethod, Tenant, attendance::Attendance,
    engine::Engine, world::World,
};

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

impl Confirmed {
    fn available(at_stripe: Option<PaymentMethodId>, asked: &PaymentMethodId) -> Self {
        let id = at_stripe.unwrap_or_else(|| asked.clone());
        Self {
            id,
            status: PaymentMethodStatus::Available,
            client_secret: None,
        }
    }
}

impl<W: World> Engine<W> {
    /// Saves the payment method that the operation is about.
    pub(crate) async fn drive_create(
        &self,
        tenant: &Tenant,
        mut operation: Operation,
        id: &PaymentMethodId,
        attendance: &Attendance<'_>,
    ) -> Result<ShownPaymentMethod, ServiceError> {
        let held = operation.clone();
        let steps = Box::pin(self.create_steps(tenant, &mut operation, id, attendance));
        let result = self.holding(tenant, &held, steps).await;
        self.settle(tenant, &operation, result).await
    }

    async fn create_steps(
        &self,
        tenant: &Tenant,
        operation: &mut Operation,
        id: &PaymentMethodId,
        attendance: &Attendance<'_>,
    ) -> Result<ShownPaymentMethod, Failure> {
        let usable = self.look_at_payment_method(tenant, id).await?;
        let confirmed = match usable.attached_to {
            Some(customer) => {
                let own = self.world.find_customer(&tenant.scope, &operation.user).await?;
                if own != Some(customer) {
                    return Err(Failure::Refused(ServiceError::NotUsable));
                }
                Confirmed::available(None, id)
            }
            None => self.confirm_payment_method(tenant, operation, id).await?,
        };
        let payment_method = PaymentMethod {
            id: confirmed.id,
            user: operation.user.clone(),
            payment_method_type: usable.payment_method_type,
            card: usable.card,
            status: confirmed.status,
            created_at: self.world.now(),
        };
        let shown = ShownPaymentMethod {
            payment_method,
            client_secret: confirmed.client_secret,
        };
        let (world, operation, payment_method) = (&self.world, &*operation, &shown.payment_method);
        let saved = || Fulfilled::Saved(SavedPaymentMethod::Created(shown.clone()));
        attendance
            .end(saved, |alongside| async move {
                world
                    .finish_payment_method(&tenant.scope, operation, payment_method, &alongside)
                    .await
            })
            .await?;
        Ok(shown)
    }

    async fn look_at_payment_method(&self, tenant: &Tenant, id: &PaymentMethodId) -> Result<Usable, Failure> {
        let found = match self.world.retrieve_payment_method(tenant, id).await {
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
        let driven_before = operation.fence > 1 || self.may_be_asked_again(tenant, id).await?;
        let setup_intent = self
            .make_setup_intent(tenant, operation, Some(id), driven_before)
            .await?;
        match setup_intent.status {
            SetupIntentStatus::Succeeded if driven_before => {
                let confirmed = Confirmed::available(setup_intent.payment_method, id);
                self.require_attached(tenant, operation, confirmed).await
            }
            SetupIntentStatus::Succeeded => Ok(Confirmed::available(setup_intent.payment_method, id)),
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
            // An earlier drive gave it back; only its answer was lost.
            SetupIntentStatus::Canceled if operation.kind == OperationKind::CreateAvailablePaymentMethod => {
                Err(Failure::Refused(ServiceError::RequiresConfirmation))
            }
            SetupIntentStatus::Canceled | SetupIntentStatus::RequiresConfirmation => {
                Err(Failure::Refused(ServiceError::NotUsable))
            }
        }
    }

    /// Whether an operation of this name may have saved the payment method before, and another have deleted it since:
    /// then Stripe would give the answer of that time again, for the same key.
    async fn may_be_asked_again(&self, tenant: &Tenant, id: &PaymentMethodId) -> Result<bool, Failure> {
        let deleted = self.world.find_deleted(&tenant.scope, id).await?;
        Ok(deleted.is_some())
    }

    /// What an earlier drive confirmed, if it is still attached. It may have been detached since, and then it can never be
    /// used again.
    async fn require_attached(
        &self,
        tenant: &Tenant,
        operation: &Operation,
        confirmed: Confirmed,
    ) -> Result<Confirmed, Failure> {
        let usable = self.look_at_payment_method(tenant, &confirmed.id).await?;
        let own = self.world.find_customer(&tenant.scope, &operation.user).await?;
        if usable.attached_to.is_some() && usable.attached_to == own {
            Ok(confirmed)
        } else {
            Err(Failure::Refused(ServiceError::NotUsable))
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
            return match self
                .cancel_setup_intent(tenant, operation, &setup_intent.id)
                .await
            {
                Ok(SetupIntentStatus::Succeeded) => Ok(Confirmed::available(setup_intent.payment_method, id)),
                Ok(_) => Err(Failure::Refused(ServiceError::RequiresConfirmation)),
                // Whatever happened to this call, the setup intent is there, and must not stay.
                Err(failure) => Err(Failure::Unknown(failure.into_error())),
            };
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
