use serde_json::{Value, json};

use crate::client::{Harness, ids, text};

/// Creates for a customer, cards only, with further parameters.
pub(crate) async fn create(stripe: &Harness, customer: &str, more: &[(&str, &str)]) -> crate::client::Answer {
    let mut form = vec![
        ("customer", customer),
        ("payment_method_types[]", "card"),
        ("usage", "off_session"),
    ];
    form.extend(more);
    stripe.post("/v1/setup_intents", &form).await
}

pub(crate) const CONFIRMED: (&str, &str) = ("confirm", "true");

#[tokio::test]
async fn states_from_creation_to_success() {
    let stripe = Harness::start().await;
    let customer = stripe.customer().await;
    let empty = create(&stripe, &customer, &[]).await.ok();
    assert_eq!(empty["status"], "requires_payment_method");
    let id = text(&empty["id"]);
    assert!(text(&empty["client_secret"]).starts_with(&format!("{id}_secret_")));
    assert_eq!(
        (&empty["automatic_payment_methods"], &empty["latest_attempt"]),
        (&Value::Null, &Value::Null)
    );

    let given = create(&stripe, &customer, &[("payment_method", "pm_card_visa")])
        .await
        .ok();
    assert_eq!(given["status"], "requires_confirmation");
    let method = text(&given["payment_method"]);
    assert_eq!(
        stripe.get(&format!("/v1/payment_methods/{method}")).await.ok()["customer"],
        Value::Null
    );
    let done = stripe
        .post(&format!("/v1/setup_intents/{}/confirm", text(&given["id"])), &[])
        .await
        .ok();
    assert_eq!(
        (&done["status"], &done["next_action"]),
        (&json!("succeeded"), &Value::Null)
    );
    assert!(text(&done["latest_attempt"]).starts_with("setatt_"));
    let attached = stripe.get(&format!("/v1/payment_methods/{method}")).await.ok();
    assert_eq!(
        (&attached["customer"], &attached["card"]["checks"]["cvc_check"]),
        (&json!(customer), &json!("pass"))
    );

    // A method that is attached to this customer already is fine, and is not attached again.
    let again = create(&stripe, &customer, &[("payment_method", &method), CONFIRMED])
        .await
        .ok();
    assert_eq!(again["status"], "succeeded");
    let attached = stripe
        .effects()
        .await
        .iter()
        .filter(|effect| *effect == "payment_method.attached")
        .count();
    assert_eq!(attached, 1);
}

#[tokio::test]
async fn without_types_the_account_chooses_and_wants_a_return_url() {
    let stripe = Harness::start().await;
    let intent = stripe.post("/v1/setup_intents", &[]).await.ok();
    assert_eq!(
        intent["automatic_payment_methods"],
        json!({ "enabled": true, "allow_redirects": "always" })
    );
    assert_eq!(intent["payment_method_types"].as_array().unwrap().len(), 8);
    let form = [("payment_method", "pm_card_visa"), CONFIRMED];
    assert!(
        text(&stripe.post("/v1/setup_intents", &form).await.error(400)["message"]).contains("return_url")
    );
    let form = [
        ("payment_method", "pm_card_visa"),
        CONFIRMED,
        ("return_url", "https://example.com"),
    ];
    assert_eq!(
        stripe.post("/v1/setup_intents", &form).await.ok()["status"],
        "succeeded"
    );
    let newer = [("Stripe-Version", "2026-09-30.endive")];
    let form = [("payment_method_types[]", "card")];
    let answer = stripe
        .send("POST", "/v1/setup_intents", &form, crate::client::SECRET, &newer)
        .await
        .unwrap();
    assert_eq!(answer.header("Stripe-Version"), Some("2026-09-30.endive"));
    assert_eq!(answer.error(400)["code"], "parameter_unknown");
}

