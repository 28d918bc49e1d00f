//! What a verified token says.

use std::sync::Arc;

use billfold_domain::{ProjectId, UtcTimestamp};

use crate::Scopes;

/// What a token said, after its signature and every claim were found good. Cloning it copies a pointer.
///
/// It is only as lasting as the moment of its verification: verify again for the next request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedToken(Arc<Contents>);

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Contents {
    pub(crate) issuer: Arc<str>,
    pub(crate) key_id: Box<str>,
    pub(crate) subject: Box<str>,
    pub(crate) project: ProjectId,
    pub(crate) scopes: Scopes,
    pub(crate) timezone: Option<String>,
    pub(crate) expires_at: UtcTimestamp,
}

impl VerifiedToken {
    pub(crate) fn new(contents: Contents) -> Self {
        Self(Arc::new(contents))
    }

    /// The issuer that signed the token (`iss`).
    pub fn issuer(&self) -> &str {
        &self.0.issuer
    }

    /// The issuer's key that signed the token (`kid`).
    pub fn key_id(&self) -> &str {
        &self.0.key_id
    }

    /// Who the token is about (`sub`): the user on the account API, the backend's own name on the project API.
    /// 1 to 255 characters, none of them a control character; not checked to be a user's id.
    pub fn subject(&self) -> &str {
        &self.0.subject
    }

    /// The only project that the token can see.
    pub fn project(&self) -> &ProjectId {
        &self.0.project
    }

    /// What the token allows.
    pub fn scopes(&self) -> Scopes {
        self.0.scopes
    }

    /// The time zone that the token asks for: 1 to 64 visible ASCII characters, not checked to be a known zone.
    pub fn timezone(&self) -> Option<&str> {
        self.0.timezone.as_deref()
    }

    /// When the token expires (`exp`). It is honoured for [`LEEWAY`](crate::LEEWAY) more.
    pub fn expires_at(&self) -> UtcTimestamp {
        self.0.expires_at
    }
}
