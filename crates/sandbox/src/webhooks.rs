//! Webhook endpoints.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::call::{Answer, Call};
use crate::errors::ApiError;
use crate::events::matches;
use crate::parameters::Parameters;
use crate::state::{Record, stored};

/// Parameters of create.
pub(crate) const CREATE_FIELDS: &[&str] = &[
    "api_version",
    "connect",
    "description",
    "enabled_events",
    "expand",
    "metadata.*",
    "url",
];

/// Parameters of update.
pub(crate) const UPDATE_FIELDS: &[&str] = &[
    "description",
    "disabled",
    "enabled_events",
    "expand",
    "metadata.*",
    "url",
];

/// An address that is told of events.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct WebhookEndpoint {
    pub(crate) id: String,
    pub(crate) sequence: u64,
    pub(crate) created: u64,
    pub(crate) api_version: Option<String>,
    /// Listens to the connected accounts instead of the own one.
    connect: bool,
    description: Option<String>,
    enabled_events: Vec<String>,
    pub(crate) enabled: bool,
    metadata: BTreeMap<String, String>,
    pub(crate) secret: String,
    pub(crate) url: String,
}
stored!(WebhookEndpoint);

impl WebhookEndpoint {
    fn to_json(&self) -> Value {
        json!({
            "id": self.id,
            "object": "webhook_endpoint",
            "api_version": self.api_version,
            "application": null,
            "created": self.created,
            "description": self.description,
            "enabled_events": self.enabled_events,
            "livemode": false,
            "metadata": self.metadata,
            "status": if self.enabled { "enabled" } else { "disabled" },
            "url": self.url,
        })
    }

    /// Whether it wants events of that type, from connected accounts or from its own.
    pub(crate) fn listens(&self, kind: &str, connect: bool) -> bool {
        self.enabled
            && self.connect == connect
            && self.enabled_events.iter().any(|pattern| matches(pattern, kind))
    }

    fn update(&mut self, parameters: &Parameters) -> Result<(), ApiError> {
        if let Some(url) = parameters.filled("url")? {
            let valid = reqwest::Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
            if !valid {
                return Err(ApiError::validation(
                    "Invalid URL: An explicit scheme (such as https) must be provided.",
                )
                .code("url_invalid")
                .param("url"));
            }
            url.clone_into(&mut self.url);
        }
        if let Some(events) = parameters.texts("enabled_events")? {
            if events.is_empty() || events.iter().any(String::is_empty) {
                return Err(ApiError::empty_parameter("enabled_events"));
            }
            self.enabled_events = events;
        }
        if let Some(description) = parameters.text("description")? {
            self.description = (!description.is_empty()).then(|| description.to_owned());
        }
        if let Some(disabled) = parameters.boolean("disabled")? {
            self.enabled = !disabled;
        }
        parameters.merge_metadata("metadata", &mut self.metadata)
    }
}

pub(crate) fn create(call: &mut Call<'_>) -> Answer {
    call.parameters.required("url")?;
    if !call.parameters.has("enabled_events") {
        return Err(ApiError::missing_parameter("enabled_events"));
    }
    let mut endpoint = WebhookEndpoint {
        id: String::new(),
        sequence: 0,
        created: call.now(),
        api_version: call.parameters.filled("api_version")?.map(str::to_owned),
        connect: call.parameters.boolean("connect")?.unwrap_or(false),
        description: None,
        enabled_events: Vec::new(),
        enabled: true,
        metadata: BTreeMap::new(),
        secret: String::new(),
        url: String::new(),
    };
    endpoint.update(call.parameters)?;
    endpoint.id = call.world.identifiers.long("we");
    endpoint.sequence = call.world.next_sequence();
    endpoint.secret = format!("whsec_{}", call.world.identifiers.text(32));
    let mut rendered = endpoint.to_json();
    // The only answer that shows the secret.
    rendered["secret"] = json!(endpoint.secret);
    let id = endpoint.id.clone();
    call.put(Record::WebhookEndpoint(endpoint));
    call.effect("webhook_endpoint.created", &id);
    Ok(rendered)
}

fn of_path(call: &Call<'_>) -> Result<WebhookEndpoint, ApiError> {
    let id = &call.path[0];
    let endpoint = call.account().webhook_endpoints.get(id);
    endpoint
        .cloned()
        .ok_or_else(|| ApiError::no_such("webhook endpoint", id, "webhook_endpoint"))
}

pub(crate) fn retrieve(call: &mut Call<'_>) -> Answer {
    of_path(call).map(|endpoint| endpoint.to_json())
}

pub(crate) fn update(call: &mut Call<'_>) -> Answer {
    let mut endpoint = of_path(call)?;
    endpoint.update(call.parameters)?;
    let rendered = endpoint.to_json();
    let id = endpoint.id.clone();
    call.put(Record::WebhookEndpoint(endpoint));
    call.effect("webhook_endpoint.updated", &id);
    Ok(rendered)
}

pub(crate) fn delete(call: &mut Call<'_>) -> Answer {
    let id = of_path(call)?.id;
    call.put(Record::WebhookEndpointDeleted(id.clone()));
    call.effect("webhook_endpoint.deleted", &id);
    Ok(json!({ "id": id, "object": "webhook_endpoint", "deleted": true }))
}

pub(crate) fn list(call: &mut Call<'_>) -> Answer {
    call.page(
        &call.account().webhook_endpoints,
        |_| true,
        WebhookEndpoint::to_json,
    )
}
