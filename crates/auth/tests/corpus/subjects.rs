//! `sub`, `timezone`, and claims that nothing here reads.

use billfold_auth::{Claim, TokenError, TokenPart};
use jsonwebtoken::Algorithm;
use serde_json::{Value, json};

use super::{
    Case, NO_USER, bad,
    forge::{ISSUER, KEYS, claims, header, sign_text, token, with, without},
    good,
};

pub(crate) fn cases() -> Vec<Case> {
    let set = |name: &str, value: Value| token(&with(claims(), name, value));
    let sub = |name: &str| set("sub", name.into());
    let text = |payload: &str| sign_text(header().to_string(), payload, &KEYS.ed25519, Algorithm::EdDSA);
    let twice = |claim: &str| {
        let claims = claims().to_string();
        text(&format!("{{{claim},{}", &claims[1..]))
    };
    let invalid = TokenError::ClaimInvalid(Claim::Subject);
    let json_error = TokenError::Json(TokenPart::Payload);
    vec![
        bad(
            "no sub",
            token(&without(claims(), "sub")),
            TokenError::ClaimMissing(Claim::Subject),
        ),
        bad("sub null", set("sub", Value::Null), invalid),
        bad("sub a number", set("sub", 42.into()), invalid),
        bad("sub an array", set("sub", json!(["backend"])), invalid),
        bad("sub an object", set("sub", json!({})), invalid),
        bad("sub false", set("sub", false.into()), invalid),
        bad("sub empty", sub(""), invalid),
        bad("sub of 256 characters", sub(&"s".repeat(256)), invalid),
        bad(
            "sub of 256 wide characters",
            sub(&"\u{1f4b3}".repeat(256)),
            invalid,
        ),
        bad("sub with a NUL", sub("user\0admin"), invalid),
        bad("sub with a newline", sub("user\nadmin"), invalid),
        bad("sub with an escape", sub("user\u{1b}[31m"), invalid),
        bad("sub with a delete", sub("user\u{7f}"), invalid),
        bad(
            "sub with a control character of the upper half",
            sub("user\u{85}"),
            invalid,
        ),
        bad("sub with a lone surrogate", twice(r#""x":"\ud800""#), json_error),
        good("sub of 255 characters", sub(&"s".repeat(255))).answered(NO_USER),
        good("sub of 255 wide characters", sub(&"\u{1f4b3}".repeat(255))).answered(NO_USER),
        good("sub in another script", sub("пользователь")).answered(NO_USER),
        good(
            "sub as identity providers write it",
            sub("auth0|507f1f77bcf86cd799439011"),
        )
        .answered(NO_USER),
        good("sub a path", sub("../bob")).answered(NO_USER),
        good("sub with SQL", sub("alice'--")).answered(NO_USER),
        good("sub a star", sub("*")).answered(NO_USER),
        good("sub of 64 characters", sub(&"s".repeat(64))),
        good("sub of 65 characters", sub(&"s".repeat(65))).answered(NO_USER),
        good("sub a mail address", sub("someone@example.com")).answered(NO_USER),
        good("timezone known", set("timezone", "Europe/Paris".into())),
        good("timezone unknown", set("timezone", "Mars/Olympus_Mons".into())),
        good("timezone null", set("timezone", Value::Null)),
        good("timezone a number", set("timezone", 2.into())),
        good("timezone empty", set("timezone", "".into())),
        good("timezone too long", set("timezone", "z".repeat(65).into())),
        good("an unknown claim", set("email", "someone@example.com".into())),
        good("jti of any type", set("jti", json!([1, 2]))),
        good("azp and client_id", with_two()),
        bad("iss twice", twice(r#""iss":"https://evil.example/""#), json_error),
        bad("project twice", twice(r#""project":"acme""#), json_error),
        bad(
            "project twice, once escaped",
            twice(r#""pr\u006fject":"acme""#),
            json_error,
        ),
        bad("sub twice and the same", twice(r#""sub":"backend""#), json_error),
        bad(
            "an unknown claim that repeats a name",
            twice(r#""x":[{"a":1,"a":2}]"#),
            json_error,
        ),
        bad("payload an array", text("[]"), json_error),
        bad("payload null", text("null"), json_error),
        bad("payload a string", text("\"sub\""), json_error),
        bad("payload empty", text(""), json_error),
        bad(
            "payload an empty object",
            text("{}"),
            TokenError::ClaimMissing(Claim::Issuer),
        ),
        bad(
            "payload with the issuer alone",
            text(&json!({ "iss": ISSUER }).to_string()),
            TokenError::ClaimMissing(Claim::Audience),
        ),
        bad("payload a nested token", text(&token(&claims())), json_error),
        bad("payload with NaN", twice("\"x\":NaN"), json_error),
        bad(
            "payload with a number out of range",
            twice("\"x\":1e999"),
            json_error,
        ),
    ]
}

fn with_two() -> String {
    token(&with(with(claims(), "azp", "app"), "client_id", "app"))
}
