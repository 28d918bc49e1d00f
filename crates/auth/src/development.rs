//! An issuer for one machine, so that Billfold can be tried without an identity provider.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use billfold_domain::{ProjectId, UserId, UtcTimestamp};
use jsonwebtoken::{Algorithm, Header};
use serde_json::json;
use time::Duration;

use crate::{
    DEFAULT_AUDIENCE, DEFAULT_MAXIMUM_LIFETIME, DEFAULT_OPERATOR_AUDIENCE, IssuerConfig, KeySource, Scope,
    Scopes, VerifierConfig,
    claims::{is_subject, is_timezone},
    development_key::{self, SigningKey},
    key::DEVELOPMENT_KEY_PREFIX,
};

/// The name of every development issuer (`iss`). A production configuration that has it is refused.
pub const DEVELOPMENT_ISSUER: &str = "billfold-development";

/// Why there is no development issuer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DevelopmentIssuerError {
    /// The directory has no key.
    #[error("{} has no development issuer's key: start billfold dev once with this data directory", .directory.display())]
    Missing {
        /// The data directory.
        directory: PathBuf,
    },
    /// The key's file cannot be read.
    #[error("the development issuer's key {} cannot be read ({reason}): check its permissions", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        reason: String,
    },
    /// The key's file holds no usable key.
    #[error("the development issuer's key {} cannot be used, {reason}: delete it and a new one is made", .path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The key's file cannot be made.
    #[error("the development issuer's key {} cannot be written ({reason}): choose a data directory that you can write to", .path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        reason: String,
    },
}

/// Why a token is not issued.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IssueError {
    /// The subject is empty, too long or has control characters.
    #[error("the token's user must have 1 to 255 characters, none of them a control character")]
    SubjectInvalid,
    /// The lifetime is under a second or over 24 hours.
    #[error("the token's lifetime must be 1 to 86400 seconds")]
    LifetimeInvalid,
    /// The time zone cannot be the name of one.
    #[error("the token's time zone must be an IANA name such as Europe/Paris")]
    TimezoneInvalid,
    /// The key cannot sign.
    #[error("the development issuer's key cannot sign: delete it and a new one is made")]
    SigningFailed,
}

/// What a token shall say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRequest {
    /// The only project that it can see.
    pub project: ProjectId,
    /// The user on the account API, the backend's own name on the project API. 1 to 255 characters.
    pub subject: String,
    /// What it allows.
    pub scopes: Scopes,
    /// The IANA time zone that the account API shows times in; `None` is UTC.
    pub timezone: Option<String>,
    /// How long it lasts, in whole seconds: 1 second to 24 hours.
    pub lifetime: Duration,
}

/// What an operator's token shall say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperatorTokenRequest {
    /// Who the operator is. 1 to 255 characters.
    pub subject: String,
    /// What it allows.
    pub scopes: Scopes,
    /// How long it lasts, in whole seconds: 1 second to 24 hours.
    pub lifetime: Duration,
}

impl TokenRequest {
    /// For a tenant's user: reading and writing on the account API for an hour, with times in UTC.
    pub fn for_user(project: &ProjectId, user: &UserId) -> Self {
        let scopes = [Scope::AccountRead, Scope::AccountWrite];
        Self::for_an_hour(project, user.as_str(), scopes)
    }

    /// For a tenant's backend: reading and writing on the project API for an hour.
    pub fn for_backend(project: &ProjectId) -> Self {
        Self::for_an_hour(project, "backend", [Scope::ProjectRead, Scope::ProjectWrite])
    }

    fn for_an_hour(project: &ProjectId, subject: &str, scopes: [Scope; 2]) -> Self {
        Self {
            project: project.clone(),
            subject: subject.to_owned(),
            scopes: scopes.into_iter().collect(),
            timezone: None,
            lifetime: Duration::HOUR,
        }
    }
}

impl OperatorTokenRequest {
    /// Everything on the operator API, for so long: 1 second to 24 hours.
    pub fn lasting(lifetime: Duration) -> Self {
        Self {
            subject: "operator".to_owned(),
            scopes: Scopes::NONE.with(Scope::OperatorWrite),
            lifetime,
        }
    }
}

/// Signs tokens with an Ed25519 key that lies in a directory.
pub struct DevelopmentIssuer {
    key: SigningKey,
    key_id: String,
}

impl DevelopmentIssuer {
    /// Loads the directory's issuer after making its directory and its key (`issuer-key.pem`, readable by its owner
    /// alone) where they are missing. Any number of processes may do so at once.
    pub fn load_or_create(directory: &Path) -> Result<Self, DevelopmentIssuerError> {
        development_key::load_or_create(directory).map(Self::new)
    }

