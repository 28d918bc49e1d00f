//! What strangers send, read without any key: for tools that throw bytes at the readers.

use billfold_domain::UtcTimestamp;

use crate::{
    DEFAULT_AUDIENCE, DEFAULT_MAXIMUM_LIFETIME, KeySetError, MAXIMUM_TOKEN_LENGTH, TokenError,
    claims::{self, ClaimRules, Claims},
    compact::CompactToken,
    header::TokenHeader,
    key_set::KeySet,
};

/// Whether a text has the form of a token and claims that are good now, for the default audience.
///
/// It authenticates nobody: the signature is not looked at, so nothing of the token is given. It is every step of
/// [`Verifier::verify`](crate::Verifier::verify) that reads what a stranger wrote, for fuzzing.
pub fn check_token_form(token: &str, now: UtcTimestamp) -> Result<(), TokenError> {
    if token.len() > MAXIMUM_TOKEN_LENGTH {
        return Err(TokenError::TooLong);
    }
    let compact = CompactToken::parse(token)?;
    TokenHeader::read(&compact.header)?;
    claims::issuer(&compact.payload)?;
    let rules = ClaimRules {
        audience: DEFAULT_AUDIENCE.into(),
        maximum_lifetime: DEFAULT_MAXIMUM_LIFETIME,
    };
    Claims::read(&compact.payload, &rules, now)?;
    Ok(())
}

/// How many keys a key set has, if it can be used: what is done with the bytes of a file or an address, for fuzzing.
pub fn check_key_set_form(text: &[u8]) -> Result<usize, KeySetError> {
    KeySet::parse(text, 1, false).map(|set| set.len())
}
