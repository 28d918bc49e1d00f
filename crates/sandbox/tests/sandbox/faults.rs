use std::error::Error;
use std::io::ErrorKind;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::client::{Answer, Harness, SECRET};

async fn script(stripe: &Harness, rules: Value) {
    stripe.control("POST", "faults", Some(rules)).await.ok();
}

async fn create(stripe: &Harness, key: &str) -> Result<Answer, reqwest::Error> {
    let headers = [("Idempotency-Key", key)];
    stripe
        .send("POST", "/v1/customers", &[("name", "x")], SECRET, &headers)
        .await
}

/// The kinds of the system's errors behind an error of the client.
fn system_errors(error: &reqwest::Error) -> Vec<ErrorKind> {
    let mut kinds = Vec::new();
    let mut source: Option<&(dyn Error + 'static)> = error.source();
    while let Some(error) = source {
        kinds.extend(error.downcast_ref::<std::io::Error>().map(std::io::Error::kind));
        source = error.source();
    }
    kinds
}

#[tokio::test]
async fn connections_are_reset_before_or_after_the_work() {
    let stripe = Harness::start().await;
    for (kind, effects) in [("reset", 0), ("reset_after", 1)] {
        script(&stripe, json!({ "kind": kind, "path": "/v1/customers" })).await;
        let error = create(&stripe, kind).await.unwrap_err();
        assert!(
            system_errors(&error).contains(&ErrorKind::ConnectionReset),
            "{kind}: {error:?}"
        );
        assert_eq!(stripe.effects().await.len(), effects, "{kind}");
    }
    // The retry learns what was done.
    let retried = create(&stripe, "reset_after").await.unwrap();
    assert_eq!(retried.header("Idempotent-Replayed"), Some("true"));
    assert_eq!(
        create(&stripe, "reset")
            .await
            .unwrap()
            .header("Idempotent-Replayed"),
        None
    );
}

#[tokio::test]
async fn hangs_end_without_an_answer() {
    let stripe = Harness::start().await;
    for (kind, effects) in [("hang_before", 0), ("hang_after", 2)] {
        script(
            &stripe,
            json!({ "kind": kind, "path": "/v1/customers", "milliseconds": 150 }),
        )
        .await;
        let started = Instant::now();
        let error = create(&stripe, kind).await.unwrap_err();
        assert!(started.elapsed() >= Duration::from_millis(150), "{kind}");
        assert!(
            !system_errors(&error).contains(&ErrorKind::ConnectionReset),
            "{kind}: {error:?}"
        );
        assert_eq!(stripe.effects().await.len(), effects, "{kind}");
        assert_eq!(create(&stripe, kind).await.unwrap().status, 200);
    }
    assert_eq!(stripe.effects().await.len(), 2);
}

#[tokio::test]
async fn a_request_goes_on_when_its_client_gives_up() {
    let stripe = Harness::start().await;
    script(
        &stripe,
        json!({ "kind": "delay", "path": "/v1/customers", "milliseconds": 1000 }),
    )
    .await;
    let request = stripe
        .http
        .post(stripe.url("/v1/customers"))
        .bearer_auth(SECRET)
        .timeout(Duration::from_millis(400));
    assert!(request.send().await.unwrap_err().is_timeout());
    let deadline = Instant::now() + Duration::from_secs(10);
    while stripe.effects().await.is_empty() {
        assert!(Instant::now() < deadline, "the delayed request was dropped");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_truncated_body_is_shorter_than_announced() {
    let stripe = Harness::start().await;
    script(&stripe, json!({ "kind": "truncate", "path": "/v1/customers" })).await;
    let response = stripe
        .http
        .post(stripe.url("/v1/customers"))
        .bearer_auth(SECRET)
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 200);
    assert!(response.content_length().unwrap() > 100);
    assert!(response.bytes().await.is_err());
    assert_eq!(stripe.effects().await, ["customer.created"]);
}

#[tokio::test]
async fn answers_of_the_script() {
    let stripe = Harness::start().await;
    script(
        &stripe,
        json!([
            { "kind": "rate_limit_429", "path": "/v1/customers" },
            { "kind": "unauthorized_401", "path": "/v1/customers" },
            { "kind": "error_500_before", "path": "/v1/customers" },
        ]),
    )
    .await;
    let limited = stripe.post("/v1/customers", &[]).await;
    assert!(limited.header("Request-Id").is_some());
    assert_eq!(limited.error(429)["code"], "rate_limit");
    let refused = stripe.post("/v1/customers", &[]).await;
    assert_eq!(refused.header("Request-Id"), None);
    refused.error(401);
    let failed = stripe.post("/v1/customers", &[]).await;
    assert_eq!(failed.header("Stripe-Should-Retry"), None);
    assert_eq!(failed.error(500)["type"], "api_error");
    stripe.post("/v1/customers", &[]).await.ok();
    assert_eq!(stripe.effects().await, ["customer.created"]);
    assert_eq!(
        stripe.control("GET", "requests", None).await.ok()["requests"]["POST /v1/customers"],
        4
    );
}

#[tokio::test]
async fn rules_count_skip_and_choose() {
    let stripe = Harness::start().await;
    let account = billfold_sandbox::account_of_key(SECRET).unwrap();
    script(
        &stripe,
        json!({ "kind": "error_500_before", "path": "/v1/customers*", "method": "post", "account": account,
                            "count": 2, "skip": 1 }),
    )
    .await;
    let status = async |method: &str, path: &str, key: &str| {
        stripe.send(method, path, &[], key, &[]).await.unwrap().status
    };
    assert_eq!(status("GET", "/v1/customers", SECRET).await, 200);
    assert_eq!(status("POST", "/v1/customers", "sk_test_other").await, 200);
    let mut seen = Vec::new();
    for _ in 0..4 {
        seen.push(status("POST", "/v1/customers", SECRET).await);
    }
    assert_eq!(seen, [200, 500, 500, 200]);
    let left = stripe.control("GET", "faults", None).await.ok();
    assert_eq!(
        (
            &left["faults"][0]["remaining"],
            &left["faults"][0]["remaining_skip"]
        ),
        (&json!(0), &json!(0))
    );

    script(
        &stripe,
        json!({ "kind": "error_500_before", "path": "/", "count": 1000, "probability": 0.0 }),
    )
    .await;
    assert_eq!(status("GET", "/v1/customers", SECRET).await, 200);
    script(
        &stripe,
        json!({ "kind": "error_500_before", "path": "/", "count": 1000 }),
    )
    .await;
    assert_eq!(status("GET", "/v1/customers", SECRET).await, 500);
    stripe.control("DELETE", "faults", None).await.ok();
    assert_eq!(status("GET", "/v1/customers", SECRET).await, 200);
    for bad in [
        json!({ "kind": "explode", "path": "/" }),
        json!({ "path": "/" }),
        json!({ "kind": "reset", "path": "/", "probability": 2 }),
        json!({ "kind": "reset", "path": "/", "count": 0 }),
        json!({ "kind": "reset", "path": "/", "times": 1 }),
    ] {
        assert_eq!(
            stripe.control("POST", "faults", Some(bad.clone())).await.status,
            400,
            "{bad}"
        );
    }
}
