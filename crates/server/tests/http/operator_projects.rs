//! Projects over the operator API: made, changed, shut and opened, and what of it a tenant notices.

use billfold_sandbox::account_of_key;
use serde_json::{Value, json};

use crate::support::{
    Backend, Request, Response, Server,
    master_keys::projects,
    on_every_database,
    server::project_id,
    webhooks::{event, signature, webhook_secret},
};

on_every_database!(
    a_project_works_as_soon_as_it_is_made,
    what_does_not_fit_makes_nothing,
    stripe_has_to_know_the_key,
    an_account_serves_one_project_unless_told_otherwise,
    a_platforms_key_acts_for_the_connected_account_everywhere,
    users_cards_are_not_left_behind,
    webhook_secrets_are_rolled,
    a_disabled_project_is_no_project,
    every_instance_follows_within_ten_seconds,
);

/// What makes a project with keys of the sandbox's.
fn keys(id: &str, ending: &str) -> Value {
    json!({
        "id": id,
        "secretKey": format!("sk_test_{ending}"),
        "publishableKey": format!("pk_test_{ending}"),
    })
}

async fn make(server: &Server, body: &Value) -> Response {
    server.operator_request("POST", "").json(body).send().await
}

async fn show(server: &Server, id: &str) -> Response {
    server.operator_request("GET", &format!("/{id}")).send().await
}

async fn update(server: &Server, id: &str, body: &Value) -> Response {
    let request = server.operator_request("PATCH", &format!("/{id}"));
    request.json(body).send().await
}

async fn a_project_works_as_soon_as_it_is_made(backend: Backend) {
    let server = Server::start(backend).await;
    let mut body = keys("shop", "of_shop");
    body["webhookSecret"] = "whsec_never_shown".into();
    let made = make(&server, &body).await.expect(201);
    assert_eq!(made.header("Location"), Some("/operator/projects/shop"));
    let expected = json!({
        "object": "project", "id": "shop", "status": "active", "mode": "test",
        "publishableKey": "pk_test_of_shop", "account": account_of_key("sk_test_of_shop"),
        "connectedAccount": null, "allowSharedAccount": false, "webhookSecrets": 1,
        "createdAt": "2026-01-15T10:00:00Z",
    });
    assert_eq!(made.json(), expected);
    assert_eq!(show(&server, "shop").await.expect(200).json(), expected);
    let saved = server
        .save_in("shop", "pm_card_visa", "usr_alice")
        .await
        .expect(201);
    assert_eq!(server.stripe("shop").effect("payment_method.attached").await, 1);
    let list = server.operator_request("GET", "").send().await.expect(200);
    assert_eq!(list.json()["items"].as_array().map(Vec::len), Some(3));
    for answer in [&made, &saved, &list] {
        for secret in ["sk_test_of_shop", "whsec_never_shown"] {
            assert!(!answer.text().contains(secret), "{}", answer.text());
        }
    }
    let again = make(&server, &body).await.expect(422);
    assert_eq!(again.code(), "projectAlreadyExists");
}

async fn what_does_not_fit_makes_nothing(backend: Backend) {
    let server = Server::start(backend).await;
    let stripe = server.stripe("shop");
    stripe.reset_request_count().await;
    let change = |name: &str, value: &str| {
        let mut body = keys("shop", "of_shop");
        body[name] = value.into();
        body
    };
    for (body, property, words) in [
        (
            change("secretKey", "pk_test_of_shop"),
            "secretKey",
            "this is a publishable key",
        ),
        (
            change("publishableKey", "sk_test_of_shop"),
            "publishableKey",
            "this is a secret key",
        ),
        (change("secretKey", "hunter2"), "secretKey", "sk_test_"),
        (change("connectedAccount", "acct_a-b"), "connectedAccount", "A-Z"),
        (change("connectedAccount", "cus_1"), "connectedAccount", "acct_"),
        (
            change("webhookSecret", "sk_test_of_shop"),
            "webhookSecret",
            "whsec_",
        ),
        (change("id", "no name"), "id", "A-Z"),
        (change("secretKey", "sk_live_of_shop"), "secretKey", "a live key"),
        (
            change("publishableKey", "pk_live_of_shop"),
            "secretKey",
            "a test key",
        ),
    ] {
        let answer = make(&server, &body).await.expect(422);
        let detail = answer.json()["details"][0].clone();
        assert_eq!(detail["property"], property, "{detail}");
        let message = detail["message"].as_str().expect("a message");
        assert!(message.contains(words), "{message}");
        assert!(
            !message.contains("of_shop") && !message.contains("hunter2"),
            "{message}"
        );
    }
    show(&server, "shop").await.expect(404);
    assert_eq!(stripe.request_count().await, 0, "Stripe was asked for nothing");
}

