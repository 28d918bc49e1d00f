//! `billfold dev` and `billfold token`, as a new user tries them.

use billfold_test_support::{PostgresDatabase, Process, wait_for};
use serde_json::{Value, json};

use crate::command::{Ended, Place, WITHIN, call, end, sandbox_url};

/// What a development server prints.
pub(crate) struct Guide {
    pub(crate) api: String,
    lines: String,
}

impl Guide {
    /// Where the sandbox is.
    fn stripe(&self) -> &str {
        let line = self.lines.lines().find(|line| line.starts_with("STRIPE="));
        line.expect("the guide says where the sandbox is")
            .trim_start_matches("STRIPE=")
    }
}

/// Starts a development server on free ports and waits for all of its guide.
pub(crate) async fn start(place: &Place, more: &[&str]) -> (Process, Guide) {
    let mut arguments = vec![
        "dev",
        "--listen",
        "127.0.0.1:0",
        "--sandbox-listen",
        "127.0.0.1:0",
    ];
    arguments.extend(more);
    let process = place.start(&arguments);
    process
        .wait_for_line(WITHIN, |line| {
            line.contains("-X DELETE") && !line.contains("$PM -H \"Authorization: Bearer $TOKEN")
        })
        .await;
    let lines = process.stdout_lines();
    let first = lines
        .iter()
        .position(|line| line.starts_with("API="))
        .expect("the guide says where the API is");
    let api = lines[first].trim_start_matches("API=").to_owned();
    let lines = lines[first..].join("\n") + "\n";
    (process, Guide { api, lines })
}

/// The lines of what the pasted guide prints, each as JSON.
fn printed(pasted: Ended) -> Vec<Value> {
    let output = pasted.succeeded();
    let lines = output.lines().filter(|line| !line.is_empty());
    lines
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect()
}

async fn token(place: &Place, arguments: &[&str]) -> String {
    let mut all = vec!["token"];
    all.extend(arguments);
    let output = place.run(&all).await.succeeded();
    let token = output.strip_suffix('\n').expect("a line ends");
    assert!(!token.contains(char::is_whitespace), "{token:?}");
    assert_eq!(token.split('.').count(), 3, "{token:?}");
    token.to_owned()
}

