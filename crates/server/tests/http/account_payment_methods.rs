//! /v1/account/payment-methods

use serde_json::{Value, json};

use crate::support::{ACCOUNT_SCOPES, Backend, Server, on_every_database, stripe::setup_intent_of};

on_every_database!(
    a_collected_card_is_saved_listed_and_deleted,
    a_card_is_confirmed_at_once_where_no_setup_intent_did_it,
    a_card_that_needs_a_check_is_refused_and_nothing_is_left,
    wrong_bodies_and_wrong_ids_are_told_by_field,
    users_see_only_their_own,
    what_one_face_saves_the_other_shows,
    times_follow_the_zone_and_its_daylight_saving,
    the_references_own_example_path_saves_too,
);

async fn save(server: &Server, user: &str, body: &str) -> crate::support::Response {
    // As curl sends it with -d alone.
    server
        .account_request("POST", user, "/payment-methods")
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body(body)
        .send()
        .await
}

async fn list(server: &Server, user: &str) -> Vec<Value> {
    let list = server.account_request("GET", user, "/payment-methods");
    let list = list.send().await.expect(200).json();
    list.as_array().expect("the list is a bare array").clone()
}

async fn delete(server: &Server, user: &str, id: &str) -> crate::support::Response {
    server
        .account_request("DELETE", user, &format!("/payment-methods/{id}"))
        .send()
        .await
}

async fn a_collected_card_is_saved_listed_and_deleted(backend: Backend) {
    let server = Server::start(backend).await;
    assert_eq!(list(&server, "usr_alice").await, [Value::Null; 0]);
    let id = server.collected_card("usr_alice", "5555555555554444").await;
    let body = json!({ "id": id }).to_string();
    let created = save(&server, "usr_alice", &body).await.expect(201).json();
    assert_eq!(
        created,
        json!({
            "id": id, "brand": "mastercard", "last4": "4444", "exp_month": 12, "exp_year": 2034,
            "created_at": "2026-01-15 10:00:00",
        })
    );
    server.stripe("demo").reset_request_count().await;
    let again = save(&server, "usr_alice", &body).await.expect(200).json();
    assert_eq!(again, created);
    assert_eq!(list(&server, "usr_alice").await, [created]);
    assert_eq!(server.stripe("demo").request_count().await, 0);

    let second = server.collected_card("usr_alice", "4242424242424242").await;
    server.clock.advance(1);
    save(&server, "usr_alice", &json!({ "id": second }).to_string())
        .await
        .expect(201);
    let listed = list(&server, "usr_alice").await;
    let ids: Vec<_> = listed.iter().map(|item| item["id"].clone()).collect();
    assert_eq!(ids, [json!(second), json!(id)], "newest first");

    let deleted = delete(&server, "usr_alice", &id).await.expect(204);
    assert!(deleted.body.is_empty());
    assert_eq!(
        server.stripe("demo").payment_method(&id).await["customer"],
        Value::Null
    );
    assert_eq!(list(&server, "usr_alice").await.len(), 1);
    let gone = delete(&server, "usr_alice", &id).await.expect(410);
    let unknown = delete(&server, "usr_alice", "pm_unknown").await.expect(410);
    assert_eq!(gone.body, unknown.body);
    assert_eq!(gone.json(), json!({ "message": "There is no such object." }));
}

async fn a_card_is_confirmed_at_once_where_no_setup_intent_did_it(backend: Backend) {
    let server = Server::start(backend).await;
    let id = server.stripe("demo").card("4242424242424242").await;
    let created = save(&server, "usr_alice", &json!({ "id": id }).to_string()).await;
    assert_eq!(created.expect(201).property("id"), id);
    let setup_intents = server.stripe("demo").setup_intents().await;
    assert_eq!(setup_intents.len(), 1);
    assert_eq!(setup_intents[0]["status"], "succeeded");
}

