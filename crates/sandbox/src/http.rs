//! Between actix and the sandbox: bodies in, answers and broken connections out.

use std::any::Any;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use actix_web::body::{BodyStream, SizedStream};
use actix_web::dev::Extensions;
use actix_web::http::{Method, StatusCode};
use actix_web::web::{Bytes, Data, Payload};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, rt};
use futures_util::{StreamExt, stream};

use crate::control;
use crate::process::{Ending, Incoming, Reply, process};
use crate::shared::Shared;

/// Largest body that is read.
const LARGEST_BODY: usize = 1024 * 1024;

/// Longest time that a body may take to arrive.
const BODY_TIME: Duration = Duration::from_secs(30);

/// How long the first half of a truncated body gets to leave before the connection is closed.
const TRUNCATION_PAUSE: Duration = Duration::from_millis(50);

/// A second handle to a connection's socket, through which a reset can be ordered.
#[derive(Debug)]
struct Connection {
    socket: Option<socket2::Socket>,
}

/// Called by actix for each connection.
pub(crate) fn remember_connection(connection: &dyn Any, extensions: &mut Extensions) {
    if let Some(stream) = connection.downcast_ref::<rt::net::TcpStream>() {
        extensions.insert(Connection {
            socket: second_handle(stream),
        });
    }
}

#[cfg(unix)]
fn second_handle(stream: &rt::net::TcpStream) -> Option<socket2::Socket> {
    use std::os::fd::AsFd;
    stream
        .as_fd()
        .try_clone_to_owned()
        .ok()
        .map(socket2::Socket::from)
}

#[cfg(windows)]
fn second_handle(stream: &rt::net::TcpStream) -> Option<socket2::Socket> {
    use std::os::windows::io::AsSocket;
    stream
        .as_socket()
        .try_clone_to_owned()
        .ok()
        .map(socket2::Socket::from)
}

/// Every request comes here.
pub(crate) async fn handle(request: HttpRequest, mut payload: Payload, shared: Data<Shared>) -> HttpResponse {
    let mut body = Vec::new();
    let reading = async {
        while let Some(chunk) = payload.next().await {
            body.extend_from_slice(&chunk.ok()?);
            if body.len() > LARGEST_BODY {
                return None;
            }
        }
        Some(())
    };
    if !matches!(rt::time::timeout(BODY_TIME, reading).await, Ok(Some(()))) {
        let mut response = HttpResponse::build(StatusCode::PAYLOAD_TOO_LARGE);
        return response.force_close().finish();
    }
    let incoming = Incoming {
        method: request.method().to_string(),
        path: request.uri().path().to_owned(),
        query: request.query_string().to_owned(),
        headers: request.headers().clone(),
        body,
    };
    if incoming.path.starts_with("/_sandbox/") {
        return respond(control::answer(&shared, &incoming));
    }
    if request.method() == Method::OPTIONS {
        return preflight();
    }
    // A task of its own: actix drops the handler when the client hangs up, but the request must run to its end.
    let ending = rt::spawn(process(shared.into_inner(), incoming)).await;
    match ending {
        Ok(Ending::Answered(reply)) => respond_to_browser(reply),
        Ok(Ending::Truncated(reply)) => truncate(&reply),
        Ok(Ending::Reset) => {
            order_reset(&request);
            close()
        }
        Ok(Ending::Closed) => close(),
        Err(error) => {
            tracing::error!(%error, "the sandbox failed on a request");
            HttpResponse::InternalServerError().finish()
        }
    }
}

fn build(reply: &Reply) -> HttpResponseBuilder {
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = HttpResponse::build(status);
    for (name, value) in &reply.headers {
        response.insert_header((*name, value.as_str()));
    }
    response
}

fn respond(reply: Reply) -> HttpResponse {
    build(&reply).body(reply.body)
}

/// Any origin may read the API's answers, as at Stripe: a page without a key learns nothing from them.
fn respond_to_browser(reply: Reply) -> HttpResponse {
    let mut response = build(&reply);
    allow_origins(&mut response);
    response.body(reply.body)
}

fn allow_origins(response: &mut HttpResponseBuilder) {
    response
        .insert_header(("Access-Control-Allow-Origin", "*"))
        .insert_header((
            "Access-Control-Expose-Headers",
            "Request-Id, Stripe-Should-Retry, Idempotent-Replayed",
        ))
        .insert_header(("Access-Control-Max-Age", "300"));
}

fn preflight() -> HttpResponse {
    let mut response = HttpResponse::Ok();
    allow_origins(&mut response);
    response
        .insert_header(("Access-Control-Allow-Methods", "GET, HEAD, POST, DELETE, OPTIONS"))
        .insert_header((
            "Access-Control-Allow-Headers",
            "Authorization, Content-Type, Idempotency-Key, Stripe-Account, Stripe-Version",
        ))
        .finish()
}

/// Closing a socket that lingers for no time sends a reset instead of an orderly end.
fn order_reset(request: &HttpRequest) {
    let socket = request
        .conn_data::<Connection>()
        .and_then(|connection| connection.socket.as_ref());
    if let Some(Err(error)) = socket.map(|socket| socket.set_linger(Some(Duration::ZERO))) {
        tracing::warn!(%error, "a connection is closed in order, not reset");
    }
}

fn broken() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionAborted, "closed by the fault script")
}

/// A response whose body fails at once: actix drops the connection before the head has left.
fn close() -> HttpResponse {
    HttpResponse::Ok().body(BodyStream::new(stream::once(async { Err::<Bytes, _>(broken()) })))
}

/// The whole length is announced, half of it is sent.
fn truncate(reply: &Reply) -> HttpResponse {
    let length = reply.body.len() as u64;
    let mut response = build(reply);
    let half = Bytes::copy_from_slice(&reply.body.as_bytes()[..reply.body.len() / 2]);
    let body = stream::once(async { Ok(half) }).chain(stream::once(async {
        rt::time::sleep(TRUNCATION_PAUSE).await;
        Err(broken())
    }));
    response.body(SizedStream::new(length, Box::pin(body)))
}

/// The state as actix hands it to [`handle`].
pub(crate) fn data(shared: &Arc<Shared>) -> Data<Shared> {
    Data::from(Arc::clone(shared))
}
