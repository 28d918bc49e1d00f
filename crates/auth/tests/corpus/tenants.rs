//! One tenant's valid key in another's name. The bound issuer may only speak for `acme`.

use billfold_auth::{Claim, TokenError, TokenPart};
use jsonwebtoken::Algorithm;
use serde_json::{Value, json};

use super::{
    Case, ELSEWHERE, bad,
    forge::{BOUND_ISSUER, ISSUER, KEYS, claims, header, sign_text, token, with},
    good,
};

/// Signed by the key of the bound issuer.
fn by_acme(header: &Value, claims: &Value) -> String {
    sign_text(
        header.to_string(),
        claims.to_string(),
        &KEYS.ed25519_bound,
        Algorithm::EdDSA,
    )
}

pub(crate) fn cases() -> Vec<Case> {
    let acme = || with(with(claims(), "iss", BOUND_ISSUER), "project", "acme");
    let for_project = |project: Value| by_acme(&header(), &with(acme(), "project", project));
    let other = TokenError::ProjectNotOfIssuer;
    let wrong = TokenError::SignatureInvalid;
    let invalid = TokenError::ClaimInvalid(Claim::Project);
    vec![
        bad("acme's key for demo", for_project("demo".into()), other),
        bad(
            "acme's key for demo, as demo's issuer",
            by_acme(&header(), &claims()),
            wrong,
        ),
        bad(
            "acme's key for acme, as demo's issuer",
            by_acme(&header(), &with(claims(), "project", "acme")),
            wrong,
        ),
        bad("demo's key as acme's issuer, for acme", token(&acme()), wrong),
        bad(
            "demo's key as acme's issuer, for demo",
            token(&with(acme(), "project", "demo")),
            wrong,
        ),
        bad(
            "acme's key by the name of a key that only demo's issuer has",
            by_acme(&with(header(), "kid", "p256"), &acme()),
            TokenError::KeyUnknown,
        ),
        bad(
            "demo's P-256 key as acme's issuer",
            sign_text(
                json!({ "alg": "ES256", "typ": "JWT", "kid": "p256" }).to_string(),
                acme().to_string(),
                &KEYS.p256,
                Algorithm::ES256,
            ),
            TokenError::KeyUnknown,
        ),
        bad("acme's key for ACME", for_project("ACME".into()), other),
        bad("acme's key for acme2", for_project("acme2".into()), other),
        bad("acme's key for acm", for_project("acm".into()), other),
        bad("acme's key for a star", for_project("*".into()), invalid),
        bad("acme's key for no one", for_project(Value::Null), invalid),
        bad(
            "acme's key for both",
            for_project(json!(["acme", "demo"])),
            invalid,
        ),
        bad(
            "acme's key for both in one",
            for_project("acme demo".into()),
            invalid,
        ),
        bad(
            "acme's key for acme and then for demo",
            sign_text(
                header().to_string(),
                acme().to_string().replacen('{', r#"{"project":"demo","#, 1),
                &KEYS.ed25519_bound,
                Algorithm::EdDSA,
            ),
            TokenError::Json(TokenPart::Payload),
        ),
        bad(
            "acme's key as both issuers",
            by_acme(&header(), &with(acme(), "iss", json!([BOUND_ISSUER, ISSUER]))),
            TokenError::ClaimInvalid(Claim::Issuer),
        ),
        good("acme's key for acme", for_project("acme".into())).answered(ELSEWHERE),
    ]
}
