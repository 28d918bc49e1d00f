//! Configurations and key sets that are refused, each with what to do about it.

use std::{fs, path::PathBuf};

use billfold_auth::{
    ConfigError, DEVELOPMENT_ISSUER, IssuerConfig, KeyError, KeySetError, KeySource, MAXIMUM_KEY_SET_LENGTH,
    VerifierConfig,
};
use jsonwebtoken::Algorithm;
use serde_json::Value;
use time::Duration;

use crate::support::{KEYS, build, configuration, jwk, key_set, project, with};

pub(crate) fn issuer(name: &str, keys: KeySource) -> IssuerConfig {
    IssuerConfig {
        issuer: name.to_owned(),
        keys,
        project: None,
    }
}

fn refused(config: VerifierConfig) -> ConfigError {
    let error = build(config).expect_err("the configuration should be refused");
    let text = error.to_string();
    assert!(text.contains(": ") && text.len() > 40, "says too little: {text}");
    error
}

fn refused_keys(keys: KeySource) -> KeySetError {
    let config = VerifierConfig {
        issuers: vec![issuer("https://a.example", keys)],
        ..VerifierConfig::default()
    };
    match refused(config) {
        ConfigError::KeySet { issuer, error, .. } => {
            assert_eq!(issuer, "https://a.example");
            error
        }
        other => panic!("not a fault of the key set: {other}"),
    }
}

pub(crate) fn refused_text(text: impl Into<String>) -> KeySetError {
    refused_keys(KeySource::Inline(text.into()))
}

pub(crate) fn ed() -> Value {
    jwk(&KEYS.ed25519, Algorithm::EdDSA, "ed")
}

#[test]
fn issuers_need_names_of_their_own() {
    let good = || KeySource::Inline(key_set(&[ed()]));
    let config = |issuers| VerifierConfig {
        issuers,
        ..VerifierConfig::default()
    };
    assert_eq!(refused(config(vec![])), ConfigError::NoIssuer);
    assert_eq!(
        refused(config(vec![
            issuer("https://a.example", good()),
            issuer("https://a.example", good())
        ])),
        ConfigError::IssuerRepeated {
            issuer: "https://a.example".to_owned()
        }
    );
    let mut bound = issuer("https://a.example", good());
    bound.project = Some(project("acme"));
    assert_eq!(
        refused(config(vec![issuer("https://a.example", good()), bound])),
        ConfigError::IssuerRepeated {
            issuer: "https://a.example".to_owned()
        }
    );
    for name in ["", "a\0b", "a\nb", &"a".repeat(256)] {
        assert_eq!(
            refused(config(vec![
                issuer("https://a.example", good()),
                issuer(name, good())
            ])),
            ConfigError::IssuerNameInvalid { number: 2 }
        );
    }
    assert!(build(config(vec![issuer("a", good()), issuer("A", good())])).is_ok());
}

#[test]
fn audience_and_lifetime_must_mean_something() {
    for audience in ["", "a\u{7f}"] {
        let config = VerifierConfig {
            audience: audience.to_owned(),
            ..configuration()
        };
        assert_eq!(refused(config), ConfigError::AudienceInvalid);
    }
    for lifetime in [Duration::ZERO, Duration::seconds(-1), Duration::milliseconds(999)] {
        let config = VerifierConfig {
            maximum_lifetime: lifetime,
            ..configuration()
        };
        assert_eq!(refused(config), ConfigError::LifetimeInvalid);
    }
}

#[test]
fn the_development_issuer_is_refused_unless_it_is_allowed() {
    let development = |allowed| VerifierConfig {
        issuers: vec![issuer(DEVELOPMENT_ISSUER, KeySource::Inline(key_set(&[ed()])))],
        development_allowed: allowed,
        ..VerifierConfig::default()
    };
    assert_eq!(
        refused(development(false)),
        ConfigError::DevelopmentIssuer {
            issuer: DEVELOPMENT_ISSUER.to_owned()
        }
    );
    assert!(build(development(true)).is_ok());
    let renamed = key_set(&[with(ed(), "kid", "development-abc")]);
    assert_eq!(
        refused_text(renamed),
        KeySetError::Key {
            number: 1,
            error: KeyError::Development
        }
    );
}

