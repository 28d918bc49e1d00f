//! Every status that the contract documents can be had, and this is how.

use std::{collections::BTreeSet, time::Duration};

use billfold_domain::RateLimit;
use billfold_service::RateLimitOptions;
use billfold_test_support::wait_for;
use serde_json::{Value, json};

use crate::{
    forge,
    http::{Answer, Request},
    operations::{of_operators, of_tenants, with_examples},
    scene::Scene,
    support::{
        Backend::Postgres,
        contract::{Operation, operations},
    },
    world::{World, delay},
};

/// What is documented and cannot be had yet, and why.
fn exemption(operation: &Operation, status: u16) -> Option<&'static str> {
    match (operation.operation_id.as_str(), status) {
        ("createProject" | "updateProject", 409) => {
            Some("two at the same moment, which the store's tests bring about")
        }
        ("getLiveness" | "getReadiness" | "getOpenApiDocument", 500) => {
            Some("nothing on the way to the answer can fail; a fault of the program would")
        }
        _ => None,
    }
}

/// The statuses that were had.
struct Seen(BTreeSet<(String, u16)>);

impl Seen {
    fn note(&mut self, operation: &str, status: u16, answer: &Answer) {
        assert_eq!(answer.status, status, "{operation}: {}", answer.text());
        self.0.insert((operation.to_owned(), status));
    }
}

