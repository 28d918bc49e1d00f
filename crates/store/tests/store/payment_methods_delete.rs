//! How a payment method goes: deleted, given up, and back again.

use std::time::Duration;

use billfold_domain::{PageLimit, PageRequest, PaymentMethodTypes, Position};
use billfold_store::{Alongside, BeginCreate, BeginDelete, Operation};
use rstest::rstest;

use crate::harness::{
    Backend, Postgres, SqliteInFile, SqliteInMemory, Tenant, at, card, creation, method_id, setup_intent_id,
    user, waiting_card,
};

fn held(begun: BeginDelete) -> Operation {
    match begun {
        BeginDelete::Held(operation, _) => operation,
        other => panic!("not held: {other:?}"),
    }
}

async fn listed(tenant: &Tenant) -> Vec<String> {
    let request = PageRequest {
        user: None,
        types: PaymentMethodTypes::ALL,
        position: Position::Start,
        limit: PageLimit::MAXIMUM,
    };
    let page = tenant
        .payment_methods
        .page(&tenant.scope, &request)
        .await
        .unwrap()
        .unwrap();
    page.items.into_iter().map(|item| item.id.to_string()).collect()
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn what_begins_to_be_deleted_is_hidden_at_once(
    #[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend,
) {
    let test = backend.migrated().await;
    let tenant = test.tenant("demo").await;
    let method = card("pm_1", "anna", at(1));
    tenant.save(&method).await;
    tenant.save(&card("pm_2", "anna", at(2))).await;
    let BeginDelete::Held(operation, shown) = tenant.begin_delete(&method.id, Some("anna")).await else {
        panic!("nothing stands in the way");
    };
    assert_eq!(shown, method, "the method as it was");
    assert_eq!((operation.fence, &operation.user), (1, &user("anna")));
    assert_eq!(tenant.find("pm_1").await, None);
    assert_eq!(listed(&tenant).await, ["pm_2"]);
    let available = tenant
        .payment_methods
        .available_of_user(&tenant.scope, &user("anna"))
        .await
        .unwrap();
    assert_eq!(
        available.iter().map(|item| item.id.as_str()).collect::<Vec<_>>(),
        ["pm_2"]
    );
    assert_eq!(tenant.begin_create("pm_1", "anna", 100).await, BeginCreate::Busy);

    tenant.operations.end(&tenant.scope, &operation).await.unwrap();
    assert_eq!(
        tenant.begin_delete(&method.id, Some("anna")).await,
        BeginDelete::NotFound
    );
    assert_eq!(tenant.begin_delete(&method.id, None).await, BeginDelete::NotFound);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn only_its_owner_finds_it(#[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend) {
    let test = backend.migrated().await;
    let tenant = test.tenant("demo").await;
    tenant.save(&card("pm_1", "anna", at(0))).await;
    let id = method_id("pm_1");
    assert_eq!(
        tenant.begin_delete(&id, Some("bert")).await,
        BeginDelete::NotFound
    );
    assert_eq!(
        tenant.begin_delete(&id, Some("Anna")).await,
        BeginDelete::NotFound
    );
    assert_eq!(
        tenant.begin_delete(&method_id("PM_1"), None).await,
        BeginDelete::NotFound
    );
    assert_eq!(
        tenant.begin_delete(&method_id("pm_2"), None).await,
        BeginDelete::NotFound
    );
    assert!(tenant.find("pm_1").await.is_some());
    // No answer above left an operation open.
    assert_eq!(held(tenant.begin_delete(&id, Some("anna")).await).fence, 1);
    // Nor does another user learn that a deletion is under way.
    assert_eq!(
        tenant.begin_delete(&id, Some("bert")).await,
        BeginDelete::NotFound
    );
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_that_was_left_open_is_joined(
    #[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend,
    #[values(None, Some("anna"))] owner: Option<&str>,
) {
    let test = backend.migrated().await;
    let tenant = test.tenant("demo").await;
    let method = card("pm_1", "anna", at(0));
    tenant.save(&method).await;
    let first = held(tenant.begin_delete(&method.id, owner).await);
    assert_eq!(tenant.begin_delete(&method.id, owner).await, BeginDelete::Busy);
    tenant
        .operations
        .release(&tenant.scope, &first, Duration::ZERO)
        .await
        .unwrap();
    let joined = tenant.begin_delete(&method.id, owner).await;
    let expected = Operation {
        fence: 2,
        attempts: 1,
        ..first
    };
    assert_eq!(joined, BeginDelete::Held(expected.clone(), method.clone()));
    assert_eq!(tenant.find("pm_1").await, None);
    tenant.operations.end(&tenant.scope, &expected).await.unwrap();
    assert_eq!(
        tenant.begin_delete(&method.id, owner).await,
        BeginDelete::NotFound
    );
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn an_older_creation_ends_before_the_deletion_begins(
    #[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend,
) {
    let test = backend.migrated().await;
    let tenant = test.tenant("demo").await;
    let method = card("pm_1", "anna", at(0));
    tenant.save(&method).await;
    let older = tenant.hold(&creation("pm_1", "anna")).await;
    assert_eq!(tenant.begin_delete(&method.id, None).await, BeginDelete::Busy);
    tenant
        .operations
        .release(&tenant.scope, &older, Duration::ZERO)
        .await
        .unwrap();
    let taken_over = held(tenant.begin_delete(&method.id, None).await);
    assert_eq!(
        taken_over,
        Operation {
            fence: 2,
            attempts: 1,
            ..older
        }
    );
    assert_eq!(
        tenant.find("pm_1").await,
        Some(method),
        "it is not being deleted yet"
    );
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_delete_one_does(#[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend) {
    let test = backend.migrated().await;
    let tenant = test.tenant("demo").await;
    for round in 0..15 {
        let id = method_id(&format!("pm_{round}"));
        tenant.save(&card(id.as_str(), "anna", at(0))).await;
        let racing: Vec<_> = (0..12)
            .map(|_| {
                let (tenant, id) = (tenant.clone(), id.clone());
                tokio::spawn(async move {
                    let begun = tenant.begin_delete(&id, None).await;
                    if let BeginDelete::Held(operation, _) = &begun {
                        tenant.operations.end(&tenant.scope, operation).await.unwrap();
                    }
                    begun
                })
            })
            .collect();
        let mut holders = 0;
        for race in racing {
            holders += usize::from(matches!(race.await.unwrap(), BeginDelete::Held(..)));
        }
        assert_eq!(holders, 1, "round {round}");
        assert_eq!(tenant.find(id.as_str()).await, None);
    }
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn what_is_saved_again_lives_again(#[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend) {
    let test = backend.migrated().await;
    let tenant = test.tenant("demo").await;
    tenant.save(&waiting_card("pm_1", "anna", "seti_1")).await;
    tenant.save(&card("pm_2", "anna", at(5))).await;
    tenant.delete(&method_id("pm_1")).await;
    assert_eq!(listed(&tenant).await, ["pm_2"]);
    // Another user may have it now, and nothing of the first one's stays.
    let BeginCreate::Held(operation) = tenant.begin_create("pm_1", "bert", 100).await else {
        panic!("the name is free");
    };
    let revived = card("pm_1", "bert", at(9));
    tenant
        .operations
        .finish_payment_method(&tenant.scope, &operation, &revived, Alongside::nothing())
        .await
        .unwrap();
    assert_eq!(tenant.find("pm_1").await, Some(revived));
    assert_eq!(listed(&tenant).await, ["pm_1", "pm_2"]);
    assert_eq!(
        tenant.begin_delete(&method_id("pm_1"), Some("anna")).await,
        BeginDelete::NotFound
    );
    held(tenant.begin_delete(&method_id("pm_1"), Some("bert")).await);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn confirming_touches_only_the_method_that_waits_on_that_setup_intent(
    #[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend,
) {
    let test = backend.migrated().await;
    let tenant = test.tenant("demo").await;
    let waiting = waiting_card("pm_1", "anna", "seti_1");
    let twin = waiting_card("pm_2", "anna", "seti_1");
    for method in [&waiting, &twin] {
        tenant.save(method).await;
    }
    let confirm = async |id: &str, setup_intent: &str| {
        let setup_intent = setup_intent_id(setup_intent);
        tenant
            .payment_methods
            .confirm(&tenant.scope, &method_id(id), &setup_intent)
            .await
            .unwrap();
    };
    confirm("pm_1", "seti_2").await;
    confirm("pm_3", "seti_1").await;
    assert_eq!(tenant.find("pm_1").await, Some(waiting));
    assert!(
        tenant
            .payment_methods
            .available_of_user(&tenant.scope, &user("anna"))
            .await
            .unwrap()
            .is_empty()
    );
    confirm("pm_1", "seti_1").await;
    assert_eq!(tenant.find("pm_1").await, Some(card("pm_1", "anna", at(0))));
    assert_eq!(tenant.find("pm_2").await, Some(twin));
    // Twice is as good as once, and what is deleted stays deleted.
    confirm("pm_1", "seti_1").await;
    tenant.delete(&method_id("pm_2")).await;
    confirm("pm_2", "seti_1").await;
    assert_eq!(tenant.find("pm_2").await, None);
    assert_eq!(listed(&tenant).await, ["pm_1"]);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn giving_up_touches_only_the_method_that_waits_on_that_setup_intent(
    #[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend,
) {
    let test = backend.migrated().await;
    let tenant = test.tenant("demo").await;
    for method in [
        waiting_card("pm_1", "anna", "seti_1"),
        waiting_card("pm_2", "anna", "seti_1"),
        card("pm_3", "anna", at(0)),
    ] {
        tenant.save(&method).await;
    }
    let give_up = async |id: &str, setup_intent: &str| {
        let setup_intent = setup_intent_id(setup_intent);
        tenant
            .payment_methods
            .give_up(&tenant.scope, &method_id(id), &setup_intent, at(9))
            .await
            .unwrap();
    };
    give_up("pm_1", "seti_2").await;
    give_up("pm_3", "seti_1").await;
    give_up("pm_4", "seti_1").await;
    assert_eq!(listed(&tenant).await, ["pm_3", "pm_2", "pm_1"]);
    give_up("pm_1", "seti_1").await;
    assert_eq!(listed(&tenant).await, ["pm_3", "pm_2"]);
    assert_eq!(
        tenant.begin_delete(&method_id("pm_1"), None).await,
        BeginDelete::NotFound
    );
    // A method that was confirmed in time is past giving up.
    let confirmed = setup_intent_id("seti_1");
    tenant
        .payment_methods
        .confirm(&tenant.scope, &method_id("pm_2"), &confirmed)
        .await
        .unwrap();
    give_up("pm_2", "seti_1").await;
    assert_eq!(listed(&tenant).await, ["pm_3", "pm_2"]);
}
