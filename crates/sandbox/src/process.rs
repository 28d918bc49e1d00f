//! The life of one request to the API: key, fault script, idempotency key, work, answer.

use std::sync::Arc;
use std::time::Duration;

use actix_web::http::header::HeaderMap;
use serde_json::Value;

use crate::accounts;
use crate::call::{Authority, Call, RequestContext};
use crate::errors::ApiError;
use crate::events::API_VERSION;
use crate::expand;
use crate::faults::{Fault, Kind};
use crate::idempotency::{self, Begin};
use crate::parameters::Parameters;
use crate::routes;
use crate::shared::Shared;
use crate::state::World;

/// A request as it came in.
#[derive(Debug)]
pub(crate) struct Incoming {
    pub(crate) method: String,
    /// Not decoded.
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Incoming {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// An answer to send.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: String,
}

/// How a request ends on the wire.
#[derive(Debug)]
pub(crate) enum Ending {
    Answered(Reply),
    /// The connection is closed without an answer.
    Closed,
    /// The connection is reset without an answer.
    Reset,
    /// Half of the body is sent, then the connection is closed.
    Truncated(Reply),
}

/// Does a request. Run it as a task of its own: it goes on to its end even when the client hangs up, as at Stripe.
pub(crate) async fn process(shared: Arc<Shared>, incoming: Incoming) -> Ending {
    let job = match recognise(&shared, &incoming) {
        Ok((request, parameters)) => Job::new(request, parameters, incoming),
        Err(reply) => return Ending::Answered(reply),
    };
    // The state is unlocked again before anything is awaited.
    let start = job.begin(&mut shared.world.lock());
    let fault = match start {
        Start::Work(fault) => fault,
        Start::Answer(fault, reply) => return after(fault, reply).await,
        Start::Reset => return Ending::Reset,
    };
    let kind = fault.map(|fault| fault.kind);
    if matches!(kind, Some(Kind::Delay | Kind::HangBefore)) {
        wait(fault).await;
    }
    if kind == Some(Kind::HangBefore) {
        job.abandon(&mut shared.world.lock());
        return Ending::Closed;
    }
    let reply = job.work(&shared, kind);
    after(fault, reply).await
}

/// How a request begins.
enum Start {
    Work(Option<Fault>),
    /// The answer is known without work.
    Answer(Option<Fault>, Reply),
    Reset,
}

/// A recognised request.
struct Job {
    request: RequestContext,
    parameters: Parameters,
    /// The parameters as idempotency keys compare them.
    canonical: String,
    /// The idempotency key, of a POST.
    key: Option<String>,
    /// Not decoded.
    path: String,
}

impl Job {
    fn new(request: RequestContext, parameters: Parameters, incoming: Incoming) -> Self {
        let key = (request.method == "POST")
            .then(|| request.idempotency_key.clone())
            .flatten();
        Self {
            canonical: parameters.canonical(),
            key,
            path: incoming.path,
            request,
            parameters,
        }
    }

    /// Counts the request, picks its fault and claims its idempotency key.
    fn begin(&self, world: &mut World) -> Start {
        let request = &self.request;
        world
            .requests
            .count(&request.account, &request.method, &request.path);
        let World {
            faults, identifiers, ..
        } = world;
        let fault = faults.strike(identifiers, &request.account, &request.method, &request.path);
        // These refuse a request before anything looks at its idempotency key.
        match fault.map(|fault| fault.kind) {
            Some(Kind::RateLimit429) => {
                return Start::Answer(None, refuse(request, &ApiError::rate_limited()));
            }
            Some(Kind::Unauthorized401) => {
                return Start::Answer(None, unauthorized(&accounts::refused_key()));
            }
            Some(Kind::Reset) => return Start::Reset,
            _ => {}
        }
        let Some(key) = &self.key else {
            return Start::Work(fault);
        };
        match idempotency::begin(world, request, key, &self.canonical) {
            Begin::Fresh => Start::Work(fault),
            Begin::Replay(kept) => Start::Answer(fault, replay(request, kept)),
            Begin::Refused(error) => Start::Answer(fault, refuse(request, &error)),
        }
    }

    /// Gives the idempotency key back: nothing was done.
    fn abandon(&self, world: &mut World) {
        if let Some(key) = &self.key {
            idempotency::finish(world, &self.request, key, &self.canonical, None);
        }
    }

    /// Works, writes everything down and makes the answer.
    fn work(&self, shared: &Shared, fault: Option<Kind>) -> Reply {
        let request = &self.request;
        let mut world = shared.world.lock();
        let mut result = match fault {
            Some(Kind::Error500Before) => Err(ApiError::internal()),
            _ => self.run(&mut world),
        };
        if fault == Some(Kind::Error500After) {
            result = Err(ApiError::internal());
        }
        let reply = match &result {
            Ok(value) => reply(request, 200, value.to_string(), &request.id),
            Err(error) => refuse(request, error),
        };
        if let Some(key) = &self.key {
            let kept = result.as_ref().map_or_else(|error| error.kept, |_| true);
            let answer = kept.then_some((reply.status, reply.body.as_str()));
            idempotency::finish(&mut world, request, key, &self.canonical, answer);
        }
        shared.commit(&mut world);
        reply
    }

