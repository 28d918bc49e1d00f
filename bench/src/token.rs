//! An identity provider: one key, its public set in a file, and tokens.

use std::path::{Path, PathBuf};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::BenchError;

/// The name that the server is told to trust.
pub(crate) const ISSUER: &str = "https://issuer.benchmark.test";

const KEY_ID: &str = "benchmark";

/// Signs tokens as a tenant's identity provider does.
pub(crate) struct Issuer {
    key: Ed25519KeyPair,
    key_set: PathBuf,
}

impl Issuer {
    /// Makes a key, and writes its public half into the directory.
    pub(crate) fn new(directory: &Path) -> Result<Self, BenchError> {
        let key = Ed25519KeyPair::generate().map_err(|_| "no key can be made")?;
        let key_set = directory.join("jwks.json");
        let public = BASE64.encode(key.public_key().as_ref());
        let keys = json!({"keys": [{
            "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": KEY_ID, "x": public,
        }]});
        std::fs::write(&key_set, keys.to_string())?;
        Ok(Self { key, key_set })
    }

    /// What `--issuer` of the server says.
    pub(crate) fn argument(&self) -> String {
        format!("{ISSUER}={}", self.key_set.display())
    }

    /// A token that may read a project for three hours.
    pub(crate) fn token(&self, project: &str) -> String {
        self.sign(project, "project:read")
    }

    /// A token that may also write it.
    pub(crate) fn writing_token(&self, project: &str) -> String {
        self.sign(project, "project:read project:write")
    }

    fn sign(&self, project: &str, scope: &str) -> String {
        let now = OffsetDateTime::now_utc().unix_timestamp();
        let header = json!({"alg": "EdDSA", "typ": "at+jwt", "kid": KEY_ID});
        let claims = json!({
            "iss": ISSUER, "aud": "billfold", "sub": "backend", "iat": now, "exp": now + 3 * 3600,
            "project": project, "scope": scope,
        });
        let encode = |value: Value| BASE64.encode(value.to_string());
        let message = format!("{}.{}", encode(header), encode(claims));
        let signature = BASE64.encode(self.key.sign(message.as_bytes()));
        format!("{message}.{signature}")
    }
}
