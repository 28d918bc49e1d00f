//! Every token of the corpus over HTTP, on one route that reads and one that writes of each face.

use rstest::rstest;
use serde_json::Value;

use crate::{
    corpus::{self, Answers, Case},
    http::{Answer, Request},
    scene::Scene,
    support::Backend::{self, Postgres, SqliteMemory},
    world::World,
};

/// The routes that every token is tried on, in the order of [`Answers`].
pub(crate) fn probes() -> [Request; 4] {
    [
        Request::get("/projects/demo/paymentMethods"),
        Request::post("/projects/demo/setupIntents", r#"{"user":"alice"}"#),
        Request::get("/v1/account/payment-methods"),
        Request::new("POST", "/v1/account/setup-intent"),
    ]
}

/// How each route answers who brings no token: what every refused token must be answered with too.
pub(crate) async fn refusals(world: &World) -> Vec<Answer> {
    let mut refusals = Vec::new();
    for probe in probes() {
        let refusal = world.send(&probe).await.expect(401);
        let body: Value = refusal.json();
        assert_eq!(body["message"], "Invalid authorization token");
        assert_eq!(refusal.header("www-authenticate"), Some("Bearer"));
        refusals.push(refusal);
    }
    refusals
}

/// Sends a request to each of the four routes, and tells where the answer is not the expected one.
pub(crate) async fn faults(
    world: &World,
    refusals: &[Answer],
    name: &str,
    answers: Answers,
    ask: impl Fn(Request) -> Request,
) -> Vec<String> {
    let mut faults = Vec::new();
    for ((probe, expected), refusal) in probes().into_iter().zip(answers).zip(refusals) {
        let request = ask(probe);
        // An answer that is the refusal to the letter is held against the contract once.
        let answer = if expected == 401 {
            world.send_unchecked(&request).await
        } else {
            world.send(&request).await
        };
        let right = match expected {
            401 => answer.fingerprint() == refusal.fingerprint(),
            _ => answer.status == expected,
        };
        if !right {
            faults.push(format!(
                "{name}: {} {}: expected {expected}, got {} {}",
                request.method,
                request.target,
                answer.status,
                answer.text()
            ));
        }
    }
    faults
}

/// Tries tokens: first those that may do nothing anywhere, after which nothing may be changed; then the others.
async fn try_all(world: &World, cases: Vec<Case>) {
    let (idle, able): (Vec<Case>, Vec<Case>) = cases.into_iter().partition(|case| {
        case.answers
            .is_none_or(|answers| answers.iter().all(|status| *status >= 400))
    });
    let refusals = refusals(world).await;
    let before = world.snapshot().await;
    let mut wrong = Vec::new();
    for case in &idle {
        let Some(answers) = case.answers else { continue };
        wrong.extend(
            faults(world, &refusals, case.name, answers, |probe| {
                probe.token(&case.token)
            })
            .await,
        );
    }
    before.assert_untouched(&world.snapshot().await);
    for case in &able {
        let Some(answers) = case.answers else { continue };
        wrong.extend(
            faults(world, &refusals, case.name, answers, |probe| {
                probe.token(&case.token)
            })
            .await,
        );
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_tenants_valid_key_never_signs_for_another(#[values(SqliteMemory, Postgres)] backend: Backend) {
    let world = World::start(backend).await;
    Scene::set(&world, "demo", "alice").await;
    Scene::set(&world, "acme", "alice").await;
    try_all(&world, corpus::tenants::cases()).await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn every_token_of_the_corpus_gets_its_answer(#[values(SqliteMemory, Postgres)] backend: Backend) {
    let world = World::start(backend).await;
    Scene::set(&world, "demo", "alice").await;
    let cases = corpus::cases();
    let sent = cases.iter().filter(|case| case.answers.is_some()).count();
    assert!(sent >= 250, "only {sent} tokens are sent");
    try_all(&world, cases).await;
}
