//! Stripe, simulated: what it does with a request, what it remembers under a key, and how answers get lost.

use std::collections::BTreeMap;

use billfold_domain::{
    Card, CardBrand, ClientSecret, CustomerId, PaymentMethodId, PaymentMethodType, SetupIntentId,
    SetupIntentStatus, UtcTimestamp,
};
use billfold_stripe::{
    CardError, CardErrorCode, CustomerQuery, IdempotencyKey, MissingResource, NewCustomer, NewSetupIntent,
    NotSentReason, RateLimitReason, SetupIntentQuery, StripeCustomer, StripeError, StripeMetadata,
    StripePage, StripePaymentMethod, StripePaymentMethodKind, StripeSetupIntent, UnknownReason,
};

use super::world::{SimulatedWorld, State};
use crate::{
    Tenant,
    world::{Called, Stripe},
};

/// How a card behaves when it is confirmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Behaviour {
    Succeeds,
    AsksItsOwner,
    IsDeclined,
}

pub(super) struct Method {
    pub(super) behaviour: Behaviour,
    pub(super) customer: Option<CustomerId>,
    pub(super) dead: bool,
    /// How often it was attached and detached.
    pub(super) detached: u32,
}

/// A request that changes something.
#[derive(Clone, Debug)]
pub(super) enum Change {
    Customer(StripeMetadata),
    SetupIntent {
        customer: CustomerId,
        method: Option<PaymentMethodId>,
        metadata: StripeMetadata,
    },
    Cancel(SetupIntentId),
    Detach(PaymentMethodId),
}

#[derive(Clone, Debug)]
enum Made {
    Customer(CustomerId),
    SetupIntent(Box<StripeSetupIntent>),
    Detached,
}

/// What is kept under an idempotency key.
#[derive(Clone)]
enum Kept {
    Answer(Result<Made, StripeError>),
    ServerError,
}

#[derive(Default)]
pub(super) struct StripeState {
    pub(super) methods: BTreeMap<PaymentMethodId, Method>,
    pub(super) setup_intents: Vec<StripeSetupIntent>,
    pub(super) customers: Vec<StripeCustomer>,
    /// What each key gives again, for a day from its first use.
    keys: BTreeMap<String, (UtcTimestamp, Kept)>,
    /// Requests that are still on their way, though nobody waits for their answers any more.
    pub(super) late: Vec<(String, Change)>,
}

fn unknown(completed: bool) -> StripeError {
    let reason = if completed {
        UnknownReason::ServerError { status: 500 }
    } else {
        UnknownReason::TimedOut
    };
    StripeError::Unknown {
        completed,
        retry_after: None,
        reason,
    }
}

/// A request arrives: it runs once under its key, and the key gives the same answer from then on.
pub(super) fn arrive(state: &mut State, key: &str, change: &Change) -> Called<()> {
    serve(state, key, change).map(|_| ())
}

fn serve(state: &mut State, key: &str, change: &Change) -> Called<Made> {
    let since = state.now;
    let is_kept = |since: UtcTimestamp| state.now < since.plus(time::Duration::hours(24));
    match state.stripe.keys.get(key).filter(|(since, _)| is_kept(*since)) {
        Some((_, Kept::Answer(answer))) => return answer.clone(),
        Some((_, Kept::ServerError)) => return Err(unknown(true)),
        None => {}
    }
    if state.fault("500 before it was done", 4) {
        state
            .stripe
            .keys
            .insert(key.to_owned(), (since, Kept::ServerError));
        return Err(unknown(true));
    }
    let answer = apply(state, change);
    if state.fault("500 after it was done", 4) {
        state
            .stripe
            .keys
            .insert(key.to_owned(), (since, Kept::ServerError));
        return Err(unknown(true));
    }
    // A request that names what does not exist is not kept.
    if !matches!(answer, Err(StripeError::ResourceMissing { .. })) {
        state
            .stripe
            .keys
            .insert(key.to_owned(), (since, Kept::Answer(answer.clone())));
    }
    answer
}

