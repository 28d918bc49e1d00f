//! When Stripe cannot be asked about what a webhook tells of, or an operation is at it already.

use std::time::Duration;

use billfold_store::WebhookObject;
use billfold_test_support::wait_for;
use serde_json::{Value, json};

use crate::{
    stripe_faults::{CALL_TIMEOUT, assert_unavailable, break_next},
    support::{Backend, Server, on_every_database, webhooks::event},
};

on_every_database!(
    poison_is_parked_after_ten_tries_while_others_go_on,
    an_object_that_alone_never_answers_is_parked,
    while_nothing_works_nothing_is_parked,
    an_open_operation_goes_first,
);

/// Ten tries at five calls a second and more, on a busy machine.
const WITHIN: Duration = Duration::from_mins(1);

/// How many others are told of while one is poison: so many at least, and so many at most.
const FEWEST_OTHERS: usize = 12;
const OTHERS: usize = 60;

async fn detach(server: &Server, project: &str, id: &str) {
    let path = format!("/v1/payment_methods/{id}/detach");
    let detached = server.stripe(project).call("POST", &path, &[]).await;
    assert_eq!(detached["customer"], Value::Null, "{detached}");
}

async fn tell_of(server: &Server, project: &str, name: &str, id: &str) {
    let event = event(&format!("evt_{name}_{id}"), "payment_method.detached", id);
    server.deliver(project, &event).await.expect(200);
}

async fn wait_until_gone(server: &Server, project: &str, id: &str) {
    wait_for(WITHIN, "the method to be gone", async || {
        let path = format!("/paymentMethods/{id}");
        let answer = server.project_request("GET", project, &path).send().await;
        (answer.status == 404).then_some(())
    })
    .await;
}

async fn wait_until_waiting(server: &Server, objects: i64) {
    wait_for(WITHIN, "the others to be looked at", async || {
        (server.waiting_work("demo").await == objects).then_some(())
    })
    .await;
}

/// Makes every look at a method go wrong, and sees it parked after ten, while others are looked at.
async fn assert_parked(server: &Server, kind: &str) {
    let stripe = server.stripe("demo");
    let poison = server.saved_card("usr_alice").await;
    let path = format!("/v1/payment_methods/{poison}");
    stripe
        .fault(json!({ "kind": kind, "method": "GET", "path": path, "count": 10_000, "milliseconds": 900 }))
        .await;
    detach(server, "demo", &poison).await;
    tell_of(server, "demo", "first", &poison).await;
    // A try counts when another object is answered after it in the same round, which is for the worker to arrange.
    let mut parked = Vec::new();
    for others in 1..=OTHERS {
        let other = server.saved_card("usr_alice").await;
        detach(server, "demo", &other).await;
        tell_of(server, "demo", "first", &other).await;
        wait_until_gone(server, "demo", &other).await;
        let found = server.webhook_work().parked(&Server::scope("demo")).await;
        parked = found.expect("what is parked can be listed");
        if others >= FEWEST_OTHERS && !parked.is_empty() {
            break;
        }
    }
    assert_eq!(parked.len(), 1);
    assert_eq!(parked[0].attempts, 10);
    assert!(matches!(&parked[0].object, WebhookObject::PaymentMethod(id) if id.as_str() == poison));
    wait_until_waiting(server, 0).await;
    server.retrieve(&poison).await.expect(200);

    // Nobody asks any more, until another event tells of it.
    stripe.clear_faults().await;
    tell_of(server, "demo", "second", &poison).await;
    wait_until_gone(server, "demo", &poison).await;
    let parked = server.webhook_work().parked(&Server::scope("demo")).await;
    assert_eq!(parked.expect("what is parked can be listed"), []);
}

async fn poison_is_parked_after_ten_tries_while_others_go_on(backend: Backend) {
    let server = Server::with(backend).working_on_webhooks().start().await;
    assert_parked(&server, "error_500_before").await;
}

/// Whether it is the object's own fault is told by others, of which Stripe does answer.
async fn an_object_that_alone_never_answers_is_parked(backend: Backend) {
    let server = Server::with(backend)
        .working_on_webhooks()
        .call_timeout(CALL_TIMEOUT)
        .start()
        .await;
    assert_parked(&server, "reset").await;
}

async fn while_nothing_works_nothing_is_parked(backend: Backend) {
    let server = Server::with(backend).working_on_webhooks().start().await;
    let stripe = server.stripe("demo");
    let (first, second) = (
        server.saved_card("usr_alice").await,
        server.saved_card("usr_alice").await,
    );
    let saved = server.save_in("acme", "pm_card_visa", "usr_alice").await;
    let of_acme = saved.expect(201).property("id");
    let account = billfold_sandbox::account_of_key(stripe.secret_key());
    // Where it is unclear whether the object is at fault, the second of one kind shows that it is not.
    for (kind, count) in [
        ("unauthorized_401", 1),
        ("rate_limit_429", 1),
        ("reset", 2),
        ("error_500_before", 2),
    ] {
        stripe
            .fault(json!({
                "kind": kind, "method": "GET", "path": "/v1/payment_methods/", "count": count, "account": account,
            }))
            .await;
    }
    for (project, id) in [("demo", &first), ("demo", &second), ("acme", &of_acme)] {
        detach(&server, project, id).await;
        tell_of(&server, project, "only", id).await;
    }
    // Another project's account is another matter.
    wait_until_gone(&server, "acme", &of_acme).await;
    wait_until_gone(&server, "demo", &first).await;
    wait_until_gone(&server, "demo", &second).await;
    assert_eq!(stripe.clear_faults().await, 0, "each of the faults has struck");
    let parked = server.webhook_work().parked(&Server::scope("demo")).await;
    assert_eq!(parked.expect("what is parked can be listed"), []);
}

async fn an_open_operation_goes_first(backend: Backend) {
    let server = Server::with(backend)
        .working_on_webhooks()
        .call_timeout(CALL_TIMEOUT)
        .start()
        .await;
    let stripe = server.stripe("demo");
    let probe = server.saved_card("usr_alice").await;
    let id = stripe.card("4242424242424242").await;
    // Done at Stripe, and nobody here knows.
    break_next(&stripe, ("hang_after", 1), "POST", "/v1/setup_intents").await;
    assert_unavailable(&server.save(&id, "usr_alice").await, "the operation stays open");
    let attached = event("evt_attached", "payment_method.attached", &id);
    server.deliver("demo", &attached).await.expect(200);
    stripe.reset_request_count().await;
    // Whoever is looked at later shows that the one before was.
    detach(&server, "demo", &probe).await;
    tell_of(&server, "demo", "later", &probe).await;
    wait_until_gone(&server, "demo", &probe).await;
    assert_eq!(
        stripe.request_count().await,
        2,
        "the detachment and the look at it"
    );
    // It waits, to be looked at when the operation has ended.
    wait_until_waiting(&server, 1).await;
    server.retrieve(&id).await.expect(404);

    let saved = wait_for(WITHIN, "the method to be saved", async || {
        let answer = server.save(&id, "usr_alice").await;
        [200, 201].contains(&answer.status).then_some(answer)
    })
    .await;
    assert_eq!(saved.property("status"), "available");
    wait_until_waiting(&server, 0).await;
    server.retrieve(&id).await.expect(200);
    assert_eq!(stripe.effect("setup_intent.created").await, 2);
}
