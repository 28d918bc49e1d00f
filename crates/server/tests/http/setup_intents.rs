//! /projects/{project}/setupIntents

use serde_json::{Value, json};

use crate::support::{Backend, Server, on_every_database};

on_every_database!(
    a_setup_intent_has_what_a_page_needs,
    its_status_is_fresh_from_stripe,
    what_is_not_this_projects_is_the_same_404,
    a_user_has_one_customer_for_all,
    a_wrong_body_is_told,
);

async fn retrieve(server: &Server, id: &Value) -> Value {
    let id = id.as_str().expect("an id is text");
    server
        .project_request("GET", "demo", &format!("/setupIntents/{id}"))
        .send()
        .await
        .expect(200)
        .json()
}

async fn a_setup_intent_has_what_a_page_needs(backend: Backend) {
    let server = Server::start(backend).await;
    let stripe = server.stripe("demo");
    let created = server
        .project_request("POST", "demo", "/setupIntents")
        .json(&json!({ "user": "usr_alice", "object": "setupIntent" }))
        .send()
        .await
        .expect(201);
    let made = stripe.setup_intents().await;
    assert_eq!(made.len(), 1);
    assert_eq!(
        created.json(),
        json!({
            "object": "setupIntent", "id": made[0]["id"], "clientSecret": made[0]["client_secret"],
            "publishableKey": stripe.publishable_key(), "status": "requiresPaymentMethod", "user": "usr_alice",
            "createdAt": "2026-01-15T10:00:00Z",
        })
    );
    let location = format!("/projects/demo/setupIntents/{}", created.property("id"));
    assert_eq!(created.header("Location"), Some(location.as_str()));
    assert_eq!(made[0]["usage"], "off_session");
    assert_eq!(made[0]["payment_method_types"], json!(["card"]));
    assert_eq!(made[0]["customer"], stripe.customers().await[0]["id"]);
    let retrieved = server
        .project_request(
            "GET",
            "demo",
            &format!("/setupIntents/{}", created.property("id")),
        )
        .send()
        .await
        .expect(200);
    assert_eq!(retrieved.body, created.body);
}

async fn its_status_is_fresh_from_stripe(backend: Backend) {
    let server = Server::start(backend).await;
    let stripe = server.stripe("demo");
    let confirmed = server.setup_intent("usr_alice").await;
    let secret = confirmed["clientSecret"].as_str().expect("a client secret");
    stripe.confirm_with_card(secret, "4242424242424242").await;
    assert_eq!(retrieve(&server, &confirmed["id"]).await["status"], "succeeded");

    let challenged = server.setup_intent("usr_alice").await;
    let secret = challenged["clientSecret"].as_str().expect("a client secret");
    stripe.confirm_with_card(secret, "4000002500003155").await;
    assert_eq!(
        retrieve(&server, &challenged["id"]).await["status"],
        "requiresAction"
    );
    stripe.fail_challenge(secret).await;
    let failed = retrieve(&server, &challenged["id"]).await;
    assert_eq!(failed["status"], "requiresPaymentMethod");
    assert_eq!(failed["clientSecret"], secret);

    let brought = server.setup_intent("usr_alice").await;
    let path = format!("/v1/setup_intents/{}", brought["id"].as_str().expect("an id"));
    let card = stripe.card("4242424242424242").await;
    stripe.call("POST", &path, &[("payment_method", &card)]).await;
    assert_eq!(
        retrieve(&server, &brought["id"]).await["status"],
        "requiresConfirmation"
    );
    stripe.call("POST", &format!("{path}/cancel"), &[]).await;
    assert_eq!(retrieve(&server, &brought["id"]).await["status"], "canceled");
}

async fn what_is_not_this_projects_is_the_same_404(backend: Backend) {
    let server = Server::start(backend).await;
    let unknown = server
        .project_request("GET", "demo", "/setupIntents/seti_unknown")
        .send()
        .await
        .expect(404);
    let acmes = server
        .project_request("POST", "acme", "/setupIntents")
        .json(&json!({ "user": "usr_alice" }))
        .send()
        .await
        .expect(201)
        .property("id");
    // One that the tenant made at Stripe by itself is not Billfold's to show either.
    let own = server
        .stripe("demo")
        .call("POST", "/v1/setup_intents", &[("payment_method_types[]", "card")])
        .await;
    let own = own["id"].as_str().expect("a setup intent has an id");
    for id in [acmes.as_str(), own, "seti-1"] {
        let missing = server
            .project_request("GET", "demo", &format!("/setupIntents/{id}"))
            .send()
            .await
            .expect(404);
        assert_eq!(missing.body, unknown.body, "{id}");
    }
}

async fn a_user_has_one_customer_for_all(backend: Backend) {
    let server = Server::start(backend).await;
    for _ in 0..3 {
        server.setup_intent("usr_alice").await;
    }
    server.saved_card("usr_alice").await;
    server
        .account_request("POST", "usr_alice", "/setup-intent")
        .send()
        .await
        .expect(201);
    assert_eq!(server.stripe("demo").customers().await.len(), 1);
    server.setup_intent("usr_bob").await;
    assert_eq!(server.stripe("demo").customers().await.len(), 2);
}

async fn a_wrong_body_is_told(backend: Backend) {
    let server = Server::start(backend).await;
    for (body, status, kind) in [
        ("", 400, "malformed"),
        ("{", 400, "malformed"),
        ("[]", 422, "invalid"),
        ("{}", 422, "invalid"),
        (r#"{"user":null}"#, 422, "invalid"),
        (r#"{"user":""}"#, 422, "invalid"),
        (r#"{"user":"usr_alice","colour":"red"}"#, 422, "invalid"),
    ] {
        let refused = server
            .project_request("POST", "demo", "/setupIntents")
            .body(body)
            .send()
            .await
            .expect(status);
        assert_eq!(refused.property("type"), kind, "{body}");
    }
    assert_eq!(server.stripe("demo").request_count().await, 0);
}
