//! Requests that meet: one effect, and an answer for each that it can act on.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use serde_json::json;

use crate::support::{Backend, Response, Server, on_every_database};

on_every_database!(
    one_of_many_savings_of_one_id_creates_it,
    savings_by_many_users_give_it_to_one,
    the_first_methods_of_a_user_share_one_customer,
    one_of_many_deletions_is_answered_with_the_method,
    the_limit_holds_when_savings_meet,
);

fn by_status(responses: &[Response]) -> BTreeMap<u16, usize> {
    let mut counts = BTreeMap::new();
    for response in responses {
        *counts.entry(response.status).or_default() += 1;
    }
    counts
}

async fn saved_ids(server: &Server) -> Vec<String> {
    let page = server.list("?limit=200").await.expect(200).json();
    let items = page["items"].as_array().expect("a page has items").clone();
    let ids = items.iter().map(|item| item["id"].as_str().map(str::to_owned));
    ids.map(|id| id.expect("an item has an id")).collect()
}

async fn one_of_many_savings_of_one_id_creates_it(backend: Backend) {
    let server = Server::start(backend).await;
    let stripe = server.stripe("demo");
    let id = stripe.card("4242424242424242").await;
    let answers = join_all((0..30).map(|_| server.save(&id, "usr_alice"))).await;
    let counts = by_status(&answers);
    assert_eq!(counts.get(&201), Some(&1), "{counts:?}");
    assert!(
        counts.keys().all(|status| [200, 201, 409].contains(status)),
        "{counts:?}"
    );
    assert_eq!(saved_ids(&server).await, [id.as_str()]);
    let effects = stripe.effects().await;
    assert_eq!(effects["setup_intent.created"], 1, "{effects:?}");
    assert_eq!(effects["customer.created"], 1, "{effects:?}");
    assert_eq!(effects["payment_method.attached"], 1, "{effects:?}");
    server.save(&id, "usr_alice").await.expect(200);
}

async fn savings_by_many_users_give_it_to_one(backend: Backend) {
    let server = Server::start(backend).await;
    let id = server.stripe("demo").card("4242424242424242").await;
    let users: Vec<String> = (0..10).map(|number| format!("usr_{number}")).collect();
    let answers = join_all(users.iter().map(|user| server.save(&id, user))).await;
    let counts = by_status(&answers);
    assert_eq!(counts.get(&201), Some(&1), "{counts:?}");
    assert!(
        counts.keys().all(|status| [201, 409, 422].contains(status)),
        "{counts:?}"
    );
    assert_eq!(saved_ids(&server).await, [id.as_str()]);
    assert_eq!(server.stripe("demo").effect("payment_method.attached").await, 1);
}

async fn the_first_methods_of_a_user_share_one_customer(backend: Backend) {
    let server = Server::start(backend).await;
    let stripe = server.stripe("demo");
    let ids = join_all((0..8).map(|_| stripe.card("4242424242424242"))).await;
    let savings = join_all(ids.iter().map(|id| server.save(id, "usr_alice")));
    let intents = join_all((0..4).map(|_| server.setup_intent("usr_alice")));
    let (answers, _) = futures_util::join!(savings, intents);
    assert_eq!(by_status(&answers), BTreeMap::from([(201, 8)]));
    let customers = stripe.customers().await;
    assert_eq!(customers.len(), 1, "{customers:?}");
    for id in &ids {
        assert_eq!(stripe.payment_method(id).await["customer"], customers[0]["id"]);
    }
    assert_eq!(saved_ids(&server).await.len(), 8);
}

async fn one_of_many_deletions_is_answered_with_the_method(backend: Backend) {
    let server = Server::start(backend).await;
    let id = server.saved_card("usr_alice").await;
    let answers = join_all((0..20).map(|_| server.delete(&id))).await;
    let counts = by_status(&answers);
    assert_eq!(counts.get(&200), Some(&1), "{counts:?}");
    assert!(
        counts.keys().all(|status| [200, 404, 409].contains(status)),
        "{counts:?}"
    );
    assert_eq!(server.stripe("demo").effect("payment_method.detached").await, 1);
    server.delete(&id).await.expect(404);
}

async fn the_limit_holds_when_savings_meet(backend: Backend) {
    let server = Server::with(backend).maximum_payment_methods(3).start().await;
    let stripe = server.stripe("demo");
    let ids = join_all((0..12).map(|_| stripe.card("4242424242424242"))).await;
    let answers = join_all(ids.iter().map(|id| server.save(id, "usr_alice"))).await;
    assert_eq!(by_status(&answers), BTreeMap::from([(201, 3), (422, 9)]));
    assert_eq!(saved_ids(&server).await.len(), 3);
    assert_eq!(stripe.effect("setup_intent.created").await, 3);
    let account = server
        .account_request("POST", "usr_alice", "/payment-methods")
        .json(&json!({ "id": "pm_card_visa" }))
        .send()
        .await;
    assert_eq!(account.status, 422);
}
