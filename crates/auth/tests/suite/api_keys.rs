//! The form of API keys, and their hash.

use billfold_auth::{ApiKey, ApiKeyError, ApiKeyPepper, ApiKeyPepperError};
use proptest::prelude::*;
use secrecy::{ExposeSecret as _, SecretString};

/// Keys made by another program from 0, 1, 2, … 31, from nothing but ones and from nothing but zeros.
const COUNTING: &str = "bfk_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf4XcYvq";
const LARGEST: &str = "bfk_yhjskwdA6OZ1AL1YmHWZWm8LLG7HjnuCA2j5rOw8Xp12JgLuM";
const SMALLEST: &str = "bfk_00000000000000000000000000000000000000000003tr5ze";

fn counting() -> [u8; 32] {
    std::array::from_fn(|index| u8::try_from(index).unwrap())
}

fn text(key: &ApiKey) -> String {
    key.expose().expose_secret().to_owned()
}

fn pepper(text: &str) -> Result<ApiKeyPepper, ApiKeyPepperError> {
    ApiKeyPepper::parse(&SecretString::from(text))
}

#[test]
fn keys_are_written_and_read_as_other_programs_do() {
    for (random, expected) in [(counting(), COUNTING), ([255; 32], LARGEST), ([0; 32], SMALLEST)] {
        assert_eq!(text(&ApiKey::from_random(random)), expected);
        assert_eq!(text(&ApiKey::parse(expected).unwrap()), expected);
        assert_eq!(expected.len(), ApiKey::LENGTH);
    }
}

#[test]
fn the_hash_is_hmac_sha_256_of_the_bits() {
    let pepper = pepper(" BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=\n").unwrap();
    assert_eq!(
        pepper.hash(&ApiKey::parse(COUNTING).unwrap()).to_hex(),
        "54d33f8c64a9026ef00dc529ad72630eba5be546574fc8faf4613a0e65a16ea0"
    );
}

#[test]
fn another_pepper_gives_another_hash() {
    let key = ApiKey::from_random(counting());
    let peppers: Vec<ApiKeyPepper> = (0..2)
        .map(|_| ApiKeyPepper::parse(&ApiKeyPepper::generate().unwrap()).unwrap())
        .collect();
    assert_ne!(peppers[0].hash(&key), peppers[1].hash(&key));
    assert_eq!(peppers[0].hash(&key), peppers[0].clone().hash(&key));
}

#[test]
fn what_is_no_pepper_is_refused_without_repeating_it() {
    for wrong in [
        "",
        "hunter2",
        "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBw==",
        "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH",
        "0707070707070707070707070707070707070707070707070707070707070707",
    ] {
        let error = pepper(wrong).unwrap_err().to_string();
        assert!(error.contains("openssl rand -base64 32"), "{error}");
        assert!(wrong.is_empty() || !error.contains(wrong), "{error}");
    }
}

#[test]
fn two_keys_are_never_the_same() {
    let made: std::collections::HashSet<String> =
        (0..1_000).map(|_| text(&ApiKey::generate().unwrap())).collect();
    assert_eq!(made.len(), 1_000);
}

#[test]
fn neither_key_nor_pepper_prints() {
    let key = ApiKey::from_random(counting());
    assert_eq!(format!("{key:?}"), "ApiKey(bfk_…)");
    let pepper = pepper("BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=").unwrap();
    assert_eq!(format!("{pepper:?}"), "ApiKeyPepper(…)");
}

#[test]
fn each_rule_refuses_by_itself() {
    // The largest number of 43 digits, with its right checksum, is larger than 256 bits can be.
    let too_large = "bfk_zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz3LBCjT";
    let swapped = COUNTING.replace("jl", "lj");
    let checksum_changed = COUNTING.replace("Yvq", "Yvr");
    for (wrong, error) in [
        ("", ApiKeyError::Prefix),
        ("bfk", ApiKeyError::Prefix),
        (&COUNTING[4..], ApiKeyError::Prefix),
        (&COUNTING.replacen("bfk_", "BFK_", 1), ApiKeyError::Prefix),
        (&COUNTING.replacen("bfk_", "bfk-", 1), ApiKeyError::Prefix),
        (&format!(" {COUNTING}"), ApiKeyError::Prefix),
        ("bfk_", ApiKeyError::Length),
        (&COUNTING[..52], ApiKeyError::Length),
        (&format!("{COUNTING}0"), ApiKeyError::Length),
        (&format!("{COUNTING} "), ApiKeyError::Length),
        (&swapped, ApiKeyError::Checksum),
        (&checksum_changed, ApiKeyError::Checksum),
        (too_large, ApiKeyError::Number),
    ] {
        assert_eq!(ApiKey::parse(wrong).unwrap_err(), error, "{wrong}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_key_is_read_as_it_was_written(random in any::<[u8; 32]>()) {
        let written = text(&ApiKey::from_random(random));
        prop_assert_eq!(written.len(), ApiKey::LENGTH);
        prop_assert!(written[4..].bytes().all(|byte| byte.is_ascii_alphanumeric()));
        prop_assert_eq!(text(&ApiKey::parse(&written).unwrap()), written);
    }

    #[test]
    fn a_key_with_one_wrong_character_is_none(place in 0..ApiKey::LENGTH, character in "[ -~]") {
        let mut changed = COUNTING.to_owned();
        changed.replace_range(place..=place, &character);
        if changed != COUNTING {
            prop_assert!(ApiKey::parse(&changed).is_err());
        }
    }

    #[test]
    fn any_text_is_read_or_refused_and_never_repeated(text in "\\PC{0,80}|bfk_\\PC{0,60}|bfk_[0-9A-Za-z]{49}|bfk_[0-9A-Za-zé]{40,49}") {
        match ApiKey::parse(&text) {
            Ok(key) => prop_assert_eq!(self::text(&key), text),
            Err(error) => prop_assert!(text.len() < 5 || !error.to_string().contains(&text)),
        }
    }
}
