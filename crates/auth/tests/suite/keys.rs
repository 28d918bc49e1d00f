//! Single keys of a key set: which are refused, why, and what a sound one may say.

use billfold_auth::{KeyError, KeySetError, KeySource, VerifierConfig};
use jsonwebtoken::Algorithm;
use serde_json::{Value, json};

use crate::{
    configuration::{ed, issuer, refused_text},
    support::{KEYS, at, build, claims, encode, jwk, key_set, sign_text, token, with, without},
};

fn p256() -> Value {
    jwk(&KEYS.p256, Algorithm::ES256, "p256")
}

fn rsa() -> Value {
    jwk(&KEYS.rsa, Algorithm::RS256, "rsa")
}

#[test]
fn every_unusable_key_is_named_with_its_fault() {
    let small_modulus = encode([0xff; 255]);
    let other_alg = |pinned| KeyError::AlgorithmUnsupported { pinned };
    let zeros = encode([0; 32]);
    let table: Vec<(Value, KeyError)> = vec![
        (json!("key"), KeyError::NotAnObject),
        (json!(null), KeyError::NotAnObject),
        (without(ed(), "kid"), KeyError::IdMissing),
        (with(ed(), "kid", ""), KeyError::IdInvalid),
        (with(ed(), "kid", 1), KeyError::IdInvalid),
        (with(ed(), "kid", "a b"), KeyError::IdInvalid),
        (with(ed(), "kid", "k".repeat(65)), KeyError::IdInvalid),
        (with(ed(), "kid", "first"), KeyError::IdRepeated),
        (
            json!({ "kid": "s", "kty": "oct", "k": "c2VjcmV0", "alg": "HS256" }),
            KeyError::Symmetric,
        ),
        (with(ed(), "d", encode([1; 32])), KeyError::PrivateMaterial),
        (with(p256(), "d", encode([1; 32])), KeyError::PrivateMaterial),
        (with(rsa(), "d", "AQ"), KeyError::PrivateMaterial),
        (with(rsa(), "p", "AQ"), KeyError::PrivateMaterial),
        (with(rsa(), "qi", Value::Null), KeyError::PrivateMaterial),
        (without(ed(), "kty"), KeyError::TypeUnsupported),
        (with(ed(), "kty", "okp"), KeyError::TypeUnsupported),
        (with(ed(), "kty", "AKP"), KeyError::TypeUnsupported),
        (without(ed(), "crv"), KeyError::CurveUnsupported),
        (with(ed(), "crv", "X25519"), KeyError::CurveUnsupported),
        (with(ed(), "crv", "Ed448"), KeyError::CurveUnsupported),
        (with(p256(), "crv", "P-384"), KeyError::CurveUnsupported),
        (with(p256(), "crv", "secp256k1"), KeyError::CurveUnsupported),
        (with(ed(), "alg", "HS256"), other_alg("EdDSA")),
        (with(ed(), "alg", "ES256"), other_alg("EdDSA")),
        (with(ed(), "alg", Value::Null), other_alg("EdDSA")),
        (with(p256(), "alg", "ES384"), other_alg("ES256")),
        (with(rsa(), "alg", "RS512"), other_alg("RS256")),
        (with(rsa(), "alg", "PS256"), other_alg("RS256")),
        (with(rsa(), "alg", "rsa-oaep"), other_alg("RS256")),
        (with(ed(), "use", Value::Null), KeyError::UseUnknown),
        (with(ed(), "use", "encryption"), KeyError::UseUnknown),
        (with(ed(), "key_ops", "verify"), KeyError::OperationsMalformed),
        (with(ed(), "key_ops", Value::Null), KeyError::OperationsMalformed),
        (
            with(ed(), "key_ops", json!(["encrypt", 1])),
            KeyError::OperationsMalformed,
        ),
        // What a key is for excuses no secret.
        (
            with(with(rsa(), "use", "enc"), "d", "AQ"),
            KeyError::PrivateMaterial,
        ),
        (
            json!({ "kid": "s", "kty": "oct", "k": "c2VjcmV0", "use": "enc" }),
            KeyError::Symmetric,
        ),
        (without(ed(), "x"), KeyError::MemberInvalid("x")),
        (with(ed(), "x", ""), KeyError::MemberInvalid("x")),
        (with(ed(), "x", "!"), KeyError::MemberInvalid("x")),
        (with(ed(), "x", encode([1; 31])), KeyError::MemberInvalid("x")),
        (
            with(ed(), "x", format!("{}=", encode([1; 32]))),
            KeyError::MemberInvalid("x"),
        ),
        (with(ed(), "x", zeros.clone()), KeyError::Unsound),
        (without(p256(), "y"), KeyError::MemberInvalid("y")),
        (with(p256(), "y", encode([1; 33])), KeyError::MemberInvalid("y")),
        (with(p256(), "y", zeros.clone()), KeyError::Unsound),
        (
            with(with(p256(), "x", zeros.clone()), "y", zeros),
            KeyError::Unsound,
        ),
        (without(rsa(), "n"), KeyError::MemberInvalid("n")),
        (without(rsa(), "e"), KeyError::MemberInvalid("e")),
        (
            with(rsa(), "n", small_modulus),
            KeyError::RsaTooShort { bits: 2040 },
        ),
        (
            with(rsa(), "n", encode([&[0; 128][..], &[0xff; 128]].concat())),
            KeyError::RsaTooShort { bits: 1024 },
        ),
        (
            with(rsa(), "n", encode([0; 256])),
            KeyError::RsaTooShort { bits: 0 },
        ),
        (with(rsa(), "n", encode([0xff; 2048])), KeyError::Unsound),
        (with(rsa(), "e", "AQ"), KeyError::Unsound),
        (with(rsa(), "e", "AA"), KeyError::Unsound),
        (with(rsa(), "e", "AAE"), KeyError::Unsound),
        (with(rsa(), "e", "AQAA"), KeyError::Unsound),
    ];
    let first = with(ed(), "kid", "first");
    for (key, expected) in table {
        let error = refused_text(key_set(&[first.clone(), key.clone()]));
        assert_eq!(
            error,
            KeySetError::Key {
                number: 2,
                error: expected
            },
            "{key}"
        );
    }
}

