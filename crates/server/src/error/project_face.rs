//! How the project API, and the operator API beside it, say no.

use actix_web::http::StatusCode;
use billfold_service::{ProjectError, ServiceError};
use billfold_stripe::{CardError, CardErrorCode, DeclineCode};

use super::{ApiError, Face, Refusal, refusal, sentence, service_refusal, with_headers};
use crate::{
    reply::Reply,
    wire::project_error::{ProjectErrorWire, PropertyErrorDetailWire},
};

/// The project API: camel case, an error object with a type, a code and details.
#[derive(Debug)]
pub(crate) struct ProjectFace;

impl Face for ProjectFace {
    fn refuse(error: &ApiError) -> Reply {
        let Refusal { status, message } = refusal(error);
        let details = details(error);
        let wire = ProjectErrorWire {
            object: "error",
            error_type: error_type(error, status),
            code: details.first().map(|detail| detail.code).or_else(|| code(error)),
            message,
            hint: hint(error),
            details,
        };
        with_headers(Reply::json(status, &wire), error)
    }
}

/// The most exact word for an error that the project API has: its code, or else its type.
pub(crate) fn code_for_the_audit_log(error: &ApiError) -> &'static str {
    details(error)
        .first()
        .map(|detail| detail.code)
        .or_else(|| code(error))
        .unwrap_or_else(|| error_type(error, refusal(error).status))
}

fn error_type(error: &ApiError, status: StatusCode) -> &'static str {
    match (error, status) {
        (ApiError::MethodNotAllowed(_), _) => "notImplemented",
        (_, StatusCode::BAD_REQUEST | StatusCode::REQUEST_TIMEOUT | StatusCode::PAYLOAD_TOO_LARGE) => {
            "malformed"
        }
        (_, StatusCode::UNAUTHORIZED) => "unauthenticated",
        (_, StatusCode::FORBIDDEN) => "permissionDenied",
        (_, StatusCode::NOT_FOUND) => "notFound",
        (_, StatusCode::CONFLICT) => "conflict",
        (_, StatusCode::UNPROCESSABLE_ENTITY) => "invalid",
        (_, StatusCode::TOO_MANY_REQUESTS) => "tooManyRequests",
        (_, StatusCode::SERVICE_UNAVAILABLE) => "serviceUnavailable",
        _ => "internal",
    }
}

/// The code of an error that has no details.
fn code(error: &ApiError) -> Option<&'static str> {
    match error {
        ApiError::Invalid(_) => Some("propertyInvalid"),
        ApiError::Service(ServiceError::LimitReached) => Some("paymentMethodLimitReached"),
        ApiError::Service(ServiceError::Declined(card)) => Some(card_code(card)),
        ApiError::Service(ServiceError::KeyReused) => Some("idempotencyKeyReused"),
        ApiError::Project(error) => Some(project_code(error).0),
        _ => None,
    }
}

/// The code of an operator's error and the property at fault, where it is one.
fn project_code(error: &ProjectError) -> (&'static str, Option<&'static str>) {
    use ProjectError as E;
    match error {
        E::AlreadyExists => ("projectAlreadyExists", Some("id")),
        E::NameRetired => ("projectNameRetired", Some("id")),
        E::BeingDeleted => ("projectBeingDeleted", None),
        E::ModesDiffer { .. } => ("stripeKeyModesDiffer", Some("secretKey")),
        E::ModeFixed { .. } => ("projectModeFixed", None),
        E::KeyRefused => ("stripeKeyRefused", Some("secretKey")),
        E::KeyLacksPermission => ("stripeKeyLacksPermission", Some("secretKey")),
        E::AccountNotReachable { .. } => ("stripeAccountNotReachable", Some("connectedAccount")),
        E::AccountTaken => ("stripeAccountTaken", None),
        E::AccountFixed | E::LookNeeded => ("projectAccountFixed", None),
        // These are told as any use case's.
        E::NotFound | E::StripeUnavailable { .. } | E::Service(_) => ("propertyInvalid", None),
    }
}

fn card_code(card: &CardError) -> &'static str {
    match (&card.code, &card.decline_code) {
        (
            CardErrorCode::ExpiredCard | CardErrorCode::InvalidExpiryMonth | CardErrorCode::InvalidExpiryYear,
            _,
        ) => "paymentCardExpired",
        (CardErrorCode::IncorrectCvc | CardErrorCode::InvalidCvc, _) => "paymentCardCvcInvalid",
        (CardErrorCode::IncorrectNumber | CardErrorCode::InvalidNumber, _) => "paymentCardNumberInvalid",
        (CardErrorCode::CardDeclined, Some(DeclineCode::InsufficientFunds)) => "paymentCardInsufficientFunds",
        (CardErrorCode::CardDeclined, Some(DeclineCode::CardNotSupported)) => "paymentCardNotSupported",
        (CardErrorCode::CardDeclined, _) => "paymentCardDeclined",
        _ => "paymentMethodDeclined",
    }
}

fn hint(error: &ApiError) -> Option<&'static str> {
    match error {
        ApiError::Service(ServiceError::NotUsable) => Some(
            "Collect the card with Stripe.js and a setup intent of this user, then save its payment method once.",
        ),
        ApiError::Service(ServiceError::Declined(_)) => Some("Ask the user for another card."),
        ApiError::Service(ServiceError::LimitReached) => {
            Some("Delete one of the user's payment methods first.")
        }
        ApiError::Service(ServiceError::TooManyRequests(_)) => {
            Some("Send the request again after the time in Retry-After.")
        }
        ApiError::Service(ServiceError::KeyReused) => {
            Some("Make a new key for every new request, and send the same key only to repeat one.")
        }
        _ => None,
    }
}

fn details(error: &ApiError) -> Vec<PropertyErrorDetailWire> {
    let on = |code, property: &str, message: String| {
        vec![PropertyErrorDetailWire {
            object: "propertyErrorDetail",
            code,
            message,
            property: property.to_owned(),
        }]
    };
    match error {
        ApiError::Invalid(faults) => faults
            .iter()
            .flat_map(|fault| on(fault.kind.code(), &fault.property, fault.message()))
            .collect(),
        ApiError::Service(service_error) => {
            let message = service_refusal(service_error).1;
            match service_error {
                ServiceError::AlreadyExists => on("paymentMethodAlreadyExists", "id", message),
                ServiceError::NotUsable => on("paymentMethodNotUsable", "id", message),
                ServiceError::TypeNotSupported => on("paymentMethodTypeNotSupported", "id", message),
                _ => Vec::new(),
            }
        }
        ApiError::Project(error) => match project_code(error) {
            (code, Some(property)) => on(code, property, sentence(&error.to_string())),
            (_, None) => Vec::new(),
        },
        _ => Vec::new(),
    }
}
