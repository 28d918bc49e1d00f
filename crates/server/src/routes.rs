//! Every route, in one table.

use actix_web::{
    HttpRequest, HttpResponse, ResponseError as _, Route,
    body::MessageBody,
    dev::{HttpServiceFactory, ResourceDef, ServiceRequest, ServiceResponse},
    http::{Method, StatusCode},
    middleware::Next,
    web::{self, ServiceConfig},
};
use billfold_domain::AuditAction;

use crate::{
    error::{AccountFace, ApiError, Face, FaceError, ProjectFace},
    handlers::{
        account_payment_methods, account_setup_intents, audit_events, health, payment_methods, projects,
        setup_intents, stripe_webhooks,
    },
    metrics::Answered,
};

/// One row: a method of a path, and what answers it.
pub struct RouteEntry {
    /// The method.
    pub method: Method,
    /// The path, its variable parts in braces.
    pub path: &'static str,
    /// The name of the operation in openapi.yaml, by which traces and metrics know it.
    pub operation: &'static str,
    /// What the audit log calls a request for it; `None` for what the log does not tell of.
    pub action: Option<AuditAction>,
    handler: fn() -> Route,
    /// What counts its answers.
    pub(crate) answered: Answered,
}

macro_rules! routes {
    (@action) => { None };
    (@action $action:ident) => { Some(AuditAction::$action) };
    ($($method:ident $path:literal $operation:ident => $($handler:ident)::+ $(as $action:ident)?,)+) => {
        [$(RouteEntry {
            method: Method::$method,
            path: $path,
            operation: stringify!($operation),
            action: routes!(@action $($action)?),
            handler: || web::method(Method::$method).to($($handler)::+),
            answered: Answered::of(stringify!($operation)),
        }),+]
    };
}

/// Every route.
pub fn routes() -> &'static [RouteEntry] {
    &ROUTES
}

/// Rows of one path stand together. A route that changes something says as what the audit log knows it.
static ROUTES: [RouteEntry; 23] = routes! {
    POST   "/projects/{project}/paymentMethods"      createPaymentMethod           => payment_methods::create as PaymentMethodCreate,
    GET    "/projects/{project}/paymentMethods"      listPaymentMethods            => payment_methods::list,
    GET    "/projects/{project}/paymentMethods/{id}" retrievePaymentMethod         => payment_methods::retrieve,
    DELETE "/projects/{project}/paymentMethods/{id}" deletePaymentMethod           => payment_methods::delete as PaymentMethodDelete,
    POST   "/projects/{project}/setupIntents"        createSetupIntent             => setup_intents::create as SetupIntentCreate,
    GET    "/projects/{project}/setupIntents/{id}"   retrieveSetupIntent           => setup_intents::retrieve,
    GET    "/projects/{project}/auditEvents"         listAuditEvents               => audit_events::list,
    POST   "/v1/account/setup-intent"                createAccountSetupIntent      => account_setup_intents::create as SetupIntentCreate,
    POST   "/v1/account/payment-methods"             saveAccountPaymentMethod      => account_payment_methods::create as PaymentMethodCreate,
    GET    "/v1/account/payment-methods"             listAccountPaymentMethods     => account_payment_methods::list,
    DELETE "/v1/account/payment-methods/{id}"        deleteAccountPaymentMethod    => account_payment_methods::delete as PaymentMethodDelete,
    // The path in the reference's own example of saving a payment method.
    POST   "/v1/account/tax"                         saveAccountPaymentMethodAtTax => account_payment_methods::create as PaymentMethodCreate,
    POST   "/operator/projects"                      createProject                 => projects::create as ProjectCreate,
    GET    "/operator/projects"                      listProjects                  => projects::list,
    GET    "/operator/projects/{project}"            retrieveProject               => projects::retrieve,
    PATCH  "/operator/projects/{project}"            updateProject                 => projects::update as ProjectUpdate,
    DELETE "/operator/projects/{project}"            deleteProject                 => projects::delete as ProjectDelete,
    POST   "/operator/projects/{project}/disable"    disableProject                => projects::disable as ProjectDisable,
    POST   "/operator/projects/{project}/enable"     enableProject                 => projects::enable as ProjectEnable,
    POST   "/webhooks/stripe/{project}"              receiveStripeWebhook          => stripe_webhooks::receive,
    GET    "/health/live"                            getLiveness                   => health::live,
    GET    "/health/ready"                           getReadiness                  => health::ready,
    GET    "/openapi.yaml"                           getOpenApiDocument            => health::contract,
};

/// The route of a request by this method to the path of this pattern. HEAD is GET without a body.
pub(crate) fn find(method: &Method, pattern: &str) -> Option<&'static RouteEntry> {
    let method = if *method == Method::HEAD {
        &Method::GET
    } else {
        method
    };
    ROUTES
        .iter()
        .find(|entry| entry.path == pattern && entry.method == *method)
}

/// Puts those rows of the table into the server that are `is_here`: a path's other methods are told which it has, and any
/// other path that it is none.
pub(crate) fn configure(config: &mut ServiceConfig, is_here: impl Fn(&str) -> bool) {
    for path_entries in ROUTES.chunk_by(|one, other| one.path == other.path) {
        if is_here(path_entries[0].path) {
            config.service(resource(path_entries));
        }
    }
}

fn resource(entries: &[RouteEntry]) -> impl HttpServiceFactory + use<> {
    let allowed = allowed(entries.iter());
    let mut resource = web::resource(entries[0].path);
    for entry in entries {
        resource = resource.route((entry.handler)());
    }
    resource.default_service(web::to(move |request: HttpRequest| {
        let allowed = allowed.clone();
        async move { refuse(&request, ApiError::MethodNotAllowed(allowed)) }
    }))
}

/// The methods of a path, as `Allow` lists them. What has GET has HEAD: `edge::surround` sees to it.
fn allowed<'a>(entries: impl Iterator<Item = &'a RouteEntry>) -> String {
    let mut methods: Vec<&str> = entries.map(|entry| entry.method.as_str()).collect();
    if methods.contains(&"GET") {
        methods.push("HEAD");
    }
    methods.join(", ")
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
    let on_path = ROUTES
        .iter()
        .filter(|entry| ResourceDef::new(entry.path).is_match(path));
    let allowed = allowed(on_path);
    let error = if allowed.is_empty() {
        ApiError::RouteNotFound
    } else {
        ApiError::MethodNotAllowed(allowed)
    };
    let (request, _) = response.into_parts();
    let refusal = refuse(&request, error);
    Ok(ServiceResponse::new(request, refusal).map_into_right_body())
}

/// The answer to any other method at a path that is only read.
pub(crate) async fn only_readable(request: HttpRequest) -> HttpResponse {
    refuse(&request, ApiError::MethodNotAllowed("GET, HEAD".to_owned()))
}

/// The answer at a path that is none.
pub(crate) async fn not_found(request: HttpRequest) -> HttpResponse {
    refuse(&request, ApiError::RouteNotFound)
}

/// Whether a path is the operator API's, which is there only where operators' tokens are trusted.
pub(crate) fn is_operator(path: &str) -> bool {
    path.starts_with("/operator/")
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
