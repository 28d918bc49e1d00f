//! `exp`, `iat` and `nbf` while time passes.

use billfold_auth::{TokenError, VerifierConfig};
use serde_json::Value;
use time::Duration;

use crate::support::{NOW, at, build, claims, configuration, token, verifier, with};

/// A good token with its times from now, in seconds.
fn span(issued_at: i64, expires_at: i64) -> Value {
    with(with(claims(), "iat", NOW + issued_at), "exp", NOW + expires_at)
}

#[test]
fn a_token_is_honoured_from_its_first_moment_to_its_last_whatever_was_asked_before() {
    let claims = with(span(100, 200), "nbf", NOW + 120);
    let token = token(&claims);
    let expected = |seconds: i64| match seconds {
        ..70 => Some(TokenError::IssuedInFuture),
        70..90 => Some(TokenError::NotYetValid),
        90..230 => None,
        230.. => Some(TokenError::Expired),
    };
    let old = verifier();
    // Forwards, and backwards again with every verdict remembered.
    for seconds in (0..300).chain((0..300).rev()) {
        assert_eq!(
            old.verify(&token, at(seconds)).err(),
            expected(seconds),
            "{seconds}, remembered"
        );
        assert_eq!(
            verifier().verify(&token, at(seconds)).err(),
            expected(seconds),
            "{seconds}, new"
        );
    }
}

#[test]
fn the_longest_lifetime_is_what_the_configuration_says() {
    let config = VerifierConfig {
        maximum_lifetime: Duration::minutes(5),
        ..configuration()
    };
    let verifier = build(config).unwrap();
    assert!(verifier.verify(&token(&span(0, 300)), at(0)).is_ok());
    assert_eq!(
        verifier.verify(&token(&span(0, 301)), at(0)),
        Err(TokenError::LifetimeTooLong)
    );
}
