//! Everything on the account API.

use billfold_domain::{PaymentMethod, PaymentMethodId, SetupIntent};
use jiff::tz::TimeZone;
use serde::Serialize;

use super::{fault::PropertyFault, json_object::JsonBody, time::local};
use crate::error::ApiError;

/// The body of a request to save a payment method: its id.
pub(crate) fn parse_id(body: &[u8]) -> Result<PaymentMethodId, ApiError> {
    let Some(JsonBody::Object(mut object)) = JsonBody::parse(body) else {
        return Err(ApiError::Invalid(vec![PropertyFault::required("id")]));
    };
    let mut faults = Vec::new();
    let parse = |text: String| {
        if text.is_empty() {
            Ok(None)
        } else {
            PaymentMethodId::parse(text).map(Some)
        }
    };
    match object.take("id", parse, &mut faults) {
        Some(Some(id)) => Ok(id),
        // An empty text is no text, as forms send it.
        Some(None) => Err(ApiError::Invalid(vec![PropertyFault::required("id")])),
        None => Err(ApiError::Invalid(faults)),
    }
}

/// A payment method as the account API shows it.
#[derive(Debug, Serialize)]
pub(crate) struct AccountPaymentMethodWire<'a> {
    id: &'a str,
    brand: &'static str,
    last4: &'a str,
    exp_month: i16,
    exp_year: i16,
    created_at: String,
}

impl<'a> AccountPaymentMethodWire<'a> {
    pub(crate) fn new(payment_method: &'a PaymentMethod, zone: &TimeZone) -> Self {
        Self {
            id: payment_method.id.as_str(),
            brand: payment_method.card.brand.as_str(),
            last4: &payment_method.card.last4,
            exp_month: payment_method.card.exp_month,
            exp_year: payment_method.card.exp_year,
            created_at: local(payment_method.created_at, zone),
        }
    }
}

/// A setup intent as the account API shows it.
#[derive(Debug, Serialize)]
pub(crate) struct AccountSetupIntentWire<'a> {
    id: &'a str,
    publishable_key: &'a str,
    client_secret: &'a str,
    status: &'static str,
    created_at: String,
}

impl<'a> AccountSetupIntentWire<'a> {
    pub(crate) fn new(setup_intent: &'a SetupIntent, zone: &TimeZone) -> Self {
        Self {
            id: setup_intent.id.as_str(),
            publishable_key: &setup_intent.publishable_key,
            client_secret: setup_intent.client_secret.expose(),
            status: setup_intent.status.as_snake_case(),
            created_at: local(setup_intent.created_at, zone),
        }
    }
}

/// An error of the account API.
#[derive(Debug, Serialize)]
pub(crate) struct AccountErrorWire {
    pub(crate) message: String,
}

/// An error of the account API that lies in the field `id`, in the idempotency key, or in both.
#[derive(Debug, Serialize)]
pub(crate) struct ValidationWire {
    message: String,
    errors: FieldErrors,
}

#[derive(Debug, Serialize)]
struct FieldErrors {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<[String; 1]>,
    #[serde(rename = "Idempotency-Key", skip_serializing_if = "Option::is_none")]
    idempotency_key: Option<[String; 1]>,
}

impl ValidationWire {
    /// The error, where there is a message for one of the two at least.
    pub(crate) fn new(id: Option<String>, idempotency_key: Option<String>) -> Option<Self> {
        Some(Self {
            message: id.clone().or_else(|| idempotency_key.clone())?,
            errors: FieldErrors {
                id: id.map(|message| [message]),
                idempotency_key: idempotency_key.map(|message| [message]),
            },
        })
    }
}
