//! Webhooks as Stripe sends them, and as others would.

use std::{fmt::Write as _, time::Duration};

use aws_lc_rs::hmac;
use billfold_store::{WebhookEvents, WebhookWork};
use billfold_test_support::wait_for;
use serde_json::{Value, json};

use super::{Request, Response, START, Server};

/// A few rounds of the background work at five calls a second, on a busy machine.
const WITHIN: Duration = Duration::from_mins(1);

/// The secret that a project's webhooks are signed with.
pub(crate) fn webhook_secret(project: &str) -> String {
    format!("whsec_of_{project}")
}

/// The HMAC of a time and a body, in hexadecimal digits.
pub(crate) fn digest(secret: &str, time: i64, body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let signed = [format!("{time}.").as_bytes(), body].concat();
    let tag = hmac::sign(&key, &signed);
    tag.as_ref().iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A `Stripe-Signature` header.
pub(crate) fn signature(secret: &str, time: i64, body: &[u8]) -> String {
    format!("t={time},v1={}", digest(secret, time, body))
}

/// An event about an object, told of by nothing but its name.
pub(crate) fn event(id: &str, event_type: &str, object_id: &str) -> Value {
    let object_type = event_type.split('.').next().expect("a type has a first part");
    json!({
        "id": id, "object": "event", "type": event_type, "api_version": "2026-06-24.dahlia",
        "created": START, "livemode": false, "pending_webhooks": 1,
        "data": { "object": { "id": object_id, "object": object_type } },
        "request": { "id": null, "idempotency_key": null },
    })
}

impl Server {
    /// A delivery to a project's endpoint, under this header if any.
    pub(crate) fn delivery(&self, project: &str, header: Option<&str>, body: &[u8]) -> Request {
        let request = self
            .request("POST", &format!("/webhooks/stripe/{project}"))
            .body(body);
        match header {
            Some(header) => request.header("Stripe-Signature", header),
            None => request,
        }
    }

    /// A delivery of an event as Stripe makes it now.
    pub(crate) fn signed_delivery(&self, project: &str, event: &Value) -> Request {
        let body = event.to_string().into_bytes();
        let header = signature(&webhook_secret(project), self.clock.seconds(), &body);
        self.delivery(project, Some(&header), &body)
    }

    /// Delivers an event as Stripe does.
    pub(crate) async fn deliver(&self, project: &str, event: &Value) -> Response {
        self.signed_delivery(project, event).send().await
    }

    /// How many events of a project are stored.
    pub(crate) async fn stored_events(&self, project: &str) -> i64 {
        let events = WebhookEvents::new(self.database().clone());
        let count = events.count(&Self::scope(project)).await;
        count.expect("the events can be counted")
    }

    /// The work that events make.
    pub(crate) fn webhook_work(&self) -> WebhookWork {
        WebhookWork::new(self.database().clone())
    }

    /// How many objects of a project wait to be looked at.
    pub(crate) async fn waiting_work(&self, project: &str) -> i64 {
        let waiting = self.webhook_work().waiting(&Self::scope(project)).await;
        waiting.expect("the work can be counted")
    }

    /// Waits until a project's account has told of all that happened, and all of it has been looked at.
    pub(crate) async fn settle(&self, project: &str) {
        let stripe = self.stripe(project);
        wait_for(WITHIN, "what webhooks tell of to be looked at", async || {
            let undelivered = stripe.call("GET", "/v1/events?delivery_success=false", &[]).await;
            let undelivered = undelivered["data"].as_array().expect("a list of events").len();
            (undelivered == 0 && self.waiting_work(project).await == 0).then_some(())
        })
        .await;
    }
}
