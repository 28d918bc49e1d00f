//! What is refused before a server starts, each with its own fault.

use std::{
    fs,
    time::{Duration, Instant},
};

use billfold_auth::{ConfigError, KeySetError, MAXIMUM_KEY_SET_LENGTH, Verifier};
use billfold_test_support::{KeyAnswer, free_port};

use super::{Place, config, refused};
use crate::support::{at, set};

/// Whether an error is the expected one.
type Expected = fn(&KeySetError) -> bool;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_no_key_set_is_refused_at_the_start_with_its_own_fault() {
    let text = |text: &str| KeyAnswer::Text(text.to_owned());
    let place = Place::of(&[1]).await;
    let many: Vec<u8> = (1..=21).collect();
    let padded = |length: usize| format!("{}{}", set(&[1]), " ".repeat(length - set(&[1]).len()));
    let table: Vec<(KeyAnswer, Expected)> = vec![
        (text(""), |error| matches!(error, KeySetError::Malformed { .. })),
        (text("<html></html>"), |error| {
            matches!(error, KeySetError::Malformed { .. })
        }),
        (text("{\"keys\":[],\"keys\":[]}"), |error| {
            matches!(error, KeySetError::Malformed { .. })
        }),
        (text("{\"jwks_uri\":\"https://a.example\"}"), |error| {
            *error == KeySetError::KeysMissing
        }),
        (text("{\"keys\":[]}"), |error| *error == KeySetError::Empty),
        (KeyAnswer::Text(set(&[1]).replace("Ed25519", "Ed448")), |error| {
            matches!(error, KeySetError::Key { number: 1, .. })
        }),
        (KeyAnswer::Text(set(&many)), |error| {
            *error == KeySetError::TooManyKeys { count: 21 }
        }),
        (KeyAnswer::Text(padded(MAXIMUM_KEY_SET_LENGTH + 1)), |error| {
            *error == KeySetError::TooLong
        }),
        (KeyAnswer::Chunks(64 * 1024 * 1024), |error| {
            *error == KeySetError::TooLong
        }),
        (KeyAnswer::CutShort, |error| {
            matches!(error, KeySetError::CutShort { .. })
        }),
        (KeyAnswer::NoTls, |error| matches!(error, KeySetError::Tls { .. })),
    ];
    for (answer, expected) in table {
        let shown = format!("{answer:.80?}");
        place.server.set(answer);
        let error = place.refused().await;
        assert!(expected(&error), "{shown}: {error}");
    }
    for status in [301, 302, 303, 307, 308] {
        place.server.set(KeyAnswer::Status(status));
        assert_eq!(place.refused().await, KeySetError::Redirected { status });
    }
    for status in [201, 204, 206, 401, 403, 404, 429, 500, 503] {
        place.server.set(KeyAnswer::Status(status));
        assert_eq!(place.refused().await, KeySetError::Status { status });
    }
    place.server.set(KeyAnswer::Text(padded(MAXIMUM_KEY_SET_LENGTH)));
    assert!(Verifier::new(place.config(), at(0)).await.is_ok());
}

#[tokio::test]
async fn an_address_where_nobody_is_or_whom_nobody_vouches_for_is_refused() {
    let place = Place::of(&[1]).await;
    let nowhere = config(
        &format!("https://127.0.0.1:{}/keys.json", free_port()),
        place.authority(),
    );
    assert!(matches!(refused(nowhere).await, KeySetError::Unreachable { .. }));
    let no_such_name = config("https://issuer.invalid/keys.json", place.authority());
    assert!(matches!(
        refused(no_such_name).await,
        KeySetError::Unreachable { .. } | KeySetError::TimedOut
    ));
    // By an authority that is another's.
    let other = Place::of(&[1]).await;
    let error = refused(config(&place.server.url(), other.authority())).await;
    assert!(matches!(error, KeySetError::Tls { .. }), "{error}");
    assert!(error.to_string().contains("--issuer-ca-file"), "{error}");
    // By the right one, for another name.
    let elsewhere = Place::named("issuer.example", KeyAnswer::Text(set(&[1]))).await;
    let error = elsewhere.refused().await;
    assert!(matches!(error, KeySetError::Tls { .. }), "{error}");
    assert_eq!((place.server.requests(), elsewhere.server.requests()), (0, 0));
}

#[tokio::test]
async fn a_server_that_never_answers_is_given_five_seconds() {
    let place = Place::serving(KeyAnswer::Silence).await;
    let began = Instant::now();
    assert_eq!(place.refused().await, KeySetError::TimedOut);
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_file_of_authorities_must_be_one() {
    let place = Place::of(&[1]).await;
    let path = |name: &str| place.directory.path().join(name);
    fs::write(path("empty.pem"), "").unwrap();
    fs::write(path("text.pem"), "no certificate").unwrap();
    for name in ["missing.pem", "empty.pem", "text.pem", "."] {
        let error = Verifier::new(config(&place.server.url(), path(name)), at(0))
            .await
            .unwrap_err();
        assert!(
            matches!(error, ConfigError::AuthoritiesUnusable { .. }),
            "{name}: {error}"
        );
        assert!(error.to_string().contains("give a file of certificates in PEM"));
    }
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    fs::write(path("broken.pem"), broken).unwrap();
    let error = Verifier::new(config(&place.server.url(), path("broken.pem")), at(0))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("--issuer-ca-file"), "{error}");
    assert_eq!(place.server.requests(), 0);
}
