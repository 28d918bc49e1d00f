//! Clients as they should be: they repeat a request that was not answered for good, and note what they are told.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use reqwest::{Client, Method, StatusCode, header::RETRY_AFTER};
use serde_json::{Value, json};

use crate::{
    TortureError,
    history::{Asked, Card, Face, History, Told, Wish},
    judge::END_LIMIT,
    token::Issuer,
};

/// How long a client goes on repeating once nothing is broken any more: as long as operations may take to end.
const PATIENCE: Duration = END_LIMIT;

/// The longest that a client goes on while things are broken.
const LONGEST_PATIENCE: Duration = Duration::from_mins(10);

/// The longest wait for one answer: longer than a server takes to say that it does not know.
const ANSWER_LIMIT: Duration = Duration::from_secs(40);

/// The wait after a connection that failed.
const AFTER_FAILURE: Duration = Duration::from_millis(100);

/// A payment method at Stripe that somebody wants to save.
#[derive(Clone, Debug)]
pub(crate) struct Stock {
    pub(crate) project: String,
    /// The payment method.
    pub(crate) id: String,
    pub(crate) card: Card,
}

/// An answer that is for good.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

/// What a single request with an idempotency key heard, to the byte.
pub(crate) struct Heard {
    pub(crate) status: u16,
    pub(crate) body: String,
    /// Whether the answer says that it was given before.
    pub(crate) replayed: bool,
}

/// Whom a request speaks for.
#[derive(Clone, Copy)]
pub(crate) struct Caller<'a> {
    pub(crate) project: &'a str,
    pub(crate) user: &'a str,
    pub(crate) face: Face,
}

/// All clients of a run: they share their connections and their notes.
pub(crate) struct Clients {
    http: Client,
    ports: Vec<u16>,
    issuer: Issuer,
    tokens: Mutex<HashMap<(String, String), String>>,
    /// Instances are killed, so a connection may break.
    instances_die: bool,
    next_instance: AtomicUsize,
    /// When all was whole again; `None` while something is broken, or will be soon.
    mended: Mutex<Option<Instant>>,
    pub(crate) history: History,
}

/// A client's connections. A server closes an idle one after five seconds; these are given up before.
pub(crate) fn http_client() -> Result<Client, TortureError> {
    Ok(Client::builder()
        .no_proxy()
        .retry(reqwest::retry::never())
        .pool_idle_timeout(Duration::from_secs(2))
        .timeout(ANSWER_LIMIT)
        .build()?)
}

impl Clients {
    /// Clients of these instances.
    pub(crate) fn new(ports: Vec<u16>, issuer: Issuer, instances_die: bool) -> Result<Self, TortureError> {
        Ok(Self {
            http: http_client()?,
            ports,
            issuer,
            tokens: Mutex::default(),
            instances_die,
            next_instance: AtomicUsize::new(0),
            mended: Mutex::new(Some(Instant::now())),
            history: History::default(),
        })
    }

    fn token(&self, caller: Caller<'_>) -> String {
        let subject = match caller.face {
            Face::Project => String::new(),
            Face::Account => caller.user.to_owned(),
        };
        let name = (caller.project.to_owned(), subject);
        let mut tokens = self.tokens.lock();
        let token = tokens.entry(name).or_insert_with(|| match caller.face {
            Face::Project => self.issuer.backend(caller.project),
            Face::Account => self.issuer.user(caller.project, caller.user),
        });
        token.clone()
    }

    /// A token of a project's backend, and one of a user of it.
    pub(crate) fn tokens(&self, project: &str, user: &str) -> (String, String) {
        let [backend, user] =
            [Face::Project, Face::Account].map(|face| self.token(Caller { project, user, face }));
        (backend, user)
    }

    /// Things are being broken from now on: nobody can expect an answer in time.
    pub(crate) fn expect_faults(&self) {
        *self.mended.lock() = None;
    }

    /// Both sides are up, and stay so: from now on everyone is answered in time.
    pub(crate) fn expect_no_faults(&self) {
        *self.mended.lock() = Some(Instant::now());
    }

    /// When all was whole again, or now where it is not.
    pub(crate) fn mended(&self) -> Instant {
        self.mended.lock().unwrap_or_else(Instant::now)
    }

    fn goes_on(&self, began: Instant) -> bool {
        match *self.mended.lock() {
            None => began.elapsed() < LONGEST_PATIENCE,
            Some(mended) => began.max(mended).elapsed() < PATIENCE,
        }
    }

    /// Asks until there is an answer for good, or gives up: `None`.
    pub(crate) async fn ask(
        &self,
        caller: Caller<'_>,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Option<Answer> {
        let token = self.token(caller);
        let began = Instant::now();
        let mut instance = self.next_instance.fetch_add(1, Ordering::Relaxed) % self.ports.len();
        while self.goes_on(began) {
            let address = format!("http://127.0.0.1:{}{path}", self.ports[instance]);
            let mut request = self.http.request(method.clone(), address).bearer_auth(&token);
            if let Some(body) = &body {
                request = request.json(body);
            }
            let pause = match self.send(instance, request, &format!("{method} {path}")).await {
                Ok(answer) => return Some(answer),
                Err(pause) => pause,
            };
            tokio::time::sleep(pause).await;
            instance = (instance + 1) % self.ports.len();
        }
        None
    }

