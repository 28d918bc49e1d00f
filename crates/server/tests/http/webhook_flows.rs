//! What happens at Stripe is seen here, by what Stripe itself sends.

use std::time::Duration;

use billfold_test_support::wait_for;
use serde_json::{Value, json};

use crate::support::{Backend, Server, on_every_database, stripe::setup_intent_of};

on_every_database!(
    a_card_that_is_updated_at_stripe_is_shown_so,
    a_method_that_is_detached_at_stripe_is_gone,
    a_method_that_is_attached_and_detached_in_one_second_is_gone,
    a_check_that_is_passed_makes_available_without_being_asked_for,
    a_check_that_is_failed_may_be_tried_again,
    a_setup_intent_that_is_canceled_takes_its_method_along,
    a_customer_that_is_deleted_takes_its_methods_along,
    a_webhook_creates_nothing,
    what_is_deleted_here_stays_deleted,
);

/// How long a webhook may be on its way, on a busy machine.
const WITHIN: Duration = Duration::from_secs(30);

async fn start(backend: Backend) -> Server {
    Server::with(backend).told_by_stripe().start().await
}

/// The items of the list, which never asks Stripe.
async fn items(server: &Server) -> Vec<Value> {
    let list = server.list("?limit=200").await.expect(200).json();
    list["items"].as_array().expect("a list has items").clone()
}

async fn wait_until_listed(server: &Server, what: &str, condition: impl Fn(&[Value]) -> bool) {
    wait_for(WITHIN, what, async || {
        condition(&items(server).await).then_some(())
    })
    .await;
}

/// Saves a card with a check. Gives its id and its client secret.
async fn waiting_card(server: &Server) -> (String, String) {
    let id = server.stripe("demo").card("4000002500003155").await;
    let created = server.save(&id, "usr_alice").await.expect(201);
    (id, created.property("clientSecret"))
}

async fn expiry(server: &Server) -> Value {
    let list = server
        .account_request("GET", "usr_alice", "/payment-methods")
        .send()
        .await
        .expect(200)
        .json();
    json!([list[0]["exp_month"], list[0]["exp_year"]])
}

async fn a_card_that_is_updated_at_stripe_is_shown_so(backend: Backend) {
    let server = start(backend).await;
    let id = server.saved_card("usr_alice").await;
    for (month, year) in [("1", "2040"), ("2", "2041")] {
        let form = [("card[exp_month]", month), ("card[exp_year]", year)];
        let path = format!("/v1/payment_methods/{id}");
        let updated = server.stripe("demo").call("POST", &path, &form).await;
        assert_eq!(updated["id"], id.as_str(), "{updated}");
        let expected = json!([month.parse::<u8>().ok(), year.parse::<u16>().ok()]);
        wait_for(WITHIN, "the new expiry to be shown", async || {
            (expiry(&server).await == expected).then_some(())
        })
        .await;
    }
    server.retrieve(&id).await.expect(200);
}

async fn a_method_that_is_detached_at_stripe_is_gone(backend: Backend) {
    let server = start(backend).await;
    let stays = server.saved_card("usr_alice").await;
    let goes = server.saved_card("usr_alice").await;
    let path = format!("/v1/payment_methods/{goes}/detach");
    server.stripe("demo").call("POST", &path, &[]).await;
    wait_until_listed(&server, "the method to be gone", |items| items.len() == 1).await;
    assert_eq!(items(&server).await[0]["id"], stays.as_str());
    server.retrieve(&goes).await.expect(404);
    server.delete(&goes).await.expect(404);
    // It can never be used again, and is told so.
    let again = server.save(&goes, "usr_alice").await.expect(422);
    assert_eq!(again.code(), "paymentMethodNotUsable");
}

async fn a_method_that_is_attached_and_detached_in_one_second_is_gone(backend: Backend) {
    let server = start(backend).await;
    let id = server.collected_card("usr_alice", "4242424242424242").await;
    server.save(&id, "usr_alice").await.expect(201);
    // Not a second has passed since, by anyone's clock.
    let path = format!("/v1/payment_methods/{id}/detach");
    let detached = server.stripe("demo").call("POST", &path, &[]).await;
    assert_eq!(detached["customer"], Value::Null, "{detached}");
    wait_until_listed(&server, "the method to be gone", <[Value]>::is_empty).await;
    server.settle("demo").await;
    server.retrieve(&id).await.expect(404);
}

