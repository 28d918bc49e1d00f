//! Limits over several instances: the exact ones are exact, and the shared ones are off by no more than is documented.

use std::{num::NonZeroU32, sync::Arc, time::Duration};

use billfold_domain::RateLimit;
use billfold_server::application::Application;
use billfold_service::RateLimitOptions;
use billfold_test_support::wait_for;
use serde_json::json;

use crate::support::{Backend, Server};

const WITHIN: Duration = Duration::from_secs(30);

const READS: usize = 10;

fn limits() -> RateLimitOptions {
    let hour = NonZeroU32::new(3_600).expect("an hour is not 0");
    RateLimitOptions {
        project_reads: RateLimit::in_a_minute(10),
        failed_cards: RateLimit::new(NonZeroU32::new(4).expect("not 0"), hour),
        // Shorter than in production, so that the test need not wait.
        heartbeat: Duration::from_millis(100),
        ..RateLimitOptions::out_of_the_way()
    }
}

/// How many reads an instance grants, of more than the limit.
async fn granted(server: &Server, instance: &Application) -> usize {
    let mut granted = 0;
    for _ in 0..READS + 2 {
        let request = server.request_at(instance.address(), "GET", "/paymentMethods");
        granted += usize::from(request.send().await.status == 200);
    }
    granted
}

async fn all_know_of(number: u32, instances: &[&Application]) {
    wait_for(WITHIN, "every instance to know how many there are", async || {
        instances
            .iter()
            .all(|instance| instance.service().living_instances() == number)
            .then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn instances_share_what_is_cheap_within_the_documented_bound() {
    let server = Server::start(Backend::Postgres).await;
    let one = server.another_instance(limits()).await;
    assert_eq!(granted(&server, &one).await, READS, "it is alone");
    // One that joins brings its own share once, and no more.
    let other = server.another_instance(limits()).await;
    assert_eq!(
        other.service().living_instances(),
        2,
        "it knows before its first request"
    );
    assert_eq!(granted(&server, &other).await, READS / 2);
    all_know_of(2, &[&one, &other]).await;
    server.clock.advance(60);
    assert_eq!(granted(&server, &one).await, READS / 2);
    assert_eq!(granted(&server, &other).await, READS / 2);
    // The share of one that leaves goes to who stays.
    other.stop().await.expect("it ends in time");
    all_know_of(1, &[&one]).await;
    server.clock.advance(60);
    assert_eq!(granted(&server, &one).await, READS);
    one.stop().await.expect("it ends in time");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn instances_share_what_is_dear_exactly() {
    let server = Arc::new(Server::start(Backend::Postgres).await);
    let (one, other) = (
        server.another_instance(limits()).await,
        server.another_instance(limits()).await,
    );
    let ask = async |server: &Server, instance, id: &str| {
        let request = server.request_at(instance, "POST", "/paymentMethods");
        let body = json!({ "id": id, "user": "usr_alice" });
        request.json(&body).send().await.status
    };
    // Her customer is there, so no racer waits for another to make it.
    assert_eq!(ask(&server, one.address(), "pm_card_visa").await, 201);
    let mut cards = Vec::new();
    for _ in 0..16 {
        cards.push(server.stripe("demo").card_of_token("tok_chargeDeclined").await);
    }
    let addresses = [one.address(), other.address()];
    let racing: Vec<_> = cards
        .into_iter()
        .enumerate()
        .map(|(number, card)| {
            let server = Arc::clone(&server);
            tokio::spawn(async move { ask(&server, addresses[number % 2], &card).await })
        })
        .collect();
    let mut refused = 0;
    for racer in racing {
        match racer.await.expect("a racer should not panic") {
            422 => refused += 1,
            status => assert_eq!(status, 429),
        }
    }
    assert_eq!(refused, 4);
    for address in addresses {
        assert_eq!(ask(&server, address, "pm_card_chargeDeclined").await, 429);
    }
    one.stop().await.expect("it ends in time");
    other.stop().await.expect("it ends in time");
}
