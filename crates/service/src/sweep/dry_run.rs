//! What a look at Stripe would change, without changing it.

use billfold_domain::{CustomerId, PaymentMethodId, PaymentMethodStatus, SetupIntentStatus};
use billfold_store::Subject;
use billfold_stripe::{CustomerState, StripeError};

use crate::{
    ServiceError, Tenant,
    engine::{CONFIRMATION_WINDOW, Engine, Refreshed},
    world::{Mirror, World},
};

impl<W: World + Mirror> Engine<W> {
    /// What [`Engine::refresh_payment_method`] would find.
    pub(super) async fn would_refresh_payment_method(
        &self,
        tenant: &Tenant,
        id: &PaymentMethodId,
    ) -> Result<Refreshed, ServiceError> {
        let scope = &tenant.scope;
        let subject = Subject::PaymentMethod(id.clone());
        if self.world.is_open(scope, &subject).await? {
            return Ok(Refreshed::InOperation);
        }
        let Some(found) = self.world.find_payment_method(scope, id).await? else {
            return Ok(Refreshed::NotOurs);
        };
        self.world.next_read(scope).await?;
        let PaymentMethodStatus::RequiresConfirmation { setup_intent } = &found.status else {
            return match self.world.retrieve_payment_method(tenant, id).await {
                Ok(found) if found.customer.is_some() => Ok(Refreshed::UpToDate),
                Ok(_) => Ok(Refreshed::Removed),
                Err(StripeError::ResourceMissing { .. }) => Ok(Refreshed::UnknownAtStripe),
                Err(error) => Err(error.into()),
            };
        };
        let looked_at = match self.world.retrieve_setup_intent(tenant, setup_intent).await {
            Ok(looked_at) => looked_at,
            Err(StripeError::ResourceMissing { .. }) => return Ok(Refreshed::UnknownAtStripe),
            Err(error) => return Err(error.into()),
        };
        let too_late = self.world.now() > found.created_at.plus(CONFIRMATION_WINDOW);
        Ok(match looked_at.status {
            SetupIntentStatus::Succeeded
                if looked_at.payment_method.as_ref() == Some(id) && self.is_attached(tenant, id).await? =>
            {
                Refreshed::Confirmed
            }
            SetupIntentStatus::Succeeded | SetupIntentStatus::Canceled => Refreshed::Removed,
            _ if too_late => Refreshed::Removed,
            _ => Refreshed::UpToDate,
        })
    }

    /// What [`Engine::refresh_customer`] would find.
    pub(super) async fn would_refresh_customer(
        &self,
        tenant: &Tenant,
        id: &CustomerId,
    ) -> Result<Refreshed, ServiceError> {
        if !self.world.knows_customer(&tenant.scope, id).await? {
            return Ok(Refreshed::NotOurs);
        }
        self.world.next_read(&tenant.scope).await?;
        match self.world.retrieve_customer(tenant, id).await {
            Ok(CustomerState::Live(_)) => Ok(Refreshed::UpToDate),
            Ok(CustomerState::Deleted) => Ok(Refreshed::Removed),
            Err(StripeError::ResourceMissing { .. }) => Ok(Refreshed::UnknownAtStripe),
            Err(error) => Err(error.into()),
        }
    }
}
