//! Identifiers: opaque, case-sensitive text of a known alphabet and length.

use std::{fmt, str::FromStr};

/// Why a text is no identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// The text has no character at all.
    #[error("must not be empty")]
    Empty,
    /// The text has more characters than an identifier of its kind may have.
    #[error("must have at most {maximum} characters")]
    TooLong {
        /// The most characters that an identifier of this kind may have.
        maximum: usize,
    },
    /// A character is outside the identifier's alphabet.
    #[error("must only have the characters {alphabet}")]
    BadCharacter {
        /// The alphabet, written as a character class.
        alphabet: &'static str,
    },
    /// The text is a secret that somebody took for an identifier. Identifiers are stored and shown.
    #[error("must be an id: this is a secret, and is not taken for one")]
    Secret,
}

const WORD: &str = "A-Z, a-z, 0-9 and _";
const WORD_AND_HYPHEN: &str = "A-Z, a-z, 0-9, _ and -";

/// What stands in the middle of every client secret, after its SetupIntent's identifier.
const IN_CLIENT_SECRETS: &[u8; 8] = b"_secret_";

/// What Stripe's keys, webhook secrets and API keys begin with, and no identifier of Stripe's or ours.
const SECRETS_BEGIN_WITH: [&str; 4] = ["sk_", "rk_", "whsec_", "bfk_"];

/// Whether a byte is one of [`WORD`]. Lists parse two identifiers an item.
const IS_WORD: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        table[byte as usize] = byte.is_ascii_alphanumeric() || byte == b'_';
        byte += 1;
    }
    table
};

fn check(text: &str, maximum: usize, alphabet: &'static str) -> Result<(), IdError> {
    if text.is_empty() {
        return Err(IdError::Empty);
    }
    let hyphen = alphabet == WORD_AND_HYPHEN;
    let allowed = |byte: u8| IS_WORD[usize::from(byte)] || (hyphen && byte == b'-');
    if !text.bytes().all(allowed) {
        return Err(IdError::BadCharacter { alphabet });
    }
    // A search that is prepared first, as of a text in a text, costs more than all the rest of it.
    let mut parts = text.as_bytes().windows(IN_CLIENT_SECRETS.len());
    let secret = parts.any(|part| part == IN_CLIENT_SECRETS)
        || SECRETS_BEGIN_WITH.iter().any(|start| text.starts_with(start));
    // A tenant calls its users and projects what it likes.
    if secret && !hyphen {
        return Err(IdError::Secret);
    }
    // Every allowed character is one byte long, so from here on bytes count characters.
    if text.len() > maximum {
        return Err(IdError::TooLong { maximum });
    }
    Ok(())
}

macro_rules! identifier {
    ($(#[$meta:meta])* $name:ident, $maximum:expr, $alphabet:expr) => {
        $(#[$meta])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Box<str>);

        impl $name {
            /// The most characters that such an identifier may have.
            pub const MAXIMUM_LENGTH: usize = $maximum;

            /// Takes a text for an identifier after checking its length and its characters.
            pub fn parse(text: impl Into<Box<str>>) -> Result<Self, IdError> {
                let text = text.into();
                check(&text, Self::MAXIMUM_LENGTH, $alphabet)?;
                Ok(Self(text))
            }

            /// The identifier as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::parse(text)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }
    };
}

identifier!(
    /// A project's name in every path and token: the tenant. 1 to 64 characters of `[A-Za-z0-9_-]`.
    ProjectId, 64, WORD_AND_HYPHEN
);
identifier!(
    /// A user of a tenant, named by the tenant. 1 to 64 characters of `[A-Za-z0-9_-]`.
    UserId, 64, WORD_AND_HYPHEN
);
identifier!(
    /// A payment method, named by Stripe (`pm_…`, also `card_…` and `src_…` of older accounts).
    /// 1 to 255 characters of `[A-Za-z0-9_]`.
    PaymentMethodId, 255, WORD
);
identifier!(
    /// A Stripe customer (`cus_…`). 1 to 255 characters of `[A-Za-z0-9_]`.
    CustomerId, 255, WORD
);
identifier!(
    /// A Stripe SetupIntent (`seti_…`). 1 to 255 characters of `[A-Za-z0-9_]`.
    SetupIntentId, 255, WORD
);
identifier!(
    /// A Stripe account (`acct_…`), named in `Stripe-Account` when a platform acts for a connected account.
    /// 1 to 255 characters of `[A-Za-z0-9_]`.
    StripeAccountId, 255, WORD
);
identifier!(
    /// An API key's public name, by which it is listed and revoked. It opens nothing. 1 to 64 characters of `[A-Za-z0-9_]`.
    ApiKeyId, 64, WORD
);
identifier!(
    /// An event of the audit log (`aud_…`). 1 to 64 characters of `[A-Za-z0-9_]`.
    AuditEventId, 64, WORD
);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed test should panic")]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_user_may_have_hyphens_and_a_payment_method_may_not() {
        assert_eq!(UserId::parse("usr-1_A").unwrap().as_str(), "usr-1_A");
        assert_eq!(
            PaymentMethodId::parse("pm-1"),
            Err(IdError::BadCharacter { alphabet: WORD })
        );
    }

    #[test]
    fn a_secret_is_no_identifier_but_of_what_a_tenant_names() {
        for secret in ["seti_1_secret_2", "sk_test_1", "rk_live_1", "whsec_1", "bfk_1"] {
            assert_eq!(PaymentMethodId::parse(secret), Err(IdError::Secret));
            assert_eq!(SetupIntentId::parse(secret), Err(IdError::Secret));
            assert_eq!(ApiKeyId::parse(secret), Err(IdError::Secret));
            assert!(UserId::parse(secret).is_ok());
            assert!(!IdError::Secret.to_string().contains(secret));
        }
        for id in ["pm_1Secret2", "card_secret", "src_sk_1"] {
            assert!(PaymentMethodId::parse(id).is_ok(), "{id}");
        }
    }

    #[test]
    fn length_is_bounded_on_both_sides() {
        assert_eq!(UserId::parse(""), Err(IdError::Empty));
        assert!(UserId::parse("u".repeat(64)).is_ok());
        assert_eq!(
            UserId::parse("u".repeat(65)),
            Err(IdError::TooLong { maximum: 64 })
        );
        assert!(PaymentMethodId::parse("p".repeat(255)).is_ok());
        assert_eq!(
            PaymentMethodId::parse("p".repeat(256)),
            Err(IdError::TooLong { maximum: 255 })
        );
    }

    proptest! {
        #[test]
        fn whatever_parses_is_of_the_alphabet_and_stays_as_it_was(text in "\\PC{0,80}") {
            if let Ok(user) = UserId::parse(text.as_str()) {
                prop_assert_eq!(user.as_str(), &text);
                prop_assert!((1..=64).contains(&text.len()));
                prop_assert!(text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-'));
            }
        }
    }
}