async fn stripe_has_to_know_the_key(backend: Backend) {
    let server = Server::start(backend).await;
    // Too short for the sandbox, which has restricted keys neither.
    for key in ["sk_test_abc", "rk_test_of_shop"] {
        let mut body = keys("shop", "of_shop");
        body["secretKey"] = key.into();
        let refused = make(&server, &body).await.expect(422);
        assert_eq!(refused.code(), "stripeKeyRefused");
    }
    let stripe = server.stripe("shop");
    stripe
        .fault(json!({ "kind": "reset", "path": "/v1/account", "count": 20 }))
        .await;
    let unreachable = make(&server, &keys("shop", "of_shop")).await.expect(503);
    assert!(unreachable.header("Retry-After").is_some());
    show(&server, "shop").await.expect(404);
    stripe.clear_faults().await;
    make(&server, &keys("shop", "of_shop")).await.expect(201);
}

async fn an_account_serves_one_project_unless_told_otherwise(backend: Backend) {
    let server = Server::start(backend).await;
    make(&server, &keys("shop", "of_shop")).await.expect(201);
    let mut second = keys("second", "of_shop");
    let taken = make(&server, &second).await.expect(422);
    assert_eq!(taken.code(), "stripeAccountTaken");
    show(&server, "second").await.expect(404);
    second["allowSharedAccount"] = true.into();
    let shared = make(&server, &second).await.expect(201).json();
    assert_eq!(shared["allowSharedAccount"], true);
    assert_eq!(shared["account"], show(&server, "shop").await.json()["account"]);
    let alone = json!({ "allowSharedAccount": false });
    let taken = update(&server, "second", &alone).await.expect(422);
    assert_eq!(taken.code(), "stripeAccountTaken");
    // Its account was never looked at; an update looks.
    assert_eq!(show(&server, "demo").await.json()["account"], Value::Null);
    let known = update(&server, "demo", &json!({})).await.expect(200).json();
    assert_eq!(known["account"], json!(account_of_key("sk_test_of_demo")));
    let taken = make(&server, &keys("third", "of_demo")).await.expect(422);
    assert_eq!(taken.code(), "stripeAccountTaken");
}

