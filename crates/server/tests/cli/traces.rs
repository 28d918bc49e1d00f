//! `OTEL_EXPORTER_OTLP_ENDPOINT`: spans go to a collector, and one that is not there is no harm.

use std::sync::Arc;

use billfold_test_support::{PostgresDatabase, wait_for};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest, common::v1::any_value::Value as Attribute,
    trace::v1::Span,
};
use parking_lot::Mutex;
use prost::Message as _;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use crate::{
    command::{Access, Place, WITHIN, call, end, ready_address, sandbox_url},
    serve::{Issuer, production},
};

/// A collector on this machine that keeps what it is sent.
struct Collector {
    url: String,
    bodies: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Collector {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let url = format!("http://{}", listener.local_addr().expect("it listens"));
        let bodies: Arc<Mutex<Vec<Vec<u8>>>> = Arc::default();
        let kept = Arc::clone(&bodies);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(take(stream, Arc::clone(&kept)));
            }
        });
        Self { url, bodies }
    }

    fn spans(&self) -> Vec<Span> {
        let bodies = self.bodies.lock();
        let requests = bodies
            .iter()
            .map(|body| ExportTraceServiceRequest::decode(body.as_slice()).expect("the body is OTLP"));
        requests
            .flat_map(|request| request.resource_spans)
            .flat_map(|resource| resource.scope_spans)
            .flat_map(|scope| scope.spans)
            .collect()
    }
}

/// Answers the requests of one connection, and keeps their bodies.
async fn take(mut stream: TcpStream, kept: Arc<Mutex<Vec<Vec<u8>>>>) {
    let mut received = Vec::new();
    loop {
        while let Some((head, length)) = head(&received) {
            if received.len() < head + length {
                break;
            }
            let rest = received.split_off(head + length);
            kept.lock().push(received.split_off(head));
            received = rest;
            let answer =
                b"HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n";
            if stream.write_all(answer).await.is_err() {
                return;
            }
        }
        if stream.read_buf(&mut received).await.unwrap_or(0) == 0 {
            return;
        }
    }
}

/// The length of a request's head, where all of it has come, and that of the body that it tells of.
fn head(received: &[u8]) -> Option<(usize, usize)> {
    let end = received.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let text = String::from_utf8_lossy(&received[..end]).to_lowercase();
    assert!(text.starts_with("post /v1/traces "), "{text}");
    let length = text
        .lines()
        .find_map(|line| line.strip_prefix("content-length:"))
        .and_then(|length| length.trim().parse().ok());
    Some((end, length.expect("the body's length is told")))
}

fn attribute(span: &Span, key: &str) -> Option<String> {
    let found = span.attributes.iter().find(|attribute| attribute.key == key)?;
    match found.value.as_ref()?.value.as_ref()? {
        Attribute::StringValue(text) => Some(text.clone()),
        Attribute::IntValue(number) => Some(number.to_string()),
        other => panic!("{key} is {other:?}"),
    }
}

/// Whether one span came of another, over however many between them.
fn descends(spans: &[Span], span: &Span, ancestor: &Span) -> bool {
    let mut parent = span.parent_span_id.clone();
    while let Some(next) = spans.iter().find(|other| other.span_id == parent) {
        if next.span_id == ancestor.span_id {
            return true;
        }
        parent.clone_from(&next.parent_span_id);
    }
    false
}

