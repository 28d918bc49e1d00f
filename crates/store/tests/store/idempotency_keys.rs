//! Idempotency keys: one holder at a time, one answer for good.

use billfold_domain::UtcTimestamp;
use billfold_store::{HeldKey, KeptAnswer, KeyClaim, NewKey, StoreError, TakenSecret};
use rstest::rstest;

use crate::harness::{
    Backend, Postgres, SqliteInFile, SqliteInMemory, Tenant, at, operation_id, setup_intent_id,
};

const DAY: i64 = 24 * 60 * 60;

fn new_key(route: &str, key: &str, fingerprint: &str) -> NewKey {
    NewKey {
        route: route.to_owned(),
        key: key.to_owned(),
        fingerprint: fingerprint.to_owned(),
        operation: operation_id(),
    }
}

/// A request for `wish` with the key `k`.
fn request(wish: &str) -> NewKey {
    new_key("POST /x", "k", wish)
}

fn answer(status: u16) -> KeptAnswer {
    KeptAnswer {
        status,
        location: None,
        body: format!(r#"{{"status":{status}}}"#),
        taken_secret: None,
    }
}

async fn claim(tenant: &Tenant, new: &NewKey, now: UtcTimestamp) -> KeyClaim {
    tenant
        .idempotency_keys
        .claim(&tenant.scope, new, now)
        .await
        .unwrap()
}

async fn hold(tenant: &Tenant, new: &NewKey, now: UtcTimestamp) -> HeldKey {
    match claim(tenant, new, now).await {
        KeyClaim::Held(held) => held,
        other => panic!("the key should be free: {other:?}"),
    }
}

async fn keep(tenant: &Tenant, held: &HeldKey, answer: &KeptAnswer) -> Result<(), StoreError> {
    tenant
        .idempotency_keys
        .keep(&tenant.scope, held, answer, at(0))
        .await
}

async fn release(tenant: &Tenant, held: &HeldKey) {
    tenant
        .idempotency_keys
        .release(&tenant.scope, held)
        .await
        .unwrap();
}

async fn kept(tenant: &Tenant) -> Option<KeptAnswer> {
    tenant
        .idempotency_keys
        .kept(&tenant.scope, "POST /x", "k")
        .await
        .unwrap()
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_kept_as_it_was(#[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend) {
    let test = backend.migrated().await;
    let tenant = test.tenant("demo").await;
    let full = KeptAnswer {
        status: 201,
        location: Some("/projects/demo/setupIntents/seti_1".to_owned()),
        body: r#"{"clientSecret":"","name":"é"}"#.to_owned(),
        taken_secret: Some(TakenSecret {
            setup_intent: setup_intent_id("seti_1"),
            at: 17,
        }),
    };
    let empty = KeptAnswer {
        body: String::new(),
        ..answer(204)
    };
    for (number, answer) in [full, empty, answer(422)].into_iter().enumerate() {
        let new = new_key("POST /x", &format!("key {number}"), "wish");
        let held = hold(&tenant, &new, at(0)).await;
        assert_eq!((held.operation.as_str(), held.fence), (new.operation.as_str(), 1));
        keep(&tenant, &held, &answer).await.unwrap();
        assert_eq!(claim(&tenant, &new, at(1)).await, KeyClaim::Known(answer));
    }
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn one_of_many_holds_a_key(#[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend) {
    let test = backend.migrated().await;
    let tenant = test.tenant("demo").await;
    for round in 0..5 {
        let claims: Vec<_> = (0..20)
            .map(|_| {
                let tenant = tenant.clone();
                let new = new_key("POST /x", &round.to_string(), "wish");
                tokio::spawn(async move { claim(&tenant, &new, at(0)).await })
            })
            .collect();
        let mut holders = 0;
        for claimed in claims {
            match claimed.await.unwrap() {
                KeyClaim::Held(_) => holders += 1,
                KeyClaim::Busy => {}
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(holders, 1);
    }
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn whoever_takes_a_key_over_goes_on_with_its_operation(
    #[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend,
) {
    let test = backend.migrated().await;
    let tenant = test.tenant("demo").await;
    let first = hold(&tenant, &request("wish"), at(0)).await;
    assert_eq!(claim(&tenant, &request("wish"), at(0)).await, KeyClaim::Busy);
    release(&tenant, &first).await;
    let second = hold(&tenant, &request("wish"), at(5)).await;
    assert_eq!(second.operation, first.operation);
    assert_eq!((first.fence, second.fence), (1, 2));

    // The first neither answers nor releases any more.
    let fenced = keep(&tenant, &first, &answer(500)).await;
    assert!(matches!(fenced, Err(StoreError::Fenced)), "{fenced:?}");
    release(&tenant, &first).await;
    assert_eq!(claim(&tenant, &request("wish"), at(0)).await, KeyClaim::Busy);
    assert_eq!(kept(&tenant).await, None);

    keep(&tenant, &second, &answer(201)).await.unwrap();
    // There is one answer, also for whoever wrote it.
    for holder in [&first, &second] {
        let again = keep(&tenant, holder, &answer(404)).await;
        assert!(matches!(again, Err(StoreError::Fenced)), "{again:?}");
        release(&tenant, holder).await;
    }
    assert_eq!(kept(&tenant).await, Some(answer(201)));
    assert_eq!(
        claim(&tenant, &request("wish"), at(0)).await,
        KeyClaim::Known(answer(201))
    );
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_lease_that_runs_out_frees_the_key(#[values(SqliteInFile, Postgres)] backend: Backend) {
    let test = backend.migrated().await;
    let tenant = test.tenant("demo").await;
    let first = hold(&tenant, &request("wish"), at(0)).await;
    let earlier = if backend == Postgres {
        "lease_expires_at - interval '7 seconds'"
    } else {
        "lease_expires_at - 7000000"
    };
    let pass_time = format!("update idempotency_keys set lease_expires_at = {earlier}");
    test.execute(&pass_time).await;
    assert_eq!(
        claim(&tenant, &request("wish"), at(0)).await,
        KeyClaim::Busy,
        "the lease is longer than seven seconds"
    );
    test.execute(&pass_time).await;
    assert_eq!(claim(&tenant, &request("other"), at(0)).await, KeyClaim::Reused);
    let second = hold(&tenant, &request("wish"), at(0)).await;
    assert_eq!((second.operation, second.fence), (first.operation, 2));
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_key_stands_for_one_request(#[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend) {
    let test = backend.migrated().await;
    let tenant = test.tenant("demo").await;
    let held = hold(&tenant, &request("wish"), at(0)).await;
    assert_eq!(claim(&tenant, &request("other"), at(0)).await, KeyClaim::Reused);
    release(&tenant, &held).await;
    assert_eq!(claim(&tenant, &request("other"), at(0)).await, KeyClaim::Reused);
    let held = hold(&tenant, &request("wish"), at(0)).await;
    keep(&tenant, &held, &answer(201)).await.unwrap();
    assert_eq!(claim(&tenant, &request("other"), at(0)).await, KeyClaim::Reused);
    assert_eq!(
        claim(&tenant, &request("wish"), at(0)).await,
        KeyClaim::Known(answer(201))
    );
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_free_again_after_a_day(#[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend) {
    let test = backend.migrated().await;
    let tenant = test.tenant("demo").await;
    let first = hold(&tenant, &request("wish"), at(-100)).await;
    let secret = Some(TakenSecret {
        setup_intent: setup_intent_id("seti_1"),
        at: 1,
    });
    let with_all = KeptAnswer {
        location: Some("/x".to_owned()),
        taken_secret: secret,
        ..answer(201)
    };
    // The day begins with the answer.
    keep(&tenant, &first, &with_all).await.unwrap();
    assert_eq!(
        claim(&tenant, &request("wish"), at(DAY - 1)).await,
        KeyClaim::Known(with_all)
    );
    let other = request("other");
    assert_eq!(claim(&tenant, &other, at(DAY - 1)).await, KeyClaim::Reused);
    let anew = hold(&tenant, &other, at(DAY)).await;
    assert_eq!((&anew.operation, anew.fence), (&other.operation, 2));
    assert_eq!(kept(&tenant).await, None);
    assert_eq!(claim(&tenant, &request("wish"), at(DAY)).await, KeyClaim::Reused);
    keep(&tenant, &anew, &answer(200)).await.unwrap();
    assert_eq!(kept(&tenant).await, Some(answer(200)));

    // One that is held is nobody else's, however old it is; one without an answer is begun anew.
    let old = new_key("POST /x", "old", "wish");
    let held = hold(&tenant, &old, at(0)).await;
    assert_eq!(claim(&tenant, &old, at(3 * DAY)).await, KeyClaim::Busy);
    release(&tenant, &held).await;
    let newer = new_key("POST /x", "old", "wish");
    let anew = hold(&tenant, &newer, at(DAY)).await;
    assert_eq!((anew.operation, anew.fence), (newer.operation, 2));
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn projects_routes_and_letters_keep_keys_apart(
    #[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend,
) {
    let test = backend.migrated().await;
    let (demo, acme) = (test.tenant("demo").await, test.tenant("acme").await);
    let held = hold(&demo, &request("wish"), at(0)).await;
    for other in [
        new_key("DELETE /x", "k", "other"),
        new_key("POST /y", "k", "other"),
        new_key("POST /x", "K", "other"),
        new_key("POST /x", "\"k\"", "other"),
    ] {
        hold(&demo, &other, at(0)).await;
    }
    let twin = hold(&acme, &request("other"), at(0)).await;
    assert_eq!((held.fence, twin.fence), (1, 1));
    assert_eq!(kept(&acme).await, None);
    keep(&acme, &held, &answer(404)).await.unwrap();
    assert_eq!(kept(&acme).await, Some(answer(404)));
    assert_eq!(kept(&demo).await, None, "each writes within its own project");
    release(&acme, &held).await;
    assert_eq!(claim(&demo, &request("wish"), at(0)).await, KeyClaim::Busy);
    let forgotten = acme
        .idempotency_keys
        .forget_older(&acme.scope, at(9 * DAY), 100)
        .await
        .unwrap();
    assert_eq!(forgotten, 1);
    assert_eq!(claim(&demo, &request("wish"), at(0)).await, KeyClaim::Busy);
    let nobody = Tenant::of(&test.database, "nobody");
    let claimed = nobody
        .idempotency_keys
        .claim(&nobody.scope, &request("wish"), at(0))
        .await;
    assert!(claimed.is_err(), "{claimed:?}");
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn old_keys_are_forgotten_the_oldest_first(
    #[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend,
) {
    let test = backend.migrated().await;
    let tenant = test.tenant("demo").await;
    let keys = &tenant.idempotency_keys;
    let named = |second: i64| new_key("POST /x", &second.to_string(), "wish");
    for second in 0..10 {
        let held = hold(&tenant, &named(second), at(second)).await;
        if second % 2 == 0 {
            keys.keep(&tenant.scope, &held, &answer(201), at(second))
                .await
                .unwrap();
        } else {
            release(&tenant, &held).await;
        }
    }
    let held = hold(&tenant, &new_key("POST /x", "held", "wish"), at(0)).await;
    let forget = async |before, limit| keys.forget_older(&tenant.scope, at(before), limit).await.unwrap();
    assert_eq!(forget(8, 0).await, 0);
    assert_eq!(forget(8, 3).await, 3);
    let third = claim(&tenant, &named(2), at(10)).await;
    assert!(matches!(third, KeyClaim::Held(_)), "{third:?}");
    assert_eq!(
        claim(&tenant, &named(4), at(10)).await,
        KeyClaim::Known(answer(201))
    );
    assert_eq!(forget(8, 100).await, 5, "not the held one");
    assert_eq!(forget(8, 100).await, 0);
    assert_eq!(
        claim(&tenant, &named(8), at(10)).await,
        KeyClaim::Known(answer(201))
    );
    keep(&tenant, &held, &answer(201)).await.unwrap();
}
