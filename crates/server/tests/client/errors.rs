//! Each refusal is an error of its kind.

use std::time::Duration;

use billfold_client::{
    AccountClient, ClientOptions, Error, ErrorCode, ErrorType, PaymentMethodQuery, ProjectClient,
};
use serde_json::json;

use crate::{
    command::Place,
    scene::{Scene, USER, attempts},
};

/// A client of a project, in the name of any token, which tries once.
fn client(scene: &Scene, project: &str, token: String) -> ProjectClient {
    let options = ClientOptions::new(&scene.api, token).retry(attempts(1));
    ProjectClient::new(options, project).expect("the options are good")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_is_foreign_false_or_too_weak_is_refused() {
    let (scene, other) = (Scene::start().await, Scene::start().await);
    let of_another_issuer = other.token(&["--project", "demo"]).await;
    for token in [of_another_issuer, "nonsense".to_owned()] {
        let error = client(&scene, "demo", token.clone())
            .retrieve_payment_method("pm_1")
            .await;
        let error = error.expect_err("the token is not good");
        assert_eq!(
            (error.status(), error.error_type()),
            (Some(401), Some(&ErrorType::Unauthenticated))
        );
        assert_eq!((error.attempts(), error.is_retryable()), (1, false));
        let account = AccountClient::new(ClientOptions::new(&scene.api, token)).expect("good options");
        let error = account
            .list_payment_methods()
            .await
            .expect_err("the token is not good");
        assert_eq!(error.error_type(), Some(&ErrorType::Unauthenticated));
    }
    let of_acme = scene.token(&["--project", "acme"]).await;
    let error = client(&scene, "demo", of_acme)
        .create_payment_method("pm_card_visa", USER)
        .await;
    assert_eq!(
        error.expect_err("another project").error_type(),
        Some(&ErrorType::NotFound)
    );

    let reading = scene
        .token(&["--project", "demo", "--scope", "project:read"])
        .await;
    let error = client(&scene, "demo", reading)
        .create_payment_method("pm_card_visa", USER)
        .await;
    let error = error.expect_err("it may only read");
    assert_eq!(
        (error.status(), error.error_type()),
        (Some(403), Some(&ErrorType::PermissionDenied))
    );
    let request_id = error.request_id().expect("every answer has it");
    assert!(error.to_string().contains(request_id), "{error}");
    assert_eq!(scene.effects("setup_intent.created").await, 0);
    other.end().await;
    scene.end().await;
}

/// What a refusal was, in short.
fn told(error: &Error) -> (Option<u16>, Option<&ErrorType>, Option<&ErrorCode>) {
    (error.status(), error.error_type(), error.code())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_invalid_unknown_or_declined_has_its_code() {
    let scene = Scene::start().await;
    let project = scene.project().await;
    let invalid = |code| (Some(422), Some(&ErrorType::Invalid), Some(code));
    for (card, code) in [
        ("pm_card_chargeDeclined", &ErrorCode::PaymentCardDeclined),
        (
            "pm_card_chargeDeclinedInsufficientFunds",
            &ErrorCode::PaymentCardInsufficientFunds,
        ),
        (
            "pm_card_chargeDeclinedExpiredCard",
            &ErrorCode::PaymentCardExpired,
        ),
        (
            "pm_card_chargeDeclinedIncorrectCvc",
            &ErrorCode::PaymentCardCvcInvalid,
        ),
        ("pm_unknown", &ErrorCode::PaymentMethodNotUsable),
    ] {
        let error = project
            .create_payment_method(card, USER)
            .await
            .expect_err("it is refused");
        assert_eq!(told(&error), invalid(code), "{card}");
    }
    let error = project
        .create_payment_method("", "no user")
        .await
        .expect_err("both are invalid");
    let details = &error.api().expect("an answer").details;
    let faults: Vec<_> = details
        .iter()
        .map(|detail| (detail.property.as_str(), detail.code.as_ref()))
        .collect();
    let property_invalid = Some(&ErrorCode::PropertyInvalid);
    assert_eq!(faults, [("id", property_invalid), ("user", property_invalid)]);
    let too_many = PaymentMethodQuery::new().limit(201).types([]);
    let error = project
        .payment_method_page(&too_many)
        .await
        .expect_err("the query is invalid");
    assert_eq!(error.api().expect("an answer").details.len(), 2);

    let saved = project
        .create_payment_method("pm_card_visa", USER)
        .idempotency_key("once")
        .await;
    let saved = saved.expect("a payment method");
    let reused = project
        .create_payment_method("pm_card_amex", USER)
        .idempotency_key("once")
        .await;
    let reused = reused.expect_err("the key was used");
    assert_eq!(told(&reused), invalid(&ErrorCode::IdempotencyKeyReused));
    assert_eq!(reused.idempotency_key(), Some("once"));
    let of_another = project
        .create_payment_method(&saved.id, "usr_bob")
        .await
        .expect_err("it is alice's");
    assert_eq!(told(&of_another), invalid(&ErrorCode::PaymentMethodAlreadyExists));
    let of_account = scene
        .account("usr_bob")
        .await
        .create_payment_method(&saved.id)
        .await;
    let of_account = of_account.expect_err("it is alice's");
    assert_eq!(told(&of_account), (Some(422), Some(&ErrorType::Invalid), None));
    assert_eq!(
        of_account.api().expect("an answer").message,
        "The selected id is invalid."
    );
    let missing = project
        .delete_payment_method("pm_missing")
        .await
        .expect_err("there is none");
    assert_eq!(told(&missing), (Some(404), Some(&ErrorType::NotFound), None));
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_limit_an_outage_and_a_race_are_worth_another_try() {
    let mut place = Place::new();
    place.set("BILLFOLD_RATE_LIMIT_SETUP_INTENTS", "1");
    let scene = Scene::start_in(place).await;
    let project = ProjectClient::new(scene.options().await.retry(attempts(1)), "demo").expect("good options");
    let intent = project
        .create_setup_intent(USER)
        .await
        .expect("the first is free");
    let limited = project.create_setup_intent(USER).await.expect_err("one too many");
    assert_eq!(
        told(&limited),
        (Some(429), Some(&ErrorType::TooManyRequests), None)
    );
    assert!(
        limited.is_retryable() && limited.retry_after() >= Some(Duration::from_secs(1)),
        "{limited:?}"
    );

    let path = format!("/v1/setup_intents/{}", intent.id);
    scene
        .order(&json!({ "kind": "reset", "path": path, "method": "GET", "count": 2 }))
        .await;
    let away = project
        .retrieve_setup_intent(&intent.id)
        .await
        .expect_err("Stripe is away");
    assert_eq!(
        told(&away),
        (Some(503), Some(&ErrorType::ServiceUnavailable), None)
    );
    assert!(away.is_retryable() && away.retry_after().is_some(), "{away:?}");
    project
        .retrieve_setup_intent(&intent.id)
        .await
        .expect("Stripe is back");

    // The one that comes first is held up at Stripe, and the other comes meanwhile.
    scene
        .order(
            &json!({ "kind": "delay", "path": "/v1/setup_intents", "method": "POST", "milliseconds": 2_000 }),
        )
        .await;
    let save = async || {
        project
            .create_payment_method("pm_card_visa", "usr_bob")
            .idempotency_key("racing")
            .await
    };
    let (one, other) = tokio::join!(save(), save());
    let (saved, refused) = match (one, other) {
        (Ok(saved), Err(refused)) | (Err(refused), Ok(saved)) => (saved, refused),
        both => panic!("one of the two should have won: {both:?}"),
    };
    assert_eq!(told(&refused), (Some(409), Some(&ErrorType::Conflict), None));
    assert!(
        refused.is_retryable() && refused.retry_after().is_some(),
        "{refused:?}"
    );
    let again = save().await.expect("what the other got");
    assert_eq!(again.id, saved.id);
    scene.end().await;
}
