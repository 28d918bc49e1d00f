//! Origins: whose they are, and which the installation has.

use billfold_domain::Origin;
use billfold_store::{CorsOrigins, OriginsReplaced};
use rstest::rstest;

use crate::harness::{Backend, Postgres, SqliteInFile, SqliteInMemory, Tenant, TestDatabase};

fn origins(names: &[&str]) -> Vec<Origin> {
    let texts = names.iter().map(|name| format!("https://{name}.example"));
    texts.map(|text| Origin::parse(text).unwrap()).collect()
}

async fn give(store: &CorsOrigins, tenant: &Tenant, names: &[&str]) {
    let replaced = store.replace(&tenant.scope, &origins(names)).await.unwrap();
    assert_eq!(replaced, OriginsReplaced::Done);
}

async fn assert_has(store: &CorsOrigins, tenant: &Tenant, names: &[&str]) {
    let found = store.of_project(&tenant.scope).await.unwrap();
    assert_eq!(found, origins(names));
}

async fn assert_known(store: &CorsOrigins, names: &[&str]) {
    assert_eq!(store.of_installation().await.unwrap(), origins(names));
}

async fn two(test: &TestDatabase) -> (CorsOrigins, Tenant, Tenant) {
    let store = CorsOrigins::new(test.database.clone());
    (store, test.tenant("amber").await, test.tenant("birch").await)
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_project_has_what_it_was_given_last(
    #[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend,
) {
    let test = backend.migrated().await;
    let (store, amber, birch) = two(&test).await;
    assert_has(&store, &amber, &[]).await;
    give(&store, &amber, &["a", "b"]).await;
    give(&store, &amber, &["a", "b"]).await;
    assert_has(&store, &amber, &["a", "b"]).await;
    assert_has(&store, &birch, &[]).await;
    give(&store, &amber, &["b", "c", "c"]).await;
    assert_has(&store, &amber, &["b", "c"]).await;
    assert_known(&store, &["b", "c"]).await;
    give(&store, &amber, &[]).await;
    assert_has(&store, &amber, &[]).await;
    assert_known(&store, &[]).await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn the_installation_knows_an_origin_while_any_project_has_it(
    #[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend,
) {
    let test = backend.migrated().await;
    let (store, amber, birch) = two(&test).await;
    give(&store, &amber, &["a", "shared"]).await;
    give(&store, &birch, &["b", "shared"]).await;
    assert_known(&store, &["a", "b", "shared"]).await;
    give(&store, &amber, &[]).await;
    assert_known(&store, &["b", "shared"]).await;
    assert_has(&store, &birch, &["b", "shared"]).await;
    give(&store, &birch, &["b"]).await;
    assert_known(&store, &["b"]).await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn however_many_change_at_once_the_installation_knows_what_is_left(
    #[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend,
) {
    let test = backend.migrated().await;
    let (store, amber, birch) = two(&test).await;
    let rounds = (0..40).map(|round| {
        let (one, other): (&[&str], &[&str]) = if round % 2 == 0 {
            (&["a", "b", "c"], &["c", "d"])
        } else {
            (&["c", "d"], &["a", "b", "c"])
        };
        let (store, amber, birch) = (&store, &amber, &birch);
        async move {
            futures_util::future::join(give(store, amber, one), give(store, birch, other)).await;
        }
    });
    futures_util::future::join_all(rounds).await;
    let mut left = Vec::new();
    for tenant in [&amber, &birch] {
        let of_project = store.of_project(&tenant.scope).await.unwrap();
        let given = [origins(&["a", "b", "c"]), origins(&["c", "d"])];
        assert!(
            given.contains(&of_project),
            "one of what it was given, and whole: {of_project:?}"
        );
        left.extend(of_project);
    }
    left.sort();
    left.dedup();
    assert_eq!(store.of_installation().await.unwrap(), left);
    // The counts are right too: when both let go, nothing is left.
    give(&store, &amber, &[]).await;
    give(&store, &birch, &[]).await;
    assert_known(&store, &[]).await;
}
