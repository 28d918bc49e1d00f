//! When a request is sent again, after how long, and under which key.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use billfold_client::{
    AccountClient, BoxError, ClientOptions, Credential, Error, ErrorType, ProjectClient, SecretString,
};
use serde_json::json;
use wiremock::ResponseTemplate;

use crate::support::{Stub, answer, attempts, header, refusal, saved};

fn status(status: u16) -> ResponseTemplate {
    answer(status, &json!({}))
}

#[tokio::test]
async fn there_are_five_attempts_unless_told_otherwise() {
    let stub = Stub::answering([500, 503, 409, 502, 504, 500, 500, 500].map(status)).await;
    let error = stub.project().retrieve_payment_method("pm_1").await.unwrap_err();
    assert_eq!((error.status(), error.attempts()), (Some(504), 5));
    assert_eq!(stub.hasty.pauses(), [250, 500, 1000, 2000]);
    let twice = ProjectClient::new(stub.options().retry(attempts(2)), "demo").unwrap();
    let error = twice.retrieve_payment_method("pm_1").await.unwrap_err();
    assert_eq!((error.attempts(), stub.seen().await.len()), (2, 7));
}

#[tokio::test]
async fn what_asks_for_another_try_gets_it() {
    for code in [409, 429, 500, 502, 503, 504] {
        let stub = Stub::answering([status(code), saved()]).await;
        let method = stub
            .project()
            .create_payment_method("pm_1", "usr_1")
            .await
            .unwrap();
        assert_eq!(
            (method.id.as_str(), stub.seen().await.len()),
            ("pm_1", 2),
            "{code}"
        );
    }
}

#[tokio::test]
async fn what_is_definite_is_told_at_once() {
    for code in [400, 401, 403, 404, 405, 408, 410, 413, 422] {
        let stub = Stub::answering([status(code).insert_header("Retry-After", "1")]).await;
        let error = stub.account().delete_payment_method("pm_1").await.unwrap_err();
        assert_eq!((error.status(), error.attempts()), (Some(code), 1));
        assert_eq!(stub.seen().await.len(), 1);
    }
}

#[tokio::test]
async fn retry_after_is_waited_for_unless_nobody_would() {
    let busy = |seconds: &str| refusal(429, "tooManyRequests").insert_header("Retry-After", seconds);
    let stub = Stub::answering([busy("7"), busy("20"), saved(), busy("21")]).await;
    let project = stub.project();
    project.delete_payment_method("pm_1").await.unwrap();
    assert_eq!(stub.hasty.pauses(), [7000, 20_000]);
    let error = project.delete_payment_method("pm_1").await.unwrap_err();
    assert_eq!(error.error_type(), Some(&ErrorType::TooManyRequests));
    assert_eq!(
        (error.attempts(), error.retry_after()),
        (1, Some(Duration::from_secs(21)))
    );
    assert!(error.is_retryable());
}

#[tokio::test]
async fn no_pause_outlasts_the_call() {
    let busy = refusal(503, "serviceUnavailable").insert_header("Retry-After", "5");
    let stub = Stub::answering([busy]).await;
    let mut retry = attempts(5);
    retry.call_limit = Duration::from_secs(5);
    let project = ProjectClient::new(stub.options().retry(retry), "demo").unwrap();
    let error = project.retrieve_payment_method("pm_1").await.unwrap_err();
    assert_eq!((error.status(), error.attempts()), (Some(503), 1));
    assert_eq!(stub.hasty.pauses(), []);
}

