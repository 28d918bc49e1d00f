//! Why an operator's wish is not fulfilled. Each text says what to do next, and nothing of a key.

use std::time::Duration;

use billfold_domain::{StripeAccountId, StripeMode};
use billfold_store::StoreError;

use crate::ServiceError;

/// Why a use case of an operator's has no result. Nothing was changed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ProjectError {
    /// There is no such project.
    #[error("there is no such project")]
    NotFound,
    /// There is a project of this name.
    #[error("there is a project of this name already: choose another name, or update that one")]
    AlreadyExists,
    /// There was a project of this name, and it was deleted.
    #[error("a project of this name was deleted, and its name is not given again: choose another name")]
    NameRetired,
    /// The project is on its way out.
    #[error("the project is being deleted, which nothing takes back")]
    BeingDeleted,
    /// One of the keys is a live key and the other a test key.
    #[error(
        "the secret key is a {secret} key and the publishable key a {publishable} key: give two of one mode, \
         which Stripe's dashboard shows side by side"
    )]
    ModesDiffer {
        /// The secret key's mode.
        secret: StripeMode,
        /// The publishable key's mode.
        publishable: StripeMode,
    },
    /// The key is of the other mode than the project.
    #[error(
        "this is a {project} project and the new key a {key} key: a project keeps its mode, so make another project \
         for {key} keys"
    )]
    ModeFixed {
        /// The project's mode.
        project: StripeMode,
        /// The new key's mode.
        key: StripeMode,
    },
    /// Stripe does not accept the secret key.
    #[error(
        "Stripe does not accept the secret key: copy it anew from Stripe's dashboard, or make a new one there"
    )]
    KeyRefused,
    /// The secret key may not look at its own account.
    #[error(
        "the secret key may not read its own account: give the restricted key that permission in Stripe's dashboard, \
         or use a key that has it"
    )]
    KeyLacksPermission,
    /// The secret key does not reach the connected account.
    #[error(
        "the secret key does not reach the connected account {account}: check its id, and that it is connected to the \
         key's platform in this mode"
    )]
    AccountNotReachable {
        /// The connected account.
        account: StripeAccountId,
    },
    /// Another project works on the account.
    #[error(
        "another project works on this Stripe account already: use another account, or allow it to be shared \
         (--allow-shared-account, allowSharedAccount)"
    )]
    AccountTaken,
    /// The change would move the project to another account, and its users' cards are at the one before.
    #[error(
        "the key is of another Stripe account than the project's, where its users' cards are: delete its payment \
         methods first, or make another project for this account"
    )]
    AccountFixed,
    /// Whether the change moves the project to another account cannot be told without a look at Stripe.
    #[error(
        "whose the new key is can't be told without asking Stripe, and the project has payment methods: do it without \
         --offline"
    )]
    LookNeeded,
    /// Stripe cannot say whose the key is just now.
    #[error("Stripe cannot be asked whose the key is: nothing was changed, so try again when it answers")]
    StripeUnavailable {
        /// How long the caller should wait before trying again.
        retry_after: Duration,
        /// What happened, for the log.
        cause: String,
    },
    /// What any use case may come to.
    #[error(transparent)]
    Service(#[from] ServiceError),
}

impl From<StoreError> for ProjectError {
    fn from(error: StoreError) -> Self {
        match error {
            // Another of the same name, or on the same account, was quicker by a moment.
            StoreError::Duplicate(_) => Self::Service(ServiceError::Busy),
            error => Self::Service(error.into()),
        }
    }
}
