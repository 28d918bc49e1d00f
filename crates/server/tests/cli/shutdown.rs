//! How `billfold serve` ends: announced, with every accepted request answered, and never late.

use std::time::{Duration, Instant};

use billfold_test_support::{PostgresDatabase, Process, wait_for};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::{
    command::{Access, Place, WITHIN, call, end, ready_address, sandbox_url},
    serve::{Issuer, production},
};

/// A running instance with a Stripe of its own.
struct Instance {
    place: Place,
    issuer: Issuer,
    stripe: Process,
    stripe_url: String,
    process: Process,
    url: String,
}

impl Instance {
    async fn start(database: impl Into<Access>, arguments: &[&str]) -> Self {
        let issuer = Issuer::new();
        let mut place = production(database, &issuer).await;
        let stripe = place.start(&["sandbox", "--listen", "127.0.0.1:0"]);
        let stripe_url = sandbox_url(&stripe).await;
        place.set("BILLFOLD_STRIPE_API_BASE", &stripe_url);
        let process = place.start(&[&["serve"], arguments].concat());
        let url = format!("http://{}", ready_address(&process).await);
        Self {
            place,
            issuer,
            stripe,
            stripe_url,
            process,
            url,
        }
    }

    fn token(&self) -> String {
        self.issuer.token("shop", "project:read project:write")
    }

    fn methods(&self) -> String {
        format!("{}/projects/shop/paymentMethods", self.url)
    }

    /// Saves a card, in a task of its own. Gives the answer's status, or nothing when there is none.
    fn save(&self) -> tokio::task::JoinHandle<(u16, Value)> {
        let (path, token) = (self.methods(), self.token());
        tokio::spawn(async move {
            let body = json!({ "id": "pm_card_visa", "user": "usr_alice" });
            call("POST", &path, &token, Some(&body)).await
        })
    }

    /// Orders a fault for the next setup intent that is made.
    async fn fault(&self, kind: &str, milliseconds: u64) {
        let fault = json!({
            "kind": kind, "method": "POST", "path": "/v1/setup_intents", "milliseconds": milliseconds,
        });
        let faults = format!("{}/_sandbox/faults", self.stripe_url);
        assert_eq!(call("POST", &faults, "", Some(&fault)).await.0, 200);
    }

    /// Waits until the fault that was ordered has struck.
    async fn wait_until_struck(&self) {
        wait_for(WITHIN, "the fault to strike", async || {
            let faults = call("GET", &format!("{}/_sandbox/faults", self.stripe_url), "", None).await;
            (faults.1["faults"][0]["remaining"] == 0).then_some(())
        })
        .await;
    }

    async fn setup_intents_made(&self) -> usize {
        let ledger = call("GET", &format!("{}/_sandbox/ledger", self.stripe_url), "", None).await;
        let entries = ledger.1["entries"].as_array().cloned().unwrap_or_default();
        entries
            .iter()
            .filter(|entry| entry["effect"] == "setup_intent.created")
            .count()
    }