#[tokio::test]
async fn a_decline_keeps_the_intent_and_drops_the_method() {
    let stripe = Harness::start().await;
    let customer = stripe.customer().await;
    for (name, code, decline_code) in [
        ("pm_card_chargeDeclined", "card_declined", "generic_decline"),
        (
            "pm_card_chargeDeclinedInsufficientFunds",
            "card_declined",
            "insufficient_funds",
        ),
        (
            "pm_card_chargeDeclinedExpiredCard",
            "expired_card",
            "expired_card",
        ),
    ] {
        let error = create(&stripe, &customer, &[("payment_method", name), CONFIRMED])
            .await
            .error(402);
        assert_eq!(
            (&error["code"], &error["decline_code"]),
            (&json!(code), &json!(decline_code))
        );
        assert_eq!(error["payment_method"]["object"], "payment_method");
        let intent = &error["setup_intent"];
        assert_eq!(
            (&intent["status"], &intent["payment_method"]),
            (&json!("requires_payment_method"), &Value::Null)
        );
        assert_eq!(intent["last_setup_error"]["code"], json!(code));
        assert_eq!(
            intent["last_setup_error"]["payment_method"],
            error["payment_method"]
        );
        let path = format!("/v1/setup_intents/{}", text(&intent["id"]));
        assert_eq!(&stripe.get(&path).await.ok(), intent);
        // It can be tried again with another card.
        let done = stripe
            .post(&format!("{path}/confirm"), &[("payment_method", "pm_card_visa")])
            .await
            .ok();
        assert_eq!(
            (&done["status"], &done["last_setup_error"]),
            (&json!("succeeded"), &Value::Null)
        );
    }
}

#[tokio::test]
async fn methods_of_others_and_used_up_methods_are_refused() {
    let stripe = Harness::start().await;
    let (customer, other) = (stripe.customer().await, stripe.customer().await);
    let method = text(&stripe.attach("pm_card_visa", &other).await.ok()["id"]);
    let error = create(&stripe, &customer, &[("payment_method", &method), CONFIRMED])
        .await
        .error(400);
    assert_eq!(error["param"], "payment_method");
    assert!(text(&error["message"]).contains("does not belong to the Customer you supplied"));
    let intent = create(&stripe, &customer, &[]).await.ok();
    let confirm = format!("/v1/setup_intents/{}/confirm", text(&intent["id"]));
    let error = stripe
        .post(&confirm, &[("payment_method", &method)])
        .await
        .error(400);
    assert_eq!(error["setup_intent"]["status"], "requires_payment_method");
    let form = [
        ("payment_method_types[]", "card"),
        ("payment_method", method.as_str()),
    ];
    let error = stripe.post("/v1/setup_intents", &form).await.error(400);
    assert!(text(&error["message"]).contains("Please include the Customer"));

    stripe
        .post(&format!("/v1/payment_methods/{method}/detach"), &[])
        .await
        .ok();
    let error = create(&stripe, &other, &[("payment_method", &method), CONFIRMED])
        .await
        .error(400);
    assert!(text(&error["message"]).starts_with("The provided PaymentMethod was previously used"));

    // Success without a customer uses a method up.
    let form = [
        ("payment_method_types[]", "card"),
        ("payment_method", "pm_card_visa"),
        CONFIRMED,
    ];
    let alone = stripe.post("/v1/setup_intents", &form).await.ok();
    assert_eq!(alone["status"], "succeeded");
    stripe
        .attach(&text(&alone["payment_method"]), &customer)
        .await
        .error(400);

    let error = create(&stripe, &customer, &[("payment_method", "pm_no")])
        .await
        .error(400);
    assert_eq!(
        (&error["code"], &error["param"]),
        (&json!("resource_missing"), &json!("payment_method"))
    );
    let error = create(&stripe, "cus_no", &[]).await.error(400);
    assert_eq!(
        (&error["code"], &error["param"]),
        (&json!("resource_missing"), &json!("customer"))
    );
    stripe.delete(&format!("/v1/customers/{customer}")).await.ok();
    assert_eq!(
        create(&stripe, &customer, &[]).await.error(400)["param"],
        "customer"
    );
    assert_eq!(
        stripe
            .post(&confirm, &[("payment_method", "pm_card_visa")])
            .await
            .error(400)["param"],
        "customer"
    );
}

