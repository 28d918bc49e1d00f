//! Every guarded operation with API keys: good ones, and all that are none.

use std::time::Duration;

use billfold_test_support::wait_for;
use rstest::rstest;

use crate::{
    forge,
    http::Request,
    operations::of_tenants,
    scene::Scene,
    support::{
        Backend::{self, Postgres, SqliteMemory},
        PROJECT_SCOPES, START,
        api_keys::{IssuedApiKey, issue, listed, made_up, mistyped, revoke},
    },
    world::World,
};

/// Whether backends call it, so that a key may.
fn is_for_backends(scope: &str) -> bool {
    scope.starts_with("project:")
}

/// A good key that has been used, its last use recorded, so that nothing more is written for it.
async fn used(world: &World, project: &str, scopes: &str) -> IssuedApiKey {
    let key = issue(&world.database, project, scopes, None).await;
    let probe = Request::get("/projects/nowhere/paymentMethods").token(&key.text);
    world.send(&probe).await;
    wait_for(Duration::from_secs(20), "the use to be recorded", async || {
        listed(&world.database, project, &key.id).await.last_used_at
    })
    .await;
    key
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_key_with_its_scope_is_as_good_as_a_token(#[values(SqliteMemory, Postgres)] backend: Backend) {
    let world = World::start(backend).await;
    let mut operations = 0;
    for (operation, scope, example) in of_tenants() {
        if !is_for_backends(&scope) {
            continue;
        }
        operations += 1;
        let scene = Scene::set(&world, "demo", "alice").await;
        let key = issue(&world.database, "demo", &scope, None).await;
        let request = (example.request)(&scene).token(&key.text);
        let answer = world.send(&request).await;
        let name = &operation.operation_id;
        assert_eq!(answer.status, example.status, "{name}: {}", answer.text());
    }
    assert!(operations >= 6, "only {operations}");
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_key_without_the_scope_or_of_another_project_hears_what_a_token_hears(
    #[values(SqliteMemory, Postgres)] backend: Backend,
) {
    let world = World::start(backend).await;
    let scene = Scene::set(&world, "demo", "alice").await;
    let reading = used(&world, "demo", "project:read").await;
    let writing = used(&world, "demo", "project:write").await;
    let foreign = used(&world, "acme", PROJECT_SCOPES).await;
    let before = world.snapshot().await;
    for (operation, scope, example) in of_tenants() {
        let name = &operation.operation_id;
        if !is_for_backends(&scope) {
            continue;
        }
        let request = (example.request)(&scene);
        let lacking = if scope == "project:read" {
            &writing
        } else {
            &reading
        };
        let expected = world
            .send(&request.clone().token(&forge::token("demo", "backend", "")))
            .await;
        let answer = world.send(&request.clone().token(&lacking.text)).await;
        assert_eq!(answer.expect(403).fingerprint(), expected.fingerprint(), "{name}");

        let expected = world
            .send(&request.clone().token(&forge::full_token("acme", "backend")))
            .await;
        let answer = world.send(&request.clone().token(&foreign.text)).await;
        assert_eq!(answer.expect(404).fingerprint(), expected.fingerprint(), "{name}");
        // A project that is nowhere reads as one that is somewhere else.
        let nowhere = (example.request)(&scene.never()).token(&foreign.text);
        let answer = world.send(&nowhere).await;
        assert_eq!(answer.expect(404).fingerprint(), expected.fingerprint(), "{name}");
    }
    before.assert_untouched(&world.snapshot().await);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_good_key_is_refused_by_every_operation_in_one_way(
    #[values(SqliteMemory, Postgres)] backend: Backend,
) {
    let world = World::start(backend).await;
    let scene = Scene::set(&world, "demo", "alice").await;
    let good = used(&world, "demo", PROJECT_SCOPES).await;
    let revoked = issue(&world.database, "demo", PROJECT_SCOPES, None).await;
    revoke(&world.database, "demo", &revoked.id).await;
    let expired = issue(&world.database, "demo", PROJECT_SCOPES, Some(START - 1)).await;
    let bad = [
        ("revoked", revoked.text),
        ("expired", expired.text),
        ("made up", made_up().0),
        ("mistyped", mistyped(&good.text)),
        ("too long", format!("{}A", good.text)),
        ("an id", good.id.to_string()),
    ];
    let before = world.snapshot().await;
    for (operation, scope, example) in of_tenants() {
        let name = &operation.operation_id;
        let request = (example.request)(&scene);
        let expected = world.send(&request).await.expect(401).fingerprint();
        for (what, key) in &bad {
            let answer = world.send(&request.clone().token(key)).await;
            assert_eq!(answer.fingerprint(), expected, "{name}: {what}");
        }
        // Whoever speaks for users, or for the whole installation, has a token.
        if !is_for_backends(&scope) {
            let answer = world.send(&request.clone().token(&good.text)).await;
            assert_eq!(answer.fingerprint(), expected, "{name}: a good one");
        }
    }
    before.assert_untouched(&world.snapshot().await);
}
