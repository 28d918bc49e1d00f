use serde_json::json;

use crate::client::{Harness, PUBLISHABLE, SECRET, ids, text};

#[tokio::test]
async fn keys_open_accounts_that_do_not_see_each_other() {
    let stripe = Harness::start().await;
    let customer = stripe.customer().await;
    let other = stripe
        .send("GET", "/v1/customers", &[], "sk_test_other", &[])
        .await
        .unwrap()
        .ok();
    assert_eq!(ids(&other).len(), 0);
    let path = format!("/v1/customers/{customer}");
    stripe
        .send("GET", &path, &[], "sk_test_other", &[])
        .await
        .unwrap()
        .error(404);
    let account = stripe.get("/v1/account").await.ok();
    let id = text(&account["id"]);
    assert_eq!(billfold_sandbox::account_of_key(SECRET), Some(id.clone()));
    assert_eq!(stripe.get(&format!("/v1/accounts/{id}")).await.ok(), account);

    // Basic authentication, as curl -u does it.
    let basic = stripe
        .http
        .get(stripe.url(&path))
        .basic_auth(SECRET, Some(""))
        .send()
        .await
        .unwrap();
    assert_eq!(basic.status(), 200);
    // The same card has a fingerprint of its own in each account.
    let one = stripe.get("/v1/payment_methods/pm_card_visa").await.ok();
    let two = stripe
        .send(
            "GET",
            "/v1/payment_methods/pm_card_visa",
            &[],
            "sk_test_other",
            &[],
        )
        .await
        .unwrap()
        .ok();
    assert_ne!(one["card"]["fingerprint"], two["card"]["fingerprint"]);
}

#[tokio::test]
async fn bad_keys_get_401_without_a_request_id() {
    let stripe = Harness::start().await;
    for key in [
        "sk_live_0123456789",
        "sk_test_abc",
        "nonsense",
        "rk_test_0123456789",
    ] {
        let answer = stripe.send("GET", "/v1/customers", &[], key, &[]).await.unwrap();
        assert_eq!(answer.header("WWW-Authenticate"), Some("Bearer realm=\"Stripe\""));
        assert_eq!(answer.header("Request-Id"), None);
        let error = answer.error(401);
        assert_eq!(error["type"], "invalid_request_error");
        assert!(error.get("code").is_none());
        assert!(text(&error["message"]).starts_with("Invalid API Key provided: "));
        assert!(!error.to_string().contains(key), "{error}");
    }
    let none = stripe.http.get(stripe.url("/v1/customers")).send().await.unwrap();
    assert_eq!(none.status(), 401);
    let error = stripe
        .send("GET", "/v1/customers", &[], PUBLISHABLE, &[])
        .await
        .unwrap()
        .error(403);
    assert_eq!(error["code"], "secret_key_required");
}

#[tokio::test]
async fn connected_accounts_are_worlds_of_their_own() {
    let stripe = Harness::start().await;
    let there = [("Stripe-Account", "acct_1connected")];
    let form = [("email", "a@example.com")];
    let answer = stripe
        .send("POST", "/v1/customers", &form, SECRET, &there)
        .await
        .unwrap();
    assert_eq!(answer.header("Stripe-Account"), Some("acct_1connected"));
    let customer = text(&answer.ok()["id"]);
    stripe.get(&format!("/v1/customers/{customer}")).await.error(404);
    // The first platform that names it owns it.
    let error = stripe
        .send("GET", "/v1/customers", &[], "sk_test_other", &there)
        .await
        .unwrap()
        .error(403);
    assert_eq!(error["code"], "account_invalid");
    for bad in ["nonsense", "acct_", "acct_a/b"] {
        stripe
            .send("GET", "/v1/customers", &[], SECRET, &[("Stripe-Account", bad)])
            .await
            .unwrap()
            .error(403);
    }
    let own = text(&stripe.get("/v1/account").await.ok()["id"]);
    stripe
        .send("GET", "/v1/customers", &[], SECRET, &[("Stripe-Account", &own)])
        .await
        .unwrap()
        .ok();
    let account = stripe
        .send("GET", "/v1/account", &[], SECRET, &there)
        .await
        .unwrap()
        .ok();
    assert_eq!(account["id"], "acct_1connected");
    assert_eq!(
        stripe.get("/v1/accounts/acct_1connected").await.ok()["id"],
        "acct_1connected"
    );
}

