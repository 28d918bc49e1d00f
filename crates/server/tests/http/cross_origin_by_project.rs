//! Which pages may call the account API for the users of which project.

use billfold_store::{CorsOrigins, OriginsReplaced};

use crate::support::{
    ACCOUNT_SCOPES, Backend, Request, Response, Server, on_every_database,
    server::{PAGE_ORIGIN, origin},
};

on_every_database!(
    a_page_may_read_what_its_own_project_answers,
    a_page_learns_why_it_was_refused,
    a_change_reaches_the_server_within_ten_seconds,
    no_project_gives_more_than_an_origin,
);

const OF_DEMO: &str = "https://demo.example.com";
const OF_ACME: &str = "https://acme.example.com:8443";
const METHODS: &str = "/v1/account/payment-methods";

async fn give(server: &Server, project: &str, origins: &[&str]) {
    let origins: Vec<_> = origins.iter().map(|text| origin(text)).collect();
    let replaced = CorsOrigins::new(server.database().clone())
        .replace(&Server::scope(project), &origins)
        .await
        .expect("origins can be stored");
    assert_eq!(replaced, OriginsReplaced::Done);
}

async fn two_projects(backend: Backend) -> Server {
    let server = Server::start(backend).await;
    give(&server, "demo", &[OF_DEMO]).await;
    give(&server, "acme", &[OF_ACME]).await;
    server
}

async fn preflight(server: &Server, origin: &str) -> Response {
    server
        .request("OPTIONS", METHODS)
        .header("Origin", origin)
        .header("Access-Control-Request-Method", "GET")
        .header("Access-Control-Request-Headers", "authorization")
        .send()
        .await
}

fn list(server: &Server, project: &str, origin: &str) -> Request {
    let token = server.user_token(project, "usr_alice", ACCOUNT_SCOPES, None);
    server
        .request("GET", METHODS)
        .token(&token)
        .header("Origin", origin)
}

fn allowed(answer: &Response) -> Option<&str> {
    answer.header("Access-Control-Allow-Origin")
}

#[track_caller]
fn assert_varies(answer: &Response) {
    let vary = answer.header("Vary").unwrap_or_default().to_ascii_lowercase();
    assert!(vary.split(", ").any(|name| name == "origin"), "{vary}");
}

async fn a_page_may_read_what_its_own_project_answers(backend: Backend) {
    let server = two_projects(backend).await;
    for (page, reads) in [
        (OF_DEMO, ["demo"].as_slice()),
        (OF_ACME, &["acme"]),
        (PAGE_ORIGIN, &["demo", "acme"]),
    ] {
        let granted = preflight(&server, page).await;
        assert!([200, 204].contains(&granted.status), "{page}");
        assert_eq!(allowed(&granted), Some(page));
        assert_eq!(granted.header("Access-Control-Allow-Credentials"), None);
        assert_varies(&granted);
        for project in ["demo", "acme"] {
            let answer = list(&server, project, page).send().await.expect(200);
            let expected = reads.contains(&project).then_some(page);
            assert_eq!(allowed(&answer), expected, "{page} of {project}");
            assert_eq!(answer.header("Access-Control-Allow-Credentials"), None);
            assert_varies(&answer);
        }
    }
}

async fn a_page_learns_why_it_was_refused(backend: Backend) {
    let server = two_projects(backend).await;
    let unauthenticated = server.request("GET", METHODS).header("Origin", OF_DEMO);
    assert_eq!(allowed(&unauthenticated.send().await.expect(401)), Some(OF_DEMO));
    let nowhere = server.request("GET", "/v1/nowhere").header("Origin", OF_DEMO);
    assert_eq!(allowed(&nowhere.send().await.expect(404)), Some(OF_DEMO));
    // What its own project refuses it may read, and what another's refuses it may not.
    for (project, expected) in [("demo", Some(OF_DEMO)), ("acme", None)] {
        let token = server.user_token(project, "usr_alice", ACCOUNT_SCOPES, None);
        let refused = server
            .request("DELETE", &format!("{METHODS}/pm_unknown"))
            .token(&token)
            .header("Origin", OF_DEMO)
            .send()
            .await
            .expect(410);
        assert_eq!(allowed(&refused), expected, "{project}");
    }
}

async fn a_change_reaches_the_server_within_ten_seconds(backend: Backend) {
    let server = two_projects(backend).await;
    let later = "https://later.example.com";
    preflight(&server, later).await.expect(405);
    assert_eq!(allowed(&list(&server, "demo", later).send().await), None);
    give(&server, "demo", &[later]).await;
    server.clock.advance(10);
    assert_eq!(allowed(&preflight(&server, later).await), Some(later));
    assert_eq!(allowed(&list(&server, "demo", later).send().await), Some(later));
    preflight(&server, OF_DEMO).await.expect(405);
    assert_eq!(allowed(&list(&server, "demo", OF_DEMO).send().await), None);
    // Another project's stays.
    assert_eq!(allowed(&preflight(&server, OF_ACME).await), Some(OF_ACME));
}

async fn no_project_gives_more_than_an_origin(backend: Backend) {
    let server = two_projects(backend).await;
    for near in [
        "null",
        "*",
        "http://demo.example.com",
        "https://demo.example.com:443",
        "https://demo.example.com/",
        "https://Demo.example.com",
        "https://demo.example.com.evil.example",
        "https://evil.example/https://demo.example.com",
        "https://evil@demo.example.com",
        "https://demo.example.com, https://evil.example",
        "https://acme.example.com",
    ] {
        let refused = preflight(&server, near).await.expect(405);
        assert_eq!(allowed(&refused), None, "{near}");
        let answer = list(&server, "demo", near).send().await.expect(200);
        assert_eq!(allowed(&answer), None, "{near}");
        assert_varies(&answer);
    }
    // The project API is for no page, whosever it is.
    let answer = server
        .project_request("GET", "demo", "/paymentMethods")
        .header("Origin", OF_DEMO)
        .send()
        .await
        .expect(200);
    assert_eq!(allowed(&answer), None);
}
