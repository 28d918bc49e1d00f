use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use billfold_sandbox::Options;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::client::{Harness, SECRET, START, ids, text};

/// A webhook endpoint that answers with the status that it is told.
struct Receiver {
    status: Arc<AtomicU16>,
    url: String,
    received: UnboundedReceiver<(String, String)>,
}

impl Receiver {
    async fn start(status: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let (sender, received) = unbounded_channel();
        let status = Arc::new(AtomicU16::new(status));
        let current = Arc::clone(&status);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut bytes = Vec::new();
                let (head, length) = loop {
                    assert_ne!(stream.read_buf(&mut bytes).await.unwrap(), 0);
                    let seen = String::from_utf8_lossy(&bytes).into_owned();
                    if let Some((head, _)) = seen.split_once("\r\n\r\n") {
                        let length: usize = header(head, "content-length").unwrap().parse().unwrap();
                        break (head.to_owned(), head.len() + 4 + length);
                    }
                };
                while bytes.len() < length {
                    assert_ne!(stream.read_buf(&mut bytes).await.unwrap(), 0);
                }
                let body = String::from_utf8(bytes.split_off(head.len() + 4)).unwrap();
                let status = current.load(Ordering::SeqCst);
                let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
                stream.write_all(answer.as_bytes()).await.unwrap();
                if sender
                    .send((body, header(&head, "stripe-signature").unwrap()))
                    .is_err()
                {
                    return;
                }
            }
        });
        Self {
            status,
            url,
            received,
        }
    }

    /// The next event and its signature.
    async fn next(&mut self) -> (Value, String, String) {
        let waiting = tokio::time::timeout(Duration::from_secs(20), self.received.recv());
        let (body, signature) = waiting.await.expect("no webhook arrived").unwrap();
        (serde_json::from_str(&body).unwrap(), body, signature)
    }
}

fn header(head: &str, name: &str) -> Option<String> {
    head.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
    })
}

async fn start() -> Harness {
    Harness::start_with(Options {
        webhook_attempts: 12,
        webhook_first_delay: Duration::from_millis(5),
        ..Options::default()
    })
    .await
}

async fn listen(stripe: &Harness, url: &str, events: &[&str]) -> Value {
    let mut form = vec![("url", url)];
    form.extend(events.iter().map(|event| ("enabled_events[]", *event)));
    stripe.post("/v1/webhook_endpoints", &form).await.ok()
}

