//! Tokens that are remembered.

use std::{sync::Arc, thread};

use billfold_auth::{MAXIMUM_CACHED_TOKENS, TokenError};

use crate::support::{KEYS, at, build, claims, configuration, header, sign_text, token, verifier, with};

#[test]
fn no_more_tokens_are_remembered_than_allowed_and_all_stay_good() {
    let verifier = verifier();
    let tokens: Vec<String> = (0..MAXIMUM_CACHED_TOKENS + 2_000)
        .map(|number| token(&with(claims(), "sub", format!("user-{number}"))))
        .collect();
    for (number, token) in tokens.iter().enumerate() {
        let said = verifier.verify(token, at(0)).unwrap();
        assert_eq!(said.subject(), format!("user-{number}"));
        assert!(verifier.cached_tokens() <= MAXIMUM_CACHED_TOKENS);
    }
    assert!(
        verifier.cached_tokens() > MAXIMUM_CACHED_TOKENS / 3,
        "{}",
        verifier.cached_tokens()
    );
    for (number, token) in tokens.iter().enumerate().step_by(7) {
        assert_eq!(
            verifier.verify(token, at(1)).unwrap().subject(),
            format!("user-{number}")
        );
    }
}

#[test]
fn a_token_that_is_used_stays_remembered_among_those_that_are_not() {
    let verifier = verifier();
    let used = token(&claims());
    verifier.verify(&used, at(0)).unwrap();
    let before = verifier.verify(&used, at(0)).unwrap();
    for number in 0..4_000 {
        verifier
            .verify(&token(&with(claims(), "sub", format!("passing-{number}"))), at(0))
            .unwrap();
        if number % 100 == 0 {
            let again = verifier.verify(&used, at(0)).unwrap();
            // The same place in memory: it was not verified again.
            assert!(
                std::ptr::eq(before.subject(), again.subject()),
                "forgotten after {number}"
            );
        }
    }
}

#[test]
fn what_was_refused_is_not_remembered() {
    let verifier = verifier();
    for number in 0..500 {
        let claims = with(claims(), "sub", format!("user-{number}"));
        let forged = sign_text(
            header().to_string(),
            claims.to_string(),
            &KEYS.ed25519_stranger,
            jsonwebtoken::Algorithm::EdDSA,
        );
        assert_eq!(verifier.verify(&forged, at(0)), Err(TokenError::SignatureInvalid));
    }
    assert_eq!(verifier.cached_tokens(), 0);
}

#[test]
fn a_remembered_token_says_what_it_said() {
    let verifier = verifier();
    let claims = with(
        with(claims(), "timezone", "Europe/Paris"),
        "scope",
        "account:read",
    );
    let token = token(&claims);
    let first = verifier.verify(&token, at(0)).unwrap();
    let second = verifier.verify(&token, at(10)).unwrap();
    assert_eq!(first, second);
    assert_eq!(first.issuer(), "https://issuer.example/");
    assert_eq!(first.key_id(), "ed");
    assert_eq!(first.subject(), "backend");
    assert_eq!(first.project().as_str(), "demo");
    assert_eq!(first.scopes().to_string(), "account:read");
    assert_eq!(first.timezone(), Some("Europe/Paris"));
    assert_eq!(first.expires_at(), at(3600));
}

#[test]
fn many_callers_share_one_verifier() {
    let verifier = Arc::new(build(configuration()).unwrap());
    let threads: Vec<_> = (0..8)
        .map(|thread| {
            let verifier = Arc::clone(&verifier);
            thread::spawn(move || {
                for number in 0..300 {
                    let name = format!("user-{}", (number * 7 + thread) % 50);
                    let said = verifier
                        .verify(&token(&with(claims(), "sub", name.as_str())), at(0))
                        .unwrap();
                    assert_eq!(said.subject(), name);
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    assert_eq!(verifier.cached_tokens(), 50);
}
