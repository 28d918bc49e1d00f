//! Good tokens, changed by machine.

use std::sync::LazyLock;

use billfold_auth::{VerifiedToken, Verifier};
use jsonwebtoken::Algorithm;
use proptest::prelude::*;
use serde_json::json;

use crate::support::{KEYS, at, claims, encode, header, sign_text, token, verifier, with};

static VERIFIER: LazyLock<Verifier> = LazyLock::new(verifier);

/// One good token of each algorithm, and what it says.
static GOOD: LazyLock<Vec<(String, VerifiedToken)>> = LazyLock::new(|| {
    let of = |algorithm: &str, id: &str| json!({ "alg": algorithm, "typ": "JWT", "kid": id }).to_string();
    let claims = with(claims(), "timezone", "Europe/Paris").to_string();
    [
        sign_text(of("EdDSA", "ed"), &claims, &KEYS.ed25519, Algorithm::EdDSA),
        sign_text(of("ES256", "p256"), &claims, &KEYS.p256, Algorithm::ES256),
        sign_text(of("RS256", "rsa"), &claims, &KEYS.rsa, Algorithm::RS256),
    ]
    .into_iter()
    .map(|token| {
        let verified = VERIFIER.verify(&token, at(0)).unwrap();
        (token, verified)
    })
    .collect()
});

/// A changed token is refused, or says exactly what the good one says.
fn never_says_anything_else(changed: &str, original: &VerifiedToken) -> Result<(), TestCaseError> {
    if let Ok(verified) = VERIFIER.verify(changed, at(0)) {
        prop_assert_eq!(&verified, original, "{}", changed);
    }
    Ok(())
}

/// A place in a text of this length.
fn place(length: usize, part: prop::sample::Index) -> usize {
    part.index(length)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn one_character_changed(which in 0..3_usize, part in any::<prop::sample::Index>(), new in "[A-Za-z0-9_.=+/ -]") {
        let (token, _) = &GOOD[which];
        let at_byte = place(token.len(), part);
        let changed = format!("{}{new}{}", &token[..at_byte], &token[at_byte + 1..]);
        if changed == *token {
            return Ok(());
        }
        // One bit of any part is one bit of what is signed, or of the signature.
        prop_assert!(VERIFIER.verify(&changed, at(0)).is_err(), "{}", changed);
    }

    #[test]
    fn characters_inserted_or_removed(
        which in 0..3_usize,
        part in any::<prop::sample::Index>(),
        removed in 0..8_usize,
        inserted in "\\PC{0,8}",
    ) {
        let (token, original) = &GOOD[which];
        let start = place(token.len(), part);
        let end = (start + removed).min(token.len());
        let changed = format!("{}{inserted}{}", &token[..start], &token[end..]);
        if changed != *token {
            prop_assert!(VERIFIER.verify(&changed, at(0)).is_err(), "{}", changed);
        }
        never_says_anything_else(&changed, original)?;
    }

    #[test]
    fn parts_of_different_tokens_together(header in 0..3_usize, payload in 0..3_usize, signature in 0..3_usize) {
        let part = |which: usize, number: usize| GOOD[which].0.split('.').nth(number).unwrap();
        let mixed = format!("{}.{}.{}", part(header, 0), part(payload, 1), part(signature, 2));
        // The payloads are the same, so a token is whole when its header and signature are of one token.
        prop_assert_eq!(VERIFIER.verify(&mixed, at(0)).is_ok(), header == signature);
    }

    #[test]
    fn decoded_bytes_changed_and_not_signed_again(
        which in 0..3_usize,
        number in 0..2_usize,
        part in any::<prop::sample::Index>(),
        flip in 1..=255_u8,
    ) {
        use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

        let (token, _) = &GOOD[which];
        let mut parts: Vec<String> = token.split('.').map(str::to_owned).collect();
        let mut bytes = URL_SAFE_NO_PAD.decode(&parts[number]).unwrap();
        let at_byte = place(bytes.len(), part);
        bytes[at_byte] ^= flip;
        parts[number] = encode(bytes);
        prop_assert!(VERIFIER.verify(&parts.join("."), at(0)).is_err());
    }

    #[test]
    fn whatever_is_signed_never_panics_and_never_leaves_its_claims(
        name in "iss|aud|sub|exp|iat|nbf|project|scope|scopes|timezone|x",
        value in json_value(),
    ) {
        let claims = with(claims(), &name, value.clone());
        if let Ok(verified) = VERIFIER.verify(&token(&claims), at(0)) {
            prop_assert_eq!(verified.subject(), claims["sub"].as_str().unwrap());
            prop_assert_eq!(verified.project().as_str(), claims["project"].as_str().unwrap());
            prop_assert_eq!(verified.issuer(), claims["iss"].as_str().unwrap());
            prop_assert!(claims["aud"].to_string().contains("\"billfold\""));
        }
    }

    #[test]
    fn whatever_header_is_signed_names_the_key_and_its_algorithm(
        name in "alg|typ|kid|crit|x",
        value in json_value(),
    ) {
        let changed = with(header(), &name, value);
        let token = sign_text(changed.to_string(), claims().to_string(), &KEYS.ed25519, Algorithm::EdDSA);
        if VERIFIER.verify(&token, at(0)).is_ok() {
            prop_assert_eq!(&changed["alg"], "EdDSA");
            prop_assert_eq!(&changed["kid"], "ed");
            prop_assert!(changed.get("crit").is_none());
        }
    }

    #[test]
    fn any_text_is_refused(text in "\\PC{0,200}|[A-Za-z0-9_.-]{0,200}") {
        prop_assert!(VERIFIER.verify(&text, at(0)).is_err());
    }
}

fn json_value() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        "\\PC{0,20}".prop_map(Into::into),
        "[a-z:]{1,12}".prop_map(Into::into),
        prop::sample::select(vec!["billfold", "demo", "EdDSA", "ed", "JWT", "project:read"])
            .prop_map(Into::into),
        (1_799_990_000_i64..1_800_010_000).prop_map(Into::into),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(serde_json::Value::from),
            prop::collection::vec(("[a-z]{1,3}", inner), 0..3)
                .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
        ]
    })
}
