//! Clients that are slow: each is let go at its limit, on the first request of a connection and on every later one.

use std::time::Duration;

use billfold_server::application::EdgeLimits;
use serde_json::json;

use crate::support::{Backend, Server, raw::RawConnection};

/// Short, and far enough apart to be told from each other.
const LIMITS: EdgeLimits = EdgeLimits {
    head_timeout: Duration::from_millis(600),
    body_timeout: Duration::from_millis(600),
    answer_timeout: Duration::from_millis(600),
    idle_timeout: Duration::from_millis(1_500),
    maximum_connections: 100,
    maximum_connections_per_peer: None,
    backlog: 16,
};

/// Later than any limit, and sooner than nothing at all would end.
const LATE: Duration = Duration::from_secs(20);

const LIVE: &str = "GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n";

async fn server() -> Server {
    Server::with(Backend::SqliteMemory).edge(LIMITS).start().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_first_head_that_does_not_end_is_told_so_and_cut() {
    let server = server().await;
    let mut slow = RawConnection::to(server.address()).await;
    slow.send("GET /health/live HTTP/1.1\r\nHost: x\r\n").await;
    let ended = slow.ended().await;
    assert!(ended.received.starts_with("HTTP/1.1 408 "), "{ended:?}");
    assert!(ended.received.contains("connection: close\r\n"), "{ended:?}");
    assert!(
        ended.after >= LIMITS.head_timeout && ended.after < LATE,
        "{ended:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_later_head_that_does_not_end_is_told_so_and_cut() {
    let server = server().await;
    let mut slow = RawConnection::to(server.address()).await;
    for _ in 0..3 {
        slow.send(LIVE).await;
        assert!(slow.answer().await.starts_with("HTTP/1.1 200 "));
    }
    slow.restart_clock();
    slow.send("GET /health/live HTTP/1.1\r\nHost: x\r\nX-Slow: ")
        .await;
    let ended = slow.ended().await;
    assert!(ended.received.starts_with("HTTP/1.1 408 "), "{ended:?}");
    // Sooner than an idle connection: the limit is the head's.
    assert!(
        ended.after >= LIMITS.head_timeout && ended.after < LATE,
        "{ended:?}"
    );
}

/// A byte now and then does not put the limit off.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_head_that_comes_byte_by_byte_is_cut_at_the_same_limit() {
    let server = server().await;
    let mut slow = RawConnection::to(server.address()).await;
    slow.send("GET /health/live HTTP/1.1\r\nHost: x\r\nX-Slow: ")
        .await;
    let mut sent = 0;
    while sent < 2_000 && slow.send("a").await {
        sent += 1;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(sent < 2_000, "the server takes it for ever");
    let ended = slow.ended().await;
    assert!(
        ended.after >= LIMITS.head_timeout && ended.after < LATE,
        "{ended:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_says_nothing_is_closed_without_a_word() {
    let server = server().await;
    let silent = RawConnection::to(server.address()).await;
    let ended = silent.ended().await;
    assert_eq!(ended.received, "");
    assert!(
        ended.after >= LIMITS.head_timeout && ended.after < LATE,
        "{ended:?}"
    );

    let mut idle = RawConnection::to(server.address()).await;
    idle.send(LIVE).await;
    assert!(idle.answer().await.starts_with("HTTP/1.1 200 "));
    idle.restart_clock();
    let ended = idle.ended().await;
    assert_eq!(ended.received, "");
    // A little sooner than it looks from here, since the answer was on its way.
    let limit = LIMITS.idle_timeout.saturating_sub(Duration::from_millis(300));
    assert!(ended.after >= limit && ended.after < LATE, "{ended:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_does_not_end_is_told_so_and_cut() {
    let server = server().await;
    let token = server.project_token("demo", "project:write");
    let head = format!(
        "POST /projects/demo/paymentMethods HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
    );
    for body in [
        "Content-Length: 50\r\n\r\n{\"id\":",
        "Content-Length: 50\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n6\r\n{\"id\":\r\n",
        "Transfer-Encoding: chunked\r\n\r\n",
    ] {
        let mut slow = RawConnection::to(server.address()).await;
        slow.send(format!("{head}{body}")).await;
        let answer = slow.answer().await;
        assert!(answer.starts_with("HTTP/1.1 408 "), "{body:?}: {answer}");
        assert!(answer.contains("\"type\":\"malformed\""), "{answer}");
        assert!(answer.to_ascii_lowercase().contains("request-id: "), "{answer}");
        let ended = slow.ended().await;
        assert_eq!(ended.received, "", "{body:?}");
        assert!(
            ended.after >= LIMITS.body_timeout && ended.after < LATE,
            "{body:?}: {ended:?}"
        );
    }
}

/// The rest of a body that nobody reads is waited for no longer than a head is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_rest_of_a_refused_body_holds_no_connection() {
    let server = server().await;
    for body in [
        "Content-Length: 5000\r\n\r\n{",
        "Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n",
    ] {
        let mut refused = RawConnection::to(server.address()).await;
        refused
            .send(format!(
                "POST /projects/demo/paymentMethods HTTP/1.1\r\nHost: x\r\n{body}"
            ))
            .await;
        let answer = refused.answer().await;
        assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
        let ended = refused.ended().await;
        assert!(ended.after < LATE, "{body:?}: {ended:?}");
    }
}

/// The contract is long enough to fill what the systems on both sides keep.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_is_not_taken_is_given_up() {
    let server = server().await;
    let mut slow = RawConnection::narrow(server.address()).await;
    let ask = "GET /openapi.yaml HTTP/1.1\r\nHost: x\r\n\r\n";
    let mut asked = 0;
    // Each request that is taken makes another answer; once they fill the way back, no more are.
    while asked < 1_000_000 && slow.send(ask).await {
        asked += 1;
    }
    assert!(
        asked < 1_000_000,
        "the server answers someone who reads nothing for ever"
    );
    assert!(slow.ended().await.after < LATE * 3);
    // Nothing of it is felt by others.
    let mut other = RawConnection::to(server.address()).await;
    other.send(LIVE).await;
    assert!(other.answer().await.starts_with("HTTP/1.1 200 "));
}

/// They wait before the server, and each gets its turn.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_requests_behind_a_slow_one_are_answered_in_their_turn() {
    let server = server().await;
    server
        .stripe("demo")
        .fault(json!({ "kind": "delay", "path": "/v1/", "milliseconds": 1_000, "count": 1 }))
        .await;
    let token = server.project_token("demo", "project:write");
    let body = r#"{"id":"pm_card_visa","user":"usr_alice"}"#;
    let slow = format!(
        "POST /projects/demo/paymentMethods HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    // More than the server takes in ahead, and less than the system holds back for either side.
    let number = 5_000;
    let mut eager = RawConnection::to(server.address()).await;
    assert!(eager.send(slow + &LIVE.repeat(number)).await);
    let first = eager.answer().await;
    assert!(first.starts_with("HTTP/1.1 201 "), "{first}");
    for _ in 0..number {
        assert!(eager.answer().await.starts_with("HTTP/1.1 200 "));
    }
}

/// Slow work is not a slow client.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_takes_long_is_answered_all_the_same() {
    let server = server().await;
    server
        .stripe("demo")
        .fault(json!({ "kind": "delay", "path": "/v1/", "milliseconds": 2_000, "count": 1 }))
        .await;
    let token = server.project_token("demo", "project:write");
    let body = r#"{"id":"pm_card_visa","user":"usr_alice"}"#;
    let mut patient = RawConnection::to(server.address()).await;
    patient
        .send(format!(
            "POST /projects/demo/paymentMethods HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ))
        .await;
    let answer = patient.answer().await;
    assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
}
