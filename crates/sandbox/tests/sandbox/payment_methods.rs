use serde_json::{Value, json};

use crate::client::{Harness, ids, text};

fn card(number: &str) -> Vec<(&str, &str)> {
    vec![
        ("type", "card"),
        ("card[number]", number),
        ("card[exp_month]", "12"),
        ("card[exp_year]", "2030"),
        ("card[cvc]", "314"),
    ]
}

async fn fresh(stripe: &Harness, name: &str) -> String {
    text(
        &stripe
            .get(&format!("/v1/payment_methods/pm_card_{name}"))
            .await
            .ok()["id"],
    )
}

#[tokio::test]
async fn made_by_either_key_from_a_card_or_a_token() {
    let stripe = Harness::start().await;
    let by_browser = stripe
        .browser("/v1/payment_methods", &card("4242 4242 4242 4242"))
        .await
        .ok();
    assert_eq!(by_browser["card"]["checks"]["cvc_check"], "unchecked");
    let by_secret = stripe
        .post("/v1/payment_methods", &card("4242424242424242")[..4])
        .await
        .ok();
    assert_eq!(by_secret["card"]["checks"]["cvc_check"], Value::Null);
    let by_token = stripe
        .post(
            "/v1/payment_methods",
            &[("type", "card"), ("card[token]", "tok_visa")],
        )
        .await
        .ok();
    for method in [&by_browser, &by_secret, &by_token] {
        assert_eq!(method["card"]["fingerprint"], by_browser["card"]["fingerprint"]);
        assert_eq!(
            (&method["card"]["brand"], &method["card"]["last4"]),
            (&json!("visa"), &json!("4242"))
        );
        assert_eq!(method["customer"], Value::Null);
        let path = format!("/v1/payment_methods/{}", text(&method["id"]));
        assert_eq!(&stripe.get(&path).await.ok(), method);
    }
    let other = stripe
        .post("/v1/payment_methods", &card("5555555555554444"))
        .await
        .ok();
    assert_ne!(other["card"]["fingerprint"], by_browser["card"]["fingerprint"]);
}

#[tokio::test]
async fn brands_and_wallets() {
    let stripe = Harness::start().await;
    for (name, brand) in [
        ("visa_debit", "visa"),
        ("mastercard", "mastercard"),
        ("amex", "amex"),
        ("discover", "discover"),
        ("diners", "diners"),
        ("jcb", "jcb"),
        ("unionpay", "unionpay"),
        ("eftposAu", "eftpos_au"),
        ("visa_cartesBancaires", "cartes_bancaires"),
    ] {
        let form = [("type", "card"), ("card[token]", &format!("tok_{name}"))];
        assert_eq!(
            stripe.post("/v1/payment_methods", &form).await.ok()["card"]["brand"],
            brand,
            "{name}"
        );
    }
    let unknown = stripe
        .post("/v1/payment_methods", &card("9000000000000001"))
        .await
        .ok();
    assert_eq!(
        (
            &unknown["card"]["brand"],
            &unknown["card"]["networks"]["available"]
        ),
        (&json!("unknown"), &json!([]))
    );
    for (name, wallet) in [
        ("applePay_visa", "apple_pay"),
        ("googlePay_mastercard", "google_pay"),
    ] {
        let method = stripe
            .get(&format!("/v1/payment_methods/pm_card_{name}"))
            .await
            .ok();
        let last4 = &method["card"]["last4"];
        let mut expected = json!({ "type": wallet, "dynamic_last4": last4 });
        expected[wallet] = json!({});
        assert_eq!(
            (&method["type"], &method["card"]["wallet"]),
            (&json!("card"), &expected)
        );
    }
    stripe
        .post(
            "/v1/payment_methods",
            &[("type", "card"), ("card[token]", "tok_no")],
        )
        .await
        .error(400);
}

