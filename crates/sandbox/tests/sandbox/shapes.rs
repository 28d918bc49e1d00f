//! The keys of every object, as Stripe's own answers have them (version 2026-06-24.dahlia; setup intents as answered
//! up to 2024).

use serde_json::{Value, json};

use crate::client::{Harness, text};

const CUSTOMER: &str = "id object address balance created currency customer_account default_source delinquent \
    description discount email invoice_prefix invoice_settings invoice_settings.custom_fields \
    invoice_settings.default_payment_method invoice_settings.footer invoice_settings.rendering_options livemode \
    metadata name next_invoice_sequence phone preferred_locales shipping tax_exempt test_clock";

const PAYMENT_METHOD: &str = "id object allow_redisplay billing_details billing_details.address \
    billing_details.address.city billing_details.address.country billing_details.address.line1 \
    billing_details.address.line2 billing_details.address.postal_code billing_details.address.state \
    billing_details.email billing_details.name billing_details.phone billing_details.tax_id card card.brand card.checks \
    card.checks.address_line1_check card.checks.address_postal_code_check card.checks.cvc_check card.country \
    card.display_brand card.exp_month card.exp_year card.fingerprint card.funding card.generated_from card.last4 \
    card.networks card.networks.available card.networks.preferred card.regulated_status card.three_d_secure_usage \
    card.three_d_secure_usage.supported card.wallet created customer customer_account livemode metadata \
    shared_payment_granted_token type";

const SETUP_INTENT: &str = "id object application automatic_payment_methods cancellation_reason client_secret created \
    customer description flow_directions last_setup_error latest_attempt livemode mandate metadata next_action \
    on_behalf_of payment_method payment_method_configuration_details payment_method_options payment_method_options.card \
    payment_method_options.card.mandate_options payment_method_options.card.network \
    payment_method_options.card.request_three_d_secure payment_method_types single_use_mandate status usage";

const EVENT: &str = "id object api_version created data data.object livemode pending_webhooks request request.id \
    request.idempotency_key type";

/// Every key of an object and of the objects in it, but for those below `opaque`.
fn keys(value: &Value, opaque: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    collect(value, "", opaque, &mut found);
    found.sort();
    found
}

fn collect(value: &Value, prefix: &str, opaque: &[&str], found: &mut Vec<String>) {
    for (key, inner) in value.as_object().into_iter().flatten() {
        let name = format!("{prefix}{key}");
        if !opaque.contains(&name.as_str()) {
            collect(inner, &format!("{name}."), opaque, found);
        }
        found.push(name);
    }
}

#[track_caller]
fn has_exactly(value: &Value, expected: &str, opaque: &[&str]) {
    let mut expected: Vec<String> = expected.split_whitespace().map(str::to_owned).collect();
    expected.sort();
    assert_eq!(keys(value, opaque), expected, "{value}");
}

#[tokio::test]
async fn objects_have_exactly_stripes_keys() {
    let stripe = Harness::start().await;
    let customer = stripe
        .post("/v1/customers", &[("email", "a@example.com")])
        .await
        .ok();
    has_exactly(&customer, CUSTOMER, &["metadata"]);
    let id = text(&customer["id"]);
    has_exactly(
        &stripe.get("/v1/payment_methods/pm_card_mastercard").await.ok(),
        PAYMENT_METHOD,
        &[],
    );
    has_exactly(
        &stripe.attach("pm_card_visa", &id).await.ok(),
        PAYMENT_METHOD,
        &[],
    );
    let wallet = stripe.get("/v1/payment_methods/pm_card_applePay_visa").await.ok();
    has_exactly(&wallet, PAYMENT_METHOD, &["card.wallet"]);
    has_exactly(&wallet["card"]["wallet"], "apple_pay dynamic_last4 type", &[]);

    for name in ["pm_card_visa", "pm_card_authenticationRequired"] {
        let form = [
            ("customer", id.as_str()),
            ("payment_method_types[0]", "card"),
            ("payment_method", name),
            ("confirm", "true"),
        ];
        let intent = stripe.post("/v1/setup_intents", &form).await.ok();
        has_exactly(&intent, SETUP_INTENT, &["next_action"]);
        if name == "pm_card_authenticationRequired" {
            let action =
                "type use_stripe_sdk use_stripe_sdk.source use_stripe_sdk.stripe_js use_stripe_sdk.type";
            has_exactly(&intent["next_action"], action, &[]);
        }
    }
    let deleted = stripe.delete(&format!("/v1/customers/{id}")).await.ok();
    has_exactly(&deleted, "id object deleted", &[]);

    let events = stripe.get("/v1/events").await.ok();
    has_exactly(&events, "object data has_more url", &[]);
    for event in events["data"].as_array().unwrap() {
        has_exactly(event, EVENT, &["data.object", "data.previous_attributes"]);
        assert_eq!(event["api_version"], "2026-06-24.dahlia");
    }
}

