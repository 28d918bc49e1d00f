//! The fence: who was taken over from writes nothing any more.

use std::time::Duration;

use billfold_store::{Alongside, Claim, NewOperation, Operation, StoreError};
use rstest::rstest;

use crate::harness::{
    Backend, Postgres, SqliteInFile, SqliteInMemory, Tenant, at, card, creation, customer_creation,
    customer_id, operation_id, setup_intent_creation, setup_intent_id, waiting_card,
};

/// An operation that another took over, and the other's.
async fn taken_over(tenant: &Tenant, new: &NewOperation) -> (Operation, Operation) {
    let old = tenant.hold(new).await;
    tenant
        .operations
        .release(&tenant.scope, &old, Duration::ZERO)
        .await
        .unwrap();
    let newer = tenant
        .hold(&NewOperation {
            id: operation_id(),
            ..new.clone()
        })
        .await;
    assert_eq!((old.fence, newer.fence), (1, 2));
    (old, newer)
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn an_old_holder_saves_no_payment_method(
    #[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend,
) {
    let test = backend.migrated().await;
    let tenant = test.tenant("demo").await;
    let (old, newer) = taken_over(&tenant, &creation("pm_1", "anna")).await;
    let finish = async |operation: &Operation, method| {
        tenant
            .operations
            .finish_payment_method(&tenant.scope, operation, &method, Alongside::nothing())
            .await
    };
    let of_old = finish(&old, waiting_card("pm_1", "anna", "seti_1")).await;
    assert!(matches!(of_old, Err(StoreError::Fenced)), "{of_old:?}");
    assert_eq!(tenant.find("pm_1").await, None);

    let saved = card("pm_1", "anna", at(4));
    finish(&newer, saved.clone()).await.unwrap();
    assert_eq!(tenant.find("pm_1").await, Some(saved.clone()));
    // Neither before nor after the end does the old holder change anything.
    for operation in [&old, &newer] {
        let again = finish(operation, waiting_card("pm_1", "anna", "seti_1")).await;
        assert!(matches!(again, Err(StoreError::Fenced)), "{again:?}");
    }
    assert_eq!(tenant.find("pm_1").await, Some(saved));
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn an_old_holder_writes_no_customer(
    #[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend,
) {
    let test = backend.migrated().await;
    let tenant = test.tenant("demo").await;
    let (old, newer) = taken_over(&tenant, &customer_creation("anna")).await;
    let finish = async |operation: &Operation, id| {
        tenant
            .operations
            .finish_customer(&tenant.scope, operation, &customer_id(id), at(0))
            .await
    };
    let of_old = finish(&old, "cus_old").await;
    assert!(matches!(of_old, Err(StoreError::Fenced)), "{of_old:?}");
    assert_eq!(tenant.customer_of("anna").await, None);
    finish(&newer, "cus_new").await.unwrap();
    assert_eq!(tenant.customer_of("anna").await, Some(customer_id("cus_new")));
    assert!(matches!(finish(&old, "cus_old").await, Err(StoreError::Fenced)));
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn an_old_holder_writes_no_setup_intent(
    #[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend,
) {
    let test = backend.migrated().await;
    let tenant = test.tenant("demo").await;
    let (old, newer) = taken_over(&tenant, &setup_intent_creation("anna")).await;
    let finish = async |operation: &Operation, id| {
        tenant
            .operations
            .finish_setup_intent(&tenant.scope, operation, &setup_intent_id(id), at(0))
            .await
    };
    let find = async |id| {
        tenant
            .setup_intents
            .find(&tenant.scope, &setup_intent_id(id))
            .await
            .unwrap()
    };
    let of_old = finish(&old, "seti_old").await;
    assert!(matches!(of_old, Err(StoreError::Fenced)), "{of_old:?}");
    assert_eq!(find("seti_old").await, None);
    finish(&newer, "seti_new").await.unwrap();
    assert!(find("seti_new").await.is_some());
    assert!(matches!(finish(&old, "seti_old").await, Err(StoreError::Fenced)));
    assert_eq!(find("seti_old").await, None);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn an_old_holder_neither_ends_nor_renews_nor_releases(
    #[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend,
) {
    let test = backend.migrated().await;
    let tenant = test.tenant("demo").await;
    let (old, newer) = taken_over(&tenant, &creation("pm_1", "anna")).await;
    let ended = tenant.operations.end(&tenant.scope, &old).await;
    assert!(matches!(ended, Err(StoreError::Fenced)), "{ended:?}");
    let raised = tenant.operations.raise_epoch(&tenant.scope, old.clone()).await;
    assert!(matches!(raised, Err(StoreError::Fenced)), "{raised:?}");
    tenant
        .operations
        .release(&tenant.scope, &old, Duration::ZERO)
        .await
        .unwrap();
    let third = tenant
        .operations
        .begin(&tenant.scope, &creation("pm_1", "anna"), at(0))
        .await
        .unwrap();
    assert_eq!(third, Claim::Busy, "the newer holder's lease still stands");
    let raised = tenant.operations.raise_epoch(&tenant.scope, newer).await.unwrap();
    assert_eq!(raised.epoch, 1, "the old holder's attempt did not count");
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn of_many_results_one_is_written(#[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend) {
    let test = backend.migrated().await;
    let tenant = test.tenant("demo").await;
    // Ten holders one after the other, who all come to an end at the same time.
    let mut holders = Vec::new();
    for _ in 0..10 {
        let holder = tenant.hold(&creation("pm_1", "anna")).await;
        tenant
            .operations
            .release(&tenant.scope, &holder, Duration::ZERO)
            .await
            .unwrap();
        holders.push(holder);
    }
    let newest = holders.last().unwrap().fence;
    let finishing: Vec<_> = holders
        .into_iter()
        .map(|holder| {
            let tenant = tenant.clone();
            tokio::spawn(async move {
                let method = card("pm_1", "anna", at(holder.fence));
                let result = tenant
                    .operations
                    .finish_payment_method(&tenant.scope, &holder, &method, Alongside::nothing())
                    .await;
                (holder.fence, result)
            })
        })
        .collect();
    for finished in finishing {
        let (fence, result) = finished.await.unwrap();
        if fence == newest {
            result.unwrap();
        } else {
            assert!(matches!(result, Err(StoreError::Fenced)), "{result:?}");
        }
    }
    assert_eq!(tenant.find("pm_1").await.unwrap().created_at, at(newest));
}
