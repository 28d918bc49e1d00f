//! A Stripe that hangs keeps no connection to the database from those who need one.

use std::{sync::Arc, time::Duration};

use billfold_test_support::wait_for;
use serde_json::json;

use crate::support::{Backend, Server, on_every_database};

on_every_database!(no_connection_is_held_while_stripe_is_waited_for);

/// More than the test's server has connections for writing.
const WAITING: usize = 6;

const WITHIN: Duration = Duration::from_secs(20);

async fn no_connection_is_held_while_stripe_is_waited_for(backend: Backend) {
    let server = Arc::new(Server::start(backend).await);
    let stripe = server.stripe("demo");
    let saved = server.saved_card("usr_quick").await;
    let mut cards = Vec::new();
    for _ in 0..WAITING {
        cards.push(stripe.card("4242424242424242").await);
    }
    // Each user has a customer already, so that what hangs is the look at the method, the first call of a saving.
    stripe
        .fault(json!({
            "kind": "delay", "method": "GET", "path": "/v1/payment_methods/", "milliseconds": 5_000, "count": WAITING
        }))
        .await;
    stripe.reset_request_count().await;
    let waiting: Vec<_> = cards
        .into_iter()
        .enumerate()
        .map(|(number, card)| {
            let server = Arc::clone(&server);
            tokio::spawn(async move { server.save(&card, &format!("usr_{number}")).await })
        })
        .collect();
    wait_for(WITHIN, "every saving to wait for Stripe", async || {
        (stripe.request_count().await >= WAITING as u64).then_some(())
    })
    .await;
    server.delete(&saved).await.expect(200);
    assert!(
        waiting.iter().all(|saving| !saving.is_finished()),
        "the deletion had to wait for a saving, or the savings did not wait"
    );
    for saving in waiting {
        saving.await.expect("a saving should not panic").expect(201);
    }
}