async fn a_request_is_traced_to_its_statements_and_its_calls(database: impl Into<Access>, kind: &str) {
    const TRACE: [u8; 16] = 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c_u128.to_be_bytes();
    const CALLER: [u8; 8] = 0xb7ad_6b71_6920_3331_u64.to_be_bytes();
    const TRACEPARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let collector = Collector::start().await;
    let issuer = Issuer::new();
    let mut place = production(database, &issuer).await;
    place.set("BILLFOLD_LOG", "info");
    let stripe = place.start(&["sandbox", "--listen", "127.0.0.1:0"]);
    place.set("BILLFOLD_STRIPE_API_BASE", sandbox_url(&stripe).await);
    place.set("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url.as_str());
    // Longer than the test: what arrives was sent because the process ended.
    place.set("OTEL_BSP_SCHEDULE_DELAY", "600000");
    let process = place.start(&["serve"]);
    let url = format!("http://{}", ready_address(&process).await);
    let token = issuer.token("shop", "project:read project:write");
    let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).build();
    let answer = client
        .expect("an HTTP client can be made")
        .post(format!("{url}/projects/shop/setupIntents"))
        .header("traceparent", TRACEPARENT)
        .bearer_auth(&token)
        .timeout(WITHIN)
        .json(&json!({ "user": "usr_alice" }))
        .send()
        .await
        .expect("the server should answer");
    assert_eq!(answer.status(), 201);
    let id = answer.headers()["request-id"].to_str().expect("text").to_owned();
    let body = answer.text().await.expect("a whole answer");
    end(process).await;

    let spans = collector.spans();
    let request = spans
        .iter()
        .find(|span| attribute(span, "id").as_deref() == Some(&id))
        .unwrap_or_else(|| panic!("the request's span is not among {spans:#?}"));
    assert_eq!(request.name, "request");
    for (key, value) in [
        ("operation", "createSetupIntent"),
        ("project", "shop"),
        ("method", "POST"),
        ("route", "/projects/{project}/setupIntents"),
        ("status", "201"),
    ] {
        assert_eq!(attribute(request, key).as_deref(), Some(value), "{key}");
    }
    assert_eq!(request.trace_id, TRACE);
    assert_eq!(request.parent_span_id, CALLER);

    let of_request = |name: &str| -> Vec<&Span> {
        let named = spans.iter().filter(|span| span.name == name);
        named.filter(|span| descends(&spans, span, request)).collect()
    };
    let calls: Vec<_> = of_request("stripe_call")
        .into_iter()
        .map(|span| {
            ["endpoint", "attempt", "status", "outcome"].map(|key| attribute(span, key).unwrap_or_default())
        })
        .collect();
    for endpoint in ["POST /v1/customers", "POST /v1/setup_intents"] {
        let expected = [endpoint, "1", "200", "ok"].map(str::to_owned);
        assert!(calls.contains(&expected), "{endpoint}: {calls:?}");
    }
    let queries = of_request("query");
    let statements: Vec<_> = queries
        .iter()
        .filter_map(|span| attribute(span, "statement"))
        .collect();
    assert!(
        statements.contains(&"operations.begin".to_owned()),
        "{statements:?}"
    );
    for query in queries {
        assert_eq!(attribute(query, "database").as_deref(), Some(kind));
    }
    // The use case runs in a task of its own: what it writes for the audit log is the background's.
    let written = spans.iter().find(|span| span.name == "background");
    let written = written.unwrap_or_else(|| panic!("no background in {spans:#?}"));
    assert_eq!(attribute(written, "project").as_deref(), Some("shop"));
    assert!(written.parent_span_id.is_empty(), "{written:?}");

    let sent = collector.bodies.lock().concat();
    let secret = serde_json::from_str::<serde_json::Value>(&body).expect("JSON")["clientSecret"].clone();
    for never in [
        token.as_str(),
        secret.as_str().expect("a client secret"),
        "sk_test_",
        "usr_alice",
    ] {
        assert!(
            !sent.windows(never.len()).any(|window| window == never.as_bytes()),
            "{never} is in a span"
        );
    }
    end(stripe).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_is_traced_on_postgres() {
    let database = PostgresDatabase::fresh("empty", async |_| Ok(())).await;
    a_request_is_traced_to_its_statements_and_its_calls(&database, "postgres").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_is_traced_on_sqlite() {
    let place = Place::new();
    a_request_is_traced_to_its_statements_and_its_calls(place.sqlite(), "sqlite").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_that_is_not_there_is_told_of_and_no_harm() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = nobody.local_addr().expect("it listens");
    drop(nobody);
    let issuer = Issuer::new();
    let database = Place::new();
    let mut place = production(database.sqlite(), &issuer).await;
    place.set("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{address}"));
    place.set("OTEL_BSP_SCHEDULE_DELAY", "50");
    let process = place.start(&["serve"]);
    let url = format!(
        "http://{}/projects/shop/paymentMethods",
        ready_address(&process).await
    );
    let token = issuer.token("shop", "project:read");
    for _ in 0..20 {
        assert_eq!(call("GET", &url, &token, None).await.0, 200);
    }
    wait_for(WITHIN, "the log to tell of it", async || {
        let lines = process.stderr_lines();
        lines
            .iter()
            .any(|line| line.contains("does not take spans"))
            .then_some(())
    })
    .await;
    assert_eq!(call("GET", &url, &token, None).await.0, 200);
    end(process).await;
}
