//! What a project is.

use billfold_domain::{ProjectId, ProjectStatus, StripeAccountId, StripeMode, UtcTimestamp};
use secrecy::SecretString;

/// How a project speaks to Stripe.
#[derive(Clone, Debug)]
pub struct StripeCredentials {
    /// The key that every call is signed with.
    pub secret_key: SecretString,
    /// What a user's page needs; no secret.
    pub publishable_key: String,
    /// The connected account to act for, where the key is a platform's.
    pub account: Option<StripeAccountId>,
    /// What webhooks may be signed with.
    pub webhook_secrets: WebhookSecrets,
}

/// The signing secrets of a project's webhook endpoint that are live: none, one, or two while one takes the other's
/// place.
#[derive(Clone, Debug, Default)]
pub struct WebhookSecrets {
    /// The newest.
    pub current: Option<SecretString>,
    /// The one before, which Stripe may still sign with.
    pub previous: Option<SecretString>,
}

impl WebhookSecrets {
    /// Only this one.
    pub fn only(secret: SecretString) -> Self {
        Self {
            current: Some(secret),
            previous: None,
        }
    }

    /// Those that are live, the newest first.
    pub fn live(&self) -> impl Iterator<Item = &SecretString> {
        self.current.iter().chain(&self.previous)
    }
}

/// A project to be made.
#[derive(Clone, Debug)]
pub struct NewProject {
    /// Its name.
    pub id: ProjectId,
    /// How it speaks to Stripe.
    pub stripe: StripeCredentials,
}

/// Which account at Stripe a project works on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountUse {
    /// The account; nothing while nobody has seen whose the key is.
    pub account: Option<StripeAccountId>,
    /// Whether other projects may work on it too.
    pub shared: bool,
}

/// What became of a project that was to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MadeProject {
    /// It is made.
    Made,
    /// There is one of this name.
    NameTaken,
    /// There was one of this name, and it was deleted.
    NameRetired,
    /// Another project works on the account, and this one was not to share it.
    AccountTaken,
}

/// A tenant.
#[derive(Clone, Debug)]
pub struct Project {
    /// Its name.
    pub id: ProjectId,
    /// When it was made.
    pub created_at: UtcTimestamp,
    /// Since when it is shut, if it is: by the database's clock.
    pub disabled_at: Option<UtcTimestamp>,
    /// Since when it is being deleted, if it is: by the database's clock.
    pub deletion_began_at: Option<UtcTimestamp>,
    /// Whether it moves real money.
    pub mode: StripeMode,
    /// Which account it works on.
    pub account: AccountUse,
    /// How often it was changed.
    pub revision: i64,
    /// How it speaks to Stripe.
    pub stripe: StripeCredentials,
}

impl Project {
    /// Whether it works.
    pub const fn status(&self) -> ProjectStatus {
        status(self.deletion_began_at, self.disabled_at)
    }
}

/// A project without what it takes to act for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedProject {
    /// Its name.
    pub id: ProjectId,
    /// When it was made.
    pub created_at: UtcTimestamp,
    /// Since when it is shut, if it is: by the database's clock.
    pub disabled_at: Option<UtcTimestamp>,
    /// Since when it is being deleted, if it is: by the database's clock.
    pub deletion_began_at: Option<UtcTimestamp>,
}

impl ListedProject {
    /// Whether it works.
    pub const fn status(&self) -> ProjectStatus {
        status(self.deletion_began_at, self.disabled_at)
    }
}

const fn status(deletion_began_at: Option<UtcTimestamp>, disabled_at: Option<UtcTimestamp>) -> ProjectStatus {
    match (deletion_began_at, disabled_at) {
        (Some(_), _) => ProjectStatus::Deleting,
        (None, Some(_)) => ProjectStatus::Disabled,
        (None, None) => ProjectStatus::Active,
    }
}
