//! What every answer says beside its content, and what HEAD is answered.

use serde_json::json;

use crate::support::{Backend, Response, Server, on_every_database, raw::RawConnection};

on_every_database!(every_answer_protects_its_reader, head_is_get_without_the_body);

/// An answer of every kind: good, refused, of each face and of none.
async fn answers(server: &Server) -> Vec<(String, Response)> {
    let id = server.saved_card("usr_alice").await;
    let method = format!("/projects/demo/paymentMethods/{id}");
    let token = server.project_token("demo", "project:read");
    let mut answers = Vec::new();
    for (name, request, status) in [
        ("live", server.request("GET", "/health/live"), 200),
        ("ready", server.request("GET", "/health/ready"), 200),
        ("contract", server.request("GET", "/openapi.yaml"), 200),
        ("a method", server.request("GET", &method).token(&token), 200),
        (
            "a list",
            server.account_request("GET", "usr_alice", "/payment-methods"),
            200,
        ),
        ("no token", server.request("GET", &method), 401),
        ("no scope", server.request("DELETE", &method).token(&token), 403),
        ("nowhere", server.request("GET", "/nowhere"), 404),
        ("nowhere of a page", server.request("GET", "/v1/nowhere"), 404),
        ("no method", server.request("PUT", &method), 405),
        (
            "too large",
            server
                .project_request("POST", "demo", "/paymentMethods")
                .body(vec![b'x'; 20_000]),
            413,
        ),
        (
            "invalid",
            server
                .project_request("POST", "demo", "/paymentMethods")
                .json(&json!({})),
            422,
        ),
        (
            "a webhook",
            server.request("POST", "/webhooks/stripe/demo").body("{}"),
            400,
        ),
    ] {
        answers.push((name.to_owned(), request.send().await.expect(status)));
    }
    answers
}

async fn every_answer_protects_its_reader(backend: Backend) {
    let server = Server::start(backend).await;
    for (name, answer) in answers(&server).await {
        for (header, value) in [
            ("X-Content-Type-Options", "nosniff"),
            (
                "Content-Security-Policy",
                "default-src 'none'; frame-ancestors 'none'",
            ),
            ("Referrer-Policy", "no-referrer"),
            ("Cache-Control", "no-store"),
        ] {
            assert_eq!(answer.header(header), Some(value), "{name}");
        }
        // Nothing tells what answers, and of which version; and who may speak HTTPS only is said where HTTPS is spoken.
        for header in ["Server", "X-Powered-By", "Via", "Strict-Transport-Security"] {
            assert_eq!(answer.header(header), None, "{name}");
        }
    }
}

async fn head_is_get_without_the_body(backend: Backend) {
    let server = Server::start(backend).await;
    let id = server.saved_card("usr_alice").await;
    let token = server.project_token("demo", "project:read");
    for (path, status) in [
        ("/health/live".to_owned(), 200),
        ("/openapi.yaml".to_owned(), 200),
        (format!("/projects/demo/paymentMethods/{id}"), 200),
        ("/projects/demo/paymentMethods?limit=5".to_owned(), 200),
        ("/projects/demo/paymentMethods?limit=500".to_owned(), 422),
        ("/projects/demo/paymentMethods/pm_unknown".to_owned(), 404),
        ("/projects/acme/paymentMethods".to_owned(), 404),
        ("/nowhere".to_owned(), 404),
    ] {
        let get = server
            .request("GET", &path)
            .token(&token)
            .send()
            .await
            .expect(status);
        // By hand, so that a body would be seen; the second request would be answered in its midst.
        let mut connection = RawConnection::to(server.address()).await;
        connection
            .send(format!(
                "HEAD {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n\
                 GET /nowhere HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
            ))
            .await;
        let both = connection.ended().await.received;
        let (head, rest) = both.split_once("\r\n\r\n").expect("an answer has a head");
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{path}: {head}");
        assert!(rest.starts_with("HTTP/1.1 404 "), "{path}: {rest}");
        let length = format!("content-length: {}", get.body.len());
        assert!(head.to_ascii_lowercase().contains(&length), "{path}: {head}");
    }
    // Where there is nothing to GET there is nothing to HEAD.
    let refused = server
        .request("HEAD", "/projects/demo/setupIntents")
        .send()
        .await
        .expect(405);
    assert_eq!(refused.header("Allow"), Some("POST"));
}
