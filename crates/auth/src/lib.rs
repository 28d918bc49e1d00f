//! Who is calling: tokens, their issuers and keys; API keys and how they are hashed.
//!
//! A [`Verifier`] holds the issuers that are trusted and answers one question: does this token speak, now, and for
//! whom? It knows no HTTP framework and takes the time from its caller, so every rule about time can be tried
//! without waiting. [`DevelopmentIssuer`] signs tokens for one machine without an identity provider.
//!
//! Invariants:
//! - **The key decides the algorithm.** A key accepts exactly one; the header of a token can only agree with it.
//! - **A cached verdict is the fresh verdict.** A token is remembered only as long as the key set that vouched for
//!   it is in force, and only inside its own window of time.
//! - **No request drives the network.** Key sets that have an address are fetched in the background; a known key is
//!   never waited for, an unknown one asynchronously and for a moment at most.
//! - **Nothing of a token is in an error.** [`TokenError`] names a rule, never a value.

mod api_key;
mod base62;
mod cache;
mod claims;
mod compact;
mod config;
mod development;
mod development_key;
mod error;
mod fetch;
mod form;
mod header;
mod issuer;
mod key;
mod key_file;
mod key_set;
mod key_set_error;
mod key_set_url;
mod keys_in_force;
mod operator;
mod refresher;
mod remote_keys;
mod scope;
mod strict_json;
mod token;
mod verifier;

pub use api_key::{ApiKey, ApiKeyError, ApiKeyPepper, ApiKeyPepperError, NoRandomness};
pub use config::{ConfigError, IssuerConfig, KeySource, VerifierConfig};
pub use development::{
    DEVELOPMENT_ISSUER, DevelopmentIssuer, DevelopmentIssuerError, IssueError, OperatorTokenRequest,
    TokenRequest,
};
pub use error::{Claim, TokenError, TokenPart};
pub use form::{check_key_set_form, check_token_form};
pub use issuer::IssuerStatus;
pub use key::KeyError;
pub use key_set_error::KeySetError;
pub use key_set_url::KeySetUrl;
pub use operator::{OperatorToken, OperatorVerifier};
pub use refresher::KeyRefresher;
pub use scope::{Scope, Scopes, UnknownScope};
pub use token::VerifiedToken;
pub use verifier::Verifier;

use time::Duration;

/// How far the clocks of an issuer and of this machine may differ.
pub const LEEWAY: Duration = Duration::seconds(30);
/// The audience that a token must name where the configuration says no other.
pub const DEFAULT_AUDIENCE: &str = "billfold";
/// The audience that an operator's token must name where the configuration says no other.
pub const DEFAULT_OPERATOR_AUDIENCE: &str = "billfold-operator";
/// The longest time between `iat` and `exp` where the configuration says no other.
pub const DEFAULT_MAXIMUM_LIFETIME: Duration = Duration::hours(24);
/// The most bytes that a token may have.
pub const MAXIMUM_TOKEN_LENGTH: usize = 8 * 1024;
/// The most characters that `sub` may have.
pub const MAXIMUM_SUBJECT_LENGTH: usize = 255;
/// The most keys that a key set may have.
pub const MAXIMUM_KEYS: usize = 20;
/// The most bytes that a key set may have.
pub const MAXIMUM_KEY_SET_LENGTH: usize = 64 * 1024;
/// The most verified tokens that are remembered.
pub const MAXIMUM_CACHED_TOKENS: usize = 10_000;
/// How often a key set's file is looked at, so how soon a revoked key is refused.
pub const KEY_FILE_CHECK_INTERVAL: Duration = Duration::seconds(5);
/// How often a key set is fetched from its address. A revoked key is refused after this and a fetch, which takes 5 seconds
/// at most: within 25 seconds, and within 45 where one fetch is lost, so within a minute in both.
pub const KEY_SET_FETCH_INTERVAL: Duration = Duration::seconds(20);
/// How long the last good key set lasts when its address brings no other.
pub const KEY_SET_OUTAGE_LIMIT: Duration = Duration::hours(24);
/// How often a key set is at most read or fetched again because a token names a key that is not in it.
pub const UNKNOWN_KEY_REFRESH_INTERVAL: Duration = Duration::seconds(30);
