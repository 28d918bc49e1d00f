//! The header beside `alg`.

use billfold_auth::{TokenError, TokenPart};
use jsonwebtoken::Algorithm;
use serde_json::{Value, json};

use super::{
    Case, bad,
    forge::{KEYS, claims, header, sign, sign_text, with, without},
    good,
};

pub(crate) fn cases() -> Vec<Case> {
    let member = |name: &str, value: Value| sign(&with(header(), name, value), &claims());
    let text = |header: &str| sign_text(header, claims().to_string(), &KEYS.ed25519, Algorithm::EdDSA);
    let typ = |typ: &str| member("typ", typ.into());
    let kid = |kid: &str| member("kid", kid.into());
    let forbidden = TokenError::HeaderForbidden;
    let json_error = TokenError::Json(TokenPart::Header);
    let type_error = TokenError::TypeUnknown;
    let kid_error = TokenError::KeyIdInvalid;
    vec![
        good("typ JWT", typ("JWT")),
        good("typ jwt", typ("jwt")),
        good("typ AT+JWT", typ("AT+JWT")),
        good("typ application/at+jwt", typ("application/at+jwt")),
        good("typ Application/JWT", typ("Application/JWT")),
        bad("no typ", sign(&without(header(), "typ"), &claims()), type_error),
        bad("typ null", member("typ", Value::Null), type_error),
        bad("typ a number", member("typ", 1.into()), type_error),
        bad("typ an array", member("typ", json!(["JWT"])), type_error),
        bad("typ empty", typ(""), type_error),
        bad("typ JOSE", typ("JOSE"), type_error),
        bad("typ dpop+jwt", typ("dpop+jwt"), type_error),
        bad("typ id_token+jwt", typ("id_token+jwt"), type_error),
        bad("typ with a space", typ("JWT "), type_error),
        bad("typ with a NUL", typ("JWT\0"), type_error),
        bad("typ application/ alone", typ("application/"), type_error),
        bad(
            "typ application/application/jwt",
            typ("application/application/jwt"),
            type_error,
        ),
        bad(
            "typ with other letters that fold to ASCII",
            typ("application\u{2215}jwt"),
            type_error,
        ),
        bad("crit", member("crit", json!(["exp"])), forbidden("crit")),
        bad("crit empty", member("crit", json!([])), forbidden("crit")),
        bad("crit null", member("crit", Value::Null), forbidden("crit")),
        bad(
            "jku",
            member("jku", "https://evil.example/keys".into()),
            forbidden("jku"),
        ),
        bad(
            "jwk",
            member("jwk", json!({ "kty": "OKP", "crv": "Ed25519", "x": "AAAA" })),
            forbidden("jwk"),
        ),
        bad(
            "x5u",
            member("x5u", "https://evil.example/chain".into()),
            forbidden("x5u"),
        ),
        bad("x5c", member("x5c", json!(["MIIB"])), forbidden("x5c")),
        bad("b64 false", member("b64", false.into()), forbidden("b64")),
        bad("b64 true", member("b64", true.into()), forbidden("b64")),
        bad("zip null", member("zip", Value::Null), forbidden("zip")),
        bad(
            "crit of a thing that is there",
            member("crit", json!(["kid"])),
            forbidden("crit"),
        ),
        bad("jwk null", member("jwk", Value::Null), forbidden("jwk")),
        bad(
            "jku on this machine",
            member("jku", "http://127.0.0.1/keys".into()),
            forbidden("jku"),
        ),
        bad("zip", member("zip", "DEF".into()), forbidden("zip")),
        good("x5t is only a name", member("x5t", "abc".into())),
        good("cty is left alone", member("cty", "json".into())),
        good(
            "an unknown member is left alone",
            member("vendor", json!({ "a": [1] })),
        ),
        good(
            "JKU in capitals is an unknown member",
            member("JKU", "https://evil.example/keys".into()),
        ),
        bad("no kid", sign(&without(header(), "kid"), &claims()), kid_error),
        bad("kid null", member("kid", Value::Null), kid_error),
        bad("kid a number", member("kid", 1.into()), kid_error),
        bad("kid empty", kid(""), kid_error),
        bad("kid of 65 characters", kid(&"k".repeat(65)), kid_error),
        bad("kid of 256 characters", kid(&"k".repeat(256)), kid_error),
        bad("kid of 4,000 characters", kid(&"k".repeat(4_000)), kid_error),
        bad("kid a URL", kid("https://evil.example/key"), kid_error),
        bad("kid with a command", kid("ed|whoami"), kid_error),
        bad("kid with a space", kid("ed ed"), kid_error),
        bad("kid in full-width letters", kid("\u{ff45}\u{ff44}"), kid_error),
        bad("kid an array", member("kid", json!(["ed"])), kid_error),
        bad("kid true", member("kid", true.into()), kid_error),
        bad("kid a path", kid("../../dev/null"), kid_error),
        bad("kid with SQL", kid("ed' OR '1'='1"), kid_error),
        bad("kid with a NUL", kid("ed\0"), kid_error),
        bad("kid with a newline", kid("ed\n"), kid_error),
        bad("kid with a dot", kid("ed.1"), kid_error),
        bad("kid with a letter that looks Latin", kid("\u{435}d"), kid_error),
        bad("kid unknown", kid("ED"), TokenError::KeyUnknown),
        bad(
            "alg twice",
            text(r#"{"alg":"none","alg":"EdDSA","typ":"JWT","kid":"ed"}"#),
            json_error,
        ),
        bad(
            "kid twice",
            text(r#"{"alg":"EdDSA","typ":"JWT","kid":"x","kid":"ed"}"#),
            json_error,
        ),
        bad(
            "kid twice, once escaped",
            text(r#"{"alg":"EdDSA","typ":"JWT","kid":"x","\u006bid":"ed"}"#),
            json_error,
        ),
        bad(
            "a name twice inside a member",
            text(r#"{"alg":"EdDSA","typ":"JWT","kid":"ed","x":{"a":1,"a":1}}"#),
            json_error,
        ),
        good(
            "names escaped once",
            text(r#"{"\u0061lg":"EdDSA","typ":"\u004aWT","kid":"ed"}"#),
        ),
        good(
            "white space",
            text("\n{ \"alg\" : \"EdDSA\",\t\"typ\":\"JWT\", \"kid\":\"ed\" }\r\n"),
        ),
        bad("header an array", text("[]"), json_error),
        bad("header null", text("null"), json_error),
        bad("header a string", text("\"EdDSA\""), json_error),
        bad("header empty object", text("{}"), type_error),
        bad("header of nothing", text(""), json_error),
        bad(
            "header with a comment",
            text(r#"{"alg":"EdDSA",/**/"typ":"JWT","kid":"ed"}"#),
            json_error,
        ),
        bad(
            "header with a trailing comma",
            text(r#"{"alg":"EdDSA","typ":"JWT","kid":"ed",}"#),
            json_error,
        ),
        bad(
            "header with a second document",
            text(r#"{"alg":"EdDSA","typ":"JWT","kid":"ed"}{}"#),
            json_error,
        ),
        bad(
            "header deeply nested",
            text(&format!(
                r#"{{"alg":"EdDSA","typ":"JWT","kid":"ed","x":{}{}}}"#,
                "[".repeat(1_000),
                "]".repeat(1_000)
            )),
            json_error,
        ),
    ]
}
