//! Making a setup intent at Stripe: for a user's page, or to confirm a payment method at once.

use billfold_domain::{CustomerId, PaymentMethodId, SetupIntent, UserId};
use billfold_store::{Claim, NewOperation, Operation, OperationKind, Subject};
use billfold_stripe::{MissingResource, NewSetupIntent, SetupIntentQuery, StripeError, StripeSetupIntent};
use time::Duration;

use super::drive::{Failure, is_kept, looked_for_since, runs_anew};
use crate::{ServiceError, Tenant, engine::Engine, setup_intents, world::World};

/// How often the setup intent is asked for within one drive: once more for a customer that is gone at Stripe, and once
/// more for a failure that Stripe would give again for the same key.
const ATTEMPTS: usize = 3;

/// For how long a client that was not answered asks again under the same name. An operation of this name may have made
/// its setup intent that long before this one of the same name began.
const ASKED_AGAIN_WITHIN: Duration = Duration::hours(24);

impl<W: World> Engine<W> {
    /// Makes a setup intent for a user, and the user's customer if there is none, by the operation of this name,
    /// whether this call begins it or an earlier one did.
    pub(crate) async fn create_setup_intent(
        &self,
        tenant: &Tenant,
        operation: &str,
        user: UserId,
    ) -> Result<SetupIntent, ServiceError> {
        if let Some(made) = self.world.find_setup_intent(&tenant.scope, operation).await? {
            let made = self.world.retrieve_setup_intent(tenant, &made).await?;
            return setup_intents::shown(tenant, user, made);
        }
        let subject = Subject::SetupIntent(operation.to_owned());
        let new = NewOperation {
            id: operation.to_owned(),
            kind: OperationKind::CreateSetupIntent,
            subject,
            user,
        };
        match self.world.begin(&tenant.scope, &new).await? {
            Claim::Held(operation) => self.drive_setup_intent(tenant, operation).await,
            Claim::Busy => Err(ServiceError::Busy),
        }
    }

    /// Makes the setup intent that the operation is about.
    pub(crate) async fn drive_setup_intent(
        &self,
        tenant: &Tenant,
        mut operation: Operation,
    ) -> Result<SetupIntent, ServiceError> {
        let held = operation.clone();
        let steps = Box::pin(self.setup_intent_steps(tenant, &mut operation));
        let result = self.holding(tenant, &held, steps).await;
        self.settle(tenant, &operation, result).await
    }

    async fn setup_intent_steps(
        &self,
        tenant: &Tenant,
        operation: &mut Operation,
    ) -> Result<SetupIntent, Failure> {
        let driven_before = operation.fence > 1;
        let made = self
            .make_setup_intent(tenant, operation, None, driven_before)
            .await?;
        let shown = setup_intents::shown(tenant, operation.user.clone(), made)?;
        self.world
            .finish_setup_intent(&tenant.scope, operation, &shown.id, shown.created_at)
            .await?;
        Ok(shown)
    }

    /// The operation's setup intent: found, where the operation was driven before, or made. With a payment method it is
    /// confirmed at once.
    pub(super) async fn make_setup_intent(
        &self,
        tenant: &Tenant,
        operation: &mut Operation,
        payment_method: Option<&PaymentMethodId>,
        driven_before: bool,
    ) -> Result<StripeSetupIntent, Failure> {
        let mut ran_anew = false;
        for _ in 0..ATTEMPTS {
            let customer = self.customer(tenant, &operation.user).await?;
            if driven_before
                && !ran_anew
                && let Some(made) = self.look_for_setup_intent(tenant, operation, &customer).await?
            {
                return Ok(made);
            }
            let key = self.key(operation, "setup_intent")?;
            let new = NewSetupIntent {
                customer: &customer,
                payment_method,
                project: tenant.scope.project(),
                user: &operation.user,
                operation: &operation.id,
            };
            match self.world.create_setup_intent(tenant, &new, &key).await {
                Ok(made) => return Ok(made),
                Err(StripeError::ResourceMissing {
                    resource: MissingResource::Customer,
                }) => {
                    self.world
                        .forget_customer(&tenant.scope, &operation.user, &customer)
                        .await?;
                    *operation = self.world.raise_epoch(&tenant.scope, operation.clone()).await?;
                }
                Err(error) if is_kept(&error) => {
                    if let Some(made) = self.look_for_setup_intent(tenant, operation, &customer).await? {
                        return Ok(made);
                    }
                    *operation = self.world.raise_epoch(&tenant.scope, operation.clone()).await?;
                    if ran_anew {
                        return Err(runs_anew(error));
                    }
                    ran_anew = true;
                }
                Err(StripeError::Card(refused)) => {
                    return Err(Failure::Refused(ServiceError::Declined(refused)));
                }
                Err(
                    StripeError::AlreadyAttached
                    | StripeError::NotReusable
                    | StripeError::ResourceMissing { .. },
                ) => return Err(Failure::Refused(ServiceError::NotUsable)),
                Err(error) => return Err(error.into()),
            }
        }
        Err(Failure::Unknown(ServiceError::unavailable(
            "the user's customer keeps disappearing at Stripe",
        )))
    }

    /// The setup intent that an earlier drive of the operation made, if it made one.
    async fn look_for_setup_intent(
        &self,
        tenant: &Tenant,
        operation: &Operation,
        customer: &CustomerId,
    ) -> Result<Option<StripeSetupIntent>, Failure> {
        let since = looked_for_since(operation).plus(-ASKED_AGAIN_WITHIN);
        let mut last = None;
        loop {
            let query = SetupIntentQuery {
                customer: Some(customer),
                payment_method: None,
                created_gte: Some(since),
                starting_after: last.as_ref(),
            };
            let page = match self.world.list_setup_intents(tenant, &query).await {
                Ok(page) => page,
                Err(error) => return Err(Failure::Unknown(error.into())),
            };
            last = page.items.last().map(|made| made.id.clone());
            let mut made = page.items.into_iter();
            if let Some(found) = made.find(|made| made.metadata.operation.as_deref() == Some(&operation.id)) {
                return Ok(Some(found));
            }
            if !page.has_more || last.is_none() {
                return Ok(None);
            }
            self.world.extend_lease(&tenant.scope, operation).await?;
        }
    }
}
