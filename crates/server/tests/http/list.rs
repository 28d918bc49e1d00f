//! GET /projects/{project}/paymentMethods: order, pages, filters, cursors.

use serde_json::{Value, json};

use crate::support::{Backend, Server, on_every_database};

on_every_database!(
    a_list_is_newest_first_and_asks_nobody,
    pages_follow_each_other_both_ways,
    methods_of_one_moment_are_in_one_order,
    filters_choose_and_cursors_may_lie_outside_them,
    a_deleted_item_stays_a_position,
    what_is_no_item_of_the_project_is_no_position,
    wrong_parameters_are_all_told,
);

/// The ids of a page, and its two cursors.
pub(crate) async fn page(server: &Server, query: &str) -> (Vec<String>, Value, Value) {
    let page = server.list(query).await.expect(200).json();
    assert_eq!(page["object"], "list");
    let items = page["items"].as_array().expect("a page has items");
    let ids = items
        .iter()
        .map(|item| item["id"].as_str().expect("an item has an id").to_owned())
        .collect();
    (
        ids,
        page["moreItemsBefore"].clone(),
        page["moreItemsAfter"].clone(),
    )
}

/// Saves this many cards, one a second, and gives their ids, newest first.
async fn newest_first(server: &Server, count: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for _ in 0..count {
        ids.insert(0, server.saved_card("usr_alice").await);
    }
    ids
}

async fn a_list_is_newest_first_and_asks_nobody(backend: Backend) {
    let server = Server::start(backend).await;
    let (none, before, after) = page(&server, "").await;
    assert_eq!((none, before, after), (Vec::new(), Value::Null, Value::Null));
    let ids = newest_first(&server, 12).await;
    server.stripe("demo").reset_request_count().await;
    let (first_page, before, after) = page(&server, "").await;
    assert_eq!(first_page, ids[..10], "ten unless asked otherwise");
    assert_eq!(before, Value::Null);
    assert_eq!(after, ids[9].as_str());
    let (all, before, after) = page(&server, "?limit=200").await;
    assert_eq!(all, ids);
    assert_eq!((before, after), (Value::Null, Value::Null));
    let (exactly, _, after) = page(&server, "?limit=12").await;
    assert_eq!(exactly, ids);
    assert_eq!(after, Value::Null, "a full page may be the last one");
    let (none, before, after) = page(&server, "?limit=0").await;
    assert_eq!((none, before, after), (Vec::new(), Value::Null, Value::Null));
    assert_eq!(server.stripe("demo").request_count().await, 0);

    let item = server.list("?limit=1").await.json()["items"][0].clone();
    assert_eq!(item, server.retrieve(&ids[0]).await.expect(200).json());
}

async fn pages_follow_each_other_both_ways(backend: Backend) {
    let server = Server::start(backend).await;
    let ids = newest_first(&server, 7).await;
    let (items, before, after) = page(&server, &format!("?limit=3&after={}", ids[1])).await;
    assert_eq!(items, ids[2..5]);
    assert_eq!((before, after), (json!(ids[2]), json!(ids[4])));
    let (items, before, after) = page(&server, &format!("?limit=3&after={}", ids[3])).await;
    assert_eq!(items, ids[4..]);
    assert_eq!((before, after), (json!(ids[4]), Value::Null));
    let (items, before, after) = page(&server, &format!("?limit=3&after={}", ids[6])).await;
    assert_eq!((items, before, after), (Vec::new(), Value::Null, Value::Null));

    // Backwards: the nearest ones before the position, still newest first.
    let (items, before, after) = page(&server, &format!("?limit=2&before={}", ids[5])).await;
    assert_eq!(items, ids[3..5]);
    assert_eq!((before, after), (json!(ids[3]), json!(ids[4])));
    let (items, before, after) = page(&server, &format!("?limit=5&before={}", ids[2])).await;
    assert_eq!(items, ids[..2]);
    assert_eq!((before, after), (Value::Null, json!(ids[1])));
    let (items, before, after) = page(&server, &format!("?before={}", ids[0])).await;
    assert_eq!((items, before, after), (Vec::new(), Value::Null, Value::Null));
    let (items, ..) = page(&server, &format!("?limit=0&after={}", ids[3])).await;
    assert_eq!(items, [""; 0]);
}

async fn methods_of_one_moment_are_in_one_order(backend: Backend) {
    let server = Server::start(backend).await;
    let mut saved = Vec::new();
    for _ in 0..6 {
        let created = server.save("pm_card_visa", "usr_alice").await.expect(201);
        saved.push(created.property("id"));
    }
    let (all, ..) = page(&server, "").await;
    let mut walked = Vec::new();
    let mut query = "?limit=1".to_owned();
    loop {
        let (items, _, after) = page(&server, &query).await;
        walked.extend(items);
        let Some(after) = after.as_str() else { break };
        query = format!("?limit=1&after={after}");
    }
    assert_eq!(walked, all);
    saved.sort_unstable();
    walked.sort_unstable();
    assert_eq!(walked, saved, "each once");
}

