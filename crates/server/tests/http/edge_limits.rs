//! Clients that are many, and requests that are too large: what is refused, and that nobody else feels it.

use std::time::{Duration, Instant};

use billfold_server::application::EdgeLimits;

use crate::support::{Backend, Server, raw::RawConnection};

const LIVE: &str = "GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n";

/// Later than an answer that waits for nothing, and sooner than the limits that are not tried here.
const AT_ONCE: Duration = Duration::from_secs(8);

async fn server(limits: EdgeLimits) -> Server {
    Server::with(Backend::SqliteMemory).edge(limits).start().await
}

async fn lives(server: &Server) -> bool {
    let mut other = RawConnection::to(server.address()).await;
    other.send(LIVE).await && other.answer().await.starts_with("HTTP/1.1 200 ")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_connection_too_many_is_told_so_and_the_next_one_after_it_is_not() {
    for limits in [
        EdgeLimits {
            maximum_connections: 3,
            ..EdgeLimits::default()
        },
        EdgeLimits {
            maximum_connections_per_peer: Some(3),
            ..EdgeLimits::default()
        },
    ] {
        let server = server(limits).await;
        let mut held = Vec::new();
        for _ in 0..3 {
            let mut connection = RawConnection::to(server.address()).await;
            connection.send(LIVE).await;
            assert!(connection.answer().await.starts_with("HTTP/1.1 200 "));
            held.push(connection);
        }
        let refused = RawConnection::to(server.address()).await.ended().await;
        assert!(refused.received.starts_with("HTTP/1.1 503 "), "{refused:?}");
        assert!(refused.received.contains("retry-after: 1\r\n"), "{refused:?}");
        // Those that have a place keep it.
        held[0].send(LIVE).await;
        assert!(held[0].answer().await.starts_with("HTTP/1.1 200 "));
        drop(held);
        let look = async || lives(&server).await.then_some(());
        billfold_test_support::wait_for(AT_ONCE, "a place that is free again", look).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_head_too_large_is_refused_and_its_connection_closed() {
    let server = server(EdgeLimits::default()).await;
    let headers = |number: usize, length: usize| {
        let lines = (0..number).map(|place| format!("X-{place}: {}\r\n", "y".repeat(length)));
        lines.collect::<String>()
    };
    for (name, headers, status) in [
        ("96 headers", headers(95, 1), "200"),
        ("97 headers", headers(96, 1), "431"),
        ("127 KiB", headers(1, 127 * 1024), "200"),
        ("129 KiB", headers(1, 129 * 1024), "431"),
        ("a line of 65 KiB", String::new(), "400"),
    ] {
        let query = if headers.is_empty() {
            "y".repeat(65 * 1024)
        } else {
            String::new()
        };
        let mut large = RawConnection::to(server.address()).await;
        large
            .send(format!(
                "GET /health/live?{query} HTTP/1.1\r\nHost: x\r\n{headers}\r\n"
            ))
            .await;
        let answer = large.answer().await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{name}: {answer}"
        );
        if status != "200" {
            let ended = large.ended().await;
            assert!(ended.after < AT_ONCE, "{name}: {ended:?}");
        }
        assert!(lives(&server).await, "{name}");
    }
}

/// The length alone is reason enough: nothing of the body is waited for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_says_it_is_huge_is_answered_without_reading() {
    let server = server(EdgeLimits::default()).await;
    let token = server.project_token("demo", "project:write");
    for (path, length, status) in [
        ("/projects/demo/paymentMethods", "10000000000", "413"),
        ("/projects/demo/setupIntents", "16385", "413"),
        ("/projects/demo/paymentMethods", "18446744073709551615", "413"),
        ("/projects/demo/paymentMethods", "18446744073709551616", "400"),
    ] {
        let mut huge = RawConnection::to(server.address()).await;
        huge.send(format!(
            "POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nContent-Length: {length}\r\n\r\n"
        ))
        .await;
        let answer = huge.answer().await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{length}: {answer}"
        );
        let ended = huge.ended().await;
        assert!(ended.after < AT_ONCE, "{length}: {ended:?}");
    }
}

/// Someone who sends without end, to a route that reads and to one that refuses before it does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chunks_without_end_are_cut() {
    let server = server(EdgeLimits::default()).await;
    let token = server.project_token("demo", "project:write");
    let chunk = format!("1000\r\n{}\r\n", "x".repeat(4096));
    for (authorization, status) in [
        (format!("Authorization: Bearer {token}\r\n"), "413"),
        (String::new(), "401"),
    ] {
        let mut endless = RawConnection::to(server.address()).await;
        endless
            .send(format!(
                "POST /projects/demo/paymentMethods HTTP/1.1\r\nHost: x\r\n{authorization}Transfer-Encoding: chunked\r\n\r\n"
            ))
            .await;
        let began = Instant::now();
        let mut sent = 0;
        while sent < 200_000 && endless.send(&chunk).await {
            sent += 1;
        }
        assert!(sent < 200_000, "{status}: the server took {sent} chunks");
        assert!(
            began.elapsed() < Duration::from_secs(30),
            "{status}: {:?}",
            began.elapsed()
        );
        assert!(lives(&server).await, "{status}");
    }
}

/// Plain HTTP/2 is not spoken, by whichever of the ways in.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn http_2_is_not_spoken() {
    let server = server(EdgeLimits::default()).await;
    let mut prior = RawConnection::to(server.address()).await;
    prior.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
    let ended = prior.ended().await;
    assert!(ended.received.starts_with("HTTP/1.1 400 "), "{ended:?}");

    let mut upgrading = RawConnection::to(server.address()).await;
    upgrading
        .send(
            "GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\
             HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n",
        )
        .await;
    let answer = upgrading.answer().await;
    assert!(
        answer.starts_with("HTTP/1.1 200 "),
        "it is one to ignore: {answer}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_that_come_together_are_answered_in_their_order() {
    const PAIRS: usize = 200;
    let server = server(EdgeLimits::default()).await;
    let token = server.project_token("demo", "project:write");
    // In its body are empty lines too, as at the end of a head.
    let body = "{\r\n\r\n}\n\n\n";
    let write = format!(
        "POST /projects/demo/paymentMethods HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut connection = RawConnection::to(server.address()).await;
    assert!(connection.send(format!("{LIVE}{write}").repeat(PAIRS)).await);
    for pair in 0..PAIRS {
        for status in ["200", "422"] {
            let answer = connection.answer().await;
            assert!(
                answer.starts_with(&format!("HTTP/1.1 {status} ")),
                "{pair}: {answer}"
            );
        }
    }
}
