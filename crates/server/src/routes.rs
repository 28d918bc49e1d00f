//! Every route, in one table.

use actix_web::{
    HttpRequest, HttpResponse, ResponseError as _, Route,
    body::MessageBody,
    dev::{HttpServiceFactory, ResourceDef, ServiceRequest, ServiceResponse},
    http::{Method, StatusCode},
    middleware::Next,
    web::{self, ServiceConfig},
};

use crate::{
    error::{AccountFace, ApiError, Face, FaceError, ProjectFace},
    handlers::{
        account_payment_methods, account_setup_intents, health, payment_methods, setup_intents,
        stripe_webhooks,
    },
};

/// One row: a method of a path, and what answers it.
pub struct RouteEntry {
    /// The method.
    pub method: Method,
    /// The path, its variable parts in braces.
    pub path: &'static str,
    handler: fn() -> Route,
}

macro_rules! routes {
    ($($method:ident $path:literal => $($handler:ident)::+,)+) => {
        [$(RouteEntry {
            method: Method::$method,
            path: $path,
            handler: || web::method(Method::$method).to($($handler)::+),
        }),+]
    };
}

/// Every route. Rows of one path stand together.
pub fn routes() -> [RouteEntry; 15] {
    routes! {
        POST   "/projects/{project}/paymentMethods"      => payment_methods::create,
        GET    "/projects/{project}/paymentMethods"      => payment_methods::list,
        GET    "/projects/{project}/paymentMethods/{id}" => payment_methods::retrieve,
        DELETE "/projects/{project}/paymentMethods/{id}" => payment_methods::delete,
        POST   "/projects/{project}/setupIntents"        => setup_intents::create,
        GET    "/projects/{project}/setupIntents/{id}"   => setup_intents::retrieve,
        POST   "/v1/account/setup-intent"                => account_setup_intents::create,
        POST   "/v1/account/payment-methods"             => account_payment_methods::create,
        GET    "/v1/account/payment-methods"             => account_payment_methods::list,
        DELETE "/v1/account/payment-methods/{id}"        => account_payment_methods::delete,
        // The path in the reference's own example of saving a payment method.
        POST   "/v1/account/tax"                         => account_payment_methods::create,
        POST   "/webhooks/stripe/{project}"              => stripe_webhooks::receive,
        GET    "/health/live"                            => health::live,
        GET    "/health/ready"                           => health::ready,
        GET    "/openapi.yaml"                           => health::contract,
    }
}

/// Puts the table into the server: a path's other methods are told which it has, and any other path that it is none.
pub(crate) fn configure(config: &mut ServiceConfig, in_account: impl Fn(&str) -> bool) {
    let entries = routes();
    for path_entries in entries.chunk_by(|one, other| one.path == other.path) {
        if in_account(path_entries[0].path) {
            config.service(resource(path_entries));
        }
    }
}

fn resource(entries: &[RouteEntry]) -> impl HttpServiceFactory + use<> {
    let allowed: Vec<&str> = entries.iter().map(|entry| entry.method.as_str()).collect();
    let allowed = allowed.join(", ");
    let mut resource = web::resource(entries[0].path);
    for entry in entries {
        resource = resource.route((entry.handler)());
    }
    resource.default_service(web::to(move |request: HttpRequest| {
        let allowed = allowed.clone();
        async move { refuse(&request, ApiError::MethodNotAllowed(allowed)) }
    }))
}

/// Answers a preflight that is not granted as it answers any method that a path does not have.
pub(crate) async fn refuse_preflight(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let response = next.call(request).await?;
    let (method, path) = (response.request().method(), response.request().path());
    if *method != Method::OPTIONS || response.status() != StatusCode::BAD_REQUEST {
        return Ok(response.map_into_left_body());
    }
    let entries = routes();
    let on_path = entries
        .iter()
        .filter(|entry| ResourceDef::new(entry.path).is_match(path));
    let allowed: Vec<&str> = on_path.map(|entry| entry.method.as_str()).collect();
    let error = if allowed.is_empty() {
        ApiError::RouteNotFound
    } else {
        ApiError::MethodNotAllowed(allowed.join(", "))
    };
    let (request, _) = response.into_parts();
    let refusal = refuse(&request, error);
    Ok(ServiceResponse::new(request, refusal).map_into_right_body())
}

/// The answer at a path that is none.
pub(crate) async fn not_found(request: HttpRequest) -> HttpResponse {
    refuse(&request, ApiError::RouteNotFound)
}

/// Whether a path is the account API's, whose words for an error differ.
pub(crate) fn is_account(path: &str) -> bool {
    path.starts_with("/v1/")
}

fn refuse(request: &HttpRequest, error: ApiError) -> HttpResponse {
    fn by<F: Face>(error: ApiError) -> HttpResponse {
        FaceError::<F>::from(error).error_response()
    }
    if is_account(request.path()) {
        by::<AccountFace>(error)
    } else {
        by::<ProjectFace>(error)
    }
}