async fn a_platforms_key_acts_for_the_connected_account_everywhere(backend: Backend) {
    let server = Server::start(backend).await;
    let mut body = keys("tenant", "of_platform");
    body["connectedAccount"] = "acct_1tenant".into();
    let made = make(&server, &body).await.expect(201).json();
    assert_eq!(made["account"], "acct_1tenant");
    assert_eq!(made["connectedAccount"], "acct_1tenant");
    // The platform serves another tenant with the same key.
    body["id"] = "neighbour".into();
    assert_eq!(
        make(&server, &body).await.expect(422).code(),
        "stripeAccountTaken"
    );
    body["connectedAccount"] = "acct_1neighbour".into();
    make(&server, &body).await.expect(201);
    // And another platform reaches none of it.
    let mut strange = keys("strange", "of_stranger");
    strange["connectedAccount"] = "acct_1tenant".into();
    let refused = make(&server, &strange).await.expect(422);
    assert_eq!(refused.code(), "stripeAccountNotReachable");

    let tenant = async |method: &str, path: &str, body: Option<Value>| {
        let mut request: Request = server.project_request(method, "tenant", path);
        if let Some(body) = body {
            request = request.json(&body);
        }
        request.send().await
    };
    let user = json!({ "user": "usr_alice" });
    let intent = tenant("POST", "/setupIntents", Some(user)).await.expect(201);
    let intent = format!("/setupIntents/{}", intent.property("id"));
    tenant("GET", &intent, None).await.expect(200);
    let mut saved = Vec::new();
    for card in ["pm_card_visa", "pm_card_authenticationRequiredOnSetup"] {
        let body = json!({ "id": card, "user": "usr_alice" });
        let made = tenant("POST", "/paymentMethods", Some(body)).await.expect(201);
        saved.push(format!("/paymentMethods/{}", made.property("id")));
    }
    for path in &saved {
        tenant("GET", path, None).await.expect(200);
    }
    // The comparison with Stripe and the undelivered events go there too.
    let report = server.service().sweep(&project_id("tenant"), false).await;
    assert_eq!(report.expect("it is compared").unread.len(), 0);
    let fetched = server
        .service()
        .fetch_undelivered_events(&project_id("tenant"))
        .await;
    fetched.expect("events are fetched");
    for path in &saved {
        tenant("DELETE", path, None).await.expect(200);
    }

    let ledger = server.sandbox_says("/_sandbox/ledger?account=acct_1tenant").await;
    let effects: Vec<&str> = ledger["entries"]
        .as_array()
        .expect("entries")
        .iter()
        .filter_map(|entry| entry["effect"].as_str())
        .collect();
    for effect in [
        "customer.created",
        "setup_intent.created",
        "payment_method.attached",
        "setup_intent.canceled",
        "payment_method.detached",
    ] {
        assert!(effects.contains(&effect), "{effect}: {effects:?}");
    }
    for account in ["sk_test_of_platform", "acct_1neighbour"] {
        let ledger = server
            .sandbox_says(&format!("/_sandbox/ledger?account={account}"))
            .await;
        assert_eq!(ledger["entries"], json!([]), "{account}");
    }
    let requests = server
        .sandbox_says("/_sandbox/requests?account=sk_test_of_platform")
        .await;
    assert_eq!(requests["total"], 0, "every call names the account: {requests}");
}

async fn users_cards_are_not_left_behind(backend: Backend) {
    let server = Server::start(backend).await;
    make(&server, &keys("shop", "of_shop")).await.expect(201);
    let elsewhere = json!({ "secretKey": "sk_test_of_other", "publishableKey": "pk_test_of_other" });
    let saved = server.save_in("shop", "pm_card_visa", "usr_alice").await;
    let id = saved.expect(201).property("id");
    let refused = update(&server, "shop", &elsewhere).await.expect(422);
    assert_eq!(refused.code(), "projectAccountFixed");
    let connected = json!({ "connectedAccount": "acct_1elsewhere" });
    let refused = update(&server, "shop", &connected).await.expect(422);
    assert_eq!(refused.code(), "projectAccountFixed");
    let live = update(&server, "shop", &json!({ "publishableKey": "pk_live_of_shop" })).await;
    assert_eq!(live.expect(422).code(), "projectModeFixed");
    // Nothing of a change that is refused in part is done.
    let half = json!({ "secretKey": "sk_test_of_other", "webhookSecret": "whsec_new" });
    update(&server, "shop", &half).await.expect(422);
    assert_eq!(show(&server, "shop").await.json()["webhookSecrets"], 0);
    // The same key again is of the same account.
    update(&server, "shop", &json!({ "secretKey": "sk_test_of_shop" }))
        .await
        .expect(200);
    // Where the account was never looked at, one of its customers tells.
    server.saved_card("usr_alice").await;
    let refused = update(&server, "demo", &elsewhere).await.expect(422);
    assert_eq!(refused.code(), "projectAccountFixed");
    update(&server, "demo", &json!({ "secretKey": "sk_test_of_demo" }))
        .await
        .expect(200);

    let path = format!("/paymentMethods/{id}");
    server
        .project_request("DELETE", "shop", &path)
        .send()
        .await
        .expect(200);
    let moved = update(&server, "shop", &elsewhere).await.expect(200).json();
    assert_eq!(moved["account"], json!(account_of_key("sk_test_of_other")));
    server
        .save_in("shop", "pm_card_visa", "usr_alice")
        .await
        .expect(201);
    let there = server
        .sandbox_says("/_sandbox/ledger?account=sk_test_of_other")
        .await;
    let effects = there["entries"].to_string();
    assert!(
        effects.contains("customer.created"),
        "the user has a customer there too: {effects}"
    );
}

