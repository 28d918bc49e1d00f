//! Stripe refuses calls as too many: the account is called slower, and by turns, and nothing is lost or doubled.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use billfold_service::PacingOptions;
use billfold_test_support::wait_for;
use serde_json::json;
use tokio::task::JoinHandle;

use super::stripe_faults::{assert_one_effect, assert_unavailable};
use crate::support::{Backend, Response, Server, on_every_database, stripe::StripeAccount};

on_every_database!(
    after_refusals_an_account_is_called_slower_and_recovers,
    a_user_who_saves_much_keeps_no_other_waiting,
    whoever_gets_no_turn_is_told_to_come_again,
);

const WITHIN: Duration = Duration::from_mins(1);

/// How many calls the first saving of a user makes: it looks, and makes a customer and a setup intent.
const CALLS: u64 = 3;

/// So many calls a second that the busiest machine makes more, and that they are waited for as long as need be.
fn pacing(rate: u32) -> PacingOptions {
    PacingOptions {
        test: rate,
        patience: WITHIN,
        recovery: Duration::from_secs(12),
        ..PacingOptions::default()
    }
}

/// Begins to save cards of demo, each of the user that is told for it.
fn save(server: &Arc<Server>, cards: Vec<(String, String)>) -> Vec<JoinHandle<Response>> {
    let saving = |(card, user): (String, String)| {
        let server = Arc::clone(server);
        tokio::spawn(async move { server.save(&card, &user).await })
    };
    cards.into_iter().map(saving).collect()
}

/// So many new cards, each of a user of their own.
async fn cards(stripe: &StripeAccount, number: usize) -> Vec<(String, String)> {
    let mut cards = Vec::new();
    for user in 0..number {
        cards.push((stripe.card("4242424242424242").await, format!("usr_{user}")));
    }
    cards
}

/// Tries until the card is saved.
async fn save_in_the_end(server: &Server, card: &str, user: &str) {
    wait_for(WITHIN, "the card to be saved", async || {
        let answer = server.save(card, user).await;
        matches!(answer.status, 200 | 201).then_some(())
    })
    .await;
}

async fn after_refusals_an_account_is_called_slower_and_recovers(backend: Backend) {
    const RATE: u32 = 8;
    let server = Arc::new(Server::with(backend).pacing(pacing(RATE)).start().await);
    let stripe = server.stripe("demo");
    let cards = cards(&stripe, 8).await;
    let account = stripe.account_name().await;
    assert_eq!(server.service().pacing().accounts_slowed, 0);
    let fault = json!({ "kind": "rate_limit_429", "path": "/v1/", "account": account, "count": 3 });
    stripe.fault(fault).await;
    let ordered_at = Instant::now();
    let saving = save(&server, cards.clone());
    wait_for(WITHIN, "the account to be called slower", async || {
        (server.service().pacing().accounts_slowed == 1).then_some(())
    })
    .await;
    let (slowed_at, before) = (Instant::now(), stripe.request_count().await);

    // Another account goes on at its own pace.
    let acme = server.save_in("acme", "pm_card_visa", "usr_alice").await;
    acme.expect(201);
    assert!(server.service().pacing().accounts_slowed <= 1);

    let mut unsaved = Vec::new();
    for (saving, card) in saving.into_iter().zip(&cards) {
        let answer = saving.await.expect("a saving should not panic");
        if answer.status != 201 {
            // Both sends of one call were refused.
            assert_unavailable(&answer, &card.1);
            unsaved.push(card.clone());
        }
    }
    let made = stripe.request_count().await - before;
    // At half the rate, and a twelfth of the whole more each second since it was halved, which is not before the refusals were
    // ordered. One may have been on its way.
    let (from, until) = (slowed_at - ordered_at, ordered_at.elapsed());
    let (from, until) = (from.as_secs_f64(), until.as_secs_f64());
    let by_then = |seconds: f64| f64::from(RATE) * (seconds / 2.0 + seconds * seconds / 24.0);
    let most = by_then(until) - by_then(from) + 2.0;
    let made = f64::from(u32::try_from(made).expect("there are few"));
    assert!(
        made <= most,
        "{made} calls from {from} to {until} s, and {most} at most"
    );

    wait_for(WITHIN, "the rate to recover", async || {
        let pacing = server.service().pacing();
        (pacing.accounts_slowed == 0 && pacing.requests_waiting == 0).then_some(())
    })
    .await;
    assert_eq!(
        stripe.clear_faults().await,
        0,
        "not all was refused that should be"
    );
    for (card, user) in &unsaved {
        save_in_the_end(&server, card, user).await;
    }
    for (card, user) in &cards {
        assert_one_effect(&stripe, user, card, user).await;
    }
}

async fn a_user_who_saves_much_keeps_no_other_waiting(backend: Backend) {
    const MUCH: usize = 30;
    const LINE: usize = 24;
    let server = Arc::new(Server::with(backend).pacing(pacing(2)).start().await);
    let stripe = server.stripe("demo");
    let much = (0..MUCH).map(|_| "usr_much".to_owned());
    let cards = cards(&stripe, MUCH + 1).await.into_iter().map(|(card, _)| card);
    let mut cards: Vec<String> = cards.collect();
    let one = cards.pop().expect("there are some");
    let saving = save(&server, cards.into_iter().zip(much).collect());
    wait_for(WITHIN, "a line of one user's calls", async || {
        (server.service().pacing().requests_waiting >= LINE).then_some(())
    })
    .await;
    let before = stripe.request_count().await;
    server.save(&one, "usr_little").await.expect(201);
    let made = stripe.request_count().await - before;
    // By turns the other user has one call for each of these, and a few more while this one looks into the database. One after
    // the other, all that waited would have gone first.
    assert!(made < LINE as u64 && made >= CALLS, "{made} calls");
    for saving in saving {
        saving.abort();
    }
}

async fn whoever_gets_no_turn_is_told_to_come_again(backend: Backend) {
    let pacing = PacingOptions {
        waiting: 1,
        ..pacing(1)
    };
    let server = Arc::new(Server::with(backend).pacing(pacing).start().await);
    let stripe = server.stripe("demo");
    let cards = cards(&stripe, 4).await;
    let saving = save(&server, cards.clone());
    let mut refused = 0;
    for saving in saving {
        let answer = saving.await.expect("a saving should not panic");
        if answer.status != 201 {
            assert_unavailable(&answer, "without a turn");
            refused += 1;
        }
    }
    assert!(refused > 0, "every call had its turn");
    for (card, user) in &cards {
        save_in_the_end(&server, card, user).await;
        assert_one_effect(&stripe, user, card, user).await;
    }
}
