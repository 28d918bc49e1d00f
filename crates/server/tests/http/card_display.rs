//! What each face shows of a card: its type, its brand and its last digits.

use serde_json::{Value, json};

use crate::support::{Backend, Server, on_every_database};

on_every_database!(
    each_brand_is_shown_as_the_face_lists_it,
    wallets_are_told_from_cards
);

/// A card number, and its brand on the project API and on the account API.
const BRANDS: &[(&str, &str, &str)] = &[
    ("4242424242424242", "visa", "visa"),
    ("5555555555554444", "mastercard", "mastercard"),
    ("2223003122003222", "mastercard", "mastercard"),
    ("378282246310005", "amex", "amex"),
    ("6011111111111117", "discover", "discover"),
    ("36227206271667", "diners", "diners"),
    ("3566002020360505", "jcb", "jcb"),
    ("6200000000000005", "unionpay", "unionpay"),
    ("6280000360000978", "unknown", "eftpos_au"),
    ("4000002500001001", "unknown", "unknown"),
    ("2721000000000004", "unknown", "unknown"),
];

async fn each_brand_is_shown_as_the_face_lists_it(backend: Backend) {
    let server = Server::start(backend).await;
    let stripe = server.stripe("demo");
    for (number, on_project, on_account) in BRANDS {
        let id = stripe.card(number).await;
        server.clock.advance(1);
        let created = server.save(&id, "usr_alice").await.expect(201).json();
        assert_eq!(created["type"], "card");
        assert_eq!(created["brand"], *on_project, "{number}");
        let last4 = &number[number.len() - 4..];
        assert_eq!(created["last4"], last4);
        let list = server
            .account_request("GET", "usr_alice", "/payment-methods")
            .send()
            .await
            .expect(200)
            .json();
        let newest = &list[0];
        assert_eq!(newest["id"], id.as_str());
        assert_eq!(newest["brand"], *on_account, "{number}");
        assert_eq!(newest["last4"], last4);
        assert_eq!(newest["exp_month"], 12);
        assert_eq!(newest["exp_year"], 2034);
    }
}

async fn wallets_are_told_from_cards(backend: Backend) {
    let server = Server::start(backend).await;
    for (token, wallet_type, brand, last4) in [
        ("pm_card_applePay_visa", "applePay", "visa", "4242"),
        ("pm_card_googlePay_mastercard", "googlePay", "mastercard", "4444"),
    ] {
        server.clock.advance(1);
        let created = server.save(token, "usr_alice").await.expect(201);
        let body = created.json();
        assert_eq!(body["type"], wallet_type);
        assert_eq!(body["brand"], Value::Null);
        assert_eq!(body["last4"], Value::Null);
        assert_eq!(body["status"], "available");
        let page = server
            .list(&format!("?type={wallet_type}"))
            .await
            .expect(200)
            .json();
        assert_eq!(page["items"], json!([body]));

        // The account API shows the card behind the wallet.
        let list = server
            .account_request("GET", "usr_alice", "/payment-methods")
            .send()
            .await
            .expect(200)
            .json();
        assert_eq!(list[0]["id"], body["id"]);
        assert_eq!(list[0]["brand"], brand);
        assert_eq!(list[0]["last4"], last4);
    }
}