#[test]
fn an_address_is_https_and_has_no_credentials() {
    for url in [
        "http://a.example/keys",
        "HTTP://a.example/keys",
        "http://localhost/keys",
    ] {
        assert_eq!(KeySource::parse(url), Err(KeySetError::InsecureUrl), "{url}");
    }
    for url in [
        "https://user@a.example/keys",
        "https://user:password@a.example/keys",
        "https://:password@a.example/keys",
        "HttpS://id.example@evil.example/",
    ] {
        assert_eq!(
            KeySource::parse(url),
            Err(KeySetError::UrlHasCredentials),
            "{url}"
        );
    }
    for url in [
        "https://",
        "https://[::1/keys",
        "https://a b/keys",
        "https://a:70000/",
    ] {
        assert!(
            matches!(KeySource::parse(url), Err(KeySetError::UrlInvalid { .. })),
            "{url}"
        );
    }
    let source = KeySource::parse("https://a.example/keys?key=secret#part").unwrap();
    assert_eq!(source.to_string(), "https://a.example/keys");
    assert!(!format!("{source:?}").contains("secret"));
    assert_eq!(
        KeySource::parse("keys.json"),
        Ok(KeySource::File("keys.json".into()))
    );
}

#[test]
fn a_file_must_be_there_and_be_a_file_of_bounded_size() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| -> PathBuf { directory.path().join(name) };
    assert!(matches!(
        refused_keys(KeySource::File(path("missing"))),
        KeySetError::Unreadable { .. }
    ));
    assert_eq!(
        refused_keys(KeySource::File(directory.path().to_owned())),
        KeySetError::NotAFile
    );
    assert_eq!(
        refused_keys(KeySource::File("/dev/zero".into())),
        KeySetError::NotAFile
    );

    let text = key_set(&[ed()]);
    let padded = |length: usize| format!("{text}{}", " ".repeat(length - text.len()));
    fs::write(path("full"), padded(MAXIMUM_KEY_SET_LENGTH)).unwrap();
    fs::write(path("over"), padded(MAXIMUM_KEY_SET_LENGTH + 1)).unwrap();
    let config = |name| VerifierConfig {
        issuers: vec![issuer("a", KeySource::File(path(name)))],
        ..VerifierConfig::default()
    };
    assert!(build(config("full")).is_ok());
    assert_eq!(refused_keys(KeySource::File(path("over"))), KeySetError::TooLong);
    fs::write(path("empty"), "").unwrap();
    assert!(matches!(
        refused_keys(KeySource::File(path("empty"))),
        KeySetError::Malformed { .. }
    ));
}

#[test]
fn a_set_must_have_the_form_of_one() {
    for text in [
        "",
        "x",
        "[]",
        "null",
        "{\"keys\":[]",
        "{\"keys\":[],\"keys\":[]}",
        "-----BEGIN PUBLIC KEY-----",
    ] {
        assert!(
            matches!(refused_text(text), KeySetError::Malformed { .. }),
            "{text}"
        );
    }
    for text in ["{}", "{\"keys\":{}}", "{\"keys\":null}", "{\"Keys\":[]}"] {
        assert_eq!(refused_text(text), KeySetError::KeysMissing, "{text}");
    }
    assert_eq!(refused_text("{\"keys\":[]}"), KeySetError::Empty);
    // A single key, where its set belongs.
    assert_eq!(refused_text(ed().to_string()), KeySetError::KeysMissing);
    let many =
        |count: usize| -> Vec<Value> { (0..count).map(|n| with(ed(), "kid", n.to_string())).collect() };
    assert_eq!(
        refused_text(key_set(&many(21))),
        KeySetError::TooManyKeys { count: 21 }
    );
    let config = VerifierConfig {
        issuers: vec![issuer("a", KeySource::Inline(key_set(&many(20))))],
        ..VerifierConfig::default()
    };
    assert_eq!(build(config).unwrap().status()[0].keys, 20);
}
