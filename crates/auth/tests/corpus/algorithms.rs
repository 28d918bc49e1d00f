//! Which key signed, how, and whether the header agrees.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use billfold_auth::{TokenError, TokenPart};
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};

use super::{
    Case, bad,
    forge::{KEYS, LONGEST_KEY_ID, claims, encode, header, jwk, sign, sign_text, token, with, without},
    good,
};

/// The order of the Ed25519 group, little-endian: adding it to a signature's second half changes nothing but the bytes.
const GROUP_ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

/// The order of the curve P-256, big-endian.
const CURVE_ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa,
    0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

/// The signature whose second half is the order less the second half.
fn twin(signature: &[u8]) -> Vec<u8> {
    let mut signature = signature.to_vec();
    let mut borrow = 0_i16;
    for (byte, order) in signature[32..].iter_mut().zip(CURVE_ORDER).rev() {
        let difference = i16::from(order) - i16::from(*byte) - borrow;
        borrow = i16::from(difference < 0);
        [*byte, _] = difference.to_le_bytes();
    }
    signature
}

/// What `openssl pkey -pubout` prints of a key, as the confusion of a public key with a secret takes it.
const PUBLIC_KEY_PEM: &str = include_str!("test-only-rsa-public-key.pem");

fn header_of(algorithm: impl Into<Value>, key_id: &str) -> Value {
    json!({ "alg": algorithm.into(), "typ": "JWT", "kid": key_id })
}

fn signed(header: &Value, key: &EncodingKey, algorithm: Algorithm) -> String {
    sign_text(header.to_string(), claims().to_string(), key, algorithm)
}

/// A good token whose signature is changed.
fn resigned(token: &str, change: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let (message, signature) = token.rsplit_once('.').unwrap();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    format!("{message}.{}", encode(change(&signature)))
}

fn add_group_order(signature: &[u8]) -> Vec<u8> {
    let mut signature = signature.to_vec();
    let mut carry = 0_u16;
    for (byte, order) in signature[32..].iter_mut().zip(GROUP_ORDER) {
        let sum = u16::from(*byte) + u16::from(order) + carry;
        [*byte, _] = sum.to_le_bytes();
        carry = sum >> 8;
    }
    signature
}

/// Two numbers as ECDSA signatures hold them outside of tokens (DER).
fn as_der(signature: &[u8]) -> Vec<u8> {
    let integer = |half: &[u8]| [&[0x02, 33, 0][..], half].concat();
    let body = [integer(&signature[..32]), integer(&signature[32..])].concat();
    [&[0x30, u8::try_from(body.len()).unwrap()][..], &body].concat()
}

