//! `exp`, `iat` and `nbf`.

use billfold_auth::{Claim, TokenError};
use jsonwebtoken::Algorithm;
use serde_json::{Value, json};

use super::{
    Case, bad,
    forge::{KEYS, NOW, claims, header, sign_text, token, with, without},
    good,
};

/// A good token with its times from now, in seconds.
fn span(issued_at: i64, expires_at: i64) -> Value {
    with(with(claims(), "iat", NOW + issued_at), "exp", NOW + expires_at)
}

/// A good token with one number written as it is here.
fn literal(name: &str, number: &str) -> String {
    let text = with(claims(), name, "<number>")
        .to_string()
        .replace("\"<number>\"", number);
    sign_text(header().to_string(), text, &KEYS.ed25519, Algorithm::EdDSA)
}

/// Seconds of a day.
const DAY: i64 = 86_400;

pub(crate) fn cases() -> Vec<Case> {
    let set = |name: &str, value: Value| token(&with(claims(), name, value));
    let invalid = TokenError::ClaimInvalid;
    vec![
        good("the longest lifetime", token(&span(-60, DAY - 60))),
        bad(
            "a second more than the longest lifetime",
            token(&span(-60, DAY - 59)),
            TokenError::LifetimeTooLong,
        ),
        bad(
            "a lifetime of a year",
            token(&span(-60, 365 * DAY)),
            TokenError::LifetimeTooLong,
        ),
        bad(
            "milliseconds for seconds",
            {
                let claims = with(claims(), "iat", NOW * 1000);
                token(&with(claims, "exp", NOW * 1000 + 3_600_000))
            },
            invalid(Claim::Expiry),
        ),
        good("expired within the leeway", token(&span(-60, -29))),
        bad(
            "expired at the leeway",
            token(&span(-60, -30)),
            TokenError::Expired,
        ),
        bad(
            "expired long ago",
            token(&span(-7200, -3600)),
            TokenError::Expired,
        ),
        bad(
            "expired in 1970",
            token(&with(with(claims(), "iat", 0), "exp", 1)),
            TokenError::Expired,
        ),
        good("issued in the future, at the leeway", token(&span(30, 3600))),
        bad(
            "issued in the future, past the leeway",
            token(&span(31, 3600)),
            TokenError::IssuedInFuture,
        ),
        bad(
            "expires when issued",
            token(&span(0, 0)),
            TokenError::ExpiresBeforeIssue,
        ),
        bad(
            "expires before issued",
            token(&span(10, 9)),
            TokenError::ExpiresBeforeIssue,
        ),
        good("a lifetime of a second", token(&span(0, 1))),
        good("nbf now", set("nbf", NOW.into())),
        good("nbf to come, at the leeway", set("nbf", (NOW + 30).into())),
        bad(
            "nbf to come, past the leeway",
            set("nbf", (NOW + 31).into()),
            TokenError::NotYetValid,
        ),
        good("nbf before iat", set("nbf", (NOW - 3600).into())),
        bad("nbf null", set("nbf", Value::Null), invalid(Claim::NotBefore)),
        bad(
            "nbf a string",
            set("nbf", NOW.to_string().into()),
            invalid(Claim::NotBefore),
        ),
        bad("nbf true", set("nbf", true.into()), invalid(Claim::NotBefore)),
        bad("nbf negative", set("nbf", (-1).into()), invalid(Claim::NotBefore)),
        bad(
            "no exp",
            token(&without(claims(), "exp")),
            TokenError::ClaimMissing(Claim::Expiry),
        ),
        bad("exp null", set("exp", Value::Null), invalid(Claim::Expiry)),
        bad(
            "exp a string",
            set("exp", (NOW + 3600).to_string().into()),
            invalid(Claim::Expiry),
        ),
        bad(
            "exp an array",
            set("exp", json!([NOW + 3600])),
            invalid(Claim::Expiry),
        ),
        bad("exp an object", set("exp", json!({})), invalid(Claim::Expiry)),
        bad("exp true", set("exp", true.into()), invalid(Claim::Expiry)),
        bad("exp negative", set("exp", (-1).into()), invalid(Claim::Expiry)),
        bad(
            "exp the largest i64",
            set("exp", i64::MAX.into()),
            invalid(Claim::Expiry),
        ),
        bad(
            "exp the largest u64",
            set("exp", u64::MAX.into()),
            invalid(Claim::Expiry),
        ),
        bad(
            "exp after the calendar's end",
            set("exp", 253_402_300_800_i64.into()),
            invalid(Claim::Expiry),
        ),
        bad(
            "expired at the leeway, with a fraction",
            literal("exp", "1768471170.0"),
            TokenError::Expired,
        ),
        good(
            "expired within the leeway by a fraction",
            literal("exp", "1768471170.25"),
        ),
        good(
            "nbf with a fraction, at the leeway",
            literal("nbf", "1768471230.0"),
        ),
        bad(
            "nbf with a fraction, past the leeway",
            literal("nbf", "1768471230.25"),
            TokenError::NotYetValid,
        ),
        bad("nbf of 1e300", literal("nbf", "1e300"), invalid(Claim::NotBefore)),
        bad("iat of -1", literal("iat", "-1"), invalid(Claim::IssuedAt)),
        bad(
            "exp of twenty digits",
            literal("exp", "99999999999999999999"),
            invalid(Claim::Expiry),
        ),
        bad(
            "a lifetime longer than allowed by a fraction",
            literal("exp", "1768557540.5"),
            TokenError::LifetimeTooLong,
        ),
        bad("exp of 1e300", literal("exp", "1e300"), invalid(Claim::Expiry)),
        bad("exp of -0.5", literal("exp", "-0.5"), invalid(Claim::Expiry)),
        good("exp with a fraction", literal("exp", "1768474800.5")),
        good("exp with an exponent", literal("exp", "1.7684748e9")),
        bad(
            "no iat",
            token(&without(claims(), "iat")),
            TokenError::ClaimMissing(Claim::IssuedAt),
        ),
        bad("iat null", set("iat", Value::Null), invalid(Claim::IssuedAt)),
        bad(
            "iat a string",
            set("iat", (NOW - 60).to_string().into()),
            invalid(Claim::IssuedAt),
        ),
        bad(
            "iat an RFC 3339 time",
            set("iat", "2027-01-15T08:00:00Z".into()),
            invalid(Claim::IssuedAt),
        ),
        bad(
            "iat the smallest i64",
            set("iat", i64::MIN.into()),
            invalid(Claim::IssuedAt),
        ),
        bad("iat of zero", set("iat", 0.into()), TokenError::LifetimeTooLong),
        good("iat with a fraction", literal("iat", "1768471199.999999")),
        good(
            "iat with a fraction at the leeway",
            literal("iat", "1768471230.0"),
        ),
        bad(
            "iat with a fraction past the leeway",
            literal("iat", "1768471230.5"),
            TokenError::IssuedInFuture,
        ),
    ]
}
