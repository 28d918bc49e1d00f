use billfold_domain::{Card, CardBrand, CustomerId, PaymentMethodId, PaymentMethodType, UtcTimestamp};
use billfold_stripe::{StripePaymentMethodKind, WalletType};
use serde_json::json;

use crate::{
    fixtures::{CREATED, answer, final_answer, list, payment_method},
    support::{Stripe, key, pairs},
};

fn id() -> PaymentMethodId {
    PaymentMethodId::parse("pm_1Wren").unwrap()
}

#[tokio::test]
async fn a_card_is_read_with_what_may_be_shown() {
    let stripe = Stripe::answering([answer(200, &payment_method("pm_1Wren", Some("cus_Wren")))]).await;
    let method = stripe.account().retrieve_payment_method(&id()).await.unwrap();
    assert_eq!(method.id, id());
    assert_eq!(method.customer, Some(CustomerId::parse("cus_Wren").unwrap()));
    assert_eq!(method.created, UtcTimestamp::from_seconds(CREATED));
    assert_eq!(
        method.kind,
        StripePaymentMethodKind::Card {
            card: Card {
                brand: CardBrand::Visa,
                last4: "4242".to_owned(),
                exp_month: 8,
                exp_year: 2031
            },
            wallet: None,
            payment_method_type: PaymentMethodType::Card,
        }
    );
    assert_eq!(
        stripe.only_received().await.line(),
        "GET /v1/payment_methods/pm_1Wren"
    );
}

#[tokio::test]
async fn two_wallets_are_types_of_their_own_and_the_others_are_cards() {
    for (name, wallet, expected) in [
        ("apple_pay", WalletType::ApplePay, PaymentMethodType::ApplePay),
        ("google_pay", WalletType::GooglePay, PaymentMethodType::GooglePay),
        ("samsung_pay", WalletType::SamsungPay, PaymentMethodType::Card),
        ("link", WalletType::Link, PaymentMethodType::Card),
        (
            "wrist_pay",
            WalletType::Other("wrist_pay".into()),
            PaymentMethodType::Card,
        ),
    ] {
        let mut body = payment_method("pm_1Wren", None);
        body["card"]["wallet"] = json!({"type": name, "dynamic_last4": "9999", name: {}});
        let stripe = Stripe::answering([answer(200, &body)]).await;
        let method = stripe.account().retrieve_payment_method(&id()).await.unwrap();
        assert_eq!(method.customer, None);
        let StripePaymentMethodKind::Card {
            card,
            wallet: held_in,
            payment_method_type,
        } = method.kind
        else {
            panic!("{name} is a card");
        };
        assert_eq!(held_in, Some(wallet));
        assert_eq!(payment_method_type, expected);
        assert_eq!(card.last4, "4242", "the card behind the wallet is shown");
    }
}

#[tokio::test]
async fn a_brand_or_a_type_that_is_not_listed_is_no_error() {
    let mut new_brand = payment_method("pm_1Wren", None);
    new_brand["card"]["brand"] = json!("cartes_bancaires");
    let mut new_type = payment_method("pm_1Wren", None);
    new_type["type"] = json!("sepa_debit");
    new_type.as_object_mut().unwrap().remove("card");
    let stripe = Stripe::answering([answer(200, &new_brand), answer(200, &new_type)]).await;
    let method = stripe.account().retrieve_payment_method(&id()).await.unwrap();
    assert!(
        matches!(method.kind, StripePaymentMethodKind::Card { card, .. } if card.brand == CardBrand::Unknown)
    );
    let method = stripe.account().retrieve_payment_method(&id()).await.unwrap();
    assert_eq!(method.kind, StripePaymentMethodKind::Other("sepa_debit".into()));
}

#[tokio::test]
async fn listing_asks_for_every_type_of_one_customer() {
    let data = [
        payment_method("pm_B", Some("cus_Wren")),
        payment_method("pm_A", Some("cus_Wren")),
    ];
    let url = "/v1/customers/cus_Wren/payment_methods";
    let stripe = Stripe::answering([
        answer(200, &list(url, &data, true)),
        answer(200, &list(url, &[], false)),
    ])
    .await;
    let customer = CustomerId::parse("cus_Wren").unwrap();
    let page = stripe
        .account()
        .list_payment_methods(&customer, None)
        .await
        .unwrap();
    assert!(page.has_more);
    let last = &page.items[1].id;
    assert_eq!(last.as_str(), "pm_A");
    let page = stripe
        .account()
        .list_payment_methods(&customer, Some(last))
        .await
        .unwrap();
    assert!(!page.has_more);
    assert_eq!(page.items, []);

    let requests = stripe.received().await;
    assert_eq!(requests[0].line(), format!("GET {url}"));
    assert_eq!(requests[0].query(), pairs([("limit", "100")]));
    assert_eq!(
        requests[1].query(),
        pairs([("limit", "100"), ("starting_after", "pm_A")])
    );
}

#[tokio::test]
async fn detaching_is_a_write_with_a_key_and_an_empty_form() {
    let stripe = Stripe::answering([final_answer(200, &payment_method("pm_1Wren", None))]).await;
    let method = stripe
        .account()
        .detach_payment_method(&id(), &key("op.detach.0"))
        .await
        .unwrap();
    assert_eq!(method.customer, None);
    let request = stripe.only_received().await;
    assert_eq!(request.line(), "POST /v1/payment_methods/pm_1Wren/detach");
    assert_eq!(request.header("idempotency-key"), Some("op.detach.0"));
    assert_eq!(request.form(), []);
}
