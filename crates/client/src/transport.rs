//! Sends requests until there is a definite answer.

use std::{sync::Arc, time::Duration};

use reqwest::{
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue},
    redirect,
};
use secrecy::{ExposeSecret as _, SecretString};
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use crate::{
    ClientOptions, Credential, RetryPolicy, Surroundings,
    answer::Answer,
    error::{ApiError, BoxError, ConnectionError, Error, UnreadableAnswer},
    options::Base,
    request::Request,
    retry::Outcome,
};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// How long an unused connection is kept. Shorter than servers and load balancers keep theirs, so that a request seldom
/// meets a connection that is just being closed.
const IDLE_CONNECTION_LIMIT: Duration = Duration::from_secs(30);

/// The way to Billfold, in somebody's name.
#[derive(Debug)]
pub(crate) struct Transport {
    http: reqwest::Client,
    pub(crate) base: Base,
    credential: Credential,
    retry: RetryPolicy,
    pub(crate) surroundings: Arc<dyn Surroundings>,
}

/// A good answer, and how it was come by.
pub(crate) struct Answered {
    answer: Answer,
    attempts: u32,
    idempotency_key: Option<String>,
}

/// No whole answer came.
struct Fault {
    timed_out: bool,
    source: BoxError,
}

impl Transport {
    /// Makes a way. No connection is made until the first request.
    pub(crate) fn open(options: ClientOptions) -> Result<Arc<Self>, Error> {
        let base = Base::parse(&options.base_url)?;
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("billfold-client/", env!("CARGO_PKG_VERSION"), " (Rust)"))
            .connect_timeout(options.connect_limit)
            .pool_idle_timeout(IDLE_CONNECTION_LIMIT)
            // Billfold redirects nobody, and a token must not be led to where nobody meant it to go.
            .redirect(redirect::Policy::none())
            .referer(false)
            // Requests are repeated here; a second layer would multiply the sends.
            .retry(reqwest::retry::never());
        if base.is_on_this_machine() {
            builder = builder.no_proxy();
        }
        if !base.is_encrypted() {
            // Nothing will be encrypted, so a machine without CA certificates will do.
            builder = builder.tls_certs_only([]);
        }
        let http = builder.build().map_err(|error| Error::Tls(error.into()))?;
        Ok(Arc::new(Self {
            http,
            base,
            credential: options.credential,
            retry: options.retry,
            surroundings: options.surroundings,
        }))
    }

    /// Asks for something, and reads what comes.
    pub(crate) async fn get<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, String)],
    ) -> Result<T, Error> {
        self.send(Request::get(&self.base, path, query)?).await?.json()
    }

    /// Sends a request until there is a definite answer, no more attempts are left, or the call's time is over. What changes
    /// something has one key in all attempts, so it is done once.
    pub(crate) async fn send(&self, request: Request) -> Result<Answered, Error> {
        let deadline = Instant::now() + self.retry.call_limit;
        let left = || deadline.saturating_duration_since(Instant::now());
        let mut attempts = 0;
        loop {
            let token = self.token(deadline).await?;
            attempts += 1;
            let result = self
                .attempt(&request, &token, left().min(self.retry.attempt_limit))
                .await;
            let outcome = match &result {
                Ok(answer) if answer.is_good() => None,
                Ok(answer) => Some(Outcome::Refused {
                    status: answer.status,
                    retry_after: answer.retry_after,
                }),
                Err(_) => Some(Outcome::Lost),
            };
            let jitter = self.surroundings.jitter();
            let pause = outcome.and_then(|outcome| self.retry.pause_after(outcome, attempts, jitter, left()));
            match pause {
                Some(pause) => self.surroundings.pause(pause).await,
                None => return settle(result, attempts, request.idempotency_key),
            }
        }
    }

    async fn token(&self, deadline: Instant) -> Result<HeaderValue, Error> {
        let token = tokio::time::timeout_at(deadline, self.credential.token()).await;
        let token = token
            .map_err(|_| Error::Credential("it did not come in time".into()))?
            .map_err(Error::Credential)?;
        let mut header = bearer(&token)
            .ok_or_else(|| Error::Credential("it has characters that no header may have".into()))?;
        header.set_sensitive(true);
        Ok(header)
    }

    /// Sends a request once, and reads the answer to its end.
    async fn attempt(
        &self,
        request: &Request,
        authorization: &HeaderValue,
        limit: Duration,
    ) -> Result<Answer, Fault> {
        let mut sent = self
            .http
            .request(request.method.clone(), request.url.clone())
            .header(AUTHORIZATION, authorization)
            .timeout(limit);
        if let Some(key) = &request.idempotency_key {
            sent = sent.header(IDEMPOTENCY_KEY, key);
        }
        if let Some(body) = &request.body {
            sent = sent.header(CONTENT_TYPE, "application/json").body(body.clone());
        }
        let response = sent.send().await.map_err(|error| Fault {
            timed_out: error.is_timeout(),
            // Identifiers are nobody's business in a log that this error may end up in.
            source: error.without_url().into(),
        })?;
        Answer::read(response).await.map_err(|source| Fault {
            timed_out: is_timeout(&source),
            source,
        })
    }
}

/// What the last attempt came to.
fn settle(
    result: Result<Answer, Fault>,
    attempts: u32,
    idempotency_key: Option<String>,
) -> Result<Answered, Error> {
    match result {
        Ok(answer) if answer.is_good() => Ok(Answered {
            answer,
            attempts,
            idempotency_key,
        }),
        Ok(answer) => {
            let error = ApiError::of(answer, attempts, idempotency_key);
            Err(Error::Api(Box::new(error)))
        }
        Err(Fault { timed_out, source }) => Err(Error::Connection(Box::new(ConnectionError {
            timed_out,
            attempts,
            idempotency_key,
            source,
        }))),
    }
}

impl Answered {
    /// What the answer says.
    pub(crate) fn json<T: DeserializeOwned>(self) -> Result<T, Error> {
        self.answer.json().map_err(|reason| {
            Error::Unreadable(Box::new(UnreadableAnswer {
                status: self.answer.status,
                reason,
                request_id: self.answer.request_id.clone(),
                attempts: self.attempts,
                idempotency_key: self.idempotency_key.clone(),
            }))
        })
    }
}

fn bearer(token: &SecretString) -> Option<HeaderValue> {
    let text = SecretString::from(format!("Bearer {}", token.expose_secret()));
    HeaderValue::from_str(text.expose_secret()).ok()
}

fn is_timeout(error: &BoxError) -> bool {
    error
        .downcast_ref::<reqwest::Error>()
        .is_some_and(reqwest::Error::is_timeout)
}
