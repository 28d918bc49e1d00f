//! The call itself: headers, deadline, one repetition, log.

use std::{sync::Arc, time::Duration};

use reqwest::{
    Method, RequestBuilder, Response, StatusCode,
    header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER},
    redirect,
};
use secrecy::{ExposeSecret as _, SecretString};
use serde::de::DeserializeOwned;
use tokio::time::Instant;
use tracing::Instrument as _;

use crate::{
    ClientError, ClientOptions, Credentials, IdempotencyKey, Outcome, StripeError,
    error::{NotSentReason, UnknownReason},
    error_parse::{error_of, is_too_much_for_the_account},
    form::Form,
    options::ApiBase,
    retry::RetryPolicy,
    sending::Sending,
    turnstile::Turnstile,
    wire::{Unreadable, read_json},
};

/// The version of Stripe's interface that this crate speaks, whatever an account's default is.
pub const STRIPE_VERSION: &str = "2026-06-24.dahlia";

/// The largest answer that is read: 1 MiB.
const MAXIMUM_ANSWER_LENGTH: usize = 1024 * 1024;
/// The longest wait of Stripe's that is believed.
const MAXIMUM_RETRY_AFTER: Duration = Duration::from_hours(1);
/// How long an unused connection is kept. Shorter than servers and load balancers keep theirs, so that a request
/// seldom meets a connection that is just being closed.
const IDLE_CONNECTION_TIMEOUT: Duration = Duration::from_secs(30);

const VERSION_HEADER: HeaderName = HeaderName::from_static("stripe-version");
const ACCOUNT_HEADER: HeaderName = HeaderName::from_static("stripe-account");
const IDEMPOTENCY_HEADER: HeaderName = HeaderName::from_static("idempotency-key");
const REQUEST_ID_HEADER: HeaderName = HeaderName::from_static("request-id");
const SHOULD_RETRY_HEADER: HeaderName = HeaderName::from_static("stripe-should-retry");
const RATE_LIMITED_REASON_HEADER: HeaderName = HeaderName::from_static("stripe-rate-limited-reason");

/// Stripe's interface, for every account: it holds the connections, and is cheap to clone.
#[derive(Clone, Debug)]
pub struct StripeClient {
    http: reqwest::Client,
    api_base: String,
    call_timeout: Duration,
    retry: RetryPolicy,
}

impl StripeClient {
    /// Makes a client. No connection is made until the first call.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "options are made for one client and of no use afterwards"
    )]
    pub fn new(options: ClientOptions) -> Result<Self, ClientError> {
        let api_base = ApiBase::parse(&options.api_base)?;
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("billfold/", env!("CARGO_PKG_VERSION")))
            .default_headers(HeaderMap::from_iter([(
                VERSION_HEADER,
                HeaderValue::from_static(STRIPE_VERSION),
            )]))
            .connect_timeout(options.connect_timeout)
            .pool_idle_timeout(IDLE_CONNECTION_TIMEOUT)
            // No bound on connections either: they speak HTTP/1.1, a call each, and a hanging account must keep none from
            // the others. How many there are is bounded by whoever makes the calls.
            .pool_max_idle_per_host(usize::MAX)
            // A redirect would carry a secret key to where nobody meant it to go.
            .redirect(redirect::Policy::none())
            .referer(false)
            // This crate repeats requests itself; a second layer would multiply the sends.
            .retry(reqwest::retry::never());
        if api_base.on_this_machine {
            builder = builder.no_proxy();
        }
        if !api_base.encrypted {
            // Nothing will be encrypted, so a machine without CA certificates will do.
            builder = builder.tls_certs_only([]);
        }
        Ok(Self {
            http: builder.build().map_err(ClientError::Tls)?,
            api_base: api_base.text,
            call_timeout: options.call_timeout,
            retry: RetryPolicy::new(&options),
        })
    }

    /// The calls on one account.
    pub fn account<'a>(&'a self, credentials: &'a Credentials) -> Account<'a> {
        Account {
            client: self,
            credentials,
            turnstile: None,
        }
    }
}

