//! Limits on what card testers are after: setup intents and refused cards. They are exact, and nobody gets around them.

use std::{num::NonZeroU32, sync::Arc};

use billfold_domain::RateLimit;
use billfold_service::RateLimitOptions;
use serde_json::json;

use crate::support::{Backend, Response, Server, on_every_database, webhooks::event};

on_every_database!(
    so_many_cards_of_a_user_are_refused_and_no_more,
    cards_that_are_not_refused_cost_nothing,
    racing_cards_never_pass_the_limit,
    a_kept_refusal_is_given_again_for_nothing,
    so_many_setup_intents_are_made_and_no_more,
    cards_that_a_page_tries_count_too,
    all_users_together_have_a_limit,
);

const REFUSED: &str = "pm_card_chargeDeclined";

fn hourly(quota: u32) -> RateLimit {
    let hour = NonZeroU32::new(3_600).expect("an hour is not 0");
    RateLimit::new(NonZeroU32::new(quota).expect("not 0"), hour)
}

async fn start(backend: Backend, options: RateLimitOptions) -> Server {
    Server::with(backend).rate_limits(options).start().await
}

fn failed_cards(quota: u32) -> RateLimitOptions {
    RateLimitOptions {
        failed_cards: hourly(quota),
        ..RateLimitOptions::out_of_the_way()
    }
}

/// A refusal for a limit of so many in an hour, of which none comes back before its share of the hour is over.
#[track_caller]
fn assert_limited(answer: &Response, policy: &str, quota: u32) {
    assert_eq!(answer.status, 429, "{}", answer.text());
    let policy_text = format!("\"{policy}\";q={quota};w=3600");
    assert_eq!(answer.header("RateLimit-Policy"), Some(policy_text.as_str()));
    let seconds = answer.header("Retry-After").expect("a time to wait");
    let state = format!("\"{policy}\";r=0;t={seconds}");
    assert_eq!(answer.header("RateLimit"), Some(state.as_str()));
    let seconds: u32 = seconds.parse().expect("whole seconds");
    assert!((1..=3_600 / quota).contains(&seconds), "{seconds}");
}

async fn so_many_cards_of_a_user_are_refused_and_no_more(backend: Backend) {
    let server = start(backend, failed_cards(3)).await;
    let stripe = server.stripe("demo");
    for _ in 0..2 {
        server.save(REFUSED, "usr_alice").await.expect(422);
    }
    // The third on the other face: it is the same user.
    let on_page = || {
        let request = server.account_request("POST", "usr_alice", "/payment-methods");
        request.json(&json!({ "id": REFUSED }))
    };
    on_page().send().await.expect(422);
    stripe.reset_request_count().await;
    assert_limited(&server.save(REFUSED, "usr_alice").await, "user-failed-cards", 3);
    assert_limited(&on_page().send().await, "user-failed-cards", 3);
    // Not even a good card is tried: which one is good is what a card tester wants to know.
    assert_limited(
        &server.save("pm_card_visa", "usr_alice").await,
        "user-failed-cards",
        3,
    );
    assert_limited(
        &server.setup_intent_answer("usr_alice").await,
        "user-failed-cards",
        3,
    );
    assert_eq!(stripe.request_count().await, 0, "Stripe was asked");

    server.save("pm_card_visa", "usr_bob").await.expect(201);
    let elsewhere = server.stripe("acme").card_of_token("tok_visa").await;
    server.save_in("acme", &elsewhere, "usr_alice").await.expect(201);
}

async fn cards_that_are_not_refused_cost_nothing(backend: Backend) {
    let server = start(backend, failed_cards(1)).await;
    for _ in 0..4 {
        let id = server.saved_card("usr_alice").await;
        server.save(&id, "usr_alice").await.expect(200);
        server.save("pm_nowhere", "usr_alice").await.expect(422);
        server.setup_intent("usr_alice").await;
        server.delete(&id).await.expect(200);
    }
    server.save(REFUSED, "usr_alice").await.expect(422);
    assert_limited(&server.save(REFUSED, "usr_alice").await, "user-failed-cards", 1);
}

async fn racing_cards_never_pass_the_limit(backend: Backend) {
    let server = Arc::new(start(backend, failed_cards(3)).await);
    let mut cards = Vec::new();
    for _ in 0..12 {
        cards.push(server.stripe("demo").card_of_token("tok_chargeDeclined").await);
    }
    let racing: Vec<_> = cards
        .into_iter()
        .map(|card| {
            let server = Arc::clone(&server);
            tokio::spawn(async move { server.save(&card, "usr_alice").await.status })
        })
        .collect();
    let mut refused = 0;
    for racer in racing {
        // A racer may also find that the user's customer is just being made, and is then none the worse for it.
        match racer.await.expect("a racer should not panic") {
            422 => refused += 1,
            status => assert!(matches!(status, 429 | 409), "{status}"),
        }
    }
    assert!((1..=3).contains(&refused), "{refused}");
    while refused < 3 {
        server.save(REFUSED, "usr_alice").await.expect(422);
        refused += 1;
    }
    assert_limited(&server.save(REFUSED, "usr_alice").await, "user-failed-cards", 3);
}

