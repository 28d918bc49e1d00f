use std::io::Write;
use std::path::Path;

use billfold_sandbox::{Options, Sandbox, StartError};
use serde_json::json;

use crate::client::{Harness, SECRET, text};

async fn start(file: &Path) -> Harness {
    Harness::start_with(Options {
        state_file: Some(file.to_owned()),
        ..Options::default()
    })
    .await
}

#[tokio::test]
async fn everything_outlives_the_process() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("nested/state.jsonl");
    let stripe = start(&file).await;
    let headers = [("Idempotency-Key", "k")];
    let customer = stripe
        .send("POST", "/v1/customers", &[("name", "x")], SECRET, &headers)
        .await
        .unwrap()
        .ok();
    let id = text(&customer["id"]);
    let method = stripe.attach("pm_card_applePay_visa", &id).await.ok();
    let form = [("customer", id.as_str()), ("payment_method_types[]", "card")];
    let intent = stripe.post("/v1/setup_intents", &form).await.ok();
    let form = [
        ("url", "http://127.0.0.1:9/"),
        ("enabled_events[]", "customer.deleted"),
    ];
    let endpoint = text(&stripe.post("/v1/webhook_endpoints", &form).await.ok()["id"]);
    stripe
        .send(
            "POST",
            "/v1/customers",
            &[],
            SECRET,
            &[("Stripe-Account", "acct_1c")],
        )
        .await
        .unwrap()
        .ok();
    let effects = stripe.effects().await;
    // As kill -9 leaves it: nothing is closed in order, and the last line is torn.
    let left = std::fs::read(&file).unwrap();
    stripe.sandbox.stop().await;
    let copy = directory.path().join("copy.jsonl");
    let mut torn = std::fs::File::create(&copy).unwrap();
    torn.write_all(&left).unwrap();
    torn.write_all(br#"[{"account":"acct_1","record":{"kind":"custo"#)
        .unwrap();
    drop(torn);

    for _ in 0..2 {
        let stripe = start(&copy).await;
        assert_eq!(stripe.get(&format!("/v1/customers/{id}")).await.ok(), customer);
        let path = format!("/v1/payment_methods/{}", text(&method["id"]));
        assert_eq!(stripe.get(&path).await.ok(), method);
        let path = format!("/v1/setup_intents/{}", text(&intent["id"]));
        assert_eq!(stripe.get(&path).await.ok(), intent);
        stripe
            .get(&format!("/v1/webhook_endpoints/{endpoint}"))
            .await
            .ok();
        assert_eq!(stripe.effects().await, effects);
        let again = stripe
            .send("POST", "/v1/customers", &[("name", "x")], SECRET, &headers)
            .await
            .unwrap();
        assert_eq!(again.header("Idempotent-Replayed"), Some("true"));
        let there = [("Stripe-Account", "acct_1c")];
        stripe
            .send("GET", "/v1/customers", &[], "sk_test_other", &there)
            .await
            .unwrap()
            .error(403);
        stripe.sandbox.stop().await;
    }

    // What is made after a restart is younger than what was there.
    let stripe = start(&copy).await;
    let newest = stripe.customer().await;
    let list = stripe.get("/v1/customers").await.ok();
    assert_eq!(
        (&list["data"][0]["id"], &list["data"][1]["id"]),
        (&json!(newest), &json!(id))
    );
    stripe
        .delete(&format!("/v1/webhook_endpoints/{endpoint}"))
        .await
        .ok();
    stripe.sandbox.stop().await;
    let stripe = start(&copy).await;
    stripe
        .get(&format!("/v1/webhook_endpoints/{endpoint}"))
        .await
        .error(404);
}

#[tokio::test]
async fn a_damaged_or_shared_file_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("state.jsonl");
    let options = || Options {
        state_file: Some(file.clone()),
        ..Options::default()
    };
    std::fs::write(&file, "nonsense\n[]\n").unwrap();
    let error = Sandbox::start(options()).await.unwrap_err();
    assert!(
        matches!(error, StartError::State(_)) && error.to_string().contains("line 1"),
        "{error}"
    );
    std::fs::write(&file, "").unwrap();
    let running = Sandbox::start(options()).await.unwrap();
    let error = Sandbox::start(options()).await.unwrap_err();
    assert!(error.to_string().contains("in use"), "{error}");
    running.stop().await;
}

#[tokio::test]
async fn a_taken_address_is_refused() {
    let first = Sandbox::start(Options::default()).await.unwrap();
    let error = Sandbox::start(Options {
        listen: first.address(),
        ..Options::default()
    })
    .await
    .unwrap_err();
    assert!(matches!(error, StartError::Listen { .. }));
    assert!(
        error.to_string().contains(&first.address().to_string()),
        "{error}"
    );
    assert_eq!(first.url(), format!("http://{}", first.address()));
}

#[tokio::test]
async fn a_seed_makes_ids_repeatable() {
    let mut seen = Vec::new();
    for _ in 0..2 {
        let stripe = Harness::start_with(Options {
            seed: Some(7),
            ..Options::default()
        })
        .await;
        let customer = stripe.customer().await;
        seen.push((
            stripe.attach("pm_card_visa", &customer).await.ok(),
            stripe.control("GET", "state", None).await.body,
        ));
    }
    assert_eq!(seen[0], seen[1]);
}

#[tokio::test]
async fn it_runs_beside_another_server_and_stops() {
    let sandbox = Sandbox::start(Options::default()).await.unwrap();
    let other = Sandbox::start(Options::default()).await.unwrap();
    let (address, client) = (sandbox.url(), reqwest::Client::new());
    sandbox.stop().await;
    assert!(client.get(format!("{address}/v1/account")).send().await.is_err());
    assert_eq!(
        client
            .get(format!("{}/v1/account", other.url()))
            .send()
            .await
            .unwrap()
            .status(),
        401
    );
}
