//! Names every request, in its answer and in the log.
//!
//! The name is always ours, so that no two requests ever share one. What a caller or a proxy calls the request itself, in
//! `X-Request-Id`, stands beside it in the log, if it is well formed: one header of 1 to 64 characters of `A-Z`, `a-z`,
//! `0-9`, `_` and `-`. Anything else is left out.

use std::time::Instant;

use actix_web::{
    HttpMessage as _,
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    http::header::{HeaderMap, HeaderName, HeaderValue},
    middleware::Next,
};
use billfold_domain::ProjectId;
use tracing::{Instrument as _, Span, field::Empty};
use ulid::Ulid;

use crate::{
    metrics::Answered,
    routes::{self, RouteEntry},
    traces,
};

const REQUEST_ID: HeaderName = HeaderName::from_static("request-id");
const CALLERS_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const LONGEST_OF_CALLERS: usize = 64;

/// The request as it is known from its beginning on, for whoever answers it.
pub(crate) struct Named {
    /// The request's name.
    pub(crate) id: String,
    /// Its route, where it has one.
    pub(crate) route: Option<&'static RouteEntry>,
}

/// Notes in the request's span whose project it is about: one that the caller is authorised for.
pub(crate) fn note_project(project: &ProjectId) {
    Span::current().record("project", project.as_str());
}

/// Gives the request a name, runs it in a span of that name, and logs how it ended.
pub(crate) async fn observe(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let id = format!("req_{}", Ulid::generate());
    // The route's pattern, not the path: what callers write into a path is theirs.
    let pattern = request.match_pattern().unwrap_or_default();
    let route = routes::find(request.method(), &pattern);
    let caller_id = callers_id(request.headers());
    let span = tracing::info_span!(
        "request",
        id = id.as_str(),
        caller_id,
        method = %request.method(),
        route = pattern,
        operation = route.map(|route| route.operation),
        project = Empty,
        status = Empty,
    );
    traces::follow(&span, request.headers());
    let began = Instant::now();
    let answered = route.map_or_else(Answered::by_none, |route| &route.answered);
    let header = HeaderValue::from_str(&id).ok();
    request.extensions_mut().insert(Named { id, route });
    let ended = span.clone();
    async move {
        let mut response = next.call(request).await?;
        if let Some(header) = header {
            response.headers_mut().insert(REQUEST_ID, header);
        }
        let status = response.status().as_u16();
        ended.record("status", status);
        answered.count(status, began.elapsed());
        if response.status().is_server_error() {
            traces::mark_failed(&ended);
        }
        tracing::debug!(status, "answered");
        Ok(response)
    }
    .instrument(span)
    .await
}

/// What the caller calls the request, if that can stand in a log as it is.
fn callers_id(headers: &HeaderMap) -> Option<&str> {
    let mut given = headers.get_all(CALLERS_REQUEST_ID);
    let (Some(id), None) = (given.next(), given.next()) else {
        return None;
    };
    let well_formed = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    let id = id.as_bytes();
    if !(1..=LONGEST_OF_CALLERS).contains(&id.len()) || !id.iter().all(well_formed) {
        return None;
    }
    std::str::from_utf8(id).ok()
}

#[cfg(test)]
mod tests {
    use super::{CALLERS_REQUEST_ID, HeaderMap, HeaderValue, callers_id};

    fn headers(values: &[&[u8]]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            let value = HeaderValue::from_bytes(value).expect("the test's value can be a header");
            headers.append(CALLERS_REQUEST_ID, value);
        }
        headers
    }

    #[test]
    fn a_well_formed_name_is_taken() {
        let longest = "a".repeat(64);
        for id in ["a", "01890A5D-ac96-774b-bcce-b302099a8057", "req_1", &longest] {
            assert_eq!(callers_id(&headers(&[id.as_bytes()])), Some(id));
        }
    }

    #[test]
    fn any_other_is_left_out() {
        let too_long = "a".repeat(65);
        for id in [
            &b""[..],
            b"a b",
            b"a\tb",
            b"a=b",
            b"\"a\"",
            b"a\xff",
            b"se\xc3\xb1or",
            too_long.as_bytes(),
        ] {
            assert_eq!(callers_id(&headers(&[id])), None, "{id:?}");
        }
        assert_eq!(callers_id(&headers(&[])), None);
        assert_eq!(callers_id(&headers(&[b"a", b"a"])), None, "which of the two?");
    }
}