    /// Finds the endpoint, checks the parameters' names and runs it.
    fn run(&self, world: &mut World) -> Result<Value, ApiError> {
        let Self {
            request, parameters, ..
        } = self;
        let (route, path) = routes::find(&request.method, &self.path)
            .ok_or_else(|| ApiError::unknown_route(&request.method, &request.path))?;
        if request.authority == Authority::Publishable && !route.publishable {
            return Err(ApiError::forbidden(
                "secret_key_required",
                "This API call cannot be made with a publishable API key. Please use a secret API key. You can find a \
                 list of your API keys at https://dashboard.stripe.com/account/apikeys.",
            ));
        }
        parameters.allow_only(route.parameters)?;
        let paths = expand::requested(parameters)?;
        let mut call = Call {
            world,
            request,
            parameters,
            path,
        };
        let mut value = (route.run)(&mut call)?;
        expand::expand(call.account(), &mut value, &paths);
        Ok(value)
    }
}

/// What the fault does to an answer that is ready.
async fn after(fault: Option<Fault>, reply: Reply) -> Ending {
    match fault.map(|fault| fault.kind) {
        Some(Kind::HangAfter) => {
            wait(fault).await;
            Ending::Closed
        }
        Some(Kind::ResetAfter) => Ending::Reset,
        Some(Kind::Truncate) => Ending::Truncated(reply),
        _ => Ending::Answered(reply),
    }
}

async fn wait(fault: Option<Fault>) {
    if let Some(fault) = fault {
        tokio::time::sleep(Duration::from_millis(fault.milliseconds)).await;
    }
}

/// Who asks for what. The answer is ready when the key or the form is bad.
fn recognise(shared: &Shared, incoming: &Incoming) -> Result<(RequestContext, Parameters), Reply> {
    let parsed = parameters(incoming);
    let (mut parameters, form_error) = match parsed {
        Ok(parameters) => (parameters, None),
        Err(error) => (Parameters::default(), Some(error)),
    };
    let parameter_key = parameters.take("key");
    let key =
        accounts::authenticate(&incoming.headers, parameter_key).map_err(|error| unauthorized(&error))?;
    let connected = parameters.take("_stripe_account");
    let connected = incoming.header("Stripe-Account").map(str::to_owned).or(connected);
    let version = parameters.take("_stripe_version");
    let version = incoming.header("Stripe-Version").map(str::to_owned).or(version);

    let now = shared.options.clock.now();
    let mut world = shared.world.lock();
    let mut request = RequestContext {
        id: world.identifiers.short("req"),
        method: incoming.method.clone(),
        path: incoming.path.clone(),
        idempotency_key: incoming.header("Idempotency-Key").map(str::to_owned),
        version: version.unwrap_or_else(|| API_VERSION.to_owned()),
        account: key.account.clone(),
        platform: None,
        authority: key.authority,
        now,
    };
    let opened = accounts::open(&mut world, &key, connected.as_deref(), now);
    shared.commit(&mut world);
    drop(world);
    (request.account, request.platform) = opened.map_err(|error| refuse(&request, &error))?;
    match form_error {
        Some(error) => Err(refuse(&request, &error)),
        None => Ok((request, parameters)),
    }
}

fn parameters(incoming: &Incoming) -> Result<Parameters, ApiError> {
    if incoming.method != "POST" {
        return Parameters::parse(&incoming.query);
    }
    let content_type = incoming.header("Content-Type").unwrap_or_default();
    let is_form = content_type.is_empty() || content_type.starts_with("application/x-www-form-urlencoded");
    if !is_form && !incoming.body.is_empty() {
        return Err(ApiError::validation(
            "Invalid request (check that your POST content type is application/x-www-form-urlencoded). If you have \
             any questions, we can help at https://support.stripe.com/.",
        ));
    }
    let body = std::str::from_utf8(&incoming.body)
        .map_err(|_| ApiError::validation("Invalid request: the body is not valid UTF-8"))?;
    Parameters::parse(&format!("{}&{body}", incoming.query))
}

fn refuse(request: &RequestContext, error: &ApiError) -> Reply {
    let body = error.to_body(Some(&request.account), &request.id).to_string();
    reply(request, error.status, body, &request.id)
}

/// A 401 has no `Request-Id`: no account stands behind it.
fn unauthorized(error: &ApiError) -> Reply {
    let headers = vec![
        ("Content-Type", "application/json".to_owned()),
        ("WWW-Authenticate", "Bearer realm=\"Stripe\"".to_owned()),
    ];
    Reply {
        status: error.status,
        headers,
        body: error.to_body(None, "").to_string(),
    }
}

fn replay(request: &RequestContext, kept: idempotency::Kept) -> Reply {
    let mut reply = reply(request, kept.status, kept.body, &kept.request_id);
    reply.headers.push(("Idempotent-Replayed", "true".to_owned()));
    reply
}

fn reply(request: &RequestContext, status: u16, body: String, original: &str) -> Reply {
    let mut headers = vec![
        ("Content-Type", "application/json".to_owned()),
        ("Request-Id", request.id.clone()),
        ("Stripe-Version", request.version.clone()),
    ];
    if let Some(key) = &request.idempotency_key {
        headers.push(("Idempotency-Key", key.clone()));
        if request.method == "POST" && status < 500 && status != 429 && status != 409 {
            headers.push(("Original-Request", original.to_owned()));
            headers.push(("Stripe-Should-Retry", "false".to_owned()));
        }
    }
    if request.platform.is_some() {
        headers.push(("Stripe-Account", request.account.clone()));
    }
    Reply {
        status,
        headers,
        body,
    }
}
