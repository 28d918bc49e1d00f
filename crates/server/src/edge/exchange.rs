//! What surrounds every request and its answer.

use std::{convert::Infallible, rc::Rc};

use actix_web::{
    body::{BodySize, BodyStream, EitherBody, MessageBody},
    dev::{ResponseHead, ServiceRequest, ServiceResponse},
    http::{
        Method,
        header::{self, HeaderMap, HeaderName, HeaderValue},
    },
    middleware::Next,
    web::Bytes,
};
use futures_util::stream;

use super::{connection::Connection, limits::EdgeLimits, pieces::InPieces};

type NoBody = BodyStream<stream::Empty<Result<Bytes, Infallible>>>;

/// What every answer says that does not say otherwise of itself.
const HEADERS: [(HeaderName, HeaderValue); 3] = [
    // What it says it is, it is: a browser need not guess.
    (
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    ),
    // An answer of the API is no page: should one be shown as one, it loads nothing, runs nothing and stands in no frame.
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"),
    ),
    // Paths hold names of users' payment methods.
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
];

/// Has the connection know that a request is being handled, gives HEAD what GET would say, and adds the headers that every
/// answer has.
pub(crate) async fn surround(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let handling = request.conn_data::<Rc<Connection>>().map(|connection| {
        Rc::clone(connection).handle(declared_length(request.headers()).unwrap_or_default())
    });
    let is_head = request.method() == Method::HEAD;
    if is_head {
        request.head_mut().method = Method::GET;
    }
    let mut response = next.call(request).await?;
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        if !headers.contains_key(&name) {
            headers.insert(name, value);
        }
    }
    if !headers.contains_key(header::CACHE_CONTROL) {
        // Nearly every answer is for one caller at one moment. The few others are small.
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    drop(handling);
    Ok(response.map_body(|head, body| {
        if is_head {
            EitherBody::right(without(&body, head).boxed())
        } else if is_small(body.size()) {
            EitherBody::left(body)
        } else {
            EitherBody::right(InPieces::new(body).boxed())
        }
    }))
}

/// How many bytes a request says that its body has, if it says so.
pub(crate) fn declared_length(headers: &HeaderMap) -> Option<usize> {
    let length: u64 = headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()?;
    Some(usize::try_from(length).unwrap_or(usize::MAX))
}

/// Whether a body is given out in one piece anyway.
fn is_small(size: BodySize) -> bool {
    match size {
        BodySize::None => true,
        BodySize::Sized(length) => length <= EdgeLimits::PIECE_BYTES as u64,
        BodySize::Stream => false,
    }
}

/// No body, and the length that it would have. The HTTP library itself forgets that a request was HEAD as soon as it reads
/// the next one of the connection.
fn without(body: &impl MessageBody, head: &mut ResponseHead) -> NoBody {
    if let BodySize::Sized(length) = body.size() {
        head.headers_mut()
            .insert(header::CONTENT_LENGTH, HeaderValue::from(length));
        // Only of what might be a stream does the library believe a length that it has not counted.
        head.no_chunking(true);
    }
    BodyStream::new(stream::empty())
}
