//! Bringing the records up to date with what others have changed at Stripe: the dashboard, a page, the card's network.
//!
//! Whatever told us that something happened is not believed: the object is read afresh. Whether an operation is open is
//! asked first, then the read is granted its number, then Stripe is called. So a result that an operation writes in
//! between is never overwritten by what was read before it.

use billfold_domain::{CustomerId, PaymentMethod, PaymentMethodId, PaymentMethodStatus, SetupIntentId};
use billfold_store::Subject;
use billfold_stripe::{CustomerState, StripeError, StripePaymentMethodKind};

use crate::{
    ServiceError, Tenant,
    engine::Engine,
    world::{Mirror, World},
};

/// What became of an object that was looked at anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refreshed {
    /// The project has no such object, or has it no more.
    NotOurs,
    /// An operation is open on it, which looks at Stripe by itself. Look again when it has ended.
    InOperation,
    /// It is as Stripe has it.
    UpToDate,
    /// Its owner has passed the check: it is available now.
    Confirmed,
    /// It is gone at Stripe, and here now too.
    Removed,
    /// Stripe does not know it, though it keeps what is detached or deleted: it is another account's, or another Stripe's.
    /// Nothing is changed.
    UnknownAtStripe,
}

impl<W: World + Mirror> Engine<W> {
    /// Looks at a payment method anew. Never makes one.
    pub(crate) async fn refresh_payment_method(
        &self,
        tenant: &Tenant,
        id: &PaymentMethodId,
    ) -> Result<Refreshed, ServiceError> {
        let scope = &tenant.scope;
        if self
            .world
            .is_open(scope, &Subject::PaymentMethod(id.clone()))
            .await?
        {
            return Ok(Refreshed::InOperation);
        }
        let Some(found) = self.world.find_payment_method(scope, id).await? else {
            return Ok(Refreshed::NotOurs);
        };
        let read = self.world.next_read(scope).await?;
        if found.status == PaymentMethodStatus::Available {
            self.refresh_available(tenant, id, read).await
        } else {
            // One read is for the setup intent, another for the method that it may have attached.
            self.world.next_read(scope).await?;
            self.refresh_waiting(tenant, found).await
        }
    }

    async fn refresh_available(
        &self,
        tenant: &Tenant,
        id: &PaymentMethodId,
        read: i64,
    ) -> Result<Refreshed, ServiceError> {
        let scope = &tenant.scope;
        let attached = match self.world.retrieve_payment_method(tenant, id).await {
            Ok(found) => found.customer.is_some().then_some(found.kind),
            Err(StripeError::ResourceMissing { .. }) => return Ok(Refreshed::UnknownAtStripe),
            Err(error) => return Err(error.into()),
        };
        match attached {
            Some(StripePaymentMethodKind::Card { card, .. }) => {
                self.world.refresh_card(scope, id, read, &card).await?;
                Ok(Refreshed::UpToDate)
            }
            None if self.world.remove_detached(scope, id, read).await? => Ok(Refreshed::Removed),
            // Nothing that is shown has changed, or what was written meanwhile is newer than what was read.
            Some(StripePaymentMethodKind::Other(_)) | None => Ok(Refreshed::UpToDate),
        }
    }

    async fn refresh_waiting(
        &self,
        tenant: &Tenant,
        waiting: PaymentMethod,
    ) -> Result<Refreshed, ServiceError> {
        match self.look_at_confirmation(tenant, waiting).await {
            Ok(shown) if shown.payment_method.status == PaymentMethodStatus::Available => {
                Ok(Refreshed::Confirmed)
            }
            Ok(_) => Ok(Refreshed::UpToDate),
            Err(ServiceError::NotFound) => Ok(Refreshed::Removed),
            Err(error) => Err(error),
        }
    }

    /// Looks anew at the payment method that waits for its owner's check on this setup intent.
    pub(crate) async fn refresh_setup_intent(
        &self,
        tenant: &Tenant,
        id: &SetupIntentId,
    ) -> Result<Refreshed, ServiceError> {
        match self.world.find_by_setup_intent(&tenant.scope, id).await? {
            Some(waiting) => self.refresh_payment_method(tenant, &waiting.id).await,
            None => Ok(Refreshed::NotOurs),
        }
    }

    /// Looks at a customer anew: what was attached to one that is deleted can never be used again, and Stripe tells of
    /// none of it.
    pub(crate) async fn refresh_customer(
        &self,
        tenant: &Tenant,
        id: &CustomerId,
    ) -> Result<Refreshed, ServiceError> {
        let scope = &tenant.scope;
        if !self.world.knows_customer(scope, id).await? {
            return Ok(Refreshed::NotOurs);
        }
        self.world.next_read(scope).await?;
        let deleted = match self.world.retrieve_customer(tenant, id).await {
            Ok(CustomerState::Live(_)) => false,
            Ok(CustomerState::Deleted) => true,
            Err(StripeError::ResourceMissing { .. }) => return Ok(Refreshed::UnknownAtStripe),
            Err(error) => return Err(error.into()),
        };
        if deleted {
            self.world.remove_customer(scope, id).await?;
            return Ok(Refreshed::Removed);
        }
        Ok(Refreshed::UpToDate)
    }
}
