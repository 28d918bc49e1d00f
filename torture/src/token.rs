//! An identity provider: one key, its public set in a file, and tokens.

use std::path::{Path, PathBuf};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::TortureError;

const ISSUER: &str = "https://issuer.torture.test";
const KEY_ID: &str = "torture";

/// Longer than any run.
const LIFETIME_SECONDS: i64 = 6 * 3600;

/// Signs tokens as a tenant's identity provider does.
pub(crate) struct Issuer {
    key: Ed25519KeyPair,
    key_set: PathBuf,
}

impl Issuer {
    /// Makes a key, and writes its public half into the directory.
    pub(crate) fn new(directory: &Path) -> Result<Self, TortureError> {
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

    /// A tenant's backend.
    pub(crate) fn backend(&self, project: &str) -> String {
        self.sign(project, "backend", "project:read project:write")
    }

    /// A user's front end.
    pub(crate) fn user(&self, project: &str, user: &str) -> String {
        self.sign(project, user, "account:read account:write")
    }

    fn sign(&self, project: &str, subject: &str, scope: &str) -> String {
        self.sign_claims(&json!({"aud": "billfold", "sub": subject, "project": project, "scope": scope}))
    }

    /// A token with these claims, beside the issuer and the times.
    pub(crate) fn sign_claims(&self, claims: &Value) -> String {
        let now = OffsetDateTime::now_utc().unix_timestamp();
        let header = json!({"alg": "EdDSA", "typ": "at+jwt", "kid": KEY_ID});
        let mut all = json!({"iss": ISSUER, "iat": now, "exp": now + LIFETIME_SECONDS});
        for (name, value) in claims.as_object().into_iter().flatten() {
            all[name] = value.clone();
        }
        let encode = |value: Value| BASE64.encode(value.to_string());
        let message = format!("{}.{}", encode(header), encode(all));
        let signature = BASE64.encode(self.key.sign(message.as_bytes()));
        format!("{message}.{signature}")
    }
}
