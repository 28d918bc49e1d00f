//! Payment methods: looking at them, and detaching them. They are attached by a SetupIntent that succeeds.

use billfold_domain::{Card, CardBrand, CustomerId, PaymentMethodId, PaymentMethodType, UtcTimestamp};
use serde::Deserialize;

use crate::{
    Account, IdempotencyKey, StripeError, StripePage,
    client::Call,
    form::Form,
    open_enum::{bounded_name, open_enum},
    page::ListJson,
    wire::{Unreadable, read_id, read_optional_id},
};

/// A payment method at Stripe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StripePaymentMethod {
    /// Stripe's identifier.
    pub id: PaymentMethodId,
    /// The customer that it is attached to. It stays when the customer is deleted.
    pub customer: Option<CustomerId>,
    /// What it is.
    pub kind: StripePaymentMethodKind,
    /// When it was made.
    pub created: UtcTimestamp,
}

/// What a payment method is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StripePaymentMethodKind {
    /// A card, held as such or in a wallet.
    Card {
        /// What may be shown of the card; a wallet's is the card behind it.
        card: Card,
        /// The wallet that holds it.
        wallet: Option<WalletType>,
        /// How Billfold calls it: Apple Pay and Google Pay by name, any other wallet a card.
        payment_method_type: PaymentMethodType,
    },
    /// Any other, by Stripe's name for it: at most 64 visible characters.
    Other(Box<str>),
}

open_enum! {
    /// A wallet that holds a card.
    WalletType {
        /// American Express Checkout.
        AmexExpressCheckout = "amex_express_checkout",
        /// Apple Pay.
        ApplePay = "apple_pay",
        /// Google Pay.
        GooglePay = "google_pay",
        /// Link.
        Link = "link",
        /// Masterpass.
        Masterpass = "masterpass",
        /// Samsung Pay.
        SamsungPay = "samsung_pay",
        /// Visa Checkout.
        VisaCheckout = "visa_checkout",
    }
}

impl From<&WalletType> for PaymentMethodType {
    fn from(wallet: &WalletType) -> Self {
        match wallet {
            WalletType::ApplePay => Self::ApplePay,
            WalletType::GooglePay => Self::GooglePay,
            _ => Self::Card,
        }
    }
}

#[derive(Deserialize)]
pub(crate) struct PaymentMethodJson {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    customer: Option<String>,
    created: i64,
    card: Option<CardJson>,
}

#[derive(Deserialize)]
struct CardJson {
    brand: String,
    last4: String,
    exp_month: i16,
    exp_year: i16,
    wallet: Option<WalletJson>,
}

#[derive(Deserialize)]
struct WalletJson {
    #[serde(rename = "type")]
    kind: String,
}

impl PaymentMethodJson {
    pub(crate) fn read(self) -> Result<StripePaymentMethod, Unreadable> {
        let kind = match (self.kind.as_str(), self.card) {
            ("card", Some(card)) => card.read(),
            ("card", None) => return Err(Unreadable("a card's payment method has no card")),
            (other, _) => StripePaymentMethodKind::Other(bounded_name(other)),
        };
        Ok(StripePaymentMethod {
            id: read_id(PaymentMethodId::parse(self.id))?,
            customer: read_optional_id(self.customer, CustomerId::parse)?,
            kind,
            created: UtcTimestamp::from_seconds(self.created),
        })
    }
}

impl CardJson {
    fn read(self) -> StripePaymentMethodKind {
        let wallet = self.wallet.map(|wallet| WalletType::from_name(&wallet.kind));
        StripePaymentMethodKind::Card {
            payment_method_type: wallet
                .as_ref()
                .map_or(PaymentMethodType::Card, PaymentMethodType::from),
            wallet,
            card: Card {
                brand: CardBrand::from_name(&self.brand),
                last4: self.last4,
                exp_month: self.exp_month,
                exp_year: self.exp_year,
            },
        }
    }
}

impl Account<'_> {
    /// Looks at a payment method of this account, attached or not.
    pub async fn retrieve_payment_method(
        &self,
        id: &PaymentMethodId,
    ) -> Result<StripePaymentMethod, StripeError> {
        let call = Call::get("/v1/payment_methods/{id}", Some(id.as_str()), Form::new());
        self.call(call, PaymentMethodJson::read).await
    }

    /// Lists what is attached to a customer, of every type, newest first, at most 100.
    pub async fn list_payment_methods(
        &self,
        customer: &CustomerId,
        starting_after: Option<&PaymentMethodId>,
    ) -> Result<StripePage<StripePaymentMethod>, StripeError> {
        let form = Form::new().with_page(None, starting_after.map(PaymentMethodId::as_str));
        let call = Call::get(
            "/v1/customers/{id}/payment_methods",
            Some(customer.as_str()),
            form,
        );
        self.call(call, |json: ListJson<PaymentMethodJson>| {
            json.into_page(PaymentMethodJson::read)
        })
        .await
    }

    /// Detaches a payment method from its customer, for ever. One that is not attached is
    /// [`StripeError::NotAttached`]: what was wanted is so already.
    pub async fn detach_payment_method(
        &self,
        id: &PaymentMethodId,
        key: &IdempotencyKey,
    ) -> Result<StripePaymentMethod, StripeError> {
        let call = Call::post(
            "/v1/payment_methods/{id}/detach",
            Some(id.as_str()),
            Form::new(),
            key,
        );
        self.call(call, PaymentMethodJson::read).await
    }
}
