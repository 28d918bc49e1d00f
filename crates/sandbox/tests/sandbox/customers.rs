use serde_json::{Value, json};

use crate::client::{Harness, ids, text};

#[tokio::test]
async fn create_update_retrieve_and_delete() {
    let stripe = Harness::start().await;
    let form = [
        ("email", "a@example.com"),
        ("metadata[user]", "u1"),
        ("metadata[gone]", "x"),
        ("name", "Jenny"),
    ];
    let customer = stripe.post("/v1/customers", &form).await.ok();
    let path = format!("/v1/customers/{}", text(&customer["id"]));
    assert_eq!(customer["metadata"], json!({ "user": "u1", "gone": "x" }));
    assert_eq!(stripe.get(&path).await.ok(), customer);

    let form = [
        ("name", ""),
        ("metadata[gone]", ""),
        ("address[city]", "Berlin"),
        ("phone", "1"),
    ];
    let updated = stripe.post(&path, &form).await.ok();
    assert_eq!(updated["name"], Value::Null);
    assert_eq!(updated["metadata"], json!({ "user": "u1" }));
    assert_eq!(updated["address"]["city"], "Berlin");
    assert!(updated["address"].as_object().unwrap().contains_key("line2"));
    assert_eq!(updated["email"], "a@example.com");

    let deleted = json!({ "id": customer["id"], "object": "customer", "deleted": true });
    assert_eq!(stripe.delete(&path).await.ok(), deleted);
    assert_eq!(stripe.get(&path).await.ok(), deleted);
    assert_eq!(stripe.delete(&path).await.error(404)["code"], "resource_missing");
    assert_eq!(
        stripe.post(&path, &[("name", "x")]).await.error(404)["param"],
        "id"
    );
    assert_eq!(
        stripe.effects().await,
        ["customer.created", "customer.updated", "customer.deleted"]
    );
}

#[tokio::test]
async fn lists_page_both_ways_and_filter() {
    let stripe = Harness::start().await;
    let mut made = Vec::new();
    for number in 0..7 {
        stripe.clock.advance(1);
        let email = if number % 2 == 0 {
            "even@example.com"
        } else {
            "odd@example.com"
        };
        made.insert(
            0,
            text(&stripe.post("/v1/customers", &[("email", email)]).await.ok()["id"]),
        );
    }
    let first = stripe.get("/v1/customers?limit=3").await.ok();
    assert_eq!(ids(&first), made[..3]);
    assert_eq!(
        (&first["has_more"], &first["url"]),
        (&json!(true), &json!("/v1/customers"))
    );
    let next = stripe
        .get(&format!("/v1/customers?limit=3&starting_after={}", made[2]))
        .await
        .ok();
    assert_eq!(ids(&next), made[3..6]);
    let last = stripe
        .get(&format!("/v1/customers?limit=3&starting_after={}", made[5]))
        .await
        .ok();
    assert_eq!(
        (ids(&last), &last["has_more"]),
        (made[6..].to_vec(), &json!(false))
    );
    let back = stripe
        .get(&format!("/v1/customers?limit=2&ending_before={}", made[5]))
        .await
        .ok();
    assert_eq!(
        (ids(&back), &back["has_more"]),
        (made[3..5].to_vec(), &json!(true))
    );
    let front = stripe
        .get(&format!("/v1/customers?ending_before={}", made[2]))
        .await
        .ok();
    assert_eq!(
        (ids(&front), &front["has_more"]),
        (made[..2].to_vec(), &json!(false))
    );

    let odd = stripe.get("/v1/customers?email=odd@example.com").await.ok();
    assert_eq!(ids(&odd), [made[1].clone(), made[3].clone(), made[5].clone()]);
    let since = crate::client::START + 6;
    assert_eq!(
        ids(&stripe
            .get(&format!("/v1/customers?created[gte]={since}"))
            .await
            .ok()),
        made[..2]
    );
    assert_eq!(
        ids(&stripe.get(&format!("/v1/customers?created={since}")).await.ok()),
        made[1..2]
    );

    // A deleted customer is not listed, but its id still marks a place.
    stripe.delete(&format!("/v1/customers/{}", made[2])).await.ok();
    let after = stripe
        .get(&format!("/v1/customers?limit=1&starting_after={}", made[2]))
        .await
        .ok();
    assert_eq!(ids(&after), made[3..4]);

    for bad in [
        "limit=0",
        "limit=101",
        "limit=x",
        "limit=",
        "starting_after=cus_no",
        "colour=red",
        "created[x]=1",
    ] {
        let error = stripe.get(&format!("/v1/customers?{bad}")).await.error(400);
        assert_eq!(error["type"], "invalid_request_error", "{bad}");
    }
    let both = format!(
        "/v1/customers?starting_after={}&ending_before={}",
        made[0], made[1]
    );
    stripe.get(&both).await.error(400);
}

