//! Stripe, simulated: what it does with a request, and what it remembers under a key.

use std::collections::BTreeMap;

use billfold_domain::{
    ClientSecret, CustomerId, PaymentMethodId, SetupIntentId, SetupIntentStatus, UtcTimestamp,
};
use billfold_stripe::{
    CardError, CardErrorCode, MissingResource, StripeCustomer, StripeError, StripeMetadata,
    StripeSetupIntent, UnknownReason,
};

use super::world::State;
use crate::world::Called;

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
#[derive(Clone, Debug, PartialEq)]
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
pub(super) enum Made {
    Customer(CustomerId),
    SetupIntent(Box<StripeSetupIntent>),
    Detached,
}

/// What is kept under an idempotency key.
struct Kept {
    since: UtcTimestamp,
    /// What was asked for: another request may not use the key.
    change: Change,
    answer: Called<Made>,
}

#[derive(Default)]
pub(super) struct StripeState {
    pub(super) methods: BTreeMap<PaymentMethodId, Method>,
    pub(super) setup_intents: Vec<StripeSetupIntent>,
    pub(super) customers: Vec<StripeCustomer>,
    /// What each key gives again, for a day from its first use.
    keys: BTreeMap<String, Kept>,
    /// Requests that are still on their way, though nobody waits for their answers any more.
    pub(super) late: Vec<(String, Change)>,
}

pub(super) fn unknown(completed: bool) -> StripeError {
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

pub(super) fn serve(state: &mut State, key: &str, change: &Change) -> Called<Made> {
    let since = state.now;
    let is_over = |kept: &&Kept| since >= kept.since.plus(time::Duration::hours(24));
    if let Some(kept) = state.stripe.keys.get(key).filter(|kept| !is_over(kept)) {
        if kept.change != *change {
            return Err(StripeError::IdempotencyKeyReused);
        }
        return kept.answer.clone();
    }
    let answer = if state.fault("500 before it was done", 4) {
        Err(unknown(true))
    } else {
        let answer = apply(state, change);
        if state.fault("500 after it was done", 4) {
            Err(unknown(true))
        } else {
            answer
        }
    };
    // A request that names what does not exist is not kept.
    if !matches!(answer, Err(StripeError::ResourceMissing { .. })) {
        let kept = Kept {
            since,
            change: change.clone(),
            answer: answer.clone(),
        };
        state.stripe.keys.insert(key.to_owned(), kept);
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

pub(super) fn setup_intent<'a>(
    state: &'a mut State,
    id: &SetupIntentId,
) -> Called<&'a mut StripeSetupIntent> {
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
