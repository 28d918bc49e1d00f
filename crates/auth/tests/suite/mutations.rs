//! Good tokens, changed by machine: 100,000 of them in a run.

use std::sync::LazyLock;

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair},
};
use billfold_auth::{VerifiedToken, Verifier};
use jsonwebtoken::{Algorithm, EncodingKey};
use proptest::prelude::*;
use serde_json::json;

use crate::support::{KEYS, LONGEST_KEY_ID, at, claims, encode, header, sign_text, token, verifier, with};

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

/// How many changes each of the eight properties below tries.
const CASES: u32 = 100_000 / 8;

#[test]
fn what_is_changed_below_is_good_as_it_is() {
    for (token, verified) in GOOD.iter() {
        // Verified anew each time, not remembered.
        assert_eq!(verifier().verify(token, at(0)).as_ref(), Ok(verified));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: CASES, failure_persistence: None, ..ProptestConfig::default() })]

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
    fn parts_dropped_repeated_moved_and_mixed(
        chosen in prop::collection::vec((0..3_usize, 0..4_usize), 0..6),
    ) {
        // The fourth part of each is empty.
        let part = |&(which, number): &(usize, usize)| GOOD[which].0.split('.').nth(number).unwrap_or_default();
        let mixed: Vec<&str> = chosen.iter().map(part).collect();
        // The payloads are the same, so a token is whole when its header and signature are of one token.
        let whole = matches!(chosen[..], [(header, 0), (_, 1), (signature, 2)] if header == signature);
        prop_assert_eq!(VERIFIER.verify(&mixed.join("."), at(0)).is_ok(), whole);
    }

    #[test]
    fn anything_signed_by_a_key_that_is_not_the_named_one(
        name in "iss|aud|sub|exp|iat|nbf|project|scope|scopes|timezone|x",
        value in prop::option::of(json_value()),
        named in prop::sample::select(vec![("EdDSA", "ed"), ("EdDSA", LONGEST_KEY_ID), ("ES256", "p256"), ("RS256", "rsa")]),
        signer in 0..5_usize,
    ) {
        let (algorithm, key_id) = named;
        let (signed_as, key) = match signer {
            0 => (Algorithm::EdDSA, &KEYS.ed25519_stranger),
            1 => (Algorithm::EdDSA, &KEYS.ed25519_bound),
            2 => (Algorithm::EdDSA, if key_id == "ed" { &KEYS.ed25519_second } else { &KEYS.ed25519 }),
            3 => (Algorithm::ES256, if key_id == "p256" { &*STRANGER_P256 } else { &KEYS.p256 }),
            _ => (Algorithm::HS256, &*SHARED),
        };
        let claims = match value {
            Some(value) => with(claims(), &name, value),
            None => claims(),
        };
        let header = json!({ "alg": algorithm, "typ": "JWT", "kid": key_id }).to_string();
        prop_assert!(VERIFIER.verify(&sign_text(header, claims.to_string(), key, signed_as), at(0)).is_err());
    }

    #[test]
    fn a_changed_structure_says_the_same_or_nothing_though_it_is_signed_again(
        which in any::<prop::sample::Index>(),
        change in 0..6_usize,
        name in "[a-z]{1,8}",
    ) {
        let original = claims();
        let members = original.as_object().unwrap();
        let (claim, value) = members.iter().nth(which.index(members.len())).unwrap();
        let mut rest = members.clone();
        rest.remove(claim);
        let rest = serde_json::Value::Object(rest).to_string();
        let body = &rest[1..rest.len() - 1];
        let text = match change {
            // Left out, renamed, said twice, wrapped, nested, or only moved to the end.
            0 => rest.clone(),
            1 => format!(r#"{{{body},"{name}_":{value}}}"#),
            2 => format!(r#"{{"{claim}":{value},{body},"{claim}":{value}}}"#),
            3 => format!(r#"{{{body},"{claim}":[{value}]}}"#),
            4 => format!(r#"{{{body},"{name}_":{{"{claim}":{value}}}}}"#),
            _ => format!(r#"{{{body},"{claim}":{value}}}"#),
        };
        let verdict = VERIFIER.verify(
            &sign_text(header().to_string(), text, &KEYS.ed25519, Algorithm::EdDSA),
            at(0),
        );
        match (change, claim.as_str()) {
            (0 | 1 | 4, "scope") => prop_assert!(verdict.unwrap().scopes().is_empty()),
            (3, "aud") | (5, _) => {
                prop_assert_eq!(verdict, VERIFIER.verify(&token(&original), at(0)));
            }
            _ => prop_assert!(verdict.is_err(), "{} {}", change, claim),
        }
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
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_refused(text in "\\PC{0,200}|[A-Za-z0-9_.-]{0,200}") {
        prop_assert!(VERIFIER.verify(&text, at(0)).is_err());
    }

    #[test]
    fn whatever_is_read_without_a_key_never_panics(
        text in "\\PC{0,100}|[A-Za-z0-9_.-]{0,200}",
        which in 0..3_usize,
        part in any::<prop::sample::Index>(),
        bytes in prop::collection::vec(any::<u8>(), 0..100),
    ) {
        let _ = billfold_auth::check_token_form(&text, at(0));
        let (token, _) = &GOOD[which];
        prop_assert!(billfold_auth::check_token_form(token, at(0)).is_ok());
        let _ = billfold_auth::check_token_form(&token[..place(token.len(), part)], at(0));
        prop_assert!(billfold_auth::check_key_set_form(&bytes).is_err());
    }
}

/// A key of the right kind that nobody trusts.
static STRANGER_P256: LazyLock<EncodingKey> = LazyLock::new(|| {
    let pair = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).unwrap();
    EncodingKey::from_ec_der(pair.as_ref())
});

/// A shared secret that everyone can know.
static SHARED: LazyLock<EncodingKey> = LazyLock::new(|| EncodingKey::from_secret(b"billfold"));

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
        (1_768_461_200_i64..1_768_481_200).prop_map(Into::into),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(serde_json::Value::from),
            prop::collection::vec(("[a-z]{1,3}", inner), 0..3)
                .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
        ]
    })
}
