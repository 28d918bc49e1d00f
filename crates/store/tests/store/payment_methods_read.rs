//! What is written comes back as it was.

use billfold_domain::{CardBrand, PaymentMethod, PaymentMethodStatus, PaymentMethodType, UtcTimestamp};
use rstest::rstest;

use crate::harness::{
    Backend, Postgres, SqliteInFile, SqliteInMemory, at, card, setup_intent_id, user, waiting_card,
};

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn every_payment_method_comes_back_as_it_was_saved(
    #[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend,
) {
    let test = backend.migrated().await;
    let tenant = test.tenant("demo").await;
    let mut methods = Vec::new();
    for (index, brand) in CardBrand::ALL.into_iter().enumerate() {
        let mut method = card(&format!("pm_{index}"), "anna", at(0));
        method.card.brand = brand;
        method.card.last4 = format!("{index:04}");
        method.card.exp_month = 1 + i16::try_from(index).unwrap();
        method.payment_method_type = PaymentMethodType::ALL[index % 3];
        if index % 2 == 0 {
            let setup_intent = setup_intent_id(&format!("seti_{index}"));
            method.status = PaymentMethodStatus::RequiresConfirmation { setup_intent };
        }
        methods.push(method);
    }
    // Times to the microsecond, before 2000 and before 1970 too.
    let times = [
        1_750_000_000_123_456,
        946_684_799_999_999,
        1,
        0,
        -1,
        253_402_300_799_999_999,
    ];
    for (index, microseconds) in times.into_iter().enumerate() {
        let created_at = UtcTimestamp::from_microseconds(microseconds);
        methods.push(card(&format!("pm_time_{index}"), "anna", created_at));
    }
    methods.push(card(&"p".repeat(255), &"u".repeat(64), at(0)));
    for method in &methods {
        tenant.save(method).await;
    }
    for method in methods {
        assert_eq!(tenant.find(method.id.as_str()).await, Some(method));
    }
    assert_eq!(tenant.find("PM_1").await, None, "names are case-sensitive");
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_user_has_what_is_available_newest_first(
    #[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend,
) {
    let test = backend.migrated().await;
    let tenant = test.tenant("demo").await;
    let methods = [
        card("pm_b", "anna", at(1)),
        card("pm_B", "anna", at(1)),
        card("pm_old", "anna", at(0)),
        card("pm_new", "anna", at(2)),
        PaymentMethod {
            payment_method_type: PaymentMethodType::GooglePay,
            ..card("pm_a", "anna", at(1))
        },
        card("pm_berts", "bert", at(1)),
        card("pm_Annas", "Anna", at(1)),
        waiting_card("pm_waiting", "anna", "seti_1"),
        card("pm_deleted", "anna", at(1)),
    ];
    for method in &methods {
        tenant.save(method).await;
    }
    tenant.delete(&methods[8].id).await;
    let available = async |name| {
        let found = tenant
            .payment_methods
            .available_of_user(&tenant.scope, &user(name))
            .await
            .unwrap();
        found
            .into_iter()
            .map(|method| method.id.to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        available("anna").await,
        ["pm_new", "pm_b", "pm_a", "pm_B", "pm_old"]
    );
    assert_eq!(available("bert").await, ["pm_berts"]);
    assert!(available("carl").await.is_empty());
}
