//! Payment methods: save, show, list and delete.

use std::sync::Arc;

use billfold_domain::{
    ClientSecret, Page, PageRequest, PaymentMethod, PaymentMethodId, PaymentMethodStatus, SetupIntentStatus,
    UserId,
};
use billfold_store::{BeginCreate, BeginDelete, NewOperation, OperationKind, Subject};
use billfold_stripe::StripeError;
use time::Duration;

use crate::{Service, ServiceError, Tenant, drive::Saved, service::Parts};

/// How long a payment method may wait for its owner's confirmation.
const CONFIRMATION_WINDOW: Duration = Duration::hours(24);

/// How many operations may have to be ended on one payment method before the caller's own can begin.
const OLDER_OPERATIONS: usize = 3;

/// What becomes of a payment method whose owner must pass a check first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confirmation {
    /// It is saved, and becomes available when the check is passed.
    MayFollow,
    /// It is refused: the caller confirms a setup intent first.
    MustPrecede,
}

impl Confirmation {
    const fn operation(self) -> OperationKind {
        match self {
            Self::MayFollow => OperationKind::CreatePaymentMethod,
            Self::MustPrecede => OperationKind::CreateAvailablePaymentMethod,
        }
    }
}

/// A payment method, with what its owner needs to confirm it while it waits for that.
#[derive(Clone, Debug)]
pub struct ShownPaymentMethod {
    /// The payment method.
    pub payment_method: PaymentMethod,
    /// The SetupIntent's client secret, for a payment method that requires confirmation.
    pub client_secret: Option<ClientSecret>,
}

/// The answer to a wish to save a payment method.
#[derive(Clone, Debug)]
pub enum SavedPaymentMethod {
    /// It is saved now.
    Created(ShownPaymentMethod),
    /// The same user had saved it before.
    Existing(ShownPaymentMethod),
}

impl Service {
    /// Saves a payment method for a user.
    pub async fn create_payment_method(
        &self,
        tenant: Tenant,
        id: PaymentMethodId,
        user: UserId,
        confirmation: Confirmation,
    ) -> Result<SavedPaymentMethod, ServiceError> {
        let parts = Arc::clone(&self.parts);
        self.run(async move {
            parts
                .create_payment_method(&tenant, &id, &user, confirmation)
                .await
        })
        .await
    }

    /// A payment method; one that waits for its owner is looked up at Stripe.
    pub async fn retrieve_payment_method(
        &self,
        tenant: Tenant,
        id: &PaymentMethodId,
    ) -> Result<ShownPaymentMethod, ServiceError> {
        let found = self
            .parts
            .payment_methods
            .find(&tenant.scope, id)
            .await?
            .ok_or(ServiceError::NotFound)?;
        if found.status == PaymentMethodStatus::Available {
            return Ok(ShownPaymentMethod {
                payment_method: found,
                client_secret: None,
            });
        }
        let parts = Arc::clone(&self.parts);
        self.run(async move { parts.look_at_confirmation(&tenant, found).await })
            .await
    }

    /// A page of the project's payment methods. Never calls Stripe.
    pub async fn list_payment_methods(
        &self,
        tenant: &Tenant,
        request: &PageRequest,
    ) -> Result<Page<PaymentMethod>, ServiceError> {
        self.parts
            .payment_methods
            .page(&tenant.scope, request)
            .await?
            .ok_or(ServiceError::CursorNotFound)
    }

    /// A user's available payment methods, newest first. Never calls Stripe.
    pub async fn list_available_payment_methods(
        &self,
        tenant: &Tenant,
        user: &UserId,
    ) -> Result<Vec<PaymentMethod>, ServiceError> {
        Ok(self
            .parts
            .payment_methods
            .available_of_user(&tenant.scope, user)
            .await?)
    }

    /// Deletes a payment method, of this owner's only when one is given, and gives it as it was.
    pub async fn delete_payment_method(
        &self,
        tenant: Tenant,
        id: PaymentMethodId,
        owner: Option<UserId>,
    ) -> Result<PaymentMethod, ServiceError> {
        let parts = Arc::clone(&self.parts);
        self.run(async move { parts.delete_payment_method(&tenant, &id, owner.as_ref()).await })
            .await
    }
}

