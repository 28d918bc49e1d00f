//! What machines ask before they send requests, and the contract itself.

use actix_web::{HttpResponse, web};
use billfold_service::Service;
use serde_json::json;

const CONTRACT: &str = include_str!("../../../../openapi.yaml");

/// The process runs.
pub(crate) async fn live() -> HttpResponse {
    HttpResponse::Ok().json(json!({"status": "ok"}))
}

/// The process can take requests.
pub(crate) async fn ready(service: web::Data<Service>) -> HttpResponse {
    match service.ready().await {
        Ok(()) => HttpResponse::Ok().json(json!({"status": "ok"})),
        Err(reason) => HttpResponse::ServiceUnavailable()
            .insert_header(("Retry-After", "1"))
            .json(json!({"status": "unavailable", "reason": reason.as_str()})),
    }
}

/// The contract.
pub(crate) async fn contract() -> HttpResponse {
    HttpResponse::Ok().content_type("application/yaml").body(CONTRACT)
}
