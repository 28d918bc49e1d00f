//! Setup intents: what a user's page needs to collect a card.

use billfold_domain::{SetupIntent, SetupIntentId, UserId};
use billfold_stripe::{StripeError, StripeSetupIntent};

use crate::{Service, ServiceError, Tenant, turns::Requester, world::Stripe as _};

impl Service {
    /// A setup intent of this project's, as it stands at Stripe now.
    pub async fn retrieve_setup_intent(
        &self,
        tenant: &Tenant,
        id: &SetupIntentId,
    ) -> Result<SetupIntent, ServiceError> {
        let stored = self
            .parts
            .setup_intents
            .find(&tenant.scope, id)
            .await?
            .ok_or(ServiceError::NotFound)?;
        let requester = Requester::of(tenant.scope.project(), Some(&stored.user));
        let bulkhead = self.parts.bulkheads.of(tenant.scope.project());
        let _place = bulkhead.place(&requester).await?;
        let look = self.parts.engine.world.retrieve_setup_intent(tenant, id);
        match requester.within(look).await {
            Ok(found) => shown(tenant, stored.user, found),
            Err(StripeError::ResourceMissing { .. }) => Err(ServiceError::NotFound),
            Err(error) => Err(error.into()),
        }
    }
}

/// A setup intent as its owner's page needs it.
pub(crate) fn shown(
    tenant: &Tenant,
    user: UserId,
    setup_intent: StripeSetupIntent,
) -> Result<SetupIntent, ServiceError> {
    Ok(SetupIntent {
        client_secret: setup_intent
            .client_secret
            .ok_or_else(|| ServiceError::internal("Stripe gave a setup intent without a client secret"))?,
        id: setup_intent.id,
        user,
        publishable_key: tenant.publishable_key().to_owned(),
        status: setup_intent.status,
        created_at: setup_intent.created,
    })
}
