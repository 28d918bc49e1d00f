//! Tokens as they come over HTTP, on one route that reads and one that writes of each face.

use rstest::rstest;
use serde_json::{Value, json};

use crate::{
    bad_tokens::{bad_headers, changed, good_claims, signed},
    forge::{self, ACME_ISSUER, ALL_SCOPES, Key, with},
    http::Request,
    scene::Scene,
    support::{
        Backend::{self, Postgres, SqliteMemory},
        START,
    },
    world::World,
};

/// The routes that every token is tried on.
fn probes() -> [Request; 4] {
    [
        Request::get("/projects/demo/paymentMethods"),
        Request::post("/projects/demo/setupIntents", r#"{"user":"alice"}"#),
        Request::get("/v1/account/payment-methods"),
        Request::new("POST", "/v1/account/setup-intent"),
    ]
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_bad_token_is_refused_in_one_way(#[values(SqliteMemory, Postgres)] backend: Backend) {
    let world = World::start(backend).await;
    Scene::set(&world, "demo", "alice").await;
    let good = Key::main().token(&good_claims());
    let before = world.snapshot().await;
    for probe in probes() {
        let expected = world.send(&probe).await.expect(401).fingerprint();
        let body: Value = serde_json::from_str(&expected.2).unwrap();
        assert_eq!(body["message"], "Invalid authorization token");
        assert!(
            expected
                .1
                .contains(&("www-authenticate".to_owned(), "Bearer".to_owned()))
        );
        for (name, values) in bad_headers() {
            let mut request = probe.clone();
            for value in values {
                request = request.header("Authorization", value);
            }
            let answer = world.send(&request).await;
            assert_eq!(
                answer.fingerprint(),
                expected,
                "{name}: {} {}",
                probe.method,
                probe.target
            );
        }
        for parameter in ["access_token", "token", "authorization", "bearer_token"] {
            let mut request = probe.clone();
            request.target = format!("{}?{parameter}={good}", probe.target);
            let answer = world.send(&request).await;
            assert_eq!(answer.fingerprint(), expected, "{parameter} in the URL");
        }
        for name in ["X-Authorization", "Proxy-Authorization", "Cookie"] {
            let request = probe.clone().header(name, format!("Bearer {good}"));
            assert_eq!(world.send(&request).await.fingerprint(), expected, "{name}");
        }
    }
    before.assert_untouched(&world.snapshot().await);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_good_token_is_taken_however_it_is_written(#[values(SqliteMemory, Postgres)] backend: Backend) {
    let world = World::start(backend).await;
    let good = Key::main().token(&good_claims());
    let listed = with(
        with(good_claims(), "scope", Value::Null),
        "scopes",
        json!(ALL_SCOPES.split(' ').collect::<Vec<_>>()),
    );
    let jwt = {
        let mut header = Key::main().header();
        header["typ"] = "JWT".into();
        Key::main().sign(&header, &good_claims())
    };
    let values = [
        ("as it is", format!("Bearer {good}")),
        ("in lower case", format!("bearer {good}")),
        ("in capitals", format!("BEARER {good}")),
        ("with more spaces", format!("Bearer    {good}")),
        ("with spaces behind", format!("Bearer {good}   ")),
        ("typ JWT", format!("Bearer {jwt}")),
        ("scopes", signed(&listed)),
        ("audiences", changed("aud", json!(["other", "billfold"]))),
        ("within the leeway", changed("exp", START - 4)),
        (
            "more scopes",
            changed("scope", format!("openid {ALL_SCOPES} email")),
        ),
    ];
    for (name, value) in values {
        for probe in probes() {
            let answer = world
                .send(&probe.clone().header("authorization", value.as_str()))
                .await;
            let expected = if probe.method == "GET" { 200 } else { 201 };
            assert_eq!(
                answer.status, expected,
                "{name}: {} {}",
                probe.method, probe.target
            );
        }
    }
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_bound_issuer_speaks_for_its_project_alone(#[values(SqliteMemory, Postgres)] backend: Backend) {
    let world = World::start(backend).await;
    let claims = with(
        forge::claims("acme", "alice", ALL_SCOPES),
        "iss",
        json!(ACME_ISSUER),
    );
    let token = Key::acme().token(&claims);
    for target in ["/projects/acme/paymentMethods", "/v1/account/payment-methods"] {
        world.send(&Request::get(target).token(&token)).await.expect(200);
    }
    let in_demo = Request::get("/projects/demo/paymentMethods").token(&token);
    world.send(&in_demo).await.expect(404);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_scope_allows_what_it_names_and_no_more(#[values(SqliteMemory, Postgres)] backend: Backend) {
    let world = World::start(backend).await;
    let scopes = ["project:read", "project:write", "account:read", "account:write"];
    for (granted, scope) in scopes.iter().enumerate() {
        let token = forge::token("demo", "alice", scope);
        for (needed, probe) in probes().into_iter().enumerate() {
            let answer = world.send(&probe.clone().token(&token)).await;
            let expected = match (granted == needed, probe.method.as_str()) {
                (false, _) => 403,
                (true, "GET") => 200,
                (true, _) => 201,
            };
            assert_eq!(
                answer.status, expected,
                "{scope}: {} {}",
                probe.method, probe.target
            );
        }
    }
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_subject_that_is_no_user_may_still_be_a_backend(
    #[values(SqliteMemory, Postgres)] backend: Backend,
) {
    let world = World::start(backend).await;
    let long = "s".repeat(65);
    for subject in [
        "auth0|alice",
        "alice@example.com",
        "al ice",
        "\u{e4}lice",
        "alice/../bob",
        "'--",
        &long,
    ] {
        let token = forge::full_token("demo", subject);
        for probe in probes() {
            let answer = world.send(&probe.clone().token(&token)).await;
            let expected = match (probe.target.starts_with("/v1/"), probe.method.as_str()) {
                (true, _) => 401,
                (false, "GET") => 200,
                (false, _) => 201,
            };
            assert_eq!(
                answer.status, expected,
                "{subject}: {} {}",
                probe.method, probe.target
            );
        }
    }
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn times_are_in_the_tokens_zone_and_in_utc_where_that_is_unknown(
    #[values(SqliteMemory, Postgres)] backend: Backend,
) {
    let world = World::start(backend).await;
    Scene::set(&world, "demo", "alice").await;
    // The test's clock stands at 2026-01-15T10:00:00Z.
    for (timezone, expected) in [
        (json!("Europe/Paris"), "2026-01-15 11:00:00"),
        (json!("Asia/Kolkata"), "2026-01-15 15:30:00"),
        (json!("Pacific/Kiritimati"), "2026-01-16 00:00:00"),
        (json!("UTC"), "2026-01-15 10:00:00"),
        (json!("Atlantis/Capital"), "2026-01-15 10:00:00"),
        (json!(""), "2026-01-15 10:00:00"),
        (json!("../../etc/passwd"), "2026-01-15 10:00:00"),
        (json!("Europe/Paris\u{0}"), "2026-01-15 10:00:00"),
        (json!("z".repeat(4_000)), "2026-01-15 10:00:00"),
        (json!(7), "2026-01-15 10:00:00"),
        (json!(["Europe/Paris"]), "2026-01-15 10:00:00"),
    ] {
        let token = Key::main().token(&with(good_claims(), "timezone", timezone.clone()));
        let list = world
            .send(&Request::get("/v1/account/payment-methods").token(&token))
            .await;
        assert_eq!(list.expect(200).json()[0]["created_at"], expected, "{timezone}");
        // The project API's times are UTC whatever the token says.
        let list = world
            .send(&Request::get("/projects/demo/paymentMethods").token(&token))
            .await;
        assert_eq!(list.json()["items"][0]["createdAt"], "2026-01-15T10:00:00Z");
    }
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn the_token_is_checked_before_the_path_and_the_path_before_the_rest(
    #[values(SqliteMemory, Postgres)] backend: Backend,
) {
    let world = World::start(backend).await;
    let before = world.snapshot().await;
    let foreign = forge::full_token("acme", "alice");
    let powerless = forge::token("acme", "alice", "");
    let bodies = [
        "",
        "{",
        "[]",
        r#"{"user":1}"#,
        &"x".repeat(20_000),
        &"x".repeat(100_000),
    ];
    for body in bodies {
        for target in ["/projects/demo/paymentMethods", "/projects/demo/setupIntents"] {
            let request = Request::post(target, body);
            world.send(&request).await.expect(401);
            world.send(&request.clone().token("x")).await.expect(401);
            world.send(&request.clone().token(&powerless)).await.expect(403);
            world.send(&request.clone().token(&foreign)).await.expect(404);
        }
        for target in [
            "/v1/account/payment-methods",
            "/v1/account/tax",
            "/v1/account/setup-intent",
        ] {
            let request = Request::post(target, body);
            world.send(&request).await.expect(401);
            world.send(&request.clone().token(&powerless)).await.expect(403);
            let nowhere = forge::full_token("nowhere", "alice");
            world.send(&request.clone().token(&nowhere)).await.expect(404);
        }
    }
    for query in ["?limit=x", "?after=pm-1", "?what=ever", "?type=", "?%00"] {
        let request = Request::get(format!("/projects/demo/paymentMethods{query}"));
        world.send(&request).await.expect(401);
        world.send(&request.clone().token(&powerless)).await.expect(403);
        world.send(&request.clone().token(&foreign)).await.expect(404);
    }
    before.assert_untouched(&world.snapshot().await);
}
