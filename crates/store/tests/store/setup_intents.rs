//! Setup intents: whose they are.

use billfold_store::{StoreError, StoredSetupIntent};
use rstest::rstest;

use crate::harness::{
    Backend, Postgres, SqliteInFile, SqliteInMemory, at, setup_intent_creation, setup_intent_id, user,
};

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_setup_intent_is_found_with_its_user(
    #[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend,
) {
    let test = backend.migrated().await;
    let tenant = test.tenant("demo").await;
    let id = setup_intent_id("seti_1");
    assert_eq!(tenant.setup_intents.find(&tenant.scope, &id).await.unwrap(), None);
    // One user may make several at once.
    let first = tenant.hold(&setup_intent_creation("anna")).await;
    let second = tenant.hold(&setup_intent_creation("anna")).await;
    tenant
        .operations
        .finish_setup_intent(&tenant.scope, &first, &id, at(5))
        .await
        .unwrap();
    let other = setup_intent_id("Seti_1");
    tenant
        .operations
        .finish_setup_intent(&tenant.scope, &second, &other, at(5))
        .await
        .unwrap();
    for id in [id, other] {
        let found = tenant.setup_intents.find(&tenant.scope, &id).await.unwrap();
        assert_eq!(
            found,
            Some(StoredSetupIntent {
                id,
                user: user("anna")
            })
        );
    }
    let unknown = tenant
        .setup_intents
        .find(&tenant.scope, &setup_intent_id("seti_2"))
        .await
        .unwrap();
    assert_eq!(unknown, None);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_setup_intent_stays_its_first_users(
    #[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend,
) {
    let test = backend.migrated().await;
    let tenant = test.tenant("demo").await;
    let id = setup_intent_id("seti_1");
    let first = tenant.hold(&setup_intent_creation("anna")).await;
    tenant
        .operations
        .finish_setup_intent(&tenant.scope, &first, &id, at(0))
        .await
        .unwrap();
    let second = tenant.hold(&setup_intent_creation("bert")).await;
    let finished = tenant
        .operations
        .finish_setup_intent(&tenant.scope, &second, &id, at(0))
        .await;
    assert!(matches!(finished, Err(StoreError::Duplicate(_))), "{finished:?}");
    let found = tenant
        .setup_intents
        .find(&tenant.scope, &id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(found.user, user("anna"));
    tenant.operations.end(&tenant.scope, &second).await.unwrap();
}