#[tokio::test]
async fn methods_are_cloned_to_connected_accounts() {
    let stripe = Harness::start().await;
    let there = [("Stripe-Account", "acct_1connected")];
    let clone = async |form: &[(&str, &str)]| {
        stripe
            .send("POST", "/v1/payment_methods", form, SECRET, &there)
            .await
            .unwrap()
    };
    let customer = stripe.customer().await;
    let attached = stripe.attach("pm_card_visa", &customer).await.ok();
    let id = text(&attached["id"]);
    clone(&[("payment_method", &id)]).await.error(400);
    let cloned = clone(&[("payment_method", &id), ("customer", &customer)])
        .await
        .ok();
    assert_ne!(cloned["id"], attached["id"]);
    assert_eq!(
        (&cloned["customer"], &cloned["card"]),
        (&json!(null), &attached["card"])
    );
    // An unattached one is used up by sharing it.
    let loose = text(&stripe.get("/v1/payment_methods/pm_card_visa").await.ok()["id"]);
    clone(&[("payment_method", &loose)]).await.ok();
    clone(&[("payment_method", &loose)]).await.error(400);
    stripe.attach(&loose, &customer).await.error(400);
    clone(&[("payment_method", "pm_no")]).await.error(400);
    stripe
        .post("/v1/payment_methods", &[("payment_method", &id)])
        .await
        .error(400);
}

#[tokio::test]
async fn browsers_of_any_origin_are_let_in() {
    let stripe = Harness::start().await;
    let preflight = stripe
        .http
        .request(reqwest::Method::OPTIONS, stripe.url("/v1/payment_methods"))
        .header("Origin", "https://shop.example")
        .header("Access-Control-Request-Method", "POST")
        .send()
        .await
        .unwrap();
    assert_eq!(preflight.status(), 200);
    assert_eq!(preflight.headers()["Access-Control-Allow-Origin"], "*");
    assert!(
        preflight.headers()["Access-Control-Allow-Methods"]
            .to_str()
            .unwrap()
            .contains("POST")
    );
    let answer = stripe
        .browser(
            "/v1/payment_methods",
            &[("type", "card"), ("card[token]", "tok_visa")],
        )
        .await;
    assert_eq!(answer.header("Access-Control-Allow-Origin"), Some("*"));
}

#[tokio::test]
async fn the_control_endpoints_show_state_ledger_and_calls() {
    let stripe = Harness::start().await;
    let customer = stripe.customer().await;
    let method = text(&stripe.attach("pm_card_visa", &customer).await.ok()["id"]);
    stripe
        .send("POST", "/v1/customers", &[("name", "x")], "sk_test_other", &[])
        .await
        .unwrap()
        .ok();

    let state = stripe
        .control("GET", &format!("state?account={SECRET}"), None)
        .await
        .ok();
    let account = billfold_sandbox::account_of_key(SECRET).unwrap();
    let seen = &state["accounts"][&account];
    assert_eq!(state["accounts"].as_object().unwrap().len(), 1);
    assert_eq!(
        (&seen["customers"][0]["id"], &seen["payment_methods"][0]["id"]),
        (&json!(customer), &json!(method))
    );
    assert_eq!(seen["setup_intents"], json!([]));

    let ledger = stripe
        .control("GET", &format!("ledger?account={account}"), None)
        .await
        .ok();
    let entries = ledger["entries"].as_array().unwrap();
    assert_eq!(entries.len(), 3);
    let attach = &entries[2];
    assert_eq!(
        (&attach["effect"], &attach["object_id"]),
        (&json!("payment_method.attached"), &json!(method))
    );
    assert_eq!(
        (&attach["method"], &attach["account"]),
        (&json!("POST"), &json!(account))
    );
    assert_eq!(attach["path"], "/v1/payment_methods/pm_card_visa/attach");
    assert!(text(&attach["request_id"]).starts_with("req_"));
    let since = attach["sequence"].as_u64().unwrap();
    let rest = stripe
        .control("GET", &format!("ledger?since={since}"), None)
        .await
        .ok();
    assert_eq!(rest["entries"].as_array().unwrap().len(), 1);
    assert_eq!(stripe.control("GET", "ledger?since=x", None).await.status, 400);

    let calls = stripe
        .control("GET", &format!("requests?account={account}"), None)
        .await
        .ok();
    assert_eq!(
        (&calls["total"], &calls["requests"]["POST /v1/customers"]),
        (&json!(2), &json!(1))
    );
    stripe.control("DELETE", "requests", None).await.ok();
    assert_eq!(stripe.control("GET", "requests", None).await.ok()["total"], 0);
    assert_eq!(stripe.control("GET", "nothing", None).await.status, 404);
}