    /// Loads the directory's issuer, and makes nothing.
    pub fn load(directory: &Path) -> Result<Self, DevelopmentIssuerError> {
        development_key::load(directory)?
            .map(Self::new)
            .ok_or_else(|| DevelopmentIssuerError::Missing {
                directory: directory.to_owned(),
            })
    }

    fn new(key: SigningKey) -> Self {
        // The key's thumbprint (RFC 7638): its required members in alphabetical order, without white space.
        let members = format!(
            r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#,
            URL_SAFE_NO_PAD.encode(key.public)
        );
        let thumbprint = URL_SAFE_NO_PAD.encode(digest(&SHA256, members.as_bytes()));
        Self {
            key,
            key_id: format!("{DEVELOPMENT_KEY_PREFIX}{thumbprint}"),
        }
    }

    /// The id of its key: recognisable, and different for every key.
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    /// Its public key set, as JSON.
    pub fn key_set(&self) -> String {
        let key = json!({
            "kty": "OKP",
            "crv": "Ed25519",
            "alg": "EdDSA",
            "use": "sig",
            "kid": self.key_id,
            "x": URL_SAFE_NO_PAD.encode(self.key.public),
        });
        json!({ "keys": [key] }).to_string()
    }

    /// The issuer as a verifier's configuration has it: for every project.
    pub fn issuer_config(&self) -> IssuerConfig {
        IssuerConfig {
            issuer: DEVELOPMENT_ISSUER.to_owned(),
            keys: KeySource::Inline(self.key_set()),
            project: None,
        }
    }

    /// A configuration that trusts this issuer and no other.
    pub fn verifier_config(&self) -> VerifierConfig {
        VerifierConfig {
            issuers: vec![self.issuer_config()],
            development_allowed: true,
            ..VerifierConfig::default()
        }
    }

    /// A configuration that trusts this issuer and no other for operators' tokens.
    pub fn operator_verifier_config(&self) -> VerifierConfig {
        VerifierConfig {
            issuers: vec![self.issuer_config()],
            development_allowed: true,
            ..VerifierConfig::for_operators()
        }
    }

    /// A signed token. What is issued is also accepted, from now until its lifetime is over.
    pub fn issue(&self, request: &TokenRequest, now: UtcTimestamp) -> Result<String, IssueError> {
        check(&request.subject, request.lifetime)?;
        if !request.timezone.as_deref().is_none_or(is_timezone) {
            return Err(IssueError::TimezoneInvalid);
        }
        let issued_at = now.seconds();
        let mut claims = json!({
            "iss": DEVELOPMENT_ISSUER,
            "aud": DEFAULT_AUDIENCE,
            "sub": request.subject,
            "iat": issued_at,
            "exp": issued_at + request.lifetime.whole_seconds(),
            "project": request.project.as_str(),
            "scope": request.scopes.to_string(),
        });
        if let Some(timezone) = &request.timezone {
            claims["timezone"] = timezone.as_str().into();
        }
        self.sign(&claims)
    }

    /// A signed token for an operator, under the same rules.
    pub fn issue_operator(
        &self,
        request: &OperatorTokenRequest,
        now: UtcTimestamp,
    ) -> Result<String, IssueError> {
        check(&request.subject, request.lifetime)?;
        let issued_at = now.seconds();
        self.sign(&json!({
            "iss": DEVELOPMENT_ISSUER,
            "aud": DEFAULT_OPERATOR_AUDIENCE,
            "sub": request.subject,
            "iat": issued_at,
            "exp": issued_at + request.lifetime.whole_seconds(),
            "scope": request.scopes.to_string(),
        }))
    }

    fn sign(&self, claims: &serde_json::Value) -> Result<String, IssueError> {
        let header = Header {
            typ: Some("at+jwt".to_owned()),
            kid: Some(self.key_id.clone()),
            ..Header::new(Algorithm::EdDSA)
        };
        jsonwebtoken::encode(&header, claims, &self.key.key).map_err(|_| IssueError::SigningFailed)
    }
}

fn check(subject: &str, lifetime: Duration) -> Result<(), IssueError> {
    if !is_subject(subject) {
        return Err(IssueError::SubjectInvalid);
    }
    if !(Duration::SECOND..=DEFAULT_MAXIMUM_LIFETIME).contains(&lifetime) {
        return Err(IssueError::LifetimeInvalid);
    }
    Ok(())
}

impl fmt::Debug for DevelopmentIssuer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("DevelopmentIssuer")
            .field("key_id", &self.key_id)
            .finish_non_exhaustive()
    }
}
