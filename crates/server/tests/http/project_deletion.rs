//! How a project goes: everything is detached, nothing of it stays, and whatever comes between, somebody goes on.

use std::time::Duration;

use billfold_domain::{ProjectScope, ProjectStatus};
use billfold_service::{DeletionProgress, Service};
use billfold_store::Operations;
use billfold_test_support::wait_for;
use serde_json::{Value, json};

use crate::support::{Backend, Server, master_keys, on_every_database, server::project_id};

on_every_database!(
    everything_is_detached_and_nothing_stays,
    what_is_open_is_ended_first,
    whoever_comes_next_goes_on,
    an_outage_of_stripe_only_takes_time,
    another_key_ends_a_deletion_whose_key_is_refused,
    a_disabled_projects_open_operations_are_ended,
);

/// Some rounds of the background work, on a busy machine.
const WITHIN: Duration = Duration::from_mins(1);

async fn delete(server: &Server, id: &str) -> Value {
    let request = server.operator_request("DELETE", &format!("/{id}"));
    request.send().await.expect(202).json()
}

async fn is_gone(server: &Server, id: &str) {
    wait_for(WITHIN, "the project to be gone", async || {
        let shown = server.operator_request("GET", &format!("/{id}")).send().await;
        (shown.status == 404).then_some(())
    })
    .await;
}

/// Goes on with a deletion, as an instance does or the command line, until the project is gone.
async fn advance(service: &Service, id: &str) {
    wait_for(WITHIN, "the deletion to end", async || {
        let progress = service.advance_project_deletion(&project_id(id)).await;
        (progress.expect("it goes on") == DeletionProgress::Deleted).then_some(())
    })
    .await;
}

/// Every payment method of `demo`'s account that is attached to somebody, and every setup intent that waits.
async fn left_at_stripe(server: &Server) -> Vec<Value> {
    let stripe = server.stripe("demo");
    let mut left = stripe.payment_methods().await;
    left.retain(|method| !method["customer"].is_null());
    let intents = stripe.setup_intents().await;
    left.extend(
        intents
            .into_iter()
            .filter(|intent| intent["status"] == "requires_action"),
    );
    left
}

async fn everything_is_detached_and_nothing_stays(backend: Backend) {
    let server = Server::with(backend).reconciling().start().await;
    let stripe = server.stripe("demo");
    let mut ids = Vec::new();
    for user in ["usr_alice", "usr_bob", "usr_carol"] {
        ids.push(server.saved_card(user).await);
        ids.push(server.saved_card(user).await);
    }
    let waiting = server
        .save("pm_card_authenticationRequiredOnSetup", "usr_alice")
        .await;
    assert_eq!(waiting.expect(201).property("status"), "requiresConfirmation");
    server
        .save_in("acme", "pm_card_visa", "usr_alice")
        .await
        .expect(201);
    assert!(!left_at_stripe(&server).await.is_empty());

    let going = delete(&server, "demo").await;
    assert_eq!(going["status"], "deleting");
    // From now on it is nobody's any more.
    server.list("").await.expect(404);
    server.save("pm_card_visa", "usr_alice").await.expect(404);
    let shown = server.operator_request("POST", "/demo/enable").send().await;
    if shown.status != 404 {
        assert_eq!(shown.expect(422).code(), "projectBeingDeleted");
    }
    is_gone(&server, "demo").await;

    assert_eq!(left_at_stripe(&server).await, [Value::Null; 0]);
    assert_eq!(
        stripe.effect("payment_method.detached").await,
        ids.len(),
        "each of them once"
    );
    assert_eq!(stripe.effect("setup_intent.canceled").await, 1);
    assert_eq!(server.stripe("acme").effect("payment_method.detached").await, 0);
    if backend == Backend::Postgres {
        // What was done stays known: the audit log is kept, and everything else is gone.
        server
            .sql("alter table audit_events disable trigger user; delete from audit_events")
            .await;
        let stored = server.stored().await.expect("another connection can look");
        for id in &ids {
            assert!(!stored.contains(id), "{id} is still there");
        }
        // The secret ones are sealed, and would not be seen.
        assert!(!stored.contains("pk_test_of_demo"), "the keys are still there");
        assert!(
            stored.contains("pk_test_of_acme"),
            "the test looks at the wrong place"
        );
    }
    let name = json!({
        "id": "demo", "secretKey": "sk_test_of_demo", "publishableKey": "pk_test_of_demo",
    });
    let refused = server.operator_request("POST", "").json(&name).send().await;
    assert_eq!(refused.expect(422).code(), "projectNameRetired");
    server
        .operator_request("DELETE", "/demo")
        .send()
        .await
        .expect(404);
    // Its account is free again.
    let next = json!({
        "id": "next", "secretKey": "sk_test_of_demo", "publishableKey": "pk_test_of_demo",
    });
    server
        .operator_request("POST", "")
        .json(&next)
        .send()
        .await
        .expect(201);
}

