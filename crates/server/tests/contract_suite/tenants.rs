//! What one tenant, or one user, can learn of another's: nothing. "It is elsewhere" reads as "it is nowhere", byte for
//! byte, and nothing is done.

use rstest::rstest;
use serde_json::json;

use crate::{
    forge,
    http::Request,
    scene::Scene,
    support::Backend::{self, Postgres, SqliteMemory},
    world::World,
};

const NEVER: &str = "pm_1NeverWas0000000000000a";

/// Sends each request, and checks that no answer can be told from the first.
async fn assert_alike(world: &World, status: u16, requests: impl IntoIterator<Item = Request>) {
    let mut first = None;
    for request in requests {
        let answer = world.send(&request).await;
        let place = format!("{} {}", request.method, request.target);
        assert_eq!(answer.status, status, "{place}: {}", answer.text());
        let expected = first.get_or_insert_with(|| answer.fingerprint());
        assert_eq!(&answer.fingerprint(), expected, "{place}");
    }
    assert!(first.is_some());
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_project_is_no_project(#[values(SqliteMemory, Postgres)] backend: Backend) {
    let world = World::start(backend).await;
    let scene = Scene::set(&world, "demo", "alice").await;
    let tokens = [
        forge::full_token("acme", "backend"),
        forge::full_token("acme", "alice"),
        // Of a project that is not there at all.
        forge::full_token("nowhere", "backend"),
    ];
    let before = world.snapshot().await;
    let longest = "p".repeat(5_000);
    let mut requests = Vec::new();
    for project in [
        "nowhere", "demo", "DEMO", "Acme", "demo%00", "acme%20", "..", "%2e%2e", "a%2Fb", "'--", &longest,
    ] {
        let methods = format!("/projects/{project}/paymentMethods");
        let intents = format!("/projects/{project}/setupIntents");
        for id in scene
            .names()
            .into_iter()
            .chain([NEVER, "pm-1", "%00", "..", &longest])
        {
            requests.push(Request::get(format!("{methods}/{id}")));
            requests.push(Request::delete(format!("{methods}/{id}")));
            requests.push(Request::get(format!("{intents}/{id}")));
            requests.push(Request::get(format!("{methods}?after={id}")));
        }
        requests.push(Request::get(methods.as_str()));
        requests.push(Request::get(format!("{methods}?user=alice")));
        requests.push(Request::get(format!("{methods}?limit=x&what=%00")));
        for body in [
            json!({ "id": scene.unsaved, "user": "alice" }).to_string(),
            json!({ "id": scene.saved, "user": "alice" }).to_string(),
            "{".to_owned(),
            String::new(),
            "x".repeat(20_000),
        ] {
            requests.push(Request::post(methods.as_str(), body.as_str()));
            requests.push(Request::post(intents.as_str(), body));
        }
    }
    let with_token = |token: &str| {
        requests
            .iter()
            .map(|request| request.clone().token(token))
            .collect::<Vec<_>>()
    };
    assert_alike(&world, 404, with_token(&tokens[0])).await;
    // Whose token it is makes no difference: every seventh request, so that each kind is among them, will do.
    for token in &tokens[1..] {
        assert_alike(&world, 404, with_token(token).into_iter().step_by(7)).await;
    }
    before.assert_untouched(&world.snapshot().await);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_object_is_no_object(#[values(SqliteMemory, Postgres)] backend: Backend) {
    let world = World::start(backend).await;
    let scene = Scene::set(&world, "demo", "alice").await;
    // Something of their own, of another user's name.
    let own = Scene::set(&world, "acme", "bob").await;
    let token = forge::full_token("acme", "backend");
    let before = world.snapshot().await;
    let methods = "/projects/acme/paymentMethods";
    let mut names = vec![
        NEVER,
        own.deleted.as_str(),
        "pm-1",
        "pm_1%20",
        "%00",
        "%F0%9F%98%80",
        "seti_x",
        "..",
    ];
    names.extend(scene.names());

    for method in ["GET", "DELETE"] {
        let requests = names
            .iter()
            .map(|id| Request::new(method, format!("{methods}/{id}")).token(&token));
        assert_alike(&world, 404, requests).await;
    }
    let intents = [NEVER, "seti_never", own.saved.as_str(), "seti-1", "%0d%0a"];
    let requests = intents
        .into_iter()
        .chain(scene.names())
        .map(|id| Request::get(format!("/projects/acme/setupIntents/{id}")).token(&token));
    assert_alike(&world, 404, requests).await;

    for parameter in ["after", "before"] {
        let foreign = [&scene.saved, &scene.deleted, &scene.waiting, &scene.setup_intent];
        let requests = foreign
            .into_iter()
            .map(String::as_str)
            .chain([NEVER, "pm-1", "%00"])
            .map(|id| Request::get(format!("{methods}?{parameter}={id}")).token(&token));
        assert_alike(&world, 422, requests).await;
    }
    let requests =
        ["alice", "nobody", "Bob"].map(|user| Request::get(format!("{methods}?user={user}")).token(&token));
    assert_alike(&world, 200, requests).await;
    before.assert_untouched(&world.snapshot().await);

    // Stripe is asked for these, in the caller's own account, where they are unknown.
    let foreign = [
        scene.saved.as_str(),
        &scene.deleted,
        &scene.waiting,
        &scene.unsaved,
        NEVER,
    ];
    let requests = foreign.map(|id| {
        let body = json!({ "id": id, "user": "alice" }).to_string();
        Request::post(methods, body).token(&token)
    });
    assert_alike(&world, 422, requests).await;
    before.assert_same_effects(&world.snapshot().await);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_users_cards_are_nobody_elses(#[values(SqliteMemory, Postgres)] backend: Backend) {
    let world = World::start(backend).await;
    let scene = Scene::set(&world, "demo", "alice").await;
    let others = Scene::set(&world, "demo", "bob").await;
    let strangers = [
        forge::full_token("demo", "bob"),
        forge::full_token("demo", "ALICE"),
        forge::full_token("acme", "alice"),
        forge::full_token("demo", "carol"),
    ];
    // Each has a customer at Stripe, so that none need be made.
    for token in &strangers {
        let request = Request::new("POST", "/v1/account/setup-intent").token(token);
        world.send(&request).await.expect(201);
    }
    let before = world.snapshot().await;
    for token in &strangers {
        let names = [
            NEVER,
            &others.deleted,
            &scene.saved,
            &scene.waiting,
            &scene.deleted,
            &scene.unsaved,
            &scene.setup_intent,
            "pm-1",
            "%00",
            "%F0%9F%98%80",
            "..",
        ];
        let requests =
            names.map(|id| Request::delete(format!("/v1/account/payment-methods/{id}")).token(token));
        assert_alike(&world, 410, requests).await;
        let list = world
            .send(&Request::get("/v1/account/payment-methods").token(token))
            .await
            .expect(200);
        for name in scene.names() {
            assert!(!list.text().contains(name), "{}", list.text());
        }
    }
    before.assert_untouched(&world.snapshot().await);
    for token in &strangers {
        let names = [NEVER, "pm_x", &scene.saved, &scene.waiting, &scene.deleted];
        for path in ["/v1/account/payment-methods", "/v1/account/tax"] {
            let requests = names.map(|id| Request::post(path, json!({ "id": id }).to_string()).token(token));
            assert_alike(&world, 422, requests).await;
        }
    }
    before.assert_same_effects(&world.snapshot().await);

    // They are still there for their owner.
    let owner = forge::full_token("demo", "alice");
    let list = Request::get("/v1/account/payment-methods").token(&owner);
    assert_eq!(world.send(&list).await.json()[0]["id"], scene.saved);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn the_owner_of_a_saved_method_is_not_named(#[values(SqliteMemory, Postgres)] backend: Backend) {
    let world = World::start(backend).await;
    let scene = Scene::set(&world, "demo", "alice").await;
    let token = forge::full_token("demo", "backend");
    let before = world.snapshot().await;
    for id in [&scene.saved, &scene.waiting] {
        let body = json!({ "id": id, "user": "bob" }).to_string();
        let request = Request::post("/projects/demo/paymentMethods", body).token(&token);
        let answer = world.send(&request).await.expect(422);
        assert_eq!(
            answer.details(),
            [("id".to_owned(), "paymentMethodAlreadyExists".to_owned())]
        );
        assert!(!answer.text().contains("alice"), "{}", answer.text());
    }
    before.assert_untouched(&world.snapshot().await);
}
