//! What a request can be refused for, and how each face says it. One table a face.

use std::{fmt, marker::PhantomData, time::Duration};

use actix_web::{
    HttpResponse, ResponseError,
    http::{StatusCode, header},
};
use billfold_auth::Scope;
use billfold_service::{ProjectError, ServiceError, WebhookError};
use billfold_stripe::{CardError, CardErrorCode, DeclineCode};

use crate::{
    rate_limit,
    reply::Reply,
    wire::{
        account::{AccountErrorWire, ValidationWire},
        fault::{FaultKind, PropertyFault},
        idempotency_key,
        project_error::{ProjectErrorWire, PropertyErrorDetailWire},
    },
};

/// Why a request is refused.
#[derive(Debug)]
pub(crate) enum ApiError {
    /// No body, or one that is not JSON.
    Malformed(&'static str),
    /// The body has more bytes than this many.
    BodyTooLarge(usize),
    /// The body takes too long to arrive.
    BodyTooSlow,
    /// No token, or one that is not good.
    Unauthenticated,
    /// The token lacks a scope.
    PermissionDenied(Scope),
    /// No such path.
    RouteNotFound,
    /// The path has no such method; these it has.
    MethodNotAllowed(String),
    /// Properties or parameters are wrong.
    Invalid(Vec<PropertyFault>),
    /// A use case has no result.
    Service(ServiceError),
    /// An operator's wish is not fulfilled.
    Project(ProjectError),
}

impl From<ProjectError> for ApiError {
    fn from(error: ProjectError) -> Self {
        match error {
            ProjectError::NotFound => Self::Service(ServiceError::ProjectNotFound),
            ProjectError::StripeUnavailable { retry_after, cause } => {
                Self::Service(ServiceError::Unavailable {
                    retry_after,
                    cause,
                    extent: billfold_service::Extent::Account,
                })
            }
            ProjectError::Service(error) => Self::Service(error),
            error => Self::Project(error),
        }
    }
}

impl From<ServiceError> for ApiError {
    fn from(error: ServiceError) -> Self {
        Self::Service(error)
    }
}

/// Whoever sends a webhook that is not believed is told nothing of why.
impl From<WebhookError> for ApiError {
    fn from(error: WebhookError) -> Self {
        match error {
            WebhookError::Rejected => {
                Self::Malformed("This is no event that Stripe signed for this project just now.")
            }
            WebhookError::Failed(error) => Self::Service(error),
        }
    }
}

/// One of the two sets of documents that the product implements, and its way to say no.
pub(crate) trait Face: fmt::Debug + 'static {
    /// The answer to a request that is refused.
    fn refuse(error: &ApiError) -> Reply;
}

/// An error on its way to a caller of this face.
pub(crate) struct FaceError<F>(ApiError, PhantomData<F>);

impl<F, Error: Into<ApiError>> From<Error> for FaceError<F> {
    fn from(error: Error) -> Self {
        Self(error.into(), PhantomData)
    }
}

impl<F> fmt::Debug for FaceError<F> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// Only the framework asks for it, and only to log it.
impl<F> fmt::Display for FaceError<F> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the request was refused")
    }
}

impl<F: Face> ResponseError for FaceError<F> {
    fn status_code(&self) -> StatusCode {
        F::refuse(&self.0).status
    }

    fn error_response(&self) -> HttpResponse {
        if let ApiError::Service(error) = &self.0 {
            match error {
                ServiceError::Unavailable { cause, .. } => tracing::warn!(cause, "the service cannot answer"),
                ServiceError::Internal { cause } => tracing::error!(cause, "a request failed"),
                _ => {}
            }
        }
        let mut response: HttpResponse = F::refuse(&self.0).into();
        response
            .extensions_mut()
            .insert(RefusalCode(code_for_the_audit_log(&self.0)));
        response
    }
}

/// The error's code as the audit log has it, beside the answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RefusalCode(pub(crate) &'static str);

/// The most exact word for an error that the project API has: its code, or else its type.
pub(crate) fn code_for_the_audit_log(error: &ApiError) -> &'static str {
    details(error)
        .first()
        .map(|detail| detail.code)
        .or_else(|| code(error))
        .unwrap_or_else(|| error_type(error, refusal(error).status))
}

/// What both faces have in common: the status, and the words where they do not differ.
struct Refusal {
    status: StatusCode,
    message: String,
}

