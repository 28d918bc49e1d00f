//! Tokens, good and bad: keys of our own, whose public halves the server is told to trust.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use billfold_auth::{IssuerConfig, KeySource, VerifierConfig};
use billfold_domain::ProjectId;
use serde_json::{Value, json};

use crate::support::START;

/// An issuer that may speak for every project.
pub(crate) const ISSUER: &str = "https://issuer.example/";
/// An issuer that may only speak for `acme`.
pub(crate) const ACME_ISSUER: &str = "https://acme.example/";
/// Every scope.
pub(crate) const ALL_SCOPES: &str = "project:read project:write account:read account:write";

/// A key that signs tokens.
pub(crate) struct Key {
    pair: Ed25519KeyPair,
    pub(crate) id: &'static str,
}

impl Key {
    /// The key of [`ISSUER`].
    pub(crate) fn main() -> Self {
        Self::new(1, "main")
    }

    /// The key of [`ACME_ISSUER`].
    pub(crate) fn acme() -> Self {
        Self::new(2, "acme")
    }

    /// A key that nobody trusts, by the name of one that is trusted.
    pub(crate) fn stranger() -> Self {
        Self::new(3, "main")
    }

    /// A key made from a number: the same in every run.
    fn new(seed: u8, id: &'static str) -> Self {
        Self {
            pair: Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap(),
            id,
        }
    }

    /// Its public half, as text.
    pub(crate) fn public(&self) -> String {
        encode(self.pair.public_key())
    }

    fn issuer(&self, name: &str, project: Option<&str>) -> IssuerConfig {
        let key = json!({
            "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": self.id, "x": self.public(),
        });
        IssuerConfig {
            issuer: name.to_owned(),
            keys: KeySource::Inline(json!({ "keys": [key] }).to_string()),
            project: project.map(|project| ProjectId::parse(project).unwrap()),
        }
    }

    pub(crate) fn header(&self) -> Value {
        json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": self.id })
    }

    /// A token of any header and any claims.
    pub(crate) fn sign(&self, header: &Value, claims: &Value) -> String {
        let message = format!("{}.{}", encode(header.to_string()), encode(claims.to_string()));
        let signature = self.pair.sign(message.as_bytes());
        format!("{message}.{}", encode(signature))
    }

    /// A token of these claims.
    pub(crate) fn token(&self, claims: &Value) -> String {
        self.sign(&self.header(), claims)
    }
}

/// Trusts both issuers.
pub(crate) fn verifier_config() -> VerifierConfig {
    VerifierConfig {
        issuers: vec![
            Key::main().issuer(ISSUER, None),
            Key::acme().issuer(ACME_ISSUER, Some("acme")),
        ],
        ..VerifierConfig::default()
    }
}

/// Claims that are good now.
pub(crate) fn claims(project: &str, subject: &str, scope: &str) -> Value {
    json!({
        "iss": ISSUER, "aud": "billfold", "sub": subject, "iat": START - 5, "exp": START + 3600,
        "project": project, "scope": scope,
    })
}

/// Claims with one of them changed, or taken out by `null`.
pub(crate) fn with(mut claims: Value, name: &str, value: Value) -> Value {
    let members = claims.as_object_mut().unwrap();
    if value.is_null() {
        members.remove(name).expect("the claim was there");
    } else {
        members.insert(name.to_owned(), value);
    }
    claims
}

/// A good token.
pub(crate) fn token(project: &str, subject: &str, scope: &str) -> String {
    Key::main().token(&claims(project, subject, scope))
}

/// A good token with every scope.
pub(crate) fn full_token(project: &str, subject: &str) -> String {
    token(project, subject, ALL_SCOPES)
}

pub(crate) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