async fn webhook_secrets_are_rolled(backend: Backend) {
    let server = Server::start(backend).await;
    let roll = async |secret: &str| {
        let body = json!({ "webhookSecret": secret });
        update(&server, "demo", &body).await.expect(200).json()["webhookSecrets"].clone()
    };
    assert_eq!(roll("whsec_second").await, 2);
    let deliver = async |secret: &str| {
        let event = event("evt_1", "payment_method.updated", "pm_1").to_string();
        let header = signature(secret, crate::support::START, event.as_bytes());
        let request = server.request("POST", "/webhooks/stripe/demo").body(event);
        request.header("Stripe-Signature", &header).send().await.status
    };
    for secret in [webhook_secret("demo").as_str(), "whsec_second"] {
        assert_eq!(deliver(secret).await, 200, "{secret}");
    }
    assert_eq!(
        roll("whsec_second").await,
        2,
        "the same again costs the one before nothing"
    );
    assert_eq!(roll("whsec_third").await, 2);
    assert_eq!(deliver(&webhook_secret("demo")).await, 400);
    assert_eq!(deliver("whsec_third").await, 200);
}

/// What a caller of every kind of route is answered.
async fn statuses(server: &Server) -> Vec<u16> {
    let event = event("evt_1", "payment_method.updated", "pm_1").to_string();
    let header = signature(&webhook_secret("demo"), server.clock.seconds(), event.as_bytes());
    let requests = [
        server.project_request("GET", "demo", "/paymentMethods"),
        server
            .project_request("POST", "demo", "/setupIntents")
            .json(&json!({ "user": "usr_alice" })),
        server.account_request("GET", "usr_alice", "/payment-methods"),
        server.account_request("POST", "usr_alice", "/setup-intent"),
        server
            .request("POST", "/webhooks/stripe/demo")
            .body(event)
            .header("Stripe-Signature", &header),
    ];
    let mut statuses = Vec::new();
    for request in requests {
        statuses.push(request.send().await.status);
    }
    statuses
}

const OPEN: [u16; 5] = [200, 201, 200, 201, 200];
const SHUT: [u16; 5] = [404, 404, 404, 404, 400];

async fn a_disabled_project_is_no_project(backend: Backend) {
    let server = Server::start(backend).await;
    let id = server.saved_card("usr_alice").await;
    assert_eq!(statuses(&server).await, OPEN);
    for _ in 0..2 {
        let disabled = server.operator_request("POST", "/demo/disable").send().await;
        assert_eq!(disabled.expect(200).property("status"), "disabled");
        assert_eq!(statuses(&server).await, SHUT);
    }
    let shut = server.list("").await.expect(404);
    let nowhere = server
        .project_request("GET", "nowhere", "/paymentMethods")
        .send()
        .await;
    assert_eq!(shut.text(), nowhere.expect(404).text());
    for _ in 0..2 {
        let enabled = server.operator_request("POST", "/demo/enable").send().await;
        assert_eq!(enabled.expect(200).property("status"), "active");
        assert_eq!(statuses(&server).await, OPEN);
    }
    server.retrieve(&id).await.expect(200);
}

async fn every_instance_follows_within_ten_seconds(backend: Backend) {
    let server = Server::start(backend).await;
    assert_eq!(statuses(&server).await, OPEN);
    // By another instance, or from the command line.
    let elsewhere = projects(server.database());
    assert!(elsewhere.disable(&project_id("demo")).await.expect("it is shut"));
    server.clock.advance(10);
    assert_eq!(statuses(&server).await, SHUT);
    assert!(elsewhere.enable(&project_id("demo")).await.expect("it is opened"));
    assert_eq!(
        statuses(&server).await,
        OPEN,
        "who is not there is not remembered"
    );
}