/// On PostgreSQL alone, where the test can take the database away from the server. The other database's answers are seen
/// by the other tests.
#[tokio::test(flavor = "multi_thread")]
async fn every_documented_status_can_be_had() {
    let mut seen = Seen(BTreeSet::new());
    let world = World::start(Postgres).await;
    for (operation, example) in with_examples() {
        let scene = Scene::set(&world, "demo", "alice").await;
        let request = (example.request)(&scene);
        callers(&world, &mut seen, &operation, &request).await;
        let required = operation.required_scope.clone().unwrap_or_default();
        let request = request.token(&forge::full_token_for(&required));
        let answer = world.send(&request).await;
        seen.note(&operation.operation_id, example.status, &answer);
        again(&world, &mut seen, &operation, &request).await;
        bodies(&world, &mut seen, &operation, &request).await;
    }
    conflicts(&world, &mut seen).await;
    too_many(&mut seen).await;
    projects_that_go(&world, &mut seen).await;
    no_operators(&mut seen).await;
    broken_database(&mut seen).await;
    unreachable_database(&mut seen).await;

    let mut wrong = Vec::new();
    for operation in operations() {
        for status in &operation.responses {
            let had = seen.0.contains(&(operation.operation_id.clone(), *status));
            if had == exemption(&operation, *status).is_some() {
                wrong.push(format!("{} {status}: had is {had}", operation.operation_id));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// 401, 403 and 404: who calls, and for which project.
async fn callers(world: &World, seen: &mut Seen, operation: &Operation, request: &Request) {
    let Some(required) = &operation.required_scope else {
        return;
    };
    let name = &operation.operation_id;
    seen.note(name, 401, &world.send(request).await);
    let powerless = forge::token_for(required, "");
    seen.note(name, 403, &world.send(&request.clone().token(&powerless)).await);
    if required == forge::OPERATOR_SCOPE {
        return;
    }
    let mut elsewhere = request.clone();
    elsewhere.target = elsewhere.target.replace("/projects/demo/", "/projects/nowhere/");
    let token = forge::full_token("nowhere", "alice");
    seen.note(name, 404, &world.send(&elsewhere.token(&token)).await);
}

/// 422: what a project that is being deleted can't have.
async fn projects_that_go(world: &World, seen: &mut Seen) {
    let token = forge::operator_token(forge::OPERATOR_SCOPE);
    for (name, path) in [("disableProject", "disable"), ("enableProject", "enable")] {
        let request = Request::new("POST", format!("/operator/projects/gone/{path}")).token(&token);
        seen.note(name, 422, &world.send(&request).await);
    }
}

/// 404 of the operator API: nobody operates this server over HTTP.
async fn no_operators(seen: &mut Seen) {
    let world = World::start_without_operators(Postgres).await;
    let scene = Scene::set(&world, "demo", "alice").await;
    let token = forge::operator_token(forge::OPERATOR_SCOPE);
    for (operation, example) in of_operators() {
        let answer = world.send(&(example.request)(&scene).token(&token)).await;
        seen.note(&operation.operation_id, 404, &answer);
    }
}

/// What the same request is answered the second time, where that differs.
async fn again(world: &World, seen: &mut Seen, operation: &Operation, request: &Request) {
    let name = operation.operation_id.as_str();
    let status = match name {
        "createPaymentMethod" | "saveAccountPaymentMethod" | "saveAccountPaymentMethodAtTax" => 200,
        "deletePaymentMethod" => 404,
        "deleteAccountPaymentMethod" => 410,
        _ => return,
    };
    seen.note(name, status, &world.send(request).await);
}

/// 400, 408, 413 and 422.
async fn bodies(world: &World, seen: &mut Seen, operation: &Operation, request: &Request) {
    let name = operation.operation_id.as_str();
    if operation.responses.contains(&400) {
        seen.note(name, 400, &world.send(&request.clone().body("{")).await);
    }
    if operation.responses.contains(&408) {
        seen.note(name, 408, &world.send_half(&request.clone().body("{}")).await);
    }
    if operation.responses.contains(&413) {
        let limit = if name == "receiveStripeWebhook" { 512 } else { 16 } * 1024;
        let body = vec![b' '; limit + 1];
        seen.note(name, 413, &world.send(&request.clone().body(body)).await);
    }
    if operation.responses.contains(&422) {
        let invalid = if request.method == "GET" {
            let mut request = request.clone();
            request.target.push_str("&limit=201");
            request
        } else if name == "updateProject" {
            request.clone().body(r#"{"secretKey":1}"#)
        } else if ["disableProject", "enableProject"].contains(&name) {
            return;
        } else if operation.responses.contains(&413) {
            request.clone().body("{}")
        } else {
            // What has no body can still have a key that is none.
            request.clone().header("Idempotency-Key", "")
        };
        seen.note(name, 422, &world.send(&invalid).await);
    }
}

/// 409: a second request while the first, held up at Stripe, is under way.
async fn conflicts(world: &World, seen: &mut Seen) {
    let token = forge::full_token("demo", "bob");
    let scene = Scene::set(world, "demo", "bob").await;
    let project_save = json!({ "id": scene.unsaved, "user": "bob" }).to_string();
    let held = "/v1/setup_intents";
    let other_card = world.card("demo", "visa").await;
    let tax_card = world.card("demo", "visa").await;
    let in_account = |path: &str, id: &str| Request::post(path, json!({ "id": id }).to_string());
    let detach = |id: &str| format!("/v1/payment_methods/{id}/detach");
    let account_saved = Scene::set(world, "demo", "bob").await.saved;
    let cases = [
        (
            "createPaymentMethod",
            Request::post("/projects/demo/paymentMethods", project_save),
            held.to_owned(),
        ),
        (
            "saveAccountPaymentMethod",
            in_account("/v1/account/payment-methods", &other_card),
            held.to_owned(),
        ),
        (
            "saveAccountPaymentMethodAtTax",
            in_account("/v1/account/tax", &tax_card),
            held.to_owned(),
        ),
        (
            "deletePaymentMethod",
            Request::delete(format!("/projects/demo/paymentMethods/{}", scene.saved)),
            detach(&scene.saved),
        ),
        (
            "deleteAccountPaymentMethod",
            Request::delete(format!("/v1/account/payment-methods/{account_saved}")),
            detach(&account_saved),
        ),
    ];
    for (name, request, stripe_path) in cases {
        let request = request.token(&token);
        let answer = second_of_two(world, &request, &request, &stripe_path, 2_000).await;
        seen.note(name, 409, &answer);
    }
    // A user's first two setup intents need one customer: the second waits some seconds for the first to make it.
    let carol = forge::full_token("demo", "carol");
    let first = Request::new("POST", "/v1/account/setup-intent").token(&carol);
    let second = Request::post("/projects/demo/setupIntents", r#"{"user":"carol"}"#).token(&carol);
    let (answer, other) = tokio::join!(
        second_of_two(world, &first, &first, "/v1/customers", 12_000),
        async {
            wait_for_call(world, "POST /v1/customers", 3).await;
            world.send(&second).await
        }
    );
    seen.note("createAccountSetupIntent", 409, &answer);
    seen.note("createSetupIntent", 409, &other);
}

/// The answer to a request that is sent while another is held up at Stripe.
async fn second_of_two(
    world: &World,
    first: &Request,
    second: &Request,
    stripe_path: &str,
    milliseconds: u64,
) -> Answer {
    let call = format!("POST {stripe_path}");
    let calls = world.asked(&call).await;
    world.fault(delay(stripe_path, milliseconds)).await;
    tokio::select! {
        answer = world.send(first) => panic!("the first request should be held up: {answer:?}"),
        answer = async {
            wait_for_call(world, &call, calls + 1).await;
            world.send(second).await
        } => answer,
    }
}

async fn wait_for_call(world: &World, call: &str, times: u64) {
    wait_for(Duration::from_secs(30), call, async || {
        (world.asked(call).await >= times).then_some(())
    })
    .await;
}

/// 429: of every kind of request, one is let in and no more while the clock stands still.
async fn too_many(seen: &mut Seen) {
    let one = RateLimit::in_a_minute(1);
    let limits = RateLimitOptions {
        project_reads: one,
        project_writes: one,
        user: None,
        ..RateLimitOptions::out_of_the_way()
    };
    let world = World::with_limits(Postgres, limits).await;
    let scene = Scene {
        project: "demo".to_owned(),
        user: "alice".to_owned(),
        saved: "pm_1".to_owned(),
        waiting: "pm_2".to_owned(),
        deleted: "pm_3".to_owned(),
        unsaved: "pm_4".to_owned(),
        setup_intent: "seti_1".to_owned(),
    };
    let token = forge::full_token("demo", "alice");
    for request in [
        Request::get("/v1/account/payment-methods"),
        Request::delete("/v1/account/payment-methods/pm_1"),
    ] {
        let answer = world.send(&request.token(&token)).await;
        assert_ne!(answer.status, 429, "{}", answer.text());
    }
    for (operation, _, example) in of_tenants() {
        let answer = world.send(&(example.request)(&scene).token(&token)).await;
        seen.note(&operation.operation_id, 429, &answer);
        assert_eq!(
            answer.header("Retry-After"),
            Some("60"),
            "{}",
            operation.operation_id
        );
    }
}

/// Whether an answer takes a look at the project: at whose token or at whose signature it is.
fn needs_the_project(operation: &Operation) -> bool {
    operation.required_scope.is_some() || operation.operation_id == "receiveStripeWebhook"
}

/// 500: a table is not there.
async fn broken_database(seen: &mut Seen) {
    let world = World::start(Postgres).await;
    let scene = Scene::set(&world, "demo", "alice").await.never();
    let scene = Scene {
        project: "acme".to_owned(),
        ..scene
    };
    world.sql("alter table projects rename to elsewhere").await;
    for (operation, example) in with_examples() {
        if needs_the_project(&operation) {
            // Nobody has asked for acme yet, so nobody remembers it.
            let token = match operation.required_scope.as_deref() {
                Some(forge::OPERATOR_SCOPE) => forge::operator_token(forge::OPERATOR_SCOPE),
                _ => forge::full_token("acme", "alice"),
            };
            let answer = world.send(&(example.request)(&scene).token(&token)).await;
            seen.note(&operation.operation_id, 500, &answer);
            assert!(!answer.text().contains("projects"), "{}", answer.text());
        }
    }
}

/// 503: the database is not reached.
async fn unreachable_database(seen: &mut Seen) {
    let world = World::start(Postgres).await;
    let scene = Scene::set(&world, "demo", "alice").await;
    world.proxy().refuse_new().await;
    world.proxy().cut();
    for (operation, example) in with_examples() {
        let name = operation.operation_id.as_str();
        let unavailable = name == "getReadiness" || needs_the_project(&operation);
        let token = forge::full_token_for(operation.required_scope.as_deref().unwrap_or_default());
        // A setup intent is looked up in the database first, so none of these waits for Stripe.
        let answer = world.send(&(example.request)(&scene).token(&token)).await;
        if unavailable {
            seen.note(name, 503, &answer);
            let seconds: Option<u64> = answer.header("Retry-After").and_then(|text| text.parse().ok());
            assert!(seconds.is_some_and(|seconds| seconds > 0), "{name}");
        } else {
            assert_eq!(answer.status, 200, "{name}");
        }
        if name == "getReadiness" {
            assert_eq!(answer.json()["reason"], Value::from("database"));
        }
    }
}
