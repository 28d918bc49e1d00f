//! DELETE /projects/{project}/paymentMethods/{id}

use serde_json::json;

use crate::support::{Backend, Server, on_every_database, stripe::setup_intent_of};

on_every_database!(
    deleting_detaches_and_shows_the_method_as_it_was,
    deleting_a_method_that_waits_cancels_its_setup_intent,
    deleting_a_method_whose_check_was_just_passed_detaches_it,
    what_is_detached_at_stripe_already_is_deleted_all_the_same,
    what_is_unknown_deleted_or_anothers_is_the_same_404,
);

async fn deleting_detaches_and_shows_the_method_as_it_was(backend: Backend) {
    let server = Server::start(backend).await;
    let stripe = server.stripe("demo");
    let kept = server.saved_card("usr_alice").await;
    let id = server.saved_card("usr_alice").await;
    let before = server.retrieve(&id).await.expect(200);
    let deleted = server.delete(&id).await.expect(200);
    assert_eq!(deleted.body, before.body);
    assert_eq!(stripe.payment_method(&id).await["customer"], json!(null));
    assert_ne!(stripe.payment_method(&kept).await["customer"], json!(null));
    assert_eq!(stripe.effect("payment_method.detached").await, 1);

    server.delete(&id).await.expect(404);
    server.retrieve(&id).await.expect(404);
    let page = server.list("").await.expect(200).json();
    let ids: Vec<_> = page["items"].as_array().into_iter().flatten().collect();
    assert_eq!(ids.len(), 1);
    assert_eq!(ids[0]["id"], kept.as_str());
    let account = server
        .account_request("GET", "usr_alice", "/payment-methods")
        .send()
        .await
        .json();
    assert_eq!(account.as_array().map(Vec::len), Some(1));
    assert_eq!(stripe.effect("payment_method.detached").await, 1);
}

async fn deleting_a_method_that_waits_cancels_its_setup_intent(backend: Backend) {
    let server = Server::start(backend).await;
    let stripe = server.stripe("demo");
    let created = server
        .save("pm_card_authenticationRequiredOnSetup", "usr_alice")
        .await
        .expect(201);
    let id = created.property("id");
    let deleted = server.delete(&id).await.expect(200).json();
    assert_eq!(deleted["status"], "requiresConfirmation");
    assert_eq!(deleted["id"], id.as_str());
    let setup_intents = stripe.setup_intents().await;
    assert_eq!(
        setup_intents[0]["id"],
        setup_intent_of(&created.property("clientSecret"))
    );
    assert_eq!(setup_intents[0]["status"], "canceled");
    server.retrieve(&id).await.expect(404);
    server.delete(&id).await.expect(404);
}

async fn deleting_a_method_whose_check_was_just_passed_detaches_it(backend: Backend) {
    let server = Server::start(backend).await;
    let stripe = server.stripe("demo");
    let created = server
        .save("pm_card_authenticationRequiredOnSetup", "usr_alice")
        .await
        .expect(201);
    let id = created.property("id");
    stripe.pass_challenge(&created.property("clientSecret")).await;
    assert_ne!(stripe.payment_method(&id).await["customer"], json!(null));
    server.delete(&id).await.expect(200);
    assert_eq!(stripe.payment_method(&id).await["customer"], json!(null));
    server.retrieve(&id).await.expect(404);
}

async fn what_is_detached_at_stripe_already_is_deleted_all_the_same(backend: Backend) {
    let server = Server::start(backend).await;
    let stripe = server.stripe("demo");
    let id = server.saved_card("usr_alice").await;
    let path = format!("/v1/payment_methods/{id}/detach");
    stripe.call("POST", &path, &[]).await;
    let deleted = server.delete(&id).await.expect(200);
    assert_eq!(deleted.property("id"), id);
    server.retrieve(&id).await.expect(404);

    let waiting = server
        .save("pm_card_authenticationRequiredOnSetup", "usr_alice")
        .await
        .expect(201);
    let client_secret = waiting.property("clientSecret");
    let path = format!("/v1/setup_intents/{}/cancel", setup_intent_of(&client_secret));
    stripe.call("POST", &path, &[]).await;
    server.delete(&waiting.property("id")).await.expect(200);

    // A customer that is gone at Stripe leaves methods that can never be used again; they can still be deleted.
    let id = server.saved_card("usr_alice").await;
    let customer = stripe.payment_method(&id).await["customer"].clone();
    let path = format!("/v1/customers/{}", customer.as_str().expect("an id is text"));
    stripe.call("DELETE", &path, &[]).await;
    server.delete(&id).await.expect(200);
    server.retrieve(&id).await.expect(404);
}

async fn what_is_unknown_deleted_or_anothers_is_the_same_404(backend: Backend) {
    let server = Server::start(backend).await;
    let gone = server.saved_card("usr_alice").await;
    server.delete(&gone).await.expect(200);
    let others = server
        .save_in("acme", "pm_card_visa", "usr_alice")
        .await
        .expect(201)
        .property("id");
    let unknown = server.delete("pm_unknown").await.expect(404);
    assert_eq!(
        unknown.json(),
        json!({ "object": "error", "type": "notFound", "message": "There is no such object." })
    );
    for id in [&gone, &others, "%20", "pm-1", "pm_1%00"] {
        assert_eq!(server.delete(id).await.expect(404).body, unknown.body, "{id}");
        assert_eq!(server.retrieve(id).await.expect(404).body, unknown.body, "{id}");
    }
    assert_eq!(server.stripe("acme").effect("payment_method.detached").await, 0);
}
