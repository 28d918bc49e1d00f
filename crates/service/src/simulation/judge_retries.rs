//! What a client that asks again under the same name may be told: what the first answer was, or would have been.

use std::collections::BTreeMap;

use billfold_domain::{PaymentMethodId, SetupIntentId};

use super::{
    actors::{Request, Told, Wish},
    history::What,
    world::State,
};

pub(super) fn retries_were_told_the_same(requests: &[Request], state: &State, broken: &mut Vec<String>) {
    let mut made = BTreeMap::<&str, &SetupIntentId>::new();
    for (number, request) in requests.iter().enumerate() {
        match (&request.wish, &request.told) {
            (Wish::Create(id, ..), Told::Refused)
                if happened(state, request, id, What::Saved, What::Hidden) =>
            {
                broken.push(format!("{number} saved {id}, asked again, and was refused"));
            }
            (Wish::Delete(id), Told::Refused) if happened(state, request, id, What::Deleted, What::Saved) => {
                broken.push(format!("{number} deleted {id}, asked again, and was refused"));
            }
            (Wish::SetupIntent(_), Told::Made(id)) => {
                let first = made.entry(&request.operation).or_insert(id);
                if *first != id {
                    broken.push(format!(
                        "{number} was given {first} and, when it asked again, {id}"
                    ));
                }
                let operation = state.stripe.setup_intents.iter().find(|found| found.id == *id);
                if operation.and_then(|found| found.metadata.operation.as_ref()) != Some(&request.operation) {
                    broken.push(format!("{number} was given {id}, which another operation made"));
                }
            }
            _ => {}
        }
    }
    everyone_was_answered(requests, state, broken);
}

/// Whether the request's operation had done it before the request began, and nobody has undone it before it ended.
fn happened(state: &State, request: &Request, id: &PaymentMethodId, done: What, undone: What) -> bool {
    let about = || state.history.iter().filter(|event| event.id == *id);
    let at = about()
        .filter(|event| event.operation == request.operation && event.what == done)
        .map(|event| event.step)
        .find(|step| *step < request.began);
    let ended = request.ended.unwrap_or(u64::MAX);
    at.is_some_and(|at| {
        let is_undone = about().any(|event| event.what == undone && event.step >= at && event.step <= ended);
        !is_undone
    })
}

/// In peace, whoever still asked was told something definite.
fn everyone_was_answered(requests: &[Request], state: &State, broken: &mut Vec<String>) {
    let mut last = BTreeMap::<&str, (usize, &Request)>::new();
    for (number, request) in requests.iter().enumerate() {
        last.insert(&request.operation, (number, request));
    }
    for (number, request) in last.into_values() {
        let asks = request.keeps_name && !matches!(request.wish, Wish::Reconcile);
        if asks && request.day == state.days && !request.told.is_definite() {
            broken.push(format!(
                "{number} asked until the end and was told {:?}",
                request.told
            ));
        }
    }
}
