//! Each request that is sent goes through the turnstile of whoever calls.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use billfold_stripe::{
    EventId, NotSentReason, Outcome, RateLimitReason, StripeError, Turn, Turnstile, UnknownReason,
};
use serde_json::json;
use tokio::time::Instant;
use wiremock::ResponseTemplate;

use crate::support::Stripe;

/// Lets so many through, and counts.
#[derive(Debug)]
struct Counting {
    lets_through: usize,
    asked: AtomicUsize,
    refused: AtomicUsize,
}

impl Counting {
    fn letting_through(number: usize) -> Arc<Self> {
        Arc::new(Self {
            lets_through: number,
            asked: AtomicUsize::new(0),
            refused: AtomicUsize::new(0),
        })
    }

    /// How many turns were asked for, and how many requests Stripe is said to have refused.
    fn seen(&self) -> (usize, usize) {
        (
            self.asked.load(Ordering::Relaxed),
            self.refused.load(Ordering::Relaxed),
        )
    }
}

impl Turnstile for Counting {
    fn turn(&self) -> Turn<'_> {
        let number = self.asked.fetch_add(1, Ordering::Relaxed);
        let lets_through = number < self.lets_through;
        Box::pin(async move { lets_through.then_some(()).ok_or(NotSentReason::Paced) })
    }

    fn refused(&self, _: Instant) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }
}

async fn look(stripe: &Stripe, turnstile: &Arc<Counting>) -> StripeError {
    let account = stripe
        .account()
        .through(Arc::clone(turnstile) as Arc<dyn Turnstile>);
    let id = EventId::parse("evt_1").unwrap();
    account.retrieve_event(&id).await.unwrap_err()
}

fn limited(code: &str) -> ResponseTemplate {
    let error = json!({ "error": { "type": "invalid_request_error", "code": code, "message": "Too much." } });
    ResponseTemplate::new(429).set_body_json(error)
}

#[tokio::test]
async fn each_of_both_sends_has_its_turn_and_each_refusal_is_told() {
    let stripe = Stripe::answering([limited("rate_limit"), limited("rate_limit")]).await;
    let turnstile = Counting::letting_through(2);
    let error = look(&stripe, &turnstile).await;
    assert!(matches!(error, StripeError::RateLimited { .. }), "{error:?}");
    assert_eq!(turnstile.seen(), (2, 2));
    assert_eq!(stripe.received().await.len(), 2);
}

#[tokio::test]
async fn what_one_object_is_too_busy_for_is_not_held_against_the_account() {
    let of_the_object =
        || limited("rate_limit").insert_header("Stripe-Rate-Limited-Reason", "resource-specific");
    let stripe = Stripe::answering([limited("lock_timeout"), of_the_object()]).await;
    let turnstile = Counting::letting_through(2);
    let error = look(&stripe, &turnstile).await;
    let reason = RateLimitReason::Object;
    assert!(
        matches!(error, StripeError::RateLimited { reason: found, .. } if found == reason),
        "{error:?}"
    );
    assert_eq!(turnstile.seen(), (2, 0));

    for reason in [
        "global-rate",
        "global-concurrency",
        "endpoint-rate",
        "endpoint-concurrency",
    ] {
        let of_the_account = || limited("rate_limit").insert_header("Stripe-Rate-Limited-Reason", reason);
        let stripe = Stripe::answering([of_the_account(), of_the_account()]).await;
        let turnstile = Counting::letting_through(2);
        look(&stripe, &turnstile).await;
        assert_eq!(turnstile.seen(), (2, 2), "{reason}");
    }
}

#[tokio::test]
async fn what_gets_no_turn_is_never_sent_and_does_not_ask_again() {
    let stripe = Stripe::answering([]).await;
    let turnstile = Counting::letting_through(0);
    let error = look(&stripe, &turnstile).await;
    assert!(
        matches!(error, StripeError::NotSent(NotSentReason::Paced)),
        "{error:?}"
    );
    assert_eq!(error.outcome(), Outcome::NotApplied);
    assert_eq!(turnstile.seen(), (1, 0));
    assert!(stripe.received().await.is_empty());
}

#[tokio::test]
async fn a_second_send_without_a_turn_does_not_hide_what_the_first_may_have_done() {
    let stripe = Stripe::answering([ResponseTemplate::new(500)]).await;
    let turnstile = Counting::letting_through(1);
    let error = look(&stripe, &turnstile).await;
    let reason = UnknownReason::ServerError { status: 500 };
    assert!(
        matches!(error, StripeError::Unknown { reason: found, .. } if found == reason),
        "{error:?}"
    );
    assert_eq!(turnstile.seen(), (2, 0));
    assert_eq!(stripe.received().await.len(), 1);
}
