//! Operators' tokens: never a tenant's, and never good for a tenant, though one key signs both.

use billfold_auth::{
    Claim, ConfigError, DEFAULT_OPERATOR_AUDIENCE, DevelopmentIssuer, IssuerConfig, OperatorTokenRequest,
    OperatorVerifier, Scope, Scopes, TokenError, TokenRequest, Verifier, VerifierConfig,
};
use billfold_domain::ProjectId;
use serde_json::{Value, json};
use time::Duration;

use crate::support::{NOW, at, claims, configuration, token, verifier, with, without};

/// The issuers of the tenants' tokens, for operators: with the same keys.
async fn operators() -> OperatorVerifier {
    let issuers = configuration().issuers.into_iter().map(|issuer| IssuerConfig {
        project: None,
        ..issuer
    });
    let config = VerifierConfig {
        issuers: issuers.collect(),
        ..VerifierConfig::for_operators()
    };
    OperatorVerifier::new(config, at(0)).await.unwrap()
}

/// Claims that are good for an operator now.
fn operator_claims() -> Value {
    let claims = with(without(claims(), "project"), "aud", DEFAULT_OPERATOR_AUDIENCE);
    with(claims, "scope", "operator:write")
}

#[tokio::test]
async fn an_operators_token_says_who_and_what_and_no_project() {
    let verified = operators()
        .await
        .verify(&token(&operator_claims()), at(0))
        .unwrap();
    assert!(verified.scopes.contains(Scope::OperatorWrite));
    assert!(!verified.scopes.contains(Scope::ProjectWrite));
    assert_eq!(verified.subject.as_ref(), claims()["sub"].as_str().unwrap());
}

#[tokio::test]
async fn a_tenants_token_is_never_an_operators() {
    let operators = operators().await;
    let for_tenants = with(claims(), "scope", "operator:write project:write");
    for (what, claims, error) in [
        ("as it is", for_tenants.clone(), TokenError::AudienceOther),
        (
            "for both audiences",
            with(
                for_tenants.clone(),
                "aud",
                json!(["billfold", DEFAULT_OPERATOR_AUDIENCE]),
            ),
            TokenError::ProjectNamed,
        ),
        (
            "with a project that is null",
            with(operator_claims(), "project", Value::Null),
            TokenError::ProjectNamed,
        ),
        (
            "without a subject",
            without(operator_claims(), "sub"),
            TokenError::ClaimMissing(Claim::Subject),
        ),
        (
            "expired",
            with(with(operator_claims(), "iat", NOW - 100), "exp", NOW - 31),
            TokenError::Expired,
        ),
        (
            "of an unknown issuer",
            with(operator_claims(), "iss", "https://evil.example/"),
            TokenError::IssuerUnknown,
        ),
    ] {
        assert_eq!(operators.verify(&token(&claims), at(0)), Err(error), "{what}");
    }
    let long = format!("{}{}", token(&operator_claims()), "a".repeat(8 * 1024));
    assert_eq!(operators.verify(&long, at(0)), Err(TokenError::TooLong));
}

#[test]
fn an_operators_token_is_never_a_tenants() {
    let verifier = verifier();
    for (what, claims, error) in [
        ("as it is", operator_claims(), TokenError::AudienceOther),
        (
            "for both audiences",
            with(
                operator_claims(),
                "aud",
                json!(["billfold", DEFAULT_OPERATOR_AUDIENCE]),
            ),
            TokenError::ClaimMissing(Claim::Project),
        ),
    ] {
        assert_eq!(
            verifier.verify(&token(&claims), at(0)).err(),
            Some(error),
            "{what}"
        );
    }
}

#[tokio::test]
async fn an_operators_issuer_is_bound_to_no_project() {
    let config = VerifierConfig {
        issuers: configuration().issuers,
        ..VerifierConfig::for_operators()
    };
    let refused = OperatorVerifier::new(config, at(0)).await.err();
    assert!(
        matches!(refused, Some(ConfigError::OperatorBound { .. })),
        "{refused:?}"
    );
}

#[tokio::test]
async fn the_development_issuer_signs_for_either_and_each_keeps_to_its_own() {
    let directory = tempfile::tempdir().unwrap();
    let issuer = DevelopmentIssuer::load_or_create(directory.path()).unwrap();
    let operator = issuer
        .issue_operator(
            &OperatorTokenRequest {
                subject: "operator".to_owned(),
                scopes: Scopes::parse("operator:write").unwrap(),
                lifetime: Duration::HOUR,
            },
            at(0),
        )
        .unwrap();
    let tenant = issuer
        .issue(
            &TokenRequest {
                project: ProjectId::parse("demo").unwrap(),
                subject: "backend".to_owned(),
                scopes: Scopes::parse("operator:write project:write").unwrap(),
                timezone: None,
                lifetime: Duration::HOUR,
            },
            at(0),
        )
        .unwrap();
    let operators = OperatorVerifier::new(issuer.operator_verifier_config(), at(0))
        .await
        .unwrap();
    let tenants = Verifier::new(issuer.verifier_config(), at(0)).await.unwrap();
    assert!(operators.verify(&operator, at(0)).is_ok());
    assert!(tenants.verify(&tenant, at(0)).is_ok());
    assert!(operators.verify(&tenant, at(0)).is_err());
    assert!(tenants.verify(&operator, at(0)).is_err());
}
