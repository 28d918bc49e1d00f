//! A sandbox and a plain HTTP client for it.

use std::sync::Arc;

use billfold_sandbox::{ManualClock, Options, Sandbox};
use reqwest::header::HeaderMap;
use serde_json::Value;

/// 2026-07-02, so that test cards expire in the future.
pub(crate) const START: u64 = 1_783_000_000;

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    #[track_caller]
    pub(crate) fn ok(self) -> Value {
        assert_eq!(self.status, 200, "{}", self.body);
        self.body
    }

    /// The error of an answer with that status.
    #[track_caller]
    pub(crate) fn error(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.body);
        self.body["error"].clone()
    }
}

/// A running sandbox and the key of one account.
pub(crate) struct Harness {
    pub(crate) sandbox: Sandbox,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) http: reqwest::Client,
}

pub(crate) const SECRET: &str = "sk_test_demo";
pub(crate) const PUBLISHABLE: &str = "pk_test_demo";

impl Harness {
    pub(crate) async fn start() -> Self {
        Self::start_with(Options::default()).await
    }

    pub(crate) async fn start_with(options: Options) -> Self {
        let clock = Arc::new(ManualClock::new(START));
        let options = Options {
            clock: clock.clone(),
            ..options
        };
        let sandbox = Sandbox::start(options).await.unwrap();
        let http = reqwest::Client::builder()
            .pool_max_idle_per_host(0)
            .build()
            .unwrap();
        Self { sandbox, clock, http }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.sandbox.url())
    }

    /// A request with a key of one's own choice, and further headers.
    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        form: &[(&str, &str)],
        key: &str,
        headers: &[(&str, &str)],
    ) -> Result<Answer, reqwest::Error> {
        let method = method.parse().unwrap();
        let mut request = self.http.request(method, self.url(path)).bearer_auth(key);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if !form.is_empty() {
            request = request.form(form);
        }
        read(request.send().await?).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], SECRET, &[]).await.unwrap()
    }

    pub(crate) async fn post(&self, path: &str, form: &[(&str, &str)]) -> Answer {
        self.send("POST", path, form, SECRET, &[]).await.unwrap()
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.send("DELETE", path, &[], SECRET, &[]).await.unwrap()
    }

    /// As a browser does it: with the publishable key as the parameter `key`.
    pub(crate) async fn browser(&self, path: &str, form: &[(&str, &str)]) -> Answer {
        let mut form = form.to_vec();
        form.push(("key", PUBLISHABLE));
        let response = self.http.post(self.url(path)).form(&form).send().await.unwrap();
        read(response).await.unwrap()
    }

    /// A control endpoint, with a body of JSON if it takes one.
    pub(crate) async fn control(&self, method: &str, path: &str, body: Option<Value>) -> Answer {
        let method = method.parse().unwrap();
        let mut request = self.http.request(method, self.url(&format!("/_sandbox/{path}")));
        if let Some(body) = body {
            request = request.json(&body);
        }
        read(request.send().await.unwrap()).await.unwrap()
    }

    pub(crate) async fn customer(&self) -> String {
        text(&self.post("/v1/customers", &[]).await.ok()["id"])
    }

    pub(crate) async fn attach(&self, method: &str, customer: &str) -> Answer {
        self.post(
            &format!("/v1/payment_methods/{method}/attach"),
            &[("customer", customer)],
        )
        .await
    }

    /// The effects that the ledger has, oldest first.
    pub(crate) async fn effects(&self) -> Vec<String> {
        let ledger = self.control("GET", "ledger", None).await.ok();
        ledger["entries"]
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| text(&entry["effect"]))
            .collect()
    }
}

async fn read(response: reqwest::Response) -> Result<Answer, reqwest::Error> {
    let status = response.status().as_u16();
    let headers = response.headers().clone();
    let bytes = response.bytes().await?;
    let body = if bytes.is_empty() {
        Value::Null
    } else {
        serde_json::from_slice(&bytes).unwrap()
    };
    Ok(Answer {
        status,
        headers,
        body,
    })
}

/// A text out of a JSON value.
#[track_caller]
pub(crate) fn text(value: &Value) -> String {
    value
        .as_str()
        .unwrap_or_else(|| panic!("not a text: {value}"))
        .to_owned()
}

/// The ids of a list.
pub(crate) fn ids(list: &Value) -> Vec<String> {
    list["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| text(&item["id"]))
        .collect()
}
