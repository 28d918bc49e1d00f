//! A Billfold that answers from a script, and what it was asked.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use billfold_client::{AccountClient, ClientOptions, Credential, ProjectClient, RetryPolicy, Surroundings};
use futures_util::future::{BoxFuture, FutureExt as _, ready};
use serde_json::{Value, json};
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate, matchers::any};

pub(crate) const TOKEN: &str = "the-token-of-the-tests";

/// Answers in turn; when none is left, with a status that no test expects.
#[derive(Clone, Default)]
struct Script(Arc<Mutex<VecDeque<ResponseTemplate>>>);

impl Respond for Script {
    fn respond(&self, _: &Request) -> ResponseTemplate {
        let next = self.0.lock().unwrap().pop_front();
        next.unwrap_or_else(|| ResponseTemplate::new(418))
    }
}

/// What does not wait, and counts instead of drawing by chance.
#[derive(Clone, Default)]
pub(crate) struct Hasty {
    pauses: Arc<Mutex<Vec<u128>>>,
    keys: Arc<AtomicUsize>,
}

impl Surroundings for Hasty {
    fn pause(&self, duration: Duration) -> BoxFuture<'static, ()> {
        self.pauses.lock().unwrap().push(duration.as_millis());
        ready(()).boxed()
    }

    fn jitter(&self) -> f64 {
        0.0
    }

    fn idempotency_key(&self) -> String {
        format!("key-{}", self.keys.fetch_add(1, Ordering::SeqCst) + 1)
    }
}

impl Hasty {
    /// The pauses that were asked for, in milliseconds.
    pub(crate) fn pauses(&self) -> Vec<u128> {
        self.pauses.lock().unwrap().clone()
    }
}

pub(crate) struct Stub {
    server: MockServer,
    script: Script,
    pub(crate) hasty: Hasty,
}

impl Stub {
    pub(crate) async fn answering(answers: impl IntoIterator<Item = ResponseTemplate>) -> Self {
        let stub = Self {
            server: MockServer::start().await,
            script: Script::default(),
            hasty: Hasty::default(),
        };
        stub.will_answer(answers);
        let mock = Mock::given(any()).respond_with(stub.script.clone());
        mock.mount(&stub.server).await;
        stub
    }

    /// Puts more answers behind the others.
    pub(crate) fn will_answer(&self, answers: impl IntoIterator<Item = ResponseTemplate>) {
        self.script.0.lock().unwrap().extend(answers);
    }

    pub(crate) fn options(&self) -> ClientOptions {
        self.options_as(TOKEN.into())
    }

    /// The same in another name.
    pub(crate) fn options_as(&self, credential: Credential) -> ClientOptions {
        ClientOptions::new(self.server.uri(), credential).surroundings(self.hasty.clone())
    }

    pub(crate) fn project(&self) -> ProjectClient {
        ProjectClient::new(self.options(), "demo").unwrap()
    }

    pub(crate) fn account(&self) -> AccountClient {
        AccountClient::new(self.options()).unwrap()
    }

    /// What was asked so far.
    pub(crate) async fn seen(&self) -> Vec<Request> {
        self.server.received_requests().await.unwrap()
    }

    /// The idempotency keys of what was asked so far.
    pub(crate) async fn keys(&self) -> Vec<Option<String>> {
        let seen = self.seen().await;
        seen.iter()
            .map(|request| header(request, "idempotency-key"))
            .collect()
    }
}

/// A header of a request, if it has it.
pub(crate) fn header(request: &Request, name: &str) -> Option<String> {
    let value = request.headers.get(name)?;
    Some(value.to_str().unwrap().to_owned())
}

/// A policy with so many attempts.
pub(crate) fn attempts(attempts: u32) -> RetryPolicy {
    let mut policy = RetryPolicy::default();
    policy.attempts = attempts;
    policy
}

pub(crate) fn answer(status: u16, body: &Value) -> ResponseTemplate {
    ResponseTemplate::new(status)
        .set_body_json(body)
        .insert_header("Request-Id", "req_1")
}

/// An error as the project API tells it.
pub(crate) fn refusal(status: u16, error_type: &str) -> ResponseTemplate {
    let body = json!({ "object": "error", "type": error_type, "message": "No.", "hint": "Do it better." });
    answer(status, &body)
}

/// A payment method as the project API shows it.
pub(crate) fn payment_method(id: &str) -> Value {
    json!({
        "object": "paymentMethod", "id": id, "brand": "visa", "clientSecret": null, "last4": "4242", "provider": "stripe",
        "status": "available", "type": "card", "user": "usr_1", "createdAt": "2026-11-21T00:45:06Z",
    })
}

pub(crate) fn saved() -> ResponseTemplate {
    answer(201, &payment_method("pm_1"))
}
