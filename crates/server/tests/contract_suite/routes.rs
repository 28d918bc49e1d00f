//! Every operation is a route and every route an operation; who may use it; and what is at every other place.

use std::collections::{BTreeMap, BTreeSet};

use rstest::rstest;

use crate::{
    forge::{self, ALL_SCOPES},
    http::Request,
    operations::{guarded, of_tenants, with_examples},
    scene::Scene,
    support::{
        Backend::{self, Postgres, SqliteMemory},
        contract::operations,
    },
    world::{ORIGIN, World},
};

#[test]
fn every_operation_is_a_route_and_every_route_an_operation() {
    let routes: BTreeSet<(String, String, String)> = billfold_server::routes::routes()
        .iter()
        .map(|route| {
            (
                route.path.into(),
                route.method.as_str().into(),
                route.operation.into(),
            )
        })
        .collect();
    let operations: BTreeSet<(String, String, String)> = operations()
        .into_iter()
        .map(|operation| (operation.path_template, operation.method, operation.operation_id))
        .collect();
    assert_eq!(routes, operations);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn every_operation_answers_who_may_use_it(#[values(SqliteMemory, Postgres)] backend: Backend) {
    let world = World::start(backend).await;
    for (operation, example) in with_examples() {
        let scene = Scene::set(&world, "demo", "alice").await;
        let scope = operation.required_scope.unwrap_or_default();
        let token = forge::token_for(&scope, &scope);
        let answer = world.send(&(example.request)(&scene).token(&token)).await;
        assert_eq!(
            answer.status,
            example.status,
            "{}: {}",
            operation.operation_id,
            answer.text()
        );
    }
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn no_guarded_operation_answers_without_a_token(#[values(SqliteMemory, Postgres)] backend: Backend) {
    let world = World::start(backend).await;
    let scene = Scene::set(&world, "demo", "alice").await;
    let before = world.snapshot().await;
    for (operation, _, example) in guarded() {
        let answer = world.send(&(example.request)(&scene)).await;
        assert_eq!(answer.status, 401, "{}", operation.operation_id);
        assert_eq!(answer.header("WWW-Authenticate"), Some("Bearer"));
        assert_eq!(answer.json()["message"], "Invalid authorization token");
    }
    before.assert_untouched(&world.snapshot().await);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn no_guarded_operation_answers_without_its_scope(#[values(SqliteMemory, Postgres)] backend: Backend) {
    let world = World::start(backend).await;
    let scene = Scene::set(&world, "demo", "alice").await;
    let before = world.snapshot().await;
    for (operation, scope, example) in guarded() {
        let others: Vec<&str> = ALL_SCOPES.split(' ').filter(|other| *other != scope).collect();
        let known = others.len() == 3 || scope == forge::OPERATOR_SCOPE;
        assert!(known, "{scope} is no scope");
        for scopes in [
            others.join(" "),
            String::new(),
            scope.to_uppercase(),
            format!("{scope}s"),
        ] {
            let token = forge::token_for(&scope, &scopes);
            let answer = world.send(&(example.request)(&scene).token(&token)).await;
            assert_eq!(answer.status, 403, "{} with {scopes:?}", operation.operation_id);
        }
    }
    before.assert_untouched(&world.snapshot().await);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn no_guarded_operation_reaches_another_tenant(#[values(SqliteMemory, Postgres)] backend: Backend) {
    let world = World::start(backend).await;
    let scene = Scene::set(&world, "demo", "alice").await;
    // The same name of a user in both projects is two users.
    let token = forge::full_token("acme", "alice");
    for (operation, _, example) in of_tenants() {
        let name = &operation.operation_id;
        let before = world.snapshot().await;
        let of_demo = world.ledger("demo").await;
        let theirs = (example.request)(&scene).token(&token);
        let nobodys = (example.request)(&scene.never()).token(&token);
        let answer = world.send(&theirs).await;
        for hidden in scene.names() {
            assert!(
                !answer.text().contains(hidden),
                "{name} shows {hidden}: {}",
                answer.text()
            );
        }
        if theirs.to_bytes() == nobodys.to_bytes() {
            // It names no object: what it did, it did in the caller's own project.
            assert_eq!(answer.status, example.status, "{name}");
            assert_eq!(world.ledger("demo").await, of_demo, "{name}");
        } else {
            assert!((400..500).contains(&answer.status), "{name}: {}", answer.status);
            assert_eq!(
                answer.fingerprint(),
                world.send(&nobodys).await.fingerprint(),
                "{name}"
            );
            before.assert_same_effects(&world.snapshot().await);
        }
    }
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn another_method_is_told_which_there_are(#[values(SqliteMemory, Postgres)] backend: Backend) {
    let world = World::start(backend).await;
    let scene = Scene::set(&world, "demo", "alice").await;
    let token = forge::full_token("demo", "alice");
    let before = world.snapshot().await;
    let mut methods_of: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut target_of: BTreeMap<String, String> = BTreeMap::new();
    for (operation, example) in with_examples() {
        let path = (example.request)(&scene).path().to_owned();
        target_of.insert(operation.path_template.clone(), path);
        methods_of
            .entry(operation.path_template)
            .or_default()
            .insert(operation.method);
    }
    for (template, mut methods) in methods_of {
        let target = &target_of[&template];
        // What has GET has HEAD, which the contract need not say.
        if methods.contains("GET") {
            methods.insert("HEAD".to_owned());
        }
        for method in [
            "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND",
        ] {
            if methods.contains(method) {
                continue;
            }
            for request in [
                Request::new(method, target.as_str()),
                Request::new(method, target.as_str()).token(&token),
            ] {
                let answer = world.send(&request).await;
                assert_eq!(answer.status, 405, "{method} {target}");
                let allowed: BTreeSet<String> = answer
                    .header("Allow")
                    .unwrap_or_default()
                    .split(", ")
                    .map(str::to_owned)
                    .collect();
                assert_eq!(allowed, methods, "{method} {target}");
                if !target.starts_with("/v1/") && method != "HEAD" {
                    assert_eq!(answer.json()["type"], "notImplemented");
                }
            }
        }
    }
    before.assert_untouched(&world.snapshot().await);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_path_is_not_found_in_the_words_of_its_face(
    #[values(SqliteMemory, Postgres)] backend: Backend,
) {
    let world = World::start(backend).await;
    let scene = Scene::set(&world, "demo", "alice").await;
    let token = forge::full_token("demo", "alice");
    let before = world.snapshot().await;
    let id = &scene.saved;
    let unknown = [
        "/",
        "/?x=1",
        "/projects",
        "/projects/",
        "/projects/demo",
        "/projects/demo/",
        "/projects/demo/paymentMethods/",
        "/projects/demo/paymentmethods",
        "/projects/demo/payment-methods",
        "/Projects/demo/paymentMethods",
        "//projects/demo/paymentMethods",
        "/projects//paymentMethods",
        "/projects//demo/paymentMethods",
        "/projects/demo//paymentMethods",
        "/projects/demo/../demo/paymentMethods",
        "/projects/demo/./paymentMethods",
        "/projects/demo/setupIntents/",
        "/projects/demo/users",
        "/health",
        "/health/",
        "/health/live/",
        "/health/dead",
        "/webhooks",
        "/webhooks/",
        "/webhooks/stripe",
        "/webhooks/stripe/",
        "/webhooks/stripe/demo/",
        "/webhooks/stripe/demo/more",
        "/webhooks/paypal/demo",
        "/openapi.json",
        "/openapi.yaml/",
        "/admin",
        "/.env",
        "/v1",
        "/V1/account/payment-methods",
        "//v1/account/payment-methods",
        "/%76%31/account/payment-method",
        "/v1/",
        "/v1/account",
        "/v1/account/",
        "/v1/account/payment-methods/",
        "/v1/account//payment-methods",
        "/v1//account/payment-methods",
        "/v1/account/setup-intent/",
        "/v1/account/setup-intents",
        "/v1/account/paymentMethods",
        "/v1/../projects/demo/paymentMethods",
        "/v2/account/payment-methods",
    ];
    let longer = [
        format!("/projects/demo/paymentMethods/{id}/"),
        format!("/projects/demo/paymentMethods/{id}/more"),
        format!("/projects/demo/paymentMethods//{id}"),
        format!("/v1/account/payment-methods/{id}/"),
        format!("/v1/account/payment-methods/{id}/more"),
    ];
    for target in unknown.into_iter().chain(longer.iter().map(String::as_str)) {
        for method in ["GET", "POST", "DELETE", "PUT", "HEAD", "OPTIONS"] {
            for request in [
                Request::new(method, target),
                Request::new(method, target).token(&token),
            ] {
                let answer = world.send(&request).await;
                assert_eq!(answer.status, 404, "{method} {target}");
                if method != "HEAD" && !target.starts_with("/v1/") {
                    assert_eq!(answer.json()["type"], "notFound", "{method} {target}");
                }
            }
        }
    }
    before.assert_untouched(&world.snapshot().await);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_browser_may_ask_before_it_calls_the_account_api(
    #[values(SqliteMemory, Postgres)] backend: Backend,
) {
    let world = World::start(backend).await;
    let preflight = |target: &str, origin: &str, method: &str| {
        Request::new("OPTIONS", target)
            .header("Origin", origin)
            .header("Access-Control-Request-Method", method)
            .header("Access-Control-Request-Headers", "authorization,content-type")
    };
    for target in [
        "/v1/account/setup-intent",
        "/v1/account/payment-methods",
        "/v1/account/payment-methods/pm_1",
    ] {
        let answer = world.send(&preflight(target, ORIGIN, "POST")).await.expect(200);
        assert_eq!(
            answer.header("Access-Control-Allow-Origin"),
            Some(ORIGIN),
            "{target}"
        );
    }
    // An answer that the browser shall not show is never said to be for it.
    let stranger = preflight("/v1/account/setup-intent", "https://evil.example", "POST");
    let answer = world.send_unchecked(&stranger).await;
    assert_eq!(answer.header("Access-Control-Allow-Origin"), None);
    assert!(answer.status < 500);
    let project = preflight("/projects/demo/paymentMethods", ORIGIN, "GET");
    let answer = world.send(&project).await.expect(405);
    assert_eq!(answer.header("Access-Control-Allow-Origin"), None);
}
