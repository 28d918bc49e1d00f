//! Stripe or the network to it fails: the client is told to try again, and trying again ends with one effect.

use std::time::Duration;

use billfold_test_support::wait_for;
use serde_json::{Value, json};

use crate::support::{Backend, Response, Server, on_every_database, stripe::StripeAccount};

on_every_database!(
    saving_is_tried_again_with_one_effect,
    saving_through_the_account_api_is_tried_again_with_one_effect,
    deleting_is_tried_again_with_one_effect,
    deleting_a_method_that_waits_is_tried_again_with_one_effect,
    making_a_setup_intent_is_tried_again,
);

/// Every fault that makes a call fail, and how many requests must go wrong for it, since the adapter sends most twice.
pub(crate) const FAULTS: &[(&str, u64)] = &[
    ("error_500_before", 2),
    ("error_500_after", 2),
    ("hang_before", 1),
    ("hang_after", 1),
    ("reset", 2),
    ("reset_after", 2),
    ("truncate", 2),
    ("rate_limit_429", 2),
    ("unauthorized_401", 1),
];

/// Long enough for a call on a busy machine, short beside a hang.
pub(crate) const CALL_TIMEOUT: Duration = Duration::from_millis(700);

/// Longer than a call may take.
const HANG: u64 = 900;

/// How long a client goes on trying.
const WITHIN: Duration = Duration::from_secs(20);

/// Puts one of the faults before the next call of this method and path.
pub(crate) async fn break_next(stripe: &StripeAccount, (kind, count): (&str, u64), method: &str, path: &str) {
    stripe
        .fault(json!({ "kind": kind, "count": count, "method": method, "path": path, "milliseconds": HANG }))
        .await;
}

/// The answer says when to try again, and nothing of what happened.
pub(crate) fn assert_unavailable(answer: &Response, context: &str) {
    assert_eq!(answer.status, 503, "{context}: {}", answer.text());
    let seconds = answer.header("Retry-After").map(str::parse::<u64>);
    assert!(matches!(seconds, Some(Ok(1..))), "{context}: {seconds:?}");
    let text = answer.text().to_ascii_lowercase();
    for word in ["stripe", "sk_test", "req_", "idempot", "setup_intent", "sql"] {
        assert!(!text.contains(word), "{context}: {text}");
    }
}

/// What was done before Stripe's 500 is found at once by looking for it; any other fault is the client's to try again.
fn assert_first(answer: &Response, (kind, _): (&str, u64), method: &str, context: &str) {
    if kind == "error_500_after" && method == "POST" {
        assert!(answer.status < 300, "{context}: {}", answer.text());
    } else {
        assert_unavailable(answer, context);
    }
}

/// Tries until the answer is definite.
async fn try_again(what: &str, mut attempt: impl AsyncFnMut() -> Response) -> Response {
    wait_for(WITHIN, what, async || {
        let answer = attempt().await;
        (![409, 503].contains(&answer.status)).then_some(answer)
    })
    .await
}

fn of_user<'a>(objects: &'a [Value], user: &str) -> Vec<&'a Value> {
    let belongs = |object: &&Value| object["metadata"]["user"] == user;
    objects.iter().filter(belongs).collect()
}

/// Exactly one customer, one setup intent that succeeded and one attached method are this user's.
pub(crate) async fn assert_one_effect(stripe: &StripeAccount, user: &str, id: &str, context: &str) {
    let customers = stripe.customers().await;
    let customers = of_user(&customers, user);
    assert_eq!(customers.len(), 1, "{context}: {customers:?}");
    let setup_intents = stripe.setup_intents().await;
    let setup_intents = of_user(&setup_intents, user);
    assert_eq!(setup_intents.len(), 1, "{context}: {setup_intents:?}");
    assert_eq!(setup_intents[0]["status"], "succeeded", "{context}");
    assert_eq!(setup_intents[0]["payment_method"], id, "{context}");
    let attached = stripe.payment_method(id).await;
    assert_eq!(attached["customer"], customers[0]["id"], "{context}");
}

/// The calls that saving the first method of a user makes.
const SAVING: [(&str, &str); 3] = [
    ("GET", "/v1/payment_methods/"),
    ("POST", "/v1/customers"),
    ("POST", "/v1/setup_intents"),
];

async fn saving_is_tried_again_with_one_effect(backend: Backend) {
    let server = Server::with(backend).call_timeout(CALL_TIMEOUT).start().await;
    let stripe = server.stripe("demo");
    for (number, fault) in FAULTS.iter().enumerate() {
        for (step, (method, path)) in SAVING.iter().enumerate() {
            let context = format!("{} at {method} {path}", fault.0);
            let user = format!("usr_{number}_{step}");
            let id = stripe.card("4242424242424242").await;
            break_next(&stripe, *fault, method, path).await;
            assert_first(&server.save(&id, &user).await, *fault, method, &context);
            let saved = try_again(&context, async || server.save(&id, &user).await).await;
            assert!([200, 201].contains(&saved.status), "{context}: {}", saved.text());
            assert_eq!(saved.property("status"), "available", "{context}");
            server.save(&id, &user).await.expect(200);
            assert_one_effect(&stripe, &user, &id, &context).await;
            stripe.clear_faults().await;
        }
    }
}

