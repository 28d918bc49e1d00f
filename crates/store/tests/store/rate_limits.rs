//! Token buckets in the database: exact, whoever asks from wherever.

use std::{
    num::NonZeroU32,
    time::{Duration, Instant},
};

use billfold_domain::RateLimit;
use billfold_store::{Database, RateLimits, Token, TokenKind, Tokens};
use rstest::rstest;
use tokio::task::JoinSet;

use crate::harness::{Backend, Postgres, SqliteInFile, SqliteInMemory, Tenant, user};

fn limit(quota: u32, window_seconds: u32) -> RateLimit {
    RateLimit::new(
        NonZeroU32::new(quota).unwrap(),
        NonZeroU32::new(window_seconds).unwrap(),
    )
}

fn failed_card(name: Option<&str>, limit: RateLimit) -> Token {
    Token {
        kind: TokenKind::FailedCards,
        user: name.map(user),
        limit,
    }
}

async fn take(database: &Database, tenant: &Tenant, tokens: &[Token]) -> Tokens {
    RateLimits::new(database.clone())
        .take(&tenant.scope, tokens)
        .await
        .unwrap()
}

/// How many tokens can be taken one after the other, up to a few.
async fn left(database: &Database, tenant: &Tenant, token: &Token) -> usize {
    let mut granted = 0;
    while granted < 10 && take(database, tenant, std::slice::from_ref(token)).await == Tokens::Taken {
        granted += 1;
    }
    granted
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn each_bucket_holds_its_quota(#[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend) {
    let test = backend.migrated().await;
    let (demo, acme) = (test.tenant("demo").await, test.tenant("acme").await);
    let hourly = limit(3, 3_600);
    let alices = failed_card(Some("alice"), hourly);
    assert_eq!(left(&test.database, &demo, &alices).await, 3);
    let Tokens::Refused { lacking, wait } = take(&test.database, &demo, std::slice::from_ref(&alices)).await
    else {
        panic!("a fourth was granted");
    };
    assert_eq!(lacking, alices);
    assert!(wait <= Duration::from_mins(20), "{wait:?}");
    assert!(wait > Duration::from_secs(1_000), "{wait:?}");
    // Another user's, another kind's, the project's own and another project's are other buckets.
    for token in [
        failed_card(Some("bob"), hourly),
        failed_card(None, hourly),
        Token {
            kind: TokenKind::SetupIntents,
            ..alices.clone()
        },
    ] {
        assert_eq!(left(&test.database, &demo, &token).await, 3, "{token:?}");
    }
    assert_eq!(left(&test.database, &acme, &alices).await, 3);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn the_wait_that_is_told_is_enough(#[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend) {
    let test = backend.migrated().await;
    let demo = test.tenant("demo").await;
    let quick = failed_card(Some("alice"), limit(5, 1));
    let mut refusals = 0;
    let mut granted = Vec::new();
    while granted.len() < 15 {
        let asked_at = Instant::now();
        match take(&test.database, &demo, std::slice::from_ref(&quick)).await {
            Tokens::Taken => granted.push((asked_at, Instant::now())),
            Tokens::Refused { wait, .. } => {
                refusals += 1;
                tokio::time::sleep(wait).await;
                assert_eq!(
                    take(&test.database, &demo, std::slice::from_ref(&quick)).await,
                    Tokens::Taken,
                    "after {wait:?}"
                );
                granted.push((asked_at, Instant::now()));
            }
        }
    }
    assert!(refusals > 0, "no token was ever lacking");
    // Five at once and one in each fifth of a second; SQLite's clock counts milliseconds.
    for (first, (from, _)) in granted.iter().enumerate() {
        for (last, (_, until)) in granted.iter().enumerate().skip(first) {
            let refilled = (*until - *from + Duration::from_millis(2)).as_millis() / 200;
            assert!((last - first + 1) as u128 <= 5 + refilled);
        }
    }
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn of_several_tokens_all_are_taken_or_none(
    #[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend,
) {
    let test = backend.migrated().await;
    let demo = test.tenant("demo").await;
    let alices = failed_card(Some("alice"), limit(5, 3_600));
    let projects = failed_card(None, limit(2, 3_600));
    let both = [alices.clone(), projects.clone()];
    assert_eq!(take(&test.database, &demo, &both).await, Tokens::Taken);
    assert_eq!(take(&test.database, &demo, &both).await, Tokens::Taken);
    for _ in 0..4 {
        let refused = take(&test.database, &demo, &both).await;
        assert!(
            matches!(&refused, Tokens::Refused { lacking, .. } if *lacking == projects),
            "{refused:?}"
        );
    }
    assert_eq!(left(&test.database, &demo, &alices).await, 3);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn what_is_given_back_can_be_taken_again_and_no_more(
    #[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend,
) {
    let test = backend.migrated().await;
    let demo = test.tenant("demo").await;
    let limits = RateLimits::new(test.database.clone());
    let alices = [failed_card(Some("alice"), limit(3, 3_600))];
    assert_eq!(left(&test.database, &demo, &alices[0]).await, 3);
    limits.give_back(&demo.scope, &alices).await.unwrap();
    assert_eq!(left(&test.database, &demo, &alices[0]).await, 1);
    for _ in 0..8 {
        limits.give_back(&demo.scope, &alices).await.unwrap();
    }
    assert_eq!(
        left(&test.database, &demo, &alices[0]).await,
        3,
        "it was overfull"
    );
    // Where nothing was taken there is nothing to give back.
    let bobs = [failed_card(Some("bob"), limit(3, 3_600))];
    limits.give_back(&demo.scope, &bobs).await.unwrap();
    assert_eq!(left(&test.database, &demo, &bobs[0]).await, 3);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn what_has_happened_is_charged_to_an_empty_bucket_too(
    #[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend,
) {
    let test = backend.migrated().await;
    let demo = test.tenant("demo").await;
    let limits = RateLimits::new(test.database.clone());
    let alices = [failed_card(Some("alice"), limit(3, 3_600))];
    for _ in 0..20 {
        limits.charge(&demo.scope, &alices).await.unwrap();
    }
    match take(&test.database, &demo, &alices).await {
        Tokens::Refused { wait, .. } => assert!(wait <= Duration::from_mins(20), "{wait:?}"),
        Tokens::Taken => panic!("twenty had failed"),
    }
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn racers_on_two_instances_never_take_more_than_there_are(
    #[values(SqliteInFile, Postgres)] backend: Backend,
) {
    let test = backend.migrated().await;
    let demo = test.tenant("demo").await;
    let databases = [test.database.clone(), test.another_way_in().await];
    let alices = failed_card(Some("alice"), limit(7, 3_600));
    let projects = failed_card(None, limit(1_000, 3_600));
    let mut racers = JoinSet::new();
    for racer in 0..30 {
        let (database, demo) = (databases[racer % 2].clone(), demo.clone());
        let tokens = [alices.clone(), projects.clone()];
        racers.spawn(async move { take(&database, &demo, &tokens).await == Tokens::Taken });
    }
    let taken = racers.join_all().await;
    assert_eq!(taken.into_iter().filter(|taken| *taken).count(), 7);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn only_what_is_full_is_forgotten(#[values(SqliteInFile, Postgres)] backend: Backend) {
    let test = backend.migrated().await;
    let (demo, acme) = (test.tenant("demo").await, test.tenant("acme").await);
    let limits = RateLimits::new(test.database.clone());
    let alices = failed_card(Some("alice"), limit(3, 3_600));
    let projects = failed_card(None, limit(3, 3_600));
    for tenant in [&demo, &acme] {
        let both = [alices.clone(), projects.clone()];
        assert_eq!(take(&test.database, tenant, &both).await, Tokens::Taken);
    }
    assert_eq!(limits.forget_full(&demo.scope).await.unwrap(), 0);
    limits
        .give_back(&demo.scope, &[alices.clone(), projects])
        .await
        .unwrap();
    limits
        .give_back(&acme.scope, std::slice::from_ref(&alices))
        .await
        .unwrap();
    // The clocks of both databases have moved on by now, if only by a millisecond.
    tokio::time::sleep(Duration::from_millis(2)).await;
    assert_eq!(limits.forget_full(&demo.scope).await.unwrap(), 1);
    let rows = test
        .texts("select project_id || ' ' || subject as value from rate_limits")
        .await;
    let mut rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    rows.sort_unstable();
    assert_eq!(rows, ["acme ", "acme alice", "demo "]);
    assert_eq!(left(&test.database, &demo, &alices).await, 3);
}
