//! Two sends at most, with one key, and what is known after them.

use std::time::{Duration, Instant};

use billfold_domain::{PaymentMethodId, SetupIntentStatus};
use billfold_stripe::{Outcome, StripeError, UnknownReason};
use serde_json::json;

use crate::{
    fixtures::{answer, error, final_answer, invalid_request, payment_method, server_error, setup_intent},
    setup_intents::create,
    support::Stripe,
};

/// The key of every request that came.
async fn keys(stripe: &Stripe) -> Vec<String> {
    let requests = stripe.received().await;
    requests
        .iter()
        .map(|request| request.header("idempotency-key").unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn a_passing_fault_is_repeated_once_with_the_same_key_and_the_same_form() {
    let in_use = error(
        "idempotency_error",
        "In progress.",
        &json!({"code": "idempotency_key_in_use"}),
    );
    let limited = invalid_request("Too many.", &json!({"code": "rate_limit"}));
    for (status, body) in [(409, in_use), (429, limited)] {
        let stripe = Stripe::answering([
            answer(status, &body),
            final_answer(200, &setup_intent("succeeded", Some("pm_1Wren"))),
        ])
        .await;
        let made = create(&stripe, Some("pm_1Wren")).await.unwrap();
        assert_eq!(made.status, SetupIntentStatus::Succeeded);
        assert_eq!(keys(&stripe).await, ["op.setup.0", "op.setup.0"], "{status}");
        let requests = stripe.received().await;
        assert_eq!(requests[0].form(), requests[1].form());
    }
}

/// A failure of Stripe's own that it says may be repeated.
fn passing_server_error() -> wiremock::ResponseTemplate {
    answer(500, &server_error()).insert_header("Stripe-Should-Retry", "true")
}

#[tokio::test]
async fn a_lasting_fault_is_sent_twice_and_no_more() {
    let stripe = Stripe::answering([passing_server_error(), passing_server_error()]).await;
    let error = create(&stripe, None).await.unwrap_err();
    assert!(is_kept_failure(&error), "{error:?}");
    assert_eq!(keys(&stripe).await.len(), 2);
}

#[tokio::test]
async fn a_failure_that_stripe_keeps_is_not_asked_for_again() {
    for status in [500, 503] {
        let stripe = Stripe::answering([answer(status, &server_error())]).await;
        let error = create(&stripe, None).await.unwrap_err();
        assert!(is_kept_failure(&error), "{error:?}");
        assert_eq!(keys(&stripe).await.len(), 1, "{status}");
    }
}

fn is_kept_failure(error: &StripeError) -> bool {
    matches!(
        error,
        StripeError::Unknown {
            completed: true,
            reason: UnknownReason::ServerError { .. },
            ..
        }
    )
}

#[tokio::test]
async fn reads_are_repeated_too_and_have_no_key() {
    let stripe = Stripe::answering([
        answer(500, &server_error()),
        answer(200, &payment_method("pm_1Wren", None)),
    ])
    .await;
    let id = PaymentMethodId::parse("pm_1Wren").unwrap();
    stripe.account().retrieve_payment_method(&id).await.unwrap();
    let requests = stripe.received().await;
    assert_eq!(requests.len(), 2);
    assert!(
        requests
            .iter()
            .all(|request| request.header("idempotency-key").is_none())
    );
}

#[tokio::test]
async fn stripes_own_word_decides() {
    let told_not_to = answer(500, &server_error()).insert_header("Stripe-Should-Retry", "false");
    let stripe = Stripe::answering([told_not_to]).await;
    create(&stripe, None).await.unwrap_err();
    assert_eq!(keys(&stripe).await.len(), 1);

    let told_to =
        answer(400, &invalid_request("Not now.", &json!({}))).insert_header("Stripe-Should-Retry", "true");
    let stripe = Stripe::answering([
        told_to,
        final_answer(200, &setup_intent("requires_payment_method", None)),
    ])
    .await;
    create(&stripe, None).await.unwrap();
    assert_eq!(keys(&stripe).await.len(), 2);
}

#[tokio::test]
async fn a_wait_that_stripe_asks_for_is_kept() {
    let limited = answer(429, &invalid_request("Too many.", &json!({}))).insert_header("Retry-After", "1");
    let stripe = Stripe::with_options(
        [
            limited,
            final_answer(200, &setup_intent("requires_payment_method", None)),
        ],
        |options| options.retry_cap = Duration::from_millis(60),
    )
    .await;
    let started = Instant::now();
    create(&stripe, None).await.unwrap();
    assert!(
        started.elapsed() >= Duration::from_millis(60),
        "the wait is cut at the cap, not skipped"
    );
    assert_eq!(keys(&stripe).await.len(), 2);
}

#[tokio::test]
async fn a_wait_that_would_pass_the_deadline_is_not_begun() {
    let limited = answer(429, &invalid_request("Too many.", &json!({}))).insert_header("Retry-After", "3600");
    let stripe = Stripe::with_options([limited], |options| {
        options.retry_cap = Duration::from_hours(1);
    })
    .await;
    let error = create(&stripe, None).await.unwrap_err();
    assert!(matches!(error, StripeError::RateLimited { .. }), "{error:?}");
    assert_eq!(keys(&stripe).await.len(), 1);
}

#[tokio::test]
async fn what_the_second_send_did_not_do_the_first_may_have_done() {
    let limited = invalid_request("Too many.", &json!({"code": "rate_limit"}));
    let stripe = Stripe::answering([passing_server_error(), answer(429, &limited)]).await;
    let error = create(&stripe, None).await.unwrap_err();
    assert_eq!(error.outcome(), Outcome::Unknown, "{error:?}");
    assert!(
        matches!(error, StripeError::Unknown { completed: true, .. }),
        "{error:?}"
    );

    let refused = error_of_card();
    let stripe = Stripe::answering([passing_server_error(), final_answer(402, &refused)]).await;
    let error = create(&stripe, None).await.unwrap_err();
    assert!(
        matches!(error, StripeError::Card(_)),
        "a definite answer settles it: {error:?}"
    );

    let stripe = Stripe::answering([answer(429, &limited), answer(429, &limited)]).await;
    let error = create(&stripe, None).await.unwrap_err();
    assert_eq!(
        error.outcome(),
        Outcome::NotApplied,
        "neither did anything: {error:?}"
    );
}

fn error_of_card() -> serde_json::Value {
    error(
        "card_error",
        "Your card was declined.",
        &json!({"code": "card_declined"}),
    )
}
