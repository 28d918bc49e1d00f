//! How the saving of a payment method begins.

use std::time::Duration;

use billfold_store::{Alongside, BeginCreate, NewOperation, OperationKind};
use rstest::rstest;

use crate::harness::{
    Backend, Postgres, SqliteInFile, SqliteInMemory, Tenant, at, card, creation, customer_creation,
    method_id, setup_intent_creation,
};

fn held(begun: BeginCreate) -> billfold_store::Operation {
    match begun {
        BeginCreate::Held(operation) => operation,
        other => panic!("not held: {other:?}"),
    }
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_new_method_is_held_and_then_saved(
    #[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend,
) {
    let test = backend.migrated().await;
    let tenant = test.tenant("demo").await;
    let new = creation("pm_1", "anna");
    let id = method_id("pm_1");
    let begin = || {
        tenant
            .payment_methods
            .begin_create(&tenant.scope, &new, &id, 100, at(2), Alongside::nothing())
    };
    let operation = held(begin().await.unwrap());
    assert_eq!(
        (&operation.id, operation.kind, operation.created_at),
        (&new.id, new.kind, at(2))
    );
    assert_eq!(tenant.find("pm_1").await, None, "an intent shows nothing");
    assert_eq!(tenant.begin_create("pm_1", "anna", 100).await, BeginCreate::Busy);

    let method = card("pm_1", "anna", at(3));
    tenant
        .operations
        .finish_payment_method(&tenant.scope, &operation, &method, Alongside::nothing())
        .await
        .unwrap();
    assert_eq!(
        tenant.begin_create("pm_1", "anna", 100).await,
        BeginCreate::Saved(method)
    );
    assert_eq!(
        tenant.begin_create("pm_1", "bert", 100).await,
        BeginCreate::OwnedByAnother
    );
    // Neither answer left an operation open.
    tenant.hold(&creation("pm_1", "anna")).await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn an_older_operation_on_the_method_ends_first(
    #[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend,
    #[values(
        OperationKind::DeletePaymentMethod,
        OperationKind::CreateAvailablePaymentMethod
    )]
    kind: OperationKind,
) {
    let test = backend.migrated().await;
    let tenant = test.tenant("demo").await;
    let older = tenant
        .hold(&NewOperation {
            kind,
            ..creation("pm_1", "bert")
        })
        .await;
    assert_eq!(tenant.begin_create("pm_1", "anna", 100).await, BeginCreate::Busy);
    tenant
        .operations
        .release(&tenant.scope, &older, Duration::ZERO)
        .await
        .unwrap();
    let operation = held(tenant.begin_create("pm_1", "anna", 100).await);
    assert_eq!(
        operation,
        billfold_store::Operation {
            fence: 2,
            attempts: 1,
            ..older
        }
    );
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn the_limit_counts_what_is_saved_and_what_is_on_its_way(
    #[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend,
) {
    let test = backend.migrated().await;
    let tenant = test.tenant("demo").await;
    tenant.save(&card("pm_saved", "anna", at(0))).await;
    tenant.save(&card("pm_deleted", "anna", at(0))).await;
    tenant.delete(&method_id("pm_deleted")).await;
    tenant.save(&card("pm_berts", "bert", at(0))).await;
    held(tenant.begin_create("pm_berts_next", "bert", 100).await);
    // Neither of these leads to a payment method.
    tenant.hold(&customer_creation("anna")).await;
    tenant.hold(&setup_intent_creation("anna")).await;
    assert_eq!(
        tenant.begin_create("pm_1", "anna", 1).await,
        BeginCreate::LimitReached
    );

    let open = held(tenant.begin_create("pm_1", "anna", 2).await);
    assert_eq!(
        tenant.begin_create("pm_2", "anna", 2).await,
        BeginCreate::LimitReached
    );
    let kind = OperationKind::CreateAvailablePaymentMethod;
    let by_account = NewOperation {
        kind,
        ..creation("pm_3", "anna")
    };
    let begin = async |maximum| {
        tenant
            .payment_methods
            .begin_create(
                &tenant.scope,
                &by_account,
                &method_id("pm_3"),
                maximum,
                at(0),
                Alongside::nothing(),
            )
            .await
            .unwrap()
    };
    assert_eq!(begin(2).await, BeginCreate::LimitReached);
    held(begin(3).await);
    assert_eq!(
        tenant.begin_create("pm_4", "anna", 3).await,
        BeginCreate::LimitReached
    );

    // An operation does not stand in its own way, and what is saved is saved whatever the limit says.
    tenant
        .operations
        .release(&tenant.scope, &open, Duration::ZERO)
        .await
        .unwrap();
    let again = held(tenant.begin_create("pm_1", "anna", 3).await);
    assert_eq!((&again.id, again.fence), (&open.id, 2));
    assert!(matches!(
        tenant.begin_create("pm_saved", "anna", 0).await,
        BeginCreate::Saved(_)
    ));
    // What came to nothing makes room again.
    tenant.operations.end(&tenant.scope, &again).await.unwrap();
    held(tenant.begin_create("pm_4", "anna", 3).await);
}

/// Begins and, where it may, ends the saving of a method.
async fn save_if_allowed(tenant: Tenant, id: String, maximum: i64) -> bool {
    match tenant.begin_create(&id, "anna", maximum).await {
        BeginCreate::Held(operation) => {
            let method = card(&id, "anna", at(0));
            tenant
                .operations
                .finish_payment_method(&tenant.scope, &operation, &method, Alongside::nothing())
                .await
                .unwrap();
            true
        }
        BeginCreate::LimitReached => false,
        other => panic!("{other:?}"),
    }
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn thirty_who_race_for_the_last_places_never_pass_the_limit(
    #[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend,
) {
    const MAXIMUM: usize = 10;
    let test = backend.migrated().await;
    let tenant = test.tenant("demo").await;
    for index in 0..4 {
        tenant
            .save(&card(&format!("pm_before_{index}"), "anna", at(0)))
            .await;
    }
    let racing: Vec<_> = (0..30)
        .map(|index| tokio::spawn(save_if_allowed(tenant.clone(), format!("pm_{index}"), 10)))
        .collect();
    let mut saved = 0;
    for race in racing {
        saved += usize::from(race.await.unwrap());
    }
    assert_eq!(saved, MAXIMUM - 4);
    let all = tenant
        .payment_methods
        .available_of_user(&tenant.scope, &"anna".parse().unwrap())
        .await
        .unwrap();
    assert_eq!(all.len(), MAXIMUM);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_save_the_same_method_one_does(
    #[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend,
    #[values(1, 2)] users: usize,
) {
    let test = backend.migrated().await;
    let tenant = test.tenant("demo").await;
    // The first to be done ends while others are in the middle of beginning; several rounds meet in several ways.
    for round in 0..15 {
        let id = format!("pm_{round}");
        let racing: Vec<_> = (0..16)
            .map(|index| {
                let (tenant, id) = (tenant.clone(), id.clone());
                let user = ["anna", "bert"][index % users];
                tokio::spawn(async move {
                    let begun = tenant.begin_create(&id, user, 1_000).await;
                    if let BeginCreate::Held(operation) = &begun {
                        let method = card(&id, user, at(0));
                        tenant
                            .operations
                            .finish_payment_method(&tenant.scope, operation, &method, Alongside::nothing())
                            .await
                            .unwrap();
                    }
                    begun
                })
            })
            .collect();
        let mut holders = Vec::new();
        for race in racing {
            match race.await.unwrap() {
                BeginCreate::Held(operation) => holders.push(operation),
                BeginCreate::Done(_) => panic!("each race has operations of its own"),
                BeginCreate::LimitReached => panic!("there is no limit to reach"),
                BeginCreate::OwnedByAnother if users == 1 => panic!("there is no other"),
                BeginCreate::Saved(_) | BeginCreate::OwnedByAnother | BeginCreate::Busy => {}
            }
        }
        assert_eq!(holders.len(), 1, "round {round}: {holders:?}");
        assert_eq!(tenant.find(&id).await.unwrap().user, holders[0].user);
    }
}
