//! `--metrics-listen`: what an instance tells Prometheus.

use std::collections::BTreeSet;

use billfold_server::metrics::table::{METRICS, metric_of};
use billfold_test_support::{PostgresDatabase, Process, wait_for};
use serde_json::{Value, json};

use crate::{
    command::{Access, Place, WITHIN, call, end, ready_address, sandbox_url},
    serve::{Issuer, production},
};

/// What is there only once it has happened.
const NOT_AT_FIRST: [&str; 2] = [
    "billfold_rate_limit_refusals_total",
    "billfold_background_work_total",
];

/// Where an instance's metrics are, from its log.
async fn metrics_url(process: &Process) -> String {
    wait_for(WITHIN, "the metrics to be served", async || {
        let lines = process.stderr_lines();
        let line = lines.iter().find(|line| line.contains("metrics are served"))?;
        let line: Value = serde_json::from_str(line).expect("the log is JSON");
        Some(format!("http://{}/metrics", line["fields"]["address"].as_str()?))
    })
    .await
}

async fn scrape(url: &str) -> String {
    let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).build();
    let client = client.expect("an HTTP client can be made");
    let answer = client.get(url).timeout(WITHIN).send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    let content_type = answer.headers()["content-type"].to_str().expect("text");
    assert!(
        content_type.starts_with("text/plain; version=0.0.4"),
        "{content_type}"
    );
    answer.text().await.expect("a whole answer")
}

#[track_caller]
fn expect(text: &str, lines: &[&str]) {
    for line in lines {
        assert!(
            text.lines().any(|other| other == *line),
            "{line} is not in\n{text}"
        );
    }
}

async fn what_happens_is_told_there_and_nowhere_else(database: impl Into<Access>, kind: &str) {
    let issuer = Issuer::new();
    let mut place = production(database, &issuer).await;
    place.set("BILLFOLD_METRICS_LISTEN", "127.0.0.1:0");
    let stripe = place.start(&["sandbox", "--listen", "127.0.0.1:0"]);
    place.set("BILLFOLD_STRIPE_API_BASE", sandbox_url(&stripe).await);
    let process = place.start(&["serve"]);
    let url = format!("http://{}", ready_address(&process).await);
    let metrics = metrics_url(&process).await;

    let token = issuer.token("shop", "project:read project:write");
    let path = format!("{url}/projects/shop/paymentMethods");
    for _ in 0..3 {
        assert_eq!(call("GET", &path, &token, None).await.0, 200);
    }
    assert_eq!(call("HEAD", &path, &token, None).await.0, 200);
    assert_eq!(call("GET", &path, "no token", None).await.0, 401);
    assert_eq!(call("GET", &format!("{path}/pm_none"), &token, None).await.0, 404);
    let body = json!({ "user": "usr_alice" });
    let setup_intents = format!("{url}/projects/shop/setupIntents");
    assert_eq!(call("POST", &setup_intents, &token, Some(&body)).await.0, 201);
    let forged = format!("{url}/webhooks/stripe/shop");
    assert_eq!(call("POST", &forged, "", Some(&json!({}))).await.0, 400);
    // The address that strangers reach tells nothing.
    assert_eq!(call("GET", &format!("{url}/metrics"), &token, None).await.0, 404);
    let elsewhere = metrics.replace("/metrics", "/health/live");
    assert_eq!(call("GET", &elsewhere, "", None).await.0, 404);

    let text = scrape(&metrics).await;
    expect(
        &text,
        &[
            r#"billfold_http_requests_total{operation="listPaymentMethods",status="200"} 4"#,
            r#"billfold_http_requests_total{operation="listPaymentMethods",status="401"} 1"#,
            r#"billfold_http_requests_total{operation="retrievePaymentMethod",status="404"} 1"#,
            r#"billfold_http_requests_total{operation="createSetupIntent",status="201"} 1"#,
            r#"billfold_http_requests_total{operation="none",status="404"} 1"#,
            r#"billfold_http_request_duration_seconds_count{operation="listPaymentMethods"} 5"#,
            r#"billfold_stripe_calls_total{endpoint="POST /v1/customers",outcome="ok"} 1"#,
            r#"billfold_stripe_calls_total{endpoint="POST /v1/setup_intents",outcome="ok"} 1"#,
            r#"billfold_stripe_call_duration_seconds_count{endpoint="POST /v1/setup_intents"} 1"#,
            r#"billfold_webhooks_total{outcome="rejected"} 1"#,
            r#"billfold_webhooks_total{outcome="stored"} 0"#,
            r#"billfold_open_operations{kind="createSetupIntent"} 0"#,
            r#"billfold_open_operation_oldest_age_seconds{kind="createSetupIntent"} 0"#,
            r#"billfold_webhook_work{state="due"} 0"#,
            "billfold_webhook_lag_seconds 0",
            "billfold_database_up 1",
            &format!(
                "billfold_database_connections_maximum {}",
                if kind == "postgres" { 16 } else { 1 }
            ),
            "# TYPE billfold_http_request_duration_seconds histogram",
        ],
    );
    let named: BTreeSet<&str> = text
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .filter_map(|line| line.split(['{', ' ']).next())
        .map(|series| {
            metric_of(series)
                .unwrap_or_else(|| panic!("{series} is not in the table"))
                .name
        })
        .collect();
    let expected = METRICS.iter().map(|metric| metric.name);
    let expected: BTreeSet<&str> = expected.filter(|name| !NOT_AT_FIRST.contains(name)).collect();
    let missing: Vec<_> = expected.difference(&named).collect();
    assert!(missing.is_empty(), "{missing:?} are not told: {text}");
    for secret in [token.as_str(), "usr_alice", "shop"] {
        assert!(!text.contains(secret), "{secret} is told");
    }
    end(process).await;
    end(stripe).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_happens_is_told_on_postgres() {
    let database = PostgresDatabase::fresh("empty", async |_| Ok(())).await;
    what_happens_is_told_there_and_nowhere_else(&database, "postgres").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_happens_is_told_on_sqlite() {
    let place = Place::new();
    what_happens_is_told_there_and_nowhere_else(place.sqlite(), "sqlite").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_that_is_taken_is_refused_before_anything_is_served() {
    let holder = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let taken = holder.local_addr().expect("it listens");
    let database = Place::new();
    let mut place = production(database.sqlite(), &Issuer::new()).await;
    place.set("BILLFOLD_METRICS_LISTEN", taken.to_string());
    let refused = place.run(&["serve"]).await.failed();
    assert!(refused.contains("--metrics-listen"), "{refused}");
}
