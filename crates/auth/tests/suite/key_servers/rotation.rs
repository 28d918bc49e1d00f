//! Keys that come and go, and addresses that fail.

use std::sync::{Arc, atomic::Ordering};

use billfold_auth::{KEY_SET_FETCH_INTERVAL, TokenError, Verifier, VerifierConfig};
use billfold_domain::Clock;
use billfold_test_support::{KeyAnswer, wait_until};
use jsonwebtoken::Algorithm;

use super::{Hand, Place, WITHIN};
use crate::support::{at, ed25519, jwk, key_set, lasting, named, set, token_of, with};

#[tokio::test]
async fn a_set_is_fetched_once_and_its_tokens_are_good() {
    let place = Place::of(&[1, 2]).await;
    let verifier = place.verifier().await;
    for second in 0..19 {
        assert!(verifier.verify(&token_of(1), at(second)).is_ok());
        assert!(verifier.verify(&token_of(2), at(second)).is_ok());
        verifier.fetch_when_due(at(second)).await;
    }
    assert_eq!(
        verifier.verify(&named(9, "key-1"), at(0)),
        Err(TokenError::SignatureInvalid)
    );
    assert_eq!(place.server.requests(), 1);
    assert_eq!(verifier.status()[0].keys, 2);
}

#[tokio::test]
async fn a_revoked_key_is_refused_within_a_minute_though_its_tokens_are_remembered() {
    let place = Place::of(&[1, 2]).await;
    let verifier = place.verifier().await;
    let (revoked, kept) = (token_of(1), token_of(2));
    assert!(verifier.verify(&revoked, at(0)).is_ok());
    assert!(verifier.verify(&kept, at(0)).is_ok());
    // Every answer of this server asks to be kept for a year.
    place.publish(&[2]);
    verifier.fetch_when_due(at(19)).await;
    assert!(verifier.verify(&revoked, at(19)).is_ok());
    verifier.fetch_when_due(at(20)).await;
    assert_eq!(verifier.verify(&revoked, at(20)), Err(TokenError::KeyUnknown));
    assert!(verifier.verify(&kept, at(20)).is_ok());
    assert_eq!(place.server.requests(), 2);
}

#[tokio::test]
async fn one_lost_fetch_does_not_keep_a_revoked_key_for_a_minute() {
    let place = Place::of(&[1, 2]).await;
    let verifier = place.verifier().await;
    assert!(verifier.verify(&token_of(1), at(0)).is_ok());
    place.server.set(KeyAnswer::Status(503));
    verifier.fetch_when_due(at(20)).await;
    assert!(verifier.verify(&token_of(1), at(20)).is_ok());
    place.publish(&[2]);
    verifier.fetch_when_due(at(40)).await;
    assert_eq!(verifier.verify(&token_of(1), at(40)), Err(TokenError::KeyUnknown));
    // The bound that is promised, with what a fetch may take itself.
    assert!(KEY_SET_FETCH_INTERVAL * 2 + time::Duration::seconds(5) < time::Duration::MINUTE);
}

#[tokio::test]
async fn a_key_that_keeps_its_id_and_changes_is_another_key() {
    let place = Place::of(&[1]).await;
    let verifier = place.verifier().await;
    let old = named(1, "key-1");
    assert!(verifier.verify(&old, at(0)).is_ok());
    let text = key_set(&[jwk(&ed25519(2), Algorithm::EdDSA, "key-1")]);
    place.server.set(KeyAnswer::Text(text));
    verifier.fetch_when_due(at(20)).await;
    assert_eq!(verifier.verify(&old, at(20)), Err(TokenError::SignatureInvalid));
    assert!(verifier.verify(&named(2, "key-1"), at(20)).is_ok());
}

#[tokio::test]
async fn an_empty_set_revokes_the_only_key() {
    let place = Place::of(&[1]).await;
    let verifier = place.verifier().await;
    assert!(verifier.verify(&token_of(1), at(0)).is_ok());
    place.publish(&[]);
    verifier.fetch_when_due(at(20)).await;
    assert_eq!(verifier.verify(&token_of(1), at(20)), Err(TokenError::KeyUnknown));
}

#[tokio::test]
async fn a_set_that_keeps_only_keys_for_encryption_is_empty() {
    let place = Place::of(&[1]).await;
    let verifier = place.verifier().await;
    assert!(verifier.verify(&token_of(1), at(0)).is_ok());
    let for_encryption = with(jwk(&ed25519(1), Algorithm::EdDSA, "key-1"), "use", "enc");
    place.server.set(KeyAnswer::Text(key_set(&[for_encryption])));
    verifier.fetch_when_due(at(20)).await;
    assert_eq!(verifier.verify(&token_of(1), at(20)), Err(TokenError::KeyUnknown));
    let status = &verifier.status()[0];
    assert_eq!((status.keys, status.problem.as_deref()), (0, None));
}

#[tokio::test]
async fn the_last_good_set_lasts_through_an_outage_for_a_day_and_no_longer() {
    const DAY: i64 = 86_400;
    let place = Place::of(&[1]).await;
    // A token that outlives the outage, so that it is the keys that end it.
    let config = VerifierConfig {
        maximum_lifetime: time::Duration::days(3),
        ..place.config()
    };
    let verifier = Verifier::new(config, at(0)).await.unwrap();
    let token = lasting(1, 2 * DAY);
    assert!(verifier.verify(&token, at(0)).is_ok());
    let broken = [
        KeyAnswer::Status(503),
        KeyAnswer::Status(302),
        KeyAnswer::NoTls,
        KeyAnswer::CutShort,
        KeyAnswer::Text("{".to_owned()),
        KeyAnswer::Text(set(&[1]).replace("OKP", "oct")),
        KeyAnswer::Chunks(100_000),
    ];
    // The last good fetch is of this second.
    verifier.fetch_when_due(at(100)).await;
    let mut now = 100;
    for answer in broken {
        place.server.set(answer);
        now += 20;
        verifier.fetch_when_due(at(now)).await;
        assert!(verifier.verify(&token, at(now)).is_ok());
        let status = &verifier.status()[0];
        assert!(status.problem.is_some() && status.keys == 1, "{status:?}");
    }
    for second in [DAY, DAY + 99] {
        verifier.fetch_when_due(at(second)).await;
        assert!(verifier.verify(&token, at(second)).is_ok(), "{second}");
    }
    for second in [DAY + 100, DAY + 1000] {
        verifier.fetch_when_due(at(second)).await;
        assert_eq!(verifier.verify(&token, at(second)), Err(TokenError::KeysOutdated));
    }
    // The same text as before the outage is good news too.
    place.publish(&[1]);
    verifier.fetch_when_due(at(DAY + 1020)).await;
    assert!(verifier.verify(&token, at(DAY + 1020)).is_ok());
    assert_eq!(verifier.status()[0].problem, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_background_fetches_without_any_request_and_ends_with_its_handle() {
    let place = Place::of(&[1]).await;
    let verifier = place.verifier().await;
    let hand = Arc::new(Hand::default());
    let clock: Arc<dyn Clock> = hand.clone();
    let refresher = verifier.keep_fresh(&clock);
    place.publish(&[2]);
    hand.0.store(20, Ordering::SeqCst);
    wait_until(WITHIN, "the keys are replaced", || {
        verifier.status()[0].generation == 2
    })
    .await;
    assert_eq!(verifier.verify(&token_of(1), at(20)), Err(TokenError::KeyUnknown));
    assert!(verifier.verify(&token_of(2), at(20)).is_ok());
    drop(refresher);
    wait_until(WITHIN, "the task is gone", || Arc::strong_count(&verifier) == 1).await;
}