async fn a_card_that_needs_a_check_is_refused_and_nothing_is_left(backend: Backend) {
    let server = Server::start(backend).await;
    let stripe = server.stripe("demo");
    let id = stripe.card("4000002500003155").await;
    let body = json!({ "id": id }).to_string();
    for attempt in 1..=2 {
        let refused = save(&server, "usr_alice", &body).await.expect(422);
        assert_eq!(
            refused.json(),
            json!({ "message": "This payment method requires confirmation." })
        );
        let setup_intents = stripe.setup_intents().await;
        assert_eq!(setup_intents.len(), attempt);
        for setup_intent in setup_intents {
            assert_eq!(setup_intent["status"], "canceled");
        }
    }
    assert_eq!(list(&server, "usr_alice").await, [Value::Null; 0]);
    server.retrieve(&id).await.expect(404);

    // The way that the message names: confirm a setup intent first.
    let setup_intent = server
        .account_request("POST", "usr_alice", "/setup-intent")
        .send()
        .await
        .expect(201);
    let secret = setup_intent.property("client_secret");
    stripe.confirm_with(&secret, &id).await;
    stripe.pass_challenge(&secret).await;
    save(&server, "usr_alice", &body).await.expect(201);

    // One that a backend saved and that waits is refused here, and is not listed, until its owner has passed.
    let waiting = server
        .save("pm_card_authenticationRequiredOnSetup", "usr_bob")
        .await
        .expect(201);
    let waiting_body = json!({ "id": waiting.property("id") }).to_string();
    save(&server, "usr_bob", &waiting_body).await.expect(422);
    assert_eq!(list(&server, "usr_bob").await, [Value::Null; 0]);
    let client_secret = waiting.property("clientSecret");
    let found = stripe.setup_intents().await;
    let found = found
        .iter()
        .find(|found| found["id"] == setup_intent_of(&client_secret));
    assert_eq!(
        found.expect("it is at Stripe")["status"],
        "requires_action",
        "the backend's own check goes on"
    );
    stripe.pass_challenge(&client_secret).await;
    save(&server, "usr_bob", &waiting_body).await.expect(200);
    assert_eq!(list(&server, "usr_bob").await.len(), 1);
}

