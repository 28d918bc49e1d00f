//! Keys, a configuration that trusts their public halves, and a forge that signs any text with them.

use std::sync::LazyLock;

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use billfold_auth::{IssuerConfig, KeySource, VerifierConfig};
use billfold_domain::ProjectId;
use jsonwebtoken::{Algorithm, EncodingKey, jwk::Jwk};
use serde_json::{Value, json};

/// The present of every test, in seconds since the epoch.
pub(crate) const NOW: i64 = 1_768_471_200;

/// An issuer that may speak for every project.
pub(crate) const ISSUER: &str = "https://issuer.example/";
/// An issuer that may only speak for `acme`. It has a key with the id of one of the other's.
pub(crate) const BOUND_ISSUER: &str = "https://acme.example/";

/// Every scope.
pub(crate) const ALL_SCOPES: &str = "project:read project:write account:read account:write";

/// The longest id that a key may have.
pub(crate) const LONGEST_KEY_ID: &str = "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk";

pub(crate) struct Keys {
    pub(crate) ed25519: EncodingKey,
    pub(crate) ed25519_second: EncodingKey,
    pub(crate) ed25519_bound: EncodingKey,
    pub(crate) ed25519_stranger: EncodingKey,
    pub(crate) ed25519_encryption: EncodingKey,
    pub(crate) p256: EncodingKey,
    pub(crate) rsa: EncodingKey,
}

pub(crate) static KEYS: LazyLock<Keys> = LazyLock::new(|| {
    let p256 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).unwrap();
    Keys {
        ed25519: ed25519(1),
        ed25519_second: ed25519(2),
        ed25519_bound: ed25519(3),
        ed25519_stranger: ed25519(4),
        ed25519_encryption: ed25519(5),
        p256: EncodingKey::from_ec_der(p256.as_ref()),
        rsa: EncodingKey::from_rsa_pem(include_bytes!("test-only-rsa-key.pem")).unwrap(),
    }
});

/// A key made from a number: the same in every run.
pub(crate) fn ed25519(seed: u8) -> EncodingKey {
    let pair = Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap();
    EncodingKey::from_ed_der(pair.to_pkcs8v1().unwrap().as_ref())
}

/// The public half of a key, as an entry of a key set.
pub(crate) fn jwk(key: &EncodingKey, algorithm: Algorithm, id: &str) -> Value {
    let mut jwk = serde_json::to_value(Jwk::from_encoding_key(key, algorithm).unwrap()).unwrap();
    jwk["kid"] = id.into();
    jwk
}

pub(crate) fn key_set(keys: &[Value]) -> String {
    json!({ "keys": keys }).to_string()
}

pub(crate) fn project(name: &str) -> ProjectId {
    ProjectId::parse(name).unwrap()
}

pub(crate) fn configuration() -> VerifierConfig {
    let keys = [
        jwk(&KEYS.ed25519, Algorithm::EdDSA, "ed"),
        jwk(&KEYS.ed25519_second, Algorithm::EdDSA, LONGEST_KEY_ID),
        jwk(&KEYS.p256, Algorithm::ES256, "p256"),
        jwk(&KEYS.rsa, Algorithm::RS256, "rsa"),
        // Published to be encrypted with, not to be believed.
        with(
            jwk(&KEYS.ed25519_encryption, Algorithm::EdDSA, "enc"),
            "use",
            "enc",
        ),
    ];
    let bound_keys = [jwk(&KEYS.ed25519_bound, Algorithm::EdDSA, "ed")];
    VerifierConfig {
        issuers: vec![
            IssuerConfig {
                issuer: ISSUER.to_owned(),
                keys: KeySource::Inline(key_set(&keys)),
                project: None,
            },
            IssuerConfig {
                issuer: BOUND_ISSUER.to_owned(),
                keys: KeySource::Inline(key_set(&bound_keys)),
                project: Some(project("acme")),
            },
        ],
        ..VerifierConfig::default()
    }
}

/// A header that is accepted with the Ed25519 key.
pub(crate) fn header() -> Value {
    json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": "ed" })
}

/// Claims that are accepted from the issuer for all projects.
pub(crate) fn claims() -> Value {
    json!({
        "iss": ISSUER,
        "aud": "billfold",
        "sub": "backend",
        "iat": NOW - 60,
        "exp": NOW + 3600,
        "project": "demo",
        "scope": ALL_SCOPES,
    })
}

/// An object with one member set.
pub(crate) fn with(mut object: Value, name: &str, value: impl Into<Value>) -> Value {
    object[name] = value.into();
    object
}

/// An object with one member taken out.
pub(crate) fn without(mut object: Value, name: &str) -> Value {
    object
        .as_object_mut()
        .unwrap()
        .remove(name)
        .expect("the member was there");
    object
}

pub(crate) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A token of any header and any payload, signed with the key.
pub(crate) fn sign_text(
    header: impl AsRef<[u8]>,
    payload: impl AsRef<[u8]>,
    key: &EncodingKey,
    algorithm: Algorithm,
) -> String {
    let message = format!("{}.{}", encode(header), encode(payload));
    sign_message(&message, key, algorithm)
}

/// A token of the two encoded parts, signed with the key.
pub(crate) fn sign_message(message: &str, key: &EncodingKey, algorithm: Algorithm) -> String {
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), key, algorithm).unwrap();
    format!("{message}.{signature}")
}

/// A token signed with the Ed25519 key.
pub(crate) fn sign(header: &Value, claims: &Value) -> String {
    sign_text(
        header.to_string(),
        claims.to_string(),
        &KEYS.ed25519,
        Algorithm::EdDSA,
    )
}

/// A token of a good header and these claims.
pub(crate) fn token(claims: &Value) -> String {
    sign(&header(), claims)
}
