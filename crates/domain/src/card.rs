//! What Billfold keeps of a card: enough to show it, never enough to charge it.

/// The network on a card's face.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CardBrand {
    /// American Express.
    Amex,
    /// Diners Club.
    Diners,
    /// Discover.
    Discover,
    /// eftpos Australia.
    EftposAu,
    /// JCB.
    Jcb,
    /// Mastercard.
    Mastercard,
    /// UnionPay.
    Unionpay,
    /// Visa.
    Visa,
    /// Any other: Stripe's list is open, ours is not.
    Unknown,
}

impl CardBrand {
    /// Every brand, in the order of the documents.
    pub const ALL: [Self; 9] = [
        Self::Amex,
        Self::Diners,
        Self::Discover,
        Self::EftposAu,
        Self::Jcb,
        Self::Mastercard,
        Self::Unionpay,
        Self::Visa,
        Self::Unknown,
    ];

    /// The brand as Stripe and both documents write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Amex => "amex",
            Self::Diners => "diners",
            Self::Discover => "discover",
            Self::EftposAu => "eftpos_au",
            Self::Jcb => "jcb",
            Self::Mastercard => "mastercard",
            Self::Unionpay => "unionpay",
            Self::Visa => "visa",
            Self::Unknown => "unknown",
        }
    }

    /// Reads a brand; one that is not listed here is [`CardBrand::Unknown`].
    pub fn from_name(name: &str) -> Self {
        Self::ALL
            .into_iter()
            .find(|brand| brand.as_str() == name)
            .unwrap_or(Self::Unknown)
    }
}

/// The visible part of a card. A wallet's is the card behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Card {
    /// The network.
    pub brand: CardBrand,
    /// The last four digits.
    pub last4: String,
    /// The month of expiry, 1 to 12.
    pub exp_month: i16,
    /// The year of expiry, four digits.
    pub exp_year: i16,
}
