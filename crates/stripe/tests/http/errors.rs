//! Every refusal of Stripe's, by its own error.

use std::time::Duration;

use billfold_domain::{CustomerId, PaymentMethodId, SetupIntentId, SetupIntentStatus};
use billfold_stripe::{EventId, MissingResource, Outcome, RateLimitReason, StripeError, UnknownReason};
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use crate::{
    fixtures::{answer, error, final_answer, invalid_request, server_error, setup_intent},
    setup_intents::create,
    support::{Stripe, key},
};

/// What a detach makes of an answer, which no repetition follows.
pub(crate) async fn refusal(status: u16, body: &Value) -> StripeError {
    let stripe = Stripe::answering([final_answer(status, body)]).await;
    let id = PaymentMethodId::parse("pm_1Wren").unwrap();
    let error = stripe
        .account()
        .detach_payment_method(&id, &key("k"))
        .await
        .unwrap_err();
    assert_eq!(stripe.received().await.len(), 1);
    error
}

#[tokio::test]
async fn what_is_missing_is_named() {
    let missing = |param: Option<&str>| {
        let fields = json!({"code": "resource_missing", "param": param,
            "doc_url": "https://stripe.com/docs/error-codes/resource-missing"});
        answer(404, &invalid_request("No such thing: 'x_1Wren'", &fields))
    };
    let resource = |error: StripeError| {
        assert_eq!(error.outcome(), Outcome::Definite);
        match error {
            StripeError::ResourceMissing { resource } => resource,
            other => panic!("{other:?} says what is missing"),
        }
    };

    let stripe = Stripe::answering([missing(Some("id"))]).await;
    let id = CustomerId::parse("cus_Wren").unwrap();
    let error = stripe.account().retrieve_customer(&id).await.unwrap_err();
    assert_eq!(resource(error), MissingResource::Customer);

    let stripe = Stripe::answering([missing(Some("intent"))]).await;
    let id = SetupIntentId::parse("seti_1Wren").unwrap();
    let error = stripe.account().retrieve_setup_intent(&id).await.unwrap_err();
    assert_eq!(resource(error), MissingResource::SetupIntent);

    let id = PaymentMethodId::parse("pm_1Wren").unwrap();
    for param in [Some("payment_method"), Some("id"), None] {
        let stripe = Stripe::answering([missing(param)]).await;
        let error = stripe.account().retrieve_payment_method(&id).await.unwrap_err();
        assert_eq!(resource(error), MissingResource::PaymentMethod);
    }

    let stripe = Stripe::answering([missing(Some("id"))]).await;
    let id = EventId::parse("evt_1Wren").unwrap();
    let error = stripe.account().retrieve_event(&id).await.unwrap_err();
    assert_eq!(resource(error), MissingResource::Event);

    for (param, expected) in [
        ("customer", MissingResource::Customer),
        ("payment_method", MissingResource::PaymentMethod),
        ("mandate", MissingResource::Other("mandate".into())),
    ] {
        let fields = json!({"code": "resource_missing", "param": param});
        let stripe = Stripe::answering([final_answer(400, &invalid_request("No such thing", &fields))]).await;
        assert_eq!(
            resource(create(&stripe, Some("pm_1Wren")).await.unwrap_err()),
            expected
        );
    }
}

#[tokio::test]
async fn refusals_without_a_code_are_told_by_their_words() {
    let kind =
        async |message: &str, fields: Value| refusal(400, &invalid_request(message, &fields)).await.kind();
    assert_eq!(
        kind(
            "The payment method you provided has already been attached to a customer.",
            json!({})
        )
        .await,
        "already_attached"
    );
    let not_this_customers = "The customer does not have a payment method with the ID pm_1Wren. \
        The payment method must be attached to the customer.";
    let fields = json!({"code": "resource_missing", "param": "payment_method"});
    assert_eq!(kind(not_this_customers, fields).await, "already_attached");
    let used = "This PaymentMethod was previously used without being attached to a Customer or was detached \
        from a Customer, and may not be used again.";
    assert_eq!(kind(used, json!({})).await, "not_reusable");
    let used = "The provided PaymentMethod was previously used with a PaymentIntent without Customer attachment, \
        shared with a connected account without Customer attachment, or was detached from a Customer. It may not \
        be used again. To use a PaymentMethod multiple times, you must attach it to a Customer first.";
    assert_eq!(kind(used, json!({})).await, "not_reusable");
    let loose = "The payment method you provided is not attached to a customer so detachment is impossible.";
    assert_eq!(kind(loose, json!({})).await, "not_attached");
    let loose = "You must save this PaymentMethod to a customer before you can update it.";
    assert_eq!(kind(loose, json!({})).await, "not_attached");
}

#[tokio::test]
async fn a_setup_intent_in_another_state_comes_along() {
    let fields = json!({
        "code": "setup_intent_unexpected_state",
        "doc_url": "https://stripe.com/docs/error-codes/setup-intent-unexpected-state",
        "setup_intent": setup_intent("succeeded", Some("pm_1Wren"))
    });
    let message = "You cannot cancel this SetupIntent because it has a status of succeeded.";
    let stripe = Stripe::answering([final_answer(400, &invalid_request(message, &fields))]).await;
    let id = SetupIntentId::parse("seti_1Wren").unwrap();
    let error = stripe
        .account()
        .cancel_setup_intent(&id, &key("k"))
        .await
        .unwrap_err();
    assert_eq!(error.outcome(), Outcome::Definite);
    let StripeError::UnexpectedState {
        setup_intent: Some(seen),
    } = error
    else {
        panic!("{error:?} has the setup intent");
    };
    assert_eq!(seen.id, id);
    assert_eq!(seen.status, SetupIntentStatus::Succeeded);

    let fields = json!({"code": "setup_intent_unexpected_state", "setup_intent": {"id": 1}});
    let error = refusal(400, &invalid_request(message, &fields)).await;
    assert!(
        matches!(error, StripeError::UnexpectedState { setup_intent: None }),
        "{error:?}"
    );
}

