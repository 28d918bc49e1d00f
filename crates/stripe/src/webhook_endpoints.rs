//! Webhook endpoints: the addresses that Stripe tells of events.

use billfold_domain::PaymentMethodId;
use secrecy::SecretString;
use serde::Deserialize;

use crate::{
    Account, EventType, IdempotencyKey, STRIPE_VERSION, StripeError, StripePage,
    client::Call,
    form::Form,
    page::ListJson,
    wire::{Unreadable, read_id},
};

/// An address to tell of the events that Billfold acts upon ([`EventType::KNOWN`]), in the version that this crate reads.
#[derive(Clone, Copy, Debug)]
pub struct NewWebhookEndpoint<'a> {
    /// Where events are sent.
    pub url: &'a str,
    /// What people see in Stripe's dashboard.
    pub description: &'a str,
}

/// An endpoint that was just made.
#[derive(Clone, Debug)]
pub struct MadeWebhookEndpoint {
    /// Stripe's identifier (`we_…`).
    pub id: Box<str>,
    /// What deliveries are signed with (`whsec_…`). Stripe shows it this once.
    pub secret: SecretString,
}

/// An endpoint as a list has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookEndpoint {
    /// Stripe's identifier (`we_…`).
    pub id: Box<str>,
    /// Where events are sent.
    pub url: String,
    /// What people see in Stripe's dashboard.
    pub description: Option<String>,
}

#[derive(Deserialize)]
struct MadeJson {
    id: String,
    secret: String,
}

#[derive(Deserialize)]
struct EndpointJson {
    id: String,
    url: String,
    description: Option<String>,
}

#[derive(Deserialize)]
struct DeletedJson {
    deleted: bool,
}

fn endpoint_id(text: String) -> Result<Box<str>, Unreadable> {
    // Stripe's identifiers have one alphabet and one bound, so this one is checked like the others.
    read_id(PaymentMethodId::parse(text.as_str()))?;
    Ok(text.into())
}

impl Account<'_> {
    /// Makes an endpoint.
    pub async fn create_webhook_endpoint(
        &self,
        new: &NewWebhookEndpoint<'_>,
        key: &IdempotencyKey,
    ) -> Result<MadeWebhookEndpoint, StripeError> {
        let mut form = Form::new()
            .with("url", new.url)
            .with("description", new.description)
            .with("api_version", STRIPE_VERSION);
        for event_type in EventType::KNOWN {
            form = form.with("enabled_events[]", event_type.as_str());
        }
        let call = Call::post("/v1/webhook_endpoints", None, form, key);
        self.call(call, |json: MadeJson| {
            Ok(MadeWebhookEndpoint {
                id: endpoint_id(json.id)?,
                secret: SecretString::from(json.secret),
            })
        })
        .await
    }

    /// Lists the account's newest 100 endpoints. Stripe allows fewer than that.
    pub async fn list_webhook_endpoints(&self) -> Result<StripePage<WebhookEndpoint>, StripeError> {
        let form = Form::new().with_page(None, None);
        let call = Call::get("/v1/webhook_endpoints", None, form);
        self.call(call, |json: ListJson<EndpointJson>| {
            json.into_page(|endpoint| {
                Ok(WebhookEndpoint {
                    id: endpoint_id(endpoint.id)?,
                    url: endpoint.url,
                    description: endpoint.description,
                })
            })
        })
        .await
    }

    /// Deletes an endpoint: nothing more is sent to it.
    pub async fn delete_webhook_endpoint(&self, id: &str) -> Result<(), StripeError> {
        let call = Call::delete("/v1/webhook_endpoints/{id}", Some(id));
        self.call(call, |json: DeletedJson| {
            json.deleted
                .then_some(())
                .ok_or(Unreadable("what was deleted is not"))
        })
        .await
    }
}
