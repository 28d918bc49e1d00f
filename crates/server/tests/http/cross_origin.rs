//! Which pages may call the account API from a browser.

use billfold_server::application::CorsOrigins;
use serde_json::json;

use crate::support::{Backend, Request, Response, Server, on_every_database, server::PAGE_ORIGIN};

on_every_database!(
    a_configured_page_may_ask_and_read,
    any_other_page_may_not,
    a_page_may_not_do_more_than_there_is,
    the_project_api_is_for_no_page,
    in_development_every_page_may,
);

fn preflight(server: &Server, path: &str, origin: &str, method: &str) -> Request {
    server
        .request("OPTIONS", path)
        .header("Origin", origin)
        .header("Access-Control-Request-Method", method)
        .header("Access-Control-Request-Headers", "authorization, content-type")
}

async fn a_configured_page_may_ask_and_read(backend: Backend) {
    let server = Server::start(backend).await;
    let id = server.saved_card("usr_alice").await;
    for (method, path) in [
        ("POST", "/v1/account/setup-intent".to_owned()),
        ("POST", "/v1/account/payment-methods".to_owned()),
        ("GET", "/v1/account/payment-methods".to_owned()),
        ("DELETE", format!("/v1/account/payment-methods/{id}")),
    ] {
        let granted = preflight(&server, &path, PAGE_ORIGIN, method).send().await;
        assert!([200, 204].contains(&granted.status), "{method} {path}");
        let header = |name: &str| granted.header(name).unwrap_or_default().to_ascii_lowercase();
        assert_eq!(header("Access-Control-Allow-Origin"), PAGE_ORIGIN);
        assert!(header("Access-Control-Allow-Methods").contains(&method.to_ascii_lowercase()));
        let headers = header("Access-Control-Allow-Headers");
        assert!(headers.contains("authorization"), "{headers}");
        assert!(headers.contains("content-type"), "{headers}");
        assert!(header("Access-Control-Allow-Credentials").is_empty());
    }

    let listed = server
        .account_request("GET", "usr_alice", "/payment-methods")
        .header("Origin", PAGE_ORIGIN)
        .send()
        .await
        .expect(200);
    assert_eq!(listed.header("Access-Control-Allow-Origin"), Some(PAGE_ORIGIN));
    let vary = listed.header("Vary").unwrap_or_default().to_ascii_lowercase();
    assert!(vary.contains("origin"), "a cache must tell pages apart: {vary}");
    all_is_exposed(&listed);

    // A page must be able to read why it was refused.
    let path = "/v1/account/payment-methods";
    for (request, status) in [
        (server.request("GET", path), 401),
        (
            server
                .request("GET", path)
                .token(&server.user_token("demo", "usr_alice", "account:write", None)),
            403,
        ),
        (server.request("GET", "/v1/nowhere"), 404),
        (server.request("PUT", path), 405),
        (
            server.account_request("DELETE", "usr_alice", "/payment-methods/pm_unknown"),
            410,
        ),
        (
            server.account_request("POST", "usr_alice", "/payment-methods"),
            422,
        ),
    ] {
        let refused = request.header("Origin", PAGE_ORIGIN).send().await.expect(status);
        assert_eq!(
            refused.header("Access-Control-Allow-Origin"),
            Some(PAGE_ORIGIN),
            "{status}"
        );
        all_is_exposed(&refused);
    }
}

/// Of the headers of an answer a page sees only those that are named here: who is told to wait must see for how long.
fn all_is_exposed(answer: &Response) {
    let exposed = answer.header("Access-Control-Expose-Headers").unwrap_or_default();
    let mut exposed: Vec<String> = exposed
        .split(',')
        .map(|name| name.trim().to_lowercase())
        .collect();
    exposed.sort();
    let needed = [
        "idempotency-replayed",
        "ratelimit",
        "ratelimit-policy",
        "request-id",
        "retry-after",
    ];
    assert_eq!(exposed, needed);
}

async fn any_other_page_may_not(backend: Backend) {
    let server = Server::start(backend).await;
    let path = "/v1/account/payment-methods";
    for origin in [
        "https://evil.example.com",
        "https://app.example.com.evil.com",
        "http://app.example.com",
        "https://app.example.com:8443",
        "null",
    ] {
        let refused = preflight(&server, path, origin, "GET").send().await.expect(405);
        assert_eq!(refused.header("Allow"), Some("POST, GET, HEAD"));
        assert_eq!(refused.header("Access-Control-Allow-Origin"), None, "{origin}");
        let answered = server
            .account_request("GET", "usr_alice", "/payment-methods")
            .header("Origin", origin)
            .send()
            .await;
        assert_eq!(answered.header("Access-Control-Allow-Origin"), None, "{origin}");
    }
}

async fn a_page_may_not_do_more_than_there_is(backend: Backend) {
    let server = Server::start(backend).await;
    let path = "/v1/account/payment-methods";
    let refused = preflight(&server, path, PAGE_ORIGIN, "PATCH")
        .send()
        .await
        .expect(405);
    assert!(refused.property("message").contains("POST, GET"));
    let refused = preflight(&server, "/v1/nowhere", "https://evil.example.com", "GET")
        .send()
        .await;
    refused.expect(404);
}

async fn the_project_api_is_for_no_page(backend: Backend) {
    let server = Server::start(backend).await;
    let answered = server
        .project_request("GET", "demo", "/paymentMethods")
        .header("Origin", PAGE_ORIGIN)
        .send()
        .await
        .expect(200);
    assert_eq!(answered.header("Access-Control-Allow-Origin"), None);
    let path = "/projects/demo/paymentMethods";
    let refused = preflight(&server, path, PAGE_ORIGIN, "GET")
        .send()
        .await
        .expect(405);
    assert_eq!(refused.header("Access-Control-Allow-Origin"), None);
}

async fn in_development_every_page_may(backend: Backend) {
    let server = Server::with(backend).cors_origins(CorsOrigins::Any).start().await;
    let answered = server
        .account_request("GET", "usr_alice", "/payment-methods")
        .header("Origin", "http://localhost:3000")
        .send()
        .await
        .expect(200);
    assert_eq!(answered.json(), json!([]));
    let allowed = answered.header("Access-Control-Allow-Origin");
    assert!(
        [Some("*"), Some("http://localhost:3000")].contains(&allowed),
        "{allowed:?}"
    );
}
