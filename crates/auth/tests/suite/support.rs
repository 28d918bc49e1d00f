//! Verifiers for the tests, and the time.

use billfold_auth::{ConfigError, Verifier, VerifierConfig};
use billfold_domain::UtcTimestamp;
use jsonwebtoken::Algorithm;
use serde_json::Value;

pub(crate) use crate::corpus::{Case, forge::*};

/// Makes a verifier; what it has to wait for is on this machine.
pub(crate) fn build(config: VerifierConfig) -> Result<Verifier, ConfigError> {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(Verifier::new(config, at(0)))
}

pub(crate) fn verifier() -> Verifier {
    build(configuration()).unwrap()
}

/// The present of the tests and this many seconds.
pub(crate) fn at(seconds: i64) -> UtcTimestamp {
    UtcTimestamp::from_seconds(NOW + seconds)
}

/// A key set of keys that are each made from their number and named after it.
pub(crate) fn set(keys: &[u8]) -> String {
    let keys: Vec<Value> = keys
        .iter()
        .map(|key| jwk(&ed25519(*key), Algorithm::EdDSA, &format!("key-{key}")))
        .collect();
    key_set(&keys)
}

/// A token signed with the key of this number.
pub(crate) fn token_of(key: u8) -> String {
    named(key, &format!("key-{key}"))
}

/// A token of the key of this number that lasts for these seconds.
pub(crate) fn lasting(key: u8, seconds: i64) -> String {
    sign_text(
        with(header(), "kid", format!("key-{key}")).to_string(),
        with(claims(), "exp", NOW + seconds).to_string(),
        &ed25519(key),
        Algorithm::EdDSA,
    )
}

/// A token signed with the key of this number, by any name.
pub(crate) fn named(key: u8, id: &str) -> String {
    let header = with(header(), "kid", id).to_string();
    sign_text(header, claims().to_string(), &ed25519(key), Algorithm::EdDSA)
}

/// Tries each token three times: a verdict must not depend on what was asked before.
pub(crate) fn check(cases: &[Case]) {
    let verifier = verifier();
    let mut wrong = Vec::new();
    for attempt in 1..=3 {
        for case in cases {
            let verdict = verifier.verify(&case.token, at(0)).map(|_| ());
            if verdict != case.expected {
                wrong.push(format!(
                    "{} (attempt {attempt}): expected {:?}, got {verdict:?}",
                    case.name, case.expected
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