/// One Stripe account, as its credentials see it. Every call is one of Stripe's requests.
#[derive(Clone, Debug)]
pub struct Account<'a> {
    client: &'a StripeClient,
    pub(crate) credentials: &'a Credentials,
    turnstile: Option<Arc<dyn Turnstile>>,
}

/// Whether a request reads, writes or deletes. Whatever writes has an idempotency key; deleting twice is deleting once.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Verb<'a> {
    Get,
    Post(&'a IdempotencyKey),
    Delete,
}

/// One request.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    pub(crate) verb: Verb<'a>,
    /// The path, with `{id}` where an identifier goes. This, not the path, is logged.
    pub(crate) template: &'static str,
    /// The identifier, of characters that need no escape in a path.
    pub(crate) id: Option<&'a str>,
    pub(crate) form: Form,
}

impl<'a> Call<'a> {
    pub(crate) fn get(template: &'static str, id: Option<&'a str>, form: Form) -> Self {
        let verb = Verb::Get;
        Self {
            verb,
            template,
            id,
            form,
        }
    }

    pub(crate) fn post(
        template: &'static str,
        id: Option<&'a str>,
        form: Form,
        key: &'a IdempotencyKey,
    ) -> Self {
        let verb = Verb::Post(key);
        Self {
            verb,
            template,
            id,
            form,
        }
    }

    pub(crate) fn delete(template: &'static str, id: Option<&'a str>) -> Self {
        Self {
            verb: Verb::Delete,
            template,
            id,
            form: Form::new(),
        }
    }

    /// Whether Stripe keeps the answer under an idempotency key.
    fn has_key(&self) -> bool {
        matches!(self.verb, Verb::Post(_))
    }

    pub(crate) fn method(&self) -> Method {
        match self.verb {
            Verb::Get => Method::GET,
            Verb::Post(_) => Method::POST,
            Verb::Delete => Method::DELETE,
        }
    }
}

/// A whole answer of Stripe's.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) should_retry: Option<bool>,
    pub(crate) retry_after: Option<Duration>,
    /// Whether a 429 is for a limit of one object's, such as so many changes of it in an hour.
    pub(crate) limits_one_object: bool,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn is_success(&self) -> bool {
        (200..=299).contains(&self.status)
    }
}

impl Account<'_> {
    /// The same account, whose requests each go through the turnstile.
    #[must_use]
    pub fn through(self, turnstile: Arc<dyn Turnstile>) -> Self {
        let turnstile = Some(turnstile);
        Self { turnstile, ..self }
    }

    /// Makes a call and reads its answer.
    pub(crate) async fn call<J: DeserializeOwned, T>(
        &self,
        call: Call<'_>,
        read: impl FnOnce(J) -> Result<T, Unreadable>,
    ) -> Result<T, StripeError> {
        let answer = self.answer(&call).await?;
        read_json(&answer.body)
            .and_then(read)
            .map_err(|Unreadable(what)| {
                tracing::warn!(
                    method = %call.method(),
                    path = call.template,
                    what,
                    "an answer of Stripe's cannot be understood"
                );
                StripeError::Unknown {
                    completed: false,
                    retry_after: None,
                    reason: UnknownReason::Unreadable,
                }
            })
    }

    /// Makes a call, sending it twice at most, and gives the answer when it is a success.
    async fn answer(&self, call: &Call<'_>) -> Result<Answer, StripeError> {
        let deadline = Instant::now() + self.client.call_timeout;
        let first = self.send(call, deadline, 1).await;
        let remaining = deadline.saturating_duration_since(Instant::now());
        let Some(delay) = self
            .client
            .retry
            .delay(&first, call.has_key(), 0, remaining, rand::random())
        else {
            return settle(first, call);
        };
        tokio::time::sleep(delay).await;
        let second = self.send(call, deadline, 2).await;
        settle(second, call).map_err(|error| match settle(first, call) {
            // What the second send did not do, the first may have done.
            Err(before) if before.outcome() == Outcome::Unknown && error.outcome() == Outcome::NotApplied => {
                before
            }
            _ => error,
        })
    }

    /// Sends a request once, when it is its turn, and tells of it.
    async fn send(&self, call: &Call<'_>, deadline: Instant, send: u8) -> Result<Answer, StripeError> {
        if let Some(turnstile) = &self.turnstile {
            turnstile.turn().await.map_err(StripeError::NotSent)?;
        }
        let started = Instant::now();
        let remaining = deadline.saturating_duration_since(started);
        let request = self.request(call)?.timeout(remaining);
        let mut seen = Seen::default();
        let sending = Sending::begin(call, send);
        let result = exchange(request, &mut seen).instrument(sending.span()).await;
        sending.end(&result, &seen, started.elapsed());
        if let (Some(turnstile), Ok(answer)) = (&self.turnstile, &result)
            && is_too_much_for_the_account(answer)
        {
            turnstile.refused(started);
        }
        result
    }

    fn request(&self, call: &Call<'_>) -> Result<RequestBuilder, StripeError> {
        let path = match call.id {
            Some(id) => call.template.replace("{id}", id),
            None => call.template.to_owned(),
        };
        let url = format!("{}{path}", self.client.api_base);
        let authorization = bearer(&self.credentials.secret_key).ok_or(StripeError::Unauthenticated)?;
        let mut request = self
            .client
            .http
            .request(call.method(), url)
            .header(AUTHORIZATION, authorization);
        if let Some(account) = &self.credentials.account {
            request = request.header(ACCOUNT_HEADER, account.as_str());
        }
        Ok(match call.verb {
            Verb::Get => request.query(call.form.pairs()),
            Verb::Post(key) => request
                .header(IDEMPOTENCY_HEADER, key.as_str())
                .form(call.form.pairs()),
            Verb::Delete => request,
        })
    }
}