async fn saving_through_the_account_api_is_tried_again_with_one_effect(backend: Backend) {
    let server = Server::with(backend).call_timeout(CALL_TIMEOUT).start().await;
    let stripe = server.stripe("demo");
    for (number, fault) in FAULTS.iter().enumerate() {
        let context = fault.0;
        let user = format!("usr_{number}");
        let id = stripe.card("4242424242424242").await;
        let save = async || {
            server
                .account_request("POST", &user, "/payment-methods")
                .json(&json!({ "id": id }))
                .send()
                .await
        };
        break_next(&stripe, *fault, "POST", "/v1/setup_intents").await;
        let failed = save().await;
        assert_first(&failed, *fault, "POST", context);
        if failed.status == 503 {
            let message = "The service cannot answer now. Try again.";
            assert_eq!(failed.json(), json!({ "message": message }));
        }
        let saved = try_again(context, save).await;
        assert!([200, 201].contains(&saved.status), "{context}: {}", saved.text());
        assert_one_effect(&stripe, &user, &id, context).await;
        stripe.clear_faults().await;
    }

    // A card with a check leaves no setup intent behind, also when giving it up fails at first.
    for fault in FAULTS {
        let context = format!("{} at the cancelation", fault.0);
        let id = stripe.card("4000002500003155").await;
        let save = async || {
            server
                .account_request("POST", "usr_checked", "/payment-methods")
                .json(&json!({ "id": id }))
                .send()
                .await
        };
        break_next(&stripe, *fault, "POST", "/v1/setup_intents/*/cancel").await;
        let first = save().await;
        if fault.0 != "error_500_after" {
            assert_unavailable(&first, &context);
        }
        let refused = match first.status {
            503 => try_again(&context, save).await,
            _ => first,
        };
        assert_eq!(
            refused.expect(422).json(),
            json!({ "message": "This payment method requires confirmation." }),
            "{context}"
        );
        stripe.clear_faults().await;
    }
    let setup_intents = stripe.setup_intents().await;
    for left in of_user(&setup_intents, "usr_checked") {
        assert_eq!(left["status"], "canceled", "{left}");
    }
}

async fn deleting_is_tried_again_with_one_effect(backend: Backend) {
    let server = Server::with(backend).call_timeout(CALL_TIMEOUT).start().await;
    let stripe = server.stripe("demo");
    for (number, fault) in FAULTS.iter().enumerate() {
        let context = fault.0;
        let id = server.saved_card("usr_alice").await;
        break_next(&stripe, *fault, "POST", "/v1/payment_methods/*/detach").await;
        let first = server.delete(&id).await;
        assert_first(&first, *fault, "POST", context);
        // What has begun to be deleted is shown no more.
        server.retrieve(&id).await.expect(404);
        if first.status == 503 {
            let deleted = try_again(context, async || server.delete(&id).await).await;
            assert_eq!(deleted.expect(200).property("id"), id, "{context}");
        }
        server.delete(&id).await.expect(404);
        assert_eq!(
            stripe.payment_method(&id).await["customer"],
            Value::Null,
            "{context}"
        );
        assert_eq!(
            stripe.effect("payment_method.detached").await,
            number + 1,
            "{context}"
        );
        stripe.clear_faults().await;
    }
}

async fn deleting_a_method_that_waits_is_tried_again_with_one_effect(backend: Backend) {
    let server = Server::with(backend).call_timeout(CALL_TIMEOUT).start().await;
    let stripe = server.stripe("demo");
    for (number, fault) in FAULTS.iter().enumerate() {
        let context = fault.0;
        let created = server
            .save("pm_card_authenticationRequiredOnSetup", "usr_alice")
            .await
            .expect(201);
        let id = created.property("id");
        break_next(&stripe, *fault, "POST", "/v1/setup_intents/*/cancel").await;
        let first = server.delete(&id).await;
        assert_first(&first, *fault, "POST", context);
        if first.status == 503 {
            let deleted = try_again(context, async || server.delete(&id).await).await;
            assert_eq!(deleted.expect(200).property("id"), id, "{context}");
        }
        server.delete(&id).await.expect(404);
        assert_eq!(
            stripe.effect("setup_intent.canceled").await,
            number + 1,
            "{context}"
        );
        stripe.clear_faults().await;
    }
}

async fn making_a_setup_intent_is_tried_again(backend: Backend) {
    let server = Server::with(backend).call_timeout(CALL_TIMEOUT).start().await;
    let stripe = server.stripe("demo");
    for (number, fault) in FAULTS.iter().enumerate() {
        for path in ["/v1/customers", "/v1/setup_intents"] {
            let context = format!("{} at POST {path}", fault.0);
            let user = format!("usr_{number}_{}", path.len());
            let attempt = async || {
                server
                    .project_request("POST", "demo", "/setupIntents")
                    .json(&json!({ "user": user }))
                    .send()
                    .await
            };
            break_next(&stripe, *fault, "POST", path).await;
            assert_first(&attempt().await, *fault, "POST", &context);
            let made = try_again(&context, attempt).await.expect(201);
            assert_eq!(made.property("status"), "requiresPaymentMethod", "{context}");
            let customers = stripe.customers().await;
            assert_eq!(of_user(&customers, &user).len(), 1, "{context}");
            stripe.clear_faults().await;
        }
    }
}
