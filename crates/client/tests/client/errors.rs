//! What an answer with an error becomes.

use std::time::Duration;

use billfold_client::{Error, ErrorCode, ErrorType};
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use crate::support::{Stub, answer, attempts, refusal, saved};

/// The errors that a call of the project API and one of the account API end with.
async fn errors_of(answers: impl Fn() -> ResponseTemplate) -> [Error; 2] {
    let stub = Stub::answering([answers(), answers()]).await;
    let options = || stub.options().retry(attempts(1));
    let project = billfold_client::ProjectClient::new(options(), "demo").unwrap();
    let account = billfold_client::AccountClient::new(options()).unwrap();
    [
        project.retrieve_payment_method("pm_1").await.unwrap_err(),
        account.delete_payment_method("pm_1").await.unwrap_err(),
    ]
}

#[tokio::test]
async fn an_error_of_the_project_api_has_all_that_the_answer_told() {
    let fault = json!({
        "object": "propertyErrorDetail", "code": "propertyInvalid", "message": "user is empty.", "property": "user",
    });
    let body = json!({
        "object": "error", "type": "invalid", "code": "propertyInvalid", "message": "user is empty.", "details": [fault],
    });
    let [error, of_a_write] = errors_of(|| answer(422, &body)).await;
    let told = error.api().unwrap();
    assert_eq!((told.status, &told.error_type), (422, &ErrorType::Invalid));
    assert_eq!((told.message.as_str(), &told.hint), ("user is empty.", &None));
    assert_eq!(error.code(), Some(&ErrorCode::PropertyInvalid));
    assert_eq!((error.request_id(), error.retry_after()), (Some("req_1"), None));
    assert_eq!((error.attempts(), error.idempotency_key()), (1, None));
    assert_eq!(of_a_write.idempotency_key(), Some("key-1"));
    assert!(!error.is_retryable());
    let [detail] = &told.details[..] else {
        panic!("{told:?}")
    };
    assert_eq!(
        (detail.property.as_str(), detail.message.as_str()),
        ("user", "user is empty.")
    );
    assert_eq!(detail.code, Some(ErrorCode::PropertyInvalid));
    assert_eq!(
        error.to_string(),
        "user is empty. (422 invalid, propertyInvalid, req_1)"
    );
}

#[tokio::test]
async fn a_hint_and_a_retry_after_are_told() {
    let busy = || refusal(503, "serviceUnavailable").insert_header("Retry-After", "3");
    let [error, _] = errors_of(busy).await;
    assert_eq!(error.retry_after(), Some(Duration::from_secs(3)));
    assert!(error.is_retryable());
    assert_eq!(
        error.to_string(),
        "No. (503 serviceUnavailable, req_1): Do it better."
    );
}

#[tokio::test]
async fn the_account_api_names_no_types_and_the_status_does() {
    let expected = [
        (400, ErrorType::Malformed),
        (401, ErrorType::Unauthenticated),
        (403, ErrorType::PermissionDenied),
        (404, ErrorType::NotFound),
        (405, ErrorType::NotImplemented),
        (408, ErrorType::Malformed),
        (409, ErrorType::Conflict),
        (410, ErrorType::Gone),
        (413, ErrorType::Malformed),
        (422, ErrorType::Invalid),
        (429, ErrorType::TooManyRequests),
        (500, ErrorType::Internal),
        (503, ErrorType::ServiceUnavailable),
    ];
    for (status, error_type) in expected {
        let [_, error] = errors_of(|| answer(status, &json!({ "message": "No." }))).await;
        assert_eq!(error.error_type(), Some(&error_type), "{status}");
        assert_eq!(error.api().unwrap().message, "No.");
    }
}

