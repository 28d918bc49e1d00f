//! Payment methods, as the project API shows them.

use secrecy::SecretString;
use serde::Deserialize;
use time::OffsetDateTime;

use super::text;
use crate::open_enum::open_enum;

/// A saved payment method, as the project API shows it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct PaymentMethod {
    /// Its identifier, which is Stripe's.
    pub id: String,
    /// The card's brand. `None` for a wallet.
    pub brand: Option<Brand>,
    /// Stripe's client secret, by which the user's page lets the card's owner pass the open check with Stripe.js. Given
    /// out on create and retrieve of a method that requires confirmation; give it to nobody else, and do not store it.
    #[serde(deserialize_with = "text::secret_if_any")]
    pub client_secret: Option<SecretString>,
    /// The last four digits of the card. `None` for a wallet.
    pub last4: Option<String>,
    /// Where it is stored.
    pub provider: Provider,
    /// Whether it can be used.
    pub status: PaymentMethodStatus,
    /// How the user holds the card.
    #[serde(rename = "type")]
    pub payment_method_type: PaymentMethodType,
    /// The user whose it is.
    pub user: String,
    /// When it was saved, in UTC. Lists are ordered by it.
    #[serde(deserialize_with = "text::time")]
    pub created_at: OffsetDateTime,
}

open_enum! {
    /// How a user holds a card.
    PaymentMethodType {
        /// A plain card.
        Card = "card",
        /// A card in Apple Pay.
        ApplePay = "applePay",
        /// A card in Google Pay.
        GooglePay = "googlePay",
    }
}

open_enum! {
    /// Whether a payment method can be used.
    PaymentMethodStatus {
        /// It can.
        Available = "available",
        /// Its owner must pass a check first, such as 3-D Secure. Without that it goes away after 24 hours.
        RequiresConfirmation = "requiresConfirmation",
    }
}

open_enum! {
    /// Where payment methods are stored.
    Provider {
        /// At Stripe.
        Stripe = "stripe",
    }
}

open_enum! {
    /// The brand of a card.
    Brand {
        /// American Express.
        Amex = "amex",
        /// Diners Club.
        Diners = "diners",
        /// Discover.
        Discover = "discover",
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