#[tokio::test]
async fn webhook_endpoints_and_accounts_have_stripes_keys() {
    let stripe = Harness::start().await;
    let form = [
        ("url", "http://127.0.0.1:9/"),
        ("enabled_events[]", "customer.deleted"),
    ];
    let keys =
        "id object api_version application created description enabled_events livemode metadata status url";
    let created = stripe.post("/v1/webhook_endpoints", &form).await.ok();
    has_exactly(&created, &format!("{keys} secret"), &[]);
    let seen = stripe
        .get(&format!("/v1/webhook_endpoints/{}", text(&created["id"])))
        .await
        .ok();
    has_exactly(&seen, keys, &[]);
    let keys = "id object business_profile business_type capabilities charges_enabled controller country created \
        default_currency details_submitted email external_accounts future_requirements metadata payouts_enabled \
        requirements settings tos_acceptance type";
    let opaque = [
        "business_profile",
        "capabilities",
        "controller",
        "external_accounts",
        "future_requirements",
        "requirements",
        "settings",
        "tos_acceptance",
    ];
    has_exactly(&stripe.get("/v1/account").await.ok(), keys, &opaque);
}

#[tokio::test]
async fn errors_have_exactly_stripes_keys() {
    let stripe = Harness::start().await;
    let common = "message type request_log_url";
    let missing = stripe.get("/v1/customers/cus_no").await.error(404);
    has_exactly(&missing, &format!("{common} code doc_url param"), &[]);
    assert_eq!(
        missing["doc_url"],
        "https://stripe.com/docs/error-codes/resource-missing"
    );
    let customer = stripe.customer().await;
    let declined = stripe
        .attach("pm_card_chargeDeclined", &customer)
        .await
        .error(402);
    let decline = "advice_code code decline_code doc_url network_decline_code param";
    has_exactly(&declined, &format!("{common} {decline}"), &[]);
    assert_eq!(
        (&declined["advice_code"], &declined["param"]),
        (&json!("try_again_later"), &json!(""))
    );
    let expired = stripe
        .attach("pm_card_chargeDeclinedExpiredCard", &customer)
        .await
        .error(402);
    has_exactly(&expired, &format!("{common} code doc_url param"), &[]);
    let method = text(&stripe.attach("pm_card_visa", &customer).await.ok()["id"]);
    has_exactly(&stripe.attach(&method, &customer).await.error(400), common, &[]);

    let form = [
        ("customer", customer.as_str()),
        ("payment_method_types[]", "card"),
    ];
    let mut confirmed = form.to_vec();
    confirmed.extend([("payment_method", "pm_card_chargeDeclined"), ("confirm", "true")]);
    let declined = stripe.post("/v1/setup_intents", &confirmed).await.error(402);
    let decline = "advice_code code decline_code doc_url network_decline_code payment_method setup_intent";
    has_exactly(
        &declined,
        &format!("{common} {decline}"),
        &["payment_method", "setup_intent"],
    );
    has_exactly(
        &declined["setup_intent"]["last_setup_error"],
        "advice_code code decline_code doc_url message network_decline_code payment_method type",
        &["payment_method"],
    );
    let unknown = stripe.get("/v1/nothing").await.error(404);
    has_exactly(&unknown, common, &[]);
    assert!(text(&unknown["message"]).starts_with("Unrecognized request URL (GET: /v1/nothing)."));
}
