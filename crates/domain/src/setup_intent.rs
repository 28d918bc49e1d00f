//! The setup intent: a user's attempt to save a card, run by Stripe in the user's browser.

use std::fmt;

use secrecy::{ExposeSecret as _, SecretString};

use crate::{SetupIntentId, UserId, UtcTimestamp};

/// Where a setup intent stands; Stripe's own states.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SetupIntentStatus {
    /// No card yet, or the last one was refused.
    RequiresPaymentMethod,
    /// A card is there; nobody has confirmed it.
    RequiresConfirmation,
    /// The card's owner must pass a check.
    RequiresAction,
    /// Stripe is at work.
    Processing,
    /// It was given up.
    Canceled,
    /// The card is saved.
    Succeeded,
}

impl SetupIntentStatus {
    /// Every status, in the order of the documents.
    pub const ALL: [Self; 6] = [
        Self::RequiresPaymentMethod,
        Self::RequiresConfirmation,
        Self::RequiresAction,
        Self::Processing,
        Self::Canceled,
        Self::Succeeded,
    ];

    /// The status as Stripe and the account API write it.
    pub const fn as_snake_case(self) -> &'static str {
        match self {
            Self::RequiresPaymentMethod => "requires_payment_method",
            Self::RequiresConfirmation => "requires_confirmation",
            Self::RequiresAction => "requires_action",
            Self::Processing => "processing",
            Self::Canceled => "canceled",
            Self::Succeeded => "succeeded",
        }
    }

    /// The status as the project API writes it.
    pub const fn as_camel_case(self) -> &'static str {
        match self {
            Self::RequiresPaymentMethod => "requiresPaymentMethod",
            Self::RequiresConfirmation => "requiresConfirmation",
            Self::RequiresAction => "requiresAction",
            Self::Processing => "processing",
            Self::Canceled => "canceled",
            Self::Succeeded => "succeeded",
        }
    }

    /// Reads a status as Stripe writes it.
    pub fn from_snake_case(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|status| status.as_snake_case() == name)
    }
}

/// What lets a browser finish a setup intent with a publishable key. Shown to the user's own page, never stored
/// and never logged.
#[derive(Clone)]
pub struct ClientSecret(SecretString);

impl ClientSecret {
    /// Takes Stripe's text for a client secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(SecretString::from(text.into()))
    }

    /// The secret's text, for the answer to its owner only.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for ClientSecret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ClientSecret([REDACTED])")
    }
}

/// A setup intent that a user's page can finish.
#[derive(Clone, Debug)]
pub struct SetupIntent {
    /// Stripe's identifier.
    pub id: SetupIntentId,
    /// Whose card it will save.
    pub user: UserId,
    /// What the user's page needs to finish it.
    pub client_secret: ClientSecret,
    /// The publishable key of the project's Stripe account, which the page needs too.
    pub publishable_key: String,
    /// Where it stands.
    pub status: SetupIntentStatus,
    /// When Stripe made it.
    pub created_at: UtcTimestamp,
}
