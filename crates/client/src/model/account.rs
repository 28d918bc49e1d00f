//! What the account API shows.

use secrecy::SecretString;
use serde::Deserialize;
use time::PrimitiveDateTime;

use super::text;
use crate::open_enum::open_enum;

/// A saved payment method, as the account API shows it. What it tells of a wallet is the card behind it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct AccountPaymentMethod {
    /// Its identifier, which is Stripe's.
    pub id: String,
    /// The card's brand.
    pub brand: AccountBrand,
    /// The last four digits of the card.
    pub last4: String,
    /// The month in which the card expires, 1 to 12.
    pub exp_month: u8,
    /// The year in which the card expires, four digits.
    pub exp_year: u16,
    /// When it was saved, in the time zone that the token names, or else in UTC.
    #[serde(deserialize_with = "text::account_time")]
    pub created_at: PrimitiveDateTime,
}

/// The user's attempt to save a card, which the user's page runs with Stripe.js.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct AccountSetupIntent {
    /// Its identifier, which is Stripe's.
    pub id: String,
    /// The publishable key of the project's Stripe account, for Stripe.js.
    pub publishable_key: String,
    /// Stripe's client secret, for Stripe.js in the user's own page. Give it to nobody else, and do not store it.
    #[serde(deserialize_with = "text::secret")]
    pub client_secret: SecretString,
    /// Where it stands at Stripe.
    pub status: AccountSetupIntentStatus,
    /// When Stripe made it, in the time zone that the token names, or else in UTC.
    #[serde(deserialize_with = "text::account_time")]
    pub created_at: PrimitiveDateTime,
}

open_enum! {
    /// The brand of a card, as the account API names it.
    AccountBrand {
        /// American Express.
        Amex = "amex",
        /// Diners Club.
        Diners = "diners",
        /// Discover.
        Discover = "discover",
        /// EFTPOS of Australia.
        EftposAu = "eftpos_au",
        /// JCB.
        Jcb = "jcb",
        /// Mastercard.
        Mastercard = "mastercard",
        /// UnionPay.
        Unionpay = "unionpay",
        /// Visa.
        Visa = "visa",
        /// One that Billfold has no name for.
        Unknown = "unknown",
    }
}

open_enum! {
    /// Where a setup intent stands at Stripe, as the account API says it.
    AccountSetupIntentStatus {
        /// It waits for a card.
        RequiresPaymentMethod = "requires_payment_method",
        /// It has a card and waits to be confirmed.
        RequiresConfirmation = "requires_confirmation",
        /// The card's owner must pass a check.
        RequiresAction = "requires_action",
        /// Stripe is at work on it.
        Processing = "processing",
        /// It was canceled.
        Canceled = "canceled",
        /// The card is attached to the user, and can be saved.
        Succeeded = "succeeded",
    }
}
