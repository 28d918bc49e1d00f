//! In whatever order events come, and however many, what is shown in the end is what Stripe has.

use std::time::Instant;

use serde_json::Value;
use tokio::task::JoinSet;

use crate::support::{Backend, Response, Server, on_every_database, webhooks::event};

on_every_database!(
    four_events_in_every_order_end_as_stripe_has_it,
    a_thousand_events_end_as_stripe_has_it_with_few_calls,
);

/// Every order of four things.
fn orders() -> Vec<[usize; 4]> {
    let mut orders = Vec::new();
    for code in 0..256_usize {
        let order = [code & 3, (code >> 2) & 3, (code >> 4) & 3, (code >> 6) & 3];
        if (0..4).all(|place| order.contains(&place)) {
            orders.push(order);
        }
    }
    orders
}

/// Everything that is listed of `demo`, by id.
async fn listed(server: &Server) -> Vec<String> {
    let list = server.list("?limit=200").await.expect(200).json();
    let items = list["items"].as_array().expect("a list has items");
    items
        .iter()
        .map(|item| item["id"].as_str().expect("an item has an id").to_owned())
        .collect()
}

async fn detach(server: &Server, id: &str) {
    let path = format!("/v1/payment_methods/{id}/detach");
    let detached = server.stripe("demo").call("POST", &path, &[]).await;
    assert_eq!(detached["customer"], Value::Null, "{detached}");
}

async fn update(server: &Server, id: &str, month: &str) {
    let path = format!("/v1/payment_methods/{id}");
    let form = [("card[exp_month]", month)];
    let updated = server.stripe("demo").call("POST", &path, &form).await;
    assert_eq!(updated["id"], id, "{updated}");
}

async fn four_events_in_every_order_end_as_stripe_has_it(backend: Backend) {
    const HISTORY: [&str; 4] = [
        "payment_method.attached",
        "payment_method.updated",
        "payment_method.automatically_updated",
        "payment_method.detached",
    ];
    let server = Server::with(backend).working_on_webhooks().start().await;
    let orders = orders();
    assert_eq!(orders.len(), 24);
    // A card for each order, half of which are detached in the end. What tells of a detachment is told of all.
    let mut cards = Vec::new();
    for index in 0..orders.len() {
        let id = server.saved_card(&format!("usr_{}", index % 4)).await;
        update(&server, &id, "7").await;
        if index % 2 == 0 {
            detach(&server, &id).await;
        }
        cards.push(id);
    }
    for (index, (id, order)) in cards.iter().zip(&orders).enumerate() {
        for place in order {
            let event = event(&format!("evt_{index}_{place}"), HISTORY[*place], id);
            server.deliver("demo", &event).await.expect(200);
        }
    }
    server.settle("demo").await;
    let mut shown = listed(&server).await;
    shown.sort();
    let mut attached: Vec<String> = cards.iter().skip(1).step_by(2).cloned().collect();
    attached.sort();
    assert_eq!(shown, attached);
    for user in 0..4 {
        let list = server
            .account_request("GET", &format!("usr_{user}"), "/payment-methods")
            .send()
            .await
            .expect(200)
            .json();
        for card in list.as_array().expect("an array") {
            assert_eq!(card["exp_month"], 7, "{card}");
        }
    }
}

/// Mixes the items up, the same way each time.
fn shuffle<T>(items: &mut [T]) {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for place in (1..items.len()).rev() {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let other = usize::try_from(state >> 33).expect("31 bits") % (place + 1);
        items.swap(place, other);
    }
}

async fn a_thousand_events_end_as_stripe_has_it_with_few_calls(backend: Backend) {
    const CARDS: usize = 50;
    const EVENTS: usize = 1_000;
    const TYPES: [&str; 4] = [
        "payment_method.updated",
        "payment_method.detached",
        "payment_method.attached",
        "payment_method.automatically_updated",
    ];
    let server = Server::with(backend).working_on_webhooks().start().await;
    let mut cards = Vec::new();
    for index in 0..CARDS {
        let id = server.saved_card(&format!("usr_{}", index % 5)).await;
        if index % 3 == 0 {
            detach(&server, &id).await;
        } else {
            update(&server, &id, "9").await;
        }
        cards.push(id);
    }
    let mut deliveries: Vec<_> = (0..EVENTS)
        .map(|number| {
            let event = event(
                &format!("evt_{number}"),
                TYPES[number % 4],
                &cards[number % CARDS],
            );
            server.signed_delivery("demo", &event)
        })
        .collect();
    shuffle(&mut deliveries);
    let stripe = server.stripe("demo");
    stripe.reset_request_count().await;
    let began = Instant::now();
    let mut under_way: JoinSet<Response> = JoinSet::new();
    for delivery in deliveries {
        if under_way.len() >= 16 {
            let answer = under_way.join_next().await.expect("some are under way");
            answer.expect("a delivery is answered").expect(200);
        }
        under_way.spawn(delivery.send());
    }
    while let Some(answer) = under_way.join_next().await {
        answer.expect("a delivery is answered").expect(200);
    }
    assert_eq!(server.stored_events("demo").await, 1_000);
    let delivered_after = began.elapsed();
    // Not by asking Stripe, whose calls are counted.
    let within = std::time::Duration::from_secs(100);
    billfold_test_support::wait_for(within, "all to be looked at", async || {
        (server.waiting_work("demo").await == 0).then_some(())
    })
    .await;
    let calls = stripe.request_count().await;
    let turns = |elapsed: std::time::Duration| u64::try_from(elapsed.as_millis() / 200).expect("a count") + 2;
    assert!(
        calls <= turns(began.elapsed()),
        "{calls} calls in {:?}",
        began.elapsed()
    );
    // Each object once after the last event of it, and whatever was looked at before.
    let most = 50 + turns(delivered_after);
    assert!(
        (50..=most).contains(&calls),
        "{calls} calls, at most {most} expected"
    );

    let shown = listed(&server).await;
    assert_eq!(shown.len(), CARDS - CARDS.div_ceil(3));
    for (index, id) in cards.iter().enumerate() {
        assert_eq!(shown.contains(id), index % 3 != 0, "{id}");
    }
    for user in 0..5 {
        let list = server
            .account_request("GET", &format!("usr_{user}"), "/payment-methods")
            .send()
            .await
            .expect(200)
            .json();
        for card in list.as_array().expect("an array") {
            assert_eq!(card["exp_month"], 9, "{card}");
        }
    }
}
