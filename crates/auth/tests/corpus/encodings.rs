//! The three parts as text.

use base64::{
    Engine,
    engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE},
};
use billfold_auth::{MAXIMUM_TOKEN_LENGTH, TokenError, TokenPart};
use jsonwebtoken::Algorithm;
use serde_json::Value;

use super::{
    Case, DONE, bad,
    forge::{KEYS, claims, encode, header, sign, sign_message, sign_text, token, with},
    good,
};

/// A token of these two encoded parts, rightly signed over them as they are.
fn parts(header: &str, payload: &str) -> String {
    sign_message(&format!("{header}.{payload}"), &KEYS.ed25519, Algorithm::EdDSA)
}

/// A token of exactly this many bytes. Base64url skips some lengths, so the header is padded too.
fn of_length(length: usize) -> String {
    let padded = |first: usize, second: usize| {
        let header = with(header(), "x5t", "x".repeat(first));
        sign(&header, &with(claims(), "padding", "p".repeat(second)))
    };
    let about = (length - padded(0, 0).len()) * 3 / 4;
    (0..4)
        .flat_map(|first| (about - 12..about + 4).map(move |second| (first, second)))
        .map(|(first, second)| padded(first, second))
        .find(|token| token.len() == length)
        .expect("some padding gives this length")
}

/// Base64url of the same bytes with other bits in the last character, which a lenient decoder would not see.
fn with_spare_bits(encoded: &str) -> String {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let last = encoded.chars().last().unwrap();
    let next = ALPHABET.find(last).unwrap() + 1;
    format!("{}{}", &encoded[..encoded.len() - 1], &ALPHABET[next..=next])
}

/// Claims whose text has a length of 3n + 1, so that its base64url has spare bits.
fn claims_with_spare_bits() -> String {
    (0..3)
        .map(|padding| with(claims(), "x", "x".repeat(padding)).to_string())
        .find(|text| text.len() % 3 == 1)
        .unwrap()
}

