//! From an answer that is no success to a [`StripeError`].

use billfold_domain::{PaymentMethodId, SetupIntentId};
use serde::Deserialize;

use crate::{
    StripeError, StripeSetupIntent,
    client::Answer,
    error::{CardError, CardErrorCode, DeclineCode, MissingResource, RateLimitReason, UnknownReason},
    open_enum::bounded_name,
    setup_intents::SetupIntentJson,
    wire::read_json,
};

/// An error as Stripe writes it, also inside a SetupIntent's `last_setup_error`.
#[derive(Default, Deserialize)]
pub(crate) struct ErrorJson {
    #[serde(rename = "type", default)]
    error_type: String,
    code: Option<String>,
    decline_code: Option<String>,
    param: Option<String>,
    message: Option<String>,
    // These two are read apart, so that an oddity in them cannot hide the error itself.
    payment_method: Option<serde_json::Value>,
    setup_intent: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct EnvelopeJson {
    error: ErrorJson,
}

/// A part of a message in lower case, and the error that it means.
type Wording = (&'static str, fn() -> StripeError);

/// What Stripe says without a code, by a part of its message in lower case. The first that fits decides.
const WORDINGS: &[Wording] = &[
    ("already been attached to a customer", || {
        StripeError::AlreadyAttached
    }),
    ("does not have a payment method with the id", || {
        StripeError::AlreadyAttached
    }),
    ("may not be used again", || StripeError::NotReusable),
    ("not attached to a customer so detachment is impossible", || {
        StripeError::NotAttached
    }),
    ("must save this paymentmethod to a customer before", || {
        StripeError::NotAttached
    }),
];

/// Says what an answer that is no success means. `template` is the path of the request, for answers that name
/// what is missing only by `id`.
pub(crate) fn error_of(answer: &Answer, template: &str) -> StripeError {
    let error = read_json::<EnvelopeJson>(&answer.body)
        .ok()
        .map(|envelope| envelope.error);
    match answer.status {
        401 => StripeError::Unauthenticated,
        403 => StripeError::PermissionDenied,
        409 | 429 if error.as_ref().is_some_and(|error| error.has_code("lock_timeout")) => {
            StripeError::RateLimited {
                retry_after: answer.retry_after,
                reason: RateLimitReason::ObjectLocked,
            }
        }
        429 => StripeError::RateLimited {
            retry_after: answer.retry_after,
            reason: if answer.limits_one_object {
                RateLimitReason::Object
            } else {
                RateLimitReason::Requests
            },
        },
        409 => StripeError::IdempotencyKeyInUse,
        // A proxy's own page does not say that Stripe has finished.
        status @ (424 | 500..=599) => StripeError::Unknown {
            completed: error.is_some(),
            retry_after: answer.retry_after,
            reason: UnknownReason::ServerError { status },
        },
        400..=499 => match error {
            Some(error) => request_error(error, template),
            None => unknown(answer, UnknownReason::Unreadable),
        },
        status => unknown(answer, UnknownReason::UnexpectedStatus { status }),
    }
}

/// Whether Stripe refuses it since the whole account sends too many, or too many at once.
pub(crate) fn is_too_much_for_the_account(answer: &Answer) -> bool {
    answer.status == 429
        && matches!(
            error_of(answer, ""),
            StripeError::RateLimited {
                reason: RateLimitReason::Requests,
                ..
            }
        )
}

fn unknown(answer: &Answer, reason: UnknownReason) -> StripeError {
    StripeError::Unknown {
        completed: false,
        retry_after: answer.retry_after,
        reason,
    }
}

fn request_error(error: ErrorJson, template: &str) -> StripeError {
    if error.error_type == "idempotency_error" {
        return StripeError::IdempotencyKeyReused;
    }
    if error.error_type == "card_error" {
        return StripeError::Card(Box::new(error.into_card_error()));
    }
    let message = error.message.as_deref().unwrap_or_default().to_ascii_lowercase();
    if let Some((_, meaning)) = WORDINGS.iter().find(|(wording, _)| message.contains(wording)) {
        return meaning();
    }
    match error.code.as_deref() {
        Some("resource_missing") => StripeError::ResourceMissing {
            resource: missing_resource(error.param.as_deref(), template),
        },
        Some("setup_intent_unexpected_state") => StripeError::UnexpectedState {
            setup_intent: error.setup_intent().map(Box::new),
        },
        Some("setup_intent_authentication_failure") => StripeError::Card(Box::new(error.into_card_error())),
        code => StripeError::InvalidRequest {
            code: code.map(bounded_name),
            param: error.param.as_deref().map(bounded_name),
        },
    }
}

fn missing_resource(param: Option<&str>, template: &str) -> MissingResource {
    match param {
        Some("payment_method") => MissingResource::PaymentMethod,
        Some("customer") => MissingResource::Customer,
        Some("intent" | "setup_intent") => MissingResource::SetupIntent,
        Some("id") | None => match template.split('/').nth(2) {
            Some("payment_methods") => MissingResource::PaymentMethod,
            Some("customers") => MissingResource::Customer,
            Some("setup_intents") => MissingResource::SetupIntent,
            Some("events") => MissingResource::Event,
            _ => MissingResource::Other(bounded_name(param.unwrap_or_default())),
        },
        Some(other) => MissingResource::Other(bounded_name(other)),
    }
}

const MAXIMUM_MESSAGE_LENGTH: usize = 500;
const MESSAGE_WHERE_NONE_IS_GIVEN: &str = "Your card was declined.";

impl ErrorJson {
    fn has_code(&self, code: &str) -> bool {
        self.code.as_deref() == Some(code)
    }

    fn setup_intent(&self) -> Option<StripeSetupIntent> {
        let json: SetupIntentJson = serde_json::from_value(self.setup_intent.clone()?).ok()?;
        json.read().ok()
    }

    /// A card error where the error is about the card, else nothing.
    pub(crate) fn card_error(self) -> Option<CardError> {
        // A failed challenge is typed as an invalid request, though it is the cardholder who failed it.
        let about_the_card =
            self.error_type == "card_error" || self.has_code("setup_intent_authentication_failure");
        about_the_card.then(|| self.into_card_error())
    }

    fn into_card_error(self) -> CardError {
        let message: String = self
            .message
            .as_deref()
            .unwrap_or_default()
            .chars()
            .filter(|character| !character.is_control())
            .take(MAXIMUM_MESSAGE_LENGTH)
            .collect();
        CardError {
            code: CardErrorCode::from_name(self.code.as_deref().unwrap_or_default()),
            decline_code: self.decline_code.as_deref().map(DeclineCode::from_name),
            // Stripe writes an empty parameter where the whole card is at fault.
            param: self
                .param
                .filter(|param| !param.is_empty())
                .as_deref()
                .map(bounded_name),
            message: if message.is_empty() {
                MESSAGE_WHERE_NONE_IS_GIVEN.to_owned()
            } else {
                message
            },
            payment_method: id_of(self.payment_method.as_ref())
                .and_then(|id| PaymentMethodId::parse(id).ok()),
            setup_intent: id_of(self.setup_intent.as_ref()).and_then(|id| SetupIntentId::parse(id).ok()),
        }
    }
}

/// The identifier of an object, which Stripe writes whole or as the identifier alone.
fn id_of(object: Option<&serde_json::Value>) -> Option<&str> {
    let object = object?;
    object.as_str().or_else(|| object.get("id")?.as_str())
}
