use billfold_domain::{
    CustomerId, PaymentMethodId, ProjectId, SetupIntentId, SetupIntentStatus, UserId, UtcTimestamp,
};
use billfold_stripe::{
    CardErrorCode, DeclineCode, NewSetupIntent, SetupIntentQuery, StripeError, StripeSetupIntent,
};
use serde_json::json;

use crate::{
    fixtures::{CLIENT_SECRET, CREATED, answer, final_answer, list, payment_method, setup_intent},
    support::{Stripe, key, pairs},
};

pub(crate) async fn create(
    stripe: &Stripe,
    payment_method: Option<&str>,
) -> Result<StripeSetupIntent, StripeError> {
    let payment_method = payment_method.map(|id| PaymentMethodId::parse(id).unwrap());
    let new = NewSetupIntent {
        customer: &CustomerId::parse("cus_Wren").unwrap(),
        payment_method: payment_method.as_ref(),
        project: &ProjectId::parse("demo").unwrap(),
        user: &UserId::parse("user-1").unwrap(),
        operation: "01OPERATION",
    };
    stripe
        .account()
        .create_setup_intent(&new, &key("op.setup.0"))
        .await
}

fn id() -> SetupIntentId {
    SetupIntentId::parse("seti_1Wren").unwrap()
}

#[tokio::test]
async fn one_for_a_page_is_restricted_to_cards_and_not_confirmed() {
    let stripe = Stripe::answering([final_answer(200, &setup_intent("requires_payment_method", None))]).await;
    let made = create(&stripe, None).await.unwrap();
    assert_eq!(made.id, id());
    assert_eq!(made.status, SetupIntentStatus::RequiresPaymentMethod);
    assert_eq!(made.client_secret.unwrap().expose(), CLIENT_SECRET);
    assert_eq!(made.customer, Some(CustomerId::parse("cus_Wren").unwrap()));
    assert_eq!(made.payment_method, None);
    assert_eq!(made.created, UtcTimestamp::from_seconds(CREATED));
    assert!(made.last_setup_error.is_none());
    assert_eq!(made.metadata.user, Some(UserId::parse("user-1").unwrap()));
    assert_eq!(made.metadata.project, Some(ProjectId::parse("demo").unwrap()));
    assert_eq!(made.metadata.operation.as_deref(), Some("01OPERATION"));

    let request = stripe.only_received().await;
    assert_eq!(request.line(), "POST /v1/setup_intents");
    assert_eq!(request.header("idempotency-key"), Some("op.setup.0"));
    assert_eq!(
        request.form(),
        pairs([
            ("customer", "cus_Wren"),
            ("usage", "off_session"),
            ("payment_method_types[]", "card"),
            ("metadata[project]", "demo"),
            ("metadata[user]", "user-1"),
            ("metadata[operation]", "01OPERATION"),
        ])
    );
}

#[tokio::test]
async fn one_with_a_payment_method_is_confirmed_at_once() {
    let mut challenged = setup_intent("requires_action", Some("pm_1Wren"));
    challenged["next_action"] = json!({
        "type": "use_stripe_sdk",
        "use_stripe_sdk": {"type": "three_d_secure_redirect", "stripe_js": "https://hooks.stripe.com/x"}
    });
    challenged["latest_attempt"] = json!("setatt_1Wren");
    let stripe = Stripe::answering([
        final_answer(200, &setup_intent("succeeded", Some("pm_1Wren"))),
        final_answer(200, &challenged),
    ])
    .await;
    let made = create(&stripe, Some("pm_1Wren")).await.unwrap();
    assert_eq!(made.status, SetupIntentStatus::Succeeded);
    assert_eq!(
        made.payment_method,
        Some(PaymentMethodId::parse("pm_1Wren").unwrap())
    );
    let made = create(&stripe, Some("pm_1Wren")).await.unwrap();
    assert_eq!(made.status, SetupIntentStatus::RequiresAction);

    for request in stripe.received().await {
        let form = request.form();
        assert!(form.contains(&("payment_method".to_owned(), "pm_1Wren".to_owned())));
        assert!(form.contains(&("confirm".to_owned(), "true".to_owned())));
        assert!(form.contains(&("payment_method_types[]".to_owned(), "card".to_owned())));
    }
}