fn bearer(secret_key: &SecretString) -> Option<HeaderValue> {
    let text = SecretString::from(format!("Bearer {}", secret_key.expose_secret()));
    let mut value = HeaderValue::from_str(text.expose_secret()).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// An answer is a result when it is a success.
fn settle(sent: Result<Answer, StripeError>, call: &Call<'_>) -> Result<Answer, StripeError> {
    sent.and_then(|answer| {
        if answer.is_success() {
            return Ok(answer);
        }
        Err(error_of(&answer, call.template))
    })
}

/// What the log says of an answer even when its body never came.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) status: Option<u16>,
    pub(crate) request_id: Option<String>,
}

async fn exchange(request: RequestBuilder, seen: &mut Seen) -> Result<Answer, StripeError> {
    let response = request.send().await.map_err(|error| transport_error(&error))?;
    let headers = response.headers();
    let status = response.status();
    seen.status = Some(status.as_u16());
    seen.request_id = header_text(headers, &REQUEST_ID_HEADER)
        .filter(|id| id.len() <= 255)
        .map(str::to_owned);
    let should_retry = header_text(headers, &SHOULD_RETRY_HEADER).and_then(|text| text.parse().ok());
    let retry_after = header_text(headers, &RETRY_AFTER)
        .and_then(|text| text.parse().ok())
        .map(|seconds| Duration::from_secs(seconds).min(MAXIMUM_RETRY_AFTER));
    let limits_one_object = header_text(headers, &RATE_LIMITED_REASON_HEADER) == Some("resource-specific");
    let body = bounded_body(response, status).await?;
    let status = status.as_u16();
    Ok(Answer {
        status,
        should_retry,
        retry_after,
        limits_one_object,
        body,
    })
}

async fn bounded_body(mut response: Response, status: StatusCode) -> Result<Vec<u8>, StripeError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| transport_error(&error))? {
        if body.len() + chunk.len() > MAXIMUM_ANSWER_LENGTH {
            tracing::warn!(
                status = status.as_u16(),
                "an answer of Stripe's is too large to read"
            );
            return Err(StripeError::Unknown {
                completed: false,
                retry_after: None,
                reason: UnknownReason::Unreadable,
            });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn header_text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

fn transport_error(error: &reqwest::Error) -> StripeError {
    if error.is_connect() || error.is_builder() {
        return StripeError::NotSent(if error.is_timeout() {
            NotSentReason::ConnectTimedOut
        } else {
            NotSentReason::Unreachable
        });
    }
    StripeError::Unknown {
        completed: false,
        retry_after: None,
        reason: if error.is_timeout() {
            UnknownReason::TimedOut
        } else {
            UnknownReason::Disconnected
        },
    }
}
