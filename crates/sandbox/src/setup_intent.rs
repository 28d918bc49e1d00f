//! A setup intent.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::errors::ApiError;
use crate::identifiers::derived;
use crate::state::stored;

/// Where a setup intent stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Status {
    RequiresPaymentMethod,
    RequiresConfirmation,
    RequiresAction,
    Succeeded,
    Canceled,
}

/// A setup intent.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct SetupIntent {
    pub(crate) id: String,
    pub(crate) sequence: u64,
    pub(crate) created: u64,
    /// `allow_redirects`, when the types are chosen by the account's settings.
    pub(crate) automatic: Option<String>,
    pub(crate) cancellation_reason: Option<String>,
    pub(crate) client_secret: String,
    pub(crate) customer: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) last_setup_error: Option<Value>,
    pub(crate) latest_attempt: Option<String>,
    pub(crate) metadata: BTreeMap<String, String>,
    pub(crate) next_action: Option<Value>,
    pub(crate) on_behalf_of: Option<String>,
    pub(crate) payment_method: Option<String>,
    pub(crate) request_three_d_secure: String,
    pub(crate) payment_method_types: Vec<String>,
    pub(crate) status: Status,
    pub(crate) usage: String,
}
stored!(SetupIntent);

impl SetupIntent {
    pub(crate) fn to_json(&self) -> Value {
        let automatic = self
            .automatic
            .as_ref()
            .map(|redirects| json!({ "allow_redirects": redirects, "enabled": true }));
        let configuration = self.automatic.as_ref().map(|_| {
            let id = derived(23, &["configuration", &self.payment_method_types.join(",")]);
            json!({ "id": format!("pmc_1{id}"), "parent": null })
        });
        let card_options = json!({
            "mandate_options": null, "network": null, "request_three_d_secure": self.request_three_d_secure,
        });
        json!({
            "id": self.id,
            "object": "setup_intent",
            "application": null,
            "automatic_payment_methods": automatic,
            "cancellation_reason": self.cancellation_reason,
            "client_secret": self.client_secret,
            "created": self.created,
            "customer": self.customer,
            "description": self.description,
            "flow_directions": null,
            "last_setup_error": self.last_setup_error,
            "latest_attempt": self.latest_attempt,
            "livemode": false,
            "mandate": null,
            "metadata": self.metadata,
            "next_action": self.next_action,
            "on_behalf_of": self.on_behalf_of,
            "payment_method": self.payment_method,
            "payment_method_configuration_details": configuration,
            "payment_method_options": { "card": card_options },
            "payment_method_types": self.payment_method_types,
            "single_use_mandate": null,
            "status": self.status,
            "usage": self.usage,
        })
    }

    /// The refusal of a step that the intent's state does not allow.
    pub(crate) fn unexpected_state(&self, message: impl Into<String>) -> ApiError {
        ApiError::invalid(message)
            .code("setup_intent_unexpected_state")
            .with("setup_intent", self.to_json())
    }
}
