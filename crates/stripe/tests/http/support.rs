//! A Stripe that answers from a script, and what it was asked.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use billfold_domain::StripeAccountId;
use billfold_stripe::{Account, ClientOptions, Credentials, IdempotencyKey, StripeClient};
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate, matchers::any};

pub(crate) const SECRET_KEY: &str = "sk_test_aVerySecretKeyOfOurs";

/// Short enough for a test, long enough for a busy machine.
pub(crate) const CALL_TIMEOUT: Duration = Duration::from_secs(10);

pub(crate) fn options(api_base: impl Into<String>) -> ClientOptions {
    ClientOptions {
        api_base: api_base.into(),
        connect_timeout: Duration::from_secs(5),
        call_timeout: CALL_TIMEOUT,
        retry_base: Duration::ZERO,
        retry_cap: Duration::from_millis(1),
    }
}

pub(crate) fn credentials() -> Credentials {
    Credentials {
        secret_key: SECRET_KEY.into(),
        account: None,
    }
}

pub(crate) fn key(text: &str) -> IdempotencyKey {
    IdempotencyKey::parse(text).unwrap()
}

/// Answers in turn; when none is left, with a status that no test expects.
struct Script(Mutex<VecDeque<ResponseTemplate>>);

impl Respond for Script {
    fn respond(&self, _: &Request) -> ResponseTemplate {
        let next = self.0.lock().unwrap().pop_front();
        next.unwrap_or_else(|| ResponseTemplate::new(418))
    }
}

pub(crate) struct Stripe {
    server: MockServer,
    client: StripeClient,
    credentials: Credentials,
}

impl Stripe {
    pub(crate) async fn answering(answers: impl IntoIterator<Item = ResponseTemplate>) -> Self {
        Self::with_options(answers, |_| {}).await
    }

    pub(crate) async fn with_options(
        answers: impl IntoIterator<Item = ResponseTemplate>,
        change: impl FnOnce(&mut ClientOptions),
    ) -> Self {
        let server = MockServer::start().await;
        Mock::given(any())
            .respond_with(Script(Mutex::new(answers.into_iter().collect())))
            .mount(&server)
            .await;
        let mut options = options(server.uri());
        change(&mut options);
        Self {
            client: StripeClient::new(options).unwrap(),
            server,
            credentials: credentials(),
        }
    }

    /// The same Stripe, spoken to for a connected account.
    pub(crate) fn for_connected_account(mut self, account: &str) -> Self {
        self.credentials.account = Some(StripeAccountId::parse(account).unwrap());
        self
    }

    pub(crate) fn with_secret_key(mut self, secret_key: &str) -> Self {
        self.credentials.secret_key = secret_key.into();
        self
    }

    pub(crate) fn account(&self) -> Account<'_> {
        self.client.account(&self.credentials)
    }

    pub(crate) fn address(&self) -> String {
        self.server.uri()
    }

    pub(crate) async fn received(&self) -> Vec<Received> {
        let requests = self.server.received_requests().await.unwrap();
        requests.into_iter().map(Received).collect()
    }

    /// The only request that came.
    pub(crate) async fn only_received(&self) -> Received {
        let mut requests = self.received().await;
        assert_eq!(requests.len(), 1, "one request is sent");
        requests.remove(0)
    }
}

pub(crate) struct Received(Request);

impl Received {
    /// Method and path, as in a request line.
    pub(crate) fn line(&self) -> String {
        format!("{} {}", self.0.method, self.0.url.path())
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.0.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The parameters of the query, decoded, in their order.
    pub(crate) fn query(&self) -> Vec<(String, String)> {
        self.0.url.query_pairs().into_owned().collect()
    }

    /// The parameters of the body, decoded, in their order.
    pub(crate) fn form(&self) -> Vec<(String, String)> {
        let mut url = self.0.url.clone();
        url.set_query(Some(std::str::from_utf8(&self.0.body).unwrap()));
        url.query_pairs().into_owned().collect()
    }

    pub(crate) fn body_is_empty(&self) -> bool {
        self.0.body.is_empty()
    }
}

pub(crate) fn pairs<const N: usize>(pairs: [(&str, &str); N]) -> Vec<(String, String)> {
    let owned = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
    owned.into_iter().collect()
}

/// Text that several threads write.
#[derive(Clone, Default)]
pub(crate) struct SharedText(Arc<Mutex<Vec<u8>>>);

impl SharedText {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl std::io::Write for SharedText {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