    /// Waits until readiness says that the end has been announced.
    async fn wait_until_draining(&self) {
        let ready = format!("{}/health/ready", self.url);
        let answer = wait_for(WITHIN, "readiness to say no", async || {
            let answer = call("GET", &ready, "", None).await;
            (answer.0 == 503).then_some(answer.1)
        })
        .await;
        assert_eq!(answer, json!({ "status": "unavailable", "reason": "draining" }));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_end_is_announced_and_requests_are_taken_meanwhile() {
    let database = Place::new();
    let mut instance = Instance::start(&database.sqlite(), &["--drain-seconds", "5"]).await;
    instance.process.signal("TERM").expect("the server runs");
    instance.wait_until_draining().await;
    let live = format!("{}/health/live", instance.url);
    assert_eq!(call("GET", &live, "", None).await.0, 200);
    let (status, saved) = instance.save().await.expect("the request is answered");
    assert_eq!(status, 201, "{saved}");
    let (status, page) = call("GET", &instance.methods(), &instance.token(), None).await;
    assert_eq!((status, &page["items"]), (200, &json!([saved])));
    let status = instance.process.wait_for_exit(WITHIN).await;
    assert!(
        status.success(),
        "{status}: {:#?}",
        instance.process.stderr_lines()
    );
    end(instance.stripe).await;
}

async fn what_was_accepted_is_answered(signal: &str) {
    let database = Place::new();
    let mut instance = Instance::start(&database.sqlite(), &["--drain-seconds", "0"]).await;
    instance.fault("delay", 3_000).await;
    let slow = instance.save();
    instance.wait_until_struck().await;
    instance.process.signal(signal).expect("the server runs");
    let (status, saved) = slow.await.expect("the request is answered");
    assert_eq!(status, 201, "{saved}");
    let status = instance.process.wait_for_exit(WITHIN).await;
    assert!(
        status.success(),
        "{status}: {:#?}",
        instance.process.stderr_lines()
    );
    end(instance.stripe).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_accepted_before_sigterm_is_answered() {
    what_was_accepted_is_answered("TERM").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_accepted_before_sigint_is_answered() {
    what_was_accepted_is_answered("INT").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_goes_on_without_its_client_is_waited_for() {
    let database = Place::new();
    let mut instance = Instance::start(&database.sqlite(), &["--drain-seconds", "0"]).await;
    instance.fault("delay", 3_000).await;
    let slow = instance.save();
    instance.wait_until_struck().await;
    slow.abort();
    slow.await.expect_err("the client has gone");
    instance.process.signal("TERM").expect("the server runs");
    let status = instance.process.wait_for_exit(WITHIN).await;
    assert!(
        status.success(),
        "{status}: {:#?}",
        instance.process.stderr_lines()
    );
    assert_eq!(instance.setup_intents_made().await, 1);
    let report = instance.place.run(&["reconcile", "--dry-run", "--json"]).await;
    let report: Value = serde_json::from_str(&report.succeeded()).expect("the report is JSON");
    let shop = &report["projects"][0];
    assert_eq!(shop["operations"]["open"], json!([]), "nothing is left over");
    assert_eq!(shop["sweep"]["paymentMethods"], 1);
    end(instance.stripe).await;
}

/// A Stripe that hangs keeps the process no longer than its limit, and the next process ends what was begun.
async fn what_hangs_is_left_to_the_next_process(database: impl Into<Access>) {
    const LIMIT: Duration = Duration::from_secs(3);
    let arguments = ["--drain-seconds", "1", "--shutdown-seconds", "3"];
    let mut instance = Instance::start(database, &arguments).await;
    instance.fault("hang_after", 300_000).await;
    let hanging = instance.save();
    instance.wait_until_struck().await;
    let asked = Instant::now();
    instance.process.signal("TERM").expect("the server runs");
    let status = instance.process.wait_for_exit(WITHIN).await;
    let took = asked.elapsed();
    assert!(took < LIMIT + Duration::from_secs(5), "it took {took:?}");
    assert!(!status.success(), "what is left is told");
    let log = instance.process.stderr_lines().join("\n");
    assert!(log.contains("left to the next process"), "{log}");
    assert!(!log.contains("panicked"), "{log}");
    hanging.await.expect_err("nobody was left to answer");

    instance.process = instance.place.start(&["serve", "--drain-seconds", "0"]);
    instance.url = format!("http://{}", ready_address(&instance.process).await);
    let (path, token) = (instance.methods(), instance.token());
    let saved = wait_for(WITHIN, "the card to be saved", async || {
        let page = call("GET", &path, &token, None).await.1;
        page["items"].as_array()?.first().cloned()
    })
    .await;
    assert_eq!(saved["status"], "available");
    assert_eq!(instance.setup_intents_made().await, 1);
    end(instance.process).await;
    end(instance.stripe).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_hangs_is_left_to_the_next_process_on_sqlite() {
    let database = Place::new();
    what_hangs_is_left_to_the_next_process(database.sqlite()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_hangs_is_left_to_the_next_process_on_postgres() {
    let database = PostgresDatabase::fresh("empty", async |_| Ok(())).await;
    what_hangs_is_left_to_the_next_process(&database).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_is_kept_open_holds_up_nothing() {
    let database = Place::new();
    let mut instance = Instance::start(&database.sqlite(), &["--drain-seconds", "0"]).await;
    let address = instance.url.trim_start_matches("http://");
    let mut idle = TcpStream::connect(address).await.expect("the server listens");
    idle.write_all(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await
        .expect("the server reads");
    let mut first = [0; 12];
    idle.read_exact(&mut first).await.expect("the server answers");
    assert_eq!(&first, b"HTTP/1.1 200");
    instance.process.signal("TERM").expect("the server runs");
    let status = instance.process.wait_for_exit(WITHIN).await;
    assert!(
        status.success(),
        "{status}: {:#?}",
        instance.process.stderr_lines()
    );
    end(instance.stripe).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_order_ends_it_at_once() {
    let database = Place::new();
    let arguments = ["--drain-seconds", "600", "--shutdown-seconds", "601"];
    let mut instance = Instance::start(&database.sqlite(), &arguments).await;
    instance.process.signal("TERM").expect("the server runs");
    instance.wait_until_draining().await;
    instance.process.signal("INT").expect("the server runs");
    let status = instance.process.wait_for_exit(WITHIN).await;
    assert!(!status.success());
    end(instance.stripe).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drain_that_leaves_no_time_is_refused() {
    let database = Place::new();
    let place = production(database.sqlite(), &Issuer::new()).await;
    for arguments in [
        ["serve", "--drain-seconds", "30"].as_slice(),
        &["serve", "--drain-seconds", "5", "--shutdown-seconds", "5"],
    ] {
        let message = place.run(arguments).await.failed();
        assert!(message.contains("--shutdown-seconds"), "{message}");
    }
    let message = place.run(&["serve", "--shutdown-seconds", "0"]).await.failed();
    assert!(message.contains("--shutdown-seconds"), "{message}");
}

/// What the audit log tells of savings, oldest first.
async fn savings_in_the_audit_log(place: &Place) -> Vec<Value> {
    let arguments = ["audit", "--json", "--action", "paymentMethod.create"];
    let printed = place.run(&arguments).await.succeeded();
    let mut events: Vec<Value> = printed
        .lines()
        .map(|line| serde_json::from_str(line).expect("each line is JSON"))
        .collect();
    events.reverse();
    events
}

async fn what_a_killed_instance_had_begun_is_in_the_audit_log_and_so_is_its_end(database: impl Into<Access>) {
    let mut instance = Instance::start(database, &[]).await;
    // Long enough to kill it meanwhile; as long Stripe does not let another drive the same step.
    instance.fault("delay", 12_000).await;
    let lost = instance.save();
    instance.wait_until_struck().await;
    lost.abort();
    instance.process.kill();
    let begun = savings_in_the_audit_log(&instance.place).await;
    assert_eq!(begun.len(), 1, "{begun:#?}");
    assert_eq!(begun[0]["outcome"], "begun");
    assert_eq!(begun[0]["caller"]["subject"], "usr_alice");
    assert_eq!(begun[0]["caller"]["keyId"], "key-1");

    let next = instance.place.start(&["serve"]);
    let events = wait_for(WITHIN, "the end", async || {
        let events = savings_in_the_audit_log(&instance.place).await;
        (events.len() > 1).then_some(events)
    })
    .await;
    assert_eq!(events.len(), 2, "{events:#?}");
    assert_eq!(events[1]["outcome"], "succeeded");
    assert_eq!(events[1]["caller"]["type"], "system");
    for name in ["operation", "request", "target", "user"] {
        assert_eq!(events[1][name], events[0][name], "{name}");
    }
    assert_eq!(instance.setup_intents_made().await, 1);
    end(next).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_trace_of_a_killed_instance_on_sqlite() {
    let database = Place::new();
    what_a_killed_instance_had_begun_is_in_the_audit_log_and_so_is_its_end(&database.sqlite()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_trace_of_a_killed_instance_on_postgres() {
    let database = PostgresDatabase::fresh("empty", async |_| Ok(())).await;
    what_a_killed_instance_had_begun_is_in_the_audit_log_and_so_is_its_end(&database).await;
}
