//! `billfold reconcile`, beside running instances and without any.

use billfold_test_support::{PostgresDatabase, wait_for};
use serde_json::{Value, json};

use crate::{
    command::{Access, Ended, Place, WITHIN, call, end, ready_address, sandbox_url},
    dev,
    serve::{Issuer, production},
};

/// The report of a run with `--json`.
fn report(ended: &Ended) -> Value {
    serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended:?}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_says_what_it_cannot_do() {
    let place = Place::new();
    let database = place.sqlite();
    let without = place.run(&["reconcile"]).await.failed();
    assert!(without.contains("--database-url"), "{without}");
    let arguments = ["reconcile", "--database-url", &database];
    let unmigrated = place.run(&arguments).await.failed();
    assert!(unmigrated.contains("billfold migrate"), "{unmigrated}");

    let place = production(&database, &Issuer::new()).await;
    let unknown = place.run(&["reconcile", "--project", "nowhere"]).await.failed();
    assert!(unknown.contains("nowhere"), "{unknown}");
    assert!(unknown.contains("billfold project list"), "{unknown}");
    let invalid = place.run(&["reconcile", "--project", "no where"]).await.failed();
    assert!(invalid.contains("--project"), "{invalid}");

    // Without Stripe there is no comparison, which a person must hear of. There is nobody to compare yet, though.
    let away = ["reconcile", "--stripe-api-base", "http://127.0.0.1:9"];
    let nothing = place.run(&away).await.succeeded();
    assert!(nothing.contains("all is well"), "{nothing}");
}

