//! Every operation of the contract x whatever a stranger may aim at x whoever a stranger may be: nothing is learned and
//! nothing is done.
//!
//! What a stranger aims at is always compared with something that never was: where the two answers differ in a byte but
//! the request's id, a stranger could find out what another tenant has.

use std::fmt;

use jsonwebtoken::Algorithm;
use rstest::rstest;
use serde_json::json;

use crate::{
    corpus::forge::{self as corpus, with},
    forge,
    http::{Answer, Request},
    operations::{Example, of_tenants},
    scene::Scene,
    support::{
        Backend::{self, Postgres, SqliteMemory},
        START,
        contract::Operation,
        webhooks::{event, signature, webhook_secret},
    },
    world::World,
};

/// What a request aims at, all of it the victim's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Target {
    NeverExisted,
    Existing,
    WaitingForItsOwner,
    Deleted,
    SaveInFlight,
    DeletionInFlight,
    Malformed,
    ForeignUserFilter,
    ForeignCursor,
    ForeignIdempotencyKey,
}

/// The first is what all others are compared with.
const TARGETS: [Target; 10] = [
    Target::NeverExisted,
    Target::Existing,
    Target::WaitingForItsOwner,
    Target::Deleted,
    Target::SaveInFlight,
    Target::DeletionInFlight,
    Target::Malformed,
    Target::ForeignUserFilter,
    Target::ForeignCursor,
    Target::ForeignIdempotencyKey,
];

/// The key that the victim has used on every route that takes one.
const VICTIMS_KEY: &str = "the-victims-own-key";

/// What the victim has: the scene, and what has begun at Stripe and not ended.
struct Victim {
    scene: Scene,
    save_in_flight: String,
    deletion_in_flight: String,
}

impl Victim {
    async fn set(world: &World) -> Self {
        let scene = Scene::set(world, "demo", "alice").await;
        let token = forge::full_token("demo", "backend");
        let methods = "/projects/demo/paymentMethods";
        let saving = |id: &str| {
            let body = json!({ "id": id, "user": "alice" }).to_string();
            Request::post(methods, body).token(&token)
        };
        let keyed = world.card("demo", "visa").await;
        let request = saving(&keyed).header("Idempotency-Key", VICTIMS_KEY);
        world.send(&request).await.expect(201);
        let request = Request::delete(format!("{methods}/{keyed}")).token(&token);
        let request = request.header("Idempotency-Key", VICTIMS_KEY);
        world.send(&request).await.expect(200);

        let save_in_flight = world.card("demo", "visa").await;
        let deletion_in_flight = world.card("demo", "visa").await;
        world.send(&saving(&deletion_in_flight)).await.expect(201);
        // Stripe answers nothing of what changes something, so what is begun stays open.
        world
            .fault(json!({ "kind": "reset", "path": "/v1/", "method": "POST", "count": 100 }))
            .await;
        world.send(&saving(&save_in_flight)).await.expect(503);
        let request = Request::delete(format!("{methods}/{deletion_in_flight}")).token(&token);
        world.send(&request).await.expect(503);
        world.clear_faults().await;
        Self {
            scene,
            save_in_flight,
            deletion_in_flight,
        }
    }

    /// The example's scene with the target where the example would have something of its own.
    fn aimed(&self, target: Target) -> Scene {
        let of = |id: &str, setup_intent: &str, user: &str| Scene {
            saved: id.to_owned(),
            unsaved: id.to_owned(),
            setup_intent: setup_intent.to_owned(),
            user: user.to_owned(),
            ..self.scene.clone()
        };
        let scene = &self.scene;
        let never = scene.never();
        let nowhere = |id: &str| of(id, &never.setup_intent, "nobody");
        match target {
            Target::NeverExisted | Target::ForeignCursor | Target::ForeignIdempotencyKey => {
                nowhere(&never.saved)
            }
            Target::Existing => of(&scene.saved, &scene.setup_intent, "nobody"),
            Target::WaitingForItsOwner => nowhere(&scene.waiting),
            Target::Deleted => nowhere(&scene.deleted),
            Target::SaveInFlight => nowhere(&self.save_in_flight),
            Target::DeletionInFlight => nowhere(&self.deletion_in_flight),
            Target::Malformed => of("pm-1", "seti-1", "nobody"),
            Target::ForeignUserFilter => of(&never.saved, &never.setup_intent, &scene.user),
        }
    }