#[tokio::test]
async fn faults_of_fields_of_the_account_api_are_details() {
    let body = json!({
        "message": "The id field is required.", "errors": { "id": ["The id field is required.", "And good."] },
    });
    let [_, error] = errors_of(|| answer(422, &body)).await;
    let details = &error.api().unwrap().details;
    let told: Vec<_> = details
        .iter()
        .map(|detail| {
            (
                detail.property.as_str(),
                detail.message.as_str(),
                detail.code.clone(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("id", "The id field is required.", None),
            ("id", "And good.", None)
        ]
    );
}

#[tokio::test]
async fn what_is_not_billfolds_own_is_told_as_unknown() {
    for body in [
        "<html>Bad gateway</html>",
        "",
        "null",
        "\"text\"",
        "[]",
        "{}",
        "{\"message\":7}",
    ] {
        for error in errors_of(|| ResponseTemplate::new(503).set_body_string(body)).await {
            let told = error.api().unwrap();
            assert_eq!(
                (&told.error_type, told.message.as_str()),
                (&ErrorType::Unknown, "HTTP status 503"),
                "{body}"
            );
            assert_eq!(
                (error.request_id(), told.details.len(), error.code()),
                (None, 0, None),
                "{body}"
            );
        }
    }
}

#[tokio::test]
async fn what_a_newer_billfold_may_say_is_kept() {
    let body = json!({
        "object": "error", "type": "teapot", "code": "propertyTooGreen", "message": "No.", "news": true,
        "details": [{ "object": "propertyErrorDetail", "property": "user" }, "news"],
    });
    let [error, _] = errors_of(|| answer(422, &body)).await;
    assert_eq!(error.error_type(), Some(&ErrorType::Other("teapot".to_owned())));
    assert_eq!(error.code().unwrap().as_str(), "propertyTooGreen");
    assert_eq!(error.api().unwrap().details.len(), 1);
}

#[tokio::test]
async fn a_redirection_is_not_followed() {
    for error in errors_of(|| ResponseTemplate::new(307).insert_header("Location", "/elsewhere")).await {
        assert_eq!(
            (error.status(), error.error_type()),
            (Some(307), Some(&ErrorType::Unknown))
        );
    }
}

#[tokio::test]
async fn a_good_answer_that_is_not_understood_was_carried_out() {
    let stub = Stub::answering([answer(201, &json!({ "id": 7, "clientSecret": "not_to_be_told" }))]).await;
    let error = stub
        .project()
        .create_payment_method("pm_1", "usr_1")
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Unreadable(_)), "{error:?}");
    assert_eq!((error.status(), error.request_id()), (Some(201), Some("req_1")));
    assert_eq!((error.attempts(), error.idempotency_key()), (1, Some("key-1")));
    assert!(!error.is_retryable());
    assert_eq!(stub.seen().await.len(), 1);
}

#[tokio::test]
async fn an_answer_without_an_end_is_not_read_to_it() {
    let endless = Value::String("x".repeat(4 * 1024 * 1024));
    let stub = Stub::answering([answer(200, &endless), answer(422, &endless)]).await;
    let project = stub.project();
    let good = project.retrieve_payment_method("pm_1").await.unwrap_err();
    assert!(good.to_string().contains("longer than 4194304 bytes"), "{good}");
    let refused = project.retrieve_payment_method("pm_1").await.unwrap_err();
    assert_eq!(
        (refused.status(), refused.error_type()),
        (Some(422), Some(&ErrorType::Unknown))
    );
}

#[tokio::test]
async fn what_cannot_be_sent_is_refused_before_anything_is() {
    let stub = Stub::answering([saved()]).await;
    let (project, account) = (stub.project(), stub.account());
    for id in ["", ".", ".."] {
        for error in [
            project.retrieve_payment_method(id).await.unwrap_err(),
            project.delete_payment_method(id).await.unwrap_err(),
            project.retrieve_setup_intent(id).await.unwrap_err(),
            account.delete_payment_method(id).await.unwrap_err(),
            billfold_client::ProjectClient::new(stub.options(), id).unwrap_err(),
        ] {
            assert!(matches!(error, Error::InvalidRequest(_)), "{error:?}");
            assert!(!error.is_retryable() && error.attempts() == 0);
        }
    }
    let keyless = account.create_setup_intent().idempotency_key("no key").await;
    assert!(matches!(keyless.unwrap_err(), Error::InvalidRequest(_)));
    assert_eq!(stub.seen().await.len(), 0);
    project
        .retrieve_payment_method("../../operator?x#y")
        .await
        .unwrap();
    let path = stub.seen().await[0].url.path().to_owned();
    assert_eq!(path, "/projects/demo/paymentMethods/..%2F..%2Foperator%3Fx%23y");
}