/// The value of a line `NAME=…` of what a development server prints.
fn line_of<'a>(lines: &'a [String], name: &str) -> &'a str {
    let found = lines.iter().find_map(|line| line.strip_prefix(name));
    found.unwrap_or_else(|| panic!("the guide has no {name}: {lines:#?}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_works_beside_a_development_server() {
    let mut place = Place::new();
    let (process, _) = dev::start(&place, &[]).await;
    let lines = process.stdout_lines();
    let (api, stripe) = (line_of(&lines, "API="), line_of(&lines, "STRIPE="));
    let token = line_of(&lines, "TOKEN=");
    // Whoever is told what happens at Stripe sees it at once; here nobody is told.
    let endpoints = format!("{stripe}/v1/webhook_endpoints");
    let (_, listed) = call("GET", &endpoints, "sk_test_billfold_demo", None).await;
    for endpoint in listed["data"].as_array().expect("a list of endpoints") {
        let endpoint = endpoint["id"].as_str().expect("an endpoint has an id");
        let gone = call(
            "DELETE",
            &format!("{endpoints}/{endpoint}"),
            "sk_test_billfold_demo",
            None,
        )
        .await;
        assert_eq!(gone.0, 200, "{gone:?}");
    }
    let path = format!("{api}/projects/demo/paymentMethods");
    let body = json!({ "id": "pm_card_visa", "user": "usr_alice" });
    let (status, saved) = call("POST", &path, token, Some(&body)).await;
    assert_eq!(status, 201, "{saved}");
    let id = saved["id"].as_str().expect("a method has an id");
    let detach = format!("{stripe}/v1/payment_methods/{id}/detach");
    assert_eq!(call("POST", &detach, "sk_test_billfold_demo", None).await.0, 200);

    place.unset("BILLFOLD_MASTER_KEYS");
    let key = place.path(".billfold/master-key");
    place.set("BILLFOLD_MASTER_KEY_FILE", key.display().to_string());
    // Where the sandbox is, only its address tells; that the projects are of one, their keys do.
    place.set(
        "BILLFOLD_DATABASE_URL",
        format!("sqlite://{}", place.path(".billfold/billfold.db").display()),
    );
    place.set("BILLFOLD_SANDBOX_LISTEN", stripe.trim_start_matches("http://"));
    let dry = place.run(&["reconcile", "--dry-run", "--project", "demo"]).await;
    let dry = dry.succeeded();
    assert!(dry.contains("nothing is changed"), "{dry}");
    assert!(
        dry.lines()
            .any(|line| line.contains("would be removed") && line.contains(id)),
        "{dry}"
    );
    assert_eq!(call("GET", &format!("{path}/{id}"), token, None).await.0, 200);

    let ended = place.run(&["reconcile", "--json", "--undelivered-events"]).await;
    assert!(ended.success, "{ended:?}");
    let report = report(&ended);
    assert_eq!(report["dryRun"], false);
    assert_eq!(report["needsAPerson"], false);
    let projects = report["projects"].as_array().expect("projects");
    let names: Vec<&Value> = projects.iter().map(|project| &project["project"]).collect();
    assert_eq!(names, ["acme", "demo"]);
    assert_eq!(projects[1]["sweep"]["removed"], json!([id]));
    assert!(projects[1]["undeliveredEvents"].is_u64(), "{report}");
    assert_eq!(call("GET", &format!("{path}/{id}"), token, None).await.0, 404);
    let again = place.run(&["reconcile"]).await.succeeded();
    assert!(again.contains("all is well"), "{again}");
    assert!(!again.contains(id), "{again}");
    end(process).await;
}

/// What a process that was killed has left open stays so while Stripe is away, and is ended when it is back.
async fn it_ends_what_a_crash_has_left(database: impl Into<Access>) {
    let issuer = Issuer::new();
    let mut place = production(database, &issuer).await;
    let stripe = place.start(&["sandbox", "--listen", "127.0.0.1:0"]);
    let stripe_url = sandbox_url(&stripe).await;
    place.set("BILLFOLD_STRIPE_API_BASE", &stripe_url);
    let mut process = place.start(&["serve"]);
    let url = format!("http://{}", ready_address(&process).await);
    let fault = json!({
        "kind": "hang_after", "method": "POST", "path": "/v1/setup_intents", "milliseconds": 60_000,
    });
    let faults = format!("{stripe_url}/_sandbox/faults");
    assert_eq!(call("POST", &faults, "", Some(&fault)).await.0, 200);
    let token = issuer.token("shop", "project:read project:write");
    let path = format!("{url}/projects/shop/paymentMethods");
    let request = tokio::spawn(async move {
        let body = json!({ "id": "pm_card_visa", "user": "usr_alice" });
        call("POST", &path, &token, Some(&body)).await
    });
    wait_for(WITHIN, "the setup intent", async || {
        let ledger = call("GET", &format!("{stripe_url}/_sandbox/ledger"), "", None)
            .await
            .1;
        let entries = ledger["entries"].as_array()?.clone();
        entries
            .iter()
            .any(|entry| entry["effect"] == "setup_intent.created")
            .then_some(())
    })
    .await;
    process.kill();
    request.await.expect_err("a server that is killed answers nobody");
    call("DELETE", &faults, "", None).await;

    let dry = place.run(&["reconcile", "--dry-run", "--json"]).await;
    assert!(dry.success, "{dry:?}");
    let open = report(&dry)["projects"][0]["operations"]["open"].clone();
    assert_eq!(open[0]["kind"], "createPaymentMethod", "{open}");
    assert_eq!(open[0]["subject"], "paymentMethod:pm_card_visa");
    assert_eq!(open[0]["user"], "usr_alice");
    assert_eq!(open[0]["attempts"], 0);

    let away = place
        .run(&["reconcile", "--stripe-api-base", "http://127.0.0.1:9"])
        .await;
    assert!(!away.success, "{away:?}");
    assert!(away.stdout.contains("0 ended, 1 still open"), "{away:?}");
    assert!(away.stdout.contains("paymentMethod:pm_card_visa"), "{away:?}");
    assert!(away.stdout.contains("need a person"), "{away:?}");

    let ended = place.run(&["reconcile", "--json"]).await;
    assert!(ended.success, "{ended:?}");
    let report = report(&ended);
    let shop = &report["projects"][0];
    assert_eq!(shop["operations"], json!({ "ended": 1, "open": [] }), "{report}");
    assert_eq!(shop["sweep"]["paymentMethods"], 1, "{report}");
    let ledger = call("GET", &format!("{stripe_url}/_sandbox/ledger"), "", None)
        .await
        .1;
    let effects: Vec<&Value> = ledger["entries"]
        .as_array()
        .expect("the ledger has entries")
        .iter()
        .map(|entry| &entry["effect"])
        .filter(|effect| *effect == "setup_intent.created")
        .collect();
    assert_eq!(effects.len(), 1, "{ledger}");
    end(stripe).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_ends_what_a_crash_has_left_on_sqlite() {
    let place = Place::new();
    it_ends_what_a_crash_has_left(place.sqlite()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_ends_what_a_crash_has_left_on_postgres() {
    let database = PostgresDatabase::fresh("empty", async |_| Ok(())).await;
    it_ends_what_a_crash_has_left(&database).await;
}
