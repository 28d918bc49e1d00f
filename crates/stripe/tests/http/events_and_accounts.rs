use billfold_domain::{StripeAccountId, UtcTimestamp};
use billfold_stripe::{EventId, EventQuery, EventType, KeyMode, StripeError};
use serde_json::json;

use crate::{
    fixtures::{CREATED, answer, event, invalid_request, list, payment_method, setup_intent},
    support::{Stripe, pairs},
};

#[tokio::test]
async fn an_event_is_read_without_its_payload() {
    let mut body = event("payment_method.detached", &payment_method("pm_1Wren", None));
    body["account"] = json!("acct_1Wren");
    body["data"]["previous_attributes"] = json!({"customer": "cus_Wren"});
    let stripe = Stripe::answering([answer(200, &body)]).await;
    let seen = stripe
        .account()
        .retrieve_event(&EventId::parse("evt_1Wren").unwrap())
        .await
        .unwrap();
    assert_eq!(seen.id.as_str(), "evt_1Wren");
    assert_eq!(seen.event_type, EventType::PaymentMethodDetached);
    assert_eq!(seen.object.id.as_deref(), Some("pm_1Wren"));
    assert_eq!(&*seen.object.object_type, "payment_method");
    assert_eq!(seen.account, Some(StripeAccountId::parse("acct_1Wren").unwrap()));
    assert_eq!(seen.created, UtcTimestamp::from_seconds(CREATED));
    assert_eq!(seen.api_version.as_deref(), Some("2026-06-24.dahlia"));
    assert!(!seen.livemode);
    assert_eq!(stripe.only_received().await.line(), "GET /v1/events/evt_1Wren");
}

#[tokio::test]
async fn undelivered_events_are_listed_of_the_types_that_count() {
    let data = [event(
        "setup_intent.succeeded",
        &setup_intent("succeeded", Some("pm_1Wren")),
    )];
    let stripe = Stripe::answering([answer(200, &list("/v1/events", &data, true))]).await;
    let query = EventQuery {
        delivery_success: Some(false),
        created_gte: Some(UtcTimestamp::from_seconds(CREATED)),
        starting_after: Some(&EventId::parse("evt_2Wren").unwrap()),
    };
    let page = stripe.account().list_events(&query).await.unwrap();
    assert!(page.has_more);
    assert_eq!(page.items[0].event_type, EventType::SetupIntentSucceeded);
    let request = stripe.only_received().await;
    assert_eq!(request.line(), "GET /v1/events");
    let mut expected = pairs([
        ("limit", "100"),
        ("created[gte]", "1790000000"),
        ("starting_after", "evt_2Wren"),
        ("delivery_success", "false"),
    ]);
    for event_type in EventType::KNOWN {
        expected.push(("types[]".to_owned(), event_type.as_str().to_owned()));
    }
    assert_eq!(request.query(), expected);
}

#[tokio::test]
async fn the_account_shows_whose_the_credentials_are() {
    let body = json!({
        "id": "acct_1Wren", "object": "account", "charges_enabled": true, "country": "US",
        "default_currency": "usd", "details_submitted": true, "email": "owner@example.com",
        "payouts_enabled": true, "settings": {}, "type": "standard"
    });
    let stripe = Stripe::answering([answer(200, &body)]).await;
    let account = stripe.account().retrieve_account().await.unwrap();
    assert_eq!(account.id, StripeAccountId::parse("acct_1Wren").unwrap());
    assert_eq!(account.mode, KeyMode::Test);
    assert_eq!(stripe.only_received().await.line(), "GET /v1/account");
}

#[tokio::test]
async fn bad_credentials_are_told_apart_from_missing_rights() {
    let unknown = invalid_request(
        "Invalid API Key provided: sk_test_****************Ours",
        &json!({}),
    );
    let lacking = invalid_request(
        "The provided key does not have the required permissions.",
        &json!({}),
    );
    // Stripe answers a bad key without a request identifier.
    let unauthorized = wiremock::ResponseTemplate::new(401)
        .set_body_json(&unknown)
        .insert_header("WWW-Authenticate", "Bearer realm=\"Stripe\"");
    let stripe = Stripe::answering([unauthorized, answer(403, &lacking)]).await;
    let error = stripe.account().retrieve_account().await.unwrap_err();
    assert!(matches!(error, StripeError::Unauthenticated), "{error:?}");
    let error = stripe.account().retrieve_account().await.unwrap_err();
    assert!(matches!(error, StripeError::PermissionDenied), "{error:?}");
    assert_eq!(stripe.received().await.len(), 2, "neither is repeated");
}

#[tokio::test]
async fn a_key_that_cannot_be_a_header_is_never_sent() {
    let stripe = Stripe::answering([]).await.with_secret_key("sk_test_two\nlines");
    let error = stripe.account().retrieve_account().await.unwrap_err();
    assert!(matches!(error, StripeError::Unauthenticated), "{error:?}");
    assert_eq!(stripe.received().await.len(), 0);
}
