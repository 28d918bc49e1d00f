//! What a client gives up on is ended all the same, without anyone asking again.

use std::time::Duration;

use billfold_test_support::wait_for;
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::{
    stripe_faults::{CALL_TIMEOUT, FAULTS, assert_unavailable, break_next},
    support::{Backend, Server, StripeAccount, on_every_database, server::project_id},
};

on_every_database!(
    what_was_begun_to_be_saved_is_saved,
    what_was_begun_to_be_deleted_is_detached,
    what_an_outage_leaves_is_ended_side_by_side,
    who_is_told_to_stop_claims_no_more,
);

/// A few rounds of the background work, on a busy machine.
const WITHIN: Duration = Duration::from_secs(30);

/// The faults after which nobody knows what was done.
fn unclear_faults() -> impl Iterator<Item = &'static (&'static str, u64)> {
    FAULTS
        .iter()
        .filter(|(kind, _)| ["hang_after", "reset_after", "hang_before", "error_500_before"].contains(kind))
}

async fn what_was_begun_to_be_saved_is_saved(backend: Backend) {
    let server = Server::with(backend)
        .call_timeout(CALL_TIMEOUT)
        .reconciling()
        .start()
        .await;
    let stripe = server.stripe("demo");
    for (number, fault) in unclear_faults().enumerate() {
        let context = fault.0;
        let user = format!("usr_{number}");
        let id = stripe.card("4242424242424242").await;
        break_next(&stripe, *fault, "POST", "/v1/setup_intents").await;
        assert_unavailable(&server.save(&id, &user).await, context);
        let saved = wait_for(WITHIN, context, async || {
            let answer = server.retrieve(&id).await;
            (answer.status == 200).then_some(answer)
        })
        .await;
        assert_eq!(saved.property("status"), "available", "{context}");
        assert_eq!(saved.property("user"), user, "{context}");
        assert_eq!(
            stripe.effect("setup_intent.created").await,
            number + 1,
            "{context}"
        );
        assert_eq!(
            stripe.effect("payment_method.attached").await,
            number + 1,
            "{context}"
        );
        stripe.clear_faults().await;
    }
}

async fn what_was_begun_to_be_deleted_is_detached(backend: Backend) {
    let server = Server::with(backend)
        .call_timeout(CALL_TIMEOUT)
        .reconciling()
        .start()
        .await;
    let stripe = server.stripe("demo");
    for (number, fault) in unclear_faults().enumerate() {
        let context = fault.0;
        let id = server.saved_card("usr_alice").await;
        break_next(&stripe, *fault, "POST", "/v1/payment_methods/*/detach").await;
        assert_unavailable(&server.delete(&id).await, context);
        server.retrieve(&id).await.expect(404);
        wait_for(WITHIN, context, async || {
            let customer = stripe.payment_method(&id).await["customer"].clone();
            (customer == Value::Null).then_some(())
        })
        .await;
        assert_eq!(
            stripe.effect("payment_method.detached").await,
            number + 1,
            "{context}"
        );
        stripe.clear_faults().await;
    }
}

async fn what_an_outage_leaves_is_ended_side_by_side(backend: Backend) {
    const LEFT: usize = 24;
    let server = Server::with(backend).reconciling().start().await;
    leave_open(&server, LEFT).await;
    // Each of them takes three calls: one after another, they would take more than half a minute.
    slow_down(&server.stripe("demo")).await;
    wait_for(WITHIN, "all of them to be saved", async || {
        let listed = server.list("?limit=200").await;
        let items = listed.json()["items"].as_array().map_or(0, Vec::len);
        (items == LEFT + 1).then_some(())
    })
    .await;
}

async fn who_is_told_to_stop_claims_no_more(backend: Backend) {
    const LEFT: usize = 24;
    let server = Server::start(backend).await;
    leave_open(&server, LEFT).await;
    let stripe = server.stripe("demo");
    // One was saved before the outage.
    let before = stripe.effect("setup_intent.created").await;
    slow_down(&stripe).await;
    let working = server.service().start_reconciler();
    wait_for(WITHIN, "the first to be driven", async || {
        (stripe.effect("setup_intent.created").await > before).then_some(())
    })
    .await;
    working.stop().await;
    // Those that were claimed have their end; the rest is for the next process.
    let open = server.service().open_operations(&project_id("demo")).await;
    let open = open.expect("the open operations").len();
    assert!((1..LEFT).contains(&open), "{open} of {LEFT} are open");
}

/// Asks for this many cards of one user to be saved while Stripe cannot be reached.
async fn leave_open(server: &Server, number: usize) {
    let stripe = server.stripe("demo");
    server.saved_card("usr_alice").await;
    let mut ids = Vec::new();
    for _ in 0..number {
        ids.push(stripe.card("4242424242424242").await);
    }
    break_next(&stripe, ("reset", 10_000), "POST", "/v1/setup_intents").await;
    let answers = join_all(ids.iter().map(|id| server.save(id, "usr_alice"))).await;
    for answer in answers {
        assert_unavailable(&answer, "the outage");
    }
    stripe.clear_faults().await;
}

/// Each call to Stripe takes half a second.
async fn slow_down(stripe: &StripeAccount) {
    stripe
        .fault(json!({ "kind": "delay", "count": 10_000, "path": "/v1/", "milliseconds": 500 }))
        .await;
}