#[tokio::test]
async fn all_attempts_of_a_write_have_one_key_and_each_write_one_of_its_own() {
    let setup_intent = json!({
        "object": "setupIntent", "id": "seti_1", "clientSecret": "seti_1_secret_2", "publishableKey": "pk_test_1",
        "status": "requiresPaymentMethod", "user": "usr_1", "createdAt": "2026-11-21T00:45:06Z",
    });
    let of_account = json!({
        "id": "pm_1", "brand": "visa", "last4": "4242", "exp_month": 12, "exp_year": 2034,
        "created_at": "2026-11-21 00:45:06",
    });
    let stub = Stub::answering([
        status(500),
        status(409),
        saved(),
        saved(),
        answer(201, &setup_intent),
        answer(201, &of_account),
        ResponseTemplate::new(204),
        answer(200, &json!([])),
        saved(),
    ])
    .await;
    let (project, account) = (stub.project(), stub.account());
    project.create_payment_method("pm_1", "usr_1").await.unwrap();
    project.delete_payment_method("pm_1").await.unwrap();
    project.create_setup_intent("usr_1").await.unwrap();
    account.create_payment_method("pm_1").await.unwrap();
    account.delete_payment_method("pm_1").await.unwrap();
    account.list_payment_methods().await.unwrap();
    project
        .create_payment_method("pm_1", "usr_1")
        .idempotency_key("mine")
        .await
        .unwrap();
    let keys = stub.keys().await;
    let keys: Vec<Option<&str>> = keys.iter().map(Option::as_deref).collect();
    let made = ["key-1", "key-1", "key-1", "key-2", "key-3", "key-4", "key-5"].map(Some);
    assert_eq!(keys, [&made[..], &[None, Some("mine")]].concat());
}

#[tokio::test]
async fn every_attempt_has_the_same_body_and_names_the_client() {
    let stub = Stub::answering([status(500), saved(), status(500), saved()]).await;
    stub.project()
        .create_payment_method("pm_1", "usr_1")
        .await
        .unwrap();
    stub.project().retrieve_payment_method("pm_1").await.unwrap();
    let seen = stub.seen().await;
    for request in &seen {
        assert_eq!(
            header(request, "authorization").unwrap(),
            "Bearer the-token-of-the-tests"
        );
        let agent = header(request, "user-agent").unwrap();
        assert!(agent.starts_with("billfold-client/"), "{agent}");
    }
    for request in &seen[..2] {
        let body: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
        assert_eq!(body, json!({ "id": "pm_1", "user": "usr_1" }));
        assert_eq!(header(request, "content-type").unwrap(), "application/json");
    }
    for request in &seen[2..] {
        assert!(request.body.is_empty() && header(request, "content-type").is_none());
    }
}

#[tokio::test]
async fn a_token_is_asked_for_before_each_attempt() {
    let stub = Stub::answering([status(500), status(500), answer(200, &json!([]))]).await;
    let asked = Arc::new(AtomicUsize::new(0));
    let credential = Credential::from_source(move || {
        let number = asked.fetch_add(1, Ordering::SeqCst);
        async move { Ok::<_, BoxError>(SecretString::from(format!("token-{number}"))) }
    });
    let account = AccountClient::new(stub.options_as(credential)).unwrap();
    account.list_payment_methods().await.unwrap();
    let seen = stub.seen().await;
    let tokens: Vec<_> = seen
        .iter()
        .map(|request| header(request, "authorization").unwrap())
        .collect();
    assert_eq!(tokens, ["Bearer token-0", "Bearer token-1", "Bearer token-2"]);
}

#[tokio::test]
async fn without_a_token_nothing_is_sent() {
    let failing = || async { Err::<SecretString, BoxError>("the vault is shut".into()) };
    let options = ClientOptions::new("http://127.0.0.1:9", Credential::from_source(failing));
    let error = AccountClient::new(options)
        .unwrap()
        .list_payment_methods()
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Credential(_)), "{error:?}");
    assert!(error.to_string().contains("the vault is shut"), "{error}");

    let options = ClientOptions::new("http://127.0.0.1:9", "a\nb");
    let error = AccountClient::new(options)
        .unwrap()
        .list_payment_methods()
        .await
        .unwrap_err();
    assert!(error.to_string().contains("characters"), "{error}");

    let mut retry = attempts(5);
    retry.call_limit = Duration::from_millis(20);
    let never = Credential::from_source(std::future::pending::<Result<SecretString, BoxError>>);
    let options = ClientOptions::new("http://127.0.0.1:9", never).retry(retry);
    let error = AccountClient::new(options)
        .unwrap()
        .list_payment_methods()
        .await
        .unwrap_err();
    assert!(error.to_string().contains("in time"), "{error}");
}
