//! What a sweep asks of the records, and the row that it may add.

use std::time::Duration;

use billfold_domain::UserId;
use billfold_store::{Adoption, BeginDelete, Recorded, StripeReads};
use rstest::rstest;

use crate::harness::{
    Backend, Postgres, SqliteInFile, SqliteInMemory, at, card, creation, customer_id, method_id, user,
    waiting_card,
};

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn users_come_page_by_page(#[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend) {
    let test = backend.migrated().await;
    let tenant = test.tenant("demo").await;
    let other = test.tenant("acme").await;
    for name in ["anna", "Bert", "carl"] {
        tenant.save_customer(name, &format!("cus_{name}")).await;
    }
    other.save_customer("abel", "cus_abel").await;
    let page = async |after: Option<&UserId>| tenant.customers.page(&tenant.scope, after, 2).await.unwrap();
    let first = page(None).await;
    assert_eq!(
        first,
        [
            (user("Bert"), customer_id("cus_Bert")),
            (user("anna"), customer_id("cus_anna"))
        ]
    );
    let second = page(Some(&first[1].0)).await;
    assert_eq!(second, [(user("carl"), customer_id("cus_carl"))]);
    assert_eq!(page(Some(&second[0].0)).await, []);

    // Those who have methods and no customer, once each.
    for (id, name) in [
        ("pm_1", "anna"),
        ("pm_2", "dora"),
        ("pm_3", "dora"),
        ("pm_4", "emil"),
    ] {
        tenant.save(&card(id, name, at(0))).await;
    }
    tenant.delete(&method_id("pm_4")).await;
    other.save(&card("pm_5", "fred", at(0))).await;
    let without = async |after: Option<&UserId>| {
        tenant
            .payment_methods
            .users_without_customer(&tenant.scope, after, 10)
            .await
            .unwrap()
    };
    assert_eq!(without(None).await, [user("dora")]);
    assert_eq!(without(Some(&user("dora"))).await, []);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn all_that_a_user_has_is_seen_with_its_customer(
    #[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend,
) {
    let test = backend.migrated().await;
    let tenant = test.tenant("demo").await;
    let other = test.tenant("acme").await;
    tenant.save(&card("pm_1", "anna", at(0))).await;
    tenant.save_customer("anna", "cus_1").await;
    let waiting = waiting_card("pm_2", "anna", "seti_2");
    tenant.save(&waiting).await;
    tenant.save(&card("pm_3", "anna", at(0))).await;
    tenant.delete(&method_id("pm_3")).await;
    tenant.save(&card("pm_4", "bert", at(0))).await;
    other.save(&card("pm_5", "anna", at(0))).await;
    let found = tenant
        .payment_methods
        .of_user(&tenant.scope, &user("anna"))
        .await
        .unwrap();
    let found: Vec<_> = found
        .into_iter()
        .map(|row| (row.payment_method, row.customer))
        .collect();
    assert_eq!(
        found,
        [
            (card("pm_1", "anna", at(0)), None),
            (waiting, Some(customer_id("cus_1")))
        ]
    );
    let recorded = async |id: &str| {
        tenant
            .payment_methods
            .recorded(&tenant.scope, &method_id(id))
            .await
            .unwrap()
    };
    assert_eq!(
        recorded("pm_1").await,
        Recorded::Shown(card("pm_1", "anna", at(0)))
    );
    assert_eq!(
        recorded("pm_3").await,
        Recorded::Deleted(card("pm_3", "anna", at(0)))
    );
    assert_eq!(recorded("pm_5").await, Recorded::Never);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn only_what_was_never_here_is_adopted(
    #[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend,
) {
    let test = backend.migrated().await;
    let tenant = test.tenant("demo").await;
    let customer = customer_id("cus_1");
    let adopt = async |id: &str, operation: &str| {
        let payment_method = card(id, "anna", at(7));
        let adoption = Adoption {
            payment_method: &payment_method,
            customer: &customer,
            operation,
        };
        tenant
            .payment_methods
            .adopt(&tenant.scope, &adoption)
            .await
            .unwrap()
    };
    let read = StripeReads::new(test.database.clone())
        .next(&tenant.scope)
        .await
        .unwrap()
        .number;
    assert!(adopt("pm_1", "operation-of-old").await);
    assert_eq!(tenant.find("pm_1").await, Some(card("pm_1", "anna", at(7))));
    let seen = tenant
        .payment_methods
        .of_user(&tenant.scope, &user("anna"))
        .await
        .unwrap();
    assert_eq!(seen[0].customer, Some(customer.clone()));
    // What was read before the adoption removes nothing.
    assert!(
        !tenant
            .payment_methods
            .remove_detached(&tenant.scope, &method_id("pm_1"), read, at(8))
            .await
            .unwrap()
    );
    assert!(!adopt("pm_1", "operation-of-old").await, "it is here");

    tenant.delete(&method_id("pm_1")).await;
    assert!(!adopt("pm_1", "operation-of-old").await, "it was deleted");
    assert_eq!(tenant.find("pm_1").await, None);

    let begun = creation("pm_2", "anna");
    tenant.hold(&begun).await;
    assert!(
        !adopt("pm_2", "operation-of-old").await,
        "an operation is open on it"
    );
    assert!(
        !adopt("pm_3", &begun.id).await,
        "the operation that attached it is open"
    );
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn open_operations_are_listed_and_claimed_before_their_time(
    #[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend,
) {
    let test = backend.migrated().await;
    let tenant = test.tenant("demo").await;
    let other = test.tenant("acme").await;
    tenant.save(&card("pm_1", "anna", at(0))).await;
    let BeginDelete::Held(deletion, _) = tenant.begin_delete(&method_id("pm_1"), None).await else {
        panic!("nothing stands in the way");
    };
    let saving = tenant.hold(&creation("pm_2", "anna")).await;
    let mut names = [deletion.id.clone(), saving.id.clone()];
    names.sort();
    let open = async |after: Option<&str>, limit: i64| {
        let open = tenant.operations.open(&tenant.scope, after, limit).await.unwrap();
        open.into_iter().map(|operation| operation.id).collect::<Vec<_>>()
    };
    assert_eq!(open(None, 10).await, names);
    assert_eq!(open(None, 1).await, names[..1]);
    assert_eq!(open(Some(&names[0]), 10).await, names[1..]);
    let claim = async |tenant: &crate::harness::Tenant| {
        tenant.operations.claim(&tenant.scope, &saving.id).await.unwrap()
    };
    assert_eq!(claim(&tenant).await, None, "it is held");
    tenant
        .operations
        .release(&tenant.scope, &saving, Duration::from_mins(1))
        .await
        .unwrap();
    assert_eq!(tenant.operations.claim_due(&tenant.scope).await.unwrap(), None);
    assert_eq!(claim(&other).await, None, "it is another project's");
    let claimed = claim(&tenant).await.unwrap();
    assert_eq!((claimed.fence, claimed.attempts), (2, 1));
    let is_open = async |id: &str| {
        tenant
            .operations
            .is_open_by_name(&tenant.scope, id)
            .await
            .unwrap()
    };
    assert!(is_open(&saving.id).await);
    tenant.operations.end(&tenant.scope, &claimed).await.unwrap();
    assert!(!is_open(&saving.id).await);
    assert_eq!(claim(&tenant).await, None, "it has ended");
}
