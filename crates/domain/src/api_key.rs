//! What is known of an API key without knowing the key: its hash, what it allows, and what people call it.

use std::{fmt, str::FromStr};

/// The keyed hash of an API key: all that is stored of it, and what it is looked up by. 256 bits.
///
/// It does not lead back to the key. It does not print either: whoever knows it may see its row in the database.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ApiKeyHash([u8; 32]);

impl ApiKeyHash {
    /// The hash with these bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The hash as it is stored: 64 hexadecimal digits, in lower case.
    pub fn to_hex(self) -> String {
        use fmt::Write as _;
        self.0.iter().fold(String::with_capacity(64), |mut text, byte| {
            // Writing to a string cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
    }
}

impl fmt::Debug for ApiKeyHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ApiKeyHash(…)")
    }
}

/// What an API key allows, always within one project: reading, writing or both. Writing does not imply reading, and no
/// API key speaks for a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ApiKeyScopes {
    /// `project:read`.
    Read,
    /// `project:write`.
    Write,
    /// Both.
    ReadAndWrite,
}

/// A text is no set of scopes that an API key may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "an API key may have the scopes project:read and project:write, one of them or both, separated by a space; \
     the account API is for tokens alone"
)]
pub struct ApiKeyScopesError;

impl ApiKeyScopes {
    /// The scopes as they are stored and shown, separated by spaces.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "project:read",
            Self::Write => "project:write",
            Self::ReadAndWrite => "project:read project:write",
        }
    }

    /// Whether it allows reading.
    pub const fn may_read(self) -> bool {
        matches!(self, Self::Read | Self::ReadAndWrite)
    }

    /// Whether it allows writing.
    pub const fn may_write(self) -> bool {
        matches!(self, Self::Write | Self::ReadAndWrite)
    }
}

impl FromStr for ApiKeyScopes {
    type Err = ApiKeyScopesError;

    /// Takes the names in any order, separated by spaces.
    fn from_str(text: &str) -> Result<Self, ApiKeyScopesError> {
        let (mut read, mut write) = (false, false);
        for name in text.split(' ').filter(|name| !name.is_empty()) {
            match name {
                "project:read" => read = true,
                "project:write" => write = true,
                _ => return Err(ApiKeyScopesError),
            }
        }
        match (read, write) {
            (true, false) => Ok(Self::Read),
            (false, true) => Ok(Self::Write),
            (true, true) => Ok(Self::ReadAndWrite),
            (false, false) => Err(ApiKeyScopesError),
        }
    }
}

impl fmt::Display for ApiKeyScopes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// What people call an API key, such as `nightly export`: 1 to 100 characters, none of them a control character.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKeyName(Box<str>);

/// A text is no name for an API key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a name has 1 to {} characters, on one line", ApiKeyName::MAXIMUM_LENGTH)]
pub struct ApiKeyNameError;

impl ApiKeyName {
    /// The most characters that a name may have.
    pub const MAXIMUM_LENGTH: usize = 100;

    /// Takes a text for a name, without the white space around it.
    pub fn parse(text: &str) -> Result<Self, ApiKeyNameError> {
        let text = text.trim();
        let fits = (1..=Self::MAXIMUM_LENGTH).contains(&text.chars().count());
        if fits && !text.chars().any(char::is_control) {
            Ok(Self(text.into()))
        } else {
            Err(ApiKeyNameError)
        }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ApiKeyName {
    type Err = ApiKeyNameError;

    fn from_str(text: &str) -> Result<Self, ApiKeyNameError> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed test should panic")]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn scopes_are_written_and_read_back_in_any_order() {
        for scopes in [
            ApiKeyScopes::Read,
            ApiKeyScopes::Write,
            ApiKeyScopes::ReadAndWrite,
        ] {
            assert_eq!(scopes.as_str().parse(), Ok(scopes));
            assert_eq!(scopes.as_str().contains("read"), scopes.may_read());
            assert_eq!(scopes.as_str().contains("write"), scopes.may_write());
        }
        assert_eq!(
            "  project:write project:read ".parse(),
            Ok(ApiKeyScopes::ReadAndWrite)
        );
    }

    #[test]
    fn an_api_key_has_a_scope_and_none_of_the_account_api() {
        for text in [
            "",
            "  ",
            "account:read",
            "project:read account:write",
            "Project:read",
            "project:read,project:write",
            "operator:write",
        ] {
            assert_eq!(text.parse::<ApiKeyScopes>(), Err(ApiKeyScopesError), "{text}");
        }
    }

    #[test]
    fn a_hash_is_stored_as_digits_and_does_not_print() {
        let mut bytes = [0; 32];
        (bytes[0], bytes[31]) = (0xab, 0x01);
        let hash = ApiKeyHash::from_bytes(bytes);
        assert_eq!(hash.to_hex(), format!("ab{}01", "00".repeat(30)));
        assert!(!format!("{hash:?}").contains("ab"));
    }

    proptest! {
        #[test]
        fn whatever_is_a_name_is_one_line_of_bounded_length(text in "\\PC{0,120}|[ -~\n\t\r]{0,120}") {
            if let Ok(name) = ApiKeyName::parse(&text) {
                prop_assert_eq!(name.as_str(), text.trim());
                prop_assert!(!name.as_str().contains(['\n', '\r', '\t']));
                prop_assert!((1..=100).contains(&name.as_str().chars().count()));
            }
        }
    }
}
