//! What is seen at Stripe is written down once, and nothing older overwrites it.

use std::time::Duration;

use billfold_domain::{Card, CardBrand};
use billfold_store::StripeReads;
use rstest::rstest;

use crate::harness::{
    Backend, Postgres, SqliteInFile, SqliteInMemory, Tenant, at, card, customer_id, method_id,
    setup_intent_id, waiting_card,
};

const NEW_CARD: Card = Card {
    brand: CardBrand::Mastercard,
    last4: String::new(),
    exp_month: 1,
    exp_year: 2040,
};

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn reads_are_numbered_and_paced(#[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend) {
    let test = backend.migrated().await;
    let tenant = test.tenant("demo").await;
    let other = test.tenant("acme").await;
    let reads = StripeReads::new(test.database.clone());
    let mut granted = Vec::new();
    for _ in 0..5 {
        granted.push(reads.next(&tenant.scope).await.unwrap());
    }
    let numbers: Vec<i64> = granted.iter().map(|read| read.number).collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5]);
    assert_eq!(granted[0].wait, Duration::ZERO);
    // Four intervals after the first, less the time that the test itself has taken; another project waits for nothing.
    assert!(granted[4].wait <= Duration::from_millis(800), "{granted:?}");
    assert!(
        granted[1].wait > Duration::ZERO || granted[4].wait == Duration::ZERO,
        "{granted:?}"
    );
    let of_other = reads.next(&other.scope).await.unwrap();
    assert_eq!((of_other.number, of_other.wait), (1, Duration::ZERO));
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn an_older_read_changes_nothing(#[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend) {
    let test = backend.migrated().await;
    let tenant = test.tenant("demo").await;
    let reads = StripeReads::new(test.database.clone());
    let next = async || reads.next(&tenant.scope).await.unwrap().number;
    let id = method_id("pm_1");
    let before = next().await;
    tenant.save(&card("pm_1", "anna", at(0))).await;
    let methods = &tenant.payment_methods;
    // A read that was granted before the method was saved may have seen it before it was attached.
    assert!(
        !methods
            .remove_detached(&tenant.scope, &id, before, at(9))
            .await
            .unwrap()
    );
    let (older, newer) = (next().await, next().await);
    assert!(
        methods
            .refresh_card(&tenant.scope, &id, newer, &NEW_CARD)
            .await
            .unwrap()
    );
    let old_card = card("pm_1", "anna", at(0)).card;
    assert!(
        !methods
            .refresh_card(&tenant.scope, &id, older, &old_card)
            .await
            .unwrap()
    );
    assert!(
        !methods
            .remove_detached(&tenant.scope, &id, older, at(9))
            .await
            .unwrap()
    );
    assert_eq!(tenant.find("pm_1").await.unwrap().card, NEW_CARD);
    let newest = next().await;
    assert!(
        methods
            .remove_detached(&tenant.scope, &id, newest, at(9))
            .await
            .unwrap()
    );
    assert_eq!(tenant.find("pm_1").await, None);
    // One way: nothing that is read later brings it back.
    let later = next().await;
    assert!(
        !methods
            .refresh_card(&tenant.scope, &id, later, &NEW_CARD)
            .await
            .unwrap()
    );
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_read_from_before_the_confirmation_removes_nothing(
    #[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend,
) {
    let test = backend.migrated().await;
    let tenant = test.tenant("demo").await;
    let reads = StripeReads::new(test.database.clone());
    tenant.save(&waiting_card("pm_1", "anna", "seti_1")).await;
    let (id, setup_intent) = (method_id("pm_1"), setup_intent_id("seti_1"));
    let methods = &tenant.payment_methods;
    let waiting = methods
        .find_by_setup_intent(&tenant.scope, &setup_intent)
        .await
        .unwrap();
    assert_eq!(waiting.unwrap().id, id);
    let early = reads.next(&tenant.scope).await.unwrap().number;
    assert!(
        !methods
            .remove_detached(&tenant.scope, &id, early, at(9))
            .await
            .unwrap(),
        "one that waits is attached to nobody yet"
    );
    assert!(methods.confirm(&tenant.scope, &id, &setup_intent).await.unwrap());
    // Again, as two who see it at once do.
    assert!(methods.confirm(&tenant.scope, &id, &setup_intent).await.unwrap());
    assert!(
        !methods
            .remove_detached(&tenant.scope, &id, early, at(9))
            .await
            .unwrap()
    );
    assert!(tenant.find("pm_1").await.is_some());
    assert_eq!(
        methods
            .find_by_setup_intent(&tenant.scope, &setup_intent)
            .await
            .unwrap(),
        None
    );
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_customer_takes_its_methods_along_and_no_others(
    #[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend,
) {
    let test = backend.migrated().await;
    let tenant = test.tenant("demo").await;
    let other = test.tenant("acme").await;
    for tenant in [&tenant, &other] {
        tenant.save_customer("anna", "cus_1").await;
        tenant.save(&card("pm_1", "anna", at(0))).await;
    }
    tenant.save_customer("bert", "cus_2").await;
    tenant.save(&card("pm_2", "bert", at(0))).await;
    let gone = customer_id("cus_1");
    let methods = &tenant.payment_methods;
    // The user may have got another customer before the end of the first is known.
    tenant
        .customers
        .forget(&tenant.scope, &crate::harness::user("anna"), &gone)
        .await
        .unwrap();
    tenant.save_customer("anna", "cus_3").await;
    tenant.save(&card("pm_3", "anna", at(1))).await;
    assert!(methods.knows_customer(&tenant.scope, &gone).await.unwrap());
    assert_eq!(
        methods
            .remove_customer(&tenant.scope, &gone, at(9))
            .await
            .unwrap(),
        1
    );
    assert!(!methods.knows_customer(&tenant.scope, &gone).await.unwrap());
    assert_eq!(tenant.find("pm_1").await, None);
    for kept in ["pm_2", "pm_3"] {
        assert!(tenant.find(kept).await.is_some(), "{kept}");
    }
    assert_eq!(tenant.customer_of("anna").await, Some(customer_id("cus_3")));
    assert!(other.find("pm_1").await.is_some());
    assert_eq!(
        methods
            .remove_customer(&tenant.scope, &customer_id("cus_3"), at(9))
            .await
            .unwrap(),
        1
    );
    assert_eq!(tenant.customer_of("anna").await, None);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn an_operation_under_a_name_finds_its_own_result(
    #[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend,
) {
    use billfold_store::{Alongside, BeginCreate, BeginDelete, Deletable};
    let test = backend.migrated().await;
    let tenant: Tenant = test.tenant("demo").await;
    let method = card("pm_1", "anna", at(0));
    let new = crate::harness::creation("pm_1", "anna");
    let scope = &tenant.scope;
    let operation = tenant.hold(&new).await;
    tenant
        .operations
        .finish_payment_method(scope, &operation, &method, Alongside::nothing())
        .await
        .unwrap();
    let again = async |new| {
        tenant
            .payment_methods
            .begin_create(scope, new, &method.id, 100, at(1), Alongside::nothing())
            .await
            .unwrap()
    };
    assert_eq!(again(&new).await, BeginCreate::Done(method.clone()));
    assert_eq!(
        again(&crate::harness::creation("pm_1", "anna")).await,
        BeginCreate::Saved(method.clone())
    );
    let delete = async |name: &str| {
        let begun = tenant.payment_methods.begin_delete(
            scope,
            name.to_owned(),
            &method.id,
            Deletable::Any,
            at(2),
            Alongside::nothing(),
        );
        begun.await.unwrap()
    };
    let BeginDelete::Held(deletion, _) = delete("deletion").await else {
        panic!("nothing stands in the way");
    };
    tenant.operations.end(scope, &deletion).await.unwrap();
    assert_eq!(delete("deletion").await, BeginDelete::Done(method.clone()));
    assert_eq!(delete("another").await, BeginDelete::NotFound);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn an_operation_of_the_same_name_may_end_a_second_time_with_the_same_setup_intent(
    #[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend,
) {
    let test = backend.migrated().await;
    let tenant = test.tenant("demo").await;
    let new = crate::harness::setup_intent_creation("anna");
    let id = setup_intent_id("seti_1");
    for _ in 0..2 {
        let operation = tenant.hold(&new).await;
        let ended = tenant
            .operations
            .finish_setup_intent(&tenant.scope, &operation, &id, at(0));
        ended.await.unwrap();
        assert!(
            !tenant
                .operations
                .is_open(&tenant.scope, &new.subject)
                .await
                .unwrap()
        );
    }
    assert_eq!(
        tenant
            .setup_intents
            .made_by(&tenant.scope, &new.id)
            .await
            .unwrap(),
        Some(id)
    );
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_longer_waited_for_is_not_given_up(
    #[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend,
) {
    use billfold_store::{Alongside, BeginDelete, Deletable};
    let test = backend.migrated().await;
    let tenant = test.tenant("demo").await;
    tenant.save(&waiting_card("pm_1", "anna", "seti_1")).await;
    let (id, setup_intent) = (method_id("pm_1"), setup_intent_id("seti_1"));
    let methods = &tenant.payment_methods;
    let give_up = async |name: &str, awaited: &str| {
        let awaited = setup_intent_id(awaited);
        let deletable = Deletable::WaitingOn(&awaited);
        let begun = methods.begin_delete(
            &tenant.scope,
            name.to_owned(),
            &id,
            deletable,
            at(9),
            Alongside::nothing(),
        );
        begun.await.unwrap()
    };
    assert_eq!(give_up("another", "seti_2").await, BeginDelete::NotFound);
    assert!(methods.confirm(&tenant.scope, &id, &setup_intent).await.unwrap());
    // Again, as two who see it at once do.
    assert!(methods.confirm(&tenant.scope, &id, &setup_intent).await.unwrap());
    assert_eq!(give_up("late", "seti_1").await, BeginDelete::NotFound);
    assert!(tenant.find("pm_1").await.is_some());
    tenant.save(&waiting_card("pm_1", "anna", "seti_3")).await;
    assert!(matches!(give_up("due", "seti_3").await, BeginDelete::Held(..)));
    assert_eq!(tenant.find("pm_1").await, None);
    let last = setup_intent_id("seti_3");
    let late = methods.confirm(&tenant.scope, &id, &last);
    assert!(
        !late.await.unwrap(),
        "what is being deleted is not confirmed any more"
    );
}