/// Keys that say in some way that they are not for verifying signatures.
fn for_something_else() -> Vec<Value> {
    let mut keys: Vec<Value> = ["RSA-OAEP", "RSA-OAEP-256", "RSA1_5"]
        .into_iter()
        .map(|algorithm| with(rsa(), "alg", algorithm))
        .collect();
    keys.extend([
        // As Keycloak publishes it beside the one that signs.
        with(with(rsa(), "use", "enc"), "alg", "RSA-OAEP"),
        with(rsa(), "use", "enc"),
        with(p256(), "alg", "ECDH-ES+A256KW"),
        json!({ "kid": "x", "kty": "OKP", "crv": "X25519", "use": "enc", "x": encode([9; 32]) }),
        json!({ "kty": "AKP", "use": "enc" }),
        with(ed(), "key_ops", json!(["sign"])),
        with(ed(), "key_ops", json!(["encrypt", "wrapKey"])),
        with(ed(), "key_ops", json!([])),
        // It contradicts itself, and is not for verifying by one of the two.
        with(with(rsa(), "use", "sig"), "alg", "RSA-OAEP"),
    ]);
    keys
}

#[test]
fn a_key_for_something_else_is_passed_over_and_the_others_are_good() {
    let header = json!({ "alg": "RS256", "typ": "JWT", "kid": "rsa" });
    let by_rsa = sign_text(
        header.to_string(),
        claims().to_string(),
        &KEYS.rsa,
        Algorithm::RS256,
    );
    for key in for_something_else() {
        // By the same name too: it is as if the other were not there.
        for other in [key.clone(), with(key.clone(), "kid", "ed")] {
            for keys in [[ed(), other.clone()], [other.clone(), ed()]] {
                let config = VerifierConfig {
                    issuers: vec![issuer(
                        "https://issuer.example/",
                        KeySource::Inline(key_set(&keys)),
                    )],
                    ..VerifierConfig::default()
                };
                let verifier = build(config).unwrap();
                assert_eq!(verifier.status()[0].keys, 1, "{key}");
                assert!(verifier.verify(&token(&claims()), at(0)).is_ok(), "{key}");
                assert!(verifier.verify(&by_rsa, at(0)).is_err(), "{key}");
            }
        }
    }
}

#[test]
fn a_set_with_nothing_but_keys_for_something_else_is_empty() {
    for key in for_something_else() {
        assert_eq!(
            refused_text(key_set(std::slice::from_ref(&key))),
            KeySetError::Empty,
            "{key}"
        );
    }
    assert_eq!(refused_text(key_set(&for_something_else())), KeySetError::Empty);
}

#[test]
fn ed25519_points_of_small_order_are_no_keys() {
    // y = 0, 1, -1, the two that wrap around, and the two of order 8, each with both signs of x.
    let texts = [
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAIA",
        "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAIA",
        "7P_______________________________________38",
        "7P________________________________________8",
        "7f_______________________________________38",
        "7f________________________________________8",
        "7v_______________________________________38",
        "7v________________________________________8",
        "JuiVj8KyJ7BFw_SJ8u-Y8NXfrAXTxjM5sTgCiG1T_AU",
        "JuiVj8KyJ7BFw_SJ8u-Y8NXfrAXTxjM5sTgCiG1T_IU",
        "xxdqcD1N2E-6PAt2DRBnDyogU_osOczGTsf9d5KsA3o",
        "xxdqcD1N2E-6PAt2DRBnDyogU_osOczGTsf9d5KsA_o",
    ];
    for x in texts {
        let error = refused_text(key_set(&[with(ed(), "x", x)]));
        assert_eq!(
            error,
            KeySetError::Key {
                number: 1,
                error: KeyError::Unsound
            },
            "{x}"
        );
    }
}

#[test]
fn what_a_sound_key_may_say_beside_itself() {
    let sound = [
        with(ed(), "alg", "EdDSA"),
        with(without(ed(), "alg"), "use", "sig"),
        with(ed(), "key_ops", json!(["verify"])),
        with(ed(), "x5t", "abc"),
        with(ed(), "vendor", json!({ "a": 1 })),
    ];
    for key in sound {
        let config = VerifierConfig {
            issuers: vec![issuer(
                "https://issuer.example/",
                KeySource::Inline(key_set(std::slice::from_ref(&key))),
            )],
            ..VerifierConfig::default()
        };
        let verifier = build(config).unwrap();
        assert!(verifier.verify(&token(&claims()), at(0)).is_ok(), "{key}");
    }
}

#[test]
fn an_rsa_modulus_may_keep_its_sign_octet() {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

    let modulus = URL_SAFE_NO_PAD.decode(rsa()["n"].as_str().unwrap()).unwrap();
    let key = with(rsa(), "n", encode([&[0][..], &modulus].concat()));
    let config = VerifierConfig {
        issuers: vec![issuer(
            "https://issuer.example/",
            KeySource::Inline(key_set(&[key])),
        )],
        ..VerifierConfig::default()
    };
    let verifier = build(config).unwrap();
    let header = json!({ "alg": "RS256", "typ": "JWT", "kid": "rsa" });
    let token = sign_text(
        header.to_string(),
        claims().to_string(),
        &KEYS.rsa,
        Algorithm::RS256,
    );
    assert!(verifier.verify(&token, at(0)).is_ok());
}
