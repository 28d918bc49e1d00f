//! Everything that can go wrong at Stripe, told apart by what the caller does next.

use std::time::Duration;

use billfold_domain::{PaymentMethodId, SetupIntentId};

use crate::{StripeSetupIntent, open_enum::open_enum};

/// Why a call to Stripe has no result.
///
/// The text of an error says nothing that Stripe wrote, except a [`CardError`]'s message, which is written for
/// the cardholder.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StripeError {
    /// The card was refused: by its issuer, by Stripe, or because its owner failed a check. Nothing was saved; the
    /// cardholder may correct it or take another card.
    #[error(transparent)]
    Card(Box<CardError>),
    /// An object that the request names does not exist in this account.
    #[error("Stripe has no such {resource}")]
    ResourceMissing {
        /// What is missing.
        resource: MissingResource,
    },
    /// The payment method belongs to another customer.
    #[error("the payment method is attached to another customer")]
    AlreadyAttached,
    /// The payment method was detached, or used without a customer, and can never be used again.
    #[error("the payment method was detached or used before and cannot be used again")]
    NotReusable,
    /// The payment method is attached to no customer: there is nothing to detach or to change.
    #[error("the payment method is not attached to a customer")]
    NotAttached,
    /// The SetupIntent is not in a state in which this can be done: it succeeded or was canceled already.
    #[error("the setup intent is in a state in which this cannot be done")]
    UnexpectedState {
        /// The SetupIntent as it is, where Stripe sent it along.
        setup_intent: Option<Box<StripeSetupIntent>>,
    },
    /// Stripe does not accept the key (401). The project's credentials must be replaced.
    #[error("Stripe does not accept the secret key: replace the project's credentials")]
    Unauthenticated,
    /// The key may not do this, or not for this account (403). The project's credentials must be given the right.
    #[error("the secret key lacks a permission at Stripe: give it, or replace the project's credentials")]
    PermissionDenied,
    /// Stripe did nothing because too much was asked of it at once. The same key may be used again later.
    #[error("Stripe has too many requests: try again later")]
    RateLimited {
        /// How long Stripe asks to wait, at most an hour; it seldom says.
        retry_after: Option<Duration>,
        /// What was limited.
        reason: RateLimitReason,
    },
    /// The idempotency key was used before with other parameters: a fault of the caller's.
    #[error("the idempotency key was used before for another request")]
    IdempotencyKeyReused,
    /// A request with the same idempotency key, or one that conflicts with this, is still running. What it does
    /// is not known yet.
    #[error("a request with the same idempotency key is still in progress")]
    IdempotencyKeyInUse,
    /// Stripe found the request invalid: a fault of this adapter's or of the account's settings. The log's
    /// request identifier leads to Stripe's explanation.
    #[error("Stripe found the request invalid")]
    InvalidRequest {
        /// Stripe's code, at most 64 visible characters.
        code: Option<Box<str>>,
        /// The parameter at fault, at most 64 visible characters.
        param: Option<Box<str>>,
    },
    /// The request never reached Stripe: it surely had no effect.
    #[error("the request was not sent to Stripe")]
    NotSent(NotSentReason),
    /// The request was sent and its effect is not known. Look at the object before acting again.
    #[error("the outcome of the request to Stripe is not known")]
    Unknown {
        /// Whether Stripe itself ended the request with a whole 5xx answer. Only then has the idempotency key
        /// done all that it ever will: the same key gives the same 5xx again. Otherwise the first request
        /// may still be running, and the same key must be used again.
        completed: bool,
        /// How long Stripe asks to wait, at most an hour; it seldom says.
        retry_after: Option<Duration>,
        /// What happened instead of an answer.
        reason: UnknownReason,
    },
}

/// What a failed call can have changed at Stripe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Stripe decided: the request is refused, and would be refused again.
    Definite,
    /// Nothing was done. The same request may be sent later with the same idempotency key.
    NotApplied,
    /// It may have been done, wholly or not at all. Look before acting.
    Unknown,
}

impl StripeError {
    /// What the failed call can have changed.
    pub fn outcome(&self) -> Outcome {
        match self {
            Self::Card(_)
            | Self::ResourceMissing { .. }
            | Self::AlreadyAttached
            | Self::NotReusable
            | Self::NotAttached
            | Self::UnexpectedState { .. }
            | Self::IdempotencyKeyReused
            | Self::InvalidRequest { .. } => Outcome::Definite,
            Self::Unauthenticated | Self::PermissionDenied | Self::RateLimited { .. } | Self::NotSent(_) => {
                Outcome::NotApplied
            }
            Self::IdempotencyKeyInUse | Self::Unknown { .. } => Outcome::Unknown,
        }
    }

    /// How long Stripe asks to wait before another try, where it says so.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { retry_after, .. } | Self::Unknown { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// The error's kind as one word, for logs and metrics.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Card(_) => "card",
            Self::ResourceMissing { .. } => "resource_missing",
            Self::AlreadyAttached => "already_attached",
            Self::NotReusable => "not_reusable",
            Self::NotAttached => "not_attached",
            Self::UnexpectedState { .. } => "unexpected_state",
            Self::Unauthenticated => "unauthenticated",
            Self::PermissionDenied => "permission_denied",
            Self::RateLimited { .. } => "rate_limited",
            Self::IdempotencyKeyReused => "idempotency_key_reused",
            Self::IdempotencyKeyInUse => "idempotency_key_in_use",
            Self::InvalidRequest { .. } => "invalid_request",
            Self::NotSent(_) => "not_sent",
            Self::Unknown { .. } => "unknown",
        }
    }
}