async fn a_check_that_is_passed_makes_available_without_being_asked_for(backend: Backend) {
    let server = start(backend).await;
    let (id, client_secret) = waiting_card(&server).await;
    assert_eq!(items(&server).await[0]["status"], "requiresConfirmation");
    server.stripe("demo").pass_challenge(&client_secret).await;
    wait_until_listed(&server, "the method to be available", |items| {
        items[0]["status"] == "available"
    })
    .await;
    let listed = items(&server).await;
    assert_eq!(listed[0]["id"], id.as_str());
    assert_eq!(listed[0]["clientSecret"], Value::Null);
    server.settle("demo").await;
    assert_eq!(server.retrieve(&id).await.expect(200).json(), listed[0]);
}

async fn a_check_that_is_failed_may_be_tried_again(backend: Backend) {
    let server = start(backend).await;
    let (id, client_secret) = waiting_card(&server).await;
    let stripe = server.stripe("demo");
    stripe.fail_challenge(&client_secret).await;
    server.settle("demo").await;
    assert_eq!(items(&server).await[0]["status"], "requiresConfirmation");
    let retrieved = server.retrieve(&id).await.expect(200);
    assert_eq!(retrieved.property("clientSecret"), client_secret);

    stripe.confirm_with(&client_secret, &id).await;
    stripe.pass_challenge(&client_secret).await;
    wait_until_listed(&server, "the method to be available", |items| {
        items[0]["status"] == "available"
    })
    .await;
}

async fn a_setup_intent_that_is_canceled_takes_its_method_along(backend: Backend) {
    let server = start(backend).await;
    let (id, client_secret) = waiting_card(&server).await;
    let path = format!("/v1/setup_intents/{}/cancel", setup_intent_of(&client_secret));
    server.stripe("demo").call("POST", &path, &[]).await;
    wait_until_listed(&server, "the method to be gone", <[Value]>::is_empty).await;
    server.retrieve(&id).await.expect(404);
}

async fn a_customer_that_is_deleted_takes_its_methods_along(backend: Backend) {
    let server = start(backend).await;
    let stripe = server.stripe("demo");
    for user in ["usr_alice", "usr_alice", "usr_bob"] {
        server.saved_card(user).await;
    }
    let customers = stripe.customers().await;
    let alices = customers
        .iter()
        .find(|customer| customer["metadata"]["user"] == "usr_alice")
        .expect("a user with a card has a customer");
    let path = format!("/v1/customers/{}", alices["id"].as_str().expect("an id"));
    let deleted = stripe.call("DELETE", &path, &[]).await;
    assert_eq!(deleted["deleted"], true, "{deleted}");
    wait_until_listed(&server, "the methods to be gone", |items| items.len() == 1).await;
    assert_eq!(items(&server).await[0]["user"], "usr_bob");
    // The user begins anew, with a customer that lives.
    server.saved_card("usr_alice").await;
    server.settle("demo").await;
    assert_eq!(items(&server).await.len(), 2);
}

async fn a_webhook_creates_nothing(backend: Backend) {
    let server = start(backend).await;
    let id = server.collected_card("usr_alice", "4242424242424242").await;
    server.settle("demo").await;
    assert!(server.stored_events("demo").await >= 2, "attached, and succeeded");
    assert!(items(&server).await.is_empty());
    server.retrieve(&id).await.expect(404);
    let claimed = server.save(&id, "usr_alice").await.expect(201);
    assert_eq!(claimed.property("status"), "available");
}

async fn what_is_deleted_here_stays_deleted(backend: Backend) {
    let server = start(backend).await;
    let id = server.saved_card("usr_alice").await;
    server.delete(&id).await.expect(200);
    server.settle("demo").await;
    server.retrieve(&id).await.expect(404);
    assert!(items(&server).await.is_empty());
    assert_eq!(server.stripe("demo").effect("payment_method.detached").await, 1);
}
