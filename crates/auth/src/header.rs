//! The rules for a token's header.

use serde_json::{Map, Value};

use crate::TokenError;

/// Members that would change the meaning of the signature or bring a key of the sender's choice.
const FORBIDDEN: [&str; 7] = ["crit", "jku", "jwk", "x5u", "x5c", "b64", "zip"];

/// The most characters that a key's id may have.
const MAXIMUM_KEY_ID_LENGTH: usize = 64;

/// What of a header is used: which key, and the algorithm that the sender believes it has.
pub(crate) struct TokenHeader<'a> {
    pub(crate) key_id: &'a str,
    pub(crate) algorithm: &'a str,
}

impl<'a> TokenHeader<'a> {
    pub(crate) fn read(header: &'a Map<String, Value>) -> Result<Self, TokenError> {
        if let Some(name) = FORBIDDEN.into_iter().find(|name| header.contains_key(*name)) {
            return Err(TokenError::HeaderForbidden(name));
        }
        let typ = header
            .get("typ")
            .and_then(Value::as_str)
            .ok_or(TokenError::TypeUnknown)?;
        if !is_token_type(typ) {
            return Err(TokenError::TypeUnknown);
        }
        let key_id = header
            .get("kid")
            .and_then(Value::as_str)
            .filter(|key_id| is_key_id(key_id))
            .ok_or(TokenError::KeyIdInvalid)?;
        let algorithm = header
            .get("alg")
            .and_then(Value::as_str)
            .ok_or(TokenError::AlgorithmMismatch)?;
        Ok(Self { key_id, algorithm })
    }
}

/// Media types know no case, and `application/` goes without saying (RFC 7515, section 4.1.9).
fn is_token_type(typ: &str) -> bool {
    const APPLICATION: &str = "application/";
    let short = match typ.get(..APPLICATION.len()) {
        Some(prefix) if prefix.eq_ignore_ascii_case(APPLICATION) => &typ[APPLICATION.len()..],
        _ => typ,
    };
    short.eq_ignore_ascii_case("at+jwt") || short.eq_ignore_ascii_case("JWT")
}

/// Whether a text can be a key's id: 1 to 64 characters of `[A-Za-z0-9_-]`.
pub(crate) fn is_key_id(text: &str) -> bool {
    (1..=MAXIMUM_KEY_ID_LENGTH).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}
