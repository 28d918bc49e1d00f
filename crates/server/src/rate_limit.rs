//! Limits on requests, as HTTP tells of them: who is let in, and how every caller stands.
//!
//! The headers are those of the IETF's draft-ietf-httpapi-ratelimit-headers: `RateLimit-Policy` says what the limits
//! are, `RateLimit` what is left of them.

use std::{fmt::Write as _, time::Duration};

use actix_web::{
    HttpMessage as _, HttpRequest,
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    http::{
        Method,
        header::{HeaderMap, HeaderName, HeaderValue},
    },
    middleware::Next,
    web,
};
use billfold_domain::UserId;
use billfold_service::{Access, Admission, LimitReached, PolicyState, Service, ServiceError, Tenant};

use crate::error::ApiError;

/// What the limits are.
pub(crate) const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
/// What is left of them.
pub(crate) const STATE: HeaderName = HeaderName::from_static("ratelimit");

/// Lets a request of an authorised caller in, and remembers for its answer how its caller stands.
pub(crate) fn admit(request: &HttpRequest, tenant: &Tenant, user: Option<&UserId>) -> Result<(), ApiError> {
    let service = request
        .app_data::<web::Data<Service>>()
        .ok_or(ApiError::RouteNotFound)?;
    let access = if matches!(*request.method(), Method::GET | Method::HEAD) {
        Access::Read
    } else {
        Access::Write
    };
    let admission = service.admit_request(tenant, user, access);
    request.extensions_mut().insert(admission);
    match admission.refused {
        Some(reached) => Err(ApiError::Service(ServiceError::TooManyRequests(reached))),
        None => Ok(()),
    }
}

/// Tells every caller whose request was counted how it stands.
pub(crate) async fn announce(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let mut response = next.call(request).await?;
    let admission = response.request().extensions().get::<Admission>().copied();
    if let Some(admission) = admission {
        add_states(response.headers_mut(), &admission);
    }
    Ok(response)
}

/// Adds how the caller stands to what a refusal says already of the limit that it is for.
fn add_states(headers: &mut HeaderMap, admission: &Admission) {
    let refused_for = admission.refused.map(|reached| reached.policy);
    let states = admission.states.iter().flatten();
    let mut policies = text_of(headers, &POLICY);
    let mut remaining = text_of(headers, &STATE);
    for state in states.filter(|state| Some(state.policy) != refused_for) {
        append(&mut policies, &policy(state.policy, state.limit));
        append(&mut remaining, &standing(state));
    }
    for (name, text) in [(POLICY, policies), (STATE, remaining)] {
        if let Some(value) = HeaderValue::try_from(text).ok().filter(|value| !value.is_empty()) {
            headers.insert(name, value);
        }
    }
}

/// The limit that is reached, as the two headers' values.
pub(crate) fn reached(reached: &LimitReached) -> (String, String) {
    let (name, wait) = (reached.policy, whole_seconds(reached.retry_after));
    (policy(name, reached.limit), format!("\"{name}\";r=0;t={wait}"))
}

/// Never fewer than the duration has, so that nobody comes back too early.
pub(crate) fn whole_seconds(duration: Duration) -> u64 {
    let seconds = duration.as_secs() + u64::from(duration.subsec_nanos() > 0);
    seconds.max(1)
}

fn policy(name: &str, limit: billfold_domain::RateLimit) -> String {
    format!("\"{name}\";q={};w={}", limit.quota(), limit.window_seconds())
}

fn standing(state: &PolicyState) -> String {
    let full_in = whole_seconds(state.full_in);
    format!("\"{}\";r={};t={full_in}", state.policy, state.remaining)
}

fn text_of(headers: &HeaderMap, name: &HeaderName) -> String {
    let text = headers.get(name).and_then(|value| value.to_str().ok());
    text.unwrap_or_default().to_owned()
}

fn append(list: &mut String, item: &str) {
    let separator = if list.is_empty() { "" } else { ", " };
    // Writing to a string cannot fail.
    let _ = write!(list, "{separator}{item}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_told_in_whole_seconds_and_never_too_short() {
        for (milliseconds, seconds) in [
            (0, 1),
            (1, 1),
            (1_000, 1),
            (1_001, 2),
            (59_999, 60),
            (7_200_000, 7_200),
        ] {
            assert_eq!(whole_seconds(Duration::from_millis(milliseconds)), seconds);
        }
        assert_eq!(whole_seconds(Duration::from_secs(3) + Duration::from_nanos(1)), 4);
    }
}
