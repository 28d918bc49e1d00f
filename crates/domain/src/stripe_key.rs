//! What a tenant's Stripe account gives out: keys and webhook secrets, told apart before any of them is used.

use std::fmt;

use secrecy::{ExposeSecret as _, SecretString};

/// The most characters that a key or a webhook secret may have. Stripe's longest has about half of it.
const MAXIMUM_LENGTH: usize = 255;

/// Whether keys move real money. A project has one mode for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StripeMode {
    /// Nothing is charged: `sk_test_…`, `rk_test_…` and `pk_test_…`.
    Test,
    /// Real cards: `sk_live_…`, `rk_live_…` and `pk_live_…`.
    Live,
}

impl StripeMode {
    /// The mode as one word, which is also what keys have in their prefix: `test` or `live`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Test => "test",
            Self::Live => "live",
        }
    }

    /// The mode of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Test, Self::Live]
            .into_iter()
            .find(|mode| mode.as_str() == name)
    }

    /// The mode of a key with one of these beginnings: `sk` for `sk_test_…` and `sk_live_…`.
    fn of_key(key: &str, beginnings: &[&str]) -> Option<Self> {
        let (beginning, rest) = key.split_once('_')?;
        let (mode, rest) = rest.split_once('_')?;
        let good = beginnings.contains(&beginning)
            && !rest.is_empty()
            && key.len() <= MAXIMUM_LENGTH
            && rest
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        good.then(|| Self::from_name(mode)).flatten()
    }
}

impl fmt::Display for StripeMode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// Why a text is not the key or the secret that was asked for. Never repeats the text, which may be another secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StripeKeyError {
    /// A publishable key stands where a secret key belongs.
    #[error("must begin with sk_ or rk_: this is a publishable key, which belongs in its own place")]
    PublishableForSecret,
    /// A webhook secret stands where a secret key belongs.
    #[error(
        "must begin with sk_ or rk_: this is a webhook endpoint's signing secret, which belongs in its own place"
    )]
    WebhookForSecret,
    /// It is none of Stripe's secret keys.
    #[error(
        "must be one word that begins with sk_test_, sk_live_, rk_test_ or rk_live_, as Stripe's dashboard shows it"
    )]
    NotSecret,
    /// A secret key stands where a publishable key belongs, where pages would get to see it.
    #[error(
        "must begin with pk_: this is a secret key, which nobody may see. Roll it at Stripe if it has been shown"
    )]
    SecretForPublishable,
    /// It is none of Stripe's publishable keys.
    #[error("must be one word that begins with pk_test_ or pk_live_, as Stripe's dashboard shows it")]
    NotPublishable,
    /// It is no webhook endpoint's signing secret.
    #[error(
        "must be one word that begins with whsec_, which Stripe's dashboard shows as the endpoint's signing secret"
    )]
    NotWebhook,
}

/// A secret or restricted key: `sk_test_…`, `sk_live_…`, `rk_test_…` or `rk_live_…`, at most 255 characters.
#[derive(Clone, Debug)]
pub struct StripeSecretKey {
    key: SecretString,
    mode: StripeMode,
}

impl StripeSecretKey {
    /// Takes a text for a secret key after checking what it is. White space around it is no part of it.
    pub fn parse(text: &str) -> Result<Self, StripeKeyError> {
        let key = text.trim();
        match StripeMode::of_key(key, &["sk", "rk"]) {
            Some(mode) => Ok(Self {
                key: SecretString::from(key),
                mode,
            }),
            None if key.starts_with("pk_") => Err(StripeKeyError::PublishableForSecret),
            None if key.starts_with("whsec_") => Err(StripeKeyError::WebhookForSecret),
            None => Err(StripeKeyError::NotSecret),
        }
    }

    /// Whether it moves real money.
    pub const fn mode(&self) -> StripeMode {
        self.mode
    }

    /// The key, which still does not print.
    pub fn into_secret(self) -> SecretString {
        self.key
    }
}

/// A publishable key, which pages may see: `pk_test_…` or `pk_live_…`, at most 255 characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishableKey {
    key: Box<str>,
    mode: StripeMode,
}