fn apply(state: &mut State, change: &Change) -> Called<Made> {
    state.trace.push(format!("Stripe: {change:?}"));
    let created = state.now;
    match change {
        Change::Customer(metadata) => {
            let id = CustomerId::parse(state.name("cus_")).unwrap();
            state.stripe.customers.push(StripeCustomer {
                id: id.clone(),
                created,
                metadata: metadata.clone(),
            });
            Ok(Made::Customer(id))
        }
        Change::SetupIntent {
            customer,
            method,
            metadata,
        } => {
            let made = StripeSetupIntent {
                id: SetupIntentId::parse(state.name("seti_")).unwrap(),
                status: SetupIntentStatus::RequiresPaymentMethod,
                client_secret: Some(ClientSecret::new("simulated")),
                customer: Some(customer.clone()),
                payment_method: None,
                created,
                last_setup_error: None,
                metadata: metadata.clone(),
            };
            match method {
                None => {
                    state.stripe.setup_intents.push(made.clone());
                    Ok(Made::SetupIntent(Box::new(made)))
                }
                Some(id) => confirm(state, made, id),
            }
        }
        Change::Cancel(id) => {
            let found = setup_intent(state, id)?;
            if matches!(
                found.status,
                SetupIntentStatus::Canceled | SetupIntentStatus::Succeeded
            ) {
                return Err(StripeError::UnexpectedState {
                    setup_intent: Some(Box::new(found.clone())),
                });
            }
            found.status = SetupIntentStatus::Canceled;
            Ok(Made::SetupIntent(Box::new(found.clone())))
        }
        Change::Detach(id) => {
            let method = state.stripe.methods.get_mut(id).unwrap();
            if method.customer.take().is_none() {
                return Err(StripeError::NotAttached);
            }
            method.dead = true;
            method.detached += 1;
            Ok(Made::Detached)
        }
    }
}

fn confirm(state: &mut State, mut made: StripeSetupIntent, id: &PaymentMethodId) -> Called<Made> {
    let method = state.stripe.methods.get_mut(id).unwrap();
    if method.dead {
        return Err(StripeError::NotReusable);
    }
    if method.customer.is_some() && method.customer != made.customer {
        return Err(StripeError::AlreadyAttached);
    }
    let refused = match method.behaviour {
        Behaviour::Succeeds => {
            made.status = SetupIntentStatus::Succeeded;
            made.payment_method = Some(id.clone());
            method.customer.clone_from(&made.customer);
            None
        }
        Behaviour::AsksItsOwner => {
            made.status = SetupIntentStatus::RequiresAction;
            made.payment_method = Some(id.clone());
            None
        }
        Behaviour::IsDeclined => Some(CardError {
            code: CardErrorCode::CardDeclined,
            decline_code: None,
            param: None,
            message: "Your card was declined.".to_owned(),
            payment_method: Some(id.clone()),
            setup_intent: Some(made.id.clone()),
        }),
    };
    made.last_setup_error.clone_from(&refused);
    state.stripe.setup_intents.push(made.clone());
    refused.map_or(Ok(Made::SetupIntent(Box::new(made))), |refused| {
        Err(StripeError::Card(Box::new(refused)))
    })
}

fn setup_intent<'a>(state: &'a mut State, id: &SetupIntentId) -> Called<&'a mut StripeSetupIntent> {
    let missing = StripeError::ResourceMissing {
        resource: MissingResource::SetupIntent,
    };
    state
        .stripe
        .setup_intents
        .iter_mut()
        .find(|made| made.id == *id)
        .ok_or(missing)
}

/// The owner of a card passes the check on a SetupIntent.
pub(super) fn pass_challenge(state: &mut State, id: &SetupIntentId) {
    let Ok(made) = setup_intent(state, id) else { return };
    if made.status != SetupIntentStatus::RequiresAction {
        return;
    }
    let (customer, method) = (made.customer.clone(), made.payment_method.clone().unwrap());
    let found = state.stripe.methods.get_mut(&method).unwrap();
    if found.dead || (found.customer.is_some() && found.customer != customer) {
        return;
    }
    found.customer = customer;
    setup_intent(state, id).unwrap().status = SetupIntentStatus::Succeeded;
    state
        .trace
        .push(format!("the owner of {method} passes the check"));
}

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
            let answer = serve(state, key.as_str(), &change);
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

fn metadata(tenant: &Tenant, user: &billfold_domain::UserId, operation: &str) -> StripeMetadata {
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
            Ok(StripePage {
                items: state.stripe.customers.clone(),
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
