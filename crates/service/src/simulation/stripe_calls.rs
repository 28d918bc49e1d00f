//! The way to Stripe and back, on which requests and answers get lost.

use billfold_domain::{
    Card, CardBrand, CustomerId, PaymentMethodId, PaymentMethodType, SetupIntentId, UserId,
};
use billfold_stripe::{
    CustomerQuery, IdempotencyKey, MissingResource, NewCustomer, NewSetupIntent, NotSentReason,
    RateLimitReason, SetupIntentQuery, StripeCustomer, StripeError, StripeMetadata, StripePage,
    StripePaymentMethod, StripePaymentMethodKind, StripeSetupIntent,
};

use super::{
    planted::Bug,
    stripe::{Change, Made, serve, setup_intent, unknown},
    world::{SimulatedWorld, State},
};
use crate::{
    Tenant,
    world::{Called, Stripe},
};

impl SimulatedWorld {
    /// Sends a request that changes something; its way there and back may fail.
    async fn change(&self, key: &IdempotencyKey, change: Change) -> Called<Made> {
        self.happen(|state| {
            if state.fault("not sent", 4) {
                return Err(StripeError::NotSent(NotSentReason::Unreachable));
            }
            if state.fault("429", 4) {
                return Err(StripeError::RateLimited {
                    retry_after: None,
                    reason: RateLimitReason::Requests,
                });
            }
            if state.fault("request lost", 4) {
                return Err(unknown(false));
            }
            if state.fault("request late", 4) {
                state.stripe.late.push((key.as_str().to_owned(), change));
                return Err(unknown(false));
            }
            let key = if state.has(Bug::FreshKeys) {
                state.name(key.as_str())
            } else {
                key.as_str().to_owned()
            };
            let answer = serve(state, &key, &change);
            if let (true, Err(StripeError::Unknown { completed: true, .. })) =
                (state.has(Bug::ServerErrorIsNotApplied), &answer)
            {
                return Err(StripeError::NotSent(NotSentReason::Unreachable));
            }
            if state.fault("answer lost", 4) {
                Err(unknown(false))
            } else {
                answer
            }
        })
        .await
    }

    /// Reads something; the answer may fail to come.
    async fn look<T>(&self, read: impl FnOnce(&mut State) -> Called<T> + Send) -> Called<T> {
        self.happen(|state| {
            if state.fault("look failed", 4) {
                Err(unknown(false))
            } else {
                read(state)
            }
        })
        .await
    }
}

fn metadata(tenant: &Tenant, user: &UserId, operation: &str) -> StripeMetadata {
    StripeMetadata {
        project: Some(tenant.scope.project().clone()),
        user: Some(user.clone()),
        operation: Some(operation.to_owned()),
    }
}

fn shown(state: &State, id: &PaymentMethodId) -> Called<StripePaymentMethod> {
    let missing = StripeError::ResourceMissing {
        resource: MissingResource::PaymentMethod,
    };
    let method = state.stripe.methods.get(id).ok_or(missing)?;
    let card = Card {
        brand: CardBrand::Visa,
        last4: "4242".to_owned(),
        exp_month: 12,
        exp_year: 2034,
    };
    let kind = StripePaymentMethodKind::Card {
        card,
        wallet: None,
        payment_method_type: PaymentMethodType::Card,
    };
    Ok(StripePaymentMethod {
        id: id.clone(),
        customer: method.customer.clone(),
        kind,
        created: state.now,
    })
}

fn as_setup_intent(made: Made) -> StripeSetupIntent {
    match made {
        Made::SetupIntent(made) => *made,
        other => panic!("a key was used for two kinds of request: {other:?}"),
    }
}

impl Stripe for SimulatedWorld {
    async fn retrieve_payment_method(&self, _: &Tenant, id: &PaymentMethodId) -> Called<StripePaymentMethod> {
        self.look(|state| shown(state, id)).await
    }

    async fn detach_payment_method(
        &self,
        _: &Tenant,
        id: &PaymentMethodId,
        key: &IdempotencyKey,
    ) -> Called<StripePaymentMethod> {
        self.change(key, Change::Detach(id.clone())).await?;
        Ok(shown(&self.0.lock(), id).unwrap())
    }

    async fn create_customer(
        &self,
        tenant: &Tenant,
        new: &NewCustomer<'_>,
        key: &IdempotencyKey,
    ) -> Called<CustomerId> {
        match self
            .change(key, Change::Customer(metadata(tenant, new.user, new.operation)))
            .await?
        {
            Made::Customer(id) => Ok(id),
            other => panic!("a key was used for two kinds of request: {other:?}"),
        }
    }

    async fn list_customers(
        &self,
        _: &Tenant,
        query: &CustomerQuery<'_>,
    ) -> Called<StripePage<StripeCustomer>> {
        assert!(query.starting_after.is_none(), "the simulation has one page");
        self.look(|state| {
            let mut items = state.stripe.customers.clone();
            items.retain(|made| query.created_gte.is_none_or(|since| made.created >= since));
            Ok(StripePage {
                items,
                has_more: false,
            })
        })
        .await
    }

    async fn create_setup_intent(
        &self,
        tenant: &Tenant,
        new: &NewSetupIntent<'_>,
        key: &IdempotencyKey,
    ) -> Called<StripeSetupIntent> {
        let change = Change::SetupIntent {
            customer: new.customer.clone(),
            method: new.payment_method.cloned(),
            metadata: metadata(tenant, new.user, new.operation),
        };
        self.change(key, change).await.map(as_setup_intent)
    }

    async fn retrieve_setup_intent(&self, _: &Tenant, id: &SetupIntentId) -> Called<StripeSetupIntent> {
        self.look(|state| setup_intent(state, id).map(|found| found.clone()))
            .await
    }

    async fn cancel_setup_intent(
        &self,
        _: &Tenant,
        id: &SetupIntentId,
        key: &IdempotencyKey,
    ) -> Called<StripeSetupIntent> {
        self.change(key, Change::Cancel(id.clone()))
            .await
            .map(as_setup_intent)
    }

    async fn list_setup_intents(
        &self,
        _: &Tenant,
        query: &SetupIntentQuery<'_>,
    ) -> Called<StripePage<StripeSetupIntent>> {
        self.look(|state| {
            let mut items = state.stripe.setup_intents.clone();
            items.retain(|made| query.created_gte.is_none_or(|since| made.created >= since));
            items.retain(|made| {
                query
                    .customer
                    .is_none_or(|customer| made.customer.as_ref() == Some(customer))
            });
            Ok(StripePage {
                items,
                has_more: false,
            })
        })
        .await
    }
}
