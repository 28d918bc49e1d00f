//! Answers in the shape of Stripe's own, every key of it, with values of our own.

use serde_json::{Value, json};
use wiremock::ResponseTemplate;

pub(crate) const CREATED: i64 = 1_790_000_000;
pub(crate) const CLIENT_SECRET: &str = "seti_1Wren_secret_QuillQuillQuill";

/// An answer with the headers that Stripe sends.
pub(crate) fn answer(status: u16, body: &Value) -> ResponseTemplate {
    ResponseTemplate::new(status)
        .set_body_json(body)
        .insert_header("Request-Id", "req_Wren0000000001")
        .insert_header("Stripe-Version", "2026-06-24.dahlia")
}

/// An answer after which Stripe says that a repetition would not help.
pub(crate) fn final_answer(status: u16, body: &Value) -> ResponseTemplate {
    answer(status, body).insert_header("Stripe-Should-Retry", "false")
}

pub(crate) fn customer(id: &str, metadata: &Value) -> Value {
    json!({
        "id": id, "object": "customer", "address": null, "balance": 0, "created": CREATED, "currency": null,
        "customer_account": null, "default_source": null, "delinquent": false, "description": null,
        "discount": null, "email": null, "invoice_prefix": "WREN0001",
        "invoice_settings": {
            "custom_fields": null, "default_payment_method": null, "footer": null, "rendering_options": null
        },
        "livemode": false, "metadata": metadata, "name": null, "next_invoice_sequence": 1, "phone": null,
        "preferred_locales": [], "shipping": null, "tax_exempt": "none", "test_clock": null
    })
}

pub(crate) fn payment_method(id: &str, customer: Option<&str>) -> Value {
    json!({
        "id": id, "object": "payment_method", "allow_redisplay": "unspecified",
        "billing_details": {
            "address": {
                "city": null, "country": null, "line1": null, "line2": null, "postal_code": null, "state": null
            },
            "email": null, "name": null, "phone": null, "tax_id": null
        },
        "card": {
            "brand": "visa",
            "checks": {
                "address_line1_check": null, "address_postal_code_check": null, "cvc_check": "pass"
            },
            "country": "US", "display_brand": "visa", "exp_month": 8, "exp_year": 2031,
            "fingerprint": "WrenFingerprint1", "funding": "credit", "generated_from": null, "last4": "4242",
            "networks": {"available": ["visa"], "preferred": null}, "regulated_status": "unregulated",
            "three_d_secure_usage": {"supported": true}, "wallet": null
        },
        "created": CREATED, "customer": customer, "customer_account": null, "livemode": false, "metadata": {},
        "shared_payment_granted_token": null, "type": "card"
    })
}

pub(crate) fn setup_intent(status: &str, payment_method: Option<&str>) -> Value {
    json!({
        "id": "seti_1Wren", "object": "setup_intent", "application": null, "automatic_payment_methods": null,
        "cancellation_reason": null, "client_secret": CLIENT_SECRET, "created": CREATED,
        "customer": "cus_Wren", "customer_account": null, "description": null, "excluded_payment_method_types": null,
        "flow_directions": null, "last_setup_error": null, "latest_attempt": null, "livemode": false,
        "mandate": null,
        "metadata": {"project": "demo", "user": "user-1", "operation": "01OPERATION"},
        "next_action": null, "on_behalf_of": null, "payment_method": payment_method,
        "payment_method_configuration_details": null,
        "payment_method_options": {
            "card": {"mandate_options": null, "network": null, "request_three_d_secure": "automatic"}
        },
        "payment_method_types": ["card"], "single_use_mandate": null, "status": status, "usage": "off_session"
    })
}

pub(crate) fn list(url: &str, data: &[Value], has_more: bool) -> Value {
    json!({"object": "list", "data": data, "has_more": has_more, "url": url})
}

pub(crate) fn event(event_type: &str, object: &Value) -> Value {
    json!({
        "id": "evt_1Wren", "object": "event", "api_version": "2026-06-24.dahlia", "created": CREATED,
        "data": {"object": object}, "livemode": false, "pending_webhooks": 1,
        "request": {"id": "req_Wren0000000002", "idempotency_key": null}, "type": event_type
    })
}

/// An error of Stripe's; `fields` are added to what every error has.
pub(crate) fn error(error_type: &str, message: &str, fields: &Value) -> Value {
    let mut error = json!({
        "type": error_type, "message": message,
        "request_log_url": "https://dashboard.stripe.com/test/logs/req_Wren0000000001?t=1790000000"
    });
    let fields = fields.as_object().unwrap().clone();
    error.as_object_mut().unwrap().extend(fields);
    json!({"error": error})
}

pub(crate) fn invalid_request(message: &str, fields: &Value) -> Value {
    error("invalid_request_error", message, fields)
}

pub(crate) fn server_error() -> Value {
    error("api_error", "An unknown error occurred", &json!({}))
}