#[tokio::test]
async fn a_payment_method_at_creation_is_checked_like_an_attach() {
    let stripe = Harness::start().await;
    let customer = stripe
        .post("/v1/customers", &[("payment_method", "pm_card_visa")])
        .await
        .ok();
    let listed = stripe
        .get(&format!(
            "/v1/customers/{}/payment_methods",
            text(&customer["id"])
        ))
        .await
        .ok();
    assert_eq!(listed["data"][0]["customer"], customer["id"]);

    let before = stripe.effects().await.len();
    let error = stripe
        .post("/v1/customers", &[("payment_method", "pm_card_chargeDeclined")])
        .await
        .error(402);
    assert_eq!(
        (&error["code"], &error["decline_code"]),
        (&json!("card_declined"), &json!("generic_decline"))
    );
    let error = stripe
        .post("/v1/customers", &[("payment_method", "pm_missing")])
        .await
        .error(400);
    assert_eq!(error["code"], "resource_missing");
    assert_eq!(stripe.effects().await.len(), before);
}

#[tokio::test]
async fn the_default_method_must_be_attached_and_goes_when_it_is_detached() {
    let stripe = Harness::start().await;
    let customer = stripe.customer().await;
    let path = format!("/v1/customers/{customer}");
    let method = text(&stripe.get("/v1/payment_methods/pm_card_visa").await.ok()["id"]);
    let form = [("invoice_settings[default_payment_method]", method.as_str())];
    assert_eq!(
        stripe.post(&path, &form).await.error(400)["code"],
        "resource_missing"
    );
    stripe.attach(&method, &customer).await.ok();
    let updated = stripe.post(&path, &form).await.ok();
    assert_eq!(
        updated["invoice_settings"]["default_payment_method"],
        json!(method)
    );
    stripe
        .post(&format!("/v1/payment_methods/{method}/detach"), &[])
        .await
        .ok();
    assert_eq!(
        stripe.get(&path).await.ok()["invoice_settings"]["default_payment_method"],
        Value::Null
    );
}

#[tokio::test]
async fn parameters_are_validated_as_stripe_does() {
    let stripe = Harness::start().await;
    let long = "v".repeat(501);
    for (name, value, code, param) in [
        ("colour", "red", "parameter_unknown", "colour"),
        (
            "invoice_settings[footer]",
            "x",
            "parameter_unknown",
            "invoice_settings[footer]",
        ),
        ("balance", "x", "parameter_invalid_integer", "balance"),
        ("email", "nobody", "email_invalid", "email"),
        ("payment_method", "", "parameter_invalid_empty", "payment_method"),
    ] {
        let error = stripe.post("/v1/customers", &[(name, value)]).await.error(400);
        assert_eq!(
            (&error["code"], &error["param"]),
            (&json!(code), &json!(param)),
            "{name}"
        );
    }
    stripe
        .post("/v1/customers", &[("metadata[k]", &long)])
        .await
        .error(400);
    stripe
        .post("/v1/customers", &[("expand[]", "colour")])
        .await
        .error(400);
    let not_form = stripe
        .http
        .post(stripe.url("/v1/customers"))
        .bearer_auth(crate::client::SECRET)
        .json(&json!({ "email": "a@example.com" }));
    assert_eq!(not_form.send().await.unwrap().status(), 400);
    assert_eq!(stripe.effects().await, Vec::<String>::new());
}