#[tokio::test]
async fn bad_card_data() {
    let stripe = Harness::start().await;
    for (place, value, code, param) in [
        (1, "4242424242424241", "incorrect_number", "number"),
        (1, "4242", "invalid_number", "number"),
        (2, "13", "invalid_expiry_month", "exp_month"),
        (3, "2025", "invalid_expiry_year", "exp_year"),
        (4, "12", "invalid_cvc", "cvc"),
    ] {
        let mut form = card("4242424242424242");
        form[place].1 = value;
        let error = stripe.browser("/v1/payment_methods", &form).await.error(402);
        assert_eq!(error["type"], "card_error");
        assert_eq!((&error["code"], &error["param"]), (&json!(code), &json!(param)));
    }
    for missing in 0..4 {
        let mut form = card("4242424242424242");
        form.remove(missing);
        assert_eq!(
            stripe.post("/v1/payment_methods", &form).await.error(400)["code"],
            "parameter_missing"
        );
    }
    let mut sepa = card("4242424242424242");
    sepa[0].1 = "sepa_debit";
    stripe.post("/v1/payment_methods", &sepa).await.error(400);
    assert_eq!(stripe.effects().await, Vec::<String>::new());
}

#[tokio::test]
async fn attach_and_detach() {
    let stripe = Harness::start().await;
    let (first, second) = (stripe.customer().await, stripe.customer().await);
    let method = text(
        &stripe
            .browser("/v1/payment_methods", &card("4242424242424242"))
            .await
            .ok()["id"],
    );
    let attached = stripe.attach(&method, &first).await.ok();
    assert_eq!(
        (&attached["customer"], &attached["card"]["checks"]["cvc_check"]),
        (&json!(first), &json!("pass"))
    );
    for customer in [&first, &second] {
        let error = stripe.attach(&method, customer).await.error(400);
        assert_eq!(
            error["message"],
            "The payment method you provided has already been attached to a customer."
        );
        assert!(error.get("code").is_none() && error.get("param").is_none());
    }
    let detach = format!("/v1/payment_methods/{method}/detach");
    assert_eq!(stripe.post(&detach, &[]).await.ok()["customer"], Value::Null);
    let again = stripe.post(&detach, &[]).await.error(400);
    assert!(text(&again["message"]).contains("is not attached to a customer so detachment is impossible"));
    let used = stripe.attach(&method, &first).await.error(400);
    assert!(text(&used["message"]).starts_with("This PaymentMethod was previously used"));

    let error = stripe.attach("pm_missing", &first).await.error(404);
    assert_eq!(
        (&error["code"], &error["param"]),
        (&json!("resource_missing"), &json!("payment_method"))
    );
    assert!(text(&error["message"]).starts_with("No such PaymentMethod: 'pm_missing'; It's possible"));
    let error = stripe.attach("pm_card_visa", "cus_missing").await.error(400);
    assert_eq!(
        (&error["code"], &error["param"]),
        (&json!("resource_missing"), &json!("customer"))
    );
    let error = stripe
        .post("/v1/payment_methods/pm_card_visa/attach", &[])
        .await
        .error(400);
    assert_eq!(error["code"], "parameter_missing");
    let one = stripe.attach("pm_card_visa", &first).await.ok();
    let two = stripe.attach("pm_card_visa", &first).await.ok();
    assert_ne!(one["id"], two["id"]);
}

#[tokio::test]
async fn each_test_card_attaches_or_declines() {
    let stripe = Harness::start().await;
    let customer = stripe.customer().await;
    for number in [
        "4242424242424242",
        "4000000000000341",
        "4000000000003055",
        "4000002500003155",
        "4000002760003184",
    ] {
        let method = text(&stripe.post("/v1/payment_methods", &card(number)).await.ok()["id"]);
        assert_eq!(
            stripe.attach(&method, &customer).await.ok()["customer"],
            json!(customer),
            "{number}"
        );
    }
    for (number, code, decline_code, param) in [
        ("4000000000000002", "card_declined", json!("generic_decline"), ""),
        (
            "4000000000009995",
            "card_declined",
            json!("insufficient_funds"),
            "",
        ),
        ("4000000000009987", "card_declined", json!("lost_card"), ""),
        ("4000000000009979", "card_declined", json!("stolen_card"), ""),
        ("4000000000000069", "expired_card", Value::Null, "exp_month"),
        ("4000000000000101", "incorrect_cvc", Value::Null, "cvc"),
        ("4000000000000127", "incorrect_cvc", Value::Null, "cvc"),
        ("4000000000000036", "incorrect_zip", Value::Null, "address_zip"),
    ] {
        let method = text(&stripe.post("/v1/payment_methods", &card(number)).await.ok()["id"]);
        let error = stripe.attach(&method, &customer).await.error(402);
        assert_eq!(error["type"], "card_error");
        assert_eq!(
            (&error["code"], &error["param"]),
            (&json!(code), &json!(param)),
            "{number}"
        );
        assert_eq!(
            error.get("decline_code").cloned().unwrap_or_default(),
            decline_code,
            "{number}"
        );
        let path = format!("/v1/payment_methods/{method}");
        assert_eq!(stripe.get(&path).await.ok()["customer"], Value::Null);
    }
}

