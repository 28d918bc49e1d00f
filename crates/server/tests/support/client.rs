//! Requests as a client makes them, and answers that have been held against the contract.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
};

use serde_json::Value;

use super::{canaries::assert_none_in_an_answer, contract::validate_response};

/// The `Request-Id`s that one server has given.
pub(crate) type SeenRequestIds = Arc<Mutex<HashSet<String>>>;

/// A request to the server, not yet sent.
#[derive(Debug)]
pub(crate) struct Request {
    method: String,
    path: String,
    inner: reqwest::RequestBuilder,
    seen: SeenRequestIds,
}

/// An answer that keeps to the contract.
#[derive(Clone, Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(super) fn new(
        client: &reqwest::Client,
        base: &str,
        method: &str,
        path: &str,
        seen: &SeenRequestIds,
    ) -> Self {
        let name = reqwest::Method::from_bytes(method.as_bytes()).expect("a method has a valid name");
        Self {
            method: method.to_owned(),
            path: path.to_owned(),
            inner: client.request(name, format!("{base}{path}")),
            seen: Arc::clone(seen),
        }
    }

    /// Adds the token that says who is calling.
    pub(crate) fn token(self, token: &str) -> Self {
        self.header("Authorization", &format!("Bearer {token}"))
    }

    /// Adds a header. The same name may be added again.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.inner = self.inner.header(name, value);
        self
    }

    /// Adds a header of any bytes that a header may have.
    pub(crate) fn header_bytes(mut self, name: &str, value: &[u8]) -> Self {
        self.inner = self.inner.header(name, value);
        self
    }

    /// Adds an idempotency key.
    pub(crate) fn key(self, key: &str) -> Self {
        self.header("Idempotency-Key", key)
    }

    /// Adds a JSON body, with its content type.
    pub(crate) fn json(mut self, body: &Value) -> Self {
        self.inner = self.inner.json(body);
        self
    }

    /// Adds a body of any bytes, without a content type.
    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.inner = self.inner.body(body.into());
        self
    }

    /// Sends the request. Panics when there is no answer, or one that breaks the contract.
    pub(crate) async fn send(self) -> Response {
        let Self {
            method,
            path,
            inner,
            seen,
        } = self;
        let response = inner
            .send()
            .await
            .unwrap_or_else(|error| panic!("{method} {path} should be answered: {error:?}"));
        let status = response.status().as_u16();
        let headers: Vec<(String, String)> = response
            .headers()
            .iter()
            .map(|(name, value)| {
                let value = value.to_str().expect("a header should be text");
                (name.as_str().to_owned(), value.to_owned())
            })
            .collect();
        let body = response
            .bytes()
            .await
            .unwrap_or_else(|error| panic!("{method} {path} should be answered whole: {error:?}"));
        validate_response(&method, &path, status, &headers, &body);
        assert_none_in_an_answer(&method, &path, &headers, &body);
        let response = Response {
            status,
            headers,
            body: body.to_vec(),
        };
        let id = response
            .header("Request-Id")
            .unwrap_or_else(|| panic!("the answer to {method} {path} should have a Request-Id"));
        let mut seen = seen.lock().expect("no thread should have panicked here");
        assert!(seen.insert(id.to_owned()), "the Request-Id {id} was given twice");
        response
    }
}

impl Response {
    /// The first header of this name, whatever its case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(candidate, _)| candidate.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("the body should be text")
    }

    /// The body as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("the body should be JSON ({error}): {}", self.text()))
    }

    /// The answer itself, after a look at its status.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(
            self.status,
            status,
            "the answer's body is {}",
            String::from_utf8_lossy(&self.body)
        );
        self
    }

    /// The `code` of an error of the project API.
    #[track_caller]
    pub(crate) fn code(&self) -> String {
        let body = self.json();
        let code = body["code"].as_str();
        code.unwrap_or_else(|| panic!("the error should have a code: {body}"))
            .to_owned()
    }

    /// A text property of the body.
    #[track_caller]
    pub(crate) fn property(&self, name: &str) -> String {
        let body = self.json();
        let value = body[name].as_str();
        value
            .unwrap_or_else(|| panic!("the body should have the text {name}: {body}"))
            .to_owned()
    }
}
