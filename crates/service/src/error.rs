//! Why a use case has no result, as a face of the product tells it to its caller.

use std::time::Duration;

use billfold_store::StoreError;
use billfold_stripe::{CardError, Outcome, StripeError, UnknownReason};

use crate::{LimitReached, rate_limits::reached};

/// What else a failure is likely to hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// Everything of the project: the database, or the whole of its account at Stripe, cannot be used.
    Account,
    /// The object alone: Stripe answers, and not to this.
    Object,
    /// One or the other: there was no answer at all, or only that Stripe itself failed, as it does for every object while
    /// it is out of order.
    Unclear,
}

/// Why a use case has no result.
///
/// What is meant for the log only has no way into an answer: [`ServiceError::Unavailable`] and
/// [`ServiceError::Internal`] hold it, and only their `Debug` shows it.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ServiceError {
    /// The project is unknown or shut.
    #[error("the project does not exist")]
    ProjectNotFound,
    /// The object is unknown, deleted, or another's.
    #[error("the object does not exist")]
    NotFound,
    /// The page's position is no object that the project ever had.
    #[error("the cursor does not exist")]
    CursorNotFound,
    /// Another user of the project has saved the payment method.
    #[error("the payment method already exists")]
    AlreadyExists,
    /// Stripe has no such payment method, or another customer has it, or it was detached before.
    #[error("the payment method cannot be used")]
    NotUsable,
    /// The payment method is neither a card nor a wallet that holds one.
    #[error("payment methods of this type are not supported")]
    TypeNotSupported,
    /// The user has as many payment methods as a user may have.
    #[error("the user has too many payment methods")]
    LimitReached,
    /// The card was refused.
    #[error("the card was refused")]
    Declined(Box<CardError>),
    /// The card's owner must pass a check first, and the caller cannot wait for that.
    #[error("the payment method requires confirmation")]
    RequiresConfirmation,
    /// Another request works on the same object, or has the same idempotency key and has not ended.
    #[error("another request on the same object or with the same key is in progress")]
    Busy,
    /// A project or a user has done too much of something in too short a time.
    #[error("a limit is reached")]
    TooManyRequests(LimitReached),
    /// The idempotency key stands for another request.
    #[error("the idempotency key was used for another request")]
    KeyReused,
    /// Stripe or the database cannot answer now. What was begun stays open until it is known.
    #[error("the service cannot answer now")]
    Unavailable {
        /// How long the caller should wait before trying again.
        retry_after: Duration,
        /// What happened, for the log.
        cause: String,
        /// What else is likely to fail.
        extent: Extent,
    },
    /// A fault of the program, of its data or of the project's account at Stripe.
    #[error("something went wrong")]
    Internal {
        /// What happened, for the log.
        cause: String,
    },
}

impl ServiceError {
    pub(crate) fn unavailable(cause: impl Into<String>) -> Self {
        Self::Unavailable {
            retry_after: Duration::from_secs(1),
            cause: cause.into(),
            extent: Extent::Account,
        }
    }

    /// What else is likely to fail.
    pub(crate) const fn extent(&self) -> Extent {
        match self {
            Self::Unavailable { extent, .. } => *extent,
            _ => Extent::Object,
        }
    }

    pub(crate) fn internal(cause: impl Into<String>) -> Self {
        Self::Internal { cause: cause.into() }
    }

    /// Whether the use case's answer is this for good, so that an idempotency key stands for it: not what passes, and
    /// not what a use case was never begun for.
    pub(crate) const fn is_definite(&self) -> bool {
        match self {
            Self::NotFound
            | Self::AlreadyExists
            | Self::NotUsable
            | Self::TypeNotSupported
            | Self::LimitReached
            | Self::Declined(_)
            | Self::RequiresConfirmation => true,
            Self::ProjectNotFound
            | Self::CursorNotFound
            | Self::Busy
            | Self::TooManyRequests(_)
            | Self::KeyReused
            | Self::Unavailable { .. }
            | Self::Internal { .. } => false,
        }
    }
}

impl From<StoreError> for ServiceError {
    fn from(error: StoreError) -> Self {
        match error {
            // Secrets that do not open are mended by an operator, and nothing of the project works until then. The
            // callers' requests are as good as they were.
            StoreError::Unavailable(_)
            | StoreError::ReadOnly(_)
            | StoreError::Fenced
            | StoreError::Untold(_)
            | StoreError::Secrets { .. } => Self::unavailable(error.to_string()),
            // One that is being deleted is gone: this instance had not heard of it.
            StoreError::Lacking { token, wait } => Self::TooManyRequests(reached(&token, wait)),
            StoreError::NoProject | StoreError::ProjectGone => Self::ProjectNotFound,
            StoreError::Duplicate(_)
            | StoreError::Configuration(_)
            | StoreError::MasterKey(_)
            | StoreError::Internal(_) => Self::internal(error.to_string()),
        }
    }
}

/// An error of Stripe's that no use case expects at this step: a passing one can be tried again.
impl From<StripeError> for ServiceError {
    fn from(error: StripeError) -> Self {
        match error.outcome() {
            Outcome::Definite => Self::internal(format!("Stripe: {} ({error})", error.kind())),
            Outcome::NotApplied | Outcome::Unknown => Self::Unavailable {
                retry_after: error.retry_after().unwrap_or(Duration::from_secs(1)),
                cause: format!("Stripe: {} ({error})", error.kind()),
                extent: extent(&error),
            },
        }
    }
}

/// What else is likely to fail where this did, of the failures that may pass.
fn extent(error: &StripeError) -> Extent {
    match error {
        StripeError::Unknown {
            reason: UnknownReason::TimedOut | UnknownReason::Disconnected | UnknownReason::ServerError { .. },
            ..
        } => Extent::Unclear,
        StripeError::Unknown { .. } | StripeError::IdempotencyKeyInUse => Extent::Object,
        _ => Extent::Account,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_answer_about_the_object_is_held_against_it() {
        let extent_of = |reason, completed| {
            ServiceError::from(StripeError::Unknown {
                completed,
                retry_after: None,
                reason,
            })
            .extent()
        };
        let failed = UnknownReason::ServerError { status: 500 };
        assert_eq!(
            extent_of(failed, true),
            Extent::Unclear,
            "Stripe fails for everyone in an outage"
        );
        assert_eq!(extent_of(UnknownReason::TimedOut, false), Extent::Unclear);
        assert_eq!(extent_of(UnknownReason::Disconnected, false), Extent::Unclear);
        assert_eq!(extent_of(UnknownReason::Unreadable, false), Extent::Object);
    }
}
