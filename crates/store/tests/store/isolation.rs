//! Two projects with the same names for everything: what happens in one is neither seen nor felt in the other.

use std::time::Duration;

use billfold_domain::{PageLimit, PageRequest, PaymentMethodTypes, Position};
use billfold_store::{Alongside, BeginCreate, BeginDelete, Claim, Operation, StoreError};
use rstest::rstest;

use crate::harness::{
    Backend, Postgres, SqliteInFile, SqliteInMemory, Tenant, at, card, creation, customer_creation,
    customer_id, method_id, setup_intent_creation, setup_intent_id, user, waiting_card,
};

fn start() -> PageRequest {
    PageRequest {
        user: None,
        types: PaymentMethodTypes::ALL,
        position: Position::Start,
        limit: PageLimit::MAXIMUM,
    }
}

async fn save_setup_intent(tenant: &Tenant, user_name: &str, id: &str) {
    let operation = tenant.hold(&setup_intent_creation(user_name)).await;
    tenant
        .operations
        .finish_setup_intent(&tenant.scope, &operation, &setup_intent_id(id), at(0))
        .await
        .unwrap();
}

/// Everything that a project can be asked for by the names of these tests.
async fn everything(tenant: &Tenant) -> Vec<String> {
    let Tenant {
        scope,
        payment_methods,
        setup_intents,
        ..
    } = tenant;
    let mut seen = vec![format!(
        "{:?}",
        payment_methods.page(scope, &start()).await.unwrap()
    )];
    for id in ["pm_1", "pm_2", "pm_3"] {
        seen.push(format!("{:?}", tenant.find(id).await));
        let request = PageRequest {
            position: Position::After(method_id(id)),
            ..start()
        };
        seen.push(format!(
            "{:?}",
            payment_methods.page(scope, &request).await.unwrap()
        ));
    }
    for name in ["anna", "bert"] {
        let request = PageRequest {
            user: Some(user(name)),
            ..start()
        };
        seen.push(format!(
            "{:?}",
            payment_methods.page(scope, &request).await.unwrap()
        ));
        seen.push(format!(
            "{:?}",
            payment_methods
                .available_of_user(scope, &user(name))
                .await
                .unwrap()
        ));
        seen.push(format!("{:?}", tenant.customer_of(name).await));
    }
    for id in ["seti_1", "seti_2"] {
        seen.push(format!(
            "{:?}",
            setup_intents.find(scope, &setup_intent_id(id)).await.unwrap()
        ));
    }
    seen
}

