//! Why a token is refused.

use std::fmt;

/// One of the three parts of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TokenPart {
    /// The first: how the token is signed.
    Header,
    /// The second: the claims.
    Payload,
    /// The third.
    Signature,
}

impl fmt::Display for TokenPart {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Header => "header",
            Self::Payload => "payload",
            Self::Signature => "signature",
        })
    }
}

/// A claim that has a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Claim {
    /// `iss`: who signed.
    Issuer,
    /// `aud`: whom the token is for.
    Audience,
    /// `sub`: whom the token is about.
    Subject,
    /// `exp`: when it ends.
    Expiry,
    /// `iat`: when it was signed.
    IssuedAt,
    /// `nbf`: when it begins.
    NotBefore,
    /// `project`: the one project that it can see.
    Project,
    /// `scope`: the permissions, separated by spaces.
    Scope,
    /// `scopes`: the permissions, as an array.
    Scopes,
}

impl Claim {
    /// The claim's name in a token.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Issuer => "iss",
            Self::Audience => "aud",
            Self::Subject => "sub",
            Self::Expiry => "exp",
            Self::IssuedAt => "iat",
            Self::NotBefore => "nbf",
            Self::Project => "project",
            Self::Scope => "scope",
            Self::Scopes => "scopes",
        }
    }
}

impl fmt::Display for Claim {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// Why a token is refused: for the log. A caller hears one message, whatever the reason.
///
/// No variant carries anything out of the token, so it may be logged as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum TokenError {
    /// More bytes than [`MAXIMUM_TOKEN_LENGTH`](crate::MAXIMUM_TOKEN_LENGTH).
    #[error("the token is too long")]
    TooLong,
    /// Not three parts separated by dots.
    #[error("the token does not have three parts")]
    NotThreeParts,
    /// A part is not base64url without padding, in its one canonical form.
    #[error("the {0} is not canonical base64url without padding")]
    Encoding(TokenPart),
    /// A part is not one JSON object whose members, at every depth, have names of their own.
    #[error("the {0} is not one JSON object without repeated names")]
    Json(TokenPart),
    /// The header has a member that could change what the signature or the key means.
    #[error("the header has {0}, which is never accepted")]
    HeaderForbidden(&'static str),
    /// `typ` is missing or neither `at+jwt` nor `JWT`.
    #[error("the header's typ is neither at+jwt nor JWT")]
    TypeUnknown,
    /// `kid` is missing or not 1 to 64 characters of `[A-Za-z0-9_-]`.
    #[error("the header's kid is missing or malformed")]
    KeyIdInvalid,
    /// `alg` is missing or not the one algorithm of the key.
    #[error("the header's alg is not the key's")]
    AlgorithmMismatch,
    /// `iss` names no configured issuer.
    #[error("the issuer is not configured")]
    IssuerUnknown,
    /// The issuer's key set could not be fetched for [`KEY_SET_OUTAGE_LIMIT`](crate::KEY_SET_OUTAGE_LIMIT).
    #[error("the issuer's key set could not be fetched for a day, so its keys are no longer relied on")]
    KeysOutdated,
    /// The issuer has no such key, or no longer.
    #[error("the issuer has no key of this kid")]
    KeyUnknown,
    /// The signature is not the key's over this header and payload.
    #[error("the signature is wrong")]
    SignatureInvalid,
    /// A required claim is absent.
    #[error("the claim {0} is missing")]
    ClaimMissing(Claim),
    /// A claim has the wrong type or form.
    #[error("the claim {0} is malformed")]
    ClaimInvalid(Claim),
    /// `aud` does not contain the configured audience.
    #[error("the token is for another audience")]
    AudienceOther,
    /// `exp` is not after `iat`.
    #[error("the token expires before it was issued")]
    ExpiresBeforeIssue,
    /// `exp` is further from `iat` than the configuration allows.
    #[error("the token lives longer than allowed")]
    LifetimeTooLong,
    /// `exp` is past.
    #[error("the token has expired")]
    Expired,
    /// `nbf` is still to come.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// `iat` is still to come.
    #[error("the token was issued in the future")]
    IssuedInFuture,
    /// `scope` and `scopes` are both present and do not say the same.
    #[error("scope and scopes do not agree")]
    ScopesDiffer,
    /// A token for operators names a project: it is one for tenants, whoever signed it.
    #[error("an operator's token names a project")]
    ProjectNamed,
    /// The issuer is bound to another project than the token's.
    #[error("the issuer may not speak for this project")]
    ProjectNotOfIssuer,
}
