//! One public key of a key set, and the one algorithm that it is good for.

use aws_lc_rs::{
    rsa::PublicKeyComponents,
    signature::{ECDSA_P256_SHA256_FIXED, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::{Map, Value};

use crate::header::is_key_id;

/// Why a key of a key set is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The entry of `keys` is no JSON object.
    #[error("is not a JSON object: every entry of keys must be one JWK")]
    NotAnObject,
    /// `kid` is absent.
    #[error("has no kid: give it one, and put the same kid into the header of the tokens that it signs")]
    IdMissing,
    /// `kid` is malformed.
    #[error("has a kid that is not 1 to 64 characters of A-Z, a-z, 0-9, _ and -: rename it")]
    IdInvalid,
    /// Two keys share one `kid`.
    #[error("has the kid of another key of the set: give each key a kid of its own")]
    IdRepeated,
    /// The key is a shared secret.
    #[error(
        "is a shared secret (kty oct), with which anyone who can verify could also sign: use an Ed25519, P-256 or RSA key"
    )]
    Symmetric,
    /// The key holds its private half.
    #[error(
        "holds private key material: keep only the public members here, and treat the key as compromised if others could read this file"
    )]
    PrivateMaterial,
    /// `kty` is missing or unknown here.
    #[error("has an unsupported kty: use OKP (Ed25519), EC (P-256) or RSA")]
    TypeUnsupported,
    /// `crv` is missing or unknown here.
    #[error("has an unsupported crv: use Ed25519 with kty OKP, or P-256 with kty EC")]
    CurveUnsupported,
    /// `alg` is not the algorithm that this type of key is used with.
    #[error("has an unsupported alg: this key can only be used with {pinned}, so say that or leave alg out")]
    AlgorithmUnsupported {
        /// The one algorithm of keys of this type.
        pinned: &'static str,
    },
    /// `use` is neither `sig` nor `enc`.
    #[error("has an unknown use: write sig for a key that signs tokens, or leave use out")]
    UseUnknown,
    /// `key_ops` is no list of names.
    #[error("has key_ops that are no list of names: write [\"verify\"], or leave key_ops out")]
    OperationsMalformed,
    /// A member that makes up the key is missing or malformed.
    #[error("has a missing or malformed {0}: export the key again as a JWK (base64url without padding)")]
    MemberInvalid(&'static str),
    /// The RSA modulus is too short.
    #[error("is an RSA key of {bits} bits: make one of at least 2048 bits")]
    RsaTooShort {
        /// The length of the modulus.
        bits: usize,
    },
    /// The members do not make a key that can be relied on.
    #[error("is not a sound public key: export it again, or make a new one")]
    Unsound,
    /// The key belongs to a development issuer, which this configuration does not allow.
    #[error(
        "is a development issuer's key, which anyone with that machine's files has: configure a real issuer"
    )]
    Development,
}

/// The start of the id of every development issuer's key.
pub(crate) const DEVELOPMENT_KEY_PREFIX: &str = "development-";

/// Members that only a private key has (RFC 7518, section 6; RFC 8037, section 2).
const PRIVATE_MEMBERS: [&str; 9] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"];

/// The algorithms by which a public key encrypts (RFC 7518, section 4.1).
const ENCRYPTION_ALGORITHMS: [&str; 9] = [
    "RSA1_5",
    "RSA-OAEP",
    "RSA-OAEP-256",
    "RSA-OAEP-384",
    "RSA-OAEP-512",
    "ECDH-ES",
    "ECDH-ES+A128KW",
    "ECDH-ES+A192KW",
    "ECDH-ES+A256KW",
];

/// A public key, pinned to one algorithm.
#[derive(Debug)]
pub(crate) struct PublicKey {
    pub(crate) id: Box<str>,
    algorithm: Algorithm,
    key: DecodingKey,
}

impl PublicKey {
    /// Reads a JWK (RFC 7517). `None` for one that says that it is for something else than verifying signatures: many
    /// issuers publish the key that others encrypt with beside those that they sign with.
    pub(crate) fn from_jwk(
        jwk: &Map<String, Value>,
        development_allowed: bool,
    ) -> Result<Option<Self>, KeyError> {
        let kty = jwk
            .get("kty")
            .and_then(Value::as_str)
            .ok_or(KeyError::TypeUnsupported)?;
        if kty == "oct" {
            return Err(KeyError::Symmetric);
        }
        if PRIVATE_MEMBERS.into_iter().any(|member| jwk.contains_key(member)) {
            return Err(KeyError::PrivateMaterial);
        }
        if !is_for_verifying(jwk)? {
            return Ok(None);
        }
        let id = jwk.get("kid").ok_or(KeyError::IdMissing)?;
        let id = id
            .as_str()
            .filter(|id| is_key_id(id))
            .ok_or(KeyError::IdInvalid)?;
        if id.starts_with(DEVELOPMENT_KEY_PREFIX) && !development_allowed {
            return Err(KeyError::Development);
        }
        let (algorithm, key) = match kty {
            "OKP" => (Algorithm::EdDSA, ed25519(jwk)?),
            "EC" => (Algorithm::ES256, p256(jwk)?),
            "RSA" => (Algorithm::RS256, rsa(jwk)?),
            _ => return Err(KeyError::TypeUnsupported),
        };
        let pinned = algorithm_name(algorithm);
        if jwk.get("alg").is_some_and(|alg| alg.as_str() != Some(pinned)) {
            return Err(KeyError::AlgorithmUnsupported { pinned });
        }
        Ok(Some(Self {
            id: id.into(),
            algorithm,
            key,
        }))
    }

