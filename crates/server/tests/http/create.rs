//! POST /projects/{project}/paymentMethods: what is saved, what is refused, and what is done at Stripe for it.

use serde_json::{Value, json};

use crate::support::{Backend, Response, Server, on_every_database};

on_every_database!(
    the_first_method_makes_the_customer_and_one_setup_intent,
    a_method_that_a_setup_intent_attached_is_saved_without_another,
    a_token_of_stripes_is_saved_under_its_own_new_id,
    the_same_again_is_given_back_and_nothing_is_done_at_stripe,
    another_users_method_is_refused_without_naming_its_owner,
    what_cannot_be_used_is_refused_with_the_same_words,
    the_limit_is_kept_without_a_call_to_stripe,
    another_projects_method_is_no_method_here,
    a_customer_deleted_at_stripe_is_made_anew,
    a_body_is_read_whatever_its_content_type_says,
);

async fn the_first_method_makes_the_customer_and_one_setup_intent(backend: Backend) {
    let server = Server::start(backend).await;
    let stripe = server.stripe("demo");
    let id = stripe.card("4242424242424242").await;
    let created = server.save(&id, "usr_alice").await.expect(201);
    assert_eq!(
        created.json(),
        json!({
            "object": "paymentMethod", "id": id, "brand": "visa", "clientSecret": null, "last4": "4242",
            "provider": "stripe", "status": "available", "type": "card", "user": "usr_alice",
            "createdAt": "2026-01-15T10:00:00Z",
        })
    );
    assert_eq!(
        created.header("Location"),
        Some(format!("/projects/demo/paymentMethods/{id}").as_str())
    );

    let customers = stripe.customers().await;
    assert_eq!(customers.len(), 1);
    assert_eq!(customers[0]["metadata"]["project"], "demo");
    assert_eq!(customers[0]["metadata"]["user"], "usr_alice");
    let setup_intents = stripe.setup_intents().await;
    assert_eq!(setup_intents.len(), 1);
    let made = &setup_intents[0];
    assert_eq!(made["status"], "succeeded");
    assert_eq!(made["usage"], "off_session");
    assert_eq!(made["customer"], customers[0]["id"]);
    assert_eq!(made["payment_method"], id.as_str());
    assert_eq!(made["payment_method_types"], json!(["card"]));
    assert_eq!(stripe.payment_method(&id).await["customer"], customers[0]["id"]);

    let retrieved = server.retrieve(&id).await.expect(200);
    assert_eq!(retrieved.body, created.body, "retrieving shows the same bytes");
    let second = server.saved_card("usr_alice").await;
    assert_ne!(second, id);
    assert_eq!(
        stripe.effect("customer.created").await,
        1,
        "the second method finds the customer"
    );
}

async fn a_method_that_a_setup_intent_attached_is_saved_without_another(backend: Backend) {
    let server = Server::start(backend).await;
    let id = server.collected_card("usr_alice", "5555555555554444").await;
    let created = server.save(&id, "usr_alice").await.expect(201).json();
    assert_eq!(created["status"], "available");
    assert_eq!(created["brand"], "mastercard");
    assert_eq!(created["clientSecret"], Value::Null);
    let effects = server.stripe("demo").effects().await;
    assert_eq!(effects["setup_intent.created"], 1, "the page's own: {effects:?}");
    assert_eq!(effects["payment_method.attached"], 1, "{effects:?}");
    assert_eq!(effects["customer.created"], 1, "{effects:?}");
}

async fn a_token_of_stripes_is_saved_under_its_own_new_id(backend: Backend) {
    let server = Server::start(backend).await;
    let first = server.save("pm_card_visa", "usr_alice").await.expect(201);
    let id = first.property("id");
    assert_ne!(id, "pm_card_visa");
    let location = format!("/projects/demo/paymentMethods/{id}");
    assert_eq!(first.header("Location"), Some(location.as_str()));
    let second = server.save("pm_card_visa", "usr_alice").await.expect(201);
    assert_ne!(second.property("id"), id, "each use makes a new method");
    server.retrieve(&id).await.expect(200);
    server.retrieve("pm_card_visa").await.expect(404);
}

async fn the_same_again_is_given_back_and_nothing_is_done_at_stripe(backend: Backend) {
    let server = Server::start(backend).await;
    let stripe = server.stripe("demo");
    let id = stripe.card("4242424242424242").await;
    let created = server.save(&id, "usr_alice").await.expect(201);
    stripe.reset_request_count().await;
    server.clock.advance(60);
    let again = server.save(&id, "usr_alice").await.expect(200);
    assert_eq!(again.body, created.body);
    assert_eq!(again.header("Location"), None);
    assert_eq!(stripe.request_count().await, 0);
}

async fn another_users_method_is_refused_without_naming_its_owner(backend: Backend) {
    let server = Server::start(backend).await;
    let id = server.saved_card("usr_alice").await;
    let stripe = server.stripe("demo");
    stripe.reset_request_count().await;
    let refused = server.save(&id, "usr_mallory").await.expect(422);
    let message = "This payment method already exists in the project.";
    assert_eq!(
        refused.json(),
        json!({
            "object": "error", "type": "invalid", "code": "paymentMethodAlreadyExists", "message": message,
            "details": [{
                "object": "propertyErrorDetail", "code": "paymentMethodAlreadyExists", "message": message,
                "property": "id",
            }],
        })
    );
    assert!(!refused.text().contains("usr_alice"));
    assert_eq!(stripe.request_count().await, 0);
    assert_eq!(server.retrieve(&id).await.property("user"), "usr_alice");
}

/// The answer but for what every answer has of its own.
fn without_its_name(response: &Response) -> (u16, Vec<(String, String)>, Vec<u8>) {
    let headers = response.headers.iter();
    let headers = headers.filter(|(name, _)| name != "request-id" && name != "date");
    (response.status, headers.cloned().collect(), response.body.clone())
}