#[tokio::test]
async fn cancel_and_steps_out_of_order() {
    let stripe = Harness::start().await;
    let customer = stripe.customer().await;
    let intent = create(&stripe, &customer, &[("payment_method", "pm_card_visa")])
        .await
        .ok();
    let path = format!("/v1/setup_intents/{}", text(&intent["id"]));
    let canceled = stripe
        .post(&format!("{path}/cancel"), &[("cancellation_reason", "duplicate")])
        .await
        .ok();
    assert_eq!(
        (&canceled["status"], &canceled["cancellation_reason"]),
        (&json!("canceled"), &json!("duplicate"))
    );
    for step in ["cancel", "confirm"] {
        let error = stripe.post(&format!("{path}/{step}"), &[]).await.error(400);
        assert_eq!(error["code"], "setup_intent_unexpected_state", "{step}");
        assert_eq!(error["setup_intent"], canceled);
    }
    let done = create(
        &stripe,
        &customer,
        &[("payment_method", "pm_card_visa"), CONFIRMED],
    )
    .await
    .ok();
    let path = format!("/v1/setup_intents/{}", text(&done["id"]));
    let error = stripe.post(&format!("{path}/cancel"), &[]).await.error(400);
    assert!(text(&error["message"]).starts_with(
        "You cannot cancel this SetupIntent because it has a status of succeeded. Only a SetupIntent with one of"
    ));
    stripe.post(&format!("{path}/confirm"), &[]).await.error(400);
    let empty = create(&stripe, &customer, &[]).await.ok();
    let error = stripe
        .post(&format!("/v1/setup_intents/{}/confirm", text(&empty["id"])), &[])
        .await
        .error(400);
    assert!(text(&error["message"]).contains("missing a payment method"));

    let missing = stripe.get("/v1/setup_intents/does+not+exist").await.error(404);
    assert_eq!(missing["message"], "No such setupintent: 'does not exist'");
    assert_eq!(
        (&missing["code"], &missing["param"]),
        (&json!("resource_missing"), &json!("intent"))
    );
}

#[tokio::test]
async fn lists_updates_and_expansions() {
    let stripe = Harness::start().await;
    let (customer, other) = (stripe.customer().await, stripe.customer().await);
    let mut made = Vec::new();
    for _ in 0..3 {
        let more = [("payment_method", "pm_card_visa"), CONFIRMED];
        made.insert(0, create(&stripe, &customer, &more).await.ok());
    }
    create(&stripe, &other, &[]).await.ok();
    let page = stripe
        .get(&format!("/v1/setup_intents?customer={customer}&limit=2"))
        .await
        .ok();
    assert_eq!(
        (ids(&page), &page["has_more"]),
        (vec![text(&made[0]["id"]), text(&made[1]["id"])], &json!(true))
    );
    let method = text(&made[1]["payment_method"]);
    let page = stripe
        .get(&format!(
            "/v1/setup_intents?payment_method={method}&expand[]=data.customer"
        ))
        .await
        .ok();
    assert_eq!(page["data"][0]["customer"]["id"], json!(customer));
    assert_eq!(ids(&page), [text(&made[1]["id"])]);

    let path = format!("/v1/setup_intents/{}", text(&made[1]["id"]));
    let query = "expand[]=payment_method.customer&expand[]=customer&expand[]=latest_attempt";
    let expanded = stripe.get(&format!("{path}?{query}")).await.ok();
    assert_eq!(expanded["payment_method"]["id"], json!(method));
    assert_eq!(expanded["payment_method"]["customer"]["id"], json!(customer));
    assert_eq!(expanded["customer"]["id"], json!(customer));
    let updated = stripe
        .post(&path, &[("description", "mine"), ("metadata[a]", "b")])
        .await
        .ok();
    assert_eq!(
        (&updated["description"], &updated["metadata"]),
        (&json!("mine"), &json!({ "a": "b" }))
    );
    stripe
        .post(&path, &[("payment_method", "pm_card_visa")])
        .await
        .error(400);
}

#[tokio::test]
async fn a_refused_request_leaves_no_method_behind() {
    let stripe = Harness::start().await;
    let customer = stripe.customer().await;
    let intent = create(&stripe, &customer, &[]).await.ok();
    let path = format!("/v1/setup_intents/{}", text(&intent["id"]));
    stripe.post(&format!("{path}/cancel"), &[]).await.ok();
    let before = stripe.effects().await;
    let data = [
        ("payment_method_data[type]", "card"),
        ("payment_method_data[card][number]", "4242424242424242"),
        ("payment_method_data[card][exp_month]", "12"),
        ("payment_method_data[card][exp_year]", "2034"),
    ];
    stripe.post(&format!("{path}/confirm"), &data).await.error(400);
    stripe
        .post(&format!("{path}/confirm"), &[("payment_method", "pm_card_visa")])
        .await
        .error(400);
    stripe
        .post(&path, &[("payment_method", "pm_card_visa")])
        .await
        .error(400);
    create(&stripe, "cus_no", &data).await.error(400);
    stripe
        .attach("pm_card_chargeDeclined", &customer)
        .await
        .error(402);
    let mut both = data.to_vec();
    both.push(("payment_method", "pm_card_visa"));
    create(&stripe, &customer, &both).await.error(400);
    assert_eq!(stripe.effects().await, before);
}