async fn wrong_bodies_and_wrong_ids_are_told_by_field(backend: Backend) {
    const REQUIRED: &str = "The id field is required.";
    const NO_STRING: &str = "The id field must be a string.";
    const INVALID: &str = "The selected id is invalid.";
    let server = Server::start(backend).await;
    let bobs = server.saved_card("usr_bob").await;
    let strangers = server.collected_card("usr_bob", "4242424242424242").await;
    let detached = server.saved_card("usr_alice").await;
    server.delete(&detached).await.expect(200);
    let with_id = |id: &str| json!({ "id": id }).to_string();
    for (body, message) in [
        (String::new(), REQUIRED),
        ("{".to_owned(), REQUIRED),
        ("id=pm_1".to_owned(), REQUIRED),
        ("[]".to_owned(), REQUIRED),
        ("null".to_owned(), REQUIRED),
        ("{}".to_owned(), REQUIRED),
        (r#"{"id":null}"#.to_owned(), REQUIRED),
        (r#"{"id":""}"#.to_owned(), REQUIRED),
        (r#"{"id":7}"#.to_owned(), NO_STRING),
        (r#"{"id":["pm_1"]}"#.to_owned(), NO_STRING),
        (r#"{"id":{"id":"pm_1"}}"#.to_owned(), NO_STRING),
        (with_id("pm-1"), INVALID),
        (with_id("pm_unknown"), INVALID),
        (with_id(&bobs), INVALID),
        (with_id(&strangers), INVALID),
        (with_id(&detached), INVALID),
    ] {
        let refused = save(&server, "usr_alice", &body).await.expect(422);
        assert_eq!(
            refused.json(),
            json!({ "message": message, "errors": { "id": [message] } }),
            "{body}"
        );
    }
    assert_eq!(list(&server, "usr_alice").await, [Value::Null; 0]);
}

async fn users_see_only_their_own(backend: Backend) {
    let server = Server::start(backend).await;
    let alices = server.saved_card("usr_alice").await;
    let bobs = server.saved_card("usr_bob").await;
    for (user, own, others) in [("usr_alice", &alices, &bobs), ("usr_bob", &bobs, &alices)] {
        let listed = list(&server, user).await;
        assert_eq!(listed.len(), 1);
        assert_eq!(listed[0]["id"], own.as_str());
        let refused = delete(&server, user, others).await.expect(410);
        let unknown = delete(&server, user, "pm_unknown").await.expect(410);
        assert_eq!(refused.body, unknown.body);
    }
    assert_eq!(server.stripe("demo").effect("payment_method.detached").await, 0);
    // A user of the same name in another project is another user.
    let token = server.user_token("acme", "usr_alice", ACCOUNT_SCOPES, None);
    let acmes = server
        .request("GET", "/v1/account/payment-methods")
        .token(&token)
        .send()
        .await
        .expect(200);
    assert_eq!(acmes.json(), json!([]));
    let path = format!("/v1/account/payment-methods/{alices}");
    let deleting = server.request("DELETE", &path).token(&token);
    deleting.send().await.expect(410);
    server.retrieve(&alices).await.expect(200);
}

async fn what_one_face_saves_the_other_shows(backend: Backend) {
    let server = Server::start(backend).await;
    let by_backend = server.saved_card("usr_alice").await;
    assert_eq!(list(&server, "usr_alice").await[0]["id"], by_backend.as_str());
    let collected = server.collected_card("usr_alice", "5555555555554444").await;
    let body = json!({ "id": collected }).to_string();
    save(&server, "usr_alice", &body).await.expect(201);
    let retrieved = server.retrieve(&collected).await.expect(200).json();
    assert_eq!(retrieved["user"], "usr_alice");
    assert_eq!(retrieved["status"], "available");
    assert_eq!(retrieved["brand"], "mastercard");
    delete(&server, "usr_alice", &by_backend).await.expect(204);
    server.retrieve(&by_backend).await.expect(404);
    server.delete(&collected).await.expect(200);
    assert_eq!(list(&server, "usr_alice").await, [Value::Null; 0]);
}

async fn times_follow_the_zone_and_its_daylight_saving(backend: Backend) {
    let server = Server::start(backend).await;
    // 2026-07-01T22:30:00Z, when Paris has summer time and New York too.
    let id = server.saved_card("usr_alice").await;
    server.delete(&id).await.expect(200);
    for (moment, zone, expected) in [
        (1_782_945_000, None, "2026-07-01 22:30:00"),
        (1_782_945_000, Some("Europe/Paris"), "2026-07-02 00:30:00"),
        (1_782_945_000, Some("America/New_York"), "2026-07-01 18:30:00"),
        (1_782_945_000, Some("Asia/Kolkata"), "2026-07-02 04:00:00"),
        (1_782_945_000, Some("Atlantis/Capital"), "2026-07-01 22:30:00"),
        // 2026-10-25: in Paris 02:30 comes twice.
        (1_792_888_200, Some("Europe/Paris"), "2026-10-25 02:30:00"),
        (1_792_891_800, Some("Europe/Paris"), "2026-10-25 02:30:00"),
        // 2027-01-01, winter time.
        (1_798_761_600, Some("Europe/Paris"), "2027-01-01 01:00:00"),
    ] {
        server.clock.set(moment);
        let token = server.user_token("demo", "usr_alice", ACCOUNT_SCOPES, zone);
        let created = server
            .request("POST", "/v1/account/payment-methods")
            .token(&token)
            .json(&json!({ "id": "pm_card_visa" }))
            .send()
            .await
            .expect(201)
            .json();
        assert_eq!(created["created_at"], expected, "{zone:?}");
        let listed = server
            .request("GET", "/v1/account/payment-methods")
            .token(&token)
            .send()
            .await
            .expect(200)
            .json();
        assert_eq!(listed, json!([created]));
        let id = created["id"].as_str().expect("an id is text");
        server.delete(id).await.expect(200);
    }
}

async fn the_references_own_example_path_saves_too(backend: Backend) {
    let server = Server::start(backend).await;
    let id = server.collected_card("usr_alice", "4242424242424242").await;
    server
        .account_request("POST", "usr_alice", "/tax")
        .body(json!({ "id": id }).to_string())
        .send()
        .await
        .expect(201);
    assert_eq!(list(&server, "usr_alice").await[0]["id"], id.as_str());
}
