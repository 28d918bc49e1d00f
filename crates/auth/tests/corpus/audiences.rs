//! `iss`, `aud` and `project`: from whom, for whom, and for which tenant.

use billfold_auth::{Claim, TokenError};
use serde_json::{Value, json};

use super::{
    Case, ELSEWHERE, NOWHERE, bad,
    forge::{ISSUER, claims, token, with, without},
    good,
};

pub(crate) fn cases() -> Vec<Case> {
    let set = |name: &str, value: Value| token(&with(claims(), name, value));
    let project = |name: &str| set("project", name.into());
    let invalid = TokenError::ClaimInvalid;
    let unknown = TokenError::IssuerUnknown;
    let other = TokenError::AudienceOther;
    vec![
        bad(
            "no iss",
            token(&without(claims(), "iss")),
            TokenError::ClaimMissing(Claim::Issuer),
        ),
        bad("iss null", set("iss", Value::Null), invalid(Claim::Issuer)),
        bad(
            "iss an array",
            set("iss", json!([ISSUER])),
            invalid(Claim::Issuer),
        ),
        bad(
            "iss an object",
            set("iss", json!({ "iss": ISSUER })),
            invalid(Claim::Issuer),
        ),
        bad("iss a number", set("iss", 1.into()), invalid(Claim::Issuer)),
        bad("iss empty", set("iss", "".into()), unknown),
        bad("iss unknown", set("iss", "https://evil.example/".into()), unknown),
        bad(
            "iss without its last slash",
            set("iss", ISSUER.trim_end_matches('/').into()),
            unknown,
        ),
        bad(
            "iss in capitals",
            set("iss", ISSUER.to_uppercase().into()),
            unknown,
        ),
        bad(
            "iss with a space",
            set("iss", format!("{ISSUER} ").into()),
            unknown,
        ),
        bad(
            "iss with a NUL",
            set("iss", format!("{ISSUER}\0").into()),
            unknown,
        ),
        bad(
            "iss with more path",
            set("iss", format!("{ISSUER}a").into()),
            unknown,
        ),
        bad(
            "iss of the development issuer",
            set("iss", "billfold-development".into()),
            unknown,
        ),
        bad(
            "no aud",
            token(&without(claims(), "aud")),
            TokenError::ClaimMissing(Claim::Audience),
        ),
        bad("aud null", set("aud", Value::Null), invalid(Claim::Audience)),
        bad("aud a number", set("aud", 1.into()), invalid(Claim::Audience)),
        bad(
            "aud an object",
            set("aud", json!({ "billfold": true })),
            invalid(Claim::Audience),
        ),
        bad("aud true", set("aud", true.into()), invalid(Claim::Audience)),
        bad("aud empty", set("aud", "".into()), other),
        bad("aud another", set("aud", "payments".into()), other),
        bad("aud in capitals", set("aud", "Billfold".into()), other),
        bad("aud with a space", set("aud", "billfold ".into()), other),
        bad(
            "aud two in one string",
            set("aud", "billfold payments".into()),
            other,
        ),
        bad("aud a longer name", set("aud", "billfold-staging".into()), other),
        bad("aud an empty array", set("aud", json!([])), other),
        bad(
            "aud an array of others",
            set("aud", json!(["payments", "BILLFOLD"])),
            other,
        ),
        bad(
            "aud an array with a number",
            set("aud", json!(["billfold", 1])),
            invalid(Claim::Audience),
        ),
        bad(
            "aud an array with a null",
            set("aud", json!([null, "billfold"])),
            invalid(Claim::Audience),
        ),
        bad(
            "aud a nested array",
            set("aud", json!([["billfold"]])),
            invalid(Claim::Audience),
        ),
        good("aud an array of one", set("aud", json!(["billfold"]))),
        good(
            "aud an array of many",
            set("aud", json!(["payments", "billfold", "billfold"])),
        ),
        bad(
            "no project",
            token(&without(claims(), "project")),
            TokenError::ClaimMissing(Claim::Project),
        ),
        bad(
            "project null",
            set("project", Value::Null),
            invalid(Claim::Project),
        ),
        bad(
            "project an array",
            set("project", json!(["demo"])),
            invalid(Claim::Project),
        ),
        bad(
            "project two",
            set("project", json!(["demo", "acme"])),
            invalid(Claim::Project),
        ),
        bad(
            "project an object",
            set("project", json!({ "id": "demo" })),
            invalid(Claim::Project),
        ),
        bad(
            "project a number",
            set("project", 7.into()),
            invalid(Claim::Project),
        ),
        bad(
            "project true",
            set("project", true.into()),
            invalid(Claim::Project),
        ),
        bad(
            "project with a slash",
            project("demo/acme"),
            invalid(Claim::Project),
        ),
        bad(
            "project percent-encoded",
            project("%64emo"),
            invalid(Claim::Project),
        ),
        bad(
            "project with a newline",
            project("demo\n"),
            invalid(Claim::Project),
        ),
        bad("project empty", project(""), invalid(Claim::Project)),
        bad("project a star", project("*"), invalid(Claim::Project)),
        bad("project a path", project("../acme"), invalid(Claim::Project)),
        bad(
            "project with a space",
            project("demo acme"),
            invalid(Claim::Project),
        ),
        bad(
            "project with a comma",
            project("demo,acme"),
            invalid(Claim::Project),
        ),
        bad("project with a NUL", project("demo\0"), invalid(Claim::Project)),
        bad("project with SQL", project("demo'--"), invalid(Claim::Project)),
        bad(
            "project of 65 characters",
            project(&"p".repeat(65)),
            invalid(Claim::Project),
        ),
        bad(
            "project in another script",
            project("d\u{435}mo"),
            invalid(Claim::Project),
        ),
        good("project of 64 characters", project(&"p".repeat(64))).answered(NOWHERE),
        good("project of every kind of character", project("A-z_0")).answered(NOWHERE),
        good("another project of the unbound issuer", project("acme")).answered(ELSEWHERE),
    ]
}
