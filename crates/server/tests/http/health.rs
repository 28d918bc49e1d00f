//! What machines ask before they send requests, and what every answer has.

use std::time::Duration;

use billfold_test_support::wait_for;
use serde_json::json;

use crate::support::{Backend, Server, on_every_database};

on_every_database!(
    a_server_is_live_and_ready,
    without_migrations_it_is_live_and_not_ready,
    the_contract_is_served,
    every_answer_has_a_request_id_of_its_own,
);

async fn a_server_is_live_and_ready(backend: Backend) {
    let server = Server::start(backend).await;
    for path in ["/health/live", "/health/ready"] {
        let answer = server.request("GET", path).send().await.expect(200);
        assert_eq!(answer.json(), json!({ "status": "ok" }), "{path}");
    }
}

async fn without_migrations_it_is_live_and_not_ready(backend: Backend) {
    let server = Server::with(backend).unmigrated().start().await;
    server.request("GET", "/health/live").send().await.expect(200);
    let ready = server.request("GET", "/health/ready").send().await.expect(503);
    assert_eq!(
        ready.json(),
        json!({ "status": "unavailable", "reason": "migrations" })
    );
    assert!(ready.header("Retry-After").is_some());
}

async fn the_contract_is_served(backend: Backend) {
    let server = Server::start(backend).await;
    let contract = server.request("GET", "/openapi.yaml").send().await.expect(200);
    let source = include_str!("../../../../openapi.yaml");
    assert_eq!(contract.text(), source);
}

/// That none is given twice is seen to by every request of every test.
async fn every_answer_has_a_request_id_of_its_own(backend: Backend) {
    let server = Server::start(backend).await;
    for (method, path) in [
        ("GET", "/health/live"),
        ("GET", "/nowhere"),
        ("GET", "/v1/nowhere"),
        ("PATCH", "/projects/demo/paymentMethods"),
        ("GET", "/projects/demo/paymentMethods"),
        ("GET", "/v1/account/payment-methods"),
        ("OPTIONS", "/v1/account/payment-methods"),
    ] {
        let answer = server.request(method, path).send().await;
        assert!(answer.header("Request-Id").is_some(), "{method} {path}");
    }
    // A client's own name for its request is not taken over: it could be anything.
    let named = server
        .request("GET", "/health/live")
        .header("Request-Id", "mine")
        .send()
        .await;
    assert_ne!(named.header("Request-Id"), Some("mine"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_down_is_told_and_comes_back() {
    let server = Server::with(Backend::Postgres).behind_a_proxy().start().await;
    let id = server.saved_card("usr_alice").await;
    server.request("GET", "/health/ready").send().await.expect(200);

    server.database_proxy().refuse_new().await;
    server.database_proxy().cut();
    let ready = server.request("GET", "/health/ready").send().await.expect(503);
    assert_eq!(
        ready.json(),
        json!({ "status": "unavailable", "reason": "database" })
    );
    server.request("GET", "/health/live").send().await.expect(200);
    for answer in [
        server.retrieve(&id).await,
        server.list("").await,
        server.delete(&id).await,
        server.save("pm_card_visa", "usr_alice").await,
    ] {
        let answer = answer.expect(503);
        assert!(answer.header("Retry-After").is_some());
        assert_eq!(
            answer.json(),
            json!({
                "object": "error", "type": "serviceUnavailable",
                "message": "The service cannot answer now. Try again.",
            })
        );
    }
    let account = server
        .account_request("GET", "usr_alice", "/payment-methods")
        .send()
        .await
        .expect(503);
    assert_eq!(
        account.json(),
        json!({ "message": "The service cannot answer now. Try again." })
    );

    server
        .database_proxy()
        .accept_new()
        .await
        .expect("the port is still free");
    wait_for(
        Duration::from_secs(20),
        "the database to be used again",
        async || {
            let ready = server.request("GET", "/health/ready").send().await;
            (ready.status == 200).then_some(())
        },
    )
    .await;
    server.retrieve(&id).await.expect(200);
}