async fn a_kept_refusal_is_given_again_for_nothing(backend: Backend) {
    let server = start(backend, failed_cards(2)).await;
    let ask = async |key: &str| {
        let request = server.project_request("POST", "demo", "/paymentMethods").key(key);
        request
            .json(&json!({ "id": REFUSED, "user": "usr_alice" }))
            .send()
            .await
    };
    let first = ask("first").await.expect(422);
    for _ in 0..5 {
        let again = ask("first").await.expect(422);
        assert_eq!(again.header("Idempotency-Replayed"), Some("true"));
        assert_eq!(again.body, first.body);
    }
    ask("second").await.expect(422);
    // The limit is reached, which is no answer to keep.
    let limited = ask("third").await;
    assert_limited(&limited, "user-failed-cards", 2);
    assert_eq!(limited.header("Idempotency-Replayed"), None);
    assert_eq!(
        ask("third").await.expect(429).header("Idempotency-Replayed"),
        None
    );
    // What was answered before is answered still.
    assert_eq!(ask("first").await.expect(422).body, first.body);
}

async fn so_many_setup_intents_are_made_and_no_more(backend: Backend) {
    let options = RateLimitOptions {
        setup_intents: hourly(3),
        ..RateLimitOptions::out_of_the_way()
    };
    let server = start(backend, options).await;
    let keyed = async |key: &str| {
        let request = server.project_request("POST", "demo", "/setupIntents").key(key);
        request.json(&json!({ "user": "usr_alice" })).send().await
    };
    keyed("one").await.expect(201);
    keyed("one").await.expect(201);
    let on_page = || server.account_request("POST", "usr_alice", "/setup-intent");
    on_page().send().await.expect(201);
    // What is not made costs nothing.
    server
        .stripe("demo")
        .fault(json!({ "kind": "rate_limit_429", "method": "POST", "path": "/v1/setup_intents", "count": 2 }))
        .await;
    on_page().send().await.expect(503);
    on_page().send().await.expect(201);
    assert_limited(&on_page().send().await, "user-setup-intents", 3);
    assert_limited(&keyed("two").await, "user-setup-intents", 3);
    keyed("one").await.expect(201);
    assert_eq!(server.stripe("demo").effect("setup_intent.created").await, 3);
    server.setup_intent("usr_bob").await;
    // Saving is another matter.
    server.save("pm_card_visa", "usr_alice").await.expect(201);
}

async fn cards_that_a_page_tries_count_too(backend: Backend) {
    let server = start(backend, failed_cards(2)).await;
    let setup_intent = server.setup_intent("usr_alice").await;
    let id = setup_intent["id"].as_str().expect("an id");
    let told = |event_id: &str, kind: &str| event(event_id, &format!("setup_intent.{kind}"), id);
    for _ in 0..3 {
        server
            .deliver("demo", &told("evt_1", "setup_failed"))
            .await
            .expect(200);
    }
    server
        .deliver("demo", &told("evt_2", "canceled"))
        .await
        .expect(200);
    let stranger = event("evt_3", "setup_intent.setup_failed", "seti_nobodys");
    server.deliver("demo", &stranger).await.expect(200);
    // One event, however often it is told of: one is left.
    server.setup_intent("usr_alice").await;
    server
        .deliver("demo", &told("evt_4", "setup_failed"))
        .await
        .expect(200);
    server
        .deliver("demo", &told("evt_5", "setup_failed"))
        .await
        .expect(200);
    assert_limited(
        &server.setup_intent_answer("usr_alice").await,
        "user-failed-cards",
        2,
    );
    assert_limited(
        &server.save("pm_card_visa", "usr_alice").await,
        "user-failed-cards",
        2,
    );
    server.setup_intent("usr_bob").await;
}

async fn all_users_together_have_a_limit(backend: Backend) {
    let options = RateLimitOptions {
        project_failed_cards: hourly(3),
        ..failed_cards(2)
    };
    let server = start(backend, options).await;
    for user in ["usr_1", "usr_2", "usr_3"] {
        server.save(REFUSED, user).await.expect(422);
    }
    assert_limited(&server.save(REFUSED, "usr_4").await, "project-failed-cards", 3);
    let elsewhere = server.save_in("acme", "pm_card_visa", "usr_4").await;
    elsewhere.expect(201);
    // What the project is refused has cost the user nothing.
    let limited = server.save(REFUSED, "usr_1").await;
    assert_limited(&limited, "project-failed-cards", 3);
}
