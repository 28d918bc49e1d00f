//! A payment method: a card, or a wallet's card.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::call::Call;
use crate::card_checks;
use crate::cards::{self, Outcome};
use crate::errors::ApiError;
use crate::identifiers::derived;
use crate::parameters::Parameters;
use crate::state::stored;

/// A payment method.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct PaymentMethod {
    pub(crate) id: String,
    pub(crate) sequence: u64,
    pub(crate) created: u64,
    pub(crate) customer: Option<String>,
    /// Detached, or used without a customer: never to be used again.
    pub(crate) used_up: bool,
    pub(crate) allow_redisplay: String,
    pub(crate) billing_details: Value,
    pub(crate) card: Card,
    metadata: BTreeMap<String, String>,
}
stored!(PaymentMethod);

/// A card, without its number.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Card {
    pub(crate) outcome: Outcome,
    pub(crate) brand: String,
    country: String,
    pub(crate) exp_month: u32,
    pub(crate) exp_year: u32,
    fingerprint: String,
    funding: String,
    last4: String,
    networks: Value,
    pub(crate) preferred_network: Option<String>,
    /// `card.wallet.type`.
    wallet: Option<String>,
    postal_code_check: Option<String>,
    pub(crate) cvc_check: Option<String>,
}

impl Card {
    /// A card by its number, which must be valid. The fingerprint depends on the number and on the platform, so that
    /// a clone on a connected account keeps it.
    pub(crate) fn of_number(call: &Call<'_>, number: &str, (exp_month, exp_year): (u32, u32)) -> Self {
        let owner = call.request.platform.as_deref().unwrap_or(&call.request.account);
        Self {
            outcome: cards::outcome(number),
            brand: cards::brand(number).to_owned(),
            country: cards::country(number).to_owned(),
            exp_month,
            exp_year,
            fingerprint: derived(16, &["fingerprint", owner, number]),
            funding: cards::funding(number).to_owned(),
            last4: number[number.len() - 4..].to_owned(),
            networks: cards::networks(number),
            preferred_network: None,
            wallet: None,
            postal_code_check: None,
            cvc_check: None,
        }
    }

    /// The card behind `pm_card_*` or `tok_*`: good until this month of next year.
    pub(crate) fn of_name(call: &Call<'_>, name: &str) -> Option<Self> {
        let named = cards::named(name)?;
        let (year, month) = card_checks::year_and_month(call.now());
        let mut card = Self::of_number(call, named.card.number, (month, year + 1));
        card.wallet = named.wallet.map(str::to_owned);
        card.cvc_check = Some("unchecked".to_owned());
        Some(card)
    }

    pub(crate) fn to_json(&self) -> Value {
        let wallet = self.wallet.as_ref().map(|wallet| {
            let mut value = json!({ "dynamic_last4": self.last4, "type": wallet });
            value[wallet] = json!({});
            value
        });
        json!({
            "brand": self.brand,
            "checks": {
                "address_line1_check": null,
                "address_postal_code_check": self.postal_code_check,
                "cvc_check": self.cvc_check,
            },
            "country": self.country,
            "display_brand": self.brand,
            "exp_month": self.exp_month,
            "exp_year": self.exp_year,
            "fingerprint": self.fingerprint,
            "funding": self.funding,
            "generated_from": null,
            "last4": self.last4,
            "networks": { "available": self.networks, "preferred": self.preferred_network },
            "regulated_status": "unregulated",
            "three_d_secure_usage": { "supported": true },
            "wallet": wallet,
        })
    }

    /// The bank has seen the card: what could be checked has passed.
    pub(crate) fn pass_checks(&mut self) {
        for check in [&mut self.postal_code_check, &mut self.cvc_check]
            .into_iter()
            .flatten()
        {
            "pass".clone_into(check);
        }
    }
}

impl PaymentMethod {
    pub(crate) fn to_json(&self) -> Value {
        json!({
            "id": self.id,
            "object": "payment_method",
            "allow_redisplay": self.allow_redisplay,
            "billing_details": self.billing_details,
            "card": self.card.to_json(),
            "created": self.created,
            "customer": self.customer,
            "customer_account": null,
            "livemode": false,
            "metadata": self.metadata,
            "shared_payment_granted_token": null,
            "type": "card",
        })
    }

    pub(crate) fn of_card(call: &mut Call<'_>, card: Card) -> Self {
        let address = json!({
            "city": null, "country": null, "line1": null, "line2": null, "postal_code": null, "state": null,
        });
        Self {
            id: call.world.identifiers.long("pm"),
            sequence: call.world.next_sequence(),
            created: call.now(),
            customer: None,
            used_up: false,
            allow_redisplay: "unspecified".to_owned(),
            billing_details: json!({
                "address": address, "email": null, "name": null, "phone": null, "tax_id": null,
            }),
            card,
            metadata: BTreeMap::new(),
        }
    }

    /// Takes over billing details, metadata and redisplay, whose names start with `prefix`.
    pub(crate) fn update(&mut self, parameters: &Parameters, prefix: &str) -> Result<(), ApiError> {
        if let Some(given) = parameters.get(&format!("{prefix}billing_details")) {
            merge_known(&mut self.billing_details, given, "billing_details")?;
            if !self.billing_details["address"]["postal_code"].is_null()
                && self.card.postal_code_check.is_none()
            {
                self.card.postal_code_check = Some("unchecked".to_owned());
            }
        }
        let words = ["always", "limited", "unspecified"];
        if let Some(word) = parameters.choice(&format!("{prefix}allow_redisplay"), &words)? {
            word.clone_into(&mut self.allow_redisplay);
        }
        parameters.merge_metadata(&format!("{prefix}metadata"), &mut self.metadata)
    }
}

/// Sets the members of `target` that `given` has: texts only, an empty one unsets.
fn merge_known(target: &mut Value, given: &Value, name: &str) -> Result<(), ApiError> {
    let entries = given
        .as_object()
        .ok_or_else(|| ApiError::validation("Invalid hash").param(name))?;
    for (key, value) in entries {
        let wire = format!("{name}[{key}]");
        match target.get_mut(key) {
            Some(inner) if inner.is_object() => merge_known(inner, value, &wire)?,
            Some(place) => {
                let text = value
                    .as_str()
                    .ok_or_else(|| ApiError::validation("Invalid string").param(&wire))?;
                *place = if text.is_empty() { Value::Null } else { json!(text) };
            }
            None => return Err(ApiError::unknown_parameters(&[wire])),
        }
    }
    Ok(())
}
