//! Cards that are refused: told by code and in Stripe's words for the cardholder, and nothing is saved.

use serde_json::json;

use crate::support::{Backend, Server, on_every_database};

on_every_database!(
    every_refusal_has_its_code_and_saves_nothing,
    a_refused_card_does_not_stand_in_the_way_of_another,
);

/// Cards that Stripe refuses: the name of the test token, our code, Stripe's words.
const REFUSALS: &[(&str, &str, &str)] = &[
    ("chargeDeclined", "paymentCardDeclined", "Your card was declined."),
    (
        "chargeDeclinedLostCard",
        "paymentCardDeclined",
        "Your card was declined.",
    ),
    (
        "chargeDeclinedStolenCard",
        "paymentCardDeclined",
        "Your card was declined.",
    ),
    (
        "chargeDeclinedFraudulent",
        "paymentCardDeclined",
        "Your card was declined.",
    ),
    (
        "chargeDeclinedVelocityLimitExceeded",
        "paymentCardDeclined",
        "Your card was declined for making repeated attempts too frequently or exceeding its amount limit.",
    ),
    (
        "chargeDeclinedInsufficientFunds",
        "paymentCardInsufficientFunds",
        "Your card has insufficient funds.",
    ),
    (
        "chargeDeclinedExpiredCard",
        "paymentCardExpired",
        "Your card has expired.",
    ),
    (
        "chargeDeclinedIncorrectCvc",
        "paymentCardCvcInvalid",
        "Your card's security code is incorrect.",
    ),
    (
        "cvcCheckFail",
        "paymentCardCvcInvalid",
        "Your card's security code is incorrect.",
    ),
    (
        "avsZipFail",
        "paymentMethodDeclined",
        "Your card could not be authorized using the postal code provided. Please update the postal code, or \
         contact your card issuer for further details.",
    ),
    (
        "chargeDeclinedProcessingError",
        "paymentMethodDeclined",
        "An error occurred while processing your card. Try again in a little bit.",
    ),
];

async fn every_refusal_has_its_code_and_saves_nothing(backend: Backend) {
    let server = Server::start(backend).await;
    let stripe = server.stripe("demo");
    for (name, code, message) in REFUSALS {
        let id = stripe.card_of_token(&format!("tok_{name}")).await;
        let refused = server.save(&id, "usr_alice").await.expect(422);
        assert_eq!(
            refused.json(),
            json!({
                "object": "error", "type": "invalid", "code": code, "message": message,
                "hint": "Ask the user for another card.",
            }),
            "{name}"
        );
        server.retrieve(&id).await.expect(404);
        // The same card again is refused anew, not answered from memory.
        let again = server.save(&id, "usr_alice").await.expect(422);
        assert_eq!(again.body, refused.body, "{name}");

        let id = stripe.card_of_token(&format!("tok_{name}")).await;
        let refused = server
            .account_request("POST", "usr_alice", "/payment-methods")
            .json(&json!({ "id": id }))
            .send()
            .await
            .expect(422);
        assert_eq!(refused.json(), json!({ "message": message }), "{name}");
    }
    let page = server.list("").await.expect(200).json();
    assert_eq!(page["items"], json!([]));
    assert_eq!(stripe.effect("payment_method.attached").await, 0);
}

async fn a_refused_card_does_not_stand_in_the_way_of_another(backend: Backend) {
    let server = Server::with(backend).maximum_payment_methods(1).start().await;
    for _ in 0..3 {
        server
            .save("pm_card_chargeDeclined", "usr_alice")
            .await
            .expect(422);
    }
    server.save("pm_card_visa", "usr_alice").await.expect(201);
    assert_eq!(server.stripe("demo").effect("customer.created").await, 1);
}
