//! The payment method: a card or a wallet that a user saved.

use crate::{Card, PaymentMethodId, SetupIntentId, UserId, UtcTimestamp};

/// How the user holds the card.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PaymentMethodType {
    /// The card itself.
    Card,
    /// A card in Apple Pay (Stripe's `card.wallet.type` is `apple_pay`).
    ApplePay,
    /// A card in Google Pay (Stripe's `card.wallet.type` is `google_pay`).
    GooglePay,
}

impl PaymentMethodType {
    /// Every type, in the order of the documents.
    pub const ALL: [Self; 3] = [Self::Card, Self::ApplePay, Self::GooglePay];

    /// The type as the project API writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Card => "card",
            Self::ApplePay => "applePay",
            Self::GooglePay => "googlePay",
        }
    }

    /// Reads a type as the project API writes it.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|candidate| candidate.as_str() == name)
    }
}

/// A set of types, to filter a list by. Never empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PaymentMethodTypes([bool; 3]);

impl PaymentMethodTypes {
    /// Every type: no filter at all.
    pub const ALL: Self = Self([true; 3]);

    /// The set of the given types, or nothing when none is given.
    pub fn of(types: impl IntoIterator<Item = PaymentMethodType>) -> Option<Self> {
        let mut set = [false; 3];
        for member in types {
            set[member as usize] = true;
        }
        set.contains(&true).then_some(Self(set))
    }

    /// The members, in the order of the documents.
    pub fn members(self) -> impl Iterator<Item = PaymentMethodType> {
        PaymentMethodType::ALL
            .into_iter()
            .filter(move |member| self.0[*member as usize])
    }
}

/// Whether the payment method can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PaymentMethodStatus {
    /// It is attached to the user's customer and can be charged.
    Available,
    /// Its owner must still pass a check (3-D Secure) on this SetupIntent.
    RequiresConfirmation {
        /// The SetupIntent whose challenge is open.
        setup_intent: SetupIntentId,
    },
}

/// A saved payment method.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaymentMethod {
    /// Stripe's identifier.
    pub id: PaymentMethodId,
    /// Whose it is.
    pub user: UserId,
    /// How the user holds the card.
    pub payment_method_type: PaymentMethodType,
    /// What may be shown of the card.
    pub card: Card,
    /// Whether it can be used.
    pub status: PaymentMethodStatus,
    /// When it was saved here; lists are ordered by it, newest first, then by identifier.
    pub created_at: UtcTimestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_of_types_keeps_its_members_and_is_never_empty() {
        assert_eq!(PaymentMethodTypes::of([]), None);
        let wallets = PaymentMethodTypes::of([PaymentMethodType::GooglePay, PaymentMethodType::ApplePay]);
        let members: Vec<_> = wallets
            .into_iter()
            .flat_map(PaymentMethodTypes::members)
            .collect();
        assert_eq!(
            members,
            [PaymentMethodType::ApplePay, PaymentMethodType::GooglePay]
        );
        assert_eq!(
            PaymentMethodTypes::of(PaymentMethodType::ALL),
            Some(PaymentMethodTypes::ALL)
        );
    }
}
