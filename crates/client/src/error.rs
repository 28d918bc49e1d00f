//! What a call fails with.

use std::{fmt, time::Duration};

use crate::open_enum::open_enum;

/// Any error, as others give them to this crate.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What every call of this client fails with.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Billfold answered with an error, and another try did not help or would not have.
    #[error(transparent)]
    Api(Box<ApiError>),
    /// No whole answer came, after as many attempts as are made. Whether the request was carried out is not known.
    #[error(transparent)]
    Connection(Box<ConnectionError>),
    /// The request was carried out, and this client does not understand the answer.
    #[error(transparent)]
    Unreadable(Box<UnreadableAnswer>),
    /// There was no token to send. The request was not sent, or not again.
    #[error("there is no token to send: {0}")]
    Credential(#[source] BoxError),
    /// The request cannot be sent as it is, so it was not.
    #[error("the request was not sent: {0}")]
    InvalidRequest(&'static str),
    /// A client cannot be made of its options.
    #[error("the client cannot be made: {0}")]
    InvalidOptions(&'static str),
    /// The system's certificates or its random numbers cannot be used.
    #[error("the HTTPS client cannot be set up: are CA certificates installed?")]
    Tls(#[source] BoxError),
}

impl Error {
    /// Whether the same request, under the same [idempotency key](Self::idempotency_key), may be answered otherwise later.
    /// The client has tried that already, as often as its [`RetryPolicy`](crate::RetryPolicy) says.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Api(error) => error.is_retryable(),
            Self::Connection(_) => true,
            _ => false,
        }
    }

    /// What Billfold answered, where it answered with an error.
    pub fn api(&self) -> Option<&ApiError> {
        match self {
            Self::Api(error) => Some(error),
            _ => None,
        }
    }

    /// The HTTP status, where there was an answer.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Api(error) => Some(error.status),
            Self::Unreadable(error) => Some(error.status),
            _ => None,
        }
    }

    /// The kind of Billfold's error.
    pub fn error_type(&self) -> Option<&ErrorType> {
        self.api().map(|error| &error.error_type)
    }

    /// What exactly is wrong, where Billfold has a code for it.
    pub fn code(&self) -> Option<&ErrorCode> {
        self.api()?.code.as_ref()
    }

    /// The `Request-Id` of the last answer: quote it when you ask for help.
    pub fn request_id(&self) -> Option<&str> {
        match self {
            Self::Api(error) => error.request_id.as_deref(),
            Self::Unreadable(error) => error.request_id.as_deref(),
            _ => None,
        }
    }

    /// After how long the same request is worth another try, where the answer said so.
    pub fn retry_after(&self) -> Option<Duration> {
        self.api()?.retry_after
    }

    /// How many times the request was sent.
    pub fn attempts(&self) -> u32 {
        match self {
            Self::Api(error) => error.attempts,
            Self::Connection(error) => error.attempts,
            Self::Unreadable(error) => error.attempts,
            _ => 0,
        }
    }

    /// The key that all attempts had; `None` where the request only reads. What became of a request without a definite
    /// answer is learnt by sending it once more with this key, within 24 hours.
    pub fn idempotency_key(&self) -> Option<&str> {
        match self {
            Self::Api(error) => error.idempotency_key.as_deref(),
            Self::Connection(error) => error.idempotency_key.as_deref(),
            Self::Unreadable(error) => error.idempotency_key.as_deref(),
            _ => None,
        }
    }
}

/// Billfold answered with an error.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ApiError {
    /// The HTTP status.
    pub status: u16,
    /// The kind of the error.
    pub error_type: ErrorType,
    /// What exactly is wrong, where there is a code for it.
    pub code: Option<ErrorCode>,
    /// What is wrong, for people.
    pub message: String,
    /// What to do next, for people, where there is something to say.
    pub hint: Option<String>,
    /// The faults one by one, where they are about single properties or parameters.
    pub details: Vec<ErrorDetail>,
    /// The `Request-Id`: quote it when you ask for help.
    pub request_id: Option<String>,
    /// After how long the same request is worth another try, where the answer said so.
    pub retry_after: Option<Duration>,
    /// How many times the request was sent.
    pub attempts: u32,
    /// The key that all attempts had; `None` where the request only reads.
    pub idempotency_key: Option<String>,
}

