//! Faults that are planted into the simulated world, one at a time: the judge must find each. A judge that stays silent
//! when a promise is broken would stay silent when the engine breaks it.

use super::run;

/// What a simulated world can do wrong by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bug {
    /// The result of a holder whose lease was taken over is written all the same.
    NoFence,
    /// Each request reaches Stripe under a key of its own, the second attempt at a step too.
    FreshKeys,
    /// Any number of operations may be open on one subject.
    NoUniqueIndex,
    /// A whole 500 is taken for a request that never arrived.
    ServerErrorIsNotApplied,
    /// A payment method whose deletion has begun, and is acknowledged, is shown on.
    DeletedIsShown,
}

/// Within how many seeds the judge must have found a planted fault.
const SEEDS: u64 = 300;

/// Runs seeds until the judge finds what the bug does, in one of these wordings.
fn is_caught(bug: Bug, findings: &[&str]) {
    let caught = (0..SEEDS).find(|seed| {
        let broken = run::run(*seed, Some(bug)).judge();
        let is_found = |broken: &String| findings.iter().any(|finding| broken.contains(finding));
        broken.iter().any(is_found)
    });
    assert!(
        caught.is_some(),
        "{SEEDS} seeds went by and nobody noticed {bug:?}"
    );
}

#[test]
fn a_missing_fence_is_caught() {
    is_caught(
        Bug::NoFence,
        &[
            "a second customer was recorded",
            "is shown as available and attached to None",
        ],
    );
}

#[test]
fn a_new_key_for_each_attempt_is_caught() {
    is_caught(Bug::FreshKeys, &["made 2 setup intents"]);
}

#[test]
fn a_missing_unique_index_is_caught() {
    is_caught(Bug::NoUniqueIndex, &["has 2 customers"]);
}

#[test]
fn a_500_that_is_taken_for_not_applied_is_caught() {
    is_caught(Bug::ServerErrorIsNotApplied, &["is attached and nobody owns it"]);
}

#[test]
fn a_deleted_payment_method_that_is_shown_is_caught() {
    is_caught(
        Bug::DeletedIsShown,
        &["was acknowledged as deleted and is still there"],
    );
}