#[tokio::test]
async fn update_wants_an_attached_method() {
    let stripe = Harness::start().await;
    let customer = stripe.customer().await;
    let method = fresh(&stripe, "visa").await;
    let path = format!("/v1/payment_methods/{method}");
    let form = [
        ("billing_details[name]", "Jenny"),
        ("billing_details[address][city]", "Berlin"),
        ("metadata[a]", "b"),
        ("card[exp_year]", "2031"),
    ];
    let error = stripe.post(&path, &form).await.error(400);
    assert_eq!(
        error["message"],
        "You must save this PaymentMethod to a customer before you can update it."
    );
    stripe.attach(&method, &customer).await.ok();
    let updated = stripe.post(&path, &form).await.ok();
    assert_eq!(updated["billing_details"]["name"], "Jenny");
    assert_eq!(updated["billing_details"]["address"]["city"], "Berlin");
    assert_eq!(
        (&updated["metadata"], &updated["card"]["exp_year"]),
        (&json!({ "a": "b" }), &json!(2031))
    );
    stripe
        .post(&path, &[("card[number]", "4242424242424242")])
        .await
        .error(400);
    stripe.post(&path, &[("card[exp_month]", "0")]).await.error(402);
    let events = stripe.get("/v1/events?type=payment_method.updated").await.ok();
    assert_eq!(
        events["data"][0]["data"]["previous_attributes"]["card"],
        json!({ "exp_year": 2027 })
    );
}

#[tokio::test]
async fn lists_by_customer_on_both_paths() {
    let stripe = Harness::start().await;
    let (customer, other) = (stripe.customer().await, stripe.customer().await);
    let mut made = Vec::new();
    for _ in 0..12 {
        made.insert(
            0,
            text(&stripe.attach("pm_card_visa", &customer).await.ok()["id"]),
        );
    }
    stripe.attach("pm_card_visa", &other).await.ok();
    for path in [
        format!("/v1/payment_methods?customer={customer}&type=card"),
        format!("/v1/customers/{customer}/payment_methods?type=card"),
    ] {
        let page = stripe.get(&path).await.ok();
        assert_eq!(
            (ids(&page), &page["has_more"]),
            (made[..10].to_vec(), &json!(true))
        );
        let rest = stripe
            .get(&format!("{path}&starting_after={}", made[9]))
            .await
            .ok();
        assert_eq!(
            (ids(&rest), &rest["has_more"]),
            (made[10..].to_vec(), &json!(false))
        );
        let back = stripe
            .get(&format!("{path}&ending_before={}&limit=2", made[9]))
            .await
            .ok();
        assert_eq!(
            (ids(&back), &back["has_more"]),
            (made[7..9].to_vec(), &json!(true))
        );
        stripe.get(&format!("{path}&limit=101")).await.error(400);
    }
    assert_eq!(
        ids(&stripe
            .get(&format!("/v1/payment_methods?customer={customer}&type=link"))
            .await
            .ok())
        .len(),
        0
    );
    let one = format!("/v1/customers/{customer}/payment_methods/{}", made[3]);
    assert_eq!(stripe.get(&one).await.ok()["id"], json!(made[3]));
    stripe
        .get(&format!("/v1/customers/{other}/payment_methods/{}", made[3]))
        .await
        .error(404);
    stripe
        .get("/v1/customers/cus_no/payment_methods")
        .await
        .error(404);
}

#[tokio::test]
async fn deleting_a_customer_detaches_nothing() {
    let stripe = Harness::start().await;
    let (customer, other) = (stripe.customer().await, stripe.customer().await);
    let method = text(&stripe.attach("pm_card_visa", &customer).await.ok()["id"]);
    stripe.delete(&format!("/v1/customers/{customer}")).await.ok();
    let seen = stripe.get(&format!("/v1/payment_methods/{method}")).await.ok();
    assert_eq!(seen["customer"], json!(customer));
    stripe.attach(&method, &other).await.error(400);
    stripe.attach("pm_card_visa", &customer).await.error(400);
    assert!(
        !stripe
            .effects()
            .await
            .contains(&"payment_method.detached".to_owned())
    );
}