#[tokio::test]
async fn idempotency_faults_are_told_apart() {
    let reused = error(
        "idempotency_error",
        "Keys for idempotent requests can only be used with the same parameters they were first used with.",
        &json!({}),
    );
    let reused = refusal(400, &reused).await;
    assert!(matches!(reused, StripeError::IdempotencyKeyReused), "{reused:?}");
    assert_eq!(reused.outcome(), Outcome::Definite);

    let running = error(
        "idempotency_error",
        "There is currently another in-progress request using this Idempotent Key.",
        &json!({"code": "idempotency_key_in_use"}),
    );
    let running = refusal(409, &running).await;
    assert!(matches!(running, StripeError::IdempotencyKeyInUse), "{running:?}");
    assert_eq!(running.outcome(), Outcome::Unknown);
}

#[tokio::test]
async fn limits_say_how_long_and_of_what() {
    let limited = invalid_request("Request rate limit exceeded.", &json!({"code": "rate_limit"}));
    let stripe = Stripe::answering([final_answer(429, &limited).insert_header("Retry-After", "7")]).await;
    let error = create(&stripe, None).await.unwrap_err();
    assert_eq!(error.outcome(), Outcome::NotApplied);
    assert_eq!(error.retry_after(), Some(Duration::from_secs(7)));
    assert!(matches!(
        error,
        StripeError::RateLimited {
            reason: RateLimitReason::Requests,
            ..
        }
    ));

    let locked = invalid_request(
        "This object cannot be accessed right now.",
        &json!({"code": "lock_timeout"}),
    );
    for status in [409, 429] {
        let error = refusal(status, &locked).await;
        assert!(
            matches!(
                error,
                StripeError::RateLimited {
                    reason: RateLimitReason::ObjectLocked,
                    retry_after: None
                }
            ),
            "{error:?}"
        );
    }

    let stripe =
        Stripe::answering([final_answer(429, &limited).insert_header("Retry-After", "99999999999")]).await;
    let error = create(&stripe, None).await.unwrap_err();
    assert_eq!(
        error.retry_after(),
        Some(Duration::from_hours(1)),
        "a wild wait is not believed"
    );
}

#[tokio::test]
async fn a_request_that_stripe_finds_invalid_says_where_and_shows_nothing_of_its_text() {
    let fields = json!({"code": "parameter_unknown", "param": "metadata[project]"});
    let error = refusal(
        400,
        &invalid_request("Received unknown parameter: sk_leak", &fields),
    )
    .await;
    assert_eq!(error.outcome(), Outcome::Definite);
    assert!(!format!("{error} {error:?}").contains("sk_leak"));
    let StripeError::InvalidRequest { code, param } = error else {
        panic!("the request is invalid");
    };
    assert_eq!(code.as_deref(), Some("parameter_unknown"));
    assert_eq!(param.as_deref(), Some("metadata[project]"));
}

#[tokio::test]
async fn a_5xx_is_unknown_and_completed_only_when_stripe_itself_answered() {
    for status in [424, 500, 502, 503, 599] {
        let error = refusal(status, &server_error()).await;
        assert_eq!(error.outcome(), Outcome::Unknown);
        assert!(
            matches!(
                error,
                StripeError::Unknown { completed: true, reason: UnknownReason::ServerError { status: s }, .. }
                if s == status
            ),
            "{error:?}"
        );
    }
    let page = ResponseTemplate::new(502)
        .set_body_string("<html>Bad Gateway</html>")
        .insert_header("Stripe-Should-Retry", "false");
    let stripe = Stripe::answering([page]).await;
    let error = create(&stripe, None).await.unwrap_err();
    assert!(
        matches!(
            error,
            StripeError::Unknown {
                completed: false,
                reason: UnknownReason::ServerError { status: 502 },
                ..
            }
        ),
        "a proxy does not know whether Stripe has finished: {error:?}"
    );
}

#[tokio::test]
async fn an_answer_that_cannot_be_understood_is_unknown() {
    let mut no_status = setup_intent("succeeded", None);
    no_status.as_object_mut().unwrap().remove("status");
    let mut bad_id = setup_intent("succeeded", None);
    bad_id["id"] = json!("seti/../../etc");
    for template in [
        answer(200, &no_status),
        answer(200, &bad_id),
        answer(200, &setup_intent("dreaming", None)),
        answer(200, &json!([])),
        ResponseTemplate::new(200),
        ResponseTemplate::new(200).set_body_string("<html>"),
        ResponseTemplate::new(200).set_body_string("[".repeat(100_000)),
        ResponseTemplate::new(404).set_body_string("<html>"),
        ResponseTemplate::new(400).set_body_string("{\"error\": 1}"),
    ] {
        let stripe = Stripe::answering([template]).await;
        let error = create(&stripe, None).await.unwrap_err();
        assert!(
            matches!(
                error,
                StripeError::Unknown {
                    completed: false,
                    reason: UnknownReason::Unreadable,
                    ..
                }
            ),
            "{error:?}"
        );
        assert_eq!(stripe.received().await.len(), 1);
    }
}