async fn fill(tenant: &Tenant, month: i16) {
    let mut available = card("pm_1", "anna", at(0));
    available.card.exp_month = month;
    tenant.save(&available).await;
    let mut waiting = waiting_card("pm_2", "anna", "seti_1");
    waiting.card.exp_month = month;
    tenant.save(&waiting).await;
    tenant.save_customer("anna", "cus_1").await;
    save_setup_intent(tenant, "anna", "seti_1").await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_project_without_anything_sees_nothing_of_one_that_has_all(
    #[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend,
) {
    let test = backend.migrated().await;
    let (full, empty) = (test.tenant("full").await, test.tenant("empty").await);
    let nothing = everything(&empty).await;
    fill(&full, 5).await;
    tenant_changes_nothing_in(&full, &empty).await;
    assert_eq!(everything(&empty).await, nothing);
    let cursor = PageRequest {
        position: Position::After(method_id("pm_1")),
        ..start()
    };
    assert_eq!(
        empty.payment_methods.page(&empty.scope, &cursor).await.unwrap(),
        None,
        "it never had the cursor"
    );
    // A user's methods in another project are no user's here.
    assert!(matches!(
        empty.begin_create("pm_1", "bert", 1).await,
        BeginCreate::Held(_)
    ));
}

/// Does under the scope of `acting` whatever names only something of `other`'s, and looks for a trace there.
async fn tenant_changes_nothing_in(other: &Tenant, acting: &Tenant) {
    let before = everything(other).await;
    let scope = &acting.scope;
    for id in ["pm_1", "pm_2"] {
        assert_eq!(
            acting.begin_delete(&method_id(id), None).await,
            BeginDelete::NotFound
        );
        assert_eq!(
            acting.begin_delete(&method_id(id), Some("anna")).await,
            BeginDelete::NotFound
        );
    }
    let setup_intent = setup_intent_id("seti_1");
    acting
        .payment_methods
        .confirm(scope, &method_id("pm_2"), &setup_intent)
        .await
        .unwrap();
    acting
        .payment_methods
        .give_up(scope, &method_id("pm_2"), &setup_intent, at(9))
        .await
        .unwrap();
    acting
        .customers
        .forget(scope, &user("anna"), &customer_id("cus_1"))
        .await
        .unwrap();
    assert_eq!(everything(other).await, before);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn the_same_names_in_two_projects_are_different_things(
    #[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend,
) {
    let test = backend.migrated().await;
    let (first, second) = (test.tenant("first").await, test.tenant("second").await);
    fill(&first, 5).await;
    fill(&second, 6).await;
    let before = everything(&second).await;
    assert_ne!(everything(&first).await, before);
    assert_eq!(first.find("pm_1").await.unwrap().card.exp_month, 5);
    assert_eq!(second.find("pm_1").await.unwrap().card.exp_month, 6);

    // All that can be changed, changed in the first.
    let setup_intent = setup_intent_id("seti_1");
    first
        .payment_methods
        .confirm(&first.scope, &method_id("pm_2"), &setup_intent)
        .await
        .unwrap();
    first.delete(&method_id("pm_1")).await;
    first.save(&card("pm_3", "bert", at(3))).await;
    first
        .customers
        .forget(&first.scope, &user("anna"), &customer_id("cus_1"))
        .await
        .unwrap();
    first.save_customer("bert", "cus_2").await;
    save_setup_intent(&first, "bert", "seti_2").await;
    first.save(&waiting_card("pm_2", "bert", "seti_2")).await;
    first
        .payment_methods
        .give_up(
            &first.scope,
            &method_id("pm_2"),
            &setup_intent_id("seti_2"),
            at(9),
        )
        .await
        .unwrap();
    assert_eq!(everything(&second).await, before);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn an_operation_is_held_in_its_own_project_only(
    #[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend,
) {
    let test = backend.migrated().await;
    let (first, second) = (test.tenant("first").await, test.tenant("second").await);
    for new in [
        creation("pm_1", "anna"),
        customer_creation("anna"),
        setup_intent_creation("anna"),
    ] {
        let operation = first.hold(&new).await;
        // Neither its name nor its subject is taken elsewhere.
        let twin = second.hold(&new).await;
        assert_eq!(operation, twin);
        second.operations.end(&second.scope, &twin).await.unwrap();
        no_result_is_written_elsewhere(&second, &operation).await;
        second
            .operations
            .release(&second.scope, &operation, Duration::ZERO)
            .await
            .unwrap();
        assert_eq!(
            first.operations.begin(&first.scope, &new, at(0)).await.unwrap(),
            Claim::Busy
        );
        first.operations.end(&first.scope, &operation).await.unwrap();
    }
}

/// Shows an operation of another project at every door.
async fn no_result_is_written_elsewhere(tenant: &Tenant, foreign: &Operation) {
    let Tenant {
        scope, operations, ..
    } = tenant;
    let before = everything(tenant).await;
    let results = [
        operations.end(scope, foreign).await,
        operations.raise_epoch(scope, foreign.clone()).await.map(|_| ()),
        operations
            .finish_payment_method(scope, foreign, &card("pm_1", "anna", at(0)), Alongside::nothing())
            .await,
        operations
            .finish_customer(scope, foreign, &customer_id("cus_1"), at(0))
            .await,
        operations
            .finish_setup_intent(scope, foreign, &setup_intent_id("seti_1"), at(0))
            .await,
    ];
    for result in results {
        assert!(matches!(result, Err(StoreError::Fenced)), "{result:?}");
    }
    assert_eq!(everything(tenant).await, before);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn limits_and_deletions_are_each_projects_own(
    #[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend,
) {
    let test = backend.migrated().await;
    let (first, second) = (test.tenant("first").await, test.tenant("second").await);
    first.save(&card("pm_1", "anna", at(0))).await;
    first.hold(&creation("pm_2", "anna")).await;
    assert_eq!(
        first.begin_create("pm_3", "anna", 2).await,
        BeginCreate::LimitReached
    );
    assert!(matches!(
        second.begin_create("pm_3", "anna", 1).await,
        BeginCreate::Held(_)
    ));

    second.save(&card("pm_1", "anna", at(0))).await;
    let BeginDelete::Held(operation, _) = first.begin_delete(&method_id("pm_1"), None).await else {
        panic!("nothing stands in the way");
    };
    assert!(second.find("pm_1").await.is_some());
    // One that is open in the first is none that could be joined in the second.
    second.delete(&method_id("pm_1")).await;
    first
        .operations
        .release(&first.scope, &operation, Duration::ZERO)
        .await
        .unwrap();
    assert_eq!(
        second.begin_delete(&method_id("pm_1"), None).await,
        BeginDelete::NotFound
    );
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_written_for_a_project_that_does_not_exist(
    #[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend,
) {
    let test = backend.migrated().await;
    let nobody = Tenant::of(&test.database, "nobody");
    let claim = nobody
        .operations
        .begin(&nobody.scope, &creation("pm_1", "anna"), at(0))
        .await;
    assert!(claim.is_err(), "{claim:?}");
    let request = start();
    let page = nobody
        .payment_methods
        .page(&nobody.scope, &request)
        .await
        .unwrap()
        .unwrap();
    assert!(page.items.is_empty());
}
