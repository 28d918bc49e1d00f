//! Good tokens for the projects of these tests, by the keys of the corpus.

use billfold_auth::{DEFAULT_OPERATOR_AUDIENCE, VerifierConfig};
use serde_json::{Value, json};

use crate::{corpus::forge as corpus, support::START};

pub(crate) use crate::corpus::forge::ALL_SCOPES;

/// The scope of operators' tokens.
pub(crate) const OPERATOR_SCOPE: &str = "operator:write";

/// The corpus and the server have one present, or every token of it would be expired or still to come.
const _: () = assert!(corpus::NOW == START);

/// Trusts the issuers of the corpus: one for every project, and one for `acme` alone.
pub(crate) fn verifier_config() -> VerifierConfig {
    corpus::configuration()
}

/// Trusts the first issuer for operators too, by the same keys.
pub(crate) fn operator_config() -> VerifierConfig {
    VerifierConfig {
        issuers: corpus::configuration().issuers.into_iter().take(1).collect(),
        ..VerifierConfig::for_operators()
    }
}

/// An operator's claims that are good now.
pub(crate) fn operator_claims(scope: &str) -> Value {
    json!({
        "iss": corpus::ISSUER, "aud": DEFAULT_OPERATOR_AUDIENCE, "sub": "operator", "iat": START - 5, "exp": START + 3600,
        "scope": scope,
    })
}

/// A good token of an operator's.
pub(crate) fn operator_token(scope: &str) -> String {
    corpus::token(&operator_claims(scope))
}

/// A good token for an operation that asks for `required`, with these scopes: an operator's for the operator API, one of
/// the user alice of the project demo for all others.
pub(crate) fn token_for(required: &str, scopes: &str) -> String {
    if required == OPERATOR_SCOPE {
        operator_token(scopes)
    } else {
        token("demo", "alice", scopes)
    }
}

/// The same, with every scope that there is for such a caller.
pub(crate) fn full_token_for(required: &str) -> String {
    let scopes = if required == OPERATOR_SCOPE {
        OPERATOR_SCOPE
    } else {
        ALL_SCOPES
    };
    token_for(required, scopes)
}

/// Claims that are good now.
pub(crate) fn claims(project: &str, subject: &str, scope: &str) -> Value {
    let claims = corpus::with(corpus::claims(), "project", project);
    corpus::with(corpus::with(claims, "sub", subject), "scope", scope)
}

/// A good token.
pub(crate) fn token(project: &str, subject: &str, scope: &str) -> String {
    corpus::token(&claims(project, subject, scope))
}

/// A good token with every scope.
pub(crate) fn full_token(project: &str, subject: &str) -> String {
    token(project, subject, ALL_SCOPES)
}
