//! API keys as an operator makes them, and texts that are none.

use billfold_auth::{ApiKey, ApiKeyPepper};
use billfold_domain::{ApiKeyId, UtcTimestamp};
use billfold_store::{ApiKeys, Database, NewApiKey, StoredApiKey};
use secrecy::{ExposeSecret as _, SecretString};

use super::{START, canaries, server::Server};

/// A key, and what is known of it.
pub(crate) struct IssuedApiKey {
    /// The key itself, as its holder sends it.
    pub(crate) text: String,
    pub(crate) id: ApiKeyId,
    /// Its hash, as the database has it.
    pub(crate) hash: String,
}

/// What every test's server hashes keys with, as it is written and as bytes.
pub(crate) const PEPPER: &str = "dGVzdHMgaGFzaCB0aGVpciBBUEkga2V5cyBieSBpdC4=";
pub(crate) const PEPPER_BITS: &str = "tests hash their API keys by it.";

/// The same, ready for use.
pub(crate) fn pepper() -> ApiKeyPepper {
    let text = SecretString::from(PEPPER);
    ApiKeyPepper::parse(&text).expect("the pepper has 32 bytes")
}

/// What a key has between its prefix and its checksum.
fn random_part(key: &str) -> &str {
    &key[4..key.len() - 6]
}

/// Makes a key of a project; `expires_at` is in seconds since 1970.
pub(crate) async fn issue(
    database: &Database,
    project: &str,
    scopes: &str,
    expires_at: Option<i64>,
) -> IssuedApiKey {
    let key = ApiKey::generate().expect("there are random numbers");
    canaries::also_for("an API key", random_part(key.expose().expose_secret()));
    let hash = pepper().hash(&key);
    let id = ApiKeyId::parse(format!("key_{}", &hash.to_hex()[..16])).expect("a good name");
    let new = NewApiKey {
        id: id.clone(),
        hash,
        scopes: scopes.parse().expect("the scopes should be known"),
        name: None,
        expires_at: expires_at.map(UtcTimestamp::from_seconds),
    };
    ApiKeys::new(database.clone())
        .create(&Server::scope(project), &new, UtcTimestamp::from_seconds(START))
        .await
        .expect("a key can be made");
    IssuedApiKey {
        text: key.expose().expose_secret().to_owned(),
        id,
        hash: hash.to_hex(),
    }
}

/// Revokes a key, as another process does.
pub(crate) async fn revoke(database: &Database, project: &str, id: &ApiKeyId) {
    let revoked = ApiKeys::new(database.clone())
        .revoke(&Server::scope(project), id, UtcTimestamp::from_seconds(START))
        .await;
    assert!(
        revoked.expect("the database answers").is_some(),
        "there is such a key"
    );
}

/// The key as its project sees it.
pub(crate) async fn listed(database: &Database, project: &str, id: &ApiKeyId) -> StoredApiKey {
    let keys = ApiKeys::new(database.clone()).list(&Server::scope(project)).await;
    let mut keys = keys.expect("the database answers").into_iter();
    keys.find(|key| key.id == *id).expect("the key is listed")
}

/// A key like any other, but that nobody has made it, and its hash.
pub(crate) fn made_up() -> (String, String) {
    let key = ApiKey::generate().expect("there are random numbers");
    canaries::also_for(
        "an API key that was made up",
        random_part(key.expose().expose_secret()),
    );
    (
        key.expose().expose_secret().to_owned(),
        pepper().hash(&key).to_hex(),
    )
}

/// The key with one character of its checksum changed.
pub(crate) fn mistyped(key: &str) -> String {
    let (start, last) = key.split_at(key.len() - 1);
    format!("{start}{}", if last == "0" { "1" } else { "0" })
}
