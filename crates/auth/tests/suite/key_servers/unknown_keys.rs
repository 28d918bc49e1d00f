//! Tokens that name keys which nobody knows, or not yet.

use std::{
    pin::pin,
    sync::{Arc, atomic::Ordering},
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use billfold_auth::TokenError;
use billfold_domain::Clock;
use billfold_test_support::{KeyAnswer, wait_until};

use super::{Hand, Place, WITHIN};
use crate::support::{at, named, token_of};

#[tokio::test]
async fn unknown_keys_make_the_set_be_fetched_at_most_once_in_thirty_seconds() {
    let place = Place::of(&[1]).await;
    let verifier = place.verifier().await;
    for number in 0..10_000 {
        let now = at(number % 20);
        assert_eq!(
            verifier.verify(&named(9, &format!("unknown-{number}")), now),
            Err(TokenError::KeyUnknown)
        );
        if number % 50 == 0 {
            verifier.fetch_when_due(now).await;
        }
    }
    assert_eq!(place.server.requests(), 2);
    // The regular fetch goes on, and is nothing that a stranger can use up.
    let tried = async |now: i64| {
        let _ = verifier.verify(&token_of(2), at(now));
        verifier.fetch_when_due(at(now)).await;
        place.server.requests()
    };
    assert_eq!(tried(19).await, 2);
    assert_eq!(tried(20).await, 3);
    assert_eq!(tried(29).await, 3);
    assert_eq!(tried(30).await, 4);
    assert_eq!(tried(31).await, 4);
}

#[tokio::test]
async fn who_read_the_clock_earlier_and_comes_later_asks_for_no_other_fetch() {
    let place = Place::of(&[1]).await;
    let verifier = place.verifier().await;
    for now in [9, 8, 0, 9] {
        let unknown = verifier.verify(&named(9, "unknown"), at(now));
        assert_eq!(unknown, Err(TokenError::KeyUnknown));
        verifier.fetch_when_due(at(9)).await;
    }
    assert_eq!(place.server.requests(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_unknown_keys_at_once_are_one_fetch() {
    let place = Place::of(&[1]).await;
    let verifier = place.verifier().await;
    let clock: Arc<dyn Clock> = Arc::new(Hand::default());
    let _refresher = verifier.keep_fresh(&clock);
    let began = Instant::now();
    let mut callers = tokio::task::JoinSet::new();
    for number in 0..10_000 {
        let verifier = Arc::clone(&verifier);
        callers.spawn(async move {
            let token = named(9, &format!("unknown-{number}"));
            verifier.verify_or_await_key(&token, at(number % 20)).await
        });
    }
    while let Some(verdict) = callers.join_next().await {
        assert_eq!(verdict.unwrap(), Err(TokenError::KeyUnknown));
    }
    assert_eq!(place.server.requests(), 2);
    assert!(began.elapsed() < Duration::from_mins(1), "{:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_tokens_of_a_new_key_wait_for_it_and_are_good() {
    let place = Place::of(&[1]).await;
    let verifier = place.verifier().await;
    let clock: Arc<dyn Clock> = Arc::new(Hand::default());
    let _refresher = verifier.keep_fresh(&clock);
    place.publish(&[1, 2]);
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..200 {
        let verifier = Arc::clone(&verifier);
        callers.spawn(async move { verifier.verify_or_await_key(&token_of(2), at(0)).await });
    }
    while let Some(verdict) = callers.join_next().await {
        assert!(verdict.unwrap().is_ok());
    }
    assert_eq!(place.server.requests(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_issuer_that_hangs_holds_up_no_known_key_and_unknown_ones_for_a_moment() {
    let place = Place::of(&[1]).await;
    let verifier = place.verifier().await;
    let hand = Arc::new(Hand::default());
    let clock: Arc<dyn Clock> = hand.clone();
    let _refresher = verifier.keep_fresh(&clock);
    place.server.set(KeyAnswer::Silence);
    hand.0.store(20, Ordering::SeqCst);
    wait_until(WITHIN, "a fetch hangs", || place.server.requests() == 2).await;

    let known = token_of(1);
    let mut verifying = pin!(verifier.verify_or_await_key(&known, at(20)));
    let polled = verifying.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert!(matches!(polled, Poll::Ready(Ok(_))));

    let began = Instant::now();
    let unknown = verifier.verify_or_await_key(&token_of(2), at(20)).await;
    assert_eq!(unknown, Err(TokenError::KeyUnknown));
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
}

#[tokio::test]
async fn those_who_come_at_once_fetch_once() {
    let place = Place::of(&[1]).await;
    let verifier = place.verifier().await;
    let fetch = || verifier.fetch_when_due(at(20));
    tokio::join!(fetch(), fetch(), fetch(), fetch(), fetch(), fetch());
    assert_eq!(place.server.requests(), 2);
}
