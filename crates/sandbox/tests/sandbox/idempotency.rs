use serde_json::{Value, json};

use crate::client::{Answer, Harness, SECRET, text};

async fn post(stripe: &Harness, path: &str, form: &[(&str, &str)], key: &str) -> Answer {
    stripe
        .send("POST", path, form, SECRET, &[("Idempotency-Key", key)])
        .await
        .unwrap()
}

#[tokio::test]
async fn an_answer_is_replayed_for_a_day() {
    let stripe = Harness::start().await;
    let first = post(&stripe, "/v1/customers", &[("name", "once"), ("phone", "1")], "k").await;
    assert_eq!(first.header("Idempotency-Key"), Some("k"));
    assert_eq!(first.header("Original-Request"), first.header("Request-Id"));
    assert_eq!(first.header("Stripe-Should-Retry"), Some("false"));
    assert_eq!(first.header("Idempotent-Replayed"), None);
    // The order of the parameters does not matter.
    let again = post(&stripe, "/v1/customers", &[("phone", "1"), ("name", "once")], "k").await;
    assert_eq!(again.header("Idempotent-Replayed"), Some("true"));
    assert_eq!(again.header("Original-Request"), first.header("Original-Request"));
    assert_ne!(again.header("Request-Id"), first.header("Request-Id"));
    assert_eq!(again.body, first.body);
    assert_eq!(stripe.effects().await, ["customer.created"]);

    stripe.clock.advance(24 * 3600 - 1);
    let held = post(&stripe, "/v1/customers", &[("name", "once"), ("phone", "1")], "k").await;
    assert_eq!(held.body, first.body);
    stripe.clock.advance(1);
    let fresh = post(&stripe, "/v1/customers", &[("name", "once"), ("phone", "1")], "k").await;
    assert_ne!(fresh.ok()["id"], first.body["id"]);
}

#[tokio::test]
async fn a_key_belongs_to_one_request_of_one_account() {
    let stripe = Harness::start().await;
    post(&stripe, "/v1/customers", &[("name", "once")], "k")
        .await
        .ok();
    let error = post(&stripe, "/v1/customers", &[("name", "twice")], "k")
        .await
        .error(400);
    assert_eq!(error["type"], "idempotency_error");
    assert!(
        text(&error["message"])
            .starts_with("Keys for idempotent requests can only be used with the same param")
    );
    let error = post(&stripe, "/v1/setup_intents", &[("name", "once")], "k")
        .await
        .error(400);
    assert_eq!(error["type"], "idempotency_error");
    let headers = [("Idempotency-Key", "k")];
    let form = [("name", "twice")];
    stripe
        .send("POST", "/v1/customers", &form, "sk_test_other", &headers)
        .await
        .unwrap()
        .ok();
    assert_eq!(
        post(&stripe, "/v1/customers", &[], &"k".repeat(256)).await.status,
        400
    );
    // Reads and deletes ignore it.
    let path = format!("/v1/customers/{}", stripe.customer().await);
    stripe
        .send("DELETE", &path, &[], SECRET, &headers)
        .await
        .unwrap()
        .ok();
    stripe
        .send("DELETE", &path, &[], SECRET, &headers)
        .await
        .unwrap()
        .error(404);
}

#[tokio::test]
async fn failures_of_work_are_kept_but_failed_validation_is_not() {
    let stripe = Harness::start().await;
    post(&stripe, "/v1/customers", &[("colour", "red")], "validation")
        .await
        .error(400);
    post(&stripe, "/v1/customers", &[("name", "ok")], "validation")
        .await
        .ok();

    let customer = stripe.customer().await;
    let form = [("customer", customer.as_str())];
    let path = "/v1/payment_methods/pm_card_chargeDeclined/attach";
    let declined = post(&stripe, path, &form, "declined").await;
    let again = post(&stripe, path, &form, "declined").await;
    assert_eq!(
        (again.status, again.header("Idempotent-Replayed")),
        (402, Some("true"))
    );
    assert_eq!(again.body, declined.body);
    for (fault, status) in [("rate_limit_429", 429), ("unauthorized_401", 401)] {
        let rule = json!({ "kind": fault, "path": "/v1/customers" });
        stripe.control("POST", "faults", Some(rule)).await.ok();
        assert_eq!(post(&stripe, "/v1/customers", &[], fault).await.status, status);
        assert_eq!(
            post(&stripe, "/v1/customers", &[], fault)
                .await
                .header("Idempotent-Replayed"),
            None
        );
    }
}

#[tokio::test]
async fn a_500_is_kept_whether_or_not_the_work_was_done() {
    let stripe = Harness::start().await;
    for (fault, effects) in [("error_500_before", 0), ("error_500_after", 1)] {
        let rule = json!({ "kind": fault, "path": "/v1/customers", "method": "POST" });
        stripe.control("POST", "faults", Some(rule)).await.ok();
        let first = post(&stripe, "/v1/customers", &[], fault).await;
        let again = post(&stripe, "/v1/customers", &[], fault).await;
        assert_eq!((first.status, again.status), (500, 500));
        assert_eq!(again.header("Idempotent-Replayed"), Some("true"));
        assert_eq!(
            (&again.body, &first.body["error"]["type"]),
            (&first.body, &json!("api_error"))
        );
        assert_eq!(stripe.effects().await.len(), effects, "{fault}");
        // Another key runs.
        post(&stripe, "/v1/customers/cus_no", &[], "other")
            .await
            .error(404);
    }
}

#[tokio::test]
async fn a_key_in_use_is_a_conflict() {
    let stripe = Harness::start().await;
    let rule = json!({ "kind": "delay", "path": "/v1/customers", "milliseconds": 1000 });
    stripe.control("POST", "faults", Some(rule)).await.ok();
    let ten: Vec<Answer> = futures_util::future::join_all(
        (0..10).map(|_| post(&stripe, "/v1/customers", &[("name", "x")], "k")),
    )
    .await;
    let (done, refused): (Vec<Answer>, Vec<Answer>) =
        ten.into_iter().partition(|answer| answer.status == 200);
    let fresh = done
        .iter()
        .filter(|answer| answer.header("Idempotent-Replayed").is_none())
        .count();
    assert_eq!(fresh, 1);
    assert!(!refused.is_empty());
    for answer in refused {
        assert_eq!(answer.error(409)["code"], "idempotency_key_in_use");
    }
    assert_eq!(stripe.effects().await, ["customer.created"]);
    let replayed = post(&stripe, "/v1/customers", &[("name", "x")], "k").await;
    assert_eq!(replayed.header("Idempotent-Replayed"), Some("true"));
    assert_ne!(replayed.body["id"], Value::Null);
}
