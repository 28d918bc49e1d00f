//! Stripe fails while something is only looked at.

use serde_json::json;

use crate::{
    stripe_faults::{CALL_TIMEOUT, FAULTS, assert_unavailable, break_next},
    support::{Backend, Server, on_every_database},
};

on_every_database!(
    a_method_that_waits_cannot_be_shown_without_stripe,
    a_setup_intent_cannot_be_shown_without_stripe,
    what_needs_no_stripe_goes_on_without_it,
    one_failure_is_repaired_unseen,
);

async fn a_method_that_waits_cannot_be_shown_without_stripe(backend: Backend) {
    let server = Server::with(backend).call_timeout(CALL_TIMEOUT).start().await;
    let stripe = server.stripe("demo");
    let created = server
        .save("pm_card_authenticationRequiredOnSetup", "usr_alice")
        .await
        .expect(201);
    let id = created.property("id");
    for fault in FAULTS {
        break_next(&stripe, *fault, "GET", "/v1/setup_intents/").await;
        assert_unavailable(&server.retrieve(&id).await, fault.0);
        assert_eq!(
            server.retrieve(&id).await.expect(200).body,
            created.body,
            "{}",
            fault.0
        );
    }
}

async fn a_setup_intent_cannot_be_shown_without_stripe(backend: Backend) {
    let server = Server::with(backend).call_timeout(CALL_TIMEOUT).start().await;
    let stripe = server.stripe("demo");
    let setup_intent = server.setup_intent("usr_alice").await;
    let path = format!("/setupIntents/{}", setup_intent["id"].as_str().expect("an id"));
    for fault in FAULTS {
        break_next(&stripe, *fault, "GET", "/v1/setup_intents/").await;
        let failed = server.project_request("GET", "demo", &path).send().await;
        assert_unavailable(&failed, fault.0);
        let retrieved = server.project_request("GET", "demo", &path).send().await;
        assert_eq!(retrieved.expect(200).json(), setup_intent, "{}", fault.0);
    }
}

async fn what_needs_no_stripe_goes_on_without_it(backend: Backend) {
    let server = Server::start(backend).await;
    let stripe = server.stripe("demo");
    let id = server.saved_card("usr_alice").await;
    stripe
        .fault(json!({ "kind": "reset", "path": "*", "count": 1000 }))
        .await;
    server.retrieve(&id).await.expect(200);
    server.save(&id, "usr_alice").await.expect(200);
    let page = server.list("").await.expect(200).json();
    assert_eq!(page["items"].as_array().map(Vec::len), Some(1));
    server
        .account_request("GET", "usr_alice", "/payment-methods")
        .send()
        .await
        .expect(200);
    server.request("GET", "/health/ready").send().await.expect(200);
    assert_unavailable(&server.setup_intent_answer("usr_alice").await, "reset");
}

/// The adapter sends twice: a fault that strikes once is not the client's concern, unless the answer is kept.
async fn one_failure_is_repaired_unseen(backend: Backend) {
    let server = Server::start(backend).await;
    let stripe = server.stripe("demo");
    for kind in ["reset", "reset_after", "truncate", "rate_limit_429"] {
        for (method, path) in [("GET", "/v1/payment_methods/"), ("POST", "/v1/setup_intents")] {
            break_next(&stripe, (kind, 1), method, path).await;
            let id = stripe.card("4242424242424242").await;
            server.save(&id, "usr_alice").await.expect(201);
            assert_eq!(stripe.clear_faults().await, 0, "{kind} has struck");
        }
    }
    assert_eq!(stripe.effect("setup_intent.created").await, 8);
    assert_eq!(stripe.effect("customer.created").await, 1);
}