/// A refusal of a card.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct CardError {
    /// What is wrong.
    pub code: CardErrorCode,
    /// The issuer's reason, where it gives one.
    pub decline_code: Option<DeclineCode>,
    /// The field of the card that is at fault (`number`, `cvc`, `exp_month`, `address_zip`), where there is one.
    pub param: Option<Box<str>>,
    /// Stripe's words for the cardholder, at most 500 characters, none of them control characters.
    pub message: String,
    /// The payment method that was refused, where Stripe names it.
    pub payment_method: Option<PaymentMethodId>,
    /// The SetupIntent in which it was refused, where Stripe names it: it stays open, without a payment method.
    pub setup_intent: Option<SetupIntentId>,
}

open_enum! {
    /// What is wrong with a card.
    CardErrorCode {
        /// The issuer must authenticate the cardholder first.
        AuthenticationRequired = "authentication_required",
        /// The issuer refused it; [`CardError::decline_code`] says why.
        CardDeclined = "card_declined",
        /// It has expired.
        ExpiredCard = "expired_card",
        /// The security code is wrong.
        IncorrectCvc = "incorrect_cvc",
        /// The number is wrong.
        IncorrectNumber = "incorrect_number",
        /// The postal code is wrong.
        IncorrectZip = "incorrect_zip",
        /// The security code is malformed.
        InvalidCvc = "invalid_cvc",
        /// The month of expiry is malformed or past.
        InvalidExpiryMonth = "invalid_expiry_month",
        /// The year of expiry is malformed or past.
        InvalidExpiryYear = "invalid_expiry_year",
        /// The number is malformed.
        InvalidNumber = "invalid_number",
        /// The card could not be checked; another try may succeed.
        ProcessingError = "processing_error",
        /// The cardholder failed the check (3-D Secure).
        SetupIntentAuthenticationFailure = "setup_intent_authentication_failure",
    }
}

open_enum! {
    /// The issuer's reason for a refusal.
    DeclineCode {
        /// The cardholder must pass a check.
        AuthenticationRequired = "authentication_required",
        /// The cardholder must call the issuer.
        CallIssuer = "call_issuer",
        /// The card cannot be used for this kind of payment.
        CardNotSupported = "card_not_supported",
        /// The card's limit of tries or of money is reached.
        CardVelocityExceeded = "card_velocity_exceeded",
        /// The issuer gives no reason.
        DoNotHonor = "do_not_honor",
        /// The card has expired.
        ExpiredCard = "expired_card",
        /// Stripe suspects fraud. Tell the cardholder no more than of a generic refusal.
        Fraudulent = "fraudulent",
        /// The issuer gives no reason.
        GenericDecline = "generic_decline",
        /// The security code is wrong.
        IncorrectCvc = "incorrect_cvc",
        /// The number is wrong.
        IncorrectNumber = "incorrect_number",
        /// The postal code is wrong.
        IncorrectZip = "incorrect_zip",
        /// The account has too little money.
        InsufficientFunds = "insufficient_funds",
        /// The card or its account is invalid.
        InvalidAccount = "invalid_account",
        /// The issuer cannot be reached.
        IssuerNotAvailable = "issuer_not_available",
        /// The card is reported lost. Tell the cardholder no more than of a generic refusal.
        LostCard = "lost_card",
        /// The cardholder does not permit it.
        NotPermitted = "not_permitted",
        /// The card is to be kept. Tell the cardholder no more than of a generic refusal.
        PickupCard = "pickup_card",
        /// The issuer made a mistake; another try may succeed.
        ProcessingError = "processing_error",
        /// The card cannot be used for this.
        RestrictedCard = "restricted_card",
        /// The card is reported stolen. Tell the cardholder no more than of a generic refusal.
        StolenCard = "stolen_card",
        /// A test card was used with a live key.
        TestmodeDecline = "testmode_decline",
        /// The issuer does not allow it.
        TransactionNotAllowed = "transaction_not_allowed",
        /// The issuer gives no reason; another try may succeed.
        TryAgainLater = "try_again_later",
    }
}

/// What a request names that does not exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MissingResource {
    /// The payment method.
    PaymentMethod,
    /// The customer.
    Customer,
    /// The SetupIntent.
    SetupIntent,
    /// The event.
    Event,
    /// Something else, by the name of its parameter: at most 64 visible characters.
    Other(Box<str>),
}

impl std::fmt::Display for MissingResource {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::PaymentMethod => "payment method",
            Self::Customer => "customer",
            Self::SetupIntent => "setup intent",
            Self::Event => "event",
            Self::Other(_) => "object",
        })
    }
}

/// What was asked too much of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RateLimitReason {
    /// The account's or the endpoint's requests, in a second or at once: all of the account's should go slower.
    Requests,
    /// One object, which has a limit of its own (`Stripe-Rate-Limited-Reason: resource-specific`).
    Object,
    /// One object, on which another request is at work (`lock_timeout`).
    ObjectLocked,
}

/// Why a request never left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotSentReason {
    /// No connection could be made: refused, no route, no such host, or no agreement on encryption.
    Unreachable,
    /// No connection was made in time.
    ConnectTimedOut,
    /// As many calls on the account were under way as may be.
    TooManyUnderWay,
    /// Its turn did not come in time: the account's requests go as fast as they may.
    Paced,
}

/// What came instead of an answer that can be understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnknownReason {
    /// The call's time passed.
    TimedOut,
    /// The connection broke before the answer was whole.
    Disconnected,
    /// The answer is too large, or not what Stripe's documents promise.
    Unreadable,
    /// Stripe, or something in front of it, failed.
    ServerError {
        /// The HTTP status, 424 or 500 to 599.
        status: u16,
    },
    /// A status that Stripe does not use, such as a redirect, which is never followed.
    UnexpectedStatus {
        /// The HTTP status.
        status: u16,
    },
}
