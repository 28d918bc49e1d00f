//! What a page may do.

use actix_web::{
    body::{EitherBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::header::{self, HeaderValue},
    middleware::Next,
};

use crate::routes;

/// The Content-Security-Policy of a page that takes scripts, answers and frames from these sources too: each a list
/// as in the header, empty for none. No script and no style stands in the pages themselves.
pub(super) fn content_security_policy(scripts: &str, answers: &str, frames: &str) -> HeaderValue {
    let frames = if frames.is_empty() { "'none'" } else { frames };
    let policy = format!(
        "default-src 'none'; script-src 'self' {scripts}; style-src 'self'; connect-src 'self' {answers}; \
         frame-src {frames}; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    HeaderValue::try_from(policy).expect("a policy is made of addresses, which are visible ASCII")
}

/// Refuses pages with tokens to a browser that reached this machine by a name that anybody may have pointed here: a
/// stranger's page would be of the same origin then, and could read them.
pub(super) async fn refuse_foreign_names(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let host = request
        .headers()
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    if host.is_some_and(is_nobody_elses) {
        return Ok(next.call(request).await?.map_into_left_body());
    }
    let (request, _) = request.into_parts();
    let refusal = routes::not_found(request.clone()).await;
    Ok(ServiceResponse::new(request, refusal).map_body(|_, body| EitherBody::right(body)))
}

/// Whether no name server can have given this name: it is an address, or this machine's own name for itself.
fn is_nobody_elses(host: &str) -> bool {
    let Ok(url) = url::Url::parse(&format!("http://{host}")) else {
        return false;
    };
    match url.host() {
        Some(url::Host::Ipv4(_) | url::Host::Ipv6(_)) => true,
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_nobody_can_point_here_are_answered() {
        for host in [
            "127.0.0.1:8080",
            "[::1]:8080",
            "localhost",
            "localhost:8080",
            "demo.localhost:1",
            "10.0.0.7",
        ] {
            assert!(is_nobody_elses(host), "{host}");
        }
        for host in [
            "example.com",
            "127.0.0.1.example.com:8080",
            "localhost.example.com",
            "",
            "a b",
            "localhost@example.com",
        ] {
            assert!(!is_nobody_elses(host), "{host}");
        }
    }
}
