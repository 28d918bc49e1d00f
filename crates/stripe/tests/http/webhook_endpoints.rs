use billfold_stripe::{EventType, NewWebhookEndpoint, StripeError};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use crate::{
    fixtures::{answer, list},
    support::{Stripe, key, pairs},
};

fn endpoint(id: &str, description: Option<&str>) -> Value {
    json!({
        "id": id, "object": "webhook_endpoint", "api_version": "2026-06-24.dahlia", "created": 1_790_000_000,
        "description": description, "enabled_events": ["*"], "livemode": false, "metadata": {}, "status": "enabled",
        "url": "https://wren.example/webhooks",
    })
}

#[tokio::test]
async fn an_endpoint_is_made_for_the_events_that_count_and_shows_its_secret_once() {
    let mut body = endpoint("we_1Wren", Some("a bird"));
    body["secret"] = json!("whsec_aVerySecretSecret");
    let stripe = Stripe::answering([answer(200, &body)]).await;
    let new = NewWebhookEndpoint {
        url: "https://wren.example/webhooks",
        description: "a bird",
    };
    let made = stripe
        .account()
        .create_webhook_endpoint(&new, &key("wren"))
        .await
        .unwrap();
    assert_eq!(&*made.id, "we_1Wren");
    assert_eq!(made.secret.expose_secret(), "whsec_aVerySecretSecret");
    assert!(!format!("{made:?}").contains("aVerySecret"));
    let request = stripe.only_received().await;
    assert_eq!(request.line(), "POST /v1/webhook_endpoints");
    let mut expected = pairs([
        ("url", "https://wren.example/webhooks"),
        ("description", "a bird"),
        ("api_version", "2026-06-24.dahlia"),
    ]);
    for event_type in EventType::KNOWN {
        expected.push(("enabled_events[]".to_owned(), event_type.as_str().to_owned()));
    }
    assert_eq!(request.form(), expected);
}

#[tokio::test]
async fn endpoints_are_listed_without_their_secrets() {
    let data = [endpoint("we_2Wren", None), endpoint("we_1Wren", Some("a bird"))];
    let stripe = Stripe::answering([answer(200, &list("/v1/webhook_endpoints", &data, false))]).await;
    let page = stripe.account().list_webhook_endpoints().await.unwrap();
    let seen: Vec<_> = page
        .items
        .iter()
        .map(|endpoint| (&*endpoint.id, endpoint.description.as_deref()))
        .collect();
    assert_eq!(seen, [("we_2Wren", None), ("we_1Wren", Some("a bird"))]);
    assert_eq!(page.items[0].url, "https://wren.example/webhooks");
    let request = stripe.only_received().await;
    assert_eq!(request.line(), "GET /v1/webhook_endpoints");
    assert_eq!(request.query(), pairs([("limit", "100")]));
}

#[tokio::test]
async fn an_endpoint_is_deleted_by_its_name() {
    let body = json!({ "id": "we_1Wren", "object": "webhook_endpoint", "deleted": true });
    let stripe = Stripe::answering([answer(200, &body)]).await;
    stripe
        .account()
        .delete_webhook_endpoint("we_1Wren")
        .await
        .unwrap();
    let request = stripe.only_received().await;
    assert_eq!(request.line(), "DELETE /v1/webhook_endpoints/we_1Wren");

    let still_there = json!({ "id": "we_1Wren", "deleted": false });
    let stripe = Stripe::answering([answer(200, &still_there)]).await;
    let deleted = stripe.account().delete_webhook_endpoint("we_1Wren").await;
    assert!(matches!(deleted, Err(StripeError::Unknown { .. })), "{deleted:?}");
}
