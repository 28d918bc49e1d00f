//! Operations: claimed, released, taken over and ended.

use std::time::Duration;

use billfold_store::{Claim, NewOperation, OperationKind, StoreError, Subject};
use rstest::rstest;

use crate::harness::{
    Backend, Postgres, SqliteInFile, SqliteInMemory, at, creation, customer_creation, held, method_id,
    operation_id, setup_intent_creation, user,
};

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn one_holder_at_a_time(#[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend) {
    let test = backend.migrated().await;
    let tenant = test.tenant("demo").await;
    let new = creation("pm_1", "anna");
    let operation = held(tenant.operations.begin(&tenant.scope, &new, at(3)).await.unwrap());
    assert_eq!(
        (&operation.id, operation.kind, &operation.subject, &operation.user),
        (&new.id, new.kind, &new.subject, &new.user)
    );
    assert_eq!(
        (operation.epoch, operation.fence, operation.created_at),
        (0, 1, at(3))
    );

    let second = creation("pm_1", "bert");
    assert_eq!(
        tenant
            .operations
            .begin(&tenant.scope, &second, at(4))
            .await
            .unwrap(),
        Claim::Busy
    );
    // Asking again under the same name is no way round it.
    let again = NewOperation {
        subject: new.subject.clone(),
        ..new.clone()
    };
    assert!(!matches!(
        tenant.operations.begin(&tenant.scope, &again, at(4)).await,
        Ok(Claim::Held(_))
    ));
    // Another subject is free.
    tenant.hold(&creation("pm_2", "anna")).await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_released_operation_is_taken_over_as_it_began(
    #[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend,
) {
    let test = backend.migrated().await;
    let tenant = test.tenant("demo").await;
    let new = creation("pm_1", "anna");
    let first = held(tenant.operations.begin(&tenant.scope, &new, at(3)).await.unwrap());
    tenant
        .operations
        .release(&tenant.scope, &first, Duration::ZERO)
        .await
        .unwrap();

    // Another kind, for another user: the older operation must end first all the same.
    let other = NewOperation {
        kind: OperationKind::DeletePaymentMethod,
        ..creation("pm_1", "bert")
    };
    let second = held(
        tenant
            .operations
            .begin(&tenant.scope, &other, at(9))
            .await
            .unwrap(),
    );
    assert_eq!(second.fence, 2);
    assert_eq!(
        second,
        billfold_store::Operation {
            fence: 2,
            attempts: 1,
            ..first.clone()
        }
    );
    assert_eq!(
        tenant.operations.begin(&tenant.scope, &new, at(9)).await.unwrap(),
        Claim::Busy
    );

    tenant
        .operations
        .release(&tenant.scope, &second, Duration::ZERO)
        .await
        .unwrap();
    assert_eq!(tenant.hold(&new).await.fence, 3);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_lease_that_ran_out_lets_another_take_over(#[values(SqliteInFile, Postgres)] backend: Backend) {
    let test = backend.migrated().await;
    let tenant = test.tenant("demo").await;
    let new = creation("pm_1", "anna");
    let first = tenant.hold(&new).await;
    let (now, second) = match backend {
        Postgres => ("clock_timestamp()", "interval '1 second'"),
        _ => ("cast(unixepoch('subsec') * 1000000 as integer)", "1000000"),
    };
    // A claim holds for half a minute by the database's clock, give or take what this test takes.
    let lease = format!(
        "select 1 as value from operations where lease_expires_at between {now} + 5 * {second} and {now} + 31 * {second}"
    );
    assert_eq!(test.texts(&lease).await, ["1"]);
    test.execute(&format!(
        "update operations set lease_expires_at = {now} - {second}"
    ))
    .await;
    let second = tenant.hold(&creation("pm_1", "anna")).await;
    assert_eq!((&second.id, second.fence), (&first.id, 2));
    // The takeover is a lease of its own.
    assert_eq!(test.texts(&lease).await, ["1"]);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn ending_frees_the_subject(#[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend) {
    let test = backend.migrated().await;
    let tenant = test.tenant("demo").await;
    let first = tenant.hold(&creation("pm_1", "anna")).await;
    tenant.operations.end(&tenant.scope, &first).await.unwrap();
    let new = creation("pm_1", "bert");
    let second = tenant.hold(&new).await;
    assert_eq!(
        (&second.id, second.fence, &second.user),
        (&new.id, 1, &user("bert"))
    );
    // What has ended cannot end again, nor touch what came after it.
    assert!(matches!(
        tenant.operations.end(&tenant.scope, &first).await,
        Err(StoreError::Fenced)
    ));
    tenant
        .operations
        .release(&tenant.scope, &first, Duration::ZERO)
        .await
        .unwrap();
    assert_eq!(
        tenant.operations.begin(&tenant.scope, &new, at(0)).await.unwrap(),
        Claim::Busy
    );
    assert_eq!(tenant.find("pm_1").await, None);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_raised_epoch_outlives_its_holder(
    #[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend,
) {
    let test = backend.migrated().await;
    let tenant = test.tenant("demo").await;
    let operation = tenant.hold(&creation("pm_1", "anna")).await;
    let raised = tenant
        .operations
        .raise_epoch(&tenant.scope, operation.clone())
        .await
        .unwrap();
    assert_eq!(
        raised,
        billfold_store::Operation {
            epoch: 1,
            ..operation
        }
    );
    let raised = tenant
        .operations
        .raise_epoch(&tenant.scope, raised)
        .await
        .unwrap();
    assert_eq!((raised.epoch, raised.fence), (2, 1));
    // The lease was renewed, not lost.
    let another = creation("pm_1", "anna");
    assert_eq!(
        tenant
            .operations
            .begin(&tenant.scope, &another, at(0))
            .await
            .unwrap(),
        Claim::Busy
    );
    tenant
        .operations
        .release(&tenant.scope, &raised, Duration::ZERO)
        .await
        .unwrap();
    let taken_over = tenant.hold(&another).await;
    assert_eq!((taken_over.epoch, taken_over.fence), (2, 2));
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn every_kind_and_subject_survives_a_takeover(
    #[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend,
) {
    let test = backend.migrated().await;
    let tenant = test.tenant("demo").await;
    let longest = "p".repeat(255);
    let of_method = |kind| NewOperation {
        id: operation_id(),
        kind,
        subject: Subject::PaymentMethod(method_id(&longest)),
        user: user(&"u".repeat(64)),
    };
    let operations = [
        of_method(OperationKind::CreatePaymentMethod),
        of_method(OperationKind::CreateAvailablePaymentMethod),
        of_method(OperationKind::DeletePaymentMethod),
        customer_creation("-customer-"),
        setup_intent_creation("anna"),
    ];
    for new in operations {
        let first = tenant.hold(&new).await;
        tenant
            .operations
            .release(&tenant.scope, &first, Duration::ZERO)
            .await
            .unwrap();
        let second = tenant
            .hold(&NewOperation {
                id: operation_id(),
                ..new.clone()
            })
            .await;
        let as_new = NewOperation {
            id: second.id,
            kind: second.kind,
            subject: second.subject,
            user: second.user,
        };
        assert_eq!((as_new, second.fence), (new, 2));
        let held_now = billfold_store::Operation { fence: 2, ..first };
        tenant.operations.end(&tenant.scope, &held_now).await.unwrap();
    }
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn of_fifty_who_begin_at_once_one_holds(
    #[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend,
    #[values(false, true)] left_open_before: bool,
) {
    let test = backend.migrated().await;
    let tenant = test.tenant("demo").await;
    if left_open_before {
        let abandoned = tenant.hold(&creation("pm_1", "anna")).await;
        tenant
            .operations
            .release(&tenant.scope, &abandoned, Duration::ZERO)
            .await
            .unwrap();
    }
    let claims: Vec<_> = (0..50)
        .map(|_| {
            let tenant = tenant.clone();
            tokio::spawn(async move {
                tenant
                    .operations
                    .begin(&tenant.scope, &creation("pm_1", "anna"), at(0))
                    .await
                    .unwrap()
            })
        })
        .collect();
    let mut holders = 0;
    for claim in claims {
        if let Claim::Held(operation) = claim.await.unwrap() {
            holders += 1;
            assert_eq!(operation.fence, if left_open_before { 2 } else { 1 });
        }
    }
    assert_eq!(holders, 1);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn what_is_left_open_comes_due_and_is_claimed_once(
    #[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend,
) {
    let test = backend.migrated().await;
    let tenant = test.tenant("demo").await;
    let other = test.tenant("acme").await;
    let first = tenant.hold(&creation("pm_1", "anna")).await;
    let second = tenant.hold(&creation("pm_2", "anna")).await;

    // What is held is not due, whoever asks.
    assert_eq!(tenant.operations.projects_due().await.unwrap(), []);
    assert_eq!(tenant.operations.claim_due(&tenant.scope).await.unwrap(), None);

    // What is to wait is not due either, though a caller may have it at once.
    tenant
        .operations
        .release(&tenant.scope, &first, Duration::from_hours(1))
        .await
        .unwrap();
    assert_eq!(tenant.operations.claim_due(&tenant.scope).await.unwrap(), None);

    tenant
        .operations
        .release(&tenant.scope, &second, Duration::ZERO)
        .await
        .unwrap();
    assert_eq!(
        tenant.operations.projects_due().await.unwrap(),
        [tenant.scope.project().clone()]
    );
    assert_eq!(other.operations.claim_due(&other.scope).await.unwrap(), None);
    let claimed = tenant.operations.claim_due(&tenant.scope).await.unwrap().unwrap();
    assert_eq!(
        claimed,
        billfold_store::Operation {
            fence: 2,
            attempts: 1,
            ..second
        }
    );
    assert_eq!(tenant.operations.claim_due(&tenant.scope).await.unwrap(), None);
    assert_eq!(tenant.operations.projects_due().await.unwrap(), []);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn open_operations_are_counted_within_a_project(
    #[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend,
) {
    let test = backend.migrated().await;
    let (tenant, other) = (test.tenant("demo").await, test.tenant("acme").await);
    let first = tenant.hold(&creation("pm_1", "anna")).await;
    tenant.hold(&creation("pm_2", "anna")).await;
    other.hold(&creation("pm_1", "anna")).await;
    assert_eq!(tenant.operations.count_open(&tenant.scope).await.unwrap(), 2);
    tenant.operations.end(&tenant.scope, &first).await.unwrap();
    assert_eq!(tenant.operations.count_open(&tenant.scope).await.unwrap(), 1);
    assert_eq!(other.operations.count_open(&other.scope).await.unwrap(), 1);
}
