//! POST /v1/account/setup-intent

use serde_json::json;

use crate::support::{ACCOUNT_SCOPES, Backend, Server, on_every_database};

on_every_database!(
    a_setup_intent_has_what_a_page_needs,
    any_body_is_ignored,
    times_are_in_the_users_zone,
);

async fn a_setup_intent_has_what_a_page_needs(backend: Backend) {
    let server = Server::start(backend).await;
    let stripe = server.stripe("demo");
    let created = server
        .account_request("POST", "usr_alice", "/setup-intent")
        .send()
        .await
        .expect(201);
    let made = stripe.setup_intents().await;
    assert_eq!(made.len(), 1);
    assert_eq!(
        created.json(),
        json!({
            "id": made[0]["id"], "publishable_key": stripe.publishable_key(),
            "client_secret": made[0]["client_secret"], "status": "requires_payment_method",
            "created_at": "2026-01-15 10:00:00",
        })
    );
    assert_eq!(made[0]["usage"], "off_session");
    assert_eq!(made[0]["customer"], stripe.customers().await[0]["id"]);
    assert_eq!(stripe.customers().await[0]["metadata"]["user"], "usr_alice");

    // The other face shows the same one.
    let path = format!("/setupIntents/{}", created.property("id"));
    let retrieved = server.project_request("GET", "demo", &path).send().await;
    assert_eq!(retrieved.expect(200).property("user"), "usr_alice");
}

async fn any_body_is_ignored(backend: Backend) {
    let server = Server::start(backend).await;
    for body in ["", "{", "{}", "[1]", r#"{"user":"usr_bob"}"#, "a=b", "\0"] {
        server
            .account_request("POST", "usr_alice", "/setup-intent")
            .body(body)
            .send()
            .await
            .expect(201);
    }
    let customers = server.stripe("demo").customers().await;
    assert_eq!(customers.len(), 1);
    assert_eq!(customers[0]["metadata"]["user"], "usr_alice");
}

async fn times_are_in_the_users_zone(backend: Backend) {
    let server = Server::start(backend).await;
    let token = server.user_token("demo", "usr_alice", ACCOUNT_SCOPES, Some("Asia/Tokyo"));
    let created = server
        .request("POST", "/v1/account/setup-intent")
        .token(&token)
        .send()
        .await
        .expect(201);
    assert_eq!(created.property("created_at"), "2026-01-15 19:00:00");
}