async fn filters_choose_and_cursors_may_lie_outside_them(backend: Backend) {
    let server = Server::start(backend).await;
    let mut saved = Vec::new();
    for (token, user) in [
        ("pm_card_visa", "usr_alice"),
        ("pm_card_applePay_visa", "usr_alice"),
        ("pm_card_googlePay_visa", "usr_bob"),
        ("pm_card_visa", "usr_bob"),
        ("pm_card_applePay_visa", "usr_bob"),
    ] {
        server.clock.advance(1);
        saved.insert(0, server.save(token, user).await.expect(201).property("id"));
    }
    let [apple_bob, card_bob, google_bob, apple_alice, card_alice] = &saved[..] else {
        panic!("five were saved");
    };
    for (query, expected) in [
        ("?user=usr_alice", vec![apple_alice, card_alice]),
        ("?user=usr_bob", vec![apple_bob, card_bob, google_bob]),
        ("?user=usr_nobody", vec![]),
        ("?user=usr_ALICE", vec![]),
        ("?user=usr_alic", vec![]),
        ("?type=card", vec![card_bob, card_alice]),
        ("?type=applePay", vec![apple_bob, apple_alice]),
        ("?type=googlePay,card", vec![card_bob, google_bob, card_alice]),
        (
            "?type=googlePay&type=card",
            vec![card_bob, google_bob, card_alice],
        ),
        ("?type=card,card", vec![card_bob, card_alice]),
        ("?type=card%2CgooglePay&user=usr_bob", vec![card_bob, google_bob]),
        (
            "?type=card,applePay,googlePay",
            vec![apple_bob, card_bob, google_bob, apple_alice, card_alice],
        ),
    ] {
        let (items, before, after) = page(&server, query).await;
        assert_eq!(items.iter().collect::<Vec<_>>(), expected, "{query}");
        assert_eq!((before, after), (Value::Null, Value::Null), "{query}");
    }
    // The next page is of the same filters; its position need not pass them.
    let (items, before, after) = page(&server, "?type=card&limit=1").await;
    assert_eq!(
        (items, before, after),
        (vec![card_bob.clone()], Value::Null, json!(card_bob))
    );
    let (items, before, _) = page(&server, &format!("?type=card&after={google_bob}")).await;
    assert_eq!((items, before), (vec![card_alice.clone()], json!(card_alice)));
    let (items, ..) = page(&server, &format!("?user=usr_bob&before={apple_alice}")).await;
    assert_eq!(
        items.iter().collect::<Vec<_>>(),
        [apple_bob, card_bob, google_bob]
    );
    let (items, ..) = page(&server, &format!("?user=usr_nobody&after={apple_bob}")).await;
    assert_eq!(items, [""; 0]);
}

async fn a_deleted_item_stays_a_position(backend: Backend) {
    const DAYS: i64 = 24 * 60 * 60;
    let server = Server::start(backend).await;
    let ids = newest_first(&server, 5).await;
    server.delete(&ids[2]).await.expect(200);
    server.delete(&ids[4]).await.expect(200);
    for wait in [0, 29 * DAYS] {
        server.clock.advance(wait);
        let (items, ..) = page(&server, &format!("?after={}", ids[2])).await;
        assert_eq!(items, ids[3..4]);
        let (items, ..) = page(&server, &format!("?before={}", ids[2])).await;
        assert_eq!(items, ids[..2]);
        let (items, before, after) = page(&server, &format!("?after={}", ids[4])).await;
        assert_eq!((items, before, after), (Vec::new(), Value::Null, Value::Null));
    }
}

async fn what_is_no_item_of_the_project_is_no_position(backend: Backend) {
    let server = Server::start(backend).await;
    server.saved_card("usr_alice").await;
    let others = server
        .save_in("acme", "pm_card_visa", "usr_alice")
        .await
        .expect(201)
        .property("id");
    for parameter in ["after", "before"] {
        let unknown = server.list(&format!("?{parameter}=pm_unknown")).await.expect(422);
        let body = unknown.json();
        assert_eq!(body["code"], "propertyInvalid");
        assert_eq!(body["details"].as_array().map(Vec::len), Some(1));
        assert_eq!(body["details"][0]["property"], parameter);
        let foreign = server.list(&format!("?{parameter}={others}")).await.expect(422);
        assert_eq!(
            foreign.body, unknown.body,
            "another project's id is told from none in no way"
        );
    }
}

async fn wrong_parameters_are_all_told(backend: Backend) {
    let server = Server::start(backend).await;
    let id = server.saved_card("usr_alice").await;
    for (query, properties) in [
        ("?type=", vec!["type"]),
        ("?type=sepaDebit", vec!["type"]),
        ("?type=card,", vec!["type"]),
        ("?user=", vec!["user"]),
        ("?limit=", vec!["limit"]),
        ("?limit=-1", vec!["limit"]),
        ("?limit=201", vec!["limit"]),
        ("?limit=1.0", vec!["limit"]),
        ("?limit=ten", vec!["limit"]),
        ("?limit=99999999999999999999", vec!["limit"]),
        ("?after=", vec!["after"]),
        ("?colour=red", vec!["colour"]),
        ("?limit=1&limit=1", vec!["limit"]),
        ("?user=usr_a&user=usr_a", vec!["user"]),
        (&format!("?after={id}&before={id}"), vec!["before"]),
        (
            "?limit=x&user=&colour=red&type=gold",
            vec!["colour", "limit", "type", "user"],
        ),
    ] {
        let refused = server.list(query).await.expect(422).json();
        assert_eq!(refused["type"], "invalid", "{query}");
        let details = refused["details"].as_array().expect("there are details");
        let mut named: Vec<_> = details
            .iter()
            .map(|detail| detail["property"].as_str().unwrap_or_default())
            .collect();
        named.sort_unstable();
        assert_eq!(named, properties, "{query}");
    }
}