    /// The operation's request at a target, in a project, without a token; nothing where the operation has no such thing.
    fn request(
        &self,
        operation: &Operation,
        example: &Example,
        target: Target,
        project: &str,
    ) -> Option<Request> {
        let scene = Scene {
            project: project.to_owned(),
            ..self.aimed(target)
        };
        let mut request = (example.request)(&scene);
        match target {
            Target::ForeignCursor if operation.has_parameter("after") => {
                let separator = if request.target.contains('?') { '&' } else { '?' };
                request.target = format!("{}{separator}after={}", request.target, self.scene.saved);
            }
            Target::ForeignIdempotencyKey if operation.has_parameter("Idempotency-Key") => {
                request = request.header("Idempotency-Key", VICTIMS_KEY);
            }
            Target::ForeignCursor | Target::ForeignIdempotencyKey => return None,
            _ => {}
        }
        Some(request)
    }

    /// No answer to a stranger names anything of the victim's.
    #[track_caller]
    fn assert_not_told(&self, answer: &Answer, cell: &impl fmt::Display) {
        let text = format!("{:?} {}", answer.headers, answer.text());
        let names = self.scene.names().into_iter();
        for name in names.chain([self.save_in_flight.as_str(), &self.deletion_in_flight]) {
            assert!(!text.contains(name), "{cell}: {text}");
        }
    }
}

/// One request of the matrix, to say which it was.
struct Cell<'a> {
    operation: &'a Operation,
    target: Target,
    credential: &'a str,
}

impl fmt::Display for Cell<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            operation,
            target,
            credential,
        } = self;
        write!(
            formatter,
            "{} at {target:?} with {credential}",
            operation.operation_id
        )
    }
}

/// Whoever may not use an operation at all, wherever it is aimed, and what they are told.
fn powerless(operation: &Operation, scope: &str) -> Vec<(&'static str, u16, Option<String>)> {
    let (face, kind) = scope.split_once(':').expect("a scope has two parts");
    let other_kind = if kind == "read" { "write" } else { "read" };
    let other_face = if face == "project" { "account" } else { "project" };
    let expired = {
        let claims = forge::claims("demo", "alice", forge::ALL_SCOPES);
        let claims = with(claims, "iat", START - 7200);
        corpus::token(&with(claims, "exp", START - 3600))
    };
    let stranger = corpus::sign_text(
        corpus::header().to_string(),
        forge::claims("demo", "alice", forge::ALL_SCOPES).to_string(),
        &corpus::KEYS.ed25519_stranger,
        Algorithm::EdDSA,
    );
    let good = |scope: &str| Some(forge::token("demo", "alice", scope));
    assert!(operation.required_scope.as_deref() == Some(scope));
    vec![
        ("no token", 401, None),
        ("an expired token", 401, Some(expired)),
        ("a token of no one's key", 401, Some(stranger)),
        ("no scope", 403, good("")),
        (
            "the face's other scope",
            403,
            good(&format!("{face}:{other_kind}")),
        ),
        (
            "the other face's token",
            403,
            good(&format!("{other_face}:read {other_face}:write")),
        ),
    ]
}

