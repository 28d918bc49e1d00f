//! What a request can be refused for: the status and the words that the faces have in common. How each says it is in a
//! table of its own.

mod account_face;
mod project_face;

use std::{fmt, marker::PhantomData, time::Duration};

use actix_web::{
    HttpResponse, ResponseError,
    http::{StatusCode, header},
};
use billfold_auth::Scope;
use billfold_service::{ProjectError, ServiceError, WebhookError};

pub(crate) use account_face::AccountFace;
pub(crate) use project_face::{ProjectFace, code_for_the_audit_log};

use crate::{rate_limit, reply::Reply, wire::fault::PropertyFault};

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
                ServiceError::TooManyRequests(limit) => {
                    metrics::counter!("billfold_rate_limit_refusals_total", "policy" => limit.policy)
                        .increment(1);
                }
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