    /// The key's only algorithm, as a header writes it.
    pub(crate) fn algorithm(&self) -> &'static str {
        algorithm_name(self.algorithm)
    }

    /// Whether the signature, in base64url, is this key's over the message; `None` when it is not base64url.
    pub(crate) fn verifies(&self, message: &str, signature: &str) -> Option<bool> {
        jsonwebtoken::crypto::verify(signature, message.as_bytes(), &self.key, self.algorithm).ok()
    }
}

/// The names of the algorithms that keys are pinned to; no other is ever pinned.
const fn algorithm_name(algorithm: Algorithm) -> &'static str {
    match algorithm {
        Algorithm::EdDSA => "EdDSA",
        Algorithm::ES256 => "ES256",
        Algorithm::RS256 => "RS256",
        _ => "",
    }
}

/// Whether the key may verify signatures, by all that it says of its purpose. What cannot be read is refused: it might
/// have been meant to keep the key from it.
fn is_for_verifying(jwk: &Map<String, Value>) -> Result<bool, KeyError> {
    let by_use = match jwk.get("use").map(Value::as_str) {
        None | Some(Some("sig")) => true,
        Some(Some("enc")) => false,
        Some(_) => return Err(KeyError::UseUnknown),
    };
    let by_operations = match jwk.get("key_ops") {
        None => true,
        Some(operations) => {
            let operations = operations.as_array().ok_or(KeyError::OperationsMalformed)?;
            if !operations.iter().all(Value::is_string) {
                return Err(KeyError::OperationsMalformed);
            }
            operations.iter().any(|operation| operation == "verify")
        }
    };
    let by_algorithm = jwk
        .get("alg")
        .and_then(Value::as_str)
        .is_none_or(|algorithm| !ENCRYPTION_ALGORITHMS.contains(&algorithm));
    Ok(by_use && by_operations && by_algorithm)
}

fn curve(jwk: &Map<String, Value>, supported: &str) -> Result<(), KeyError> {
    match jwk.get("crv").and_then(Value::as_str) {
        Some(curve) if curve == supported => Ok(()),
        _ => Err(KeyError::CurveUnsupported),
    }
}

fn member(jwk: &Map<String, Value>, name: &'static str) -> Result<Vec<u8>, KeyError> {
    jwk.get(name)
        .and_then(Value::as_str)
        .and_then(|text| URL_SAFE_NO_PAD.decode(text).ok())
        .filter(|bytes| !bytes.is_empty())
        .ok_or(KeyError::MemberInvalid(name))
}

fn coordinate(jwk: &Map<String, Value>, name: &'static str) -> Result<[u8; 32], KeyError> {
    member(jwk, name)?
        .try_into()
        .map_err(|_| KeyError::MemberInvalid(name))
}

fn ed25519(jwk: &Map<String, Value>) -> Result<DecodingKey, KeyError> {
    curve(jwk, "Ed25519")?;
    let point = coordinate(jwk, "x")?;
    if is_of_small_order(point) {
        return Err(KeyError::Unsound);
    }
    Ok(DecodingKey::from_ed_der(&point))
}

/// Whether an Ed25519 point has an order of 1, 2, 4 or 8. Such a key needs no private half: signatures under it can
/// be made up. One of them is the all-zero key that a placeholder decodes to.
fn is_of_small_order(mut point: [u8; 32]) -> bool {
    // The top bit is the sign of x, and both signs of these points are as bad.
    point[31] &= 0x7f;
    let near_prime = |low: u8| {
        let mut bytes = [0xff; 32];
        (bytes[0], bytes[31]) = (low, 0x7f);
        bytes
    };
    let mut one = [0; 32];
    one[0] = 1;
    // y = 0, 1 and p - 1, the two encodings that wrap around p, and the two points of order 8.
    [
        [0; 32],
        one,
        near_prime(0xec),
        near_prime(0xed),
        near_prime(0xee),
        ORDER_8_FIRST,
        ORDER_8_SECOND,
    ]
    .contains(&point)
}

const ORDER_8_FIRST: [u8; 32] = [
    0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5,
    0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
];
const ORDER_8_SECOND: [u8; 32] = [
    0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a,
    0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
];

fn p256(jwk: &Map<String, Value>) -> Result<DecodingKey, KeyError> {
    curve(jwk, "P-256")?;
    let (x, y) = (coordinate(jwk, "x")?, coordinate(jwk, "y")?);
    let point = [&[0x04][..], &x, &y].concat();
    // Parsing finds out whether the point lies on the curve.
    ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &point).map_err(|_| KeyError::Unsound)?;
    Ok(DecodingKey::from_ec_der(&point))
}

fn rsa(jwk: &Map<String, Value>) -> Result<DecodingKey, KeyError> {
    let modulus = member(jwk, "n")?;
    let exponent = member(jwk, "e")?;
    // Some exporters leave the sign's zero octet in place; the number is the same without it.
    let modulus = without_leading_zeros(&modulus);
    let exponent = without_leading_zeros(&exponent);
    let bits = bit_length(modulus);
    if bits < 2048 {
        return Err(KeyError::RsaTooShort { bits });
    }
    // Verifying with 1, 0 or an even exponent proves nothing; beyond 8192 bits nothing verifies.
    if bits > 8192 || exponent <= [1].as_slice() || exponent.last().is_none_or(|last| last % 2 == 0) {
        return Err(KeyError::Unsound);
    }
    PublicKeyComponents {
        n: modulus,
        e: exponent,
    }
    .to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256)
    .map_err(|_| KeyError::Unsound)?;
    Ok(DecodingKey::from_rsa_raw_components(modulus, exponent))
}

fn without_leading_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    &number[zeros..]
}

/// The length in bits of a number without leading zeros.
fn bit_length(number: &[u8]) -> usize {
    number
        .first()
        .map_or(0, |first| number.len() * 8 - first.leading_zeros() as usize)
}