/// Pastes the guide and looks at what each line prints.
async fn paste_the_guide(place: &Place, guide: &Guide) {
    let printed = printed(place.paste(&guide.lines).await);
    let [
        setup,
        visa,
        mastercard,
        first,
        second,
        deleted,
        account_setup,
        saved,
        listed,
        status,
    ] = &printed[..]
    else {
        panic!("ten lines are printed: {printed:#?}");
    };
    assert_eq!(setup["object"], "setupIntent");
    assert_eq!(setup["user"], "usr_alice");
    assert_eq!(visa["object"], "paymentMethod");
    assert_eq!(visa["status"], "available");
    assert_eq!(visa["last4"], "4242");
    assert_eq!(mastercard["brand"], "mastercard");
    assert_eq!(first["items"], json!([mastercard]));
    assert_eq!(first["moreItemsAfter"], mastercard["id"]);
    assert_eq!(second["items"], json!([visa]));
    assert_eq!(second["moreItemsAfter"], Value::Null);
    assert_eq!(deleted, visa);
    assert_eq!(account_setup["status"], "requires_payment_method");
    assert_eq!(saved["last4"], "4444");
    assert_eq!(listed[0], *saved);
    assert_eq!(listed[1]["id"], mastercard["id"]);
    assert_eq!(status, 204);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_pasted_lines_work_and_what_they_did_survives_a_crash() {
    let place = Place::new();
    let (mut process, guide) = start(&place, &[]).await;
    paste_the_guide(&place, &guide).await;
    let backend = token(&place, &["--project", "demo"]).await;
    let list = |api: &str| format!("{api}/projects/demo/paymentMethods");
    let before = call("GET", &list(&guide.api), &backend, None).await;
    assert_eq!(before.0, 200);
    assert_eq!(before.1["items"].as_array().map(Vec::len), Some(1));
    let id = before.1["items"][0]["id"].clone();
    let id = id.as_str().expect("an item has an id");

    process.kill();
    let (process, guide) = start(&place, &[]).await;
    let after = call("GET", &list(&guide.api), &backend, None).await;
    assert_eq!(after, before, "the token and the data are as they were");
    let deleted = call("DELETE", &format!("{}/{id}", list(&guide.api)), &backend, None).await;
    assert_eq!(
        deleted,
        (200, before.1["items"][0].clone()),
        "the sandbox knows it too"
    );
    paste_the_guide_again(&place, &guide).await;
    end(process).await;
}

/// The guide of a later start works as well, on what the first left behind.
async fn paste_the_guide_again(place: &Place, guide: &Guide) {
    let printed = printed(place.paste(&guide.lines).await);
    assert_eq!(printed.len(), 10, "{printed:#?}");
    assert_eq!(printed[9], 204);
}

/// The webhook endpoints of a project's account at the sandbox.
async fn endpoints(guide: &Guide, project: &str) -> Vec<Value> {
    let url = format!("{}/v1/webhook_endpoints", guide.stripe());
    let (status, list) = call("GET", &url, &format!("sk_test_billfold_{project}"), None).await;
    assert_eq!(status, 200, "{list}");
    list["data"].as_array().expect("a list has data").clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_happens_at_the_sandbox_is_told_by_webhook() {
    let place = Place::new();
    for start_number in 1..=2 {
        let (process, guide) = start(&place, &[]).await;
        for project in ["demo", "acme"] {
            let endpoints = endpoints(&guide, project).await;
            assert_eq!(endpoints.len(), 1, "the {start_number}. start: {endpoints:?}");
            let url = format!("{}/webhooks/stripe/{project}", guide.api);
            assert_eq!(endpoints[0]["url"], url.as_str());
            assert_eq!(endpoints[0]["api_version"], "2026-06-24.dahlia");
            let saved = json!({ "id": "pm_card_visa", "user": "usr_webhook" });
            let methods = format!("{}/projects/{project}/paymentMethods", guide.api);
            let backend = token(&place, &["--project", project]).await;
            let (status, saved) = call("POST", &methods, &backend, Some(&saved)).await;
            assert_eq!(status, 201, "{saved}");
            let id = saved["id"].as_str().expect("a payment method has an id");
            let detach = format!("{}/v1/payment_methods/{id}/detach", guide.stripe());
            let key = format!("sk_test_billfold_{project}");
            assert_eq!(call("POST", &detach, &key, None).await.0, 200);
            wait_for(WITHIN, "the method to be gone", async || {
                let answer = call("GET", &format!("{methods}/{id}"), &backend, None).await;
                (answer.0 == 404).then_some(())
            })
            .await;
        }
        end(process).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_pasted_lines_work_on_postgres() {
    let database = PostgresDatabase::fresh("empty", async |_| Ok(())).await;
    let mut place = Place::new();
    place.set("BILLFOLD_DATABASE_URL", database.owner_url());
    let (process, guide) = start(&place, &[]).await;
    paste_the_guide(&place, &guide).await;
    end(process).await;
    assert!(!place.path(".billfold/billfold.db").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_stripe_is_demos_and_there_is_no_acme() {
    let place = Place::new();
    let stripe = place.start(&["sandbox", "--listen", "127.0.0.1:0"]);
    let url = sandbox_url(&stripe).await;
    let (process, guide) = start(
        &place,
        &[
            "--stripe-api-base",
            &url,
            "--stripe-secret-key",
            "sk_test_another_account",
            "--stripe-publishable-key",
            "pk_test_another_account",
        ],
    )
    .await;
    assert!(!guide.lines.contains("sk_test_"), "{}", guide.lines);
    let printed = printed(place.paste(&guide.lines).await);
    let [saved, listed, account, deleted] = &printed[..] else {
        panic!("four lines are printed: {printed:#?}");
    };
    assert_eq!(listed["items"], json!([saved]));
    assert_eq!(account[0]["id"], saved["id"]);
    assert_eq!(deleted, saved);
    let database = format!("sqlite://{}", place.path(".billfold/billfold.db").display());
    let projects = place.run(&["project", "list", "--database-url", &database]).await;
    assert_eq!(projects.succeeded(), "demo\n");
    end(process).await;
    end(stripe).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_are_for_whom_and_what_they_are_asked_for() {
    let mut place = Place::new();
    place.write(
        ".env",
        "BILLFOLD_DATA_DIR=elsewhere\nBILLFOLD_TOKEN_PROJECT=demo\n",
    );
    let missing = place.run(&["token"]).await.failed();
    assert!(missing.contains("billfold dev"), "{missing}");
    let (process, guide) = start(&place, &[]).await;
    assert!(place.path("elsewhere").is_dir(), ".env is read");
    let account = format!("{}/v1/account/payment-methods", guide.api);
    let backend = format!("{}/projects/demo/paymentMethods", guide.api);
    let acme = format!("{}/projects/acme/paymentMethods", guide.api);
    let saving = json!({ "id": "pm_card_visa" });

    let both = token(&place, &["--user", "usr_alice", "--timezone", "Asia/Tokyo"]).await;
    let (status, saved) = call("POST", &account, &both, Some(&saving)).await;
    assert_eq!(status, 201);
    let utc = token(&place, &["--user", "usr_alice"]).await;
    let (_, listed) = call("GET", &account, &utc, None).await;
    assert_ne!(listed[0]["created_at"], saved["created_at"], "nine hours apart");
    assert_eq!(call("GET", &backend, &both, None).await.0, 403);

    let reading = token(&place, &["--scope", "project:read", "--ttl", "60"]).await;
    assert_eq!(call("GET", &backend, &reading, None).await.0, 200);
    let body = json!({ "id": "pm_card_visa", "user": "usr_alice" });
    assert_eq!(call("POST", &backend, &reading, Some(&body)).await.0, 403);
    assert_eq!(call("GET", &acme, &reading, None).await.0, 404);
    let acmes = token(&place, &["--project", "acme"]).await;
    assert_eq!(call("POST", &acme, &acmes, Some(&body)).await.0, 201);

    for wrong in [
        ["--ttl", "86401"],
        ["--ttl", "0"],
        ["--scope", "project:own"],
        ["--timezone", "no\tzone"],
        ["--user", "a b"],
    ] {
        let arguments = [&["token"][..], &wrong[..]].concat();
        let message = place.run(&arguments).await.failed();
        assert!(!message.is_empty(), "{wrong:?}");
    }
    place.set("BILLFOLD_LISTEN", guide.api.trim_start_matches("http://"));
    let ports = ["dev", "--sandbox-listen", "127.0.0.1:0"];
    let busy = place.run(&ports).await.failed();
    assert!(busy.contains("in use by another process"), "{busy}");
    let elsewhere = [&ports[..], &["--data-dir", "other"]].concat();
    let taken = place.run(&elsewhere).await.failed();
    assert!(taken.contains("cannot listen on"), "{taken}");
    assert!(taken.contains("--listen"), "{taken}");
    end(process).await;
}
