//! Chores: the comparison with Stripe and the rest are done by themselves when they are due.

use std::time::Duration;

use billfold_domain::{ProjectId, ProjectScope};
use billfold_store::{ChoreKind, Chores};
use billfold_test_support::wait_for;
use serde_json::json;

use crate::support::{Backend, Server, StripeAccount, on_every_database};

on_every_database!(
    a_sweep_that_is_due_is_done_whatever_hangs_elsewhere,
    events_that_could_not_be_delivered_are_asked_for,
    cleaning_is_done_and_put_off,
);

/// A few rounds of the background work, on a busy machine.
const WITHIN: Duration = Duration::from_secs(45);

#[expect(
    clippy::disallowed_methods,
    reason = "the test stands for the background work"
)]
fn scope(project: &str) -> ProjectScope {
    ProjectScope::authorized(ProjectId::parse(project).expect("the project's name is valid"))
}

/// Makes the chore of a project due at once.
async fn make_due(server: &Server, project: &str, kind: ChoreKind) {
    Chores::new(server.database().clone())
        .ensure(&scope(project), kind, Duration::ZERO)
        .await
        .expect("a chore can be given");
}

async fn a_sweep_that_is_due_is_done_whatever_hangs_elsewhere(backend: Backend) {
    let server = Server::start(backend).await;
    let stripe = server.stripe("demo");
    let id = stripe.card("4000002500003155").await;
    let client_secret = server
        .save(&id, "usr_alice")
        .await
        .expect(201)
        .property("clientSecret");
    stripe.pass_challenge(&client_secret).await;
    server
        .save_in("acme", "pm_card_visa", "usr_bob")
        .await
        .expect(201);
    server
        .stripe("acme")
        .fault(json!({
            "kind": "hang_before", "path": "/v1/", "count": 100, "milliseconds": 600_000,
            "account": account_of(&server.stripe("acme")).await,
        }))
        .await;
    make_due(&server, "acme", ChoreKind::Sweep).await;
    make_due(&server, "demo", ChoreKind::Sweep).await;
    let _working = server.service().start_reconciler();
    wait_for(WITHIN, "the sweep to see it", async || {
        let listed = server.list("").await.expect(200).json();
        (listed["items"][0]["status"] == "available").then_some(())
    })
    .await;
}

/// The sandbox's name for an account.
async fn account_of(stripe: &StripeAccount) -> String {
    let account = stripe.call("GET", "/v1/account", &[]).await;
    account["id"].as_str().expect("an account has an id").to_owned()
}

async fn events_that_could_not_be_delivered_are_asked_for(backend: Backend) {
    let server = Server::with(backend).working_on_webhooks().start().await;
    let stripe = server.stripe("demo");
    let id = server.saved_card("usr_alice").await;
    // Nobody listens there.
    let endpoint = stripe
        .call(
            "POST",
            "/v1/webhook_endpoints",
            &[("url", "http://127.0.0.1:9/"), ("enabled_events[]", "*")],
        )
        .await;
    assert_eq!(endpoint["object"], "webhook_endpoint", "{endpoint}");
    stripe
        .call("POST", &format!("/v1/payment_methods/{id}/detach"), &[])
        .await;
    server.retrieve(&id).await.expect(200);
    make_due(&server, "demo", ChoreKind::UndeliveredEvents).await;
    let working = server.service().start_reconciler();
    wait_for(WITHIN, "the detachment to be seen", async || {
        (server.retrieve(&id).await.status == 404).then_some(())
    })
    .await;
    working.stop().await;
    let chores = Chores::new(server.database().clone());
    let due = chores.projects_due(ChoreKind::UndeliveredEvents).await;
    assert_eq!(due.expect("chores can be looked for"), [], "it is put off");
}

async fn cleaning_is_done_and_put_off(backend: Backend) {
    let server = Server::start(backend).await;
    make_due(&server, "demo", ChoreKind::Cleaning).await;
    make_due(&server, "acme", ChoreKind::Cleaning).await;
    let working = server.service().start_reconciler();
    let chores = Chores::new(server.database().clone());
    wait_for(WITHIN, "the cleaning to be done", async || {
        let due = chores.projects_due(ChoreKind::Cleaning).await;
        due.expect("chores can be looked for").is_empty().then_some(())
    })
    .await;
    working.stop().await;
    // Both have all their chores by now, and none of the others is due.
    assert_eq!(
        chores
            .projects_without()
            .await
            .expect("projects can be looked for"),
        []
    );
    let claimed = chores.claim_due(&scope("demo"), ChoreKind::Cleaning).await;
    assert_eq!(claimed.expect("a chore can be claimed"), None);
    for kind in [ChoreKind::Sweep, ChoreKind::UndeliveredEvents] {
        let due = chores.projects_due(kind).await;
        assert_eq!(due.expect("chores can be looked for"), [], "{kind:?}");
    }
}