fn refusal(error: &ApiError) -> Refusal {
    use StatusCode as S;
    let (status, message) = match error {
        ApiError::Malformed(message) => (S::BAD_REQUEST, (*message).to_owned()),
        ApiError::BodyTooLarge(maximum_length) => (
            S::PAYLOAD_TOO_LARGE,
            format!("The body must have at most {maximum_length} bytes."),
        ),
        ApiError::BodyTooSlow => (S::REQUEST_TIMEOUT, "The body did not arrive in time.".to_owned()),
        ApiError::Unauthenticated => (S::UNAUTHORIZED, "Invalid authorization token".to_owned()),
        ApiError::PermissionDenied(scope) => (S::FORBIDDEN, format!("The token lacks the scope {scope}.")),
        ApiError::RouteNotFound => (S::NOT_FOUND, "There is nothing at this path.".to_owned()),
        ApiError::MethodNotAllowed(allowed) => (
            S::METHOD_NOT_ALLOWED,
            format!("This path has no such method. It has: {allowed}."),
        ),
        ApiError::Invalid(faults) => (S::UNPROCESSABLE_ENTITY, summary(faults)),
        ApiError::Service(error) => service_refusal(error),
        ApiError::Project(error) => (S::UNPROCESSABLE_ENTITY, sentence(&error.to_string())),
    };
    Refusal { status, message }
}

fn service_refusal(error: &ServiceError) -> (StatusCode, String) {
    use ServiceError as E;
    use StatusCode as S;
    let (status, message) = match error {
        E::ProjectNotFound => (S::NOT_FOUND, "There is no such project."),
        E::NotFound => (S::NOT_FOUND, "There is no such object."),
        E::CursorNotFound => (
            S::UNPROCESSABLE_ENTITY,
            "The cursor is not the id of an item of this project.",
        ),
        E::AlreadyExists => (
            S::UNPROCESSABLE_ENTITY,
            "This payment method already exists in the project.",
        ),
        E::NotUsable => (
            S::UNPROCESSABLE_ENTITY,
            "This payment method cannot be used: it is unknown, belongs to another customer or was detached.",
        ),
        E::TypeNotSupported => (
            S::UNPROCESSABLE_ENTITY,
            "Only cards, and cards in Apple Pay or Google Pay, are supported.",
        ),
        E::LimitReached => (
            S::UNPROCESSABLE_ENTITY,
            "The user has as many payment methods as a user may have.",
        ),
        E::Declined(card) => return (S::UNPROCESSABLE_ENTITY, card.message.clone()),
        E::RequiresConfirmation => (
            S::UNPROCESSABLE_ENTITY,
            "This payment method requires confirmation.",
        ),
        E::Busy => (
            S::CONFLICT,
            "Another request on the same object, or with the same idempotency key, is in progress. Try again.",
        ),
        E::TooManyRequests(_) => (S::TOO_MANY_REQUESTS, "Too many requests."),
        E::KeyReused => (
            S::UNPROCESSABLE_ENTITY,
            "This idempotency key was used for another request.",
        ),
        E::Unavailable { .. } => (
            S::SERVICE_UNAVAILABLE,
            "The service cannot answer now. Try again.",
        ),
        E::Internal { .. } => (S::INTERNAL_SERVER_ERROR, "Something went wrong on our side."),
    };
    (status, message.to_owned())
}

/// A text as a sentence of its own.
fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    let first: String = characters
        .next()
        .into_iter()
        .flat_map(char::to_uppercase)
        .collect();
    format!("{first}{}.", characters.as_str())
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

fn summary(faults: &[PropertyFault]) -> String {
    match faults {
        [] => "The body must be a JSON object.".to_owned(),
        [fault] => fault.message(),
        faults => {
            let properties: Vec<&str> = faults.iter().map(|fault| fault.property.as_str()).collect();
            format!("Several properties are wrong: {}.", properties.join(", "))
        }
    }
}

/// Adds the headers that go with the error.
fn with_headers(reply: Reply, error: &ApiError) -> Reply {
    match error {
        ApiError::Unauthenticated => reply.header(header::WWW_AUTHENTICATE, &"Bearer"),
        ApiError::MethodNotAllowed(allowed) => reply.header(header::ALLOW, allowed),
        // What is left of a body that nobody will read must not be taken for the next request.
        ApiError::BodyTooLarge(_) | ApiError::BodyTooSlow => reply.last_on_connection(),
        ApiError::Service(ServiceError::Busy) => reply.header(header::RETRY_AFTER, &1),
        ApiError::Service(ServiceError::TooManyRequests(limit)) => {
            let (policy, state) = rate_limit::reached(limit);
            reply
                .header(header::RETRY_AFTER, &rate_limit::whole_seconds(limit.retry_after))
                .header(rate_limit::POLICY, &policy)
                .header(rate_limit::STATE, &state)
        }
        ApiError::Service(ServiceError::Unavailable { retry_after, .. }) => {
            reply.header(header::RETRY_AFTER, &whole_seconds(*retry_after))
        }
        _ => reply,
    }
}

fn whole_seconds(duration: Duration) -> u64 {
    duration
        .as_millis()
        .div_ceil(1000)
        .clamp(1, 3600)
        .try_into()
        .unwrap_or(3600)
}

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