/// What works on nothing that is named, so that a stranger's own good request would succeed, for himself.
const OF_THE_CALLER_ALONE: [&str; 2] = ["createSetupIntent", "createAccountSetupIntent"];

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn whoever_may_not_is_told_the_same_wherever_they_aim(
    #[values(SqliteMemory, Postgres)] backend: Backend,
) {
    let world = World::start(backend).await;
    let victim = Victim::set(&world).await;
    let before = world.snapshot().await;
    let mut cells = 0;
    for (operation, scope, example) in of_tenants() {
        let foreign_path = operation.path_template.contains("{project}").then(|| {
            let token = forge::full_token("acme", "alice");
            ("another project's token", 404, Some(token))
        });
        for (credential, status, token) in powerless(&operation, &scope).into_iter().chain(foreign_path) {
            let mut first = None;
            for target in TARGETS {
                let Some(mut request) = victim.request(&operation, example, target, "demo") else {
                    continue;
                };
                if let Some(token) = &token {
                    request = request.token(token);
                }
                let answer = world.send(&request).await;
                let cell = Cell {
                    operation: &operation,
                    target,
                    credential,
                };
                assert_eq!(answer.status, status, "{cell}: {}", answer.text());
                let expected = first.get_or_insert_with(|| answer.fingerprint());
                assert_eq!(&answer.fingerprint(), expected, "{cell}");
                victim.assert_not_told(&answer, &cell);
                cells += 1;
            }
        }
    }
    before.assert_untouched(&world.snapshot().await);
    tell(backend, cells);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn what_another_tenant_or_user_has_is_what_never_was(
    #[values(SqliteMemory, Postgres)] backend: Backend,
) {
    let world = World::start(backend).await;
    let victim = Victim::set(&world).await;
    // Who asks: a stranger in a project of his own, and on the account API another user of the victim's project too.
    let stranger = ("acme", forge::full_token("acme", "mallory"));
    let neighbour = ("demo", forge::full_token("demo", "mallory"));
    for (_, token) in [&stranger, &neighbour] {
        // Each has a customer at Stripe, so that none need be made.
        let request = Request::new("POST", "/v1/account/setup-intent").token(token);
        world.send(&request).await.expect(201);
    }
    let before = world.snapshot().await;
    let mut cells = 0;
    let mut on_the_owners_behalf = Vec::new();
    for (operation, _, example) in of_tenants() {
        if OF_THE_CALLER_ALONE.contains(&operation.operation_id.as_str()) {
            continue;
        }
        let of_account = operation.path_template.starts_with("/v1/");
        let callers = if of_account {
            vec![&stranger, &neighbour]
        } else {
            vec![&stranger]
        };
        for (project, token) in callers {
            let mut never = None;
            for target in TARGETS {
                let Some(request) = victim.request(&operation, example, target, project) else {
                    continue;
                };
                let request = request.token(token);
                let in_flight = matches!(target, Target::SaveInFlight | Target::DeletionInFlight);
                if *project == "demo" && in_flight && operation.method != "GET" {
                    on_the_owners_behalf.push((operation.clone(), request, never.clone()));
                    continue;
                }
                let answer = world.send(&request).await;
                let cell = Cell {
                    operation: &operation,
                    target,
                    credential: project,
                };
                victim.assert_not_told(&answer, &cell);
                cells += 1;
                let as_never = never.get_or_insert_with(|| answer.fingerprint());
                let tells_form = target == Target::Malformed && operation.method != "GET";
                // A cursor is refused where it is no item of one's own: the very answer that any other unknown one gets.
                if target == Target::ForeignCursor {
                    assert_eq!(answer.status, 422, "{cell}");
                } else if tells_form {
                    assert!((400..500).contains(&answer.status), "{cell}: {}", answer.status);
                } else {
                    assert_eq!(&answer.fingerprint(), as_never, "{cell}");
                }
            }
        }
    }
    // The caller's own key is kept, among the caller's own.
    let kept = ["idempotency_keys"];
    let after = world.snapshot().await.without_tables(&kept);
    before.without_tables(&kept).assert_same_effects(&after);

    // Whoever meets an operation that was left open ends it, for the user who began it: so these change something, but
    // nothing for the one who asks, who is told what he would be told of anything else.
    for (operation, request, never) in on_the_owners_behalf {
        let answer = world.send(&request).await;
        cells += 1;
        assert_eq!(Some(answer.fingerprint()), never, "{}", operation.operation_id);
    }
    let request = Request::get("/v1/account/payment-methods").token(&neighbour.1);
    assert_eq!(world.send(&request).await.expect(200).text(), "[]");
    tell(backend, cells);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_webhook_is_refused_whatever_it_tells_of(
    #[values(SqliteMemory, Postgres)] backend: Backend,
) {
    let world = World::start(backend).await;
    let victim = Victim::set(&world).await;
    let before = world.snapshot().await;
    let mut first = None;
    for target in TARGETS {
        let aimed = victim.aimed(target);
        for (event_type, object) in [
            ("payment_method.detached", &aimed.saved),
            ("setup_intent.succeeded", &aimed.setup_intent),
            ("customer.deleted", &aimed.user),
        ] {
            let body = event("evt_1Foreign", event_type, object).to_string();
            for (project, secret) in [("demo", "acme"), ("acme", "demo"), ("nowhere", "demo")] {
                let header = signature(&webhook_secret(secret), START, body.as_bytes());
                let request = Request::post(format!("/webhooks/stripe/{project}"), body.as_str())
                    .header("Stripe-Signature", header);
                let answer = world.send(&request).await.expect(400);
                let expected = first.get_or_insert_with(|| answer.fingerprint());
                assert_eq!(&answer.fingerprint(), expected, "{event_type} at {target:?}");
            }
        }
    }
    before.assert_untouched(&world.snapshot().await);
}

#[expect(
    clippy::print_stdout,
    reason = "how much was tried is a figure that --nocapture shows"
)]
fn tell(backend: Backend, cells: usize) {
    println!("{backend:?}: {cells} cells of the matrix, 0 leaks");
}