impl PublishableKey {
    /// Takes a text for a publishable key after checking what it is. White space around it is no part of it.
    pub fn parse(text: &str) -> Result<Self, StripeKeyError> {
        let key = text.trim();
        match StripeMode::of_key(key, &["pk"]) {
            Some(mode) => Ok(Self {
                key: key.into(),
                mode,
            }),
            None if ["sk_", "rk_", "whsec_"]
                .iter()
                .any(|start| key.starts_with(start)) =>
            {
                Err(StripeKeyError::SecretForPublishable)
            }
            None => Err(StripeKeyError::NotPublishable),
        }
    }

    /// Whether it moves real money.
    pub const fn mode(&self) -> StripeMode {
        self.mode
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.key
    }
}

/// A webhook endpoint's signing secret: `whsec_…`, at most 255 visible ASCII characters.
#[derive(Clone, Debug)]
pub struct WebhookSecret(SecretString);

impl WebhookSecret {
    /// Takes a text for a webhook secret after checking what it is. White space around it is no part of it.
    pub fn parse(text: &str) -> Result<Self, StripeKeyError> {
        let secret = text.trim();
        let rest = secret.strip_prefix("whsec_").unwrap_or_default();
        let good = !rest.is_empty()
            && secret.len() <= MAXIMUM_LENGTH
            && rest.bytes().all(|byte| byte.is_ascii_graphic());
        if good {
            Ok(Self(SecretString::from(secret)))
        } else {
            Err(StripeKeyError::NotWebhook)
        }
    }

    /// Whether it is this text.
    pub fn is(&self, other: &SecretString) -> bool {
        self.0.expose_secret() == other.expose_secret()
    }

    /// The secret, which still does not print.
    pub fn into_secret(self) -> SecretString {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_told_apart_and_their_mode_is_read() {
        for (key, mode) in [
            ("sk_test_a", StripeMode::Test),
            (" rk_test_a_b\n", StripeMode::Test),
            ("sk_live_4eC39", StripeMode::Live),
            ("rk_live_4eC39", StripeMode::Live),
        ] {
            let parsed = StripeSecretKey::parse(key).map(|key| key.mode());
            assert_eq!(parsed, Ok(mode), "{key}");
        }
        for (key, mode) in [("pk_test_a", StripeMode::Test), ("pk_live_a ", StripeMode::Live)] {
            let parsed = PublishableKey::parse(key).map(|key| key.mode());
            assert_eq!(parsed, Ok(mode), "{key}");
        }
        assert!(WebhookSecret::parse("whsec_a+/=\n").is_ok());
    }

    #[test]
    fn what_stands_in_the_wrong_place_is_named_and_not_repeated() {
        use StripeKeyError as E;
        let too_long = format!("sk_test_{}", "a".repeat(248));
        for (text, error) in [
            ("pk_test_hunter2", E::PublishableForSecret),
            ("whsec_hunter2", E::WebhookForSecret),
            ("hunter2", E::NotSecret),
            ("", E::NotSecret),
            ("sk_test_", E::NotSecret),
            ("sk_prod_hunter2", E::NotSecret),
            ("sk_test_hunter2 sk_test_hunter2", E::NotSecret),
            ("sk_test_hunter2\u{0}", E::NotSecret),
            (too_long.as_str(), E::NotSecret),
        ] {
            let found = StripeSecretKey::parse(text).map(|_| ()).err();
            assert_eq!(found, Some(error), "{text}");
            assert!(!error.to_string().contains("hunter2"));
        }
        for (text, error) in [
            ("sk_live_hunter2", E::SecretForPublishable),
            ("rk_live_hunter2", E::SecretForPublishable),
            ("whsec_hunter2", E::SecretForPublishable),
            ("hunter2", E::NotPublishable),
            ("pk_live_hunter 2", E::NotPublishable),
        ] {
            assert_eq!(PublishableKey::parse(text).err(), Some(error), "{text}");
        }
        for text in ["", "whsec_", "we_1abc", "sk_test_a", "whsec_a whsec_b"] {
            let found = WebhookSecret::parse(text).map(|_| ()).err();
            assert_eq!(found, Some(E::NotWebhook), "{text}");
        }
    }

    #[test]
    fn secrets_do_not_print() {
        let key = StripeSecretKey::parse("sk_test_hunter2").ok();
        let secret = WebhookSecret::parse("whsec_hunter2").ok();
        assert!(key.is_some() && secret.is_some());
        assert!(!format!("{key:?} {secret:?}").contains("hunter2"));
    }
}