impl ApiError {
    /// Whether the same request may be answered otherwise later.
    pub fn is_retryable(&self) -> bool {
        crate::retry::is_worth_another_try(self.status)
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} ({} {}", self.message, self.status, self.error_type)?;
        if let Some(code) = &self.code {
            write!(formatter, ", {code}")?;
        }
        if let Some(request_id) = &self.request_id {
            write!(formatter, ", {request_id}")?;
        }
        formatter.write_str(")")?;
        match &self.hint {
            Some(hint) => write!(formatter, ": {hint}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for ApiError {}

/// One fault of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ErrorDetail {
    /// The property, the parameter or the header that it is about.
    pub property: String,
    /// What is wrong, for people.
    pub message: String,
    /// What is wrong, for programs; `None` on the account API.
    pub code: Option<ErrorCode>,
}

/// No whole answer came.
#[derive(Debug, thiserror::Error)]
#[error("Billfold gave no answer, and what became of the request is not known: {source}")]
#[non_exhaustive]
pub struct ConnectionError {
    /// Whether the last attempt took longer than it may.
    pub timed_out: bool,
    /// How many times the request was sent.
    pub attempts: u32,
    /// The key that all attempts had; `None` where the request only reads.
    pub idempotency_key: Option<String>,
    /// What happened to the last attempt.
    pub source: BoxError,
}

/// Billfold's answer tells of success, and is not as this version of the client knows it.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the answer (status {status}) is not understood: {reason}; is there a newer version of this client?")]
#[non_exhaustive]
pub struct UnreadableAnswer {
    /// The HTTP status.
    pub status: u16,
    /// Where the answer is not as it should be. Nothing of the answer itself, which may hold secrets.
    pub reason: String,
    /// The `Request-Id`.
    pub request_id: Option<String>,
    /// How many times the request was sent.
    pub attempts: u32,
    /// The key that all attempts had; `None` where the request only reads.
    pub idempotency_key: Option<String>,
}

open_enum! {
    /// The kind of an error. The project API names it; the account API's answers get the one of their status.
    ErrorType {
        /// The request cannot be read.
        Malformed = "malformed",
        /// The token or API key is missing or not good.
        Unauthenticated = "unauthenticated",
        /// The token or API key may not do this.
        PermissionDenied = "permissionDenied",
        /// There is no such object, project or path.
        NotFound = "notFound",
        /// The path has no such method.
        NotImplemented = "notImplemented",
        /// Another request on the same object, or with the same key, is under way.
        Conflict = "conflict",
        /// Something of the request is invalid, or a card was declined.
        Invalid = "invalid",
        /// A limit is reached.
        TooManyRequests = "tooManyRequests",
        /// A fault on Billfold's side.
        Internal = "internal",
        /// Stripe or the database could not answer.
        ServiceUnavailable = "serviceUnavailable",
        /// The account API's 410: the payment method is not, or not any more.
        Gone = "gone",
        /// An answer that is not Billfold's, such as a proxy's.
        Unknown = "unknown",
    }
}

open_enum! {
    /// What exactly is wrong, for programs.
    ErrorCode {
        /// A property is missing or `null`.
        PropertyRequired = "propertyRequired",
        /// A property, a parameter or a header has a value that it may not have.
        PropertyInvalid = "propertyInvalid",
        /// A property or a parameter is not one of those described.
        PropertyUnknown = "propertyUnknown",
        /// The `Idempotency-Key` was used for another request.
        IdempotencyKeyReused = "idempotencyKeyReused",
        /// The payment method is saved for another user of the project.
        PaymentMethodAlreadyExists = "paymentMethodAlreadyExists",
        /// The payment method is unknown at Stripe, attached to another customer, or was detached before.
        PaymentMethodNotUsable = "paymentMethodNotUsable",
        /// The user has as many payment methods as a user may have.
        PaymentMethodLimitReached = "paymentMethodLimitReached",
        /// The payment method is no card and no wallet that is supported.
        PaymentMethodTypeNotSupported = "paymentMethodTypeNotSupported",
        /// The payment method was declined, and no finer reason is known.
        PaymentMethodDeclined = "paymentMethodDeclined",
        /// The card's bank declined it.
        PaymentCardDeclined = "paymentCardDeclined",
        /// The card has expired.
        PaymentCardExpired = "paymentCardExpired",
        /// The card's security code is wrong.
        PaymentCardCvcInvalid = "paymentCardCvcInvalid",
        /// The card's number is wrong.
        PaymentCardNumberInvalid = "paymentCardNumberInvalid",
        /// The card has too little money on it.
        PaymentCardInsufficientFunds = "paymentCardInsufficientFunds",
        /// The card cannot be used for this kind of payment.
        PaymentCardNotSupported = "paymentCardNotSupported",
        /// There is a project of this name.
        ProjectAlreadyExists = "projectAlreadyExists",
        /// A project of this name was deleted, and its name is not given again.
        ProjectNameRetired = "projectNameRetired",
        /// The project is being deleted, which nothing takes back.
        ProjectBeingDeleted = "projectBeingDeleted",
        /// The key's mode is not the project's.
        ProjectModeFixed = "projectModeFixed",
        /// The key is of another Stripe account, and the project has payment methods at its own.
        ProjectAccountFixed = "projectAccountFixed",
        /// One key is a live key and the other a test key.
        StripeKeyModesDiffer = "stripeKeyModesDiffer",
        /// Stripe does not accept the secret key.
        StripeKeyRefused = "stripeKeyRefused",
        /// The secret key may not read its own account.
        StripeKeyLacksPermission = "stripeKeyLacksPermission",
        /// The secret key does not reach the connected account.
        StripeAccountNotReachable = "stripeAccountNotReachable",
        /// Another project works on the Stripe account.
        StripeAccountTaken = "stripeAccountTaken",
    }
}
