use serde_json::{Value, json};

use crate::client::{Harness, text};
use crate::setup_intents::{CONFIRMED, create};

#[tokio::test]
async fn a_challenge_is_passed_by_the_browser() {
    let stripe = Harness::start().await;
    let customer = stripe.customer().await;
    let intent = create(&stripe, &customer, &[]).await.ok();
    let path = format!("/v1/setup_intents/{}/confirm", text(&intent["id"]));
    let secret = text(&intent["client_secret"]);
    let form = [
        ("client_secret", secret.as_str()),
        ("use_stripe_sdk", "true"),
        ("payment_method_data[type]", "card"),
        ("payment_method_data[card][number]", "4000002500003155"),
        ("payment_method_data[card][exp_month]", "12"),
        ("payment_method_data[card][exp_year]", "34"),
        ("payment_method_data[card][cvc]", "123"),
        (
            "payment_method_data[billing_details][address][postal_code]",
            "10115",
        ),
        ("payment_method_data[guid]", "NA"),
    ];
    let challenged = stripe.browser(&path, &form).await.ok();
    assert_eq!(challenged["status"], "requires_action");
    let action = &challenged["next_action"];
    assert_eq!(action["type"], "use_stripe_sdk");
    assert_eq!(action["use_stripe_sdk"]["type"], "three_d_secure_redirect");
    let source = text(&action["use_stripe_sdk"]["source"]);
    assert!(source.starts_with("src_") && text(&action["use_stripe_sdk"]["stripe_js"]).contains(&source));

    // The back end alone cannot pass it.
    assert_eq!(stripe.post(&path, &[]).await.ok()["status"], "requires_action");
    let done = stripe.browser(&path, &[("client_secret", &secret)]).await.ok();
    assert_eq!(
        (&done["status"], &done["next_action"]),
        (&json!("succeeded"), &Value::Null)
    );
    let method = stripe
        .get(&format!("/v1/payment_methods/{}", text(&done["payment_method"])))
        .await
        .ok();
    assert_eq!(method["customer"], json!(customer));
    assert_eq!(method["card"]["checks"]["address_postal_code_check"], "pass");
}

#[tokio::test]
async fn a_failed_challenge_can_be_tried_again() {
    let stripe = Harness::start().await;
    let customer = stripe.customer().await;
    let more = [("payment_method", "pm_card_authenticationRequired"), CONFIRMED];
    let intent = create(&stripe, &customer, &more).await.ok();
    let id = text(&intent["id"]);
    let failed = stripe
        .control("POST", &format!("setup_intents/{id}/fail"), None)
        .await
        .ok();
    assert_eq!(
        (&failed["status"], &failed["payment_method"]),
        (&json!("requires_payment_method"), &Value::Null)
    );
    assert_eq!(
        failed["last_setup_error"]["code"],
        "setup_intent_authentication_failure"
    );
    assert_eq!(
        failed["last_setup_error"]["payment_method"]["id"],
        intent["payment_method"]
    );
    assert_eq!(
        stripe
            .control("POST", &format!("setup_intents/{id}/fail"), None)
            .await
            .status,
        409
    );
    assert_eq!(
        stripe
            .control("POST", "setup_intents/seti_no/fail", None)
            .await
            .status,
        404
    );
    let events = stripe.get("/v1/events?type=setup_intent.setup_failed").await.ok();
    assert_eq!(events["data"][0]["data"]["object"]["id"], json!(id));
    // The method was not used up.
    let form = [("payment_method", &*text(&intent["payment_method"]))];
    let again = stripe
        .post(&format!("/v1/setup_intents/{id}/confirm"), &form)
        .await
        .ok();
    assert_eq!(again["status"], "requires_action");
}

#[tokio::test]
async fn a_publishable_key_needs_the_client_secret() {
    let stripe = Harness::start().await;
    let customer = stripe.customer().await;
    let intent = create(&stripe, &customer, &[("payment_method", "pm_card_visa")])
        .await
        .ok();
    let path = format!("/v1/setup_intents/{}", text(&intent["id"]));
    let secret = text(&intent["client_secret"]);
    let confirm = format!("{path}/confirm");
    assert_eq!(
        stripe.browser(&confirm, &[]).await.error(400)["code"],
        "parameter_missing"
    );
    stripe
        .browser(&confirm, &[("client_secret", "wrong")])
        .await
        .error(400);
    let url = stripe.url(&format!(
        "{path}?key={}&client_secret={secret}",
        crate::client::PUBLISHABLE
    ));
    let read: Value =
        serde_json::from_slice(&stripe.http.get(url).send().await.unwrap().bytes().await.unwrap()).unwrap();
    assert_eq!(read["id"], intent["id"]);
    let cancel = stripe
        .browser(&format!("{path}/cancel"), &[("client_secret", &secret)])
        .await
        .error(403);
    assert_eq!(cancel["code"], "secret_key_required");
    assert_eq!(
        stripe.browser(&confirm, &[("client_secret", &secret)]).await.ok()["status"],
        "succeeded"
    );
    // The key of another account does not see it.
    let form = [("client_secret", secret.as_str()), ("key", "pk_test_other")];
    let response = stripe
        .http
        .post(stripe.url(&confirm))
        .form(&form)
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 404);
}
