//! Cards whose owner must pass a check (3-D Secure): from `requiresConfirmation` to `available`, or away.

use serde_json::{Value, json};

use crate::support::{Backend, Server, on_every_database, stripe::setup_intent_of};

on_every_database!(
    a_card_with_a_check_waits_for_its_owner,
    a_passed_check_is_seen_by_the_next_read,
    saving_again_shows_what_became_of_the_check,
    a_failed_check_may_be_tried_again,
    a_canceled_setup_intent_removes_the_method,
    a_check_that_another_card_passed_removes_the_method,
    a_check_not_passed_within_a_day_removes_the_method,
);

/// Saves a card with a check for `usr_alice` of `demo`. Gives its id and its client secret.
async fn waiting_card(server: &Server, number: &str) -> (String, String) {
    let id = server.stripe("demo").card(number).await;
    let created = server.save(&id, "usr_alice").await.expect(201);
    assert_eq!(created.property("status"), "requiresConfirmation");
    (id, created.property("clientSecret"))
}

async fn assert_gone(server: &Server, id: &str) {
    server.retrieve(id).await.expect(404);
    server.retrieve(id).await.expect(404);
    let page = server.list("").await.expect(200).json();
    assert_eq!(page["items"], json!([]));
    server.delete(id).await.expect(404);
}

async fn a_card_with_a_check_waits_for_its_owner(backend: Backend) {
    let server = Server::start(backend).await;
    let stripe = server.stripe("demo");
    for number in ["4000002500003155", "4000002760003184"] {
        let id = stripe.card(number).await;
        let created = server.save(&id, "usr_alice").await.expect(201).json();
        assert_eq!(created["id"], id.as_str());
        assert_eq!(created["status"], "requiresConfirmation");
        assert_eq!(created["brand"], "visa");
        assert_eq!(created["last4"], number[12..]);
        let client_secret = created["clientSecret"].as_str().expect("a client secret");
        let setup_intents = stripe.setup_intents().await;
        let made = setup_intents
            .iter()
            .find(|made| made["id"] == setup_intent_of(client_secret))
            .expect("the client secret is of a setup intent of this account");
        assert_eq!(made["client_secret"], client_secret);
        assert_eq!(made["status"], "requires_action");
        assert_eq!(made["usage"], "off_session");
        assert_eq!(server.retrieve(&id).await.expect(200).json(), created);

        stripe.reset_request_count().await;
        let page = server.list("?limit=1").await.expect(200).json();
        let mut listed = created.clone();
        listed["clientSecret"] = Value::Null;
        assert_eq!(page["items"], json!([listed]));
        assert_eq!(stripe.request_count().await, 0);
        stripe.pass_challenge(client_secret).await;
        server.retrieve(&id).await.expect(200);
        server.delete(&id).await.expect(200);
    }
}

async fn a_passed_check_is_seen_by_the_next_read(backend: Backend) {
    let server = Server::start(backend).await;
    let stripe = server.stripe("demo");
    let (id, client_secret) = waiting_card(&server, "4000002500003155").await;
    stripe.pass_challenge(&client_secret).await;
    let listed = server.list("").await.json();
    assert_eq!(
        listed["items"][0]["status"], "requiresConfirmation",
        "a list asks nobody"
    );
    let retrieved = server.retrieve(&id).await.expect(200).json();
    assert_eq!(retrieved["status"], "available");
    assert_eq!(retrieved["clientSecret"], Value::Null);
    assert_eq!(retrieved["createdAt"], "2026-01-15T10:00:00Z");
    let listed = server.list("").await.json();
    assert_eq!(listed["items"], json!([retrieved]));
    stripe.reset_request_count().await;
    assert_eq!(server.retrieve(&id).await.expect(200).json(), retrieved);
    assert_eq!(stripe.request_count().await, 0, "what is available is known");
}