pub(crate) fn cases() -> Vec<Case> {
    let plain = token(&with(claims(), "jti", "encodings"));
    let split: Vec<&str> = plain.split('.').collect();
    let (head, payload, signature) = (split[0], split[1], split[2]);
    let text_header = encode(header().to_string());
    let text_claims = encode(claims().to_string());
    let spare = encode(claims_with_spare_bits());
    let header_encoding = TokenError::Encoding(TokenPart::Header);
    let payload_encoding = TokenError::Encoding(TokenPart::Payload);
    let signature_encoding = TokenError::Encoding(TokenPart::Signature);
    let parts_error = TokenError::NotThreeParts;
    let with_question = with(claims(), "x", "???>>>~~~").to_string();
    vec![
        good("plain", plain.clone()),
        good(
            "base64url with its own two characters",
            parts(&text_header, &encode(&with_question)),
        ),
        bad(
            "base64 instead",
            parts(&text_header, &STANDARD_NO_PAD.encode(&with_question)),
            payload_encoding,
        ),
        bad(
            "base64url with padding",
            parts(&text_header, &URL_SAFE.encode(claims_with_spare_bits())),
            payload_encoding,
        ),
        bad(
            "header with padding",
            parts(&format!("{text_header}="), &text_claims),
            header_encoding,
        ),
        bad("signature with padding", format!("{plain}=="), signature_encoding),
        good("spare bits of zero", parts(&text_header, &spare)),
        bad(
            "spare bits set in the payload",
            parts(&text_header, &with_spare_bits(&spare)),
            payload_encoding,
        ),
        bad(
            "spare bits set in the signature",
            format!("{head}.{payload}.{}", with_spare_bits(signature)),
            signature_encoding,
        ),
        bad(
            "percent encoding",
            parts(&text_header, &format!("{text_claims}%3D")),
            payload_encoding,
        ),
        bad(
            "a newline in the payload",
            parts(
                &text_header,
                &format!("{}\n{}", &text_claims[..20], &text_claims[20..]),
            ),
            payload_encoding,
        )
        .never_sent(),
        // White space around a header's value is none of the value (RFC 9110, section 5.5).
        bad("a space before", format!(" {plain}"), header_encoding).answered(DONE),
        bad("a space after", format!("{plain} "), signature_encoding).answered(DONE),
        bad("a tab after", format!("{plain}\t"), signature_encoding).answered(DONE),
        bad("a newline after", format!("{plain}\n"), signature_encoding).never_sent(),
        bad("a NUL after", format!("{plain}\0"), signature_encoding).never_sent(),
        bad("Bearer before", format!("Bearer {plain}"), header_encoding),
        bad("quotes around", format!("\"{plain}\""), header_encoding),
        bad(
            "a letter that is not ASCII",
            format!("{head}.{payload}é.{signature}"),
            payload_encoding,
        ),
        bad(
            "full-width letters",
            plain.replace('e', "\u{ff45}"),
            header_encoding,
        ),
        bad(
            "a byte order mark before",
            format!("\u{feff}{plain}"),
            header_encoding,
        ),
        bad(
            "a byte order mark in the payload",
            parts(&text_header, &encode(format!("\u{feff}{}", claims()))),
            TokenError::Json(TokenPart::Payload),
        ),
        bad(
            "UTF-16",
            {
                let wide: Vec<u8> = claims()
                    .to_string()
                    .encode_utf16()
                    .flat_map(u16::to_le_bytes)
                    .collect();
                sign_text(header().to_string(), wide, &KEYS.ed25519, Algorithm::EdDSA)
            },
            TokenError::Json(TokenPart::Payload),
        ),
        bad(
            "a byte that is not UTF-8",
            {
                let mut bytes = claims().to_string().replace("backend", "back~end").into_bytes();
                let place = bytes.iter().position(|byte| *byte == b'~').unwrap();
                bytes[place] = 0xff;
                sign_text(header().to_string(), bytes, &KEYS.ed25519, Algorithm::EdDSA)
            },
            TokenError::Json(TokenPart::Payload),
        ),
        bad("nothing", String::new(), parts_error),
        bad("one dot", ".".to_owned(), parts_error),
        bad("two dots", "..".to_owned(), TokenError::Json(TokenPart::Header)),
        bad("three dots", "...".to_owned(), parts_error),
        bad("one part", head.to_owned(), parts_error),
        bad("two parts", format!("{head}.{payload}"), parts_error),
        bad("four parts", format!("{plain}.{signature}"), parts_error),
        bad(
            "five parts, as encrypted tokens have",
            format!("{head}..{payload}.{payload}.{signature}"),
            parts_error,
        ),
        bad(
            "an encrypted token around a good one",
            {
                let header = encode(r#"{"alg":"dir","enc":"A256GCM","typ":"JWT","kid":"ed","cty":"JWT"}"#);
                format!(
                    "{header}..{}.{}.{}",
                    encode([7; 12]),
                    encode(&plain),
                    encode([9; 16])
                )
            },
            parts_error,
        ),
        bad(
            "a good token inside a good token",
            sign_text(
                with(header(), "cty", "JWT").to_string(),
                &plain,
                &KEYS.ed25519,
                Algorithm::EdDSA,
            ),
            TokenError::Json(TokenPart::Payload),
        ),
        bad(
            "header in base64 with padding and a slash",
            parts(&format!("{text_header}/="), &text_claims),
            header_encoding,
        ),
        bad(
            "a NUL in the payload's JSON",
            sign_text(
                header().to_string(),
                format!("{}\0", claims()),
                &KEYS.ed25519,
                Algorithm::EdDSA,
            ),
            TokenError::Json(TokenPart::Payload),
        ),
        bad(
            "an overlong UTF-8 sequence",
            sign_text(
                header().to_string(),
                [
                    b"{\"x\":\"\xc0\x80\",".as_slice(),
                    &claims().to_string().into_bytes()[1..],
                ]
                .concat(),
                &KEYS.ed25519,
                Algorithm::EdDSA,
            ),
            TokenError::Json(TokenPart::Payload),
        ),
        bad(
            "no header",
            format!(".{payload}.{signature}"),
            TokenError::Json(TokenPart::Header),
        ),
        bad(
            "no payload",
            format!("{head}..{signature}"),
            TokenError::Json(TokenPart::Payload),
        ),
        bad(
            "parts in another order",
            format!("{payload}.{head}.{signature}"),
            TokenError::TypeUnknown,
        ),
        bad(
            "JSON instead of the compact form",
            {
                let flattened =
                    serde_json::json!({ "protected": head, "payload": payload, "signature": signature });
                Value::to_string(&flattened)
            },
            parts_error,
        ),
        bad("an API key", "bfk_0123456789abcdef".to_owned(), parts_error),
        good("as long as allowed", of_length(MAXIMUM_TOKEN_LENGTH)),
        bad(
            "a byte too long",
            of_length(MAXIMUM_TOKEN_LENGTH + 1),
            TokenError::TooLong,
        ),
        bad(
            "forty kilobytes",
            token(&with(claims(), "padding", "p".repeat(30_000))),
            TokenError::TooLong,
        ),
        bad("forty kilobytes of dots", ".".repeat(40_000), TokenError::TooLong),
    ]
}
