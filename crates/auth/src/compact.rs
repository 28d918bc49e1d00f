//! A token's three parts, taken apart and decoded, before anything of it is believed.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value};

use crate::{TokenError, TokenPart, strict_json};

/// A token in the JWS compact form, its signature not verified.
pub(crate) struct CompactToken<'a> {
    /// What is signed: the header and the payload as they were sent, with the dot between.
    pub(crate) message: &'a str,
    pub(crate) header: Map<String, Value>,
    pub(crate) payload: Map<String, Value>,
    /// The signature, still encoded.
    pub(crate) signature: &'a str,
}

impl<'a> CompactToken<'a> {
    /// Takes a token apart. The caller has bounded its length.
    pub(crate) fn parse(token: &'a str) -> Result<Self, TokenError> {
        let (message, signature) = token.rsplit_once('.').ok_or(TokenError::NotThreeParts)?;
        let (header, payload) = message.split_once('.').ok_or(TokenError::NotThreeParts)?;
        if payload.contains('.') {
            return Err(TokenError::NotThreeParts);
        }
        Ok(Self {
            message,
            header: decode(header, TokenPart::Header)?,
            payload: decode(payload, TokenPart::Payload)?,
            signature,
        })
    }
}

fn decode(part: &str, which: TokenPart) -> Result<Map<String, Value>, TokenError> {
    let bytes = URL_SAFE_NO_PAD
        .decode(part)
        .map_err(|_| TokenError::Encoding(which))?;
    strict_json::parse_object(&bytes).map_err(|_| TokenError::Json(which))
}
