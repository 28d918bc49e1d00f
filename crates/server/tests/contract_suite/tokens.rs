//! What a token that is good allows: its scopes, its subject and its time zone.

use rstest::rstest;
use serde_json::json;

use crate::{
    corpus::forge::{token, with},
    forge,
    http::Request,
    scene::Scene,
    support::Backend::{self, Postgres, SqliteMemory},
    token_corpus::probes,
    world::World,
};

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
        let token = token(&with(
            forge::claims("demo", "alice", forge::ALL_SCOPES),
            "timezone",
            timezone.clone(),
        ));
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