#[tokio::test]
async fn every_status_is_understood() {
    for status in SetupIntentStatus::ALL {
        let stripe = Stripe::answering([answer(200, &setup_intent(status.as_snake_case(), None))]).await;
        let seen = stripe.account().retrieve_setup_intent(&id()).await.unwrap();
        assert_eq!(seen.status, status);
        assert_eq!(
            stripe.only_received().await.line(),
            "GET /v1/setup_intents/seti_1Wren"
        );
    }
}

#[tokio::test]
async fn the_last_refusal_tells_why_and_of_which_card() {
    let mut refused = setup_intent("requires_payment_method", None);
    refused["last_setup_error"] = json!({
        "code": "card_declined", "decline_code": "insufficient_funds", "advice_code": "try_again_later",
        "doc_url": "https://stripe.com/docs/error-codes/card-declined",
        "message": "Your card has insufficient funds.", "network_decline_code": "01",
        "payment_method": payment_method("pm_1Wren", None), "type": "card_error"
    });
    let mut failed_challenge = setup_intent("requires_payment_method", None);
    failed_challenge["last_setup_error"] = json!({
        "code": "setup_intent_authentication_failure", "message": "The card's owner could not be authenticated.",
        "payment_method": payment_method("pm_1Wren", None), "type": "invalid_request_error"
    });
    let mut our_fault = setup_intent("requires_payment_method", None);
    our_fault["last_setup_error"] = json!({"message": "For developers.", "type": "api_error"});
    let stripe =
        Stripe::answering([&refused, &failed_challenge, &our_fault].map(|body| answer(200, body))).await;

    let mut errors = Vec::new();
    for _ in 0..3 {
        let seen = stripe.account().retrieve_setup_intent(&id()).await.unwrap();
        errors.push(seen.last_setup_error);
    }
    let refused = errors[0].as_ref().unwrap();
    assert_eq!(refused.code, CardErrorCode::CardDeclined);
    assert_eq!(refused.decline_code, Some(DeclineCode::InsufficientFunds));
    assert_eq!(refused.message, "Your card has insufficient funds.");
    assert_eq!(
        refused.payment_method,
        Some(PaymentMethodId::parse("pm_1Wren").unwrap())
    );
    let failed_challenge = errors[1].as_ref().unwrap();
    assert_eq!(
        failed_challenge.code,
        CardErrorCode::SetupIntentAuthenticationFailure
    );
    assert!(
        errors[2].is_none(),
        "what is not about the card is not for the cardholder"
    );
}

#[tokio::test]
async fn canceling_is_a_write_with_a_key() {
    let stripe = Stripe::answering([final_answer(200, &setup_intent("canceled", None))]).await;
    let seen = stripe
        .account()
        .cancel_setup_intent(&id(), &key("op.cancel.0"))
        .await
        .unwrap();
    assert_eq!(seen.status, SetupIntentStatus::Canceled);
    let request = stripe.only_received().await;
    assert_eq!(request.line(), "POST /v1/setup_intents/seti_1Wren/cancel");
    assert_eq!(request.header("idempotency-key"), Some("op.cancel.0"));
}

#[tokio::test]
async fn listing_filters_by_customer_payment_method_and_time() {
    let data = [setup_intent("succeeded", Some("pm_1Wren"))];
    let stripe = Stripe::answering([answer(200, &list("/v1/setup_intents", &data, false))]).await;
    let query = SetupIntentQuery {
        customer: Some(&CustomerId::parse("cus_Wren").unwrap()),
        payment_method: Some(&PaymentMethodId::parse("pm_1Wren").unwrap()),
        created_gte: Some(UtcTimestamp::from_microseconds(CREATED * 1_000_000 + 999_999)),
        starting_after: Some(&id()),
    };
    let page = stripe.account().list_setup_intents(&query).await.unwrap();
    assert_eq!(page.items.len(), 1);
    assert!(!page.has_more);
    let request = stripe.only_received().await;
    assert_eq!(request.line(), "GET /v1/setup_intents");
    assert_eq!(
        request.query(),
        pairs([
            ("customer", "cus_Wren"),
            ("payment_method", "pm_1Wren"),
            ("limit", "100"),
            ("created[gte]", "1790000000"),
            ("starting_after", "seti_1Wren"),
        ])
    );
}
