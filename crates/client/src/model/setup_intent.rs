//! Setup intents, as the project API shows them.

use secrecy::SecretString;
use serde::Deserialize;
use time::OffsetDateTime;

use super::text;
use crate::open_enum::open_enum;

/// A user's attempt to save a card, which the user's page runs with Stripe.js.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct SetupIntent {
    /// Its identifier, which is Stripe's.
    pub id: String,
    /// Stripe's client secret, for Stripe.js in the user's own page. Give it to nobody else, and do not store it.
    #[serde(deserialize_with = "text::secret")]
    pub client_secret: SecretString,
    /// The publishable key of the project's Stripe account, for Stripe.js.
    pub publishable_key: String,
    /// Where it stands at Stripe.
    pub status: SetupIntentStatus,
    /// The user whose card it will save.
    pub user: String,
    /// When Stripe made it, in UTC.
    #[serde(deserialize_with = "text::time")]
    pub created_at: OffsetDateTime,
}

open_enum! {
    /// Where a setup intent stands at Stripe.
    SetupIntentStatus {
        /// It waits for a card.
        RequiresPaymentMethod = "requiresPaymentMethod",
        /// It has a card and waits to be confirmed.
        RequiresConfirmation = "requiresConfirmation",
        /// The card's owner must pass a check.
        RequiresAction = "requiresAction",
        /// Stripe is at work on it.
        Processing = "processing",
        /// It was canceled.
        Canceled = "canceled",
        /// The card is attached to the user, and can be saved.
        Succeeded = "succeeded",
    }
}
