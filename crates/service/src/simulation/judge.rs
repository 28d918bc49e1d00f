//! What must hold when everything has ended: what callers were told, the records and Stripe agree.

use std::collections::BTreeMap;

use billfold_domain::{PaymentMethodId, PaymentMethodStatus, SetupIntentStatus};

use super::{
    actors::{Request, Told, Wish},
    judge_retries::retries_were_told_the_same,
    run::Report,
    world::State,
};

impl Report {
    /// Every invariant that is broken, in words.
    pub(super) fn judge(&self) -> Vec<String> {
        let state = self.world.0.lock();
        let mut broken = state.broken.clone();
        for held in state.records.operations.values() {
            broken.push(format!("never ended: {:?}", held.operation));
        }
        for request in &self.requests {
            if let Told::Fault(cause) = &request.told {
                broken.push(format!("an internal error: {cause}"));
            }
        }
        one_customer_a_user(&state, &mut broken);
        one_effect_an_operation(&state, &mut broken);
        for id in state.stripe.methods.keys() {
            records_and_stripe_agree(&state, id, &mut broken);
            callers_were_told_the_truth(&self.requests, &state, id, &mut broken);
        }
        retries_were_told_the_same(&self.requests, &state, &mut broken);
        broken
    }

    /// Panics, with everything that happened, where an invariant is broken.
    pub(super) fn require_unbroken(&self) {
        let broken = self.judge();
        let seed = self.seed;
        assert!(
            broken.is_empty(),
            "seed {seed}: {broken:#?}\n{}",
            self.trace.join("\n")
        );
    }
}

fn one_customer_a_user(state: &State, broken: &mut Vec<String>) {
    let mut users = BTreeMap::<_, u32>::new();
    for customer in &state.stripe.customers {
        *users.entry(&customer.metadata.user).or_default() += 1;
    }
    for (user, count) in users.into_iter().filter(|(_, count)| *count > 1) {
        broken.push(format!("{user:?} has {count} customers"));
    }
}

fn one_effect_an_operation(state: &State, broken: &mut Vec<String>) {
    let mut operations = BTreeMap::<_, u32>::new();
    for made in &state.stripe.setup_intents {
        *operations.entry(&made.metadata.operation).or_default() += 1;
    }
    for (operation, count) in operations.into_iter().filter(|(_, count)| *count > 1) {
        broken.push(format!("{operation:?} made {count} setup intents"));
    }
}

fn is_shown(state: &State, id: &PaymentMethodId) -> bool {
    state.records.methods.get(id).is_some_and(|row| !row.deleted)
}

fn records_and_stripe_agree(state: &State, id: &PaymentMethodId, broken: &mut Vec<String>) {
    let method = &state.stripe.methods[id];
    if method.customer.is_some() && !is_shown(state, id) {
        broken.push(format!("{id} is attached and nobody owns it"));
    }
    if method.detached > 1 {
        broken.push(format!("{id} was detached {} times", method.detached));
    }
    let Some(row) = state.records.methods.get(id).filter(|row| !row.deleted) else {
        return;
    };
    let own = state.records.customers.get(&row.payment_method.user);
    match &row.payment_method.status {
        PaymentMethodStatus::Available if method.customer.is_none() || method.customer.as_ref() != own => {
            broken.push(format!(
                "{id} is shown as available and attached to {:?}, not {own:?}",
                method.customer
            ));
        }
        PaymentMethodStatus::RequiresConfirmation { setup_intent } => {
            let found = state
                .stripe
                .setup_intents
                .iter()
                .find(|made| made.id == *setup_intent);
            if found.is_none_or(|found| found.status == SetupIntentStatus::Canceled) {
                broken.push(format!("{id} waits for a check that can never be passed"));
            }
        }
        PaymentMethodStatus::Available => {}
    }
}

fn is_about(request: &Request, id: &PaymentMethodId) -> bool {
    matches!(&request.wish, Wish::Create(about, ..) | Wish::Delete(about) if about == id)
}

fn callers_were_told_the_truth(
    requests: &[Request],
    state: &State,
    id: &PaymentMethodId,
    broken: &mut Vec<String>,
) {
    let about: Vec<&Request> = requests.iter().filter(|request| is_about(request, id)).collect();
    let creates = || {
        about
            .iter()
            .filter(|request| matches!(request.wish, Wish::Create(..)))
    };
    let deletes = || {
        about
            .iter()
            .filter(|request| matches!(request.wish, Wish::Delete(_)))
    };
    // What crashed or was told to try again may still have happened at any time after it began.
    let surely_over_before = |request: &Request, step: u64| {
        request.ended.is_some_and(|ended| ended < step) && request.told.is_definite()
    };
    for create in creates() {
        let Told::Saved { available } = create.told else {
            continue;
        };
        // Nobody confirmed it within a day: then it is given up.
        if !available && state.days > 0 {
            continue;
        }
        let undone = deletes().any(|delete| !surely_over_before(delete, create.began));
        if !undone && !is_shown(state, id) {
            broken.push(format!("{id} was acknowledged as saved and is lost"));
        }
    }
    for delete in deletes().filter(|delete| delete.told == Told::Done) {
        let made_again = creates().any(|create| !surely_over_before(create, delete.began));
        if !made_again && (is_shown(state, id) || state.stripe.methods[id].customer.is_some()) {
            broken.push(format!("{id} was acknowledged as deleted and is still there"));
        }
    }
}