/// Leaves a payment method half saved: Stripe has done it, and nobody here knows.
async fn half_saved(server: &Server) {
    let fault = json!({
        "kind": "reset_after", "path": "/v1/setup_intents", "method": "POST", "count": 2,
    });
    let stripe = server.stripe("demo");
    let card = stripe.card("4242424242424242").await;
    stripe.fault(fault).await;
    server.save(&card, "usr_alice").await.expect(503);
    stripe.clear_faults().await;
    assert_eq!(stripe.effect("payment_method.attached").await, 1);
}

async fn what_is_open_is_ended_first(backend: Backend) {
    let server = Server::start(backend).await;
    half_saved(&server).await;
    delete(&server, "demo").await;
    advance(server.service(), "demo").await;
    assert_eq!(left_at_stripe(&server).await, [Value::Null; 0]);
    assert_eq!(server.stripe("demo").effect("payment_method.detached").await, 1);
}

async fn whoever_comes_next_goes_on(backend: Backend) {
    let server = Server::start(backend).await;
    let stripe = server.stripe("demo");
    for user in ["usr_alice", "usr_bob", "usr_carol"] {
        server.saved_card(user).await;
    }
    // Each answer about the first is lost, so the one who works on it knows nothing, and stops there.
    let lost = json!({
        "kind": "reset_after", "path": "/v1/payment_methods/*/detach", "method": "POST", "count": 4,
    });
    stripe.fault(lost).await;
    delete(&server, "demo").await;
    let first = server
        .service()
        .advance_project_deletion(&project_id("demo"))
        .await;
    let first = first.expect("it goes on");
    assert!(
        matches!(first, DeletionProgress::AtStripe { failed: true, .. }),
        "{first:?}"
    );
    let project = master_keys::projects(server.database())
        .find(&project_id("demo"))
        .await;
    let project = project.expect("it is found").expect("it is there");
    assert_eq!(project.status(), ProjectStatus::Deleting);
    stripe.clear_faults().await;
    advance(server.service(), "demo").await;
    assert_eq!(left_at_stripe(&server).await, [Value::Null; 0]);
    assert_eq!(
        stripe.effect("payment_method.detached").await,
        3,
        "each of them once"
    );
}

async fn an_outage_of_stripe_only_takes_time(backend: Backend) {
    let server = Server::with(backend).reconciling().start().await;
    let stripe = server.stripe("demo");
    for _ in 0..3 {
        server.saved_card("usr_alice").await;
    }
    stripe
        .fault(json!({ "kind": "reset", "path": "/v1/", "count": 1_000 }))
        .await;
    delete(&server, "demo").await;
    let projects = master_keys::projects(server.database());
    wait_for(WITHIN, "an attempt to fail", async || {
        stripe.faults_left_below(998).await.then_some(())
    })
    .await;
    assert!(
        projects
            .find(&project_id("demo"))
            .await
            .expect("it is found")
            .is_some()
    );
    assert_eq!(stripe.effect("payment_method.detached").await, 0);
    stripe.clear_faults().await;
    is_gone(&server, "demo").await;
    assert_eq!(stripe.effect("payment_method.detached").await, 3);
}

async fn another_key_ends_a_deletion_whose_key_is_refused(backend: Backend) {
    let server = Server::start(backend).await;
    let stripe = server.stripe("demo");
    server.saved_card("usr_alice").await;
    stripe
        .fault(json!({ "kind": "unauthorized_401", "path": "/v1/payment_methods", "count": 10 }))
        .await;
    delete(&server, "demo").await;
    let refused = server
        .service()
        .advance_project_deletion(&project_id("demo"))
        .await;
    let refused = refused.expect("it goes on");
    assert!(
        matches!(refused, DeletionProgress::AtStripe { failed: true, .. }),
        "{refused:?}"
    );
    stripe.clear_faults().await;
    let request = server.operator_request("PATCH", "/demo");
    let updated = request
        .json(&json!({ "secretKey": "sk_test_of_demo" }))
        .send()
        .await;
    assert_eq!(updated.expect(200).property("status"), "deleting");
    advance(server.service(), "demo").await;
    assert_eq!(left_at_stripe(&server).await, [Value::Null; 0]);
}

#[expect(clippy::disallowed_methods, reason = "a test is its own authorisation")]
async fn a_disabled_projects_open_operations_are_ended(backend: Backend) {
    let server = Server::with(backend).reconciling().start().await;
    let scope = ProjectScope::authorized(project_id("demo"));
    let operations = Operations::new(server.database().clone());
    half_saved(&server).await;
    server
        .operator_request("POST", "/demo/disable")
        .send()
        .await
        .expect(200);
    wait_for(WITHIN, "the operation to end", async || {
        (operations.count_open(&scope).await.expect("it is counted") == 0).then_some(())
    })
    .await;
    server
        .operator_request("POST", "/demo/enable")
        .send()
        .await
        .expect(200);
    let list = server.list("").await.expect(200).json();
    assert_eq!(
        list["items"].as_array().map(Vec::len),
        Some(1),
        "it was saved to the end"
    );
}
