//! Setup intents on the project API.

use billfold_domain::{SetupIntent, UserId};
use serde::Serialize;

use super::{payment_method::parse_object, time::rfc3339};
use crate::error::ApiError;

/// The body of a request to make a setup intent.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct CreateSetupIntent {
    pub(crate) user: UserId,
}

impl CreateSetupIntent {
    pub(crate) fn parse(body: &[u8]) -> Result<Self, ApiError> {
        let mut faults = Vec::new();
        let mut object = parse_object(body)?;
        let user = object.take("user", UserId::parse, &mut faults);
        object.refuse_others("setupIntent", &mut faults);
        match user {
            Some(user) if faults.is_empty() => Ok(Self { user }),
            _ => Err(ApiError::Invalid(faults)),
        }
    }
}

/// A setup intent as the project API shows it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SetupIntentWire<'a> {
    object: &'static str,
    id: &'a str,
    client_secret: &'a str,
    publishable_key: &'a str,
    status: &'static str,
    user: &'a str,
    created_at: String,
}

impl<'a> From<&'a SetupIntent> for SetupIntentWire<'a> {
    fn from(setup_intent: &'a SetupIntent) -> Self {
        Self {
            object: "setupIntent",
            id: setup_intent.id.as_str(),
            client_secret: setup_intent.client_secret.expose(),
            publishable_key: &setup_intent.publishable_key,
            status: setup_intent.status.as_camel_case(),
            user: setup_intent.user.as_str(),
            created_at: rfc3339(setup_intent.created_at),
        }
    }
}
