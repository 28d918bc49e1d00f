//! Payment methods: show and list. Saving and deleting are wishes.

use std::sync::Arc;

use billfold_domain::{
    ClientSecret, Page, PageRequest, PaymentMethod, PaymentMethodId, PaymentMethodStatus, UserId,
};
use billfold_store::OperationKind;

use crate::{Service, ServiceError, Tenant};

/// What becomes of a payment method whose owner must pass a check first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confirmation {
    /// It is saved, and becomes available when the check is passed.
    MayFollow,
    /// It is refused: the caller confirms a setup intent first.
    MustPrecede,
}

impl Confirmation {
    pub(crate) const fn operation(self) -> OperationKind {
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
        let engine = Arc::clone(&self.parts.engine);
        let scope = tenant.scope.clone();
        let user = found.user.clone();
        // In a box, since it is large and moved several times on its way into its task.
        let look = Box::pin(async move { engine.look_at_confirmation(&tenant, found).await });
        self.run(&scope, Some(&user), look).await
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
}
