//! What is believed for its signature: the same for every other sender, and nothing is left behind.

use rstest::rstest;

use crate::{
    forge,
    http::Request,
    operations::with_examples,
    scene::Scene,
    support::{
        Backend::{self, Postgres, SqliteMemory},
        START,
        webhooks::{event, signature, webhook_secret},
    },
    world::World,
};

/// The operation's own example, its signature taken away.
fn unsigned(scene: &Scene) -> Request {
    let operations = with_examples();
    let (_, example) = operations
        .iter()
        .find(|(operation, _)| operation.operation_id == "receiveStripeWebhook")
        .unwrap();
    let mut request = (example.request)(scene);
    request.headers.clear();
    request
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn no_webhook_is_taken_from_another_sender(#[values(SqliteMemory, Postgres)] backend: Backend) {
    let world = World::start(backend).await;
    let scene = Scene::set(&world, "demo", "alice").await;
    let before = world.snapshot().await;
    let unsigned = unsigned(&scene);
    let body = unsigned.body.clone().unwrap();
    let nowhere = |mut request: Request| {
        request.target = "/webhooks/stripe/nowhere".to_owned();
        request
    };
    let signed = |request: &Request, secret: &str| {
        let header = signature(secret, START, &body);
        request.clone().header("Stripe-Signature", header)
    };
    let requests = [
        unsigned.clone(),
        // A token is no signature, whatever it may do.
        unsigned.clone().token(&forge::full_token("demo", "alice")),
        unsigned.clone().token(&forge::full_token("demo", "backend")),
        signed(&unsigned, "whsec_of_nobody"),
        // Another project's secret, and its own for another project's endpoint.
        signed(&unsigned, &webhook_secret("acme")),
        signed(
            &Request::post("/webhooks/stripe/acme", body.clone()),
            &webhook_secret("demo"),
        ),
        nowhere(signed(&unsigned, &webhook_secret("demo"))),
        nowhere(signed(&unsigned, &webhook_secret("nowhere"))),
        nowhere(unsigned.clone()),
        // Of another body.
        signed(&unsigned, &webhook_secret("demo")).body(
            event("evt_1Another", "payment_method.updated", &scene.saved)
                .to_string()
                .into_bytes(),
        ),
    ];
    let first = world.send(&requests[0]).await.expect(400).fingerprint();
    for request in &requests[1..] {
        let answer = world.send(request).await;
        assert_eq!(answer.fingerprint(), first, "{request:?}");
    }
    before.assert_untouched(&world.snapshot().await);

    // Stripe's own is taken, without a token.
    let answer = world.send(&signed(&unsigned, &webhook_secret("demo"))).await;
    assert_eq!(answer.expect(200).text(), "");
}
