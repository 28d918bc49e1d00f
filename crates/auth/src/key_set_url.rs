//! Where a key set is on the network.

use std::fmt;

use reqwest::Url;

use crate::KeySetError;

/// The address of a key set: https, and without a user or a password.
///
/// It is shown without its query, where some providers expect a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct KeySetUrl(Url);

impl KeySetUrl {
    /// Takes what an operator wrote, such as `https://id.example.com/keys.json`.
    pub fn parse(text: &str) -> Result<Self, KeySetError> {
        let url = Url::parse(text).map_err(|error| KeySetError::UrlInvalid {
            reason: error.to_string(),
        })?;
        match url.scheme() {
            "https" => {}
            "http" => return Err(KeySetError::InsecureUrl),
            _ => {
                return Err(KeySetError::UrlInvalid {
                    reason: "it does not begin with https".to_owned(),
                });
            }
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(KeySetError::UrlHasCredentials);
        }
        Ok(Self(url))
    }

    pub(crate) const fn as_url(&self) -> &Url {
        &self.0
    }
}

impl fmt::Display for KeySetUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = self.0.clone();
        shown.set_query(None);
        shown.set_fragment(None);
        shown.fmt(formatter)
    }
}

impl fmt::Debug for KeySetUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "KeySetUrl({self})")
    }
}
