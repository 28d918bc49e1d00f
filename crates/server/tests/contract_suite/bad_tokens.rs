//! `Authorization` headers that say nothing good, as data.

use serde_json::{Value, json};

use crate::{
    forge::{self, ACME_ISSUER, ALL_SCOPES, Key, with},
    support::START,
};

/// What a good token of this user says.
pub(crate) fn good_claims() -> Value {
    forge::claims("demo", "alice", ALL_SCOPES)
}

pub(crate) fn signed(claims: &Value) -> String {
    format!("Bearer {}", Key::main().token(claims))
}

fn without(name: &str) -> String {
    signed(&with(good_claims(), name, Value::Null))
}

pub(crate) fn changed(name: &str, value: impl Into<Value>) -> String {
    signed(&with(good_claims(), name, value.into()))
}

fn headed(name: &str, value: impl Into<Value>) -> String {
    let mut header = Key::main().header();
    header[name] = value.into();
    format!("Bearer {}", Key::main().sign(&header, &good_claims()))
}

/// `Authorization` headers that say nothing good.
pub(crate) fn bad_headers() -> Vec<(&'static str, Vec<String>)> {
    let good = Key::main().token(&good_claims());
    let mut cases: Vec<(&'static str, Vec<String>)> = vec![
        ("absent", vec![]),
        (
            "two of them",
            vec![format!("Bearer {good}"), format!("Bearer {good}")],
        ),
        (
            "one good and one bad",
            vec![format!("Bearer {good}"), "Bearer x".to_owned()],
        ),
        (
            "one basic and one good",
            vec!["Basic Zm9vOmJhcg==".to_owned(), format!("Bearer {good}")],
        ),
    ];
    cases.extend(
        bad_values(&good)
            .into_iter()
            .map(|(name, value)| (name, vec![value])),
    );
    cases.extend(
        bad_tokens(&good)
            .into_iter()
            .map(|(name, value)| (name, vec![value])),
    );
    cases
}

fn bad_values(good: &str) -> Vec<(&'static str, String)> {
    vec![
        ("empty", String::new()),
        ("a scheme alone", "Bearer".to_owned()),
        ("no scheme", good.to_owned()),
        ("Basic", "Basic Zm9vOmJhcg==".to_owned()),
        ("a token as Basic", format!("Basic {good}")),
        ("another scheme", format!("Token {good}")),
        ("a longer scheme", format!("Bearers {good}")),
        ("no space", format!("Bearer{good}")),
        ("a tab", format!("Bearer\t{good}")),
        ("a colon", format!("Bearer: {good}")),
        ("quotes", format!("Bearer \"{good}\"")),
        ("two in one", format!("Bearer {good}, Bearer {good}")),
        ("two in one, by a space", format!("Bearer {good} {good}")),
        ("parameters", format!("Bearer {good}; realm=x")),
        ("an API key", "Bearer bfk_0123456789abcdef".to_owned()),
        ("no JWT", "Bearer x".to_owned()),
        ("dots", "Bearer ..".to_owned()),
        ("four parts", format!("Bearer {good}.AA")),
        (
            "letters beyond ASCII",
            "Bearer \u{fc}.\u{1f4a5}.\u{fc}".to_owned(),
        ),
        ("a very long one", format!("Bearer {}", "a.".repeat(6_000))),
        ("a good one with a tail", format!("Bearer {good}=")),
    ]
}

fn bad_tokens(good: &str) -> Vec<(&'static str, String)> {
    let (message, signature) = good.rsplit_once('.').unwrap();
    let (header, payload) = message.split_once('.').unwrap();
    let bearer = |token: String| format!("Bearer {token}");
    let other_payload = forge::encode(forge::claims("acme", "alice", ALL_SCOPES).to_string());
    let none = |typ: &str| forge::encode(json!({ "alg": typ, "typ": "JWT", "kid": "main" }).to_string());
    let mut first = signature.to_owned();
    first.replace_range(..1, if signature.starts_with('A') { "B" } else { "A" });
    let acme_header = Key::acme().header();
    vec![
        ("no signature", bearer(format!("{message}."))),
        (
            "a changed signature",
            bearer(format!("{header}.{payload}.{first}")),
        ),
        ("a shortened signature", bearer(good[..good.len() - 4].to_owned())),
        (
            "another payload",
            bearer(format!("{header}.{other_payload}.{signature}")),
        ),
        ("alg none", bearer(format!("{}.{payload}.", none("none")))),
        (
            "alg none, signed",
            bearer(format!("{}.{payload}.{signature}", none("none"))),
        ),
        ("alg None", bearer(format!("{}.{payload}.", none("None")))),
        (
            "alg HS256",
            bearer(format!("{}.{payload}.{signature}", none("HS256"))),
        ),
        (
            "alg RS256",
            bearer(format!("{}.{payload}.{signature}", none("RS256"))),
        ),
        ("a stranger's key", bearer(Key::stranger().token(&good_claims()))),
        ("an unknown key", headed("kid", "other")),
        ("a path for a key", headed("kid", "../../etc/passwd")),
        ("crit", headed("crit", json!(["exp"]))),
        ("jku", headed("jku", "https://evil.example/keys")),
        (
            "jwk",
            headed(
                "jwk",
                json!({ "kty": "OKP", "crv": "Ed25519", "x": Key::stranger().public() }),
            ),
        ),
        ("typ", headed("typ", "logout+jwt")),
        ("expired", changed("exp", START - 31)),
        ("issued in the future", changed("iat", START + 31)),
        ("not valid yet", changed("nbf", START + 31)),
        ("too long a life", changed("exp", START - 5 + 86_401)),
        ("expires before it is issued", changed("exp", START - 6)),
        ("exp as text", changed("exp", (START + 60).to_string())),
        ("another audience", changed("aud", "billfold-admin")),
        ("other audiences", changed("aud", json!(["a", "b"]))),
        ("another issuer", changed("iss", "https://evil.example/")),
        ("two issuers", changed("iss", json!([forge::ISSUER]))),
        ("a number for a project", changed("project", 1)),
        ("projects", changed("project", json!(["demo", "acme"]))),
        ("no project's name", changed("project", "demo/../acme")),
        (
            "scope and scopes differ",
            changed("scopes", json!(["project:read"])),
        ),
        ("an empty subject", changed("sub", "")),
        ("a subject with a control character", changed("sub", "alice\n")),
        ("no issuer", without("iss")),
        ("no audience", without("aud")),
        ("no subject", without("sub")),
        ("no expiry", without("exp")),
        ("no time of issue", without("iat")),
        ("no project", without("project")),
        // acme's own issuer is good, and may not speak for demo.
        (
            "acme's issuer for demo",
            bearer(Key::acme().token(&with(good_claims(), "iss", json!(ACME_ISSUER)))),
        ),
        (
            "acme's key in the other's name",
            bearer(Key::acme().token(&good_claims())),
        ),
        ("acme's issuer by the other's key", changed("iss", ACME_ISSUER)),
        (
            "acme's key by its own name for the other",
            bearer(Key::acme().sign(&acme_header, &good_claims())),
        ),
    ]
}
