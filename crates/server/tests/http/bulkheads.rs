//! A tenant whose Stripe hangs costs the others nothing.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use billfold_service::{BulkheadOptions, ServiceError};
use billfold_test_support::wait_for;
use serde_json::json;

use crate::support::{Backend, Response, Server, on_every_database, server::project_id};

on_every_database!(
    a_tenant_whose_stripe_hangs_costs_the_others_nothing,
    whoever_hangs_up_gives_no_place_back,
    the_background_calls_stripe_in_the_same_places,
);

const WITHIN: Duration = Duration::from_mins(1);

/// How long Stripe hangs. Longer than anyone waits for a place, shorter than a call may take.
const HANG: Duration = Duration::from_secs(12);

/// How many use cases of a project run at once here, and how many more wait.
const PLACES: usize = 3;

async fn start(backend: Backend) -> Arc<Server> {
    let options = BulkheadOptions {
        use_cases: PLACES,
        waiting: PLACES,
        ..BulkheadOptions::default()
    };
    Arc::new(
        Server::with(backend)
            .bulkheads(options)
            .reconciling()
            .start()
            .await,
    )
}

/// Lets every call on demo's account hang.
async fn hang(server: &Server) {
    let milliseconds = u64::try_from(HANG.as_millis()).expect("it is short");
    let stripe = server.stripe("demo");
    let account = stripe.account_name().await;
    let fault = json!({
        "kind": "delay", "path": "/v1/", "account": account, "milliseconds": milliseconds, "count": 1000
    });
    stripe.fault(fault).await;
    stripe.reset_request_count().await;
}

/// Begins to save cards of demo, each a user's of their own.
fn flood(server: &Arc<Server>, cards: &[String]) -> Vec<tokio::task::JoinHandle<(Response, Duration)>> {
    let saving = |(number, card): (usize, &String)| {
        let (server, card) = (Arc::clone(server), card.clone());
        tokio::spawn(async move {
            let begun = Instant::now();
            let answer = server.save(&card, &format!("usr_{number}")).await;
            (answer, begun.elapsed())
        })
    };
    cards.iter().enumerate().map(saving).collect()
}

async fn cards(server: &Server, number: usize) -> Vec<String> {
    let mut cards = Vec::new();
    for _ in 0..number {
        cards.push(server.stripe("demo").card("4242424242424242").await);
    }
    cards
}

async fn a_tenant_whose_stripe_hangs_costs_the_others_nothing(backend: Backend) {
    let server = start(backend).await;
    let available = server.saved_card("usr_quick").await;
    let cards = cards(&server, 4 * PLACES).await;
    hang(&server).await;
    let flood = flood(&server, &cards);
    wait_for(WITHIN, "every place to be taken", async || {
        (server.stripe("demo").request_count().await >= PLACES as u64).then_some(())
    })
    .await;

    // The other tenant does all that it did before, while nothing of the first one's has come to an end.
    let mut done = 0;
    while flood.iter().filter(|saving| saving.is_finished()).count() < 3 * PLACES || done < 5 {
        let saved = server
            .save_in("acme", "pm_card_visa", "usr_alice")
            .await
            .expect(201);
        let path = format!("/paymentMethods/{}", saved.property("id"));
        server
            .project_request("DELETE", "acme", &path)
            .send()
            .await
            .expect(200);
        done += 1;
    }
    assert_eq!(
        flood.iter().filter(|saving| !saving.is_finished()).count(),
        PLACES,
        "the other tenant had to wait until Stripe answered"
    );
    // What needs no Stripe is there for the first one too.
    server.list("").await.expect(200);
    server.retrieve(&available).await.expect(200);

    server.stripe("demo").clear_faults().await;
    let (mut saved, mut refused) = (0, 0);
    for saving in flood {
        let (answer, took) = saving.await.expect("a saving should not panic");
        match answer.status {
            201 => saved += 1,
            503 => {
                refused += 1;
                assert_eq!(answer.header("Retry-After"), Some("1"));
                assert!(took < HANG, "{took:?}");
            }
            status => panic!("{status}: {}", answer.text()),
        }
    }
    assert_eq!((saved, refused), (PLACES, 3 * PLACES));

    // Afterwards everything is as it was.
    for (number, card) in cards.iter().enumerate() {
        let answer = server.save(card, &format!("usr_{number}")).await;
        assert!(matches!(answer.status, 200 | 201), "{}", answer.text());
    }
    let open = server.service().open_operations(&project_id("demo")).await;
    assert!(open.expect("they can be listed").is_empty());
}

async fn whoever_hangs_up_gives_no_place_back(backend: Backend) {
    let server = start(backend).await;
    let cards = cards(&server, PLACES + 1).await;
    hang(&server).await;
    let flood = flood(&server, &cards[..PLACES]);
    wait_for(WITHIN, "every place to be taken", async || {
        (server.stripe("demo").request_count().await >= PLACES as u64).then_some(())
    })
    .await;
    for saving in &flood {
        saving.abort();
    }
    let refused = server.save(&cards[PLACES], "usr_late").await.expect(503);
    assert_eq!(refused.header("Retry-After"), Some("1"));
    server.stripe("demo").clear_faults().await;
    wait_for(WITHIN, "what they began to end without them", async || {
        let page = server.list("").await.expect(200).json();
        (page["items"].as_array().map(Vec::len) == Some(PLACES)).then_some(())
    })
    .await;
    server.save(&cards[PLACES], "usr_late").await.expect(201);
}

async fn the_background_calls_stripe_in_the_same_places(backend: Backend) {
    let options = BulkheadOptions {
        stripe_calls: 1,
        patience: Duration::from_millis(50),
        ..BulkheadOptions::default()
    };
    let server = Arc::new(Server::with(backend).bulkheads(options).start().await);
    server.saved_card("usr_alice").await;
    let cards = cards(&server, 1).await;
    hang(&server).await;
    let saving = flood(&server, &cards);
    wait_for(WITHIN, "the only place to be taken", async || {
        (server.stripe("demo").request_count().await >= 1).then_some(())
    })
    .await;

    let demo = project_id("demo");
    let fetched = server.service().fetch_undelivered_events(&demo).await;
    assert!(
        matches!(fetched, Err(ServiceError::Unavailable { .. })),
        "{fetched:?}"
    );
    let report = server.service().sweep(&demo, false).await.expect("it goes on");
    assert_eq!((report.users, report.unread.len()), (1, 1), "{report:?}");
    let sent = server.sandbox_says("/_sandbox/requests").await;
    assert_eq!(sent["total"], 1, "only what has the place was sent: {sent}");

    server.stripe("demo").clear_faults().await;
    for saving in saving {
        let (saved, _) = saving.await.expect("a saving should not panic");
        saved.expect(201);
    }
    assert_eq!(
        server
            .service()
            .fetch_undelivered_events(&demo)
            .await
            .expect("there is a place"),
        0
    );
    let report = server.service().sweep(&demo, false).await.expect("it goes on");
    assert_eq!((report.users, report.unread.len()), (2, 0), "{report:?}");
}
