//! Keys, projects, cards, names and the time.

use billfold_domain::{
    Card, CardBrand, CustomerId, PaymentMethod, PaymentMethodId, PaymentMethodStatus, PaymentMethodType,
    ProjectId, SetupIntentId, UserId, UtcTimestamp,
};
use billfold_store::{NewProject, StripeCredentials, WebhookSecrets};
use billfold_vault::{MasterKeys, Vault};
use secrecy::SecretString;

/// A payment method that is available.
pub(crate) fn card(id: &str, user_name: &str, created_at: UtcTimestamp) -> PaymentMethod {
    PaymentMethod {
        id: method_id(id),
        user: user(user_name),
        payment_method_type: PaymentMethodType::Card,
        card: Card {
            brand: CardBrand::Visa,
            last4: "4242".to_owned(),
            exp_month: 12,
            exp_year: 2034,
        },
        status: PaymentMethodStatus::Available,
        created_at,
    }
}

/// The same, waiting for its owner.
pub(crate) fn waiting_card(id: &str, user_name: &str, setup_intent: &str) -> PaymentMethod {
    PaymentMethod {
        status: PaymentMethodStatus::RequiresConfirmation {
            setup_intent: setup_intent_id(setup_intent),
        },
        ..card(id, user_name, at(0))
    }
}

/// The line of the tests' usual master key.
pub(crate) const KEY_A: &str = "a:dGhlIGZpcnN0IG1hc3RlciBrZXkgb2YgdGVzdHMgMDE=";
/// The line of another, for what one is not enough for.
pub(crate) const KEY_B: &str = "b:dGhlIG90aGVyIG1hc3RlciBrZXkgb2YgdGVzdHMgMDI=";

/// A vault of these keys, the current one first.
pub(crate) fn vault(lines: &[&str]) -> Vault {
    Vault::new(MasterKeys::parse(&lines.join("\n")).unwrap())
}

/// A project with credentials that tell it from every other.
pub(crate) fn new_project(name: &str) -> NewProject {
    NewProject {
        id: ProjectId::parse(name).unwrap(),
        stripe: StripeCredentials {
            secret_key: SecretString::from(format!("sk_test_{name}")),
            publishable_key: format!("pk_test_{name}"),
            account: None,
            webhook_secrets: WebhookSecrets::default(),
        },
    }
}

/// This many seconds into the tests' time.
pub(crate) fn at(seconds: i64) -> UtcTimestamp {
    UtcTimestamp::from_seconds(1_750_000_000 + seconds)
}

pub(crate) fn user(name: &str) -> UserId {
    UserId::parse(name).unwrap()
}

pub(crate) fn method_id(name: &str) -> PaymentMethodId {
    PaymentMethodId::parse(name).unwrap()
}

pub(crate) fn setup_intent_id(name: &str) -> SetupIntentId {
    SetupIntentId::parse(name).unwrap()
}

pub(crate) fn customer_id(name: &str) -> CustomerId {
    CustomerId::parse(name).unwrap()
}
