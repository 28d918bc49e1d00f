//! `Idempotency-Key`: a request that comes again joins what the first one began.

use std::time::Duration;

use billfold_test_support::wait_for;
use serde_json::json;

use super::{
    hang_up::send_and_hang_up,
    idempotency::{Keyed, assert_replayed},
    stripe_faults::{CALL_TIMEOUT, assert_unavailable, break_next},
};
use crate::support::{Backend, Response, Server, on_every_database};

on_every_database!(
    a_saving_that_was_cut_short_is_joined,
    a_setup_intent_that_was_cut_short_is_joined,
    a_deletion_that_was_cut_short_is_joined,
    what_the_background_ended_is_told_as_the_first_would_have_been,
    a_client_that_hung_up_is_told_what_became_of_it,
);

const WITHIN: Duration = Duration::from_secs(30);

/// Faults that leave it unknown, or known only here, whether anything was done, and for how many calls each holds.
const FAULTS: [(&str, u64); 6] = [
    ("error_500_before", 2),
    ("hang_before", 1),
    ("hang_after", 1),
    ("reset_after", 2),
    ("truncate", 2),
    ("rate_limit_429", 2),
];

/// Sends it until the answer is definite.
async fn definite(request: &Keyed<'_>) -> Response {
    wait_for(WITHIN, "a definite answer", async || {
        let answer = request.send().await;
        (![409, 503].contains(&answer.status)).then_some(answer)
    })
    .await
}

async fn a_saving_that_was_cut_short_is_joined(backend: Backend) {
    let server = Server::with(backend).call_timeout(CALL_TIMEOUT).start().await;
    let stripe = server.stripe("demo");
    for (number, fault) in FAULTS.into_iter().enumerate() {
        let context = fault.0;
        let id = stripe.card("4242424242424242").await;
        let key = format!("saving-{number}");
        let saving = Keyed::saving(&server, &key, &id);
        break_next(&stripe, fault, "POST", "/v1/setup_intents").await;
        assert_unavailable(&saving.send().await, context);
        let saved = definite(&saving).await.expect(201);
        assert_eq!(saved.header("Idempotency-Replayed"), None, "{context}");
        assert!(saved.header("Location").is_some(), "{context}");
        assert_replayed(&saved, &saving.send().await);
        assert_eq!(
            stripe.effect("setup_intent.created").await,
            number + 1,
            "{context}"
        );
        stripe.clear_faults().await;
    }
}

async fn a_setup_intent_that_was_cut_short_is_joined(backend: Backend) {
    let server = Server::with(backend).call_timeout(CALL_TIMEOUT).start().await;
    let stripe = server.stripe("demo");
    for (number, fault) in FAULTS.into_iter().enumerate() {
        let key = format!("making-{number}");
        let making = Keyed::on_account(&server, "POST", "/setup-intent", &key, None);
        break_next(&stripe, fault, "POST", "/v1/setup_intents").await;
        assert_unavailable(&making.send().await, fault.0);
        let made = definite(&making).await.expect(201);
        assert_replayed(&made, &making.send().await);
        assert_eq!(
            stripe.effect("setup_intent.created").await,
            number + 1,
            "{}",
            fault.0
        );
        stripe.clear_faults().await;
    }
}

async fn a_deletion_that_was_cut_short_is_joined(backend: Backend) {
    let server = Server::with(backend).call_timeout(CALL_TIMEOUT).start().await;
    let stripe = server.stripe("demo");
    for (number, fault) in FAULTS.into_iter().enumerate() {
        let context = fault.0;
        let id = server.saved_card("usr_alice").await;
        let before = server.retrieve(&id).await.expect(200);
        let key = format!("deleting-{number}");
        let path = format!("/paymentMethods/{id}");
        let deleting = Keyed::on_project(&server, "DELETE", &path, &key, None);
        break_next(&stripe, fault, "POST", "/v1/payment_methods/").await;
        assert_unavailable(&deleting.send().await, context);
        server.retrieve(&id).await.expect(404);
        let deleted = definite(&deleting).await.expect(200);
        assert_eq!(deleted.text(), before.text(), "{context}");
        assert_replayed(&deleted, &deleting.send().await);
        assert_eq!(
            stripe.effect("payment_method.detached").await,
            number + 1,
            "{context}"
        );
        stripe.clear_faults().await;
    }
}

async fn what_the_background_ended_is_told_as_the_first_would_have_been(backend: Backend) {
    let server = Server::with(backend)
        .call_timeout(CALL_TIMEOUT)
        .reconciling()
        .start()
        .await;
    let stripe = server.stripe("demo");
    let id = stripe.card("4242424242424242").await;
    let saving = Keyed::saving(&server, "k", &id);
    break_next(&stripe, ("hang_after", 1), "POST", "/v1/setup_intents").await;
    assert_unavailable(&saving.send().await, "saving");
    wait_for(WITHIN, "the method to be saved", async || {
        (server.retrieve(&id).await.status == 200).then_some(())
    })
    .await;
    // Without the key it is there already; with it, it is what this request has made.
    server.save(&id, "usr_alice").await.expect(200);
    let saved = saving.send().await.expect(201);
    assert_replayed(&saved, &saving.send().await);

    let path = format!("/v1/account/payment-methods/{id}");
    let deleting = Keyed {
        path,
        ..Keyed::on_account(&server, "DELETE", "", "k", None)
    };
    break_next(&stripe, ("hang_after", 1), "POST", "/v1/payment_methods/").await;
    assert_unavailable(&deleting.send().await, "deleting");
    wait_for(WITHIN, "the deletion to end", async || {
        (server.delete(&id).await.status == 404).then_some(())
    })
    .await;
    let deleted = deleting.send().await.expect(204);
    assert_replayed(&deleted, &deleting.send().await);
    assert_eq!(stripe.effect("setup_intent.created").await, 1);
    assert_eq!(stripe.effect("payment_method.detached").await, 1);
}

async fn a_client_that_hung_up_is_told_what_became_of_it(backend: Backend) {
    let server = Server::start(backend).await;
    let stripe = server.stripe("demo");
    stripe
        .fault(json!({ "kind": "delay", "path": "/v1/", "milliseconds": 100, "count": 3 }))
        .await;
    let body = json!({ "id": "pm_card_visa", "user": "usr_alice" });
    let path = "/projects/demo/paymentMethods";
    let key = "Idempotency-Key: k\r\n";
    send_and_hang_up(&server, "POST", path, key, &body.to_string()).await;
    let saving = Keyed::saving(&server, "k", "pm_card_visa");
    let told = definite(&saving).await.expect(201);
    assert_eq!(
        told.header("Idempotency-Replayed"),
        Some("true"),
        "it was done without its client"
    );
    assert_eq!(stripe.effect("setup_intent.created").await, 1);

    stripe
        .fault(json!({ "kind": "delay", "path": "/v1/", "milliseconds": 200 }))
        .await;
    let path = format!("/paymentMethods/{}", told.property("id"));
    let deleting = Keyed::on_project(&server, "DELETE", &path, "k", None);
    send_and_hang_up(&server, "DELETE", &deleting.path, key, "").await;
    let deleted = definite(&deleting).await.expect(200);
    assert_eq!(deleted.header("Idempotency-Replayed"), Some("true"));
    assert_eq!(deleted.text(), told.text());
    assert_eq!(stripe.effect("payment_method.detached").await, 1);
}
