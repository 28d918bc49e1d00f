//! What may be seen from outside: identifiers in the log, secrets nowhere.

use std::fmt::Write as _;

use billfold_stripe::StripeError;
use serde_json::json;
use tracing_subscriber::fmt::format::FmtSpan;

use crate::{
    fixtures::{CLIENT_SECRET, answer, error, final_answer, invalid_request, server_error, setup_intent},
    setup_intents::create,
    support::{SECRET_KEY, SharedText, Stripe, credentials},
};

#[tokio::test]
async fn the_log_has_the_request_identifier_the_route_and_no_secret() {
    let log = SharedText::default();
    let writer = log.clone();
    // While there is one subscriber only, whichever thread comes first by a line decides for all whether it is wanted: one of a
    // test that has no subscriber says no.
    let _another = tracing::Dispatch::new(tracing_subscriber::registry());
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_span_events(FmtSpan::FULL)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    let guard = tracing::subscriber::set_default(subscriber);

    let echo = invalid_request(&format!("Invalid API Key provided: {SECRET_KEY}"), &json!({}));
    let stripe = Stripe::answering([
        answer(500, &server_error()).insert_header("Stripe-Should-Retry", "true"),
        final_answer(200, &setup_intent("succeeded", Some("pm_1Wren"))),
        answer(401, &echo),
        final_answer(400, &echo),
        answer(200, &setup_intent(CLIENT_SECRET, None)),
    ])
    .await;
    create(&stripe, Some("pm_1Wren")).await.unwrap();
    for _ in 0..3 {
        create(&stripe, Some("pm_1Wren")).await.unwrap_err();
    }
    let id = billfold_domain::SetupIntentId::parse("seti_1Wren").unwrap();
    stripe.account().retrieve_setup_intent(&id).await.unwrap_err();
    drop(guard);

    let text = log.text();
    assert!(text.contains("request_id=\"req_Wren0000000001\""), "{text}");
    assert!(text.contains("path=\"/v1/setup_intents\""), "{text}");
    assert!(text.contains("path=\"/v1/setup_intents/{id}\""), "{text}");
    assert!(text.contains("method=POST"), "{text}");
    assert!(text.contains("status=500"), "{text}");
    assert!(text.contains("send=2"), "{text}");
    assert!(text.contains("duration_ms="), "{text}");
    // The span around each sending, as it is when it ends.
    for span in [
        r#"stripe_call{endpoint=POST /v1/setup_intents attempt=1 status=500 outcome="unknown"}"#,
        r#"stripe_call{endpoint=POST /v1/setup_intents attempt=2 status=200 outcome="ok"}"#,
        r#"stripe_call{endpoint=POST /v1/setup_intents attempt=1 status=401 outcome="unauthenticated"}"#,
        r#"stripe_call{endpoint=GET /v1/setup_intents/{id} attempt=1 status=418 outcome="unknown"}"#,
    ] {
        assert!(text.contains(span), "{span} is not in {text}");
    }
    for secret in [
        SECRET_KEY,
        CLIENT_SECRET,
        "aVerySecretKeyOfOurs",
        "QuillQuill",
        "seti_1Wren",
    ] {
        assert!(!text.contains(secret), "{secret} is in the log");
    }
}

#[tokio::test]
async fn nothing_shows_a_secret_when_it_is_printed() {
    let fields = json!({
        "code": "setup_intent_unexpected_state", "setup_intent": setup_intent("succeeded", None)
    });
    let echo = format!("The key {SECRET_KEY} and the secret {CLIENT_SECRET} are bad");
    let stripe = Stripe::answering([
        final_answer(200, &setup_intent("succeeded", None)),
        final_answer(400, &invalid_request(&echo, &fields)),
        final_answer(400, &invalid_request(&echo, &json!({}))),
        final_answer(401, &invalid_request(&echo, &json!({}))),
        final_answer(500, &error("api_error", &echo, &json!({}))),
    ])
    .await;
    let mut printed = format!("{:?} {:?}", credentials(), stripe.account());
    write!(printed, "{:?}", create(&stripe, None).await.unwrap()).unwrap();
    for _ in 0..4 {
        let error: StripeError = create(&stripe, None).await.unwrap_err();
        write!(printed, "{error} {error:?} {error:#?}").unwrap();
    }
    for secret in [SECRET_KEY, CLIENT_SECRET] {
        assert!(!printed.contains(secret), "{printed}");
    }
}