impl Parts {
    async fn create_payment_method(
        &self,
        tenant: &Tenant,
        id: &PaymentMethodId,
        user: &UserId,
        confirmation: Confirmation,
    ) -> Result<SavedPaymentMethod, ServiceError> {
        let kind = confirmation.operation();
        for _ in 0..OLDER_OPERATIONS {
            let subject = Subject::PaymentMethod(id.clone());
            let new = NewOperation {
                id: self.identifiers.operation(),
                kind,
                subject,
                user: user.clone(),
            };
            let maximum = i64::from(self.options.maximum_payment_methods);
            let begun = self
                .payment_methods
                .begin_create(&tenant.scope, &new, id, maximum, self.clock.now())
                .await?;
            match begun {
                BeginCreate::Held(operation) if operation.kind == kind && operation.user == *user => {
                    let Saved {
                        payment_method,
                        client_secret,
                    } = self.drive_create(tenant, operation, id).await?;
                    return Ok(SavedPaymentMethod::Created(ShownPaymentMethod {
                        payment_method,
                        client_secret,
                    }));
                }
                BeginCreate::Held(older) => self.drive_older(tenant, older).await?,
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

    async fn delete_payment_method(
        &self,
        tenant: &Tenant,
        id: &PaymentMethodId,
        owner: Option<&UserId>,
    ) -> Result<PaymentMethod, ServiceError> {
        for _ in 0..OLDER_OPERATIONS {
            let operation = self.identifiers.operation();
            let now = self.clock.now();
            match self
                .payment_methods
                .begin_delete(&tenant.scope, operation, id, owner, now)
                .await?
            {
                BeginDelete::Held(operation, payment_method)
                    if operation.kind == OperationKind::DeletePaymentMethod =>
                {
                    self.drive_delete(tenant, &operation, &payment_method).await?;
                    return Ok(payment_method);
                }
                BeginDelete::Held(older, _) => self.drive_older(tenant, older).await?,
                BeginDelete::NotFound => return Err(ServiceError::NotFound),
                BeginDelete::Busy => return Err(ServiceError::Busy),
            }
        }
        Err(ServiceError::Busy)
    }

    /// The payment method as it stands now. One that waits for its owner is looked up at Stripe: it may have become
    /// available, or be lost.
    async fn look_at_confirmation(
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
        let found = match tenant
            .account(&self.stripe)
            .retrieve_setup_intent(&setup_intent)
            .await
        {
            Ok(found) => Some(found),
            Err(StripeError::ResourceMissing { .. }) => None,
            Err(error) => return Err(error.into()),
        };
        match found {
            Some(found)
                if found.status == SetupIntentStatus::Succeeded
                    && found.payment_method.as_ref() == Some(id) =>
            {
                self.payment_methods.confirm(scope, id, &setup_intent).await?;
                let payment_method = PaymentMethod {
                    status: PaymentMethodStatus::Available,
                    ..payment_method
                };
                Ok(ShownPaymentMethod {
                    payment_method,
                    client_secret: None,
                })
            }
            // Canceled, gone, or finished with another card in this one's place: it can never be confirmed.
            None => self.give_up(tenant, &payment_method).await,
            Some(found)
                if matches!(
                    found.status,
                    SetupIntentStatus::Canceled | SetupIntentStatus::Succeeded
                ) =>
            {
                self.give_up(tenant, &payment_method).await
            }
            Some(_) if self.clock.now() > payment_method.created_at.plus(CONFIRMATION_WINDOW) => {
                self.delete_payment_method(tenant, id, None).await?;
                Err(ServiceError::NotFound)
            }
            Some(found) => Ok(ShownPaymentMethod {
                payment_method,
                client_secret: found.client_secret,
            }),
        }
    }

    async fn give_up(
        &self,
        tenant: &Tenant,
        payment_method: &PaymentMethod,
    ) -> Result<ShownPaymentMethod, ServiceError> {
        if let PaymentMethodStatus::RequiresConfirmation { setup_intent } = &payment_method.status {
            let now = self.clock.now();
            self.payment_methods
                .give_up(&tenant.scope, &payment_method.id, setup_intent, now)
                .await?;
        }
        Err(ServiceError::NotFound)
    }
}
