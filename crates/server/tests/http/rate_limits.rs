//! Limits on requests: counted apart for reads, writes, users and projects, and told on every answer.

use billfold_domain::RateLimit;
use billfold_service::RateLimitOptions;
use serde_json::json;

use crate::support::{ACCOUNT_SCOPES, Backend, PROJECT_SCOPES, Response, Server, on_every_database};

on_every_database!(
    every_answer_says_how_its_caller_stands,
    one_callers_exhaustion_is_no_others,
    who_comes_back_in_time_is_let_in,
    who_may_not_call_at_all_is_told_so_first,
);

fn limits() -> RateLimitOptions {
    RateLimitOptions {
        project_reads: RateLimit::in_a_minute(5),
        project_writes: RateLimit::in_a_minute(4),
        user: RateLimit::in_a_minute(3),
        ..RateLimitOptions::out_of_the_way()
    }
}

async fn start(backend: Backend) -> Server {
    Server::with(backend).rate_limits(limits()).start().await
}

#[track_caller]
fn assert_stands(answer: &Response, policy: &str, state: &str) {
    assert_eq!(answer.header("RateLimit-Policy"), Some(policy));
    assert_eq!(answer.header("RateLimit"), Some(state));
}

async fn every_answer_says_how_its_caller_stands(backend: Backend) {
    let server = start(backend).await;
    let reads = r#""project-reads";q=5;w=60"#;
    for (remaining, full_in) in [(4, 12), (3, 24), (2, 36), (1, 48), (0, 60)] {
        let page = server.list("").await.expect(200);
        let state = format!(r#""project-reads";r={remaining};t={full_in}"#);
        assert_stands(&page, reads, &state);
        assert_eq!(page.header("Retry-After"), None);
    }
    let refused = server.list("").await.expect(429);
    assert_stands(&refused, reads, r#""project-reads";r=0;t=12"#);
    assert_eq!(refused.header("Retry-After"), Some("12"));
    assert_eq!(
        refused.json(),
        json!({
            "object": "error", "type": "tooManyRequests", "message": "Too many requests.",
            "hint": "Send the request again after the time in Retry-After.",
        })
    );
    // Refusals of other kinds count and say so too.
    let malformed = server
        .project_request("POST", "demo", "/paymentMethods")
        .body("{");
    let malformed = malformed.send().await.expect(400);
    let writes = r#""project-writes";q=4;w=60"#;
    assert_stands(&malformed, writes, r#""project-writes";r=3;t=15"#);

    let mine = || server.account_request("DELETE", "usr_alice", "/payment-methods/pm_none");
    let gone = mine().send().await.expect(410);
    assert_stands(
        &gone,
        &format!(r#""user";q=3;w=60, {writes}"#),
        r#""user";r=2;t=20, "project-writes";r=2;t=30"#,
    );
    for _ in 0..2 {
        mine().send().await.expect(410);
    }
    let refused = mine().send().await.expect(429);
    assert_stands(
        &refused,
        &format!(r#""user";q=3;w=60, {writes}"#),
        r#""user";r=0;t=20, "project-writes";r=0;t=60"#,
    );
    assert_eq!(refused.header("Retry-After"), Some("20"));
    assert_eq!(refused.json(), json!({ "message": "Too many requests." }));

    // What belongs to no tenant is not counted.
    let live = server.request("GET", "/health/live").send().await.expect(200);
    assert_eq!(
        (live.header("RateLimit-Policy"), live.header("RateLimit")),
        (None, None)
    );
    let nobody = server
        .request("GET", "/projects/demo/paymentMethods")
        .send()
        .await;
    assert_eq!(nobody.expect(401).header("RateLimit"), None);
}

async fn one_callers_exhaustion_is_no_others(backend: Backend) {
    let server = start(backend).await;
    let list_of = async |user: &str| {
        let request = server.account_request("GET", user, "/payment-methods");
        request.send().await.status
    };
    for _ in 0..3 {
        assert_eq!(list_of("usr_alice").await, 200);
    }
    assert_eq!(list_of("usr_alice").await, 429);
    assert_eq!(list_of("usr_bob").await, 200);
    // The project has read four times by now, and what was refused counted for nobody.
    server.list("").await.expect(200);
    server.list("").await.expect(429);
    assert_eq!(
        list_of("usr_bob").await,
        429,
        "a user's request is one of the project's"
    );
    // Whoever writes, or belongs to another project, has lost nothing.
    server.save("pm_none", "usr_alice").await.expect(422);
    let elsewhere = server.project_request("GET", "acme", "/paymentMethods");
    let page = elsewhere.send().await.expect(200);
    assert_eq!(page.header("RateLimit"), Some(r#""project-reads";r=4;t=12"#));
    let namesake = server.user_token("acme", "usr_alice", ACCOUNT_SCOPES, None);
    let namesake = server
        .request("GET", "/v1/account/payment-methods")
        .token(&namesake);
    namesake.send().await.expect(200);
}

async fn who_comes_back_in_time_is_let_in(backend: Backend) {
    let server = start(backend).await;
    for _ in 0..5 {
        server.list("").await.expect(200);
    }
    for _ in 0..3 {
        let refused = server.list("").await.expect(429);
        assert_eq!(refused.header("Retry-After"), Some("12"));
        server.clock.advance(11);
        let early = server.list("").await.expect(429);
        assert_eq!(early.header("Retry-After"), Some("1"));
        server.clock.advance(1);
        server.list("").await.expect(200);
    }
    server.clock.advance(60);
    for _ in 0..5 {
        server.list("").await.expect(200);
    }
    server.list("").await.expect(429);
}

/// First the token, then the scope, then the project, then the limit, then all else.
async fn who_may_not_call_at_all_is_told_so_first(backend: Backend) {
    let server = start(backend).await;
    let path = "/projects/demo/paymentMethods";
    for _ in 0..5 {
        server.list("").await.expect(200);
    }
    server.list("?limit=none").await.expect(429);
    server.request("GET", path).send().await.expect(401);
    let powerless = server.project_token("demo", "project:write");
    server
        .request("GET", path)
        .token(&powerless)
        .send()
        .await
        .expect(403);
    let stranger = server.project_token("acme", PROJECT_SCOPES);
    server
        .request("GET", path)
        .token(&stranger)
        .send()
        .await
        .expect(404);
    for _ in 0..4 {
        server.save("", "").await.expect(422);
    }
    let malformed = server
        .project_request("POST", "demo", "/paymentMethods")
        .body("{");
    malformed.send().await.expect(429);
    assert_eq!(server.stripe("demo").request_count().await, 0);
}