pub(crate) fn cases() -> Vec<Case> {
    let keys = &*KEYS;
    let ed = |algorithm: &str| signed(&header_of(algorithm, "ed"), &keys.ed25519, Algorithm::EdDSA);
    let rsa = |name: &str, algorithm| signed(&header_of(name, "rsa"), &keys.rsa, algorithm);
    let p256 = signed(&header_of("ES256", "p256"), &keys.p256, Algorithm::ES256);
    let plain = token(&claims());
    let unsigned = |algorithm: &str| {
        let header = header_of(algorithm, "ed").to_string();
        format!("{}.{}.", encode(header), encode(claims().to_string()))
    };
    // The classic confusion: a public key, which everyone has, taken for a shared secret.
    let shared = |text: &[u8], key_id: &str| {
        signed(
            &header_of("HS256", key_id),
            &EncodingKey::from_secret(text),
            Algorithm::HS256,
        )
    };
    let ed_x = jwk(&keys.ed25519, Algorithm::EdDSA, "ed")["x"]
        .as_str()
        .unwrap()
        .to_owned();
    let rsa_n = jwk(&keys.rsa, Algorithm::RS256, "rsa")["n"]
        .as_str()
        .unwrap()
        .to_owned();
    let mismatch = TokenError::AlgorithmMismatch;
    let wrong = TokenError::SignatureInvalid;
    vec![
        good("EdDSA", plain.clone()),
        good("ES256", p256.clone()),
        good("RS256", rsa("RS256", Algorithm::RS256)),
        good(
            "EdDSA by the issuer's second key",
            signed(
                &header_of("EdDSA", LONGEST_KEY_ID),
                &keys.ed25519_second,
                Algorithm::EdDSA,
            ),
        ),
        bad(
            "EdDSA by the issuer's key for encryption",
            signed(
                &header_of("EdDSA", "enc"),
                &keys.ed25519_encryption,
                Algorithm::EdDSA,
            ),
            TokenError::KeyUnknown,
        ),
        bad("none without a signature", unsigned("none"), mismatch),
        bad("None without a signature", unsigned("None"), mismatch),
        bad("NONE without a signature", unsigned("NONE"), mismatch),
        bad("EdDSA without a signature", unsigned("EdDSA"), wrong),
        bad("none with a good signature", ed("none"), mismatch),
        bad(
            "HS256 with the Ed25519 key's bytes as secret",
            shared(&URL_SAFE_NO_PAD.decode(&ed_x).unwrap(), "ed"),
            mismatch,
        ),
        bad(
            "HS256 with the Ed25519 key's text as secret",
            shared(ed_x.as_bytes(), "ed"),
            mismatch,
        ),
        bad(
            "HS256 with the RSA modulus as secret",
            shared(rsa_n.as_bytes(), "rsa"),
            mismatch,
        ),
        bad(
            "HS256 with the RSA key's PEM as secret",
            shared(PUBLIC_KEY_PEM.as_bytes(), "rsa"),
            mismatch,
        ),
        bad("HS256 with an empty secret", shared(b"", "ed"), mismatch),
        bad("HS512 in the header", ed("HS512"), mismatch),
        bad("RS384", rsa("RS384", Algorithm::RS384), mismatch),
        bad("RS512", rsa("RS512", Algorithm::RS512), mismatch),
        bad("PS256", rsa("PS256", Algorithm::PS256), mismatch),
        bad(
            "RS384 under an RS256 header",
            rsa("RS256", Algorithm::RS384),
            wrong,
        ),
        bad(
            "PS256 under an RS256 header",
            rsa("RS256", Algorithm::PS256),
            wrong,
        ),
        bad(
            "ES384 in the header",
            signed(&header_of("ES384", "p256"), &keys.p256, Algorithm::ES256),
            mismatch,
        ),
        bad("Ed25519 in the header", ed("Ed25519"), mismatch),
        bad("eddsa in lower case", ed("eddsa"), mismatch),
        bad("EdDSA with a space", ed("EdDSA "), mismatch),
        bad("no alg", sign(&without(header(), "alg"), &claims()), mismatch),
        bad(
            "alg null",
            signed(&header_of(Value::Null, "ed"), &keys.ed25519, Algorithm::EdDSA),
            mismatch,
        ),
        bad(
            "alg a number",
            signed(&header_of(5, "ed"), &keys.ed25519, Algorithm::EdDSA),
            mismatch,
        ),
        bad(
            "alg an array",
            signed(&header_of(vec!["EdDSA"], "ed"), &keys.ed25519, Algorithm::EdDSA),
            mismatch,
        ),
        bad(
            "the P-256 key named, EdDSA used",
            signed(&header_of("EdDSA", "p256"), &keys.ed25519, Algorithm::EdDSA),
            mismatch,
        ),
        bad(
            "the RSA key named, ES256 used",
            signed(&header_of("ES256", "rsa"), &keys.p256, Algorithm::ES256),
            mismatch,
        ),
        bad(
            "the Ed25519 key named, signed by the P-256 key",
            signed(&header_of("EdDSA", "ed"), &keys.p256, Algorithm::ES256),
            wrong,
        ),
        bad(
            "signed by the issuer's other key",
            signed(&header(), &keys.ed25519_second, Algorithm::EdDSA),
            wrong,
        ),
        bad(
            "signed by a stranger",
            signed(&header(), &keys.ed25519_stranger, Algorithm::EdDSA),
            wrong,
        ),
        bad("ES256 in DER", resigned(&p256, as_der), wrong),
        // Everyone can turn an ECDSA signature into its twin; it says the same of the same key.
        good("ES256 with the twin of its second half", resigned(&p256, twin)),
        bad(
            "ES256 with its second half beyond the order of the curve",
            resigned(&p256, |s| [&s[..32], &[0xff; 32]].concat()),
            wrong,
        ),
        bad("ES256 of zeros", resigned(&p256, |_| vec![0; 64]), wrong),
        bad(
            "ES256 with its halves swapped",
            resigned(&p256, |s| [&s[32..], &s[..32]].concat()),
            wrong,
        ),
        bad("EdDSA of zeros", resigned(&plain, |_| vec![0; 64]), wrong),
        bad(
            "EdDSA of a point of small order and zero",
            resigned(&plain, |_| [&[1][..], &[0; 63]].concat()),
            wrong,
        ),
        bad(
            "EdDSA with one bit of its point changed",
            resigned(&plain, |s| {
                let mut changed = s.to_vec();
                changed[31] ^= 0x80;
                changed
            }),
            wrong,
        ),
        bad(
            "RS256 of zeros",
            resigned(&rsa("RS256", Algorithm::RS256), |s| vec![0; s.len()]),
            wrong,
        ),
        bad(
            "RS256 with a zero before",
            resigned(&rsa("RS256", Algorithm::RS256), |s| [&[0], s].concat()),
            wrong,
        ),
        bad(
            "EdDSA a byte short",
            resigned(&plain, |s| s[..63].to_vec()),
            wrong,
        ),
        bad(
            "EdDSA a byte long",
            resigned(&plain, |s| [s, &[0]].concat()),
            wrong,
        ),
        bad(
            "EdDSA plus the order of its group",
            resigned(&plain, add_group_order),
            wrong,
        ),
        bad(
            "another token's signature",
            {
                let other = token(&with(claims(), "sub", "other"));
                let (message, _) = plain.rsplit_once('.').unwrap();
                format!("{message}.{}", other.rsplit_once('.').unwrap().1)
            },
            wrong,
        ),
        bad(
            "another token's payload",
            {
                let other = token(&with(claims(), "project", "acme"));
                let parts: Vec<&str> = plain.split('.').collect();
                format!("{}.{}.{}", parts[0], other.split('.').nth(1).unwrap(), parts[2])
            },
            wrong,
        ),
        bad(
            "a signature that is not base64url",
            format!("{plain}!"),
            TokenError::Encoding(TokenPart::Signature),
        ),
    ]
}
