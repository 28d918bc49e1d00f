//! Refusals of a card: what its owner is told, and what the caller knows.

use billfold_domain::{PaymentMethodId, SetupIntentId};
use billfold_stripe::{CardErrorCode, DeclineCode, Outcome, StripeError};
use serde_json::json;

use crate::{
    errors::refusal,
    fixtures::{error, final_answer, invalid_request, payment_method, setup_intent},
    setup_intents::create,
    support::Stripe,
};

/// Code, decline code, parameter and message, as Stripe writes them.
type Refusal = (
    &'static str,
    Option<&'static str>,
    Option<&'static str>,
    &'static str,
);

const REFUSALS: [Refusal; 9] = [
    (
        "card_declined",
        Some("generic_decline"),
        Some(""),
        "Your card was declined.",
    ),
    (
        "card_declined",
        Some("insufficient_funds"),
        Some(""),
        "Your card has insufficient funds.",
    ),
    (
        "card_declined",
        Some("lost_card"),
        None,
        "Your card was declined.",
    ),
    (
        "card_declined",
        Some("stolen_card"),
        None,
        "Your card was declined.",
    ),
    ("expired_card", None, Some("exp_month"), "Your card has expired."),
    (
        "incorrect_cvc",
        None,
        Some("cvc"),
        "Your card's security code is incorrect.",
    ),
    (
        "incorrect_zip",
        None,
        Some("address_zip"),
        "Your card's postal code is incorrect.",
    ),
    (
        "incorrect_number",
        None,
        Some("number"),
        "Your card number is incorrect.",
    ),
    (
        "processing_error",
        None,
        None,
        "An error occurred while processing your card.",
    ),
];

#[tokio::test]
async fn a_refused_card_has_its_code_its_field_and_words_for_its_owner() {
    for (code, decline_code, param, message) in REFUSALS {
        let fields = json!({
            "code": code, "decline_code": decline_code, "param": param,
            "advice_code": "try_again_later", "network_decline_code": "01"
        });
        let stripe = Stripe::answering([final_answer(402, &error("card_error", message, &fields))]).await;
        let error = create(&stripe, Some("pm_1Wren")).await.unwrap_err();
        assert_eq!(error.outcome(), Outcome::Definite);
        assert_eq!(error.to_string(), message);
        let StripeError::Card(card) = error else {
            panic!("{code} is a refusal of the card");
        };
        assert_eq!(card.code.as_str(), code);
        assert!(CardErrorCode::KNOWN.contains(&card.code), "{code} is listed");
        assert_eq!(card.decline_code.as_ref().map(DeclineCode::as_str), decline_code);
        assert!(
            card.decline_code
                .is_none_or(|reason| DeclineCode::KNOWN.contains(&reason))
        );
        assert_eq!(card.param.as_deref(), param.filter(|param| !param.is_empty()));
        assert_eq!(stripe.received().await.len(), 1, "a refusal is not repeated");
    }
}

#[tokio::test]
async fn a_code_that_is_not_listed_is_kept() {
    let fields = json!({"code": "a_new_code", "decline_code": "a_new_reason"});
    let refused = refusal(402, &error("card_error", "Something new.", &fields)).await;
    let StripeError::Card(card) = refused else {
        panic!("{refused:?} is a refusal of the card");
    };
    assert_eq!(card.code, CardErrorCode::Other("a_new_code".into()));
    assert_eq!(card.decline_code, Some(DeclineCode::Other("a_new_reason".into())));
}

#[tokio::test]
async fn a_refused_card_names_the_setup_intent_that_stays_open() {
    let fields = json!({
        "code": "card_declined", "decline_code": "generic_decline",
        "payment_method": payment_method("pm_1Wren", None),
        "setup_intent": setup_intent("requires_payment_method", None)
    });
    let StripeError::Card(card) =
        refusal(402, &error("card_error", "Your card was declined.", &fields)).await
    else {
        panic!("the card is refused");
    };
    assert_eq!(
        card.setup_intent,
        Some(SetupIntentId::parse("seti_1Wren").unwrap())
    );
    assert_eq!(
        card.payment_method,
        Some(PaymentMethodId::parse("pm_1Wren").unwrap())
    );
}

#[tokio::test]
async fn words_for_the_cardholder_are_bounded_and_never_empty() {
    let long = format!("a\u{1b}[0m\n{}", "x".repeat(10_000));
    let refused = refusal(
        402,
        &error("card_error", &long, &json!({"code": "card_declined"})),
    )
    .await;
    let message = refused.to_string();
    assert_eq!(message.chars().count(), 500);
    assert!(!message.contains(char::is_control));
    let refused = refusal(402, &error("card_error", "", &json!({"code": "card_declined"}))).await;
    assert_eq!(refused.to_string(), "Your card was declined.");
}

#[tokio::test]
async fn a_failed_challenge_is_the_cardholders_though_typed_as_a_request_error() {
    let fields = json!({"code": "setup_intent_authentication_failure"});
    let refused = refusal(400, &invalid_request("The check failed.", &fields)).await;
    assert!(
        matches!(&refused, StripeError::Card(card) if card.code == CardErrorCode::SetupIntentAuthenticationFailure),
        "{refused:?}"
    );
}