    /// Asks one of the instances once, with an idempotency key.
    pub(crate) async fn ask_once(
        &self,
        instance: usize,
        caller: Caller<'_>,
        method: Method,
        path: &str,
        key: &str,
        body: Option<Value>,
    ) -> Result<Heard, TortureError> {
        let port = self.ports[instance % self.ports.len()];
        let mut request = self
            .http
            .request(method, format!("http://127.0.0.1:{port}{path}"))
            .bearer_auth(self.token(caller))
            .header("Idempotency-Key", key);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await?;
        Ok(Heard {
            status: answer.status().as_u16(),
            replayed: answer.headers().contains_key("Idempotency-Replayed"),
            body: answer.text().await?,
        })
    }

    /// Sends a request once. The error is how long to wait before it is repeated.
    async fn send(
        &self,
        instance: usize,
        request: reqwest::RequestBuilder,
        what: &str,
    ) -> Result<Answer, Duration> {
        let answer = match request.send().await {
            Ok(answer) => answer,
            Err(error) => {
                self.history.answer(instance, 0);
                if !self.instances_die {
                    self.history.wrong(format!("{what}: no answer: {error:?}"));
                }
                return Err(AFTER_FAILURE);
            }
        };
        let status = answer.status();
        let retry_after = answer.headers().get(RETRY_AFTER).cloned();
        let Ok(text) = answer.text().await else {
            self.history.answer(instance, 0);
            if !self.instances_die {
                self.history
                    .wrong(format!("{what}: {status}, and half of the answer"));
            }
            return Err(AFTER_FAILURE);
        };
        self.history.answer(instance, status.as_u16());
        match status {
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::CONFLICT => {
                let seconds = retry_after
                    .and_then(|value| value.to_str().ok()?.parse().ok())
                    .unwrap_or_else(|| {
                        self.history
                            .wrong(format!("{what}: {status} without Retry-After"));
                        1
                    });
                Err(Duration::from_secs(seconds).min(Duration::from_secs(5)))
            }
            _ if status.is_success() || [404, 410, 422].contains(&status.as_u16()) => Ok(Answer {
                status: status.as_u16(),
                body: serde_json::from_str(&text).unwrap_or_default(),
            }),
            _ => {
                self.history.wrong(format!("{what}: {status} {text}"));
                Err(Duration::from_secs(1))
            }
        }
    }

    /// Saves a payment method, and notes how that ended. Gives the client secret where its owner must pass a check.
    pub(crate) async fn create(&self, stock: &Stock, user: &str, face: Face) -> (Told, Option<String>) {
        let caller = Caller {
            project: &stock.project,
            user,
            face,
        };
        let began = Instant::now();
        let answer = match face {
            Face::Project => {
                let path = format!("/projects/{}/paymentMethods", stock.project);
                let body = json!({"id": stock.id, "user": user});
                self.ask(caller, Method::POST, &path, Some(body)).await
            }
            Face::Account => {
                let body = json!({"id": stock.id});
                self.ask(caller, Method::POST, "/v1/account/payment-methods", Some(body))
                    .await
            }
        };
        let secret = answer
            .as_ref()
            .and_then(|answer| answer.body["clientSecret"].as_str().map(str::to_owned));
        let told = match answer {
            None => Told::Nothing,
            Some(Answer {
                status: 200..=299, ..
            }) => Told::Saved,
            Some(answer) => refused(&answer),
        };
        self.note(stock, user, face, Wish::Create, told.clone(), began);
        (told, secret)
    }

    /// Deletes a payment method, and notes how that ended.
    pub(crate) async fn delete(&self, stock: &Stock, user: &str, face: Face) -> Told {
        let caller = Caller {
            project: &stock.project,
            user,
            face,
        };
        let path = match face {
            Face::Project => format!("/projects/{}/paymentMethods/{}", stock.project, stock.id),
            Face::Account => format!("/v1/account/payment-methods/{}", stock.id),
        };
        let began = Instant::now();
        let told = match self.ask(caller, Method::DELETE, &path, None).await {
            None => Told::Nothing,
            Some(Answer {
                status: 200..=299, ..
            }) => Told::Deleted,
            Some(Answer {
                status: 404 | 410, ..
            }) => Told::Gone,
            Some(answer) => refused(&answer),
        };
        self.note(stock, user, face, Wish::Delete, told.clone(), began);
        told
    }

    /// Makes a setup intent. Whether there is one in the end.
    pub(crate) async fn make_setup_intent(&self, caller: Caller<'_>) -> bool {
        let answer = match caller.face {
            Face::Project => {
                let path = format!("/projects/{}/setupIntents", caller.project);
                let body = json!({"user": caller.user});
                self.ask(caller, Method::POST, &path, Some(body)).await
            }
            Face::Account => {
                self.ask(caller, Method::POST, "/v1/account/setup-intent", None)
                    .await
            }
        };
        match answer {
            Some(Answer { status: 201, .. }) => true,
            Some(answer) => {
                let (status, body) = (answer.status, answer.body);
                self.history
                    .wrong(format!("a setup intent of {}: {status} {body}", caller.user));
                false
            }
            None => false,
        }
    }

    /// Notes how a wish ended that has been asked for since `began`.
    pub(crate) fn note(&self, stock: &Stock, user: &str, face: Face, wish: Wish, told: Told, began: Instant) {
        self.history.note(Asked {
            project: stock.project.clone(),
            user: user.to_owned(),
            method: stock.id.clone(),
            card: stock.card,
            face,
            wish,
            told,
            began,
            ended: Instant::now(),
        });
    }
}

fn refused(answer: &Answer) -> Told {
    let code = answer.body["code"].as_str().unwrap_or_default();
    let message = answer.body["message"].as_str().unwrap_or_default();
    Told::Refused(answer.status, format!("{code} {message}").trim().to_owned())
}
