//! Whose Stripe account is spoken to, and under which idempotency key.

use billfold_domain::StripeAccountId;
use secrecy::{ExposeSecret as _, SecretString};

/// What speaks for one Stripe account.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// The secret or restricted key (`sk_…`, `rk_…`). A text that cannot stand in a header is answered like a key
    /// that Stripe does not know: [`StripeError::Unauthenticated`](crate::StripeError::Unauthenticated).
    pub secret_key: SecretString,
    /// The connected account that a platform's key acts for, named in the `Stripe-Account` header.
    pub account: Option<StripeAccountId>,
}

/// Whether a key moves real money, by its prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyMode {
    /// `sk_live_…` or `rk_live_…`.
    Live,
    /// `sk_test_…` or `rk_test_…`.
    Test,
    /// Any other prefix: a publishable key, or none of Stripe's.
    Unrecognized,
}

impl Credentials {
    /// Whether the key moves real money.
    pub fn mode(&self) -> KeyMode {
        let key = self.secret_key.expose_secret();
        let has_prefix = |prefixes: [&str; 2]| prefixes.iter().any(|prefix| key.starts_with(prefix));
        if has_prefix(["sk_live_", "rk_live_"]) {
            KeyMode::Live
        } else if has_prefix(["sk_test_", "rk_test_"]) {
            KeyMode::Test
        } else {
            KeyMode::Unrecognized
        }
    }
}

/// What makes a repeated request one request. Stripe keeps the first answer for at least 24 hours and gives it
/// again, also when it was a 4xx or a 5xx. 1 to 255 visible ASCII characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct IdempotencyKey(Box<str>);

/// A text is no idempotency key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an idempotency key must have 1 to 255 visible ASCII characters")]
pub struct IdempotencyKeyError;

impl IdempotencyKey {
    /// The most characters that a key may have.
    pub const MAXIMUM_LENGTH: usize = 255;

    /// Takes a text for a key after checking its length and its characters.
    pub fn parse(text: impl Into<Box<str>>) -> Result<Self, IdempotencyKeyError> {
        let text = text.into();
        let good = (1..=Self::MAXIMUM_LENGTH).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_graphic());
        if good {
            Ok(Self(text))
        } else {
            Err(IdempotencyKeyError)
        }
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_bounded_and_visible() {
        for good in ["a".to_owned(), "01J.create.0~!\"".to_owned(), "k".repeat(255)] {
            assert!(IdempotencyKey::parse(good.as_str()).is_ok(), "{good}");
        }
        for bad in [
            String::new(),
            "k".repeat(256),
            "a b".to_owned(),
            "a\nb".to_owned(),
            "\u{7f}".to_owned(),
            "ü".to_owned(),
        ] {
            assert_eq!(
                IdempotencyKey::parse(bad.as_str()),
                Err(IdempotencyKeyError),
                "{bad:?}"
            );
        }
    }

    #[test]
    fn the_mode_is_read_from_the_prefix() {
        let mode = |key: &str| {
            let secret_key = SecretString::from(key);
            Credentials {
                secret_key,
                account: None,
            }
            .mode()
        };
        assert_eq!(mode("sk_live_x"), KeyMode::Live);
        assert_eq!(mode("rk_live_x"), KeyMode::Live);
        assert_eq!(mode("sk_test_x"), KeyMode::Test);
        assert_eq!(mode("pk_test_x"), KeyMode::Unrecognized);
        assert_eq!(mode(""), KeyMode::Unrecognized);
    }
}
