//! Which pages may call the account API from a browser, and read what it answers.
//!
//! The rules of the protocol are the library's. What is ours is who says yes. A preflight shows no token, so it is granted
//! where any project, or the whole installation, has the origin; the answer to the request itself may be read by a page
//! only where the token's own project, or the whole installation, has it. An answer to a request whose project is not
//! known, such as a 401, may be read wherever the preflight is granted, so that a page learns why it was refused.

use actix_cors::Cors;
use actix_web::{
    HttpMessage as _,
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    http::{
        Method,
        header::{self, HeaderValue},
    },
    middleware::Next,
    web,
};
use billfold_domain::{Origin, ProjectScope};
use billfold_service::Service;

/// Which pages may call the account API from a browser for every project's users; each project may have more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CorsOrigins {
    /// Every page: for development.
    Any,
    /// The pages of these origins.
    Listed(Vec<Origin>),
}

impl CorsOrigins {
    fn include(&self, origin: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Listed(listed) => listed.iter().any(|one| one.as_str() == origin),
        }
    }
}

/// The project that a request was authorised for, told by its extractor to what surrounds it.
#[derive(Clone, Debug)]
pub(crate) struct AuthorisedFor(pub(crate) ProjectScope);

/// The protocol: grants preflights, and lets a page read answers.
pub(crate) fn protocol(origins: &CorsOrigins, service: web::Data<Service>) -> Cors {
    let cors = Cors::default()
        .allowed_methods([Method::GET, Method::POST, Method::DELETE])
        .allowed_headers([header::AUTHORIZATION, header::CONTENT_TYPE, header::ACCEPT])
        .allowed_header("Idempotency-Key")
        .expose_headers([
            "Request-Id",
            "Retry-After",
            "Idempotency-Replayed",
            "RateLimit-Policy",
            "RateLimit",
        ])
        .max_age(3600);
    let origins = origins.clone();
    match origins {
        CorsOrigins::Any => cors.allow_any_origin(),
        CorsOrigins::Listed(_) => cors.allowed_origin_fn(move |origin, _| {
            origin
                .to_str()
                .is_ok_and(|origin| origins.include(origin) || service.some_project_is_known_to_allow(origin))
        }),
    }
}

/// Surrounds [`protocol`]: looks the origins up before it is asked, and takes back what it grants beyond the token's
/// project.
pub(crate) async fn by_project(
    origins: web::Data<CorsOrigins>,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let sender = origin(&request);
    let service = request.app_data::<web::Data<Service>>().cloned();
    let (Some(origin), Some(service)) = (sender.filter(|origin| !origins.include(origin.as_str())), service)
    else {
        return next.call(request).await;
    };
    let asked_for_some = service.some_project_allows(&origin).await;
    let mut response = next.call(request).await?;
    let authorised = response.request().extensions().get::<AuthorisedFor>().cloned();
    if asked_for_some
        && let Some(AuthorisedFor(scope)) = authorised
        && !service.project_allows(&scope, &origin).await
    {
        response.headers_mut().remove(header::ACCESS_CONTROL_ALLOW_ORIGIN);
    }
    Ok(response)
}

/// The origin of the page that sends the request, if it is one that a project may have.
fn origin(request: &ServiceRequest) -> Option<Origin> {
    let header: &HeaderValue = request.headers().get(header::ORIGIN)?;
    Origin::parse(header.to_str().ok()?).ok()
}
