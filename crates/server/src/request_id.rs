//! Names every request, in its answer and in the log.

use actix_web::{
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    http::header::{HeaderName, HeaderValue},
    middleware::Next,
};
use tracing::Instrument as _;
use ulid::Ulid;

const REQUEST_ID: HeaderName = HeaderName::from_static("request-id");

/// Gives the request a name, runs it in a span of that name, and logs how it ended.
pub(crate) async fn observe(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let id = format!("req_{}", Ulid::generate());
    // The route's pattern, not the path: what callers write into a path is theirs.
    let route = request.match_pattern().unwrap_or_default();
    let span = tracing::info_span!("request", id, method = %request.method(), route);
    let header = HeaderValue::from_str(&id).ok();
    async move {
        let mut response = next.call(request).await?;
        if let Some(header) = header {
            response.headers_mut().insert(REQUEST_ID, header);
        }
        tracing::debug!(status = response.status().as_u16(), "answered");
        Ok(response)
    }
    .instrument(span)
    .await
}