async fn what_cannot_be_used_is_refused_with_the_same_words(backend: Backend) {
    let server = Server::start(backend).await;
    let stripe = server.stripe("demo");
    server.saved_card("usr_alice").await;
    let bobs_at_stripe = server.collected_card("usr_bob", "4242424242424242").await;
    let customer = stripe.call("POST", "/v1/customers", &[]).await;
    let customer = customer["id"].as_str().expect("a customer has an id");
    let strangers = stripe.card("4242424242424242").await;
    let detached = stripe.card("4242424242424242").await;
    for id in [&strangers, &detached] {
        let path = format!("/v1/payment_methods/{id}/attach");
        let attached = stripe.call("POST", &path, &[("customer", customer)]).await;
        assert_eq!(attached["customer"], customer, "{attached}");
    }
    let path = format!("/v1/payment_methods/{detached}/detach");
    stripe.call("POST", &path, &[]).await;
    let own_and_detached = server.saved_card("usr_alice").await;
    server.delete(&own_and_detached).await.expect(200);
    let of_another_account = server.stripe("acme").card("4242424242424242").await;

    let unknown = server.save("pm_unknown", "usr_alice").await.expect(422);
    let body = unknown.json();
    assert_eq!(body["type"], "invalid");
    assert_eq!(body["code"], "paymentMethodNotUsable");
    assert_eq!(body["details"][0]["code"], "paymentMethodNotUsable");
    assert_eq!(body["details"][0]["property"], "id");
    assert!(!unknown.text().contains("pm_unknown"));
    let before = server.list("").await;
    for id in [
        bobs_at_stripe,
        strangers,
        detached,
        own_and_detached,
        of_another_account,
    ] {
        let refused = server.save(&id, "usr_alice").await;
        assert_eq!(without_its_name(&refused), without_its_name(&unknown), "{id}");
        // What was refused once is refused again: nothing of the first try is left.
        let refused = server.save(&id, "usr_alice").await;
        assert_eq!(without_its_name(&refused), without_its_name(&unknown), "{id}");
    }
    assert_eq!(server.list("").await.body, before.body, "nothing was saved");
}

async fn the_limit_is_kept_without_a_call_to_stripe(backend: Backend) {
    let server = Server::with(backend).maximum_payment_methods(2).start().await;
    let stripe = server.stripe("demo");
    let first = server.saved_card("usr_alice").await;
    server.saved_card("usr_alice").await;
    let third = stripe.card("4242424242424242").await;
    stripe.reset_request_count().await;
    let refused = server.save(&third, "usr_alice").await.expect(422);
    assert_eq!(refused.code(), "paymentMethodLimitReached");
    assert_eq!(stripe.request_count().await, 0);
    server.save(&first, "usr_alice").await.expect(200);
    server.save("pm_card_visa", "usr_bob").await.expect(201);
    server.delete(&first).await.expect(200);
    server.save(&third, "usr_alice").await.expect(201);
}

async fn another_projects_method_is_no_method_here(backend: Backend) {
    let server = Server::start(backend).await;
    let demos = server.saved_card("usr_alice").await;
    let path = format!("/paymentMethods/{demos}");
    for method in ["GET", "DELETE"] {
        let missing = server.project_request(method, "acme", &path).send().await;
        let unknown = server
            .project_request(method, "acme", "/paymentMethods/pm_unknown")
            .send()
            .await;
        assert_eq!(missing.status, 404);
        assert_eq!(without_its_name(&missing), without_its_name(&unknown), "{method}");
    }
    let acmes = server
        .save_in("acme", "pm_card_visa", "usr_alice")
        .await
        .expect(201)
        .property("id");
    server.retrieve(&acmes).await.expect(404);
    server.retrieve(&demos).await.expect(200);
    assert_eq!(server.stripe("acme").customers().await.len(), 1);
    assert_eq!(
        server.stripe("acme").customers().await[0]["metadata"]["project"],
        "acme"
    );
}

async fn a_customer_deleted_at_stripe_is_made_anew(backend: Backend) {
    let server = Server::start(backend).await;
    let stripe = server.stripe("demo");
    server.saved_card("usr_alice").await;
    let old = stripe.customers().await[0]["id"].clone();
    let path = format!("/v1/customers/{}", old.as_str().expect("an id is text"));
    let deleted = stripe.call("DELETE", &path, &[]).await;
    assert_eq!(deleted["deleted"], true);

    let saved = server.saved_card("usr_alice").await;
    let new = stripe.payment_method(&saved).await["customer"].clone();
    assert_ne!(new, old);
    let setup_intent = server.setup_intent("usr_alice").await;
    let found = stripe.setup_intents().await;
    let found = found
        .iter()
        .find(|found| found["id"] == setup_intent["id"])
        .expect("the setup intent is at Stripe");
    assert_eq!(found["customer"], new);
    assert_eq!(stripe.effect("customer.created").await, 2);
}

async fn a_body_is_read_whatever_its_content_type_says(backend: Backend) {
    let server = Server::start(backend).await;
    for content_type in [
        "application/x-www-form-urlencoded",
        "text/plain",
        "application/json; charset=utf-8",
        "image/png",
    ] {
        server
            .project_request("POST", "demo", "/paymentMethods")
            .header("Content-Type", content_type)
            .body(r#"{"id":"pm_card_visa","user":"usr_alice","object":"paymentMethod"}"#)
            .send()
            .await
            .expect(201);
    }
    server
        .project_request("POST", "demo", "/paymentMethods")
        .body(r#"{"id":"pm_card_visa","user":"usr_alice"}"#)
        .send()
        .await
        .expect(201);
}
