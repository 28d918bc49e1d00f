//! Customers: found once made, and forgotten only by their own name.

use billfold_store::StoreError;
use rstest::rstest;

use crate::harness::{
    Backend, Postgres, SqliteInFile, SqliteInMemory, at, customer_creation, customer_id, user,
};

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_customer_is_found_once_its_operation_ended(
    #[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend,
) {
    let test = backend.migrated().await;
    let tenant = test.tenant("demo").await;
    let operation = tenant.hold(&customer_creation("anna")).await;
    assert_eq!(tenant.customer_of("anna").await, None);
    tenant
        .operations
        .finish_customer(&tenant.scope, &operation, &customer_id("cus_1"), at(0))
        .await
        .unwrap();
    assert_eq!(tenant.customer_of("anna").await, Some(customer_id("cus_1")));
    assert_eq!(tenant.customer_of("Anna").await, None);
    // The operation has ended: its subject is free again.
    let next = tenant.hold(&customer_creation("anna")).await;
    assert_eq!(next.fence, 1);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn forgetting_spares_the_customer_that_took_the_gone_ones_place(
    #[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend,
) {
    let test = backend.migrated().await;
    let tenant = test.tenant("demo").await;
    tenant.save_customer("anna", "cus_1").await;
    tenant.save_customer("bert", "cus_2").await;
    let forget = async |name: &str, id: &str| {
        tenant
            .customers
            .forget(&tenant.scope, &user(name), &customer_id(id))
            .await
            .unwrap();
    };
    forget("anna", "cus_other").await;
    forget("anna", "cus_2").await;
    forget("nobody", "cus_1").await;
    assert_eq!(tenant.customer_of("anna").await, Some(customer_id("cus_1")));
    assert_eq!(tenant.customer_of("bert").await, Some(customer_id("cus_2")));

    forget("anna", "cus_1").await;
    assert_eq!(tenant.customer_of("anna").await, None);
    assert_eq!(tenant.customer_of("bert").await, Some(customer_id("cus_2")));
    tenant.save_customer("anna", "cus_3").await;
    forget("anna", "cus_1").await;
    assert_eq!(tenant.customer_of("anna").await, Some(customer_id("cus_3")));
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_user_has_one_customer_and_a_customer_one_user(
    #[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend,
    #[values(("anna", "cus_2"), ("bert", "cus_1"))] second: (&str, &str),
) {
    let test = backend.migrated().await;
    let tenant = test.tenant("demo").await;
    tenant.save_customer("anna", "cus_1").await;
    let operation = tenant.hold(&customer_creation(second.0)).await;
    let finished = tenant
        .operations
        .finish_customer(&tenant.scope, &operation, &customer_id(second.1), at(0))
        .await;
    assert!(matches!(finished, Err(StoreError::Duplicate(_))), "{finished:?}");
    assert_eq!(tenant.customer_of("anna").await, Some(customer_id("cus_1")));
    assert_eq!(tenant.customer_of("bert").await, None);
    // What could not be written has not ended either: the holder still holds it.
    tenant.operations.end(&tenant.scope, &operation).await.unwrap();
}
