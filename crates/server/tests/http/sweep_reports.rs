//! The comparison with Stripe: what it leaves to others or to a person, and only reports.

use billfold_service::ContradictionKind;
use serde_json::Value;

use crate::{
    stripe_faults::{CALL_TIMEOUT, assert_unavailable, break_next},
    support::{Backend, Server, on_every_database, stripe::setup_intent_of},
    sweep::{
        CHECKED, assert_gone, attach_as_we_do, demo, nothing_but, only_customer, sweep, sweep_both_ways,
        texts,
    },
};

on_every_database!(
    what_was_deleted_here_is_reported_and_left,
    what_is_another_users_is_reported_and_left,
    what_an_operation_works_on_is_left_to_it,
);

async fn what_was_deleted_here_is_reported_and_left(backend: Backend) {
    let server = Server::start(backend).await;
    let stripe = server.stripe("demo");
    let id = stripe.card(CHECKED).await;
    server.save(&id, "usr_alice").await.expect(201);
    server.delete(&id).await.expect(200);
    // It was never attached, so it can be attached yet: by a saving that should not be.
    let customer = only_customer(&stripe).await;
    let made = attach_as_we_do(&stripe, &customer, &id).await;
    stripe
        .pass_challenge(made["client_secret"].as_str().expect("a client secret"))
        .await;
    let report = sweep_both_ways(&server).await;
    let [found] = report.contradictions.as_slice() else {
        panic!("there is one contradiction: {report:?}");
    };
    assert_eq!(found.payment_method.as_str(), id);
    assert_eq!(found.user.as_str(), "usr_alice");
    assert_eq!(found.kind, ContradictionKind::DeletedHere);
    assert!(report.needs_a_person());
    assert_gone(&server, &id).await;
    assert_eq!(stripe.effect("payment_method.detached").await, 0, "never blindly");

    // By a page it may be: its owner wants it after all.
    let other = stripe.card(CHECKED).await;
    server.save(&other, "usr_alice").await.expect(201);
    server.delete(&other).await.expect(200);
    let setup_intent = server.setup_intent("usr_alice").await;
    let client_secret = setup_intent["clientSecret"].as_str().expect("a client secret");
    stripe.confirm_with(client_secret, &other).await;
    stripe.pass_challenge(client_secret).await;
    let report = sweep_both_ways(&server).await;
    assert_eq!(texts(&report.unclaimed), [other]);
    assert_eq!(report.contradictions.len(), 1);
}

async fn what_is_another_users_is_reported_and_left(backend: Backend) {
    let server = Server::start(backend).await;
    let stripe = server.stripe("demo");
    let id = stripe.card(CHECKED).await;
    server.save(&id, "usr_alice").await.expect(201);
    // Another user's page confirms the same method before its owner does.
    let setup_intent = server.setup_intent("usr_bob").await;
    let client_secret = setup_intent["clientSecret"].as_str().expect("a client secret");
    stripe.confirm_with(client_secret, &id).await;
    stripe.pass_challenge(client_secret).await;
    let report = sweep_both_ways(&server).await;
    let [found] = report.contradictions.as_slice() else {
        panic!("there is one contradiction: {report:?}");
    };
    assert_eq!(found.payment_method.as_str(), id);
    assert_eq!(found.user.as_str(), "usr_bob");
    assert_eq!(found.kind, ContradictionKind::OfAnotherUser);
    let setup_intents = stripe.setup_intents().await;
    let of_bob = setup_intents
        .iter()
        .find(|made| made["id"] == setup_intent_of(client_secret));
    assert_eq!(of_bob.expect("bob's setup intent")["status"], "succeeded");
    assert_eq!(stripe.effect("payment_method.detached").await, 0);
}

async fn what_an_operation_works_on_is_left_to_it(backend: Backend) {
    let server = Server::with(backend).call_timeout(CALL_TIMEOUT).start().await;
    let stripe = server.stripe("demo");
    let id = server.saved_card("usr_alice").await;
    break_next(
        &stripe,
        ("error_500_before", 2),
        "POST",
        "/v1/payment_methods/*/detach",
    )
    .await;
    assert_unavailable(&server.delete(&id).await, "the detachment is not known");
    let report = sweep_both_ways(&server).await;
    assert_eq!(texts(&report.in_operation), [id.as_str()]);
    assert_eq!(report.contradictions, []);

    let open = server.service().open_operations(&demo()).await;
    let open = open.expect("operations can be listed");
    assert_eq!(open.len(), 1);
    assert_eq!(
        (open[0].kind, open[0].subject.as_str(), open[0].step.as_deref()),
        (
            "deletePaymentMethod",
            format!("paymentMethod:{id}").as_str(),
            Some("detach")
        )
    );
    let ended = server
        .service()
        .end_open_operations(&demo(), std::time::Duration::from_secs(10))
        .await
        .expect("operations can be ended");
    assert_eq!((ended.ended, ended.open), (1, Vec::new()));
    assert_eq!(stripe.payment_method(&id).await["customer"], Value::Null);
    let after = sweep(&server, false).await;
    assert_eq!(after, nothing_but(after.clone()));
}