async fn saving_again_shows_what_became_of_the_check(backend: Backend) {
    let server = Server::start(backend).await;
    let stripe = server.stripe("demo");
    let (id, client_secret) = waiting_card(&server, "4000002500003155").await;
    let again = server.save(&id, "usr_alice").await.expect(200);
    assert_eq!(again.property("status"), "requiresConfirmation");
    assert_eq!(again.property("clientSecret"), client_secret);
    server.save(&id, "usr_bob").await.expect(422);
    stripe.pass_challenge(&client_secret).await;
    let again = server.save(&id, "usr_alice").await.expect(200).json();
    assert_eq!(again["status"], "available");
    assert_eq!(again["clientSecret"], Value::Null);
    assert_eq!(stripe.effect("setup_intent.created").await, 1);
}

async fn a_failed_check_may_be_tried_again(backend: Backend) {
    let server = Server::start(backend).await;
    let stripe = server.stripe("demo");
    let (id, client_secret) = waiting_card(&server, "4000002500003155").await;
    stripe.fail_challenge(&client_secret).await;
    let retrieved = server.retrieve(&id).await.expect(200);
    assert_eq!(retrieved.property("status"), "requiresConfirmation");
    assert_eq!(retrieved.property("clientSecret"), client_secret);

    let asked_again = stripe.confirm_with(&client_secret, &id).await;
    assert_eq!(asked_again["status"], "requires_action", "{asked_again}");
    stripe.pass_challenge(&client_secret).await;
    let retrieved = server.retrieve(&id).await.expect(200);
    assert_eq!(retrieved.property("status"), "available");
}

async fn a_canceled_setup_intent_removes_the_method(backend: Backend) {
    let server = Server::start(backend).await;
    let stripe = server.stripe("demo");
    let (id, client_secret) = waiting_card(&server, "4000002500003155").await;
    let path = format!("/v1/setup_intents/{}/cancel", setup_intent_of(&client_secret));
    let canceled = stripe.call("POST", &path, &[]).await;
    assert_eq!(canceled["status"], "canceled", "{canceled}");
    assert_gone(&server, &id).await;

    // The card itself is as good as before: its owner may want it after all.
    let anew = server.save(&id, "usr_alice").await.expect(201);
    assert_ne!(anew.property("clientSecret"), client_secret);
}

async fn a_check_that_another_card_passed_removes_the_method(backend: Backend) {
    let server = Server::start(backend).await;
    let stripe = server.stripe("demo");
    let (id, client_secret) = waiting_card(&server, "4000002500003155").await;
    stripe.fail_challenge(&client_secret).await;
    let other = stripe.confirm_with_card(&client_secret, "5555555555554444").await;
    assert_eq!(other["status"], "succeeded", "{other}");
    assert_gone(&server, &id).await;
    let other = other["payment_method"].as_str().expect("the other card");
    let claimed = server.save(other, "usr_alice").await.expect(201);
    assert_eq!(claimed.property("status"), "available");
    assert_eq!(
        stripe.effect("setup_intent.created").await,
        1,
        "the other card is attached already"
    );
}

async fn a_check_not_passed_within_a_day_removes_the_method(backend: Backend) {
    const DAY: i64 = 24 * 60 * 60;
    let server = Server::start(backend).await;
    let stripe = server.stripe("demo");
    let (id, client_secret) = waiting_card(&server, "4000002500003155").await;
    server.clock.advance(DAY - 1);
    assert_eq!(
        server.retrieve(&id).await.expect(200).property("clientSecret"),
        client_secret
    );
    server.clock.advance(2);
    assert_gone(&server, &id).await;
    let setup_intents = stripe.setup_intents().await;
    assert_eq!(
        setup_intents[0]["status"], "canceled",
        "a late owner attaches nothing"
    );

    // One that was passed in time is kept, however late it is looked at.
    let (id, client_secret) = waiting_card(&server, "4000002500003155").await;
    stripe.pass_challenge(&client_secret).await;
    server.clock.advance(2 * DAY);
    assert_eq!(
        server.retrieve(&id).await.expect(200).property("status"),
        "available"
    );
}