/// The event as it is read once all its deliveries have ended well.
async fn delivered(stripe: &Harness, id: &Value) -> Value {
    let path = format!("/v1/events/{}", text(id));
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    loop {
        let event = stripe.get(&path).await.ok();
        if event["pending_webhooks"] == 0 {
            return event;
        }
        assert!(std::time::Instant::now() < deadline, "still pending: {event}");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn events_are_signed_as_stripe_signs_them() {
    let stripe = start().await;
    let mut receiver = Receiver::start(200).await;
    let endpoint = listen(&stripe, &receiver.url, &["*"]).await;
    let secret = text(&endpoint["secret"]);
    assert!(secret.starts_with("whsec_"));
    let headers = [("Idempotency-Key", "k1")];
    stripe
        .send("POST", "/v1/customers", &[("name", "x")], SECRET, &headers)
        .await
        .unwrap()
        .ok();
    let (event, body, signature) = receiver.next().await;
    assert_eq!(
        (&event["type"], &event["pending_webhooks"]),
        (&json!("customer.created"), &json!(1))
    );
    assert_eq!(event["request"]["idempotency_key"], "k1");
    assert!(event.get("account").is_none());

    let mut code = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    code.update(format!("{START}.{body}").as_bytes());
    let expected = format!("t={START},v1={}", hex::encode(code.finalize().into_bytes()));
    assert_eq!(signature, expected);
    assert_eq!(delivered(&stripe, &event["id"]).await["data"], event["data"]);
}

#[tokio::test]
async fn each_step_has_its_event() {
    let stripe = start().await;
    let customer = stripe.customer().await;
    let form = [
        ("customer", customer.as_str()),
        ("payment_method_types[]", "card"),
    ];
    let with = |name: &'static str| {
        let mut form = form.to_vec();
        form.extend([("payment_method", name), ("confirm", "true")]);
        form
    };
    let done = stripe.post("/v1/setup_intents", &with("pm_card_visa")).await.ok();
    stripe
        .post("/v1/setup_intents", &with("pm_card_chargeDeclined"))
        .await
        .error(402);
    let challenged = stripe
        .post("/v1/setup_intents", &with("pm_card_authenticationRequired"))
        .await
        .ok();
    stripe
        .post(
            &format!("/v1/setup_intents/{}/cancel", text(&challenged["id"])),
            &[],
        )
        .await
        .ok();
    let method = text(&done["payment_method"]);
    let method_path = format!("/v1/payment_methods/{method}");
    stripe.post(&method_path, &[("card[exp_month]", "1")]).await.ok();
    stripe.post(&format!("{method_path}/detach"), &[]).await.ok();
    stripe
        .post(
            &format!("/v1/customers/{customer}"),
            &[("email", "a@example.com")],
        )
        .await
        .ok();
    stripe.delete(&format!("/v1/customers/{customer}")).await.ok();

    let list = stripe.get("/v1/events?limit=100").await.ok();
    let mut events: Vec<Value> = list["data"].as_array().unwrap().clone();
    events.reverse();
    let types: Vec<String> = events.iter().map(|event| text(&event["type"])).collect();
    assert_eq!(
        types,
        [
            "customer.created",
            "setup_intent.created",
            "payment_method.attached",
            "setup_intent.succeeded",
            "setup_intent.created",
            "setup_intent.setup_failed",
            "setup_intent.created",
            "setup_intent.requires_action",
            "setup_intent.canceled",
            "payment_method.updated",
            "payment_method.detached",
            "customer.updated",
            "customer.deleted",
        ]
    );
    let previous = |place: usize| &events[place]["data"]["previous_attributes"];
    assert_eq!(previous(9), &json!({ "card": { "exp_month": 7 } }));
    assert_eq!(previous(10), &json!({ "customer": customer }));
    assert_eq!(events[10]["data"]["object"]["customer"], Value::Null);
    assert_eq!(previous(11), &json!({ "email": null }));
    assert_eq!(
        events[5]["data"]["object"]["last_setup_error"]["code"],
        "card_declined"
    );
    assert!(events.iter().all(|event| event["pending_webhooks"] == 0));

    let some = stripe
        .get("/v1/events?types[]=payment_method.detached&types[]=customer.*&limit=2")
        .await
        .ok();
    assert_eq!(ids(&some), [text(&events[12]["id"]), text(&events[11]["id"])]);
    let after = stripe
        .get(&format!(
            "/v1/events?limit=1&starting_after={}",
            text(&events[12]["id"])
        ))
        .await
        .ok();
    assert_eq!(ids(&after), [text(&events[11]["id"])]);
    stripe.get("/v1/events/evt_no").await.error(404);
}

#[tokio::test]
async fn deliveries_are_retried_and_told_of_truthfully() {
    let stripe = start().await;
    let mut receiver = Receiver::start(500).await;
    listen(&stripe, &receiver.url, &["customer.created"]).await;
    stripe.customer().await;
    let (first, ..) = receiver.next().await;
    let pending = stripe.get("/v1/events?delivery_success=false").await.ok();
    assert_eq!(ids(&pending), [text(&first["id"])]);
    // A redirect is no success either.
    for status in [302, 200] {
        receiver.status.store(status, Ordering::SeqCst);
        assert_eq!(receiver.next().await.0["id"], first["id"]);
    }
    delivered(&stripe, &first["id"]).await;
    assert_eq!(
        ids(&stripe.get("/v1/events?delivery_success=false").await.ok()).len(),
        0
    );
    assert_eq!(
        ids(&stripe.get("/v1/events?delivery_success=true").await.ok()),
        [text(&first["id"])]
    );

    let path = format!("events/{}/deliver", text(&first["id"]));
    assert_eq!(stripe.control("POST", &path, None).await.ok()["endpoints"], 1);
    assert_eq!(receiver.next().await.0["id"], first["id"]);
    assert_eq!(
        stripe.control("POST", "events/evt_no/deliver", None).await.status,
        404
    );
}

#[tokio::test]
async fn a_dead_endpoint_holds_nothing_up() {
    let stripe = Harness::start_with(Options {
        webhook_attempts: 2,
        webhook_first_delay: Duration::ZERO,
        ..Options::default()
    })
    .await;
    let unused = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", unused.local_addr().unwrap());
    drop(unused);
    let endpoint = listen(&stripe, &url, &["*"]).await;
    stripe.customer().await;
    let events = stripe.get("/v1/events?delivery_success=false").await.ok();
    assert_eq!(events["data"][0]["pending_webhooks"], 1);
    // Nobody waits for an endpoint that is gone.
    stripe
        .delete(&format!("/v1/webhook_endpoints/{}", text(&endpoint["id"])))
        .await
        .ok();
    assert_eq!(
        ids(&stripe.get("/v1/events?delivery_success=false").await.ok()).len(),
        0
    );
}

#[tokio::test]
async fn endpoints_choose_their_events() {
    let stripe = start().await;
    let mut receiver = Receiver::start(200).await;
    let endpoint = listen(
        &stripe,
        &receiver.url,
        &["payment_method.attached", "setup_intent.*"],
    )
    .await;
    let path = format!("/v1/webhook_endpoints/{}", text(&endpoint["id"]));
    let customer = stripe.customer().await;
    stripe.attach("pm_card_visa", &customer).await.ok();
    assert_eq!(receiver.next().await.0["type"], "payment_method.attached");
    stripe.post("/v1/setup_intents", &[]).await.ok();
    assert_eq!(receiver.next().await.0["type"], "setup_intent.created");

    let seen = stripe.get(&path).await.ok();
    assert!(seen.get("secret").is_none());
    assert_eq!(
        (&seen["status"], &seen["url"]),
        (&json!("enabled"), &json!(receiver.url))
    );
    assert_eq!(
        ids(&stripe.get("/v1/webhook_endpoints").await.ok()),
        [text(&endpoint["id"])]
    );
    assert_eq!(
        stripe.post(&path, &[("disabled", "true")]).await.ok()["status"],
        "disabled"
    );
    stripe.attach("pm_card_visa", &customer).await.ok();
    let events = stripe.get("/v1/events?limit=1").await.ok();
    assert_eq!(events["data"][0]["pending_webhooks"], 0);
    assert_eq!(stripe.delete(&path).await.ok()["deleted"], true);
    stripe.get(&path).await.error(404);

    for bad in [
        vec![("url", receiver.url.as_str())],
        vec![("enabled_events[]", "*")],
        vec![("url", "nowhere"), ("enabled_events[]", "*")],
    ] {
        stripe.post("/v1/webhook_endpoints", &bad).await.error(400);
    }
}

#[tokio::test]
async fn a_connect_endpoint_hears_of_connected_accounts() {
    let stripe = start().await;
    let mut receiver = Receiver::start(200).await;
    let form = [
        ("url", receiver.url.as_str()),
        ("enabled_events[]", "*"),
        ("connect", "true"),
    ];
    stripe.post("/v1/webhook_endpoints", &form).await.ok();
    stripe.customer().await;
    let there = [("Stripe-Account", "acct_1connected")];
    stripe
        .send("POST", "/v1/customers", &[("name", "x")], SECRET, &there)
        .await
        .unwrap()
        .ok();
    let (event, ..) = receiver.next().await;
    assert_eq!(
        (&event["account"], &event["data"]["object"]["name"]),
        (&json!("acct_1connected"), &json!("x"))
    );
}
