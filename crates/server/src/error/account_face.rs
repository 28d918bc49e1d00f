//! How the account API says no.

use actix_web::http::StatusCode;
use billfold_service::ServiceError;

use super::{ApiError, Face, Refusal, refusal, service_refusal, with_headers};
use crate::{
    reply::Reply,
    wire::{
        account::{AccountErrorWire, ValidationWire},
        fault::{FaultKind, PropertyFault},
        idempotency_key,
    },
};

/// The account API: snake case, a message, and messages by field where a field is wrong.
#[derive(Debug)]
pub(crate) struct AccountFace;

impl Face for AccountFace {
    fn refuse(error: &ApiError) -> Reply {
        // A body that cannot be read counts as one without an id.
        if matches!(error, ApiError::Malformed(_)) {
            return Self::refuse(&ApiError::Invalid(vec![PropertyFault::required("id")]));
        }
        let Refusal { status, message } = refusal(error);
        if let Some(wire) = ValidationWire::new(id_message(error), key_message(error)) {
            return Reply::json(status, &wire);
        }
        let status = match error {
            // A card that is not there any more, from the point of view of a page that shows it.
            ApiError::Service(ServiceError::NotFound) => StatusCode::GONE,
            _ => status,
        };
        with_headers(Reply::json(status, &AccountErrorWire { message }), error)
    }
}

fn is_of_key(fault: &PropertyFault) -> bool {
    fault.property == idempotency_key::NAME
}

/// What is wrong with the field `id`, where it is that.
fn id_message(error: &ApiError) -> Option<String> {
    let message = match error {
        ApiError::Invalid(faults) => match faults.iter().find(|fault| !is_of_key(fault)) {
            None if !faults.is_empty() => return None,
            None => "The id field is required.",
            Some(fault) => match fault.kind {
                FaultKind::Required => "The id field is required.",
                FaultKind::WrongType => "The id field must be a string.",
                FaultKind::Invalid | FaultKind::Unknown => "The selected id is invalid.",
            },
        },
        ApiError::Service(
            ServiceError::AlreadyExists | ServiceError::NotUsable | ServiceError::TypeNotSupported,
        ) => "The selected id is invalid.",
        _ => return None,
    };
    Some(message.to_owned())
}

/// What is wrong with the idempotency key, where it is that.
fn key_message(error: &ApiError) -> Option<String> {
    match error {
        ApiError::Invalid(faults) => faults
            .iter()
            .find(|fault| is_of_key(fault))
            .map(PropertyFault::message),
        ApiError::Service(error @ ServiceError::KeyReused) => Some(service_refusal(error).1),
        _ => None,
    }
}
