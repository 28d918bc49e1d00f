//! `Idempotency-Key`: requests with one key that meet.

use std::{collections::HashSet, time::Duration};

use billfold_test_support::wait_for;
use futures_util::future::join_all;
use serde_json::json;

use super::idempotency::{Keyed, assert_replayed};
use crate::support::{Backend, Response, Server, on_every_database};

on_every_database!(
    many_requests_with_one_key_have_one_effect_and_one_answer,
    many_setup_intents_with_one_key_are_one,
    while_the_first_is_under_way_others_are_told_to_wait,
    a_conflict_over_the_object_is_not_kept,
);

const ROUNDS: usize = 20;
const REQUESTS: usize = 100;
const WITHIN: Duration = Duration::from_secs(30);

async fn many_requests_with_one_key_have_one_effect_and_one_answer(backend: Backend) {
    let server = Server::start(backend).await;
    let stripe = server.stripe("demo");
    for round in 0..ROUNDS {
        let id = stripe.card("4242424242424242").await;
        let key = format!("round-{round}");
        let saving = Keyed::saving(&server, &key, &id);
        let answers = join_all((0..REQUESTS).map(|_| saving.send())).await;
        let mut bodies = HashSet::new();
        for answer in &answers {
            if answer.status != 409 {
                bodies.insert((answer.status, answer.text().to_owned()));
            }
        }
        assert_eq!(bodies.len(), 1, "{bodies:?}");
        let new =
            |answer: &&Response| answer.status == 201 && answer.header("Idempotency-Replayed").is_none();
        assert_eq!(answers.iter().filter(new).count(), 1);
        let after = saving.send().await.expect(201);
        assert!(bodies.contains(&(201, after.text().to_owned())));
        assert_eq!(after.header("Idempotency-Replayed"), Some("true"));
        let other = json!({ "id": id, "user": "usr_bob" });
        let other = Keyed::on_project(&server, "POST", "/paymentMethods", &key, Some(other));
        assert_eq!(other.send().await.expect(422).code(), "idempotencyKeyReused");
    }
    let effects = stripe.effects().await;
    assert_eq!(effects["setup_intent.created"], ROUNDS, "{effects:?}");
    assert_eq!(effects["payment_method.attached"], ROUNDS, "{effects:?}");
    assert_eq!(effects["customer.created"], 1, "{effects:?}");
}

async fn many_setup_intents_with_one_key_are_one(backend: Backend) {
    let server = Server::start(backend).await;
    for round in 0..3 {
        let key = format!("round-{round}");
        let making = Keyed::on_account(&server, "POST", "/setup-intent", &key, None);
        let answers = join_all((0..30).map(|_| making.send())).await;
        let told: HashSet<_> = answers
            .iter()
            .filter(|answer| answer.status != 409)
            .map(|answer| (answer.status, answer.text().to_owned()))
            .collect();
        assert_eq!(told.len(), 1, "{told:?}");
    }
    assert_eq!(server.stripe("demo").effect("setup_intent.created").await, 3);
}

async fn while_the_first_is_under_way_others_are_told_to_wait(backend: Backend) {
    let server = Server::start(backend).await;
    let stripe = server.stripe("demo");
    let id = stripe.card("4242424242424242").await;
    stripe
        .fault(json!({ "kind": "delay", "path": "/v1/setup_intents", "milliseconds": 2_000 }))
        .await;
    let saving = Keyed::saving(&server, "k", &id);
    stripe.reset_request_count().await;
    let (first, ()) = futures_util::join!(saving.send(), async {
        wait_for(WITHIN, "a call to Stripe", async || {
            (stripe.request_count().await > 0).then_some(())
        })
        .await;
        let second = saving.send().await.expect(409);
        assert_eq!(second.json()["type"], "conflict");
        assert!(second.header("Retry-After").is_some());
        let other = json!({ "id": id, "user": "usr_bob" });
        let other = Keyed::on_project(&server, "POST", "/paymentMethods", "k", Some(other));
        assert_eq!(other.send().await.expect(422).code(), "idempotencyKeyReused");
    });
    assert_eq!(first.header("Idempotency-Replayed"), None);
    let first = first.expect(201);
    assert_replayed(&first, &saving.send().await);
}

async fn a_conflict_over_the_object_is_not_kept(backend: Backend) {
    let server = Server::start(backend).await;
    let stripe = server.stripe("demo");
    let id = stripe.card("4242424242424242").await;
    stripe
        .fault(json!({ "kind": "delay", "path": "/v1/setup_intents", "milliseconds": 2_000 }))
        .await;
    let one = Keyed::saving(&server, "one", &id);
    let other = Keyed::saving(&server, "other", &id);
    stripe.reset_request_count().await;
    let (first, ()) = futures_util::join!(one.send(), async {
        wait_for(WITHIN, "a call to Stripe", async || {
            (stripe.request_count().await > 0).then_some(())
        })
        .await;
        // Twice: the key was given back at once.
        for _ in 0..2 {
            other.send().await.expect(409);
        }
    });
    first.expect(201);
    let second = other.send().await.expect(200);
    assert_eq!(second.header("Idempotency-Replayed"), None);
    assert_replayed(&second, &other.send().await);
}

/// Makes a saving whose key another request takes over while Stripe is at work, and gives both answers.
async fn taken_over(server: &Server, saving: &Keyed<'_>) -> (Response, Response) {
    let stripe = server.stripe("demo");
    stripe
        .fault(json!({ "kind": "delay", "path": "/v1/setup_intents", "milliseconds": 2_000 }))
        .await;
    stripe.reset_request_count().await;
    futures_util::join!(saving.send(), async {
        wait_for(WITHIN, "a call to Stripe", async || {
            (stripe.request_count().await > 0).then_some(())
        })
        .await;
        server
            .sql("update idempotency_keys set lease_expires_at = now() - interval '1 second'")
            .await;
        saving.send().await
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_was_taken_over_tells_no_answer_of_its_own() {
    let server = Server::start(Backend::Postgres).await;
    let id = server.stripe("demo").card("4242424242424242").await;
    let saving = Keyed::saving(&server, "k", &id);
    let (first, second) = taken_over(&server, &saving).await;
    // The second finds the operation held, and gives the key back without an answer; the first may not write one.
    second.expect(409);
    first.expect(409);
    let third = saving.send().await.expect(201);
    assert_eq!(third.header("Idempotency-Replayed"), None);
    assert_replayed(&third, &saving.send().await);
    assert_eq!(server.stripe("demo").effect("setup_intent.created").await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_was_taken_over_tells_the_answer_of_the_other() {
    let server = Server::start(Backend::Postgres).await;
    let id = server.stripe("demo").card("4242424242424242").await;
    let saving = Keyed::saving(&server, "k", &id);
    // Another request, on another instance, takes the key over and writes its answer just before this one does.
    let body = r#"{"object":"error","type":"invalid","code":"propertyInvalid","message":"From another."}"#;
    server
        .sql(&format!(
            "create function answer() returns trigger language plpgsql as $$ begin \
             update idempotency_keys set fence = fence + 1, status = 422, body = '{body}'; return null; end $$; \
             create trigger answer after insert on payment_methods execute function answer()"
        ))
        .await;
    for _ in 0..2 {
        let told = saving.send().await.expect(422);
        assert_eq!(told.text(), body);
        assert_eq!(told.header("Idempotency-Replayed"), Some("true"));
    }
}
